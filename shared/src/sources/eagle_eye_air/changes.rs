//! From what an event tells to changes of people. A source's people are its wallets: every event names one, also the
//! last, which has no identities any more. So a wallet's row is the map from wallet to identities, refreshed by each
//! event and forgotten with the person.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::{
    Echo, Happening, Notification, Points, Reader, Standing, Subscription, SubscriptionState, Tier, WalletNews,
    advice as notes, due, expiry, in_major_units,
};
use crate::model::source_format::{EagleEyeAirFormat, OwnRewards};
use crate::model::{
    AttributeId, AudienceId, Change, Details, EventId, Fact, FieldName, Identifier, IdentifierType, Origin, PersonKey,
    Value,
};
use crate::sources::{At, CLOCK_TOLERANCE, Flaw, Parsed, Reading, Told, Unreadable};

/// By what a source's people are keyed: wallets' ids.
pub const WALLET: &str = "wallet";
/// Whoever takes part in the programme.
pub const MEMBERS: &str = "ee_loyalty_member";
/// Whoever has a subscription.
pub const SUBSCRIBERS: &str = "ee_subscriber";
/// What the name of the field begins with that says when a subscription ends; the id of its account follows.
pub const SUBSCRIPTION: &str = "ee_subscription_";

const POINTS: &str = "ee_points_current";
const TIER_ID: &str = "ee_tier_id";
const TIER_POINTS: &str = "ee_tier_points";
const TIER_SPEND: &str = "ee_tier_spend";
const TIER_TRANSACTIONS: &str = "ee_tier_transactions";
const TIER_RESETS_AT: &str = "ee_tier_resets_at";
/// What nobody has who is no member.
const ATTRIBUTES: [&str; 6] = [POINTS, TIER_ID, TIER_POINTS, TIER_SPEND, TIER_TRANSACTIONS, TIER_RESETS_AT];

/// Reads one event. What cannot be read is counted, not refused: AIR would only send it again.
///
/// # Errors
/// Where the body cannot be unpacked.
pub(in crate::sources) fn parse(
    format: &EagleEyeAirFormat,
    body: &mut dyn BufRead,
    reading: &Reading<'_>,
) -> Result<Parsed, Unreadable> {
    let mut bytes = Vec::new();
    body.read_to_end(&mut bytes)?;
    let reader = Reader {
        currency: format.currency.as_deref(),
        redemptions: format.redemptions,
        own_references: Some(&format.own_references),
        own_clients: Some(&format.own_clients),
        read_unknown: format.read_unknown,
    };
    let mut parsed = Parsed::default();
    match reader.read(&bytes) {
        Ok(notification) => take(format, &notification, reading, &mut parsed),
        Err(error) => {
            parsed.take(0, At::Root, Err(Flaw::new(At::Root, error.to_string())));
            parsed.note(notes::UNREADABLE, 1);
        }
    }
    Ok(parsed)
}

fn take(format: &EagleEyeAirFormat, notification: &Notification, reading: &Reading<'_>, parsed: &mut Parsed) {
    for (name, count) in &notification.noted {
        parsed.note(&format!("{}{name}", notes::PREFIX), *count);
    }
    // Others were brought by whoever asked, and may stand for several rewards.
    let own = notification.echo.iter().map(|echo| &echo.reference);
    parsed.echoes.extend(own.filter(|reference| reference.starts_with(&format.own_references)).cloned());
    let mut changes = Vec::new();
    for news in &notification.wallets {
        let teller = Teller::new(format, notification, news, reading);
        match teller {
            Some(teller) => teller.tell(news, parsed, &mut changes),
            None => parsed.note(notes::NO_WALLET, 1),
        }
    }
    if changes.is_empty() {
        parsed.take(0, At::Root, Ok(Told::Ignored(format!("{}nothing-told", notes::PREFIX))));
    }
    for (index, change) in changes.into_iter().enumerate() {
        parsed.take(index, At::Root, Ok(Told::Change(change)));
    }
}

/// Makes changes of one wallet's news.
struct Teller<'a> {
    format: &'a EagleEyeAirFormat,
    notification: &'a Notification,
    reading: &'a Reading<'a>,
    person: PersonKey,
    wallet: Identifier,
}

impl<'a> Teller<'a> {
    fn new(
        format: &'a EagleEyeAirFormat,
        notification: &'a Notification,
        news: &WalletNews,
        reading: &'a Reading<'a>,
    ) -> Option<Self> {
        let keyed_by = &reading.source.keyed_by;
        let wallet = Identifier::normalise(keyed_by, &news.wallet_id).ok()?;
        let person = reading.key.person(&reading.source.id, keyed_by, &wallet);
        Some(Self { format, notification, reading, person, wallet })
    }

    fn tell(&self, news: &WalletNews, parsed: &mut Parsed, changes: &mut Vec<Change>) {
        let wallet = (&self.reading.source.keyed_by, &self.wallet);
        let identifiers = identifiers(self.format, wallet, &news.identities);
        let has_left = news.member.is_some_and(|member| member.standing == Standing::Left);
        let is_unknown = identifiers.len() == 1 && !has_left;
        parsed.note(notes::NO_IDENTITY, u64::from(is_unknown));
        if is_unknown && self.format.look_up.is_some() {
            parsed.timers.push((self.person, self.reading.now));
        }
        if let Some(member) = news.member.filter(|_| has_left) {
            parsed
                .timers
                .push((self.person, due::erased_from(self.format, end_of_second(member.moment).min(self.latest()))));
        }
        let known = self.change(Fact::Profile, self.notification.occurred_at);
        changes.push(Change { identifiers, ..known });
        self.tell_member(news, changes);
        // The balances that the call left behind are nobody's.
        if !has_left {
            self.tell_points(&news.points, parsed, changes);
            news.tier.iter().for_each(|tier| self.tell_tier(tier, changes));
        }
        for subscription in &news.subscriptions {
            if let SubscriptionState::Active { ends: Some(ends) } = subscription.state {
                parsed.timers.push((self.person, ends));
            }
            // What they are together is read from the row.
            parsed.timers.push((self.person, self.reading.now));
            self.tell_subscription(subscription, changes);
        }
        let is_own = self.notification.echo.as_ref().is_some_and(|echo| is_of(echo, news));
        if is_own && self.format.own_rewards == OwnRewards::LeaveOut {
            parsed.note(notes::OWN_REWARD, news.happenings.len() as u64);
            return;
        }
        changes.extend(news.happenings.iter().filter_map(|happening| self.happened(happening, is_own)));
    }

    fn change(&self, fact: Fact, at: Timestamp) -> Change {
        // AIR's clock may be ahead of ours; nothing is refused for it.
        Change::live(self.person, fact, at.min(self.latest()))
    }

    fn latest(&self) -> Timestamp {
        self.reading.now.saturating_add(CLOCK_TOLERANCE).unwrap_or(self.reading.now)
    }

    fn tell_member(&self, news: &WalletNews, changes: &mut Vec<Change>) {
        match &news.member {
            Some(member) if member.standing == Standing::Left => {
                let left_at = end_of_second(member.moment);
                changes.extend(membership(MEMBERS, false).map(|fact| self.change(fact, left_at)));
                changes.extend(membership(SUBSCRIBERS, false).map(|fact| self.change(fact, left_at)));
                let cleared = ATTRIBUTES.iter().filter_map(|name| attribute(name, Value::Null));
                changes.extend(cleared.map(|fact| self.change(fact, left_at)));
            }
            Some(member) => {
                changes.extend(membership(MEMBERS, true).map(|fact| self.change(fact, member.moment)));
            }
            // Whoever has a wallet is a member, since whenever that was: it earns nothing.
            None => {
                let inside = membership(MEMBERS, true).map(|fact| self.change(fact, self.notification.occurred_at));
                changes.extend(inside.map(|change| Change { origin: Origin::Backfill, ..change }));
            }
        }
    }

    /// Points of one scheme only: those of several are never added up.
    fn tell_points(&self, points: &[Points], parsed: &mut Parsed, changes: &mut Vec<Change>) {
        let is_chosen = |one: &&Points| match (&self.format.points_campaign, &one.campaign_id) {
            (Some(chosen), Some(campaign)) => chosen == campaign,
            (Some(_), None) => false,
            (None, _) => points.len() == 1,
        };
        let mut chosen = points.iter().filter(is_chosen);
        let counted = chosen.next();
        for one in points.iter().filter(|one| counted.is_none_or(|counted| counted.account_id != one.account_id)) {
            let campaign = one.campaign_id.as_deref().unwrap_or("unknown");
            parsed.note(&format!("{}{campaign}", notes::POINTS_NOT_COUNTED), 1);
        }
        if let Some(one) = counted {
            changes.extend(attribute(POINTS, Value::Integer(one.current)).map(|fact| self.change(fact, one.moment)));
        }
    }

    fn tell_tier(&self, tier: &Tier, changes: &mut Vec<Change>) {
        let Tier { tier_id, points, spend, transactions, resets_at, moment } = tier;
        let spend = spend.map(|spend| in_major_units(spend, self.format.currency.as_deref()));
        let told = [
            (TIER_ID, tier_id.clone().map(Value::Text)),
            (TIER_POINTS, points.map(Value::Integer)),
            (TIER_SPEND, spend.and_then(|spend| Value::from_json(&spend).ok())),
            (TIER_TRANSACTIONS, transactions.map(Value::Integer)),
            (TIER_RESETS_AT, resets_at.clone().map(Value::Text)),
        ];
        let told = told.into_iter().filter_map(|(name, value)| attribute(name, value?));
        changes.extend(told.map(|fact| self.change(fact, *moment)));
    }

    /// The end of each subscription is a field of its own, so that renewals and cancellations of one account are put in
    /// their order whatever order they come in.
    fn tell_subscription(&self, subscription: &Subscription, changes: &mut Vec<Change>) {
        let Subscription { account_id, campaign_id, state, moment } = subscription;
        let ends = expiry::noted(*state, campaign_id.as_deref());
        let field: Option<FieldName> = format!("{SUBSCRIPTION}{account_id}").parse().ok();
        let fields = field.map(|field| (field, ends)).into_iter().collect();
        // Whether a cancellation leaves another one that goes on says the row.
        let fact = match state {
            SubscriptionState::Active { .. } => membership(SUBSCRIBERS, true),
            SubscriptionState::Cancelled => Some(Fact::Profile),
        };
        changes.extend(fact.map(|fact| Change { fields, ..self.change(fact, *moment) }));
    }

    fn happened(&self, happening: &Happening, is_own: bool) -> Option<Change> {
        let Happening { kind, key, at, properties } = happening;
        let mut details = properties.clone();
        details.insert("ee_event_id".to_owned(), json!(self.notification.event_id));
        if is_own {
            details.insert("caused_by_muster".to_owned(), Json::Bool(true));
        }
        let event = kind.as_str().parse().ok()?;
        let fact = Fact::Happened { event, id: self.event_id(key), details: Details(details) };
        Some(self.change(fact, *at))
    }

    /// The same whenever the event comes.
    fn event_id(&self, key: &str) -> EventId {
        let plain = format!("{}:{key}", self.notification.event_id);
        plain.parse().unwrap_or_else(|_| hashed(&plain))
    }
}

/// The wallet's own id, and the identities that are configured and were told.
pub(super) fn identifiers(
    format: &EagleEyeAirFormat,
    (keyed_by, wallet): (&IdentifierType, &Identifier),
    by_type: &BTreeMap<String, Vec<String>>,
) -> BTreeMap<IdentifierType, Vec<Identifier>> {
    let told = format.identities.iter().filter_map(|(kind, air_type)| {
        let (_, values) = by_type.iter().find(|(name, _)| name.eq_ignore_ascii_case(air_type))?;
        let mut values = values.iter().filter_map(|value| Identifier::normalise(kind, value).ok());
        // The oldest one is preferred, and stays first.
        let preferred = values.next()?;
        let others: BTreeSet<Identifier> = values.filter(|value| *value != preferred).collect();
        Some((kind.clone(), std::iter::once(preferred).chain(others).collect()))
    });
    std::iter::once((keyed_by.clone(), vec![wallet.clone()])).chain(told).collect()
}

fn hashed(text: &str) -> EventId {
    let digest = hex::encode(Sha256::digest(text.as_bytes()));
    digest.parse().expect("hexadecimal digits are a slug")
}

/// AIR's times are whole seconds. What else happened to the wallet within this one, at fractions of it or ordered by the
/// numbers of transactions, came before its end.
fn end_of_second(left_at: Timestamp) -> Timestamp {
    left_at.saturating_add(SignedDuration::from_nanos(999_999_999)).unwrap_or(left_at)
}

fn is_of(echo: &Echo, news: &WalletNews) -> bool {
    echo.wallet_id.as_ref().is_none_or(|wallet| *wallet == news.wallet_id)
}

fn membership(audience: &str, is_inside: bool) -> Option<Fact> {
    let audience: AudienceId = audience.parse().ok()?;
    Some(match is_inside {
        true => Fact::Entered { audience, properties: BTreeMap::new() },
        false => Fact::Left { audience },
    })
}

fn attribute(name: &str, value: Value) -> Option<Fact> {
    let attribute: AttributeId = name.parse().ok()?;
    Some(Fact::Attribute { attribute, value })
}
