//! Mails to owners, kept in a table and, with a data folder, written as files that any mail program opens.
//! The row is what counts; a missing file is written again at the next start.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::fmt::rfc2822;
use rusqlite::{Connection, params};

use super::OpenError;
use super::commits::Access;
use super::database::{Database, Failure, at, decode, encode};
use crate::ports::{Mail, Mailed, Mailer, PortResult};

const STORE: &str = "mailer";

/// Longest part of a subject in a file's name.
const SLUG_CHARACTERS: usize = 48;

pub(super) struct Outbox {
    database: Arc<Database>,
    /// Where the files are written, on disk.
    folder: Option<PathBuf>,
}

impl Outbox {
    pub(super) fn in_memory(database: Arc<Database>) -> Self {
        Self { database, folder: None }
    }

    /// Writes the files that are missing.
    pub(super) fn open(database: Arc<Database>, folder: PathBuf) -> Result<Self, OpenError> {
        let mails = database
            .wait(Access::Read, raw_mails)
            .and_then(numbered)
            .map_err(|failure| OpenError::Database { error: failure.to_string() })?;
        let written = fs::create_dir_all(&folder)
            .and_then(|()| mails.iter().try_for_each(|(number, mail)| write_file(&folder, *number, mail)));
        match written {
            Ok(()) => Ok(Self { database, folder: Some(folder) }),
            Err(error) => Err(OpenError::Folder { path: folder, error }),
        }
    }

    pub(super) async fn mails(&self) -> PortResult<Vec<Mail>> {
        let raw = self.database.read(STORE, raw_mails).await?;
        let mails = numbered(raw).map_err(at(STORE))?;
        Ok(mails.into_iter().map(|(_, mail)| mail).collect())
    }
}

fn raw_mails(transaction: &Connection) -> Result<Vec<(i64, Vec<u8>)>, Failure> {
    let mut statement = transaction.prepare_cached("SELECT number, body FROM mails ORDER BY number")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn numbered(raw: Vec<(i64, Vec<u8>)>) -> Result<Vec<(i64, Mail)>, Failure> {
    raw.into_iter().map(|(number, body)| Ok((number, decode(&body, || format!("mail {number}"))?))).collect()
}

#[async_trait]
impl Mailer for Outbox {
    async fn send(&self, mail: Mail) -> PortResult<Mailed> {
        let folder = self.folder.clone();
        let (dedupe_key, body) = (mail.dedupe_key.clone(), encode(&mail).map_err(at(STORE))?);
        let number = self
            .database
            .write(STORE, move |transaction| {
                let inserted = transaction
                    .prepare_cached("INSERT INTO mails (dedupe_key, body) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
                    .execute(params![dedupe_key, body])?;
                Ok((inserted == 1).then(|| transaction.last_insert_rowid()))
            })
            .await?;
        if let (Some(number), Some(folder)) = (number, folder)
            && let Err(error) = write_file_off_thread(folder, number, mail).await
        {
            // The mail is sent: its row is there, and the file comes at the next start.
            tracing::warn!(number, %error, "mail kept, but its file in the outbox could not be written");
        }
        Ok(Mailed::Sent)
    }
}

async fn write_file_off_thread(folder: PathBuf, number: i64, mail: Mail) -> io::Result<()> {
    tokio::task::spawn_blocking(move || write_file(&folder, number, &mail)).await.map_err(io::Error::other)?
}

fn write_file(folder: &Path, number: i64, mail: &Mail) -> io::Result<()> {
    let path = folder.join(format!("{number:06}-{}.eml", slug(&mail.subject)));
    if path.exists() {
        return Ok(());
    }
    // Under another name first: a file of the right name is a whole mail.
    let unfinished = path.with_extension("new");
    fs::write(&unfinished, message(mail))?;
    fs::rename(&unfinished, &path)
}

fn slug(subject: &str) -> String {
    let words = subject.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let slug: String = words.collect::<Vec<_>>().join("-").to_ascii_lowercase().chars().take(SLUG_CHARACTERS).collect();
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "mail".to_owned() } else { slug.to_owned() }
}

/// The mail as RFC 5322 has it.
fn message(mail: &Mail) -> String {
    let Mail { dedupe_key: _, to, subject, text, at } = mail;
    let date = rfc2822::to_string(&at.to_zoned(jiff::tz::TimeZone::UTC)).unwrap_or_default();
    let (to, subject) = (header(to), encoded(&header(subject)));
    let text = text.lines().collect::<Vec<_>>().join("\r\n");
    format!(
        "Date: {date}\r\nFrom: Muster <muster@localhost>\r\nTo: {to}\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n"
    )
}

/// One line: nothing in a header may begin another.
fn header(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Plain ASCII as it is, all else in the encoded words of RFC 2047, each of at most 75 characters.
fn encoded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let characters: Vec<char> = text.chars().collect();
    // Ten characters are at most forty bytes, in base64 fifty-six.
    let words = characters.chunks(10).map(|chunk| {
        let word: String = chunk.iter().collect();
        format!("=?UTF-8?B?{}?=", STANDARD.encode(word))
    });
    words.collect::<Vec<_>>().join("\r\n ")
}
