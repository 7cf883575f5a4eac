use jiff::SignedDuration;
use muster_twins::cheetah_digital::{Credential, Options, Privilege, Region};
use serde_json::json;

use crate::support::{DATA, TOKEN_PATH, answer, bare, bench, bench_of, grant, member};

const KEY: &str = "MTIzNDo1Njc=";
const TABLE: &str = "/services2/api/Table";

#[tokio::test]
async fn a_token_comes_with_its_four_members() {
    let bench = bare(Region::NorthAmerica).await;
    let (status, body) = answer(bench.form(&grant(KEY, Options::SECRET))).await;
    assert_eq!(status, 200);
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("bearer"), &json!(28_800)));
    assert_eq!(body["access_token"].as_str().unwrap().len(), 1_100);
    assert_eq!(body.as_object().unwrap().len(), 4);
    assert_eq!(bench.twin.counters().tokens_issued, 1);
}

#[tokio::test]
async fn a_token_is_not_to_be_stored_and_sets_cookies() {
    let bench = bare(Region::NorthAmerica).await;
    let response = bench.form(&grant(KEY, Options::SECRET)).send().await.unwrap();
    let headers = response.headers();
    assert_eq!(headers["content-type"], "application/json; charset=utf-8");
    assert_eq!(headers["cache-control"], "no-cache, no-store, must-revalidate");
    let cookies: Vec<_> = headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    assert!(cookies[0].starts_with("ASP.NET_SessionId=") && cookies[1].starts_with("BIGipServer"), "{cookies:?}");
}

#[tokio::test]
async fn a_token_request_must_be_a_form() {
    let bench = bare(Region::NorthAmerica).await;
    let body = json!({"grant_type": "password", "username": KEY, "password": Options::SECRET});
    let request = || bench.unsigned("POST", TOKEN_PATH).json(&body);
    assert_eq!(answer(request()).await.0, 415);
    bench.twin.with_switches(|s| s.token_wrong_type_status = 400);
    assert_eq!(answer(request()).await.0, 400);
}

#[tokio::test]
async fn only_the_password_grant_is_known() {
    let bench = bare(Region::NorthAmerica).await;
    for body in ["grant_type=refresh_token&refresh_token=x", "grant_type=client_credentials&client_id=1"] {
        let refused = (400, json!({"error": "unsupported_grant_type"}));
        assert_eq!(answer(bench.form(body)).await, refused, "{body}");
    }
}

#[tokio::test]
async fn a_missing_or_doubled_field_is_an_invalid_request() {
    let bench = bare(Region::NorthAmerica).await;
    for body in [
        "",
        "username=a&password=b",
        "grant_type=password&password=b",
        "grant_type=password&username=a",
        "grant_type=password&username=a&password=b&password=b",
    ] {
        let refused = (400, json!({"error": "invalid_request"}));
        assert_eq!(answer(bench.form(body)).await, refused, "{body}");
    }
}

#[tokio::test]
async fn wrong_credentials_are_an_invalid_grant() {
    let bench = bare(Region::NorthAmerica).await;
    let refused = json!({"error": "invalid_grant"});
    for (key, secret) in [(KEY, "wrong"), ("unknown", Options::SECRET)] {
        assert_eq!(answer(bench.form(&grant(key, secret))).await, (400, refused.clone()), "{key}");
    }
    bench.twin.with_switches(|s| s.token_bad_credentials_status = 401);
    assert_eq!(answer(bench.form(&grant(KEY, "wrong"))).await, (401, refused));
}

#[tokio::test]
async fn a_key_that_is_not_percent_encoded_is_not_known() {
    let bench = bare(Region::NorthAmerica).await;
    let raw = grant(KEY, Options::SECRET).replace("%3D", "=");
    assert_eq!(answer(bench.form(&raw)).await, (400, json!({"error": "invalid_grant"})));
}

#[tokio::test]
async fn a_client_id_must_be_right_where_it_is_sent() {
    let bench = bare(Region::NorthAmerica).await;
    let right = format!("{}&client_id=1234", grant(KEY, Options::SECRET));
    assert_eq!(answer(bench.form(&right)).await.0, 200);
    assert_eq!(answer(bench.form(&right.replace("1234", "1235"))).await.0, 400);
}

#[tokio::test]
async fn a_form_field_that_nothing_names_is_unexpected() {
    let bench = bare(Region::NorthAmerica).await;
    let body = format!("{}&scope=all", grant(KEY, Options::SECRET));
    assert_eq!(answer(bench.form(&body)).await.0, 500);
    assert_eq!(bench.twin.unexpected(), [format!("POST {TOKEN_PATH}: the form field scope")]);
}

#[tokio::test]
async fn a_token_lives_until_it_expires() {
    let bench = bench().await;
    bench.wait(28_799);
    assert_eq!(bench.get(TABLE).await.0, 200);
    bench.wait(1);
    assert_eq!(bench.get(TABLE).await.0, 401);
}

#[tokio::test]
async fn the_life_of_a_token_is_a_switch() {
    let mut bench = bare(Region::NorthAmerica).await;
    bench.twin.with_switches(|s| s.expires_in = 2);
    bench.token = bench.new_token().await;
    bench.twin.clock().advance(SignedDuration::from_secs(2));
    assert_eq!(bench.get(TABLE).await.0, 401);
}

#[tokio::test]
async fn a_second_token_may_end_the_first() {
    let bench = bench().await;
    bench.new_token().await;
    assert_eq!(bench.get(TABLE).await.0, 200);
    bench.twin.with_switches(|s| s.second_token_invalidates_first = true);
    bench.new_token().await;
    assert_eq!(bench.get(TABLE).await.0, 401);
}

#[tokio::test]
async fn revoked_tokens_are_refused() {
    let bench = bench().await;
    bench.twin.revoke_tokens();
    let (status, body) = bench.load("lytics_audience", member("ada@example.com", "a", "true")).await;
    assert_eq!((status, body["message"].is_string()), (401, true));
    assert_eq!(bench.twin.counters().unauthorized, 1);
}

#[tokio::test]
async fn a_regenerated_secret_lets_tokens_live_on() {
    let bench = bench().await;
    bench.twin.set_credential(KEY, Credential::new("new", 1_234));
    assert_eq!(bench.get(TABLE).await.0, 200);
    assert_eq!(answer(bench.form(&grant(KEY, Options::SECRET))).await.0, 400);
}

#[tokio::test]
async fn a_removed_key_takes_its_tokens_along() {
    let bench = bench().await;
    bench.twin.remove_credential(KEY);
    assert_eq!(bench.get(TABLE).await.0, 401);
}

#[tokio::test]
async fn without_the_privilege_a_key_is_refused() {
    let bench = bench().await;
    let mut credential = Credential::new(Options::SECRET, 1_234);
    credential.privileges.remove(&Privilege::Data);
    bench.twin.set_credential(KEY, credential);
    let record = member("ada@example.com", "a", "true");
    assert_eq!(bench.load("lytics_audience", record.clone()).await.0, 403);
    assert_eq!(bench.get(TABLE).await.0, 200);
    bench.twin.with_switches(|s| s.no_privilege_status = 401);
    assert_eq!(bench.load("lytics_audience", record).await.0, 401);
}

#[tokio::test]
async fn no_bearer_is_401_on_every_resource() {
    let bench = bench().await;
    for (method, path) in [("POST", DATA), ("GET", TABLE), ("GET", "/services2/api/SearchRecords")] {
        assert_eq!(answer(bench.unsigned(method, path)).await.0, 401, "{path}");
        let raw = bench.unsigned(method, path).header("Authorization", &bench.token);
        assert_eq!(answer(raw).await.0, 401, "{path}");
    }
}

#[tokio::test]
async fn each_region_is_a_tenant_of_its_own() {
    let europe = bench_of(Region::Europe).await;
    let refused = answer(europe.form(&grant(KEY, Options::SECRET))).await;
    assert_eq!(refused, (400, json!({"error": "invalid_grant"})));
    let mut stranger = europe;
    stranger.token = bench().await.token;
    assert_eq!(stranger.get(TABLE).await.0, 401);
}

#[tokio::test]
async fn a_cookie_that_comes_back_is_counted() {
    let bench = bench().await;
    assert_eq!(answer(bench.request("GET", TABLE).header("Cookie", "ASP.NET_SessionId=session1")).await.0, 200);
    assert_eq!(bench.twin.counters().cookies_returned, 1);
}
