//! Random batches, limits and answers: everybody gets exactly their own result.

use muster_tests::world::{Setup, World, attribute, entered};
use muster_twins::webhook::{Answers, Applied, Fault, FaultKind, ResultOrder, RetryAfter, Ruling, Switches};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What the receiver makes of one person.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Taken,
    /// With a reason of the person's own.
    Rejected,
    /// Asked for again and again, which is not applied.
    Retried,
    /// Applied, and the answer says nothing of it.
    LeftOut,
}

#[derive(Debug, Clone)]
struct Case {
    fates: Vec<Fate>,
    batch: usize,
    answers: Answers,
    order: ResultOrder,
    per_second: u32,
    faults: Vec<FaultKind>,
    /// How many people come in one request of the source.
    request: usize,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        12 => Just(Fate::Taken),
        4 => Just(Fate::Rejected),
        1 => Just(Fate::Retried),
        1 => Just(Fate::LeftOut),
    ]
}

fn fault() -> impl Strategy<Value = FaultKind> {
    prop_oneof![
        Just(FaultKind::TooManyRequests(RetryAfter::Seconds(3))),
        Just(FaultKind::Unavailable),
        Just(FaultKind::ResetBefore),
        Just(FaultKind::ResetAfter),
        Just(FaultKind::TruncatedJson),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let answers = prop_oneof![3 => Just(Answers::Results), 1 => Just(Answers::Empty)];
    let order = prop_oneof![Just(ResultOrder::AsSent), Just(ResultOrder::Reversed)];
    (
        prop::collection::vec(fate(), 1..48),
        1..20_usize,
        answers,
        order,
        2..40_u32,
        prop::collection::vec(fault(), 0..4),
        1..60_usize,
    )
        .prop_map(|(fates, batch, answers, order, per_second, faults, request)| Case {
            fates,
            batch,
            answers,
            order,
            per_second,
            faults,
            request,
        })
}

impl Case {
    /// A receiver that answers for whole requests only cannot ask for one person again.
    fn ruling(&self, person: usize) -> Option<Ruling> {
        match (self.fates[person], self.answers) {
            (Fate::Taken, _) | (Fate::Retried, Answers::Empty | Answers::Text) => None,
            (Fate::Rejected, _) => Some(Ruling::Rejected(format!("shelf {person} is full"))),
            (Fate::Retried, Answers::Results) => Some(Ruling::Retry(Applied::No)),
            (Fate::LeftOut, _) => Some(Ruling::LeftOut(Applied::Yes)),
        }
    }

    /// The outcome of the receipt, and whether the receiver has the person in the end.
    fn expected(&self, person: usize) -> (&'static str, bool) {
        match (self.fates[person], self.answers) {
            (Fate::Taken, _) | (Fate::LeftOut | Fate::Retried, Answers::Empty | Answers::Text) => ("delivered", true),
            (Fate::Rejected, _) => ("rejected", false),
            (Fate::Retried, Answers::Results) => ("parked", false),
            (Fate::LeftOut, Answers::Results) => ("parked", true),
        }
    }
}

fn name(person: usize) -> String {
    format!("u{person}")
}

async fn holds(case: Case) {
    let mut world = World::new(Setup::default()).await;
    let answers = if case.answers == Answers::Results { "results" } else { "status" };
    world.link_receiver(json!({"batch": case.batch, "answers": answers}), &["cats"], &[("shelf", "integer")]).await;
    let limit = json!({"requests_per_second": case.per_second});
    world.call("PATCH", "/v1/authorizations/receiver", limit).await;
    world.call("PATCH", "/v1/activations/act", json!({"retry_window_hours": 1})).await;
    world.activate().await;
    world.settle().await;
    let people = 0..case.fates.len();
    world.receiver.set_switches(Switches {
        answers: case.answers,
        order: case.order,
        batch: case.batch,
        per_second: Some(case.per_second),
        ..Switches::default()
    });
    for person in people.clone() {
        if let Some(ruling) = case.ruling(person) {
            world.receiver.rule(&format!("{}@example.com", name(person)), ruling);
        }
    }
    // Where every 2xx means that all was taken, one with half an answer says so of what was refused.
    let misleads = |fault: &FaultKind| matches!((fault, case.answers), (FaultKind::TruncatedJson, Answers::Empty));
    let faults = case.faults.iter().filter(|fault| !misleads(fault));
    faults.for_each(|fault| world.receiver.push_fault(Fault::once(fault.clone())));
    let changes: Vec<Value> = people
        .clone()
        .flat_map(|person| {
            [entered(&name(person), "cats", 1), attribute(&name(person), "shelf", i64::try_from(person).unwrap(), 1)]
        })
        .collect();
    for changes in changes.chunks(case.request) {
        world.ingest(changes).await;
    }
    world.settle().await;

    let there = world.receiver.people();
    for person in people.clone() {
        let (outcome, has) = case.expected(person);
        let receipt = world.receipt(&name(person)).await["activations"]["act"]["records"]["person"]["receipt"].clone();
        assert_eq!(receipt["outcome"], outcome, "{person}: {receipt} of {case:?}");
        let view = there.get(&format!("{}@example.com", name(person)));
        assert_eq!(view.is_some(), has, "{person} at the receiver, of {case:?}");
        assert!(view.is_none_or(|view| view.attributes["shelf"] == json!(person)), "{person} has another's: {view:?}");
        let own = format!("shelf {person} is full");
        let is_told = case.answers == Answers::Results && case.fates[person] == Fate::Rejected;
        assert!(!is_told || receipt["reason"] == own.as_str(), "{person}: {receipt}");
    }
    assert_eq!(world.account().await["waiting"], 0);
    assert_eq!(world.receiver.unexpected(), Vec::<String>::new());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everybody_gets_exactly_their_own_result(case in case()) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(holds(case));
    }
}
