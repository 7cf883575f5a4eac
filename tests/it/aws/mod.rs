//! What only the ports on AWS have to cope with, and what they cost.

mod door;
mod events;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::SignedDuration;
use muster::aws::{AwsPorts, SECRETS_MAX_AGE, Settings};
use muster::embedded::JumpClock;
use muster::model::person::MAX_ROW_BYTES;
use muster::model::{ActivationId, Deployed, JobStatus, Lane, PersonKey, Provider, QueueName};
use muster::ports::{Mail, Mailed, Outgoing, PersonWrite, Ports, Secret, Segment, Settlement, Written};
use muster_runtime::recorder::item_bytes;
use muster_tests::port_suite::PortWorld;
use muster_tests::port_suite::fixtures::{job, key, next, person, read, start, with_field, write};
use muster_tests::world::{Setup, World};
use serde_json::{Value, json};

use crate::port_suite::AwsWorld;
use door::Door;

/// Ports whose calls go through a door.
async fn behind_a_door(world: &AwsWorld) -> (Arc<Door>, Ports) {
    let emulator = world.settings.endpoint.clone().unwrap();
    let (door, url) = Door::open(&emulator).await;
    let settings = Settings { endpoint: Some(url), dynamodb_endpoint: None, ..world.settings.clone() };
    let clock = Arc::new(JumpClock::frozen_at(start()));
    (door, AwsPorts::open(&settings, clock, SECRETS_MAX_AGE).ports())
}

#[tokio::test]
async fn keys_left_unread_are_read_again() {
    let (door, ports) = behind_a_door(&AwsWorld::new().await).await;
    let keys: Vec<PersonKey> = (0..130).map(key).collect();
    let writes = keys.iter().map(|key| PersonWrite { person: person(*key), read_sequence: 0 }).collect();
    ports.people.write(writes).await.unwrap();
    door.unread.store(5, Ordering::SeqCst);
    assert_eq!(ports.people.read(&keys, None).await.unwrap().len(), 130);
    assert_eq!(door.unread.load(Ordering::SeqCst), 0);
    door.unread.store(1_000, Ordering::SeqCst);
    ports.people.read(&keys, None).await.unwrap_err();
}

#[tokio::test]
async fn messages_left_unsent_are_sent_again() {
    let world = AwsWorld::new().await;
    let (door, ports) = behind_a_door(&world).await;
    door.unsent.store(4, Ordering::SeqCst);
    let message = |number: i32| Outgoing { body: number.to_string(), delay: SignedDuration::ZERO, share: None };
    ports.queue.send(&QueueName::Jobs, (0..25).map(message).collect()).await.unwrap();
    assert_eq!(world.arrived(&QueueName::Jobs).await.len(), 25);
    door.unsent.store(1_000, Ordering::SeqCst);
    ports.queue.send(&QueueName::Jobs, vec![message(0)]).await.unwrap_err();
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_known_again() {
    let (door, ports) = behind_a_door(&AwsWorld::new().await).await;
    door.lost.store(1, Ordering::SeqCst);
    assert_eq!(write(&ports, person(key(1))).await, Written::Stored);
    door.lost.store(1, Ordering::SeqCst);
    assert_eq!(write(&ports, next(person(key(1)))).await, Written::Stored);
    let running = job("j", start());
    ports.ledger.put_job(&running).await.unwrap();
    door.lost.store(1, Ordering::SeqCst);
    assert!(ports.ledger.advance_job(&running, &running).await.unwrap());
    assert_eq!(door.lost.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_row_of_a_newer_format_is_refused() {
    let world = AwsWorld::new().await;
    let ports = world.ports().await;
    let mut newer = person(key(1));
    newer.format += 1;
    write(&ports, newer).await;
    let error = ports.people.read(&[key(1)], None).await.unwrap_err().to_string();
    assert!(error.contains("is newer") && error.contains(&key(1).to_string()), "{error}");
}

#[tokio::test]
async fn a_compact_row_is_limited_by_what_it_holds() {
    let ports = AwsWorld::new().await.ports().await;
    write(&ports, person(key(1))).await;
    let almost = with_field(next(person(key(1))), "story", &"x".repeat(MAX_ROW_BYTES - 1_000));
    assert_eq!(write(&ports, almost.clone()).await, Written::Stored);
    let beyond = with_field(next(almost.clone()), "end", &"x".repeat(1_000));
    assert_eq!(write(&ports, beyond).await, Written::TooLarge);
    assert_eq!(read(&ports, key(1)).await.person, almost);
}

#[tokio::test]
async fn a_job_is_forgotten_three_months_after_its_end() {
    let world = AwsWorld::new().await;
    let ports = world.ports().await;
    let mut done = job("done", start());
    (done.status, done.ended_at) = (JobStatus::Done, Some(start()));
    ports.ledger.put_job(&done).await.unwrap();
    ports.ledger.put_job(&job("running", start())).await.unwrap();
    assert_eq!(ports.ledger.jobs(None).await.unwrap().len(), 2);
    let later = Arc::new(JumpClock::frozen_at(start() + SignedDuration::from_hours(90 * 24)));
    let ports = AwsPorts::open(&world.settings, later, SECRETS_MAX_AGE).ports();
    let left: Vec<_> = ports.ledger.jobs(None).await.unwrap().into_iter().map(|job| job.id.to_string()).collect();
    assert_eq!(left, ["running"]);
}

#[tokio::test]
async fn another_instance_sees_a_new_secret_once_its_copy_is_old() {
    let world = AwsWorld::new().await;
    let clock = Arc::new(JumpClock::frozen_at(start()));
    let here = AwsPorts::open(&world.settings, clock.clone(), SECRETS_MAX_AGE).ports();
    let there = world.ports().await;
    here.vault.put("source/a:b", &Secret(json!(1))).await.unwrap();
    assert_eq!(there.vault.get("source/a:b").await.unwrap(), Some(Secret(json!(1))));
    there.vault.put("source/a:b", &Secret(json!(2))).await.unwrap();
    assert_eq!(here.vault.get("source/a:b").await.unwrap(), Some(Secret(json!(1))));
    clock.advance(SECRETS_MAX_AGE);
    assert_eq!(here.vault.get("source/a:b").await.unwrap(), Some(Secret(json!(2))));
}

fn mail() -> Mail {
    let text = |text: &str| text.to_owned();
    Mail { dedupe_key: text("k"), to: text("o@example.test"), subject: text("s"), text: text("t"), at: start() }
}

#[tokio::test]
async fn a_mail_left_behind_by_who_died_is_sent_once_its_lease_is_over() {
    let world = AwsWorld::new().await;
    let note = HashMap::from([
        ("pk".to_owned(), AttributeValue::S("mail/k".to_owned())),
        ("sk".to_owned(), AttributeValue::S("-".to_owned())),
        ("at".to_owned(), AttributeValue::S(start().to_string())),
    ]);
    let put = world.dynamodb().put_item().table_name(&world.settings.ledger_table).set_item(Some(note));
    put.send().await.unwrap();
    let clock = Arc::new(JumpClock::frozen_at(start()));
    let ports = AwsPorts::open(&world.settings, clock.clone(), SECRETS_MAX_AGE).ports();
    assert_eq!(ports.mailer.send(mail()).await.unwrap(), Mailed::UnderWay);
    assert_eq!(world.mails().await.len(), 0, "somebody may be at it");
    clock.advance(SignedDuration::from_mins(16));
    ports.mailer.send(mail()).await.unwrap();
    ports.mailer.send(mail()).await.unwrap();
    assert_eq!(world.mails().await.len(), 1);
}

#[tokio::test]
async fn without_a_sender_nothing_is_noted_and_a_later_one_sends() {
    let mut world = AwsWorld::new().await;
    let sender = world.settings.mail_from.take();
    world.ports().await.mailer.send(mail()).await.unwrap();
    world.settings.mail_from = sender;
    assert_eq!(world.mails().await.len(), 0);
    world.ports().await.mailer.send(mail()).await.unwrap();
    assert_eq!(world.mails().await.len(), 1);
}

/// Without a queue of its own it must not hold up the changes of everybody else's activations.
#[tokio::test]
async fn what_would_go_to_a_destination_that_was_left_out_is_left_unsent() {
    let mut world = AwsWorld::new().await;
    let [here, left_out] = ["heyloyalty", "left-out"].map(|name| name.parse::<Provider>().unwrap());
    world.settings.destinations = Deployed::Only([here].into());
    let ports = world.ports().await;
    let hint = Outgoing { body: "look".to_owned(), delay: SignedDuration::ZERO, share: None };
    for lane in [Lane::Live, Lane::Bulk] {
        ports.queue.send(&QueueName::Destination(left_out.clone(), lane), vec![hint.clone()]).await.unwrap();
    }
    world.settings.destinations = Deployed::All;
    let ports = world.ports().await;
    ports.queue.send(&QueueName::Destination(left_out, Lane::Live), vec![hint]).await.unwrap_err();
}

/// The changes of the customer with most audiences, and of those the most changes, in the example data.
fn busiest_customer() -> Vec<Value> {
    let file = std::fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/cdnow.ndjson.gz")).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let mut by_user: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in text.lines() {
        let change: Value = serde_json::from_str(line).unwrap();
        by_user.entry(change["person"]["user_id"].as_str().unwrap().to_owned()).or_default().push(change);
    }
    let audiences = |changes: &[Value]| {
        changes.iter().filter_map(|change| change["audience"].as_str()).collect::<BTreeSet<_>>().len()
    };
    by_user.into_values().max_by_key(|changes| (audiences(changes), changes.len())).unwrap()
}

#[tokio::test]
async fn a_row_of_the_example_costs_one_write_unit() {
    let changes = busiest_customer();
    let mut world = World::new(Setup::with_members([changes[0]["person"]["email"].as_str().unwrap()])).await;
    let audiences = ["buyers", "active-30d", "repeat-buyers", "lapsed-90d", "high-value"];
    let attributes = [("orders", "integer"), ("lifetime_value", "decimal"), ("last_order", "date")];
    world.link(&audiences, &attributes).await;
    world.activate().await;
    world.settle().await;
    for change in &changes {
        world.ingest(std::slice::from_ref(change)).await;
        world.settle().await;
    }
    let act: ActivationId = "act".parse().unwrap();
    let people = world.system.embedded.ports().people;
    let walked = people.walk(&"shop".parse().unwrap(), Some(&act), Segment::WHOLE, None, 10).await.unwrap();
    let row = walked.rows.into_iter().next().unwrap();
    assert_eq!((row.person.memberships.len(), row.person.attributes.len()), (5, 3));

    let aws = AwsWorld::new().await;
    let ports = aws.ports().await;
    let (key, version) = (row.person.key, row.person.version);
    ports.people.write(vec![PersonWrite { person: row.person, read_sequence: 0 }]).await.unwrap();
    let settled =
        Settlement { person: key, activation: act, read_version: version, read_revision: 0, standing: row.standing };
    ports.people.settle(vec![settled]).await.unwrap();
    let scanned = aws.dynamodb().scan().table_name(&aws.settings.people_table).send().await.unwrap();
    let item = scanned.items.unwrap().remove(0);
    let size = item_bytes(&item);
    // 1,024 are one unit; the rest is room for longer names than the example's.
    assert!(size < 900, "{size} bytes");
}
