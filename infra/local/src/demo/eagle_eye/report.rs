//! What the scenario prints.

use std::time::Duration;

use jiff::Timestamp;
use muster_twins::eagle_eye_air::AttemptOutcome;
use serde::Serialize;
use serde_json::json;

use super::super::report::say;
use super::Scenario;
use super::stage::{POINTS, Stage, customer};

/// The result, printed as text or as one JSON object.
#[derive(Debug, Clone, Serialize)]
pub struct JourneyReport {
    /// Whether everybody has one reward and Braze heard of each once.
    pub equal: bool,
    /// From the first webhook to quiet, in seconds.
    pub seconds: f64,
    /// Customers who entered the audience.
    pub entered: usize,
    /// Rewards that AIR issued.
    pub rewards: usize,
    /// Rewards beyond a customer's first.
    pub doubled_rewards: u64,
    /// Events of AIR that Muster took.
    pub events: u64,
    /// Events of rewards that Braze was told of.
    pub told: usize,
    /// Profiles at Braze with the points of the reward.
    pub with_points: usize,
    /// Rewards and events that wait for a person.
    pub waiting: usize,
    /// Triggers that failed on purpose.
    pub faults: u64,
    /// Requests that the vendors' documents do not know.
    pub unexpected: usize,
    /// The first customer's way.
    pub first: Option<Steps>,
}

/// One customer's way, step by step, by the clock that jumps over idle time.
#[derive(Debug, Clone, Serialize)]
pub struct Steps {
    /// Who.
    pub customer: String,
    /// When the delivery was late, so that the data platform put them into the audience.
    pub entered_at: Timestamp,
    /// When AIR issued the reward.
    pub rewarded_at: Timestamp,
    /// Under which reference.
    pub reference: String,
    /// When AIR's event of it was taken.
    pub event_taken_at: Option<Timestamp>,
    /// What Braze was told.
    pub event: String,
    /// When it happened, as Braze was told.
    pub event_time: Timestamp,
    /// When Braze applied it.
    pub applied_at: Timestamp,
}

impl JourneyReport {
    pub(super) fn new(
        stage: &Stage,
        scenario: &Scenario,
        entered_at: Timestamp,
        waiting: usize,
        took: Duration,
    ) -> Self {
        let (air, braze) = (stage.air.counters(), stage.braze.counters());
        let rewards = stage.air.rewards();
        let awarded = stage.braze.events();
        let told =
            awarded.iter().filter(|event| event.properties.get("caused_by_muster") == Some(&json!(true))).count();
        let points = json!({"points": {"current": POINTS}});
        let people = stage.braze.people();
        let with_points = people.values().filter(|one| one.attributes.get("ee_loyalty") == Some(&points)).count();
        let unexpected = stage.air.unexpected().len() + stage.braze.unexpected().len();
        let all = [rewards.len(), told, with_points].iter().all(|count| *count == scenario.customers);
        let harmless = air.doubled_rewards == 0 && braze.doubled_events == 0 && unexpected == 0 && waiting == 0;
        Self {
            equal: all && harmless,
            seconds: took.as_secs_f64(),
            entered: scenario.customers,
            rewards: rewards.len(),
            doubled_rewards: air.doubled_rewards,
            events: air.events_accepted,
            told,
            with_points,
            waiting,
            faults: air.faults,
            unexpected,
            first: first(stage, entered_at),
        }
    }

    /// For people.
    pub fn print(&self) {
        if let Some(first) = &self.first {
            say("");
            say(&format!("The way of {}:", first.customer));
            say(&format!(
                "  {}  the delivery is late: the data platform puts them into the audience",
                first.entered_at
            ));
            say(&format!("  {}  AIR issues the reward {}", first.rewarded_at, first.reference));
            if let Some(taken) = first.event_taken_at {
                say(&format!("  {taken}  AIR's event SERVICE.TRIGGER is taken"));
            }
            say(&format!("  {}  Braze has the event `{}` of {}", first.applied_at, first.event, first.event_time));
        }
        let Self { entered, rewards, doubled_rewards, events, told, with_points, waiting, faults, unexpected, .. } =
            self;
        say("");
        say(&format!(
            "{entered} customers entered; AIR issued {rewards} rewards, {doubled_rewards} of them to somebody who had one; \
             {faults} triggers failed on purpose. Of {events} events of AIR Braze was told {told} rewards, and shows the \
             points of {with_points} customers. {waiting} wait for a person; {unexpected} unexpected requests."
        ));
        say(&format!(
            "{} in {:.1} s.",
            if self.equal { "Everybody has one reward, and Braze knows of each" } else { "NOT what it should be" },
            self.seconds
        ));
    }
}

fn first(stage: &Stage, entered_at: Timestamp) -> Option<Steps> {
    let customer = customer(0);
    let reward = stage.air.rewards().into_iter().find(|one| one.identity_value == customer)?;
    let event = stage.braze.events().into_iter().find(|one| one.external_id.as_ref() == Some(&customer))?;
    let id = event.properties.get("ee_event_id")?.as_str()?.to_owned();
    let taken = stage
        .air
        .attempts()
        .into_iter()
        .find(|attempt| attempt.event_id == id && attempt.outcome == AttemptOutcome::Answered(200));
    Some(Steps {
        customer,
        entered_at,
        rewarded_at: reward.at,
        reference: reward.reference,
        event_taken_at: taken.map(|attempt| attempt.at),
        event: event.name,
        event_time: event.time,
        applied_at: event.applied_at,
    })
}
