//! The task that posts events to subscribers.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::post::{AttemptOutcome, Letter, Pace, Parcel};
use super::state::State;
use crate::outbox::{Outgoing, caller};
use crate::twin::Shared;

/// Above `Switches::answer_timeout_ms`, which is what ends a request.
const LONGEST: Duration = Duration::from_secs(600);

/// Parcels follow one another.
pub(super) async fn send_all(shared: Arc<Shared<State>>, mut parcels: Outgoing<Parcel>) {
    let client = caller(LONGEST);
    while let Some(Parcel { letters, pace }) = parcels.recv().await {
        match pace {
            Pace::OneByOne => {
                for letter in letters {
                    send(&shared, client.as_ref(), letter).await;
                }
            }
            Pace::AtOnce => {
                let mut tasks = JoinSet::new();
                for letter in letters {
                    let (shared, client) = (Arc::clone(&shared), client.clone());
                    tasks.spawn(async move { send(&shared, client.as_ref(), letter).await });
                }
                tasks.join_all().await;
            }
        }
        shared.lock().post.outbox.ended();
    }
}

async fn send(shared: &Arc<Shared<State>>, client: Option<&reqwest::Client>, letter: Letter) {
    let (subscription, timeout) = {
        let state = shared.lock();
        let timeout = Duration::from_millis(state.desk.switches.answer_timeout_ms);
        (state.post.subscriptions.get(&letter.subscription).cloned(), timeout)
    };
    // Whoever does not subscribe any more is not told.
    let Some(subscription) = subscription else { return };
    let outcome = match client {
        None => AttemptOutcome::NoAnswer,
        Some(client) => {
            let call = client
                .post(&subscription.url)
                .timeout(timeout)
                .header("content-type", "application/json")
                .header(&subscription.header, &subscription.token)
                .body(letter.event.body.to_string());
            match call.send().await {
                Ok(answer) => AttemptOutcome::Answered(answer.status().as_u16()),
                Err(_) => AttemptOutcome::NoAnswer,
            }
        }
    };
    shared.lock().ended(letter, outcome);
}
