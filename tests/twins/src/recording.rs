//! Requests as they came over the wire, for tests that are about their very bytes.

use axum::http::header;
use parking_lot::Mutex;

use crate::serve::Call;

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// In the order of their coming, names in lower case; of `authorization` the scheme only.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

/// What was recorded; nothing is until somebody wants it.
#[derive(Default)]
pub(crate) struct Recording(Mutex<Option<Vec<Recorded>>>);

impl Recording {
    pub(crate) fn begin(&self) {
        *self.0.lock() = Some(Vec::new());
    }

    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.0.lock().clone().unwrap_or_default()
    }

    /// A request whose body broke off is none.
    pub(crate) fn note(&self, call: &Call) {
        if let (Some(requests), Ok(body)) = (self.0.lock().as_mut(), &call.body) {
            requests.push(Recorded::of(call, body));
        }
    }
}

impl Recorded {
    fn of(call: &Call, body: &[u8]) -> Self {
        let headers = call.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            let shown = if name == header::AUTHORIZATION { value.split(' ').next() } else { Some(&*value) };
            (name.to_string(), shown.unwrap_or_default().to_owned())
        });
        let query = if call.query.is_empty() { String::new() } else { format!("?{}", call.query) };
        Self {
            method: call.method.clone(),
            target: format!("{}{query}", call.path),
            headers: headers.collect(),
            body: body.to_vec(),
        }
    }
}
