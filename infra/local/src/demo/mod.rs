//! `muster demo`: the whole system and a stand-in for the platform in one process, real input through the
//! real routes, and a comparison of what the platform holds with what the input says.

pub mod cheetah;
pub mod compare;
pub mod eagle_eye;
pub mod events;
mod play;
mod report;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use muster::embedded::JumpClock;
use muster::http::HttpTimes;
use muster::ports::Clock;
use muster_twins::clock::TwinClock;
use muster_twins::heyloyalty::{
    FaultKind, FaultMatch, HeyloyaltyTwin, MemberView, Options, RetryAfter, SeedList, SeedMember, SeededFaults,
};
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::compare::{Comparison, compare};
use self::events::{Events, Expected};
use crate::runner::Runner;
use crate::system::{System, Wiring};
pub use report::{Platform, Report};

/// The twin's list.
const LIST: u64 = 4711;
/// Members whom the source does not know.
const STRANGERS: usize = 300;
/// The account's rate, raised from the safe default so that nobody watches a progress bar for an hour.
const RATE: f64 = 2_000.0;
const CREDENTIALS: (&str, &str) = ("demo-key", "demo-secret");

/// What the demo is asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The input; the CDNOW example where there is none.
    pub events: Option<PathBuf>,
    /// In an order of this seed.
    pub shuffle: Option<u64>,
    /// Every change so often.
    pub repeat: usize,
    /// The twin fails by this seed.
    pub faults: Option<u64>,
    /// Say what happens while it happens.
    pub talk: Talk,
}

/// Whether the demo says what it does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Talk {
    /// With a progress bar.
    #[default]
    Loud,
    /// Only the result.
    Quiet,
}

/// The example's input, as it lies in the repository.
static EXAMPLE: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/cdnow.ndjson.gz"));

/// Runs the demo.
///
/// # Errors
/// With a sentence for a person.
pub async fn run(request: Request) -> Result<Report, String> {
    let say = |text: String| {
        if request.talk == Talk::Loud {
            report::say(&text);
        }
    };
    let events = match &request.events {
        Some(path) => Events::read(path)?,
        None => Events::parse(EXAMPLE).map_err(|error| error.to_string())?,
    };
    let expected = events.fold()?;
    let clock = Arc::new(JumpClock::new());
    let (twin, strangers) = start_twin(Arc::clone(&clock) as Arc<dyn Clock>, &expected, request.faults).await?;
    say(format!(
        "Stand-in for Heyloyalty at {}: a list of {} members, {STRANGERS} of them unknown to the source.",
        twin.api_url(),
        expected.people.len() + STRANGERS,
    ));
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let wiring = Wiring {
        data: Some(folder.path().to_owned()),
        rewrites: BTreeMap::from([("https://api.heyloyalty.com".to_owned(), twin.api_url())]),
        http: HttpTimes { request: patience(request.faults), ..HttpTimes::default() },
        ..Wiring::jumping(Arc::clone(&clock))
    };
    let system = Arc::new(System::open(wiring).await.map_err(|error| error.to_string())?);
    let running = Running::start(Arc::clone(&system)).await?;
    say(format!("Muster at {}, data in a temporary folder; idle time is jumped over.", running.url));
    let result = play_and_compare(&request, &events, &expected, &system, &running, &twin, &strangers).await;
    running.stop().await?;
    result
}

async fn play_and_compare(
    request: &Request,
    events: &Events,
    expected: &Expected,
    system: &System,
    running: &Running,
    twin: &HeyloyaltyTwin,
    strangers: &BTreeMap<String, MemberView>,
) -> Result<Report, String> {
    let player = play::Player::new(&running.url, &system.token, Arc::clone(&system.engine.ports.clock));
    player.set_up(expected, CREDENTIALS, LIST, RATE).await?;
    if request.talk == Talk::Loud {
        report::say(&format!(
            "Source `cdnow`, authorization `demo`, activation `demo` made through the API. \
             The account's rate is raised from 5 to {RATE} requests a second."
        ));
    }
    let started = std::time::Instant::now();
    let sent = player.send_all(&events.order(request.repeat.max(1), request.shuffle), request.talk).await?;
    let accounting = player.wait_until_quiet(system, request.talk).await?;
    let took = started.elapsed();
    let field_of = player.field_names(twin, LIST, expected);
    let comparison: Comparison = compare(twin, LIST, expected, &field_of, strangers);
    Ok(Report::new(sent, took, accounting, comparison, twin, expected))
}

/// A stand-in's clock that shows what Muster's shows.
pub fn twin_clock(clock: &Arc<impl Clock + ?Sized + 'static>) -> TwinClock {
    let clock = Arc::clone(clock);
    TwinClock::given(Arc::new(move || clock.now()))
}

/// With faults, a stand-in that never answers is given up sooner.
fn patience(faults: Option<u64>) -> Duration {
    faults.map_or(HttpTimes::default().request, |_| Duration::from_secs(1))
}

async fn start_twin(
    clock: Arc<dyn Clock>,
    expected: &Expected,
    faults: Option<u64>,
) -> Result<(HeyloyaltyTwin, BTreeMap<String, MemberView>), String> {
    let (key, secret) = CREDENTIALS;
    let options = Options {
        clock: twin_clock(&clock),
        accounts: BTreeMap::from([(key.to_owned(), secret.to_owned())]),
        ..Options::default()
    };
    let twin = HeyloyaltyTwin::start(options).await.map_err(|error| format!("the stand-in does not start: {error}"))?;
    let refused = |error| format!("the stand-in refuses its members: {error:?}");
    twin.seed_list(&SeedList { id: Some(LIST), name: "Newsletter".to_owned(), ..SeedList::default() })
        .map_err(refused)?;
    let members: Vec<SeedMember> = expected.people.keys().map(|email| SeedMember::active(email)).collect();
    twin.seed_members(LIST, &members).map_err(refused)?;
    let others: Vec<SeedMember> = (0..STRANGERS)
        .map(|number| SeedMember::active(&format!("stranger{number:03}@example.org")).field("firstname", "Unknown"))
        .collect();
    twin.seed_members(LIST, &others).map_err(refused)?;
    let strangers = twin
        .members(LIST)
        .into_iter()
        .filter(|member| member.text("email").starts_with("stranger"))
        .map(|member| (member.text("email").to_owned(), member))
        .collect();
    if let Some(seed) = faults {
        twin.seed_faults(faults_of(seed));
    }
    Ok((twin, strangers))
}

/// Every tenth request or so fails in one of the ways that platforms fail in.
pub fn faults_of(seed: u64) -> SeededFaults {
    SeededFaults {
        faults_seed: seed,
        rates: vec![
            (FaultKind::TooManyRequests(RetryAfter::Seconds(2)), 15),
            (FaultKind::TooManyRequests(RetryAfter::Absent), 10),
            (FaultKind::Html500, 20),
            (FaultKind::BadGateway, 10),
            (FaultKind::ResetBefore, 15),
            (FaultKind::ResetAfter, 15),
            (FaultKind::TimeoutBefore, 1),
            (FaultKind::TimeoutAfter, 1),
            (FaultKind::TruncatedJson, 5),
            (FaultKind::NonJson200, 5),
        ],
        on: FaultMatch::default(),
    }
}

/// A system with its server and its runner.
pub struct Running {
    /// Where the server answers.
    pub url: String,
    stop: watch::Sender<bool>,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
    runner: tokio::task::JoinHandle<muster::ports::PortResult<()>>,
}

impl Running {
    /// Starts server and runner, on a free port of the loopback address.
    ///
    /// # Errors
    /// Where no port is to be had or the store fails.
    pub async fn start(system: Arc<System>) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| format!("no port: {error}"))?;
        Self::start_on(system, listener).await
    }

    /// The same on a listener.
    ///
    /// # Errors
    /// As above.
    pub async fn start_on(system: Arc<System>, listener: TcpListener) -> Result<Self, String> {
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let (stop, mut stopped) = watch::channel(false);
        let runner = Runner::new(Arc::clone(&system)).await.map_err(|error| error.to_string())?;
        let runner = tokio::spawn(runner.run(stopped.clone()));
        let router = system.router.clone();
        let server = tokio::spawn(async move {
            let until = async move {
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            axum::serve(listener, router).with_graceful_shutdown(until).await
        });
        Ok(Self { url: format!("http://{address}"), stop, server, runner })
    }

    /// Lets what runs end, then ends.
    ///
    /// # Errors
    /// Where the store failed meanwhile.
    pub async fn stop(self) -> Result<(), String> {
        let _ = self.stop.send(true);
        self.runner.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        // Clients keep connections open; nothing of ours hangs on them.
        self.server.abort();
        Ok(())
    }
}
