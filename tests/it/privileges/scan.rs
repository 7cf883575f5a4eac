//! The part of the tour that asks a source's own API.

use std::sync::Arc;

use muster::aws::SECRETS_MAX_AGE;
use muster::embedded::JumpClock;
use muster_backfill::Task;
use muster_local::demo::twin_clock;
use muster_twins::lytics::{Fault, FaultKind, LyticsTwin, Options, RetryAfter, RouteKind, SeedProfile, SeedSegment};
use serde_json::{Value, json};

use super::site::Site;
use super::tour::A_WHILE;

pub(super) async fn start(clock: &Arc<JumpClock>) -> LyticsTwin {
    let options = Options { clock: twin_clock(clock), ..Options::default() };
    let twin = LyticsTwin::start(options).await.unwrap();
    twin.seed_segment(&SeedSegment::new("buyers", "Buyers")).unwrap();
    let nobody = SeedProfile { key: "n".to_owned(), ..SeedProfile::default() }.within("buyers");
    let somebody = |number: u32| SeedProfile::with_email(&format!("s{number}"), &format!("s{number}@example.com"));
    let members = (0..20).map(|number| somebody(number).within("buyers")).chain([nobody]);
    twin.seed_profiles(&members.collect::<Vec<_>>()).unwrap();
    twin
}

/// Of the source `lytics`: one comparison that a day begins, and one that its owner stops and resumes.
pub(super) async fn whole(site: &mut Site) {
    for _ in 0..2 {
        site.call("PUT", "/v1/sources/lytics/access", json!({"token": "API_TOKEN"})).await;
    }
    site.pass(SECRETS_MAX_AGE);
    site.call("GET", "/v1/sources/lytics/discover", Value::Null).await;
    let format = json!({"kind": "lytics", "reconciled": ["buyers"]});
    site.call("PATCH", "/v1/sources/lytics", json!({"format": format})).await;
    let scan = |kind| Fault::once(kind).on_route(RouteKind::Scan);
    site.source.push_fault(scan(FaultKind::TooManyRequests(RetryAfter::Seconds(3))));
    site.source.push_fault(scan(FaultKind::Unavailable).times(2));
    site.task(Task::CatchUp).await;
    site.run().await;
    assert!(site.source.lapse("s3", "buyers"));
    let begun = site.call("POST", "/v1/sources/lytics/scans", json!({"purpose": "reconcile", "audiences": ["buyers"]}));
    let path = format!("/v1/sources/lytics/scans/{}", begun.await["id"].as_str().unwrap());
    site.call("POST", &format!("{path}/stop"), Value::Null).await;
    site.call("POST", &format!("{path}/resume"), json!({})).await;
    // Its message is lost, and the sweep has it go on.
    site.lose_messages();
    site.pass(A_WHILE);
    site.task(Task::Sweep).await;
    site.run().await;
    let scan = site.call("GET", &path, Value::Null).await;
    assert_eq!((&scan["status"], &scan["counts"]["exits"]), (&json!("done"), &json!(1)), "{scan}");
    let scans = site.call("GET", "/v1/sources/lytics/scans", Value::Null).await;
    assert_eq!(scans["items"].as_array().unwrap().len(), 2, "{scans}");
    assert_eq!(site.source.unexpected(), Vec::<String>::new());
}
