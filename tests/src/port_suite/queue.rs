//! Queues, as far as every implementation has them: sending.

use jiff::SignedDuration;
use muster::model::{Lane, QueueName};
use muster::ports::{MAX_DELAY, Outgoing};

use super::PortWorld;

fn outgoing(body: &str, delay: SignedDuration) -> Outgoing {
    Outgoing { body: body.to_owned(), delay, share: None }
}

pub async fn what_is_sent_arrives_in_its_queue(world: &impl PortWorld) {
    let ports = world.ports().await;
    let live = QueueName::Destination("webhook".parse().unwrap(), Lane::Live);
    // More than SQS takes in one call.
    let bodies: Vec<String> = (0..25).map(|number| format!("{{\"n\":\"ä{number}\"}}")).collect();
    let messages = bodies.iter().map(|body| outgoing(body, SignedDuration::ZERO)).collect();
    ports.queue.send(&live, messages).await.unwrap();
    ports.queue.send(&QueueName::Jobs, vec![outgoing("job", SignedDuration::ZERO)]).await.unwrap();
    let mut arrived = world.arrived(&live).await;
    arrived.sort();
    let mut expected = bodies;
    expected.sort();
    assert_eq!(arrived, expected);
    assert_eq!(world.arrived(&QueueName::Jobs).await, ["job"]);
}

pub async fn more_bytes_than_fit_in_a_call_arrive(world: &impl PortWorld) {
    let ports = world.ports().await;
    let messages = (0..5).map(|_| outgoing(&"x".repeat(100 * 1024), SignedDuration::ZERO)).collect();
    ports.queue.send(&QueueName::Jobs, messages).await.unwrap();
    assert_eq!(world.arrived(&QueueName::Jobs).await.len(), 5);
}

pub async fn a_delay_above_the_longest_is_refused(world: &impl PortWorld) {
    let ports = world.ports().await;
    let late = outgoing("late", MAX_DELAY + SignedDuration::from_secs(1));
    ports.queue.send(&QueueName::Jobs, vec![late]).await.unwrap_err();
    ports.queue.send(&QueueName::Jobs, vec![outgoing("in time", MAX_DELAY)]).await.unwrap();
}
