//! The wire: tokens, the routes that are used, and what each status means.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value as Json;

use super::config::Credentials;
use super::tables::{Listing, Table, TableColumn, array};
use crate::destination::said::{cut, redact};
use crate::destination::{Applied, Failure};
use crate::http::{Answer, Bearer, Session};
use crate::model::Reason;
use crate::ports::Secret;

const TOKEN: &str = "/services2/authorization/oAuth2/Token";
const DATA: &str = "/services2/api/Data";
const TABLE: &str = "/services2/api/Table";
const SEARCH: &str = "/services2/api/SearchRecords";
const IMPORT: &str = "/services2/api/Import";
/// Rows of a page that are asked for.
const PAGE: usize = 100;
/// No page is shorter unless it is the last.
const SHORTEST_PAGE: usize = 20;
/// More pages than any account has: an answer that never ends must.
const MOST_PAGES: usize = 200;
/// What a search says that finds nothing, at whatever status.
const NO_RESULTS: &str = "no results for input";
/// A token is left alone so long before its end.
const EARLY: SignedDuration = SignedDuration::from_mins(5);
/// So often a token may be replaced by others before a request is given up for now.
const MOST_REPLACED: usize = 4;
/// What stands for itself in a query (RFC 3986).
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One account's API.
pub(super) struct Api<'a> {
    session: &'a Session,
    secret: &'a Secret,
    credentials: Credentials,
}

/// What became of a load that was answered.
pub(super) enum Loaded {
    /// It was taken, to be loaded soon.
    Taken,
    /// It will be refused again as it is; `said` is as the vendor said it.
    Refused { status: u16, said: String },
}

/// What became of an import that was answered.
pub(super) enum Imported {
    /// It was taken under this number, where the answer can be read.
    Taken { id: Option<u64> },
    /// It will be refused again as it is.
    Refused { status: u16, said: String },
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It is done, and so many rows went all the way where the vendor counts them.
    Done {
        rows: Option<u64>,
    },
    Running,
}

/// What is searched for.
pub(super) struct Search<'a> {
    /// Of the table.
    pub(super) view: u64,
    /// To be shown.
    pub(super) columns: Vec<&'a str>,
    /// The column that has the value.
    pub(super) column: &'a str,
    pub(super) value: &'a str,
}

impl Search<'_> {
    fn path(&self) -> String {
        let quoted = |text| utf8_percent_encode(text, QUERY);
        let shown = self.columns.iter().map(|column| quoted(column).to_string()).collect::<Vec<_>>().join(",");
        let (column, value) = (quoted(self.column), quoted(self.value));
        format!(
            "{SEARCH}?viewId={}&prop={shown}&columnName={column}&operation=eq&param={value}&count={PAGE}",
            self.view
        )
    }
}

/// A row that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoundRow {
    id: String,
    /// What each column shows; nothing where it is empty.
    pub(super) shown: BTreeMap<String, String>,
}

impl FoundRow {
    pub(super) fn read(row: Json) -> Option<Self> {
        #[derive(Deserialize)]
        struct Row {
            id: Json,
            properties: Vec<Property>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Property {
            prop_name: String,
            #[serde(default)]
            value: Json,
        }
        let Row { id, properties } = Row::deserialize(row).ok()?;
        let text = |value: Json| match value {
            Json::Null => String::new(),
            Json::String(text) => text.trim().to_owned(),
            Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => value.to_string(),
        };
        let shown = properties.into_iter().map(|property| (property.prop_name, text(property.value)));
        Some(Self { id: id.to_string(), shown: shown.collect() })
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: f64,
}

impl<'a> Api<'a> {
    pub(super) fn new(session: &'a Session, secret: &'a Secret) -> Result<Self, Failure> {
        let credentials = Credentials::read(secret).map_err(Failure::unauthorized)?;
        Ok(Self { session, secret, credentials })
    }

    /// Loads records.
    pub(super) async fn load(&self, body: &Json) -> Result<Loaded, Failure> {
        let bytes = serde_json::to_vec(body).unwrap_or_default();
        let answer = self.call(Method::POST, self.credentials.data_origin(), DATA, Some(bytes)).await?;
        match answer.status.as_u16() {
            // A page is of somebody on the way: the API speaks JSON, a plain sentence, or nothing.
            200..=299 if is_page(&answer) => Err(open("an answer that is not the API's came")),
            200..=299 => Ok(Loaded::Taken),
            status @ (400 | 413 | 422) => Ok(Loaded::Refused { status, said: message(&answer) }),
            _ => Err(judge(&answer)),
        }
    }

    /// The first tables, enough to see that they may be listed.
    pub(super) async fn can_list(&self) -> Result<(), Failure> {
        self.get(&format!("{TABLE}?count=1")).await.map(drop)
    }

    /// All tables, in the vendor's order.
    pub(super) async fn tables(&self) -> Result<Vec<Table>, Failure> {
        let mut tables = Listing::<Table>::default();
        tables.add(&self.get(&format!("{TABLE}?count={PAGE}")).await?)?;
        // `index` may count pages, from 0 or from 1, or tables.
        let mut index = 1;
        for _ in 0..MOST_PAGES {
            let page = self.get(&format!("{TABLE}?count={PAGE}&index={index}")).await?;
            let added = tables.add(&page)?;
            if added.new == 0 && index > 1 {
                return Ok(tables.items);
            }
            index = if added.new > 0 && added.known > 0 { tables.items.len() } else { index + 1 };
        }
        Err(unreadable("the list of tables does not end"))
    }

    /// The rows of a table that have this value in this column, with these columns: `enough` says of those so far
    /// whether more are wanted.
    pub(super) async fn rows(
        &self,
        search: &Search<'_>,
        enough: impl Fn(&[FoundRow]) -> bool,
    ) -> Result<Vec<FoundRow>, Failure> {
        let first = search.path();
        let mut path = first.clone();
        let mut found: Vec<FoundRow> = Vec::new();
        for page in 1..MOST_PAGES {
            let rows = self.search(&path).await?;
            let (count, before) = (rows.len(), found.len());
            for row in rows {
                if !found.iter().any(|known| known.id == row.id) {
                    found.push(row);
                }
            }
            // The first page may be the one without a number, or that of number 1, too.
            let over = found.len() == before && page != 2;
            if over || count < SHORTEST_PAGE || enough(&found) {
                return Ok(found);
            }
            path = format!("{first}&page={page}");
        }
        Err(unreadable("the rows of a person do not end"))
    }

    async fn search(&self, path: &str) -> Result<Vec<FoundRow>, Failure> {
        let answer = self.call(Method::GET, self.credentials.api_origin(), path, None).await.map_err(unsent)?;
        if message(&answer).to_ascii_lowercase().contains(NO_RESULTS) {
            return Ok(Vec::new());
        }
        match answer.status.as_u16() {
            200..=299 => {
                let rows =
                    answer.json().and_then(array).ok_or_else(|| unreadable("the answer to a search is no list"))?;
                let read =
                    |row| FoundRow::read(row).ok_or_else(|| unreadable("a search found something without columns"));
                rows.into_iter().map(read).collect()
            }
            status @ (400 | 404) => {
                let said = redact(&message(&answer), "", "");
                let reason = format!("Cheetah Digital refuses to search the table: status {status}: {said}");
                Err(Failure::misconfigured(reason))
            }
            _ => Err(unsent(judge(&answer))),
        }
    }

    /// Has a file imported.
    pub(super) async fn import(&self, body: &Json) -> Result<Imported, Failure> {
        let bytes = serde_json::to_vec(body).unwrap_or_default();
        let answer = self.call(Method::POST, self.credentials.api_origin(), IMPORT, Some(bytes)).await?;
        match answer.status.as_u16() {
            200..=299 if is_page(&answer) => Err(open("an answer that is not the API's came")),
            200..=299 => Ok(Imported::Taken { id: number_of_import(&answer) }),
            status @ (400 | 413 | 422) => Ok(Imported::Refused { status, said: redact(&message(&answer), "", "") }),
            _ => Err(judge(&answer)),
        }
    }

    /// How far an import is. What is not said to be done is running: no other word of the vendor's is documented.
    pub(super) async fn progress(&self, parameter: &str, id: u64) -> Result<Progress, Failure> {
        let path = format!("{IMPORT}?{parameter}={id}");
        let answer = self.call(Method::GET, self.credentials.api_origin(), &path, None).await.map_err(unsent)?;
        match answer.status.as_u16() {
            200..=299 => Ok(progress(&answer)),
            400 | 404 => Ok(Progress::Running),
            _ => Err(unsent(judge(&answer))),
        }
    }

    /// All columns of a table.
    pub(super) async fn columns(&self, table: &Table) -> Result<Vec<TableColumn>, Failure> {
        let mut columns = Listing::<TableColumn>::default();
        let path = format!("{TABLE}?{}={}&count={PAGE}", self.credentials.table_parameter, table.id);
        columns.add(&self.get(&path).await?)?;
        for page in 1..MOST_PAGES {
            let added = columns.add(&self.get(&format!("{path}&page={page}")).await?)?;
            if added.new == 0 && page > 1 {
                return Ok(columns.items);
            }
        }
        Err(unreadable("the list of columns does not end"))
    }

    async fn get(&self, path: &str) -> Result<Answer, Failure> {
        let answer = self.call(Method::GET, self.credentials.api_origin(), path, None).await?;
        match answer.status.as_u16() {
            200..=299 => Ok(answer),
            400 | 404 => {
                let said = redact(&message(&answer), "", "");
                let reason =
                    format!("Cheetah Digital refuses to list tables: status {}: {said}", answer.status.as_u16());
                Err(Failure::misconfigured(reason))
            }
            _ => Err(judge(&answer)),
        }
    }

    /// With a token; a refused one is renewed once. Of a second refusal the token may be to blame again, where another
    /// process has fetched one meanwhile: only where nobody has, the right is missing.
    async fn call(
        &self,
        method: Method,
        origin: &'static str,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Answer, Failure> {
        let bearer = self.bearer(None).await?;
        let answer = self.send(method.clone(), origin, path, body.clone(), &bearer).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let mut renewed = self.bearer(Some(&bearer)).await?;
        for _ in 0..MOST_REPLACED {
            let answer = self.send(method.clone(), origin, path, body.clone(), &renewed).await?;
            if answer.status != StatusCode::UNAUTHORIZED {
                return Ok(answer);
            }
            match self.session.replaced(self.secret, &renewed).await {
                Some(newer) => renewed = newer,
                None => return Ok(answer),
            }
        }
        Err(unreadable("other processes keep replacing the token"))
    }

    async fn send(
        &self,
        method: Method,
        origin: &'static str,
        path: &str,
        body: Option<Vec<u8>>,
        bearer: &Bearer,
    ) -> Result<Answer, Failure> {
        let build = |request: reqwest::RequestBuilder| {
            let request = request.bearer_auth(bearer.expose()).header("accept", "application/json");
            match body {
                Some(body) => request.header("content-type", "application/json; charset=utf-8").body(body),
                None => request,
            }
        };
        // By GET tables and rows are looked at, and nothing is written.
        if method == Method::GET {
            return self.session.ask(method, origin, path, build).await;
        }
        self.session.send(method, origin, path, build).await
    }

    async fn bearer(&self, refused: Option<&Bearer>) -> Result<Bearer, Failure> {
        self.session.bearer(self.secret, refused, self.fetch()).await
    }

    async fn fetch(&self) -> Result<Bearer, Failure> {
        let Credentials { consumer_key, consumer_secret, client_id, .. } = &self.credentials;
        let mut form = vec![("grant_type", "password"), ("username", consumer_key), ("password", consumer_secret)];
        form.extend(client_id.as_deref().map(|id| ("client_id", id)));
        let encoded = form.iter().map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, QUERY)));
        let body = encoded.collect::<Vec<_>>().join("&");
        let build = |request: reqwest::RequestBuilder| {
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            request.header("accept", "application/json").body(body)
        };
        let asked_at = self.session.now();
        let answer = self.session.ask(Method::POST, self.credentials.token_origin(), TOKEN, build).await;
        let answer = answer.map_err(unsent)?;
        match answer.status.as_u16() {
            200..=299 => {
                let token: TokenAnswer = serde_json::from_slice(&answer.body)
                    .map_err(|_| unreadable("the answer to the request for a token cannot be read"))?;
                let lives = SignedDuration::try_from_secs_f64(token.expires_in.clamp(0.0, 1e9)).unwrap_or_default();
                let used = lives - EARLY.min(lives / 10);
                Ok(Bearer::new(&token.access_token, asked_at.saturating_add(used).unwrap_or(asked_at)))
            }
            400 | 401 | 403 => {
                let reason = "Cheetah Digital gives no token for the consumer key and secret: look whether they are of this \
                              region and still valid";
                Err(Failure::unauthorized(reason))
            }
            _ => Err(unsent(judge(&answer))),
        }
    }
}

/// What a status means that is no answer to the question.
fn judge(answer: &Answer) -> Failure {
    let status = answer.status.as_u16();
    match status {
        401 | 403 => {
            let reason =
                format!("Cheetah Digital answered with status {status}: the key's user lacks the right to do this");
            Failure::unauthorized(reason)
        }
        429 => Failure::RateLimited { retry_after: answer.retry_after },
        404 | 405 | 410 | 415 => {
            let reason = format!("Cheetah Digital answered with status {status}: look at region and hosts");
            Failure::misconfigured(reason)
        }
        300..=399 => Failure::misconfigured("Cheetah Digital redirects: look at region and hosts"),
        _ => open(&format!("Cheetah Digital answered with status {status}")),
    }
}

fn open(reason: &str) -> Failure {
    Failure::Retryable { reason: Reason::new(reason), applied: Applied::Open }
}

pub(super) fn unreadable(reason: &str) -> Failure {
    Failure::Retryable { reason: Reason::new(reason), applied: Applied::No }
}

/// Of a request that carried no record.
fn unsent(failure: Failure) -> Failure {
    failure.with_applied(Applied::No)
}

/// The members of an answer, in small letters.
fn members(answer: &Answer) -> BTreeMap<String, Json> {
    let members: BTreeMap<String, Json> = serde_json::from_slice(&answer.body).unwrap_or_default();
    members.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()
}

fn whole_number(value: &Json) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn number_of_import(answer: &Answer) -> Option<u64> {
    let members = members(answer);
    ["import_id", "importid", "id"].iter().find_map(|name| whole_number(members.get(*name)?))
}

/// The vendor counts rows that were parsed and cleansed, under names that are not documented. What went all the way is
/// the least of them; where none speaks of more than parsing, nobody knows.
pub(super) fn progress(answer: &Answer) -> Progress {
    let members = members(answer);
    let status = members.get("status_id").and_then(Json::as_str).unwrap_or_default();
    if !status.eq_ignore_ascii_case("done") {
        return Progress::Running;
    }
    let counted = |words: &'static [&'static str]| {
        let named = members.iter().filter(move |(name, _)| words.iter().any(|word| name.contains(word)));
        named.filter_map(|(_, value)| whole_number(value)).min()
    };
    let rows = counted(&["cleansed", "loaded"]).map(|rows| rows.min(counted(&["parsed"]).unwrap_or(rows)));
    Progress::Done { rows }
}

fn is_page(answer: &Answer) -> bool {
    answer.body.trim_ascii_start().starts_with(b"<")
}

/// What an answer says in words: `message` in any case, else its beginning.
fn message(answer: &Answer) -> String {
    let members: Option<BTreeMap<String, Json>> = serde_json::from_slice(&answer.body).ok();
    let said = members.and_then(|members| {
        let member = members.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("message"))?;
        member.1.as_str().map(str::to_owned)
    });
    said.unwrap_or_else(|| cut(&String::from_utf8_lossy(&answer.body), 2048).to_owned())
}
