//! The profile of 12.3.

use muster_twins::lotame::{
    Feed, Intake, OnboardingJsonGz, OptoutBody, Place, Report, Rule, Switches, UseCase, Verdict,
};

use crate::bench::{Bench, fails_only, feed, id, is_clean, look, now, only, warns_only, zip};

const HASH: &str = "b5fc85e55755f9e0d030a10ab4429b6b2944855f9a0d60077fe832becbc41d72";
const HERE: &str = "onboarding/in/client_id=42/type=DATA";

fn onboarding() -> Feed {
    let mut feed = feed();
    "onboarding/in".clone_into(&mut feed.directories.base_prefix);
    Feed { use_case: UseCase::Onboarding { client_id: 42 }, ..feed }
}

fn judged(path: &str, bytes: &[u8], switches: Switches) -> Report {
    let bench = Bench::new();
    bench.put(path, bytes, 0);
    look(&mut bench.intake(onboarding(), switches))
}

fn data(name: &str, bytes: &str) -> Report {
    judged(&format!("{HERE}/{name}"), bytes.as_bytes(), Switches::default())
}

fn has(intake: &Intake<impl Place>, segments: usize) {
    let known = intake.known().unwrap();
    assert_eq!(known.memberships.get(&id("EMAIL_SHA256", HASH)).map_or(0, std::collections::BTreeMap::len), segments);
}

#[test]
fn good_files() {
    let csv = format!("{HASH},tier_gold,store leeds\n{},x\n", HASH.replace("b5", "b6"));
    let json = format!("{{\"userid\":\"{HASH}\",\"segments\":[\"tier_gold\",\"store_leeds\"]}}\n");
    is_clean(&data("acme_EMAIL_SHA256.csv", &csv));
    is_clean(&data("acme_EMAIL_SHA256.json", &json));
    is_clean(&data("acme_EMAIL.csv", "ada@example.com,tier_gold\n"));
    let zipped = |name: &str, text: &str, switches| judged(&format!("{HERE}/{name}"), &zip(text.as_bytes()), switches);
    is_clean(&zipped("acme_EMAIL_SHA256.csv.gz", &csv, Switches::default()));
    is_clean(&zipped("acme_EMAIL_SHA256.json.gz", &json, Switches::default()));
    let refuse = Switches { onboarding_json_gz: OnboardingJsonGz::Refuse, ..Switches::default() };
    fails_only(&zipped("acme_EMAIL_SHA256.json.gz", &json, refuse), Rule::O1);
}

#[test]
fn names_and_paths() {
    let row = format!("{HASH},x\n");
    for name in
        ["acme_email_sha256.csv", "_EMAIL_SHA256.csv", "acme_EMAIL_SHA256.txt", "acme.csv", "acme_EMAIL_MD5.csv"]
    {
        fails_only(&data(name, &row), Rule::O1);
    }
    for directory in ["client_id=43/type=DATA", "client_id=42/type=data", "type=DATA", "client_id=42"] {
        let path = format!("onboarding/in/{directory}/acme_EMAIL_SHA256.csv");
        fails_only(&judged(&path, row.as_bytes(), Switches::default()), Rule::O2);
    }
}

#[test]
fn bad_rows() {
    let rejected = [
        ("acme_EMAIL_SHA256.csv", "email,x\n".to_owned(), Rule::O3),
        ("acme_EMAIL_SHA256.csv", "ada@example.com,x\n".to_owned(), Rule::O3),
        ("acme_EMAIL_SHA256.csv", format!("{},x\n", HASH.to_uppercase()), Rule::O3),
        ("acme_EMAIL.csv", format!("{HASH},x\n"), Rule::O3),
        ("acme_EMAIL_SHA256.csv", format!("{HASH}\n"), Rule::O4),
        ("acme_EMAIL_SHA256.csv", format!("{HASH},x,,y\n"), Rule::O4),
        ("acme_EMAIL_SHA256.csv", format!("{HASH},\"x\"\n"), Rule::O6),
        ("acme_EMAIL_SHA256.csv", format!("{HASH},x\r\n"), Rule::O6),
        ("acme_EMAIL_SHA256.json", format!("{{\"userid\":\"{HASH}\",\"segments\":[{{\"name\":\"x\"}}]}}\n"), Rule::O6),
        ("acme_EMAIL_SHA256.json", format!("{{\"userid\":\"{HASH}\",\"segments\":[]}}\n"), Rule::O4),
        ("acme_EMAIL_SHA256.json", format!("{{\"userid\":\"{HASH}\",\"segments\":[\"a,b\"]}}\n"), Rule::O6),
        ("acme_EMAIL_SHA256.json", "[]\n".to_owned(), Rule::O6),
    ];
    for (name, row, rule) in rejected {
        let report = data(name, &row);
        assert_eq!((report.rules(), report.rows.rejected), (only(rule), 1), "{row}\n{report:#?}");
    }
    fails_only(&data("acme_EMAIL_SHA256.csv", &format!("{HASH},x\n{HASH},y\n")), Rule::O5);
    fails_only(&data("acme_EMAIL_SHA256.csv.gz", "no gzip"), Rule::B6);
    warns_only(&data("acme_EMAIL_SHA256.csv", ""), Rule::B16);
}

#[test]
fn optouts_take_segments_away() {
    let bench = Bench::new();
    let switches = Switches { optout_body: OptoutBody::AddressAlone, ..Switches::default() };
    let mut intake = bench.intake(onboarding(), switches);
    bench.put(&format!("{HERE}/a_EMAIL_SHA256.csv"), format!("{HASH},x\n").as_bytes(), 0);
    is_clean(&look(&mut intake));
    has(&intake, 1);
    assert!(intake.look(now()).unwrap().is_empty());
    let path = "onboarding/in/client_id=42/type=OPTOUT/b_EMAIL_SHA256.csv";
    bench.put(path, format!("{HASH}\n").as_bytes(), 0);
    is_clean(&look(&mut intake));
    has(&intake, 0);
    let report = judged(path, HASH.as_bytes(), Switches::default());
    assert_eq!((report.verdict, report.rules()), (Verdict::Failed, only(Rule::O2)));
}
