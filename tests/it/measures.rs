//! What is measured and traced on the way from a webhook to the platform.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use muster::metrics::{Meter, Metric};
use muster_tests::world::{Setup, World, entered, exited};
use muster_twins::heyloyalty::{Fault, FaultKind, RouteKind};
use serde_json::Value;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Every value by name.
#[derive(Default)]
struct Notes(Mutex<BTreeMap<&'static str, Vec<f64>>>);

impl Meter for Notes {
    fn note(&self, metric: Metric<'_>, value: f64) {
        self.0.lock().unwrap().entry(metric.name()).or_default().push(value);
    }
}

impl Notes {
    fn sum(&self, name: &str) -> f64 {
        self.0.lock().unwrap().get(name).into_iter().flatten().sum()
    }

    fn most(&self, name: &str) -> f64 {
        self.0.lock().unwrap().get(name).into_iter().flatten().copied().fold(0.0, f64::max)
    }
}

#[tokio::test]
async fn a_webhooks_trace_goes_on_in_the_calls_to_the_platform() {
    let watch = Arc::new(Mutex::default());
    let setup = Setup::with_members(["u1@example.com", "u2@example.com"]);
    let mut world = World::new(Setup { watch: Some(Arc::clone(&watch)), ..setup }).await;
    world.link(&["cats"], &[]).await;
    world.activate().await;
    world.settle().await;
    let traces = || -> Vec<String> {
        let calls = std::mem::take(&mut *watch.lock().unwrap());
        let trace = |headers: &axum::http::HeaderMap| {
            headers.get("traceparent").map(|value| value.to_str().unwrap().to_owned())
        };
        calls.iter().filter_map(trace).collect()
    };
    assert_eq!(traces(), Vec::<String>::new(), "preparing belongs to no webhook");
    // The first write is refused for a while: what is tried again is still the webhook's doing.
    world.twin.push_fault(Fault::once(FaultKind::Unavailable).on_route(RouteKind::MemberPatch));
    let header = format!("00-{TRACE}-00f067aa0ba902b7-01");
    world.ingest_traced(&[entered("u1", "cats", 1)], Some(&header)).await;
    world.settle().await;
    assert_eq!(world.shows("u1@example.com", "cats"), "1");
    let calls = traces();
    assert!(calls.len() >= 3, "a search and two writes at least: {calls:?}");
    assert!(calls.iter().all(|call| call.split('-').nth(1) == Some(TRACE)), "{calls:?}");
    world.ingest(&[entered("u2", "cats", 1)]).await;
    world.settle().await;
    let calls = traces();
    assert!(!calls.is_empty() && calls.iter().all(|call| !call.contains(TRACE)), "a trace of its own: {calls:?}");
}

#[tokio::test]
async fn what_happens_is_measured() {
    let notes = Arc::new(Notes::default());
    let setup = Setup::with_members(["u1@example.com", "u2@example.com"]);
    let mut world = World::new(Setup { meter: Some(notes.clone()), ..setup }).await;
    world.link(&["cats"], &[]).await;
    world.activate().await;
    world.settle().await;
    world.ingest(&[entered("u1", "cats", 1), entered("u2", "cats", 1), entered("u3", "cats", 1)]).await;
    world.settle().await;
    assert_eq!(notes.sum("Accepted"), 3.0);
    assert_eq!(notes.sum("Delivered"), 2.0, "the third is not on the list");
    assert_eq!((notes.sum("Retried"), notes.sum("Parked"), notes.sum("Rejected")), (0.0, 0.0, 0.0));
    assert!(notes.most("VendorMilliseconds") >= 0.0 && notes.0.lock().unwrap().contains_key("VendorMilliseconds"));

    // Down for ten minutes: what is delivered then is late by as much.
    let down = Fault::once(FaultKind::Unavailable).on_route(RouteKind::MemberPatch).times(u32::MAX);
    world.twin.push_fault(down);
    world.ingest(&[exited("u1", "cats", 2)]).await;
    let began = muster::ports::Clock::now(world.clock.as_ref());
    let passed = |world: &World| muster::ports::Clock::now(world.clock.as_ref()).duration_since(began);
    while passed(&world) < SignedDuration::from_mins(10) {
        world.runner.run_one_jump().await.unwrap();
    }
    world.twin.clear_faults();
    world.settle().await;
    assert_eq!(world.shows("u1@example.com", "cats"), "0");
    assert!(notes.sum("Retried") >= 2.0);
    assert!(notes.most("LagSeconds") >= 600.0, "{}", notes.most("LagSeconds"));
    world.post("/v1/activations/act/catch-up", Value::Null).await;
    world.settle().await;
    world.account().await;
}
