//! Who receives events.
#![expect(clippy::unwrap_used, reason = "in a test that is how to fail")]

use std::collections::VecDeque;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Semaphore;

/// A request as it arrived; `Null` for a body that is empty.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub method: String,
    pub uri: String,
    pub headers: HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

struct Inner {
    received: Mutex<Vec<Received>>,
    /// Statuses to come; 200 when there are none left.
    answers: Mutex<VecDeque<u16>>,
    /// A request waits here for its turn.
    gate: Semaphore,
    /// Requests that are open now, and the most there were.
    open: Mutex<(usize, usize)>,
}

#[derive(Clone)]
pub(crate) struct Receiver {
    inner: Arc<Inner>,
    pub url: String,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        Self::with_gate(Semaphore::MAX_PERMITS).await
    }

    /// Answers nothing until [`Receiver::open_gate`].
    pub(crate) async fn gated() -> Self {
        Self::with_gate(0).await
    }

    async fn with_gate(permits: usize) -> Self {
        let (received, answers, open) = (Mutex::default(), Mutex::default(), Mutex::default());
        let inner = Arc::new(Inner { received, answers, gate: Semaphore::new(permits), open });
        let app = Router::new().fallback(receive).with_state(Arc::clone(&inner));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { inner, url }
    }

    /// The next requests get these statuses.
    pub(crate) fn answer(&self, statuses: &[u16]) {
        self.inner.answers.lock().extend(statuses);
    }

    pub(crate) fn open_gate(&self) {
        self.inner.gate.add_permits(1_000);
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.inner.received.lock().clone()
    }

    /// The bodies so far.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        self.received().into_iter().map(|received| received.body).collect()
    }

    /// Requests that are open now, and the most there were.
    pub(crate) fn open(&self) -> (usize, usize) {
        *self.inner.open.lock()
    }
}

async fn receive(
    State(inner): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or_default() };
    let received = Received { method: method.to_string(), uri: uri.to_string(), headers, text, body };
    inner.received.lock().push(received);
    {
        let mut open = inner.open.lock();
        open.0 += 1;
        open.1 = open.1.max(open.0);
    }
    inner.gate.acquire().await.unwrap().forget();
    inner.open.lock().0 -= 1;
    let status = inner.answers.lock().pop_front().unwrap_or(200);
    StatusCode::from_u16(status).unwrap()
}
