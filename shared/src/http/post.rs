//! One signed message to an owner's own receiver, outside every vendor's budget: there are few of them.

use std::time::Duration;

use reqwest::StatusCode;

use super::{Broken, Carried, Http};
use crate::model::Endpoint;

/// A receiver that is slower than this is told again later.
const POST_TIMEOUT: Duration = Duration::from_secs(10);

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// A 2xx was answered.
    Taken,
    /// Something else was.
    Refused(StatusCode),
    /// Nothing whole was.
    Broken(Broken),
}

impl std::fmt::Display for Posted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Taken => f.write_str("the receiver took it"),
            Self::Refused(status) => write!(f, "the receiver answered with status {}", status.as_u16()),
            Self::Broken(Broken::Unreachable) => f.write_str("the receiver could not be reached"),
            Self::Broken(Broken::TimedOut) => f.write_str("the receiver did not answer in time"),
            Self::Broken(Broken::Reset | Broken::TooLong) => f.write_str("the receiver's answer broke off"),
        }
    }
}

impl Http {
    /// Posts JSON with these headers, with no redirect followed, to a public host only.
    pub async fn post(&self, to: &Endpoint, headers: &[(&str, String)], json: Vec<u8>) -> Posted {
        let base = self.rewrites.get(to.origin()).map_or(to.origin(), String::as_str);
        let mut request = self.client.post(format!("{base}{}", to.rest())).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let Ok(request) = request.timeout(POST_TIMEOUT.min(self.times.request)).body(json).build() else {
            return Posted::Broken(Broken::Unreachable);
        };
        match self.transport.carry(request).await {
            Ok(Carried { status, .. }) if status.is_success() => Posted::Taken,
            Ok(Carried { status, .. }) => Posted::Refused(status),
            Err(broken) => Posted::Broken(broken),
        }
    }
}
