use muster_twins::lytics::{SeedSegment, SizePath};
use serde_json::{Value, json};

use crate::support::{ID, answer, bench};

fn slugs(body: &Value) -> Vec<&str> {
    let rows = body["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut slugs: Vec<&str> = rows.iter().filter_map(|row| row["slug_name"].as_str()).collect();
    slugs.sort_unstable();
    slugs
}

#[tokio::test]
async fn segments_are_listed_with_their_members() {
    let bench = bench().await;
    let (status, body) = bench.get("/api/segment?table=user").await;
    assert_eq!((status, &body["status"], &body["message"]), (200, &json!(200), &json!("success")));
    assert_eq!(slugs(&body), ["cats", "dogs", "high_value"]);
    let first = &body["data"][0];
    for member in ["id", "name", "slug_name", "kind", "is_public", "segment_ql", "tags", "created", "updated"] {
        assert!(first.get(member).is_some(), "{member}");
    }
    assert!(first.get("emit_trigger").is_none() && first.get("size").is_none());
}

#[tokio::test]
async fn only_valid_ones_are_listed_where_these_are_asked_for() {
    let bench = bench().await;
    bench.twin.seed_segment(&SeedSegment { valid: false, ..SeedSegment::new("broken", "Broken") }).unwrap();
    assert_eq!(slugs(&bench.get("/api/segment?table=user&valid=true").await.1), ["cats", "dogs", "high_value"]);
    assert_eq!(slugs(&bench.get("/api/segment?table=user").await.1).len(), 4);
}

#[tokio::test]
async fn flags_show_where_they_are_set() {
    let bench = bench().await;
    let flagged = SeedSegment {
        id: Some("0".repeat(32)),
        emit_trigger: Some(true),
        schedule_exit: Some(false),
        ..SeedSegment::new("recent", "Recent")
    };
    bench.twin.seed_segment(&flagged).unwrap();
    let first = &bench.get("/api/segment").await.1["data"][0];
    assert_eq!((&first["emit_trigger"], &first["schedule_exit"]), (&json!(true), &json!(false)));
}

#[tokio::test]
async fn the_second_version_lists_sizes_where_asked() {
    let bench = bench().await;
    bench.twin.enter("ada", "high_value");
    let (_, body) = bench.get("/v2/segment?table=user&kind=segment&sizes=true").await;
    assert_eq!((&body["data"][0]["id"], &body["data"][0]["size"]), (&json!(ID), &json!(1)));
    assert!(bench.get("/v2/segment").await.1["data"][0].get("size").is_none());
}

#[tokio::test]
async fn only_the_table_user_is_known() {
    let bench = bench().await;
    assert_eq!(bench.get("/api/segment?table=content").await.0, 400);
    assert_eq!(bench.get("/v2/segment?kind=goal").await.0, 400);
}

#[tokio::test]
async fn a_size_is_given_by_id_or_slug() {
    let bench = bench().await;
    bench.twin.enter("ada", "high_value");
    let size = json!({"id": ID, "name": "High value", "slug_name": "high_value", "size": 1});
    for path in [format!("/api/segment/{ID}/size"), "/api/segment/high_value/sizes".to_owned()] {
        assert_eq!(bench.get(&path).await.1["data"], size, "{path}");
    }
}

#[tokio::test]
async fn only_one_path_of_a_size_may_exist() {
    let bench = bench().await;
    for (path, size, sizes) in [(SizePath::Size, 200, 404), (SizePath::Sizes, 404, 200)] {
        bench.twin.with_switches(|s| s.size_path = path);
        assert_eq!(bench.get("/api/segment/dogs/size").await.0, size, "{path:?}");
        assert_eq!(bench.get("/api/segment/dogs/sizes").await.0, sizes, "{path:?}");
    }
}

#[tokio::test]
async fn an_ad_hoc_size_is_given_once_in_ten_seconds() {
    let bench = bench().await;
    let path = "/api/segment/size";
    let filter = "FILTER email = \"ada@example.com\" FROM user";
    assert_eq!(bench.filter(path, filter).await.1["data"], json!({"size": 1}));
    bench.wait(9);
    assert_eq!(bench.filter(path, filter).await.0, 429);
    bench.wait(1);
    assert_eq!(bench.filter(path, filter).await.0, 200);
    bench.twin.with_switches(|s| s.throttle_ad_hoc_sizes = false);
    assert_eq!(bench.filter(path, filter).await.0, 200);
}

#[tokio::test]
async fn a_filter_must_be_plain_text_that_the_twin_can_read() {
    let bench = bench().await;
    let path = "/api/segment/size";
    assert_eq!(answer(bench.request("POST", path).json(&json!("FILTER *"))).await.0, 500);
    assert_eq!(bench.filter(path, "FILTER visits > 5").await.0, 500);
    assert_eq!(bench.twin.counters().unexpected, 2);
}
