use muster_twins::lytics::{SeedJob, Switches};
use serde_json::json;

use crate::receiver::Receiver;
use crate::support::{NOW, bench};

#[tokio::test]
async fn segments_and_profiles_over_the_door() {
    let bench = bench().await;
    let segment = json!({"slug": "vip", "name": "VIP", "schedule_exit": true});
    let (status, made) = bench.door("POST", "/segments", Some(segment.clone())).await;
    assert_eq!((status, made["id"].as_str().map(str::len)), (200, Some(32)));
    assert_eq!(bench.door("POST", "/segments", Some(segment)).await.0, 400);
    let profiles = json!([{"key": "ben", "fields": {"email": "ben@example.com"}, "segments": ["vip"]}]);
    assert_eq!(bench.door("POST", "/profiles", Some(profiles.clone())).await.0, 204);
    assert_eq!(bench.door("POST", "/profiles", Some(profiles)).await.0, 400);
    assert_eq!(bench.door("GET", "/segments/vip/members", None).await, (200, json!(["ben"])));
    assert_eq!(bench.door("PUT", "/profiles/ben/fields/tier", Some(json!("gold"))).await.0, 204);
    let (_, ben) = bench.door("GET", "/profiles/ben", None).await;
    assert_eq!((&ben["fields"]["tier"], &ben["segments"]["vip"]), (&json!("gold"), &json!(NOW)));
    assert_eq!(bench.door("DELETE", "/profiles/ben", None).await.0, 204);
    assert_eq!(bench.door("GET", "/profiles/ben", None).await.0, 404);
}

#[tokio::test]
async fn jobs_and_moves_over_the_door() {
    let (bench, receiver) = (bench().await, Receiver::start().await);
    let seed = json!({"segment_ids": ["dogs"], "webhook_url": receiver.url, "audience_events": "enters_only"});
    let (status, made) = bench.door("POST", "/jobs", Some(seed)).await;
    assert_eq!(status, 200);
    let job = format!("/jobs/{}", made["id"].as_str().unwrap_or_default());
    let moves = json!([{"segment": "dogs", "direction": "enter"}, {"segment": "dogs", "direction": "exit"}]);
    assert_eq!(bench.door("POST", "/profiles/ada/moves", Some(moves.clone())).await.0, 204);
    assert_eq!(bench.door("POST", "/profiles/nobody/moves", Some(moves)).await.0, 404);
    assert_eq!(bench.door("POST", "/webhooks/settled", None).await.0, 204);
    let (_, attempts) = bench.door("GET", "/attempts", None).await;
    assert_eq!(attempts[0]["outcome"], json!({"answered": 200}));
    assert_eq!(bench.door("DELETE", "/attempts", None).await.0, 204);
    let fixed = json!({"static": {"headers": "X-Api-Key: k", "params": ""}});
    assert_eq!(bench.door("PUT", &format!("{job}/authorization"), Some(fixed)).await.0, 204);
    for (deed, status) in [("pause", 204), ("resume", 204), ("kill", 204), ("dance", 404)] {
        assert_eq!(bench.door("POST", &format!("{job}/{deed}"), None).await.0, status);
    }
    let (_, view) = bench.door("GET", &job, None).await;
    assert_eq!((&view["status"], &view["added"], &view["removed"]), (&json!("killed"), &json!(1), &json!(0)));
    assert_eq!(bench.door("POST", "/profiles/ada/lapse/dogs", None).await.0, 204);
    assert_eq!(bench.door("GET", "/jobs", None).await.1.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn tokens_over_the_door() {
    let bench = bench().await;
    let expired = json!({"expires_at": "2020-01-01T00:00:00Z"});
    assert_eq!(bench.door("PUT", "/tokens/API_TOKEN", Some(expired)).await.0, 204);
    assert_eq!(bench.get("/api/segment").await.0, 401);
    assert_eq!(bench.door("PUT", "/tokens/API_TOKEN", Some(json!({}))).await.0, 204);
    assert_eq!(bench.get("/api/segment").await.0, 200);
    assert_eq!(bench.door("DELETE", "/tokens/API_TOKEN", None).await.0, 204);
    assert_eq!(bench.get("/api/segment").await.0, 401);
}

#[tokio::test]
async fn switches_over_the_door() {
    let bench = bench().await;
    let part = json!({"scan_view": "shifting", "meta": {"a": 1}, "fail_after": null});
    assert_eq!(bench.door("PATCH", "/switches", Some(part)).await.0, 204);
    assert_eq!(bench.twin.switches().fail_after, None);
    assert_eq!(bench.door("PUT", "/switches", Some(json!({}))).await.0, 204);
    assert_eq!(bench.twin.switches(), Switches::default());
}

#[tokio::test]
async fn a_job_has_the_vendors_names_and_defaults() {
    let seed: SeedJob = serde_json::from_value(json!({"webhook_url": "https://example.com/"})).unwrap();
    assert_eq!(seed, SeedJob::new("https://example.com/", &[]));
    let shown = json!(seed);
    for (name, value) in [("batch_size", json!(10)), ("batch_flush_duration", json!(5)), ("worker_count", json!(5))] {
        assert_eq!(shown[name], value, "{name}");
    }
    assert_eq!((&shown["http_method"], &shown["audience_events"]), (&json!("POST"), &json!("")));
}
