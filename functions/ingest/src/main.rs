//! Wires the handlers to the ports on AWS.

use std::sync::Arc;

use jiff::SignedDuration;
use muster::aws::{AwsPorts, Settings};
use muster::clock::SystemClock;
use muster::steps::Unwatched;
use muster_ingest::{Ingest, router};

/// Ingest keeps copies of its own, and reads a secret again when a request is refused: it must be a new one.
const SECRETS_MAX_AGE: SignedDuration = SignedDuration::from_secs(2);

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    tracing_subscriber::fmt().json().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let ports = AwsPorts::open(&Settings::from_environment()?, Arc::new(SystemClock), SECRETS_MAX_AGE).ports();
    let app = Ingest::open(ports, Arc::new(Unwatched)).await?;
    lambda_http::run(router(Arc::new(app))).await
}
