//! The way in, from request to rows and messages, over the embedded ports.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod lytics;
mod support;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{Request, StatusCode};
use muster::catalog;
use muster::destination::Signal;
use muster::model::{Attribute, AttributeType, Audience, Identifier, Message};
use muster::ports::Secret;
use muster::steps::Step;
use muster_ingest::router;
use serde_json::{Value, json};
use support::{Answer, World, basic, entered, request, send};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn assert_problem(answer: &Answer, status: u16) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(answer.body["status"], status);
    for member in ["type", "title", "detail"] {
        assert!(answer.body[member].is_string(), "{member}");
    }
    assert!(!answer.body.to_string().contains("hidden"), "{}", answer.body);
}

#[tokio::test]
async fn a_change_becomes_a_row_and_a_nudge_before_the_answer() {
    let world = World::new().await;
    world.put_activation("a", "active").await;
    world.put_activation("paused", "paused").await;
    world.put_activation("draft", "draft").await;
    let answer = world.send(entered("ann@example.com")).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.body, json!({"accepted": 1, "ignored": 0, "rejected": []}));
    let row = world.row("Ann@example.com").await.unwrap();
    assert_eq!((row.version, row.sequence), (1, 1));
    let counted: Vec<_> = row.accepted.iter().map(|(id, count)| (id.as_str(), *count)).collect();
    assert_eq!(counted, [("a", 1), ("paused", 1)]);
    let [(queue, messages)] = std::mem::take(&mut *world.sent.0.lock().unwrap()).try_into().unwrap();
    assert_eq!(queue, "webhook-live");
    let [Message::Nudge(nudge)] = messages.as_slice() else { panic!("{messages:?}") };
    assert_eq!((nudge.activation.as_str(), nudge.people.as_slice()), ("a", [row.key].as_slice()));
    assert_eq!(*world.trail.0.lock().unwrap(), [Step::RowsMerged, Step::RowsWritten, Step::PeopleNudged]);
}

#[tokio::test]
async fn a_repeat_is_counted_and_nudged_again() {
    let world = World::new().await;
    world.put_activation("a", "active").await;
    for _ in 0..2 {
        assert_eq!(world.send(entered("a@b.c")).await.body["accepted"], 1);
    }
    assert_eq!(world.nudges().len(), 2);
    let row = world.row("a@b.c").await.unwrap();
    assert_eq!((row.version, row.sequence, row.accepted.into_values().sum::<u64>()), (1, 2, 2));
}

#[tokio::test]
async fn a_thousand_changes_are_one_read_one_write_and_one_send() {
    let world = World::new().await;
    world.put_activation("a", "active").await;
    let changes: Vec<Value> = (0..1_000).map(|number| entered(&format!("p{}@b.c", number % 300))).collect();
    assert_eq!(world.send(json!(changes)).await.body["accepted"], 1_000);
    assert_eq!((world.rows.reads.load(Ordering::SeqCst), world.rows.writes.load(Ordering::SeqCst)), (1, 1));
    assert_eq!(world.sent.0.lock().unwrap().len(), 1);
    assert_eq!(world.nudges().iter().map(|nudge| nudge.people.len()).collect::<Vec<_>>(), [200, 100]);
}

#[tokio::test]
async fn a_row_that_another_wrote_is_read_again() {
    let world = World::new().await;
    world.rows.conflicts.store(3, Ordering::SeqCst);
    assert_eq!(world.send(entered("a@b.c")).await.body["accepted"], 1);
    assert_eq!(world.rows.reads.load(Ordering::SeqCst), 4);
    world.rows.conflicts.store(usize::MAX, Ordering::SeqCst);
    let answer = world.send(entered("other@b.c")).await;
    assert_problem(&answer, 503);
    assert_eq!(answer.headers["retry-after"], "5");
}

#[tokio::test]
async fn a_row_that_would_grow_too_large_makes_its_changes_bad_items() {
    let world = World::new().await;
    world.rows.too_large.store(1, Ordering::SeqCst);
    let answer = world.send(json!([entered("a@b.c")])).await;
    assert_problem(&answer, 400);
    let expected = json!([{"index": 0, "path": "$[0]", "reason": "the person's row would grow beyond 300 KB"}]);
    assert_eq!(answer.body["rejected"], expected);
    assert_eq!(world.nudges(), []);
}

#[tokio::test]
async fn good_items_are_taken_and_the_others_listed_or_counted() {
    let world = World::new().await;
    let mut slip = entered("hidden@b.c");
    slip["audiance"] = json!("hidden");
    let clicked = json!({"type": "page.clicked", "hidden": 1});
    let answer = world.send(json!([slip, entered("a@b.c"), clicked])).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let rejected = json!([{"index": 0, "path": "$[0].audiance", "reason": "unknown member"}]);
    assert_eq!(answer.body, json!({"accepted": 1, "ignored": 1, "rejected": rejected}));
    let counters = world.ports.ledger.counters("").await.unwrap();
    assert_eq!(counters["ignored/shop/page.clicked"], 1);
    assert_eq!(counters["seen/shop/audience/buyers"], 1);
    let nothing = world.send(json!([slip])).await;
    assert_problem(&nothing, 400);
    assert_eq!(nothing.body["rejected"], rejected);
    assert_eq!(world.send(clicked).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn what_is_seen_first_is_listed() {
    let world = World::new().await;
    world.put_activation("a", "active").await;
    let ltv = |value: Value| json!({"type": "attribute.changed", "attribute": "ltv", "value": value, "person": {"email": "a@b.c"}});
    for (value, expected) in [
        (json!(null), None),
        (json!(1), Some(AttributeType::Integer)),
        (json!(1.5), Some(AttributeType::Decimal)),
        (json!("text"), Some(AttributeType::Decimal)),
    ] {
        world.send(json!([ltv(value), entered("a@b.c")])).await;
        let stored = catalog::get::<Attribute>(world.ports.catalog.as_ref(), "shop/ltv").await.unwrap().unwrap();
        assert_eq!(stored.value.observed_type, expected);
    }
    assert!(catalog::get::<Audience>(world.ports.catalog.as_ref(), "shop/buyers").await.unwrap().is_some());
    assert!(world.ports.ledger.counters("seen/").await.unwrap().is_empty(), "a linked audience is not counted");
}

#[tokio::test]
async fn erasures_are_noted_and_survivors_nudged() {
    let world = World::new().await;
    world.put_activation("a", "active").await;
    world.send(entered("new@b.c")).await;
    world.nudges();
    let merged = json!({"type": "person.merged", "person": {"email": "old@b.c"}, "into": {"email": "new@b.c"}});
    world.send(merged).await;
    let [nudge] = world.nudges().try_into().unwrap();
    let mut both = [world.person("old@b.c").await, world.person("new@b.c").await];
    both.sort_unstable();
    assert_eq!(nudge.people, both);
    let stranger = json!({"type": "person.merged", "person": {"email": "old@b.c"}, "into": {"email": "no@b.c"}});
    world.send(stranger).await;
    assert_eq!(world.nudges()[0].people, [world.person("old@b.c").await]);
    world.send(json!({"type": "person.erased", "person": {"email": "new@b.c"}})).await;
    let erasures = world.ports.ledger.erasures().await.unwrap();
    let mut noted: Vec<_> = erasures.into_iter().map(|(person, _)| person).collect();
    noted.sort_unstable();
    assert_eq!(noted, both, "who was merged is to be seen through as well");
}

#[tokio::test]
async fn every_content_form_is_taken_packed_or_not() {
    let world = World::new().await;
    let item = entered("a@b.c");
    let data = json!({"audience": "buyers", "person": {"email": "a@b.c"}});
    let event = json!({"specversion": "1.0", "id": "1", "source": "/s", "type": "audience.entered", "data": data});
    let forms = [
        ("application/json", item.to_string()),
        ("application/json; charset=utf-8", json!([item]).to_string()),
        ("application/x-ndjson", format!("{item}\n")),
        ("application/ndjson", format!("{item}\n")),
        ("application/cloudevents+json", event.to_string()),
        ("application/cloudevents-batch+json; charset=utf-8", json!([event]).to_string()),
    ];
    for (content_type, body) in forms {
        for (encoding, bytes) in [("identity", body.clone().into_bytes()), ("gzip", gzip(body.as_bytes()))] {
            let request = Request::post("/v1/ingest/shop")
                .header("x-key", "open")
                .header("content-type", content_type)
                .header("content-encoding", encoding)
                .body(Body::from(bytes));
            let answer = send(world.router().await, request.unwrap()).await;
            assert_eq!(answer.body["accepted"], 1, "{content_type} {encoding}: {}", answer.body);
        }
    }
    let binary = request("/v1/ingest/shop")
        .header("ce-specversion", "1.0")
        .header("ce-id", "1")
        .header("ce-source", "/s")
        .header("ce-type", "com.example.audience.entered")
        .body(Body::from(data.to_string()));
    assert_eq!(send(world.router().await, binary.unwrap()).await.body["accepted"], 1);
}

#[tokio::test]
async fn what_cannot_be_served_says_why_and_never_what_it_held() {
    let world = World::new().await;
    let big = |bytes: usize| Body::from(vec![b' '; bytes]);
    let many = Body::from(format!("[{}]", vec!["{}"; 1_001].join(",")));
    let packed = |bytes: Vec<u8>| request("/v1/ingest/shop").header("content-encoding", "gzip").body(Body::from(bytes));
    let plain = |body| request("/v1/ingest/shop").body(body);
    let of_type = |name: &str| Request::post("/v1/ingest/shop").header("x-key", "open").header("content-type", name);
    let cases = [
        (plain(Body::from("{\"hidden\"")), 400, "the body is no JSON: line 1, column 9"),
        (plain(Body::from("[{}, 1")), 400, "the body is no JSON: line 1, column 6"),
        (plain(Body::from("\"hidden\"")), 400, "the body must be an object or an array"),
        (packed(b"hidden".to_vec()), 400, "the body is no gzip, or is cut off"),
        (
            Request::post("/v1/ingest/shop").header("x-key", "hidden").body(Body::empty()),
            401,
            "the secret in the header x-key is wrong",
        ),
        (Request::post("/v1/ingest/shop").body(Body::from("{")), 401, "the header x-key is missing"),
        (request("/v1/ingest/hidden").body(Body::empty()), 404, "no such source"),
        (request("/v1/ingest/a%20hidden").body(Body::empty()), 404, "no such source"),
        (request("/v1/ingest/%ff").body(Body::empty()), 404, "no such source"),
        (request("/v1/signals/hidden").body(Body::empty()), 404, "no such activation"),
        (request("/v2").body(Body::empty()), 404, "there is nothing here"),
        (Request::get("/v1/ingest/shop").body(Body::empty()), 405, "use POST"),
        (plain(big(4 * 1024 * 1024 + 1)), 413, "a request has at most 4 MB as received; send more in several requests"),
        (
            packed(gzip(&vec![b' '; 16 * 1024 * 1024 + 1])),
            413,
            "a request has at most 16 MB unpacked; send more in several requests",
        ),
        (plain(many), 413, "a request has at most 1,000 changes; send more in several requests"),
        (
            of_type("text/hidden").body(Body::empty()),
            415,
            "the Content-Type must be application/json, application/x-ndjson, application/cloudevents+json or \
             application/cloudevents-batch+json",
        ),
        (
            request("/v1/ingest/shop").header("content-encoding", "br").body(Body::empty()),
            415,
            "the Content-Encoding must be gzip or identity",
        ),
    ];
    for (request, status, detail) in cases {
        let answer = send(world.router().await, request.unwrap()).await;
        assert_problem(&answer, status);
        assert_eq!(answer.body["detail"], detail);
    }
    assert_eq!(world.ports.people.count(&"shop".parse().unwrap()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_body_without_an_announced_length_is_limited_too() {
    let world = World::new().await;
    let chunk = vec![b' '; 1024 * 1024];
    let chunks = futures::stream::iter((0..5).map(move |_| Ok::<_, std::io::Error>(chunk.clone())));
    let answer = send(world.router().await, request("/v1/ingest/shop").body(Body::from_stream(chunks)).unwrap()).await;
    assert_problem(&answer, 413);
    assert_eq!(answer.body["limit"], 4 * 1024 * 1024);
}

#[tokio::test]
async fn a_source_has_so_many_places_and_no_more() {
    let world = World::new().await;
    let router = router(Arc::new(world.app().await.with_max_in_flight(1)));
    let (sender, body) = futures::channel::mpsc::unbounded::<Result<Vec<u8>, std::io::Error>>();
    let slow = tokio::spawn(send(router.clone(), request("/v1/ingest/shop").body(Body::from_stream(body)).unwrap()));
    let busy = loop {
        tokio::task::yield_now().await;
        let answer = send(router.clone(), request("/v1/ingest/shop").body(Body::from("[]")).unwrap()).await;
        if answer.status != StatusCode::ACCEPTED {
            break answer;
        }
    };
    assert_problem(&busy, 429);
    assert_eq!(busy.headers["retry-after"], "1");
    sender.unbounded_send(Ok(entered("a@b.c").to_string().into_bytes())).unwrap();
    drop(sender);
    assert_eq!(slow.await.unwrap().status, StatusCode::ACCEPTED);
}

fn signed(path: &str, stamp: i64, body: &str) -> Request<Body> {
    use hmac::{Hmac, KeyInit, Mac};
    let key = STANDARD.decode(SECRET.trim_start_matches("whsec_")).unwrap();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("msg_1.{stamp}.{body}").as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let request = Request::post(path)
        .header("content-type", "application/json")
        .header("webhook-id", "msg_1")
        .header("webhook-timestamp", stamp)
        .header("webhook-signature", format!("v1,{signature}"));
    request.body(Body::from(body.to_owned())).unwrap()
}

#[tokio::test]
async fn a_signed_request_may_come_again_and_an_old_one_may_not() {
    let world = World::new().await;
    world.put_source("signed", json!({"method": "standard_webhooks"}), json!({"current": "whsec_AAAA"})).await;
    let router = world.router().await;
    let now = support::NOW.parse::<jiff::Timestamp>().unwrap().as_second();
    let body = entered("a@b.c").to_string();
    assert_problem(&send(router.clone(), signed("/v1/ingest/signed", now, &body)).await, 401);
    let rotating = Secret(json!({"current": "whsec_AAAA", "previous": SECRET}));
    world.ports.vault.put("source/signed", &rotating).await.unwrap();
    let router = world.router().await;
    for _ in 0..2 {
        let answer = send(router.clone(), signed("/v1/ingest/signed", now - 299, &body)).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    }
    let old = send(router.clone(), signed("/v1/ingest/signed", now - 301, &body)).await;
    assert_problem(&old, 401);
    assert_eq!(old.body["detail"], "the header webhook-timestamp is more than five minutes old");
    let mut unsigned_type = signed("/v1/ingest/signed", now, &body);
    unsigned_type.headers_mut().insert("ce-specversion", http::HeaderValue::from_static("1.0"));
    assert_problem(&send(router.clone(), unsigned_type).await, 415);
    world.ports.vault.delete("source/signed").await.unwrap();
    assert_problem(&send(world.router().await, signed("/v1/ingest/signed", now, &body)).await, 503);
}

fn read_signal(body: &[u8]) -> Result<Option<Signal>, String> {
    match body {
        b"id" => Ok(Some(Signal::VendorId("v1".to_owned()))),
        b"key" => Ok(Identifier::normalise(&"email".parse().unwrap(), "a@b.c").ok().map(Signal::Key)),
        b"other" => Ok(None),
        _ => Err("not a signal".to_owned()),
    }
}

async fn signal(world: &World, activation: &str, login: Option<String>, body: &'static str) -> Answer {
    let router = router(Arc::new(world.app().await.with_signals(|_| Some(read_signal))));
    let mut request = Request::post(format!("/v1/signals/{activation}"));
    if let Some(login) = login {
        request = request.header("authorization", login);
    }
    send(router, request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn signals_are_believed_by_password_and_passed_on() {
    let world = World::new().await;
    for (id, status) in [("a", "active"), ("paused", "paused"), ("bare", "active")] {
        world.put_activation(id, status).await;
    }
    for id in ["a", "paused"] {
        let login = Secret(json!({"user": "vendor", "password": "hidden:1"}));
        world.ports.vault.put(&format!("signal/{id}"), &login).await.unwrap();
    }
    let good = || Some(basic("vendor", "hidden:1"));
    for (activation, body, taken) in
        [("a", "id", true), ("a", "key", true), ("a", "other", false), ("paused", "id", false)]
    {
        let answer = signal(&world, activation, good(), body).await;
        assert_eq!((answer.status, &answer.body["taken"]), (StatusCode::OK, &json!(taken)), "{activation} {body}");
    }
    let sent = std::mem::take(&mut *world.sent.0.lock().unwrap());
    let [(queue, by_id), (_, by_key)] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(queue, "webhook-live");
    assert!(matches!(by_id.as_slice(), [Message::Signal { vendor_id, .. }] if vendor_id == "v1"));
    assert!(matches!(by_key.as_slice(), [Message::SignalKey { .. }]));
    for wrong in [None, Some(basic("vendor", "hidden")), Some(basic("x", "hidden:1")), Some("Bearer x".to_owned())] {
        let answer = signal(&world, "a", wrong, "id").await;
        assert_problem(&answer, 401);
        assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Basic "));
    }
    assert_problem(&signal(&world, "a", good(), "noise").await, 400);
    let silent = Request::post("/v1/signals/a").header("authorization", basic("vendor", "hidden:1"));
    assert_problem(&send(world.router().await, silent.body(Body::from("id")).unwrap()).await, 404);
    assert_problem(&signal(&world, "bare", good(), "id").await, 503);
}
