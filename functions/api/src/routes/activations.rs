//! Activations and what is done with them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use muster::control::{
    ActivationChange, ActivationView, Labels, NewActivation, Page, Preview, PreviewQuery, SignalLogin,
};
use muster::destination::Checked;
use muster::model::{ActivationId, Job, JobKind, ReconcileMode, Replay};
use schemars::JsonSchema;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Answer, created};
use crate::extract::{Asked, Body, ListQuery, Named};
use crate::{Api, Problem};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_activations, create_activation))
        .routes(routes!(get_activation, change_activation, remove_activation))
        .routes(routes!(check_activation))
        .routes(routes!(preview))
        .routes(routes!(activate))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(catch_up))
        .routes(routes!(resync))
        .routes(routes!(replay))
        .routes(routes!(reconcile))
        .routes(routes!(set_signal_login))
}

/// What is to become of what stands at the vendor.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Removal {
    /// Whether labels at the vendor shall say that the audiences were removed; must be given.
    relabel: bool,
}

/// Activations in the order of their ids, removed ones too.
#[utoipa::path(get, path = "/v1/activations", tag = "activations", params(ListQuery),
    responses((status = 200, description = "A part of the list", body = ref("#/components/schemas/PageOfActivation"))))]
async fn list_activations(State(api): State<Arc<Api>>, Asked(part): Asked<ListQuery>) -> Answer<Page<ActivationView>> {
    Ok(Json(api.control.activations(&part.into()).await?))
}

/// Makes a draft.
#[utoipa::path(post, path = "/v1/activations", tag = "activations",
    request_body(content = ref("#/components/schemas/NewActivation"), content_type = "application/json"),
    responses((status = 201, description = "Made", body = ref("#/components/schemas/Activation"))))]
async fn create_activation(State(api): State<Arc<Api>>, Body(new): Body<NewActivation>) -> Result<Response, Problem> {
    let view = ActivationView::from(api.control.create_activation(new).await?);
    Ok(created(&["activations", view.id.as_str()], &view))
}

/// One activation.
#[utoipa::path(get, path = "/v1/activations/{activation}", tag = "activations", params(("activation" = String, Path)),
    responses((status = 200, description = "The activation", body = ref("#/components/schemas/Activation"))))]
async fn get_activation(State(api): State<Arc<Api>>, Named(id): Named<ActivationId>) -> Answer<ActivationView> {
    Ok(Json(api.control.activation(&id).await?.into()))
}

/// Changes an activation: what is absent stays.
#[utoipa::path(patch, path = "/v1/activations/{activation}", tag = "activations", params(("activation" = String, Path)),
    request_body(content = ref("#/components/schemas/ActivationChange"), content_type = "application/json"),
    responses((status = 200, description = "The activation", body = ref("#/components/schemas/Activation"))))]
async fn change_activation(
    State(api): State<Arc<Api>>,
    Named(id): Named<ActivationId>,
    Body(change): Body<ActivationChange>,
) -> Answer<ActivationView> {
    Ok(Json(api.control.change_activation(&id, &change).await?.into()))
}

/// Takes an activation away.
#[utoipa::path(delete, path = "/v1/activations/{activation}", tag = "activations",
    params(("activation" = String, Path), Removal),
    responses((status = 200, description = "The activation", body = ref("#/components/schemas/Activation"))))]
async fn remove_activation(
    State(api): State<Arc<Api>>,
    Named(id): Named<ActivationId>,
    Asked(Removal { relabel }): Asked<Removal>,
) -> Answer<ActivationView> {
    let labels = if relabel { Labels::Relabel } else { Labels::Keep };
    Ok(Json(api.control.remove_activation(&id, labels).await?.into()))
}

/// Tries the credentials, the settings and each permission, changing nothing.
#[utoipa::path(post, path = "/v1/activations/{activation}/check", tag = "activations",
    params(("activation" = String, Path)),
    responses((status = 200, description = "What was found", body = ref("#/components/schemas/Checked"))))]
async fn check_activation(State(api): State<Arc<Api>>, Named(id): Named<ActivationId>) -> Answer<Checked> {
    Ok(Json(api.control.check_activation(&id).await?))
}

/// Shows the requests that would be sent of some people now, and of whoever would not be sent the reason. Nothing is
/// sent that changes anything, and nothing is written; the vendor is asked what must be known to decide. The answer holds
/// personal data.
#[utoipa::path(post, path = "/v1/activations/{activation}/preview", tag = "activations",
    params(("activation" = String, Path)),
    request_body(content = ref("#/components/schemas/PreviewQuery"), content_type = "application/json"),
    responses((status = 200, description = "What would be sent", body = ref("#/components/schemas/Preview"))))]
async fn preview(
    State(api): State<Arc<Api>>,
    Named(id): Named<ActivationId>,
    Body(query): Body<PreviewQuery>,
) -> Answer<Preview> {
    Ok(Json(api.control.preview(&id, &query).await?))
}

/// Starts a draft: the vendor's side is prepared, then everybody already there is sent.
#[utoipa::path(post, path = "/v1/activations/{activation}/activate", tag = "activations",
    params(("activation" = String, Path)),
    responses((status = 200, description = "The activation", body = ref("#/components/schemas/Activation"))))]
async fn activate(State(api): State<Arc<Api>>, Named(id): Named<ActivationId>) -> Answer<ActivationView> {
    Ok(Json(api.control.activate(&id).await?.into()))
}

/// Stops sending; what is pending remains so.
#[utoipa::path(post, path = "/v1/activations/{activation}/pause", tag = "activations",
    params(("activation" = String, Path)),
    responses((status = 200, description = "The activation", body = ref("#/components/schemas/Activation"))))]
async fn pause(State(api): State<Arc<Api>>, Named(id): Named<ActivationId>) -> Answer<ActivationView> {
    Ok(Json(api.control.pause(&id).await?.into()))
}

/// Goes on after a pause or a failure with whoever is pending.
#[utoipa::path(post, path = "/v1/activations/{activation}/resume", tag = "activations",
    params(("activation" = String, Path)),
    responses((status = 200, description = "The activation", body = ref("#/components/schemas/Activation"))))]
async fn resume(State(api): State<Arc<Api>>, Named(id): Named<ActivationId>) -> Answer<ActivationView> {
    Ok(Json(api.control.resume(&id).await?.into()))
}

async fn walk(api: &Api, id: &ActivationId, kind: JobKind) -> Result<(StatusCode, Json<Job>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(api.control.walk(id, kind).await?)))
}

/// Walks for whoever is pending, or was kept back for a reason that may have changed at the vendor.
#[utoipa::path(post, path = "/v1/activations/{activation}/catch-up", tag = "activations",
    params(("activation" = String, Path)),
    responses((status = 202, description = "The walk", body = ref("#/components/schemas/Job"))))]
async fn catch_up(
    State(api): State<Arc<Api>>,
    Named(id): Named<ActivationId>,
) -> Result<(StatusCode, Json<Job>), Problem> {
    walk(&api, &id, JobKind::CatchUp).await
}

/// Sends everybody again, whatever the receipts say.
#[utoipa::path(post, path = "/v1/activations/{activation}/resync", tag = "activations",
    params(("activation" = String, Path)),
    responses((status = 202, description = "The walk", body = ref("#/components/schemas/Job"))))]
async fn resync(
    State(api): State<Arc<Api>>,
    Named(id): Named<ActivationId>,
) -> Result<(StatusCode, Json<Job>), Problem> {
    walk(&api, &id, JobKind::Resync).await
}

/// Sends again whoever a filter picks: by how and when a record ended, its reason, an audience, a person.
#[utoipa::path(post, path = "/v1/activations/{activation}/replay", tag = "activations",
    params(("activation" = String, Path)),
    request_body(content = ref("#/components/schemas/Replay"), content_type = "application/json"),
    responses((status = 202, description = "The walk", body = ref("#/components/schemas/Job"))))]
async fn replay(
    State(api): State<Arc<Api>>,
    Named(id): Named<ActivationId>,
    Body(filter): Body<Replay>,
) -> Result<(StatusCode, Json<Job>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(api.control.replay(&id, filter).await?)))
}

/// What a comparison is for.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reconcile {
    /// To know, or to put right.
    mode: ReconcileMode,
}

/// Compares people at rest with what the vendor shows, where it can be read back; `repair` sends again who differs, and
/// nobody else. What was found is in the walk.
#[utoipa::path(post, path = "/v1/activations/{activation}/reconcile", tag = "activations",
    params(("activation" = String, Path)),
    request_body(content = ref("#/components/schemas/Reconcile"), content_type = "application/json"),
    responses((status = 202, description = "The walk", body = ref("#/components/schemas/Job"))))]
async fn reconcile(
    State(api): State<Arc<Api>>,
    Named(id): Named<ActivationId>,
    Body(Reconcile { mode }): Body<Reconcile>,
) -> Result<(StatusCode, Json<Job>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(api.control.reconcile(&id, mode).await?)))
}

/// Sets the login that the vendor's own webhooks to `/v1/signals/{activation}` must bear (HTTP Basic).
#[utoipa::path(put, path = "/v1/activations/{activation}/signal", tag = "activations",
    params(("activation" = String, Path)),
    request_body(content = ref("#/components/schemas/SignalLogin"), content_type = "application/json"),
    responses((status = 204, description = "The login is set")))]
async fn set_signal_login(
    State(api): State<Arc<Api>>,
    Named(id): Named<ActivationId>,
    Body(login): Body<SignalLogin>,
) -> Result<StatusCode, Problem> {
    api.control.set_signal_login(&id, &login).await?;
    Ok(StatusCode::NO_CONTENT)
}
