//! The rows.

use std::collections::BTreeSet;

use muster::model::person::MAX_ROW_BYTES;
use muster::model::{PersonKey, RecordId, RecordStanding, Standing};
use muster::ports::{Doubted, PersonWrite, Ports, Segment, Settled, Walked, Written};

use super::PortWorld;
use super::fixtures::{
    activation, another_activation, eight, key, next, person, read, settlement, source, with_field, write,
};

pub async fn a_row_comes_back_as_it_was_written(world: &impl PortWorld) {
    let ports = world.ports().await;
    let written = with_field(person(key(1)), "plan", "gold \u{1f947} \"quoted\"");
    // A text of digits is no number: it has leading zeros.
    let written = with_field(written, "member", "00042.50");
    assert_eq!(write(&ports, written.clone()).await, Written::Stored);
    let row = read(&world.ports().await, key(1)).await;
    assert_eq!(row.person, written);
    assert_eq!(row.standing, Standing::default());
}

pub async fn rows_that_do_not_exist_are_not_answered(world: &impl PortWorld) {
    let ports = world.ports().await;
    write(&ports, person(key(1))).await;
    let rows = ports.people.read(&[key(1), key(2)], None).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.person.key).collect::<Vec<_>>(), [key(1)]);
}

pub async fn more_rows_than_fit_in_a_call_are_read(world: &impl PortWorld) {
    let ports = world.ports().await;
    let keys: Vec<PersonKey> = (0..250).map(key).collect();
    let writes = keys.iter().map(|key| PersonWrite { person: person(*key), read_sequence: 0 }).collect();
    ports.people.write(writes).await.unwrap();
    let doubted: Vec<_> = keys.iter().copied().map(Doubted::Person).collect();
    ports.people.raise_doubt(&activation(), &doubted).await.unwrap();
    let rows = ports.people.read(&keys, Some(&activation())).await.unwrap();
    assert!(rows.iter().all(|row| row.standing.doubt == 1));
    assert_eq!(sorted(rows.into_iter().map(|row| row.person.key).collect()), keys);
}

pub async fn a_new_row_conflicts_with_one_that_exists(world: &impl PortWorld) {
    let ports = world.ports().await;
    write(&ports, person(key(1))).await;
    assert_eq!(write(&ports, with_field(person(key(1)), "plan", "gold")).await, Written::Conflict);
    assert!(read(&ports, key(1)).await.person.fields.is_empty());
}

pub async fn a_write_of_an_outdated_sequence_conflicts(world: &impl PortWorld) {
    let ports = world.ports().await;
    let first = person(key(1));
    write(&ports, first.clone()).await;
    assert_eq!(write(&ports, with_field(next(first.clone()), "plan", "gold")).await, Written::Stored);
    assert_eq!(write(&ports, with_field(next(first), "plan", "silver")).await, Written::Conflict);
    let expected = with_field(next(person(key(1))), "plan", "gold");
    assert_eq!(read(&ports, key(1)).await.person, expected);
}

pub async fn a_batch_is_answered_write_by_write(world: &impl PortWorld) {
    let ports = world.ports().await;
    write(&ports, person(key(1))).await;
    let new = |number| PersonWrite { person: person(key(number)), read_sequence: 0 };
    let answers = ports.people.write(vec![new(1), new(2)]).await.unwrap();
    let answers: BTreeSet<_> = answers.into_iter().map(|(key, written)| (key, written == Written::Stored)).collect();
    assert_eq!(answers, BTreeSet::from([(key(1), false), (key(2), true)]));
}

pub async fn eight_writers_on_one_row_lose_nothing(world: &impl PortWorld) {
    let ports = world.ports().await;
    write(&ports, person(key(1))).await;
    eight(|number| {
        let ports = ports.clone();
        async move {
            for round in 0..5 {
                let name = format!("field-{number}-{round}");
                while write(&ports, with_field(next(read(&ports, key(1)).await.person), &name, "x")).await
                    != Written::Stored
                {}
            }
        }
    })
    .await;
    let row = read(&ports, key(1)).await.person;
    assert_eq!((row.fields.len(), row.sequence), (40, 41));
}

pub async fn a_row_does_not_grow_beyond_its_limit(world: &impl PortWorld) {
    let ports = world.ports().await;
    let small = person(key(1));
    write(&ports, small.clone()).await;
    let large = with_field(next(small.clone()), "story", &"x".repeat(MAX_ROW_BYTES));
    assert_eq!(write(&ports, large).await, Written::TooLarge);
    assert_eq!(read(&ports, key(1)).await.person, small);
    let new = with_field(person(key(2)), "story", &"x".repeat(MAX_ROW_BYTES));
    assert_eq!(write(&ports, new).await, Written::TooLarge);
}

pub async fn a_settlement_comes_back_as_it_was_written(world: &impl PortWorld) {
    let ports = world.ports().await;
    write(&ports, person(key(1))).await;
    let mut settled = settlement(&read(&ports, key(1)).await);
    let memo = RecordStanding { memo: Some(serde_json::json!({"member": 7})), ..RecordStanding::default() };
    settled.standing.records.insert(RecordId::Person, memo);
    settled.standing.account.covered = 3;
    assert_eq!(ports.people.settle(vec![settled.clone()]).await.unwrap(), [(key(1), Settled::Stored)]);
    assert_eq!(read(&world.ports().await, key(1)).await.standing, settled.standing);
}

pub async fn a_settlement_of_an_outdated_version_moves(world: &impl PortWorld) {
    let ports = world.ports().await;
    write(&ports, person(key(1))).await;
    let outdated = settlement(&read(&ports, key(1)).await);
    write(&ports, next(person(key(1)))).await;
    assert_eq!(ports.people.settle(vec![outdated]).await.unwrap(), [(key(1), Settled::Moved)]);
    assert_eq!(read(&ports, key(1)).await.standing, Standing::default());
}

pub async fn a_settlement_of_an_outdated_revision_moves(world: &impl PortWorld) {
    let ports = world.ports().await;
    write(&ports, person(key(1))).await;
    let row = read(&ports, key(1)).await;
    assert_eq!(ports.people.settle(vec![settlement(&row)]).await.unwrap(), [(key(1), Settled::Stored)]);
    assert_eq!(ports.people.settle(vec![settlement(&row)]).await.unwrap(), [(key(1), Settled::Moved)]);
    assert_eq!(read(&ports, key(1)).await.standing.revision, 1);
}

pub async fn a_settlement_without_a_row_moves(world: &impl PortWorld) {
    let ports = world.ports().await;
    write(&ports, person(key(1))).await;
    let mut nobodys = settlement(&read(&ports, key(1)).await);
    nobodys.person = key(2);
    assert_eq!(ports.people.settle(vec![nobodys]).await.unwrap(), [(key(2), Settled::Moved)]);
    assert!(ports.people.standings(key(2)).await.unwrap().is_empty());
}

pub async fn of_eight_settlements_one_is_stored(world: &impl PortWorld) {
    let ports = world.ports().await;
    write(&ports, person(key(1))).await;
    let settled = settlement(&read(&ports, key(1)).await);
    let answers = eight(|_| {
        let (ports, settled) = (ports.clone(), settled.clone());
        async move { ports.people.settle(vec![settled]).await.unwrap()[0].1 }
    })
    .await;
    assert_eq!(answers.iter().filter(|answer| **answer == Settled::Stored).count(), 1);
}

pub async fn doubt_makes_a_settlement_in_flight_move(world: &impl PortWorld) {
    let ports = world.ports().await;
    write(&ports, person(key(1))).await;
    let in_flight = settlement(&read(&ports, key(1)).await);
    ports.people.raise_doubt(&activation(), &[Doubted::Person(key(1))]).await.unwrap();
    assert_eq!(ports.people.settle(vec![in_flight]).await.unwrap(), [(key(1), Settled::Moved)]);
    let row = read(&ports, key(1)).await;
    assert_eq!((row.standing.doubt, row.standing.revision, row.person.version), (1, 1, 1));
    assert_eq!(ports.people.settle(vec![settlement(&row)]).await.unwrap(), [(key(1), Settled::Stored)]);
}

pub async fn doubt_of_a_record_leaves_the_others(world: &impl PortWorld) {
    let ports = world.ports().await;
    write(&ports, person(key(1))).await;
    let doubted = RecordId::Audience("vip".parse().unwrap());
    ports.people.raise_doubt(&activation(), &[Doubted::Record(key(1), doubted.clone())]).await.unwrap();
    let standing = read(&ports, key(1)).await.standing;
    assert_eq!((standing.doubt_of(&doubted), standing.doubt_of(&RecordId::Person)), (1, 0));
}

pub async fn doubt_passes_over_people_without_a_row(world: &impl PortWorld) {
    let ports = world.ports().await;
    write(&ports, person(key(1))).await;
    let doubted = [Doubted::Person(key(2)), Doubted::Person(key(1))];
    ports.people.raise_doubt(&activation(), &doubted).await.unwrap();
    assert_eq!(read(&ports, key(1)).await.standing.doubt, 1);
    assert!(ports.people.read(&[key(2)], None).await.unwrap().is_empty());
    assert!(ports.people.standings(key(2)).await.unwrap().is_empty());
}

pub async fn eight_who_doubt_are_all_counted(world: &impl PortWorld) {
    let ports = world.ports().await;
    write(&ports, person(key(1))).await;
    eight(|_| {
        let ports = ports.clone();
        async move { ports.people.raise_doubt(&activation(), &[Doubted::Person(key(1))]).await.unwrap() }
    })
    .await;
    let standing = read(&ports, key(1)).await.standing;
    assert_eq!((standing.doubt, standing.revision), (8, 8));
}

pub async fn writing_a_row_leaves_its_standings(world: &impl PortWorld) {
    let ports = world.ports().await;
    write(&ports, person(key(1))).await;
    ports.people.raise_doubt(&activation(), &[Doubted::Person(key(1))]).await.unwrap();
    write(&ports, with_field(next(person(key(1))), "plan", "gold")).await;
    let row = read(&ports, key(1)).await;
    assert_eq!((row.standing.doubt, row.person.fields.len()), (1, 1));
}

pub async fn standings_are_kept_by_activation(world: &impl PortWorld) {
    let ports = world.ports().await;
    write(&ports, person(key(1))).await;
    ports.people.raise_doubt(&another_activation(), &[Doubted::Person(key(1))]).await.unwrap();
    assert_eq!(read(&ports, key(1)).await.standing, Standing::default());
    assert_eq!(ports.people.read(&[key(1)], None).await.unwrap()[0].standing, Standing::default());
    let standings = ports.people.standings(key(1)).await.unwrap();
    assert_eq!(standings.keys().collect::<Vec<_>>(), [&another_activation()]);
}

/// People 1 to 30 of one source, written in no order, and one of another.
async fn thirty(world: &impl PortWorld) {
    let ports = world.ports().await;
    let of_source = (1..=30).map(|number| person(key((number * 7) % 31)));
    let mut stranger = person(key(200));
    stranger.source = "shop".parse().unwrap();
    let writes = of_source.chain([stranger]).map(|person| PersonWrite { person, read_sequence: 0 }).collect();
    ports.people.write(writes).await.unwrap();
}

/// Everybody of a segment from `after` on, in the order walked, eight rows a page.
async fn walked(ports: &Ports, segment: Segment, mut after: Option<PersonKey>) -> Vec<PersonKey> {
    let mut seen = Vec::new();
    loop {
        let Walked { rows, next } = ports.people.walk(&source(), None, segment, after, 8).await.unwrap();
        assert!(rows.len() <= 8);
        seen.extend(rows.iter().map(|row| row.person.key));
        if next.is_none() {
            return seen;
        }
        after = next;
    }
}

fn sorted(mut keys: Vec<PersonKey>) -> Vec<PersonKey> {
    keys.sort();
    keys
}

pub async fn a_walk_sees_every_row_of_its_source_once(world: &impl PortWorld) {
    thirty(world).await;
    let seen = walked(&world.ports().await, Segment::WHOLE, None).await;
    assert_eq!(sorted(seen), (1..=30).map(key).collect::<Vec<_>>());
}

pub async fn the_segments_of_a_walk_see_every_row_once(world: &impl PortWorld) {
    thirty(world).await;
    let ports = world.ports().await;
    let mut seen = Vec::new();
    for index in 0..7 {
        seen.extend(walked(&ports, Segment { index, of: 7 }, None).await);
    }
    assert_eq!(sorted(seen), (1..=30).map(key).collect::<Vec<_>>());
}

pub async fn a_walk_goes_on_after_any_row(world: &impl PortWorld) {
    thirty(world).await;
    let ports = world.ports().await;
    let all = walked(&ports, Segment::WHOLE, None).await;
    for (at, row) in all.iter().enumerate() {
        assert_eq!(walked(&ports, Segment::WHOLE, Some(*row)).await, all[at + 1..]);
    }
}

pub async fn a_walk_brings_standings(world: &impl PortWorld) {
    thirty(world).await;
    let ports = world.ports().await;
    ports.people.raise_doubt(&activation(), &[Doubted::Person(key(2))]).await.unwrap();
    let page = ports.people.walk(&source(), Some(&activation()), Segment::WHOLE, None, 100).await.unwrap();
    let doubted = page.rows.iter().filter(|row| row.standing.doubt == 1).map(|row| row.person.key);
    assert_eq!((page.rows.len(), doubted.collect::<Vec<_>>()), (30, vec![key(2)]));
}

pub async fn an_empty_store_counts_nobody(world: &impl PortWorld) {
    assert_eq!(world.ports().await.people.count(&source()).await.unwrap(), 0);
}
