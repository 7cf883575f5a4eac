//! A stand-in for AWS Lambda: starts a function's binary as Lambda does, hands it invocations over the Runtime
//! API and takes its answers. What the function calls is answered by an [`emulator`] of the other services.
//! See <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

pub mod emulator;
pub mod recorder;

use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::mpsc;

use emulator::Emulator;

/// A start and a few invocations take a fraction of a second; a loaded machine is slower.
const PATIENCE: Duration = Duration::from_secs(20);
/// Time given to an invocation.
const TIMEOUT: SignedDuration = SignedDuration::from_secs(60);

/// What came of an invocation, or of the start.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The handler's answer.
    Response(Value),
    /// The handler failed, or could not be started.
    Error(Value),
}

struct Lambda {
    events: Mutex<VecDeque<Value>>,
    answers: mpsc::UnboundedSender<(String, Answer)>,
}

/// Starts `binary` on an empty site of the emulator and invokes it with each event in turn.
///
/// # Errors
/// With a sentence, where it ends by itself or does not answer each in time and in order.
pub async fn invoke(binary: &str, events: Vec<Value>) -> Result<Vec<Answer>, String> {
    let failed = |error: std::io::Error| format!("{binary}: {error}");
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let (answers, mut answered) = mpsc::unbounded_channel();
    let count = events.len();
    let router = router(Arc::new(Lambda { events: Mutex::new(events.into()), answers }));
    // Small answers would otherwise wait for the other side's delayed acknowledgement.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let site = Emulator::get()?.site(&["jobs"]).await?;
    let mut function = Command::new(binary)
        .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", "muster-test")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/muster-test")
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "test")
        .env("AWS_ENDPOINT_URL", site.endpoint.unwrap_or_default())
        .env("AWS_REGION", site.region)
        .env("AWS_ACCESS_KEY_ID", site.credentials.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", site.credentials.secret_access_key)
        .env("MUSTER_PEOPLE_TABLE", site.people_table)
        .env("MUSTER_CATALOG_TABLE", site.catalog_table)
        .env("MUSTER_LEDGER_TABLE", site.ledger_table)
        .env("MUSTER_QUEUE_URL_PREFIX", site.queue_url_prefix)
        .env("MUSTER_SECRET_PREFIX", site.secret_prefix)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let collect = async {
        let mut all = Vec::new();
        while all.len() < count {
            let Some((id, answer)) = answered.recv().await else { break };
            if id != id_of(count - all.len() - 1) {
                return Err(format!("{binary} answered {id} with {answer:?}"));
            }
            all.push(answer);
        }
        Ok(all)
    };
    let result = tokio::select! {
        collected = tokio::time::timeout(PATIENCE, collect) => {
            collected.unwrap_or_else(|_| Err(format!("{binary} did not answer in time")))
        }
        ended = function.wait() => Err(format!("{binary} ended by itself: {ended:?}")),
    };
    server.abort();
    result
}

/// The invocation after which so many are left.
fn id_of(left: usize) -> String {
    format!("00000000-0000-4000-8000-{left:012}")
}

fn router(lambda: Arc<Lambda>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .with_state(lambda)
}

async fn next(State(lambda): State<Arc<Lambda>>) -> Response {
    let (event, left) = {
        let mut events = lambda.events.lock().unwrap_or_else(PoisonError::into_inner);
        (events.pop_front(), events.len())
    };
    // Lambda freezes a function until there is something to do.
    let Some(event) = event else { return std::future::pending().await };
    #[expect(clippy::disallowed_methods, reason = "Lambda's own clock, outside of Muster")]
    let deadline = Timestamp::now().saturating_add(TIMEOUT).unwrap_or(Timestamp::MAX);
    let headers = [
        ("Lambda-Runtime-Aws-Request-Id", id_of(left)),
        ("Lambda-Runtime-Deadline-Ms", deadline.as_millisecond().to_string()),
        (
            "Lambda-Runtime-Invoked-Function-Arn",
            "arn:aws:lambda:eu-west-1:123456789012:function:muster-test".to_owned(),
        ),
    ];
    (headers, Json(event)).into_response()
}

async fn response(State(lambda): State<Arc<Lambda>>, Path(id): Path<String>, body: String) -> Response {
    take(&lambda, id, Answer::Response(json_or_text(body)))
}

async fn error(State(lambda): State<Arc<Lambda>>, Path(id): Path<String>, body: String) -> Response {
    take(&lambda, id, Answer::Error(json_or_text(body)))
}

async fn init_error(State(lambda): State<Arc<Lambda>>, body: String) -> Response {
    take(&lambda, "the start".to_owned(), Answer::Error(json_or_text(body)))
}

fn take(lambda: &Lambda, id: String, answer: Answer) -> Response {
    // Nobody listens any more once every answer is there.
    let _ = lambda.answers.send((id, answer));
    (StatusCode::ACCEPTED, Json(json!({"status": "OK"}))).into_response()
}

fn json_or_text(body: String) -> Value {
    serde_json::from_str(&body).unwrap_or(Value::String(body))
}

/// What API Gateway sends for a request to an HTTP API, payload format 2.0.
/// See <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>.
pub fn http_event(method: &str, path: &str, body: Option<&Value>) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "example.execute-api.eu-west-1.amazonaws.com"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "example",
            "domainName": "example.execute-api.eu-west-1.amazonaws.com",
            "domainPrefix": "example",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "muster-test"
            },
            "requestId": "id",
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2026:19:03:58 +0000",
            "timeEpoch": 1_773_342_238_000_u64
        },
        "body": body.map(Value::to_string),
        "isBase64Encoded": false
    })
}

/// The status of an HTTP answer, and its body as JSON; null where it is none.
pub fn http_answer(answer: &Answer) -> (Option<u64>, Value) {
    let Answer::Response(response) = answer else { return (None, Value::Null) };
    let body = response["body"].as_str().and_then(|body| serde_json::from_str(body).ok());
    (response["statusCode"].as_u64(), body.unwrap_or(Value::Null))
}
