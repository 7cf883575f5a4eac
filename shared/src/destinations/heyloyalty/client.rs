//! The wire: a fresh signature for every attempt, the routes that are used, and what each status means.
//!
//! Routes that are never called: `PUT` of a list or a member, `POST` and `DELETE` of a list, upsert.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value as Json, json};
use sha2::Sha256;

use super::config::{Credentials, IdentifierField};
use super::mapping::redact;
use super::parse::{EachMember, List, ListLine, Member, MemberId};
use crate::destination::{Applied, Failure};
use crate::http::{Answer, Session};
use crate::model::Reason;
use crate::ports::Secret;

/// The only host.
pub(super) const ORIGIN: &str = "https://api.heyloyalty.com";
/// The largest page that is documented.
pub(super) const PAGE: usize = 5000;
/// A value that more members share than this names nobody.
pub(super) const MOST_OF_ONE_VALUE: usize = 50;
/// Clocks that differ by more are worth a word, in seconds.
const NOTABLE_DRIFT: i64 = 60;
/// What stands for itself in a query (RFC 3986).
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What became of a write that was answered.
pub(super) enum Written {
    Done,
    /// 404.
    Missing,
    /// It will be refused again as it is; `said` is redacted.
    Refused {
        status: u16,
        said: String,
    },
}

/// What became of adding a member.
pub(super) enum Created {
    Member(MemberId),
    /// Taken without an id: a list with double opt-in asks the person first.
    Unconfirmed,
    /// 404.
    NoList,
    /// It will be refused again as it is, or the member exists; `said` is redacted.
    Refused {
        status: u16,
        said: String,
    },
}

/// A file to import.
pub(super) struct Import<'a> {
    pub(super) duplicate_field: &'a str,
    /// Field names in the order of the columns.
    pub(super) columns: &'a [String],
    pub(super) csv: &'a [u8],
    pub(super) errors_to: Option<&'a str>,
}

/// Which 2xx bodies of a write are believed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Believe {
    EmptyOrJson,
    Anything,
}

/// What a request does to the account.
#[derive(Clone, Copy)]
enum Does {
    Look,
    Write,
}

/// One account's API.
pub(super) struct Api<'a> {
    session: &'a Session,
    credentials: Credentials,
}

impl<'a> Api<'a> {
    pub(super) fn new(session: &'a Session, secret: &Secret) -> Result<Self, Failure> {
        let credentials = Credentials::read(secret).map_err(Failure::unauthorized)?;
        Ok(Self { session, credentials })
    }

    /// Every list of the account; empty for 404, which here means that there is none.
    pub(super) async fn lists(&self) -> Result<Vec<ListLine>, Failure> {
        match self.read("/loyalty/v1/lists").await? {
            Some(answer) => ListLine::read_all(&answer.body).ok_or_else(unreadable),
            None => Ok(Vec::new()),
        }
    }

    /// A list with its fields; `None` where the account has none of this number.
    pub(super) async fn list(&self, list: u64) -> Result<Option<List>, Failure> {
        match self.read(&format!("/loyalty/v1/lists/{list}")).await? {
            Some(answer) => List::read(&answer.body).map(Some).ok_or_else(unreadable),
            None => Ok(None),
        }
    }

    /// Adds fields and changes labels; what is not named stays as it is.
    pub(super) async fn change_fields(&self, list: u64, changes: &[Json]) -> Result<Written, Failure> {
        let body = json!({ "fields": changes });
        let path = format!("/loyalty/v2/lists/{list}");
        self.write(Method::PATCH, &path, "", Believe::Anything, |request| request.json(&body)).await
    }

    /// Members whose field has this value; one more than [`MOST_OF_ONE_VALUE`] at most. `None` for 404,
    /// which may also mean that the list is gone.
    pub(super) async fn search(
        &self,
        list: u64,
        field: &IdentifierField,
        value: &str,
    ) -> Result<Option<Vec<Member>>, Failure> {
        let path = search_path(list, field, value);
        let Some(answer) = self.read(&path).await? else { return Ok(None) };
        let mut members = Vec::new();
        let mut each = EachMember { identifier: field, take: |member| members.push(member), seen: 0, first: None };
        each.read(&answer.body).map_err(|_| unreadable())?;
        Ok(Some(members))
    }

    /// One page of the whole list, member by member; `None` for 404.
    pub(super) async fn page<F: FnMut(Member)>(
        &self,
        list: u64,
        page: usize,
        perpage: usize,
        each: &mut EachMember<'_, F>,
    ) -> Result<Option<()>, Failure> {
        let path = format!("/loyalty/v1/lists/{list}/members?page={page}&perpage={perpage}&orderby=created_at&order=1");
        let Some(answer) = self.read(&path).await? else { return Ok(None) };
        each.read(&answer.body).map_err(|_| unreadable())?;
        Ok(Some(()))
    }

    /// One member, unsubscribed ones too; `None` for 404.
    pub(super) async fn member(
        &self,
        list: u64,
        id: &MemberId,
        identifier: &IdentifierField,
    ) -> Result<Option<Member>, Failure> {
        let Some(answer) = self.read(&member_path(list, id)).await? else { return Ok(None) };
        answer.json().and_then(|json| Member::read(&json, identifier)).map(Some).ok_or_else(unreadable)
    }

    /// Changes the fields that are named. `key` is kept out of what is told.
    pub(super) async fn patch(&self, list: u64, id: &MemberId, body: &Json, key: &str) -> Result<Written, Failure> {
        let path = member_path(list, id);
        self.write(Method::PATCH, &path, key, Believe::EmptyOrJson, |request| request.json(body)).await
    }

    /// Adds a member. Not safe to repeat. `key` is kept out of what is told.
    pub(super) async fn create(&self, list: u64, body: &Json, key: &str) -> Result<Created, Failure> {
        let path = format!("/loyalty/v1/lists/{list}/members");
        let answer = self.call(Does::Write, Method::POST, &path, |request| request.json(body)).await?;
        Ok(match judge(&answer, key, Believe::EmptyOrJson)? {
            Written::Done => {
                let id = answer.json().and_then(|json| MemberId::read(json.get("id")?));
                id.map_or(Created::Unconfirmed, Created::Member)
            }
            Written::Missing => Created::NoList,
            Written::Refused { status, said } => Created::Refused { status, said },
        })
    }

    /// Overwrites the member's personal data and unsubscribes the member. The flag goes both ways that
    /// clients in use send it, because a DELETE without it would only unsubscribe.
    pub(super) async fn obscure(&self, list: u64, id: &MemberId, key: &str) -> Result<Written, Failure> {
        let path = format!("{}?obscureMemberData=true", member_path(list, id));
        let body = json!({ "obscureMemberData": true });
        self.write(Method::DELETE, &path, key, Believe::EmptyOrJson, |request| request.json(&body)).await
    }

    /// Hands over a file that is applied later.
    pub(super) async fn import(&self, list: u64, import: &Import<'_>) -> Result<Written, Failure> {
        let path = format!("/loyalty/v1/lists/{list}/import");
        let build = |request: RequestBuilder| request.multipart(import_form(import));
        // What a successful import answers is not documented, so any 2xx will do; whether it landed is seen later.
        self.write(Method::POST, &path, "", Believe::Anything, build).await
    }

    async fn read(&self, path: &str) -> Result<Option<Answer>, Failure> {
        let answer = self.call(Does::Look, Method::GET, path, |request| request).await.map_err(unwritten)?;
        match status(&answer) {
            200..=299 => Ok(Some(answer)),
            404 => Ok(None),
            code @ (400..=407 | 409..=499) => {
                let reason = Reason::new(format!("Heyloyalty refused a look-up with status {code}"));
                Err(Failure::Rejected { reason })
            }
            code => Err(retry(format!("Heyloyalty answered a look-up with status {code}"), Applied::No)),
        }
    }

    async fn write(
        &self,
        method: Method,
        path: &str,
        key: &str,
        believe: Believe,
        build: impl Fn(RequestBuilder) -> RequestBuilder + Send + Sync,
    ) -> Result<Written, Failure> {
        judge(&self.call(Does::Write, method, path, build).await?, key, believe)
    }

    /// One request; after a 401 once more with a new timestamp.
    async fn call(
        &self,
        does: Does,
        method: Method,
        path: &str,
        build: impl Fn(RequestBuilder) -> RequestBuilder + Send + Sync,
    ) -> Result<Answer, Failure> {
        let mut answer = self.attempt(does, method.clone(), path, &build).await?;
        if status(&answer) == 401 {
            answer = self.attempt(does, method, path, &build).await?;
        }
        match status(&answer) {
            401 => Err(Failure::Unauthorized { reason: refused_keys(answer.date, self.session.now()) }),
            403 => Err(Failure::unauthorized("Heyloyalty does not allow this to the API key")),
            429 => Err(Failure::RateLimited { retry_after: answer.retry_after }),
            _ => Ok(answer),
        }
    }

    async fn attempt(
        &self,
        does: Does,
        method: Method,
        path: &str,
        build: impl Fn(RequestBuilder) -> RequestBuilder + Send + Sync,
    ) -> Result<Answer, Failure> {
        let credentials = &self.credentials;
        // The time is read when the request is built, after any wait for a token.
        let session = self.session;
        let signed = move |request: RequestBuilder| {
            let timestamp = header_time(session.now());
            let authorization = authorization(&credentials.api_key, &signature(&credentials.api_secret, &timestamp));
            build(request.header("X-Request-Timestamp", timestamp).header("Authorization", authorization))
        };
        match does {
            Does::Look => session.ask(method, ORIGIN, path, signed).await,
            Does::Write => session.send(method, ORIGIN, path, signed).await,
        }
    }
}

/// What an answer to a write means.
fn judge(answer: &Answer, key: &str, believe: Believe) -> Result<Written, Failure> {
    let code = status(answer);
    let said = || redact(&error_text(answer).unwrap_or_default(), key);
    match code {
        200..=299 if answer.body.trim_ascii().is_empty() => Ok(Written::Done),
        200..=299 => match (answer.json(), error_text(answer)) {
            (Some(_), Some(_)) => Ok(Written::Refused { status: code, said: said() }),
            (Some(_), None) => Ok(Written::Done),
            (None, _) if believe == Believe::Anything => Ok(Written::Done),
            (None, _) => Err(retry("Heyloyalty's answer to a write could not be read".to_owned(), Applied::Open)),
        },
        404 => Ok(Written::Missing),
        400..=407 | 409..=499 => Ok(Written::Refused { status: code, said: said() }),
        _ => Err(retry(format!("Heyloyalty answered a write with status {code}"), Applied::Open)),
    }
}

/// RFC 1123 in UTC, two-digit days, English names.
pub(super) fn header_time(now: Timestamp) -> String {
    now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Base64 of the 64 lower-case hexadecimal digits of the HMAC, not of its bytes.
pub(super) fn signature(secret: &str, timestamp: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(timestamp.as_bytes());
    STANDARD.encode(hex::encode(mac.finalize().into_bytes()))
}

/// HTTP Basic with the signature as the password.
pub(super) fn authorization(key: &str, signature: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{key}:{signature}")))
}

pub(super) fn search_path(list: u64, field: &IdentifierField, value: &str) -> String {
    let filter = format!("filter[{}][eq][]", field.as_str());
    let (filter, value) = (utf8_percent_encode(&filter, QUERY), utf8_percent_encode(value, QUERY));
    format!("/loyalty/v1/lists/{list}/members?{filter}={value}&perpage={}", MOST_OF_ONE_VALUE + 1)
}

fn member_path(list: u64, id: &MemberId) -> String {
    format!("/loyalty/v1/lists/{list}/members/{}", id.as_str())
}

fn import_form(import: &Import<'_>) -> Form {
    let file = Part::bytes(import.csv.to_vec()).file_name("muster.csv");
    let file = file.mime_str("text/csv").expect("a well-formed media type");
    // 0 rather than `false`: the vendor's own client sends PHP booleans, and the text `false` is true in PHP.
    let form = Form::new()
        .text("duplicate_field", import.duplicate_field.to_owned())
        .text("handle_existing", "update")
        .text("date_format", "Y-m-d")
        .text("skip_header_line", "1")
        .text("trigger_autoresponder", "0");
    let form = import
        .columns
        .iter()
        .enumerate()
        .fold(form, |form, (index, name)| form.text(format!("fields_selected[{index}]"), name.clone()));
    let form = match import.errors_to {
        Some(address) => form.text("sendErrorsTo", address.to_owned()),
        None => form,
    };
    form.part("file", file)
}

/// The HTTP status, or the `code` of a body that contradicts a 2xx.
pub(super) fn status(answer: &Answer) -> u16 {
    let http = answer.status.as_u16();
    if !answer.status.is_success() {
        return http;
    }
    // Lists and pages are not parsed twice: an error is a short object.
    if answer.body.len() > 4096 {
        return http;
    }
    // A member or list may have a field of this name.
    let error = answer.json().filter(|json| json.get("id").is_none());
    let code = error.and_then(|json| super::parse::number(json.get("code")?));
    code.and_then(|code| u16::try_from(code).ok()).filter(|code| (400..600).contains(code)).unwrap_or(http)
}

/// The vendor's sentence about an error, as it came.
fn error_text(answer: &Answer) -> Option<String> {
    let json = answer.json()?;
    let error = match json.get("error") {
        Some(Json::Null | Json::Bool(false)) | None => None,
        Some(Json::String(text)) if text.is_empty() => None,
        Some(Json::Array(items)) if items.is_empty() => None,
        Some(error) => Some(error.as_str().map_or_else(|| error.to_string(), str::to_owned)),
    };
    if error.is_some() || answer.status.is_success() {
        return error;
    }
    json.get("message").and_then(Json::as_str).map(str::to_owned)
}

fn refused_keys(theirs: Option<Timestamp>, ours: Timestamp) -> Reason {
    let drift = theirs.map_or(0, |theirs| ours.duration_since(theirs).as_secs());
    let clock = match drift {
        ahead if ahead > NOTABLE_DRIFT => format!("; this machine's clock is {ahead} s ahead of Heyloyalty's"),
        behind if behind < -NOTABLE_DRIFT => format!("; this machine's clock is {} s behind Heyloyalty's", -behind),
        _ => String::new(),
    };
    Reason::new(format!("Heyloyalty refuses the API key or its signature{clock}"))
}

/// Of a read: whatever became of it, nothing was written.
fn unwritten(failure: Failure) -> Failure {
    failure.with_applied(Applied::No)
}

fn unreadable() -> Failure {
    retry("Heyloyalty's answer to a look-up could not be read".to_owned(), Applied::No)
}

fn retry(reason: String, applied: Applied) -> Failure {
    Failure::Retryable { reason: Reason::new(reason), applied }
}
