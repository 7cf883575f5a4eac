//! The envelope of an event: who called what when, and what it did.
//! <https://developer.eagleeye.com/eagleeye-developer/docs/event-data-structures>.

use jiff::Timestamp;
use serde_json::Value as Json;

use super::Unreadable;
use super::fields::{Fields, unwrapped};
use super::notes::Notes;
use super::time;

const MIN_ERROR_CODE: i64 = 400;

/// Before the identifier of a wallet in `enrichmentData`.
const WALLET_PREFIX: &str = "walletEntity_";

pub(super) struct Envelope {
    whole: Json,
    request_body: Json,
    response_body: Json,
}

impl Envelope {
    pub(super) fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        let whole: Json = serde_json::from_slice(body).map_err(|_| Unreadable::NoObject)?;
        if !whole.is_object() {
            return Err(Unreadable::NoObject);
        }
        let root = Fields::of(Some(&whole));
        let request_body = unwrapped(root.at("request").get("body"));
        let response_body = unwrapped(root.at("response").get("body"));
        Ok(Self { whole, request_body, response_body })
    }

    fn root(&self) -> Fields<'_> {
        Fields::of(Some(&self.whole))
    }

    pub(super) fn headers(&self) -> Fields<'_> {
        self.root().at("headers")
    }

    pub(super) fn request(&self) -> Fields<'_> {
        Fields::of(Some(&self.request_body))
    }

    pub(super) fn response(&self) -> &Json {
        &self.response_body
    }

    /// "Completed operations" are told, but nobody promises that there are no others.
    pub(super) fn is_of_failed_call(&self) -> bool {
        self.root().at("response").integer("code").is_some_and(|code| code >= MIN_ERROR_CODE)
    }

    pub(super) fn operations(&self) -> impl Iterator<Item = Fields<'_>> {
        self.root().list("atomicOperations").iter().map(|json| Fields::of(Some(json)))
    }

    /// What is known of a wallet beside what was done to it: an empty list where it says nothing.
    pub(super) fn identities(&self, wallet_id: &str) -> &[Json] {
        self.root().at("enrichmentData").at(&format!("{WALLET_PREFIX}{wallet_id}")).list("identities")
    }

    pub(super) fn enriched_wallets(&self) -> impl Iterator<Item = &str> {
        let members = self.root().at("enrichmentData").members();
        members.filter_map(|(name, _)| name.strip_prefix(WALLET_PREFIX)).filter(|id| !id.is_empty())
    }

    /// When AIR received the call. Without a time that can be read it is that of the newest object, which is near.
    pub(super) fn occurred_at(&self, notes: &mut Notes) -> Timestamp {
        if let Some(time) = self.headers().text("eventDate").and_then(time::parse) {
            return time;
        }
        notes.odd_time();
        let of_object = |operation: Fields<'_>| {
            let object = operation.at("objectValue");
            let times = ["lastUpdated", "dateCreated"].map(|name| object.text(name).and_then(time::parse));
            times.into_iter().flatten().max()
        };
        self.operations().filter_map(of_object).max().unwrap_or(Timestamp::UNIX_EPOCH)
    }
}
