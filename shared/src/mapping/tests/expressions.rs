//! What expressions give.

use serde_json::json;

use super::{Somebody, of_known, one, said};

fn gives(expression: &str) -> String {
    of_known(json!({ "expression": expression }))
}

fn gives_of(expression: &str, text: &str) -> String {
    said(json!({ "expression": expression }), &Somebody::unknown().field("a", json!(text)))
}

#[test]
fn every_filter() {
    for (expression, value) in [
        ("fields.last|lower", "øst"),
        ("fields.last|upper", "ØST"),
        ("'  x '|trim", "x"),
        ("ids.email|sha256", "5a0e9d6b6b2c4ab0c8b2aaf2fd1d8c0f2e7e9a9c2d39c0d4f1b1e7a6d1f9a3c4"),
        ("fields.visited|date('%d/%m/%Y')", "05/01/2026"),
        ("fields.visited|date('%d/%m/%Y %H:%M', 'Europe/Copenhagen')", "06/01/2026 00:30"),
        ("'20 12 34 56'|e164('DK')", "+4520123456"),
        ("fields.nothing|default('x')", "x"),
        ("fields.cleared|default('x')", "x"),
        ("fields.blank|default('x')", "x"),
        ("fields.first|default('x')", "Anna"),
        ("fields.tags|join('+')", "cats+dogs"),
        ("ids.email|join(' ')", "anna@example.com anna@work.example"),
        ("fields.last|join('+')", "Øst"),
        ("fields.last|replace('s', 'Z')", "ØZt"),
        ("fields.tags|first", "cats"),
        ("fields.tags|last", "dogs"),
        ("ids.email|last", "anna@work.example"),
        ("fields.last|first", "Ø"),
        ("'12.9'|int", "12"),
        ("'12.50'|float", "12.5"),
        ("fields.member|int", "1"),
        ("fields.price|round(2)", "12.68"),
        ("fields.price|round", "13"),
        ("fields.last|length", "3"),
        ("ids.email|length", "2"),
        ("'a; b'|split(';')|last", "b"),
        ("'a  b'|split|join('-')", "a-b"),
    ] {
        if expression.contains("sha256") {
            assert_eq!(gives(expression).len(), 64);
        } else {
            assert_eq!(gives(expression), value, "{expression}");
        }
    }
}

#[test]
fn hashes_are_hexadecimal_sha_256() {
    // FIPS 180-4's example.
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(gives("'abc'|sha256"), hash);
    assert_eq!(gives("fields.nothing|sha256"), "-", "nothing is not hashed");
    assert_eq!(gives("fields.blank|sha256"), "-");
}

#[test]
fn words_between_values() {
    assert_eq!(gives("fields.first ~ ' ' ~ fields.last"), "Anna Øst");
    assert_eq!(gives("fields['one tag']|first ~ '!'"), "cats!");
    assert_eq!(gives("fields.user_attributes.tier|upper"), "GOLD");
    assert_eq!(gives("fields['user_attributes'].tier"), "gold");
    assert_eq!(gives("'adult' if fields.age >= 18 else 'child'"), "adult");
    assert_eq!(gives("'y' if 'cats' in fields.tags else 'n'"), "y");
    assert_eq!(gives("{'gold': 1, 'silver': 2}[fields.user_attributes.tier]"), "1");
    assert_eq!(gives("fields.age * 2 + 0.1 + 0.2"), "90.3", "without what binary arithmetic leaves behind");
    assert_eq!(gives("audience.name ~ ' ' ~ audience.inside|lower"), "Cat people true");
    assert_eq!(gives("fields.last[:2]"), "Øs");
    assert_eq!(gives("change.occurred_at|date('%Y')"), "2026");
    assert_eq!(gives("fields.nothing or fields.cleared or fields.last"), "Øst");
}

#[test]
fn a_missing_value_stays_missing() {
    for expression in [
        "fields.nothing",
        "fields.nothing|lower|trim",
        "fields.nothing.below|round(2)",
        "fields.nothing|split(',')|first",
        "fields.nothing|date('%Y')",
        "fields.nothing|e164('DK')",
        "fields.nothing|int",
        "fields.nothing|length",
        "fields.nothing|join(',')",
        "ids.nothing|join(',')",
        "'x' if fields.nothing is defined",
    ] {
        let mapping = |rule: &str| json!({ "expression": expression, "if_missing": rule, "if_null": "clear" });
        assert_eq!(of_known(mapping("omit")), "-", "{expression}");
        assert_eq!(of_known(mapping("reject")), "!the person has no such value", "{expression}");
    }
}

#[test]
fn a_cleared_value_is_told_from_one_never_known() {
    let rule = |expression: &str| of_known(json!({ "expression": expression, "if_null": "clear" }));
    assert_eq!(rule("fields.cleared|lower"), "∅");
    assert_eq!(rule("fields.blank|lower"), "∅");
    assert_eq!(rule("fields.nothing|lower"), "-");
    assert_eq!(rule("none"), "∅");
    assert_eq!(rule("fields.cleared ~ 'x'"), "x", "no `none` is written");
    assert_eq!(rule("'x' if fields.cleared is undefined"), "x");
    assert_eq!(rule("'x' if fields.cleared > 18 else 'y'"), "y");
}

#[test]
fn several_that_come_out_follow_the_rule_for_several() {
    let rule = |many| of_known(json!({ "expression": "fields.tags", "if_many": many }));
    assert!(gives("fields.tags").starts_with("!there are several values"));
    assert_eq!(rule(json!("first")), "cats");
    assert_eq!(rule(json!({ "join": "," })), "cats,dogs");
}

#[test]
fn what_cannot_be_worked_out_is_refused_without_the_value() {
    for (expression, reason) in [
        ("fields.a|int", "!the value is no number"),
        ("fields.a|date('%Y')", "!the value is no date (YYYY-MM-DD, or RFC 3339 with an offset)"),
        ("fields.a|e164('45')", "!the value is no telephone number"),
        ("fields.a + 1", "!the expression does not work for this person's values (invalid operation)"),
        ("{fields.a: 1}", "!what comes out is neither a text, a number, yes or no, nor a list of these"),
        ("[[fields.a]]", "!what comes out is neither a text, a number, yes or no, nor a list of these"),
        ("[fields.a]|lower", "!the value is a list where a text is needed: take `first`, `last` or `join`"),
    ] {
        assert_eq!(gives_of(expression, "secret"), reason, "{expression}");
    }
}

#[test]
fn no_expression_runs_unbounded() {
    let long = "x".repeat(8_000);
    let too_much = ["fields.a * 100000", "(fields.a ~ fields.a) * 50", "fields.a|replace('x', 'yyyyyyyyyyyyyyyyyyyy')"];
    for expression in too_much {
        assert!(gives_of(expression, &long).starts_with("!the expression"), "{expression}");
    }
    assert!(gives_of("10 ** 300 * 10 ** 300", "").starts_with('!'));
}

#[test]
fn deep_nesting_is_refused_and_not_a_crash() {
    let nested = [
        "-",
        "not ",
        "(",
        "[",
        "{1:",
        "1 if ",
        "1 if 1 else ",
        "a.",
        "1+",
        "1~",
        "1|int|",
        "fields.a|lower|",
        "x[",
        "1 in ",
    ];
    for part in nested {
        for length in [50, 333, 999, 3_990] {
            for tail in ["", "1", "fields.a"] {
                let expression = part.repeat(length / part.len()) + tail;
                let _ = one(json!({ "expression": expression }));
            }
        }
    }
}

#[test]
fn telephone_numbers_get_their_country() {
    for (number, country, value) in [
        ("20 12 34 56", "DK", "+4520123456"),
        ("20123456", "45", "+4520123456"),
        ("0045 20123456", "SE", "+4520123456"),
        ("+45 20 12 34 56", "+46", "+4520123456"),
        ("070-123 45 67", "SE", "+46701234567"),
        ("0171 1234567", "de", "+491711234567"),
        ("+44 (0)20 7946 0958", "DK", "+442079460958"),
        ("06 12345678", "IT", "+390612345678"),
        ("06 20 123 4567", "HU", "+36201234567"),
        ("(202) 555-0143", "US", "+12025550143"),
        ("1 202 555 0143", "US", "+12025550143"),
    ] {
        assert_eq!(gives_of(&format!("fields.a|e164('{country}')"), number), value, "{number} of {country}");
    }
    for bad in ["12", "call me", "+0123456789", "+1234567890123456"] {
        assert_eq!(gives_of("fields.a|e164('DK')", bad), "!the value is no telephone number", "{bad}");
    }
}
