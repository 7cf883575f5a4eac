//! Wires the handlers to the ports in the folder that `MUSTER_DATA` names.

use std::path::PathBuf;
use std::sync::Arc;

use muster::embedded::{Embedded, SystemClock};
use muster::steps::Unwatched;
use muster_ingest::{Ingest, router};

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    tracing_subscriber::fmt().json().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let embedded = Embedded::open(&data_folder()?, Arc::new(SystemClock))?;
    let app = Ingest::open(embedded.ports(), Arc::new(Unwatched)).await?;
    lambda_http::run(router(Arc::new(app))).await
}

#[expect(clippy::disallowed_methods, reason = "settings are read here and handed on")]
fn data_folder() -> Result<PathBuf, lambda_http::Error> {
    Ok(std::env::var("MUSTER_DATA").map_err(|_| "set MUSTER_DATA to the folder that holds the data")?.into())
}
