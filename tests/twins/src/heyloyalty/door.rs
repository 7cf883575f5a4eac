//! The side door over HTTP; see the table in the parent module.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::handle::HeyloyaltyTwin;
use super::model::{SeedList, SeedMember};
use super::webhooks::WebhookSetup;
use crate::door::{done, shown};
use crate::twin::Refused;

type Twin = State<HeyloyaltyTwin>;

pub(super) fn routes() -> Router<HeyloyaltyTwin> {
    Router::new()
        .route("/lists", get(lists).post(seed_list))
        .route("/lists/{list}", get(list))
        .route("/lists/{list}/fields/{name}", delete(remove_field))
        .route("/lists/{list}/members", get(members).post(seed_members))
        .route("/lists/{list}/members/{id}", get(member))
        .route("/lists/{list}/members/{id}/{deed}", post(member_deed))
        .route("/lists/{list}/subscribe", post(subscribe))
        .route("/accounts/{key}", put(set_account).delete(remove_account))
        .route("/mailbox", get(mailbox).delete(clear_mailbox))
        .route("/imports", get(imports))
        .route("/imports/apply", post(apply_imports))
        .route("/webhooks", get(webhooks))
        .route("/webhooks/deliveries", get(deliveries))
        .route("/webhooks/settled", post(settled))
        .route("/webhooks/{id}", put(set_up_webhook))
        .route("/webhooks/{id}/test", post(test_webhook))
}

async fn lists(State(twin): Twin) -> impl IntoResponse {
    Json(twin.lists())
}

async fn seed_list(State(twin): Twin, Json(seed): Json<SeedList>) -> Result<Json<Value>, Refused> {
    let id = twin.seed_list(&seed)?;
    Ok(Json(json!({ "id": id })))
}

async fn list(State(twin): Twin, Path(list): Path<u64>) -> Response {
    shown(twin.list(list))
}

async fn remove_field(State(twin): Twin, Path((list, name)): Path<(u64, String)>) -> StatusCode {
    done(twin.remove_field(list, &name))
}

#[derive(Deserialize)]
struct ByEmail {
    email: Option<String>,
}

async fn members(State(twin): Twin, Path(list): Path<u64>, Query(by): Query<ByEmail>) -> impl IntoResponse {
    Json(match by.email {
        Some(email) => twin.members_by_email(list, &email),
        None => twin.members(list),
    })
}

async fn seed_members(
    State(twin): Twin,
    Path(list): Path<u64>,
    Json(seeds): Json<Vec<SeedMember>>,
) -> Result<Json<Vec<String>>, Refused> {
    twin.seed_members(list, &seeds).map(Json)
}

async fn member(State(twin): Twin, Path((list, id)): Path<(u64, String)>) -> Response {
    shown(twin.member(list, &id))
}

async fn member_deed(State(twin): Twin, Path((list, id, deed)): Path<(u64, String, String)>) -> StatusCode {
    done(match deed.as_str() {
        "unsubscribe" => twin.unsubscribe_member(list, &id),
        "resubscribe" => twin.resubscribe_member(list, &id),
        "complain" => twin.complain_member(list, &id),
        "hard-bounce" => twin.hard_bounce_member(list, &id),
        "confirm" => twin.confirm_member(list, &id),
        _ => false,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Subscriber {
    email: String,
    #[serde(default)]
    fields: BTreeMap<String, Value>,
}

async fn subscribe(
    State(twin): Twin,
    Path(list): Path<u64>,
    Json(person): Json<Subscriber>,
) -> Result<Json<Value>, Refused> {
    let id = twin.subscribe_member(list, &person.email, &person.fields)?;
    Ok(Json(json!({ "id": id })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Secret {
    secret: String,
}

async fn set_account(State(twin): Twin, Path(key): Path<String>, Json(account): Json<Secret>) -> StatusCode {
    twin.set_account(&key, &account.secret);
    done(true)
}

async fn remove_account(State(twin): Twin, Path(key): Path<String>) -> StatusCode {
    twin.remove_account(&key);
    done(true)
}

async fn mailbox(State(twin): Twin) -> impl IntoResponse {
    Json(twin.mailbox())
}

async fn clear_mailbox(State(twin): Twin) -> StatusCode {
    twin.clear_mailbox();
    done(true)
}

async fn imports(State(twin): Twin) -> impl IntoResponse {
    Json(twin.pending_imports())
}

async fn apply_imports(State(twin): Twin) -> impl IntoResponse {
    Json(json!({ "applied": twin.apply_imports() }))
}

async fn webhooks(State(twin): Twin) -> impl IntoResponse {
    Json(twin.webhooks())
}

async fn deliveries(State(twin): Twin) -> impl IntoResponse {
    Json(twin.webhook_deliveries())
}

async fn settled(State(twin): Twin) -> StatusCode {
    twin.webhooks_settled().await;
    done(true)
}

async fn set_up_webhook(State(twin): Twin, Path(id): Path<u64>, Json(setup): Json<WebhookSetup>) -> StatusCode {
    done(twin.set_up_webhook(id, setup))
}

async fn test_webhook(State(twin): Twin, Path(id): Path<u64>) -> StatusCode {
    done(twin.test_webhook(id))
}
