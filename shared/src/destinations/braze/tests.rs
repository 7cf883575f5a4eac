//! What can be seen without a network; the contract suite talks to the twin.

use std::collections::BTreeMap;

use insta::{assert_json_snapshot, assert_snapshot};
use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use super::client::{Taken, judge};
use super::mapping;
use super::{Braze, Credentials, Settings};
use crate::destination::{
    Action, Applied, Destination, Failure, Item, ItemId, LinkedAttribute, LinkedAudience, Links, Performance, Shown,
    Shows, Task, TaskId, Verdict,
};
use crate::http::Answer;
use crate::model::{AttributeLink, AttributeType, Details, Earned, Identifier, LinkState, PersonKey, RecordId, Value};
use crate::ports::Secret;

const ANSWERS: &str = include_str!("fixtures/answers.json");

fn settings(more: Json) -> Settings {
    let mut json = json!({ "rest_endpoint": "https://rest.fra-01.braze.eu" });
    json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Settings::read(&json).unwrap()
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
        ("ee_tier_id", AttributeType::String),
        ("ee_tier_resets_at", AttributeType::Date),
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
        ("visits", Value::Integer(12)),
        ("seen", Value::Text("2026-03-01T10:15:00Z".to_owned())),
        ("ee_points_current", Value::Integer(663)),
        ("ee_tier_id", Value::Text("177".to_owned())),
        ("ee_tier_resets_at", Value::Text("2027-01-01".to_owned())),
    ];
    Shown {
        audiences: audiences.into_iter().map(|(id, shows)| (id.parse().unwrap(), shows)).collect(),
        attributes: attributes.into_iter().map(|(id, value)| (id.parse().unwrap(), value)).collect(),
        ..Shown::default()
    }
}

fn event(name: &str, details: Json) -> Task {
    let (activation, at) = ("crm".parse().unwrap(), "2026-03-01T10:15:00Z".parse().unwrap());
    let details = Details(details.as_object().unwrap().clone());
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
    judge(&answer(201, &answers[name])).unwrap()
}

#[test]
fn a_person_is_an_object_of_attributes() {
    let made = mapping::person(&settings(json!({})), &links(), &item(Action::Show(shown())));
    assert_eq!(made.remarks, Vec::<String>::new());
    assert_json_snapshot!(made.object);
}

#[test]
fn whoever_leaves_and_whoever_is_forgotten() {
    let objects = [Action::Leave, Action::Forget]
        .map(|action| mapping::person(&settings(json!({})), &links(), &item(action)).object);
    assert_json_snapshot!(objects);
}

#[test]
fn a_tree_never_holds_a_null() {
    let mut shown = shown();
    shown.attributes.insert("ee_tier_id".parse().unwrap(), Value::Null);
    shown.attributes.remove(&"ee_points_current".parse().unwrap());
    for (trees, merges) in [("owned", false), ("shared", true)] {
        let settings = settings(json!({ "trees": trees }));
        let object = mapping::person(&settings, &links(), &item(Action::Show(shown.clone()))).object;
        assert_eq!(object["_merge_objects"], json!(merges));
        assert_eq!(object["ee_loyalty"], json!({"tier": {"resetsAt": {"$time": "2027-01-01"}}}), "{trees}");
    }
}

#[test]
fn audiences_can_be_one_array_or_none_at_all() {
    let array = settings(json!({"audiences": {"array": {"attribute": "audiences"}}}));
    assert_eq!(mapping::person(&array, &links(), &item(Action::Show(shown()))).object["audiences"], json!(["cats"]));
    assert_eq!(mapping::person(&array, &links(), &item(Action::Leave)).object["audiences"], json!([]));
    let none = settings(json!({"audiences": "none"}));
    let object = mapping::person(&none, &links(), &item(Action::Show(shown()))).object;
    assert!(object.keys().all(|name| !name.contains("cats")), "{object:?}");
}

#[test]
fn people_are_known_by_what_the_owner_says() {
    let begin = |identify_by: Json| {
        let settings = settings(json!({ "identify_by": identify_by, "profiles": "create", "audiences": "none" }));
        let links = Links::default();
        Json::Object(mapping::person(&settings, &links, &item(Action::Leave)).object).to_string()
    };
    assert_snapshot!(begin(json!("external_id")), @r#"{"external_id":"CUST-000123","_update_existing_only":false}"#);
    assert_snapshot!(begin(json!("email")), @r#"{"email":"CUST-000123","_update_existing_only":false}"#);
    assert_snapshot!(begin(json!("phone")), @r#"{"phone":"CUST-000123","_update_existing_only":false}"#);
    assert_snapshot!(begin(json!({"alias": {"label": "shop"}})), @r#"{"user_alias":{"alias_name":"CUST-000123","alias_label":"shop"},"_update_existing_only":false}"#);
}

#[test]
fn what_stands_in_the_way_of_another_is_told_and_left_out() {
    let places = json!({"attributes": {"visits": "cats", "seen": "cats.seen", "ee_tier_id": "external_id"},
        "audiences": {"booleans": {"prefix": "", "names": {"dogs": "email"}}}, "identify_by": "email"});
    let made = mapping::person(&settings(places), &links(), &item(Action::Show(shown())));
    let expected = [
        "dogs not sent: something else stands at its place",
        "visits not sent: something else stands at its place",
        "seen not sent: something else stands at its place",
        "ee_tier_id not sent: the name is Braze's own",
    ];
    assert_eq!(made.remarks, expected);
    assert_eq!(made.object["email"], json!("CUST-000123"));
}

#[test]
fn a_text_that_is_too_long_is_told_and_left_out() {
    let mut shown = shown();
    shown.attributes.insert("ee_tier_id".parse().unwrap(), Value::Text("x".repeat(256)));
    let made = mapping::person(&settings(json!({})), &links(), &item(Action::Show(shown)));
    assert_eq!(made.remarks, ["ee_tier_id not sent: texts have at most 255 characters"]);
    assert_eq!(made.object["ee_loyalty"]["tier"].get("tierId"), None);
}

#[test]
fn an_event_has_its_default_name_and_all_that_is_known_of_it() {
    let details = json!({"ee_event_id": "e", "campaign_id": "100", "value": 2.5, "currency": "GBP", "none": null});
    let settings = settings(json!({"app_id": "app"}));
    assert_json_snapshot!(mapping::event(&settings, &event("coupon_redeemed", details)).unwrap());
}

#[test]
fn an_event_is_named_as_the_owner_says() {
    let mapping = json!({"coupon_redeemed": {"name": "Voucher Used", "properties": {"value": "amount", "not": "x"}}});
    let settings = settings(json!({"events": {"mapping": mapping}}));
    let told = |name| mapping::event(&settings, &event(name, json!({"value": 2.5, "campaign_id": "100"}))).unwrap();
    let voucher = told("coupon_redeemed");
    assert_eq!((&voucher["name"], &voucher["properties"]), (&json!("Voucher Used"), &json!({"amount": 2.5})));
    // An event of another source has no default name.
    assert_eq!(told("Page:Viewed")["name"], json!("Page:Viewed"));
}

#[test]
fn what_an_event_says_is_made_to_fit() {
    let lines: Vec<Json> = (0..600).map(|line| json!({"upc": line, "description": "d".repeat(100)})).collect();
    let details = json!({"products": lines, "long": "ä".repeat(300), "$odd": 1, "": 2, "deep": {"$x": 1, "y": [null, 1]},
        "total": 63});
    let told = mapping::event(&settings(json!({})), &event("order_completed", details)).unwrap();
    let properties = &told["properties"];
    assert_eq!(properties["long"].as_str().unwrap().chars().count(), 255);
    assert_eq!(
        properties.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>(),
        ["long", "deep", "total", "products_left_out"]
    );
    assert_eq!(properties["deep"], json!({"y": [1]}));
}

#[test]
fn what_braze_left_out_is_told_of_the_right_person() {
    let (one, mut other) = (item(Action::Leave), item(Action::Leave));
    other.id.person = PersonKey([2; 16]);
    let items = [(&one, vec!["a remark".to_owned()]), (&other, Vec::new())];
    let verdicts = mapping::verdicts(&items, &taken("one_left_out")).unwrap();
    let Verdict::Delivered { said, .. } = &verdicts[&one.id] else { panic!("{verdicts:?}") };
    assert_eq!(said, "a remark");
    let Verdict::Failed(Failure::Rejected { reason }) = &verdicts[&other.id] else { panic!("{verdicts:?}") };
    assert_snapshot!(reason, @"Braze left it out: […] of […] is not valid");
    for answer in ["taken", "queued"] {
        let verdicts = mapping::verdicts(&items, &taken(answer)).unwrap();
        assert!(verdicts.values().all(|verdict| matches!(verdict, Verdict::Delivered { .. })), "{answer}");
    }
}

#[test]
fn where_nobody_knows_which_was_left_out_state_is_halved_and_events_are_open() {
    let (one, mut other) = (item(Action::Leave), item(Action::Leave));
    other.id.person = PersonKey([2; 16]);
    let taken = taken("nobody_knows_which");
    assert!(matches!(
        mapping::verdicts(&[(&one, Vec::new()), (&other, Vec::new())], &taken),
        Err(Failure::Rejected { .. })
    ));
    let alone = mapping::verdicts(&[(&one, Vec::new())], &taken).unwrap();
    assert!(matches!(alone[&one.id], Verdict::Failed(Failure::Rejected { .. })));
    let task = event("coupon_redeemed", json!({}));
    let of_two = mapping::performance(&taken, 0, 2, &task);
    assert!(matches!(of_two, Performance::Failed(Failure::Retryable { applied: Applied::Open, .. })), "{of_two:?}");
    let alone = mapping::performance(&taken, 0, 1, &task);
    assert!(matches!(alone, Performance::Failed(Failure::Rejected { .. })), "{alone:?}");
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
    let statuses = [200, 201, 301, 400, 401, 403, 404, 408, 413, 415, 429, 500, 503];
    let told_plainly: Vec<String> = statuses.into_iter().map(|status| told(status, &answers["taken"])).collect();
    let expected = "200 taken, 201 taken, 301 stop, 400 refused, 401 stop, 403 stop, 404 stop, 408 open, 413 refused, \
                    415 refused, 429 slow down, 500 open, 503 open";
    assert_eq!(told_plainly.join(", "), expected);
    assert_eq!(told(202, &answers["queued"]), "202 taken");
    assert_eq!(told(201, &answers["too_long"]), "201 open");
    assert_eq!(told(201, &json!("<html>")), "201 open");
}

#[test]
fn settings_are_read_strictly() {
    let read = |more: Json| {
        let mut json = json!({ "rest_endpoint": "https://rest.fra-01.braze.eu" });
        json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Settings::read(&json)
    };
    read(json!({})).unwrap();
    for wrong in [
        json!({"rest_endpoint": "http://rest.fra-01.braze.eu"}),
        json!({"rest_endpoint": "https://rest.fra-01.braze.eu/users/track"}),
        json!({"objects_per_request": 0}),
        json!({"objects_per_request": 76}),
        json!({"attributes": {"visits": "a b.c"}}),
        json!({"attributes": {"visits": "a..c"}}),
        json!({"attributes": {"visits": "$a"}}),
        json!({"audiences": {"array": {"attribute": ""}}}),
        json!({"audiences": {"booleans": {"names": {"cats": ""}}}}),
        json!({"events": {"mapping": {"coupon_redeemed": {"name": " "}}}}),
        json!({"events": {"tell": "some"}}),
        json!({"colour": "red"}),
    ] {
        let error = read(wrong.clone()).unwrap_err();
        assert!(error.starts_with('$'), "{wrong}: {error}");
    }
}

#[test]
fn only_the_owners_instance_may_be_called() {
    let settings = json!({"rest_endpoint": "https://rest.us-10.braze.com"});
    assert_eq!(Braze.origins(&settings), ["https://rest.us-10.braze.com"]);
    assert!(Braze.origins(&json!({})).is_empty());
}

#[test]
fn credentials_are_read_strictly_and_never_told() {
    let good = Credentials::read(&Secret(json!({"rest_api_key": "zq-key"}))).unwrap();
    assert_eq!(format!("{good:?}"), "Credentials([redacted])");
    for wrong in [json!({}), json!({"rest_api_key": ""}), json!({"rest_api_key": "zq key"}), json!({"rest_api_key": 7})]
    {
        let error = Credentials::read(&Secret(wrong)).unwrap_err();
        assert!(error.starts_with('$') && !error.contains("zq"), "{error}");
    }
}

#[test]
fn the_settings_schema_is_published_with_defaults() {
    assert_json_snapshot!(Braze.spec().settings);
}
