use muster_twins::cheetah_digital::{BadRecord, NonStrings, Overlong, Profile, SuccessBody};
use serde_json::{Value, json};

use crate::support::{ADA, Bench, DATA, answer, bench, member};

/// Each body is refused with 400 and a message that names `offender`.
async fn refused(bench: &Bench, body: Value, offender: &str) {
    let (status, answer) = bench.post(DATA, &body).await;
    assert_eq!(status, 400, "{body}");
    let message = answer["message"].as_str().unwrap_or_default();
    assert!(message.contains(offender), "{message} does not name {offender}");
    assert_eq!(bench.twin.counters().loads, 0);
}

async fn unexpected(bench: &Bench, body: Value, what: &str) {
    assert_eq!(bench.post(DATA, &body).await.0, 500, "{body}");
    let noted = bench.twin.unexpected();
    assert!(noted.iter().any(|line| line.contains(what)), "{noted:?}");
}

fn one(table: &str, record: Value) -> Value {
    json!({"_data": {table: [record]}})
}

fn newsletter(column: &str, value: impl Into<Value>) -> Value {
    one("newsletter", json!({"email": ADA, column: value.into()}))
}

#[tokio::test]
async fn only_post_is_supported() {
    let bench = bench().await;
    for method in ["GET", "PUT", "PATCH", "DELETE"] {
        assert_eq!(answer(bench.request(method, DATA)).await.0, 405, "{method}");
    }
    assert!(bench.twin.unexpected().is_empty());
}

#[tokio::test]
async fn what_is_not_json_is_refused() {
    let bench = bench().await;
    let request =
        |media: &str, body: &'static str| bench.request("POST", DATA).header("Content-Type", media).body(body);
    assert_eq!(answer(request("text/plain", "{}")).await.0, 400);
    assert_eq!(answer(request("application/json", "{")).await.0, 400);
    assert_eq!(answer(request("application/json; charset=utf-8", "[]")).await.0, 400);
}

#[tokio::test]
async fn xml_is_unexpected() {
    let bench = bench().await;
    let request = bench.request("POST", DATA).header("Content-Type", "text/xml").body("<a/>");
    assert_eq!(answer(request).await.0, 500);
    assert_eq!(bench.twin.counters().unexpected, 1);
}

#[tokio::test]
async fn a_body_above_the_limit_is_too_large() {
    let bench = bench().await;
    bench.twin.with_switches(|s| s.max_body_mib = 1);
    let body = newsletter("note", "x".repeat(1024 * 1024));
    assert_eq!(bench.post(DATA, &body).await.0, 413);
}

#[tokio::test]
async fn data_is_one_table_with_records() {
    let bench = bench().await;
    refused(&bench, json!({}), "_data").await;
    refused(&bench, json!({"_data": []}), "_data").await;
    refused(&bench, json!({"_data": {}}), "one table").await;
    refused(&bench, json!({"_data": {"newsletter": [], "recipient": []}}), "one table").await;
    refused(&bench, json!({"_data": {"newsletter": {}}}), "newsletter").await;
    refused(&bench, json!({"_data": {"newsletter": []}}), "newsletter").await;
}

#[tokio::test]
async fn a_table_goes_by_its_system_name() {
    let bench = bench().await;
    for name in ["Lytics Audience", "Lytics_Audience", "nothing"] {
        refused(&bench, one(name, member(ADA, "a", "true")), name).await;
    }
}

#[tokio::test]
async fn a_listed_table_may_not_be_loadable() {
    let bench = bench().await;
    refused(&bench, one("edp_profile", json!({"profile_id": "1"})), "edp_profile").await;
}

#[tokio::test]
async fn a_column_goes_by_its_own_name() {
    let bench = bench().await;
    let mut record = member(ADA, "a", "true");
    record["Changed At"] = json!("2026-03-01 14:05:09");
    refused(&bench, one("lytics_audience", record), "Changed At").await;
}

#[tokio::test]
async fn every_identifier_column_must_be_there() {
    let bench = bench().await;
    refused(&bench, one("lytics_audience", json!({"email": ADA})), "audience_slug").await;
    refused(&bench, one("lytics_audience", member(ADA, " ", "true")), "audience_slug").await;
}

#[tokio::test]
async fn an_unknown_underscored_member_is_refused() {
    let bench = bench().await;
    let mut body = newsletter("note", "x");
    body["_mode"] = json!("upsert");
    refused(&bench, body, "_mode").await;
}

#[tokio::test]
async fn members_of_other_endpoints_are_unexpected() {
    let bench = bench().await;
    for name in ["schemaName", "apiPostId", "_campaignMetadata"] {
        let mut body = newsletter("note", "x");
        body[name] = json!("x");
        unexpected(&bench, body, name).await;
    }
}

#[tokio::test]
async fn one_root_record_is_the_most_unless_switched() {
    let bench = bench().await;
    let body = json!({"_data": {"lytics_audience": [member(ADA, "a", "true"), member(ADA, "b", "true")]}});
    refused(&bench, body.clone(), "too many").await;
    bench.twin.with_switches(|s| s.max_root_records = 2);
    assert_eq!(bench.post(DATA, &body).await.0, 200);
    assert_eq!(bench.twin.counters().root_records, 2);
}

#[tokio::test]
async fn values_must_be_strings_unless_switched() {
    let bench = bench().await;
    for value in [json!(1), json!(true), json!(null)] {
        refused(&bench, newsletter("note", value), "note").await;
    }
    bench.twin.with_switches(|s| s.non_string_values = NonStrings::Coerce);
    assert_eq!(bench.post(DATA, &newsletter("note", true)).await.0, 200);
    bench.settle();
    assert_eq!(bench.twin.rows("newsletter")[0].text("note"), "true");
}

#[tokio::test]
async fn overlong_text_is_refused_or_cut() {
    let bench = bench().await;
    refused(&bench, newsletter("subscribed", "x".repeat(256)), "subscribed").await;
    refused(&bench, newsletter("note", "x".repeat(8_001)), "note").await;
    bench.twin.with_switches(|s| s.overlong_values = Overlong::Truncate);
    assert_eq!(bench.post(DATA, &newsletter("subscribed", "å".repeat(256))).await.0, 200);
    bench.settle();
    assert_eq!(bench.twin.rows("newsletter")[0].text("subscribed"), "å".repeat(255));
}

#[tokio::test]
async fn what_a_column_cannot_hold_is_refused_or_dropped_later() {
    let bench = bench().await;
    for (column, value) in [("visits", "2147483648"), ("consent", "true")] {
        refused(&bench, newsletter(column, value), column).await;
    }
    let mut record = member(ADA, "a", "true");
    record["changed_at"] = json!("2026-03-01T14:05:09Z");
    refused(&bench, one("lytics_audience", record.clone()), "changed_at").await;

    bench.twin.with_switches(|s| s.profile = Profile::Lenient);
    assert_eq!(bench.load("lytics_audience", record).await.0, 200);
    bench.settle();
    assert_eq!(bench.twin.rows("lytics_audience")[0].text("changed_at"), "");
    assert_eq!(bench.twin.loads()[0].records[0].dropped, ["changed_at"]);
}

#[tokio::test]
async fn success_is_200_with_any_body() {
    let bench = bench().await;
    let accepted = bench.post(DATA, &newsletter("note", "x")).await;
    assert_eq!((accepted.0, accepted.1.is_object()), (200, true));
    bench.twin.with_switches(|s| s.success_body = SuccessBody::Empty);
    assert_eq!(bench.post(DATA, &newsletter("note", "x")).await, (200, Value::Null));
    bench.twin.with_switches(|s| s.success_body = SuccessBody::Text);
    let text = json!("Data saved and pending processing.");
    assert_eq!(bench.post(DATA, &newsletter("note", "x")).await, (200, text));
}

fn a_good_and_a_bad_one() -> Value {
    json!({"_data": {"lytics_audience": [member(ADA, "a", "true"), member("", "b", "true")]}})
}

#[tokio::test]
async fn a_bad_record_refuses_all() {
    let bench = bench().await;
    bench.twin.with_switches(|s| s.max_root_records = 2);
    refused(&bench, a_good_and_a_bad_one(), "email").await;
}

#[tokio::test]
async fn others_may_be_loaded_beside_a_bad_record() {
    for (reading, status) in [(BadRecord::OthersLoad, 400), (BadRecord::PassesSilently, 200)] {
        let bench = bench().await;
        bench.twin.with_switches(|s| {
            s.max_root_records = 2;
            s.bad_record = reading;
        });
        assert_eq!(bench.post(DATA, &a_good_and_a_bad_one()).await.0, status, "{reading:?}");
        bench.settle();
        assert_eq!(bench.twin.rows("lytics_audience").len(), 1, "{reading:?}");
        assert_eq!(bench.twin.counters().bad_records, 1, "{reading:?}");
    }
}
