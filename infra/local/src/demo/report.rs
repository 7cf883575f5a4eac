//! What the demo prints.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_twins::heyloyalty::HeyloyaltyTwin;
use serde::Serialize;
use serde_json::Value;

use super::compare::{Comparison, Count};
use super::events::Expected;

/// The result, printed as text or as one JSON object.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Whether the platform holds what the input says.
    pub equal: bool,
    /// What the 202 answers counted.
    pub accepted: u64,
    /// From the first request to quiet, in seconds.
    pub seconds: f64,
    /// DESIGN's account: accepted = superseded + delivered + filtered + rejected + parked + in flight + waiting.
    pub accounting: Value,
    /// People of the source, by the input.
    pub people: usize,
    /// The comparison.
    pub comparison: Comparison,
    /// What must not have happened at the platform, counted there.
    pub platform: Platform,
}

/// The twin's counters that matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Platform {
    /// Requests in all.
    pub requests: u64,
    /// Requests that the stand-in failed on purpose.
    pub faults: u64,
    /// Lists replaced, made or deleted.
    pub lists_replaced_or_deleted: u64,
    /// Unsubscribed people subscribed again.
    pub resubscribed: u64,
    /// Members made.
    pub members_created: u64,
    /// Fields written that the list does not have.
    pub unknown_fields: u64,
    /// Requests that the vendor's documentation does not know.
    pub unexpected: u64,
}

impl Platform {
    /// As the twin counted.
    pub fn of(twin: &HeyloyaltyTwin) -> Self {
        let counters = twin.counters();
        Self {
            requests: counters.requests,
            faults: counters.faults,
            lists_replaced_or_deleted: counters.list_put + counters.list_post + counters.list_delete,
            resubscribed: counters.resubscribed,
            members_created: counters.member_created,
            unknown_fields: counters.unknown_fields,
            unexpected: counters.unexpected,
        }
    }

    /// Whether nothing happened that must not.
    pub fn is_unharmed(&self) -> bool {
        let Self {
            requests: _,
            faults: _,
            lists_replaced_or_deleted,
            resubscribed,
            members_created,
            unknown_fields,
            unexpected,
        } = self;
        [lists_replaced_or_deleted, resubscribed, members_created, unknown_fields, unexpected]
            .into_iter()
            .all(|count| *count == 0)
    }
}

impl Report {
    pub(super) fn new(
        accepted: u64,
        took: Duration,
        accounting: Value,
        comparison: Comparison,
        twin: &HeyloyaltyTwin,
        expected: &Expected,
    ) -> Self {
        let platform = Platform::of(twin);
        let counted = accounting["accepted"].as_u64() == Some(accepted) && adds_up(&accounting);
        let same = comparison.different == 0 && comparison.strangers_touched == 0;
        Self {
            equal: same && counted && platform.is_unharmed(),
            accepted,
            seconds: took.as_secs_f64(),
            accounting,
            people: expected.people.len(),
            comparison,
            platform,
        }
    }

    /// For people.
    pub fn print(&self) {
        say_accounting(&self.accounting, self.seconds);
        say_audiences(&self.comparison.audiences);
        say("");
        let Platform {
            requests,
            faults,
            lists_replaced_or_deleted,
            resubscribed,
            members_created,
            unknown_fields,
            unexpected,
        } = self.platform;
        say(&format!(
            "At the platform: {requests} requests, {faults} of them failed on purpose; {lists_replaced_or_deleted} lists replaced or deleted, {resubscribed} \
             people re-subscribed, {members_created} created, {unknown_fields} unknown fields, {unexpected} unexpected \
             requests, {} of the strangers touched.",
            self.comparison.strangers_touched
        ));
        for difference in &self.comparison.differences {
            say(&format!("  differs: {difference}"));
        }
        if self.equal {
            say(&format!("Equal: all {} people hold on the platform what the input says.", self.comparison.equal));
        } else {
            say(&format!(
                "NOT equal: {} of {} people differ, or a count above is not what it must be.",
                self.comparison.different, self.people
            ));
        }
    }
}

pub(super) fn say_accounting(accounting: &Value, seconds: f64) {
    let count = |name: &str| accounting[name].as_u64().unwrap_or(0);
    say("");
    say(&format!("Accounting of {} accepted changes, {seconds:.1} s:", count("accepted")));
    for name in COLUMNS {
        say(&format!("  {:<12}{:>9}", name.replace('_', " "), count(name)));
    }
}

pub(super) fn say_audiences(audiences: &BTreeMap<String, Count>) {
    say("");
    say(&format!("{:<24}{:>10}{:>10}", "Audience", "expected", "actual"));
    for (audience, count) in audiences {
        let mark = if count.expected == count.actual { "" } else { "   <-- differs" };
        say(&format!("{audience:<24}{:>10}{:>10}{mark}", count.expected, count.actual));
    }
}

const COLUMNS: [&str; 8] =
    ["accepted", "superseded", "delivered", "filtered", "rejected", "parked", "in_flight", "waiting"];

pub(super) fn adds_up(accounting: &Value) -> bool {
    let [accepted, rest @ ..] = COLUMNS.map(|name| accounting[name].as_u64().unwrap_or(0));
    accepted == rest.iter().sum::<u64>()
}

#[expect(clippy::print_stdout, reason = "this is what the demo prints")]
pub(super) fn say(text: &str) {
    println!("{text}");
}
