//! Batches that do not fit into the memory they are given.

use std::fmt::Write;

use muster_twins::lotame::{Rule, Switches};

use crate::bench::{Bench, fails_only, feed, look};

/// In no order, each once.
fn rows(count: u64) -> String {
    let mut rows = String::new();
    for at in 1..=count {
        let id = at.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let row = r#""idtype":"PID","segments":[{"name":"tier_gold","timestamp":1780272000},{"name":"store_leeds"}],"consent":true}"#;
        writeln!(rows, "{{\"userid\":\"{id:016x}{at:016x}\",{row}").unwrap();
    }
    rows
}

#[test]
fn one_id_twice_among_many() {
    let bench = Bench::new();
    let mut rows = rows(20_000);
    let first = rows.lines().next().unwrap().to_owned();
    rows.push_str(&first);
    bench.batch("20260601", &rows);
    let report = look(&mut bench.intake(feed(), Switches { sort_memory_bytes: 1 << 16, ..Switches::default() }));
    fails_only(&report, Rule::R4);
    assert_eq!((report.counts[&Rule::R4], report.findings[0].line), (1, Some(20_001)));
}
