//! A folder with batches in it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::time::{Duration, UNIX_EPOCH};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use md5::{Digest, Md5};
use muster_twins::lotame::{Feed, Folder, Id, Intake, Known, Place, Report, Rule, Switches, Verdict};
use tempfile::TempDir;

/// 2026-06-01T00:00:00Z, the time of the vendor file's examples.
pub(crate) const DAY: i64 = 1_780_272_000;
pub(crate) const DIR: &str = "acme/acme_crm";

pub(crate) struct Bench {
    root: TempDir,
    pub(crate) folder: Folder,
}

pub(crate) fn feed() -> Feed {
    Feed::behaviors("acme", "acme_crm")
}

/// In the evening of the day.
pub(crate) fn now() -> Timestamp {
    after(20 * 3600)
}

pub(crate) fn after(seconds: i64) -> Timestamp {
    Timestamp::from_second(DAY + seconds).unwrap()
}

pub(crate) fn zip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(3));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn md5_line(bytes: &[u8], name: &str) -> String {
    format!("{}  {name}\n", hex::encode(Md5::digest(bytes)))
}

impl Bench {
    pub(crate) fn new() -> Self {
        let root = TempDir::new().unwrap();
        let folder = Folder::new(root.path().join("home"));
        Self { root, folder }
    }

    /// Written so many seconds after `DAY`.
    pub(crate) fn put(&self, path: &str, bytes: &[u8], seconds: u64) {
        self.folder.write(path, bytes).unwrap();
        let file = File::options().write(true).open(self.root.path().join("home").join(path)).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(DAY.cast_unsigned() + seconds)).unwrap();
    }

    /// Data and checksum under the name.
    pub(crate) fn data(&self, directory: &str, name: &str, rows: &str) {
        self.zipped(directory, name, &zip(rows.as_bytes()));
    }

    pub(crate) fn zipped(&self, directory: &str, name: &str, zipped: &[u8]) {
        self.put(&format!("{directory}/{name}"), zipped, 10);
        self.put(&format!("{directory}/{name}.md5"), md5_line(zipped, name).as_bytes(), 20);
    }

    pub(crate) fn done(&self, date: &str) {
        self.put(&format!("{DIR}/{date}/{date}.done"), b"", 30);
    }

    /// A whole batch.
    pub(crate) fn batch(&self, date: &str, rows: &str) {
        self.data(&format!("{DIR}/{date}"), "segmentmembership.json.gz", rows);
        self.done(date);
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.folder.list("").unwrap().into_iter().map(|entry| entry.path).collect()
    }

    pub(crate) fn intake(&self, feed: Feed, switches: Switches) -> Intake<&Folder> {
        Intake::new(feed, switches, &self.folder).unwrap()
    }
}

/// The one report of one look.
pub(crate) fn look(intake: &mut Intake<impl Place>) -> Report {
    let mut reports = intake.look(now()).unwrap();
    assert_eq!(reports.len(), 1, "{reports:#?}");
    reports.remove(0)
}

/// One batch of those rows, with the defaults.
pub(crate) fn judged(feed: Feed, rows: &str) -> (Report, Known) {
    judged_by(feed, Switches::default(), rows)
}

pub(crate) fn judged_by(feed: Feed, switches: Switches, rows: &str) -> (Report, Known) {
    let bench = Bench::new();
    bench.batch("20260601", rows);
    let mut intake = bench.intake(feed, switches);
    let report = look(&mut intake);
    (report, intake.known().unwrap())
}

pub(crate) fn id(idtype: &str, userid: &str) -> Id {
    Id { idtype: idtype.to_owned(), userid: userid.to_owned() }
}

pub(crate) fn only(rule: Rule) -> BTreeSet<Rule> {
    BTreeSet::from([rule])
}

#[track_caller]
pub(crate) fn fails_only(report: &Report, rule: Rule) {
    assert_eq!((report.rules(), report.verdict), (only(rule), Verdict::Failed), "{report:#?}");
}

#[track_caller]
pub(crate) fn warns_only(report: &Report, rule: Rule) {
    assert_eq!((report.rules(), report.verdict), (only(rule), Verdict::Accepted), "{report:#?}");
    assert_eq!(report.rows.rejected, 0);
}

#[track_caller]
pub(crate) fn is_clean(report: &Report) {
    assert_eq!((report.rules(), report.verdict), (BTreeSet::new(), Verdict::Accepted), "{report:#?}");
    assert_eq!(report.rows.read, report.rows.accepted);
}

/// A TCF string of version 2 with those vendors and, by consent, those purposes.
pub(crate) fn tcf(vendors: &[u32], purposes: &[u32], ranges: bool) -> String {
    let mut bits: Vec<bool> = Vec::new();
    let mut put = |value: u64, count: u32| bits.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    put(2, 6);
    for count in [36, 36, 12, 12, 6, 12, 12, 6, 1, 1, 12] {
        put(0, count);
    }
    put(purposes.iter().map(|purpose| 1 << (24 - purpose)).sum(), 24);
    put(0, 24);
    put(0, 13);
    let most = vendors.iter().copied().max().unwrap_or(0);
    put(most.into(), 16);
    put(ranges.into(), 1);
    if ranges {
        put(vendors.len() as u64, 12);
        for &vendor in vendors {
            put(0, 1);
            put(vendor.into(), 16);
        }
    } else {
        for vendor in 1..=most {
            put(vendors.contains(&vendor).into(), 1);
        }
    }
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let sextet = |bits: &[bool]| (0..6).fold(0, |value, at| value << 1 | usize::from(bits.get(at) == Some(&true)));
    bits.chunks(6).map(|bits| char::from(letters[sextet(bits)])).collect()
}
