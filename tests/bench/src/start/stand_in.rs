//! AWS that answers at once. What a function asks is passed on to the emulator the first time and noted with its
//! answer; from then on the notes answer, so that the emulator's milliseconds are nobody's. Reads are told apart by
//! what they ask for, writes only by the table or queue: nothing is stored, every start finds the same site.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri};
use axum::serve::ListenerExt;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::Outcome;

/// In the place of AWS, for one function.
pub(crate) struct StandIn {
    pub(crate) url: String,
    notes: Arc<Notes>,
}

struct Notes {
    emulator: String,
    client: reqwest::Client,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    mode: Mode,
    answers: HashMap<Question, Answer>,
    /// What was asked and never noted.
    missed: BTreeSet<Question>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Mode {
    #[default]
    Note,
    Answer,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Question {
    target: String,
    /// Table, queue or secret.
    resource: String,
    /// What a read asks for.
    what: String,
}

#[derive(Clone)]
struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

impl StandIn {
    /// In front of the emulator at `emulator`.
    pub(crate) async fn start(emulator: &str) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        #[expect(clippy::disallowed_methods, reason = "stands in the network, and is no part of Muster")]
        let client = reqwest::Client::new();
        let notes = Arc::new(Notes { emulator: emulator.to_owned(), client, known: Mutex::default() });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&notes));
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, notes })
    }

    /// Answers by itself from now on.
    pub(crate) fn let_go_of_the_emulator(&self) {
        self.notes.lock().mode = Mode::Answer;
    }

    /// Fails if anything was asked that it could not answer.
    pub(crate) fn check(&self) -> Outcome<()> {
        let missed = &self.notes.lock().missed;
        if missed.is_empty() { Ok(()) } else { Err(format!("asked for the first time: {missed:?}").into()) }
    }
}

impl Notes {
    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(
    State(notes): State<Arc<Notes>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let question = question(&headers, &body);
    let noting = {
        let mut known = notes.lock();
        if known.mode == Mode::Answer {
            let answer = known.answers.get(&question).cloned();
            if answer.is_none() {
                known.missed.insert(question);
            }
            return answer.map_or_else(|| failed(StatusCode::NOT_IMPLEMENTED), Answer::into_response);
        }
        ask(&notes, method, &uri, headers, body)
    };
    let Some(answer) = noting.await else { return failed(StatusCode::BAD_GATEWAY) };
    // What a read found before the function wrote is what every start is to find.
    notes.lock().answers.entry(question).or_insert_with(|| answer.clone());
    answer.into_response()
}

fn ask(
    notes: &Arc<Notes>,
    method: Method,
    uri: &Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> impl Future<Output = Option<Answer>> + use<> {
    headers.remove("host");
    let request = notes.client.request(method, format!("{}{uri}", notes.emulator)).headers(headers).body(body);
    async {
        let answer = request.send().await.ok()?;
        let status = answer.status();
        let of_the_connection = ["transfer-encoding", "content-length", "connection"];
        let headers = answer.headers().iter().filter(|(name, _)| !of_the_connection.contains(&name.as_str()));
        let headers = headers.map(|(name, value)| (name.clone(), value.clone())).collect();
        Some(Answer { status, headers, body: answer.bytes().await.ok()? })
    }
}

impl Answer {
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers);
        response
    }
}

fn failed(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn question(headers: &HeaderMap, body: &[u8]) -> Question {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let names = ["TableName", "QueueUrl", "SecretId"];
    let resource = names.iter().find_map(|name| asked[name].as_str()).unwrap_or_default().to_owned();
    let what = match target.rsplit('.').next().unwrap_or_default() {
        "GetItem" => canonical(&asked["Key"]),
        "BatchGetItem" => canonical(&asked["RequestItems"]),
        "Query" => canonical(&asked["ExpressionAttributeValues"]),
        _ => String::new(),
    };
    Question { target: target.to_owned(), resource, what }
}

/// The same text for the same content: the members of an object come in any order.
fn canonical(json: &Value) -> String {
    match json {
        Value::Object(members) => {
            let mut members: Vec<String> =
                members.iter().map(|(name, value)| format!("{name:?}:{}", canonical(value))).collect();
            members.sort_unstable();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => json.to_string(),
    }
}
