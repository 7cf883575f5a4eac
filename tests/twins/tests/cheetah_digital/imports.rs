use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use muster_twins::cheetah_digital::{ImportEnds, ImportStatus, LoadSource, SeedDataMap};
use serde_json::{Value, json};

use crate::support::{ADA, Bench, bench, member};

const IMPORT: &str = "/services2/api/Import";
const FOLDER: u64 = 812;

/// A bench whose table `lytics_audience` has a Data Map of its own names, and that map's id.
#[expect(clippy::unwrap_used, reason = "in a test that is how to fail")]
async fn mapped() -> (Bench, u64) {
    let bench = bench().await;
    let columns = ["email", "audience_slug", "subscribed"];
    let map = bench.twin.seed_data_map(SeedDataMap::same_names("lytics_audience", &columns)).unwrap();
    bench.twin.seed_folder(FOLDER);
    (bench, map)
}

fn body(map: u64, csv: &str) -> Value {
    json!({
        "cust_id": 1234, "prop_map_id": map, "type_id": "FILE",
        "import_file": {"encoding": "utf-8", "file": STANDARD.encode(csv)},
        "task_priority": 700,
        "obj": {"display_name": "backfill part 1", "parent_obj_id": FOLDER},
    })
}

fn rows(emails: &[&str]) -> String {
    let lines = emails.iter().map(|email| format!("{email},a,true\n"));
    format!("email,audience_slug,subscribed\n{}", lines.collect::<String>())
}

/// The id of an import that must be accepted.
#[expect(clippy::unwrap_used, reason = "in a test that is how to fail")]
async fn import(bench: &Bench, body: &Value) -> u64 {
    let (status, answer) = bench.post(IMPORT, body).await;
    assert_eq!(status, 200, "{answer}");
    answer["import_id"].as_u64().unwrap()
}

async fn status(bench: &Bench, id: u64) -> Value {
    bench.get(&format!("{IMPORT}?import_id={id}")).await.1["status_id"].clone()
}

#[tokio::test]
async fn an_import_lands_late_over_newer_live_writes() {
    let (bench, map) = mapped().await;
    import(&bench, &body(map, &rows(&[ADA]))).await;
    bench.load("lytics_audience", member(ADA, "a", "false")).await;
    bench.wait(89);
    assert_eq!(bench.twin.rows("lytics_audience")[0].text("subscribed"), "false");
    bench.wait(1);
    assert_eq!(bench.twin.rows("lytics_audience")[0].text("subscribed"), "true");
}

#[tokio::test]
async fn the_status_becomes_done_when_it_has_landed() {
    let (bench, map) = mapped().await;
    let id = import(&bench, &body(map, &rows(&[ADA]))).await;
    assert_eq!(status(&bench, id).await, "WAITING");
    bench.wait(45);
    assert_eq!(status(&bench, id).await, "RUNNING");
    bench.wait(45);
    assert_eq!(status(&bench, id).await, "DONE");
    assert_eq!(bench.twin.import_status(id), Some(ImportStatus::Done));
}

#[tokio::test]
async fn a_status_tells_all_of_an_import() {
    let (bench, map) = mapped().await;
    let id = import(&bench, &body(map, &rows(&[ADA, "ben"]))).await;
    bench.wait(90);
    let (code, shown) = bench.get(&format!("{IMPORT}?import_id={id}")).await;
    assert_eq!(code, 200);
    assert_eq!((&shown["import_id"], &shown["prop_map_id"]), (&json!(id), &json!(map)));
    assert_eq!((&shown["type_id"], &shown["import_name"]), (&json!("FILE"), &json!("backfill part 1")));
    assert_eq!((&shown["parsed_rows"], &shown["cleansed_rows"]), (&json!(2), &json!(1)));
}

#[tokio::test]
async fn an_unknown_import_is_not_found() {
    let (bench, _) = mapped().await;
    assert_eq!(bench.get(&format!("{IMPORT}?import_id=1")).await.0, 404);
}

#[tokio::test]
async fn the_name_of_the_parameter_is_a_switch() {
    let (bench, map) = mapped().await;
    let id = import(&bench, &body(map, &rows(&[ADA]))).await;
    bench.twin.with_switches(|s| s.import_id_parameter = "importId".to_owned());
    assert_eq!(bench.get(&format!("{IMPORT}?import_id={id}")).await.0, 500);
    assert_eq!(bench.get(&format!("{IMPORT}?importId={id}")).await.0, 200);
}

#[tokio::test]
async fn an_import_may_fail_or_never_end() {
    for (ends, expected) in [(ImportEnds::Fails, "FAILED"), (ImportEnds::Never, "RUNNING")] {
        let (bench, map) = mapped().await;
        bench.twin.with_switches(|s| s.import_ends = ends);
        let id = import(&bench, &body(map, &rows(&[ADA]))).await;
        bench.wait(9_000);
        assert_eq!(status(&bench, id).await, expected);
        assert!(bench.twin.rows("lytics_audience").is_empty(), "{ends:?}");
    }
}

#[tokio::test]
async fn the_delay_is_a_switch_and_imports_can_be_forced() {
    let (bench, map) = mapped().await;
    bench.twin.with_switches(|s| s.import_delay_seconds = 3_600);
    let id = import(&bench, &body(map, &rows(&[ADA]))).await;
    bench.wait(3_599);
    assert!(bench.twin.rows("lytics_audience").is_empty());
    assert_eq!(bench.twin.apply_loads(), 1);
    assert_eq!(bench.twin.loads()[0].source, LoadSource::Import(id));
    assert_eq!(status(&bench, id).await, "DONE");
}

#[tokio::test]
async fn of_imports_due_at_once_the_greater_priority_comes_first() {
    let (bench, map) = mapped().await;
    let mut urgent = body(map, "email,audience_slug,subscribed\nada@example.com,a,urgent\n");
    urgent["task_priority"] = json!(900);
    let mut idle = urgent.clone();
    idle["task_priority"] = json!(100);
    idle["import_file"]["file"] = json!(STANDARD.encode("email,audience_slug,subscribed\nada@example.com,a,idle\n"));
    import(&bench, &idle).await;
    import(&bench, &urgent).await;
    bench.wait(90);
    assert_eq!(bench.twin.rows("lytics_audience")[0].text("subscribed"), "idle");
}

#[tokio::test]
async fn columns_that_the_data_map_does_not_name_are_left_out() {
    let (bench, map) = mapped().await;
    let csv = "email,audience_slug,changed_at\nada@example.com,a,2026-03-01 14:05:09\n";
    import(&bench, &body(map, csv)).await;
    bench.wait(90);
    assert_eq!(bench.twin.rows("lytics_audience")[0].text("changed_at"), "");
}

#[tokio::test]
async fn a_malformed_import_is_refused() {
    let (bench, map) = mapped().await;
    for (member, value) in [
        ("cust_id", json!(1)),
        ("prop_map_id", json!(map + 1)),
        ("type_id", json!("SQL")),
        ("import_file", json!({"encoding": "utf-8", "file": "?"})),
        ("import_file", json!({"encoding": "utf-8", "file": ""})),
        ("obj", json!({"display_name": "x", "parent_obj_id": 1})),
        ("obj", json!({"parent_obj_id": FOLDER})),
        ("task_priority", json!("high")),
    ] {
        let mut body = body(map, &rows(&[ADA]));
        body[member] = value.clone();
        assert_eq!(bench.post(IMPORT, &body).await.0, 400, "{member} {value}");
    }
    assert_eq!(bench.twin.counters().imports, 0);
}

#[tokio::test]
async fn members_that_nothing_names_are_unexpected() {
    let (bench, map) = mapped().await;
    let mut body = body(map, &rows(&[ADA]));
    body["dedupe"] = json!(true);
    assert_eq!(bench.post(IMPORT, &body).await.0, 500);
    assert_eq!(bench.twin.unexpected(), [format!("POST {IMPORT}: the member dedupe")]);
}
