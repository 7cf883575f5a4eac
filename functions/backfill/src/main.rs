//! Wires the handler to the ports on AWS.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use muster::aws::{Function, SECRETS_MAX_AGE};
use muster_backfill::Event;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start(SECRETS_MAX_AGE)?;
    let engine = muster_deliver::engine(&function).await?;
    let (function, engine) = (&function, &engine);
    let handler = service_fn(move |event: LambdaEvent<serde_json::Value>| async move {
        let remaining = muster_deliver::remaining(engine, &event.context);
        let done = muster_backfill::handle(engine, Event::read(event.payload)?, remaining).await;
        function.tell_measurements();
        done
    });
    lambda_runtime::run(handler).await
}
