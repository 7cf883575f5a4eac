//! Properties of the model: whatever the order, the doubling and the grouping of changes, the same
//! content; and pending exactly when something relevant is newer than the receipt.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::merge::{MergeContext, merge};
use super::pending::{Due, RecordShape, due, records, relevant_version};
use super::*;

const AUDIENCES: [&str; 3] = ["a", "b", "c"];
const ATTRIBUTES: [&str; 2] = ["x", "y"];

fn id<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn context() -> MergeContext {
    MergeContext {
        now: at(1_000),
        key_fields: BTreeSet::from([id("fields.code")]),
        former_for: SignedDuration::from_hours(240),
        sightings_for: SignedDuration::from_secs(998),
    }
}

fn person() -> Person {
    Person::new(PersonKey([1; 16]), id("shop"))
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        (0i64..4).prop_map(Value::Integer),
        (0i64..4).prop_map(|n| Value::Decimal(rust_decimal::Decimal::new(n * 10 + 5, 1))),
        "[a-c]{0,2}".prop_map(Value::Text),
    ]
}

/// Any that can be sent, with texts that look like something else.
fn sent_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["[0-9.eE+-]{0,8}", "true|false|null", ".{0,8}"];
    let number = prop_oneof!["-?(0|[1-9][0-9]{0,18})", "-?(0|[1-9][0-9]{0,8})\\.[0-9]{1,6}", "[1-9]e[12][0-9]"];
    let number = number.prop_map(|text| serde_json::from_str::<serde_json::Value>(&text).unwrap());
    let item = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        text.prop_map(Into::into),
        number,
    ];
    let list = prop::collection::vec(item.clone(), 0..4).prop_map(Into::into);
    prop_oneof![item, list].prop_filter_map("is not kept", |json| Value::from_json(&json).ok())
}

fn fact() -> impl Strategy<Value = Fact> {
    let audience = || prop::sample::select(&AUDIENCES[..]).prop_map(id::<AudienceId>);
    let attribute = || prop::sample::select(&ATTRIBUTES[..]).prop_map(id::<AttributeId>);
    let properties = prop::collection::btree_map(Just(id::<FieldName>("ref")), value(), 0..2);
    prop_oneof![
        6 => (audience(), properties).prop_map(|(audience, properties)| Fact::Entered { audience, properties }),
        6 => audience().prop_map(|audience| Fact::Left { audience }),
        6 => (attribute(), value()).prop_map(|(attribute, value)| Fact::Attribute { attribute, value }),
        6 => (0u8..2).prop_map(|last| Fact::Sighted { address: std::net::Ipv4Addr::new(192, 0, 2, last).into() }),
        3 => Just(Fact::Profile),
        2 => prop::sample::select(vec![Suppression::Lifted, Suppression::Suppressed]).prop_map(Fact::Suppression),
        1 => Just(Fact::MergedInto { survivor: PersonKey([2; 16]) }),
        1 => Just(Fact::Erased),
    ]
}

prop_compose! {
    fn change()(
        fact in fact(),
        half_second in 0i64..12,
        emails in prop::collection::vec("[a-c]@x\\.dk", 0..3),
        code in prop::option::of(value()),
    ) -> Change {
        let email: IdentifierType = id("email");
        let emails: Vec<Identifier> = emails.iter().map(|text| Identifier::normalise(&email, text).unwrap()).collect();
        let identifiers = if emails.is_empty() { BTreeMap::new() } else { BTreeMap::from([(email, emails)]) };
        Change {
            person: PersonKey([1; 16]),
            identifiers,
            fields: code.into_iter().map(|value| (id("code"), value)).collect(),
            fact,
            occurred_at: at(0) + SignedDuration::from_millis(500 * half_second),
            origin: Origin::Live,
        }
    }
}

fn fold<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Person {
    let mut person = person();
    for change in changes {
        let version = person.version + 1;
        if merge(&mut person, change, version, &context()).any() {
            person.version = version;
        }
    }
    person
}

/// What destinations can be told of: neither versions nor the story of arrival.
fn content(mut person: Person) -> serde_json::Value {
    person.version = 0;
    person.former.clear();
    fn strip<K, T>(map: &mut BTreeMap<K, Entry<T>>) {
        map.values_mut().for_each(|entry| entry.version = 0);
    }
    strip(&mut person.identifiers);
    strip(&mut person.fields);
    strip(&mut person.memberships);
    strip(&mut person.attributes);
    if let Some(entry) = &mut person.suppression {
        entry.version = 0;
    }
    if let Some(gone) = &mut person.gone {
        gone.version = 0;
        gone.keys.clear();
    }
    serde_json::to_value(person).unwrap()
}

pub(super) fn activation() -> Activation {
    serde_json::from_value(serde_json::json!({
        "id": "act", "name": "Act", "source": "shop",
        "audiences": [{"audience": "a"}, {"audience": "b"}],
        "attributes": [{"attribute": "x", "type": "integer"}],
        "destination": "webhook", "authorization": "auth", "settings": {},
        "person_identifier": "ids.email", "triggers": ["code"],
        "retry_window_hours": 72, "status": "active", "revision": 3, "layout": 1,
        "created_at": "2026-01-01T00:00:00Z"
    }))
    .unwrap()
}

fn receipt(outcome: Outcome, version: Version, revision: u64, doubt: Doubt) -> Receipt {
    Receipt { outcome, version, revision, doubt, at: at(0), said: String::new(), inside: Vec::new(), trying: None }
}

proptest! {
    #[test]
    fn merge_is_commutative_and_associative(
        changes in prop::collection::vec(change(), 1..12),
        seed in any::<u64>(),
    ) {
        let mut shuffled: Vec<&Change> = changes.iter().collect();
        let mut state = seed;
        for index in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(index, usize::try_from(state >> 33).unwrap() % (index + 1));
        }
        prop_assert_eq!(content(fold(&changes)), content(fold(shuffled)));
    }

    #[test]
    fn a_value_reads_back_as_it_was_stored(value in sent_value()) {
        let stored = serde_json::to_vec(&value).unwrap();
        prop_assert_eq!(serde_json::from_slice::<Value>(&stored).unwrap(), value);
    }

    #[test]
    fn a_number_beyond_64_bits_reads_back_as_it_was_stored(number in 9_223_372_036_854_775_808_u64..) {
        let value = Value::from_json(&number.into()).unwrap();
        let stored = serde_json::to_vec(&value).unwrap();
        prop_assert_eq!(serde_json::from_slice::<Value>(&stored).unwrap(), value);
    }

    #[test]
    fn merge_is_idempotent(changes in prop::collection::vec(change(), 1..12)) {
        let once = fold(&changes);
        let twice = fold(changes.iter().chain(changes.iter()));
        prop_assert_eq!(content(once), content(twice));
    }

    #[test]
    fn a_repeat_leaves_the_version_alone(changes in prop::collection::vec(change(), 1..8)) {
        let mut person = fold(&changes);
        let before = person.version;
        let last = changes.last().unwrap();
        prop_assert!(!merge(&mut person, last, before + 1, &context()).any());
    }

    #[test]
    fn pending_is_false_exactly_when_nothing_relevant_is_newer(
        before in prop::collection::vec(change(), 1..8),
        after in prop::collection::vec(change(), 0..4),
        revision in 2u64..5,
        settled_doubt in 0u64..3,
        doubt in 0u64..3,
    ) {
        let activation = activation();
        let mut person = fold(&before);
        let mut standing = Standing { doubt, ..Standing::default() };
        let read = receipt(Outcome::Delivered, person.version, revision, settled_doubt);
        standing.records.entry(RecordId::Person).or_default().receipt = Some(read);
        let mut relevant = false;
        for change in &after {
            let version = person.version + 1;
            let former_key = person.key_at(&activation.person_identifier);
            let touched = merge(&mut person, change, version, &context());
            if touched.any() {
                person.version = version;
            }
            let fact = touched.fact && match &change.fact {
                Fact::Entered { audience, .. } | Fact::Left { audience } => audience.as_str() != "c",
                Fact::Attribute { attribute, .. } => attribute.as_str() == "x",
                Fact::Suppression(_) => true,
                Fact::Sighted { .. } | Fact::Happened { .. } | Fact::Profile | Fact::MergedInto { .. } | Fact::Erased => false,
            };
            let path = touched.paths.iter().any(|path| matches!(path.to_string().as_str(), "ids.email" | "fields.code"));
            let key_changed = former_key != person.key_at(&activation.person_identifier);
            prop_assert!(!key_changed || path || touched.gone, "a key changes with its path alone");
            relevant |= fact || path || touched.gone;
        }
        let newer = relevant || revision < activation.revision || settled_doubt < doubt;
        prop_assert_eq!(due(&person, &standing, &activation, &RecordId::Person) == Due::Pending, newer);
    }

    #[test]
    fn normalising_twice_is_normalising_once(kind in "email|phone|user_id", text in "\\PC{0,20}(@\\PC{0,8})?") {
        let kind: IdentifierType = id(&kind);
        if let Ok(once) = Identifier::normalise(&kind, &text) {
            prop_assert_eq!(&Identifier::normalise(&kind, once.expose()).unwrap(), &once);
        }
    }

    #[test]
    fn a_row_survives_its_stored_form(changes in prop::collection::vec(change(), 1..12)) {
        let person = fold(&changes);
        let stored = serde_json::to_string(&person).unwrap();
        prop_assert_eq!(serde_json::from_str::<Person>(&stored).unwrap(), person);
    }
}

fn single(fact: Fact, second: i64) -> Change {
    let email: IdentifierType = id("email");
    let address = Identifier::normalise(&email, "a@x.dk").unwrap();
    Change {
        person: PersonKey([1; 16]),
        identifiers: BTreeMap::from([(email, vec![address])]),
        fields: BTreeMap::new(),
        fact,
        occurred_at: at(second),
        origin: Origin::Live,
    }
}

#[test]
fn at_a_tie_leaving_wins() {
    let entered = single(Fact::Entered { audience: id("a"), properties: BTreeMap::new() }, 5);
    let left = single(Fact::Left { audience: id("a") }, 5);
    for order in [[&entered, &left], [&left, &entered]] {
        assert_eq!(fold(order).memberships[&id::<AudienceId>("a")].value, Membership::Left);
    }
}

#[test]
fn a_replaced_address_becomes_a_former_key_and_a_returning_one_stops_being_one() {
    let email: IdentifierType = id("email");
    let with = |text: &str, second| Change {
        identifiers: BTreeMap::from([(email.clone(), vec![Identifier::normalise(&email, text).unwrap()])]),
        ..single(Fact::Profile, second)
    };
    let moved = fold([&with("old@x.dk", 1), &with("new@x.dk", 2)]);
    assert_eq!(moved.former.iter().map(|former| former.value.expose()).collect::<Vec<_>>(), ["old@x.dk"]);
    let back = fold([&with("old@x.dk", 1), &with("new@x.dk", 2), &with("old@x.dk", 3)]);
    assert_eq!(back.former.iter().map(|former| former.value.expose()).collect::<Vec<_>>(), ["new@x.dk"]);
}

#[test]
fn erasure_takes_everything_but_the_keys_and_a_newer_fact_begins_again() {
    let entered = |second| single(Fact::Entered { audience: id("a"), properties: BTreeMap::new() }, second);
    let erased = fold([&entered(1), &single(Fact::Erased, 2)]);
    assert_eq!(content(erased.clone()), content(fold([&single(Fact::Erased, 2)])), "nothing is left");
    assert_eq!(erased.gone.as_ref().unwrap().keys.len(), 1);
    assert!(fold([&single(Fact::Erased, 2), &entered(1)]).memberships.is_empty(), "an older fact is void");
    let again = fold([&entered(1), &single(Fact::Erased, 2), &entered(3)]);
    assert!(again.memberships[&id::<AudienceId>("a")].value.is_inside());
    assert!(again.version > erased.version, "the version goes on");
}

#[test]
fn who_was_erased_and_later_merged_is_still_to_be_forgotten() {
    let merged = |second| single(Fact::MergedInto { survivor: PersonKey([2; 16]) }, second);
    for order in [[single(Fact::Erased, 2), merged(4)], [merged(4), single(Fact::Erased, 2)]] {
        let person = fold(&order);
        let gone = person.gone.unwrap();
        assert_eq!((gone.reason, gone.at), (GoneReason::Erased, at(4)));
    }
}

#[test]
fn an_unlinked_fact_makes_nothing_pending() {
    let activation = activation();
    let person = fold([&single(Fact::Entered { audience: id("c"), properties: BTreeMap::new() }, 1)]);
    assert!(records(&person, &Standing::default(), &activation, RecordShape::PerPerson).is_empty());
    assert!(records(&person, &Standing::default(), &activation, RecordShape::PerPersonAndAudience).is_empty());
    assert_eq!(relevant_version(&person, &activation, &RecordId::Person), 1, "the key itself is relevant");
}

#[test]
fn what_a_run_found_during_the_walk_holds_after_it_until_somebody_decides() {
    let mut activation = activation();
    activation.set_status(ActivationStatus::Backfilling, None);
    let seen = activation.clone();
    activation.finish_backfill();
    assert_eq!((activation.status, activation.was_decided_since(&seen)), (ActivationStatus::Active, false));
    activation.set_status(ActivationStatus::Paused, None);
    activation.set_status(ActivationStatus::Active, None);
    assert!(activation.was_decided_since(&seen));
}

#[test]
fn an_account_puts_every_change_into_one_column() {
    use standing::{Account, Ending};
    let mut account = Account::default();
    account.cover(3, Ending::Filtered);
    assert_eq!(account.tally().filtered, 1);
    account.cover(3, Ending::Delivered);
    assert_eq!((account.tally().filtered, account.tally().delivered, account.tally().superseded), (0, 1, 2));
    account.cover(5, Ending::Rejected);
    let tally = account.tally();
    assert_eq!((tally.delivered, tally.rejected, tally.superseded, tally.sum()), (1, 1, 3, 5));
}

#[test]
fn identifiers_never_print() {
    let change = single(Fact::Profile, 1);
    let printed = format!("{change:?} {:?}", fold([&change]));
    assert!(!printed.contains("a@x.dk"), "{printed}");
}

#[test]
fn since_when_somebody_is_inside_is_news_where_only_that_much_was_known() {
    let enter = |second, origin| Change {
        person: PersonKey([1; 16]),
        identifiers: BTreeMap::new(),
        fields: BTreeMap::new(),
        fact: Fact::Entered { audience: id("a"), properties: BTreeMap::new() },
        occurred_at: at(second),
        origin,
    };
    let mut person = person();
    let mut version = 0;
    let mut tell = |second, origin| {
        version += 1;
        merge(&mut person, &enter(second, origin), version, &context()).fact
    };
    assert!(tell(10, Origin::Backfill));
    assert!(!tell(11, Origin::Backfill), "told again, and no better");
    assert!(!tell(5, Origin::Live), "older than what is known");
    assert!(tell(12, Origin::Live));
    assert!(!tell(13, Origin::Live), "a refresh");
    assert_eq!(person.memberships[&id::<AudienceId>("a")].version, 4);
}

#[test]
fn a_doubt_speaks_of_audiences_that_were_unlinked_too() {
    let person = fold([&single(Fact::Entered { audience: id("a"), properties: BTreeMap::new() }, 1)]);
    let mut unlinked = activation();
    for link in &mut unlinked.audiences {
        link.state = LinkState::Removed;
    }
    let of = |standing: &Standing| records(&person, standing, &unlinked, RecordShape::PerPersonAndAudience);
    assert!(of(&Standing::default()).is_empty(), "nobody is told of a link that was taken away");
    let doubtful = of(&Standing { doubt: 1, ..Standing::default() });
    assert!(doubtful.contains(&RecordId::Audience(id("a"))), "a run that died may have: {doubtful:?}");
}
