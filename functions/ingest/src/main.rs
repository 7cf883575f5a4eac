//! Wires the handlers to the ports on AWS.

use std::sync::Arc;

use jiff::SignedDuration;
use lambda_http::{Error, Request, service_fn};
use muster::aws::Function;
use muster::steps::Unwatched;
use muster_ingest::{Ingest, router};
use tower::ServiceExt;

/// Ingest keeps copies of its own, and reads a secret again when a request is refused: it must be a new one.
const SECRETS_MAX_AGE: SignedDuration = SignedDuration::from_secs(2);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start(SECRETS_MAX_AGE)?;
    let router = router(Arc::new(Ingest::start(function.ports.clone(), Arc::new(Unwatched)).await?));
    let (function, router) = (&function, &router);
    let handler = service_fn(move |request: Request| async move {
        let response = router.clone().oneshot(request).await;
        function.tell_measurements();
        response
    });
    lambda_http::run(handler).await
}
