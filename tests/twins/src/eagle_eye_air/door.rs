//! The side door over HTTP; see the table in the parent module.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::envelope::Emitted;
use super::handle::EagleEyeAirTwin;
use super::happen::HappensNow;
use super::model::{SeedCampaign, SeedWallet, Standing};
use super::post::Subscription;
use crate::door::{done, shown};
use crate::twin::Refused;

type Twin = State<EagleEyeAirTwin>;

pub(super) fn routes() -> Router<EagleEyeAirTwin> {
    Router::new()
        .route("/clients/{client}", put(set_client).delete(remove_client))
        .route("/wallets", get(wallets).post(seed_wallet))
        .route("/wallets/{wallet}", get(wallet))
        .route("/wallets/{wallet}/standing", put(set_standing))
        .route("/campaigns", put(seed_campaign))
        .route("/rewards", get(rewards))
        .route("/subscriptions", get(subscriptions).post(subscribe))
        .route("/subscriptions/{subscription}", axum::routing::delete(unsubscribe))
        .route("/events", get(events).post(happen).delete(clear_events))
        .route("/events/raw", post(emit))
        .route("/events/settled", post(settled))
        .route("/attempts", get(attempts))
        .route("/dead-letters", get(dead_letters))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Client {
    secret: String,
}

async fn set_client(State(twin): Twin, Path(id): Path<String>, Json(client): Json<Client>) -> StatusCode {
    twin.set_client(&id, &client.secret);
    done(true)
}

async fn remove_client(State(twin): Twin, Path(id): Path<String>) -> StatusCode {
    twin.remove_client(&id);
    done(true)
}

async fn wallets(State(twin): Twin) -> impl IntoResponse {
    Json(twin.wallets())
}

async fn seed_wallet(State(twin): Twin, Json(seed): Json<SeedWallet>) -> Result<Json<Value>, Refused> {
    let id = twin.seed_wallet(&seed)?;
    Ok(Json(json!({ "wallet_id": id })))
}

async fn wallet(State(twin): Twin, Path(wallet): Path<String>) -> Response {
    shown(twin.wallet(&wallet))
}

async fn set_standing(State(twin): Twin, Path(wallet): Path<String>, Json(standing): Json<Standing>) -> StatusCode {
    done(twin.set_standing(&wallet, standing))
}

async fn seed_campaign(State(twin): Twin, Json(seed): Json<SeedCampaign>) -> StatusCode {
    twin.seed_campaign(seed);
    done(true)
}

async fn rewards(State(twin): Twin) -> impl IntoResponse {
    Json(twin.rewards())
}

async fn subscriptions(State(twin): Twin) -> impl IntoResponse {
    Json(twin.subscriptions())
}

async fn subscribe(State(twin): Twin, Json(subscription): Json<Subscription>) -> impl IntoResponse {
    Json(json!({ "subscription": twin.subscribe(subscription) }))
}

async fn unsubscribe(State(twin): Twin, Path(subscription): Path<u64>) -> StatusCode {
    done(twin.unsubscribe(subscription))
}

async fn events(State(twin): Twin) -> impl IntoResponse {
    Json(twin.events())
}

async fn happen(State(twin): Twin, Json(deed): Json<HappensNow>) -> Result<Json<Emitted>, Refused> {
    Ok(Json(twin.happen(&deed)?))
}

async fn clear_events(State(twin): Twin) -> StatusCode {
    twin.clear_events();
    done(true)
}

async fn emit(State(twin): Twin, Json(body): Json<Value>) -> impl IntoResponse {
    Json(twin.emit(body))
}

async fn settled(State(twin): Twin) -> StatusCode {
    twin.events_settled().await;
    done(true)
}

async fn attempts(State(twin): Twin) -> impl IntoResponse {
    Json(twin.attempts())
}

async fn dead_letters(State(twin): Twin) -> impl IntoResponse {
    Json(twin.dead_letters())
}
