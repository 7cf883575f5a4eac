//! Alone in its process, so that the process's peak of memory is that of one batch.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use md5::{Digest, Md5};
use muster_twins::lotame::{Feed, Folder, Intake, Place, Switches, Verdict};

const ROWS: u64 = 200_000;
const DAY: &str = "acme/acme_crm/20260601";

/// In no order, each ID once; unzipped about 33 MB, of which never more than a line is there at once.
fn zipped() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(3));
    for at in 1..=ROWS {
        let id = at.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let row = r#""idtype":"PID","segments":[{"name":"tier_gold","timestamp":1780272000},{"name":"store_leeds"}],"consent":true}"#;
        writeln!(encoder, "{{\"userid\":\"{id:016x}{at:016x}\",{row}").unwrap();
    }
    encoder.finish().unwrap()
}

/// The greatest memory that this process ever had, in KiB, where the system tells.
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok())
}

#[test]
fn two_hundred_thousand_rows_in_bounded_memory() {
    let root = tempfile::TempDir::new().unwrap();
    let folder = Folder::new(root.path());
    let data = zipped();
    let md5 = format!("{}  segmentmembership.json.gz\n", hex::encode(Md5::digest(&data)));
    folder.write(&format!("{DAY}/segmentmembership.json.gz"), &data).unwrap();
    folder.write(&format!("{DAY}/segmentmembership.json.gz.md5"), md5.as_bytes()).unwrap();
    folder.write(&format!("{DAY}/20260601.done"), b"").unwrap();
    drop(data);
    let switches = Switches { sort_memory_bytes: 1 << 20, ..Switches::default() };
    let mut intake = Intake::new(Feed::behaviors("acme", "acme_crm"), switches, folder).unwrap();
    let reports = intake.look(Timestamp::from_second(1_780_344_000).unwrap()).unwrap();
    assert_eq!((reports[0].verdict, reports[0].rows.accepted), (Verdict::Accepted, ROWS), "{reports:#?}");
    assert!(reports[0].findings.is_empty());
    let mut last = None;
    let mut count = 0;
    for membership in intake.memberships().unwrap() {
        let membership = membership.unwrap();
        assert_eq!(membership.segments.len(), 2);
        assert!(last.as_ref().is_none_or(|last| *last < membership.id));
        last = Some(membership.id);
        count += 1;
    }
    assert_eq!(count, ROWS);
    println!("peak {:?} KiB", peak());
    assert!(peak().is_none_or(|peak| peak < 24 << 10), "{:?} KiB", peak());
}
