use std::collections::BTreeSet;

use muster_twins::cheetah_digital::{PastTheEnd, TableIndex};
use serde_json::{Value, json};

use crate::support::{Bench, bench};

const TABLE: &str = "/services2/api/Table";

/// The rows of a page that must be there.
async fn page(bench: &Bench, query: &str) -> Vec<Value> {
    let (status, body) = bench.get(&format!("{TABLE}?{query}")).await;
    assert_eq!(status, 200, "{query}: {body}");
    body.as_array().cloned().unwrap_or_default()
}

fn named(rows: &[Value], member: &str) -> Vec<String> {
    rows.iter().filter_map(|row| row[member].as_str()).map(str::to_owned).collect()
}

#[tokio::test]
async fn tables_are_listed_by_view_without_a_mark_of_their_kind() {
    let bench = bench().await;
    let all = page(&bench, "count=100").await;
    let first = json!({"viewId": 2601, "viewName": "Lytics Audience", "entityId": 577, "tableName": "lytics_audience"});
    assert_eq!(all[0], first);
    let names = named(&all, "tableName");
    assert_eq!(names.iter().filter(|name| *name == "recipient").count(), 2);
    assert!(names.contains(&"edp_profile".to_owned()) && names.contains(&"会員_テーブル".to_owned()), "{names:?}");
}

#[tokio::test]
async fn two_views_of_one_entity_share_its_id() {
    let bench = bench().await;
    let all = page(&bench, "count=100").await;
    let recipients: Vec<_> = all.iter().filter(|row| row["tableName"] == "recipient").collect();
    assert_eq!(recipients[0]["entityId"], recipients[1]["entityId"]);
    assert_ne!(recipients[0]["viewId"], recipients[1]["viewId"]);
}

#[tokio::test]
async fn columns_are_read_by_view_id_or_display_name() {
    let bench = bench().await;
    let by_id = page(&bench, "viewId=2601").await;
    let email = json!({
        "viewId": 2601, "entityId": 577, "displayName": "Email", "propId": 9001, "columnName": "email",
    });
    assert_eq!(by_id[0], email);
    assert_eq!(named(&by_id, "columnName"), ["email", "audience_slug", "subscribed", "changed_at", "first_seen"]);
    assert_eq!(page(&bench, "viewName=Lytics%20Audience").await, by_id);
    let japanese = page(&bench, "viewName=%E4%BC%9A%E5%93%A1%20%E3%83%86%E3%83%BC%E3%83%96%E3%83%AB").await;
    assert_eq!(named(&japanese, "columnName"), ["メール", "会員_区分"]);
}

#[tokio::test]
async fn only_an_exact_and_whole_display_name_is_found() {
    let bench = bench().await;
    for query in ["viewName=lytics_audience", "viewName=Lytics", "viewName=lytics%20audience", "viewId=1"] {
        let (status, body) = bench.get(&format!("{TABLE}?{query}")).await;
        assert_eq!((status, body["message"].is_string()), (404, true), "{query}");
    }
}

#[tokio::test]
async fn columns_come_in_pages() {
    let bench = bench().await;
    let mut seen = BTreeSet::new();
    for number in 1..=6 {
        let rows = page(&bench, &format!("viewName=Wide&count=100&page={number}")).await;
        seen.extend(named(&rows, "columnName"));
    }
    assert_eq!(seen.len(), 600);
}

#[tokio::test]
async fn pages_have_a_default_and_a_greatest_size() {
    let bench = bench().await;
    assert_eq!(page(&bench, "viewName=Wide").await.len(), 25);
    assert_eq!(page(&bench, "viewName=Wide&count=1000").await.len(), 100);
    bench.twin.with_switches(|s| {
        s.default_page_size = 2;
        s.max_page_size = 3;
    });
    assert_eq!(page(&bench, "viewName=Wide").await.len(), 2);
    assert_eq!(page(&bench, "viewName=Wide&count=1000").await.len(), 3);
}

#[tokio::test]
async fn beyond_the_last_page_comes_the_last_page_again() {
    let bench = bench().await;
    let last = page(&bench, "viewName=Wide&count=100&page=6").await;
    assert_eq!(page(&bench, "viewName=Wide&count=100&page=7").await, last);
    bench.twin.with_switches(|s| s.past_the_end = PastTheEnd::Empty);
    assert!(page(&bench, "viewName=Wide&count=100&page=7").await.is_empty());
}

#[tokio::test]
async fn the_first_page_may_be_page_zero() {
    let bench = bench().await;
    assert_eq!(bench.get(&format!("{TABLE}?viewName=Wide&page=0")).await.0, 400);
    bench.twin.with_switches(|s| s.first_page = 0);
    assert_eq!(named(&page(&bench, "viewName=Wide&page=0").await, "columnName")[0], "wide_id");
}

#[tokio::test]
async fn all_tables_are_paged_by_index() {
    let bench = bench().await;
    let second = page(&bench, "count=2&index=2").await;
    assert_eq!(named(&second, "viewName"), ["EDP Profile", "Wide"]);
    bench.twin.with_switches(|s| s.table_index = TableIndex::Offset);
    assert_eq!(page(&bench, "count=2&index=2").await, second);
    assert_eq!(named(&page(&bench, "count=2&index=1").await, "viewName"), ["Newsletter", "EDP Profile"]);
}

#[tokio::test]
async fn the_parameters_that_name_a_table_are_switches() {
    let bench = bench().await;
    bench.twin.with_switches(|s| {
        s.table_id_parameter = "id".to_owned();
        s.table_name_parameter = "name".to_owned();
    });
    assert_eq!(page(&bench, "name=Lytics%20Audience").await, page(&bench, "id=2601").await);
    assert_eq!(bench.get(&format!("{TABLE}?viewId=2601")).await.0, 500);
}

#[tokio::test]
async fn lists_may_be_wrapped() {
    let bench = bench().await;
    bench.twin.with_switches(|s| s.table_wrapper = Some("items".to_owned()));
    for query in ["viewId=2601", "count=1"] {
        let (_, body) = bench.get(&format!("{TABLE}?{query}")).await;
        assert_eq!(body["items"][0]["viewId"], 2601, "{query}");
    }
}

#[tokio::test]
async fn types_and_keys_show_when_switched() {
    let bench = bench().await;
    assert!(page(&bench, "viewId=2601").await[0].get("dataType").is_none());
    bench.twin.with_switches(|s| s.table_reveals_types = true);
    let email = page(&bench, "viewId=2601").await.remove(0);
    assert_eq!((&email["dataType"], &email["isUniqueIdentifier"]), (&json!("email"), &json!(true)));
}

#[tokio::test]
async fn a_renamed_column_keeps_its_own_name() {
    let bench = bench().await;
    assert!(bench.twin.rename_column("lytics_audience", "email", "E-mail"));
    let email = page(&bench, "viewId=2601").await.remove(0);
    assert_eq!((&email["displayName"], &email["columnName"]), (&json!("E-mail"), &json!("email")));
}

#[tokio::test]
async fn parameters_that_nothing_names_are_unexpected() {
    let bench = bench().await;
    for query in ["id=2601", "page=1", "viewId=2601&index=1", "viewId=2601&viewName=Wide", "count=1&count=2"] {
        assert_eq!(bench.get(&format!("{TABLE}?{query}")).await.0, 500, "{query}");
    }
    assert_eq!(bench.twin.unexpected().len(), 5);
}

#[tokio::test]
async fn counts_must_be_numbers() {
    let bench = bench().await;
    for query in ["count=0", "count=many", "index=-1", "viewId=first"] {
        assert_eq!(bench.get(&format!("{TABLE}?{query}")).await.0, 400, "{query}");
    }
}
