//! Wires the handler to the ports in the folder that `MUSTER_DATA` names.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use aws_lambda_events::event::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use muster::delivery::{Dice, Engine, Times};
use muster::embedded::{Embedded, SystemClock};
use muster::http::{Http, HttpTimes};
use muster::steps::Unwatched;

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing_subscriber::fmt().json().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let embedded = Embedded::open(&data_folder()?, Arc::new(SystemClock))?;
    let http = Http::new(HttpTimes::default(), [].into())?;
    let engine = Engine::open(embedded.ports(), http, Times::default(), Arc::new(Unwatched), Dice::fresh()).await?;
    let engine = &engine;
    let handler = service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let remaining = muster_deliver::remaining(engine, &event.context);
        Ok::<_, Infallible>(muster_deliver::handle(engine, event.payload, remaining).await)
    });
    lambda_runtime::run(handler).await
}

#[expect(clippy::disallowed_methods, reason = "settings are read here and handed on")]
fn data_folder() -> Result<PathBuf, Error> {
    Ok(std::env::var("MUSTER_DATA").map_err(|_| "set MUSTER_DATA to the folder that holds the data")?.into())
}
