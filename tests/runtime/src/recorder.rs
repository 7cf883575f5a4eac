//! Stands between functions and the emulator and notes what each function calls: for what its role must allow,
//! and for what AWS bills. The function is known by the application's name in the SDK's user agent.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::types::AttributeValue;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use axum::serve::ListenerExt;
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;

/// One call of AWS.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Which function called.
    pub function: String,
    /// What its role must allow, in the words of IAM: `dynamodb:UpdateItem`.
    pub actions: BTreeSet<String>,
    /// Table, queue, secret, sender or bus, by its name.
    pub resource: String,
    /// DynamoDB's read units, of 4 KB strongly consistent.
    pub read_units: f64,
    /// DynamoDB's write units, of 1 KB.
    pub write_units: f64,
    /// SQS bills every 64 KB of a call as a request.
    pub queue_requests: u64,
}

/// Whether units are worked out, which takes a read of every item that a call touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Units {
    /// They are 0.
    Left,
    /// They are counted.
    Counted,
}

/// The notes, and where the functions call.
pub struct Recorder {
    /// What functions take for AWS's address.
    pub url: String,
    notes: Arc<Notes>,
}

struct Notes {
    emulator: Mutex<String>,
    units: Units,
    client: reqwest::Client,
    calls: Mutex<Vec<Call>>,
}

impl Recorder {
    /// In front of the emulator at `emulator`.
    ///
    /// # Errors
    /// Where there is no port.
    pub async fn start(emulator: &str, units: Units) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let url = format!("http://{}", listener.local_addr().map_err(|error| error.to_string())?);
        let notes = Arc::new(Notes {
            emulator: Mutex::new(emulator.to_owned()),
            units,
            client: client(),
            calls: Mutex::default(),
        });
        let router = Router::new().fallback(pass).with_state(Arc::clone(&notes));
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, notes })
    }

    /// Calls go to another emulator from now on: one whose own functions call here must be told of this
    /// address when it starts.
    pub fn stand_before(&self, emulator: &str) {
        emulator.clone_into(&mut self.notes.emulator.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The calls since the last time.
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *self.notes.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[expect(clippy::disallowed_methods, reason = "stands in the network, and is no part of Muster")]
fn client() -> reqwest::Client {
    reqwest::Client::new()
}

async fn pass(
    State(notes): State<Arc<Notes>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let asked: Json = serde_json::from_slice(&body).unwrap_or(Json::Null);
    let target = header(&headers, "x-amz-target");
    let before = notes.sizes_before(target, &asked).await;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut sent = headers.clone();
    sent.remove("host");
    let answer = notes.client.request(method, notes.at(path)).headers(sent).body(body.clone()).send().await;
    let Ok(answer) = answer else {
        return status(502, "the emulator does not answer");
    };
    let (code, answered_headers) = (answer.status(), answer.headers().clone());
    let Ok(bytes) = answer.bytes().await else {
        return status(502, "the emulator's answer breaks off");
    };
    let answered: Json = serde_json::from_slice(&bytes).unwrap_or(Json::Null);
    match actions(target, uri.path(), &asked) {
        Some((actions, resource)) => {
            let (read_units, write_units) = notes.units(target, &asked, &answered, before).await;
            let queue_requests = if target.starts_with("AmazonSQS") { body.len().div_ceil(65_536) as u64 } else { 0 };
            let function = function(header(&headers, "user-agent"), header(&headers, "x-amz-user-agent"));
            let call = Call { function, actions, resource, read_units, write_units, queue_requests };
            notes.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        }
        // What this recorder does not know must not pass unseen.
        None => return status(501, &format!("the recorder does not know {target} {}", uri.path())),
    }
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = code;
    for (name, value) in &answered_headers {
        if !matches!(name.as_str(), "transfer-encoding" | "content-length" | "connection") {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

fn status(code: u16, what: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(what.to_owned()));
    *response.status_mut() = axum::http::StatusCode::from_u16(code).unwrap_or_default();
    response
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The application's name, `app/<name>`, in one of the two headers that SDKs write it into.
fn function(user_agent: &str, more: &str) -> String {
    let words = user_agent.split_whitespace().chain(more.split_whitespace());
    words.filter_map(|word| word.strip_prefix("app/")).next().unwrap_or("unknown").to_owned()
}

/// What IAM asks for, and on what.
fn actions(target: &str, path: &str, asked: &Json) -> Option<(BTreeSet<String>, String)> {
    let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
    let last = |text: String| text.rsplit('/').next().unwrap_or_default().to_owned();
    let one = |action: String, resource: String| Some((BTreeSet::from([action]), resource));
    match target.split_once('.') {
        Some((service, "BatchGetItem" | "BatchWriteItem")) if service.starts_with("DynamoDB") => {
            let action = target.split_once('.')?.1;
            let table = asked["RequestItems"].as_object()?.keys().next()?.clone();
            one(format!("dynamodb:{action}"), table)
        }
        // A transaction is allowed part by part.
        Some((service, "TransactWriteItems")) if service.starts_with("DynamoDB") => {
            let parts = asked["TransactItems"].as_array()?.iter().filter_map(Json::as_object).flatten();
            let mut actions = BTreeSet::new();
            let mut table = String::new();
            for (kind, part) in parts {
                let action =
                    if kind == "ConditionCheck" { "ConditionCheckItem".to_owned() } else { format!("{kind}Item") };
                actions.insert(format!("dynamodb:{action}"));
                table = text(&part["TableName"]);
            }
            Some((actions, table))
        }
        Some((service, action)) if service.starts_with("DynamoDB") => {
            one(format!("dynamodb:{action}"), text(&asked["TableName"]))
        }
        Some(("AmazonSQS", action)) => {
            // A batch is allowed by the action of a single message.
            let action = action.strip_suffix("Batch").unwrap_or(action);
            one(format!("sqs:{action}"), last(text(&asked["QueueUrl"])))
        }
        Some(("secretsmanager", action)) => {
            let name = if asked["SecretId"].is_string() { text(&asked["SecretId"]) } else { text(&asked["Name"]) };
            one(format!("secretsmanager:{action}"), name)
        }
        // All entries of a call of ours are for one bus.
        Some(("AWSEvents", action)) => one(format!("events:{action}"), text(&asked["Entries"][0]["EventBusName"])),
        Some(_) => None,
        None if path == "/v2/email/outbound-emails" => {
            one("ses:SendEmail".to_owned(), text(&asked["FromEmailAddress"]))
        }
        None => None,
    }
}

impl Notes {
    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.emulator.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The sizes of what a write will change, as it was.
    async fn sizes_before(&self, target: &str, asked: &Json) -> Vec<usize> {
        if self.units == Units::Left {
            return Vec::new();
        }
        let mut sizes = Vec::new();
        for (table, key) in written(target, asked) {
            sizes.push(self.size_of(&table, &key).await);
        }
        sizes
    }

    /// Read and write units of a call, by the sizes of the whole items: a projection saves none.
    async fn units(&self, target: &str, asked: &Json, answered: &Json, before: Vec<usize>) -> (f64, f64) {
        if self.units == Units::Left {
            return (0.0, 0.0);
        }
        let kilobytes = |bytes: usize, unit: usize| bytes.div_ceil(unit * 1024).max(1) as f64;
        let transaction = if target.ends_with("TransactWriteItems") { 2.0 } else { 1.0 };
        let mut write_units = 0.0;
        for ((table, key), before) in written(target, asked).into_iter().zip(before) {
            let after = self.size_of(&table, &key).await;
            write_units += transaction * kilobytes(before.max(after), 1);
        }
        let consistency = |read: &Json| if read["ConsistentRead"] == json!(true) { 1.0 } else { 0.5 };
        let action = target.split_once('.').map_or("", |(_, action)| action);
        let read_units = match action {
            "GetItem" => {
                let table = asked["TableName"].as_str().unwrap_or_default();
                consistency(asked) * kilobytes(self.size_of(table, &asked["Key"]).await, 4)
            }
            "BatchGetItem" => {
                let mut units = 0.0;
                for (table, read) in asked["RequestItems"].as_object().into_iter().flatten() {
                    for key in read["Keys"].as_array().into_iter().flatten() {
                        units += consistency(read) * kilobytes(self.size_of(table, key).await, 4);
                    }
                }
                units
            }
            // These bill the sum of what they look at.
            "Query" | "Scan" => {
                let items = answered["Items"].as_array().into_iter().flatten();
                consistency(asked) * kilobytes(items.map(size).sum(), 4)
            }
            _ => 0.0,
        };
        (read_units, write_units)
    }

    /// The size of an item as the emulator has it now; 0 where there is none.
    async fn size_of(&self, table: &str, key: &Json) -> usize {
        let body = json!({ "TableName": table, "Key": key, "ConsistentRead": true });
        let request = self.client.post(self.at("/")).header("x-amz-target", "DynamoDB_20120810.GetItem");
        let request = request.header("content-type", "application/x-amz-json-1.0").body(body.to_string());
        // Emulators take a signature for what it is: a text.
        let request = request.header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
        );
        let Ok(answer) = request.send().await else { return 0 };
        let answer: Json =
            answer.bytes().await.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        size(&answer["Item"])
    }
}

/// Tables and keys of the items that a call writes.
fn written(target: &str, asked: &Json) -> Vec<(String, Json)> {
    let table = |part: &Json| part["TableName"].as_str().unwrap_or_default().to_owned();
    match target.split_once('.').map_or("", |(_, action)| action) {
        "UpdateItem" | "DeleteItem" => vec![(table(asked), asked["Key"].clone())],
        "PutItem" => vec![(table(asked), key_of(&asked["Item"]))],
        "TransactWriteItems" => {
            let parts = asked["TransactItems"].as_array().into_iter().flatten().filter_map(Json::as_object).flatten();
            let key = |part: &Json| if part["Key"].is_object() { part["Key"].clone() } else { key_of(&part["Item"]) };
            parts.map(|(_, part)| (table(part), key(part))).collect()
        }
        _ => Vec::new(),
    }
}

/// The key within an item of one of Muster's tables.
fn key_of(item: &Json) -> Json {
    let names = ["k", "kind", "id", "pk", "sk"];
    let members = item.as_object().into_iter().flatten().filter(|(name, _)| names.contains(&name.as_str()));
    members.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// What DynamoDB counts of an item, in bytes:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>.
pub fn item_bytes(item: &HashMap<String, AttributeValue>) -> usize {
    item.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the SDK's enum may grow, and Muster stores no other kinds")]
fn value_bytes(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => number.trim_start_matches('-').len().div_ceil(2) + 1,
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::M(map) => 3 + map.len() + item_bytes(map),
        AttributeValue::L(items) => 3 + items.iter().map(|item| 1 + value_bytes(item)).sum::<usize>(),
        _ => 1,
    }
}

/// The same of an item as it is sent.
fn size(item: &Json) -> usize {
    item.as_object().into_iter().flatten().map(|(name, value)| name.len() + size_of_value(value)).sum()
}

fn size_of_value(value: &Json) -> usize {
    let Some((kind, value)) = value.as_object().and_then(|value| value.iter().next()) else { return 0 };
    let text = value.as_str().unwrap_or_default();
    match kind.as_str() {
        "S" => text.len(),
        // Base64 of the bytes.
        "B" => text.trim_end_matches('=').len() * 3 / 4,
        "N" => text.trim_start_matches('-').len().div_ceil(2) + 1,
        "M" => 3 + value.as_object().map_or(0, serde_json::Map::len) + size(value),
        "L" => 3 + value.as_array().into_iter().flatten().map(|item| 1 + size_of_value(item)).sum::<usize>(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_named_as_a_role_must_allow_it() {
        let update = json!({"TableName": "t", "Key": {"k": {"B": "AAAA"}}});
        let named = |target: &str, asked: &Json| {
            actions(target, "/", asked).map(|(actions, on)| (actions.into_iter().collect::<Vec<_>>().join(" "), on))
        };
        assert_eq!(named("DynamoDB_20120810.UpdateItem", &update), Some(("dynamodb:UpdateItem".into(), "t".into())));
        let batch = json!({"QueueUrl": "http://h/000000000000/muster-jobs", "Entries": []});
        assert_eq!(named("AmazonSQS.SendMessageBatch", &batch), Some(("sqs:SendMessage".into(), "muster-jobs".into())));
        let both = json!({"TransactItems": [{"Put": {"TableName": "c", "Item": {}}}, {"Update": {"TableName": "c"}}]});
        let named_both = named("DynamoDB_20120810.TransactWriteItems", &both);
        assert_eq!(named_both, Some(("dynamodb:PutItem dynamodb:UpdateItem".into(), "c".into())));
        assert_eq!(named("Kinesis_20131202.PutRecord", &json!({})), None);
    }

    #[test]
    fn an_item_is_as_large_as_aws_says() {
        let item = json!({"k": {"B": "AAAAAAAAAAAAAAAAAAAAAA=="}, "v": {"N": "123"}, "s": {"S": "shop"},
            "m": {"M": {"n": {"N": "1"}}}});
        // 1 + 16, 1 + 3, 1 + 4, and 1 + (3 + 1 + (1 + 2)).
        assert_eq!(size(&item), 17 + 4 + 5 + 8);
    }

    #[test]
    fn the_function_is_known_by_its_application() {
        assert_eq!(function("aws-sdk-rust/1 os/linux app/muster-ingest lang/rust", ""), "muster-ingest");
        assert_eq!(function("aws-sdk-rust/1", "aws-sdk-rust/1 app/muster-api"), "muster-api");
        assert_eq!(function("curl", ""), "unknown");
    }
}
