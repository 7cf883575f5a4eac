use super::changes::{Consequence, apply};
use super::*;
use crate::model::{ActivationStatus, LinkState};

fn activation(status: &str) -> Activation {
    let activated_at = (status != "draft").then_some("2026-01-02T00:00:00Z");
    serde_json::from_value(serde_json::json!({
        "id": "loyal", "name": "Loyal", "source": "cdp", "destination": "stub", "authorization": "main",
        "audiences": [{ "audience": "gold" }], "attributes": [{ "attribute": "ltv", "type": "decimal" }],
        "settings": { "list": 1 }, "person_identifier": "ids.email", "retry_window_hours": 72,
        "status": status, "revision": 4, "layout": 2,
        "created_at": "2026-01-01T00:00:00Z", "activated_at": activated_at,
    }))
    .unwrap()
}

fn consequence_of(change: serde_json::Value) -> (Activation, Consequence) {
    let mut activation = activation("active");
    let consequence = apply(&mut activation, &serde_json::from_value(change).unwrap());
    (activation, consequence)
}

#[test]
fn what_nobody_sees_at_the_vendor_raises_nothing() {
    let (activation, consequence) = consequence_of(serde_json::json!({
        "name": "Very loyal", "description": "…", "notify": "owner@example.com", "triggers": ["plan"],
        "retry_window_hours": 24,
    }));
    assert_eq!(consequence, Consequence::Nothing);
    assert_eq!((activation.name.as_str(), activation.notify.as_deref()), ("Very loyal", Some("owner@example.com")));
}

#[test]
fn another_identifier_raises_the_revision_alone() {
    let (_, consequence) = consequence_of(serde_json::json!({ "person_identifier": "fields.member" }));
    assert_eq!(consequence, Consequence::Resend);
}

#[test]
fn settings_and_links_raise_revision_and_layout() {
    for change in [
        serde_json::json!({ "settings": { "list": 2 } }),
        serde_json::json!({ "audiences": { "add": ["silver"] } }),
        serde_json::json!({ "audiences": { "remove": ["gold"] } }),
        serde_json::json!({ "attributes": { "add": [{ "attribute": "ltv", "type": "integer" }] } }),
        serde_json::json!({ "attributes": { "remove": ["ltv"] } }),
    ] {
        assert_eq!(consequence_of(change.clone()).1, Consequence::Rebuild, "{change}");
    }
}

#[test]
fn what_is_so_already_raises_nothing() {
    for change in [
        serde_json::json!({}),
        serde_json::json!({ "settings": { "list": 1 }, "person_identifier": "ids.email", "settings": { "list": 1 } }),
        serde_json::json!({ "audiences": { "add": ["gold"], "remove": ["never linked"] } }),
        serde_json::json!({ "attributes": { "add": [{ "attribute": "ltv", "type": "decimal" }], "remove": ["x"] } }),
    ] {
        assert_eq!(consequence_of(change.clone()).1, Consequence::Nothing, "{change}");
    }
}

#[test]
fn a_removed_link_is_kept_for_its_label_unless_the_vendor_never_saw_it() {
    let change: ActivationChange = serde_json::from_str(r#"{"audiences":{"remove":["gold"]}}"#).unwrap();
    let (mut active, mut draft) = (activation("active"), activation("draft"));
    apply(&mut active, &change);
    apply(&mut draft, &change);
    assert_eq!(active.audiences.iter().map(|link| link.state).collect::<Vec<_>>(), [LinkState::Removed]);
    assert!(draft.audiences.is_empty());
}

#[test]
fn a_removed_link_that_is_added_again_lives() {
    let (mut activation, _) = consequence_of(serde_json::json!({ "audiences": { "remove": ["gold"] } }));
    let change: ActivationChange = serde_json::from_str(r#"{"audiences":{"add":["gold"]}}"#).unwrap();
    assert_eq!(apply(&mut activation, &change), Consequence::Rebuild);
    assert_eq!(activation.audiences.iter().map(|link| link.state).collect::<Vec<_>>(), [LinkState::Live]);
}

#[test]
fn consequences_add_up_and_raise_the_numbers() {
    let mut activation = activation("active");
    Consequence::Relabel.raise(&mut activation);
    assert_eq!((activation.revision, activation.layout), (4, 3));
    Consequence::Resend.raise(&mut activation);
    assert_eq!((activation.revision, activation.layout), (5, 3));
    Consequence::Relabel.and(Consequence::Resend).raise(&mut activation);
    assert_eq!((activation.revision, activation.layout), (6, 4));
}

#[test]
fn absent_stays_and_null_clears() {
    let mut changed = activation("active");
    changed.notify = Some("owner@example.com".to_owned());
    apply(&mut changed, &serde_json::from_str("{}").unwrap());
    assert_eq!(changed.notify.as_deref(), Some("owner@example.com"));
    apply(&mut changed, &serde_json::from_str(r#"{"notify":null}"#).unwrap());
    assert_eq!(changed.notify, None);
    assert_eq!(changed.status, ActivationStatus::Active);
}

#[test]
fn parts_of_a_list_meet_without_gap_or_overlap() {
    let all: Vec<String> = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
    let mut part = Part { after: None, limit: 2 };
    let mut seen = Vec::new();
    loop {
        let Page { items, next } = page(all.clone(), &part, Clone::clone);
        seen.extend(items);
        match next {
            Some(next) => part.after = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, all);
}

#[test]
fn secrets_do_not_print() {
    let new: NewSource = serde_json::from_str(
        r#"{"id":"cdp","name":"CDP","keyed_by":"email","authentication":{"method":"header","name":"x-key"},
            "secret":"MARKER-0123456789"}"#,
    )
    .unwrap();
    let query: PersonQuery =
        serde_json::from_str(r#"{"source":"cdp","type":"email","value":"MARKER@example.com"}"#).unwrap();
    assert!(!format!("{new:?}{query:?}").contains("MARKER"));
}
