//! What a vendor sends on its own account: a queue for a task of the twin, and how much of it has not ended.

use std::time::Duration;

use tokio::sync::{mpsc, watch};

/// The receiving end of an outbox.
pub(crate) type Outgoing<T> = mpsc::UnboundedReceiver<T>;

pub(crate) struct Outbox<T> {
    queue: mpsc::UnboundedSender<T>,
    open: watch::Sender<usize>,
}

impl<T> Outbox<T> {
    pub(crate) fn new() -> (Self, Outgoing<T>) {
        let (queue, outgoing) = mpsc::unbounded_channel();
        (Self { queue, open: watch::Sender::new(0) }, outgoing)
    }

    pub(crate) fn send(&self, sent: T) {
        self.open.send_modify(|open| *open += 1);
        if self.queue.send(sent).is_err() {
            self.ended();
        }
    }

    /// To be called once for everything that was received.
    pub(crate) fn ended(&self) {
        self.open.send_modify(|open| *open = open.saturating_sub(1));
    }

    /// How much has not ended.
    pub(crate) fn open(&self) -> watch::Receiver<usize> {
        self.open.subscribe()
    }
}

/// `None`, with which nothing can be sent, where the system gives no client.
#[expect(clippy::disallowed_methods, reason = "the vendor's side calls out here, not the project")]
pub(crate) fn caller(timeout: Duration) -> Option<reqwest::Client> {
    reqwest::Client::builder().no_proxy().timeout(timeout).build().ok()
}
