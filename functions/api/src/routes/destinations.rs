//! The destinations that can be used, with the schemas that forms are made of.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use muster::control::Page;
use muster::destination::Spec;
use muster::model::Provider;
use muster::model::pending::RecordShape;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Api;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list_destinations))
}

/// What a destination is and can do.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Destination")]
pub(crate) struct DestinationView {
    /// Its kind.
    provider: Provider,
    /// For people.
    name: &'static str,
    /// The version of the vendor's API that is spoken.
    api_version: &'static str,
    /// What it holds of a person.
    shape: RecordShape,
    /// The only hosts that are called; none where the settings name them.
    origins: &'static [&'static str],
    /// The safe rate of one account.
    requests_per_second: f64,
    /// Most people of one call.
    batch: usize,
    /// From how many people on the vendor's bulk mode is used; null where there is none.
    bulk_from: Option<usize>,
    /// Whether it can tell events that happen once.
    effects: bool,
    /// Whether it can be compared with what was delivered.
    reconciles: bool,
    /// JSON Schema of an activation's settings.
    settings: Schema,
    /// JSON Schema of an authorization's secret.
    credentials: Schema,
}

impl From<&Spec> for DestinationView {
    fn from(spec: &Spec) -> Self {
        let Spec {
            provider,
            name,
            api_version,
            shape,
            origins,
            budget,
            batch,
            calls: _,
            bulk,
            effects,
            read_back,
            settings,
            credentials,
        } = spec;
        Self {
            provider: provider.clone(),
            name,
            api_version,
            shape: *shape,
            origins,
            requests_per_second: budget.quickest(),
            batch: *batch,
            bulk_from: bulk.map(|bulk| bulk.from),
            effects: *effects > 0,
            reconciles: read_back.is_some(),
            settings: settings.clone(),
            credentials: credentials.clone(),
        }
    }
}

/// The destinations with the schemas of their settings and credentials.
#[utoipa::path(get, path = "/v1/destinations", tag = "destinations",
    responses((status = 200, description = "All of them", body = ref("#/components/schemas/PageOfDestination"))))]
async fn list_destinations(State(api): State<Arc<Api>>) -> Json<Page<DestinationView>> {
    let items = api.control.deployed_destinations().map(|one| DestinationView::from(one.spec())).collect();
    Json(Page { items, next: None })
}
