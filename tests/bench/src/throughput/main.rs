//! What a change costs from its text to its receipt, the receiver in another process. Measures and prints, asserts no
//! number; it fails only where something was not accepted, not taken by the receiver, or has no receipt.

#[path = "../measure.rs"]
mod measure;
mod receiver;
mod site;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use muster_local::demo::events::Events;
use tracing_subscriber::filter::LevelFilter;

use measure::Cost;
use receiver::Receiver;
use site::{Changes, Site};

/// Errors of a bench are read by whoever runs it.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

static EXAMPLE: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/cdnow.ndjson.gz"));

/// People of the runs in memory.
const PEOPLE: usize = 150_000;
/// Of the run without batches, which takes longer for each.
const PEOPLE_UNBATCHED: usize = 40_000;
/// Rows of the example that come one in a request.
const ROWS: usize = 20_000;

/// Measures the whole path of a change: text, row, batch, request, receipt. Takes about a minute.
#[derive(Parser)]
#[command(
    name = "muster-bench-throughput",
    after_help = "Set TMPDIR to choose the disk.\n\nExample:\n  cargo run --release --bin muster-bench-throughput"
)]
struct Cli {
    /// Be the receiver: this is how the bench starts it.
    #[arg(long, hide = true)]
    receiver: bool,
    /// Only the run whose name begins so: for profiles.
    #[arg(long, default_value = "")]
    only: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt().with_max_level(LevelFilter::WARN).with_writer(std::io::stderr).init();
    let done = if cli.receiver { receiver::serve().await } else { run(&cli.only).await };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

async fn run(only: &str) -> Outcome<()> {
    let wanted = |name: &str| name.starts_with(only);
    if wanted("memory 75") {
        let cost = in_memory(PEOPLE, 75).await?;
        say(&format!("memory 75: changes of 500 bytes, ports in memory, 75 records a request: {cost}"));
    }
    if wanted("memory 1") {
        let cost = in_memory(PEOPLE_UNBATCHED, 1).await?;
        say(&format!("memory 1: the same, a request for each record: {cost}"));
    }
    let events = Events::parse(EXAMPLE)?;
    let rows = |per_request: usize| {
        let rows = if per_request == 1 { &events.lines[..ROWS.min(events.lines.len())] } else { &events.lines[..] };
        Changes::signed(rows, per_request)
    };
    for per_request in [1, 100] {
        for on_disk in [true, false] {
            let name = format!("rows {per_request} {}", if on_disk { "disk" } else { "memory" });
            if wanted(&name) {
                let cost = rows_of_the_example(&rows(per_request)?, &events, on_disk).await?;
                say(&format!("{name}: rows of the example, signed, {per_request} a request: {cost}"));
            }
        }
    }
    Ok(())
}

/// Everybody enters once, in requests of a thousand; then all is delivered.
async fn in_memory(people: usize, batch: usize) -> Outcome<Cost> {
    let receiver = Receiver::start().await?;
    let site = Site::in_memory(&receiver).await?;
    site.link(batch, &["buyers".to_owned()], &[]).await?;
    let changes = Changes::signed(&site::entering(people), 1_000)?;
    site.measure(&changes, &receiver).await
}

/// The rows come in 64 requests at a time and are delivered meanwhile.
async fn rows_of_the_example(changes: &Changes, events: &Events, on_disk: bool) -> Outcome<Cost> {
    let receiver = Receiver::start().await?;
    let folder = tempfile::tempdir()?;
    let site =
        if on_disk { Site::on_disk(&receiver, folder.path()).await? } else { Site::in_memory(&receiver).await? };
    let expected = events.fold()?;
    let audiences: Vec<String> = expected.audiences.into_iter().collect();
    let attributes: Vec<(String, &'static str)> = expected.attributes.into_iter().collect();
    site.link(75, &audiences, &attributes).await?;
    site.measure(changes, &receiver).await
}

#[expect(clippy::print_stdout, reason = "this is what the command prints")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "this is how a command says what is wrong")]
fn complain(error: &str) {
    eprintln!("muster-bench-throughput: {error}");
}
