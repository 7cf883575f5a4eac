//! The command `muster`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand, ValueEnum};
use muster::clock::SystemClock;
use muster::embedded::JumpClock;
use muster_local::demo::cheetah::Scenario;
use muster_local::demo::{self, Running, Talk};
use muster_local::kill::KillAt;
use muster_local::system::{System, Wiring};
use muster_twins::clock::TwinClock;
use muster_twins::heyloyalty::{HeyloyaltyTwin, Options};
use tokio::net::TcpListener;

/// Brings marketing platforms to the state that your customer data platform says.
#[derive(Parser)]
#[command(
    name = "muster",
    version,
    after_help = "Examples:\n  muster demo\n  muster demo --shuffle 7 --repeat 3\n  muster demo --faults 7 --json\n  muster demo --scenario cheetah --files\n  muster demo --scenario eagle-eye --faults 7\n  muster local --data ./data --port 8080\n  muster local --data ./data --twins"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Plays real customers' purchases through the whole system to a stand-in for Heyloyalty, and compares.
    #[command(
        after_help = "Exit status: 0 only if the platform's state equals what the input says.\n\nExamples:\n  muster demo\n  muster demo --events mine.ndjson --json"
    )]
    Demo(DemoArgs),
    /// Runs the system as a service on this machine.
    #[command(
        after_help = "The API's bearer token is in the file `api-token` of the data folder.\n\nExample:\n  muster local --data ./data --port 8080"
    )]
    Local(LocalArgs),
}

#[derive(Args)]
struct DemoArgs {
    /// Changes to play instead of the example: NDJSON, gzipped or not, each person with an `email` and a `user_id`.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Play them in a random order of this seed.
    #[arg(long, value_name = "SEED")]
    shuffle: Option<u64>,
    /// Play every change so often.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    repeat: u32,
    /// Let the stand-in answer 429 and 500, reset connections, and time out before and after applying.
    #[arg(long, value_name = "SEED")]
    faults: Option<u64>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
    /// What is played: `cdnow`, customers' purchases to a stand-in for Heyloyalty; `cheetah`, members of Lytics'
    /// audiences to a table of Cheetah Digital, while people come and go; or `eagle-eye`, rewards in Eagle Eye AIR for
    /// late deliveries, of which Braze hears.
    #[arg(long, value_enum, default_value_t = Played::Cdnow)]
    scenario: Played,
    /// Of `cheetah`: people who are in an audience at the beginning, 5,000 where absent. Of `eagle-eye`: customers whose
    /// delivery is late, 200 where absent.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    members: Option<u32>,
    /// Of `cheetah`: whoever was there before goes in files of Batch Import.
    #[arg(long)]
    files: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Played {
    Cdnow,
    Cheetah,
    EagleEye,
}

#[derive(Args)]
struct LocalArgs {
    /// The data folder, made where there is none.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The port on the loopback address; 0 picks a free one.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Start stand-ins for the vendors and call these instead.
    #[arg(long)]
    twins: bool,
    /// Call this origin instead of a vendor's: FROM=TO. For tests.
    #[arg(long, hide = true, value_name = "FROM=TO")]
    rewrite: Vec<String>,
    /// Jump over idle time. For tests.
    #[arg(long, hide = true)]
    jump: bool,
    /// End this process with SIGKILL when a step is reached for the Nth time: STEP or STEP:N. For tests.
    #[arg(long, hide = true, value_name = "STEP[:N]")]
    kill_at: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
    let result = match cli.command {
        Command::Demo(args) => run_demo(args).await,
        Command::Local(args) => run_local(args).await.map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|error| {
        complain(&error);
        ExitCode::from(2)
    })
}

#[expect(clippy::print_stderr, reason = "this is how a command says what is wrong")]
fn complain(error: &str) {
    eprintln!("muster: {error}");
}

#[expect(clippy::print_stdout, reason = "this is what the command prints")]
fn say(text: &str) {
    println!("{text}");
}

async fn run_demo(args: DemoArgs) -> Result<ExitCode, String> {
    let DemoArgs { events, shuffle, repeat, faults, json, scenario, members, files } = args;
    let talk = if json { Talk::Quiet } else { Talk::Loud };
    if scenario != Played::Cdnow && (events.is_some() || shuffle.is_some() || repeat != 1) {
        return Err("--events, --shuffle and --repeat are of the scenario `cdnow`".to_owned());
    }
    match scenario {
        Played::Cdnow => {}
        Played::Cheetah => {
            let files = files.then(|| serde_json::json!({"from": 200, "most_kilobytes": 64}));
            return run_cheetah(members.unwrap_or(5_000), files, faults, talk).await;
        }
        Played::EagleEye => return run_eagle_eye(members.unwrap_or(200), faults, talk).await,
    }
    let repeat = usize::try_from(repeat).map_err(|error| error.to_string())?;
    let report = demo::run(demo::Request { events, shuffle, repeat, faults, talk }).await?;
    if json {
        say(&serde_json::to_string(&report).map_err(|error| error.to_string())?);
    } else {
        report.print();
    }
    Ok(if report.equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run_cheetah(
    members: u32,
    files: Option<serde_json::Value>,
    faults: Option<u64>,
    talk: Talk,
) -> Result<ExitCode, String> {
    let members = usize::try_from(members).map_err(|error| error.to_string())?;
    let scenario = Scenario { members, moves: members / 5, files, faults, talk, ..Scenario::default() };
    // With faults, a stand-in that never answers is given up sooner.
    let patience = faults.map_or(scenario.patience, |_| std::time::Duration::from_secs(1));
    let report = demo::cheetah::play(&Scenario { patience, ..scenario }).await?;
    if talk == Talk::Quiet {
        say(&serde_json::to_string(&report).map_err(|error| error.to_string())?);
    } else {
        report.print();
    }
    Ok(if report.equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run_eagle_eye(customers: u32, faults: Option<u64>, talk: Talk) -> Result<ExitCode, String> {
    let customers = usize::try_from(customers).map_err(|error| error.to_string())?;
    let scenario = demo::eagle_eye::Scenario { customers, faults, talk, ..Default::default() };
    let report = demo::eagle_eye::play(&scenario).await?;
    if talk == Talk::Quiet {
        say(&serde_json::to_string(&report).map_err(|error| error.to_string())?);
    } else {
        report.print();
    }
    Ok(if report.equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run_local(args: LocalArgs) -> Result<(), String> {
    let LocalArgs { data, port, twins, rewrite, jump, kill_at } = args;
    let mut wiring =
        if jump { Wiring::jumping(Arc::new(JumpClock::new())) } else { Wiring::new(Arc::new(SystemClock)) };
    for pair in rewrite {
        let (from, to) = pair.split_once('=').ok_or_else(|| format!("--rewrite {pair}: write FROM=TO"))?;
        wiring.rewrites.insert(from.to_owned(), to.to_owned());
    }
    if let Some(text) = kill_at {
        wiring.steps = Arc::new(text.parse::<KillAt>()?);
    }
    let twin = if twins { Some(start_twin(&mut wiring.rewrites).await?) } else { None };
    wiring.data = Some(data.clone());
    let system = Arc::new(System::open(wiring).await.map_err(|error| error.to_string())?);
    let token_file = muster_local::token::write(&data, &system.token)?;
    let listener = TcpListener::bind(("127.0.0.1", port))
        .await
        .map_err(|error| format!("port {port} cannot be used: {error}; name another one with --port"))?;
    let running = Running::start_on(system, listener).await?;
    say(&format!("Muster listens on {}; the API's token is in {}.", running.url, token_file.display()));
    if let Some(twin) = &twin {
        say(&format!("Stand-in for Heyloyalty: {} (side door {}).", twin.api_url(), twin.door_url()));
    }
    tokio::signal::ctrl_c().await.map_err(|error| error.to_string())?;
    say("Ending: what runs is let through, nothing is lost.");
    running.stop().await
}

async fn start_twin(rewrites: &mut BTreeMap<String, String>) -> Result<HeyloyaltyTwin, String> {
    let options = Options { clock: TwinClock::machine(), ..Options::default() };
    let twin = HeyloyaltyTwin::start(options).await.map_err(|error| format!("the stand-in does not start: {error}"))?;
    rewrites.insert("https://api.heyloyalty.com".to_owned(), twin.api_url());
    Ok(twin)
}
