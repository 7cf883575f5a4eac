use jiff::{SignedDuration, Timestamp};
use muster_twins::heyloyalty::{
    Format, PatchListStatus, PatchMatch, RetryAfterHeader, SeedField, SeedList, SeedMember,
};
use serde_json::{Value, json};

use crate::support::{NOW, STAMP, answer, bare, bench, signed_password, with_list};

#[tokio::test]
async fn no_signature_wrong_signature_and_rotated_keys_are_401() {
    let bench = bench().await;
    let refused = (401, json!({"message": "Unauthorized", "code": 401}));
    let missing = bench.unsigned("GET", "/v1/lists");
    assert_eq!(answer(missing).await, refused);
    let no_stamp = bench.unsigned("GET", "/v1/lists");
    let password = signed_password("API_SECRET", STAMP);
    assert_eq!(answer(no_stamp.basic_auth("API_KEY", Some(password))).await, refused);
    bench.twin.set_account("API_KEY", "rotated");
    assert_eq!(bench.call("GET", "/v1/nonsense").await, refused);
    bench.twin.with_switches(|s| s.code_as_string = true);
    let (_, body) = bench.call("GET", "/v1/lists").await;
    assert_eq!(body["code"], "401");
    assert_eq!(bench.twin.counters().unauthorized, 4);
    assert!(bench.twin.unexpected().is_empty());
}

#[tokio::test]
async fn skew_is_checked_when_switched_on() {
    let bench = bench().await;
    bench.twin.clock().set("2026-01-05T07:20:00Z".parse().unwrap());
    assert_eq!(bench.call("GET", "/v1/lists").await.0, 200);
    bench.twin.with_switches(|s| s.skew_seconds = Some(300));
    assert_eq!(bench.call("GET", "/v1/lists").await.0, 401);
}

#[tokio::test]
async fn the_date_header_is_the_twins_time() {
    let bench = bench().await;
    let response = bench.request("GET", "/v1/lists").send().await.unwrap();
    assert_eq!(response.headers()["date"], STAMP);
    assert_eq!(response.headers()["content-type"], "application/json");
}

#[tokio::test]
async fn lists_are_an_array_and_none_are_404() {
    let empty = bare().await;
    let (status, body) = empty.call("GET", "/v1/lists").await;
    assert_eq!((status, &body["message"]), (404, &json!("List not found")));

    let bench = bench().await;
    bench.seed(SeedMember::active("anna@example.com"));
    let (status, body) = bench.call("GET", "/v1/lists/?orderby=created_at&order=-1").await;
    assert_eq!(status, 200);
    let expected = json!([{
        "id": bench.list, "name": "Newsletter DK", "created_at": "2026-01-05 07:08:09",
        "members": 1, "open_rate": 0, "click_rate": 0,
    }]);
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_list_has_its_fields_by_name() {
    let bench = with_list(SeedList {
        fields: vec![SeedField::new("favourite", "Favourite", Format::Choice)],
        ..SeedList::default()
    })
    .await;
    let (status, body) = bench.call("GET", &bench.path("")).await;
    assert_eq!(status, 200);
    let fields = body["fields"].as_object().unwrap();
    assert_eq!(fields.len(), 13);
    assert_eq!(fields["country"]["options"]["53"], "Denmark");
    assert_eq!(fields["email"]["type_id"], 3);
    assert_eq!(fields["email"]["id"], 90_003);
    assert_eq!(fields["favourite"]["options"], json!([]));
    bench.twin.with_switches(|s| {
        s.empty_map_as_array = false;
        s.ids_as_strings = true;
    });
    let (_, body) = bench.call("GET", &bench.path("")).await;
    assert_eq!(body["fields"]["favourite"]["options"], json!({}));
    assert_eq!(body["fields"]["email"]["id"], "90003");
    assert_eq!(bench.call("GET", "/v1/lists/1").await.0, 404);
}

fn create_and(name: &str) -> Value {
    json!({"fields": [{"type": "custom", "name": name, "label": "New", "format": "boolean"}]})
}

#[tokio::test]
async fn patch_v2_creates_and_relabels_and_touches_nothing_else() {
    let bench = bench().await;
    let path = format!("/v2/lists/{}", bench.list);
    assert_eq!(bench.send("PATCH", &path, create_and("cdp_new")).await, (204, Value::Null));
    let before = bench.twin.list(bench.list).unwrap();
    assert_eq!(before.fields.len(), 19);
    let id = before.field("cdp_new").unwrap().id;

    bench.twin.with_switches(|s| s.patch_list_status = PatchListStatus::OkWithList);
    let relabel = json!({"fields": [
        {"type": "custom", "id": id, "name": "cdp_new", "label": "Gone", "format": "boolean"},
        {"type": "fixed", "name": "email", "label": "Ignored"},
    ]});
    let (status, body) = bench.send("PATCH", &path, relabel).await;
    assert_eq!(status, 200);
    assert_eq!(body["fields"]["cdp_new"]["label"], "Gone");
    assert_eq!(body["fields"]["email"]["label"], "email");
    assert_eq!(body["fields"].as_object().unwrap().len(), 19);
}

#[tokio::test]
async fn patch_v2_refuses_whole_bodies() {
    let bench = bench().await;
    let path = format!("/v2/lists/{}", bench.list);
    let good = json!({"type": "custom", "name": "cdp_ok", "format": "text"});
    for bad in [
        json!({"type": "custom", "name": "cdp_x"}),
        json!({"type": "custom", "name": "cdp_x", "format": "decimal"}),
        json!({"type": "custom", "name": "cdp_a_cats", "format": "text"}),
        json!({"type": "custom", "name": "cdp x", "format": "text"}),
        json!({"type": "fixed", "name": "shoe_size"}),
        json!({"name": "cdp_x", "format": "text"}),
        json!({"type": "custom", "id": 1, "name": "cdp_x", "format": "text"}),
    ] {
        let (status, body) = bench.send("PATCH", &path, json!({"fields": [&good, &bad]})).await;
        assert_eq!(status, 400, "{bad}");
        assert!(body["error"].is_string());
    }
    bench.twin.with_switches(|s| s.max_fields = Some(18));
    assert_eq!(bench.send("PATCH", &path, create_and("cdp_new")).await.0, 400);
    assert_eq!(bench.twin.list(bench.list).unwrap().fields.len(), 18);
}

#[tokio::test]
async fn by_id_only_a_patch_by_name_makes_a_second_field() {
    let bench = bench().await;
    let path = format!("/v2/lists/{}", bench.list);
    assert_eq!(bench.send("PATCH", &path, create_and("cdp_a_cats")).await.0, 204);
    assert_eq!(bench.twin.list(bench.list).unwrap().fields.len(), 18);
    bench.twin.with_switches(|s| s.patch_match = PatchMatch::IdOnly);
    bench.send("PATCH", &path, create_and("cdp_a_cats")).await;
    let (_, body) = bench.call("GET", &bench.path("")).await;
    let fields = body["fields"].as_object().unwrap().values();
    assert_eq!(fields.filter(|field| field["name"] == "cdp_a_cats").count(), 2);
}

#[tokio::test]
async fn options_are_added_and_relabelled() {
    let bench = bench().await;
    let dog = bench.option("favourite", "Dog");
    let body = json!({"fields": [{"type": "custom", "name": "favourite",
        "options": [{"id": dog, "label": "Hund"}, {"label": "Bird"}, {"label": "Cat"}]}]});
    bench.send("PATCH", &format!("/v2/lists/{}", bench.list), body).await;
    assert_eq!(bench.option("favourite", "Hund"), dog);
    let list = bench.twin.list(bench.list).unwrap();
    assert_eq!(list.field("favourite").unwrap().options.len(), 3);
}

#[tokio::test]
async fn put_deletes_unsent_fields_with_their_values() {
    let bench = bench().await;
    let id = bench.seed(SeedMember::active("anna@example.com").field("cdp_c_ltv", 7));
    let path = bench.path("");
    let missing = json!({"name": "New", "fields": []});
    assert_eq!(bench.send("PUT", &path, missing).await.0, 400);
    let body = json!({"name": "New", "country_id": 1, "duplicates": "disallow", "fields": [
        {"type": "fixed", "name": "email"},
        {"type": "custom", "name": "cdp_a_cats", "format": "boolean"},
    ]});
    assert_eq!(bench.send("PUT", &path, body).await.0, 204);
    let list = bench.twin.list(bench.list).unwrap();
    assert_eq!((list.fields.len(), list.name.as_str()), (2, "New"));
    assert_eq!(bench.value(&id, "cdp_c_ltv"), "");
    assert_eq!(bench.value(&id, "email"), "anna@example.com");
    assert_eq!(bench.twin.counters().list_put, 2);
}

#[tokio::test]
async fn post_and_delete_of_lists_work_and_are_counted() {
    let bench = bench().await;
    let (status, body) = bench.send("POST", "/v1/lists", json!({})).await;
    assert_eq!(status, 400);
    assert!(body["error"].is_string());
    let form = "name=B&country_id=1&duplicates=allow\
                &fields[0][type]=fixed&fields[0][name]=email";
    let (status, body) = bench.form("POST", "/v1/lists", form).await;
    assert_eq!(status, 201);
    let id = body["id"].as_u64().unwrap();
    assert_eq!(bench.twin.list(id).unwrap().fields.len(), 1);
    let path = format!("/v1/lists/{id}");
    assert_eq!(bench.call("DELETE", &path).await.0, 204);
    assert_eq!(bench.call("DELETE", &path).await.0, 404);
    let counters = bench.twin.counters();
    assert_eq!((counters.list_post, counters.list_delete), (2, 2));
}

#[tokio::test]
async fn an_unexpected_route_is_500_and_recorded() {
    let bench = bench().await;
    let (status, _) = bench.call("PATCH", &bench.path("?x=secret")).await;
    assert_eq!(status, 500);
    let recorded = format!("PATCH /loyalty/v1/lists/{}", bench.list);
    assert_eq!(bench.twin.unexpected(), [recorded]);
    assert_eq!(bench.twin.counters().unexpected, 1);
}

#[tokio::test]
async fn the_rate_limit_slides_and_is_per_account() {
    let bench = bench().await;
    bench.twin.with_switches(|s| s.rate_limit = Some(2));
    assert_eq!(bench.call("GET", "/v1/lists").await.0, 200);
    assert_eq!(bench.call("GET", "/v1/lists").await.0, 200);
    let response = bench.request("GET", "/v1/lists").send().await.unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "1");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body, json!({"message": "Too Many Requests", "code": 429}));

    bench.twin.with_switches(|s| {
        s.retry_after = RetryAfterHeader::Without;
    });
    let response = bench.request("GET", "/v1/lists").send().await.unwrap();
    assert_eq!(response.headers().get("retry-after"), None);

    bench.twin.set_account("OTHER", "o");
    let other = bench.unsigned("GET", "/v1/lists").header("X-Request-Timestamp", STAMP);
    let other = other.basic_auth("OTHER", Some(signed_password("o", STAMP)));
    assert_eq!(answer(other).await.0, 200);

    bench.twin.clock().set(NOW.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(1));
    assert_eq!(bench.call("GET", "/v1/lists").await.0, 200);
    let counters = bench.twin.counters();
    assert_eq!((counters.rate_limited, counters.max_requests_in_one_second), (2, 5));
    assert_eq!(counters.requests_by_route["GET /v1/lists"], 4);
}

#[tokio::test]
async fn latency_delays_but_changes_nothing() {
    let bench = bench().await;
    bench.twin.with_switches(|s| s.latency_ms = 1);
    assert_eq!(bench.call("GET", "/v1/lists").await.0, 200);
}
