//! A source's own API: its audiences, and scans of their members.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use muster::control::{NewAccess, Page, Resumption, ScanView};
use muster::model::{ScanId, SourceId};
use muster::scans::{NewScan, Offered};
use schemars::JsonSchema;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Answer, created};
use crate::extract::{Asked, Body, ListQuery, Named};
use crate::{Api, Problem};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(set_access))
        .routes(routes!(discover_audiences))
        .routes(routes!(list_scans, start_scan))
        .routes(routes!(get_scan))
        .routes(routes!(stop_scan))
        .routes(routes!(resume_scan))
}

/// The audiences that a source has, to pick from.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OfferedAudiences {
    /// In the order of their names.
    audiences: Vec<Offered>,
}

/// Gives the token with which the source's own API is asked, or another one.
#[utoipa::path(put, path = "/v1/sources/{source}/access", tag = "scans", params(("source" = String, Path)),
    request_body(content = ref("#/components/schemas/NewAccess"), content_type = "application/json"),
    responses((status = 204, description = "The API can be asked")))]
async fn set_access(
    State(api): State<Arc<Api>>,
    Named(source): Named<SourceId>,
    Body(access): Body<NewAccess>,
) -> Result<StatusCode, Problem> {
    api.control.set_access(&source, &access).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Asks the source which audiences it has.
#[utoipa::path(get, path = "/v1/sources/{source}/discover", tag = "scans", params(("source" = String, Path)),
    responses((status = 200, description = "What there is", body = ref("#/components/schemas/OfferedAudiences"))))]
async fn discover_audiences(State(api): State<Arc<Api>>, Named(source): Named<SourceId>) -> Answer<OfferedAudiences> {
    Ok(Json(OfferedAudiences { audiences: api.control.offered_audiences(&source).await? }))
}

/// A source's scans, the newest first.
#[utoipa::path(get, path = "/v1/sources/{source}/scans", tag = "scans", params(("source" = String, Path), ListQuery),
    responses((status = 200, description = "A part of the list", body = ref("#/components/schemas/PageOfScanView"))))]
async fn list_scans(
    State(api): State<Arc<Api>>,
    Named(source): Named<SourceId>,
    Asked(part): Asked<ListQuery>,
) -> Answer<Page<ScanView>> {
    Ok(Json(api.control.scans(&source, &part.into()).await?))
}

/// Reads the members of audiences at their source. Whoever is inside enters; with `reconcile` whoever was not seen leaves.
/// What is newer than the scan's beginning stays.
#[utoipa::path(post, path = "/v1/sources/{source}/scans", tag = "scans", params(("source" = String, Path)),
    request_body(content = ref("#/components/schemas/NewScan"), content_type = "application/json"),
    responses((status = 201, description = "Begun", body = ref("#/components/schemas/ScanView"))))]
async fn start_scan(
    State(api): State<Arc<Api>>,
    Named(source): Named<SourceId>,
    Body(new): Body<NewScan>,
) -> Result<Response, Problem> {
    let scan = api.control.start_scan(&source, &new).await?;
    Ok(created(&["sources", source.as_str(), "scans", scan.id.as_str()], &scan))
}

/// One scan with its progress.
#[utoipa::path(get, path = "/v1/sources/{source}/scans/{scan}", tag = "scans",
    params(("source" = String, Path), ("scan" = String, Path)),
    responses((status = 200, description = "The scan", body = ref("#/components/schemas/ScanView"))))]
async fn get_scan(State(api): State<Arc<Api>>, Named((source, scan)): Named<(SourceId, ScanId)>) -> Answer<ScanView> {
    Ok(Json(api.control.scan(&source, &scan).await?))
}

/// Ends a scan that is under way. It can be resumed.
#[utoipa::path(post, path = "/v1/sources/{source}/scans/{scan}/stop", tag = "scans",
    params(("source" = String, Path), ("scan" = String, Path)),
    responses((status = 200, description = "The scan", body = ref("#/components/schemas/ScanView"))))]
async fn stop_scan(State(api): State<Arc<Api>>, Named((source, scan)): Named<(SourceId, ScanId)>) -> Answer<ScanView> {
    Ok(Json(api.control.stop_scan(&source, &scan).await?))
}

/// Has a scan that stopped go on where it was.
#[utoipa::path(post, path = "/v1/sources/{source}/scans/{scan}/resume", tag = "scans",
    params(("source" = String, Path), ("scan" = String, Path)),
    request_body(content = ref("#/components/schemas/Resumption"), content_type = "application/json"),
    responses((status = 200, description = "The scan", body = ref("#/components/schemas/ScanView"))))]
async fn resume_scan(
    State(api): State<Arc<Api>>,
    Named((source, scan)): Named<(SourceId, ScanId)>,
    Body(how): Body<Resumption>,
) -> Answer<ScanView> {
    Ok(Json(api.control.resume_scan(&source, &scan, &how).await?))
}
