//! The control plane over HTTP, on the embedded ports.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sources;
mod stub;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use http::{Method, Request, StatusCode};
use jiff::SignedDuration;
use muster::catalog::CachedCatalog;
use muster::control::Control;
use muster::embedded::{Embedded, JumpClock};
use muster::http::{Http, HttpTimes};
use muster::model::{Deployed, InstallationKey, Message, QueueName};
use muster::ports::{Outgoing, PortResult, Ports, Queue};
use muster_api::{Api, ApiToken, MAX_BODY_BYTES, api_token, router};
use serde_json::{Value, json};
use tower::ServiceExt;

const AGE: SignedDuration = SignedDuration::from_secs(5);
const MARKER: &str = "MARKERsecret0123456789abcdef";

/// Keeps what is sent.
#[derive(Default)]
struct Sent(Mutex<Vec<Outgoing>>);

#[async_trait]
impl Queue for Sent {
    async fn send(&self, queue: &QueueName, messages: Vec<Outgoing>) -> PortResult<()> {
        assert_eq!(*queue, QueueName::Jobs);
        self.0.lock().unwrap().extend(messages);
        Ok(())
    }
}

struct Fixture {
    router: Router,
    token: ApiToken,
    sent: Arc<Sent>,
    ports: Ports,
}

struct Told {
    status: StatusCode,
    headers: http::HeaderMap,
    text: String,
}

impl Told {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }
}

async fn told(response: Response) -> Told {
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    Told { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
}

impl Fixture {
    async fn new() -> Self {
        let clock = Arc::new(JumpClock::frozen_at("2026-01-02T03:04:05Z".parse().unwrap()));
        Self::over(Embedded::in_memory(clock).unwrap().ports(), Deployed::All).await
    }

    async fn over(ports: Ports, deployed: Deployed) -> Self {
        let sent = Arc::new(Sent::default());
        let ports = Ports { queue: sent.clone(), ..ports };
        let control = Control {
            catalog: Arc::new(CachedCatalog::new(ports.catalog.clone(), ports.clock.clone(), AGE)),
            http: Http::new(HttpTimes::default(), [].into()).unwrap(),
            installation: InstallationKey::new([7; 32]),
            destinations: vec![stub::stub()],
            deployed,
            ports: ports.clone(),
        };
        let token = api_token(ports.vault.as_ref()).await.unwrap();
        let router = router(Arc::new(Api { control, token: token.clone() }));
        Self { router, token, sent, ports }
    }

    async fn raw(&self, request: Request<Body>) -> Told {
        told(self.router.clone().oneshot(request).await.unwrap()).await
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Told {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.token.expose()))
            .header("content-type", "application/json");
        let body = body.map_or_else(Body::empty, |json| Body::from(json.to_string()));
        self.raw(request.body(body).unwrap()).await
    }

    async fn get(&self, path: &str) -> Told {
        self.ask(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Told {
        self.ask(Method::POST, path, Some(body)).await
    }

    async fn patch(&self, path: &str, body: Value) -> Told {
        self.ask(Method::PATCH, path, Some(body)).await
    }

    /// What was sent since the last question, in words.
    fn sent(&self) -> Vec<&'static str> {
        let sent = std::mem::take(&mut *self.sent.0.lock().unwrap());
        assert!(sent.iter().all(|message| message.delay == AGE));
        sent.iter()
            .map(|message| match Message::decode(&message.body).unwrap() {
                Message::Prepare { .. } => "prepare",
                Message::Job { .. } => "job",
                Message::Nudge(_)
                | Message::Landed { .. }
                | Message::Signal { .. }
                | Message::SignalKey { .. }
                | Message::Scan { .. }
                | Message::Tell { .. } => "something else",
            })
            .collect()
    }

    /// A source `cdp`, an authorization `main`, a draft `loyal` that links `gold`.
    async fn with_draft() -> Self {
        let fixture = Self::new().await;
        for (path, body) in
            [("/v1/sources", source()), ("/v1/authorizations", authorization()), ("/v1/activations", activation())]
        {
            let told = fixture.post(path, body).await;
            assert_eq!(told.status, StatusCode::CREATED, "{}", told.text);
        }
        fixture
    }

    async fn with_active() -> Self {
        let fixture = Self::with_draft().await;
        let told = fixture.ask(Method::POST, "/v1/activations/loyal/activate", None).await;
        assert_eq!(told.status, StatusCode::OK, "{}", told.text);
        fixture.sent();
        fixture
    }
}

fn source() -> Value {
    json!({ "id": "cdp", "name": "CDP", "keyed_by": "email", "secret": MARKER,
            "authentication": { "method": "header", "name": "x-key" } })
}

fn authorization() -> Value {
    json!({ "id": "main", "provider": "stub", "label": "Main account", "secret": { "key": MARKER } })
}

fn activation() -> Value {
    json!({ "id": "loyal", "name": "Loyal", "source": "cdp", "destination": "stub", "authorization": "main",
            "settings": { "list": 1 }, "audiences": ["gold"] })
}

#[tokio::test]
async fn nothing_is_told_without_the_token() {
    let fixture = Fixture::new().await;
    for (path, header) in [("/v1/sources", ""), ("/v1/sources", "Bearer nonsense"), ("/v1/nowhere", "")] {
        let request = Request::get(path).header("authorization", header).body(Body::empty()).unwrap();
        let told = fixture.raw(request).await;
        assert_eq!(told.status, StatusCode::UNAUTHORIZED);
        assert!(told.headers.contains_key("www-authenticate"));
    }
    let told = fixture.raw(Request::get("/healthz").body(Body::empty()).unwrap()).await;
    assert_eq!(told.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn what_is_made_has_an_address_and_is_made_once() {
    let fixture = Fixture::with_draft().await;
    for (path, body) in
        [("/v1/sources", source()), ("/v1/authorizations", authorization()), ("/v1/activations", activation())]
    {
        assert_eq!(fixture.post(path, body).await.status, StatusCode::CONFLICT);
    }
    let told = fixture.post("/v1/sources/cdp/audiences", json!({ "id": "a/b c" })).await;
    assert_eq!(told.headers["location"], "/v1/sources/cdp/audiences/a%2Fb%20c");
    assert_eq!(fixture.get("/v1/sources/cdp/audiences/a%2Fb%20c").await.json()["name"], "a/b c");
}

#[tokio::test]
async fn problems_name_the_place() {
    let fixture = Fixture::with_draft().await;
    let with = |field: &str, value: Value| {
        let mut body = activation();
        body["id"] = json!("other");
        body[field] = value;
        body
    };
    for (body, status, path) in [
        (with("settings", json!({ "list": "x" })), 422, "settings"),
        (with("source", json!("nobody")), 422, "source"),
        (with("destination", json!("nowhere")), 422, "destination"),
        (with("authorization", json!("nobody")), 422, "authorization"),
        (with("retry_window_hours", json!(0)), 422, "retry_window_hours"),
        (with("notify", json!("nobody")), 422, "notify"),
        (with("id", json!("no id")), 400, "id"),
        (with("nmae", json!("x")), 400, "nmae"),
        (with("attributes", json!([{ "attribute": "ltv", "type": "money" }])), 400, "attributes[0].type"),
    ] {
        let told = fixture.post("/v1/activations", body).await;
        assert_eq!(told.headers["content-type"], "application/problem+json");
        assert_eq!((told.status.as_u16(), told.json()["path"].as_str()), (status, Some(path)), "{}", told.text);
    }
}

#[tokio::test]
async fn odd_requests_are_refused_as_http_says() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.get("/v1/nowhere").await.status, StatusCode::NOT_FOUND);
    assert_eq!(fixture.get("/v1/sources/nobody").await.status, StatusCode::NOT_FOUND);
    assert_eq!(fixture.get("/v1/sources/no%20id").await.status, StatusCode::NOT_FOUND);
    assert_eq!(fixture.get("/v1/sources?limt=1").await.status, StatusCode::BAD_REQUEST);
    let told = fixture.ask(Method::PUT, "/v1/sources", None).await;
    assert_eq!(told.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(told.headers.contains_key("allow"));
    let long = json!({ "name": "x".repeat(MAX_BODY_BYTES) });
    assert_eq!(fixture.post("/v1/sources", long).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let bearer = format!("Bearer {}", fixture.token.expose());
    let request = Request::post("/v1/sources").header("authorization", bearer).body(Body::from("{}")).unwrap();
    assert_eq!(fixture.raw(request).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn an_activation_goes_its_way() {
    let fixture = Fixture::with_draft().await;
    let step = async |verb: &str| {
        let told = fixture.ask(Method::POST, &format!("/v1/activations/loyal/{verb}"), None).await;
        (told.status.as_u16(), told.json()["status"].as_str().map(str::to_owned), fixture.sent())
    };
    let some = |status: &str| Some(status.to_owned());
    assert_eq!(step("pause").await.0, 409);
    assert_eq!(step("catch-up").await.0, 409);
    assert_eq!(step("activate").await, (200, some("backfilling"), vec!["prepare"]));
    assert_eq!(step("activate").await, (200, some("backfilling"), vec!["prepare"]));
    assert_eq!(step("pause").await, (200, some("paused"), vec![]));
    assert_eq!(step("activate").await.0, 409);
    assert_eq!(step("resume").await, (200, some("active"), vec!["prepare", "job"]));
    assert_eq!(step("resync").await.0, 202);
    let jobs = fixture.get("/v1/activations/loyal/backfills").await.json();
    let kinds: Vec<_> = jobs["items"].as_array().unwrap().iter().map(|job| job["kind"].clone()).collect();
    assert_eq!(kinds.len(), 2);
    assert!(kinds.contains(&json!("resume")) && kinds.contains(&json!("resync")));
}

#[tokio::test]
async fn a_destination_that_was_left_out_is_not_listed_and_nothing_begins_there() {
    let fixture = Fixture::with_active().await;
    assert_eq!(fixture.get("/v1/destinations").await.json()["items"][0]["provider"], "stub");
    let fixture = Fixture::over(fixture.ports, Deployed::Only([].into())).await;
    assert_eq!(fixture.get("/v1/destinations").await.json()["items"], json!([]));
    let left_out = "the destination `stub` was left out when Muster was deployed here";
    let mut another = activation();
    another["id"] = "another".into();
    for (path, body) in [("/v1/activations", another), ("/v1/authorizations", authorization())] {
        let told = fixture.post(path, body).await;
        assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}: {}", told.text);
        assert!(told.text.contains(left_out), "{path}: {}", told.text);
    }
    for verb in ["check", "activate", "resume", "catch-up", "resync"] {
        let told = fixture.ask(Method::POST, &format!("/v1/activations/loyal/{verb}"), None).await;
        assert_eq!(told.status, StatusCode::CONFLICT, "{verb}: {}", told.text);
        assert!(told.text.contains(left_out), "{verb}: {}", told.text);
    }
    // What was made while it was there can be looked at and ended.
    assert_eq!(fixture.get("/v1/activations/loyal/accounting").await.status, StatusCode::OK);
    for (method, path) in
        [(Method::POST, "/v1/activations/loyal/pause"), (Method::DELETE, "/v1/activations/loyal?relabel=false")]
    {
        let told = fixture.ask(method, path, None).await;
        assert!(told.status.is_success(), "{path}: {}", told.text);
    }
}

#[tokio::test]
async fn an_edit_asks_for_what_follows_from_it() {
    let fixture = Fixture::with_active().await;
    for (change, sent) in [
        (json!({ "name": "Very loyal" }), vec![]),
        (json!({ "person_identifier": "ids.phone" }), vec!["job"]),
        (json!({ "settings": { "list": 2 } }), vec!["prepare", "job"]),
        (json!({ "settings": { "list": 2 } }), vec![]),
        (json!({ "audiences": { "remove": ["gold"], "add": ["silver"] } }), vec!["prepare", "job"]),
    ] {
        let told = fixture.patch("/v1/activations/loyal", change.clone()).await;
        assert_eq!((told.status, fixture.sent()), (StatusCode::OK, sent), "{change}: {}", told.text);
    }
    let links = fixture.get("/v1/activations/loyal").await.json()["audiences"].clone();
    assert_eq!(links, json!([{ "audience": "gold", "state": "removed" }, { "audience": "silver", "state": "live" }]));
}

#[tokio::test]
async fn audiences_are_renamed_deleted_and_restored_where_they_are_linked() {
    let fixture = Fixture::with_active().await;
    let path = "/v1/sources/cdp/audiences/gold";
    let numbers = async || {
        let activation = fixture.get("/v1/activations/loyal").await.json();
        let state = activation["audiences"][0]["state"].as_str().unwrap().to_owned();
        (activation["revision"].as_u64().unwrap(), activation["layout"].as_u64().unwrap(), state)
    };
    let (revision, layout, _) = numbers().await;
    fixture.patch(path, json!({ "name": "Gold members" })).await;
    assert_eq!((numbers().await, fixture.sent()), ((revision, layout + 1, "live".to_owned()), vec!["prepare"]));
    for _ in 0..2 {
        assert!(fixture.ask(Method::DELETE, path, None).await.json()["deleted_at"].is_string());
    }
    assert_eq!(numbers().await, (revision + 1, layout + 2, "removed".to_owned()));
    assert_eq!(fixture.sent(), ["prepare", "job"]);
    let told = fixture.ask(Method::POST, &format!("{path}/restore"), None).await;
    assert!(told.json()["deleted_at"].is_null());
    assert_eq!(numbers().await, (revision + 2, layout + 3, "live".to_owned()));
    assert_eq!(fixture.sent(), ["prepare", "job"]);
}

#[tokio::test]
async fn a_link_removed_by_hand_is_not_restored_with_its_audience() {
    let fixture = Fixture::with_active().await;
    fixture.patch("/v1/activations/loyal", json!({ "audiences": { "remove": ["gold"] } })).await;
    fixture.ask(Method::DELETE, "/v1/sources/cdp/audiences/gold", None).await;
    fixture.ask(Method::POST, "/v1/sources/cdp/audiences/gold/restore", None).await;
    let activation = fixture.get("/v1/activations/loyal").await.json();
    assert_eq!(activation["audiences"][0]["state"], "removed");
}

#[tokio::test]
async fn an_authorization_in_use_stays() {
    let fixture = Fixture::with_draft().await;
    let delete = async |path: &str| fixture.ask(Method::DELETE, path, None).await.status;
    assert_eq!(delete("/v1/authorizations/main").await, StatusCode::CONFLICT);
    assert_eq!(delete("/v1/activations/loyal").await, StatusCode::BAD_REQUEST);
    assert_eq!(delete("/v1/activations/loyal?relabel=false").await, StatusCode::OK);
    assert_eq!(delete("/v1/authorizations/main").await, StatusCode::NO_CONTENT);
    assert!(fixture.ports.vault.get("authorization/main").await.unwrap().is_none());
}

#[tokio::test]
async fn a_rotated_secret_leaves_the_former_one_until_it_is_dropped() {
    let fixture = Fixture::with_draft().await;
    let next = "another-secret-0123456789";
    for _ in 0..2 {
        let told = fixture.ask(Method::PUT, "/v1/sources/cdp/secret", Some(json!({ "secret": next }))).await;
        assert_eq!(told.status, StatusCode::NO_CONTENT);
    }
    let stored = async || fixture.ports.vault.get("source/cdp").await.unwrap().unwrap().0;
    assert_eq!(stored().await, json!({ "current": next, "previous": MARKER }));
    fixture.ask(Method::DELETE, "/v1/sources/cdp/secret/previous", None).await;
    assert_eq!(stored().await, json!({ "current": next }));
}

#[tokio::test]
async fn lists_are_read_in_parts() {
    let fixture = Fixture::with_draft().await;
    for id in ["a", "b", "c"] {
        fixture.post("/v1/sources/cdp/audiences", json!({ "id": id })).await;
    }
    let mut seen = Vec::new();
    let mut path = "/v1/sources/cdp/audiences?limit=2".to_owned();
    loop {
        let part = fixture.get(&path).await.json();
        seen.extend(part["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()));
        let Some(next) = part["next"].as_str() else { break };
        path = format!("/v1/sources/cdp/audiences?limit=2&cursor={next}");
    }
    assert_eq!(seen, ["a", "b", "c", "gold"]);
}

#[tokio::test]
async fn a_person_is_looked_up_by_the_key_of_the_source_only() {
    let fixture = Fixture::with_draft().await;
    let ask = async |kind: &str, value: &str| {
        fixture.post("/v1/people/lookup", json!({ "source": "cdp", "type": kind, "value": value })).await
    };
    assert_eq!(ask("email", "nobody@example.com").await.status, StatusCode::NOT_FOUND);
    for (kind, value, path) in [("phone", "+4512345678", "type"), ("email", "MARKER", "value")] {
        let told = ask(kind, value).await;
        assert_eq!((told.status.as_u16(), told.json()["path"].as_str()), (422, Some(path)));
        assert!(!told.text.contains(value));
    }
}

/// The addresses of every GET route, with the ids of the fixture in them.
fn every_get() -> Vec<String> {
    let paths = muster_api::document()["paths"].as_object().unwrap();
    let with_ids = |path: &str| {
        path.replace("{source}", "cdp")
            .replace("{audience}", "gold")
            .replace("{scan}", "none")
            .replace("{authorization}", "main")
            .replace("{activation}", "loyal")
            .replace("{connector}", "tells")
    };
    paths.iter().filter(|(_, item)| item.get("get").is_some()).map(|(path, _)| with_ids(path)).collect()
}

#[tokio::test]
async fn no_secret_comes_out_again() {
    let fixture = Fixture::with_active().await;
    // Whoever makes a connector is told its key; nobody is afterwards.
    let connector =
        json!({"id": "tells", "platform": "braze", "direction": "out", "key": format!("{MARKER}-{MARKER}")});
    assert!(fixture.post("/v1/connectors", connector).await.text.contains(MARKER));
    let mut told = Vec::new();
    for path in every_get() {
        let answer = fixture.get(&path).await;
        // The source has no API of its own that could be asked.
        let expected = match path.as_str() {
            "/v1/sources/cdp/discover" => StatusCode::CONFLICT,
            "/v1/sources/cdp/scans/none" => StatusCode::NOT_FOUND,
            _ => StatusCode::OK,
        };
        assert_eq!(answer.status, expected, "{path}: {}", answer.text);
        told.push(answer);
    }
    told.push(fixture.ask(Method::POST, "/v1/activations/loyal/check", None).await);
    told.push(fixture.post("/v1/sources", source()).await);
    told.push(fixture.post("/v1/authorizations", authorization()).await);
    told.push(
        fixture
            .post(
                "/v1/authorizations",
                json!({ "id": "x", "provider": "stub", "label": "x", "secret": { "no": MARKER } }),
            )
            .await,
    );
    told.push(fixture.post("/v1/sources", json!({ "id": "y", "secret": { "no": MARKER } })).await);
    told.push(fixture.post("/v1/sources", json!(MARKER)).await);
    told.push(fixture.patch("/v1/authorizations/main", json!({ "secret": { "key": MARKER } })).await);
    for answer in told {
        assert!(!answer.text.contains(MARKER), "{}", answer.text);
    }
}
