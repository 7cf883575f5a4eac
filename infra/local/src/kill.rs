//! Ends the process with SIGKILL at a step of the protocol: how the crash tests crash.

use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use muster::steps::{Step, Steps};
use rustix::process::{Signal, getpid, kill_process};

/// Kills the process when a step was reached so often.
#[derive(Debug)]
pub struct KillAt {
    step: Step,
    /// Times still to go.
    left: AtomicU32,
}

impl FromStr for KillAt {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (step, times) = text.split_once(':').unwrap_or((text, "1"));
        let times: u32 = times.parse().map_err(|error| format!("--kill-at {text}: {error}"))?;
        if times == 0 {
            return Err(format!("--kill-at {text}: steps are counted from 1"));
        }
        Ok(Self { step: step.parse()?, left: AtomicU32::new(times) })
    }
}

impl Steps for KillAt {
    fn reached(&self, step: Step) {
        if step == self.step && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            // Nothing can be done about a process that may not kill itself.
            let _ = kill_process(getpid(), Signal::KILL);
        }
    }
}
