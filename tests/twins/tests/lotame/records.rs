//! One bad row for each row of 12.2, each wrong in that alone; and the ID of none of them is told.

use muster_twins::lotame::{
    Basis, BothConsents, CarriageReturns, Consent, EmptySegments, Feed, Hyphens, Intake, Letters, Mode, Profile,
    Region, RemovalWithoutConsent, RemoveEncoding, Report, Rule, SameId, SegmentEncoding, SegmentForms, Split,
    Switches, TcfPurposes, UseCase, Verdict,
};

use crate::bench::{Bench, DIR, fails_only, feed, is_clean, judged, judged_by, look, only, tcf, warns_only};

const GOOD: &str = r#"{"userid":"3b0e7a4c-91d2-4f6a-8c55-d27e1f904b6a","idtype":"IDFA","segments":[{"name":"tier_gold","timestamp":1780272000},{"name":"store_leeds"}],"consent":true}"#;
const SIGHTING: &str = r#"{"userid":"9c41d7e0f2ab4b6d8e35a1c70d94f8b2","idtype":"TVOS","ips":[{"ip":"203.0.113.24","timestamps":["1780272000","1780275600"]},{"ip":"198.51.100.7","timestamps":["1780290000"]}],"consent":true}"#;
const MAPPING: &str =
    r#"{"userid":"3b0e7a4c-91d2-4f6a-8c55-d27e1f904b6a","idtype":"IDFA","tpid":"crm0004817723","consent":true}"#;
const DELTA: &str = r#"{"userid":"7f3c2a9e54b1d08c6e2f91ab34cd5670","idtype":"PID","segments":[{"name":"lapsed_90d","timestamp":1780358400}],"remove":["active_30d"],"consent":true}"#;
const HASH: &str = "b5fc85e55755f9e0d030a10ab4429b6b2944855f9a0d60077fe832becbc41d72";
const UUID: &str = "3b0e7a4c-91d2-4f6a-8c55-d27e1f904b6a";

pub(crate) fn sightings() -> Feed {
    Feed { use_case: UseCase::Sightings, ..feed() }
}

pub(crate) fn mappings() -> Feed {
    Feed { use_case: UseCase::IdMapping, ..feed() }
}

fn delta(remove: RemoveEncoding) -> Feed {
    Feed { mode: Mode::Delta { remove, comprehensive_every_days: 30 }, ..feed() }
}

/// With a bad row, of which nothing may be told, before a good one.
fn with_good(feed: Feed, row: &str) -> Report {
    let good = match feed.use_case {
        UseCase::Sightings => SIGHTING,
        UseCase::IdMapping => MAPPING,
        UseCase::Behaviors | UseCase::Ldx | UseCase::Emails { .. } | UseCase::Onboarding { .. } => GOOD,
    };
    let good = good.replace("\"IDFA\"", "\"GAID\"").replace("9c41d7e0", "8c41d7e0").replace("3b0e7a4c", "4b0e7a4c");
    judged(feed, &format!("{row}\n{good}\n")).0
}

#[track_caller]
fn rejects(feed: Feed, row: &str, rule: Rule) -> Report {
    let report = with_good(feed, row);
    assert_eq!((report.rules(), report.verdict), (only(rule), Verdict::Accepted), "{row}\n{report:#?}");
    assert_eq!((report.rows.accepted, report.rows.rejected, report.rows.skipped), (1, 1, 0), "{row}");
    assert_eq!(report.rejected_by_rule.keys().copied().collect::<Vec<_>>(), [rule]);
    let finding = &report.findings[0];
    assert_eq!((finding.line, finding.file.is_some(), finding.column.is_some()), (Some(1), true, true));
    let told = format!("{finding}");
    assert!(!told.contains("3b0e7a4c") && !told.contains("ada"), "{told}");
    report
}

#[track_caller]
fn column(report: &Report, row: &str, key: &str) {
    let at = row.find(key).unwrap() as u64 + 1;
    assert_eq!(report.findings[0].column, Some(at), "{row}");
}

#[test]
fn the_examples_of_the_vendor_file_are_taken() {
    let tcf = tcf(&[95], &[1], false);
    let second = format!(
        r#"{{"userid":"7f3c2a9e54b1d08c6e2f91ab34cd5670","idtype":"PID","segments":[{{"name":"newsletter"}}],"tcfconsent":"{tcf}"}}"#
    );
    is_clean(&judged(feed(), &format!("{GOOD}\n{second}\n")).0);
    is_clean(&judged(Feed { use_case: UseCase::Ldx, ..feed() }, GOOD).0);
    is_clean(&judged(sightings(), &format!("{SIGHTING}\n")).0);
    is_clean(&judged(mappings(), &format!("{MAPPING}\n")).0);
    let report = judged(delta(RemoveEncoding::Array), &format!("{DELTA}\n")).0;
    warns_only(&report, Rule::B15);
    let emails = Feed {
        use_case: UseCase::Emails { region: Region::Apac },
        profile: Profile::LotameS3 { region: Some(Region::Apac) },
        ..feed()
    };
    let row =
        format!(r#"{{"userid":"{HASH}","idtype":"email_sha256","segments":[{{"name":"tier_gold"}}],"consent":true}}"#);
    is_clean(&judged(emails.clone(), &row).0);
    is_clean(&judged(emails, &row.replace(HASH, "ada@example.com").replace("_sha256", "")).0);
}

#[test]
fn r1_lines_that_are_no_objects() {
    let twice = GOOD.replacen("\"consent\":true", "\"consent\":true,\"consent\":true", 1);
    let nested = GOOD.replace("\"store_leeds\"", "\"store_leeds\",\"name\":\"x\"");
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let bad = [
        "",
        "   ",
        "[]",
        "null",
        "{",
        &GOOD[..GOOD.len() - 1],
        &format!("{GOOD}{GOOD}"),
        &format!("{GOOD}\r"),
        &twice,
        &nested,
        &format!("\u{feff}{GOOD}"),
        r#"{"userid":"\ud800"}"#,
        &deep,
        &format!(r#"{{"x":{deep}}}"#),
    ];
    for row in bad {
        rejects(feed(), row, Rule::R1);
    }
    let report = rejects(feed(), &twice, Rule::R1);
    assert_eq!(report.findings[0].basis, Basis::Assumed);
    assert_eq!(report.findings[0].column, Some(twice.rfind("\"consent\"").unwrap() as u64 + 1));
    assert_eq!(rejects(feed(), "[]", Rule::R1).findings[0].basis, Basis::Strict);
    let switches = Switches { carriage_returns: CarriageReturns::Accept, ..Switches::default() };
    is_clean(&judged_by(feed(), switches, &format!("{GOOD}\r\n")).0);
    let switches = Switches { longest_line_bytes: GOOD.len() - 1, ..Switches::default() };
    let report = judged_by(feed(), switches, &format!("{GOOD}\n{GOOD}\n")).0;
    assert_eq!((report.rules(), report.rows.rejected), (only(Rule::R1), 2));
}

#[test]
fn r1_bytes_that_are_not_utf8() {
    let bench = Bench::new();
    let row = [GOOD.as_bytes(), b"\n{\"userid\":\"\xff\"}\n"].concat();
    bench.zipped(&format!("{DIR}/20260601"), "segmentmembership.json.gz", &crate::bench::zip(&row));
    bench.done("20260601");
    let report = look(&mut bench.intake(feed(), Switches::default()));
    assert_eq!(report.rules(), only(Rule::R1));
    assert_eq!((report.findings[0].line, report.findings[0].column), (Some(2), Some(12)));
}

#[test]
fn r2_user_ids() {
    for id in ["", "a b", "a_b", "a-b", "ada@example.com", "3b0e7a4c-91d2-4f6a-8c55-d27e1f904b6", "ä"] {
        let row = GOOD.replace(UUID, id).replace("IDFA", "PANO");
        let report = rejects(feed(), &row, Rule::R2);
        column(&report, &row, "\"userid\"");
    }
    rejects(feed(), &GOOD.replacen(&format!("\"{UUID}\""), "17", 1), Rule::R2);
    rejects(feed(), &GOOD.replacen(&format!("\"userid\":\"{UUID}\","), "", 1), Rule::R2);
}

#[test]
fn r3_id_types() {
    for code in ["\"XBOX\"", "\"\"", "7"] {
        let row = GOOD.replace("\"IDFA\"", code);
        column(&rejects(feed(), &row, Rule::R3), &row, "\"idtype\"");
    }
    rejects(feed(), &GOOD.replace(r#""idtype":"IDFA","#, ""), Rule::R3);
    is_clean(&judged(feed(), &GOOD.replace("IDFA", "idfa")).0);
    let mut own = feed();
    own.id_types.insert("ACME_ID".to_owned());
    is_clean(&judged(own, &GOOD.replace("IDFA", "acme_id").replace(UUID, "Ab1")).0);
}

#[test]
fn r4_an_id_in_two_rows() {
    let skipped = GOOD.replace("\"consent\":true", "\"consent\":false");
    let report = judged(feed(), &format!("{GOOD}\n{}\n{GOOD}\n", GOOD.replace("IDFA", "GAID"))).0;
    fails_only(&report, Rule::R4);
    assert_eq!((report.findings[0].line, report.findings[0].basis), (Some(3), Basis::Strict));
    assert!(report.findings[0].message.contains("line 1"));
    let report = judged(feed(), &format!("{GOOD}\n{skipped}\n")).0;
    assert_eq!((report.verdict, report.counts.contains_key(&Rule::R4)), (Verdict::Failed, true));

    let row = GOOD.replace("IDFA", "PANO").replace(UUID, "Ab1");
    let both = format!("{row}\n{}\n", row.replace("Ab1", "aB1"));
    let report = judged(feed(), &both).0;
    fails_only(&report, Rule::R4);
    assert_eq!(report.findings[0].basis, Basis::Assumed);
    is_clean(&judged_by(feed(), Switches { same_id: SameId::Exact, ..Switches::default() }, &both).0);
}

#[test]
fn r4_an_id_in_two_parts() {
    let bench = Bench::new();
    for name in ["segmentmembership.001.json.gz", "segmentmembership.002.json.gz"] {
        bench.data(&format!("{DIR}/20260601"), name, GOOD);
    }
    bench.done("20260601");
    let report = look(&mut bench.intake(Feed { split: Split::Registered, ..feed() }, Switches::default()));
    fails_only(&report, Rule::R4);
    assert_eq!(report.findings[0].basis, Basis::Assumed);
    assert!(report.findings[0].file.as_ref().unwrap().ends_with("002.json.gz"));
}

#[track_caller]
fn skips(feed: Feed, switches: Switches, row: &str) {
    let report = judged_by(feed, switches, row).0;
    assert_eq!((report.rules(), report.verdict), (only(Rule::R5), Verdict::Accepted), "{row}\n{report:#?}");
    assert_eq!((report.rows.skipped, report.rows.accepted, report.rows.rejected), (1, 0, 0), "{row}");
}

#[test]
fn r5_consent() {
    for value in ["\"true\"", "1", "null", "false", "[true]"] {
        skips(feed(), Switches::default(), &GOOD.replace("\"consent\":true", &format!("\"consent\":{value}")));
    }
    skips(feed(), Switches::default(), &GOOD.replace(",\"consent\":true", ""));
    let with = |tcf: &str| GOOD.replace("\"consent\":true", &format!("\"tcfconsent\":\"{tcf}\""));
    let allowed = tcf(&[7, 95], &[], false);
    for string in
        ["", "x", &allowed[..20], &allowed[..allowed.len() - 3], &tcf(&[94, 96], &[], false), &tcf(&[94], &[], true)]
    {
        skips(feed(), Switches::default(), &with(string));
    }
    for string in [&allowed, &tcf(&[95], &[], true), &format!("{allowed}.YAAAAAAAAAA")] {
        is_clean(&judged(feed(), &with(string)).0);
    }
    let purposes = Switches { tcf_purposes: TcfPurposes::VendorAndPurposes, ..Switches::default() };
    skips(feed(), purposes.clone(), &with(&allowed));
    is_clean(&judged_by(feed(), purposes, &with(&tcf(&[95], &[1, 3, 5, 7, 8, 9, 10], true))).0);
}

#[test]
fn r5_both_keys_and_feeds_of_tcf() {
    let allowed = tcf(&[95], &[], false);
    let both = GOOD.replace("\"consent\":true", &format!("\"consent\":false,\"tcfconsent\":\"{allowed}\""));
    skips(feed(), Switches::default(), &both);
    let either = Switches { both_consents: BothConsents::EitherAllows, ..Switches::default() };
    is_clean(&judged_by(feed(), either, &both).0);
    let eu = Feed { consent: Consent::Tcf, ..feed() };
    skips(eu.clone(), Switches::default(), GOOD);
    is_clean(&judged(eu, &GOOD.replace("\"consent\":true", &format!("\"tcfconsent\":\"{allowed}\""))).0);
}

#[test]
fn r5_removal_without_consent() {
    let row = r#"{"userid":"7f3c2a9e54b1d08c6e2f91ab34cd5670","idtype":"PID","segments":[],"remove":["a"]}"#;
    let empty = Switches { empty_segments: EmptySegments::WithRemove, ..Switches::default() };
    assert_eq!(judged_by(delta(RemoveEncoding::Array), empty.clone(), row).0.rows.skipped, 1);
    let apply = Switches { removal_without_consent: RemovalWithoutConsent::Apply, ..empty };
    assert_eq!(judged_by(delta(RemoveEncoding::Array), apply, row).0.rows.accepted, 1);
}

fn with_segments(segments: &str) -> String {
    format!(r#"{{"userid":"{UUID}","idtype":"IDFA","segments":{segments},"consent":true}}"#)
}

#[test]
fn r6_segments() {
    let bad = [
        "{}",
        "null",
        "\"a\"",
        "[]",
        "[{}]",
        r#"[{"name":""}]"#,
        r#"[{"name":7}]"#,
        "[7]",
        r#"["a"]"#,
        r#"["a",{"name":"b"}]"#,
        r#"[{"name":"a"},["b"]]"#,
    ];
    for segments in bad {
        rejects(feed(), &with_segments(segments), Rule::R6);
    }
    rejects(
        feed(),
        &GOOD.replace("\"segments\"", "\"ips\"").replace(
            r#"[{"name":"tier_gold","timestamp":1780272000},{"name":"store_leeds"}]"#,
            r#"[{"ip":"198.51.100.7","timestamps":["1780272000"]}]"#,
        ),
        Rule::R6,
    );
    let strings = Feed { segment_encoding: SegmentEncoding::String, ..feed() };
    is_clean(&judged(strings.clone(), &with_segments(r#"["a","b"]"#)).0);
    let report = judged(strings, &with_segments(r#"[{"name":"a"}]"#)).0;
    assert_eq!(report.rules(), only(Rule::R6));
    let either = Switches { segment_forms: SegmentForms::Either, ..Switches::default() };
    is_clean(&judged_by(feed(), either, &with_segments(r#"["a","b"]"#)).0);
    let empty = Switches { empty_segments: EmptySegments::Accept, ..Switches::default() };
    is_clean(&judged_by(feed(), empty, &with_segments("[]")).0);
}

#[test]
fn r7_timestamps() {
    for time in ["\"1780272000\"", "1780272000000", "1780272000.5", "1e9", "-1", "0", "1781000000", "null"] {
        let row = with_segments(&format!(r#"[{{"name":"a","timestamp":{time}}}]"#));
        column(&rejects(feed(), &row, Rule::R7), &row, "\"timestamp\"");
    }
}

#[test]
fn r8_to_r9_names() {
    for name in ["café", "a,b", "a/b"] {
        warns_only(&judged(feed(), &with_segments(&format!(r#"[{{"name":"{name}"}}]"#))).0, Rule::R8);
    }
    is_clean(&judged(feed(), &with_segments(r#"[{"name":"A b_c-9"}]"#)).0);
    warns_only(&judged(feed(), &with_segments(r#"[{"name":"a"},{"name":"a","timestamp":1780272000}]"#)).0, Rule::R9);
    let mut intake_feed = delta(RemoveEncoding::Array);
    intake_feed.mode = Mode::Delta { remove: RemoveEncoding::Array, comprehensive_every_days: u32::MAX };
    let report = judged(intake_feed, &DELTA.replace("active_30d", "lapsed_90d")).0;
    assert_eq!(report.rejected_by_rule.keys().copied().collect::<Vec<_>>(), [Rule::R9]);
}

#[test]
fn r10_remove() {
    rejects(feed(), &DELTA.replace("7f3c2a9e", "3b0e7a4c"), Rule::R10);
    let shapes = [
        (RemoveEncoding::Array, r#"["a","b"]"#),
        (RemoveEncoding::Csv, r#""a,b""#),
        (RemoveEncoding::Single, r#""a""#),
    ];
    for (encoding, written) in shapes {
        let row = DELTA.replace(r#"["active_30d"]"#, written);
        warns_only(&judged(delta(encoding), &row).0, Rule::B15);
        let other = if encoding == RemoveEncoding::Array { RemoveEncoding::Csv } else { RemoveEncoding::Array };
        let report = judged(delta(other), &row).0;
        assert_eq!(report.rejected_by_rule.keys().copied().collect::<Vec<_>>(), [Rule::R10], "{row}");
    }
    for written in ["[]", "[1]", "[\"\"]", "{}"] {
        let report = judged(delta(RemoveEncoding::Array), &DELTA.replace(r#"["active_30d"]"#, written)).0;
        assert_eq!(report.rejected_by_rule.keys().copied().collect::<Vec<_>>(), [Rule::R10], "{written}");
    }
}

fn with_ips(ips: &str) -> String {
    format!(r#"{{"userid":"{UUID}","idtype":"IDFA","ips":{ips},"consent":true}}"#)
}

#[test]
fn r11_sightings() {
    let ok = r#"["1780272000"]"#;
    for ip in ["2001:db8::1", "203.0.113.24:80", "203.0.113", "203.0.113.024", "::ffff:203.0.113.24", ""] {
        let row = with_ips(&format!(r#"[{{"ip":"{ip}","timestamps":{ok}}}]"#));
        column(&rejects(sightings(), &row, Rule::R11), &row, "\"ip\"");
    }
    for times in [
        "[]",
        "[1780272000]",
        "\"1780272000\"",
        "[\"\"]",
        "[\"1780272000000\"]",
        "[\"1780272000.0\"]",
        "[\"+1\"]",
        "[\"1781000000\"]",
    ] {
        rejects(sightings(), &with_ips(&format!(r#"[{{"ip":"198.51.100.7","timestamps":{times}}}]"#)), Rule::R11);
    }
    for ips in ["[]", "{}", "[7]", r#"[{"ip":"198.51.100.7"}]"#] {
        rejects(sightings(), &with_ips(ips), Rule::R11);
    }
    rejects(sightings(), &with_ips(&format!(r#"[{{"timestamps":{ok}}}]"#)), Rule::R11);
}

#[test]
fn r12_sightings_of_whom_and_how_often() {
    rejects(sightings(), &with_ips("[]").replace(r#""ips":[],"#, ""), Rule::R12);
    for code in ["PID", "tpid"] {
        rejects(sightings(), &SIGHTING.replace("TVOS", code), Rule::R12);
    }
    let times = |count: i64| {
        let times: Vec<_> = (0..count).map(|at| format!("\"{}\"", 1_780_272_000 + at * 299)).collect();
        with_ips(&format!(r#"[{{"ip":"198.51.100.7","timestamps":[{}]}}]"#, times.join(",")))
    };
    warns_only(&judged(sightings(), &times(13)).0, Rule::R12);
    is_clean(&judged(sightings(), &times(12)).0);
}

#[test]
fn r13_mappings() {
    for tpid in ["\"\"", "7", "null"] {
        rejects(mappings(), &MAPPING.replace("\"crm0004817723\"", tpid), Rule::R13);
    }
    rejects(mappings(), &MAPPING.replace(r#""tpid":"crm0004817723","#, ""), Rule::R13);
    rejects(mappings(), &MAPPING.replace("IDFA", "TPID"), Rule::R13);
    let report = judged(mappings(), &format!("{MAPPING}\n{}\n", MAPPING.replace("IDFA", "GAID"))).0;
    assert_eq!((report.rules(), report.verdict), (only(Rule::R13), Verdict::Accepted));
    assert_eq!((report.rows.accepted, report.rows.rejected), (1, 1));
}

#[test]
fn r14_shapes() {
    let bare = UUID.replace('-', "");
    let zeros = "00000000-0000-0000-0000-000000000000";
    let bad =
        [("IDFA", bare.as_str()), ("GAID", zeros), ("IDFA", &UUID.to_uppercase()), ("PID", "7f3c"), ("PANO", "000")];
    for (code, id) in bad {
        rejects(feed(), &GOOD.replace(UUID, id).replace("IDFA", code), Rule::R14);
    }
    let strip = Feed { hyphens: Hyphens::Strip, ..feed() };
    is_clean(&judged(strip.clone(), &GOOD.replace(UUID, &bare)).0);
    assert_eq!(judged(strip, GOOD).0.rules(), only(Rule::R14));
    let any = Switches { id_letters: Letters::Any, ..Switches::default() };
    is_clean(&judged_by(feed(), any, &GOOD.replace(UUID, &UUID.to_uppercase())).0);
}

#[test]
fn r14_hashes_of_what_was_not_normalised() {
    let lotame = Feed { profile: Profile::LotameS3 { region: Some(Region::Eu) }, ..feed() };
    let row = |hash: &str| GOOD.replace(UUID, hash).replace("IDFA", "EMAIL_SHA256");
    let raw = sha256(" Ada@Example.com ");
    assert_eq!(sha256("ada@example.com"), HASH);
    for (hash, clean) in [(HASH.to_owned(), true), (raw, false), (sha256("Ada@Example.com"), false)] {
        let bench = Bench::new();
        bench.batch("20260601", &row(&hash));
        let mut intake: Intake<_> = bench.intake(lotame.clone(), Switches::default());
        intake.know_addresses([" Ada@Example.com "]);
        let report = look(&mut intake);
        assert_eq!(report.rules().is_empty(), clean, "{report:#?}");
        assert!(clean || report.rules() == only(Rule::R14));
    }
    for hash in [sha256(""), HASH[1..].to_owned()] {
        assert_eq!(judged(lotame.clone(), &row(&hash)).0.rules(), only(Rule::R14));
    }
}

fn sha256(text: &str) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(text))
}

#[test]
fn r15_to_r17_warnings() {
    for ip in ["10.1.2.3", "192.168.0.1", "127.0.0.1", "169.254.1.1", "100.64.0.1", "240.0.0.1", "0.0.0.0", "224.0.0.1"]
    {
        warns_only(&judged(sightings(), &SIGHTING.replace("203.0.113.24", ip)).0, Rule::R15);
    }
    warns_only(&judged(feed(), &GOOD.replace("\"consent\"", "\"email\":\"x\",\"consent\"")).0, Rule::R16);
    warns_only(&judged(feed(), &GOOD.replace("\"store_leeds\"", "\"store_leeds\",\"id\":7")).0, Rule::R16);
    for country in ["\"us\"", "\"USA\"", "7"] {
        warns_only(
            &judged(feed(), &GOOD.replace("\"consent\"", &format!("\"country\":{country},\"consent\""))).0,
            Rule::R17,
        );
    }
    is_clean(&judged(feed(), &GOOD.replace("\"consent\"", "\"country\":\"US\",\"consent\"")).0);
}

#[test]
fn findings_are_counted_and_the_first_twenty_kept() {
    let report = judged(feed(), &"[]\n".repeat(50)).0;
    assert_eq!((report.counts[&Rule::R1], report.findings.len(), report.rows.rejected), (50, 20, 50));
    assert_eq!(report.findings[19].line, Some(20));
}
