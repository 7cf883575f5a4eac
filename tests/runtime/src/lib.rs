//! A stand-in for AWS Lambda: starts a function's binary as Lambda does, hands it invocations over the Runtime
//! API and takes its answers. What the function calls is answered by an [`emulator`] of the other services.
//! See <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

pub mod emulator;
pub mod recorder;

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use jiff::{SignedDuration, Timestamp};
use muster::aws::Settings;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::{Mutex, mpsc};
use tokio::task::AbortHandle;

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

/// The Runtime API, for one function.
pub struct RuntimeApi {
    address: SocketAddr,
    events: mpsc::UnboundedSender<(String, Value)>,
    answers: mpsc::UnboundedReceiver<(String, Answer)>,
    invoked: u64,
    server: AbortHandle,
}

struct Lambda {
    events: Mutex<mpsc::UnboundedReceiver<(String, Value)>>,
    answers: mpsc::UnboundedSender<(String, Answer)>,
}

impl RuntimeApi {
    /// On a port of its own.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (events, waiting) = mpsc::unbounded_channel();
        let (answered, answers) = mpsc::unbounded_channel();
        let router = router(Arc::new(Lambda { events: Mutex::new(waiting), answers: answered }));
        // Small answers would otherwise wait for the other side's delayed acknowledgement.
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let server = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Ok(Self { address, events, answers, invoked: 0, server })
    }

    /// How Lambda would start `program`, on the site of `settings`.
    pub fn command(&self, program: impl AsRef<OsStr>, settings: &Settings) -> Command {
        let mut function = Command::new(program);
        function
            .env("AWS_LAMBDA_RUNTIME_API", self.address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "muster-test")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/muster-test")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "test")
            .env("AWS_ENDPOINT_URL", settings.endpoint.as_deref().unwrap_or_default())
            .env("AWS_REGION", &settings.region)
            .env("AWS_ACCESS_KEY_ID", &settings.credentials.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &settings.credentials.secret_access_key)
            .env("MUSTER_PEOPLE_TABLE", &settings.people_table)
            .env("MUSTER_CATALOG_TABLE", &settings.catalog_table)
            .env("MUSTER_LEDGER_TABLE", &settings.ledger_table)
            .env("MUSTER_QUEUE_URL_PREFIX", &settings.queue_url_prefix)
            .env("MUSTER_SECRET_PREFIX", &settings.secret_prefix)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        function
    }

    /// Has an event for the function, when it next asks.
    pub fn invoke(&mut self, event: Value) {
        // Nobody asks any more once this is gone.
        let _ = self.events.send((id_of(self.invoked), event));
        self.invoked += 1;
    }

    /// The function's next answer, and to which invocation it is one.
    pub async fn answer(&mut self) -> Option<(String, Answer)> {
        self.answers.recv().await
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Starts `binary` on an empty site of the emulator and invokes it with each event in turn.
///
/// # Errors
/// With a sentence, where it ends by itself or does not answer each in time and in order.
pub async fn invoke(binary: &str, events: Vec<Value>) -> Result<Vec<Answer>, String> {
    let failed = |error: std::io::Error| format!("{binary}: {error}");
    let mut lambda = RuntimeApi::start().await.map_err(failed)?;
    let site = Emulator::get()?.site(&["jobs"]).await?;
    let mut function = lambda.command(binary, &site).spawn().map_err(failed)?;
    let collect = async {
        let mut all = Vec::new();
        for (number, event) in (0..).zip(events) {
            lambda.invoke(event);
            match lambda.answer().await {
                Some((id, answer)) if id == id_of(number) => all.push(answer),
                other => return Err(format!("{binary} answered {other:?}")),
            }
        }
        Ok(all)
    };
    tokio::select! {
        collected = tokio::time::timeout(PATIENCE, collect) => {
            collected.unwrap_or_else(|_| Err(format!("{binary} did not answer in time")))
        }
        ended = function.wait() => Err(format!("{binary} ended by itself: {ended:?}")),
    }
}

/// The id of an invocation, the first of which is 0.
fn id_of(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
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
    // Lambda freezes a function until there is something to do.
    let Some((id, event)) = lambda.events.lock().await.recv().await else { return std::future::pending().await };
    #[expect(clippy::disallowed_methods, reason = "Lambda's own clock, outside of Muster")]
    let deadline = Timestamp::now().saturating_add(TIMEOUT).unwrap_or(Timestamp::MAX);
    let headers = [
        ("Lambda-Runtime-Aws-Request-Id", id),
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
