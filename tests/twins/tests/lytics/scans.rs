use std::collections::BTreeSet;

use muster_twins::lytics::{LimitOver, NextAtEnd, ScanValues, ScanView, SeedProfile, Total};
use serde_json::{Value, json};

use crate::support::{Bench, ID, bench};

/// A bench with so many in `dogs`, whose scans repeat no rows.
async fn dogs(count: usize) -> Bench {
    let bench = bench().await;
    bench.seed_dogs(count);
    bench.twin.with_switches(|s| s.repeat_rows = false);
    bench
}

/// The whole answer of a page that must be there.
async fn page(bench: &Bench, query: &str) -> Value {
    let (status, body) = bench.get(&format!("/api/segment/dogs/scan?{query}")).await;
    assert_eq!(status, 200, "{query}: {body}");
    body
}

/// The addresses of a page without `@example.com`, and its `_next`.
fn read(page: &Value) -> (Vec<String>, String) {
    let rows = page["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    let emails = rows.iter().filter_map(|row| row["email"].as_str());
    let next = page["_next"].as_str().unwrap_or_default().to_owned();
    (emails.map(|email| email.replace("@example.com", "")).collect(), next)
}

/// The next page of three.
async fn after(bench: &Bench, next: &str) -> (Vec<String>, String) {
    read(&page(bench, &format!("limit=3&start={next}")).await)
}

#[tokio::test]
async fn a_page_has_ten_rows_unless_asked_and_a_hundred_at_most() {
    let bench = dogs(120).await;
    assert_eq!(read(&page(&bench, "").await).0.len(), 10);
    assert_eq!(read(&page(&bench, "limit=1000").await).0.len(), 100);
    bench.twin.with_switches(|s| s.limit_over = LimitOver::Refuse);
    assert_eq!(bench.get("/api/segment/dogs/scan?limit=101").await.0, 400);
    for limit in ["0", "-1", "all"] {
        assert_eq!(bench.get(&format!("/api/segment/dogs/scan?limit={limit}")).await.0, 400, "{limit}");
    }
}

#[tokio::test]
async fn pages_follow_one_another_to_an_empty_next() {
    let bench = dogs(250).await;
    let mut seen = BTreeSet::new();
    let mut next = String::new();
    for size in [100, 100, 50] {
        let (rows, following) = read(&page(&bench, &format!("limit=100&start={next}")).await);
        assert_eq!(rows.len(), size);
        seen.extend(rows);
        next = following;
    }
    assert_eq!((seen.len(), next.as_str()), (250, ""));
    assert_eq!(bench.twin.counters().scans, 1);
}

#[tokio::test]
async fn a_full_last_page_is_the_last() {
    let bench = dogs(3).await;
    assert_eq!(page(&bench, "limit=3").await["_next"], "");
}

#[tokio::test]
async fn the_last_page_says_so_in_one_of_three_ways() {
    let bench = dogs(1).await;
    assert_eq!(page(&bench, "").await.get("_next"), Some(&json!("")));
    bench.twin.with_switches(|s| s.next_at_end = NextAtEnd::Null);
    assert_eq!(page(&bench, "").await.get("_next"), Some(&Value::Null));
    bench.twin.with_switches(|s| s.next_at_end = NextAtEnd::Missing);
    assert_eq!(page(&bench, "").await.get("_next"), None);
}

#[tokio::test]
async fn a_segment_goes_by_id_slug_or_parameter() {
    let bench = bench().await;
    bench.twin.enter("ada", ID);
    for path in [format!("{ID}/scan"), "high_value/scan".to_owned(), format!("scan?id={ID}")] {
        let (_, body) = bench.get(&format!("/api/segment/{path}")).await;
        assert_eq!(read(&body).0, ["ada"], "{path}");
    }
    assert_eq!(bench.get("/api/segment/scan").await.0, 400);
}

#[tokio::test]
async fn a_start_is_soon_too_old() {
    let bench = dogs(9).await;
    let (_, next) = read(&page(&bench, "limit=3").await);
    bench.wait(60);
    assert_eq!(after(&bench, &next).await.0, ["p003", "p004", "p005"]);
    bench.wait(1);
    let (status, body) = bench.get(&format!("/api/segment/dogs/scan?start={next}")).await;
    assert_eq!((status, &body["message"]), (400, &json!("start is too old")));
    bench.twin.with_switches(|s| s.start_lives_seconds = 61);
    assert_eq!(after(&bench, &next).await.0.len(), 3);
}

#[tokio::test]
async fn a_page_can_be_asked_for_again() {
    let bench = dogs(9).await;
    let (_, next) = read(&page(&bench, "limit=3").await);
    assert_eq!(after(&bench, &next).await.0, after(&bench, &next).await.0);
}

#[tokio::test]
async fn a_start_of_nothing_or_of_another_segment_is_refused() {
    let bench = dogs(9).await;
    let (_, next) = read(&page(&bench, "limit=3").await);
    assert_eq!(bench.get(&format!("/api/segment/cats/scan?start={next}")).await.0, 400);
    assert_eq!(bench.get("/api/segment/dogs/scan?start=number2").await.0, 400);
}

#[tokio::test]
async fn a_live_scan_shows_who_is_there_when_his_page_comes() {
    let bench = dogs(7).await;
    let (_, next) = read(&page(&bench, "limit=3").await);
    bench.twin.exit("p000", "dogs");
    bench.twin.exit("p004", "dogs");
    assert_eq!(after(&bench, &next).await.0, ["p003", "p005", "p006"]);
}

#[tokio::test]
async fn in_a_shifting_scan_a_leave_lets_somebody_pass_unseen() {
    let bench = dogs(7).await;
    bench.twin.with_switches(|s| s.scan_view = ScanView::Shifting);
    let (_, next) = read(&page(&bench, "limit=3").await);
    bench.twin.exit("p000", "dogs");
    assert_eq!(after(&bench, &next).await.0, ["p004", "p005", "p006"]);
}

#[tokio::test]
async fn a_snapshot_shows_who_has_left_already() {
    let bench = dogs(5).await;
    bench.twin.with_switches(|s| s.scan_view = ScanView::Snapshot);
    let (_, next) = read(&page(&bench, "limit=3").await);
    bench.twin.exit("p003", "dogs");
    assert_eq!(after(&bench, &next).await, (vec!["p003".to_owned(), "p004".to_owned()], String::new()));
}

#[tokio::test]
async fn rows_are_repeated_across_pages_and_nobody_is_lost() {
    let bench = dogs(7).await;
    bench.twin.with_switches(|s| s.repeat_rows = true);
    let (mut rows, mut next) = read(&page(&bench, "limit=3").await);
    while !next.is_empty() {
        let (more, following) = after(&bench, &next).await;
        assert_eq!(more[0], rows[rows.len() - 1]);
        rows.extend(more);
        next = following;
    }
    assert_eq!(rows.len(), 9);
    assert_eq!(rows.into_iter().collect::<BTreeSet<_>>().len(), 7);
}

#[tokio::test]
async fn a_next_that_never_changes_leads_nowhere() {
    let bench = dogs(9).await;
    bench.twin.with_switches(|s| s.next_repeats = true);
    let (_, first) = read(&page(&bench, "limit=3").await);
    let (rows, second) = after(&bench, &first).await;
    assert_eq!(second, first);
    assert_eq!(after(&bench, &second).await, (rows, first));
}

#[tokio::test]
async fn total_is_an_estimate_unless_switched() {
    let bench = dogs(20).await;
    assert_eq!(page(&bench, "").await["total"], 23);
    bench.twin.with_switches(|s| s.total = Total::Exact);
    assert_eq!(page(&bench, "").await["total"], 20);
}

#[tokio::test]
async fn plain_values_are_text_unless_switched() {
    let bench = dogs(1).await;
    assert_eq!(page(&bench, "").await["data"][0]["visits"], "0");
    bench.twin.with_switches(|s| s.scan_values = ScanValues::Native);
    assert_eq!(page(&bench, "").await["data"][0]["visits"], 0);
}

#[tokio::test]
async fn a_row_has_the_segments_and_only_the_fields_asked_for() {
    let bench = dogs(1).await;
    let whole = json!([{"email": "p000@example.com", "visits": "0", "segments": ["dogs"]}]);
    assert_eq!(page(&bench, "").await["data"], whole);
    assert_eq!(page(&bench, "fields=email,city").await["data"], json!([{"email": "p000@example.com"}]));
}

#[tokio::test]
async fn rows_are_sorted_where_asked() {
    let bench = dogs(12).await;
    let (rows, next) = read(&page(&bench, "sortfield=visits&sortorder=desc&limit=3").await);
    assert_eq!(rows, ["p011", "p010", "p009"]);
    assert_eq!(after(&bench, &next).await.0, ["p008", "p007", "p006"]);
    assert_eq!(bench.get("/api/segment/dogs/scan?sortfield=visits&sortorder=up").await.0, 400);
}

#[tokio::test]
async fn the_recent_come_first_where_asked() {
    let bench = bench().await;
    for (key, seen) in [("old", "2026-01-01T00:00:00Z"), ("new", "2026-02-01T00:00:00Z")] {
        let profile = SeedProfile::with_email(key, key).within("dogs").field("last_active_ts", seen);
        bench.twin.seed_profiles(&[profile]).unwrap();
    }
    assert_eq!(read(&page(&bench, "recent=true").await).0, ["new", "old"]);
}

#[tokio::test]
async fn splits_share_the_members_out() {
    let bench = dogs(50).await;
    let half = |from: u32| (from..from + 50).map(|split| split.to_string()).collect::<Vec<_>>().join(",");
    let first = read(&page(&bench, &format!("limit=100&splits={}", half(0))).await).0;
    let second = read(&page(&bench, &format!("limit=100&splits={}", half(50))).await).0;
    assert!(!first.is_empty() && !second.is_empty());
    assert_eq!(first.into_iter().chain(second).collect::<BTreeSet<_>>().len(), 50);
    assert_eq!(bench.get("/api/segment/dogs/scan?splits=100").await.0, 400);
}

#[tokio::test]
async fn the_schema_comes_where_asked() {
    let bench = dogs(1).await;
    assert!(page(&bench, "").await.get("meta").is_none());
    assert!(page(&bench, "meta=true").await["meta"].is_object());
}

#[tokio::test]
async fn an_ad_hoc_scan_has_pages_too() {
    let bench = dogs(5).await;
    let path = "/api/segment/scan?limit=3";
    let filter = "FILTER AND (INCLUDE dogs, NOT email = \"p000@example.com\") FROM user";
    let (rows, next) = read(&bench.filter(path, filter).await.1);
    assert_eq!(rows, ["p001", "p002", "p003"]);
    let (rows, next) = read(&bench.filter(&format!("{path}&start={next}"), filter).await.1);
    assert_eq!((rows, next.as_str()), (vec!["p004".to_owned()], ""));
}
