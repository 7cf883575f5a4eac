//! Authorizations, and what there is to pick from with them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use muster::control::{AuthorizationChange, NewAuthorization, Page};
use muster::destination::Discovered;
use muster::model::{Authorization, AuthorizationId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Answer, created};
use crate::extract::{Asked, Body, ListQuery, Named};
use crate::{Api, Problem};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_authorizations, create_authorization))
        .routes(routes!(get_authorization, change_authorization, delete_authorization))
        .routes(routes!(discover))
}

/// Authorizations in the order of their ids, without their secrets.
#[utoipa::path(get, path = "/v1/authorizations", tag = "authorizations", params(ListQuery),
    responses((status = 200, description = "A part of the list", body = ref("#/components/schemas/PageOfAuthorization"))))]
async fn list_authorizations(
    State(api): State<Arc<Api>>,
    Asked(part): Asked<ListQuery>,
) -> Answer<Page<Authorization>> {
    Ok(Json(api.control.authorizations(&part.into()).await?))
}

/// Makes an authorization with its secret, of the form that the destination's schema says.
#[utoipa::path(post, path = "/v1/authorizations", tag = "authorizations",
    request_body(content = ref("#/components/schemas/NewAuthorization"), content_type = "application/json"),
    responses((status = 201, description = "Made", body = ref("#/components/schemas/Authorization"))))]
async fn create_authorization(
    State(api): State<Arc<Api>>,
    Body(new): Body<NewAuthorization>,
) -> Result<Response, Problem> {
    let authorization = api.control.create_authorization(new).await?;
    Ok(created(&["authorizations", authorization.id.as_str()], &authorization))
}

/// One authorization, without its secret.
#[utoipa::path(get, path = "/v1/authorizations/{authorization}", tag = "authorizations",
    params(("authorization" = String, Path)),
    responses((status = 200, description = "The authorization", body = ref("#/components/schemas/Authorization"))))]
async fn get_authorization(State(api): State<Arc<Api>>, Named(id): Named<AuthorizationId>) -> Answer<Authorization> {
    Ok(Json(api.control.authorization(&id).await?))
}

/// Changes an authorization; with a new secret its failing activations start again.
#[utoipa::path(patch, path = "/v1/authorizations/{authorization}", tag = "authorizations",
    params(("authorization" = String, Path)),
    request_body(content = ref("#/components/schemas/AuthorizationChange"), content_type = "application/json"),
    responses((status = 200, description = "The authorization", body = ref("#/components/schemas/Authorization"))))]
async fn change_authorization(
    State(api): State<Arc<Api>>,
    Named(id): Named<AuthorizationId>,
    Body(change): Body<AuthorizationChange>,
) -> Answer<Authorization> {
    Ok(Json(api.control.change_authorization(&id, change).await?))
}

/// Removes an authorization and its secret, unless an activation uses it.
#[utoipa::path(delete, path = "/v1/authorizations/{authorization}", tag = "authorizations",
    params(("authorization" = String, Path)), responses((status = 204, description = "Gone")))]
async fn delete_authorization(
    State(api): State<Arc<Api>>,
    Named(id): Named<AuthorizationId>,
) -> Result<StatusCode, Problem> {
    api.control.delete_authorization(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Asks the vendor what there is to pick from: lists, tables, entities.
#[utoipa::path(get, path = "/v1/authorizations/{authorization}/discover", tag = "authorizations",
    params(("authorization" = String, Path)),
    responses((status = 200, description = "What there is", body = ref("#/components/schemas/Discovered"))))]
async fn discover(State(api): State<Arc<Api>>, Named(id): Named<AuthorizationId>) -> Answer<Discovered> {
    Ok(Json(api.control.discover(&id).await?))
}
