use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::model::{Identifier, InstallationKey, Source};
use crate::sources::{CLOCK_TOLERANCE, Encoding, Item, OTHER_EVENTS, cloudevents, parse, unpacked};

const NOW: &str = "2026-03-01T21:00:00Z";
/// The vendor's own example: nanoseconds and an offset.
const ENTERED: &str = "2026-03-01T13:27:33.916374949-07:00";
const ENTERED_UTC: &str = "2026-03-01T20:27:33.916374949Z";
const LEFT: &str = "2026-03-01T13:30:00-07:00";
const LEFT_UTC: &str = "2026-03-01T20:30:00Z";
const ID: &str = "0123456789abcdef0123456789abcdef";

fn source(settings: Json) -> Source {
    let mut format = json!({"kind": "lytics"});
    format.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    serde_json::from_value(json!({"id": "cdp", "name": "CDP", "keyed_by": "email", "format": format,
        "authentication": {"method": "oauth2"}, "created_at": NOW}))
    .unwrap()
}

fn read_as(settings: Json, form: &Form, body: &[u8]) -> Result<Parsed, Unreadable> {
    let (source, key, now) = (source(settings), InstallationKey::new([7; 32]), NOW.parse().unwrap());
    let reading = Reading { source: &source, key: &key, now, stamped_at: now };
    parse(form, &mut unpacked(body, Encoding::Identity), &reading)
}

fn read_with(settings: Json, body: &Json) -> Parsed {
    read_as(settings, &Form::Json, body.to_string().as_bytes()).unwrap()
}

fn read(body: &Json) -> Parsed {
    read_with(json!({}), body)
}

fn enter(slug: &str) -> Json {
    json!({"id": ID, "event": "enter", "slug": slug, "enter": ENTERED})
}

fn exit(slug: &str) -> Json {
    json!({"id": ID, "event": "exit", "slug": slug, "exit": LEFT})
}

fn profile(events: &Json) -> Json {
    json!({"email": "Ada@example.com", "first_name": "Ada", "_created": NOW, "segment_events": events})
}

fn event(events: &Json) -> Json {
    json!({"id": "7076027172059065053", "data": profile(events), "meta": {"by": 1}})
}

/// What a change says, in one line.
fn line(item: &Item) -> String {
    let Change { fact, occurred_at, origin, fields, identifiers, .. } = &item.change;
    let fact = match fact {
        Fact::Entered { audience, .. } => format!("enter {audience}"),
        Fact::Left { audience } => format!("exit {audience}"),
        Fact::Profile => "profile".to_owned(),
        Fact::Attribute { .. }
        | Fact::Sighted { .. }
        | Fact::Happened { .. }
        | Fact::Suppression(_)
        | Fact::MergedInto { .. }
        | Fact::Erased => panic!("Lytics says nothing of it"),
    };
    let fields: Vec<_> = fields.keys().map(ToString::to_string).collect();
    let identifiers: Vec<_> = identifiers.keys().map(ToString::to_string).collect();
    format!("{fact} {occurred_at} {origin:?} {} {}", identifiers.join("+"), fields.join("+")).trim_end().to_owned()
}

fn lines(parsed: &Parsed) -> Vec<String> {
    parsed.items.iter().map(line).collect()
}

fn notes(parsed: &Parsed) -> Vec<(&str, u64)> {
    parsed.noted.iter().map(|(name, by)| (name.as_str(), *by)).collect()
}

#[test]
fn every_variant_says_the_same() {
    let moves = json!([enter("buyers"), exit("leads")]);
    let data = event(&moves);
    let envelope =
        |data: &Json| json!({"specversion": "1.0", "id": "1", "type": "any", "source": "lytics/1", "data": data});
    let bare = |name: &str| {
        let mut profile = profile(&moves);
        let moves = profile.as_object_mut().unwrap().remove("segment_events").unwrap();
        match name {
            "top level" => json!({"id": "1", "data": profile, "segment_events": moves}),
            "profile as it is" => self::profile(&moves),
            "template" => json!({"v": 1, "profile": profile, "events": moves}),
            _ => json!({"v": 1, "profile": self::profile(&moves), "events": []}),
        }
    };
    let headers = cloudevents::Headers { specversion: "1.0".into(), id: None, source: None, kind: None, time: None };
    let cases = [
        ("one", Form::Json, data.clone()),
        ("batch", Form::Json, json!([data])),
        ("structured", Form::CloudEvent, envelope(&data)),
        ("structured under another content type", Form::Json, envelope(&data)),
        ("structured batch", Form::CloudEventBatch, json!([envelope(&data)])),
        ("structured template", Form::CloudEvent, envelope(&bare("template"))),
        ("binary", Form::CloudEventBinary(headers), data.clone()),
        ("under a content type of lines", Form::Lines, data.clone()),
        ("top level", Form::Json, bare("top level")),
        ("profile as it is", Form::Json, bare("profile as it is")),
        ("template", Form::Json, bare("template")),
        ("template without events", Form::Json, bare("template without events")),
    ];
    for (name, form, body) in cases {
        let parsed = read_as(json!({}), &form, body.to_string().as_bytes()).unwrap();
        let expected =
            [format!("enter buyers {ENTERED_UTC} Live"), format!("exit leads {LEFT_UTC} Live email first_name")];
        assert_eq!(lines(&parsed), expected, "{name}");
        assert_eq!((parsed.rejected.len(), parsed.noted.len(), parsed.ignored.len()), (0, 0, 0), "{name}");
    }
}

#[test]
fn a_batch_is_read_profile_by_profile() {
    let mut other = event(&json!([exit("buyers")]));
    other["data"]["email"] = json!("bob@example.com");
    let broken = json!({"id": "2", "data": 7});
    let nobody = json!({"id": "3", "data": {"segment_events": [enter("buyers")]}});
    let parsed = read(&json!([event(&json!([enter("buyers"), enter("vips")])), broken, nobody, other]));
    let shown = json!({
        "items": parsed.items.iter().map(|item| format!("{} {} {}", item.index, item.path, line(item))).collect::<Vec<_>>(),
        "rejected": parsed.rejected,
        "noted": parsed.noted,
    });
    insta::assert_json_snapshot!(shown);
    assert_ne!(parsed.items[0].change.person, parsed.items[2].change.person);
}

#[test]
fn times_have_up_to_nine_digits_and_an_offset() {
    for digits in 0..=9 {
        let fraction = if digits == 0 { String::new() } else { format!(".{}", &"916374949"[..digits]) };
        let mut moved = enter("buyers");
        moved["enter"] = json!(format!("2026-03-01T13:27:33{fraction}-07:00"));
        let occurred_at = read(&event(&json!([moved]))).items[0].change.occurred_at;
        let expected: Timestamp = format!("2026-03-01T20:27:33{fraction}Z").parse().unwrap();
        assert_eq!(occurred_at, expected, "{digits} digits");
    }
}

#[test]
fn a_missing_time_is_the_requests_and_is_told() {
    let untimed = json!({"id": ID, "event": "exit", "slug": "buyers", "enter": ENTERED});
    let parsed = read(&event(&json!([untimed])));
    assert_eq!(lines(&parsed), [format!("exit buyers {NOW} Live email first_name")]);
    assert_eq!(notes(&parsed), [(notes::NO_TIME, 1)]);
    let enveloped = json!({"specversion": "1.0", "time": LEFT, "data": event(&json!([untimed]))});
    assert_eq!(lines(&read(&enveloped)), [format!("exit buyers {LEFT_UTC} Live email first_name")]);
    let headers = |time: &str| {
        let time = Some(time.to_owned());
        Form::CloudEventBinary(cloudevents::Headers {
            specversion: "1.0".into(),
            id: None,
            source: None,
            kind: None,
            time,
        })
    };
    for (time, expected) in [(LEFT, LEFT_UTC), ("soon", NOW)] {
        let parsed = read_as(json!({}), &headers(time), event(&json!([untimed])).to_string().as_bytes()).unwrap();
        assert_eq!(lines(&parsed), [format!("exit buyers {expected} Live email first_name")]);
    }
}

#[test]
fn without_its_events_nobody_enters_or_leaves() {
    let whole = json!({"data": {"email": "ada@example.com", "plan": "gold", "segments_all": ["buyers"],
        "segments": ["buyers"]}});
    let mut modified = whole.clone();
    modified["data"]["_modified"] = json!(LEFT);
    let mut empty = whole.clone();
    empty["data"]["segment_events"] = json!([]);
    let mut null = whole.clone();
    null["data"]["segment_events"] = Json::Null;
    let template = json!({"v": 1, "profile": whole["data"], "events": []});
    for (body, at) in [(whole, NOW), (modified, LEFT_UTC), (empty, NOW), (null, NOW), (template, NOW)] {
        let parsed = read(&body);
        assert_eq!(lines(&parsed), [format!("profile {at} Live email plan")], "{body}");
        assert_eq!(notes(&parsed), [(notes::NO_EVENTS, 1)]);
        assert!(notes::advice(notes::NO_EVENTS).unwrap().contains("Select segment_events in Export Fields"));
    }
}

#[test]
fn the_profile_is_as_old_as_its_newest_event() {
    let parsed = read(&event(&json!([exit("leads"), enter("buyers")])));
    let expected = [format!("enter buyers {ENTERED_UTC} Live"), format!("exit leads {LEFT_UTC} Live email first_name")];
    assert_eq!(lines(&parsed), expected);
    assert_eq!(parsed.items[1].path, "$.data.segment_events[0]");
}

#[test]
fn audiences_that_are_not_taken_are_counted() {
    let moves = json!([enter("buyers"), exit("leads")]);
    let (by_slug, by_id) = (json!({"audiences": ["buyers"]}), json!({"audiences": [ID]}));
    let parsed = read_with(by_slug, &event(&moves));
    assert_eq!(lines(&parsed), [format!("enter buyers {ENTERED_UTC} Live email first_name")]);
    assert_eq!(parsed.ignored, BTreeMap::from([(notes::UNTAKEN.to_owned(), 1)]));
    assert_eq!(read_with(by_id, &event(&moves)).items.len(), 2);
    let others = read_with(json!({"audiences": ["vips"]}), &event(&moves));
    assert_eq!((others.items.len(), others.ignored_count()), (0, 2), "nothing is kept of a stranger");
}

#[test]
fn an_audience_is_named_by_slug_or_by_id_and_the_other_name_is_kept() {
    for (named_by, id, other, value) in [("slug", "buyers", "id", ID), ("id", ID, "slug", "buyers")] {
        let parsed = read_with(json!({"named_by": named_by}), &event(&json!([enter("buyers")])));
        let Fact::Entered { audience, properties } = &parsed.items[0].change.fact else { panic!("not entered") };
        assert_eq!(audience.as_str(), id);
        assert_eq!(json!(properties), json!({other: value}));
    }
    let nameless = json!({"event": "enter", "slug": "buyers", "enter": ENTERED});
    let parsed = read_with(json!({"named_by": "id"}), &event(&json!([nameless])));
    assert_eq!(parsed.rejected[0].path, "$.data.segment_events[0].id");
    assert_eq!(lines(&parsed), [format!("profile {NOW} Live email first_name")], "its fields are as good as any");
}

#[test]
fn enters_of_a_backfill_are_no_news() {
    let (before, after) = ("2026-03-01T20:28:00Z", "2026-03-01T22:00:00Z");
    let moves = json!([enter("buyers"), exit("leads")]);
    for (until, entered) in
        [(before, "Backfill"), (after, "Backfill"), (ENTERED, "Live"), ("2026-01-01T00:00:00Z", "Live")]
    {
        let parsed = read_with(json!({"backfill_until": until}), &event(&moves));
        let expected =
            [format!("enter buyers {ENTERED_UTC} {entered}"), format!("exit leads {LEFT_UTC} Live email first_name")];
        assert_eq!(lines(&parsed), expected, "{until}");
    }
}

#[test]
fn fields_are_flattened_and_what_does_not_fit_is_counted() {
    let long = "n".repeat(129);
    let body = json!({"data": {
        "email": "ada@example.com", "user_id": 17, "_split": 4, "tags": ["a", 1, null], "gone": null, "score": 99,
        "user_attributes": {"tier": "gold", "deep": {"er": 1.5, "_kept": true}}, "empty": {},
        "orders": [{"id": 1}], " spaced": 1, (long.as_str()): 1, "long": {(long.as_str()): {"x": 1}},
        "text": "t".repeat(8_193), "segment_events": [enter("buyers")],
    }});
    let parsed = read(&body);
    let change = &parsed.items[0].change;
    let expected = json!({"tags": ["a", 1, null], "gone": null, "score": 99, "user_attributes.tier": "gold",
        "user_attributes.deep.er": 1.5, "user_attributes.deep._kept": true});
    assert_eq!(json!(change.fields), expected);
    assert_eq!(json!(change.identifiers), json!({"email": ["ada@example.com"], "user_id": ["17"]}));
    assert_eq!(notes(&parsed), [(notes::FIELD_SKIPPED, 5)]);
}

#[test]
fn a_profile_that_is_too_large_still_enters() {
    let mut large = event(&json!([enter("buyers")]));
    for number in 0..200 {
        large["data"][format!("field{number}")] = json!("x".repeat(1_000));
    }
    let parsed = read(&large);
    assert!(matches!(parsed.items[0].change.fact, Fact::Entered { .. }));
    assert_eq!(parsed.items[0].change.fields.len() as u64 + parsed.noted[notes::FIELD_SKIPPED], 201);
}

#[test]
fn people_are_found_where_the_source_says() {
    let settings = json!({"identifiers": {"email": "contact.emails", "crm": "_crm", "phone": "mobile"}});
    let with = |contact: Json| {
        json!({"data": {"contact": contact, "_crm": "c-1", "mobile": "none", "user_id": "kept",
            "segment_events": [exit("buyers")]}})
    };
    let parsed = read_with(settings.clone(), &with(json!({"emails": ["Ada@example.com"], "city": "London"})));
    assert_eq!(lines(&parsed), [format!("exit buyers {LEFT_UTC} Live crm+email contact.city+user_id")]);
    assert_eq!(notes(&parsed), [(notes::IDENTIFIER_SKIPPED, 1)]);
    let key = InstallationKey::new([7; 32]);
    let (kind, source) = ("email".parse().unwrap(), "cdp".parse().unwrap());
    let value = Identifier::normalise(&kind, "ada@example.com").unwrap();
    assert_eq!(parsed.items[0].change.person, key.person(&source, &kind, &value));
    for (contact, reason) in [
        (json!({}), "missing: the source is keyed by it; select it in Export Fields"),
        (json!({"emails": null}), "the source is keyed by it: exactly one value"),
        (json!({"emails": ["a@b.c", "d@e.f"]}), "the source is keyed by it: exactly one value"),
        (json!({"emails": "secret"}), "not an e-mail address"),
    ] {
        let parsed = read_with(settings.clone(), &with(contact));
        assert_eq!((parsed.items.len(), parsed.rejected[0].reason.as_str()), (0, reason));
        assert_eq!(notes(&parsed), [(notes::NO_IDENTITY, 1)]);
    }
}

#[test]
fn bad_entries_are_named_and_the_others_are_taken() {
    let with = |member: &str, value: Json| {
        let mut entry = enter("buyers");
        entry[member] = value;
        entry
    };
    let late = NOW.parse::<Timestamp>().unwrap() + CLOCK_TOLERANCE + jiff::SignedDuration::from_nanos(1);
    let cases = [
        (json!("secret"), "", "must be an object"),
        (with("event", json!(1)), ".event", "must be a text"),
        (with("slug", json!(null)), ".slug", "must be a text"),
        (with("enter", json!("secret")), ".enter", "must be a time in RFC 3339, such as 2026-01-02T03:04:05Z"),
        (with("enter", json!(1_772_396_853)), ".enter", "must be a time in RFC 3339, such as 2026-01-02T03:04:05Z"),
        (with("enter", json!(late)), ".enter", "more than five minutes in the future"),
    ];
    for (entry, path, reason) in cases {
        let parsed = read(&event(&json!([entry, exit("leads")])));
        assert_eq!(lines(&parsed), [format!("exit leads {LEFT_UTC} Live email first_name")], "{entry}");
        let rejection = &parsed.rejected[0];
        assert_eq!(
            (rejection.path.as_str(), rejection.reason.as_str()),
            (&*format!("$.data.segment_events[0]{path}"), reason)
        );
        assert_eq!(notes(&parsed), [(notes::UNREADABLE, 1)]);
    }
    let parsed = read(&event(&json!([with("event", json!("refresh")), with("event", json!("a@b.c"))])));
    assert_eq!(lines(&parsed), [format!("profile {NOW} Live email first_name")]);
    assert_eq!(parsed.ignored, BTreeMap::from([("refresh".to_owned(), 1), (OTHER_EVENTS.to_owned(), 1)]));
    for (body, path) in [
        (json!({"v": 2, "profile": {}, "events": []}), "$.v"),
        (json!({"specversion": "1.0"}), "$.data"),
        (json!({"data": {"email": "a@b.c", "segment_events": 7}}), "$.data.segment_events"),
    ] {
        let parsed = read(&body);
        assert_eq!((parsed.items.len(), parsed.rejected[0].path.as_str()), (0, path), "{body}");
    }
}

#[test]
fn one_event_may_stand_without_a_list() {
    assert_eq!(read(&event(&enter("buyers"))).items.len(), 1);
}

#[test]
fn changes_are_counted_and_not_documents() {
    let batch = |documents: usize, moves: usize| json!(vec![event(&json!(vec![enter("buyers"); moves])); documents]);
    let read = |body: Json| read_as(json!({}), &Form::Json, body.to_string().as_bytes());
    assert_eq!(read(batch(500, 2)).unwrap().items.len(), 1_000);
    assert_eq!(read(batch(1_000, 0)).unwrap().items.len(), 1_000);
    for (documents, moves) in [(501, 2), (1, 1_001), (1_001, 0)] {
        assert_eq!(read(batch(documents, moves)).unwrap_err(), Unreadable::TooMany, "{documents} of {moves}");
    }
    assert!(matches!(read(json!("secret")), Err(Unreadable::Shape(_))));
}

/// JSON that is near to what Lytics sends, with a value in it that must not show.
fn nearly() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        Just(json!("secret")),
        Just(json!("secret@example.com")),
        Just(json!(ENTERED)),
        prop::sample::select(vec!["enter", "exit", "1.0"]).prop_map(Json::from),
    ];
    let known = prop::sample::select(vec![
        "id",
        "data",
        "meta",
        "v",
        "profile",
        "events",
        "segment_events",
        "segments_all",
        "specversion",
        "time",
        "event",
        "slug",
        "enter",
        "exit",
        "email",
        "user_id",
        "_modified",
    ]);
    let names = prop_oneof![8 => known.prop_map(str::to_owned), 1 => Just("secret@example.com".to_owned()), 1 => ".*"];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            4 => prop::collection::btree_map(names.clone(), inner, 0..6).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_makes_it_panic_or_tell_a_value(body in nearly(), only in any::<bool>()) {
        let settings = if only { json!({"audiences": ["enter"], "named_by": "id"}) } else { json!({}) };
        for form in [Form::Json, Form::CloudEvent, Form::CloudEventBatch, Form::Lines] {
            if let Ok(parsed) = read_as(settings.clone(), &form, body.to_string().as_bytes()) {
                let told = format!("{:?}{:?}{:?}", parsed.rejected, parsed.ignored, parsed.noted);
                prop_assert!(!told.contains("secret@"), "{told}");
                prop_assert!(parsed.items.iter().all(|item| !item.path.contains("secret")));
            }
        }
    }
}
