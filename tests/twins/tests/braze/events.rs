use serde_json::{Value, json};

use crate::support::{NOW, bench, event, purchase, with};

#[tokio::test]
async fn an_event_is_kept_as_it_was_sent() {
    let bench = bench();
    let properties = json!({ "ee_event_id": "e-1", "value": 2.0, "lines": [{ "sku": "s" }] });
    let sent = with(event("EE Coupon Redeemed", 0), json!({ "app_id": "app", "properties": properties }));
    bench.apply(json!({ "events": [sent] })).await;
    let event = bench.twin.events().remove(0);
    assert_eq!((event.external_id.as_deref(), event.app_id.as_deref()), (Some("anna"), Some("app")));
    assert_eq!((event.name.as_str(), event.time.to_string().as_str()), ("EE Coupon Redeemed", NOW));
    assert_eq!((Value::Object(event.properties), event.request), (properties, 1));
    assert_eq!(event.braze_id, bench.twin.person("anna").unwrap().braze_id);
}

#[tokio::test]
async fn a_double_is_an_event_of_its_own() {
    let bench = bench();
    let body = json!({ "events": [event("a", 0), event("b", 0)], "purchases": [purchase()] });
    bench.apply(body.clone()).await;
    bench.apply(body).await;
    assert_eq!(bench.event_names(), ["a", "b", "a", "b"]);
    assert_eq!(bench.twin.purchases().len(), 2);
    let counters = bench.twin.counters();
    assert_eq!((counters.doubled_events, counters.doubled_purchases, counters.out_of_order), (2, 1, 0));
}

#[tokio::test]
async fn what_differs_in_anything_is_no_double() {
    let bench = bench();
    let events = [
        event("a", 0),
        event("a", 1),
        with(event("a", 1), json!({ "properties": { "n": 1 } })),
        with(event("a", 1), json!({ "app_id": "app" })),
        with(event("a", 1), json!({ "external_id": "bea" })),
    ];
    bench.apply(json!({ "events": events })).await;
    assert_eq!((bench.twin.events().len(), bench.twin.counters().doubled_events), (5, 0));
}

#[tokio::test]
async fn an_older_time_after_a_newer_one_is_counted_for_each_person() {
    let bench = bench();
    let bea = with(event("a", 0), json!({ "external_id": "bea" }));
    bench.apply(json!({ "events": [event("a", 0), event("b", 10), bea] })).await;
    assert_eq!(bench.twin.counters().out_of_order, 0);
    bench.apply(json!({ "events": [event("c", 9), event("d", 10)] })).await;
    assert_eq!(bench.twin.counters().out_of_order, 1);
    bench.apply(json!({ "purchases": [purchase()] })).await;
    assert_eq!(bench.twin.counters().out_of_order, 2);
    assert_eq!(bench.twin.person("anna").unwrap().latest_time, Some("2026-01-05T07:08:19Z".parse().unwrap()));
}

#[tokio::test]
async fn a_purchase_is_kept_as_it_was_sent() {
    let bench = bench();
    let more = json!({ "quantity": 3, "app_id": "app", "properties": { "shop": "s" } });
    bench.apply(json!({ "purchases": [purchase(), with(purchase(), more)] })).await;
    let [one, three] = <[_; 2]>::try_from(bench.twin.purchases()).unwrap();
    assert_eq!((one.product_id.as_str(), one.currency.as_str(), one.price), ("sku-1", "EUR", 9.5));
    assert_eq!((one.quantity, three.quantity, three.app_id.as_deref()), (1, 3, Some("app")));
    assert_eq!(Value::Object(three.properties), json!({ "shop": "s" }));
}
