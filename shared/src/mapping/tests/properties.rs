//! What holds for every mapping and every person.

use proptest::prelude::*;
use serde_json::json;

use super::{Somebody, mappings, one};
use crate::mapping::{Cell, ColumnMapping, CompiledMapping, SourcePath};
use crate::model::{AttributeType, Value};

/// What nobody else would write: if it is told, it was quoted.
const SECRET: &str = "qZ7secretX";

fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "fields",
        "ids",
        "audience",
        "change",
        "attributes",
        ".",
        "email",
        "a",
        "['a b']",
        "|",
        "lower",
        "sha256",
        "date",
        "('%Y')",
        "('%d', 'UTC')",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "~",
        "+",
        "-",
        "*",
        "**",
        "//",
        "==",
        "<",
        "not",
        "and",
        "or",
        "in",
        "is",
        "if",
        "else",
        "none",
        "true",
        "defined",
        "first",
        "join",
        "1",
        "0.5",
        "'x'",
        "\"",
        "'",
        "\\",
        "é",
        "\u{0}",
        " ",
        "\n",
        "=",
        "inside",
        "split",
        "replace('x','y')",
        "fields.a",
        "fields.b|",
        "ids.email",
        "%",
        "{{",
    ]);
    prop::collection::vec(word, 0..24).prop_map(|words| words.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just(SECRET.to_owned()),
        Just(format!("{SECRET}@example.com")),
        Just("2026-01-05T00:00:00Z".to_owned()),
        Just("2026-02-30".to_owned()),
        Just("9999-12-31".to_owned()),
        "\\PC{0,40}",
        any::<String>(),
        "[0-9+-]{0,20}",
    ];
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Integer),
        (any::<i64>(), 0_u32..28).prop_map(|(digits, scale)| Value::Decimal(rust_decimal::Decimal::new(digits, scale))),
        text.prop_map(Value::Text),
    ];
    prop_oneof![3 => scalar.clone(), 1 => prop::collection::vec(scalar, 0..4).prop_map(Value::List)]
}

fn somebody(value: Value) -> Somebody {
    let mut somebody = Somebody::unknown().ids("email", &["a@b.example"]).in_audience();
    somebody.person.fields.insert("a".parse().unwrap(), super::entry(value.clone()));
    somebody.person.fields.insert("b".parse().unwrap(), super::entry(Value::Text(SECRET.to_owned())));
    somebody.person.attributes.insert("a".parse().unwrap(), super::entry(value));
    somebody.kinds.insert("a".parse().unwrap(), AttributeType::DateTime);
    somebody
}

fn column() -> impl Strategy<Value = ColumnMapping> {
    let kinds =
        ["text", "long_text", "integer", "big_integer", "decimal", "boolean", "date", "date_time", "email", "phone"];
    let sources = prop::sample::select(vec![
        json!({ "from": "fields.a" }),
        json!({ "from": "attributes.a" }),
        json!({ "expression": "fields.a" }),
        json!({ "expression": "fields.a|upper" }),
        json!({ "expression": "fields.a|int" }),
        json!({ "expression": "fields.a ~ fields.b" }),
        json!({ "expression": "fields.b * 3 + fields.a" }),
        json!({ "expression": "fields.a|date('%d/%m/%Y', 'Europe/Copenhagen')" }),
        json!({ "expression": "fields.a|e164('DK')" }),
        json!({ "expression": "fields.a|round(2)" }),
        json!({ "expression": "fields.a|split('-')|last" }),
        json!({ "expression": "[fields.a, fields.b]" }),
        json!({ "expression": "{fields.a: fields.b}" }),
        json!({ "expression": "-fields.a if fields.a < fields.b else fields.a ** 9" }),
    ]);
    let kind = prop::option::of(prop::sample::select(kinds.to_vec()));
    let many = prop::sample::select(vec![json!("first"), json!("reject")]);
    (sources, kind, prop::option::of(5_u32..40), any::<bool>(), many).prop_map(
        |(mut mapping, kind, length, cut, many)| {
            mapping["column"] = json!("C");
            mapping["if_many"] = many;
            if let Some(kind) = kind {
                mapping["type"] = json!(kind);
            }
            if let Some(length) = length {
                mapping["max_length"] = json!(length);
            }
            if cut && kind.is_none_or(|kind| kind.contains("text")) {
                mapping["too_long"] = json!("truncate");
            }
            serde_json::from_value(mapping).unwrap()
        },
    )
}

proptest! {
    #[test]
    fn any_text_compiles_or_is_refused(text in prop_oneof![any::<String>(), words()]) {
        for setting in ["from", "expression", "format", "time_zone"] {
            let mut mapping = json!({ "from": "fields.a" });
            if setting == "expression" {
                mapping = json!({});
            }
            mapping[setting] = json!(text);
            match one(mapping) {
                Ok(mapping) => drop(mapping.apply(&somebody(Value::Text(text.clone())).facts())),
                Err(errors) => prop_assert!(!errors.is_empty()),
            }
        }
    }

    #[test]
    fn what_is_written_fits_and_what_is_refused_is_not_quoted(entry in column(), value in value()) {
        let mapping = CompiledMapping::compile(std::slice::from_ref(&entry), None).unwrap();
        let somebody = somebody(value);
        match mapping.apply(&somebody.facts()) {
            Err(unmappable) => prop_assert!(!unmappable.to_string().to_lowercase().contains(&SECRET.to_lowercase())),
            Ok(row) => {
                let Cell::Text(text) = row.get("C") else { return Ok(()) };
                prop_assert!(text.chars().count() <= entry.max_length.map_or(65_536, |max| max as usize));
                prop_assert!(!text.contains(char::is_control));
                prop_assert_eq!(text.trim(), &**text);
            }
        }
    }

    #[test]
    fn what_an_expression_reads_decides_what_comes_out(expression in words(), one in value(), other in value()) {
        let entries = mappings(json!([{ "column": "C", "expression": expression }]));
        let Ok(mapping) = CompiledMapping::compile(&entries, None) else { return Ok(()) };
        let a: SourcePath = "fields.a".parse().unwrap();
        let b: SourcePath = "attributes.a".parse().unwrap();
        if !mapping.reads().contains(&a) && !mapping.reads().contains(&b) {
            let (one, other) = (somebody(one), somebody(other));
            prop_assert!(mapping.apply(&one.facts()) == mapping.apply(&other.facts()));
        }
    }

    #[test]
    fn a_path_reads_back_as_it_was_written(text in "(ids|fields|attributes)\\.[a-z][a-z0-9._-]{0,20}") {
        let path: SourcePath = text.parse().unwrap();
        prop_assert_eq!(path.to_string(), text);
    }
}
