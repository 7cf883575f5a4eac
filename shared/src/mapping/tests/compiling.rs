//! What is told of broken mappings.

use insta::assert_snapshot;
use serde_json::json;

use super::{columns, listed, mappings, wrong};
use crate::mapping::{ColumnMapping, CompiledMapping, Position};

#[test]
fn every_mistake_is_told_at_once() {
    let entries = mappings(json!([
        { "column": "NMAE", "from": "field.first" },
        { "column": "E-mail address", "from": "ids.email" },
        { "column": "NAME", "expression": "fields.first|uper ~ nothing.here" },
        { "column": "NAME", "expression": "fields.first ~ )" },
        { "column": "BIRTHDAY", "from": "audience.inside" },
        { "column": "BIRTHDAY", "from": "fields.b", "format": "dd/mm/yyyy", "time_zone": "Europe/Copenhague" },
        { "column": "VISITS", "value": 3_000_000_000_i64, "from": "fields.visits" },
        { "column": "VISITS", "value": 3_000_000_000_i64 },
        { "column": "VISITS", "from": "fields.visits", "type": "text", "encoding": "y_n", "max_length": 0 },
        { "column": "", "from": "fields.visits" },
    ]));
    assert_snapshot!(listed(&CompiledMapping::compile(&entries, Some(&columns())).unwrap_err()));
}

#[test]
fn settings_refuse_what_they_do_not_know() {
    for unknown in [
        json!({ "column": "A", "from": "ids.email", "form": "x" }),
        json!({ "column": "A", "from": "ids.email", "if_null": "empty" }),
        json!({ "column": "A", "value": true, "encoding": { "custom": { "true": "a", "false": "b", "maybe": "c" } } }),
        json!({ "column": "A", "value": [1] }),
    ] {
        assert!(serde_json::from_value::<ColumnMapping>(unknown.clone()).is_err(), "{unknown}");
    }
}

#[test]
fn settings_are_written_as_they_were_read() {
    let settings = json!([{
        "column": "A", "from": "ids.email", "type": "text", "max_length": 9, "if_missing": { "default": 1.5 },
        "if_null": "clear", "if_many": { "join": "," }, "too_long": "truncate",
    }]);
    assert_eq!(serde_json::to_value(mappings(settings.clone())).unwrap(), settings);
}

#[test]
fn a_mistake_in_an_expression_has_its_place() {
    let entries = mappings(json!([{ "column": "A", "expression": "fields.ø\n" }]));
    assert!(CompiledMapping::compile(&entries, None).is_err());
    let entries = mappings(json!([{ "column": "A", "expression": "\"æ\" ~\n  \"ø\" ~ field.a" }]));
    let errors = CompiledMapping::compile(&entries, None).unwrap_err();
    assert_eq!(errors[0].position, Some(Position { line: 2, character: 9 }));
    assert_eq!(
        errors[0].to_string(),
        "`A`, expression, line 2, character 9: there is no `field`; did you mean `fields`?"
    );
    let entries = mappings(json!([{ "column": "A", "expression": "fields.a ~ (" }]));
    let errors = CompiledMapping::compile(&entries, None).unwrap_err();
    assert!(errors[0].position.is_some_and(|position| position.character >= 10));
}

#[test]
fn mistakes_in_expressions() {
    let told = |expression: &str| {
        let told = wrong(json!({ "expression": expression }));
        told.split_once(": ").map_or(told.clone(), |(_, message)| message.to_owned())
    };
    for (expression, message) in [
        ("", "the expression is empty"),
        ("fields", "`fields` alone is no value"),
        ("fields|length", "`fields` alone is no value"),
        ("fields[fields.a]", "`fields` alone is no value"),
        ("ids.user-id", "there is no `id`"),
        ("lower(fields.a)", "`lower` is a filter: write `value|lower`"),
        ("fields.a.upper()", "there are no functions and no methods"),
        ("'a'.upper()", "there are no functions and no methods"),
        ("(fields.a)()", "there are no functions and no methods"),
        ("range(10)", "there are no functions and no methods"),
        ("fields.a is odd", "there is no test `odd`"),
        ("fields.a == none", "ask with `is defined` and `is undefined`"),
        ("none != fields.a", "ask with `is defined` and `is undefined`"),
        ("fields.a|date", "`date` is written `date(\"%d/%m/%Y\")`"),
        ("fields.a|date('%d', 'UTC', 1)", "`date` is written"),
        ("fields.a|date('%')", "`%` is no format"),
        ("fields.a|date('yyyy')", "`yyyy` has no directives"),
        ("fields.a|date('%d', 'Copenhagen')", "there is no time zone `Copenhagen`"),
        ("fields.a|e164('XX')", "`XX` is no known country"),
        ("fields.a|replace('a')", "`replace` is written"),
        ("fields.a|default(value=1)", "arguments of filters stand in their order, without names"),
        ("fields.a|title", "there is no filter `title`"),
        ("fields.a|first.name", "what the filter `first` gives has no parts"),
        ("audience.names", "an audience has `id`, `name`, `slug` and `inside`, no `names`: `audience.name`"),
        ("change.at", "of a change only `change.occurred_at` is known"),
        ("loop.index", "there is no `loop`"),
        ("slot_0", "there is no `slot_0`"),
        ("self", "there is no `self`"),
    ] {
        assert!(told(expression).starts_with(message), "{expression}: {}", told(expression));
    }
    assert!(wrong(json!({ "expression": "(fields).a" })).contains("`fields` alone"));
}

#[test]
fn what_can_never_fit_is_refused() {
    for (from, kind) in [
        ("audience.inside", "date"),
        ("audience.inside", "email"),
        ("audience.name", "boolean"),
        ("change.occurred_at", "integer"),
        ("ids.email", "phone"),
        ("ids.email", "decimal"),
        ("ids.phone", "email"),
        ("ids.user_id", "date_time"),
    ] {
        let told = wrong(json!({ "from": from, "type": kind }));
        assert_eq!(told, format!("`C`, from: `{from}` can never be a `{kind}`"));
    }
}

#[test]
fn settings_that_contradict_each_other() {
    for (mapping, told) in [
        (json!({ "from": "fields.a", "type": "text", "format": "%Y" }), "`C`, format: only columns of the types"),
        (json!({ "from": "fields.a", "type": "date", "encoding": "y_n" }), "`C`, encoding: only columns of the type"),
        (json!({ "from": "fields.a", "type": "phone", "too_long": "truncate" }), "`C`, too_long: only texts"),
        (
            json!({ "from": "fields.a", "type": "date", "if_many": { "join": "," } }),
            "`C`, if_many: several values joined",
        ),
        (json!({ "value": "x".repeat(256), "type": "text" }), "`C`, value: the value has more than 255 characters"),
        (json!({ "value": " ", "if_missing": "omit" }), "`C`, value: the value is empty"),
        (
            json!({ "from": "fields.a", "type": "date", "if_null": { "default": "never" } }),
            "`C`, if_null: the value is no date",
        ),
        (
            json!({ "from": "fields.a", "encoding": { "custom": { "true": "x", "false": "x" } } }),
            "`C`, encoding: yes and no",
        ),
        (json!({ "from": "fields.a", "encoding": "true_false", "max_length": 4 }), "`C`, encoding: yes or no has more"),
        (json!({ "from": "fields.a", "value": 1 }), "`C`, from: of `from`, `value` and `expression`"),
        (json!({}), "`C`, from: say where the value comes from"),
    ] {
        assert!(wrong(mapping.clone()).starts_with(told), "{}", wrong(mapping));
    }
}

#[test]
fn keys_are_never_left_out_made_up_or_cut() {
    for rule in [
        json!({ "if_missing": "omit" }),
        json!({ "if_missing": { "default": "a@b.c" } }),
        json!({ "if_null": "omit" }),
        json!({ "if_null": "clear" }),
        json!({ "if_null": { "default": "a@b.c" } }),
        json!({ "too_long": "truncate" }),
        json!({ "if_many": { "join": "," } }),
    ] {
        let mut key = json!({ "column": "EMAIL", "from": "ids.email" });
        key.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
        let entries = mappings(json!([key, { "column": "COUNTRY", "value": "DK" }]));
        let errors = CompiledMapping::compile(&entries, Some(&columns())).unwrap_err();
        assert_eq!(errors.len(), 1, "{rule}: {}", listed(&errors));
        assert_eq!(
            errors[0].setting,
            rule.as_object().unwrap().keys().next().map(|name| match &**name {
                "if_missing" => "if_missing",
                "if_null" => "if_null",
                "if_many" => "if_many",
                _ => "too_long",
            })
        );
    }
}

#[test]
fn a_column_takes_what_is_narrower_and_nothing_else() {
    let told = |column: &str, extra: serde_json::Value| {
        let mut mapping = json!({ "column": column, "from": "fields.a" });
        mapping.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let mut known = columns();
        known.retain(|known| known.name == column);
        CompiledMapping::compile(&mappings(json!([mapping])), Some(&known))
            .map_or_else(|errors| listed(&errors), |_| "fine".to_owned())
    };
    assert_eq!(told("NAME", json!({ "type": "date" })), "fine");
    assert_eq!(told("NAME", json!({ "encoding": "preference" })), "fine");
    assert_eq!(told("VISITS", json!({ "type": "boolean", "encoding": "one_zero" })), "fine");
    assert!(told("VISITS", json!({ "type": "boolean" })).contains("the destination's column takes numbers"));
    assert!(told("VISITS", json!({ "type": "decimal" })).contains("`integer`, which does not take `decimal`"));
    assert!(told("BIRTHDAY", json!({ "type": "text" })).contains("`date`, which does not take `text`"));
}

#[test]
fn what_is_read_is_known() {
    let entries = mappings(json!([
        { "column": "A", "from": "ids.email" },
        { "column": "B", "expression": "fields.a.b ~ fields['c d'].e ~ attributes[\"x y\"]" },
        { "column": "C", "expression": "ids.email|join(',') if audience.inside else change.occurred_at" },
        { "column": "D", "expression": "'fields.z' ~ {'fields.y': 1}['ids.x']" },
        { "column": "E", "value": "fields.w" },
    ]));
    let mapping = CompiledMapping::compile(&entries, None).unwrap();
    let reads: Vec<String> = mapping.reads().into_iter().map(|path| path.to_string()).collect();
    let all = ["ids.email", "fields.a.b", "fields.c d.e", "attributes.x y", "audience.inside", "change.occurred_at"];
    assert_eq!(reads, all);
}

#[test]
fn compiled_mappings_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<CompiledMapping>();
}
