//! A request's body: received up to a limit, and of which form it is.

use std::time::Duration;

use axum::body::Body;
use futures::StreamExt;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use muster::model::{Source, SourceAuthentication, SourceFormat};
use muster::sources::cloudevents::Headers;
use muster::sources::{Encoding, Form};

use crate::problem::Problem;

/// A body that takes longer to arrive is given up, or slow senders would hold all places.
const ARRIVAL: Duration = Duration::from_secs(30);

/// Receives a body of at most `limit` bytes.
pub(crate) async fn receive(headers: &HeaderMap, body: Body, limit: usize) -> Result<Vec<u8>, Problem> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|announced| announced > limit) {
        return Err(too_long(limit));
    }
    let collect = async {
        let mut bytes = Vec::with_capacity(announced.unwrap_or_default());
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| Problem::bad_request("the body broke off"))?;
            if bytes.len() + chunk.len() > limit {
                return Err(too_long(limit));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    };
    tokio::time::timeout(ARRIVAL, collect).await.map_err(|_| Problem::timeout())?
}

fn too_long(limit: usize) -> Problem {
    let what = format!("a request has at most {} MB as received", limit / 1024 / 1024);
    Problem::too_large(&what, limit as u64, "bytes")
}

/// How the body is packed.
pub(crate) fn encoding(headers: &HeaderMap) -> Result<Encoding, Problem> {
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    match (encodings.next().map(|name| name.as_bytes().trim_ascii().to_ascii_lowercase()), encodings.next()) {
        (None, _) => Ok(Encoding::Identity),
        (Some(name), None) if name == b"identity" => Ok(Encoding::Identity),
        (Some(name), None) if name == b"gzip" => Ok(Encoding::Gzip),
        (Some(_), _) => Err(Problem::unsupported("the Content-Encoding must be gzip or identity")),
    }
}

/// Of which form the body is.
pub(crate) fn form(headers: &HeaderMap, source: &Source) -> Result<Form, Problem> {
    let media_type = text(headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => match text(headers, "ce-specversion") {
            None => Ok(Form::Json),
            Some(specversion) => binary(headers, &source.authentication, specversion),
        },
        "application/x-ndjson" | "application/ndjson" => Ok(Form::Lines),
        "application/cloudevents+json" => Ok(Form::CloudEvent),
        "application/cloudevents-batch+json" => Ok(Form::CloudEventBatch),
        // A template may send any, and the body tells what it is.
        _ if source.format != SourceFormat::Muster => Ok(Form::Json),
        _ => Err(Problem::unsupported(
            "the Content-Type must be application/json, application/x-ndjson, application/cloudevents+json or \
             application/cloudevents-batch+json",
        )),
    }
}

fn binary(headers: &HeaderMap, method: &SourceAuthentication, specversion: String) -> Result<Form, Problem> {
    match method {
        // A captured request could be sent again with another type, and the signature would still be good.
        SourceAuthentication::StandardWebhooks => Err(Problem::unsupported(
            "the signature does not cover ce- headers; send the event in structured mode, as \
             application/cloudevents+json",
        )),
        SourceAuthentication::Header { .. } | SourceAuthentication::OAuth2 { .. } => {
            Ok(Form::CloudEventBinary(Headers {
                specversion,
                id: text(headers, "ce-id"),
                source: text(headers, "ce-source"),
                kind: text(headers, "ce-type"),
                time: text(headers, "ce-time"),
            }))
        }
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
