use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use jiff::SignedDuration;
use muster::embedded::{Embedded, JumpClock, OpenError};
use muster::model::QueueName;
use muster::model::budget::Spend;
use muster::ports::{Doubted, Kind, Mail, Outgoing, Ports, Secret};
use muster_tests::port_suite::fixtures::{
    activation, after, authorization, job, key, next, person, read, start, with_field, write,
};
use serde_json::json;
use tempfile::TempDir;

fn open(folder: &Path) -> Result<Embedded, OpenError> {
    Embedded::open(folder, Arc::new(JumpClock::frozen_at(start())))
}

fn refusal(folder: &Path) -> OpenError {
    open(folder).err().unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn mail(dedupe_key: &str) -> Mail {
    Mail {
        dedupe_key: dedupe_key.to_owned(),
        to: "owner@example.test\r\nBcc: everybody@example.test".to_owned(),
        subject: "CRM für alle: failing!".to_owned(),
        text: "Line one\nLine two".to_owned(),
        at: start(),
    }
}

/// One acknowledged thing of each port.
async fn fill(ports: &Ports) {
    write(ports, person(key(1))).await;
    ports.people.raise_doubt(&activation(), &[Doubted::Person(key(1))]).await.unwrap();
    ports.catalog.put(Kind::Source, "cdp", json!({"name": "CDP"}), 0).await.unwrap();
    ports.ledger.put_job(&job("j", start())).await.unwrap();
    ports.ledger.spend(&authorization(), &Spend::Block { until: after(60) }, start()).await.unwrap();
    let message = Outgoing { body: "nudge".to_owned(), delay: SignedDuration::ZERO, share: None };
    ports.queue.send(&QueueName::Jobs, vec![message]).await.unwrap();
    ports.vault.put("api", &Secret(json!("a secret of some length"))).await.unwrap();
    ports.mailer.send(mail("first")).await.unwrap();
}

async fn assert_all_there(embedded: &Embedded) {
    let ports = embedded.ports();
    let row = read(&ports, key(1)).await;
    assert_eq!((row.person, row.standing.doubt), (person(key(1)), 1));
    assert_eq!(ports.catalog.get(Kind::Source, "cdp").await.unwrap().unwrap().body, json!({"name": "CDP"}));
    assert_eq!(ports.ledger.jobs(None).await.unwrap(), [job("j", start())]);
    assert_eq!(ports.vault.get("api").await.unwrap(), Some(Secret(json!("a secret of some length"))));
    assert_eq!(embedded.mails().await.unwrap(), [mail("first")]);
    let received = embedded.queue().receive(&QueueName::Jobs, 9, SignedDuration::from_mins(1)).await.unwrap();
    assert_eq!(received[0].body, "nudge");
}

#[tokio::test]
async fn a_folder_opened_again_holds_everything() {
    let folder = TempDir::new().unwrap();
    let embedded = open(folder.path()).unwrap();
    fill(&embedded.ports()).await;
    drop(embedded);
    assert_all_there(&open(folder.path()).unwrap()).await;
}

/// The files as they stand while the program runs are what a crash leaves behind.
#[tokio::test]
async fn after_a_crash_nothing_acknowledged_is_missing() {
    let (folder, after_crash) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let embedded = open(folder.path()).unwrap();
    fill(&embedded.ports()).await;
    for file in fs::read_dir(folder.path()).unwrap().map(Result::unwrap).filter(|file| file.path().is_file()) {
        fs::copy(file.path(), after_crash.path().join(file.file_name())).unwrap();
    }
    assert_all_there(&open(after_crash.path()).unwrap()).await;
}

#[tokio::test]
async fn a_folder_is_locked_until_the_last_port_is_gone() {
    let folder = TempDir::new().unwrap();
    let embedded = open(folder.path()).unwrap();
    assert!(matches!(refusal(folder.path()), OpenError::InUse { .. }));
    let ports = embedded.ports();
    drop(embedded);
    assert!(matches!(refusal(folder.path()), OpenError::InUse { .. }));
    drop(ports);
    open(folder.path()).unwrap();
}

#[test]
fn what_lies_in_the_folder_is_for_its_owner_only() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("data");
    let _embedded = open(&folder).unwrap();
    assert_eq!(mode(&folder), 0o700);
    for file in ["vault.key", "muster.db", "muster.db-wal"] {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_secret_is_nowhere_on_the_disk_in_clear() {
    let folder = TempDir::new().unwrap();
    let embedded = open(folder.path()).unwrap();
    let secret = Secret(json!({"password": "correct horse battery staple"}));
    embedded.ports().vault.put("api", &secret).await.unwrap();
    for file in ["muster.db", "muster.db-wal", "vault.key"] {
        let bytes = fs::read(folder.path().join(file)).unwrap();
        assert!(!contains(&bytes, b"correct horse"), "{file}");
    }
}

#[tokio::test]
async fn what_was_erased_is_not_left_on_the_disk() {
    let folder = TempDir::new().unwrap();
    let ports = open(folder.path()).unwrap().ports();
    let long = "anna-".repeat(4000);
    write(&ports, with_field(person(key(1)), "name", &long)).await;
    write(&ports, next(person(key(1)))).await;
    drop(ports);
    let bytes = fs::read(folder.path().join("muster.db")).unwrap();
    assert!(!contains(&bytes, b"anna-"));
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let folder = TempDir::new().unwrap();
    drop(open(folder.path()).unwrap());
    fs::set_permissions(folder.path().join("vault.key"), fs::Permissions::from_mode(0o640)).unwrap();
    let refused = refusal(folder.path());
    assert!(matches!(refused, OpenError::KeyExposed { mode: 0o640, .. }));
    assert!(refused.to_string().contains("mode 0640"), "{refused}");
}

#[test]
fn a_missing_key_is_made_anew_where_nothing_is_sealed() {
    let folder = TempDir::new().unwrap();
    drop(open(folder.path()).unwrap());
    fs::remove_file(folder.path().join("vault.key")).unwrap();
    open(folder.path()).unwrap();
}

#[tokio::test]
async fn a_missing_key_is_refused_where_secrets_are_sealed() {
    let folder = TempDir::new().unwrap();
    fill(&open(folder.path()).unwrap().ports()).await;
    fs::remove_file(folder.path().join("vault.key")).unwrap();
    assert!(matches!(refusal(folder.path()), OpenError::KeyMissing { .. }));
    assert!(!folder.path().join("vault.key").exists());
}

#[tokio::test]
async fn a_damaged_or_foreign_key_is_refused() {
    let (folder, foreign) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    fill(&open(folder.path()).unwrap().ports()).await;
    drop(open(foreign.path()).unwrap());
    fs::copy(foreign.path().join("vault.key"), folder.path().join("vault.key")).unwrap();
    assert!(matches!(refusal(folder.path()), OpenError::KeyWrong { .. }));
    fs::write(folder.path().join("vault.key"), "half a k").unwrap();
    assert!(matches!(refusal(folder.path()), OpenError::KeyDamaged { .. }));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let parent = TempDir::new().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    let refused = refusal(&file.join("data"));
    assert!(matches!(refused, OpenError::Folder { .. }));
    assert!(refused.to_string().contains("file/data"), "{refused}");
}

#[test]
fn what_is_no_database_is_refused() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("muster.db"), "no database at all, but long enough to look at").unwrap();
    assert!(matches!(refusal(folder.path()), OpenError::Database { .. }));
}

#[tokio::test]
async fn a_version_of_a_removed_document_never_comes_back() {
    let folder = TempDir::new().unwrap();
    let ports = open(folder.path()).unwrap().ports();
    ports.catalog.put(Kind::Source, "cdp", json!(1), 0).await.unwrap();
    ports.catalog.delete(Kind::Source, "cdp").await.unwrap();
    ports.catalog.put(Kind::Source, "cdp", json!(2), 0).await.unwrap();
    assert!(!ports.catalog.put(Kind::Source, "cdp", json!(3), 1).await.unwrap());
    assert_eq!(ports.catalog.get(Kind::Source, "cdp").await.unwrap().unwrap().version, 2);
}

#[tokio::test]
async fn a_mail_is_a_file_and_a_missing_file_is_written_again() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("outbox/000001-crm-f-r-alle-failing.eml");
    let embedded = open(folder.path()).unwrap();
    embedded.ports().mailer.send(mail("first")).await.unwrap();
    drop(embedded);
    let written = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();
    drop(open(folder.path()).unwrap());
    assert_eq!(fs::read_to_string(&file).unwrap(), written);
    let expected = "Date: Sun, 22 Nov 2026 06:00:00 +0000\r\n\
        From: Muster <muster@localhost>\r\n\
        To: owner@example.test  Bcc: everybody@example.test\r\n\
        Subject: =?UTF-8?B?Q1JNIGbDvHIgYWw=?=\r\n =?UTF-8?B?bGU6IGZhaWxpbg==?=\r\n =?UTF-8?B?ZyE=?=\r\n\
        MIME-Version: 1.0\r\n\
        Content-Type: text/plain; charset=utf-8\r\n\
        Content-Transfer-Encoding: 8bit\r\n\r\n\
        Line one\r\nLine two\r\n";
    assert_eq!(written, expected);
}
