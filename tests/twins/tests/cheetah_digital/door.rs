use muster_twins::cheetah_digital::{Options, Region, Switches};
use serde_json::{Value, json};

use crate::support::{ADA, bare, bench, member};

#[tokio::test]
async fn tables_and_rows_over_the_door() {
    let bench = bench().await;
    let seed = json!({"views": ["Loyalty Members"], "columns": [
        {"display_name": "Card No", "data_type": "string", "identifier": true},
        {"display_name": "Slugs", "data_type": "string", "multi_value": true},
    ]});
    let made = (200, json!({"name": "loyalty_members"}));
    assert_eq!(bench.door("POST", "/tables", Some(seed.clone())).await, made);
    assert_eq!(bench.door("POST", "/tables", Some(seed)).await.0, 400);
    let cells = json!({"card_no": "7", "slugs": ["a", "b"]});
    let (status, row) = bench.door("POST", "/rows/loyalty_members", Some(cells.clone())).await;
    assert_eq!(status, 200);
    assert_eq!(bench.door("POST", "/rows/loyalty_members", Some(json!({"nothing": "7"}))).await.0, 400);
    let path = format!("/rows/loyalty_members/{}", row["id"]);
    assert_eq!(bench.door("PUT", &format!("{path}/card_no"), Some(json!("8"))).await.0, 204);
    let (_, rows) = bench.door("GET", "/rows/loyalty_members", None).await;
    assert_eq!(rows[0]["cells"], json!({"card_no": "8", "slugs": ["a", "b"]}));
    assert_eq!(bench.door("DELETE", &path, None).await.0, 204);
    assert_eq!(bench.door("DELETE", &path, None).await.0, 404);
    let renamed = Some(json!({"display_name": "Card"}));
    assert_eq!(bench.door("PUT", "/tables/loyalty_members/columns/card_no", renamed).await.0, 204);
    assert_eq!(bench.door("DELETE", "/tables/loyalty_members/columns/slugs", None).await.0, 204);
    assert_eq!(bench.door("DELETE", "/tables/loyalty_members", None).await.0, 204);
    assert_eq!(bench.door("DELETE", "/tables/loyalty_members", None).await.0, 404);
}

#[tokio::test]
async fn loads_over_the_door() {
    let bench = bench().await;
    bench.load("lytics_audience", member(ADA, "a", "true")).await;
    let (_, loads) = bench.door("GET", "/loads", None).await;
    assert_eq!((&loads[0]["source"], &loads[0]["applied_at"]), (&json!("advanced_data_load"), &Value::Null));
    assert_eq!(bench.door("POST", "/loads/apply", None).await, (200, json!({"applied": 1})));
    let (_, loads) = bench.door("GET", "/loads", None).await;
    assert_eq!(loads[0]["records"][0]["deed"], "inserted");
    assert_eq!(bench.door("GET", "/imports", None).await, (200, json!([])));
}

#[tokio::test]
async fn what_an_account_is_made_of_over_the_door() {
    let bench = bench().await;
    let map = json!({"table": "newsletter", "columns": {"E-mail": "email"}});
    assert_eq!(bench.door("POST", "/data-maps", Some(map)).await, (200, json!({"id": 4296})));
    let join =
        json!({"name": "x", "child": "order", "child_column": "email", "parent": "nothing", "parent_column": "y"});
    assert_eq!(bench.door("POST", "/joins", Some(join)).await.0, 400);
    assert_eq!(bench.door("PUT", "/folders/812", None).await.0, 204);
    assert_eq!(bench.door("PUT", "/banned/ada@example.com", None).await.0, 204);
    assert_eq!(bench.door("POST", "/tables/fixtures", None).await.0, 400);
}

#[tokio::test]
async fn credentials_over_the_door() {
    let bench = bench().await;
    let table = "/services2/api/Table";
    let key = Options::key(Region::NorthAmerica).replace('=', "%3D");
    let none = json!({"secret": "s", "client_id": 1234, "privileges": []});
    assert_eq!(bench.door("PUT", &format!("/credentials/{key}"), Some(none)).await.0, 204);
    assert_eq!(bench.get(table).await.0, 403);
    assert_eq!(bench.door("DELETE", "/tokens", None).await.0, 204);
    assert_eq!(bench.get(table).await.0, 401);
    assert_eq!(bench.door("DELETE", &format!("/credentials/{key}"), None).await.0, 204);
}

#[tokio::test]
async fn what_is_the_same_for_all_twins_stands_below_the_same_path() {
    let bench = bare(Region::Europe).await;
    assert!(bench.twin.door_url().ends_with("/__mock"));
    let part = json!({"max_root_records": 5, "success_body": "empty"});
    assert_eq!(bench.door("PATCH", "/switches", Some(part)).await.0, 204);
    assert_eq!(bench.twin.switches().max_root_records, 5);
    assert_eq!(bench.door("PUT", "/switches", Some(json!({}))).await.0, 204);
    assert_eq!(bench.twin.switches(), Switches::default());
    let by_route = json!([{"faults_seed": 1, "rates": [["html500", 1000]], "on": {"route": "token"}}]);
    assert_eq!(bench.door("PUT", "/faults/seeded", Some(by_route)).await.0, 204);
    assert_eq!(bench.form("").send().await.unwrap().status(), 500);
    let (_, counters) = bench.door("GET", "/counters", None).await;
    assert_eq!((&counters["faults"], &counters["token_requests"]), (&json!(1), &json!(0)));
    bench.door("PUT", "/clock", Some(json!({"advance_seconds": 51}))).await;
    let (_, clock) = bench.door("GET", "/clock", None).await;
    assert_eq!(clock["now"], "2026-03-01T14:06:00Z");
}
