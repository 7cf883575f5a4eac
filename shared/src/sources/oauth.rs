//! OAuth2 client credentials, with Muster as the one who grants: for senders that sign nothing. A token is its end and
//! a proof of it under the installation's key and the secret that fetched it, so nothing is stored, and a token is no
//! good any more once its secret is gone. RFC 6749, section 4.4: <https://www.rfc-editor.org/rfc/rfc6749#section-4.4>.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use jiff::Timestamp;
use subtle::{Choice, ConstantTimeEq};

use super::authentication::{SourceSecrets, same};
use crate::model::{InstallationKey, Source};

/// Most bytes of a request for a token.
pub const MAX_REQUEST_BYTES: usize = 16 * 1024;

/// Tells tokens of this make from those of another.
const MAKE: &str = "mst1";

/// Why no token is granted, in the words of RFC 6749, section 5.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// What was sent is no request for a token.
    InvalidRequest,
    /// Another source, another secret or none: it is not said which.
    InvalidClient,
    /// Only client credentials are.
    UnsupportedGrantType,
}

impl Denied {
    /// The `error` of the answer.
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
        }
    }
}

/// Who asks for a token. Each of the two may be meant in one of several ways.
pub struct Client {
    ids: Vec<Vec<u8>>,
    secrets: Vec<Vec<u8>>,
}

/// Reads a request for a token.
///
/// # Errors
/// Where it is none, or names a client twice or not at all.
pub fn read_request(headers: &HeaderMap, body: &[u8]) -> Result<Client, Denied> {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Denied::InvalidRequest);
    }
    let [grant_type, id, secret] = parameters(body)?;
    match grant_type.as_deref() {
        None => return Err(Denied::InvalidRequest),
        Some("client_credentials") => {}
        Some(_) => return Err(Denied::UnsupportedGrantType),
    }
    match (headers.get(AUTHORIZATION), secret) {
        (Some(_), Some(_)) => Err(Denied::InvalidRequest),
        (Some(basic), None) => read_basic(basic.as_bytes()).ok_or(Denied::InvalidClient),
        (None, Some(secret)) => {
            let id = id.ok_or(Denied::InvalidRequest)?;
            Ok(Client { ids: vec![id.into_bytes()], secrets: vec![secret.into_bytes()] })
        }
        (None, None) => Err(Denied::InvalidClient),
    }
}

/// `grant_type`, `client_id` and `client_secret`; a parameter must not come twice. Others, a scope say, mean nothing.
fn parameters(body: &[u8]) -> Result<[Option<String>; 3], Denied> {
    let mut found = [None, None, None];
    for (name, value) in form_urlencoded::parse(body) {
        let place = ["grant_type", "client_id", "client_secret"].iter().position(|known| *known == name);
        if let Some(place) = place
            && found[place].replace(value.into_owned()).is_some()
        {
            return Err(Denied::InvalidRequest);
        }
    }
    Ok(found)
}

/// Both parts are to be form-encoded before they are joined, which not every client does.
fn read_basic(header: &[u8]) -> Option<Client> {
    let (scheme, encoded) = std::str::from_utf8(header).ok()?.split_once(' ')?;
    let decoded = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let both = |part: &[u8]| {
        let first = form_urlencoded::parse(part).next().map(|(name, _)| name.into_owned().into_bytes());
        [Some(part.to_vec()), first].into_iter().flatten().collect()
    };
    Some(Client { ids: both(&decoded[..colon]), secrets: both(&decoded[colon + 1..]) })
}

/// A token for the client, which is named after its source, and is signed for as long as its secret is one of the
/// source's.
///
/// # Errors
/// Where it is another client or secret.
pub fn grant(
    source: &Source,
    key: &InstallationKey,
    secrets: &SourceSecrets,
    client: &Client,
    expires_at: Timestamp,
) -> Result<String, Denied> {
    let is_client = any(&client.ids, source.id.as_str());
    let mut granted = Err(Denied::InvalidClient);
    // An empty one is our own fault, and nobody's proof.
    for secret in secrets.all().filter(|secret| !secret.is_empty()) {
        if bool::from(is_client & any(&client.secrets, secret)) {
            granted = Ok(token(source, key, secret, expires_at.as_second()));
        }
    }
    granted
}

fn any(given: &[Vec<u8>], known: &str) -> Choice {
    given.iter().fold(Choice::from(0), |so_far, one| so_far | same(one, known.as_bytes()))
}

fn token(source: &Source, key: &InstallationKey, secret: &str, expires_at: i64) -> String {
    let proof = key.token(&source.id, secret, expires_at);
    format!("{MAKE}.{expires_at}.{}", URL_SAFE_NO_PAD.encode(proof))
}

/// Whether the request bears a token of this source that is still good.
pub(super) fn bears_token(
    source: &Source,
    key: &InstallationKey,
    secrets: &SourceSecrets,
    headers: &HeaderMap,
    now: Timestamp,
) -> bool {
    let Some((expires_at, proof)) = headers.get(AUTHORIZATION).and_then(|value| read_bearer(value.to_str().ok()?))
    else {
        return false;
    };
    let good = secrets.all().fold(Choice::from(0), |so_far, secret| {
        so_far | key.token(&source.id, secret, expires_at).as_slice().ct_eq(&proof)
    });
    bool::from(good) && now.as_second() < expires_at
}

fn read_bearer(header: &str) -> Option<(i64, Vec<u8>)> {
    let (scheme, token) = header.split_once(' ')?;
    let mut parts = token.trim().split('.');
    let (make, expires_at, proof) = (parts.next()?, parts.next()?, parts.next()?);
    let is_ours = scheme.eq_ignore_ascii_case("bearer") && make == MAKE && parts.next().is_none();
    is_ours.then_some(())?;
    Some((expires_at.parse().ok()?, URL_SAFE_NO_PAD.decode(proof).ok()?))
}

#[cfg(test)]
mod tests;
