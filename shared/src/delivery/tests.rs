//! A batch that is refused as a whole, and what stops a run.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::decide::{self, Course};
use super::send::send;
use super::{Links, Subject};
use crate::destination::{
    Action, Applied, Checked, Context, Destination, Discovered, Failure, Item, ItemId, Mode, Preparation, Shown, Spec,
    Verdict, Verdicts,
};
use crate::embedded::{Embedded, JumpClock};
use crate::http::{Account, Http, HttpTimes, Session};
use crate::metrics::Unmeasured;
use crate::model::budget::Budget;
use crate::model::pending::RecordShape;
use crate::model::standing::RecordStanding;
use crate::model::{
    Activation, FlightKind, Former, Gone, GoneReason, Identifier, KeyHash, Lane, Outcome, Person, PersonKey, Reason,
    Receipt, RecordId, RunId, Standing,
};
use crate::ports::{Claim, Doubted, Row, Secret};

/// Refuses a batch as a whole while a bad item is in it, as vendors do that check before they take anything.
struct Strict {
    spec: Spec,
    /// The last digit of the keys of bad items.
    bad: Vec<u8>,
    /// Is answered from this call on.
    from: (usize, Option<Failure>),
    calls: Mutex<Vec<usize>>,
}

impl Strict {
    fn new(bad: &[u8]) -> Self {
        let spec = Spec {
            provider: "strict".parse().unwrap(),
            name: "Strict",
            api_version: "1",
            shape: RecordShape::PerPerson,
            origins: &[],
            budget: Budget::per_second(10.0),
            batch: 16,
            calls: 1,
            bulk: None,
            effects: 1,
            read_back: None,
            settings: schemars::schema_for!(String),
            credentials: schemars::schema_for!(String),
        };
        Self { spec, bad: bad.to_vec(), from: (usize::MAX, None), calls: Mutex::default() }
    }
}

#[async_trait]
impl Destination for Strict {
    fn spec(&self) -> &Spec {
        &self.spec
    }
    fn check_settings(&self, _: &Json) -> Result<(), String> {
        Ok(())
    }
    fn check_credentials(&self, _: &Secret) -> Result<(), String> {
        Ok(())
    }
    async fn check(&self, _: &Context<'_>) -> Result<Checked, Failure> {
        Ok(Checked::default())
    }
    async fn discover(&self, _: &Session, _: &Secret) -> Result<Discovered, Failure> {
        Ok(Discovered::default())
    }
    async fn prepare(&self, _: &Context<'_>, _: &Links) -> Result<Preparation, Failure> {
        Err(Failure::Rejected { reason: Reason::new("never asked") })
    }
    async fn deliver(&self, _: &Context<'_>, _: Mode, items: &[Item]) -> Result<Verdicts, Failure> {
        let mut calls = self.calls.lock().unwrap();
        calls.push(items.len());
        if let (from, Some(failure)) = &self.from
            && calls.len() > *from
        {
            return Err(failure.clone());
        }
        if items.iter().any(|item| self.bad.contains(&item.id.person.0[0])) {
            return Err(Failure::Rejected { reason: Reason::new("one of them is bad") });
        }
        let done = Verdict::Delivered { said: String::new(), memo: None };
        Ok(items.iter().map(|item| (item.id.clone(), done.clone())).collect())
    }
}

fn item(number: u8) -> Item {
    let id = ItemId { person: PersonKey([number; 16]), record: RecordId::Person, step: 0 };
    let key = Identifier::normalise(&"email".parse().unwrap(), &format!("{number}@example.com")).unwrap();
    Item { id, key, action: Action::Show(Shown::default()), memo: None }
}

fn activation() -> Activation {
    serde_json::from_value(json!({
        "id": "act", "name": "Act", "source": "shop", "audiences": [], "attributes": [], "destination": "strict",
        "authorization": "account", "settings": {}, "person_identifier": "ids.email", "retry_window_hours": 72,
        "status": "active", "revision": 1, "layout": 1, "created_at": "2026-01-05T07:00:00Z",
    }))
    .unwrap()
}

async fn sent(destination: &Strict, count: u8) -> BTreeMap<u8, Verdict> {
    let clock = std::sync::Arc::new(JumpClock::frozen_at("2026-01-05T07:00:00Z".parse().unwrap()));
    let embedded = Embedded::in_memory(clock.clone()).unwrap();
    let account = Account {
        authorization: "account".parse().unwrap(),
        budget: destination.spec.budget.clone(),
        lane: Lane::Live,
        run: RunId(1),
        origins: Vec::new(),
        ledger: embedded.ports().ledger,
        vault: embedded.ports().vault,
        clock,
        meter: std::sync::Arc::new(Unmeasured),
        trace: None,
    };
    let activation = activation();
    let session = Http::new(HttpTimes::default(), BTreeMap::new()).unwrap().session(account, Timestamp::MAX);
    let credentials = Secret(Json::Null);
    let subject = Subject { activation: &activation, links: Links::default(), destination, credentials, session };
    let context = subject.context(&Json::Null, Timestamp::UNIX_EPOCH);
    let verdicts = send(&subject, &context, Mode::Live, (1..=count).map(item).collect()).await;
    verdicts.into_iter().map(|(id, verdict)| (id.person.0[0], verdict)).collect()
}

#[tokio::test]
async fn a_refused_batch_is_halved_until_the_bad_items_stand_alone() {
    let destination = Strict::new(&[3, 14]);
    let verdicts = sent(&destination, 16).await;
    assert_eq!(verdicts.len(), 16);
    for (number, verdict) in verdicts {
        let is_rejected = matches!(verdict, Verdict::Failed(Failure::Rejected { .. }));
        assert_eq!(is_rejected, [3, 14].contains(&number), "{number}: {verdict:?}");
        assert!(is_rejected || matches!(verdict, Verdict::Delivered { .. }), "{number}: {verdict:?}");
    }
    // 16; then for each half down to the bad one: 8, 4 and 4, 2 and 2, 1 and 1.
    assert_eq!(destination.calls.lock().unwrap().len(), 1 + 2 * 7);
}

#[tokio::test]
async fn nothing_more_is_sent_after_what_stops_a_run() {
    let until = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(9);
    let stops = [Failure::PutOff { until }, Failure::Unauthorized { reason: Reason::new("the key is refused") }];
    for failure in stops {
        let destination = Strict { from: (1, Some(failure.clone())), ..Strict::new(&[]) };
        let verdicts = sent(&destination, 60).await;
        assert_eq!(destination.calls.lock().unwrap().len(), 2, "a batch that was taken, and one that was not");
        let failed = verdicts.values().filter(|verdict| **verdict == Verdict::Failed(failure.clone())).count();
        assert_eq!((verdicts.len(), failed), (60, 44), "{failure}");
    }
}

fn key(number: u8) -> Identifier {
    Identifier::normalise(&"email".parse().unwrap(), &format!("{number}@example.com")).unwrap()
}

/// Somebody who must leave two former keys.
fn leaver() -> Row {
    let mut person = Person::new(PersonKey([1; 16]), "shop".parse().unwrap());
    let path: crate::model::Path = "ids.email".parse().unwrap();
    let former = |number| Former { path: path.clone(), value: key(number), replaced_at: Timestamp::UNIX_EPOCH };
    person.former = vec![former(1), former(2)];
    let mut standing = Standing { revision: 1, ..Standing::default() };
    standing.records.entry(RecordId::Person).or_default().doubt = 1;
    Row { person, standing }
}

#[test]
fn a_leave_whose_end_is_open_keeps_the_flight_whatever_became_of_the_others() {
    let rows = [leaver()];
    let (activation, now) = (activation(), Timestamp::UNIX_EPOCH);
    let open = || Failure::Retryable { reason: Reason::new("no answer"), applied: Applied::Open };
    let others = [
        Failure::PutOff { until: now },
        Failure::Unauthorized { reason: Reason::new("the key is refused") },
        Failure::Rejected { reason: Reason::new("no") },
        Failure::RateLimited { retry_after: None },
    ];
    for other in others {
        for failures in [[open(), other.clone()], [other.clone(), open()]] {
            let mut course = Course::default();
            let hash = |key: &Identifier| KeyHash([key.expose().as_bytes()[0]; 16]);
            let mut work = course.take_up(&rows, &activation, RecordShape::PerPerson, false, now, hash);
            let claims = decide::to_claim(&work, &activation);
            decide::note_claims(
                &mut work,
                claims.into_iter().map(|(key, person)| (key, person, Claim::Held)).collect(),
            );
            let leaving = decide::leaving(&work, &activation);
            course.sends(&leaving);
            assert_eq!(leaving.len(), 2, "{work:?}");
            let verdicts: Verdicts =
                leaving.into_iter().map(|item| item.id).zip(failures.map(Verdict::Failed)).collect();
            let outcomes = course.conclude(&work, &verdicts, &activation, now, |_, _| SignedDuration::from_secs(1));
            let people = vec![PersonKey([1; 16])];
            assert_eq!(course.stands_for(), Some(FlightKind::Sending { people }), "beside {other}");
            assert_eq!(outcomes.in_doubt().len(), 1, "beside {other}");
        }
    }
}

#[test]
fn what_was_given_up_is_not_begun_anew_by_a_sweep_until_somebody_asks_for_it() {
    let (activation, people) = (activation(), [PersonKey([1; 16])]);
    let doubts = |row: &Row| decide::doubts(&people, std::slice::from_ref(row), &activation, RecordShape::PerPerson);
    let mut row = leaver();
    let person = vec![Doubted::Person(people[0])];
    assert_eq!(doubts(&row), person, "nothing is known of it");
    let outcome = Outcome::Parked { reason: Reason::new("no answer") };
    let receipt = Receipt { doubt: 1, revision: 1, outcome, ..receipt() };
    row.standing.records.get_mut(&RecordId::Person).unwrap().receipt = Some(receipt.clone());
    assert_eq!(doubts(&row), []);
    row.standing.records.insert(RecordId::Audience("cats".parse().unwrap()), RecordStanding::default());
    assert_eq!(doubts(&row), [Doubted::Record(people[0], RecordId::Audience("cats".parse().unwrap()))]);
    row.standing.doubt += 1;
    assert_eq!(doubts(&row), person, "a replay asks for it");
    row.standing.doubt -= 1;
    row.person.gone =
        Some(Gone { at: Timestamp::UNIX_EPOCH, version: 0, reason: GoneReason::Erased, keys: Vec::new() });
    assert_eq!(doubts(&row), person, "who is gone is insisted upon");
}

fn receipt() -> Receipt {
    let (at, said) = (Timestamp::UNIX_EPOCH, String::new());
    Receipt {
        outcome: Outcome::Delivered,
        version: 0,
        revision: 0,
        doubt: 0,
        at,
        said,
        inside: Vec::new(),
        trying: None,
    }
}
