//! Who receives webhooks.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub headers: HeaderMap,
    pub body: Value,
}

struct Inner {
    received: Mutex<Vec<Received>>,
    /// Statuses to come; 200 when there are none left.
    answers: Mutex<VecDeque<u16>>,
    /// A request waits here for its turn.
    gate: Semaphore,
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

    /// Never answers.
    pub(crate) async fn silent() -> Self {
        Self::with_gate(0).await
    }

    async fn with_gate(permits: usize) -> Self {
        let (received, answers) = (Mutex::default(), Mutex::default());
        let inner = Arc::new(Inner { received, answers, gate: Semaphore::new(permits) });
        let app = Router::new().fallback(receive).with_state(Arc::clone(&inner));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { inner, url }
    }

    /// The next requests get these statuses.
    pub(crate) fn answer(&self, statuses: &[u16]) {
        self.inner.answers.lock().extend(statuses);
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.inner.received.lock().clone()
    }
}

async fn receive(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    let body = serde_json::from_slice(&body).unwrap();
    inner.received.lock().push(Received { headers, body });
    inner.gate.acquire().await.unwrap().forget();
    let status = inner.answers.lock().pop_front().unwrap_or(200);
    (StatusCode::from_u16(status).unwrap(), json!({ "success": status == 200, "result": {} }).to_string())
        .into_response()
}
