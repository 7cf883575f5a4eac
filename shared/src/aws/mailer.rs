//! Mails to owners over SES. What keeps a mail of one key from going twice is an item in the ledger,
//! `mail/<key>`: `at` when somebody began to send, `m` the message's id at SES once it is sent.
//!
//! A process may die between the two, and then nobody knows whether the mail went. A note without an id that
//! is older than its lease is taken over and the mail sent again: of the two mistakes a second mail is the
//! smaller one, since what owners are written about is that something has stopped. Where SES refuses, the
//! note is removed, so that the next try sends.

use std::sync::OnceLock;

use async_trait::async_trait;
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message};
use aws_types::SdkConfig;
use jiff::{SignedDuration, Timestamp};

use super::failure::unavailable;
use super::ledger::{ALONE, key};
use super::table::{Item, Table, Update, Updated, text};
use crate::ports::{Mail, Mailed, Mailer, PortError, PortResult};

const STORE: &str = "mailer";

/// How long somebody who began may still be sending: longer than any run.
const LEASE: SignedDuration = SignedDuration::from_mins(15);

pub(super) struct SesMailer {
    config: SdkConfig,
    client: OnceLock<Client>,
    ledger: Table,
    /// The sender; without one nothing is sent.
    from: Option<String>,
}

/// Whose a mail is to send.
enum Begun {
    Ours,
    /// Somebody's who may still be at it.
    Others,
    /// Nobody's any more.
    Sent,
}

fn note_key(mail: &Mail) -> Item {
    key(format!("mail/{}", mail.dedupe_key), ALONE)
}

impl SesMailer {
    pub(super) fn new(config: SdkConfig, ledger: Table, from: Option<String>) -> Self {
        Self { config, client: OnceLock::new(), ledger, from }
    }

    /// Notes that this mail is being sent; answers whose it is to send.
    async fn begin(&self, mail: &Mail, now: Timestamp) -> PortResult<Begun> {
        let begin =
            Update::new(note_key(mail), "SET #at = :now").name("#at", "at").value(":now", text(now.to_string()));
        let Updated::Refused(note) = self.ledger.update_once(begin.clone().when("attribute_not_exists(pk)")).await?
        else {
            return Ok(Begun::Ours);
        };
        let note = note.unwrap_or_default();
        let began = self.ledger.text_of(&note, "at")?;
        let left_behind = began.parse().is_ok_and(|began: Timestamp| now.duration_since(began) > LEASE);
        if note.contains_key("m") {
            return Ok(Begun::Sent);
        }
        if !left_behind {
            return Ok(Begun::Others);
        }
        let take_over = begin.when("attribute_not_exists(m) AND #at = :began").value(":began", text(began));
        Ok(match self.ledger.update_once(take_over).await? {
            Updated::Done => Begun::Ours,
            Updated::Refused(_) => Begun::Others,
        })
    }

    /// Sends; answers the message's id at SES.
    async fn send_now(&self, from: &str, mail: &Mail) -> PortResult<String> {
        let Mail { dedupe_key: _, to, subject, text, at: _ } = mail;
        let content = |text: &str| Content::builder().data(text).charset("UTF-8").build();
        let built =
            |error: aws_sdk_sesv2::error::BuildError| PortError::Unavailable { store: STORE, what: error.to_string() };
        let message = Message::builder()
            .subject(content(subject).map_err(built)?)
            .body(Body::builder().text(content(text).map_err(built)?).build())
            .build();
        let client = self.client.get_or_init(|| Client::new(&self.config));
        let sent = client
            .send_email()
            .from_email_address(from)
            .destination(Destination::builder().to_addresses(to).build())
            .content(EmailContent::builder().simple(message).build())
            .send()
            .await;
        Ok(sent.map_err(|error| unavailable(STORE, &error))?.message_id.unwrap_or_else(|| "unnamed".to_owned()))
    }
}

#[async_trait]
impl Mailer for SesMailer {
    async fn send(&self, mail: Mail) -> PortResult<Mailed> {
        let Some(from) = &self.from else {
            tracing::warn!(
                subject = mail.subject,
                "a mail to an owner was not sent: there is no sender; set MUSTER_MAIL_FROM to a verified address"
            );
            return Ok(Mailed::Sent);
        };
        match self.begin(&mail, self.ledger.clock.now()).await? {
            Begun::Ours => {}
            Begun::Others => return Ok(Mailed::UnderWay),
            Begun::Sent => return Ok(Mailed::Sent),
        }
        let id = match self.send_now(from, &mail).await {
            Ok(id) => id,
            Err(error) => {
                self.ledger.delete(note_key(&mail), None).await?;
                return Err(error);
            }
        };
        let sent = Update::new(note_key(&mail), "SET m = :m").value(":m", text(id));
        self.ledger.update(sent).await?;
        Ok(Mailed::Sent)
    }
}
