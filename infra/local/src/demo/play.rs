//! The demo as a client: everything goes through the routes that an owner and a source use.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use indicatif::{ProgressBar, ProgressStyle};
use muster::ports::Clock;
use muster_twins::heyloyalty::HeyloyaltyTwin;
use serde_json::{Value, json};
use sha2::Sha256;

use super::Talk;
use super::compare::Labels;
use super::events::Expected;
use crate::system::System;

/// Changes of one request.
const BATCH: usize = 1_000;
/// `whsec_` and the base64 of the key that signs.
const KEY: &[u8] = b"the demo's own signing key, 32 b";

pub(super) struct Player {
    url: String,
    token: String,
    client: reqwest::Client,
    clock: Arc<dyn Clock>,
}

impl Player {
    pub(super) fn new(url: &str, token: &str, clock: Arc<dyn Clock>) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the demo speaks to its own server, as a client outside of it")]
        let client = reqwest::Client::new();
        Self { url: url.to_owned(), token: token.to_owned(), client, clock }
    }

    pub(super) async fn call(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, String> {
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.url)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|error| format!("{method} {path}: {error}"))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| format!("{method} {path}: {error}"))?;
        if !status.is_success() {
            return Err(format!("{method} {path} was answered {status}: {text}"));
        }
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Result<Value, String> {
        let body = (!body.is_null()).then_some(&body);
        self.call(reqwest::Method::POST, path, body).await
    }

    pub(super) async fn set_up(
        &self,
        expected: &Expected,
        credentials: (&str, &str),
        list: u64,
        rate: f64,
    ) -> Result<(), String> {
        let secret = format!("whsec_{}", STANDARD.encode(KEY));
        self.post(
            "/v1/sources",
            json!({"id": "cdnow", "name": "CDNOW", "keyed_by": "user_id",
                   "authentication": {"method": "standard_webhooks"}, "secret": secret}),
        )
        .await?;
        let (key, secret) = credentials;
        self.post(
            "/v1/authorizations",
            json!({"id": "demo", "provider": "heyloyalty", "label": "Stand-in",
                   "requests_per_second": rate, "secret": {"api_key": key, "api_secret": secret}}),
        )
        .await?;
        let attributes: Vec<Value> =
            expected.attributes.iter().map(|(attribute, kind)| json!({"attribute": attribute, "type": kind})).collect();
        self.post(
            "/v1/activations",
            json!({"id": "demo", "name": "CDNOW to the newsletter", "source": "cdnow", "destination": "heyloyalty",
                   "authorization": "demo", "settings": {"list_id": list}, "audiences": expected.audiences,
                   "attributes": attributes, "notify": "owner@example.com"}),
        )
        .await?;
        self.post("/v1/activations/demo/activate", Value::Null).await?;
        Ok(())
    }

    /// Sends everything; answers how many changes were accepted, as the 202 answers say it.
    pub(super) async fn send_all(&self, lines: &[&str], talk: Talk) -> Result<u64, String> {
        let bar = bar(talk, lines.len() as u64, "changes sent");
        let mut accepted = 0;
        for (number, batch) in lines.chunks(BATCH).enumerate() {
            let body = batch.join("\n");
            let id = format!("msg_demo_{number}");
            let timestamp = self.clock.now().as_second().to_string();
            let answer = self
                .client
                .post(format!("{}/v1/ingest/cdnow", self.url))
                .header("content-type", "application/x-ndjson")
                .header("webhook-id", &id)
                .header("webhook-timestamp", &timestamp)
                .header("webhook-signature", sign(&id, &timestamp, &body))
                .body(body)
                .send()
                .await
                .map_err(|error| format!("ingest: {error}"))?;
            let status = answer.status();
            let text = answer.text().await.map_err(|error| format!("ingest: {error}"))?;
            if status != reqwest::StatusCode::ACCEPTED {
                return Err(format!("ingest was answered {status}: {text}"));
            }
            let said: Value = serde_json::from_str(&text).map_err(|error| format!("ingest: {error}"))?;
            if let Some(refused) = said["rejected"].as_array().and_then(|rejected| rejected.first()) {
                return Err(format!("ingest refused a change of the events: {refused}"));
            }
            accepted += said["accepted"].as_u64().unwrap_or(0);
            bar.inc(batch.len() as u64);
        }
        bar.finish_and_clear();
        Ok(accepted)
    }

    /// Sends changes of Muster's own form to a source, all of which must be taken.
    pub(super) async fn tell(&self, source: &str, proof: (&str, &str), changes: &Value) -> Result<(), String> {
        let request = self.client.post(format!("{}/v1/ingest/{source}", self.url)).header(proof.0, proof.1);
        let answer = request.json(changes).send().await.map_err(|error| format!("ingest: {error}"))?;
        let status = answer.status();
        let said: Value = answer.json().await.map_err(|error| format!("ingest: {error}"))?;
        let is_whole = said["rejected"].as_array().is_some_and(Vec::is_empty);
        if status.is_success() && is_whole { Ok(()) } else { Err(format!("ingest was answered {status}: {said}")) }
    }

    /// Waits until nothing is under way; answers the accounting, in which nothing should wait any more.
    pub(super) async fn wait_until_quiet(&self, system: &System, talk: Talk) -> Result<Value, String> {
        let bar = bar(talk, 1, "changes delivered");
        loop {
            // Asked first: what is said after a quiet moment is final.
            let quiet = system.embedded.queue().is_quiet().await.map_err(|error| error.to_string())?;
            let view = self.call(reqwest::Method::GET, "/v1/activations/demo/accounting", None).await?;
            let activation = self.call(reqwest::Method::GET, "/v1/activations/demo", None).await?;
            if activation["status"] == "failing" {
                return Err(format!("the activation stopped: {}", activation["why"]));
            }
            let account = &view["account"];
            let count = |name: &str| account[name].as_u64().unwrap_or(0);
            let accepted = count("accepted");
            let left = count("waiting") + count("in_flight");
            bar.set_length(accepted.max(1));
            bar.set_position(accepted - left);
            if quiet {
                bar.finish_and_clear();
                return Ok(account.clone());
            }
            // What changes the answer is a message that comes or goes; looking sooner would only cost.
            let _ =
                tokio::time::timeout(std::time::Duration::from_millis(100), system.embedded.queue().changed()).await;
        }
    }

    /// The list's field of each audience and attribute: the one that bears its name as label.
    pub(super) fn field_names(&self, twin: &HeyloyaltyTwin, list: u64, expected: &Expected) -> Labels {
        let Some(list) = twin.list(list) else { return Labels::new() };
        expected
            .audiences
            .iter()
            .chain(expected.attributes.keys())
            .filter_map(|name| {
                let field = list.fields.iter().find(|field| field.label == *name)?;
                Some((name.clone(), field.name.clone()))
            })
            .collect()
    }
}

fn sign(id: &str, timestamp: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

pub(super) fn bar(talk: Talk, length: u64, what: &'static str) -> ProgressBar {
    if talk == Talk::Quiet {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg} ({elapsed})")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style).with_message(what)
}
