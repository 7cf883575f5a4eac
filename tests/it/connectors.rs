//! Connectors in the place of Eagle Eye's own: the same addresses, header and answers, towards AIR and out of it.

use axum::body::Body;
use axum::http::Request;
use jiff::SignedDuration;
use muster_tests::call::send;
use muster_tests::loyalty::{CUSTOMER, LoyaltyWorld, TOKEN};
use muster_twins::bloomreach::{self, WebhookCall};
use muster_twins::braze::{self, AttemptOutcome, Deliveries, SeedProfile, SeedWebhook, Step};
use muster_twins::eagle_eye_air::{self, Purchase, SeedCampaign, SeedWallet};
use serde_json::{Value, json};
use tower::ServiceExt;

const KEY: &str = "the-key-of-the-connector";
const ID: &str = "5a0c1f4e-0000-4000-8000-000000000001";

async fn world() -> LoyaltyWorld {
    let world = LoyaltyWorld::new(json!({})).await;
    let secret = json!({"client_id": eagle_eye_air::Options::CLIENT, "secret": eagle_eye_air::Options::SECRET});
    let unit = json!({"id": "unit", "provider": "eagle-eye-air", "label": "Unit", "secret": secret,
                      "requests_per_second": 1_000.0});
    world.post("/v1/authorizations", unit).await;
    world.air.seed_campaign(SeedCampaign::points("WELCOME-100", 100));
    world
}

fn air() -> Value {
    json!({"authorization": "unit", "wallet_url": "https://wallet.sandbox.uk.eagleeye.com"})
}

/// With a connector of this platform inwards, and a wallet of [`CUSTOMER`].
async fn inwards(platform: &str) -> LoyaltyWorld {
    let mut world = world().await;
    let new = json!({"id": ID, "platform": platform, "direction": "in", "key": KEY, "air": air()});
    let made = world.post("/v1/connectors", new).await;
    assert_eq!(made["path"], format!("/in/{platform}/{ID}"));
    assert_eq!(made["header"], json!({"name": "X-Auth-Token", "value": KEY}));
    world.settle().await;
    world.clock.advance(SignedDuration::from_mins(1));
    world.wallet();
    world
}

/// What Braze's webhook step sends, as its template renders it.
fn asks(identity: &str, reference: &str, actions: &[&str]) -> Value {
    let triggers: Vec<Value> = actions.iter().map(|action| json!({"reference": action})).collect();
    let body = json!({"identityValue": identity, "walletTransaction": {"reference": reference}, "triggers": triggers});
    json!({"type": "services/trigger", "body": body})
}

/// The installation over the network, at this address.
async fn served(world: &LoyaltyWorld) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = world.system.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

struct Answered {
    status: u16,
    trace: Option<String>,
    body: Value,
}

async fn sent(world: &LoyaltyWorld, path: &str, headers: &[(&str, &str)], body: &Value) -> Answered {
    let request = Request::post(path).header("content-type", "application/json");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let request = request.body(Body::from(body.to_string())).unwrap();
    let answer = world.system.router.clone().oneshot(request).await.unwrap();
    let trace = answer.headers().get("x-ees-connector-trace-id").map(|value| value.to_str().unwrap().to_owned());
    let status = answer.status().as_u16();
    let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    Answered { status, trace, body: serde_json::from_slice(&bytes).unwrap() }
}

async fn to_braze_connector(world: &LoyaltyWorld, body: &Value) -> Answered {
    sent(world, &format!("/in/braze/{ID}"), &[("x-auth-token", KEY)], body).await
}

fn rewards(world: &LoyaltyWorld) -> Vec<(String, String)> {
    world.air.rewards().into_iter().map(|reward| (reward.reference, reward.action_reference)).collect()
}

#[tokio::test]
async fn a_platform_asks_for_a_reward_which_is_issued_once() {
    let mut world = inwards("braze").await;
    let request = asks(CUSTOMER, "canvas-1-CUST-1-2026Q1", &["WELCOME-100"]);
    // A webhook that comes twice at once, again while the first waits, and again when it is done.
    for _ in 0..2 {
        let answered = to_braze_connector(&world, &request).await;
        assert_eq!((answered.status, answered.body), (200, json!({"status": "OK"})));
        assert_eq!(answered.trace.unwrap().len(), 36, "a UUID");
    }
    world.settle_now().await;
    assert_eq!(to_braze_connector(&world, &request).await.status, 200);
    world.settle().await;
    assert_eq!(rewards(&world), [("canvas-1-CUST-1-2026Q1".to_owned(), "WELCOME-100".to_owned())]);
    // A season later, too: what is worth money is remembered.
    world.clock.advance(SignedDuration::from_hours(24 * 100));
    assert_eq!(to_braze_connector(&world, &request).await.status, 200);
    world.settle().await;
    assert_eq!(rewards(&world).len(), 1);
    // In other letters it is the same person, since AIR makes no difference.
    let shouted = asks(&CUSTOMER.to_uppercase(), "canvas-1-CUST-1-2026Q1", &["WELCOME-100"]);
    let whispered = asks(&CUSTOMER.to_lowercase(), "canvas-1-CUST-1-2026Q1", &["WELCOME-100"]);
    for same in [shouted, whispered] {
        assert_eq!(to_braze_connector(&world, &same).await.status, 200);
    }
    world.settle().await;
    assert_eq!(rewards(&world).len(), 1);
    assert_eq!(world.air.unexpected(), Vec::<String>::new());
}

/// The webhook step of Braze: the stand-in renders the template and calls, twice at the same time, for somebody who has a
/// wallet, somebody who will have one, and a profile without an id.
#[tokio::test]
async fn the_webhook_step_of_braze_has_rewards_issued() {
    let mut world = inwards("braze").await;
    let url = format!("{}/in/braze/{ID}", served(&world).await);
    let template = r#"{"type": "services/trigger", "body": {"identityValue": "{{${user_id}}}",
        "walletTransaction": {"reference": "{{canvas.${api_id}}}-{{${user_id}}}-2026Q1"},
        "triggers": [{"reference": "WELCOME-100"}]}}"#;
    let headers = [("Content-Type", "application/json"), ("X-Auth-Token", KEY)];
    let step = SeedWebhook {
        id: "welcome".to_owned(),
        step: Step::Canvas,
        url,
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        body: template.to_owned(),
    };
    world.braze.seed_webhook(step).unwrap();
    world.braze.with_switches(|switches| switches.deliveries = Deliveries::Double);
    world.braze.seed_person("CUST-2");
    let alias = braze::Alias { name: "visitor".to_owned(), label: "web".to_owned() };
    let nobody = world.braze.seed_profile(SeedProfile { alias: Some(alias), ..SeedProfile::default() }).unwrap();
    assert!(world.braze.fire("welcome", &[CUSTOMER, "CUST-2", &nobody]));
    world.braze.webhooks_settled().await;
    world.settle_now().await;
    assert_eq!(rewards(&world), [(format!("welcome-{CUSTOMER}-2026Q1"), "WELCOME-100".to_owned())]);
    // Joining and being rewarded overtook each other.
    world.air.seed_wallet(&SeedWallet::new(&[("CUSTOMER_ID", "CUST-2")]).with_points(0)).unwrap();
    world.settle().await;
    assert_eq!(rewards(&world).len(), 2);
    let of = |person: Option<&str>| -> Vec<AttemptOutcome> {
        let attempts = world.braze.attempts();
        attempts.into_iter().filter(|one| one.external_id.as_deref() == person).map(|one| one.outcome).collect()
    };
    assert_eq!(of(Some(CUSTOMER)), [AttemptOutcome::Answered(200); 2]);
    assert_eq!(of(None), [AttemptOutcome::Answered(400); 2], "which is final");
    assert_eq!(world.braze.unexpected(), Vec::<String>::new());
    assert_eq!(world.air.unexpected(), Vec::<String>::new());
}

/// Bloomreach calls for each customer with a password, within a second, and stops at the first 400.
#[tokio::test]
async fn a_campaign_of_bloomreach_has_rewards_issued_and_is_not_stopped() {
    let mut world = inwards("bloomreach").await;
    let url = format!("{}/in/bloomreach/{ID}", served(&world).await);
    let webhook = world.bloomreach.add_webhook(bloomreach::SeedWebhook::new(&url).basic_auth("muster", KEY));
    let call = |customer: &str, body: Value| WebhookCall { registered: customer.to_owned(), body };
    let calls = vec![
        call("nobody", asks("", "scenario-1", &["WELCOME-100"])),
        call(CUSTOMER, asks(CUSTOMER, "scenario-1", &["WELCOME-100"])),
    ];
    assert!(world.bloomreach.call_webhook(webhook, calls));
    world.bloomreach.webhooks_settled().await;
    world.settle().await;
    assert_eq!(world.bloomreach.webhooks()[0].status, bloomreach::WebhookStatus::Running);
    let answers: Vec<Value> =
        world.bloomreach.attempts().into_iter().map(|one| one.answer["success"].clone()).collect();
    assert_eq!(answers, [json!(false), json!(true)]);
    assert_eq!(rewards(&world).len(), 1);
}

/// A unit that refuses used references: what was not issued is never taken for issued, whoever's reference it was.
#[tokio::test]
async fn a_shared_reference_is_never_taken_for_another_reward() {
    for (references, rewarded, waiting) in [("brought", 1, 2), ("own", 3, 0)] {
        let mut world = inwards("braze").await;
        world.air.with_switches(|switches| {
            switches.duplicate_reference = eagle_eye_air::DuplicateReference::RefuseInUnit;
            switches.by_reference = eagle_eye_air::ByReference::One;
        });
        let settings = json!({"wallet_url": "https://wallet.sandbox.uk.eagleeye.com", "requests": "take",
                              "references": references});
        world.call("PATCH", &format!("/v1/activations/{ID}"), json!({"settings": settings})).await;
        world.settle().await;
        world.clock.advance(SignedDuration::from_mins(1));
        world.air.seed_campaign(SeedCampaign::coupon("COFFEE"));
        world.air.seed_wallet(&SeedWallet::new(&[("CUSTOMER_ID", "CUST-2")]).with_points(0)).unwrap();
        for (customer, action) in [(CUSTOMER, "WELCOME-100"), (CUSTOMER, "COFFEE"), ("CUST-2", "WELCOME-100")] {
            assert_eq!(to_braze_connector(&world, &asks(customer, "dispatch-1", &[action])).await.status, 200);
            world.settle().await;
        }
        let listed = world.call("GET", &format!("/v1/activations/{ID}/effects"), Value::Null).await;
        let listed = listed["items"].as_array().unwrap().len();
        assert_eq!((rewards(&world).len(), listed), (rewarded, waiting), "{references}");
    }
}

#[tokio::test]
async fn a_platform_is_not_told_that_a_reward_comes_which_nobody_issues() {
    let mut world = inwards("braze").await;
    world.call("DELETE", &format!("/v1/activations/{ID}?relabel=false"), Value::Null).await;
    world.settle().await;
    world.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(to_braze_connector(&world, &asks(CUSTOMER, "canvas-1", &["WELCOME-100"])).await.status, 500);
    let source = world.call("GET", &format!("/v1/sources/{ID}"), Value::Null).await;
    assert_eq!(source["left_out"][0]["name"], "connect.not-issued");
}

/// AIR's own sender over the network: events come twice, in another order, several at once, and none is given up.
#[tokio::test]
async fn what_airs_sender_brings_is_told_once_however_it_brings_it() {
    let mut world = world().await;
    let url = served(&world).await;
    let wallet = world.wallet();
    world.air.with_switches(|switches| {
        switches.duplicates = eagle_eye_air::Duplicates::SameEventId;
        switches.out_of_order = true;
        switches.burst = Some(4);
    });
    world.air.subscribe(eagle_eye_air::Subscription::new(&format!("{url}/v1/ingest/air"), TOKEN));
    for number in 0..9 {
        world.air.settle(&wallet, &Purchase::new(&format!("POS-{number}"))).unwrap();
        world.clock.advance(SignedDuration::from_secs(5));
    }
    world.air.events_settled().await;
    world.settle().await;
    let mut told: Vec<String> =
        world.braze.events().iter().map(|event| event.properties["transactionReference"].to_string()).collect();
    told.sort();
    assert_eq!(told, (0..9).map(|number| format!("\"POS-{number}\"")).collect::<Vec<_>>());
    let answers: Vec<_> = world.air.attempts().into_iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(answers, [eagle_eye_air::AttemptOutcome::Answered(200); 18], "each came twice");
    assert_eq!(world.air.dead_letters(), []);
    world.assert_unharmed();
}

#[tokio::test]
async fn a_reference_that_many_people_share_rewards_each_of_them() {
    let mut world = inwards("braze").await;
    world.air.seed_wallet(&SeedWallet::new(&[("CUSTOMER_ID", "CUST-2")]).with_points(0)).unwrap();
    for customer in [CUSTOMER, "CUST-2"] {
        assert_eq!(to_braze_connector(&world, &asks(customer, "dispatch-1", &["WELCOME-100"])).await.status, 200);
    }
    world.settle().await;
    assert_eq!(rewards(&world).len(), 2);
}

#[tokio::test]
async fn several_actions_and_long_references_get_references_of_our_own() {
    let mut world = inwards("segment").await;
    world.air.seed_campaign(SeedCampaign::coupon("COFFEE"));
    let path = format!("/in/segment/{ID}");
    let both = asks(CUSTOMER, "journey-7", &["WELCOME-100", "COFFEE", "COFFEE"]);
    assert_eq!(sent(&world, &path, &[("x-auth-token", KEY)], &both).await.status, 200);
    let long = asks(CUSTOMER, &format!("{ID}-{CUSTOMER}-2026Q1-and-more"), &["WELCOME-100"]);
    assert_eq!(sent(&world, &path, &[("x-auth-token", KEY)], &long).await.status, 200);
    world.settle().await;
    let mut issued = rewards(&world);
    issued.sort_by_key(|(_, action)| action.clone());
    assert_eq!(
        issued.iter().map(|(_, action)| action.as_str()).collect::<Vec<_>>(),
        ["COFFEE", "WELCOME-100", "WELCOME-100"]
    );
    assert_eq!(issued.iter().filter(|(reference, _)| reference == "journey-7").count(), 1);
    assert_eq!(issued.iter().filter(|(reference, _)| reference.starts_with("mstr-")).count(), 2);
    assert_eq!(world.air.unexpected(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_wrong_is_answered_as_braze_expects_it() {
    let world = inwards("braze").await;
    let good = asks(CUSTOMER, "canvas-1", &["WELCOME-100"]);
    let path = format!("/in/braze/{ID}");
    for (path, headers, status) in [
        (path.as_str(), &[][..], 401),
        (&path, &[("x-auth-token", "")], 401),
        (&path, &[("x-auth-token", "another-key-altogether")], 403),
        ("/in/braze/nobodys", &[("x-auth-token", KEY)], 403),
        (&format!("/in/segment/{ID}"), &[("x-auth-token", KEY)], 403),
        (&format!("/out/braze/{ID}"), &[("x-auth-token", KEY)], 403),
    ] {
        assert_eq!(sent(&world, path, headers, &good).await.status, status, "{path} {headers:?}");
    }
    // A template that renders blank, and a profile without an id.
    let blank = json!({"type": "services/trigger", "body": {"identityValue": " ", "walletTransaction": {"reference": null},
                       "triggers": [{"reference": ""}]}});
    let answered = to_braze_connector(&world, &blank).await;
    assert_eq!(answered.status, 400);
    assert_eq!(answered.body["message"], "Validation error");
    let paths: Vec<&str> =
        answered.body["errors"].as_array().unwrap().iter().map(|error| error["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["body.identityValue", "body.walletTransaction.reference", "body.triggers[0].reference"]);
    let others =
        [json!({"type": "services/other", "body": good["body"]}), json!([]), json!({"type": "services/trigger"})];
    for other in others {
        assert_eq!(to_braze_connector(&world, &other).await.status, 400, "{other}");
    }
    assert_eq!(world.air.rewards(), []);
    let source = world.call("GET", &format!("/v1/sources/{ID}"), Value::Null).await;
    assert_eq!(source["left_out"][0]["name"], "connect.invalid");
    assert_eq!(source["left_out"][0]["count"], 4);
}

#[tokio::test]
async fn bloomreach_logs_in_and_hears_of_mistakes_without_stopping() {
    let mut world = inwards("bloomreach").await;
    let path = format!("/in/bloomreach/{ID}");
    // `connector:the-key-of-the-connector`.
    let basic = [("authorization", "Basic Y29ubmVjdG9yOnRoZS1rZXktb2YtdGhlLWNvbm5lY3Rvcg==")];
    let good = sent(&world, &path, &basic, &asks(CUSTOMER, "scenario-1", &["WELCOME-100"])).await;
    assert_eq!((good.status, &good.body["success"]), (200, &json!(true)));
    let bad = sent(&world, &path, &basic, &asks("", "scenario-1", &["WELCOME-100"])).await;
    assert_eq!((bad.status, &bad.body["success"]), (200, &json!(false)));
    assert_eq!(bad.body["result"]["errors"][0]["path"], "body.identityValue");
    world.settle().await;
    assert_eq!(rewards(&world).len(), 1);
}

#[tokio::test]
async fn both_keys_are_good_while_one_is_replaced() {
    let world = inwards("braze").await;
    let next = "the-next-key-of-the-connector";
    world.call("PUT", &format!("/v1/sources/{ID}/secret"), json!({"secret": next})).await;
    world.clock.advance(SignedDuration::from_mins(1));
    let request = asks(CUSTOMER, "canvas-1", &["WELCOME-100"]);
    for key in [KEY, next] {
        assert_eq!(sent(&world, &format!("/in/braze/{ID}"), &[("x-auth-token", key)], &request).await.status, 200);
    }
    world.call("DELETE", &format!("/v1/sources/{ID}/secret/previous"), Value::Null).await;
    world.clock.advance(SignedDuration::from_mins(2));
    for (key, status) in [(KEY, 403), (next, 200)] {
        assert_eq!(sent(&world, &format!("/in/braze/{ID}"), &[("x-auth-token", key)], &request).await.status, status);
    }
}

#[tokio::test]
async fn air_sends_its_events_to_the_address_of_a_connector() {
    let mut world = world().await;
    let new = json!({"platform": "braze", "direction": "out", "currency": "GBP", "air": air()});
    let made = world.post("/v1/connectors", new).await;
    let (path, key) = (made["path"].as_str().unwrap().to_owned(), made["header"]["value"].as_str().unwrap().to_owned());
    let id = made["id"].as_str().unwrap();
    assert_eq!((path.as_str(), key.len()), (format!("/out/braze/{id}").as_str(), 64));
    assert_eq!(
        world.call("GET", &format!("/v1/connectors/{id}"), Value::Null).await["header"],
        json!({"name": "X-Auth-Token"})
    );
    let activation = json!({"id": "connected", "name": "Braze", "source": id, "destination": "braze",
        "authorization": "braze", "settings": {"rest_endpoint": "https://rest.fra-01.braze.eu"},
        "person_identifier": "ids.customer_id"});
    world.post("/v1/activations", activation).await;
    world.post("/v1/activations/connected/activate", Value::Null).await;
    world.settle().await;
    world.clock.advance(SignedDuration::from_mins(1));
    let wallet = world.wallet();
    let settled = world.air.settle(&wallet, &Purchase::new("POS-1")).unwrap();
    let event = settled.body["headers"]["eesEventId"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        let answered = sent(&world, &path, &[("x-auth-token", &key)], &settled.body).await;
        assert_eq!(
            (answered.status, answered.body, answered.trace),
            (200, json!({"status": "OK"}), Some(event.clone()))
        );
    }
    world.settle().await;
    assert_eq!(world.braze.events().len(), 1);
    for (headers, status) in [(&[][..], 401), (&[("x-auth-token", "wrong-key-of-somebody")], 403)] {
        assert_eq!(sent(&world, &path, headers, &settled.body).await.status, status);
    }
    // What is no event is taken all the same: AIR would only send it again.
    assert_eq!(sent(&world, &path, &[("x-auth-token", &key)], &json!({"odd": true})).await.status, 200);
    world.assert_unharmed();
}

#[tokio::test]
async fn a_reward_that_a_platform_asked_for_is_known_as_our_own_by_the_client() {
    let mut world = inwards("braze").await;
    let format = json!({"kind": "eagle_eye_air", "currency": "GBP", "own_clients": [eagle_eye_air::Options::CLIENT],
                        "own_rewards": "leave_out"});
    world.call("PATCH", "/v1/sources/air", json!({"format": format})).await;
    world.clock.advance(SignedDuration::from_mins(1));
    to_braze_connector(&world, &asks(CUSTOMER, "canvas-1", &["WELCOME-100"])).await;
    world.settle().await;
    let echo = world.air.events().into_iter().find(|event| event.event_name == "SERVICE.TRIGGER").unwrap();
    world.happens(&echo).await;
    assert_eq!(world.braze.events(), [], "no journey that asked for it hears of it");
    assert!(world.left_out().await["air.own-reward"] > 0);
}

/// The example of the destination's README.
#[tokio::test]
async fn a_source_of_ones_own_may_ask_for_a_reward() {
    let mut world = LoyaltyWorld::new(json!({})).await;
    world.reward(json!({"requests": "take"})).await;
    world.air.seed_campaign(SeedCampaign::points("BIRTHDAY-500", 500));
    world.air.seed_wallet(&SeedWallet::new(&[("CUSTOMER_ID", "CUST-1")]).with_points(0)).unwrap();
    let asked = json!({"type": "person.event", "event": "reward_requested", "event_id": "birthday-2026-CUST-1",
        "person": {"customer_id": "CUST-1"}, "details": {"action_reference": "BIRTHDAY-500"}});
    world.told(&[asked.clone(), asked]).await;
    world.settle().await;
    let issued = rewards(&world);
    assert_eq!((issued.len(), issued[0].1.as_str()), (1, "BIRTHDAY-500"));
    assert!(issued[0].0.starts_with("mstr-"), "{issued:?}");
}

#[tokio::test]
async fn connectors_are_listed_and_the_same_request_again_makes_no_other_one() {
    let world = inwards("braze").await;
    let again = json!({"id": ID, "platform": "braze", "direction": "in", "key": KEY, "air": air()});
    world.post("/v1/connectors", again.clone()).await;
    let other_key =
        json!({"id": ID, "platform": "braze", "direction": "in", "key": "some-other-key-for-it", "air": air()});
    assert_eq!(world.try_call("POST", "/v1/connectors", other_key).await.0, 409);
    let listed = world.call("GET", "/v1/connectors", Value::Null).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(listed["items"][0]["activation"], ID);
    for (new, expected, path) in [
        (json!({"platform": "Braze", "direction": "in", "air": air()}), 400, "platform"),
        (json!({"platform": "braze", "direction": "in"}), 422, "air"),
        (json!({"platform": "braze", "direction": "in", "air": air(), "currency": "GBP"}), 422, "currency"),
        (json!({"platform": "braze", "direction": "out", "currency": "pounds"}), 422, "currency"),
    ] {
        let (status, answer) = world.try_call("POST", "/v1/connectors", new).await;
        assert_eq!((status, answer["path"].as_str()), (expected, Some(path)), "{answer}");
    }
    let status = Request::get("/in/braze/status").body(Body::empty()).unwrap();
    let (code, told) = send(&world.system.router, status).await;
    assert_eq!((code, &told["api"]), (200, &json!("muster")));
}
