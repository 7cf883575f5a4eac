//! The side door over HTTP; see the table in the parent module.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::handle::BrazeTwin;
use super::model::{EventView, ProfileView, PurchaseView, SeedProfile};
use super::webhooks::{Attempt, SeedWebhook};
use crate::door::{done, shown};
use crate::twin::Refused;

type Twin = State<BrazeTwin>;

pub(super) fn routes() -> Router<BrazeTwin> {
    Router::new()
        .route("/people", get(people))
        .route("/people/{external_id}", get(person).put(seed_person).delete(remove_person))
        .route("/profiles", get(profiles).post(seed_profile))
        .route("/events", get(events))
        .route("/purchases", get(purchases))
        .route("/queue", get(queued))
        .route("/queue/apply", post(apply_queued))
        .route("/keys/{key}", put(add_key).delete(revoke_key))
        .route("/banned/{external_id}", put(ban).delete(unban))
        .route("/webhooks", post(seed_webhook))
        .route("/webhooks/attempts", get(attempts))
        .route("/webhooks/settled", post(settled))
        .route("/webhooks/{id}/fire", post(fire))
}

async fn people(State(twin): Twin) -> Json<BTreeMap<String, ProfileView>> {
    Json(twin.people())
}

async fn person(State(twin): Twin, Path(external_id): Path<String>) -> Response {
    shown(twin.person(&external_id))
}

async fn seed_person(State(twin): Twin, Path(external_id): Path<String>) -> StatusCode {
    twin.seed_person(&external_id);
    done(true)
}

async fn remove_person(State(twin): Twin, Path(external_id): Path<String>) -> StatusCode {
    done(twin.remove_person(&external_id))
}

async fn profiles(State(twin): Twin) -> Json<Vec<ProfileView>> {
    Json(twin.profiles())
}

async fn seed_profile(State(twin): Twin, Json(seed): Json<SeedProfile>) -> Result<Json<Value>, Refused> {
    let id = twin.seed_profile(seed)?;
    Ok(Json(json!({ "braze_id": id })))
}

async fn events(State(twin): Twin) -> Json<Vec<EventView>> {
    Json(twin.events())
}

async fn purchases(State(twin): Twin) -> Json<Vec<PurchaseView>> {
    Json(twin.purchases())
}

async fn queued(State(twin): Twin) -> impl IntoResponse {
    Json(twin.queued())
}

async fn apply_queued(State(twin): Twin) -> impl IntoResponse {
    Json(json!({ "applied": twin.apply_queued() }))
}

async fn add_key(State(twin): Twin, Path(key): Path<String>, Json(permissions): Json<Vec<String>>) -> StatusCode {
    let permissions: Vec<&str> = permissions.iter().map(String::as_str).collect();
    twin.add_key(&key, &permissions);
    done(true)
}

async fn revoke_key(State(twin): Twin, Path(key): Path<String>) -> StatusCode {
    done(twin.revoke_key(&key))
}

async fn ban(State(twin): Twin, Path(external_id): Path<String>) -> StatusCode {
    twin.ban(&external_id);
    done(true)
}

async fn unban(State(twin): Twin, Path(external_id): Path<String>) -> StatusCode {
    done(twin.unban(&external_id))
}

async fn seed_webhook(State(twin): Twin, Json(seed): Json<SeedWebhook>) -> Result<StatusCode, Refused> {
    twin.seed_webhook(seed)?;
    Ok(done(true))
}

async fn fire(State(twin): Twin, Path(id): Path<String>, Json(people): Json<Vec<String>>) -> StatusCode {
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    done(twin.fire(&id, &people))
}

async fn attempts(State(twin): Twin) -> Json<Vec<Attempt>> {
    Json(twin.attempts())
}

async fn settled(State(twin): Twin) -> StatusCode {
    twin.webhooks_settled().await;
    done(true)
}
