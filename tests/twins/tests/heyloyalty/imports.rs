use jiff::SignedDuration;
use muster_twins::heyloyalty::{MailKind, SeedMember, SeedStanding, Standing};
use serde_json::json;

use crate::support::{Answer, Bench, answer, bench};

const ANNA: &str = "anna@example.com";

/// An import with the usual parts; `change` names parts to replace, or to leave out by "".
async fn import(bench: &Bench, columns: &[&str], csv: &str, change: &[(&str, &str)]) -> Answer {
    let mut parts = vec![
        ("duplicate_field".to_owned(), "email".to_owned()),
        ("handle_existing".to_owned(), "update".to_owned()),
        ("date_format".to_owned(), "Y-m-d".to_owned()),
        ("skip_header_line".to_owned(), "true".to_owned()),
        ("trigger_autoresponder".to_owned(), "false".to_owned()),
        ("sendErrorsTo".to_owned(), "ops@example.com".to_owned()),
    ];
    for (place, column) in columns.iter().enumerate() {
        parts.push((format!("fields_selected[{place}]"), (*column).to_owned()));
    }
    for (name, value) in change {
        parts.retain(|(known, _)| known != name);
        parts.push(((*name).to_owned(), (*value).to_owned()));
    }
    let mut body = String::new();
    for (name, value) in parts.iter().filter(|(_, value)| !value.is_empty()) {
        body += &format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    if !csv.is_empty() {
        body += "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"m.csv\"\r\n";
        body += &format!("Content-Type: text/csv\r\n\r\n{csv}\r\n");
    }
    body += "--B--\r\n";
    let request = bench.request("POST", &bench.path("/import")).body(body);
    answer(request.header("Content-Type", "multipart/form-data; boundary=B")).await
}

fn wait(bench: &Bench, seconds: i64) {
    bench.twin.clock().advance(SignedDuration::from_secs(seconds));
}

#[tokio::test]
async fn an_import_lands_late_over_newer_live_writes() {
    let bench = bench().await;
    let id = bench.seed(SeedMember::active(ANNA).field("cdp_c_ltv", 3));
    let csv = "email;cdp_a_cats;cdp_c_ltv\nanna@example.com;1;";
    let (status, _) = import(&bench, &["email", "cdp_a_cats", "cdp_c_ltv"], csv, &[]).await;
    assert_eq!(status, 204);
    assert_eq!(bench.twin.pending_imports()[0].rows, 1);

    let leave = json!({"cdp_a_cats": 0, "cdp_c_ltv": 4});
    bench.send("PATCH", &bench.member_path(&id), leave).await;
    wait(&bench, 89);
    assert_eq!(bench.value(&id, "cdp_a_cats"), "0");
    wait(&bench, 1);
    assert_eq!(bench.value(&id, "cdp_a_cats"), "1");
    assert_eq!(bench.value(&id, "cdp_c_ltv"), "");
    assert!(bench.twin.pending_imports().is_empty());
    let counters = bench.twin.counters();
    assert_eq!((counters.imports, counters.imported_rows, counters.import_created), (1, 1, 0));
}

#[tokio::test]
async fn the_delay_is_a_switch_and_imports_can_be_forced() {
    let bench = bench().await;
    let id = bench.seed(SeedMember::active(ANNA));
    let columns = ["email", "cdp_a_cats"];
    import(&bench, &columns, "h;h\nanna@example.com;true", &[]).await;
    assert_eq!(bench.twin.apply_imports(), 1);
    assert_eq!(bench.value(&id, "cdp_a_cats"), "1");
    bench.twin.with_switches(|s| s.import_delay_seconds = 0);
    import(&bench, &columns, "h;h\nanna@example.com;false", &[]).await;
    assert_eq!(bench.value(&id, "cdp_a_cats"), "0");
}

#[tokio::test]
async fn an_import_resubscribes_unless_switched_off() {
    let bench = bench().await;
    let left = SeedMember::with_standing(ANNA, SeedStanding::Unsubscribed);
    let id = bench.seed(left);
    let columns = ["email", "cdp_a_cats"];
    bench.twin.with_switches(|s| s.import_resubscribes = false);
    import(&bench, &columns, "h;h\nanna@example.com;1", &[]).await;
    wait(&bench, 90);
    let member = bench.twin.member(bench.list, &id).unwrap();
    assert_eq!((member.standing, member.text("cdp_a_cats")), (Standing::Unsubscribed, ""));

    bench.twin.with_switches(|s| s.import_resubscribes = true);
    import(&bench, &columns, "h;h\nanna@example.com;1", &[]).await;
    wait(&bench, 90);
    assert_eq!(bench.twin.counters().resubscribed, 1);
    assert_eq!(bench.twin.member(bench.list, &id).unwrap().standing, Standing::Active);
}

#[tokio::test]
async fn an_unknown_email_creates_and_bad_rows_are_mailed() {
    let bench = bench().await;
    let csv = "h;h\nnew@example.com;1\nanna;1\nb@example.com;yes\nc@example.com\n";
    import(&bench, &["email", "cdp_a_cats"], csv, &[]).await;
    wait(&bench, 90);
    let counters = bench.twin.counters();
    assert_eq!((counters.import_created, counters.member_created), (1, 1));
    assert_eq!(counters.imported_rows, 4);
    let mailbox = bench.twin.mailbox();
    assert_eq!(mailbox.len(), 1);
    assert_eq!((mailbox[0].to.as_str(), mailbox[0].kind), ("ops@example.com", MailKind::ImportErrors));
    let lines: Vec<&str> = mailbox[0].lines.iter().map(|line| &line[..6]).collect();
    assert_eq!(lines, ["line 3", "line 4", "line 5"]);
}

#[tokio::test]
async fn without_an_address_nobody_hears_of_bad_rows() {
    let bench = bench().await;
    let unknown_column = ["email", "cdp_a_dogs"];
    import(&bench, &unknown_column, "h;h\nanna;1", &[("sendErrorsTo", "")]).await;
    bench.twin.apply_imports();
    assert!(bench.twin.mailbox().is_empty());
    assert_eq!(bench.twin.counters().unknown_fields, 1);
}

#[tokio::test]
async fn header_delimiter_labels_and_dates() {
    let bench = bench().await;
    let id = bench.seed(SeedMember::active(ANNA));
    let columns = ["email", "favourite", "cdp_c_seen", "cdp_c_note"];
    let change = [("date_format", "d-m-Y"), ("delimiter", ","), ("skip_header_line", "false")];
    let csv = "anna@example.com,Dog,05-01-2026,\"a, b\"";
    import(&bench, &columns, csv, &change).await;
    bench.twin.apply_imports();
    assert_eq!(bench.value(&id, "favourite"), bench.option("favourite", "Dog").to_string());
    assert_eq!(bench.value(&id, "cdp_c_seen"), "2026-01-05");
    assert_eq!(bench.value(&id, "cdp_c_note"), "a, b");
}

#[tokio::test]
async fn an_incomplete_import_is_refused() {
    let bench = bench().await;
    let csv = "h\nanna@example.com";
    for change in [
        ("duplicate_field", ""),
        ("duplicate_field", "mobile"),
        ("handle_existing", ""),
        ("handle_existing", "replace"),
        ("fields_selected[0]", ""),
        ("delimiter", "ab"),
        ("date_format", "D"),
    ] {
        let (status, body) = import(&bench, &["email"], csv, &[change]).await;
        assert_eq!(status, 400, "{change:?} {body}");
    }
    assert_eq!(import(&bench, &["email"], "", &[]).await.0, 400);
    let json = json!({"duplicate_field": "email"});
    assert_eq!(bench.send("POST", &bench.path("/import"), json).await.0, 400);
    assert_eq!(bench.twin.counters().imports, 0);
}
