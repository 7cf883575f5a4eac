//! A receiver of notices: verifies each request as Standard Webhooks has it, and keeps what it took.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// Where it is, before the address is rewritten.
pub const NOTICES: &str = "https://notices.example";
/// What it believes requests by.
pub const NOTICES_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// A notice as it was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    /// Its `webhook-id`.
    pub id: String,
    /// Its body.
    pub body: Value,
}

#[derive(Default)]
struct Desk {
    taken: Vec<Taken>,
    /// Requests still to be refused.
    refusing: usize,
    refused: usize,
    unsigned: usize,
}

/// The receiver; its port is closed when its runtime ends.
#[derive(Clone)]
pub struct NoticeReceiver {
    /// Where it really is.
    pub url: String,
    desk: Arc<Mutex<Desk>>,
}

impl NoticeReceiver {
    /// On a port of the loopback, at `/notices`.
    ///
    /// # Errors
    /// Where there is no port.
    pub async fn start() -> std::io::Result<Self> {
        let desk = Arc::new(Mutex::new(Desk::default()));
        let router = axum::Router::new().route("/notices", post(take)).with_state(Arc::clone(&desk));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, desk })
    }

    fn with<T>(&self, look: impl FnOnce(&mut Desk) -> T) -> T {
        look(&mut self.desk.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next requests are answered 503.
    pub fn refuse(&self, requests: usize) {
        self.with(|desk| desk.refusing = requests);
    }

    /// What it took, the oldest first.
    pub fn taken(&self) -> Vec<Taken> {
        self.with(|desk| desk.taken.clone())
    }

    /// How many requests it refused because it was told to.
    pub fn refused(&self) -> usize {
        self.with(|desk| desk.refused)
    }

    /// How many requests were not signed as they must be.
    pub fn unsigned(&self) -> usize {
        self.with(|desk| desk.unsigned)
    }
}

async fn take(State(desk): State<Arc<Mutex<Desk>>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let id = header("webhook-id").to_owned();
    if !is_signed(&id, header("webhook-timestamp"), header("webhook-signature"), &body) {
        desk.unsigned += 1;
        return StatusCode::UNAUTHORIZED;
    }
    if desk.refusing > 0 {
        desk.refusing -= 1;
        desk.refused += 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let Ok(body) = serde_json::from_slice(&body) else { return StatusCode::BAD_REQUEST };
    desk.taken.push(Taken { id, body });
    StatusCode::NO_CONTENT
}

fn is_signed(id: &str, stamp: &str, signature: &str, body: &[u8]) -> bool {
    let secret = STANDARD.decode(NOTICES_SECRET.trim_start_matches("whsec_")).unwrap_or_default();
    let given = signature.strip_prefix("v1,").and_then(|text| STANDARD.decode(text).ok());
    let (Some(given), Ok(mut mac)) = (given, Hmac::<Sha256>::new_from_slice(&secret)) else { return false };
    mac.update(format!("{id}.{stamp}.").as_bytes());
    mac.update(body);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !id.is_empty() && id.chars().all(plain) && mac.verify_slice(&given).is_ok()
}
