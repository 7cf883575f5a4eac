//! The control plane behind API Gateway: wires the ports to the router.

use std::sync::Arc;

use jiff::SignedDuration;
use muster::aws::{AwsPorts, SECRETS_MAX_AGE, Settings};
use muster::catalog::CachedCatalog;
use muster::clock::SystemClock;
use muster::control::Control;
use muster::http::{Http, HttpTimes};
use muster_api::{Api, api_token, router};

/// The longest age of any worker's catalog.
const CATALOG_AGE: SignedDuration = SignedDuration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    tracing_subscriber::fmt().json().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let settings = Settings::from_environment()?;
    let ports = AwsPorts::open(&settings, Arc::new(SystemClock), SECRETS_MAX_AGE).ports();
    let control = Control {
        catalog: Arc::new(CachedCatalog::new(ports.catalog.clone(), ports.clock.clone(), CATALOG_AGE)),
        http: Http::new(HttpTimes::default(), settings.twins)?,
        installation: muster::installation::installation_key(ports.vault.as_ref()).await?,
        destinations: muster::destinations::all(),
        ports: ports.clone(),
    };
    let token = api_token(ports.vault.as_ref()).await?;
    lambda_http::run(router(Arc::new(Api { control, token }))).await
}
