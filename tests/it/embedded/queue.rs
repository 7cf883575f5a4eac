use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use muster::embedded::{Depth, Embedded, JumpClock, LocalQueue, MAX_RECEIVES, Received};
use muster::model::{Lane, QueueName};
use muster::ports::{Outgoing, Queue};
use muster_tests::port_suite::fixtures::{after, start};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

struct World {
    clock: Arc<JumpClock>,
    queue: Arc<LocalQueue>,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(JumpClock::frozen_at(start()));
        let queue = Embedded::in_memory(clock.clone()).unwrap().queue();
        Self { clock, queue }
    }

    async fn send(&self, body: &str, delay_seconds: i64) {
        let message = Outgoing { body: body.to_owned(), delay: SignedDuration::from_secs(delay_seconds), share: None };
        self.queue.send(&QueueName::Jobs, vec![message]).await.unwrap();
    }

    async fn receive(&self) -> Vec<Received> {
        self.queue.receive(&QueueName::Jobs, 10, MINUTE).await.unwrap()
    }

    async fn bodies(&self) -> Vec<String> {
        self.receive().await.into_iter().map(|message| message.body).collect()
    }
}

#[tokio::test]
async fn a_received_message_is_hidden_and_comes_back_unless_deleted() {
    let world = World::new();
    world.send("a", 0).await;
    assert_eq!(world.receive().await[0].receive_count, 1);
    world.clock.advance(SignedDuration::from_secs(59));
    assert_eq!(world.receive().await, []);
    world.clock.advance(SignedDuration::from_secs(1));
    let again = world.receive().await;
    assert_eq!((again[0].body.as_str(), again[0].receive_count), ("a", 2));
}

#[tokio::test]
async fn a_long_line_keeps_no_other_activation_waiting() {
    let world = World::new();
    let send = |share: &str, count: usize| {
        let message = |number| Outgoing {
            body: format!("{share}{number}"),
            delay: SignedDuration::ZERO,
            share: Some(share.parse().unwrap()),
        };
        (0..count).map(message).collect::<Vec<_>>()
    };
    for messages in [send("long", 50), send("short", 2)] {
        world.queue.send(&QueueName::Jobs, messages).await.unwrap();
    }
    assert_eq!(world.bodies().await[..5], ["long0", "short0", "long1", "short1", "long2"]);
    world.queue.send(&QueueName::Jobs, send("late", 1)).await.unwrap();
    assert_eq!(world.bodies().await[0], "late0", "the others have messages in hand");
}

#[tokio::test]
async fn a_deleted_message_never_returns() {
    let world = World::new();
    world.send("a", 0).await;
    world.queue.delete(&[world.receive().await[0].receipt]).await.unwrap();
    world.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(world.receive().await, []);
    assert_eq!(world.queue.next_due().await.unwrap(), None);
}

#[tokio::test]
async fn an_outdated_receipt_neither_deletes_nor_releases() {
    let world = World::new();
    world.send("a", 0).await;
    let outdated = world.receive().await[0].receipt;
    world.clock.advance(MINUTE);
    assert_eq!(world.bodies().await, ["a"]);
    world.queue.delete(&[outdated]).await.unwrap();
    world.queue.release(&[outdated], SignedDuration::ZERO).await.unwrap();
    assert_eq!(world.receive().await, [], "the second receiver has it still");
    world.clock.advance(MINUTE);
    assert_eq!(world.bodies().await, ["a"]);
}

#[tokio::test]
async fn a_receive_takes_at_most_what_it_asks_for_and_the_longest_waiting_first() {
    let world = World::new();
    world.send("late", 5).await;
    world.send("a", 0).await;
    world.send("b", 0).await;
    world.clock.advance(MINUTE);
    let first = world.queue.receive(&QueueName::Jobs, 2, MINUTE).await.unwrap();
    assert_eq!(first.iter().map(|message| message.body.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(world.bodies().await, ["late"]);
}

#[tokio::test]
async fn two_receivers_never_get_the_same_message() {
    let world = World::new();
    for number in 0..40 {
        world.send(&number.to_string(), 0).await;
    }
    let (a, b, c, d) = tokio::join!(world.bodies(), world.bodies(), world.bodies(), world.bodies());
    let mut all = [a, b, c, d].concat();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 40);
}

#[tokio::test]
async fn a_released_message_is_visible_after_its_delay() {
    let world = World::new();
    world.send("a", 0).await;
    let receipt = world.receive().await[0].receipt;
    world.queue.release(&[receipt], SignedDuration::from_secs(10)).await.unwrap();
    assert_eq!(world.queue.next_due().await.unwrap().unwrap().as_second(), after(10).as_second());
    assert_eq!(world.receive().await, []);
    world.clock.advance(SignedDuration::from_secs(10));
    assert_eq!(world.bodies().await, ["a"]);
}

#[tokio::test]
async fn a_message_received_too_often_becomes_a_dead_letter() {
    let world = World::new();
    world.send("poison", 0).await;
    for _ in 0..MAX_RECEIVES {
        assert_eq!(world.bodies().await, ["poison"]);
        world.clock.advance(MINUTE);
    }
    assert_eq!(world.queue.count_dead_letters().await.unwrap(), 0);
    world.send("good", 0).await;
    assert_eq!(world.bodies().await, ["good"]);
    let dead = world.queue.dead_letters().await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!((dead[0].body.as_str(), dead[0].queue.as_str()), ("poison", "jobs"));
    assert_eq!((dead[0].receive_count, dead[0].died_at), (MAX_RECEIVES, after(60 * i64::from(MAX_RECEIVES))));
    assert_eq!(world.queue.count_dead_letters().await.unwrap(), 1);
}

#[tokio::test]
async fn a_reclaim_shows_what_was_in_hand_and_nothing_that_is_delayed() {
    let world = World::new();
    world.send("in hand", 0).await;
    world.send("released", 0).await;
    world.send("delayed", 30).await;
    let received = world.receive().await;
    world.queue.release(&[received[1].receipt], SignedDuration::from_secs(30)).await.unwrap();
    assert_eq!(world.queue.reclaim_all().await.unwrap(), 1);
    assert_eq!(world.bodies().await, ["in hand"]);
    world.clock.advance(SignedDuration::from_secs(30));
    assert_eq!(world.bodies().await, ["released", "delayed"]);
}

#[tokio::test]
async fn depth_and_next_due_are_of_all_queues() {
    let world = World::new();
    assert_eq!(world.queue.next_due().await.unwrap(), None);
    world.send("delayed", 30).await;
    assert_eq!(world.queue.next_due().await.unwrap().unwrap().as_second(), after(30).as_second());
    let live = QueueName::Destination("webhook".parse().unwrap(), Lane::Live);
    let message = Outgoing { body: "now".to_owned(), delay: SignedDuration::ZERO, share: None };
    world.queue.send(&live, vec![message]).await.unwrap();
    assert!(world.queue.next_due().await.unwrap().unwrap() <= start());
    let expected = BTreeMap::from([
        ("jobs".to_owned(), Depth { visible: 0, hidden: 1 }),
        ("webhook-live".to_owned(), Depth { visible: 1, hidden: 0 }),
    ]);
    assert_eq!(world.queue.depth().await.unwrap(), expected);
}

#[tokio::test]
async fn moving_to_what_is_due_next_makes_it_visible() {
    let world = World::new();
    world.send("a", 30).await;
    world.clock.advance_to(world.queue.next_due().await.unwrap().unwrap());
    assert_eq!(world.bodies().await, ["a"]);
}

#[tokio::test]
async fn a_purge_empties_everything() {
    let world = World::new();
    world.send("a", 0).await;
    world.send("b", 30).await;
    let receipt = world.receive().await[0].receipt;
    assert_eq!(world.queue.purge().await.unwrap(), 2);
    assert_eq!(world.queue.depth().await.unwrap(), BTreeMap::new());
    world.send("c", 0).await;
    world.queue.delete(&[receipt]).await.unwrap();
    assert_eq!(world.bodies().await, ["c"], "a receipt from before the purge is nobody's");
}

#[tokio::test]
async fn a_send_wakes_who_waits_and_who_comes_next() {
    let world = World::new();
    let queue = world.queue.clone();
    let waits = tokio::spawn(async move { queue.changed().await });
    tokio::task::yield_now().await;
    world.send("a", 0).await;
    waits.await.unwrap();
    world.send("b", 0).await;
    world.queue.changed().await;
}
