//! What AWS bills for a delivered change: every call that ingest and delivery make is recorded in front of an
//! emulator, DynamoDB's units are worked out from the sizes of the items, and all of it is multiplied by the
//! list prices in `prices.json`. Fails only if a change was not delivered.

mod prices;
mod site;

use std::process::ExitCode;

use clap::Parser;
use serde::Serialize;

use crate::prices::{Bill, Prices};
use crate::site::{Outcome, Scenario, Site, VENDOR_MS};

/// Works out what AWS bills for a million delivered changes.
#[derive(Parser)]
#[command(
    name = "muster-bench-cost",
    after_help = "Needs the emulator that tests/run installs.\n\nExample:\n  cargo run --release --bin muster-bench-cost"
)]
struct Cli {
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    prices: Prices,
    vendor_ms: u64,
    scenarios: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    name: &'static str,
    /// The most that it should cost, where there is such a goal.
    goal: Option<f64>,
    row_bytes: usize,
    ingest_ms: f64,
    deliver_ms: f64,
    bill: Bill,
}

/// One change a webhook, ten messages a run, one activation: the others differ from it as they say.
const PLAIN: Scenario = Scenario { per_webhook: 1, per_run: 10, activations: 1, filler: 0 };

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match run().await {
        Ok(report) => {
            say(&if cli.json { serde_json::json!(report).to_string() } else { report.text() });
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Outcome<Report> {
    let prices = Prices::read()?;
    let scenarios = [
        ("one change a webhook, delivered in batches of 10", Some(4.0), PLAIN),
        ("100 changes a webhook", Some(1.7), Scenario { per_webhook: 100, ..PLAIN }),
        ("one change a webhook, delivered singly", None, Scenario { per_run: 1, ..PLAIN }),
        ("one change a webhook, two activations", None, Scenario { activations: 2, ..PLAIN }),
        ("one change a webhook, rows of 2 KB", None, Scenario { filler: 1_300, ..PLAIN }),
    ];
    let mut lines = Vec::new();
    for (name, goal, scenario) in scenarios {
        let site = Site::open(scenario).await?;
        let row_bytes = site.warm_up().await?;
        let used = site.play().await?;
        let bill = prices.bill(&used);
        lines.push(Line { name, goal, row_bytes, ingest_ms: used.ingest_ms, deliver_ms: used.deliver_ms, bill });
    }
    Ok(Report { prices, vendor_ms: VENDOR_MS, scenarios: lines })
}

impl Report {
    fn text(&self) -> String {
        let mut text = format!(
            "US dollars for a million delivered changes ({}, {}; a vendor that answers in {} ms)\n",
            self.prices.region, self.prices.as_of, self.vendor_ms
        );
        for Line { name, goal, row_bytes, ingest_ms, deliver_ms, bill } in &self.scenarios {
            let goal = match goal {
                Some(goal) if bill.total <= *goal => format!(", at most {goal:.1} wanted: reached"),
                Some(goal) => format!(", at most {goal:.1} wanted: missed"),
                None => String::new(),
            };
            text.push_str(&format!("\n{name}: {:.2}{goal}\n", bill.total));
            text.push_str(&format!(
                "  rows of {row_bytes} bytes; a run of ingest {ingest_ms:.0} ms, of delivery {deliver_ms:.0} ms\n"
            ));
            for (what, amount, dollars) in bill.lines() {
                text.push_str(&format!("  {what:<34}{amount:>10.3} a change{dollars:>9.3}\n"));
            }
        }
        text
    }
}

#[expect(clippy::print_stdout, reason = "a program's answer")]
fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "a program's complaint")]
fn complain(text: &str) {
    eprintln!("{text}");
}
