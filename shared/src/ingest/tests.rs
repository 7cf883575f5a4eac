use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::json;

use super::merging::merge_all;
use super::*;
use crate::model::effect::Again;
use crate::model::{
    ActivationStatus, AttributeLink, AudienceLink, Change, Earning, Identifier, LinkState, Origin, Path, Reads, Value,
};
use crate::model::{TraceId, Transition};

const NOW: &str = "2026-01-01T12:00:00Z";

fn activation(id: &str, audience: &str) -> Activation {
    Activation {
        id: id.parse().unwrap(),
        name: id.to_owned(),
        description: String::new(),
        source: "shop".parse().unwrap(),
        audiences: vec![AudienceLink { audience: audience.parse().unwrap(), state: LinkState::Live }],
        attributes: Vec::<AttributeLink>::new(),
        destination: "webhook".parse().unwrap(),
        authorization: "main".parse().unwrap(),
        settings: json!({}),
        person_identifier: "ids.email".parse().unwrap(),
        triggers: BTreeSet::new(),
        reads: Reads::default(),
        earning: Earning::default(),
        notify: None,
        notify_url: None,
        retry_window_hours: 72,
        keep_parked_days: None,
        status: ActivationStatus::Active,
        why: None,
        transitions: 0,
        approvals: 0,
        turns: Vec::new(),
        revision: 1,
        layout: 1,
        prepared: None,
        created_at: NOW.parse().unwrap(),
        activated_at: None,
    }
}

fn context() -> MergeContext {
    let key_fields = BTreeSet::from(["ids.email".parse::<Path>().unwrap()]);
    MergeContext {
        now: NOW.parse().unwrap(),
        key_fields,
        former_for: SignedDuration::from_hours(240),
        sightings_for: SignedDuration::from_hours(240),
    }
}

fn change(fact: Fact, email: &str, at: &str) -> Change {
    let kind = "email".parse().unwrap();
    let value = Identifier::normalise(&kind, email).unwrap();
    Change {
        person: PersonKey([1; 16]),
        identifiers: BTreeMap::from([(kind, vec![value])]),
        fields: BTreeMap::from([("plan".parse().unwrap(), Value::Text("gold".to_owned()))]),
        fact,
        occurred_at: at.parse().unwrap(),
        origin: Origin::Live,
    }
}

fn left(audience: &str) -> Fact {
    Fact::Left { audience: audience.parse().unwrap() }
}

fn nobody() -> Person {
    Person::new(PersonKey([1; 16]), "shop".parse().unwrap())
}

fn written(merged: merging::Merged) -> Person {
    merged.write.expect("a write").person
}

#[test]
fn changes_of_a_person_are_one_version_and_one_write() {
    let activation = activation("a", "buyers");
    let changes = [change(left("buyers"), "a@b.c", NOW), change(left("other"), "a@b.c", NOW)];
    let merged = merge_all(nobody(), changes.iter(), &[&activation], &context());
    assert_eq!(merged.write.as_ref().unwrap().read_sequence, 0);
    let row = written(merged);
    assert_eq!((row.version, row.sequence, row.changed_at.to_string().as_str()), (1, 1, NOW));
    assert_eq!(row.accepted, BTreeMap::from([(activation.id, 1)]));
}

#[test]
fn a_repeat_is_counted_and_looked_at_and_makes_no_version() {
    let linked = activation("a", "buyers");
    let by_key = activation("b", "others");
    let repeated = change(left("buyers"), "a@b.c", "2026-01-01T10:00:00Z");
    let first = written(merge_all(nobody(), [&repeated].into_iter(), &[&linked, &by_key], &context()));
    let again = merge_all(first, [&repeated].into_iter(), &[&linked, &by_key], &context());
    // The second is concerned because the change told its key, whose nudge may have been lost.
    assert_eq!(again.concerned, BTreeSet::from([linked.id.clone(), by_key.id.clone()]));
    let row = written(again);
    assert_eq!((row.version, row.sequence), (1, 2));
    assert_eq!(row.accepted, BTreeMap::from([(linked.id, 2), (by_key.id, 1)]));
}

#[test]
fn the_same_told_later_is_no_business_of_those_who_do_not_link_it() {
    let by_key = activation("b", "others");
    let first = change(left("buyers"), "a@b.c", "2026-01-01T10:00:00Z");
    let later = change(left("buyers"), "a@b.c", "2026-01-01T11:00:00Z");
    let row = written(merge_all(nobody(), [&first].into_iter(), &[&by_key], &context()));
    let merged = merge_all(row, [&later].into_iter(), &[&by_key], &context());
    assert_eq!(merged.concerned, BTreeSet::new());
    assert_eq!(written(merged).version, 1);
}

#[test]
fn what_leaves_a_row_as_it_was_is_not_written() {
    let profile = change(Fact::Profile, "a@b.c", NOW);
    let row = written(merge_all(nobody(), [&profile].into_iter(), &[], &context()));
    assert!(merge_all(row, [&profile].into_iter(), &[], &context()).write.is_none());
}

#[test]
fn nudges_hold_at_most_two_hundred_people() {
    let people: BTreeSet<PersonKey> = (0..450_u128).map(|number| PersonKey(number.to_be_bytes())).collect();
    let messages = nudges(&activation("a", "buyers"), &people, NOW.parse().unwrap(), TraceId::random());
    let sizes: Vec<usize> = messages
        .iter()
        .map(|message| {
            let Ok(Message::Nudge(nudge)) = Message::decode(&message.body) else { panic!("not a nudge") };
            nudge.people.len()
        })
        .collect();
    assert_eq!(sizes, [200, 200, 50]);
}

fn rewarding(again: Again) -> Activation {
    let earning = Earning { on: vec![Transition::Entered, Transition::Left], again, ..Earning::default() };
    let activated_at = Some("2026-01-01T09:00:00Z".parse().unwrap());
    Activation { earning, activated_at, ..activation("air", "cats") }
}

fn entry(at: &str, origin: Origin) -> Change {
    let fact = Fact::Entered { audience: "cats".parse().unwrap(), properties: BTreeMap::new() };
    Change { origin, ..change(fact, "a@b.c", at) }
}

fn exit(at: &str) -> Change {
    change(Fact::Left { audience: "cats".parse().unwrap() }, "a@b.c", at)
}

fn earned_by(again: Again, changes: &[Change]) -> Vec<String> {
    let activation = rewarding(again);
    let read = Person::new(changes[0].person, "shop".parse().unwrap());
    let merged = merge_all(read, changes.iter(), &[&activation], &context());
    merged.write.unwrap().person.outbox.iter().map(|earned| earned.id.to_string()).collect()
}

#[test]
fn a_live_transition_after_the_start_earns_an_effect() {
    let changes = [entry("2026-01-01T10:00:00Z", Origin::Live), exit("2026-01-01T11:00:00Z")];
    assert_eq!(
        earned_by(Again::EveryTime, &changes),
        ["entered:cats@2026-01-01T10:00:00Z", "left:cats@2026-01-01T11:00:00Z"]
    );
}

#[test]
fn a_message_that_says_enter_earns_nothing_by_itself() {
    let ten = "2026-01-01T10:00:00Z";
    let repeat = [entry(ten, Origin::Live), entry(ten, Origin::Live), entry("2026-01-01T10:30:00Z", Origin::Live)];
    assert_eq!(earned_by(Again::EveryTime, &repeat), ["entered:cats@2026-01-01T10:00:00Z"], "inside already");
    for origin in [Origin::Backfill, Origin::Import, Origin::Reconcile] {
        assert!(earned_by(Again::EveryTime, &[entry(ten, origin)]).is_empty(), "{origin:?}");
    }
    assert!(earned_by(Again::EveryTime, &[entry("2026-01-01T09:00:00Z", Origin::Live)]).is_empty(), "before the start");
    let late = [exit("2026-01-01T11:00:00Z"), entry(ten, Origin::Live)];
    assert!(earned_by(Again::EveryTime, &late).is_empty(), "left again before anybody heard of it");
}

#[test]
fn what_counts_once_is_in_the_outbox_once() {
    let changes = [
        entry("2026-01-01T10:00:00Z", Origin::Live),
        exit("2026-01-01T10:10:00Z"),
        entry("2026-01-01T10:20:00Z", Origin::Live),
    ];
    assert_eq!(earned_by(Again::Once, &changes), ["entered:cats", "left:cats"]);
}

#[test]
fn what_counts_anew_is_earned_although_the_former_one_still_waits() {
    let entries = ["2026-01-01T10:00:00Z", "2026-01-01T12:00:00Z", "2026-01-02T10:00:00Z"];
    let changes = entries.map(|at| [entry(at, Origin::Live), exit(&at.replace("0:00Z", "1:00Z"))]).concat();
    let daily = earned_by(Again::OnceInDays(1), &changes);
    assert_eq!(daily, ["entered:cats", "left:cats", "entered:cats", "left:cats"]);
    let told_twice = changes.iter().chain(&changes).cloned().collect::<Vec<_>>();
    assert_eq!(earned_by(Again::OnceInDays(1), &told_twice), daily, "a repeat earns nothing");
}

#[test]
fn the_repeat_of_what_earned_an_effect_nudges_again() {
    let activation = rewarding(Again::EveryTime);
    let change = entry("2026-01-01T10:00:00Z", Origin::Live);
    let first = merge_all(
        Person::new(change.person, "shop".parse().unwrap()),
        [&change].into_iter(),
        &[&activation],
        &context(),
    );
    let row = first.write.unwrap().person;
    let again = merge_all(row, [&change].into_iter(), &[&activation], &context());
    assert!(again.concerned.contains(&activation.id));
}

#[test]
fn an_erasure_takes_what_was_earned_with_it() {
    let erased = change(Fact::Erased, "a@b.c", "2026-01-01T11:00:00Z");
    assert!(earned_by(Again::EveryTime, &[entry("2026-01-01T10:00:00Z", Origin::Live), erased]).is_empty());
}
