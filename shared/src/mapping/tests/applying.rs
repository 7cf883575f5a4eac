//! What people's values become.

use std::borrow::Cow;

use serde_json::json;

use super::{Somebody, columns, mappings, of_known, said};
use crate::mapping::{Cell, CompiledMapping};
use crate::model::AttributeType;

#[test]
fn every_path_gives_its_value() {
    let paths = [
        ("ids.email", "anna@example.com"),
        ("fields.first", "Anna"),
        ("fields.user_attributes.tier", "gold"),
        ("fields.one tag", "cats"),
        ("fields.price", "12.675"),
        ("fields.age", "45"),
        ("fields.member", "true"),
        ("attributes.ltv", "1234.5"),
        ("audience.id", "aud-1"),
        ("audience.name", "Cat people"),
        ("audience.slug", "cat-people"),
        ("audience.inside", "true"),
        ("change.occurred_at", "2026-01-05 23:30:00"),
    ];
    for (path, value) in paths {
        assert_eq!(of_known(json!({ "from": path })), value, "{path}");
    }
}

#[test]
fn a_text_is_borrowed_from_the_person() {
    let somebody = Somebody::known();
    let entries = mappings(json!([{ "column": "A", "from": "fields.first" }, { "column": "B", "from": "ids.email" }]));
    let mapping = CompiledMapping::compile(&entries, None).unwrap();
    let row = mapping.apply(&somebody.facts()).unwrap();
    assert!(row.cells().iter().all(|(_, cell)| matches!(cell, Cell::Text(Cow::Borrowed(_)))));
}

#[test]
fn cells_come_in_the_order_of_the_mapping() {
    let entries = mappings(json!([{ "column": "Z", "value": 1 }, { "column": "A", "value": true }]));
    let mapping = CompiledMapping::compile(&entries, None).unwrap();
    assert_eq!(mapping.columns().collect::<Vec<_>>(), ["Z", "A"]);
    let somebody = Somebody::unknown();
    let names: Vec<&str> = mapping.apply(&somebody.facts()).unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["Z", "A"]);
}

#[test]
fn constants_are_written_as_values_are() {
    assert_eq!(of_known(json!({ "value": " hello\n" })), "hello");
    assert_eq!(of_known(json!({ "value": 12.50 })), "12.5");
    assert_eq!(of_known(json!({ "value": true, "encoding": "y_n" })), "Y");
    assert_eq!(of_known(json!({ "value": "2026-01-05", "type": "date", "format": "%d/%m/%Y" })), "05/01/2026");
    assert_eq!(of_known(json!({ "value": "" })), "", "an empty text that is asked for is meant");
}

#[test]
fn missing_is_left_out_unless_the_mapping_says_otherwise() {
    assert_eq!(of_known(json!({ "from": "fields.nothing" })), "-");
    assert_eq!(of_known(json!({ "from": "fields.nothing", "if_missing": "reject" })), "!the person has no such value");
    assert_eq!(of_known(json!({ "from": "fields.nothing", "if_missing": { "default": "DK" } })), "DK");
    assert_eq!(said(json!({ "from": "audience.inside" }), &Somebody::unknown()), "-");
}

#[test]
fn cleared_blank_and_empty_are_null() {
    for path in ["fields.cleared", "fields.blank", "fields.no_tags"] {
        assert_eq!(of_known(json!({ "from": path })), "-", "{path}");
        assert_eq!(of_known(json!({ "from": path, "if_null": "clear" })), "∅", "{path}");
        assert_eq!(of_known(json!({ "from": path, "if_null": "reject" })), "!the value is empty", "{path}");
        assert_eq!(of_known(json!({ "from": path, "if_null": { "default": 0 } })), "0", "{path}");
        assert_eq!(of_known(json!({ "from": path, "if_missing": "reject" })), "-", "{path} was known once");
    }
}

#[test]
fn of_several_identifiers_the_preferred_one_is_taken() {
    assert_eq!(of_known(json!({ "from": "ids.email", "if_many": "first" })), "anna@example.com");
    let joined = of_known(json!({ "from": "ids.email", "if_many": { "join": ";" } }));
    assert_eq!(joined, "anna@example.com;anna@work.example");
    assert!(of_known(json!({ "from": "ids.email", "if_many": "reject" })).starts_with("!there are several values"));
}

#[test]
fn a_list_of_several_is_refused_unless_the_mapping_says_otherwise() {
    assert!(of_known(json!({ "from": "fields.tags" })).starts_with("!there are several values"));
    assert_eq!(of_known(json!({ "from": "fields.tags", "if_many": "first" })), "cats");
    assert_eq!(of_known(json!({ "from": "fields.tags", "if_many": { "join": ", " } })), "cats, dogs");
}

#[test]
fn control_characters_never_reach_a_column() {
    let of = |text: &str| said(json!({ "from": "fields.a" }), &Somebody::unknown().field("a", json!(text)));
    assert_eq!(of("Street 1\r\nFloor 2"), "Street 1  Floor 2");
    assert_eq!(of("\u{0}a\u{7f}b\u{9b}c\u{1f}"), "abc");
    assert_eq!(of(" å\u{a0}"), "å");
}

#[test]
fn lengths_count_characters() {
    let text = |max: u32, too_long: &str| {
        let somebody = Somebody::unknown().field("a", json!("æøåæ ø"));
        said(json!({ "from": "fields.a", "max_length": max, "too_long": too_long }), &somebody)
    };
    assert_eq!(text(6, "reject"), "æøåæ ø");
    assert_eq!(text(5, "reject"), "!the value has more than 5 characters");
    assert_eq!(text(5, "truncate"), "æøåæ", "no space is left at the end");
    assert_eq!(text(3, "truncate"), "æøå");
}

#[test]
fn whole_numbers() {
    let of =
        |kind: &str, value| said(json!({ "from": "fields.a", "type": kind }), &Somebody::unknown().field("a", value));
    assert_eq!(of("integer", json!(2_147_483_647)), "2147483647");
    assert_eq!(of("integer", json!("-007")), "-7");
    assert_eq!(of("integer", json!("7.0")), "!the value is no whole number");
    assert_eq!(of("integer", json!(2_147_483_648_i64)), "!the value is not within -2147483648 and 2147483647");
    assert_eq!(of("big_integer", json!(2_147_483_648_i64)), "2147483648");
    assert_eq!(of("big_integer", json!("9223372036854775808")), "!the value is no whole number");
    assert_eq!(of("integer", json!(true)), "!the value is no whole number");
    assert_eq!(of("integer", json!(1.5)), "!the value is no whole number");
}

#[test]
fn decimals() {
    let of = |value| said(json!({ "from": "fields.a", "type": "decimal" }), &Somebody::unknown().field("a", value));
    assert_eq!(of(json!(10.50)), "10.5");
    assert_eq!(of(json!("10.50")), "10.50");
    assert_eq!(of(json!("+.5")), "0.5");
    assert_eq!(of(json!(7)), "7");
    assert!(of(json!("1.234,50")).starts_with("!the value is no number"));
}

#[test]
fn yes_and_no_in_every_encoding() {
    let of = |encoding, value| {
        let mapping = json!({ "from": "fields.a", "type": "boolean", "encoding": encoding });
        said(mapping, &Somebody::unknown().field("a", value))
    };
    for (encoding, yes, no) in [
        (json!("true_false"), "true", "false"),
        (json!("one_zero"), "1", "0"),
        (json!("y_n"), "Y", "N"),
        (json!("preference"), "100", "1500"),
        (json!({ "custom": { "true": "Ja", "false": "Nej" } }), "Ja", "Nej"),
    ] {
        for (value, text) in
            [(json!(true), yes), (json!("YES"), yes), (json!(1), yes), (json!(0), no), (json!("n"), no)]
        {
            assert_eq!(of(encoding.clone(), value), text);
        }
    }
    assert!(of(json!("y_n"), json!("perhaps")).starts_with("!the value is neither yes nor no"));
    assert!(of(json!("y_n"), json!(2)).starts_with("!the value is neither yes nor no"));
}

#[test]
fn dates_are_written_in_the_zone_and_the_format() {
    let known =
        |path: &str, kind: &str| of_known(json!({ "from": path, "type": kind, "time_zone": "Europe/Copenhagen" }));
    assert_eq!(known("fields.birthday", "date"), "1980-02-29");
    assert_eq!(known("fields.birthday", "date_time"), "1980-02-29 00:00:00");
    assert_eq!(known("fields.visited", "date"), "2026-01-06");
    assert_eq!(known("fields.visited", "date_time"), "2026-01-06 00:30:00");
    assert_eq!(known("change.occurred_at", "date_time"), "2026-01-06 00:30:00");
    let format = json!({ "from": "fields.visited", "format": "%d.%m.%y %H:%M" });
    assert_eq!(of_known(format), "05.01.26 23:30");
    for bad in ["fields.first", "fields.age", "fields.member"] {
        assert!(known(bad, "date").starts_with("!the value is no date"), "{bad}");
    }
}

#[test]
fn addresses_and_telephone_numbers_are_checked() {
    let of =
        |kind: &str, value| said(json!({ "from": "fields.a", "type": kind }), &Somebody::unknown().field("a", value));
    assert_eq!(of("email", json!(" Anna@Example.com ")), "Anna@Example.com");
    for bad in ["anna", "@example.com", "a@b@c", "a b@c", "a@b..c", "a@"] {
        assert_eq!(of("email", json!(bad)), "!the value is no e-mail address", "{bad}");
    }
    assert_eq!(of("phone", json!("+45 (20) 12-34.56")), "+4520123456");
    assert_eq!(of("phone", json!(20_123_456)), "20123456");
    for bad in ["12", "call me", "1234567890123456", "+"] {
        assert_eq!(of("phone", json!(bad)), "!the value is no telephone number", "{bad}");
    }
}

#[test]
fn an_attribute_of_another_type_than_declared_is_refused() {
    let refused = "!the value is a text where the attribute is integer";
    assert_eq!(of_known(json!({ "from": "attributes.visits" })), refused);
    assert_eq!(of_known(json!({ "expression": "attributes.visits + 1" })), refused);
    let somebody = Somebody::unknown().attribute("day", AttributeType::Date, json!("soon"));
    assert_eq!(
        said(json!({ "from": "attributes.day" }), &somebody),
        "!the value is a text where the attribute is date"
    );
}

#[test]
fn a_person_without_its_key_or_a_required_column_is_refused() {
    let entries = mappings(json!([
        { "column": "EMAIL", "from": "ids.email" },
        { "column": "COUNTRY", "from": "fields.cleared" },
    ]));
    let mapping = CompiledMapping::compile(&entries, Some(&columns())).unwrap();
    let refused = |somebody: &Somebody| mapping.apply(&somebody.facts()).map(drop).unwrap_err().to_string();
    assert_eq!(refused(&Somebody::unknown()), "`EMAIL`: the person has no such value");
    assert_eq!(refused(&Somebody::known()), "`COUNTRY`: the value is empty");
}
