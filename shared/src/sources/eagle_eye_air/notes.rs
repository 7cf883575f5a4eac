//! What the owner should hear of, counted by a short name. Names come from the event, so only what looks like an
//! identifier is kept.

use std::collections::BTreeMap;

const MAX_NAME_BYTES: usize = 64;

/// The name of all that has none which may be told.
const OTHER: &str = "other";

#[derive(Default)]
pub(super) struct Notes(BTreeMap<String, u64>);

impl Notes {
    pub(super) fn into_counts(self) -> BTreeMap<String, u64> {
        self.0
    }

    fn add(&mut self, name: String) {
        *self.0.entry(name).or_default() += 1;
    }

    pub(super) fn unknown_event(&mut self, name: &str) {
        self.add(format!("event.{}", tellable(name)));
    }

    pub(super) fn unknown_object(&mut self, kind: Option<&str>) {
        self.add(format!("object.{}", tellable(kind.unwrap_or_default())));
    }

    pub(super) fn unknown_operation(&mut self, kind: Option<&str>) {
        self.add(format!("operation.{}", tellable(kind.unwrap_or_default())));
    }

    /// A redemption by the wide rule that is none by the narrow one.
    pub(super) fn redeem_not_counted(&mut self, account_type: Option<&str>) {
        self.add(format!("redeem_not_counted.{}", tellable(account_type.unwrap_or_default())));
    }

    /// The call that the event tells of failed.
    pub(super) fn failed_call(&mut self) {
        self.add("failed_call".to_owned());
    }

    /// Nobody can say whose operation it is.
    pub(super) fn no_wallet(&mut self) {
        self.add("no_wallet".to_owned());
    }

    /// Nobody can say which account it is about.
    pub(super) fn no_account(&mut self) {
        self.add("no_account".to_owned());
    }

    /// A purchase, fulfilment or refund without the transaction that tells of it.
    pub(super) fn no_transaction(&mut self) {
        self.add("no_transaction".to_owned());
    }

    pub(super) fn odd_time(&mut self) {
        self.add("odd_time".to_owned());
    }
}

fn tellable(name: &str) -> &str {
    let is_plain = name.len() <= MAX_NAME_BYTES
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if is_plain { name } else { OTHER }
}
