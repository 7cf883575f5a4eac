use serde_json::{Value, json};

use crate::support::{bare, bench};

#[tokio::test]
async fn lists_and_members_over_the_door() {
    let bench = bare().await;
    let seed = json!({"id": 12, "name": "A", "opt_in": "double",
        "fields": [{"name": "f", "label": "F", "format": "choice", "options": ["x"]}]});
    let created = (200, json!({"id": 12}));
    assert_eq!(bench.door("POST", "/lists", Some(seed.clone())).await, created);
    assert_eq!(bench.door("POST", "/lists", Some(seed)).await.0, 400);
    assert_eq!(bench.door("GET", "/lists/13", None).await.0, 404);
    let (_, list) = bench.door("GET", "/lists/12", None).await;
    assert_eq!(list["fields"][12]["type"], "custom");

    let seeds = json!([
        {"email": "a@example.com"},
        {"email": "b+c@example.com", "standing": "hard_bounce", "fields": {"firstname": "B"}},
    ]);
    let (status, ids) = bench.door("POST", "/lists/12/members", Some(seeds)).await;
    assert_eq!((status, ids.as_array().unwrap().len()), (200, 2));
    let bad = json!([{"email": "c@example.com", "fields": {"nothing": 1}}]);
    assert_eq!(bench.door("POST", "/lists/12/members", Some(bad)).await.0, 400);
    let (_, found) = bench.door("GET", "/lists/12/members?email=B%2Bc@example.com", None).await;
    assert_eq!(found[0]["fields"]["firstname"], "B");
    assert_eq!(found[0]["email_status"], "hard_bounce");
    let (_, all) = bench.door("GET", "/lists", None).await;
    assert_eq!(all[0]["active_members"], 2);
    assert_eq!(bench.door("DELETE", "/lists/12/fields/f", None).await.0, 204);
    assert_eq!(bench.door("DELETE", "/lists/12/fields/f", None).await.0, 404);
}

#[tokio::test]
async fn people_act_over_the_door() {
    let bench = bench().await;
    let path = format!("/lists/{}", bench.list);
    let person = json!({"email": "a@example.com", "fields": {"cdp_a_cats": 1}});
    let (_, body) = bench.door("POST", &format!("{path}/subscribe"), Some(person)).await;
    let member = format!("{path}/members/{}", body["id"].as_str().unwrap());
    for (deed, status) in [
        ("unsubscribe", 204),
        ("resubscribe", 204),
        ("complain", 204),
        ("hard-bounce", 204),
        ("confirm", 204),
        ("dance", 404),
    ] {
        assert_eq!(bench.door("POST", &format!("{member}/{deed}"), None).await.0, status);
    }
    let (_, shown) = bench.door("GET", &member, None).await;
    assert_eq!((&shown["standing"], &shown["unsubscribed_at"]), (&json!("active"), &Value::Null));
    assert_eq!(bench.twin.counters().resubscribed, 0);
}

#[tokio::test]
async fn switches_accounts_and_the_clock_over_the_door() {
    let bench = bench().await;
    let part = json!({"upsert_mode": "patch", "rate_limit": 5});
    assert_eq!(bench.door("PATCH", "/switches", Some(part)).await.0, 204);
    assert_eq!(bench.door("PATCH", "/switches", Some(json!({"nonsense": 1}))).await.0, 400);
    let (_, switches) = bench.door("GET", "/switches", None).await;
    assert_eq!((&switches["upsert_mode"], &switches["rate_limit"]), (&json!("patch"), &json!(5)));
    assert_eq!(bench.door("PUT", "/switches", Some(json!({}))).await.0, 204);
    assert_eq!(bench.twin.switches(), muster_twins::heyloyalty::Switches::default());

    let rotated = Some(json!({"secret": "new"}));
    assert_eq!(bench.door("PUT", "/accounts/API_KEY", rotated).await.0, 204);
    assert_eq!(bench.call("GET", "/v1/lists").await.0, 401);
    let back = Some(json!({"secret": "API_SECRET"}));
    bench.door("PUT", "/accounts/API_KEY", back).await;
    assert_eq!(bench.call("GET", "/v1/lists").await.0, 200);
    bench.door("DELETE", "/accounts/API_KEY", None).await;
    assert_eq!(bench.call("GET", "/v1/lists").await.0, 401);

    bench.door("PUT", "/clock", Some(json!({"advance_seconds": 51}))).await;
    let (_, clock) = bench.door("GET", "/clock", None).await;
    assert_eq!(clock["now"], "2026-01-05T07:09:00Z");
    bench.door("PUT", "/clock", Some(json!({"now": "2026-02-01T00:00:00Z"}))).await;
    assert_eq!(bench.twin.clock().now().to_string(), "2026-02-01T00:00:00Z");
    assert_eq!(bench.door("PUT", "/clock", Some(json!("machine"))).await.0, 204);
}

#[tokio::test]
async fn counters_records_and_faults_over_the_door() {
    let bench = bench().await;
    let fault = json!({"kind": "html500", "on": {"method": "GET"}});
    assert_eq!(bench.door("POST", "/faults", Some(fault)).await.0, 204);
    let (_, faults) = bench.door("GET", "/faults", None).await;
    assert_eq!(faults[0]["times"], 1);
    assert_eq!(bench.call("GET", "/v1/lists").await.0, 500);
    let seeded = json!({"faults_seed": 1, "rates": [["reset_before", 1000]]});
    assert_eq!(bench.door("PUT", "/faults/seeded", Some(seeded)).await.0, 204);
    assert!(bench.request("GET", "/v1/lists").send().await.is_err());
    assert_eq!(bench.door("DELETE", "/faults", None).await.0, 204);
    bench.call("GET", "/v1/nothing").await;

    let (_, counters) = bench.door("GET", "/counters", None).await;
    assert_eq!((&counters["requests"], &counters["unexpected"]), (&json!(3), &json!(1)));
    let (_, unexpected) = bench.door("GET", "/unexpected", None).await;
    assert_eq!(unexpected, json!(["GET /loyalty/v1/nothing"]));
    for path in ["/counters", "/unexpected", "/mailbox"] {
        assert_eq!(bench.door("DELETE", path, None).await.0, 204);
    }
    assert_eq!(bench.twin.counters().requests, 0);
    for path in ["/unexpected", "/mailbox", "/imports", "/webhooks", "/webhooks/deliveries"] {
        assert_eq!(bench.door("GET", path, None).await, (200, json!([])), "{path}");
    }
    let applied = (200, json!({"applied": 0}));
    assert_eq!(bench.door("POST", "/imports/apply", None).await, applied);
    assert_eq!(bench.door("POST", "/webhooks/settled", None).await.0, 204);
    assert_eq!(bench.door("POST", "/webhooks/1/test", None).await.0, 404);
    assert_eq!(bench.door("PUT", "/webhooks/1", Some(json!({}))).await.0, 404);
}
