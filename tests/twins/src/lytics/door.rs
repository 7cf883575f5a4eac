//! The side door over HTTP; see the table in the parent module.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::handle::LyticsTwin;
use super::jobs::{Authorization, SeedJob};
use super::model::{Move, SeedProfile, SeedSegment};
use crate::door::{done, shown};
use crate::twin::Refused;

type Twin = State<LyticsTwin>;

pub(super) fn routes() -> Router<LyticsTwin> {
    Router::new()
        .route("/segments", post(seed_segment))
        .route("/segments/{segment}/members", get(members))
        .route("/profiles", post(seed_profiles))
        .route("/profiles/{key}", get(profile).delete(erase_profile))
        .route("/profiles/{key}/moves", post(move_profile))
        .route("/profiles/{key}/lapse/{segment}", post(lapse))
        .route("/profiles/{key}/fields/{field}", put(set_field))
        .route("/jobs", get(jobs).post(start_job))
        .route("/jobs/{id}", get(job))
        .route("/jobs/{id}/authorization", put(authorize_job))
        .route("/jobs/{id}/{deed}", post(job_deed))
        .route("/attempts", get(attempts).delete(clear_attempts))
        .route("/webhooks/settled", post(settled))
        .route("/tokens/{token}", put(set_token).delete(remove_token))
}

async fn seed_segment(State(twin): Twin, Json(seed): Json<SeedSegment>) -> Result<Json<Value>, Refused> {
    let id = twin.seed_segment(&seed)?;
    Ok(Json(json!({ "id": id })))
}

async fn members(State(twin): Twin, Path(segment): Path<String>) -> impl IntoResponse {
    Json(twin.members(&segment))
}

async fn seed_profiles(State(twin): Twin, Json(seeds): Json<Vec<SeedProfile>>) -> Result<StatusCode, Refused> {
    twin.seed_profiles(&seeds)?;
    Ok(done(true))
}

async fn profile(State(twin): Twin, Path(key): Path<String>) -> Response {
    shown(twin.profile(&key))
}

async fn erase_profile(State(twin): Twin, Path(key): Path<String>) -> StatusCode {
    done(twin.erase_profile(&key))
}

async fn move_profile(State(twin): Twin, Path(key): Path<String>, Json(moves): Json<Vec<Move>>) -> StatusCode {
    done(twin.move_profile(&key, &moves))
}

async fn lapse(State(twin): Twin, Path((key, segment)): Path<(String, String)>) -> StatusCode {
    done(twin.lapse(&key, &segment))
}

async fn set_field(
    State(twin): Twin,
    Path((key, field)): Path<(String, String)>,
    Json(value): Json<Value>,
) -> StatusCode {
    done(twin.set_field(&key, &field, value))
}

async fn jobs(State(twin): Twin) -> impl IntoResponse {
    Json(twin.jobs())
}

async fn start_job(State(twin): Twin, Json(seed): Json<SeedJob>) -> Result<Json<Value>, Refused> {
    let id = twin.start_job(seed)?;
    Ok(Json(json!({ "id": id })))
}

async fn job(State(twin): Twin, Path(id): Path<String>) -> Response {
    shown(twin.job(&id))
}

async fn authorize_job(
    State(twin): Twin,
    Path(id): Path<String>,
    Json(authorization): Json<Authorization>,
) -> StatusCode {
    done(twin.authorize_job(&id, authorization))
}

async fn job_deed(State(twin): Twin, Path((id, deed)): Path<(String, String)>) -> StatusCode {
    done(match deed.as_str() {
        "pause" => twin.pause_job(&id),
        "resume" => twin.resume_job(&id),
        "kill" => twin.kill_job(&id),
        _ => false,
    })
}

async fn attempts(State(twin): Twin) -> impl IntoResponse {
    Json(twin.attempts())
}

async fn clear_attempts(State(twin): Twin) -> StatusCode {
    twin.clear_attempts();
    done(true)
}

async fn settled(State(twin): Twin) -> StatusCode {
    twin.webhooks_settled().await;
    done(true)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

async fn set_token(State(twin): Twin, Path(name): Path<String>, Json(token): Json<Token>) -> StatusCode {
    twin.set_token(&name, token.expires_at);
    done(true)
}

async fn remove_token(State(twin): Twin, Path(name): Path<String>) -> StatusCode {
    twin.remove_token(&name);
    done(true)
}
