//! What is known after several batches.

use std::collections::{BTreeMap, BTreeSet};

use muster_twins::lotame::{AbsentIds, Comprehensive, EmptySegments, Feed, Known, Mode, RemoveEncoding, Switches};

use crate::bench::{Bench, after, feed, id, look};
use crate::records::{mappings, sightings};

const DAY: i64 = 86_400;

fn row(userid: &str, rest: &str) -> String {
    format!("{{\"userid\":\"{userid}\",\"idtype\":\"pano\",\"consent\":true,{rest}}}\n")
}

fn names(known: &Known) -> BTreeMap<&str, BTreeSet<&str>> {
    known
        .memberships
        .iter()
        .map(|(id, segments)| (id.userid.as_str(), segments.keys().map(String::as_str).collect()))
        .collect()
}

fn expected<'a>(all: &[(&'a str, &[&'a str])]) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    all.iter().map(|(id, names)| (*id, names.iter().copied().collect())).collect()
}

#[test]
fn comprehensive_replaces_each_id() {
    let switches = [
        (Switches::default(), expected(&[("A", &["y"]), ("B", &["x"]), ("C", &["z"])])),
        (
            Switches { comprehensive: Comprehensive::AddsAlone, ..Switches::default() },
            expected(&[("A", &["x", "y"]), ("B", &["x"]), ("C", &["z"])]),
        ),
        (
            Switches { absent_ids: AbsentIds::LoseSegments, ..Switches::default() },
            expected(&[("A", &["y"]), ("C", &["z"])]),
        ),
    ];
    for (switches, wanted) in switches {
        let bench = Bench::new();
        let mut intake = bench.intake(feed(), switches);
        let x = r#""segments":[{"name":"x","timestamp":1780272000}]"#;
        bench.batch("20260601", &(row("B", x) + &row("A", x)));
        look(&mut intake);
        bench.batch("20260602", &(row("C", &x.replace('x', "z")) + &row("A", r#""segments":[{"name":"y"}]"#)));
        look(&mut intake);
        assert_eq!(names(&intake.known().unwrap()), wanted);
        let order: Vec<_> = intake.memberships().unwrap().map(|membership| membership.unwrap().id).collect();
        assert!(order.is_sorted() && order[0].idtype == "PANO");
    }
}

#[test]
fn delta_adds_and_removes() {
    let mode = Mode::Delta { remove: RemoveEncoding::Csv, comprehensive_every_days: 30 };
    let bench = Bench::new();
    let switches = Switches { empty_segments: EmptySegments::WithRemove, ..Switches::default() };
    let mut intake = bench.intake(Feed { mode, ..feed() }, switches);
    intake.announce_comprehensive("2026-06-01".parse().unwrap());
    let two = r#""segments":[{"name":"x"},{"name":"y"}]"#;
    let batches = [
        ("20260601", row("A", two) + &row("B", two) + &row("C", two)),
        (
            "20260602",
            row("A", r#""segments":[{"name":"z"}],"remove":"x""#) + &row("C", r#""segments":[],"remove":"x,y""#),
        ),
        ("20260603", row("D", r#""segments":[{"name":"x","timestamp":1780272000}]"#)),
    ];
    for (date, rows) in batches {
        bench.batch(date, &rows);
        assert!(look(&mut intake).rules().is_empty());
    }
    let known = intake.known().unwrap();
    assert_eq!(names(&known), expected(&[("A", &["y", "z"]), ("B", &["x", "y"]), ("D", &["x"])]));
    assert_eq!(known.memberships[&id("PANO", "D")]["x"], Some(1_780_272_000));
}

#[test]
fn ids_that_no_row_has_expire() {
    let bench = Bench::new();
    let mut intake = bench.intake(feed(), Switches::default());
    let x = r#""segments":[{"name":"x"}]"#;
    bench.batch("20260601", &(row("A", x) + &row("B", x)));
    assert_eq!(intake.look(after(0)).unwrap().len(), 1);
    bench.batch("20260611", &row("B", x));
    assert_eq!(intake.look(after(10 * DAY)).unwrap().len(), 1);
    for (seconds, left) in [(30 * DAY, 2), (30 * DAY + 1, 1), (40 * DAY, 1), (40 * DAY + 1, 0)] {
        assert!(intake.look(after(seconds)).unwrap().is_empty());
        assert_eq!(intake.memberships().unwrap().count(), left, "{seconds}");
    }
}

#[test]
fn sightings_gather_and_mappings_replace() {
    let bench = Bench::new();
    let mut intake = bench.intake(sightings(), Switches::default());
    for (date, time) in [("20260601", "1780272000"), ("20260602", "1780275600")] {
        bench.batch(date, &row("A", &format!(r#""ips":[{{"ip":"198.51.100.7","timestamps":["{time}"]}}]"#)));
        look(&mut intake);
    }
    let seen: Vec<_> = intake.sightings().unwrap().map(Result::unwrap).collect();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].ips[&"198.51.100.7".parse().unwrap()], BTreeSet::from([1_780_272_000, 1_780_275_600]));

    let bench = Bench::new();
    let mut intake = bench.intake(mappings(), Switches::default());
    for (date, tpid) in [("20260601", "t1"), ("20260602", "t2")] {
        bench.batch(date, &row("A", &format!(r#""tpid":"{tpid}""#)));
        look(&mut intake);
    }
    let mapped: Vec<_> = intake.mappings().unwrap().map(|mapping| mapping.unwrap().tpid).collect();
    assert_eq!(mapped, ["t2"]);
}

#[test]
fn a_batch_that_fails_changes_nothing() {
    let bench = Bench::new();
    let mut intake = bench.intake(feed(), Switches::default());
    let x = r#""segments":[{"name":"x"}]"#;
    bench.batch("20260601", &row("A", x));
    look(&mut intake);
    let before = intake.known().unwrap();
    bench.batch("20260602", &(row("A", r#""segments":[{"name":"y"}]"#) + &row("B", x) + &row("B", x)));
    look(&mut intake);
    assert_eq!(intake.known().unwrap(), before);
}
