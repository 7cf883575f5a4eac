//! Wires the handler to the ports on AWS.

use std::convert::Infallible;
use std::sync::Arc;

use aws_lambda_events::event::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use muster::aws::{AwsPorts, SECRETS_MAX_AGE, Settings};
use muster::clock::SystemClock;
use muster::delivery::{Dice, Engine, Times};
use muster::http::{Http, HttpTimes};
use muster::steps::Unwatched;

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing_subscriber::fmt().json().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let settings = Settings::from_environment()?;
    let ports = AwsPorts::open(&settings, Arc::new(SystemClock), SECRETS_MAX_AGE).ports();
    let http = Http::new(HttpTimes::default(), settings.twins)?;
    let engine = Engine::open(ports, http, Times::default(), Arc::new(Unwatched), Dice::fresh()).await?;
    let engine = &engine;
    let handler = service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let remaining = muster_deliver::remaining(engine, &event.context);
        Ok::<_, Infallible>(muster_deliver::handle(engine, event.payload, remaining).await)
    });
    lambda_runtime::run(handler).await
}
