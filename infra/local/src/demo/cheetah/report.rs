//! What the scenario prints.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::super::report::{adds_up, say, say_accounting, say_audiences};
use super::stage::{COLUMNS, Moves, Stage, TABLE};
use super::table::{TableComparison, compare};

/// So many rows of the table are shown.
const ROWS: usize = 10;

/// The result, printed as text or as one JSON object.
#[derive(Debug, Clone, Serialize)]
pub struct CheetahReport {
    /// Whether the table says what Lytics says.
    pub equal: bool,
    /// From activating to quiet, in seconds.
    pub seconds: f64,
    /// The scan as the API shows it.
    pub scan: Value,
    /// How many people came or went meanwhile.
    pub moves: usize,
    /// DESIGN's account.
    pub accounting: Value,
    /// The comparison.
    pub comparison: TableComparison,
    /// What happened at the stand-ins.
    pub platforms: Platforms,
    /// Some rows of the table: address, audience, inside, since when, name, tier.
    pub rows: Vec<[String; 6]>,
}

/// The stand-ins' counters that matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Platforms {
    /// Pages of members.
    pub pages: u64,
    /// Webhooks called.
    pub webhooks: u64,
    /// Events that did not come home.
    pub events_lost: u64,
    /// Files of Batch Import that were taken.
    pub files: u64,
    /// Rows in them.
    pub rows_in_files: u64,
    /// Requests to Cheetah Digital.
    pub requests: u64,
    /// Of these, failed on purpose.
    pub faults: u64,
    /// Records that the table refused.
    pub bad_records: u64,
    /// Requests that the vendors' documents do not know.
    pub unexpected: usize,
}

impl CheetahReport {
    pub(super) fn new(
        stage: &Stage,
        scan: Value,
        moves: &Moves,
        accounting: Value,
        took: Duration,
    ) -> Result<Self, String> {
        let comparison = compare(stage, &scan, moves)?;
        let (lytics, cheetah) = (stage.lytics.counters(), stage.cheetah.counters());
        let unexpected = stage.lytics.unexpected().len() + stage.cheetah.unexpected().len();
        let platforms = Platforms {
            pages: lytics.pages,
            webhooks: lytics.webhook_requests,
            events_lost: lytics.events_lost,
            files: cheetah.imports,
            rows_in_files: cheetah.imported_rows,
            requests: cheetah.requests,
            faults: cheetah.faults,
            bad_records: cheetah.bad_records,
            unexpected,
        };
        let rows = stage.cheetah.rows(TABLE);
        let rows = rows.iter().take(ROWS).map(|row| COLUMNS.map(|column| row.text(column))).collect();
        let all = comparison.compared == comparison.equal;
        let unharmed = unexpected == 0 && platforms.events_lost == 0;
        Ok(Self {
            equal: all && unharmed && adds_up(&accounting),
            seconds: took.as_secs_f64(),
            scan,
            moves: moves.made,
            accounting,
            comparison,
            platforms,
            rows,
        })
    }

    /// For people.
    pub fn print(&self) {
        let Platforms { pages, webhooks, events_lost, files, rows_in_files, requests, faults, bad_records, unexpected } =
            self.platforms;
        say("");
        let counts = &self.scan["counts"];
        say(&format!(
            "Scan: {} memberships on {} pages, each audience read twice; {} people came or went meanwhile.",
            counts["members"], counts["pages"], self.moves
        ));
        say_accounting(&self.accounting, self.seconds);
        say_audiences(&self.comparison.audiences);
        say("");
        say(&format!("The table `{TABLE}`, its first rows:"));
        for [email, audience, inside, since, name, tier] in &self.rows {
            say(&format!("  {email:<20} {audience:<11} {inside:<6} {since:<20} {tier:<7} {name}"));
        }
        say("");
        say(&format!(
            "At the platforms: {pages} pages and {webhooks} webhooks of Lytics, {events_lost} events lost; {requests} \
             requests to Cheetah Digital, {faults} of them failed on purpose, {rows_in_files} rows in {files} files, \
             {bad_records} records refused; {unexpected} unexpected requests."
        ));
        for difference in &self.comparison.differences {
            say(&format!("  differs: {difference}"));
        }
        let TableComparison { compared, equal, .. } = &self.comparison;
        if self.equal {
            say(&format!("Equal: for all {equal} people and audiences the table says what Lytics says."));
        } else {
            say(&format!("NOT equal: {} of {compared} differ, or a count is not what it must be.", compared - equal));
        }
    }
}
