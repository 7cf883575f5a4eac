//! What can be seen without a network; the contract suite talks to the twin.

use std::collections::{BTreeMap, BTreeSet};

use insta::{assert_json_snapshot, assert_snapshot};
use jiff::Timestamp;
use proptest::prelude::*;
use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use super::bulk::{MAX_PAGES, Pays, csv, import_pays, is_plain};
use super::client::{authorization, header_time, search_path, signature, status};
use super::config::IdentifierField;
use super::live::one_of_a_value;
use super::mapping::{
    Cell, Composed, NotPrepared, Notes, OwnField, OwnFields, attribute_field, audience_field, cell, comparable,
    compose, fit, label, redact,
};
use super::parse::{Contact, EachMember, Format, List, Member};
use super::prepare::{Spot, changes, locate, own_fields, vanished, wanted};
use super::{Credentials, Heyloyalty, Settings};
use crate::destination::{Action, Destination, Failure, LinkedAttribute, LinkedAudience, Links, Shown, Shows, Signal};
use crate::http::Answer;
use crate::model::{AttributeLink, AttributeType, LinkState, Value};
use crate::ports::Secret;

const LIST: &[u8] = include_bytes!("fixtures/list.json");
const NESTED: &str = include_str!("fixtures/member_nested.json");
const FLAT: &str = include_str!("fixtures/member_flat.json");

fn settings(more: Json) -> Settings {
    let mut json = json!({ "list_id": 4711 });
    json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Settings::read(&json).unwrap()
}

fn email() -> IdentifierField {
    IdentifierField::default()
}

fn member(json: &Json) -> Member {
    Member::read(json, &email()).unwrap()
}

fn links(attributes: &[(&str, AttributeType)]) -> Links {
    let audience = |id: &str, name: &str, state| LinkedAudience { id: id.parse().unwrap(), name: name.into(), state };
    let attribute = |(id, kind): &(&str, AttributeType)| LinkedAttribute {
        link: AttributeLink { attribute: id.parse().unwrap(), kind: *kind },
        name: format!("The {id}"),
    };
    Links {
        activation: "act".into(),
        source: "lytics".into(),
        audiences: vec![
            audience("cats", "Cat owners", LinkState::Live),
            audience("dogs", "Hundeejere \u{7}på Sjælland", LinkState::Live),
            audience("fish", "Fish", LinkState::Removed),
        ],
        attributes: attributes.iter().map(attribute).collect(),
    }
}

/// Every kind of attribute.
fn all_links() -> Links {
    use AttributeType::{Boolean, Date, DateTime, Decimal, Integer, List, String};
    links(&[
        ("vip", Boolean),
        ("visits", Integer),
        ("ltv", Decimal),
        ("city", String),
        ("born", Date),
        ("seen", DateTime),
        ("tags", List),
    ])
}

fn list_with(fields: &[(&str, u64, &str, &str)]) -> List {
    let mut list = List::read(LIST).unwrap();
    list.fields.extend(fields.iter().map(|(name, id, label, format)| super::parse::ListField {
        id: Some(*id),
        name: (*name).into(),
        label: (*label).into(),
        format: Format::from((*format).to_owned()),
    }));
    list
}

fn prepared(links: &Links, settings: &Settings) -> OwnFields {
    let wanted = wanted(links, settings);
    let mut list = List::read(LIST).unwrap();
    for (id, want) in (1..).zip(&wanted) {
        let (name, label, format) = (want.name.clone(), want.label.clone(), want.format.clone());
        list.fields.push(super::parse::ListField { id: Some(id), name, label, format });
    }
    own_fields(&list, &wanted, None).unwrap().0
}

fn notes(fields: OwnFields) -> Notes {
    Notes {
        list: "Newsletter DK".into(),
        identifier_format: Format::Text,
        duplicates: "disallow".into(),
        fields,
        read_at: Timestamp::UNIX_EPOCH,
    }
}

fn shown(attributes: &[(&str, Value)]) -> Action {
    Action::Show(Shown {
        audiences: BTreeMap::from([
            ("cats".parse().unwrap(), Shows::Inside(BTreeMap::new())),
            ("dogs".parse().unwrap(), Shows::Never),
        ]),
        attributes: attributes.iter().map(|(id, value)| (id.parse().unwrap(), value.clone())).collect(),
        ..Shown::default()
    })
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn full() -> Action {
    shown(&[
        ("vip", Value::Boolean(true)),
        ("visits", Value::Integer(12)),
        ("ltv", Value::from_json(&json!(1290.555)).unwrap()),
        ("city", text("Rødovre")),
        ("born", text("1990-02-28")),
        ("seen", text("2026-01-05T23:30:00Z")),
        ("tags", Value::List(vec![text("a"), Value::Integer(2)])),
    ])
}

// --- the wire ---------------------------------------------------------------------------------------

#[test]
fn signatures_are_base64_of_the_hexadecimal_digits() {
    for (secret, key, time, expected_signature, expected_header) in [
        (
            "API_SECRET",
            "API_KEY",
            "2013-05-24T13:16:26Z",
            "MjgwYTMxNTM2NjkwMzRmMTM0NTUyZWRkOTNkMzVhNmQ2OGZlNGFjM2MwNzg1ZGQ3MmU0YzdiNGRmODJiNjI3Mg==",
            "Basic QVBJX0tFWTpNamd3WVRNeE5UTTJOamt3TXpSbU1UTTBOVFV5WldSa09UTmtNelZoTm1RMk9HWmxOR0ZqTTJNd056ZzFaR1EzTW1VMFl6ZGlOR1JtT0RKaU5qSTNNZz09",
        ),
        (
            "s3cr3t-example",
            "k3y-example",
            "2026-01-05T07:08:09Z",
            "Nzc4NmIxMjc0Zjg2OTY0MGQ0ZjdmNDhiZTM0OGViNjM0YzYwNmM1MTg3MWQxMTQ2OThmMWU5YTU2NGVmNjg0OQ==",
            "Basic azN5LWV4YW1wbGU6TnpjNE5tSXhNamMwWmpnMk9UWTBNR1EwWmpkbU5EaGlaVE0wT0dWaU5qTTBZell3Tm1NMU1UZzNNV1F4TVRRMk9UaG1NV1U1WVRVMk5HVm1OamcwT1E9PQ==",
        ),
    ] {
        let signed = signature(secret, &header_time(time.parse().unwrap()));
        assert_eq!(signed, expected_signature);
        assert_eq!(authorization(key, &signed), expected_header);
    }
    assert_eq!(header_time("2026-01-05T07:08:09Z".parse().unwrap()), "Mon, 05 Jan 2026 07:08:09 GMT");
}

#[test]
fn a_search_is_percent_encoded() {
    assert_eq!(
        search_path(4711, &email(), "anna+shop@exämple.com"),
        "/loyalty/v1/lists/4711/members?filter%5Bemail%5D%5Beq%5D%5B%5D=anna%2Bshop%40ex%C3%A4mple.com&perpage=51"
    );
}

#[test]
fn the_code_of_a_body_counts_only_where_it_contradicts_success() {
    let answer = |status: StatusCode, body: &str| {
        super::client::status(&Answer { status, retry_after: None, date: None, body: body.into() })
    };
    assert_eq!(answer(StatusCode::OK, r#"{"code":"404"}"#), 404);
    assert_eq!(answer(StatusCode::OK, r#"{"code":200}"#), 200);
    assert_eq!(answer(StatusCode::OK, r#"{"id":"a","code":404}"#), 200);
    assert_eq!(answer(StatusCode::NO_CONTENT, ""), 204);
    assert_eq!(answer(StatusCode::NOT_FOUND, r#"{"code":200}"#), 404);
    assert_eq!(status(&Answer { status: StatusCode::BAD_GATEWAY, retry_after: None, date: None, body: vec![] }), 502);
}

// --- what is read -----------------------------------------------------------------------------------

#[test]
fn both_shapes_of_a_member_say_the_same() {
    for shape in [NESTED, FLAT] {
        let member = member(&serde_json::from_str(shape).unwrap());
        assert_eq!(member.id.as_str(), "5f0f2f0e-53f3-4f0c-9d0a-3a3f6a1f7c11");
        assert_eq!(member.contact, Contact::Active);
        assert_eq!(member.value("email"), Some("Anna@Example.com"));
        assert_eq!(member.value("country"), Some("53"));
        assert_eq!(member.value("cdp_a_7f3c21"), Some("1"));
        assert_eq!(member.value("interests"), Some("31995,31996"));
        assert_eq!(member.value("cdp_c_born"), None);
    }
}

#[test]
fn whoever_is_not_surely_active_is_not() {
    let contact = |status: Json, unsubscribed: Json| {
        member(&json!({ "id": 1, "status": status, "unsubscribed_at": unsubscribed, "fields": [] })).contact
    };
    let active = json!({ "status": "active", "email": "active" });
    assert_eq!(contact(active.clone(), Json::Null), Contact::Active);
    assert_eq!(contact(active.clone(), json!("")), Contact::Active);
    assert_eq!(contact(active, json!("2026-01-01 00:00:00")), Contact::Unsubscribed);
    assert_eq!(contact(json!({ "status": "active", "email": "complaint" }), Json::Null), Contact::Complaint);
    assert_eq!(contact(json!({ "status": "active", "email": "hard_bounce" }), Json::Null), Contact::HardBounce);
    assert_eq!(contact(json!({ "status": "active", "email": "odd" }), Json::Null), Contact::NotActive);
    assert_eq!(contact(json!({ "status": "temporary" }), Json::Null), Contact::NotActive);
    assert_eq!(contact(Json::Null, Json::Null), Contact::NotActive);
}

#[test]
fn a_list_keeps_doubled_names_and_takes_empty_arrays_for_maps() {
    let list = List::read(LIST).unwrap();
    assert_eq!((list.name.as_str(), list.duplicates.as_str(), list.fields.len()), ("Newsletter DK", "disallow", 4));
    assert_eq!(list.fields[1].id, Some(90002));
    let doubled = br#"{"id":1,"name":"x","fields":{"a":{"id":2,"format":"text"},"a":{"id":1,"format":"text"}}}"#;
    assert_eq!(List::read(doubled).unwrap().fields.len(), 2);
    assert!(List::read(br#"{"id":1,"name":"x","fields":[]}"#).unwrap().fields.is_empty());
    assert!(List::read(br#"{"error":"no"}"#).is_none());
}

#[test]
fn a_page_is_read_member_by_member() {
    let page = format!(r#"{{"page":1,"members":[{NESTED},{FLAT}],"more":{{}}}}"#);
    let mut ids = Vec::new();
    let identifier = email();
    let mut each = EachMember { identifier: &identifier, take: |m| ids.push(m.id), seen: 0, first: None };
    assert!(each.read(page.as_bytes()).is_ok());
    assert_eq!(each.seen, 2);
    assert_eq!(ids.len(), 2);
    let mut each = EachMember { identifier: &identifier, take: drop, seen: 0, first: None };
    assert!(each.read(br#"{"error":"x"}"#).is_err());
    assert!(each.read(br#"{"members":[{"id""#).is_err());
}

#[test]
fn signals_name_the_member() {
    let read = super::read_signal;
    let known = Signal::VendorId("5f0f2f0e-53f3-4f0c-9d0a-3a3f6a1f7c11".into());
    assert_eq!(read(include_bytes!("fixtures/signal_default.json")), Ok(Some(known.clone())));
    assert_eq!(read(include_bytes!("fixtures/signal_simplified.json")), Ok(Some(known)));
    assert_eq!(read(br#"{"type":"connection test"}"#), Ok(None));
    assert_eq!(read(br#"{"type":"click","member_id":"x"}"#), Ok(None));
    let by_key = read(br#"{"type":"update","member":{"fields":{"email":"Anna@Example.com"}}}"#);
    assert!(matches!(by_key, Ok(Some(Signal::Key(key))) if key.expose() == "anna@example.com"));
    assert!(read(b"type=update").is_err());
    assert!(read(br#"{"type":"update","member_id":"../lists"}"#).is_err());
    assert!(read(br#"{"type":"update"}"#).is_err());
}

// --- settings ---------------------------------------------------------------------------------------

#[test]
fn settings_are_read_strictly_with_the_path() {
    let refused = |json: Json| Settings::read(&json).unwrap_err();
    assert_snapshot!(refused(json!({ "list_id": 1, "lst": 2 })).split(',').next().unwrap(), @"$.lst: unknown field `lst`");
    assert_snapshot!(refused(json!({})), @"$: missing field `list_id`");
    assert_snapshot!(refused(json!({ "list_id": 0 })), @"$.list_id: must be the number in the list's URL");
    assert_snapshot!(refused(json!({ "list_id": 1, "decimals": { "scaled_integer": { "digits": 0 } } })), @"$.decimals.scaled_integer.digits: must be 1 to 9");
    assert_snapshot!(refused(json!({ "list_id": 1, "time_zone": "Mars/Olympus" })), @"$.time_zone: must be the IANA name of a time zone, such as `Europe/Copenhagen`");
    assert_snapshot!(refused(json!({ "list_id": 1, "identifier": "cdp_a_1" })), @"$.identifier: must not be a field that Muster writes");
    assert_snapshot!(refused(json!({ "list_id": 1, "missing_people": "create" })), @"$.missing_people.create: needs settings of its own, in an object");
    assert_snapshot!(refused(json!({ "list_id": 1, "missing_people": { "create": { "consent": "ok" } } })), @"$.missing_people.create: missing field `opt_in`");
    let by_reference = json!({ "list_id": 1, "identifier": "reference", "missing_people": { "create": { "consent": "ok", "opt_in": "skip" } } });
    assert_snapshot!(refused(by_reference), @"$.missing_people: people can be added by `email` or `mobile` only; see `identifier`");
    assert!(
        refused(json!({ "list_id": 1, "decimals": { "scaled_integer": { "digits": 2, "x": 1 } } }))
            .contains("unknown field")
    );
}

#[test]
fn credential_errors_never_hold_a_value() {
    let refused = |json: Json| Credentials::read(&Secret(json)).unwrap_err();
    assert_snapshot!(refused(json!({ "api_key": 12345, "api_secret": "s" })), @"$.api_key: must be as the schema says");
    assert_snapshot!(refused(json!({ "api_key": "k" })), @"$: missing field `api_secret`");
    assert_snapshot!(refused(json!({ "api_key": "k:1", "api_secret": "s" })), @"$.api_key: must not contain a colon");
    assert_snapshot!(refused(json!({ "api_key": "k", "api_secret": "s3 cret" })), @"$.api_secret: must be a text without spaces");
    assert_snapshot!(refused(json!("s3cret")), @"$: must be as the schema says");
}

#[test]
fn the_settings_schema_is_published_with_defaults() {
    assert_json_snapshot!(Heyloyalty.spec().settings);
}

// --- mapping ----------------------------------------------------------------------------------------

#[test]
fn names_are_stable_and_tell_sources_and_kinds_apart() {
    let cats = "cats".parse().unwrap();
    assert_snapshot!(audience_field("lytics", &cats), @"cdp_a_d8b979f737");
    assert_snapshot!(attribute_field("lytics", &"ltv".parse().unwrap()), @"cdp_c_e435aceb66");
    assert_ne!(audience_field("raptor", &cats), audience_field("lytics", &cats));
    let name = audience_field("lytics", &cats);
    assert!(name.len() <= 40 && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'));
}

#[test]
fn labels_are_cleaned_and_never_empty() {
    assert_eq!(label("  Hunde\u{7}ejere på Sjælland \n", "x"), "Hundeejere på Sjælland");
    assert_eq!(label("\u{7}", "the-id"), "the-id");
    assert_eq!(label(&"ø".repeat(150), "x").chars().count(), 100);
}

#[test]
fn the_body_of_everything_shown() {
    let (links, settings) = (all_links(), settings(json!({})));
    let composed = compose(&full(), &prepared(&links, &settings), &links, &settings).ok().unwrap();
    assert_json_snapshot!(composed.body());
    assert!(composed.remarks.is_empty());
}

#[test]
fn the_body_under_the_other_settings() {
    let other =
        json!({ "never_inside": "zero", "decimals": { "scaled_integer": { "digits": 2 } }, "date_time": "date" });
    let (links, settings) = (all_links(), settings(other));
    let composed = compose(&full(), &prepared(&links, &settings), &links, &settings).ok().unwrap();
    assert_json_snapshot!(composed.body());
}

#[test]
fn leaving_writes_zero_and_forgetting_empties_retired_fields_too() {
    let (links, settings) = (links(&[("ltv", AttributeType::Decimal)]), settings(json!({})));
    let mut fields = prepared(&links, &settings);
    let removed = OwnField { name: "cdp_a_fish".into(), id: Some(99), format: Format::Boolean };
    fields.retired.insert(removed.name.clone(), removed);
    let body = |action| compose(&action, &fields, &links, &settings).ok().unwrap().body();
    assert_json_snapshot!(json!({ "leave": body(Action::Leave), "forget": body(Action::Forget) }));
}

#[test]
fn absent_and_cleared_attributes_are_emptied_and_misfits_left_out() {
    let links =
        links(&[("ltv", AttributeType::Integer), ("city", AttributeType::String), ("vip", AttributeType::Boolean)]);
    let settings = settings(json!({}));
    let fields = prepared(&links, &settings);
    let action = shown(&[("ltv", text("many")), ("city", Value::Null)]);
    let composed = compose(&action, &fields, &links, &settings).ok().unwrap();
    let cell = |id: &str| composed.cells.get(&attribute_field("lytics", &id.parse().unwrap())).map(Cell::json);
    assert_eq!(cell("ltv"), None);
    assert_eq!(cell("city"), Some(json!("")));
    assert_eq!(cell("vip"), Some(json!("")));
    assert_eq!(composed.remarks, ["ltv not written: the value is a text where the attribute is integer"]);
}

#[test]
fn a_link_without_a_field_of_its_format_waits_for_the_list() {
    let (links, settings) = (links(&[("ltv", AttributeType::Integer)]), settings(json!({})));
    let refused = |fields: &OwnFields| compose(&shown(&[]), fields, &links, &settings).err();
    assert_eq!(refused(&OwnFields::default()), Some(NotPrepared));
    let mut fields = prepared(&links, &settings);
    assert_eq!(refused(&fields), None);
    fields.attributes.get_mut(&"ltv".parse().unwrap()).unwrap().format = Format::Text;
    assert_eq!(refused(&fields), Some(NotPrepared));
}

#[test]
fn a_member_shows_a_cell_where_the_value_means_the_same() {
    let shows = |cell: Cell, value: Option<&str>| cell.is_shown_by(value);
    assert!(shows(Cell::Flag(true), Some("1")) && shows(Cell::Flag(false), Some("false")));
    assert!(!shows(Cell::Flag(false), None) && !shows(Cell::Flag(true), Some("0")));
    assert!(shows(Cell::Number(12), Some("12.0")) && !shows(Cell::Number(12), Some("13")));
    assert!(shows(Cell::Empty, None) && !shows(Cell::Empty, Some("0")));
    assert!(shows(Cell::Day("1990-02-28".parse().unwrap()), Some("1990-02-28 00:00:00")));
    assert!(shows(Cell::Text("a".into()), Some("a ")) && !shows(Cell::Text("a".into()), Some("b")));
    assert!(shows(Cell::Text(" ".into()), None));
}

#[test]
fn keys_are_compared_as_the_field_holds_them() {
    let mobile = IdentifierField::try_from("mobile".to_owned()).unwrap();
    let reference = IdentifierField::try_from("reference".to_owned()).unwrap();
    assert_eq!(comparable(" Anna@Example.com ", &email(), &Format::Text), "anna@example.com");
    assert_eq!(comparable("+4512345678", &mobile, &Format::Number), "4512345678");
    assert_eq!(comparable("AbC", &reference, &Format::Text), "AbC");
    assert!(one_of_a_value("disallow", "email") && one_of_a_value("allow_mobile", "email"));
    assert!(!one_of_a_value("allow", "email") && !one_of_a_value("disallow", "reference"));
}

#[test]
fn vendor_texts_lose_what_could_name_somebody() {
    let told = |message: &str| redact(message, "anna@example.com");
    assert_snapshot!(told("Field cdp_c_0123456789 must be a number"), @"Field cdp_c_0123456789 must be a number");
    assert_snapshot!(told("anna@example.com is not valid, nor is Bo@Example.dk"), @"[…] is not valid, nor is […]");
    assert_snapshot!(told("value 'Anna Jensen' in \"cdp_c_name\" doesn't fit 4512345678"), @"value […] in cdp_c_name doesn't fit […]");
    assert_snapshot!(redact("no member Anna Jensen here", "anna jensen"), @"[…]");
    assert_snapshot!(redact("reference ABC-1 is taken", "abc-1"), @"reference […] is taken");
    assert!(redact(&"word ".repeat(100), "x").chars().count() <= 120);
}

// --- preparing --------------------------------------------------------------------------------------

#[test]
fn what_is_missing_is_added_and_what_differs_relabelled() {
    let (links, settings) = (links(&[("ltv", AttributeType::Integer)]), settings(json!({})));
    let name = |id: &str| audience_field("lytics", &id.parse().unwrap());
    let list = list_with(&[(&name("cats"), 7, "Old name", "boolean"), (&name("fish"), 8, "Fish", "boolean")]);
    let (changes, warnings) = changes(&list, &wanted(&links, &settings)).unwrap();
    assert_json_snapshot!(changes);
    assert!(warnings.is_empty());
}

#[test]
fn a_prepared_list_needs_no_change_and_a_removed_field_that_is_gone_is_done() {
    let (mut links, settings) = (links(&[]), settings(json!({})));
    links.audiences.retain(|audience| audience.id.as_str() != "dogs");
    let name = audience_field("lytics", &"cats".parse().unwrap());
    let list = list_with(&[(&name, 7, "Cat owners", "boolean")]);
    let wanted = wanted(&links, &settings);
    assert!(changes(&list, &wanted).unwrap().0.is_empty());
    assert!(own_fields(&list, &wanted, None).unwrap().0.retired.is_empty());
}

#[test]
fn a_field_of_another_format_is_left_alone() {
    let (links, settings) = (links(&[]), settings(json!({})));
    let wanted = wanted(&links, &settings);
    let name = wanted[0].name.clone();
    let list = list_with(&[(&name, 7, "Theirs", "text")]);
    assert_eq!(locate(&list, &wanted[0]), Spot::Free(format!("{name}_2")));
    let (changes, warnings) = changes(&list, &wanted[..1]).unwrap();
    assert_eq!(changes[0]["name"], json!(format!("{name}_2")));
    assert_eq!(warnings.len(), 1);
}

#[test]
fn of_doubled_fields_the_lowest_id_is_used_and_the_owner_told() {
    let (links, settings) = (links(&[]), settings(json!({})));
    let wanted = &wanted(&links, &settings)[..1];
    let name = wanted[0].name.as_str();
    let list = list_with(&[(name, 9, "Cat owners", "boolean"), (name, 7, "Cat owners", "boolean")]);
    let (fields, warnings) = own_fields(&list, wanted, None).unwrap();
    assert_eq!(fields.audiences.values().next().unwrap().id, Some(7));
    assert_eq!(warnings.len(), 1);
}

#[test]
fn a_field_that_vanished_is_noticed_and_one_whose_link_went_is_kept_in_mind() {
    let (full, settings) = (links(&[("ltv", AttributeType::Integer)]), settings(json!({})));
    let former = notes(prepared(&full, &settings));
    let list = List::read(LIST).unwrap();
    assert_eq!(vanished(&list, &wanted(&full, &settings), Some(&former)).len(), 3);
    let ltv = former.fields.attributes.values().next().unwrap().name.clone();
    let list = list_with(&[(&ltv, 4, "The ltv", "number")]);
    let (fields, _) = own_fields(&list, &[], Some(&former)).unwrap();
    assert_eq!(fields.retired.keys().collect::<BTreeSet<_>>(), BTreeSet::from([&ltv]));
    let missing = own_fields(&list, &wanted(&full, &settings), None);
    assert!(matches!(missing, Err(Failure::Retryable { .. })));
}

#[test]
fn notes_survive_being_kept() {
    let (links, settings) = (all_links(), settings(json!({})));
    let notes = notes(prepared(&links, &settings));
    let kept: Notes = serde_json::from_value(serde_json::to_value(&notes).unwrap()).unwrap();
    assert_eq!(kept, notes);
}

// --- in bulk ----------------------------------------------------------------------------------------

#[test]
fn an_import_pays_where_it_takes_fewer_calls() {
    assert_eq!(import_pays(Some(4), 200, MAX_PAGES), Pays::Yes);
    assert_eq!(import_pays(Some(399), 200, 1_000), Pays::No);
    assert_eq!(import_pays(None, 200, MAX_PAGES), Pays::Yes);
    assert_eq!(import_pays(Some(usize::MAX), 200, MAX_PAGES), Pays::No);
    assert_eq!(import_pays(Some(20), 200, 20), Pays::Yes);
    assert_eq!(import_pays(Some(21), 200, 20), Pays::No, "more than the run has time for");
    assert_eq!(import_pays(None, 200, 0), Pays::No);
}

#[test]
fn a_file_has_a_header_semicolons_and_quotes() {
    let cells = [("cdp_a_1", Cell::Flag(true)), ("cdp_c_2", Cell::Empty), ("cdp_c_3", Cell::Text("a;\"b\"".into()))];
    let composed = Composed { cells: cells.map(|(name, cell)| (name.to_owned(), cell)).into(), remarks: vec![] };
    let columns = ["email", "cdp_a_1", "cdp_c_2", "cdp_c_3"].map(str::to_owned);
    let file = csv(&columns, [("anna@example.com", &composed)].into_iter());
    assert_snapshot!(String::from_utf8(file).unwrap().replace("\r\n", "\n"), @r#"
    "email";"cdp_a_1";"cdp_c_2";"cdp_c_3"
    "anna@example.com";"1";"";"a;""b"""
    "#);
}

proptest! {
    #[test]
    fn every_plain_text_comes_back_from_a_file(key in "[ -~]{1,20}", value in any::<String>()) {
        prop_assume!(is_plain(&value) && is_plain(&key));
        let cells = BTreeMap::from([("cdp_c_1".to_owned(), Cell::Text(value.clone()))]);
        let file = csv(&["email".to_owned(), "cdp_c_1".to_owned()], [(key.as_str(), &Composed { cells, remarks: vec![] })].into_iter());
        let mut reader = csv::ReaderBuilder::new().delimiter(b';').from_reader(file.as_slice());
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        prop_assert_eq!(rows.len(), 1);
        prop_assert_eq!(rows[0].iter().collect::<Vec<_>>(), vec![key.as_str(), value.as_str()]);
    }

    #[test]
    fn a_cut_text_is_the_beginning_of_the_whole(value in ".{0,400}") {
        let fitted = fit(&value);
        let kept = fitted.cell.text();
        prop_assert!(value.starts_with(&kept));
        prop_assert_eq!(kept.chars().count(), value.chars().count().min(255));
        prop_assert_eq!(fitted.remark.is_some(), value.chars().count() > 255);
    }

    #[test]
    fn a_redacted_text_never_holds_the_key(before in ".{0,40}", key in "[a-z]{2,8}@[a-z]{2,8}\\.dk", after in ".{0,40}") {
        let told = redact(&[before, key.clone(), after].concat(), &key);
        prop_assert!(!told.contains(&key));
    }

    #[test]
    fn whatever_a_cell_becomes_it_recognises(number in any::<i64>(), flag in any::<bool>()) {
        for cell in [
            cell(AttributeType::Integer, &Value::Integer(number), &settings(json!({}))).ok().unwrap().cell,
            cell(AttributeType::Boolean, &Value::Boolean(flag), &settings(json!({}))).ok().unwrap().cell,
        ] {
            prop_assert!(cell.is_shown_by(Some(&cell.text())));
        }
    }
}
