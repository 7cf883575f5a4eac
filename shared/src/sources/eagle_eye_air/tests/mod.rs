mod anything;
mod expiry;
mod rules;
mod samples;
mod values;

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::*;

/// Where tests look: in pounds, with our own triggers known.
const READER: Reader<'static> = Reader {
    currency: Some("GBP"),
    redemptions: Redemptions::Narrow,
    own_references: Some("aud-"),
    own_clients: None,
    read_unknown: false,
};

fn sample(name: &str) -> Json {
    let (_, text) = samples::SAMPLES.iter().find(|(known, _)| *known == name).unwrap();
    serde_json::from_str(text).unwrap()
}

fn read(event: &Json) -> Notification {
    READER.read(event.to_string().as_bytes()).unwrap()
}

/// The news of the only wallet.
fn news(event: &Json) -> WalletNews {
    let mut wallets = read(event).wallets;
    assert_eq!(wallets.len(), 1, "{wallets:?}");
    wallets.remove(0)
}

fn kinds(news: &WalletNews) -> Vec<&'static str> {
    news.happenings.iter().map(|happening| happening.kind.as_str()).collect()
}

/// The operation's object at this place.
fn object(event: &mut Json, index: usize) -> &mut Json {
    &mut event["atomicOperations"][index]["objectValue"]
}

fn operations(event: &mut Json) -> &mut Vec<Json> {
    event["atomicOperations"].as_array_mut().unwrap()
}

fn renamed(mut event: Json, name: &str) -> Json {
    event["headers"]["eventName"] = json!(name);
    event
}

fn properties(news: &WalletNews, kind: Kind) -> Json {
    let happening = news.happenings.iter().find(|happening| happening.kind == kind).unwrap();
    json!(happening.properties)
}
