//! Sources, their audiences and calculated attributes.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use muster::control::{AttributeView, AudienceView, NewAudience, NewSource, Page, SourceEdit, SourceView};
use muster::model::{AttributeId, AudienceId, SourceId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Answer, NewSecret, Renaming, created};
use crate::extract::{Asked, Body, ListQuery, Named};
use crate::{Api, Problem};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_sources, create_source))
        .routes(routes!(get_source, edit_source))
        .routes(routes!(rotate_source_secret))
        .routes(routes!(drop_previous_source_secret))
        .routes(routes!(list_audiences, create_audience))
        .routes(routes!(get_audience, rename_audience, delete_audience))
        .routes(routes!(restore_audience))
        .routes(routes!(list_attributes))
        .routes(routes!(rename_attribute))
}

/// Sources in the order of their ids.
#[utoipa::path(get, path = "/v1/sources", tag = "sources", params(ListQuery),
    responses((status = 200, description = "A part of the list", body = ref("#/components/schemas/PageOfSourceView"))))]
async fn list_sources(State(api): State<Arc<Api>>, Asked(part): Asked<ListQuery>) -> Answer<Page<SourceView>> {
    Ok(Json(api.control.sources(&part.into()).await?))
}

/// Makes a source with the secret that its requests are proved with.
#[utoipa::path(post, path = "/v1/sources", tag = "sources",
    request_body(content = ref("#/components/schemas/NewSource"), content_type = "application/json"),
    responses((status = 201, description = "Made", body = ref("#/components/schemas/SourceView"))))]
async fn create_source(State(api): State<Arc<Api>>, Body(new): Body<NewSource>) -> Result<Response, Problem> {
    let source = api.control.create_source(new).await?;
    Ok(created(&["sources", source.source.id.as_str()], &source))
}

/// One source.
#[utoipa::path(get, path = "/v1/sources/{source}", tag = "sources", params(("source" = String, Path)),
    responses((status = 200, description = "The source", body = ref("#/components/schemas/SourceView"))))]
async fn get_source(State(api): State<Arc<Api>>, Named(source): Named<SourceId>) -> Answer<SourceView> {
    Ok(Json(api.control.source_view(&source).await?))
}

/// Changes a source's name, the settings of its format, or how long its sightings are kept.
#[utoipa::path(patch, path = "/v1/sources/{source}", tag = "sources", params(("source" = String, Path)),
    request_body(content = ref("#/components/schemas/SourceEdit"), content_type = "application/json"),
    responses((status = 200, description = "The source", body = ref("#/components/schemas/SourceView"))))]
async fn edit_source(
    State(api): State<Arc<Api>>,
    Named(source): Named<SourceId>,
    Body(edit): Body<SourceEdit>,
) -> Answer<SourceView> {
    Ok(Json(api.control.edit_source(&source, &edit).await?))
}

/// Gives a source a new secret; the one of before stays valid until it is dropped.
#[utoipa::path(put, path = "/v1/sources/{source}/secret", tag = "sources", params(("source" = String, Path)),
    request_body(content = ref("#/components/schemas/NewSecret"), content_type = "application/json"),
    responses((status = 204, description = "Both secrets are valid")))]
async fn rotate_source_secret(
    State(api): State<Arc<Api>>,
    Named(source): Named<SourceId>,
    Body(new): Body<NewSecret>,
) -> Result<StatusCode, Problem> {
    api.control.rotate_source_secret(&source, &new.secret).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends the validity of the secret before the newest.
#[utoipa::path(delete, path = "/v1/sources/{source}/secret/previous", tag = "sources", params(("source" = String, Path)),
    responses((status = 204, description = "Within a minute only the newest secret is valid")))]
async fn drop_previous_source_secret(
    State(api): State<Arc<Api>>,
    Named(source): Named<SourceId>,
) -> Result<StatusCode, Problem> {
    api.control.drop_previous_source_secret(&source).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A source's audiences in the order of their ids, deleted ones too.
#[utoipa::path(get, path = "/v1/sources/{source}/audiences", tag = "audiences",
    params(("source" = String, Path), ListQuery),
    responses((status = 200, description = "A part of the list", body = ref("#/components/schemas/PageOfAudienceView"))))]
async fn list_audiences(
    State(api): State<Arc<Api>>,
    Named(source): Named<SourceId>,
    Asked(part): Asked<ListQuery>,
) -> Answer<Page<AudienceView>> {
    Ok(Json(api.control.audiences(&source, &part.into()).await?))
}

/// Makes an audience that nobody has entered yet.
#[utoipa::path(post, path = "/v1/sources/{source}/audiences", tag = "audiences", params(("source" = String, Path)),
    request_body(content = ref("#/components/schemas/NewAudience"), content_type = "application/json"),
    responses((status = 201, description = "Made", body = ref("#/components/schemas/AudienceView"))))]
async fn create_audience(
    State(api): State<Arc<Api>>,
    Named(source): Named<SourceId>,
    Body(new): Body<NewAudience>,
) -> Result<Response, Problem> {
    let view = api.control.create_audience(&source, new).await?;
    Ok(created(&["sources", source.as_str(), "audiences", view.audience.id.as_str()], &view))
}

/// One audience.
#[utoipa::path(get, path = "/v1/sources/{source}/audiences/{audience}", tag = "audiences",
    params(("source" = String, Path), ("audience" = String, Path)),
    responses((status = 200, description = "The audience", body = ref("#/components/schemas/AudienceView"))))]
async fn get_audience(
    State(api): State<Arc<Api>>,
    Named((source, audience)): Named<(SourceId, AudienceId)>,
) -> Answer<AudienceView> {
    Ok(Json(api.control.audience(&source, &audience).await?))
}

/// Gives an audience another name, which linking activations show at their vendors.
#[utoipa::path(patch, path = "/v1/sources/{source}/audiences/{audience}", tag = "audiences",
    params(("source" = String, Path), ("audience" = String, Path)),
    request_body(content = ref("#/components/schemas/Renaming"), content_type = "application/json"),
    responses((status = 200, description = "The audience", body = ref("#/components/schemas/AudienceView"))))]
async fn rename_audience(
    State(api): State<Arc<Api>>,
    Named((source, audience)): Named<(SourceId, AudienceId)>,
    Body(new): Body<Renaming>,
) -> Answer<AudienceView> {
    Ok(Json(api.control.rename_audience(&source, &audience, &new.name).await?))
}

/// Marks an audience as deleted; linking activations relabel what stands at their vendors.
#[utoipa::path(delete, path = "/v1/sources/{source}/audiences/{audience}", tag = "audiences",
    params(("source" = String, Path), ("audience" = String, Path)),
    responses((status = 200, description = "The audience", body = ref("#/components/schemas/AudienceView"))))]
async fn delete_audience(
    State(api): State<Arc<Api>>,
    Named((source, audience)): Named<(SourceId, AudienceId)>,
) -> Answer<AudienceView> {
    Ok(Json(api.control.delete_audience(&source, &audience).await?))
}

/// Takes a deletion back.
#[utoipa::path(post, path = "/v1/sources/{source}/audiences/{audience}/restore", tag = "audiences",
    params(("source" = String, Path), ("audience" = String, Path)),
    responses((status = 200, description = "The audience", body = ref("#/components/schemas/AudienceView"))))]
async fn restore_audience(
    State(api): State<Arc<Api>>,
    Named((source, audience)): Named<(SourceId, AudienceId)>,
) -> Answer<AudienceView> {
    Ok(Json(api.control.restore_audience(&source, &audience).await?))
}

/// A source's calculated attributes in the order of their ids.
#[utoipa::path(get, path = "/v1/sources/{source}/attributes", tag = "attributes",
    params(("source" = String, Path), ListQuery),
    responses((status = 200, description = "A part of the list", body = ref("#/components/schemas/PageOfAttributeView"))))]
async fn list_attributes(
    State(api): State<Arc<Api>>,
    Named(source): Named<SourceId>,
    Asked(part): Asked<ListQuery>,
) -> Answer<Page<AttributeView>> {
    Ok(Json(api.control.attributes(&source, &part.into()).await?))
}

/// Gives a calculated attribute another name, which linking activations show at their vendors.
#[utoipa::path(patch, path = "/v1/sources/{source}/attributes/{attribute}", tag = "attributes",
    params(("source" = String, Path), ("attribute" = String, Path)),
    request_body(content = ref("#/components/schemas/Renaming"), content_type = "application/json"),
    responses((status = 200, description = "The attribute", body = ref("#/components/schemas/AttributeView"))))]
async fn rename_attribute(
    State(api): State<Arc<Api>>,
    Named((source, attribute)): Named<(SourceId, AttributeId)>,
    Body(new): Body<Renaming>,
) -> Answer<AttributeView> {
    Ok(Json(api.control.rename_attribute(&source, &attribute, &new.name).await?))
}
