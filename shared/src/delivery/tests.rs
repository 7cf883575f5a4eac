//! A batch that is refused as a whole, and what stops a run.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::send::send;
use super::{Links, Subject};
use crate::destination::{
    Action, Checked, Context, Destination, Discovered, Failure, Item, ItemId, Mode, Preparation, Shown, Spec, Verdict,
    Verdicts,
};
use crate::embedded::{Embedded, JumpClock};
use crate::http::{Account, Http, HttpTimes, Session};
use crate::metrics::Unmeasured;
use crate::model::budget::Budget;
use crate::model::pending::RecordShape;
use crate::model::{Activation, Identifier, Lane, PersonKey, Reason, RecordId, RunId};
use crate::ports::Secret;

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
        clock,
        meter: std::sync::Arc::new(Unmeasured),
        trace: None,
    };
    let activation: Activation = serde_json::from_value(json!({
        "id": "act", "name": "Act", "source": "shop", "audiences": [], "attributes": [], "destination": "strict",
        "authorization": "account", "settings": {}, "person_identifier": "ids.email", "retry_window_hours": 72,
        "status": "active", "revision": 1, "layout": 1, "created_at": "2026-01-05T07:00:00Z",
    }))
    .unwrap();
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
