use jiff::{SignedDuration, Timestamp};

use super::{Entitled, Insiders};
use crate::model::effect::{Again, Effect, EffectTimes, EventsEarn, Performed};
use crate::model::tests::activation;
use crate::model::{Activation, Earned, Entry, InstallationKey, Membership, Origin, Person, Suppression, Transition};

fn at(hours: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
}

fn entry<T>(value: T) -> Entry<T> {
    Entry { value, occurred_at: at(1), version: 1, origin: Origin::Backfill }
}

fn insider() -> Person {
    let source = "cdp".parse().unwrap();
    let kind = "email".parse().unwrap();
    let email = crate::model::Identifier::normalise(&kind, "ada@example.com").unwrap();
    let mut person = Person::new(InstallationKey::new([1; 32]).person(&source, &kind, &email), source);
    person.memberships.insert("cats".parse().unwrap(), entry(Membership::Inside { properties: Default::default() }));
    person
}

fn insiders() -> Insiders {
    Insiders { audience: "cats".parse().unwrap(), as_of: at(1_000), confirmed: Some(1), found: 0 }
}

fn times(again: Again) -> EffectTimes {
    EffectTimes {
        settled_after: SignedDuration::from_mins(6),
        window: SignedDuration::from_hours(72),
        again,
        events_earn: EventsEarn::Telling,
    }
}

fn earning(again: Again) -> Activation {
    let mut activation = activation();
    activation.earning.again = again;
    activation
}

/// The row of an entry at this time that was rewarded.
fn rewarded(person: &Person, activation: &Activation, hours: i64) -> Effect {
    let again = activation.earning.again;
    let audience = "cats".parse().unwrap();
    let earned = Earned::by(&activation.id, again, Transition::Entered, &audience, Default::default(), at(hours));
    let sent = Effect::sending(&earned, person.key, None, &times(again), at(hours));
    sent.performed(&Performed::Done { said: String::new() }, &times(again), at(hours))
}

fn entitles(person: &Person, again: Again, row: Option<&Effect>) -> Entitled {
    insiders().entitles(person, &earning(again), row, &times(again))
}

#[test]
fn an_insider_earns_what_was_not_earned() {
    let Entitled::Yes(earned) = entitles(&insider(), Again::Once, None) else { panic!("an insider") };
    assert_eq!((earned.id.as_str(), earned.occurred_at), ("entered:cats", at(1_000)));
}

#[test]
fn who_is_outside_or_must_not_be_targeted_earns_nothing() {
    let mut outside = insider();
    outside.memberships.insert("cats".parse().unwrap(), entry(Membership::Left));
    let mut stranger = insider();
    stranger.memberships.clear();
    let mut suppressed = insider();
    suppressed.suppression = Some(entry(Suppression::Suppressed));
    for person in [outside, stranger, suppressed] {
        assert_eq!(entitles(&person, Again::Once, None), Entitled::No);
    }
}

#[test]
fn who_was_rewarded_is_as_often_as_entries_count() {
    for (again, hours, expected) in [
        (Again::Once, 1, false),
        (Again::OnceInDays(30), 1_000 - 30 * 24, true),
        (Again::OnceInDays(30), 1_001 - 30 * 24, false),
    ] {
        let row = rewarded(&insider(), &earning(again), hours);
        let is_entitled = matches!(entitles(&insider(), again, Some(&row)), Entitled::Yes(_));
        assert_eq!(is_entitled, expected, "{again:?} {hours}");
    }
}

#[test]
fn what_this_walk_did_is_known_as_its_own() {
    let mut waiting = insider();
    let Entitled::Yes(earned) = entitles(&waiting, Again::EveryTime, None) else { panic!("an insider") };
    waiting.outbox.push(earned);
    assert_eq!(entitles(&waiting, Again::EveryTime, None), Entitled::Already);
    let done = rewarded(&insider(), &earning(Again::Once), 1_000);
    assert_eq!(entitles(&insider(), Again::Once, Some(&done)), Entitled::Already);
}

#[test]
fn an_entry_that_waits_is_not_counted_again() {
    let mut waiting = insider();
    let audience = "cats".parse().unwrap();
    let activation = earning(Again::Once);
    let entered = Earned::by(&activation.id, Again::Once, Transition::Entered, &audience, Default::default(), at(900));
    waiting.outbox.push(entered);
    assert_eq!(entitles(&waiting, Again::Once, None), Entitled::No);
}
