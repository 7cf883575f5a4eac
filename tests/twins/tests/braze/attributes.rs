use muster_twins::braze::{Invalid, NestedReach, Switches};
use serde_json::{Value, json};

use crate::support::{bench, bench_with, of_anna};

#[tokio::test]
async fn null_deletes_an_attribute() {
    let bench = bench();
    assert_eq!(bench.write(json!({ "a": 1, "b": true, "c": ["x"] })).await, json!({ "a": 1, "b": true, "c": ["x"] }));
    assert_eq!(bench.write(json!({ "a": null, "d": null })).await, json!({ "b": true, "c": ["x"] }));
}

#[tokio::test]
async fn numbers_are_incremented() {
    let bench = bench();
    bench.write(json!({ "a": 1, "b": "x" })).await;
    let increments = json!({ "a": { "inc": 2 }, "b": { "inc": 1 }, "c": { "inc": 1.5 } });
    assert_eq!(bench.write(increments).await, json!({ "a": 3, "b": "x", "c": 1.5 }));
    assert_eq!(bench.twin.counters().increments, 3);
}

#[tokio::test]
async fn arrays_are_edited() {
    let bench = bench();
    bench.write(json!({ "a": ["x", "y"] })).await;
    let edits = json!({ "a": { "add": ["y", "z"], "remove": ["x"] }, "b": { "add": ["x"] } });
    assert_eq!(bench.write(edits).await, json!({ "a": ["y", "z"], "b": ["x"] }));
}

#[tokio::test]
async fn a_nested_attribute_is_overwritten_unless_it_is_merged() {
    let bench = bench();
    let whole = json!({ "points": { "current": 1, "spent": 2 }, "tier": { "tierId": "177" } });
    bench.write(json!({ "ee_loyalty": whole })).await;
    let part = json!({ "points": { "current": 7 } });
    let merged = bench.write(json!({ "_merge_objects": true, "ee_loyalty": part })).await;
    let expected = json!({ "points": { "current": 7, "spent": 2 }, "tier": { "tierId": "177" } });
    assert_eq!(merged["ee_loyalty"], expected);
    for flags in [json!({}), json!({ "_merge_objects": false })] {
        bench.write(json!({ "ee_loyalty": whole })).await;
        let mut fields = flags.clone();
        fields["ee_loyalty"] = part.clone();
        assert_eq!(bench.write(fields).await["ee_loyalty"], part, "{flags}");
    }
}

/// What anna and bea have after one request in which an update of anna's is flawed.
async fn reached(reach: NestedReach) -> [Value; 2] {
    let bench = bench_with(Switches { nested_reach: reach, ..Switches::default() });
    bench
        .apply(json!({ "attributes": [
            of_anna(json!({ "a": { "b": null }, "plain": 1, "other": { "b": 1 } })),
            of_anna(json!({ "a": { "c": 1 } })),
            { "external_id": "bea", "a": { "c": 1 } },
        ] }))
        .await;
    bench.assert_expected();
    let dropped = bench.twin.counters().dropped_nested;
    let attributes = |id: &str| Value::Object(bench.twin.person(id).unwrap().attributes);
    let (anna, bea) = (attributes("anna"), attributes("bea"));
    assert_eq!((&anna["plain"], &anna["other"]), (&json!(1), &json!({ "b": 1 })));
    let kept = u64::from(!anna["a"].is_null()) + u64::from(!bea["a"].is_null());
    assert_eq!(dropped, 3 - kept);
    [anna["a"].clone(), bea["a"].clone()]
}

#[tokio::test]
async fn an_invalid_value_silently_takes_nested_updates_with_it() {
    let kept = json!({ "c": 1 });
    assert_eq!(reached(NestedReach::Request).await, [Value::Null, Value::Null]);
    assert_eq!(reached(NestedReach::Person).await, [Value::Null, kept.clone()]);
    assert_eq!(reached(NestedReach::Object).await, [kept.clone(), kept]);
}

#[tokio::test]
async fn every_rule_of_nested_attributes_is_kept_silently() {
    for flawed in [
        json!({ "b c": 1 }),
        json!({ "$b": 1 }),
        json!({ "b".repeat(256): 1 }),
        json!({ "b": "x".repeat(256) }),
        json!({ "b": { "$time": null } }),
        json!({ "b": [null] }),
        json!({ "b": vec!["x".repeat(250); 200] }),
    ] {
        let bench = bench();
        assert_eq!(bench.write(json!({ "a": flawed, "plain": 1 })).await, json!({ "plain": 1 }), "{flawed}");
        assert_eq!(bench.twin.counters().dropped_nested, 1);
    }
    let sound = json!({ "b": { "$time": "2026-03-01" }, "c": "å".repeat(255) });
    assert_eq!(bench().write(json!({ "a": sound })).await["a"], sound);
}

#[tokio::test]
async fn a_nested_attribute_does_not_grow_without_end() {
    let bench = bench_with(Switches { nested_bytes: 30, ..Switches::default() });
    bench.write(json!({ "a": { "b": "0123456789" } })).await;
    let more = json!({ "_merge_objects": true, "a": { "c": "0123456789" } });
    assert_eq!(bench.write(more).await["a"], json!({ "b": "0123456789" }));
    assert_eq!(bench.twin.counters().dropped_nested, 1);
}

#[tokio::test]
async fn an_attribute_that_breaks_a_rule_is_an_error_or_lost_alone() {
    for wrong in [json!({ "$a": 1 }), json!({ "": 1 }), json!({ "a": "x".repeat(256) }), json!({ "a": { "inc": "1" } })]
    {
        let mut fields = wrong.clone();
        fields["plain"] = json!(1);
        bench().fault("attributes", of_anna(fields.clone())).await;
        let bench = bench_with(Switches { invalid_attribute: Invalid::Dropped, ..Switches::default() });
        assert_eq!(bench.write(fields).await, json!({ "plain": 1 }), "{wrong}");
        assert_eq!(bench.twin.counters().dropped_values, 1);
    }
}
