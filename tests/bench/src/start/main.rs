//! How fast Muster's functions start on this machine: from the start of the process to the first whole answer, on
//! AWS and a vendor that answer at once, beside the same work in Node. Measures and prints, and says of each target
//! whether it is met; fails only if a function did not do its work.

mod package;
mod site;
mod stand_in;
mod subject;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Parser;
use serde::Serialize;

use crate::site::Site;
use crate::subject::{Measured, Subject, Work};

const INGEST: &str = "ingest";
const DELIVER: &str = "deliver";
/// The clients as npm installs them.
const NODE: &str = "ingest in Node";
/// The same in one file, as esbuild makes it smaller.
const NODE_BUNDLED: &str = "ingest in Node, bundled";

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Targets, of this project's own choice.
const FIRST_ANSWER_MS: f64 = 25.0;
const ZIP_MB: f64 = 6.0;
const MEMORY_MB: f64 = 40.0;
const TIMES_QUICKER_THAN_NODE: f64 = 8.0;

/// Measures the start of Muster's functions, release builds beside this program. Takes about a minute.
#[derive(Parser)]
#[command(
    name = "muster-bench-start",
    after_help = "Needs what tests/run installs, and node with npm.\n\nExample:\n  \
                  cargo build --release --workspace --bin muster-ingest --bin muster-deliver --bin muster-bench-start\n  \
                  target/release/muster-bench-start"
)]
struct Cli {
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
    /// Cold starts of each function.
    #[arg(long, default_value_t = 20)]
    starts: usize,
    /// Only Muster's own functions.
    #[arg(long)]
    without_node: bool,
}

#[derive(Serialize)]
struct Report {
    command: &'static str,
    cores: usize,
    /// Of the machine, over a minute, at the end.
    load: String,
    node: Option<String>,
    functions: Vec<Measured>,
    targets: Vec<Target>,
}

#[derive(Serialize)]
struct Target {
    what: String,
    measured: f64,
    met: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli).await {
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

async fn run(cli: &Cli) -> Outcome<Report> {
    let site = Site::new().await?;
    let [ingest, deliver] = [binary("muster-ingest")?, binary("muster-deliver")?];
    let mut subjects = vec![
        Subject::new(INGEST, &[&ingest], std::slice::from_ref(&ingest), Work::Ingest, &site).await?,
        Subject::new(DELIVER, &[&deliver], std::slice::from_ref(&deliver), Work::Deliver, &site).await?,
    ];
    let mut node = None;
    if !cli.without_node {
        let folder = install_node()?;
        node = Some(said_by(Command::new("node").arg("--version"))?);
        let (script, bundle) = (folder.join("ingest.mjs"), folder.join("ingest.cjs"));
        let (program, quiet) = (Path::new("node"), Path::new("--no-warnings"));
        let (installed, bundled) = (installed_by(&folder)?, [bundle.clone()]);
        subjects.push(Subject::new(NODE, &[program, quiet, &script], &installed, Work::Ingest, &site).await?);
        subjects.push(Subject::new(NODE_BUNDLED, &[program, quiet, &bundle], &bundled, Work::Ingest, &site).await?);
    }
    // By turns, so that what else the machine does meets all alike.
    for _ in 0..cli.starts {
        for subject in &mut subjects {
            subject.measure().await?;
        }
    }
    for subject in &mut subjects {
        subject.measure_many().await?;
    }
    let functions = subjects.iter().map(Subject::measured).collect::<Outcome<Vec<_>>>()?;
    Ok(Report {
        command: if cfg!(debug_assertions) {
            "cargo run --bin muster-bench-start (without --release: these figures mean nothing)"
        } else {
            "cargo run --release --bin muster-bench-start"
        },
        cores: std::thread::available_parallelism()?.get(),
        load: std::fs::read_to_string("/proc/loadavg")?.split(' ').next().unwrap_or_default().to_owned(),
        node,
        targets: targets(&functions),
        functions,
    })
}

/// A binary of the same build.
fn binary(name: &str) -> Outcome<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if path.exists() {
        return Ok(path);
    }
    Err(format!("{} is not there: build it with the other functions, see --help", path.display()).into())
}

/// Installs the Node function where it is not; answers its folder.
fn install_node() -> Outcome<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("node");
    let folder = said_by(Command::new("sh").arg(source.join("install")))?;
    Ok(folder.into())
}

/// What of the Node function's folder would be deployed: not the bundler.
fn installed_by(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut paths = vec![folder.join("ingest.mjs")];
    for entry in std::fs::read_dir(folder.join("node_modules"))? {
        let path = entry?.path();
        if !["esbuild", "@esbuild", ".bin"].iter().any(|name| path.ends_with(name)) {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// The last line that a command prints.
fn said_by(command: &mut Command) -> Outcome<String> {
    let output = command.output().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8(output.stdout)?.lines().last().unwrap_or_default().to_owned())
}

fn targets(functions: &[Measured]) -> Vec<Target> {
    let find = |name| functions.iter().find(|one| one.function == name);
    let at_most = |what: String, measured, limit| Target { what, measured, met: measured <= limit };
    let mut targets = Vec::new();
    for one in [INGEST, DELIVER].into_iter().filter_map(find) {
        let name = one.function;
        let first_answer = format!("{name}: first answer within {FIRST_ANSWER_MS} ms");
        targets.push(at_most(first_answer, one.first_answer_ms, FIRST_ANSWER_MS));
        targets.push(at_most(format!("{name}: at most {ZIP_MB} MB zipped"), one.zip_mb, ZIP_MB));
        let memory = format!("{name}: at most {MEMORY_MB} MB after 1,000 changes");
        targets.push(at_most(memory, one.after_1000_changes_mb, MEMORY_MB));
    }
    for node in [NODE, NODE_BUNDLED].into_iter().filter_map(find) {
        let Some(ingest) = find(INGEST) else { continue };
        let measured = node.first_answer_ms / ingest.first_answer_ms;
        let what = format!("{INGEST}: {TIMES_QUICKER_THAN_NODE} times as quick as {}", node.function);
        targets.push(Target { what, measured, met: measured >= TIMES_QUICKER_THAN_NODE });
    }
    targets
}

impl Report {
    fn text(&self) -> String {
        let Self { command, cores, load, node, functions, targets } = self;
        let node = node.as_ref().map(|version| format!(", Node {version}")).unwrap_or_default();
        let starts = functions.first().map_or(0, |one| one.starts);
        let mut lines = vec![
            format!("{command}, {cores} cores, load {load}{node}"),
            String::new(),
            format!("Start of the process to its first whole answer, median of {starts}; resident memory at its peak"),
            String::new(),
            format!(
                "{:<24}{:>13}{:>13}{:>13}{:>13}{:>15}{:>11}{:>11}",
                "", "first answer", "slowest", "on CPU", "memory then", "after 1,000", "program", "zip"
            ),
        ];
        for one in functions {
            lines.push(format!(
                "{:<24}{:>10.1} ms{:>10.1} ms{:>10.1} ms{:>10.1} MB{:>12.1} MB{:>8.2} MB{:>8.2} MB",
                one.function,
                one.first_answer_ms,
                one.slowest_first_answer_ms,
                one.first_answer_cpu_ms,
                one.first_answer_mb,
                one.after_1000_changes_mb,
                one.program_mb,
                one.zip_mb
            ));
        }
        lines.push(String::new());
        for Target { what, measured, met } in targets {
            lines.push(format!("{} {what}: {measured:.1}", if *met { "met     " } else { "not met " }));
        }
        lines.join("\n")
    }
}

#[expect(clippy::print_stdout, reason = "this is what the command prints")]
fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "this is how a command says what is wrong")]
fn complain(error: &str) {
    eprintln!("muster-bench-start: {error}");
}
