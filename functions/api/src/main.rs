//! The control plane behind API Gateway: wires the ports to the router.

use std::sync::Arc;

use jiff::SignedDuration;
use muster::aws::{Function, SECRETS_MAX_AGE};
use muster::catalog::CachedCatalog;
use muster::control::Control;
use muster_api::{Api, api_token, router};

/// The longest age of any worker's catalog.
const CATALOG_AGE: SignedDuration = SignedDuration::from_secs(5);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let function = Function::start(SECRETS_MAX_AGE)?;
    let ports = function.ports.clone();
    let control = Control {
        catalog: Arc::new(CachedCatalog::new(ports.catalog.clone(), ports.clock.clone(), CATALOG_AGE)),
        http: function.http()?,
        installation: muster::installation::installation_key(ports.vault.as_ref()).await?,
        destinations: muster::destinations::all(),
        deployed: function.settings.destinations.clone(),
        ports: ports.clone(),
    };
    let token = api_token(ports.vault.as_ref()).await?;
    lambda_http::run(router(Arc::new(Api { control, token }))).await
}
