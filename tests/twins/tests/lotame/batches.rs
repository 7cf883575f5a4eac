//! One bad batch for each row of 12.1, each wrong in that alone.

use std::cell::RefCell;
use std::io::{self, Read};

use muster_twins::lotame::{AfterFailure, Letters, Md5Shape, Members, Mode};
use muster_twins::lotame::{
    Archive, Archived, Entry, Feed, Folder, Intake, LateFiles, Place, Profile, Region, RemoveEncoding, Rule,
    SecondBatch, Severity, Split, Switches, Unnumbered, UseCase, Verdict,
};

use crate::bench::{Bench, DIR, fails_only, feed, is_clean, judged, look, md5_line, now, only, warns_only, zip};

const ROW: &str = concat!(
    r#"{"userid":"3b0e7a4c-91d2-4f6a-8c55-d27e1f904b6a","idtype":"IDFA","#,
    r#""segments":[{"name":"tier_gold","timestamp":1780272000},{"name":"store_leeds"}],"consent":true}"#,
    "\n"
);
const EMAIL: &str = concat!(
    r#"{"userid":"b5fc85e55755f9e0d030a10ab4429b6b2944855f9a0d60077fe832becbc41d72","idtype":"EMAIL_SHA256","#,
    r#""segments":[{"name":"tier_gold"}],"consent":true}"#,
    "\n"
);
const DATA: &str = "segmentmembership.json.gz";

fn day() -> String {
    format!("{DIR}/20260601")
}

fn report(bench: &Bench) -> muster_twins::lotame::Report {
    report_by(bench, feed(), Switches::default())
}

fn report_by(bench: &Bench, feed: Feed, switches: Switches) -> muster_twins::lotame::Report {
    look(&mut bench.intake(feed, switches))
}

#[test]
fn b1_nothing_happens_before_the_done_file() {
    let bench = Bench::new();
    bench.data(&day(), DATA, ROW);
    let mut intake = bench.intake(feed(), Switches::default());
    let waiting = look(&mut intake);
    assert_eq!((waiting.verdict, waiting.rules(), waiting.rows.read), (Verdict::Waiting, only(Rule::B1), 0));
    bench.done("20260601");
    is_clean(&look(&mut intake));
}

#[test]
fn b2_done_files_that_are_wrong() {
    let done: [(&str, &str, &[u8]); 5] = [
        ("20260601", "20260601.done", b"x"),
        ("20260601", "20260601.DONE", b""),
        ("20260601", "2026061.done", b""),
        ("20260601", "20260602.done", b""),
        ("20260631", "20260631.done", b""),
    ];
    for (directory, name, bytes) in done {
        let bench = Bench::new();
        bench.data(&format!("{DIR}/{directory}"), DATA, ROW);
        bench.put(&format!("{DIR}/{directory}/{name}"), bytes, 30);
        fails_only(&report(&bench), Rule::B2);
    }
}

#[test]
fn b3_directories_that_were_not_agreed() {
    for directory in ["acme/other/20260601", "acme/acme_crm/2026-06-01", "acme/acme_crm/20260601/x", "acme/acme_crm"] {
        let bench = Bench::new();
        bench.data(directory, DATA, ROW);
        bench.put(&format!("{directory}/20260601.done"), b"", 30);
        let mut reports = bench.intake(feed(), Switches::default()).look(now()).unwrap();
        let report = reports.pop().unwrap();
        assert!(reports.is_empty());
        fails_only(&report, Rule::B3);
    }
}

#[test]
fn b3_leaves_neighbours_alone() {
    let bench = Bench::new();
    bench.data("acme/other/20260601", DATA, ROW);
    bench.put("acme/other/20260601/20260601.done", b"", 30);
    let feed = Feed { neighbours: vec!["acme/other".to_owned()], ..feed() };
    assert!(bench.intake(feed, Switches::default()).look(now()).unwrap().is_empty());
}

#[test]
fn b4_names_that_are_not_exact() {
    for (data, md5) in [(false, true), (true, false)] {
        let bench = Bench::new();
        bench.batch("20260601", ROW);
        for (there, name) in [(data, DATA), (md5, "segmentmembership.json.gz.md5")] {
            if !there {
                let (from, to) = (format!("{}/{name}", day()), format!("{}/Segment{}", day(), &name[7..]));
                bench.folder.rename(&from, &to).unwrap();
            }
        }
        fails_only(&report(&bench), Rule::B4);
    }
}

#[test]
fn b5_checksums_that_are_not_those_of_the_zipped_bytes() {
    let zipped = zip(ROW.as_bytes());
    let line = md5_line(&zipped, DATA);
    let bad = [
        md5_line(ROW.as_bytes(), DATA),
        md5_line(&zipped, "/tmp/x/segmentmembership.json.gz"),
        md5_line(&zipped, "other.json.gz"),
        line.replacen("  ", " ", 1),
        line.to_uppercase(),
        format!("{line}\n"),
        line[..31].to_owned(),
        String::new(),
    ];
    for line in bad {
        let bench = Bench::new();
        bench.batch("20260601", ROW);
        bench.put(&format!("{}/{DATA}.md5", day()), line.as_bytes(), 20);
        fails_only(&report(&bench), Rule::B5);
    }
}

#[test]
fn b5_takes_both_shapes_unless_switched() {
    let zipped = zip(ROW.as_bytes());
    let line = md5_line(&zipped, DATA);
    let bare = &line[..32];
    let shapes = [(line.as_str(), Md5Shape::Bare), (bare, Md5Shape::Md5sum)];
    for (written, other) in shapes {
        let bench = Bench::new();
        bench.batch("20260601", ROW);
        bench.put(&format!("{}/{DATA}.md5", day()), written.as_bytes(), 20);
        fails_only(&report_by(&bench, feed(), Switches { md5_shape: other, ..Switches::default() }), Rule::B5);
        is_clean(&report(&bench));
    }
    let bench = Bench::new();
    bench.batch("20260601", ROW);
    bench.put(&format!("{}/{DATA}.md5", day()), bare.to_uppercase().as_bytes(), 20);
    is_clean(&report_by(&bench, feed(), Switches { md5_letters: Letters::Any, ..Switches::default() }));
}

#[test]
fn b6_gzip_that_is_broken() {
    let zipped = zip(ROW.as_bytes());
    let mut crc = zipped.clone();
    let at = crc.len() - 8;
    crc[at] ^= 1;
    let mut length = zipped.clone();
    let at = length.len() - 4;
    length[at] ^= 1;
    let bad = [
        zipped[..zipped.len() - 1].to_vec(),
        zipped[..zipped.len() / 2].to_vec(),
        [zipped.as_slice(), b"\0"].concat(),
        [zipped.as_slice(), b"\x1f"].concat(),
        crc,
        length,
        Vec::new(),
    ];
    for bytes in bad {
        let bench = Bench::new();
        bench.zipped(&day(), DATA, &bytes);
        bench.done("20260601");
        fails_only(&report(&bench), Rule::B6);
    }
}

#[test]
fn b6_warns_of_several_members() {
    let bench = Bench::new();
    bench.zipped(&day(), DATA, &[zip(ROW.as_bytes()), zip(ROW.replace("3b0e", "3b0f").as_bytes())].concat());
    bench.done("20260601");
    fails_only(&report_by(&bench, feed(), Switches { members: Members::Fail, ..Switches::default() }), Rule::B6);
    let report = report(&bench);
    warns_only(&report, Rule::B6);
    assert_eq!(report.rows.accepted, 2);
}

#[test]
fn b7_files_that_are_too_large() {
    let bench = Bench::new();
    bench.batch("20260601", ROW);
    let size = zip(ROW.as_bytes()).len() as u64;
    let switches = |most| Switches { largest_gz_bytes: most, ..Switches::default() };
    fails_only(&report_by(&bench, feed(), switches(size)), Rule::B7);
    is_clean(&report_by(&bench, feed(), switches(size + 1)));
}

#[test]
fn b7_moves_emails_to_error() {
    let bench = Bench::new();
    bench.batch("20260601", EMAIL);
    let report = report_by(&bench, emails(), Switches { largest_hem_gz_bytes: 10, ..Switches::default() });
    assert_eq!((report.verdict, report.rules()), (Verdict::MovedToError, only(Rule::B7)));
    assert!(bench.paths().iter().all(|path| path.starts_with("acme/acme_crm/error/20260601/")));
}

fn emails() -> Feed {
    let profile = Profile::LotameS3 { region: Some(Region::Eu) };
    Feed { use_case: UseCase::Emails { region: Region::Eu }, profile, ..feed() }
}

fn part(number: &str) -> String {
    format!("segmentmembership.{number}.json.gz")
}

fn in_parts(numbers: &[&str]) -> Bench {
    let bench = Bench::new();
    for number in numbers {
        bench.data(&day(), &part(number), &ROW.replace("3b0e", &format!("{number:a>4}")));
    }
    bench.done("20260601");
    bench
}

#[test]
fn b8_split_batches() {
    let registered = Feed { split: Split::Registered, ..feed() };
    let report = report_by(&in_parts(&["001", "002"]), registered.clone(), Switches::default());
    is_clean(&report);
    assert_eq!(report.rows.read, 2);

    fails_only(&self::report(&in_parts(&["001", "002"])), Rule::B8);
    for numbers in [["001", "003"].as_slice(), &["002"], &["01", "02"], &["000", "001"]] {
        fails_only(&report_by(&in_parts(numbers), registered.clone(), Switches::default()), Rule::B8);
    }
    let without_md5 = in_parts(&["001", "002"]);
    without_md5.folder.remove(&format!("{}/{}.md5", day(), part("002"))).unwrap();
    fails_only(&report_by(&without_md5, registered.clone(), Switches::default()), Rule::B8);
    let both = in_parts(&["001"]);
    both.data(&day(), DATA, ROW);
    fails_only(&report_by(&both, registered.clone(), Switches::default()), Rule::B8);

    let single = Bench::new();
    single.batch("20260601", ROW);
    fails_only(&report_by(&single, registered.clone(), Switches::default()), Rule::B8);
    is_clean(&report_by(&single, registered, Switches { unnumbered: Unnumbered::Accept, ..Switches::default() }));
}

#[test]
fn b9_checksum_before_data_and_done_before_both() {
    let bench = Bench::new();
    bench.batch("20260601", ROW);
    bench.put(&format!("{}/{DATA}", day()), &zip(ROW.as_bytes()), 25);
    warns_only(&report(&bench), Rule::B9);

    let bench = Bench::new();
    bench.batch("20260601", ROW);
    bench.put(&format!("{}/20260601.done", day()), b"", 5);
    fails_only(&report_by(&bench, feed(), Switches::default()), Rule::B10);
    warns_only(&report_by(&bench, feed(), Switches { late_files: LateFiles::Warn, ..Switches::default() }), Rule::B9);
}

/// What it does when a file is opened.
type Meddler<'a> = Box<dyn Fn(&str) + 'a>;

/// A folder that somebody else writes to, or with fewer rights.
struct Meddled<'a> {
    folder: &'a Folder,
    on_open: RefCell<Option<Meddler<'a>>>,
    denied: &'static str,
}

impl Meddled<'_> {
    fn may(&self, what: &str) -> io::Result<()> {
        if self.denied == what { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
    }
}

impl Place for Meddled<'_> {
    fn list(&self, prefix: &str) -> io::Result<Vec<Entry>> {
        self.may(if prefix.is_empty() { "list all" } else { "list" })?;
        self.folder.list(prefix)
    }

    fn open(&self, path: &str) -> io::Result<Box<dyn Read + '_>> {
        self.may("open")?;
        if let Some(meddle) = &*self.on_open.borrow() {
            meddle(path);
        }
        self.folder.open(path)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.may("rename")?;
        self.folder.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.folder.remove(path)
    }

    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.folder.write(path, bytes)
    }
}

#[test]
fn b10_a_file_changes_while_it_is_read() {
    let bench = Bench::new();
    bench.batch("20260601", ROW);
    let meddle = |path: &str| {
        if path.ends_with(".json.gz") {
            bench.put(path, &zip(ROW.as_bytes()), 40);
        }
    };
    let on_open = RefCell::new(Some(Box::new(meddle) as Meddler<'_>));
    let place = Meddled { folder: &bench.folder, on_open, denied: "" };
    let mut intake = Intake::new(feed(), Switches::default(), place).unwrap();
    fails_only(&look(&mut intake), Rule::B10);
    assert!(intake.known().unwrap().memberships.is_empty());
}

#[test]
fn b11_leftovers() {
    for name in ["segmentmembership.json.gz.part", ".hidden"] {
        let bench = Bench::new();
        bench.batch("20260601", ROW);
        bench.put(&format!("{}/{name}", day()), b"x", 5);
        warns_only(&report(&bench), Rule::B11);
    }
}

#[test]
fn b12_moves_the_files_and_takes_a_date_once() {
    let bench = Bench::new();
    bench.batch("20260601", ROW);
    let mut intake = bench.intake(feed(), Switches::default());
    is_clean(&look(&mut intake));
    let archived = ["20260601.done", DATA, "segmentmembership.json.gz.md5"];
    assert_eq!(bench.paths(), archived.map(|name| format!("{DIR}/archive/20260601/{name}")));
    assert!(intake.look(now()).unwrap().is_empty());
    bench.batch("20260601", ROW);
    fails_only(&look(&mut intake), Rule::B12);
    assert!(intake.look(now()).unwrap().is_empty());

    let bench = Bench::new();
    let switches = Switches {
        archive: Archive::DatedName,
        archived: Archived::DataAlone,
        second_batch: SecondBatch::Accept,
        ..Switches::default()
    };
    bench.batch("20260601", ROW);
    let mut intake = bench.intake(feed(), switches);
    is_clean(&look(&mut intake));
    assert_eq!(bench.paths().first().unwrap(), &format!("{DIR}/20260601/20260601.done"));
    assert_eq!(bench.paths().last().unwrap(), &format!("{DIR}/archive/20260601_{DATA}"));
    assert!(intake.look(now()).unwrap().is_empty());
    bench.batch("20260601", &ROW.replace("3b0e", "3b0f"));
    is_clean(&look(&mut intake));
}

#[test]
fn b12_a_date_that_failed_is_spent_unless_switched() {
    for (after_failure, verdict) in [(AfterFailure::Refuse, Verdict::Failed), (AfterFailure::Read, Verdict::Accepted)] {
        let bench = Bench::new();
        bench.batch("20260601", &ROW.repeat(2));
        let mut intake = bench.intake(feed(), Switches { after_failure, ..Switches::default() });
        fails_only(&look(&mut intake), Rule::R4);
        assert!(intake.look(now()).unwrap().is_empty());
        bench.batch("20260601", ROW);
        assert_eq!(look(&mut intake).verdict, verdict);
    }
}

#[test]
fn b13_emails_by_the_wrong_way() {
    let wrong = [
        Feed { profile: Profile::Sftp, ..feed() },
        Feed { profile: Profile::ClientS3, ..feed() },
        Feed { profile: Profile::LotameS3 { region: None }, ..feed() },
        Feed { profile: Profile::Gcs, use_case: UseCase::Ldx, ..feed() },
        Feed { profile: Profile::LotameS3 { region: Some(Region::Americas) }, ..emails() },
    ];
    for feed in wrong {
        let (report, known) = judged(feed, EMAIL);
        fails_only(&report, Rule::B13);
        assert!(known.memberships.is_empty());
    }
    is_clean(&judged(Feed { profile: Profile::LotameS3 { region: Some(Region::Eu) }, ..feed() }, EMAIL).0);
}

#[test]
fn b14_rights_that_lack() {
    for denied in ["list", "open", "rename"] {
        let bench = Bench::new();
        bench.batch("20260601", ROW);
        let place = || Meddled { folder: &bench.folder, on_open: RefCell::new(None), denied };
        let mut intake = Intake::new(feed(), Switches::default(), place()).unwrap();
        fails_only(&look(&mut intake), Rule::B14);
        assert!(intake.known().unwrap().memberships.is_empty());
        let sftp = Feed { profile: Profile::Sftp, ..feed() };
        assert!(Intake::new(sftp, Switches::default(), place()).unwrap().look(now()).is_err());
    }
    let bench = Bench::new();
    bench.batch("20260601", ROW);
    let place = Meddled { folder: &bench.folder, on_open: RefCell::new(None), denied: "list all" };
    is_clean(&look(&mut Intake::new(feed(), Switches::default(), place).unwrap()));
}

#[test]
fn b15_delta_without_a_comprehensive_batch() {
    let mode = Mode::Delta { remove: RemoveEncoding::Array, comprehensive_every_days: 30 };
    let delta = Feed { mode, ..feed() };
    warns_only(&judged(delta.clone(), ROW).0, Rule::B15);
    let bench = Bench::new();
    let mut intake = bench.intake(delta, Switches::default());
    intake.announce_comprehensive("2026-05-01".parse().unwrap());
    for (date, clean) in [("20260501", true), ("20260531", true), ("20260601", false)] {
        bench.batch(date, ROW);
        let report = look(&mut intake);
        assert_eq!(report.rules().is_empty(), clean, "{report:#?}");
    }
}

#[test]
fn b16_no_rows() {
    let (report, _) = judged(feed(), "");
    warns_only(&report, Rule::B16);
    assert_eq!(report.findings[0].severity, Severity::Warning);
}
