//! What is started, and how long it takes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use muster::aws::Settings;
use muster_runtime::{Answer, RuntimeApi, http_answer};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::process::Child;

use crate::Outcome;
use crate::package::Package;
use crate::site::Site;
use crate::stand_in::StandIn;

/// Changes, one an invocation, after which memory is looked at again.
const CHANGES: usize = 1_000;
/// For a first answer through the emulator, too.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a function does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Takes a webhook with one change.
    Ingest,
    /// Delivers one person.
    Deliver,
}

/// A function under measurement.
pub(crate) struct Subject<'s> {
    pub(crate) name: &'static str,
    command: Vec<OsString>,
    package: Package,
    work: Work,
    site: &'s Site,
    settings: Settings,
    aws: StandIn,
    starts: Vec<Start>,
    after_many_kb: u64,
}

/// One cold start.
struct Start {
    took: Duration,
    /// User and system together, of all its threads.
    on_cpu: Duration,
    peak_kb: u64,
}

/// Medians of the starts.
#[derive(Serialize)]
pub(crate) struct Measured {
    pub(crate) function: &'static str,
    pub(crate) starts: usize,
    pub(crate) first_answer_ms: f64,
    pub(crate) slowest_first_answer_ms: f64,
    /// Time on a processor until then: what a machine that has other things to do does not change.
    pub(crate) first_answer_cpu_ms: f64,
    /// Peaks of resident memory.
    pub(crate) first_answer_mb: f64,
    pub(crate) after_1000_changes_mb: f64,
    /// What is executed: the binary, or the scripts.
    pub(crate) program_mb: f64,
    pub(crate) zip_mb: f64,
}

impl<'s> Subject<'s> {
    /// Runs it once before the emulator, so that its calls can be answered without it.
    pub(crate) async fn new(
        name: &'static str,
        command: &[&Path],
        package: &[PathBuf],
        work: Work,
        site: &'s Site,
    ) -> Outcome<Self> {
        let emulator = site.settings.endpoint.clone().unwrap_or_default();
        let aws = StandIn::start(&emulator).await?;
        let settings = Settings { endpoint: Some(aws.url.clone()), ..site.settings.clone() };
        let command = command.iter().map(|word| word.as_os_str().to_owned()).collect();
        let package = Package::of(package)?;
        let subject = Self { name, command, package, work, site, settings, aws, starts: Vec::new(), after_many_kb: 0 };
        subject.start().await?;
        subject.aws.let_go_of_the_emulator();
        // The next start reads from disk what the first one did not need.
        subject.start().await?;
        Ok(subject)
    }

    /// One cold start more.
    pub(crate) async fn measure(&mut self) -> Outcome<()> {
        let start = self.start().await?;
        self.starts.push(start);
        Ok(())
    }

    async fn start(&self) -> Outcome<Start> {
        let mut running = self.spawn().await?;
        self.invoke(&mut running, self.event()?).await?;
        let took = running.spawned.elapsed();
        let start = Start { took, on_cpu: running.on_cpu()?, peak_kb: running.peak_kb()? };
        self.end(running).await?;
        Ok(start)
    }

    /// Many changes in one process.
    pub(crate) async fn measure_many(&mut self) -> Outcome<()> {
        let mut running = self.spawn().await?;
        let event = self.event()?;
        for _ in 0..CHANGES {
            self.invoke(&mut running, event.clone()).await?;
        }
        self.after_many_kb = running.peak_kb()?;
        self.end(running).await
    }

    async fn spawn(&self) -> Outcome<Running> {
        let lambda = RuntimeApi::start().await?;
        let Some((program, arguments)) = self.command.split_first() else { return Err("no program".into()) };
        let mut command = lambda.command(program, &self.settings);
        command.args(arguments);
        if self.work == Work::Deliver {
            command.env("MUSTER_TWINS", json!(self.settings.twins).to_string());
        }
        let spawned = Instant::now();
        let function = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
        Ok(Running { name: self.name, lambda, function, spawned, work: self.work })
    }

    /// Has an event handled. What the stand-in could not answer explains a failure best.
    async fn invoke(&self, running: &mut Running, event: Value) -> Outcome<()> {
        let done = running.invoke(event).await;
        self.aws.check().map_err(|error| format!("{}: {error}", self.name))?;
        done
    }

    async fn end(&self, mut running: Running) -> Outcome<()> {
        running.function.kill().await?;
        match self.work {
            Work::Ingest => Ok(()),
            Work::Deliver => self.site.take_delivered(),
        }
    }

    fn event(&self) -> Outcome<Value> {
        match self.work {
            Work::Ingest => self.site.webhook(),
            Work::Deliver => self.site.batch(),
        }
    }

    pub(crate) fn measured(&self) -> Outcome<Measured> {
        if self.starts.is_empty() {
            return Err("nothing was started".into());
        }
        let times = sorted(&self.starts, |start| start.took);
        let on_cpu = sorted(&self.starts, |start| start.on_cpu);
        let peaks = sorted(&self.starts, |start| start.peak_kb);
        let middle = times.len() / 2;
        Ok(Measured {
            function: self.name,
            starts: times.len(),
            first_answer_ms: milliseconds(times[middle]),
            slowest_first_answer_ms: milliseconds(times[times.len() - 1]),
            first_answer_cpu_ms: milliseconds(on_cpu[middle]),
            first_answer_mb: megabytes(peaks[middle] * 1024),
            after_1000_changes_mb: megabytes(self.after_many_kb * 1024),
            program_mb: megabytes(self.package.bytes),
            zip_mb: megabytes(self.package.zipped_bytes),
        })
    }
}

/// A process that is a function.
struct Running {
    name: &'static str,
    lambda: RuntimeApi,
    function: Child,
    spawned: Instant,
    work: Work,
}

impl Running {
    /// Has an event handled; fails unless it is with success.
    async fn invoke(&mut self, event: Value) -> Outcome<()> {
        self.lambda.invoke(event);
        let name = self.name;
        let answer = tokio::select! {
            answer = tokio::time::timeout(PATIENCE, self.lambda.answer()) => answer,
            ended = self.function.wait() => return Err(format!("{name} ended by itself: {ended:?}").into()),
        };
        let answer = answer.map_err(|_| format!("{name} did not answer in time"))?;
        let good = match (&answer, self.work) {
            (Some((_, answer)), Work::Ingest) => {
                let (status, body) = http_answer(answer);
                status == Some(202) && body["accepted"] == json!(1)
            }
            (Some((_, Answer::Response(body))), Work::Deliver) => *body == json!({"batchItemFailures": []}),
            (Some((_, Answer::Error(_))) | None, Work::Deliver) | (None, Work::Ingest) => false,
        };
        if good { Ok(()) } else { Err(format!("{name} answered {answer:?}").into()) }
    }

    /// How long its threads were on a processor so far: the first number of each one's `schedstat`, in nanoseconds.
    /// See <https://docs.kernel.org/scheduler/sched-stats.html>.
    fn on_cpu(&self) -> Outcome<Duration> {
        let id = self.function.id().ok_or("the function has ended")?;
        let mut nanoseconds = 0;
        for thread in std::fs::read_dir(format!("/proc/{id}/task"))? {
            // A thread may have ended since.
            let Ok(text) = std::fs::read_to_string(thread?.path().join("schedstat")) else { continue };
            nanoseconds += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// The most resident memory so far.
    fn peak_kb(&self) -> Outcome<u64> {
        let id = self.function.id().ok_or("the function has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.split_whitespace().next()?.parse().ok());
        Ok(peak.ok_or("Linux does not say how much memory the function has")?)
    }
}

fn sorted<T: Ord>(starts: &[Start], what: impl Fn(&Start) -> T) -> Vec<T> {
    let mut all: Vec<T> = starts.iter().map(what).collect();
    all.sort_unstable();
    all
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Of a million bytes.
#[expect(clippy::cast_precision_loss, reason = "sizes far below 2^52")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
