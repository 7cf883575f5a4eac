//! What is shown of a delivery that does not take place, and that nothing comes of it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use muster::destination::{Action, Item, Mode};
use muster::http::{Broken, Carried, HeldRequest, Transport};
use muster::model::budget::Budget;
use reqwest::{Method, Request};
use serde_json::Value as Json;

use super::bench::{Bench, Want, with_memos};
use super::world::{Standing, VendorWorld};

/// A request by method, address and body.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Sent {
    method: String,
    url: String,
    body: Vec<u8>,
}

/// Hands requests on to the network and notes them.
struct Recorder {
    client: reqwest::Client,
    seen: Mutex<Vec<Sent>>,
}

impl Recorder {
    #[expect(clippy::disallowed_methods, reason = "stands between a destination and its twin, and belongs to neither")]
    fn new() -> Arc<Self> {
        Arc::new(Self { client: reqwest::Client::new(), seen: Mutex::default() })
    }

    fn take(&self) -> Vec<Sent> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

#[async_trait]
impl Transport for Recorder {
    async fn carry(&self, request: Request) -> Result<Carried, Broken> {
        let body = request.body().map(|body| body.as_bytes().unwrap().to_vec()).unwrap_or_default();
        let (method, url) = (request.method().to_string(), request.url().to_string());
        self.seen.lock().unwrap().push(Sent { method, url, body });
        let answer = self.client.execute(request).await.map_err(|_| Broken::Unreachable)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        Ok(Carried { status, headers, body: answer.bytes().await.map_err(|_| Broken::Reset)?.to_vec() })
    }
}

/// A bench whose account allows so much that nobody's wait moves the clock.
fn recorded(world: &dyn VendorWorld) -> (Bench<'_>, Arc<Recorder>) {
    (1..=3).for_each(|person| world.put(person, Standing::Reachable));
    let recorder = Recorder::new();
    let mut bench = Bench::new(world);
    bench.budget = Budget::per_second(1e6);
    bench.transport = Some(Arc::clone(&recorder) as Arc<dyn Transport>);
    (bench, recorder)
}

/// Under the address at which the twin stands in.
fn as_sent(world: &dyn VendorWorld, held: &[HeldRequest]) -> Vec<Sent> {
    let sent = held.iter().map(|held| {
        let rewrites = world.rewrites();
        let (origin, at) = rewrites.iter().find(|(origin, _)| held.url.starts_with(origin.as_str())).unwrap();
        let url = held.url.replacen(origin.as_str(), at, 1);
        Sent { method: held.method.clone(), url, body: held.body.clone().unwrap() }
    });
    sent.collect()
}

fn sorted(mut sent: Vec<Sent>) -> Vec<Sent> {
    sent.sort();
    sent
}

fn records(world: &dyn VendorWorld) -> Vec<String> {
    (1..=4).map(|person| world.record(person)).collect()
}

/// What was asked for the sake of a preview and what was held back are together what a delivery sends.
pub async fn what_is_shown_is_what_is_sent(world: &dyn VendorWorld) {
    let (mut bench, recorder) = recorded(world);
    bench.prepare().await;
    let idle = bench.session().holding_back();
    recorder.take();
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        idle.ask(method.clone(), &bench.origins[0], "/", |request| request).await.unwrap();
        idle.send(method, &bench.origins[0], "/", |request| request).await.unwrap();
    }
    assert_eq!((idle.held_back().len(), recorder.take()), (6, Vec::new()), "nobody looks by these");
    let mut told: Option<(Vec<Item>, muster::destination::Verdicts)> = None;
    let steps = [
        bench.show_all(1..=4, &Want::entered()),
        bench.show_all(1..=4, &Want::left()),
        bench.show_all(1..=2, &Want::entered()),
        bench.tell(3, 0, &Action::Leave),
        bench.tell(3, 0, &Action::Forget),
    ];
    for items in steps {
        let items = match &told {
            Some((_, verdicts)) => with_memos(&items, verdicts),
            None => items,
        };
        let (before, structure) = (records(world), world.structure());
        recorder.take();
        let held = bench.preview(&items).await;
        let asked = recorder.take();
        assert_eq!((records(world), world.structure()), (before, structure), "nothing came of the preview");
        assert!(held.iter().all(|held| held.headers.iter().all(|(_, text)| !text.contains("zqsecret"))), "{held:?}");

        let verdicts = bench.deliver(Mode::Live, &items).await;
        let shown = [asked, as_sent(world, &held)].concat();
        assert_eq!(sorted(shown), sorted(recorder.take()), "{items:?}");
        told = Some((items, verdicts));
    }
}

/// Before the vendor's side was ever prepared the same is shown as afterwards, and nothing is made there.
pub async fn what_is_shown_before_a_preparation_is_what_is_sent(world: &dyn VendorWorld) {
    let (mut bench, recorder) = recorded(world);
    let (before, structure) = (records(world), world.structure());
    bench.notes = bench.foresee().await;
    let items = bench.show_all(1..=3, &Want::entered());
    let held = as_sent(world, &bench.preview(&items).await);
    assert!(!held.is_empty());
    assert_eq!((records(world), world.structure()), (before, structure), "nothing came of the preview");
    bench.notes = Json::Null;
    bench.prepare().await;
    recorder.take();
    bench.deliver_well(Mode::Live, &items).await;
    let sent = recorder.take();
    assert!(held.iter().all(|held| sent.contains(held)), "{held:?} {sent:?}");
}
