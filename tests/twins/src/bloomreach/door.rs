//! The side door over HTTP; see the table in the parent module.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::{Permission, PrivateKey};
use super::handle::BloomreachTwin;
use super::model::Ids;
use super::webhooks::{SeedWebhook, WebhookCall};
use crate::door::{done, shown};

type Twin = State<BloomreachTwin>;

pub(super) fn routes() -> Router<BloomreachTwin> {
    Router::new()
        .route("/people", get(people))
        .route("/people/{registered}", get(person).put(seed_person).delete(remove_person))
        .route("/people/{registered}/properties/{name}", put(set_property))
        .route("/people/{registered}/refusal", put(refuse))
        .route("/refusals", delete(clear_refusals))
        .route("/customers/find", post(customer))
        .route("/events", get(events).delete(clear_events))
        .route("/keys/{id}", put(set_key).delete(remove_key))
        .route("/tokens/{token}", put(set_token).delete(remove_token))
        .route("/webhooks", get(webhooks).post(add_webhook))
        .route("/webhooks/settled", post(settled))
        .route("/webhooks/{id}/calls", post(call_webhook))
        .route("/webhooks/{id}/resume", post(resume_webhook))
        .route("/attempts", get(attempts).delete(clear_attempts))
}

async fn people(State(twin): Twin) -> impl IntoResponse {
    Json(twin.people())
}

async fn person(State(twin): Twin, Path(registered): Path<String>) -> Response {
    shown(twin.person(&registered))
}

async fn seed_person(State(twin): Twin, Path(registered): Path<String>) -> StatusCode {
    twin.seed_person(&registered);
    done(true)
}

async fn remove_person(State(twin): Twin, Path(registered): Path<String>) -> StatusCode {
    done(twin.remove_person(&registered))
}

async fn set_property(
    State(twin): Twin,
    Path((registered, name)): Path<(String, String)>,
    Json(value): Json<Value>,
) -> StatusCode {
    done(twin.set_property(&registered, &name, value))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    sentence: String,
}

async fn refuse(State(twin): Twin, Path(registered): Path<String>, Json(refusal): Json<Refusal>) -> StatusCode {
    twin.refuse(&registered, &refusal.sentence);
    done(true)
}

async fn clear_refusals(State(twin): Twin) -> StatusCode {
    twin.clear_refusals();
    done(true)
}

async fn customer(State(twin): Twin, Json(ids): Json<Ids>) -> Response {
    shown(twin.customer_of_ids(&ids))
}

async fn events(State(twin): Twin) -> impl IntoResponse {
    Json(twin.events())
}

async fn clear_events(State(twin): Twin) -> StatusCode {
    twin.clear_events();
    done(true)
}

async fn set_key(State(twin): Twin, Path(id): Path<String>, Json(key): Json<PrivateKey>) -> StatusCode {
    twin.set_key(&id, key);
    done(true)
}

async fn remove_key(State(twin): Twin, Path(id): Path<String>) -> StatusCode {
    done(twin.remove_key(&id))
}

async fn set_token(
    State(twin): Twin,
    Path(token): Path<String>,
    Json(permissions): Json<BTreeSet<Permission>>,
) -> StatusCode {
    twin.set_token(&token, permissions);
    done(true)
}

async fn remove_token(State(twin): Twin, Path(token): Path<String>) -> StatusCode {
    done(twin.remove_token(&token))
}

async fn webhooks(State(twin): Twin) -> impl IntoResponse {
    Json(twin.webhooks())
}

async fn add_webhook(State(twin): Twin, Json(seed): Json<SeedWebhook>) -> Json<Value> {
    Json(json!({ "id": twin.add_webhook(seed) }))
}

async fn call_webhook(State(twin): Twin, Path(id): Path<u64>, Json(calls): Json<Vec<WebhookCall>>) -> StatusCode {
    done(twin.call_webhook(id, calls))
}

async fn resume_webhook(State(twin): Twin, Path(id): Path<u64>) -> StatusCode {
    done(twin.resume_webhook(id))
}

async fn settled(State(twin): Twin) -> StatusCode {
    twin.webhooks_settled().await;
    done(true)
}

async fn attempts(State(twin): Twin) -> impl IntoResponse {
    Json(twin.attempts())
}

async fn clear_attempts(State(twin): Twin) -> StatusCode {
    twin.clear_attempts();
    done(true)
}
