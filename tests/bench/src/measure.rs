//! What is measured: processor time of the whole process, and time on the wall.

use std::fmt;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// Runs from its making.
pub(crate) struct Stopwatch {
    wall: Instant,
    cpu: Duration,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self { wall: Instant::now(), cpu: cpu() }
    }

    /// What `count` things cost since the start.
    pub(crate) fn stop(&self, count: u64) -> Cost {
        let (cpu_seconds, wall_seconds) = ((cpu() - self.cpu).as_secs_f64(), self.wall.elapsed().as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a count far below 2^52")]
        let things = count as f64;
        let (per_cpu_second, per_second) = (things / cpu_seconds, things / wall_seconds);
        Cost { count, cpu_seconds, wall_seconds, per_cpu_second, per_second }
    }
}

/// User and system time of all threads.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// What a number of things cost.
#[derive(Serialize)]
pub(crate) struct Cost {
    count: u64,
    cpu_seconds: f64,
    wall_seconds: f64,
    per_cpu_second: f64,
    per_second: f64,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, cpu_seconds, wall_seconds, per_cpu_second, per_second } = self;
        write!(
            f,
            "{per_cpu_second:.0} per CPU-second, {per_second:.0} per second \
             ({count} in {cpu_seconds:.2} s of CPU, {wall_seconds:.2} s)"
        )
    }
}
