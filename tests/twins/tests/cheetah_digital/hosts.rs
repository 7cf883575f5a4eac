use muster_twins::cheetah_digital::{DataHosts, Options, Region};
use serde_json::json;

use crate::support::{Bench, DATA, TOKEN_PATH, answer, bare, bench, bench_of, grant, member};

async fn load_at(bench: &Bench, origin: &str) -> u16 {
    let body = json!({"_data": {"lytics_audience": [member("ada@example.com", "a", "true")]}});
    answer(bench.at(origin, "POST", DATA).bearer_auth(&bench.token).json(&body)).await.0
}

#[tokio::test]
async fn data_goes_to_a_host_of_its_own_in_north_america() {
    let bench = bench().await;
    assert_eq!(load_at(&bench, "https://aet.eccmp.com").await, 200);
    assert_eq!(load_at(&bench, "https://api.eccmp.com").await, 500);
    assert_eq!(bench.twin.unexpected(), [format!("POST https://api.eccmp.com{DATA}")]);
}

#[tokio::test]
async fn data_goes_to_the_one_host_of_japan() {
    let bench = bench_of(Region::Japan).await;
    assert_eq!(load_at(&bench, "https://api.marketingsuite.jp").await, 200);
}

#[tokio::test]
async fn the_printed_host_of_europe_takes_data_when_switched() {
    let bench = bench_of(Region::Europe).await;
    assert_eq!(load_at(&bench, "https://api.ccmp.eu").await, 200);
    assert_eq!(load_at(&bench, "https://api.eccmp.eu").await, 500);
    bench.twin.with_switches(|s| s.data_hosts = DataHosts::Printed);
    assert_eq!(load_at(&bench, "https://api.ccmp.eu").await, 500);
    assert_eq!(load_at(&bench, "https://api.eccmp.eu").await, 200);
}

#[tokio::test]
async fn any_host_takes_data_when_switched() {
    let bench = bench().await;
    bench.twin.with_switches(|s| s.data_hosts = DataHosts::Any);
    assert_eq!(load_at(&bench, "https://api.eccmp.com").await, 200);
}

#[tokio::test]
async fn tokens_are_not_issued_at_the_host_of_the_data() {
    let bench = bare(Region::NorthAmerica).await;
    let request = bench.at("https://aet.eccmp.com", "POST", TOKEN_PATH);
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    let body = grant(&Options::key(Region::NorthAmerica), Options::SECRET);
    assert_eq!(answer(request.body(body)).await.0, 500);
}

#[tokio::test]
async fn an_unknown_route_is_unexpected() {
    let bench = bench().await;
    assert_eq!(bench.get("/services2/api/Recipients").await.0, 500);
    assert_eq!(bench.twin.counters().unexpected, 1);
    assert_eq!(bench.twin.unexpected(), ["GET https://api.eccmp.com/services2/api/Recipients"]);
}
