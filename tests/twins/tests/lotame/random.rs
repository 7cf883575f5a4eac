//! Bytes that nobody composed.

use muster_twins::lotame::{Switches, Verdict};
use proptest::prelude::*;

use crate::bench::{Bench, DIR, feed, look, md5_line, zip};
use crate::records::{mappings, sightings};

const DATA: &str = "segmentmembership.json.gz";
const ROW: &str =
    r#"{"userid":"3b0e7a4c-91d2-4f6a-8c55-d27e1f904b6a","idtype":"IDFA","segments":[{"name":"a"}],"consent":true}"#;

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_files_fail(data in any::<Vec<u8>>(), md5 in any::<Vec<u8>>()) {
        let bench = Bench::new();
        bench.put(&format!("{DIR}/20260601/{DATA}"), &data, 10);
        bench.put(&format!("{DIR}/20260601/{DATA}.md5"), &md5, 20);
        bench.done("20260601");
        let mut intake = bench.intake(feed(), Switches::default());
        let report = look(&mut intake);
        prop_assert_eq!(report.verdict, Verdict::Failed);
        prop_assert_eq!(report.rows.accepted, 0);
        prop_assert!(intake.known().unwrap().memberships.is_empty());
    }

    #[test]
    fn random_rows_are_not_accepted(rows in any::<Vec<u8>>()) {
        for feed in [feed(), sightings(), mappings()] {
            let bench = Bench::new();
            bench.zipped(&format!("{DIR}/20260601"), DATA, &zip(&rows));
            bench.done("20260601");
            let report = look(&mut bench.intake(feed, Switches::default()));
            prop_assert_eq!(report.rows.accepted, 0);
            prop_assert_eq!(report.rows.read, report.rows.skipped + report.rows.rejected);
        }
    }

    #[test]
    fn random_json_is_not_accepted(row in "[\\[\\]{}:,\"a-c0-9\\\\ue.-]{0,60}") {
        let bench = Bench::new();
        bench.batch("20260601", &row);
        prop_assert_eq!(look(&mut bench.intake(feed(), Switches::default())).rows.accepted, 0);
    }

    #[test]
    fn rows_with_one_byte_changed_never_panic(at in 0..ROW.len(), byte in any::<u8>()) {
        let mut row = ROW.as_bytes().to_vec();
        row[at] = byte;
        let bench = Bench::new();
        bench.zipped(&format!("{DIR}/20260601"), DATA, &zip(&row));
        bench.done("20260601");
        let report = look(&mut bench.intake(feed(), Switches::default()));
        prop_assert!(report.rows.read <= 2);
    }

    #[test]
    fn gzip_with_one_byte_changed_is_not_accepted_where_it_matters(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let good = zip(ROW.as_bytes());
        let mut bad = good.clone();
        let at = at.index(bad.len());
        bad[at] ^= 1 << bit;
        let bench = Bench::new();
        bench.zipped(&format!("{DIR}/20260601"), DATA, &bad);
        bench.put(&format!("{DIR}/20260601/{DATA}.md5"), md5_line(&good, DATA).as_bytes(), 20);
        bench.done("20260601");
        prop_assert_eq!(look(&mut bench.intake(feed(), Switches::default())).verdict, Verdict::Failed);
    }

    #[test]
    fn names_of_files_never_panic(name in "[ -~]{1,30}", directory in "[0-9a-z]{1,9}") {
        prop_assume!(!name.contains('/') && name != "." && name != "..");
        let bench = Bench::new();
        bench.put(&format!("{DIR}/{directory}/{name}"), b"", 0);
        bench.put(&format!("{DIR}/{directory}/20260601.done"), b"", 0);
        for report in bench.intake(feed(), Switches::default()).look(crate::bench::now()).unwrap() {
            prop_assert!(report.verdict != Verdict::Accepted);
        }
    }
}
