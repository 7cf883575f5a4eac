//! Subscriptions on a row, whatever order AIR's events come in.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::model::merge::{MergeContext, merge};
use crate::model::{Change, Fact, Identifier, InstallationKey, Person};
use crate::sources::eagle_eye_air::SubscriptionState;
use crate::sources::eagle_eye_air::changes::{MEMBERS, SUBSCRIBERS, SUBSCRIPTION};
use crate::sources::eagle_eye_air::expiry::{expired, noted};

fn day(number: i64) -> Timestamp {
    "2026-03-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(24 * number)
}

struct Member(Person);

impl Member {
    fn new() -> Self {
        let (source, kind) = ("air".parse().unwrap(), "wallet".parse().unwrap());
        let wallet = Identifier::normalise(&kind, "300000001").unwrap();
        let person = Person::new(InstallationKey::new([3; 32]).person(&source, &kind, &wallet), source);
        let mut member = Self(person);
        member.take(
            member.change(Fact::Entered { audience: MEMBERS.parse().unwrap(), properties: BTreeMap::new() }, day(-9)),
        );
        member
    }

    fn change(&self, fact: Fact, at: Timestamp) -> Change {
        Change::live(self.0.key, fact, at)
    }

    fn take(&mut self, change: Change) {
        let former_for = SignedDuration::from_hours(24);
        let context = MergeContext { now: day(0), key_fields: BTreeSet::new(), former_for, sightings_for: former_for };
        let version = self.0.version + 1;
        merge(&mut self.0, &change, version, &context);
    }

    /// AIR tells of a subscription, as of this day.
    fn told(&mut self, account: &str, state: SubscriptionState, at: i64) {
        let fact = match state {
            SubscriptionState::Active { .. } => {
                Fact::Entered { audience: SUBSCRIBERS.parse().unwrap(), properties: BTreeMap::new() }
            }
            SubscriptionState::Cancelled => Fact::Profile,
        };
        let field = format!("{SUBSCRIPTION}{account}").parse().unwrap();
        let fields = BTreeMap::from([(field, noted(state, Some("100000009")))]);
        self.take(Change { fields, ..self.change(fact, day(at)) });
    }

    /// The row is looked at on this day; answers how many ends were told.
    fn looked_at(&mut self, on: i64) -> usize {
        let changes = expired(&self.0, day(on));
        let told = changes.iter().filter(|change| matches!(change.fact, Fact::Happened { .. })).count();
        changes.into_iter().for_each(|change| self.take(change));
        assert_eq!(expired(&self.0, day(on)).len(), 0, "a second look finds nothing");
        told
    }

    fn is_subscriber(&self) -> bool {
        self.0.is_inside(&SUBSCRIBERS.parse().unwrap())
    }
}

fn until(ends: i64) -> SubscriptionState {
    SubscriptionState::Active { ends: Some(day(ends)) }
}

#[test]
fn a_subscription_ends_once() {
    let mut member = Member::new();
    member.told("A", until(10), 0);
    assert_eq!((member.looked_at(9), member.is_subscriber()), (0, true));
    assert_eq!((member.looked_at(10), member.is_subscriber()), (1, false));
    // AIR's event comes once more.
    member.told("A", until(10), 0);
    assert_eq!((member.looked_at(11), member.is_subscriber()), (0, false));
}

#[test]
fn a_renewal_that_was_made_in_time_and_comes_late_is_one() {
    let mut member = Member::new();
    member.told("A", until(10), 0);
    assert_eq!((member.looked_at(11), member.is_subscriber()), (1, false));
    member.told("A", until(40), 9);
    assert_eq!((member.looked_at(12), member.is_subscriber()), (0, true));
    assert_eq!((member.looked_at(40), member.is_subscriber()), (1, false));
}

#[test]
fn who_cancels_one_of_two_keeps_the_other() {
    let mut member = Member::new();
    member.told("A", until(30), 0);
    member.told("B", SubscriptionState::Active { ends: None }, 1);
    member.told("A", SubscriptionState::Cancelled, 2);
    assert_eq!((member.looked_at(2), member.is_subscriber()), (0, true));
    member.told("B", SubscriptionState::Cancelled, 3);
    assert_eq!((member.looked_at(3), member.is_subscriber()), (0, false));
}

#[test]
fn a_cancellation_that_comes_before_what_it_cancels_holds() {
    let mut member = Member::new();
    member.told("A", SubscriptionState::Cancelled, 5);
    member.told("A", until(30), 4);
    assert_eq!((member.looked_at(6), member.is_subscriber()), (0, false));
}

#[test]
fn who_left_the_programme_is_no_subscriber_whatever_runs() {
    let mut member = Member::new();
    member.told("A", until(30), 0);
    for audience in [MEMBERS, SUBSCRIBERS] {
        member.take(member.change(Fact::Left { audience: audience.parse().unwrap() }, day(1)));
    }
    assert_eq!((member.looked_at(2), member.is_subscriber()), (0, false));
}
