//! How a happening is put together.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use super::envelope::Envelope;
use super::names::Call;
use super::{Happening, Kind, WalletNews, in_major_units};
use crate::model::source_format::Redemptions;

/// What all of an event is read by.
pub(super) struct Reading<'a> {
    pub(super) envelope: &'a Envelope,
    pub(super) call: Call,
    pub(super) occurred_at: Timestamp,
    pub(super) currency: Option<&'a str>,
    pub(super) redemptions: Redemptions,
}

/// A happening, and the operation that tells of it.
pub(super) struct Told {
    pub(super) index: usize,
    pub(super) happening: Happening,
}

impl Told {
    /// Of the whole wallet.
    pub(super) fn of_wallet(kind: Kind, index: usize, at: Timestamp, properties: Properties) -> Self {
        let happening = Happening { kind, key: kind.as_str().to_owned(), at, properties: properties.0 };
        Self { index, happening }
    }

    /// Of one of its accounts, by an id that no other happening of the kind has.
    pub(super) fn of_account(
        kind: Kind,
        id: Option<&str>,
        index: usize,
        at: Timestamp,
        properties: Properties,
    ) -> Self {
        let mut told = Self::of_wallet(kind, index, at, properties);
        if let Some(id) = id {
            told.happening.key = format!("{kind}:{id}");
        }
        told
    }
}

/// Absent instead of null.
#[derive(Default)]
pub(super) struct Properties(Map<String, Json>);

impl Properties {
    pub(super) fn with(mut self, name: &str, value: Option<impl Into<Json>>) -> Self {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
        self
    }

    pub(super) fn with_time(self, name: &str, time: Option<Timestamp>) -> Self {
        self.with(name, time.map(|time| time.to_string()))
    }

    /// In major units.
    pub(super) fn with_amount(self, name: &str, amount: Option<i64>, reading: &Reading<'_>) -> Self {
        self.with(name, amount.map(|amount| in_major_units(amount, reading.currency)))
    }

    pub(super) fn with_currency(self, reading: &Reading<'_>) -> Self {
        self.with("currency", reading.currency)
    }

    /// Nothing where there is nothing in it.
    pub(super) fn into_object(self) -> Option<Json> {
        (!self.0.is_empty()).then_some(Json::Object(self.0))
    }
}

/// Makes keys unique within the event, in the same way each time it comes: two people can have joined in one.
pub(super) fn tell_apart(news: &mut [WalletNews]) {
    let (mut taken, mut numbers) = (BTreeSet::new(), BTreeMap::<String, u64>::new());
    for WalletNews { wallet_id, happenings, .. } in news {
        for happening in happenings {
            let of_wallet = format!("{}:{wallet_id}", happening.key);
            while !taken.insert(happening.key.clone()) {
                let number = numbers.entry(of_wallet.clone()).or_default();
                *number += 1;
                happening.key = if *number == 1 { of_wallet.clone() } else { format!("{of_wallet}:{number}") };
            }
        }
    }
}
