//! Flights, claims, jobs, scans, erasures, counters and marks.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use muster::model::{
    Asking, Flight, FlightKind, JobStatus, KeyHash, Lane, PersonKey, Scan, ScanStatus, SourceId, Timer,
};
use muster::ports::{Claim, Ports};

use super::PortWorld;
use super::fixtures::{activation, after, another_activation, eight, job, key, scan, start};

const EMAIL: KeyHash = KeyHash([9; 16]);

fn flight(id: &str, started_at: Timestamp) -> Flight {
    Flight {
        id: id.parse().unwrap(),
        activation: activation(),
        lane: Lane::Live,
        started_at,
        late_seconds: 0,
        kind: FlightKind::Sending { people: vec![key(1), key(2)] },
    }
}

async fn claim(ports: &Ports, person: u8) -> Claim {
    ports.ledger.claim(&activation(), &[(EMAIL, key(person))]).await.unwrap()[0].2
}

pub async fn a_flight_stands_until_it_is_cleared(world: &impl PortWorld) {
    let ports = world.ports().await;
    let flight = flight("f", start());
    ports.ledger.put_flight(&flight).await.unwrap();
    assert_eq!(world.ports().await.ledger.flight(&flight.id).await.unwrap(), Some(flight.clone()));
    ports.ledger.clear_flight(&flight.id).await.unwrap();
    assert_eq!(ports.ledger.flight(&flight.id).await.unwrap(), None);
    assert_eq!(ports.ledger.flights(None).await.unwrap(), []);
    ports.ledger.clear_flight(&flight.id).await.unwrap();
}

pub async fn a_flight_of_the_same_id_is_replaced(world: &impl PortWorld) {
    let ports = world.ports().await;
    ports.ledger.put_flight(&flight("f", start())).await.unwrap();
    let asking = Some(Asking { handles: vec![serde_json::json!({ "import": 7 })], at: after(20) });
    let kind = FlightKind::Landing { sent: BTreeMap::from([(key(1), 4)]), until: after(60), asking };
    let landing = Flight { kind, ..flight("f", start()) };
    ports.ledger.put_flight(&landing).await.unwrap();
    assert_eq!(ports.ledger.flights(None).await.unwrap(), [landing]);
}

pub async fn flights_are_listed_oldest_first_and_by_activation(world: &impl PortWorld) {
    let ports = world.ports().await;
    let (newest, oldest) = (flight("a", after(2)), flight("b", start()));
    let other = Flight { activation: another_activation(), ..flight("c", after(1)) };
    for flight in [&newest, &oldest, &other] {
        ports.ledger.put_flight(flight).await.unwrap();
    }
    let all = ports.ledger.flights(None).await.unwrap();
    assert_eq!(all, [oldest.clone(), other, newest.clone()]);
    assert_eq!(ports.ledger.flights(Some(&activation())).await.unwrap(), [oldest, newest]);
}

pub async fn a_key_is_held_by_the_first_who_claims_it(world: &impl PortWorld) {
    let ports = world.ports().await;
    assert_eq!(ports.ledger.holder(&activation(), EMAIL).await.unwrap(), None);
    assert_eq!(claim(&ports, 1).await, Claim::Held);
    assert_eq!(claim(&ports, 2).await, Claim::HeldBy(key(1)));
    assert_eq!(claim(&ports, 1).await, Claim::Held);
    assert_eq!(ports.ledger.holder(&activation(), EMAIL).await.unwrap(), Some(key(1)));
}

pub async fn a_key_is_claimed_within_its_activation(world: &impl PortWorld) {
    let ports = world.ports().await;
    claim(&ports, 1).await;
    let there = ports.ledger.claim(&another_activation(), &[(EMAIL, key(2))]).await.unwrap();
    assert_eq!(there, [(EMAIL, key(2), Claim::Held)]);
}

pub async fn of_eight_claimants_one_holds_the_key(world: &impl PortWorld) {
    let ports = world.ports().await;
    let answers = eight(|number| {
        let ports = ports.clone();
        async move { claim(&ports, number).await }
    })
    .await;
    let holder = ports.ledger.holder(&activation(), EMAIL).await.unwrap().unwrap();
    assert_eq!(answers.iter().filter(|answer| **answer == Claim::Held).count(), 1);
    assert_eq!(answers.iter().filter(|answer| **answer == Claim::HeldBy(holder)).count(), 7);
}

async fn offer(ports: &Ports, person: u8, by: &str) {
    ports.ledger.offer(&activation(), EMAIL, key(person), &by.parse().unwrap()).await.unwrap();
}

async fn release(ports: &Ports, person: u8, by: &str) -> Option<PersonKey> {
    ports.ledger.release(&activation(), EMAIL, key(person), &by.parse().unwrap()).await.unwrap()
}

pub async fn a_release_answers_who_asked_last(world: &impl PortWorld) {
    let ports = world.ports().await;
    for person in [1, 2, 3] {
        claim(&ports, person).await;
    }
    offer(&ports, 1, "f").await;
    assert_eq!(release(&ports, 1, "f").await, Some(key(3)));
    assert_eq!(ports.ledger.holder(&activation(), EMAIL).await.unwrap(), None);
    assert_eq!(claim(&ports, 2).await, Claim::Held);
    offer(&ports, 2, "f").await;
    assert_eq!(release(&ports, 2, "f").await, None, "who asked before the release was answered already");
    assert_eq!(ports.ledger.holder(&activation(), EMAIL).await.unwrap(), None);
}

pub async fn only_the_holder_releases(world: &impl PortWorld) {
    let ports = world.ports().await;
    claim(&ports, 1).await;
    claim(&ports, 2).await;
    offer(&ports, 2, "f").await;
    assert_eq!(release(&ports, 2, "f").await, None);
    assert_eq!(ports.ledger.holder(&activation(), EMAIL).await.unwrap(), Some(key(1)));
}

pub async fn a_key_is_not_released_once_its_holder_claimed_it_again(world: &impl PortWorld) {
    let ports = world.ports().await;
    claim(&ports, 1).await;
    offer(&ports, 1, "f").await;
    assert_eq!(claim(&ports, 1).await, Claim::Held);
    assert_eq!(release(&ports, 1, "f").await, None);
    assert_eq!(ports.ledger.holder(&activation(), EMAIL).await.unwrap(), Some(key(1)));
}

pub async fn of_two_who_offer_a_key_the_last_one_releases_it(world: &impl PortWorld) {
    let ports = world.ports().await;
    claim(&ports, 1).await;
    offer(&ports, 1, "f").await;
    offer(&ports, 1, "g").await;
    claim(&ports, 2).await;
    assert_eq!(release(&ports, 1, "f").await, None);
    assert_eq!(ports.ledger.holder(&activation(), EMAIL).await.unwrap(), Some(key(1)));
    assert_eq!(release(&ports, 1, "g").await, Some(key(2)));
    assert_eq!(ports.ledger.holder(&activation(), EMAIL).await.unwrap(), None);
}

pub async fn a_job_advances_from_where_it_was_read(world: &impl PortWorld) {
    let ports = world.ports().await;
    let first = job("j", start());
    assert!(!ports.ledger.advance_job(&first, &first).await.unwrap(), "there is none yet");
    ports.ledger.put_job(&first).await.unwrap();
    let mut second = first.clone();
    (second.cursor, second.walked) = (Some(key(1)), 5);
    assert!(ports.ledger.advance_job(&first, &second).await.unwrap());
    assert!(!ports.ledger.advance_job(&first, &second).await.unwrap());
    let mut third = second.clone();
    third.cursor = Some(key(2));
    assert!(ports.ledger.advance_job(&second, &third).await.unwrap());
    assert_eq!(world.ports().await.ledger.job(&first.id).await.unwrap(), Some(third));
}

pub async fn of_eight_who_advance_a_job_one_does(world: &impl PortWorld) {
    let ports = world.ports().await;
    let first = job("j", start());
    ports.ledger.put_job(&first).await.unwrap();
    let answers = eight(|number| {
        let (ports, first) = (ports.clone(), first.clone());
        let mut second = first.clone();
        second.cursor = Some(key(number));
        async move { ports.ledger.advance_job(&first, &second).await.unwrap() }
    })
    .await;
    assert_eq!(answers.iter().filter(|advanced| **advanced).count(), 1);
}

pub async fn a_job_that_ended_does_not_advance(world: &impl PortWorld) {
    let ports = world.ports().await;
    let running = job("j", start());
    ports.ledger.put_job(&running).await.unwrap();
    let mut stopped = running.clone();
    stopped.status = JobStatus::Stopped;
    assert!(ports.ledger.advance_job(&running, &stopped).await.unwrap());
    assert!(!ports.ledger.advance_job(&running, &running).await.unwrap());
}

pub async fn jobs_are_listed_newest_first_and_by_activation(world: &impl PortWorld) {
    let ports = world.ports().await;
    let (oldest, newest, mut other) = (job("b", start()), job("a", after(2)), job("c", after(1)));
    other.activation = another_activation();
    for job in [&oldest, &newest, &other] {
        ports.ledger.put_job(job).await.unwrap();
    }
    assert_eq!(ports.ledger.jobs(None).await.unwrap(), [newest.clone(), other, oldest.clone()]);
    assert_eq!(ports.ledger.jobs(Some(&activation())).await.unwrap(), [newest, oldest]);
}

pub async fn a_scan_is_written_over_the_revision_that_was_read(world: &impl PortWorld) {
    let ports = world.ports().await;
    let first = scan("s", start());
    assert!(!ports.ledger.put_scan(&first, 1).await.unwrap(), "there is none yet");
    assert!(ports.ledger.put_scan(&first, 0).await.unwrap());
    assert!(!ports.ledger.put_scan(&first, 0).await.unwrap(), "there is one");
    let ended = Scan { revision: 2, status: ScanStatus::Stopped, ended_at: Some(after(1)), ..first.clone() };
    assert!(ports.ledger.put_scan(&ended, 1).await.unwrap());
    assert!(!ports.ledger.put_scan(&ended, 1).await.unwrap());
    assert_eq!(world.ports().await.ledger.scan(&first.id).await.unwrap(), Some(ended.clone()));
    // One that stopped may go on.
    let resumed = Scan { revision: 3, status: ScanStatus::Running, ended_at: None, ..ended };
    assert!(ports.ledger.put_scan(&resumed, 2).await.unwrap());
    assert_eq!(ports.ledger.scan(&first.id).await.unwrap(), Some(resumed));
    assert_eq!(ports.ledger.scan(&"t".parse().unwrap()).await.unwrap(), None);
}

pub async fn of_eight_who_go_on_with_a_scan_one_does(world: &impl PortWorld) {
    let ports = world.ports().await;
    let first = scan("s", start());
    ports.ledger.put_scan(&first, 0).await.unwrap();
    let answers = eight(|number| {
        let (ports, second) = (ports.clone(), Scan { revision: 2, failures: u32::from(number), ..first.clone() });
        async move { ports.ledger.put_scan(&second, 1).await.unwrap() }
    })
    .await;
    assert_eq!(answers.iter().filter(|written| **written).count(), 1);
}

pub async fn scans_are_listed_newest_first_and_by_source(world: &impl PortWorld) {
    let ports = world.ports().await;
    let (oldest, newest, mut other) = (scan("b", start()), scan("a", after(2)), scan("c", after(1)));
    other.source = "another".parse().unwrap();
    for scan in [&oldest, &newest, &other] {
        ports.ledger.put_scan(scan, 0).await.unwrap();
    }
    assert_eq!(ports.ledger.scans(None).await.unwrap(), [newest.clone(), other, oldest.clone()]);
    assert_eq!(ports.ledger.scans(Some(&newest.source)).await.unwrap(), [newest, oldest]);
}

pub async fn an_erasure_is_noted_until_it_is_cleared(world: &impl PortWorld) {
    let ports = world.ports().await;
    ports.ledger.note_erasure(key(1), start()).await.unwrap();
    ports.ledger.note_erasure(key(2), after(1)).await.unwrap();
    let noted: BTreeSet<_> = ports.ledger.erasures().await.unwrap().into_iter().collect();
    assert_eq!(noted, BTreeSet::from([(key(1), start()), (key(2), after(1))]));
    ports.ledger.clear_erasure(key(1), start()).await.unwrap();
    assert_eq!(ports.ledger.erasures().await.unwrap(), [(key(2), after(1))]);
}

pub async fn an_erasure_noted_again_outlives_the_end_of_the_first(world: &impl PortWorld) {
    let ports = world.ports().await;
    ports.ledger.note_erasure(key(1), start()).await.unwrap();
    ports.ledger.note_erasure(key(1), after(1)).await.unwrap();
    ports.ledger.clear_erasure(key(1), start()).await.unwrap();
    assert_eq!(ports.ledger.erasures().await.unwrap(), [(key(1), after(1))]);
    ports.ledger.clear_erasure(key(2), start()).await.unwrap();
}

pub async fn timers_are_found_when_their_time_has_come(world: &impl PortWorld) {
    let ports = world.ports().await;
    let source: SourceId = "air".parse().unwrap();
    let timer =
        |hours: i64, person| Timer::new(start() + jiff::SignedDuration::from_hours(hours), source.clone(), key(person));
    for one in [timer(30, 3), timer(2, 2), timer(1, 1), timer(1, 1), timer(1, 4)] {
        ports.ledger.set_timer(&one).await.unwrap();
    }
    let due = async |hours: i64, most| {
        // They ring in whole seconds, never before their time.
        let now = start() + jiff::SignedDuration::from_hours(hours) + jiff::SignedDuration::from_secs(1);
        ports.ledger.due_timers(now, most).await.unwrap()
    };
    assert_eq!(due(0, 10).await, []);
    assert_eq!(due(1, 10).await.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([timer(1, 1), timer(1, 4)]));
    assert_eq!(due(1, 1).await.len(), 1);
    ports.ledger.clear_timer(&timer(1, 1)).await.unwrap();
    assert_eq!(due(3, 10).await, [timer(1, 4), timer(2, 2)]);
    // After days in which nobody looked, too.
    assert_eq!(due(300, 10).await, [timer(1, 4), timer(2, 2), timer(30, 3)]);
    for one in [timer(1, 4), timer(2, 2), timer(30, 3), timer(30, 3)] {
        ports.ledger.clear_timer(&one).await.unwrap();
    }
    assert_eq!(due(300, 10).await, []);
    // One for a day that was over and forgotten is found all the same.
    ports.ledger.set_timer(&timer(5, 5)).await.unwrap();
    assert_eq!(due(300, 10).await, [timer(5, 5)]);
}

pub async fn a_timer_never_rings_before_its_time(world: &impl PortWorld) {
    let ports = world.ports().await;
    let at = start() + jiff::SignedDuration::from_millis(1);
    ports.ledger.set_timer(&Timer::new(at, "air".parse().unwrap(), key(1))).await.unwrap();
    assert_eq!(ports.ledger.due_timers(start(), 10).await.unwrap(), []);
    assert_eq!(ports.ledger.due_timers(at + jiff::SignedDuration::from_secs(1), 10).await.unwrap().len(), 1);
}

pub async fn eight_who_count_are_all_counted(world: &impl PortWorld) {
    let ports = world.ports().await;
    eight(|number| {
        let ports = ports.clone();
        async move { ports.ledger.count("events", u64::from(number)).await.unwrap() }
    })
    .await;
    assert_eq!(ports.ledger.counters("").await.unwrap(), BTreeMap::from([("events".to_owned(), 28)]));
}

pub async fn counters_are_found_by_the_very_prefix(world: &impl PortWorld) {
    let ports = world.ports().await;
    for name in ["a_b/x", "aXb/x", "A_b/x", "a_b"] {
        ports.ledger.count(name, 1).await.unwrap();
    }
    let found: Vec<_> = ports.ledger.counters("a_b").await.unwrap().into_keys().collect();
    assert_eq!(found, ["a_b", "a_b/x"]);
}

pub async fn a_mark_keeps_the_last_time_to_the_nanosecond(world: &impl PortWorld) {
    let ports = world.ports().await;
    assert_eq!(ports.ledger.mark("catch-up").await.unwrap(), None);
    ports.ledger.set_mark("catch-up", after(9)).await.unwrap();
    ports.ledger.set_mark("catch-up", start()).await.unwrap();
    assert_eq!(ports.ledger.mark("catch-up").await.unwrap(), Some(start()));
}
