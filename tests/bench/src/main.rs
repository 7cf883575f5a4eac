//! How fast Muster is on this machine. Measures and prints, asserts no number: `README.md` of the repository
//! quotes what it printed. It fails only if something was not accepted or not delivered, because a figure
//! for work that was not done would be a lie.

mod deliver;
mod ingest;
mod latency;
mod measure;
mod percentiles;
mod world;

use std::process::ExitCode;

use clap::Parser;
use serde::Serialize;
use tracing_subscriber::filter::LevelFilter;

use crate::measure::Cost;
use crate::world::Outcome;

/// Measures Muster on this machine, on the embedded ports in a temporary folder. Takes about a minute.
#[derive(Parser)]
#[command(
    name = "muster-bench",
    after_help = "Set TMPDIR to choose the disk.\n\nExample:\n  cargo run --release --bin muster-bench"
)]
struct Cli {
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    command: &'static str,
    cores: usize,
    ingest: ingest::Measured,
    instant_destination: Cost,
    heyloyalty_first: Cost,
    heyloyalty_again: Cost,
    latency: latency::Measured,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt().with_max_level(LevelFilter::WARN).with_writer(std::io::stderr).init();
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
    let ingest = ingest::measure().await?;
    let instant_destination = deliver::to_an_instant_destination().await?;
    let [heyloyalty_first, heyloyalty_again] = deliver::to_heyloyalty().await?;
    let latency = latency::measure().await?;
    Ok(Report {
        command: if cfg!(debug_assertions) {
            "cargo run --bin muster-bench (without --release: these figures mean nothing)"
        } else {
            "cargo run --release --bin muster-bench"
        },
        cores: std::thread::available_parallelism()?.get(),
        ingest,
        instant_destination,
        heyloyalty_first,
        heyloyalty_again,
        latency,
    })
}

impl Report {
    fn text(&self) -> String {
        let Self { command, cores, ingest, instant_destination, heyloyalty_first, heyloyalty_again, latency } = self;
        let latency::Measured { people, per_second, accepted, answered, vendor_requests } = latency;
        format!(
            "{command}, {cores} cores\n\
             \n\
             Parse, merge and store (requests of 1,000 through the ingest handler, in process; SQLite on the disk,\n\
             one activation linked and paused)\n  {changes}\n  slowest request {slowest:.0} ms\n\
             Read, plan, deliver and settle at a destination in process that answers at once (nudges of 200)\n  \
             {instant_destination}\n\
             The same through the Heyloyalty client to its twin over loopback; the twin's own work is included\n  \
             first delivery (search and write):  {heyloyalty_first}\n  \
             second delivery (write):            {heyloyalty_again}\n\
             {people} webhooks of one change each, {per_second} a second; the twin answers after {delay} ms and allows \
             {rate}\nrequests a second; everybody is new: two requests each ({vendor_requests} in all). Timed from the \
             moment the\nsender sends; sender, Muster and twin share the machine.\n  \
             to the 202:                     {accepted}\n  \
             to the end of the delivery run: {answered}\n",
            changes = ingest.cost,
            slowest = ingest.slowest_request_ms,
            delay = latency::VENDOR_DELAY_MS,
            rate = latency::VENDOR_RATE,
        )
    }
}

#[expect(clippy::print_stdout, reason = "this is what the command prints")]
fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "this is how a command says what is wrong")]
fn complain(error: &str) {
    eprintln!("muster-bench: {error}");
}
