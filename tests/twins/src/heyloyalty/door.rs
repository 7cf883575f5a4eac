//! The side door over HTTP; see the table in the parent module.

use std::collections::BTreeMap;

use axum::Json;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::faults::{Fault, SeededFaults};
use super::handle::{HeyloyaltyTwin, Refused};
use super::model::{SeedList, SeedMember};
use super::switches::Switches;
use super::webhooks::WebhookSetup;

/// A hundred thousand members in one body.
const BODY_LIMIT: usize = 256 * 1024 * 1024;

type Twin = State<HeyloyaltyTwin>;

pub(super) fn router(twin: HeyloyaltyTwin) -> Router {
    Router::new()
        .route("/lists", get(lists).post(seed_list))
        .route("/lists/{list}", get(list))
        .route("/lists/{list}/fields/{name}", delete(remove_field))
        .route("/lists/{list}/members", get(members).post(seed_members))
        .route("/lists/{list}/members/{id}", get(member))
        .route("/lists/{list}/members/{id}/{deed}", post(member_deed))
        .route("/lists/{list}/subscribe", post(subscribe))
        .route("/switches", get(switches).put(set_switches).patch(patch_switches))
        .route("/accounts/{key}", put(set_account).delete(remove_account))
        .route("/clock", get(clock).put(set_clock))
        .route("/counters", get(counters).delete(reset_counters))
        .route("/mailbox", get(mailbox).delete(clear_mailbox))
        .route("/unexpected", get(unexpected).delete(clear_unexpected))
        .route("/imports", get(imports))
        .route("/imports/apply", post(apply_imports))
        .route("/faults", get(faults).post(push_fault).delete(clear_faults))
        .route("/faults/seeded", put(seed_faults))
        .route("/webhooks", get(webhooks))
        .route("/webhooks/deliveries", get(deliveries))
        .route("/webhooks/settled", post(settled))
        .route("/webhooks/{id}", put(set_up_webhook))
        .route("/webhooks/{id}/test", post(test_webhook))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(twin)
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": self.to_string() }));
        (StatusCode::BAD_REQUEST, body).into_response()
    }
}

fn done(there: bool) -> StatusCode {
    if there { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

fn shown<T: Serialize>(found: Option<T>) -> Response {
    match found {
        Some(found) => Json(found).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
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

async fn switches(State(twin): Twin) -> impl IntoResponse {
    Json(twin.switches())
}

async fn set_switches(State(twin): Twin, Json(switches): Json<Switches>) -> StatusCode {
    twin.set_switches(switches);
    done(true)
}

async fn patch_switches(State(twin): Twin, Json(part): Json<Map<String, Value>>) -> Response {
    let mut whole = json!(twin.switches());
    if let Some(whole) = whole.as_object_mut() {
        whole.extend(part);
    }
    match serde_json::from_value(whole) {
        Ok(switches) => {
            twin.set_switches(switches);
            done(true).into_response()
        }
        Err(error) => {
            let body = Json(json!({ "error": error.to_string() }));
            (StatusCode::BAD_REQUEST, body).into_response()
        }
    }
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

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ClockChange {
    Now(Timestamp),
    AdvanceSeconds(i64),
    Machine,
}

async fn clock(State(twin): Twin) -> impl IntoResponse {
    Json(json!({ "now": twin.clock().now() }))
}

async fn set_clock(State(twin): Twin, Json(change): Json<ClockChange>) -> StatusCode {
    match change {
        ClockChange::Now(now) => twin.clock().set(now),
        ClockChange::AdvanceSeconds(by) => twin.clock().advance(SignedDuration::from_secs(by)),
        ClockChange::Machine => twin.clock().follow_machine(),
    }
    done(true)
}

async fn counters(State(twin): Twin) -> impl IntoResponse {
    Json(twin.counters())
}

async fn reset_counters(State(twin): Twin) -> StatusCode {
    twin.reset_counters();
    done(true)
}

async fn mailbox(State(twin): Twin) -> impl IntoResponse {
    Json(twin.mailbox())
}

async fn clear_mailbox(State(twin): Twin) -> StatusCode {
    twin.clear_mailbox();
    done(true)
}

async fn unexpected(State(twin): Twin) -> impl IntoResponse {
    Json(twin.unexpected())
}

async fn clear_unexpected(State(twin): Twin) -> StatusCode {
    twin.clear_unexpected();
    done(true)
}

async fn imports(State(twin): Twin) -> impl IntoResponse {
    Json(twin.pending_imports())
}

async fn apply_imports(State(twin): Twin) -> impl IntoResponse {
    Json(json!({ "applied": twin.apply_imports() }))
}

async fn faults(State(twin): Twin) -> impl IntoResponse {
    Json(twin.scripted_faults())
}

async fn push_fault(State(twin): Twin, Json(fault): Json<Fault>) -> StatusCode {
    twin.push_fault(fault);
    done(true)
}

async fn clear_faults(State(twin): Twin) -> StatusCode {
    twin.clear_faults();
    done(true)
}

async fn seed_faults(State(twin): Twin, Json(seeded): Json<SeededFaults>) -> StatusCode {
    twin.seed_faults(seeded);
    done(true)
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
