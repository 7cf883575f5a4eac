use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::model::{
    Fact, Identifier, IdentifierType, Origin, PersonKey, SourceAuthentication, SourceFormat, Suppression, Value,
};

const NOW: &str = "2026-01-01T12:00:00Z";
const STAMP: &str = "2026-01-01T11:59:58Z";

fn source() -> Source {
    Source {
        id: "shop".parse().unwrap(),
        name: "Shop".to_owned(),
        keyed_by: "email".parse().unwrap(),
        authentication: SourceAuthentication::StandardWebhooks,
        format: SourceFormat::Muster,
        sightings_days: 30,
        access: None,
        created_at: NOW.parse().unwrap(),
    }
}

fn read(form: &Form, body: &[u8], encoding: Encoding) -> Result<Parsed, Unreadable> {
    let (source, key) = (source(), InstallationKey::new([7; 32]));
    let reading = Reading { source: &source, key: &key, now: NOW.parse().unwrap(), stamped_at: STAMP.parse().unwrap() };
    parse(form, &mut unpacked(body, encoding), &reading)
}

fn read_plain(form: &Form, body: impl ToString) -> Result<Parsed, Unreadable> {
    read(form, body.to_string().as_bytes(), Encoding::Identity)
}

fn key_of(email: &str) -> PersonKey {
    let kind: IdentifierType = "email".parse().unwrap();
    let value = Identifier::normalise(&kind, email).unwrap();
    InstallationKey::new([7; 32]).person(&source().id, &kind, &value)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn entered() -> Json {
    json!({"id": "1", "type": "audience.entered", "audience": "buyers", "person": {"email": "Ann@Example.com"}})
}

fn with(member: &str, value: Json) -> Json {
    let mut item = entered();
    item[member] = value;
    item
}

fn event() -> Json {
    json!({"specversion": "1.0", "id": "1", "source": "/shop", "type": "com.example.audience.left",
        "time": "2026-01-01T10:00:00Z", "traceparent": "00-1-1-00",
        "data": {"audience": "buyers", "person": {"email": "ann@example.com"}}})
}

fn binary(kind: &str) -> Form {
    Form::CloudEventBinary(cloudevents::Headers {
        specversion: "1.0".to_owned(),
        id: Some("1".to_owned()),
        source: Some("/shop".to_owned()),
        kind: Some(kind.to_owned()),
        time: Some("2026-01-01T10:00:00Z".to_owned()),
    })
}

#[test]
fn every_form_says_the_same() {
    let left = json!({"id": "1", "type": "audience.left", "audience": "buyers",
        "person": {"email": "ann@example.com"}, "occurred_at": "2026-01-01T10:00:00Z"});
    let bodies = [
        (Form::Json, left.to_string(), "$"),
        (Form::Json, json!([left]).to_string(), "$[0]"),
        (Form::Lines, format!("{left}\r\n"), "$[0]"),
        (Form::CloudEvent, event().to_string(), "$"),
        (Form::CloudEventBatch, json!([event()]).to_string(), "$[0]"),
        (binary("audience.exited"), event()["data"].to_string(), "$"),
    ];
    for (form, body, path) in bodies {
        for (bytes, encoding) in
            [(body.clone().into_bytes(), Encoding::Identity), (gzip(body.as_bytes()), Encoding::Gzip)]
        {
            let parsed = read(&form, &bytes, encoding).unwrap();
            assert_eq!(parsed.rejected, [], "{form:?}");
            let [item] = parsed.items.as_slice() else { panic!("{form:?}: not one item") };
            assert_eq!(item.path, path);
            assert_eq!(item.change.person, key_of("ann@example.com"));
            assert_eq!(item.change.fact, Fact::Left { audience: "buyers".parse().unwrap() });
            assert_eq!(item.change.occurred_at.to_string(), "2026-01-01T10:00:00Z");
        }
    }
}

#[test]
fn every_type_of_change_is_read() {
    let body = json!([
        with("audience_properties", json!({"action": 7})),
        {"type": "audience.exited", "audience": "buyers", "person": {"email": "a@b.c"}, "origin": "backfill"},
        {"type": "attribute.changed", "attribute": "ltv", "value": 1.50, "person": {"email": "a@b.c"}},
        {"type": "attribute.changed", "attribute": "ltv", "value": null, "person": {"email": "a@b.c"}},
        {"type": "profile.updated", "person": {"email": ["a@b.c"], "phone": ["+45 12", 13, "+4512"], "crm": null},
            "fields": {"plan": "gold"}},
        {"type": "person.merged", "person": {"email": "a@b.c"}, "into": {"email": "d@e.f", "crm": 1}},
        {"type": "person.erased", "person": {"email": "a@b.c"}, "origin": "reconcile"},
    ]);
    let parsed = read_plain(&Form::Json, body).unwrap();
    assert_eq!(parsed.rejected, []);
    let changes: Vec<_> = parsed.items.iter().map(|item| &item.change).collect();
    let Fact::Entered { properties, .. } = &changes[0].fact else { panic!("not entered") };
    assert_eq!(properties.values().collect::<Vec<_>>(), [&Value::Integer(7)]);
    assert_eq!(changes[0].occurred_at.to_string(), STAMP);
    assert_eq!(changes[1].origin, Origin::Backfill);
    let attribute = |value| Fact::Attribute { attribute: "ltv".parse().unwrap(), value };
    assert_eq!(changes[2].fact, attribute(Value::Decimal("1.5".parse().unwrap())));
    assert_eq!(changes[3].fact, attribute(Value::Null));
    let values: Vec<Vec<&str>> =
        changes[4].identifiers.values().map(|values| values.iter().map(Identifier::expose).collect()).collect();
    assert_eq!(values, [vec![], vec!["a@b.c"], vec!["+4512", "13"]]);
    assert_eq!(changes[5].fact, Fact::MergedInto { survivor: key_of("d@e.f") });
    assert_eq!((&changes[6].fact, changes[6].origin), (&Fact::Erased, Origin::Reconcile));
}

#[test]
fn unknown_events_are_counted_by_names_that_look_like_names() {
    let body = json!([
        with("type", json!("page.viewed")),
        with("type", json!("page.viewed")),
        with("type", json!("ann@example.com")),
        with("type", json!("+4512345678"))
    ]);
    let parsed = read_plain(&Form::Json, body).unwrap();
    assert_eq!(parsed.ignored, BTreeMap::from([("other".to_owned(), 2), ("page.viewed".to_owned(), 2)]));
    let mut clicked = event();
    clicked["type"] = json!("com.example.clicked");
    assert_eq!(read_plain(&Form::CloudEvent, clicked).unwrap().ignored_count(), 1);
    // A suffix is one only after a dot.
    assert_eq!(read_plain(&binary("xaudience.left"), json!({})).unwrap().ignored_count(), 1);
}

#[test]
fn sightings_are_taken_over_ipv4_and_counted_over_ipv6() {
    let sighted = |address: &str| json!({"type": "person.sighted", "address": address, "person": {"email": "a@b.c"}});
    let (v4, mapped) = (sighted("192.0.2.7"), sighted("::ffff:192.0.2.7"));
    let parsed = read_plain(&Form::Json, json!([v4, mapped, sighted("2001:db8::7"), sighted("192.0.2.7:80")])).unwrap();
    let seen = Fact::Sighted { address: "192.0.2.7".parse().unwrap() };
    assert_eq!(parsed.items.iter().map(|item| &item.change.fact).collect::<Vec<_>>(), [&seen, &seen]);
    assert_eq!(parsed.ignored, BTreeMap::from([("person.sighted-over-ipv6".to_owned(), 1)]));
    assert_eq!((parsed.rejected.len(), parsed.rejected[0].path.as_str()), (1, "$[3].address"));
    // Counted or not, an item without a person is a bad one.
    let nobody = json!({"type": "person.sighted", "address": "2001:db8::7"});
    assert_eq!(read_plain(&Form::Json, nobody).unwrap().rejected.len(), 1);
}

#[test]
fn bad_items_are_named_by_path_and_rule_and_never_by_value() {
    let long = "secret".repeat(2000);
    let cases = [
        (json!("secret"), "$[1]", "must be an object"),
        (json!({"audience": "secret"}), "$[1].type", "missing"),
        (with("type", json!(1)), "$[1].type", "must be a text"),
        (with("audiance", json!("secret")), "$[1].audiance", "unknown member"),
        (with("secret@example.com", json!(1)), "$[1][…]", "unknown member"),
        (with("value", json!("secret")), "$[1].value", "has no meaning in this type of change"),
        (with("id", json!(["secret"])), "$[1].id", "must be a text or a number"),
        (with("audience", json!(12)), "$[1].audience", "must be a text"),
        (
            with("audience", json!(" secret")),
            "$[1].audience",
            "an audience id must be 1 to 128 characters without control characters and not begin or end with a space",
        ),
        (with("person", json!("secret")), "$[1].person", "must be an object"),
        (with("person", json!({})), "$[1].person.email", "missing: the source is keyed by it"),
        (
            with("person", json!({"email": ["secret@x.y", "b@x.y"]})),
            "$[1].person.email",
            "the source is keyed by it: exactly one value",
        ),
        (with("person", json!({"email": null})), "$[1].person.email", "the source is keyed by it: exactly one value"),
        (with("person", json!({"email": "secret"})), "$[1].person.email", "not an e-mail address"),
        (
            with("person", json!({"email": "a@b.c", "phone": ["12", "secret"]})),
            "$[1].person.phone[1]",
            "not a telephone number",
        ),
        (
            with("person", json!({"email": "a@b.c", "crm": 1.5})),
            "$[1].person.crm",
            "an identifier is a text or a whole number",
        ),
        (
            with("person", json!({"email": "a@b.c", "crm": [[]]})),
            "$[1].person.crm[0]",
            "an identifier is a text or a whole number",
        ),
        (
            with("person", json!({"email": "a@b.c", "secret@x.y": "1"})),
            "$[1].person[…]",
            "an identifier type must be 1 to 64 characters of A-Z a-z 0-9 . _ : - and begin with a letter or a digit",
        ),
        (with("fields", json!([])), "$[1].fields", "must be an object"),
        (
            with("fields", json!({"plan": {"secret": 1}})),
            "$[1].fields.plan",
            "a value is a number, a string, a boolean, null or a list of these, not an object",
        ),
        (with("fields", json!({"plan": long})), "$[1].fields.plan", "a text has at most 8192 bytes"),
        (
            with("audience_properties", json!({"a": [[1]]})),
            "$[1].audience_properties.a",
            "a list has at most 256 items, none of them a list",
        ),
        (with("origin", json!("secret")), "$[1].origin", "must be live, backfill, import or reconcile"),
        (
            with("occurred_at", json!("secret")),
            "$[1].occurred_at",
            "must be a time in RFC 3339, such as 2026-01-02T03:04:05Z",
        ),
        (
            with("occurred_at", json!(1_767_268_800)),
            "$[1].occurred_at",
            "must be a time in RFC 3339, such as 2026-01-02T03:04:05Z",
        ),
        (
            with("occurred_at", json!("2026-01-01T12:05:01Z")),
            "$[1].occurred_at",
            "more than five minutes in the future",
        ),
        (
            json!({"type": "attribute.changed", "attribute": "ltv", "person": {"email": "a@b.c"}}),
            "$[1].value",
            "missing",
        ),
        (json!({"type": "person.merged", "person": {"email": "a@b.c"}}), "$[1].into", "missing"),
        (
            json!({"type": "person.merged", "person": {"email": "a@b.c"}, "into": {"email": "A@b.c"}}),
            "$[1].into",
            "a person cannot be merged into itself",
        ),
    ];
    for (item, path, reason) in cases {
        let parsed = read_plain(&Form::Json, json!([entered(), item])).unwrap();
        assert_eq!(parsed.items.len(), 1, "{item}");
        let expected = Rejection { index: 1, path: path.to_owned(), reason: reason.to_owned() };
        assert_eq!(parsed.rejected, [expected], "{item}");
        assert!(!format!("{:?}", parsed.rejected).contains("secret"));
    }
    // Up to five minutes a clock may differ.
    assert_eq!(read_plain(&Form::Json, with("occurred_at", json!("2026-01-01T12:05:00Z"))).unwrap().items.len(), 1);
}

#[test]
fn a_bad_envelope_is_named_too() {
    let with = |member: &str, value: Json| {
        let mut event = event();
        event[member] = value;
        event
    };
    let cases = [
        (with("specversion", json!("0.3")), "$[0].specversion", "must be 1.0"),
        (with("id", json!(1)), "$[0].id", "must be a text"),
        (with("source", json!(null)), "$[0].source", "must be a text"),
        (with("dataContentType", json!("x")), "$[0].dataContentType", "unknown member"),
        (with("datacontenttype", json!("text/xml")), "$[0].datacontenttype", "must be application/json"),
        (with("data_base64", json!("e30=")), "$[0].data_base64", "not read: the change stands in `data`, as JSON"),
        (with("data", json!({"person": {"email": "a@b.c"}})), "$[0].data.audience", "missing"),
        (with("data", json!({"type": "audience.left"})), "$[0].data.type", "has no meaning in this type of change"),
        (with("time", json!("2027-01-01T00:00:00Z")), "$[0].time", "more than five minutes in the future"),
    ];
    for (event, path, reason) in cases {
        let parsed = read_plain(&Form::CloudEventBatch, json!([event])).unwrap();
        let expected = Rejection { index: 0, path: path.to_owned(), reason: reason.to_owned() };
        assert_eq!(parsed.rejected, [expected], "{event}");
    }
    assert!(matches!(read_plain(&Form::CloudEventBatch, event()), Err(Unreadable::Shape(_))));
    assert!(matches!(read_plain(&Form::CloudEvent, json!([event()])), Err(Unreadable::Shape(_))));
}

#[test]
fn a_bad_line_is_one_bad_item_and_lines_are_counted_as_they_stand() {
    let good = entered();
    let body = format!("{good}\n\n{{\"type\": \"secret\n[]\n{good}");
    let parsed = read_plain(&Form::Lines, body).unwrap();
    assert_eq!(parsed.items.iter().map(|item| item.path.as_str()).collect::<Vec<_>>(), ["$[0]", "$[4]"]);
    let rejected: Vec<_> = parsed.rejected.iter().map(|one| (one.index, one.path.as_str())).collect();
    assert_eq!(rejected, [(2, "$[2]"), (3, "$[3]")]);
    assert!(parsed.rejected[0].reason.starts_with("the line is no JSON: column "));
}

#[test]
fn a_body_that_is_no_json_is_refused_as_a_whole() {
    let good = entered();
    for body in [format!("[{good}, {{\"type\""), format!("[{good}"), format!("{good}{good}"), String::new()] {
        assert!(matches!(read_plain(&Form::Json, &body), Err(Unreadable::Syntax { .. })), "{body}");
    }
    for body in ["1", "\"secret\"", "null"] {
        let error = read_plain(&Form::Json, body).unwrap_err();
        assert_eq!(error.to_string(), "the body must be an object or an array");
    }
}

#[test]
fn limits_hold() {
    let item = entered().to_string();
    let array = |count: usize| format!("[{}]", vec![item.as_str(); count].join(","));
    assert_eq!(read_plain(&Form::Json, array(1_000)).unwrap().items.len(), 1_000);
    assert_eq!(read_plain(&Form::Json, array(1_001)).unwrap_err(), Unreadable::TooMany);
    assert_eq!(read_plain(&Form::Lines, format!("{item}\n").repeat(1_001)).unwrap_err(), Unreadable::TooMany);
    let blank = gzip(&vec![b' '; 16 * 1024 * 1024 + 1]);
    for form in [Form::Json, Form::Lines] {
        assert_eq!(read(&form, &blank, Encoding::Gzip).unwrap_err(), Unreadable::TooLong);
        assert_eq!(read(&form, b"[]", Encoding::Gzip).unwrap_err(), Unreadable::Packing);
        let packed = gzip(item.as_bytes());
        assert_eq!(read(&form, &packed[..packed.len() - 9], Encoding::Gzip).unwrap_err(), Unreadable::Packing);
    }
}

fn scalars() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (-1_000_000_i64..1_000_000).prop_map(|number| json!(number as f64 / 100.0)),
        "[ -~]{0,20}".prop_map(Json::from),
    ]
}

fn values() -> impl Strategy<Value = Json> {
    prop_oneof![4 => scalars(), 1 => prop::collection::vec(scalars(), 0..4).prop_map(Json::from)]
}

fn named_values() -> impl Strategy<Value = Json> {
    prop::collection::btree_map("[a-z]{1,8}( [a-z]{1,4})?", values(), 0..4).prop_map(|map| json!(map))
}

fn facts() -> impl Strategy<Value = Json> {
    let name = || "[a-zæ0-9][a-zæ0-9 ]{0,10}[a-zæ0-9]";
    prop_oneof![
        (name(), named_values())
            .prop_map(|(id, more)| json!({"type": "audience.entered", "audience": id, "audience_properties": more})),
        name().prop_map(|id| json!({"type": "audience.exited", "audience": id})),
        (name(), values())
            .prop_map(|(id, value)| json!({"type": "attribute.changed", "attribute": id, "value": value})),
        any::<std::net::Ipv4Addr>().prop_map(|address| json!({"type": "person.sighted", "address": address})),
        ("[a-z][a-z_]{0,12}", "[0-9a-f]{1,32}", named_values()).prop_map(|(event, id, details)| {
            json!({"type": "person.event", "event": event, "event_id": id, "details": {"nested": details}})
        }),
        Just(json!({"type": "profile.updated"})),
        Just(json!({"type": "person.suppressed"})),
        Just(json!({"type": "person.unsuppressed"})),
        Just(json!({"type": "person.erased"})),
    ]
}

fn items() -> impl Strategy<Value = Json> {
    let origin = prop::sample::select(vec!["live", "backfill", "import", "reconcile"]);
    let emails = "[a-z]{1,8}@[a-z]{1,8}\\.com";
    (facts(), emails, "[0-9]{1,12}", named_values(), origin, 0_i64..1_767_268_800).prop_map(
        |(mut item, email, phone, fields, origin, seconds)| {
            item["person"] = json!({"email": [email], "phone": [phone]});
            item["fields"] = fields;
            item["origin"] = json!(origin);
            item["occurred_at"] = json!(Timestamp::from_second(seconds).unwrap());
            item
        },
    )
}

/// A change as it is written in Muster's own format.
fn serialise(change: &Change) -> Json {
    let mut item = match &change.fact {
        Fact::Entered { audience, properties } => {
            json!({"type": "audience.entered", "audience": audience, "audience_properties": properties})
        }
        Fact::Left { audience } => json!({"type": "audience.exited", "audience": audience}),
        Fact::Attribute { attribute, value } => {
            json!({"type": "attribute.changed", "attribute": attribute, "value": value})
        }
        Fact::Sighted { address } => json!({"type": "person.sighted", "address": address}),
        Fact::Happened { event, id, details } => {
            json!({"type": "person.event", "event": event, "event_id": id, "details": details})
        }
        Fact::Profile => json!({"type": "profile.updated"}),
        Fact::Suppression(Suppression::Suppressed) => json!({"type": "person.suppressed"}),
        Fact::Suppression(Suppression::Lifted) => json!({"type": "person.unsuppressed"}),
        Fact::MergedInto { .. } => panic!("a key says nobody's identifier"),
        Fact::Erased => json!({"type": "person.erased"}),
    };
    item["person"] = json!(change.identifiers);
    item["fields"] = json!(change.fields);
    item["origin"] = json!(change.origin);
    item["occurred_at"] = json!(change.occurred_at);
    item
}

proptest! {
    #[test]
    fn what_is_read_and_written_is_read_the_same(item in items()) {
        let parsed = read_plain(&Form::Json, &item).unwrap();
        prop_assert_eq!(&parsed.rejected, &[]);
        let change = &parsed.items[0].change;
        let again = read_plain(&Form::Lines, serialise(change)).unwrap();
        prop_assert_eq!(&again.rejected, &[]);
        let again = &again.items[0].change;
        prop_assert_eq!(again.person, change.person);
        prop_assert_eq!(&again.identifiers, &change.identifiers);
        prop_assert_eq!(&again.fields, &change.fields);
        prop_assert_eq!(&again.fact, &change.fact);
        prop_assert_eq!(again.occurred_at, change.occurred_at);
        prop_assert_eq!(again.origin, change.origin);
    }

    #[test]
    fn nothing_makes_a_parser_panic(
        noise in prop::collection::vec(any::<u8>(), 0..200),
        item in items(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut broken = item.to_string().into_bytes();
        broken.splice(cut.index(broken.len())..cut.index(broken.len()), noise.iter().copied().take(3));
        for form in [Form::Json, Form::Lines, Form::CloudEvent, Form::CloudEventBatch, binary("audience.left")] {
            for body in [&noise, &broken] {
                let _ = read(&form, body, Encoding::Identity);
                let _ = read(&form, body, Encoding::Gzip);
            }
        }
    }
}
