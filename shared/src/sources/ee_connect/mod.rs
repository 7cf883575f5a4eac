//! Requests of rewards as Eagle Eye's own connector takes them, by which Braze, Segment, Bloomreach and others have a
//! reward issued: one person, one reference, one or several actions. Whose they are is said by the value of an identity
//! at AIR alone. Each action is an event of that person, which a destination of AIR performs once.
//! <https://developer.eagleeye.com/eagleeye-developer/docs/ee-connect>. What an owner needs to know is in `README.md`
//! beside this file.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::{At, Flaw, Parsed, Reading, Told, Unreadable};
use crate::model::source_format::EeConnectFormat;
use crate::model::{Change, Details, EventId, Fact, Identifier, IdentifierType};

/// The header that carries a connector's key, in both directions.
pub const KEY_HEADER: &str = "x-auth-token";
/// By what a source's people are keyed: the identity's value in small letters, since AIR makes no difference.
pub const IDENTITY: &str = "ee_identity";
/// What happens to whoever a reward is asked for.
pub const REWARD_REQUESTED: &str = "reward_requested";
/// What of the event says which reward: the Action Reference.
pub const ACTION: &str = "action_reference";
/// What of the event says how the platform calls it.
pub const REFERENCE: &str = "reference";
/// Requests that ask for nothing that could be issued.
pub const INVALID: &str = "connect.invalid";
/// Requests that nobody issues.
pub const NOT_ISSUED: &str = "connect.not-issued";
/// Requests for which a row had no room.
pub const ROW_TOO_LARGE: &str = "connect.row-too-large";

/// The only kind of request.
const TRIGGER: &str = "services/trigger";
/// Most actions of one request; each is an event of its own.
const MOST_ACTIONS: usize = 100;

/// What a name means and what its owner can do.
pub fn advice(name: &str) -> Option<&'static str> {
    match name {
        INVALID => Some(
            "Requests that name no person, no reference or no action. Mostly a template that renders blank: the \
             platform was told which member is wrong.",
        ),
        NOT_ISSUED => Some(
            "Requests for which there was no activation of Eagle Eye AIR that takes requests: the platform was told to \
             come again.",
        ),
        ROW_TOO_LARGE => {
            Some("Requests for which a person's row had no room, since much waits to be issued: they come again.")
        }
        _ => None,
    }
}

/// Reads one request. A bad one is refused as a whole, with the place of every mistake.
///
/// # Errors
/// Where the body cannot be unpacked.
pub(super) fn parse(
    format: &EeConnectFormat,
    body: &mut dyn BufRead,
    reading: &Reading<'_>,
) -> Result<Parsed, Unreadable> {
    let mut bytes = Vec::new();
    body.read_to_end(&mut bytes)?;
    let mut parsed = Parsed::default();
    let no_json = |error: serde_json::Error| {
        vec![flaw("body", &format!("is no JSON: line {}, column {}", error.line(), error.column()))]
    };
    let whole: Result<Json, _> = serde_json::from_slice(&bytes).map_err(no_json);
    let request = whole.as_ref().map_err(Vec::clone).and_then(Request::read);
    match request.and_then(|request| request.changes(format, reading)) {
        Ok(changes) => {
            for (index, change) in changes.into_iter().enumerate() {
                parsed.take(index, At::Root, Ok(Told::Change(change)));
            }
        }
        Err(flaws) => {
            parsed.note(INVALID, 1);
            for (index, flaw) in flaws.into_iter().enumerate() {
                parsed.take(index, At::Root, Err(flaw));
            }
        }
    }
    Ok(parsed)
}

/// A request whose members are all there.
struct Request<'a> {
    identity: &'a str,
    reference: &'a str,
    actions: Vec<&'a str>,
}

impl<'a> Request<'a> {
    fn read(whole: &'a Json) -> Result<Self, Vec<Flaw>> {
        let mut flaws = Vec::new();
        let body = &whole["body"];
        if whole["type"].as_str() != Some(TRIGGER) {
            flaws.push(flaw("type", "must be services/trigger"));
        }
        let mut text = |path: String, value: &'a Json| match value.as_str().filter(|text| !text.trim().is_empty()) {
            Some(text) => text,
            None => {
                flaws.push(flaw(&path, "must be a text that is not empty"));
                ""
            }
        };
        let identity = text("body.identityValue".to_owned(), &body["identityValue"]);
        let reference = text("body.walletTransaction.reference".to_owned(), &body["walletTransaction"]["reference"]);
        let triggers = body["triggers"].as_array().map(Vec::as_slice).unwrap_or_default();
        let action =
            |(at, trigger): (usize, &'a Json)| text(format!("body.triggers[{at}].reference"), &trigger["reference"]);
        let actions: Vec<&str> = triggers.iter().take(MOST_ACTIONS).enumerate().map(action).collect();
        if !(1..=MOST_ACTIONS).contains(&triggers.len()) {
            flaws.push(flaw("body.triggers", &format!("must be an array of 1 to {MOST_ACTIONS}")));
        }
        if flaws.is_empty() { Ok(Self { identity, reference, actions }) } else { Err(flaws) }
    }

    /// An event for each action. The platform's reference is that of the first one; the others have none of their own.
    fn changes(&self, format: &EeConnectFormat, reading: &Reading<'_>) -> Result<Vec<Change>, Vec<Flaw>> {
        let keyed_by = &reading.source.keyed_by;
        let identifier = |kind: &IdentifierType, value: &str| {
            Identifier::normalise(kind, value).map_err(|error| vec![flaw("body.identityValue", &error.to_string())])
        };
        let folded = identifier(keyed_by, &self.identity.trim().to_lowercase())?;
        let own = identifier(&format.identity, self.identity.trim())?;
        let person = reading.key.person(&reading.source.id, keyed_by, &folded);
        let identifiers = BTreeMap::from([(keyed_by.clone(), vec![folded]), (format.identity.clone(), vec![own])]);
        let mut known = BTreeSet::new();
        let actions = self.actions.iter().filter(|action| known.insert(**action));
        let change = |(place, action): (usize, &&str)| Change {
            identifiers: identifiers.clone(),
            ..Change::live(person, self.asks_for(action, place == 0, format), reading.now)
        };
        Ok(actions.enumerate().map(change).collect())
    }

    fn asks_for(&self, action: &str, is_first: bool, format: &EeConnectFormat) -> Fact {
        let mut details =
            Map::from_iter([(ACTION.to_owned(), json!(action)), ("platform".to_owned(), json!(format.platform))]);
        if is_first {
            details.insert(REFERENCE.to_owned(), json!(self.reference));
        }
        let event = REWARD_REQUESTED.parse().expect("a name of an event");
        Fact::Happened { event, id: self.id(action), details: Details(details) }
    }

    /// The same however often it is asked for. The person is no part of it: what is told once is told once of each.
    fn id(&self, action: &str) -> EventId {
        let digest = Sha256::new().chain_update(self.reference).chain_update([0]).chain_update(action).finalize();
        hex::encode(digest).parse().expect("hexadecimal digits are a slug")
    }
}

fn flaw(path: &str, reason: &str) -> Flaw {
    Flaw { path: path.to_owned(), reason: reason.to_owned() }
}
