use std::io::BufReader;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{ACTION, INVALID, REFERENCE, REWARD_REQUESTED, parse};
use crate::model::source_format::EeConnectFormat;
use crate::model::{Fact, InstallationKey, Source, SourceAuthentication, SourceFormat};
use crate::sources::{Parsed, Reading};

fn format() -> EeConnectFormat {
    serde_json::from_value(json!({"platform": "braze"})).unwrap()
}

fn read(body: &[u8]) -> Parsed {
    let source = Source {
        id: "asks".parse().unwrap(),
        name: "Braze".to_owned(),
        keyed_by: "ee_identity".parse().unwrap(),
        authentication: SourceAuthentication::Header { name: "x-auth-token".to_owned() },
        format: SourceFormat::EeConnect(format()),
        sightings_days: 30,
        access: None,
        created_at: Timestamp::UNIX_EPOCH,
    };
    let key = InstallationKey::new([7; 32]);
    let reading = Reading { source: &source, key: &key, now: Timestamp::UNIX_EPOCH, stamped_at: Timestamp::UNIX_EPOCH };
    parse(&format(), &mut BufReader::new(body), &reading).unwrap()
}

fn asks(identity: &str, reference: &str, actions: &[&str]) -> Json {
    let triggers: Vec<Json> = actions.iter().map(|action| json!({"reference": action})).collect();
    json!({"type": "services/trigger", "body": {"identityValue": identity, "walletTransaction": {"reference": reference},
           "triggers": triggers}})
}

fn of(body: &Json) -> Parsed {
    read(body.to_string().as_bytes())
}

/// Person, id and details of each event.
fn events(parsed: &Parsed) -> Vec<(String, String, Json)> {
    let event = |item: &crate::sources::Item| {
        let Fact::Happened { event, id, details } = &item.change.fact else { panic!("{:?}", item.change.fact) };
        assert_eq!(event.as_str(), REWARD_REQUESTED);
        (item.change.person.to_string(), id.to_string(), Json::Object(details.0.clone()))
    };
    parsed.items.iter().map(event).collect()
}

#[test]
fn a_request_is_an_event_of_its_person() {
    let parsed = of(&asks("CUST-1", "canvas-1", &["WELCOME-100"]));
    let told = events(&parsed);
    assert_eq!(told[0].2, json!({ACTION: "WELCOME-100", REFERENCE: "canvas-1", "platform": "braze"}));
    let kept = &parsed.items[0].change.identifiers;
    let kept: Vec<(&str, &str)> = kept.iter().map(|(kind, values)| (kind.as_str(), values[0].expose())).collect();
    assert_eq!(kept, [("air_identity", "CUST-1"), ("ee_identity", "cust-1")], "as it is written, and as one finds it");
}

#[test]
fn only_the_first_of_several_actions_has_the_platforms_reference() {
    let told = events(&of(&asks("CUST-1", "canvas-1", &["A", "B", "A"])));
    let details: Vec<&Json> = told.iter().map(|(_, _, details)| details).collect();
    assert_eq!(
        details,
        [&json!({ACTION: "A", REFERENCE: "canvas-1", "platform": "braze"}), &json!({ACTION: "B", "platform": "braze"})]
    );
}

#[test]
fn every_mistake_is_told_with_its_place() {
    for (body, expected) in [
        (json!({}), &["type", "body.identityValue", "body.walletTransaction.reference", "body.triggers"][..]),
        (asks("", "r", &["A"]), &["body.identityValue"]),
        (asks("CUST-1", "  ", &["A"]), &["body.walletTransaction.reference"]),
        (asks("CUST-1", "r", &[]), &["body.triggers"]),
        (asks("CUST-1", "r", &["A", ""]), &["body.triggers[1].reference"]),
        (
            json!({"type": "services/trigger", "body": "CUST-1"}),
            &["body.identityValue", "body.walletTransaction.reference", "body.triggers"],
        ),
    ] {
        let parsed = of(&body);
        let paths: Vec<&str> = parsed.rejected.iter().map(|one| one.path.as_str()).collect();
        assert_eq!((paths.as_slice(), parsed.items.len(), parsed.noted[INVALID]), (expected, 0, 1), "{body}");
    }
    let broken = read(b"{\"type\": \"services/trigger\", \"body\": {\"identityValue\": \"O\"Hara\"}}");
    assert_eq!(broken.rejected[0].path, "body");
    assert!(!broken.rejected[0].reason.contains("Hara"), "{}", broken.rejected[0].reason);
}

proptest! {
    #[test]
    fn the_same_request_is_the_same_event_in_whatever_letters(
        identity in "[A-Za-z0-9-]{1,20}", reference in "[!-~]{1,60}", action in "[!-~]{1,30}",
    ) {
        let one = events(&of(&asks(&identity, &reference, &[&action])));
        let other = events(&of(&asks(&identity.to_uppercase(), &reference, &["x", &action])));
        let found = other.iter().find(|(_, id, _)| *id == one[0].1);
        prop_assert_eq!(found.map(|(person, _, _)| person), Some(&one[0].0));
    }

    #[test]
    fn no_bytes_make_it_fail(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let parsed = read(&bytes);
        prop_assert!(parsed.items.is_empty() != parsed.rejected.is_empty());
    }
}
