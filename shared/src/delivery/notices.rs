//! Owners are told by mail, event and webhook. What happened is in the activation, whose status carries its own turns,
//! and in counters; the sweep notes it in the activation's book, and whoever works off the queue of jobs tells it. A
//! channel that fails is told again after the next sweep, and holds up neither delivery nor another channel.
//!
//! Lease, tell, note: a worker that dies in between tells twice, never nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{Engine, announce};
use crate::catalog::get;
use crate::http::Posted;
use crate::model::notice::Lease;
use crate::model::{
    Activation, ActivationId, Channel, Message, Notice, NoticeBook, Outcome, ParkedCounts, QueueName, Reason,
};
use crate::ports::{Mailed, PortError, PortResult};
use crate::standard_webhooks;
use crate::steps::Step;

/// Longer than any channel takes.
const TIME_FOR_A_NOTICE: SignedDuration = SignedDuration::from_secs(15);

/// The counters of parked records begin so.
const PARKED: &str = "parked/";

fn parked_counter(activation: &ActivationId, reason: &Reason) -> String {
    format!("{PARKED}{activation}/{reason}")
}

/// The secret of an activation's receiver in the vault: `{"secret": …}`.
pub fn receiver_secret(activation: &ActivationId) -> String {
    format!("notices/{activation}")
}

/// Why a channel does not know a notice yet.
#[derive(Debug, thiserror::Error)]
enum Untold {
    #[error(transparent)]
    Port(#[from] PortError),
    #[error("{0}")]
    Posted(Posted),
    #[error("somebody else may be sending the mail")]
    UnderWay,
    #[error("the receiver's secret is not in the vault; set it again")]
    NoSecret,
}

/// What there is to tell, activation by activation.
struct News {
    activation: Activation,
    book: NoticeBook,
    parked: ParkedCounts,
}

impl Engine {
    /// Counts records that were just parked, for the next digest. Receipts are stored by then and the flight stands:
    /// who dies before this tries them again.
    pub(super) async fn count_parked(&self, activation: &ActivationId, outcomes: &[Outcome]) -> PortResult<()> {
        let mut by_reason = ParkedCounts::new();
        for outcome in outcomes {
            match outcome {
                Outcome::Parked { reason } => *by_reason.entry(reason.clone()).or_default() += 1,
                Outcome::Delivered | Outcome::Filtered { .. } | Outcome::Rejected { .. } | Outcome::Waiting { .. } => {}
            }
        }
        for (reason, count) in by_reason {
            self.ports.ledger.count(&parked_counter(activation, &reason), count).await?;
        }
        Ok(())
    }

    /// The sweep's part: notes what is new, and asks for whatever is untold to be told. Answers for how many
    /// activations it did.
    pub(super) async fn note_news(&self, now: Timestamp) -> PortResult<usize> {
        let mut asked = 0;
        for News { activation, book, parked } in self.news().await? {
            let book = match book.hear(&activation, &parked, now) {
                Some(heard) => {
                    if !self.ports.notices.put_book(&heard, book.revision).await? {
                        // Another sweep was first, and asks.
                        continue;
                    }
                    self.steps.reached(Step::NoticesNoted);
                    let given_up = book.untold.iter().filter(|notice| !heard.untold.contains(notice)).count();
                    if given_up > 0 {
                        tracing::error!(activation = %activation.id, given_up, "an owner could not be told for a day");
                    }
                    heard
                }
                None => book,
            };
            if book.untold.is_empty() || book.lease.is_some_and(|lease| lease.until > now) {
                continue;
            }
            let message = Message::Tell { activation: activation.id };
            self.send_message(&QueueName::Jobs, &message, SignedDuration::ZERO).await?;
            asked += 1;
        }
        Ok(asked)
    }

    /// When a sweep has something to tell next; for who jumps over the time until then.
    pub async fn notices_due(&self) -> PortResult<Option<Timestamp>> {
        let now = self.now();
        let news = self.news().await?;
        Ok(news.iter().filter_map(|news| news.book.due(&news.activation, &news.parked, now)).min())
    }

    async fn news(&self) -> PortResult<Vec<News>> {
        // Counters first: what is counted after a book was read waits for the next sweep.
        let mut parked = self.parked_by_activation().await?;
        let books = self.ports.notices.books().await?;
        let mut books: BTreeMap<ActivationId, NoticeBook> =
            books.into_iter().map(|book| (book.activation.clone(), book)).collect();
        let snapshot = self.catalog.snapshot().await?;
        let news = snapshot.activations.iter().map(|(id, activation)| News {
            activation: activation.clone(),
            book: books.remove(id).unwrap_or_else(|| NoticeBook::new(id.clone())),
            parked: parked.remove(id).unwrap_or_default(),
        });
        Ok(news.collect())
    }

    async fn parked_by_activation(&self) -> PortResult<BTreeMap<ActivationId, ParkedCounts>> {
        let mut parked: BTreeMap<ActivationId, ParkedCounts> = BTreeMap::new();
        for (name, count) in self.ports.ledger.counters(PARKED).await? {
            let Some((id, reason)) = name.strip_prefix(PARKED).and_then(|rest| rest.split_once('/')) else { continue };
            let Ok(id) = id.parse() else { continue };
            parked.entry(id).or_default().insert(Reason::new(reason), count);
        }
        Ok(parked)
    }

    /// Tells an activation's owner whatever some channel does not know yet.
    ///
    /// # Errors
    /// Where our own ports fail: the message comes back, and so does the next sweep.
    pub async fn tell(&self, id: &ActivationId, deadline: Timestamp) -> PortResult<()> {
        let notices = &self.ports.notices;
        let Some(book) = notices.book(id).await? else {
            return Ok(());
        };
        let Some(leased) = book.lease(self.now(), deadline) else {
            return Ok(());
        };
        if !notices.put_book(&leased, book.revision).await? {
            return Ok(());
        }
        self.steps.reached(Step::NoticesLeased);
        let Some(stored) = get::<Activation>(self.ports.catalog.as_ref(), id.as_str()).await? else {
            return Ok(());
        };
        let told = self.tell_all(&stored.value, &leased.untold, deadline).await;
        self.steps.reached(Step::NoticesTold);
        self.note_told(id, &told, leased.lease).await
    }

    /// Each channel in the order of the notices: after one that fails the later ones wait for it.
    async fn tell_all(
        &self,
        activation: &Activation,
        notices: &[Notice],
        deadline: Timestamp,
    ) -> BTreeSet<(u64, Channel)> {
        let mut told = BTreeSet::new();
        let mut failed = BTreeSet::new();
        for notice in notices {
            for channel in &notice.untold {
                if failed.contains(channel) || deadline.duration_since(self.now()) < TIME_FOR_A_NOTICE {
                    continue;
                }
                match self.tell_by(*channel, activation, notice).await {
                    Ok(()) => {
                        told.insert((notice.number, *channel));
                    }
                    Err(untold) => {
                        tracing::warn!(activation = %activation.id, ?channel, %untold, "an owner is told later");
                        failed.insert(*channel);
                    }
                }
            }
        }
        told
    }

    /// A channel that the owner took away meanwhile has nothing to be told.
    async fn tell_by(&self, channel: Channel, activation: &Activation, notice: &Notice) -> Result<(), Untold> {
        match channel {
            Channel::Event => Ok(self.ports.events.publish(&announce::event(activation, notice)).await?),
            Channel::Mail => {
                let Some(address) = &activation.notify else { return Ok(()) };
                match self.ports.mailer.send(announce::mail(activation, notice, address)).await? {
                    Mailed::Sent => Ok(()),
                    Mailed::UnderWay => Err(Untold::UnderWay),
                }
            }
            Channel::Webhook => self.post(activation, notice).await,
        }
    }

    async fn post(&self, activation: &Activation, notice: &Notice) -> Result<(), Untold> {
        let Some(url) = &activation.notify_url else { return Ok(()) };
        let secret = self.ports.vault.get(&receiver_secret(&activation.id)).await?.ok_or(Untold::NoSecret)?;
        let secrets = ["secret", "previous_secret"].into_iter().filter_map(|name| secret.0[name].as_str());
        let event = announce::event(activation, notice);
        let body = announce::body(&event).to_string().into_bytes();
        let headers = standard_webhooks::headers(secrets, &event.id, self.now(), &body);
        match self.http.post(url, &headers, body).await {
            Posted::Taken => Ok(()),
            posted @ (Posted::Refused(_) | Posted::Broken(_)) => Err(Untold::Posted(posted)),
        }
    }

    /// A sweep may have noted something new meanwhile, which stays.
    async fn note_told(
        &self,
        id: &ActivationId,
        told: &BTreeSet<(u64, Channel)>,
        lease: Option<Lease>,
    ) -> PortResult<()> {
        while let Some(book) = self.ports.notices.book(id).await? {
            if self.ports.notices.put_book(&book.told(told, lease), book.revision).await? {
                break;
            }
        }
        Ok(())
    }
}
