use std::collections::BTreeMap;

use muster_twins::cheetah_digital::{Cell, LateOptions};
use serde_json::{Value, json};

use crate::support::{ADA, Bench, DATA, bench};

/// Options for columns of `newsletter`.
fn fields(columns: &[&str], option: &str) -> Value {
    json!({"_table": "newsletter", "_fieldOptions": [{"_applyToFields": columns, option: true}]})
}

async fn with_options(bench: &Bench, options: Value) -> (u16, Value) {
    let body = json!({"_data": {"newsletter": [{"email": ADA}]}, "_importOptions": options});
    bench.post(DATA, &body).await
}

#[expect(clippy::unwrap_used, reason = "in a test that is how to fail")]
fn seed(bench: &Bench, column: &str, text: &str) {
    let cells = [("email", ADA), (column, text)].map(|(name, text)| (name.to_owned(), Cell::One(text.to_owned())));
    bench.twin.seed_row("newsletter", &BTreeMap::from(cells)).unwrap();
}

#[tokio::test]
async fn malformed_options_are_refused() {
    let bench = bench().await;
    for (options, offender) in [
        (json!({}), "_importOptions"),
        (json!([{}]), "_table"),
        (json!([{"_table": "recipient"}]), "recipient"),
        (json!([{"_table": "newsletter", "_fieldOptions": {}}]), "_fieldOptions"),
        (json!([fields(&["Email"], "_insertNull")]), "Email"),
        (json!([{"_table": "newsletter", "_fieldOptions": [{"_insertNull": true}]}]), "_applyToFields"),
        (json!([fields(&["email"], "_overwrite")]), "_overwrite"),
        (json!([{"_table": "newsletter", "_overwrite": true}]), "_overwrite"),
        (json!([{"_table": "newsletter", "_doNotUpdateExisting": "yes"}]), "_doNotUpdateExisting"),
        (json!([{"_table": "newsletter", "_join": "recipient_to_organization"}]), "_join"),
    ] {
        let (status, body) = with_options(&bench, options.clone()).await;
        assert_eq!(status, 400, "{options}");
        assert!(body["message"].as_str().is_some_and(|text| text.contains(offender)), "{body}");
    }
}

#[tokio::test]
async fn minimal_import_is_unexpected() {
    let bench = bench().await;
    let options = json!([{"_table": "newsletter", "_minimalImport": true}]);
    assert_eq!(with_options(&bench, options).await.0, 500);
    assert_eq!(bench.twin.counters().unexpected, 1);
}

#[tokio::test]
async fn do_not_update_existing_inserts_only() {
    let bench = bench().await;
    let options = json!({"_table": "newsletter", "_doNotUpdateExisting": true});
    bench.newsletter(json!({"email": ADA, "note": "first"}), options.clone()).await;
    let row = bench.newsletter(json!({"email": ADA, "note": "second"}), options).await;
    assert_eq!(row.text("note"), "first");
}

#[tokio::test]
async fn preserve_data_keeps_what_is_there() {
    let bench = bench().await;
    let options = fields(&["note"], "_preserveData");
    bench.newsletter(json!({"email": ADA, "note": "first"}), options.clone()).await;
    let row = bench.newsletter(json!({"email": ADA, "note": "second", "visits": "2"}), options).await;
    assert_eq!((row.text("note"), row.text("visits")), ("first".to_owned(), "2".to_owned()));
}

#[tokio::test]
async fn insert_null_lets_blanks_clear() {
    let bench = bench().await;
    bench.newsletter(json!({"email": ADA, "note": "x", "visits": "1"}), Value::Null).await;
    let row = bench.newsletter(json!({"email": ADA, "note": "", "visits": ""}), fields(&["note"], "_insertNull")).await;
    assert_eq!((row.text("note"), row.text("visits")), (String::new(), "1".to_owned()));
}

#[tokio::test]
async fn case_sensitive_identifiers_are_different_people() {
    let bench = bench().await;
    let options = fields(&["email"], "_caseSensitive");
    bench.newsletter(json!({"email": ADA}), options.clone()).await;
    bench.newsletter(json!({"email": "Ada@example.com"}), options).await;
    assert_eq!(bench.twin.rows("newsletter").len(), 2);
}

#[tokio::test]
async fn ignore_ban_list_loads_a_banned_address() {
    let bench = bench().await;
    bench.twin.ban(ADA);
    bench.newsletter(json!({"email": ADA}), fields(&["email"], "_ignoreBanList")).await;
    assert_eq!(bench.twin.counters().banned_loaded, 1);
}

#[tokio::test]
async fn preserve_opt_out_keeps_the_opt_out_and_nothing_else() {
    let bench = bench().await;
    seed(&bench, "consent", "1500");
    let options = fields(&["consent"], "_preserveOptOut");
    let row = bench.newsletter(json!({"email": ADA, "consent": "100"}), options.clone()).await;
    assert_eq!(row.text("consent"), "1500");
    assert_eq!(bench.twin.counters().opted_in_again, 0);
    assert!(bench.twin.edit("newsletter", row.id, "consent", Some(Cell::One("100".to_owned()))));
    let row = bench.newsletter(json!({"email": ADA, "consent": "1500"}), options).await;
    assert_eq!(row.text("consent"), "1500");
}

#[tokio::test]
async fn a_multi_value_column_is_replaced_unless_appended_to() {
    let bench = bench().await;
    let appending = fields(&["audiences"], "_appendMultiValue");
    bench.newsletter(json!({"email": ADA, "audiences": "a"}), appending.clone()).await;
    bench.newsletter(json!({"email": ADA, "audiences": "b"}), appending.clone()).await;
    let row = bench.newsletter(json!({"email": ADA, "audiences": "b"}), appending).await;
    assert_eq!(row.cells["audiences"], Cell::Many(vec!["a".to_owned(), "b".to_owned()]));
    let row = bench.newsletter(json!({"email": ADA, "audiences": "c"}), Value::Null).await;
    assert_eq!(row.cells["audiences"], Cell::Many(vec!["c".to_owned()]));
}

#[tokio::test]
async fn the_place_of_the_last_three_options_is_a_switch() {
    let bench = bench().await;
    seed(&bench, "consent", "1500");
    let beside = json!([{"_table": "newsletter", "_preserveOptOut": true}]);
    assert_eq!(with_options(&bench, beside.clone()).await.0, 400);
    bench.twin.with_switches(|s| s.late_field_options = LateOptions::Beside);
    let inside = json!([fields(&["consent"], "_preserveOptOut")]);
    assert_eq!(with_options(&bench, inside).await.0, 400);
    let row = bench.newsletter(json!({"email": ADA, "consent": "100"}), beside[0].clone()).await;
    assert_eq!(row.text("consent"), "1500");
}
