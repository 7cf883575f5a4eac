use std::collections::BTreeMap;

use muster_twins::cheetah_digital::{Blanks, Cell, Deed, IdentifierCase, LoadSource};
use serde_json::{Value, json};

use crate::support::{ADA, bench, member};

#[tokio::test]
async fn accepted_data_is_loaded_later() {
    let bench = bench().await;
    assert_eq!(bench.load("lytics_audience", member(ADA, "high_value", "true")).await.0, 200);
    assert!(bench.twin.rows("lytics_audience").is_empty());
    bench.settle();
    let row = bench.twin.rows("lytics_audience").remove(0);
    assert_eq!((row.text("email"), row.text("subscribed")), (ADA.to_owned(), "true".to_owned()));
    let load = bench.twin.loads().remove(0);
    assert_eq!((load.source, load.records[0].row), (LoadSource::AdvancedDataLoad, Some(row.id)));
}

#[tokio::test]
async fn the_delay_is_a_switch_and_loads_can_be_forced() {
    let bench = bench().await;
    bench.load("lytics_audience", member(ADA, "a", "true")).await;
    assert_eq!(bench.twin.apply_loads(), 1);
    assert_eq!(bench.twin.rows("lytics_audience").len(), 1);
    bench.twin.with_switches(|s| s.load_delay_ms = 0);
    bench.load("lytics_audience", member(ADA, "b", "true")).await;
    assert_eq!(bench.twin.rows("lytics_audience").len(), 2);
}

#[tokio::test]
async fn a_load_that_was_slow_overtakes_a_newer_one() {
    let bench = bench().await;
    bench.twin.with_switches(|s| s.load_delay_ms = 300_000);
    bench.load("lytics_audience", member(ADA, "a", "true")).await;
    bench.twin.with_switches(|s| s.load_delay_ms = 0);
    bench.load("lytics_audience", member(ADA, "a", "false")).await;
    assert_eq!(bench.twin.rows("lytics_audience")[0].text("subscribed"), "false");
    bench.wait(300);
    assert_eq!(bench.twin.rows("lytics_audience")[0].text("subscribed"), "true");
}

#[tokio::test]
async fn a_composite_identifier_keeps_audiences_apart() {
    let bench = bench().await;
    for audience in ["a", "b", "a"] {
        bench.load("lytics_audience", member(ADA, audience, "true")).await;
    }
    bench.settle();
    assert_eq!(bench.twin.rows("lytics_audience").len(), 2);
    let counters = bench.twin.counters();
    assert_eq!((counters.rows_inserted, counters.rows_updated), (2, 1));
}

#[tokio::test]
async fn a_table_keyed_by_person_overwrites_one_audience_with_the_other() {
    let bench = bench().await;
    bench.newsletter(member(ADA, "a", "true"), Value::Null).await;
    let row = bench.newsletter(member(ADA, "b", "false"), Value::Null).await;
    assert_eq!(bench.twin.rows("newsletter").len(), 1);
    assert_eq!((row.text("audience_slug"), row.text("subscribed")), ("b".to_owned(), "false".to_owned()));
}

#[tokio::test]
async fn identifiers_match_whatever_their_case() {
    let bench = bench().await;
    bench.newsletter(json!({"email": ADA, "subscribed": "true"}), Value::Null).await;
    bench.newsletter(json!({"email": "Ada@Example.com", "subscribed": "false"}), Value::Null).await;
    assert_eq!(bench.twin.rows_with("newsletter", &[("subscribed", "false")]).len(), 1);
    assert_eq!(bench.twin.rows("newsletter").len(), 1);
}

#[tokio::test]
async fn identifiers_of_another_case_may_be_other_people() {
    let bench = bench().await;
    bench.twin.with_switches(|s| s.identifier_case = IdentifierCase::Significant);
    bench.newsletter(json!({"email": ADA}), Value::Null).await;
    bench.newsletter(json!({"email": "Ada@Example.com"}), Value::Null).await;
    assert_eq!(bench.twin.rows("newsletter").len(), 2);
}

#[tokio::test]
async fn blanks_may_clear_by_themselves() {
    let bench = bench().await;
    bench.twin.with_switches(|s| s.blanks = Blanks::Clear);
    bench.newsletter(json!({"email": ADA, "note": "x"}), Value::Null).await;
    assert_eq!(bench.newsletter(json!({"email": ADA, "note": ""}), Value::Null).await.text("note"), "");
}

#[tokio::test]
async fn omitted_columns_are_untouched_and_blanks_ignored() {
    let bench = bench().await;
    bench.newsletter(json!({"email": ADA, "note": "kept", "subscribed": "true"}), Value::Null).await;
    let row = bench.newsletter(json!({"email": ADA, "subscribed": " "}), Value::Null).await;
    assert_eq!((row.text("note"), row.text("subscribed")), ("kept".to_owned(), "true".to_owned()));
    assert_eq!(bench.twin.counters().blanks, 1);
}

#[tokio::test]
async fn an_invalid_phone_is_dropped_and_the_row_loads() {
    let bench = bench().await;
    let row = bench.newsletter(json!({"email": ADA, "phone": "call me"}), Value::Null).await;
    assert_eq!(row.text("phone"), "");
    assert_eq!(bench.twin.counters().values_dropped, 1);
}

#[tokio::test]
async fn an_invalid_address_as_identifier_leaves_no_row_and_no_word() {
    let bench = bench().await;
    assert_eq!(bench.load("newsletter", json!({"email": "ada"})).await.0, 200);
    bench.settle();
    assert!(bench.twin.rows("newsletter").is_empty());
    let dropped = Deed::Dropped("Missing Unique ID Columns".to_owned());
    assert_eq!(bench.twin.loads()[0].records[0].deed, dropped);
    assert_eq!(bench.twin.counters().rows_dropped, 1);
}

#[tokio::test]
async fn a_banned_address_is_not_loaded() {
    let bench = bench().await;
    bench.twin.ban("Ada@example.com");
    assert_eq!(bench.load("newsletter", json!({"email": ADA})).await.0, 200);
    bench.settle();
    assert!(bench.twin.rows("newsletter").is_empty());
}

#[tokio::test]
async fn who_opted_out_is_opted_in_again_and_counted() {
    let bench = bench().await;
    let cells = [("email", ADA), ("consent", "1500")];
    let cells: BTreeMap<_, _> = cells.map(|(name, text)| (name.to_owned(), Cell::One(text.to_owned()))).into();
    bench.twin.seed_row("newsletter", &cells).unwrap();
    let row = bench.newsletter(json!({"email": ADA, "consent": "100"}), Value::Null).await;
    assert_eq!(row.text("consent"), "100");
    let counters = bench.twin.counters();
    assert_eq!((counters.opted_in_again, counters.preference_writes), (1, 1));
}

#[tokio::test]
async fn a_table_removed_meanwhile_takes_no_rows() {
    let bench = bench().await;
    bench.load("newsletter", json!({"email": ADA})).await;
    assert!(bench.twin.remove_table("newsletter"));
    bench.settle();
    let gone = Deed::Dropped("the table is gone".to_owned());
    assert_eq!(bench.twin.loads()[0].records[0].deed, gone);
}
