use std::collections::BTreeMap;

use muster_twins::cheetah_digital::Cell;
use serde_json::{Value, json};

use crate::support::{Bench, bench};

#[expect(clippy::unwrap_used, reason = "in a test that is how to fail")]
async fn three() -> Bench {
    let bench = bench().await;
    for (email, visits) in [("ada@example.com", "5"), ("ben@example.com", "40"), ("cyn@example.com", "")] {
        let mut cells = BTreeMap::from([("email".to_owned(), Cell::One(email.to_owned()))]);
        if !visits.is_empty() {
            cells.insert("visits".to_owned(), Cell::One(visits.to_owned()));
        }
        bench.twin.seed_row("newsletter", &cells).unwrap();
    }
    bench
}

/// What a search answers; `query` follows view and columns.
async fn search(bench: &Bench, query: &str) -> (u16, Value) {
    let columns = "viewName=Newsletter&prop=email,visits";
    bench.get(&format!("/services2/api/SearchRecords?{columns}&{query}")).await
}

/// The first letters of the addresses found.
async fn hits(bench: &Bench, query: &str) -> String {
    let (status, body) = search(bench, query).await;
    assert_eq!(status, 200, "{query}: {body}");
    let rows = body.as_array().map(Vec::as_slice).unwrap_or_default();
    rows.iter().filter_map(|row| row["properties"][0]["value"].as_str()?.chars().next()).collect()
}

#[tokio::test]
async fn a_record_shows_the_columns_asked_for() {
    let bench = three().await;
    let (_, body) = search(&bench, "columnName=email&operation=eq&param=cyn%40example.com").await;
    let id = bench.twin.rows("newsletter")[2].id;
    let expected = json!([{"id": id, "properties": [
        {"propName": "email", "value": "cyn@example.com"}, {"propName": "visits", "value": null},
    ]}]);
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_record_is_found_by_its_id() {
    let bench = three().await;
    let id = bench.twin.rows("newsletter")[1].id;
    assert_eq!(hits(&bench, &format!("recordId={id}")).await, "b");
}

#[tokio::test]
async fn every_documented_operator() {
    let bench = three().await;
    for (condition, expected) in [
        ("columnName=email&operation=%3D&param=ADA@example.com", "a"),
        ("columnName=visits&operation=lt&param=40", "a"),
        ("columnName=visits&operation=lte&param=40", "ab"),
        ("columnName=visits&operation=gt&param=5", "b"),
        ("columnName=visits&operation=gte&param=5", "ab"),
    ] {
        assert_eq!(hits(&bench, condition).await, expected, "{condition}");
    }
}

#[tokio::test]
async fn hits_come_in_pages() {
    let bench = three().await;
    let all = "columnName=email&operation=gt&param=a&count=2";
    assert_eq!(hits(&bench, all).await, "ab");
    assert_eq!(hits(&bench, &format!("{all}&page=2")).await, "c");
}

#[tokio::test]
async fn no_match_has_its_message_at_a_status_that_is_a_switch() {
    let bench = three().await;
    let nobody = "columnName=email&operation=eq&param=dan%40example.com";
    let message = json!({"message": "No results for input"});
    assert_eq!(search(&bench, nobody).await, (404, message.clone()));
    for status in [400, 200] {
        bench.twin.with_switches(|s| s.search_no_match_status = status);
        assert_eq!(search(&bench, nobody).await, (status, message.clone()));
    }
}

#[tokio::test]
async fn what_the_table_does_not_have_is_refused() {
    let bench = three().await;
    for query in [
        "columnName=Email&operation=eq&param=a",
        "columnName=email&operation=like&param=a",
        "columnName=email&operation=eq",
        "operation=eq&param=a",
    ] {
        assert_eq!(search(&bench, query).await.0, 400, "{query}");
    }
    let path = "/services2/api/SearchRecords?viewName=Newsletter&prop=Email&recordId=1";
    assert_eq!(bench.get(path).await.0, 400);
}

#[tokio::test]
async fn a_condition_beside_an_id_is_unexpected() {
    let bench = three().await;
    assert_eq!(search(&bench, "recordId=1&columnName=email").await.0, 500);
    assert_eq!(bench.twin.counters().unexpected, 1);
}
