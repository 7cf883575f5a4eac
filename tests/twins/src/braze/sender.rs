//! The task that calls webhooks, many at a time and in no promised order (vendor file 7).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::state::State;
use super::webhooks::{AttemptOutcome, Delivery, Health, Ready};
use crate::outbox::Outgoing;
use crate::twin::Shared;

/// Calls that are open at the same time.
const WORKERS: usize = 100;

pub(super) async fn send_all(shared: Arc<Shared<State>>, mut deliveries: Outgoing<Delivery>) {
    let client = client();
    let workers = Arc::new(Semaphore::new(WORKERS));
    let mut tasks = JoinSet::new();
    while let Some(delivery) = deliveries.recv().await {
        let Ok(worker) = Arc::clone(&workers).acquire_owned().await else { return };
        while tasks.try_join_next().is_some() {}
        let (shared, client) = (Arc::clone(&shared), client.clone());
        tasks.spawn(async move {
            deliver(&shared, client.as_ref(), delivery).await;
            shared.lock().hooks.outbox.ended();
            drop(worker);
        });
    }
}

/// Braze follows no redirect. `None`, with which nobody is reached, where the system gives no client.
#[expect(clippy::disallowed_methods, reason = "the vendor's side calls out here, not the project")]
fn client() -> Option<reqwest::Client> {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().ok()
}

async fn deliver(shared: &Shared<State>, client: Option<&reqwest::Client>, mut delivery: Delivery) {
    let Some(ready) = shared.lock().ready(&mut delivery) else { return };
    let outcome = match ready.health {
        Health::Good => call(client, &ready).await,
        Health::Bad => AttemptOutcome::Unhealthy,
    };
    shared.lock().ended(delivery, ready, outcome);
}

async fn call(client: Option<&reqwest::Client>, ready: &Ready) -> AttemptOutcome {
    let Some(client) = client else { return AttemptOutcome::Unreachable };
    let timeout = Duration::from_millis(ready.timeout_ms);
    let mut request = client.post(&ready.url).timeout(timeout).body(ready.body.clone());
    for (name, value) in &ready.headers {
        request = request.header(name, value);
    }
    match request.send().await {
        Ok(answer) => AttemptOutcome::Answered(answer.status().as_u16()),
        Err(error) if error.is_timeout() => AttemptOutcome::TimedOut,
        Err(_) => AttemptOutcome::Unreachable,
    }
}
