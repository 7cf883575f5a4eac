//! The repository's own templates and binaries, deployed: real changes in over HTTP, through functions, queues
//! and tables under the roles of the template, to the stand-in for the platform.

mod site;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use muster_local::demo::compare::{Labels, compare};
use muster_local::demo::events::{Events, Expected};
use muster_tests::world::RECEIVER_SECRET;
use muster_twins::heyloyalty::{Fault, FaultKind, HeyloyaltyTwin, MemberView, Options, SeedList, SeedMember};
use muster_twins::webhook::{self, WebhookTwin};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use site::Site;

const LIST: u64 = 4711;
const PEOPLE: usize = 200;
/// Of them those whose changes meet a function that dies.
const LAST: usize = 10;
/// Changes of one request.
const BATCH: usize = 500;
/// How long anything may take, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(150);
const KEY: &[u8] = b"a key that signs, of 32 bytes ...";
const RECEIVER: &str = "https://receiver.example";
const VISITOR: &str = "visitor@example.org";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deployed_delivers_everything_and_loses_nothing() {
    let (events, late) = slice();
    let all = Events { lines: [&events[..], &late[..]].concat() };
    let expected = all.fold().unwrap();
    let (twin, strangers) = start_twin(&expected).await;
    let receiver = start_receiver().await;
    let twins = json!({"https://api.heyloyalty.com": twin.api_url(), RECEIVER: receiver.api_url()});
    let site = Site::deploy(&twins.to_string()).await;
    set_up(&site, &expected).await;

    let early = Events { lines: events.clone() }.fold().unwrap();
    let mut accepted = send_all(&site, &events).await;
    assert_equal(&twin, &early, &strangers).await;
    accepted += lose_a_worker(&site, &twin, &late).await;
    assert_equal(&twin, &expected, &strangers).await;

    assert_eq!(accepted, all.lines.len() as u64);
    let (_, view) = site.call(Method::GET, "/v1/activations/cdnow/accounting", None).await;
    assert_eq!(view["account"]["accepted"], accepted, "{view}");
    assert_eq!(twin.unexpected(), Vec::<String>::new());
    tell_a_receiver(&site, &receiver).await;
    bury_what_cannot_be_read(&site).await;
}

/// The changes of the first people of the example, and those of the last of them apart.
fn slice() -> (Vec<String>, Vec<String>) {
    let example = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/cdnow.ndjson.gz"));
    let lines = Events::parse(example).unwrap().lines;
    let email = |line: &String| {
        let change: Value = serde_json::from_str(line).unwrap();
        change["person"]["email"].as_str().unwrap().trim().to_lowercase()
    };
    let people: BTreeSet<String> = lines.iter().map(email).collect();
    let people: Vec<String> = people.into_iter().take(PEOPLE).collect();
    let lines = lines.into_iter().filter(|line| people.contains(&email(line)));
    lines.partition(|line| !people[PEOPLE - LAST..].contains(&email(line)))
}

async fn start_twin(expected: &Expected) -> (HeyloyaltyTwin, BTreeMap<String, MemberView>) {
    let twin = HeyloyaltyTwin::start(Options::default()).await.unwrap();
    twin.seed_list(&SeedList { id: Some(LIST), name: "Newsletter".to_owned(), ..SeedList::default() }).unwrap();
    let strangers: Vec<SeedMember> =
        (0..20).map(|number| SeedMember::active(&format!("stranger{number}@example.org"))).collect();
    twin.seed_members(LIST, &strangers).unwrap();
    let strangers = twin.members(LIST).into_iter().map(|member| (member.text("email").to_owned(), member)).collect();
    let members: Vec<SeedMember> = expected.people.keys().map(|email| SeedMember::active(email)).collect();
    twin.seed_members(LIST, &members).unwrap();
    (twin, strangers)
}

async fn set_up(site: &Site, expected: &Expected) {
    made(
        site,
        "/v1/sources",
        json!({"id": "cdnow", "name": "CDNOW", "keyed_by": "user_id",
               "authentication": {"method": "standard_webhooks"},
               "secret": format!("whsec_{}", STANDARD.encode(KEY))}),
    )
    .await;
    made(
        site,
        "/v1/authorizations",
        json!({"id": "newsletter", "provider": "heyloyalty", "label": "Stand-in", "requests_per_second": 2_000,
               "secret": {"api_key": "API_KEY", "api_secret": "API_SECRET"}}),
    )
    .await;
    let attributes: Vec<Value> =
        expected.attributes.iter().map(|(attribute, kind)| json!({"attribute": attribute, "type": kind})).collect();
    made(
        site,
        "/v1/activations",
        json!({"id": "cdnow", "name": "CDNOW to the newsletter", "source": "cdnow", "destination": "heyloyalty",
               "authorization": "newsletter", "settings": {"list_id": LIST}, "audiences": expected.audiences,
               "attributes": attributes}),
    )
    .await;
    activate(site, "cdnow").await;
}

async fn made(site: &Site, path: &str, body: Value) {
    let (status, answer) = site.call(Method::POST, path, Some(&body)).await;
    assert!((200..300).contains(&status), "{path} was answered {status}: {answer}");
}

async fn activate(site: &Site, activation: &str) {
    let path = format!("/v1/activations/{activation}");
    let (status, answer) = site.call(Method::POST, &format!("{path}/activate"), None).await;
    assert!(status < 300, "{status}: {answer}");
    let active = async || {
        let (_, activation) = site.call(Method::GET, &path, None).await;
        (activation["status"] == "active").then_some(())
    };
    assert!(poll(active).await.is_some(), "{}", site.call(Method::GET, &path, None).await.1);
}

/// Answers how many changes were accepted.
async fn send_all(site: &Site, lines: &[String]) -> u64 {
    let mut accepted = 0;
    for batch in lines.chunks(BATCH) {
        let body = batch.join("\n");
        #[expect(clippy::disallowed_methods, reason = "a source has its own clock")]
        let timestamp = Timestamp::now().as_second().to_string();
        let answer = site
            .request(Method::POST, "/v1/ingest/cdnow")
            .header("content-type", "application/x-ndjson")
            .header("webhook-id", "msg_1")
            .header("webhook-timestamp", &timestamp)
            .header("webhook-signature", sign("msg_1", &timestamp, &body))
            .body(body)
            .send()
            .await
            .unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 202, "{text}");
        let said: Value = serde_json::from_str(&text).unwrap();
        accepted += said["accepted"].as_u64().unwrap();
    }
    accepted
}

fn sign(id: &str, timestamp: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).unwrap();
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// Sends one request, and kills the function that delivers it while it waits for the platform, which has applied
/// nothing. Its message comes back. Nothing else is under way: a run that ends between what it sent of an older row and
/// the look at the newer one is put right by the sweep, and that takes six minutes. That the platform holds everything
/// does not say that such a run is over, but empty queues do.
async fn lose_a_worker(site: &Site, twin: &HeyloyaltyTwin, lines: &[String]) -> u64 {
    let at_rest = poll(async || {
        let left = site.messages("heyloyalty-live").await + site.messages("heyloyalty-bulk").await;
        (left == 0).then_some(())
    });
    assert!(at_rest.await.is_some(), "messages do not end");
    site.hide_for("heyloyalty-live", 10).await;
    twin.push_fault(Fault::once(FaultKind::TimeoutBefore).on_method("PATCH"));
    assert!(lines.len() <= BATCH, "one request, so that one worker has it all");
    let accepted = send_all(site, lines).await;
    let struck = poll(async || twin.scripted_faults().is_empty().then_some(())).await;
    assert!(struck.is_some(), "nothing was sent to the platform");
    let workers = site.processes("heyloyalty-live");
    assert!(!workers.is_empty(), "no function is running");
    for worker in workers {
        // The one that waits is among them, and ends without a word.
        let killed = std::process::Command::new("kill").args(["-9", &worker.to_string()]).status().unwrap();
        assert!(killed.success());
    }
    accepted
}

async fn start_receiver() -> WebhookTwin {
    let secrets = vec![RECEIVER_SECRET.parse().unwrap()];
    WebhookTwin::start(webhook::Options { secrets, ..webhook::Options::default() }).await.unwrap()
}

/// The other destination: a live entry becomes one record and one event at a receiver.
async fn tell_a_receiver(site: &Site, receiver: &WebhookTwin) {
    let authorization = json!({"id": "receiver", "provider": "webhook", "label": "Stand-in",
        "secret": {"secret": RECEIVER_SECRET}});
    made(site, "/v1/authorizations", authorization).await;
    let settings = json!({"url": format!("{RECEIVER}/muster"), "events": ["entered"]});
    let activation = json!({"id": "crm", "name": "CDNOW to a receiver", "source": "cdnow", "destination": "webhook",
        "authorization": "receiver", "settings": settings, "audiences": ["visitors"]});
    made(site, "/v1/activations", activation).await;
    activate(site, "crm").await;
    #[expect(clippy::disallowed_methods, reason = "a source has its own clock")]
    let now = Timestamp::now().to_string();
    let entered = json!({"id": "v1", "type": "audience.entered", "audience": "visitors", "occurred_at": now,
        "person": {"user_id": "visitor", "email": VISITOR}});
    assert_eq!(send_all(site, &[entered.to_string()]).await, 1);
    let settled = poll(async || {
        let (_, view) = site.call(Method::GET, "/v1/activations/crm/accounting", None).await;
        let account = &view["account"];
        (account["delivered"] == 1 && account["effects_open"] == 0).then_some(())
    });
    let settled = settled.await;
    let events = receiver.events();
    assert!(settled.is_some(), "{events:?}");
    assert_eq!(events.iter().map(|event| (event.id.as_str(), event.arrived)).collect::<Vec<_>>(), [(VISITOR, 1)]);
    assert_eq!(receiver.people().into_keys().collect::<Vec<_>>(), [VISITOR]);
    assert_eq!(receiver.unexpected(), Vec::<String>::new());
}

/// A message that nobody can read does not come back for ever, and is kept.
async fn bury_what_cannot_be_read(site: &Site) {
    site.hide_for("jobs", 1).await;
    site.send("jobs", "no message").await;
    let buried = poll(async || site.receive("jobs-dead").await.pop()).await;
    assert_eq!(buried.as_deref(), Some("no message"));
    let others =
        ["heyloyalty-live-dead", "heyloyalty-bulk-dead", "webhook-live-dead", "webhook-bulk-dead", "tasks-dead"];
    for queue in others {
        assert_eq!(site.receive(queue).await, Vec::<String>::new(), "{queue}");
    }
}

/// The platform comes to hold what a naive reading of the input says, and nobody else is touched.
async fn assert_equal(twin: &HeyloyaltyTwin, expected: &Expected, strangers: &BTreeMap<String, MemberView>) {
    let compared = || compare(twin, LIST, expected, &labels(twin, expected), strangers);
    let equal = poll(async || (compared().different == 0).then_some(())).await;
    assert!(equal.is_some(), "{:#?}", compared());
    assert_eq!((compared().equal, compared().strangers_touched), (expected.people.len(), 0));
}

/// The list's field of each audience and attribute: the one that bears its name as label.
fn labels(twin: &HeyloyaltyTwin, expected: &Expected) -> Labels {
    let fields = twin.list(LIST).map(|list| list.fields).unwrap_or_default();
    let names = expected.audiences.iter().chain(expected.attributes.keys());
    let found = names.filter_map(|name| {
        let field = fields.iter().find(|field| field.label == *name)?;
        Some((name.clone(), field.name.clone()))
    });
    found.collect()
}

/// Asks until there is an answer, or patience ends.
async fn poll<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let mut again = tokio::time::interval(Duration::from_millis(200));
    let asked = async {
        loop {
            again.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.ok()
}
