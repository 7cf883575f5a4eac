//! What can be seen without a network; the contract suite talks to the twin.

use std::collections::BTreeMap;

use insta::{assert_json_snapshot, assert_snapshot};
use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use super::client::{Taken, judge};
use super::mapping;
use super::{Bloomreach, Credentials, Settings};
use crate::destination::{
    Action, Applied, Destination, Failure, Item, ItemId, LinkedAttribute, LinkedAudience, Links, Performance, Shown,
    Shows, Task, TaskId, Verdict,
};
use crate::http::Answer;
use crate::model::{AttributeLink, AttributeType, Details, Earned, Identifier, LinkState, PersonKey, RecordId, Value};
use crate::ports::Secret;

const ANSWERS: &str = include_str!("fixtures/answers.json");

fn json_settings(more: &Json) -> Json {
    let mut json = json!({ "base_url": "https://api.exponea.com", "project_token": "5a0c1f4e-0000" });
    json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json
}

fn settings(more: &Json) -> Settings {
    Settings::read(&json_settings(more)).unwrap()
}

fn links() -> Links {
    let audiences = ["cats", "dogs", "fish"].map(|id| {
        let (id, name) = (id.parse().unwrap(), id.to_owned());
        LinkedAudience { id, name, state: LinkState::Live }
    });
    let attributes = [
        ("visits", AttributeType::Integer),
        ("seen", AttributeType::DateTime),
        ("ee_points_current", AttributeType::Integer),
        ("ltv", AttributeType::Decimal),
    ];
    let attributes = attributes.map(|(id, kind)| {
        let link = AttributeLink { attribute: id.parse().unwrap(), kind };
        LinkedAttribute { link, name: id.to_owned() }
    });
    Links {
        activation: "crm".to_owned(),
        source: "air".to_owned(),
        audiences: audiences.to_vec(),
        attributes: attributes.to_vec(),
    }
}

fn item(action: Action) -> Item {
    let id = ItemId { person: PersonKey([1; 16]), record: RecordId::Person, step: 0 };
    let key = Identifier::normalise(&"customer_id".parse().unwrap(), "CUST-000123").unwrap();
    Item { id, key, action, memo: None }
}

fn shown() -> Shown {
    let audiences = [("cats", Shows::Inside(BTreeMap::new())), ("dogs", Shows::Left), ("fish", Shows::Never)];
    let attributes = [
        ("visits", Value::Text("twelve".to_owned())),
        ("seen", Value::Text("2026-03-01T10:15:00Z".to_owned())),
        ("ee_points_current", Value::Integer(663)),
        ("ltv", Value::Null),
    ];
    Shown {
        audiences: audiences.into_iter().map(|(id, shows)| (id.parse().unwrap(), shows)).collect(),
        attributes: attributes.into_iter().map(|(id, value)| (id.parse().unwrap(), value)).collect(),
        ..Shown::default()
    }
}

fn event(name: &str) -> Task {
    let (activation, at) = ("crm".parse().unwrap(), "2026-03-01T10:15:00.5Z".parse().unwrap());
    let details = Details(json!({"value": 2.5}).as_object().unwrap().clone());
    let earned = Earned::by_event(&activation, &name.parse().unwrap(), &"e-1".parse().unwrap(), &details, at);
    let id = TaskId { person: PersonKey([1; 16]), effect: earned.id.clone() };
    Task { id, key: item(Action::Leave).key, reference: "00ff".to_owned(), earned }
}

fn answer(status: u16, body: &Json) -> Answer {
    let status = StatusCode::from_u16(status).unwrap();
    Answer { status, retry_after: None, date: None, body: serde_json::to_vec(body).unwrap() }
}

fn taken(name: &str) -> Taken {
    let answers: Json = serde_json::from_str(ANSWERS).unwrap();
    judge(&answer(200, &answers[name])).unwrap()
}

#[test]
fn a_person_is_a_command() {
    let at = "2026-03-01T10:15:00.123456Z".parse().unwrap();
    let made = mapping::person(&settings(&json!({})), &links(), &item(Action::Show(shown())), at);
    assert_eq!(made.remarks, ["visits not sent: the value is a text where the attribute is integer"]);
    assert_json_snapshot!(made.command);
}

#[test]
fn whoever_leaves_and_whoever_is_forgotten() {
    let at = "2026-03-01T10:15:00Z".parse().unwrap();
    let settings = settings(&json!({"clear_by": "null", "audience_names": {"cats": "likes_cats"},
        "attribute_names": {"visits": "shop_visits"}, "customer_id": "loyalty_id"}));
    let commands =
        [Action::Leave, Action::Forget].map(|action| mapping::person(&settings, &links(), &item(action), at).command);
    assert_json_snapshot!(commands);
}

#[test]
fn an_event_is_a_command_with_a_name_of_its_own() {
    assert_json_snapshot!(mapping::event(&settings(&json!({})), &event("coupon_redeemed")).unwrap());
}

#[test]
fn results_belong_to_commands_by_their_order() {
    let (item, task) = (item(Action::Leave), event("coupon_redeemed"));
    let verdict = |name, place| mapping::verdict(&taken(name), place, &item, &["a remark".to_owned()]);
    let Verdict::Delivered { said, .. } = verdict("one_refused", 0) else { panic!("not delivered") };
    assert_eq!(said, "a remark");
    let Verdict::Failed(Failure::Rejected { reason }) = verdict("one_refused", 1) else { panic!("not refused") };
    assert_snapshot!(reason, @"Bloomreach refused it: […] has no id […]");
    let missing = verdict("one_missing", 1);
    assert!(matches!(missing, Verdict::Failed(Failure::Retryable { applied: Applied::Open, .. })), "{missing:?}");
    assert!(matches!(mapping::performance(&taken("taken"), 1, &task), Performance::Done { .. }));
    let refused = mapping::performance(&taken("one_refused"), 1, &task);
    assert!(matches!(refused, Performance::Failed(Failure::Rejected { .. })), "{refused:?}");
}

#[test]
fn what_an_answer_means() {
    let answers: Json = serde_json::from_str(ANSWERS).unwrap();
    let words = |answer: &Answer| match judge(answer) {
        Ok(_) => "taken",
        Err(Failure::Rejected { .. }) => "refused",
        Err(Failure::Unauthorized { .. } | Failure::Misconfigured { .. }) => "stop",
        Err(Failure::RateLimited { .. }) => "slow down",
        Err(Failure::Retryable { applied: Applied::Open, .. }) => "open",
        Err(failure) => panic!("{failure:?}"),
    };
    let told = |status, body: &Json| format!("{status} {}", words(&answer(status, body)));
    let statuses = [200, 301, 400, 401, 403, 404, 408, 413, 429, 500, 503];
    let told_plainly: Vec<String> = statuses.into_iter().map(|status| told(status, &answers["taken"])).collect();
    let expected = "200 taken, 301 stop, 400 refused, 401 stop, 403 stop, 404 stop, 408 open, 413 refused, \
                    429 slow down, 500 open, 503 open";
    assert_eq!(told_plainly.join(", "), expected);
    assert_eq!(told(200, &answers["refused"]), "200 open");
    assert_eq!(told(200, &json!("<html>")), "200 open");
}

#[test]
fn settings_are_read_strictly() {
    settings(&json!({}));
    for wrong in [
        json!({"base_url": "http://api.exponea.com"}),
        json!({"base_url": "https://api.exponea.com/track"}),
        json!({"project_token": ""}),
        json!({"project_token": "a/b"}),
        json!({"customer_id": " "}),
        json!({"commands_per_request": 0}),
        json!({"commands_per_request": 51}),
        json!({"clear_by": "nothing"}),
        json!({"colour": "red"}),
    ] {
        let error = Settings::read(&json_settings(&wrong)).unwrap_err();
        assert!(error.starts_with('$'), "{wrong}: {error}");
    }
}

#[test]
fn only_the_owners_instance_may_be_called() {
    assert_eq!(Bloomreach.origins(&json_settings(&json!({}))), ["https://api.exponea.com"]);
    assert!(Bloomreach.origins(&json!({})).is_empty());
}

#[test]
fn credentials_are_read_strictly_and_never_told() {
    for good in [json!({"key_id": "zq", "secret": "zq"}), json!({"token": "zq"})] {
        assert_eq!(format!("{:?}", Credentials::read(&Secret(good)).unwrap()), "Credentials([redacted])");
    }
    for wrong in [json!({}), json!({"key_id": "zq"}), json!({"token": "zq zq"}), json!({"token": "zq", "secret": "zq"})]
    {
        let error = Credentials::read(&Secret(wrong)).unwrap_err();
        assert!(error.starts_with('$') && !error.contains("zq"), "{error}");
    }
}

#[test]
fn the_settings_schema_is_published_with_defaults() {
    assert_json_snapshot!(Bloomreach.spec().settings);
}
