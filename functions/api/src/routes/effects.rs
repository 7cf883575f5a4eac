//! Effects: those that nobody knows about, and an owner's word on them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use muster::control::{EffectView, EffectWord, InsidersQuery, InsidersWord, Page};
use muster::model::{ActivationId, Job};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Answer;
use crate::Api;
use crate::extract::{Asked, Body, ListQuery, Named};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_effects))
        .routes(routes!(settle_effect))
        .routes(routes!(count_insiders))
        .routes(routes!(confirm_insiders))
}

/// Effects of which nobody knows whether they happened, and those that wait for a person to settle them. A part
/// may be short or empty and still have a next one.
#[utoipa::path(get, path = "/v1/activations/{activation}/effects", tag = "effects",
    params(("activation" = String, Path), ListQuery),
    responses((status = 200, description = "A part of the list", body = ref("#/components/schemas/PageOfEffect"))))]
async fn list_effects(
    State(api): State<Arc<Api>>,
    Named(id): Named<ActivationId>,
    Asked(part): Asked<ListQuery>,
) -> Answer<Page<EffectView>> {
    Ok(Json(api.control.effects(&id, &part.into()).await?))
}

/// Says of an effect that it happened, that it shall be tried again, or that it is given up.
#[utoipa::path(post, path = "/v1/activations/{activation}/effects/settle", tag = "effects",
    params(("activation" = String, Path)),
    request_body(content = ref("#/components/schemas/EffectWord"), content_type = "application/json"),
    responses((status = 200, description = "The effect", body = ref("#/components/schemas/Effect"))))]
async fn settle_effect(
    State(api): State<Arc<Api>>,
    Named(id): Named<ActivationId>,
    Body(word): Body<EffectWord>,
) -> Answer<EffectView> {
    Ok(Json(api.control.settle_effect(&id, &word).await?))
}

/// Counts who is inside a linked audience and has not earned what entering it earns: those who were inside before. Nothing
/// is sent; the job in the answer says how many it found once it is done.
#[utoipa::path(post, path = "/v1/activations/{activation}/insiders", tag = "effects",
    params(("activation" = String, Path)),
    request_body(content = ref("#/components/schemas/InsidersQuery"), content_type = "application/json"),
    responses((status = 200, description = "The job that counts", body = ref("#/components/schemas/Job"))))]
async fn count_insiders(
    State(api): State<Arc<Api>>,
    Named(id): Named<ActivationId>,
    Body(query): Body<InsidersQuery>,
) -> Answer<Job> {
    Ok(Json(api.control.count_insiders(&id, &query).await?))
}

/// Confirms a count of the last 24 hours: as many insiders earn it, and nobody beyond their number.
#[utoipa::path(post, path = "/v1/activations/{activation}/insiders/confirm", tag = "effects",
    params(("activation" = String, Path)),
    request_body(content = ref("#/components/schemas/InsidersWord"), content_type = "application/json"),
    responses((status = 200, description = "The job that does it", body = ref("#/components/schemas/Job"))))]
async fn confirm_insiders(
    State(api): State<Arc<Api>>,
    Named(id): Named<ActivationId>,
    Body(word): Body<InsidersWord>,
) -> Answer<Job> {
    Ok(Json(api.control.confirm_insiders(&id, &word).await?))
}
