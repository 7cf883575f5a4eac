use std::collections::BTreeMap;

use jiff::Timestamp;
use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use super::client::{FoundRow, Progress, progress};
use super::config::{Credentials, Settings};
use super::import::{csv, sort_out};
use super::mapping::{Made, Maker, body};
use super::prepare;
use super::read_back::same;
use super::tables::{Added, Listing, Numbered, Table, TableColumn};
use super::{CheetahDigital, Load};
use crate::destination::{
    Action, Destination, Failure, Item, ItemId, LinkedAttribute, LinkedAudience, Links, Shown, Shows,
};
use crate::http::Answer;
use crate::model::{AttributeLink, AttributeType, Identifier, LinkState, PersonKey, RecordId, Value};
use crate::ports::Secret;

fn settings(changes: &Json) -> Json {
    let mut settings = json!({
        "table": "lytics_audience", "person_column": "email", "audience_column": "audience_slug",
        "subscription_column": "subscribed",
        "timestamp": {"column": "changed_at", "time_zone": "Asia/Tokyo"},
        "columns": [
            {"column": "name", "expression": "fields.first ~ ' ' ~ fields.last"},
            {"column": "visits", "from": "attributes.visits", "type": "integer", "if_null": "clear"},
        ],
    });
    for (name, value) in changes.as_object().unwrap() {
        settings[name] = value.clone();
    }
    settings
}

fn refusal(changes: &Json) -> String {
    Settings::read(&settings(changes)).unwrap_err()
}

fn links() -> Links {
    let audience = |id: &str| LinkedAudience { id: id.parse().unwrap(), name: id.to_owned(), state: LinkState::Live };
    let link = AttributeLink { attribute: "visits".parse().unwrap(), kind: AttributeType::Integer };
    Links {
        activation: "crm".to_owned(),
        source: "lytics".to_owned(),
        audiences: vec![audience("high_value"), audience("at_risk")],
        attributes: vec![LinkedAttribute { link, name: "Visits".to_owned() }],
    }
}

fn now() -> Timestamp {
    "2026-03-02T08:00:00Z".parse().unwrap()
}

fn shown(shows: Shows, fields: &[(&str, &str)], visits: Option<Value>) -> Action {
    Action::Show(Shown {
        audiences: BTreeMap::from([("high_value".parse().unwrap(), shows)]),
        since: BTreeMap::from([("high_value".parse().unwrap(), "2026-03-01T14:05:09.5Z".parse().unwrap())]),
        attributes: visits.map(|visits| ("visits".parse().unwrap(), visits)).into_iter().collect(),
        fields: fields.iter().map(|(name, text)| (name.parse().unwrap(), Value::Text((*text).to_owned()))).collect(),
        ..Shown::default()
    })
}

fn item(step: u16, action: Action, memo: Option<Json>) -> Item {
    Item {
        id: ItemId { person: PersonKey([1; 16]), record: RecordId::Audience("high_value".parse().unwrap()), step },
        key: Identifier::normalise(&"email".parse().unwrap(), "ada@example.com").unwrap(),
        action,
        memo,
    }
}

/// The bodies of the calls that an item comes to, and what is remembered of it.
fn calls(settings: &Json, item: &Item) -> Result<(Vec<Json>, Option<Json>), String> {
    let settings = Settings::read(settings).unwrap();
    let compiled = settings.compile(None).unwrap();
    let links = links();
    let maker = Maker { settings: &settings, compiled: &compiled, links: &links, now: now() };
    match maker.make(item) {
        Made::Rows { former, row, memo, .. } => {
            let records = former.iter().chain([&row]).map(|record| body(&settings, &[record])).collect();
            Ok((records, memo.kept()))
        }
        Made::Rejected(reason) | Made::Nothing(reason) => Err(reason.to_string()),
    }
}

#[test]
fn the_settings_schema_is_published_with_defaults() {
    insta::assert_json_snapshot!(CheetahDigital.spec().settings);
}

fn inside() -> Shows {
    Shows::Inside(BTreeMap::new())
}

const ADA: &[(&str, &str)] = &[("first", "Ada"), ("last", "Lovelace")];

#[test]
fn an_enter_is_a_record_of_texts() {
    let entered = item(0, shown(inside(), ADA, Some(Value::Integer(12))), None);
    let (calls, memo) = calls(&settings(&json!({})), &entered).unwrap();
    let expected = json!({"_data": {"lytics_audience": [{
        "email": "ada@example.com", "audience_slug": "high_value", "subscribed": "true",
        "changed_at": "2026-03-01 23:05:09", "name": "Ada Lovelace", "visits": "12",
    }]}});
    assert_eq!((calls, memo), (vec![expected], None));
}

#[test]
fn an_exit_says_false_and_a_cleared_value_is_emptied_by_an_option() {
    let left = item(0, shown(Shows::Left, ADA, Some(Value::Null)), None);
    let one_zero = settings(&json!({"subscription": "one_zero"}));
    let (calls, _) = calls(&one_zero, &left).unwrap();
    let row = &calls[0]["_data"]["lytics_audience"][0];
    assert_eq!((&row["subscribed"], &row["visits"]), (&json!("0"), &json!("")));
    let option = json!({"_table": "lytics_audience",
        "_fieldOptions": [{"_applyToFields": ["visits"], "_insertNull": true}]});
    assert_eq!(calls[0]["_importOptions"], json!([option]));
}

#[test]
fn what_was_never_known_is_left_out() {
    let entered = item(0, shown(inside(), &[], None), None);
    let visits = json!({"columns": [{"column": "visits", "from": "attributes.visits", "type": "integer"}]});
    let (calls, _) = calls(&settings(&visits), &entered).unwrap();
    let row = calls[0]["_data"]["lytics_audience"][0].as_object().unwrap();
    assert!(!row.contains_key("visits"), "{row:?}");
    assert!(!calls[0].as_object().unwrap().contains_key("_importOptions"));
}

#[test]
fn a_value_of_400_characters_keeps_nobody_inside_who_left() {
    let long = "x".repeat(400);
    let names = [("first", long.as_str()), ("last", "Lovelace")];
    let settings = settings(&json!({}));
    let entered = calls(&settings, &item(0, shown(inside(), &names, None), None)).unwrap_err();
    assert!(entered.contains("`name`") && !entered.contains("xxx"), "{entered}");
    let (left, _) = calls(&settings, &item(0, shown(Shows::Left, &names, None), None)).unwrap();
    let row = &left[0]["_data"]["lytics_audience"][0];
    assert_eq!((&row["subscribed"], row.get("name")), (&json!("false"), None));
}

fn keyed() -> Json {
    settings(&json!({"key_columns": ["country"], "columns": [{"column": "country", "from": "fields.country"}]}))
}

#[test]
fn a_changed_key_field_tells_the_old_row_false_first() {
    let (settings, action) = (keyed(), shown(inside(), &[("country", "NO")], None));
    let memo = json!({"keys": {"country": "DK"}});
    let (calls, memo) = calls(&settings, &item(0, action, Some(memo))).unwrap();
    let rows: Vec<[&str; 2]> = calls
        .iter()
        .map(|call| &call["_data"]["lytics_audience"][0])
        .map(|row| [row["country"].as_str().unwrap(), row["subscribed"].as_str().unwrap()])
        .collect();
    assert_eq!(rows, [["DK", "false"], ["NO", "true"]]);
    assert_eq!(memo, Some(json!({"keys": {"country": "NO"}})));
}

#[test]
fn a_missing_key_field_is_refused_by_name() {
    let refused = calls(&keyed(), &item(0, shown(inside(), &[], None), None)).unwrap_err();
    assert!(refused.starts_with("`country`"), "{refused}");
    // Who left is told so under the key that the row has.
    let memo = Some(json!({"keys": {"country": "DK"}}));
    let (left, _) = calls(&keyed(), &item(0, shown(Shows::Left, &[], None), memo)).unwrap();
    assert_eq!(left[0]["_data"]["lytics_audience"][0]["country"], "DK");
}

#[test]
fn whoever_goes_leaves_an_empty_row() {
    for action in [Action::Leave, Action::Forget] {
        let (calls, memo) = calls(&settings(&json!({})), &item(1, action, None)).unwrap();
        let row = &calls[0]["_data"]["lytics_audience"][0];
        assert_eq!([&row["subscribed"], &row["name"], &row["visits"]], ["false", "", ""]);
        assert_eq!(calls[0]["_importOptions"][0]["_fieldOptions"][0]["_applyToFields"], json!(["name", "visits"]));
        assert_eq!(memo, None);
    }
}

#[test]
fn options_name_the_columns_that_are_sent() {
    let chosen = json!({"preserve": ["name", "other"], "append": ["name"], "placement": "beside"});
    let entered = item(0, shown(inside(), ADA, Some(Value::Integer(1))), None);
    let (calls, _) = calls(&settings(&json!({"options": chosen})), &entered).unwrap();
    let expected = json!([{"_table": "lytics_audience", "_appendMultiValue": true,
        "_fieldOptions": [{"_applyToFields": ["name"], "_preserveData": true}]}]);
    assert_eq!(calls[0]["_importOptions"], expected);
}

#[test]
fn settings_that_do_not_fit_are_refused_with_their_place() {
    let cases = [
        (json!({"records_per_call": 0}), "$.records_per_call: "),
        (json!({"audience_column": "email"}), "$.audience_column: the column `email` is written by another"),
        (json!({"key_columns": ["country"]}), "$.key_columns: `country` is not among `columns`"),
        (json!({"subscription": "preference"}), "$.subscription: `preference` writes a consent"),
        (json!({"timestamp": {"column": "at", "time_zone": "Europe/Copenhague"}}), "$.timestamp.time_zone: "),
        (
            json!({"columns": [{"column": "subscribed", "value": "x"}]}),
            "$.columns: `subscribed` is written by a setting",
        ),
        (
            json!({"columns": [{"column": "a", "expression": "fields.a|shout"}]}),
            "$.columns: `a`, expression, character 10",
        ),
        (json!({"tabel": "x"}), "$.tabel: unknown field"),
        (json!({"batch_import": {"customer_id": 1}}), "$.batch_import: missing field"),
        (json!({"batch_import": {"customer_id": 1, "data_map_id": 2, "from": 1}}), "$.batch_import.from: "),
    ];
    for (changes, start) in cases {
        let refused = refusal(&changes);
        assert!(refused.starts_with(start), "{refused}");
    }
}

#[test]
fn every_region_has_its_hosts_and_an_account_may_name_others() {
    let of = |hosts: Json, region: &str| {
        let secret = json!({"consumer_key": "k", "consumer_secret": "s", "region": region, "hosts": hosts});
        let credentials = Credentials::read(&Secret(secret)).unwrap();
        [credentials.token_origin(), credentials.data_origin(), credentials.api_origin()]
    };
    let (na, eu, jp) = ("https://api.eccmp.com", "https://api.ccmp.eu", "https://api.marketingsuite.jp");
    assert_eq!(of(json!({}), "na"), [na, "https://aet.eccmp.com", na]);
    assert_eq!(of(json!({}), "eu"), [eu; 3]);
    assert_eq!(of(json!({}), "jp"), [jp; 3]);
    assert_eq!(of(json!({"data": "api.eccmp.eu"}), "eu"), [eu, "https://api.eccmp.eu", eu]);
}

#[test]
fn credentials_are_refused_without_showing_them() {
    let secret = json!({"consumer_key": "zqkey", "consumer_secret": 7, "region": "na"});
    let refused = Credentials::read(&Secret(secret)).unwrap_err();
    assert!(refused.starts_with("$.consumer_secret") && !refused.contains("zqkey"), "{refused}");
}

/// What a page of the vendor's lists comes to.
fn listing<T: Numbered + for<'de> serde::Deserialize<'de>>(pages: &[&str]) -> (Vec<T>, Vec<[usize; 2]>) {
    let mut listing = Listing::default();
    let added = pages.iter().map(|page| {
        let body = page.as_bytes().to_vec();
        let answer = Answer { status: StatusCode::OK, retry_after: None, date: None, body };
        let Added { new, known } = listing.add(&answer).unwrap();
        [new, known]
    });
    let added = added.collect();
    (listing.items, added)
}

const TABLES: &str = include_str!("fixtures/tables.json");
const COLUMNS: &str = include_str!("fixtures/columns.json");

#[test]
fn lists_are_read_once_whatever_else_they_say_and_however_they_are_wrapped() {
    let (tables, added) = listing::<Table>(&[TABLES, TABLES]);
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!((names, added), (vec!["lytics_audience", "会員_テーブル", "recipient"], vec![[3, 0], [0, 3]]));
    let (columns, _) = listing::<TableColumn>(&[COLUMNS]);
    assert_eq!(columns.len(), 6);
}

#[test]
fn what_does_not_fit_the_table_is_named_before_anything_is_sent() {
    let (tables, _) = listing::<Table>(&[TABLES]);
    let (columns, _) = listing::<TableColumn>(&[COLUMNS]);
    let reason = |failure: Failure| {
        let Failure::Misconfigured { reason } = failure else { panic!("{failure:?}") };
        reason.to_string()
    };
    let display = reason(prepare::find(&tables, "会員 テーブル").unwrap_err());
    assert!(display.contains("the table's own name is `会員_テーブル`"), "{display}");
    let read = |changes: &Json| Settings::read(&settings(changes)).unwrap();
    let consent = reason(prepare::check(&read(&json!({})), &columns).unwrap_err());
    assert!(consent.contains("`subscribed` holds a consent"), "{consent}");
    let named = json!({"preference_columns": ["subscribed"]});
    prepare::check(&read(&named), &columns).unwrap();
    let renamed = json!({"preference_columns": ["subscribed"], "columns": [{"column": "Full Name", "value": "x"}]});
    let missing = reason(prepare::check(&read(&renamed), &columns).unwrap_err());
    assert!(missing.contains("`Full Name` (the column's own name is `name`)"), "{missing}");
    let Links { audiences, .. } = links();
    for number in [2, 1] {
        // Another activation may bring another audience.
        let links = Links { audiences: audiences[..number].to_vec(), ..links() };
        let warnings = prepare::warnings(&read(&named), &columns, &links);
        let found = ["`email` without `audience_slug`", "other activations"].map(|part| warnings[0].contains(part));
        assert_eq!(found, [true, true], "{warnings:?}");
    }
}

/// Which of these items go by file, as the file has them, and how many go singly.
fn filed(changes: &Json, items: &[Item]) -> (Vec<String>, usize) {
    let mut settings = settings(changes);
    settings["batch_import"] = json!({"customer_id": 1, "data_map_id": 2, "from": 2});
    let settings = Settings::read(&settings).unwrap();
    let (compiled, links) = (settings.compile(None).unwrap(), links());
    let maker = Maker { settings: &settings, compiled: &compiled, links: &links, now: now() };
    let loads: Vec<Load<'_>> = super::Made::of(&maker, items).then;
    let (files, singly) = sort_out(&loads, &settings, settings.batch_import.as_ref().unwrap());
    let texts = files.iter().map(|file| String::from_utf8(csv(file)).unwrap());
    (texts.collect(), singly.len())
}

#[test]
fn a_file_has_a_header_and_rows_of_the_same_columns() {
    let full = item(0, shown(inside(), ADA, Some(Value::Integer(12))), None);
    let quoted = [("first", "\"Ada\","), ("last", "ラブレス")];
    let quoted = item(0, shown(Shows::Left, &quoted, Some(Value::Integer(13))), None);
    let without = item(0, shown(inside(), ADA, None), None);
    let (files, singly) = filed(&json!({}), &[full, quoted, without]);
    let expected = "\"audience_slug\",\"changed_at\",\"email\",\"name\",\"subscribed\",\"visits\"\r\n\
        \"high_value\",\"2026-03-01 23:05:09\",\"ada@example.com\",\"Ada Lovelace\",\"true\",\"12\"\r\n\
        \"high_value\",\"2026-03-01 23:05:09\",\"ada@example.com\",\"\"\"Ada\"\", ラブレス\",\"false\",\"13\"\r\n";
    assert_eq!((files, singly), (vec![expected.to_owned()], 1), "who has other columns goes singly");
}

#[test]
fn what_a_file_cannot_say_goes_singly() {
    let backslash = [("first", "A\\da"), ("last", "Lovelace")];
    let visits = || Some(Value::Integer(1));
    let cases = [
        (json!({}), item(0, shown(inside(), &backslash, visits()), None)),
        (json!({}), item(0, shown(inside(), ADA, Some(Value::Null)), None)),
        (json!({"options": {"preserve": ["name"]}}), item(0, shown(inside(), ADA, visits()), None)),
    ];
    for (changes, item) in cases {
        assert_eq!(filed(&changes, &[item.clone(), item]), (Vec::new(), 2), "{changes}");
    }
    let moved = item(0, shown(inside(), &[("country", "NO")], None), Some(json!({"keys": {"country": "DK"}})));
    assert_eq!(filed(&keyed(), &[moved.clone(), moved]).1, 2, "a former row goes first");
}

#[test]
fn an_import_is_over_when_it_says_so_and_counts_by_the_least_that_went_all_the_way() {
    let of = |body: Json| {
        let body = body.to_string().into_bytes();
        progress(&Answer { status: StatusCode::OK, retry_after: None, date: None, body })
    };
    let done = |rows| Progress::Done { rows };
    assert_eq!(of(json!({"status_id": "DONE", "parsed_rows": 9, "cleansed_rows": 7})), done(Some(7)));
    assert_eq!(of(json!({"Status_Id": "Done", "ParsedRows": "3", "LoadedRows": "4"})), done(Some(3)));
    assert_eq!(of(json!({"status_id": "DONE", "parsed_rows": 9})), done(None), "nobody says what became of them");
    assert_eq!(of(json!({"status_id": "FAILED", "cleansed_rows": 9})), Progress::Running);
    assert_eq!(of(json!("DONE")), Progress::Running);
}

#[test]
fn what_is_shown_is_the_same_however_the_vendor_writes_numbers_and_dates() {
    let date = Some("%d/%m/%Y %H:%M");
    for (format, loaded, shown, is_same) in [
        (None, "12", "12.00", true),
        (None, "12", "13", false),
        (None, "Ada", "", false),
        (None, "Ada", "ada", false),
        (date, "01/03/2026 14:05", "2026-03-01T14:05:00.000Z", true),
        (date, "01/03/2026 14:05", "2026-03-01 14:06:00", false),
        (date, "01/03/2026 14:05", "the first of March", true),
        (date, "01/03/2026 14:05", "", false),
    ] {
        assert_eq!(same(format, loaded, shown), is_same, "{loaded} and {shown}");
    }
    let row = json!({"id": 7, "properties": [{"propName": "a", "value": null}, {"propName": "b", "value": 12}]});
    let shown = FoundRow::read(row).unwrap().shown;
    assert_eq!([&shown["a"], &shown["b"]], ["", "12"]);
}
