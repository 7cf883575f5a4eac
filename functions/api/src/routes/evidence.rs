//! What became of people.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use muster::control::reasons::{DEFAULT_SAMPLES, MOST_PEOPLE};
use muster::control::{AccountingView, Kept, KeptRecord, Page, PersonEvidence, PersonQuery, ReasonsPart, ReasonsView};
use muster::model::{ActivationId, Job};
use serde::Deserialize;
use utoipa::IntoParams;
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
        .routes(routes!(list_given_up))
        .routes(routes!(count_reasons))
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

/// Records that are parked and wait for a replay. A part may be short or empty and still have a next one.
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

/// Records that were parked for longer than the activation's `keep_parked_days`. A part may be short or empty and still
/// have a next one.
#[utoipa::path(get, path = "/v1/activations/{activation}/given-up", tag = "evidence",
    params(("activation" = String, Path), ListQuery),
    responses((status = 200, description = "A part of the list", body = ref("#/components/schemas/PageOfKeptRecord"))))]
async fn list_given_up(
    State(api): State<Arc<Api>>,
    Named(id): Named<ActivationId>,
    Asked(part): Asked<ListQuery>,
) -> Answer<Page<KeptRecord>> {
    kept(&api, &id, Kept::GivenUp, part).await
}

/// Which part of the count of reasons.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ReasonsQuery {
    /// The `next` of the part before.
    #[serde(default)]
    cursor: Option<String>,
    /// Most people looked at for this part, 1 to 20000; 20000 where absent. It may end sooner, to be answered in time.
    #[serde(default)]
    people: Option<u32>,
    /// Most people named for a reason, 0 to 100; 10 where absent.
    #[serde(default)]
    samples: Option<u32>,
}

impl From<ReasonsQuery> for ReasonsPart {
    fn from(ReasonsQuery { cursor, people, samples }: ReasonsQuery) -> Self {
        let of = |asked: Option<u32>, default| asked.map_or(default, |asked| usize::try_from(asked).unwrap_or(default));
        Self { after: cursor, people: of(people, MOST_PEOPLE), samples: of(samples, DEFAULT_SAMPLES) }
    }
}

/// Why records were not delivered: counts by end and reason, with some people each. Counted from the rows in parts:
/// add up the counts of all parts, which follow each other by `next`.
#[utoipa::path(get, path = "/v1/activations/{activation}/reasons", tag = "evidence",
    params(("activation" = String, Path), ReasonsQuery),
    responses((status = 200, description = "A part of the count", body = ref("#/components/schemas/Reasons"))))]
async fn count_reasons(
    State(api): State<Arc<Api>>,
    Named(id): Named<ActivationId>,
    Asked(part): Asked<ReasonsQuery>,
) -> Answer<ReasonsView> {
    Ok(Json(api.control.reasons(&id, &part.into()).await?))
}

/// One person's receipts. The identifier stands in the body, since addresses are logged.
#[utoipa::path(post, path = "/v1/people/lookup", tag = "evidence",
    request_body(content = ref("#/components/schemas/PersonQuery"), content_type = "application/json"),
    responses((status = 200, description = "The receipts", body = ref("#/components/schemas/PersonEvidence"))))]
async fn look_up_person(State(api): State<Arc<Api>>, Body(query): Body<PersonQuery>) -> Answer<PersonEvidence> {
    Ok(Json(api.control.person(&query).await?))
}
