//! How bodies are stored: a byte that says the format, then the same JSON as the embedded store's, deflated.
//!
//! DynamoDB bills a write by the kilobyte of the whole item, so that a row with its standings should stay
//! below one. Measured on a row of the example data with five memberships, three attributes and a receipt:
//! 1,570 bytes of JSON become 660, and with keys and numbers an item of 708 (`tests/it/aws` holds it below
//! 900). CBOR with field names takes 1,280 bytes, deflated three hundredths less than JSON; formats without
//! names cannot leave a field out, and one added later shifts all others. So it stays the JSON that the
//! embedded store has: what repeats most, names and days and audiences, is what deflate takes out.

use std::io::{Read, Write};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ports::{PortError, PortResult};

/// The format that this program writes; it refuses a greater one.
pub(super) const FORMAT: u8 = 1;

/// A body to be stored.
pub(super) struct Body {
    /// The attribute.
    pub(super) value: AttributeValue,
    /// Bytes of its JSON, by which a row's growth is measured: the same limit as in the embedded store.
    pub(super) json_bytes: usize,
}

pub(super) fn encode<T: Serialize>(store: &'static str, value: &T) -> PortResult<Body> {
    let json = serde_json::to_vec(value).map_err(|error| damaged(store, "a body", &place_of(&error)))?;
    let mut encoder = DeflateEncoder::new(vec![FORMAT], Compression::default());
    let stored = encoder.write_all(&json).and_then(|()| encoder.finish());
    let stored = stored.map_err(|error| damaged(store, "a body", &error.to_string()))?;
    Ok(Body { value: AttributeValue::B(Blob::new(stored)), json_bytes: json.len() })
}

/// Reads a body. `what` names it in the error, which never quotes it.
pub(super) fn decode<T: DeserializeOwned>(store: &'static str, what: &str, value: &AttributeValue) -> PortResult<T> {
    let json = inflate(store, what, value)?;
    serde_json::from_slice(&json).map_err(|error| damaged(store, what, &place_of(&error)))
}

/// A body's JSON.
pub(super) fn inflate(store: &'static str, what: &str, value: &AttributeValue) -> PortResult<Vec<u8>> {
    let bytes = value.as_b().map_err(|_| damaged(store, what, "it is not binary"))?.as_ref();
    let Some((format, deflated)) = bytes.split_first() else { return Err(damaged(store, what, "it is empty")) };
    if *format > FORMAT {
        let why = format!("its stored format {format} is newer than the {FORMAT} that this program reads");
        return Err(damaged(store, what, &why));
    }
    let mut json = Vec::new();
    DeflateDecoder::new(deflated).read_to_end(&mut json).map_err(|_| damaged(store, what, "it is cut or damaged"))?;
    Ok(json)
}

pub(super) fn damaged(store: &'static str, what: &str, why: &str) -> PortError {
    PortError::Unreadable { store, what: format!("{what}: {why}") }
}

/// Where JSON is wrong: the library's own message may quote what it read.
pub(super) fn place_of(error: &serde_json::Error) -> String {
    format!("its JSON is not as expected at line {} column {}", error.line(), error.column())
}
