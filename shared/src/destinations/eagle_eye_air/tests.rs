//! What can be seen without a network.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use insta::{assert_json_snapshot, assert_snapshot};
use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderMap;
use reqwest::{Request, StatusCode, Url};
use serde_json::{Value as Json, json};

use super::client::{Looked, hash, judge, looked, query};
use super::mapping::{self, Found};
use super::{Caps, Credentials, EagleEyeAir, Settings};
use crate::destination::{
    Action, Applied, Context, Destination, Failure, Item, ItemId, LinkedAudience, Links, Mode, Performance, Task,
    TaskId, Testimony, Verdict,
};
use crate::embedded::{Embedded, JumpClock};
use crate::http::{Account, Answer, Broken, Carried, Http, HttpTimes, Session, Transport};
use crate::metrics::Unmeasured;
use crate::model::budget::{Budget, Limit};
use crate::model::effect::Again;
use crate::model::{Details, Earned, Identifier, Lane, LinkState, PersonKey, RecordId, RunId, Transition, Value};
use crate::ports::Secret;

const TRIGGERED: &str = include_str!("fixtures/triggered.json");
const WALLET: &str = include_str!("fixtures/wallet.json");
const REFUSED: &str = include_str!("fixtures/refused.json");
const ADDRESS: &str = "anna@example.test";
const REFERENCE: &str = "mstr-aaisem2ekvthpcezvk54zxpo74";
const SECRET: &str = "0987654321";

fn settings_json(changes: &Json) -> Json {
    let mut settings = json!({
        "wallet_url": "https://wallet.sandbox.uk.eagleeye.com", "rewards": {"cats": "WELCOME-100"},
    });
    settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    settings
}

fn settings(changes: &Json) -> Settings {
    Settings::read(&settings_json(changes)).unwrap()
}

fn entered_at() -> Timestamp {
    "2026-03-01T10:00:00Z".parse().unwrap()
}

fn task_of(earned: Earned) -> Task {
    let key = Identifier::normalise(&"email".parse().unwrap(), ADDRESS).unwrap();
    let id = TaskId { person: PersonKey([1; 16]), effect: earned.id.clone() };
    Task { id, key, reference: "00112233445566778899aabbccddeeff".to_owned(), earned }
}

fn entered(audience: &str, property: Option<Value>) -> Task {
    let properties = property.map(|value| ("action_reference".parse().unwrap(), value)).into_iter().collect();
    let (activation, audience) = ("crm".parse().unwrap(), audience.parse().unwrap());
    task_of(Earned::by(&activation, Again::Once, Transition::Entered, &audience, properties, entered_at()))
}

fn answer(status: u16, body: &str) -> Answer {
    let status = StatusCode::from_u16(status).unwrap();
    Answer { status, retry_after: None, date: None, body: body.as_bytes().to_vec() }
}

fn failure(performance: Performance) -> Failure {
    match performance {
        Performance::Failed(failure) => failure,
        Performance::Done { said } => panic!("done: {said}"),
    }
}

fn text(body: Vec<u8>) -> String {
    String::from_utf8(body).unwrap()
}

#[test]
fn requests_are_hashed_as_published() {
    let of_trigger = r#"{"identityValue":"CUST-000123","walletTransaction":{"reference":"aud-7f3c9e-CUST-000123-1"},"triggers":[{"reference":"WELCOME-100"}]}"#;
    for (secret, target, body, expected) in [
        (SECRET, "/wallet/555555", "", "76e132ab2154bb7139258b65134ddaf74c12a4242ce136b87a7335292fddc068"),
        (
            "some-secret",
            "/some/path",
            r#"{"some":"arbitrary","json":"data"}"#,
            "01ec08cfb3aa78bc8fcec38ed1d4298d3c44eb7b19647e817c30b7ff628bb180",
        ),
        (SECRET, "/services/trigger", of_trigger, "d8956620955aec9b13a4f3c1bf98c97782f97f614043ea8eff729bb2d7e35d56"),
        (
            SECRET,
            "/2.0/services/trigger",
            of_trigger,
            "34344a793ae7edb9726c20918371ba4d527fa2cb1faad3b5fd4096241a4c0dd2",
        ),
    ] {
        assert_eq!(hash(target, body.as_bytes(), secret), expected, "{target}");
    }
}

#[test]
fn what_is_hashed_of_a_query_is_what_goes_over_the_wire() {
    for value in ["CUST-000123", "anna+1@example.test", "+1(416)-111", "æ ø/å?&=#%41'\"<>[]\\^`{|}~*!$,;:", ".."] {
        for prefix in ["", "/2.0"] {
            let target = query(&format!("{prefix}/wallet"), "identity-value", value);
            let url = Url::parse(&format!("https://wallet.sandbox.uk.eagleeye.com{target}")).unwrap();
            assert_eq!(format!("{}?{}", url.path(), url.query().unwrap()), target);
            assert_eq!(url.query_pairs().next().unwrap().1, value);
            assert_eq!(url.query_pairs().count(), 1);
        }
    }
}

#[test]
fn the_body_is_exactly_this() {
    let body = mapping::trigger(&settings(&json!({})), &entered("cats", None)).unwrap();
    assert_snapshot!(text(body), @r#"{"identityValue":"anna@example.test","walletTransaction":{"reference":"mstr-aaisem2ekvthpcezvk54zxpo74"},"triggers":[{"reference":"WELCOME-100"}]}"#);
}

#[test]
fn the_settings_name_the_reward_and_else_the_change_does() {
    let of = |audience: &str, property: Value| {
        let body = mapping::trigger(&settings(&json!({})), &entered(audience, Some(property))).unwrap();
        serde_json::from_slice::<Json>(&body).unwrap()["triggers"][0]["reference"].clone()
    };
    assert_eq!(of("cats", Value::Text("OTHER".to_owned())), "WELCOME-100");
    assert_eq!(of("dogs", Value::Text(" OTHER ".to_owned())), "OTHER");
    assert_eq!(of("dogs", Value::Integer(4711)), "4711");
    let named = settings(&json!({"reference_property": "air"}));
    assert!(mapping::trigger(&named, &entered("dogs", Some(Value::Text("OTHER".to_owned())))).is_err());
}

#[test]
fn what_has_no_reward_is_refused_with_the_reason() {
    let refusal = |task: &Task| mapping::trigger(&settings(&json!({})), task).unwrap_err().to_string();
    let absent = "no Action Reference: `rewards` has none for dogs, nor does it come as `action_reference`";
    assert_eq!(refusal(&entered("dogs", None)), absent);
    assert_eq!(refusal(&entered("dogs", Some(Value::Null))), absent);
    assert_eq!(refusal(&entered("dogs", Some(Value::Text("  ".to_owned())))), absent);
    for odd in [Value::Boolean(true), Value::List(vec![Value::Text("zqmarker".to_owned())])] {
        let refusal = refusal(&entered("dogs", Some(odd)));
        assert_eq!(refusal, "the property `action_reference` of dogs is no Action Reference");
    }
    let (activation, cats) = ("crm".parse().unwrap(), "cats".parse().unwrap());
    let left = Earned::by(&activation, Again::Once, Transition::Left, &cats, BTreeMap::new(), entered_at());
    let (event, id) = ("coupon_redeemed".parse().unwrap(), "e-1".parse().unwrap());
    let happened = Earned::by_event(&activation, &event, &id, &Details::default(), entered_at());
    for earned in [left, happened] {
        assert_eq!(
            refusal(&task_of(earned)),
            "rewarded is who enters an audience, and who is asked to be by `reward_requested`; nothing else"
        );
    }
}

#[test]
fn a_reference_is_the_same_for_every_try_and_for_no_other_reward() {
    let longest = settings(&json!({"reference_prefix": "Twelve-Chars"}));
    let of = |settings: &Settings, bits: &str| {
        mapping::reference(settings, &Task { reference: bits.to_owned(), ..entered("cats", None) })
    };
    let ours = settings(&json!({}));
    assert_eq!(of(&ours, "00112233445566778899aabbccddeeff").unwrap(), REFERENCE);
    assert_eq!(of(&ours, &"f".repeat(32)).unwrap(), "mstr-77777777777777777777777774");
    assert_eq!(of(&ours, &"0".repeat(32)).unwrap(), format!("mstr-{}", "a".repeat(26)));
    assert_eq!(of(&longest, &"f".repeat(32)).unwrap().len(), 38);
    // Each bit of it tells.
    let all: std::collections::BTreeSet<String> =
        (0..128).map(|bit| of(&ours, &format!("{:032x}", 1u128 << bit)).unwrap()).collect();
    assert_eq!(all.len(), 128);
    assert!(of(&ours, "no number").is_err());
}

#[test]
fn what_a_status_means() {
    let now = entered_at() + SignedDuration::from_hours(25);
    let words = |status| match mapping::performance(
        &settings(&json!({})),
        &entered("cats", None),
        &answer(status, REFUSED),
        now,
    ) {
        Performance::Done { .. } => "done",
        Performance::Failed(Failure::Rejected { .. }) => "refused",
        Performance::Failed(Failure::Unauthorized { .. } | Failure::Misconfigured { .. }) => "stop",
        Performance::Failed(Failure::RateLimited { .. }) => "slow down",
        Performance::Failed(Failure::Retryable { applied: Applied::Open, .. }) => "open",
        Performance::Failed(failure) => panic!("{failure:?}"),
    };
    let statuses = [200, 201, 202, 204, 301, 307, 400, 401, 403, 404, 405, 408, 409, 410, 422, 429, 500, 502, 503, 504];
    let told: Vec<String> = statuses.into_iter().map(|status| format!("{status} {}", words(status))).collect();
    let expected = "200 open, 201 done, 202 open, 204 open, 301 stop, 307 stop, 400 refused, 401 stop, 403 open, \
                    404 refused, 405 open, 408 open, 409 open, 410 open, 422 open, 429 slow down, 500 open, 502 open, \
                    503 open, 504 open";
    assert_eq!(told.join(", "), expected);
}

#[test]
fn whoever_is_unknown_is_tried_again_for_as_long_as_the_settings_say() {
    let told = |changes: &Json, after: SignedDuration| {
        let settings = settings(changes);
        failure(mapping::performance(&settings, &entered("cats", None), &answer(404, ""), entered_at() + after))
    };
    let is_again = |failure: &Failure| matches!(failure, Failure::Retryable { applied: Applied::No, .. });
    let almost_a_day = SignedDuration::from_secs(24 * 3600 - 1);
    assert!(is_again(&told(&json!({}), almost_a_day)));
    assert!(matches!(told(&json!({}), SignedDuration::from_hours(24)), Failure::Rejected { .. }));
    assert!(matches!(told(&json!({"unknown_wallet_hours": 0}), SignedDuration::ZERO), Failure::Rejected { .. }));
    assert!(is_again(&told(&json!({"unknown_wallet_hours": 48}), SignedDuration::from_hours(47))));
    // Where it happened a little later than now, by a clock that is fast.
    assert!(is_again(&told(&json!({}), SignedDuration::from_mins(-5))));
}

#[test]
fn a_201_is_done_whatever_its_body() {
    let said = |body: &str| match mapping::performance(
        &settings(&json!({})),
        &entered("cats", None),
        &answer(201, body),
        entered_at(),
    ) {
        Performance::Done { said } => said,
        Performance::Failed(failure) => panic!("{failure:?}"),
    };
    assert_eq!(said(TRIGGERED), "wallet transaction 610004711");
    assert_eq!(said(r#"{"walletTransactionId": 17}"#), "wallet transaction 17");
    let unreadable = "a wallet transaction whose id could not be read";
    for odd in ["", "<html>", "[]", "{}", r#"{"walletTransactionId": "anna@example.test"}"#] {
        assert_eq!(said(odd), unreadable, "{odd}");
    }
}

#[test]
fn airs_own_words_are_passed_on_without_anything_personal() {
    let key = entered("cats", None).key;
    assert_snapshot!(judge(&answer(400, REFUSED), key.expose()),
        @"Eagle Eye AIR answered with status 400: ZQCODE Failed to load wallet for […] and card […]");
    assert_snapshot!(judge(&answer(404, REFUSED), key.expose()),
        @"Eagle Eye AIR answered with status 404, for an unknown identity or Action Reference: ZQCODE Failed to load wallet for […] and card […]");
    assert_snapshot!(judge(&answer(409, r#"{"errorMessage":"reference used by 'Anna'"}"#), key.expose()),
        @"Eagle Eye AIR answered with status 409: reference used by […]");
    assert_snapshot!(judge(&answer(400, "<html>anna"), key.expose()), @"Eagle Eye AIR answered with status 400");
    assert_snapshot!(judge(&answer(401, REFUSED), key.expose()),
        @"Eagle Eye AIR answered with status 401: it refuses the client id, the secret or the call");
}

#[test]
fn what_the_status_of_a_look_means() {
    let words = |status| match looked(&answer(status, r#"{"walletId":"1"}"#), ADDRESS) {
        Ok(Looked::Found(_)) => "found",
        Ok(Looked::NotThere) => "not there",
        Ok(Looked::Unclear(_)) => "unclear",
        Err(Failure::Unauthorized { .. } | Failure::Misconfigured { .. }) => "stop",
        Err(Failure::RateLimited { .. }) => "slow down",
        Err(Failure::Retryable { applied: Applied::No, .. }) => "again",
        Err(failure) => panic!("{failure:?}"),
    };
    let statuses = [200, 301, 400, 401, 403, 404, 405, 408, 409, 422, 429, 500, 503];
    let told: Vec<String> = statuses.into_iter().map(|status| format!("{status} {}", words(status))).collect();
    let expected = "200 found, 301 stop, 400 not there, 401 stop, 403 stop, 404 not there, 405 unclear, 408 again, \
                    409 unclear, 422 unclear, 429 slow down, 500 again, 503 again";
    assert_eq!(told.join(", "), expected);
    assert!(matches!(looked(&answer(200, "<html>"), ADDRESS), Ok(Looked::Unclear(_))));
    let Err(failure) = looked(&answer(408, r#"{"errorMessage":"no Anna@Example.test"}"#), ADDRESS) else { panic!() };
    assert!(!failure.to_string().to_lowercase().contains("anna"), "{failure}");
}

#[test]
fn a_reward_is_found_by_reference_wallet_and_type() {
    let ours: Json = serde_json::from_str(TRIGGERED).unwrap();
    let with = |name: &str, value: Json| {
        let mut other = ours.clone();
        other[name] = value;
        other
    };
    let found = |json: &Json| mapping::find(json, REFERENCE, "310000042");
    let theirs = with("reference", json!("pos-17"));
    for json in [
        ours.clone(),
        with("walletId", json!(310_000_042)),
        with("type", json!("BEHAVIOURAL_ACTION_COUPON")),
        json!([ours]),
        json!({"total": 2, "results": [theirs, ours]}),
        json!([with("walletId", json!("9")), ours]),
    ] {
        assert_eq!(found(&json), Found::Reward { said: "wallet transaction 610004711".to_owned() }, "{json}");
    }
    for json in [with("walletId", json!("9")), with("type", json!("SETTLE")), json!([with("walletId", Json::Null)])] {
        assert!(matches!(found(&json), Found::Another(_)), "{json}");
    }
    let cased = with("reference", json!(REFERENCE.to_uppercase()));
    for json in [theirs.clone(), cased, json!([]), json!({}), json!({"results": []}), json!("text"), Json::Null] {
        assert!(matches!(found(&json), Found::Nothing(_)), "{json}");
    }
}

#[test]
fn a_wallet_is_known_by_the_one_id_of_an_answer() {
    let id = |json: Json| mapping::wallet_id(&json);
    assert_eq!(id(serde_json::from_str(WALLET).unwrap()), Some("310000042".to_owned()));
    assert_eq!(id(json!({"results": [{"walletId": 42}]})), Some("42".to_owned()));
    assert_eq!(id(json!([{"walletId": "1"}, {"walletId": "1"}])), Some("1".to_owned()));
    for none in [json!({}), json!([]), json!([{"walletId": "1"}, {"walletId": "2"}]), json!({"walletId": null})] {
        assert_eq!(id(none.clone()), None, "{none}");
    }
}

#[test]
fn settings_are_read_strictly() {
    let read = |changes: &Json| Settings::read(&settings_json(changes));
    let settings = read(&json!({})).unwrap();
    assert_eq!((settings.again, settings.unknown_wallet_hours), (Again::Once, 24));
    assert_eq!(settings.limits, Caps { per_hour: 1_000, per_day: 10_000 });
    for (url, prefix) in [("https://a.example", ""), ("https://a.example/", ""), ("https://a.example/2.0/", "/2.0")] {
        assert_eq!(read(&json!({"wallet_url": url})).unwrap().path_prefix(), prefix);
    }
    for (path, wrong) in [
        ("wallet_url", json!({"wallet_url": "http://a.example"})),
        ("wallet_url", json!({"wallet_url": "https://a.example/services"})),
        ("wallet_url", json!({"wallet_url": "https://a.example/?x=1"})),
        ("wallet_url", json!({"wallet_url": "https://10.0.0.1"})),
        ("rewards.cats", json!({"rewards": {"cats": ""}})),
        ("rewards.cats", json!({"rewards": {"cats": " A"}})),
        ("rewards.cats", json!({"rewards": {"cats": 7}})),
        ("reference_property", json!({"reference_property": ""})),
        ("reference_prefix", json!({"reference_prefix": ""})),
        ("reference_prefix", json!({"reference_prefix": "thirteen-char"})),
        ("reference_prefix", json!({"reference_prefix": "a_b"})),
        ("reference_prefix", json!({"reference_prefix": "æ"})),
        ("again", json!({"again": {"once_in_days": 0}})),
        ("unknown_wallet_hours", json!({"unknown_wallet_hours": -1})),
        ("limits.per_hour", json!({"limits": {"per_hour": 0}})),
        ("limits.per_day", json!({"limits": {"per_day": 0}})),
        ("limits", json!({"limits": {"per_week": 1}})),
        ("in_doubt", json!({"in_doubt": "guess"})),
        ("look_up", json!({"look_up": "list"})),
        ("colour", json!({"colour": "red"})),
    ] {
        let error = read(&wrong).unwrap_err();
        assert!(error.starts_with(&format!("$.{path}")), "{wrong}: {error}");
    }
    assert!(Settings::read(&json!({})).unwrap_err().contains("wallet_url"));
}

#[test]
fn the_settings_decide_hosts_earnings_and_caps() {
    let json = settings_json(&json!({"again": {"once_in_days": 30}, "limits": {"per_hour": 5}}));
    assert_eq!(EagleEyeAir.origins(&json), ["https://wallet.sandbox.uk.eagleeye.com"]);
    let earning = EagleEyeAir.earns(&json);
    assert_eq!((earning.on, earning.again), (vec![Transition::Entered], Again::OnceInDays(30)));
    let cap = Budget { limits: vec![Limit::per_hour(5.0), Limit::per_day(10_000.0)], at_once: None };
    assert_eq!(EagleEyeAir.cap(&json), Some(cap));
    assert!(EagleEyeAir.origins(&json!({})).is_empty());
    assert!(EagleEyeAir.earns(&json!({})).is_nothing());
    assert_eq!(EagleEyeAir.cap(&json!({})), None);
}

#[test]
fn credentials_are_read_strictly_and_never_told() {
    let good = json!({"client_id": "zqclient", "secret": "zqsecret"});
    assert!(!format!("{:?}", Credentials::read(&Secret(good)).unwrap()).contains("zq"));
    for wrong in [
        json!({}),
        json!({"client_id": "zqclient"}),
        json!({"client_id": "zqclient", "secret": ["zqsecret"]}),
        json!({"client_id": "zqclient", "secret": ""}),
        json!({"client_id": "zq client", "secret": "zqsecret"}),
        json!({"client_id": "zqclient", "secret": "zqsecret\n"}),
        json!({"client_id": "zqclient", "secret": "zqsecret", "unit": "zqunit"}),
    ] {
        let error = Credentials::read(&Secret(wrong)).unwrap_err();
        assert!(error.starts_with('$') && !error.contains("zq"), "{error}");
    }
}

#[test]
fn the_settings_schema_is_published_with_defaults() {
    assert_json_snapshot!(EagleEyeAir.spec().settings);
}

/// A request as it goes over the wire.
struct Sent {
    target: String,
    headers: HeaderMap,
    body: String,
}

/// Gives the answers that it was given, one for each request.
#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Result<(u16, String), Broken>>>,
    sent: Mutex<Vec<Sent>>,
}

#[async_trait]
impl Transport for Script {
    async fn carry(&self, request: Request) -> Result<Carried, Broken> {
        let url = request.url();
        let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
        let target = format!("{} {}{query}", request.method(), url.path());
        let body = request.body().map(|body| text(body.as_bytes().unwrap().to_vec())).unwrap_or_default();
        self.sent.lock().unwrap().push(Sent { target, headers: request.headers().clone(), body });
        let (status, body) = self.answers.lock().unwrap().pop_front().expect("an answer for every request")?;
        Ok(Carried {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.into_bytes(),
        })
    }
}

/// One activation whose vendor answers by script.
struct Desk {
    script: Arc<Script>,
    session: Session,
    credentials: Secret,
    settings: Json,
    links: Links,
}

impl Desk {
    fn new(changes: &Json, answers: &[(u16, &str)]) -> Self {
        Self::over(changes, answers.iter().map(|(status, body)| Ok((*status, (*body).to_owned()))).collect())
    }

    fn over(changes: &Json, answers: VecDeque<Result<(u16, String), Broken>>) -> Self {
        let clock = Arc::new(JumpClock::frozen_at(entered_at()));
        let ports = Embedded::in_memory(clock.clone()).unwrap().ports();
        let settings = settings_json(changes);
        let account = Account {
            authorization: "account".parse().unwrap(),
            budget: Budget::per_second(1000.0),
            lane: Lane::Live,
            run: RunId(1),
            origins: EagleEyeAir.origins(&settings),
            ledger: ports.ledger,
            vault: ports.vault,
            clock,
            meter: Arc::new(Unmeasured),
            trace: None,
        };
        let script = Arc::new(Script { answers: Mutex::new(answers), sent: Mutex::default() });
        let http = Http::new(HttpTimes::default(), BTreeMap::new()).unwrap();
        let session = http.over(Arc::clone(&script) as Arc<dyn Transport>).session(account, Timestamp::MAX);
        let credentials = Secret(json!({"client_id": "muster", "secret": SECRET}));
        let audience = |id: &str, state| LinkedAudience { id: id.parse().unwrap(), name: id.to_owned(), state };
        let audiences = vec![
            audience("cats", LinkState::Live),
            audience("dogs", LinkState::Live),
            audience("old", LinkState::Removed),
        ];
        let links = Links { activation: "crm".to_owned(), source: "cdp".to_owned(), audiences, attributes: Vec::new() };
        Self { script, session, credentials, settings, links }
    }

    fn context(&self) -> Context<'_> {
        let Self { script: _, session, credentials, settings, links } = self;
        Context { session, credentials, settings, notes: &Json::Null, links, now: entered_at() }
    }

    async fn perform(&self) -> Performance {
        let task = entered("cats", None);
        let mut performances = EagleEyeAir.perform(&self.context(), std::slice::from_ref(&task)).await.unwrap();
        assert_eq!(performances.len(), 1);
        performances.remove(&task.id).unwrap()
    }

    async fn ask(&self) -> Result<Testimony, Failure> {
        EagleEyeAir.ask(&self.context(), &entered("cats", None)).await
    }

    fn targets(&self) -> Vec<String> {
        self.script.sent.lock().unwrap().iter().map(|sent| sent.target.clone()).collect()
    }
}

#[tokio::test]
async fn a_trigger_is_signed_as_it_is_sent() {
    for prefix in ["", "/2.0"] {
        let url = json!({"wallet_url": format!("https://wallet.sandbox.uk.eagleeye.com{prefix}")});
        let desk = Desk::new(&url, &[(201, TRIGGERED)]);
        let said = "wallet transaction 610004711".to_owned();
        assert_eq!(desk.perform().await, Performance::Done { said });
        let sent = desk.script.sent.lock().unwrap().remove(0);
        assert_eq!(sent.target, format!("POST {prefix}/services/trigger"));
        let signed = hash(&format!("{prefix}/services/trigger"), sent.body.as_bytes(), SECRET);
        let header = |name| sent.headers.get(name).unwrap().to_str().unwrap();
        assert_eq!((header("X-EES-AUTH-CLIENT-ID"), header("X-EES-AUTH-HASH")), ("muster", signed.as_str()));
        assert_eq!(header("content-type"), "application/json");
    }
}

#[tokio::test]
async fn a_lost_answer_is_open_and_an_unmade_connection_is_not() {
    for (broken, expected) in [
        (Broken::TimedOut, Applied::Open),
        (Broken::Reset, Applied::Open),
        (Broken::TooLong, Applied::Open),
        (Broken::Unreachable, Applied::No),
    ] {
        let desk = Desk::over(&json!({}), VecDeque::from([Err(broken)]));
        let Failure::Retryable { applied, .. } = failure(desk.perform().await) else { panic!("{broken:?}") };
        assert_eq!(applied, expected, "{broken:?}");
    }
}

#[tokio::test]
async fn a_reward_in_doubt_is_looked_up_for_the_persons_wallet() {
    let desk = Desk::new(&json!({"wallet_url": "https://a.example/2.0"}), &[(200, WALLET), (200, TRIGGERED)]);
    let said = "wallet transaction 610004711".to_owned();
    assert_eq!(desk.ask().await, Ok(Testimony::Present { said }));
    let targets = desk.targets();
    assert_eq!(targets[0], "GET /2.0/wallet?identity-value=anna%40example.test");
    assert_eq!(targets[1], format!("GET /2.0/wallet/transaction?reference={REFERENCE}"));
    for sent in desk.script.sent.lock().unwrap().iter() {
        let signed = hash(sent.target.strip_prefix("GET ").unwrap(), b"", SECRET);
        assert_eq!(sent.headers.get("X-EES-AUTH-HASH").unwrap().to_str().unwrap(), signed);
    }
}

#[tokio::test]
async fn what_air_does_not_show_waits_for_a_person_or_is_sent_again() {
    let nothing: [&[(u16, &str)]; 9] = [
        &[(404, REFUSED)],
        &[(400, REFUSED)],
        &[(200, "<html>")],
        &[(200, "{}")],
        &[(200, WALLET), (404, REFUSED)],
        &[(200, WALLET), (403, REFUSED)],
        &[(200, WALLET), (405, "")],
        &[(200, WALLET), (200, "[]")],
        &[(200, WALLET), (200, r#"{"results"#)],
    ];
    for answers in nothing {
        let told = Desk::new(&json!({}), answers).ask().await.unwrap();
        assert!(matches!(told, Testimony::Untellable { .. }), "{answers:?}: {told:?}");
        let told = Desk::new(&json!({"in_doubt": "send_again"}), answers).ask().await.unwrap();
        assert_eq!(told, Testimony::Repeatable, "{answers:?}");
    }
    // It was issued to somebody: nobody knows to whom.
    let another = [(200, r#"{"walletId":"9"}"#), (200, TRIGGERED)];
    for in_doubt in ["ask", "send_again"] {
        let told = Desk::new(&json!({"in_doubt": in_doubt}), &another).ask().await.unwrap();
        assert!(matches!(told, Testimony::Untellable { .. }), "{told:?}");
    }
}

#[tokio::test]
async fn whoever_shall_not_be_asked_is_not_asked() {
    for (changes, repeats) in [
        (json!({"in_doubt": "park"}), false),
        (json!({"in_doubt": "park", "look_up": "none"}), false),
        (json!({"look_up": "none"}), false),
        (json!({"in_doubt": "send_again", "look_up": "none"}), true),
    ] {
        let told = Desk::new(&changes, &[]).ask().await.unwrap();
        assert_eq!(matches!(told, Testimony::Repeatable), repeats, "{changes}: {told:?}");
        assert_eq!(matches!(told, Testimony::Untellable { .. }), !repeats, "{changes}: {told:?}");
    }
}

#[tokio::test]
async fn an_unanswered_question_is_put_again() {
    for answers in [vec![(503, "")], vec![(200, WALLET), (500, "")], vec![(200, WALLET), (429, "")]] {
        let told = Desk::new(&json!({"in_doubt": "send_again"}), &answers).ask().await;
        let again = matches!(told, Err(Failure::Retryable { applied: Applied::No, .. } | Failure::RateLimited { .. }));
        assert!(again, "{answers:?}: {told:?}");
    }
    let told = Desk::new(&json!({}), &[(401, "")]).ask().await;
    assert!(matches!(told, Err(Failure::Unauthorized { .. })), "{told:?}");
}

#[tokio::test]
async fn the_credentials_are_good_where_air_looks_for_nobody() {
    for (status, body, good) in
        [(404, REFUSED, true), (400, REFUSED, true), (200, WALLET, true), (401, "", false), (403, "", false)]
    {
        let desk = Desk::new(&json!({}), &[(status, body)]);
        let checked = EagleEyeAir.check(&desk.context()).await.unwrap();
        assert_eq!(checked.findings.iter().map(|finding| finding.good).collect::<Vec<_>>(), [good], "{status}");
        assert_eq!(desk.targets(), ["GET /wallet?identity-value=muster-check"]);
    }
    for (status, body) in [(200, "<html>"), (200, REFUSED), (500, ""), (405, "")] {
        let failure = EagleEyeAir.check(&Desk::new(&json!({}), &[(status, body)]).context()).await.unwrap_err();
        assert!(matches!(failure, Failure::Retryable { applied: Applied::No, .. }), "{status}: {failure:?}");
    }
}

#[tokio::test]
async fn no_record_of_a_person_is_sent() {
    let desk = Desk::new(&json!({}), &[]);
    let key = Identifier::normalise(&"email".parse().unwrap(), ADDRESS).unwrap();
    let item = |step, action| Item {
        id: ItemId { person: PersonKey([1; 16]), record: RecordId::Person, step },
        key: key.clone(),
        action,
        memo: None,
    };
    let items =
        [item(0, Action::Show(crate::destination::Shown::default())), item(1, Action::Leave), item(2, Action::Forget)];
    let verdicts = EagleEyeAir.deliver(&desk.context(), Mode::Live, &items).await.unwrap();
    assert_eq!(verdicts.len(), 3);
    for verdict in verdicts.values() {
        assert!(matches!(verdict, Verdict::Filtered { open: false, memo: None, .. }), "{verdict:?}");
    }
    assert!(desk.targets().is_empty());
}

#[tokio::test]
async fn the_owner_is_told_of_audiences_without_a_reward() {
    let desk = Desk::new(&json!({}), &[]);
    let prepared = EagleEyeAir.prepare(&desk.context(), &desk.links).await.unwrap();
    assert_eq!(
        prepared.warnings,
        ["`rewards` names no reward for dogs: its Action Reference must come with each entry, as `action_reference`"]
    );
    assert!(desk.targets().is_empty());
}

#[tokio::test]
async fn nothing_personal_and_no_secret_is_in_what_is_told() {
    let words =
        format!(r#"{{"errorCode":"{SECRET}","errorMessage":"no {ADDRESS}, \"{SECRET}\" or (ANNA@example.test)"}}"#);
    let mut told = Vec::new();
    for status in [200, 201, 202, 301, 400, 401, 403, 404, 405, 408, 409, 422, 429, 500] {
        told.push(format!("{:?}", Desk::new(&json!({}), &[(status, &words)]).perform().await));
        told.push(format!("{:?}", Desk::new(&json!({}), &[(status, &words)]).ask().await));
        let desk = Desk::new(&json!({}), &[(200, WALLET), (status, &words)]);
        told.push(format!("{:?}", desk.ask().await));
        let desk = Desk::new(&json!({}), &[(status, &words)]);
        told.push(format!("{:?}", EagleEyeAir.check(&desk.context()).await));
    }
    for text in told {
        let lower = text.to_lowercase();
        assert!(!lower.contains("anna") && !lower.contains(SECRET), "{text}");
    }
}
