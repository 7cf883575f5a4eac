//! Wires the handler to the ports on AWS.

use std::convert::Infallible;

use aws_lambda_events::event::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use muster::aws::{Function, SECRETS_MAX_AGE};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start(SECRETS_MAX_AGE)?;
    let engine = muster_deliver::engine(&function).await?;
    let (function, engine) = (&function, &engine);
    let handler = service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let remaining = muster_deliver::remaining(engine, &event.context);
        let response = muster_deliver::handle(engine, event.payload, remaining).await;
        function.tell_measurements();
        Ok::<_, Infallible>(response)
    });
    lambda_runtime::run(handler).await
}
