//! Events on a bus of EventBridge, which hands them to a queue.

use std::sync::Arc;

use aws_sdk_eventbridge::types::Target;
use muster::aws::{AwsPorts, SECRETS_MAX_AGE, Settings, config};
use muster::embedded::JumpClock;
use muster::model::QueueName;
use muster::ports::{Event, PortResult};
use muster_tests::port_suite::PortWorld;
use muster_tests::port_suite::fixtures::start;
use serde_json::{Value, json};

use crate::port_suite::AwsWorld;

async fn publish(settings: &Settings) -> PortResult<()> {
    let clock = Arc::new(JumpClock::frozen_at(start()));
    let data = json!({"activation": "crm", "records": 7});
    let event = Event { id: "notice_1".to_owned(), kind: "records.parked".to_owned(), at: start(), data };
    AwsPorts::open(settings, clock, SECRETS_MAX_AGE).ports().events.publish(&event).await
}

#[tokio::test]
async fn an_event_goes_to_the_bus_with_its_type_and_detail() {
    let world = AwsWorld::new().await;
    let bus = world.settings.event_bus.clone().unwrap();
    let client = aws_sdk_eventbridge::Client::new(&config(&world.settings, world.settings.endpoint.as_deref()));
    let pattern = json!({"source": ["muster"], "detail-type": ["records.parked"]}).to_string();
    client.put_rule().event_bus_name(&bus).name("all").event_pattern(pattern).send().await.unwrap();
    let queue = format!("arn:aws:sqs:{}:000000000000:{bus}-jobs", world.settings.region);
    let target = Target::builder().id("queue").arn(queue).build().unwrap();
    client.put_targets().event_bus_name(&bus).rule("all").targets(target).send().await.unwrap();
    publish(&world.settings).await.unwrap();
    let arrived = world.arrived(&QueueName::Jobs).await;
    assert_eq!(arrived.len(), 1);
    let event: Value = serde_json::from_str(&arrived[0]).unwrap();
    assert_eq!((&event["source"], &event["detail-type"]), (&json!("muster"), &json!("records.parked")));
    let detail = json!({"id": "notice_1", "at": start(), "activation": "crm", "records": 7});
    assert_eq!(event["detail"], detail);
}

#[tokio::test]
async fn without_a_bus_nothing_is_called() {
    let world = AwsWorld::new().await;
    let nowhere = Some("http://127.0.0.1:9".to_owned());
    let settings = Settings { event_bus: None, endpoint: nowhere.clone(), ..world.settings.clone() };
    publish(&settings).await.unwrap();
    publish(&Settings { endpoint: nowhere, ..world.settings.clone() }).await.unwrap_err();
}
