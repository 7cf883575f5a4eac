//! What can be seen without a network; the contract suite talks to the twin.

use std::collections::BTreeMap;

use insta::{assert_json_snapshot, assert_snapshot};
use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use super::client::judge;
use super::mapping;
use super::{Credentials, Settings, Webhook};
use crate::destination::{
    Action, Applied, Destination, Failure, Item, ItemId, LinkedAttribute, Links, Shown, Shows, Task, TaskId, Verdict,
};
use crate::http::Answer;
use crate::model::effect::Again;
use crate::model::{AttributeLink, AttributeType, Details, Earned, Identifier, PersonKey, RecordId, Transition, Value};
use crate::ports::Secret;

const ANSWER: &str = include_str!("fixtures/results.json");

fn key(text: &str) -> Identifier {
    Identifier::normalise(&"email".parse().unwrap(), text).unwrap()
}

fn item(person: u8, step: u16, address: &str, action: Action) -> Item {
    let id = ItemId { person: PersonKey([person; 16]), record: RecordId::Person, step };
    Item { id, key: key(address), action, memo: None }
}

fn links() -> Links {
    let visits = AttributeLink { attribute: "visits".parse().unwrap(), kind: AttributeType::Integer };
    let attributes = vec![LinkedAttribute { link: visits, name: "Visits".to_owned() }];
    Links { activation: "crm".to_owned(), source: "shop".to_owned(), audiences: Vec::new(), attributes }
}

fn items() -> Vec<Item> {
    let properties = BTreeMap::from([("plan".parse().unwrap(), Value::Text("gold".to_owned()))]);
    let audiences = [("cats", Shows::Inside(properties)), ("dogs", Shows::Left), ("fish", Shows::Never)];
    let attributes =
        [("city", Value::Null), ("ltv", Value::Decimal("10.5".parse().unwrap())), ("visits", Value::Integer(12))];
    let shown = Shown {
        audiences: audiences.into_iter().map(|(id, shows)| (id.parse().unwrap(), shows)).collect(),
        attributes: attributes.into_iter().map(|(id, value)| (id.parse().unwrap(), value)).collect(),
        ..Shown::default()
    };
    vec![
        item(1, 0, "anna@example.com", Action::Show(shown)),
        item(1, 1, "old@example.com", Action::Leave),
        item(2, 1, "bea@example.com", Action::Forget),
    ]
}

fn task(transition: Transition) -> Task {
    let (activation, audience) = ("crm".parse().unwrap(), "cats".parse().unwrap());
    let at = "2026-01-05T07:00:00Z".parse().unwrap();
    let earned = Earned::by(&activation, Again::EveryTime, transition, &audience, BTreeMap::new(), at);
    let id = TaskId { person: PersonKey([1; 16]), effect: earned.id.clone() };
    Task { id, key: key("anna@example.com"), reference: "00ff".to_owned(), earned }
}

fn answer(status: u16) -> Answer {
    Answer { status: StatusCode::from_u16(status).unwrap(), retry_after: None, date: None, body: Vec::new() }
}

#[test]
fn the_message_of_records() {
    assert_json_snapshot!(mapping::records(&links(), &items(), "2026-01-05T07:08:09Z".parse().unwrap()));
}

#[test]
fn the_messages_of_events() {
    let messages = [Transition::Entered, Transition::Left].map(|transition| mapping::event("crm", &task(transition)));
    assert_json_snapshot!(messages);
}

#[test]
fn the_message_of_an_event_that_is_passed_on() {
    let details = Details(json!({"value": 2.5, "basket": {"lines": [1, 2]}}).as_object().unwrap().clone());
    let (event, id) = ("coupon_redeemed".parse().unwrap(), "e-1".parse().unwrap());
    let before = task(Transition::Entered);
    let earned = Earned::by_event(&before.earned.activation, &event, &id, &details, before.earned.occurred_at);
    assert_json_snapshot!(mapping::event("crm", &Task { earned, ..before }), @r#"
    {
      "type": "person.event",
      "timestamp": "2026-01-05T07:00:00Z",
      "data": {
        "activation": "crm",
        "id": "anna@example.com",
        "event": "coupon_redeemed",
        "details": {
          "value": 2.5,
          "basket": {
            "lines": [
              1,
              2
            ]
          }
        }
      }
    }
    "#);
}

#[test]
fn an_answer_is_read_by_name_and_says_nothing_personal() {
    let items = items();
    let verdicts = mapping::results(&links(), &items, Some(&serde_json::from_str(ANSWER).unwrap()));
    assert!(matches!(verdicts[&items[0].id], Verdict::Delivered { .. }));
    let Verdict::Failed(Failure::Rejected { reason }) = &verdicts[&items[1].id] else { panic!("{verdicts:?}") };
    assert_snapshot!(reason, @"unknown […]");
    let Verdict::Failed(Failure::Retryable { applied, .. }) = &verdicts[&items[2].id] else { panic!("{verdicts:?}") };
    assert_eq!(*applied, Applied::No);
}

#[test]
fn a_record_of_which_an_answer_says_nothing_is_open() {
    for answer in
        [None, Some(json!({})), Some(json!({"results": {}})), Some(json!({"results": {"x": 1}})), Some(json!([]))]
    {
        for verdict in mapping::results(&links(), &items(), answer.as_ref()).values() {
            assert!(
                matches!(verdict, Verdict::Failed(Failure::Retryable { applied: Applied::Open, .. })),
                "{answer:?}"
            );
        }
    }
}

#[test]
fn what_a_status_means() {
    let words = |status| match judge(&answer(status)) {
        None => "taken",
        Some(Failure::Rejected { .. }) => "refused",
        Some(Failure::Unauthorized { .. } | Failure::Misconfigured { .. }) => "stop",
        Some(Failure::RateLimited { .. }) => "slow down",
        Some(Failure::Retryable { applied: Applied::Open, .. }) => "open",
        Some(failure) => panic!("{failure:?}"),
    };
    let statuses = [200, 204, 301, 400, 401, 403, 404, 408, 410, 413, 422, 425, 429, 500, 503];
    let told: Vec<String> = statuses.into_iter().map(|status| format!("{status} {}", words(status))).collect();
    let expected = "200 taken, 204 taken, 301 stop, 400 refused, 401 stop, 403 stop, 404 refused, 408 open, 410 stop, \
                    413 refused, 422 refused, 425 open, 429 slow down, 500 open, 503 open";
    assert_eq!(told.join(", "), expected);
}

#[test]
fn settings_are_read_strictly() {
    let read = |more: Json| {
        let mut json = json!({ "url": "https://example.com/muster?tenant=7" });
        json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Settings::read(&json)
    };
    let settings = read(json!({})).unwrap();
    assert_eq!((settings.url.origin(), settings.url.rest()), ("https://example.com", "/muster?tenant=7"));
    for wrong in [
        json!({"url": "http://example.com"}),
        json!({"url": "https://anna:secret@example.com"}),
        json!({"url": "https://127.0.0.1/x"}),
        json!({"url": "https://[::1]/x"}),
        json!({"url": "https://169.254.169.254/latest"}),
        json!({"url": "https://localhost"}),
        json!({"url": "https://example.com/#part"}),
        json!({"url": "no address"}),
        json!({"batch": 0}),
        json!({"batch": 501}),
        json!({"in_doubt": "ask"}),
        json!({"records": "none"}),
        json!({"again": {"once_in_days": 0}}),
        json!({"colour": "red"}),
    ] {
        let error = read(wrong.clone()).unwrap_err();
        assert!(error.starts_with("$"), "{wrong}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn only_the_settings_hosts_may_be_called() {
    let settings =
        json!({"url": "https://example.com:8443/a", "in_doubt": "ask", "ask_url": "https://other.example/b"});
    assert_eq!(Webhook.origins(&settings), ["https://example.com:8443", "https://other.example"]);
    assert!(Webhook.origins(&json!({})).is_empty());
}

#[test]
fn credentials_are_read_strictly_and_never_told() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    assert_eq!(Credentials::read(&Secret(json!({"secret": secret}))).unwrap().all().count(), 1);
    for wrong in [
        json!({"secret": "whsec_AAAA"}),
        json!({"secret": secret.trim_start_matches("whsec_")}),
        json!({}),
        json!({"secret": 7}),
        json!({"secret": secret, "previous_secret": "zq"}),
    ] {
        let error = Credentials::read(&Secret(wrong)).unwrap_err();
        assert!(error.starts_with("$") && !error.contains("MfKQ") && !error.contains("zq"), "{error}");
    }
}

#[test]
fn the_settings_schema_is_published_with_defaults() {
    assert_json_snapshot!(Webhook.spec().settings);
}
