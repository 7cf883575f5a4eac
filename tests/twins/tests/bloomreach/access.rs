use std::collections::BTreeSet;

use muster_twins::bloomreach::{BadCredentials, BatchPermission, Permission, PrivateKey, Switches};
use serde_json::json;

use crate::support::{basic, batch_of, bench, bench_with, event, path, request, update};

#[tokio::test]
async fn a_private_key_and_a_public_token_may_write() {
    let bench = bench();
    for authorization in [basic("KEY_ID", "KEY_SECRET"), "Token PUBLIC_TOKEN".to_owned()] {
        let body = event("anna", "seen").to_string();
        assert_eq!(bench.send(request(&path("customers/events"), &authorization, &body)).await.status, 200);
    }
    assert_eq!(bench.twin.counters().public_requests, 1);
    bench.assert_expected();
}

#[tokio::test]
async fn nobody_else_may() {
    for (bad_credentials, status) in [(BadCredentials::Unauthorized, 401), (BadCredentials::Forbidden, 403)] {
        let bench = bench_with(Switches { bad_credentials, ..Switches::default() });
        let strangers = ["", "Bearer PUBLIC_TOKEN", "Token KEY_ID", "PUBLIC_TOKEN", &basic("KEY_ID", "secret")];
        for authorization in strangers {
            let body = event("anna", "seen").to_string();
            let answer = bench.send(request(&path("customers/events"), authorization, &body)).await;
            assert_eq!(answer.status, status, "{authorization}");
            assert_eq!(answer.json()["success"], false);
        }
        let counters = bench.twin.counters();
        let strangers = u64::try_from(strangers.len()).unwrap();
        assert_eq!(counters.unauthorized + counters.forbidden, strangers);
        assert!(bench.twin.people().is_empty());
        bench.assert_expected();
    }
}

#[tokio::test]
async fn another_project_is_forbidden() {
    let bench = bench();
    let key = basic("KEY_ID", "KEY_SECRET");
    let other = "/track/v2/projects/other";
    let single = bench.send(request(&format!("{other}/customers"), &key, "{}")).await;
    assert_eq!(single.status, 403);
    assert_eq!(single.json(), json!({ "success": false, "errors": ["No access to this project"] }));
    let batch = bench.send(request(&format!("{other}/batch"), &key, "{}")).await;
    assert_eq!(batch.status, 403);
    assert_eq!(batch.json(), json!({ "success": false, "message": "No access to this project" }));
    assert_eq!(bench.twin.counters().forbidden, 2);
    bench.assert_expected();
}

fn events_only() -> PrivateKey {
    PrivateKey { secret: "KEY_SECRET".to_owned(), permissions: BTreeSet::from([Permission::EventsSet]) }
}

#[tokio::test]
async fn each_deed_needs_its_permission() {
    let bench = bench();
    bench.twin.set_key("KEY_ID", events_only());
    assert_eq!(bench.event(&event("anna", "seen")).await.status, 200);
    assert_eq!(bench.update(&update("anna", json!({ "a": 1 }))).await.status, 403);
    let properties = BTreeSet::from([Permission::CustomerPropertiesSet]);
    bench.twin.set_key("KEY_ID", PrivateKey { permissions: properties, ..events_only() });
    assert_eq!(bench.event(&event("anna", "seen")).await.status, 403);
    assert_eq!(bench.update(&update("anna", json!({ "a": 1 }))).await.status, 200);
    assert_eq!(bench.twin.counters().forbidden, 2);
}

#[tokio::test]
async fn a_batch_with_a_forbidden_command_is_refused_whole() {
    let bench = bench();
    bench.twin.set_key("KEY_ID", events_only());
    let both = batch_of("c", [event("anna", "seen"), update("anna", json!({ "a": 1 }))]);
    assert_eq!(bench.batch(&both).await.status, 403);
    assert!(bench.twin.events().is_empty());
}

#[tokio::test]
async fn or_only_that_command_is() {
    let bench = bench_with(Switches { batch_permission: BatchPermission::PerCommand, ..Switches::default() });
    bench.twin.set_key("KEY_ID", events_only());
    let both = batch_of("c", [event("anna", "seen"), update("anna", json!({ "a": 1 }))]);
    let answer = bench.batch(&both).await;
    assert_eq!((answer.status, answer.successes()), (200, vec![true, false]));
    assert_eq!(bench.property("anna", "a"), None);
    assert_eq!(bench.twin.counters().refused_commands, 1);
}

#[tokio::test]
async fn keys_and_tokens_come_and_go() {
    let bench = bench();
    let public = || request(&path("customers/events"), "Token t-2", &event("anna", "seen").to_string());
    assert_eq!(bench.send(public()).await.status, 401);
    bench.twin.set_token("t-2", Permission::all());
    assert_eq!(bench.send(public()).await.status, 200);
    assert!(bench.twin.remove_token("t-2") && !bench.twin.remove_token("t-2"));
    assert_eq!(bench.send(public()).await.status, 401);
    bench.twin.set_key("KEY_ID", PrivateKey::new("rotated"));
    assert_eq!(bench.event(&event("anna", "seen")).await.status, 401);
    assert!(bench.twin.remove_key("KEY_ID") && !bench.twin.remove_key("KEY_ID"));
}
