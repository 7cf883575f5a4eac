//! Connectors in the place of Eagle Eye's own.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use http::header::HOST;
use muster::control::{ConnectorView, NewConnector, Page};
use muster::model::SourceId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Answer, created};
use crate::extract::{Asked, Body, ListQuery, Named};
use crate::{Api, Problem};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list_connectors, create_connector)).routes(routes!(get_connector))
}

/// With the whole address, where the request says under which Muster was asked.
fn addressed(connector: ConnectorView, headers: &HeaderMap) -> ConnectorView {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = text("x-forwarded-proto").filter(|scheme| *scheme == "https").unwrap_or("http");
    let url = text(HOST.as_str()).map(|host| format!("{scheme}://{host}{}", connector.path));
    ConnectorView { url, ..connector }
}

/// Connectors in the order of their ids. Their keys are never told again.
#[utoipa::path(get, path = "/v1/connectors", tag = "connectors", params(ListQuery),
    responses((status = 200, description = "A part of the list", body = ref("#/components/schemas/PageOfConnectorView"))))]
async fn list_connectors(
    State(api): State<Arc<Api>>,
    Asked(part): Asked<ListQuery>,
    headers: HeaderMap,
) -> Answer<Page<ConnectorView>> {
    let Page { items, next } = api.control.connectors(&part.into()).await?;
    Ok(Json(Page { items: items.into_iter().map(|one| addressed(one, &headers)).collect(), next }))
}

/// Makes a connector, and tells the address and the header to hand to Eagle Eye or to the platform. Its key is replaced
/// as its source's secret is.
#[utoipa::path(post, path = "/v1/connectors", tag = "connectors",
    request_body(content = ref("#/components/schemas/NewConnector"), content_type = "application/json"),
    responses((status = 201, description = "Made", body = ref("#/components/schemas/ConnectorView"))))]
async fn create_connector(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    Body(new): Body<NewConnector>,
) -> Result<Response, Problem> {
    let connector = api.control.create_connector(new).await?;
    Ok(created(&["connectors", connector.id.as_str()], addressed(connector.clone(), &headers)))
}

/// One connector, without its key.
#[utoipa::path(get, path = "/v1/connectors/{connector}", tag = "connectors", params(("connector" = String, Path)),
    responses((status = 200, description = "The connector", body = ref("#/components/schemas/ConnectorView"))))]
async fn get_connector(
    State(api): State<Arc<Api>>,
    Named(id): Named<SourceId>,
    headers: HeaderMap,
) -> Answer<ConnectorView> {
    Ok(Json(addressed(api.control.connector(&id).await?, &headers)))
}
