//! Keys, what they may do, and the token endpoint (vendor file 2 and 10.1).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use axum::http::header;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::state::State;
use crate::reply::Reply;
use crate::serve::Call;

/// 1,100 characters as Base64.
const TOKEN_BYTES: usize = 825;

/// What the owner of a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Privilege {
    /// Load data.
    Data,
    /// List tables and their columns.
    Tables,
    /// Search records.
    Search,
    /// Create imports and ask for them.
    Imports,
}

impl Privilege {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Data, Self::Tables, Self::Search, Self::Imports];
}

/// A key's secret, customer and rights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// The consumer secret.
    pub secret: String,
    /// The customer, in front of the colon within the key; `client_id` must be it where it is sent.
    pub client_id: u64,
    /// What the key may do.
    pub privileges: BTreeSet<Privilege>,
}

impl Credential {
    /// With every privilege.
    pub fn new(secret: &str, client_id: u64) -> Self {
        Self { secret: secret.to_owned(), client_id, privileges: BTreeSet::from(Privilege::ALL) }
    }
}

/// The consumer key of a user: Base64 of `<client id>:<user id>`.
pub fn consumer_key(client_id: u64, user_id: u64) -> String {
    STANDARD.encode(format!("{client_id}:{user_id}"))
}

/// Keys and the tokens that live.
#[derive(Debug)]
pub(super) struct Keyring {
    pub keys: BTreeMap<String, Credential>,
    tokens: HashMap<String, Token>,
    random: StdRng,
}

#[derive(Debug)]
struct Token {
    key: String,
    expires_at: Timestamp,
}

impl Keyring {
    pub(super) fn new(keys: BTreeMap<String, Credential>, seed: u64) -> Self {
        Self { keys, tokens: HashMap::new(), random: StdRng::seed_from_u64(seed) }
    }

    /// The key whose token it is, if both live.
    pub(super) fn key_of(&self, token: &str, now: Timestamp) -> Option<(&String, &Credential)> {
        let token = self.tokens.get(token).filter(|token| now < token.expires_at)?;
        self.keys.get_key_value(&token.key)
    }

    pub(super) fn revoke_all(&mut self) {
        self.tokens.clear();
    }

    fn revoke(&mut self, key: &str) {
        self.tokens.retain(|_, token| token.key != key);
    }

    fn issue(&mut self, key: &str, expires_at: Timestamp) -> String {
        let mut bytes = [0; TOKEN_BYTES];
        self.random.fill_bytes(&mut bytes);
        // As the recorded ones begin.
        bytes[..3].copy_from_slice(&[0, 1, 0]);
        let token = URL_SAFE_NO_PAD.encode(bytes);
        self.tokens.insert(token.clone(), Token { key: key.to_owned(), expires_at });
        token
    }
}

impl State {
    pub(super) fn token_reply(&mut self, call: &Call) -> Reply {
        self.desk.counters.token_requests += 1;
        if call.media_type() != "application/x-www-form-urlencoded" {
            let status = self.desk.switches.token_wrong_type_status;
            return oauth_error(status, "invalid_request");
        }
        let form = match Form::read(call) {
            Ok(form) => form,
            Err(FormError::Incomplete) => return oauth_error(400, "invalid_request"),
            Err(FormError::Grant) => return oauth_error(400, "unsupported_grant_type"),
            Err(FormError::Unknown(name)) => {
                return self.unexpected(call, &format!("the form field {name}"));
            }
        };
        let known = self.keyring.keys.get(&form.username);
        let known = known.is_some_and(|credential| {
            let client = form.client_id.as_ref().is_none_or(|id| *id == credential.client_id.to_string());
            credential.secret == form.password && client
        });
        if !known {
            return oauth_error(self.desk.switches.token_bad_credentials_status, "invalid_grant");
        }
        self.issue(&form.username)
    }

    fn issue(&mut self, key: &str) -> Reply {
        let switches = &self.desk.switches;
        if switches.second_token_invalidates_first {
            self.keyring.revoke(key);
        }
        let lives = SignedDuration::from_secs(i64::from(switches.expires_in));
        let expires_at = self.desk.now.saturating_add(lives).unwrap_or(self.desk.now);
        let access_token = self.keyring.issue(key, expires_at);
        self.desk.counters.tokens_issued += 1;
        let number = self.desk.counters.tokens_issued;
        let body = json!({
            "access_token": access_token,
            "token_type": "bearer",
            "expires_in": switches.expires_in,
            "refresh_token": format!("{number:04}!IAAAA-unused"),
        });
        Reply { content_type: "application/json; charset=utf-8", ..Reply::json(200, &body) }
            .with_header(header::CACHE_CONTROL, "no-cache, no-store, must-revalidate")
            .with_header(header::PRAGMA, "no-cache")
            .with_header(header::SET_COOKIE, format!("ASP.NET_SessionId=session{number}; path=/; secure; HttpOnly"))
            .with_header(header::SET_COOKIE, format!("BIGipServer~api=rd{number}o00000000; path=/"))
    }
}

/// RFC 6749, 5.2.
fn oauth_error(status: u16, error: &str) -> Reply {
    Reply::json(status, &json!({ "error": error }))
        .with_header(header::CACHE_CONTROL, "no-cache, no-store, must-revalidate")
}

/// The fields of a password grant.
#[derive(Debug, PartialEq, Eq)]
struct Form {
    username: String,
    password: String,
    client_id: Option<String>,
}

enum FormError {
    /// Something is missing or there twice.
    Incomplete,
    /// Another grant, that of the refresh token included.
    Grant,
    /// A field that no documentation names.
    Unknown(String),
}

impl Form {
    fn read(call: &Call) -> Result<Self, FormError> {
        let body = call.body.as_ref().map_err(|_| FormError::Incomplete)?;
        let mut fields = BTreeMap::new();
        for (name, value) in pairs(body) {
            if fields.insert(name, value).is_some() {
                return Err(FormError::Incomplete);
            }
        }
        match fields.remove("grant_type").as_deref() {
            None | Some("") => return Err(FormError::Incomplete),
            Some("password") => {}
            Some(_) => return Err(FormError::Grant),
        }
        let mut required = |name: &str| fields.remove(name).filter(|value| !value.is_empty());
        let username = required("username").ok_or(FormError::Incomplete)?;
        let password = required("password").ok_or(FormError::Incomplete)?;
        let client_id = fields.remove("client_id");
        match fields.into_keys().next() {
            Some(unknown) => Err(FormError::Unknown(unknown)),
            None => Ok(Self { username, password, client_id }),
        }
    }
}

/// A `=` within a value ends it: a key must be percent-encoded to arrive whole.
fn pairs(body: &[u8]) -> impl Iterator<Item = (String, String)> {
    body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).flat_map(|pair| {
        let parts: Vec<&[u8]> = pair.split(|byte| *byte == b'=').take(2).collect();
        let decoded = form_urlencoded::parse(&parts.join(&b'=')).into_owned().next();
        decoded.into_iter()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_base64_of_customer_and_user() {
        assert_eq!(consumer_key(1_234, 567), "MTIzNDo1Njc=");
    }

    #[test]
    fn a_raw_equals_sign_ends_the_value() {
        let read = |body: &[u8]| pairs(body).collect::<Vec<_>>();
        let whole = [("username".to_owned(), "a=".to_owned()), ("p".to_owned(), "b c".to_owned())];
        assert_eq!(read(b"username=a%3D&p=b+c"), whole);
        assert_eq!(read(b"username=a=&p=b+c")[0].1, "a");
    }
}
