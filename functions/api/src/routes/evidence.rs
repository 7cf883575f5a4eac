//! What became of people.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use muster::control::{AccountingView, Kept, KeptRecord, Page, PersonEvidence, PersonQuery};
use muster::model::{ActivationId, Job};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Answer;
use crate::Api;
use crate::extract::{Asked, Body, ListQuery, Named};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_backfills))
        .routes(routes!(accounting))
        .routes(routes!(list_filtered))
        .routes(routes!(list_rejected))
        .routes(routes!(list_parked))
        .routes(routes!(look_up_person))
}

/// An activation's walks with their progress, the newest first.
#[utoipa::path(get, path = "/v1/activations/{activation}/backfills", tag = "evidence",
    params(("activation" = String, Path), ListQuery),
    responses((status = 200, description = "A part of the list", body = ref("#/components/schemas/PageOfJob"))))]
async fn list_backfills(
    State(api): State<Arc<Api>>,
    Named(id): Named<ActivationId>,
    Asked(part): Asked<ListQuery>,
) -> Answer<Page<Job>> {
    Ok(Json(api.control.jobs(&id, &part.into()).await?))
}

/// The accounts of an activation, counted from the rows: it takes a walk over everybody of the source.
#[utoipa::path(get, path = "/v1/activations/{activation}/accounting", tag = "evidence",
    params(("activation" = String, Path)),
    responses((status = 200, description = "The accounts", body = ref("#/components/schemas/AccountingView"))))]
async fn accounting(State(api): State<Arc<Api>>, Named(id): Named<ActivationId>) -> Answer<AccountingView> {
    Ok(Json(api.control.accounting(&id).await?))
}

async fn kept(api: &Api, id: &ActivationId, kept: Kept, part: ListQuery) -> Answer<Page<KeptRecord>> {
    Ok(Json(api.control.kept(id, kept, &part.into()).await?))
}

/// Records that were filtered. A part may be short or empty and still have a next one.
#[utoipa::path(get, path = "/v1/activations/{activation}/filtered", tag = "evidence",
    params(("activation" = String, Path), ListQuery),
    responses((status = 200, description = "A part of the list", body = ref("#/components/schemas/PageOfKeptRecord"))))]
async fn list_filtered(
    State(api): State<Arc<Api>>,
    Named(id): Named<ActivationId>,
    Asked(part): Asked<ListQuery>,
) -> Answer<Page<KeptRecord>> {
    kept(&api, &id, Kept::Filtered, part).await
}

/// Records that were rejected. A part may be short or empty and still have a next one.
#[utoipa::path(get, path = "/v1/activations/{activation}/rejected", tag = "evidence",
    params(("activation" = String, Path), ListQuery),
    responses((status = 200, description = "A part of the list", body = ref("#/components/schemas/PageOfKeptRecord"))))]
async fn list_rejected(
    State(api): State<Arc<Api>>,
    Named(id): Named<ActivationId>,
    Asked(part): Asked<ListQuery>,
) -> Answer<Page<KeptRecord>> {
    kept(&api, &id, Kept::Rejected, part).await
}

/// Records that are parked. A part may be short or empty and still have a next one.
#[utoipa::path(get, path = "/v1/activations/{activation}/parked", tag = "evidence",
    params(("activation" = String, Path), ListQuery),
    responses((status = 200, description = "A part of the list", body = ref("#/components/schemas/PageOfKeptRecord"))))]
async fn list_parked(
    State(api): State<Arc<Api>>,
    Named(id): Named<ActivationId>,
    Asked(part): Asked<ListQuery>,
) -> Answer<Page<KeptRecord>> {
    kept(&api, &id, Kept::Parked, part).await
}

/// One person's receipts. The identifier stands in the body, since addresses are logged.
#[utoipa::path(post, path = "/v1/people/lookup", tag = "evidence",
    request_body(content = ref("#/components/schemas/PersonQuery"), content_type = "application/json"),
    responses((status = 200, description = "The receipts", body = ref("#/components/schemas/PersonEvidence"))))]
async fn look_up_person(State(api): State<Arc<Api>>, Body(query): Body<PersonQuery>) -> Answer<PersonEvidence> {
    Ok(Json(api.control.person(&query).await?))
}
