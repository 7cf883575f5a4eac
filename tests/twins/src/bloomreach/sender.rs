//! The task that calls webhooks: so many workers for each (vendor file 5).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::state::State;
use super::webhooks::{AttemptOutcome, BasicAuth, Parcel, SeedWebhook, WebhookStatus};
use crate::outbox::{Outgoing, caller};
use crate::twin::Shared;

/// Above `Switches::answer_timeout_ms`, which is what ends a request.
const LONGEST: Duration = Duration::from_secs(600);

/// Calls of one webhook wait for its workers, those of others do not.
pub(super) async fn send_all(shared: Arc<Shared<State>>, mut parcels: Outgoing<Parcel>) {
    let client = caller(LONGEST);
    let mut lanes: HashMap<u64, mpsc::UnboundedSender<Parcel>> = HashMap::new();
    let mut tasks = JoinSet::new();
    while let Some(parcel) = parcels.recv().await {
        let lane = lanes.entry(parcel.webhook).or_insert_with(|| {
            let (lane, queue) = mpsc::unbounded_channel();
            tasks.spawn(work(Sending { shared: Arc::clone(&shared), client: client.clone() }, queue));
            lane
        });
        // A lane ends with this task only.
        let _ = lane.send(parcel);
    }
}

async fn work(sending: Sending, mut queue: mpsc::UnboundedReceiver<Parcel>) {
    let workers = sending.shared.lock().desk.switches.webhook_workers.max(1);
    let workers = Arc::new(Semaphore::new(workers));
    let mut tasks = JoinSet::new();
    while let Some(parcel) = queue.recv().await {
        let Ok(worker) = Arc::clone(&workers).acquire_owned().await else { return };
        while tasks.try_join_next().is_some() {}
        let sending = sending.clone();
        tasks.spawn(async move {
            sending.parcel(parcel).await;
            drop(worker);
        });
    }
}

#[derive(Clone)]
struct Sending {
    shared: Arc<Shared<State>>,
    client: Option<reqwest::Client>,
}

impl Sending {
    async fn parcel(&self, parcel: Parcel) {
        let ready = self.shared.lock().ready(parcel.webhook);
        let ended = match ready {
            Some((seed, timeout)) => Some(self.attempt(&seed, timeout, &parcel.call.body).await),
            None => None,
        };
        let mut state = self.shared.lock();
        match ended {
            Some((outcome, answer)) => state.ended(parcel, outcome, answer),
            None => state.desk.counters.webhooks_halted += 1,
        }
        state.hooks.outbox.ended();
    }

    async fn attempt(&self, seed: &SeedWebhook, timeout: Duration, body: &Value) -> (AttemptOutcome, Value) {
        let Some(client) = &self.client else { return (AttemptOutcome::NoAnswer, Value::Null) };
        let SeedWebhook { url, basic_auth, headers } = seed;
        let mut call = client.post(url).timeout(timeout).json(body);
        if let Some(BasicAuth { user, password }) = basic_auth {
            call = call.basic_auth(user, Some(password));
        }
        for (name, value) in headers {
            call = call.header(name, value);
        }
        let Ok(answer) = call.send().await else { return (AttemptOutcome::NoAnswer, Value::Null) };
        let status = answer.status().as_u16();
        // The time is for the whole answer.
        match answer.bytes().await {
            Ok(bytes) => (AttemptOutcome::Answered(status), serde_json::from_slice(&bytes).unwrap_or(Value::Null)),
            Err(_) => (AttemptOutcome::NoAnswer, Value::Null),
        }
    }
}

impl State {
    /// `None` where the webhook is not called.
    fn ready(&self, webhook: u64) -> Option<(SeedWebhook, Duration)> {
        let hook = self.hooks.configured.get(&webhook)?;
        match hook.status {
            WebhookStatus::Running => {
                Some((hook.seed.clone(), Duration::from_millis(self.desk.switches.answer_timeout_ms)))
            }
            WebhookStatus::Halted => None,
        }
    }
}
