//! Event notifications of Eagle Eye AIR: one event for each call that changed something, with the operations that the
//! call was made of. What they mean is read from the operations; names of events are an open list. Much is tolerated,
//! since AIR tries again and then gives up on what is refused.
//! <https://developer.eagleeye.com/eagleeye-developer/docs/atomic-operation-events>.

mod accounts;
pub mod advice;
pub mod changes;
pub mod due;
mod entities;
mod envelope;
pub mod expiry;
mod fields;
mod identities;
mod kind;
mod money;
mod names;
mod news;
mod notes;
mod orders;
mod redemptions;
mod telling;
#[cfg(test)]
mod tests;
mod tiers;
mod time;
mod wallets;

use std::collections::{BTreeMap, BTreeSet};

use entities::{Action, Entity};
use envelope::Envelope;
use fields::Fields;
pub use kind::{Kind, UnknownKind};
pub use money::in_major_units;
use names::Call;
pub use news::{
    Echo, Happening, Member, Moment, Notification, Points, Standing, Subscription, SubscriptionState, Tier, WalletNews,
};
use notes::Notes;
use redemptions::CouponUses;
use telling::{Properties, Reading, Told};
use wallets::Wallet;

use crate::model::source_format::Redemptions;

/// Reads events by what the owner says of the AIR unit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reader<'a> {
    /// ISO 4217, three letters: decides how many minor units an amount's major unit has.
    pub currency: Option<&'a str>,
    /// Which redemptions are the use of a coupon.
    pub redemptions: Redemptions,
    /// What the references of our own triggers begin with: the guard against loops.
    pub own_references: Option<&'a str>,
    /// Clients at AIR that are ours alone: what they trigger is ours, whatever its reference.
    pub own_clients: Option<&'a BTreeSet<String>>,
    /// Whether events of unknown names are read by what is in them; otherwise they are only counted.
    pub read_unknown: bool,
}

/// Why a body is no event at all. Anything else in it that is odd is left out, and may be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The body is no JSON, or not an object.
    #[error("not a JSON object")]
    NoObject,
    /// It cannot be told from other events.
    #[error("headers.eesEventId is missing")]
    NoEventId,
    /// Nobody says what it is.
    #[error("headers.eventName is missing")]
    NoEventName,
}

impl Reader<'_> {
    /// What an event tells.
    ///
    /// # Errors
    /// Where the body is no JSON object, or has no id or no name.
    pub fn read(&self, body: &[u8]) -> Result<Notification, Unreadable> {
        let envelope = Envelope::parse(body)?;
        let headers = envelope.headers();
        let event_id = headers.id("eesEventId").ok_or(Unreadable::NoEventId)?;
        let name = headers.text("eventName").ok_or(Unreadable::NoEventName)?;
        let mut notes = Notes::default();
        let occurred_at = envelope.occurred_at(&mut notes);
        let known = names::is_known(name);
        if !known {
            notes.unknown_event(name);
        }
        let is_failed = envelope.is_of_failed_call();
        if is_failed {
            notes.failed_call();
        }
        let (mut echo, mut news) = (None, Vec::new());
        if !is_failed && (known || self.read_unknown) {
            let reading = Reading {
                envelope: &envelope,
                call: Call::of(name),
                occurred_at,
                currency: self.currency,
                redemptions: self.redemptions,
            };
            let wallets = wallets::read(&envelope, &mut notes);
            echo = self.echo(&wallets, &envelope);
            news = read_wallets(&wallets, &reading, &mut notes);
        }
        Ok(Notification {
            event_id,
            name: name.to_owned(),
            known,
            occurred_at,
            client_id: headers.id("clientId"),
            echo,
            wallets: news,
            noted: notes.into_counts(),
        })
    }

    /// Our own trigger, by the reference that we gave it. The request has it first, the answer and the operations have
    /// what AIR made of it.
    fn echo(&self, wallets: &[Wallet<'_>], envelope: &Envelope) -> Option<Echo> {
        let prefix = self.own_references.filter(|prefix| !prefix.is_empty());
        let client = envelope.headers().id("clientId");
        let is_our_client = client.is_some_and(|client| self.own_clients.is_some_and(|own| own.contains(&client)));
        let is_trigger = envelope.headers().text("eventName") == Some(names::TRIGGER);
        let is_ours =
            |text: &str| (is_our_client && is_trigger) || prefix.is_some_and(|prefix| text.starts_with(prefix));
        let answer = Fields::of(Some(envelope.response()));
        let operations = || wallets.iter().flat_map(|wallet| wallet.operations.iter().map(move |one| (wallet, one)));
        let made = operations().find_map(|(wallet, operation)| match &operation.entity {
            Entity::Transaction(one) if one.reference.is_some_and(is_ours) => Some((wallet, one)),
            Entity::Wallet { .. }
            | Entity::Identity(_)
            | Entity::Account(_)
            | Entity::AccountTransaction(_)
            | Entity::Transaction(_)
            | Entity::Tier(_)
            | Entity::TierTransaction(_)
            | Entity::Untold => None,
        });
        let asked = envelope.request().at("walletTransaction").text("reference");
        let references = [asked, answer.text("reference"), made.and_then(|(_, one)| one.reference)];
        let reference = references.into_iter().flatten().find(|reference| is_ours(reference))?;
        let only = if let [wallet] = wallets { Some(wallet) } else { None };
        let wallet_id = answer.id("walletId").or_else(|| Some(made.map(|(wallet, _)| wallet).or(only)?.id.clone()));
        let wallet_transaction_id = answer.id("walletTransactionId").or_else(|| made?.1.id.clone());
        Some(Echo { reference: reference.to_owned(), wallet_transaction_id, wallet_id })
    }
}

fn read_wallets(wallets: &[Wallet<'_>], reading: &Reading<'_>, notes: &mut Notes) -> Vec<WalletNews> {
    let mut news: Vec<WalletNews> = wallets.iter().map(|wallet| read_wallet(wallet, reading, notes)).collect();
    let is_order = |happening: &Happening| {
        matches!(happening.kind, Kind::OrderCompleted | Kind::OrderFulfilled | Kind::OrderRefunded)
    };
    let is_told = news.iter().any(|wallet| wallet.happenings.iter().any(is_order));
    if reading.call.is_about_order() && !is_told {
        notes.no_transaction();
    }
    telling::tell_apart(&mut news);
    news
}

fn read_wallet(wallet: &Wallet<'_>, reading: &Reading<'_>, notes: &mut Notes) -> WalletNews {
    let redemptions = CouponUses::of(wallet, reading, notes);
    let (tier, tier_changed) = tiers::read(wallet, reading);
    let (member, mut told) = membership(wallet, reading);
    told.extend(orders::tell(wallet, redemptions.coupons_given_back(), reading, notes));
    told.extend(accounts::tell(wallet, reading));
    told.extend(redemptions.tell(reading));
    told.extend(tier_changed);
    told.sort_by_key(|told| told.index);
    WalletNews {
        wallet_id: wallet.id.clone(),
        identities: identities::read(wallet, reading.envelope),
        happenings: told.into_iter().map(|told| told.happening).collect(),
        points: accounts::points(wallet, reading, notes),
        tier,
        member,
        subscriptions: accounts::subscriptions(wallet, reading, notes),
    }
}

/// Who made a wallet joined, once, by whatever call; what comes with it or after it is no second joining.
fn membership(wallet: &Wallet<'_>, reading: &Reading<'_>) -> (Option<Member>, Vec<Told>) {
    let (mut member, mut told) = (None, BTreeMap::new());
    for operation in &wallet.operations {
        let Entity::Wallet { created, last_updated } = operation.entity else { continue };
        let (standing, kind, at) = match operation.action {
            Action::Create => (Standing::Joined, Kind::ProgrammeJoined, created.or(last_updated)),
            Action::Delete => (Standing::Left, Kind::ProgrammeLeft, last_updated),
            Action::Read | Action::Update => continue,
        };
        let moment = last_updated.or(created).map_or(reading.occurred_at, |time| time::ordered(time, None));
        member = Some(Member { standing, moment });
        let at = at.unwrap_or(reading.occurred_at);
        let happened = || Told::of_wallet(kind, operation.index, at, Properties::default());
        told.entry(kind).or_insert_with(happened);
    }
    (member, told.into_values().collect())
}
