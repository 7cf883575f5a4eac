//! `muster local` as a process of its own that ends with SIGKILL.

use std::fs::OpenOptions;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use muster::steps::Step;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

const SIGKILL: i32 = 9;

/// When a process ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    /// It kills itself when it has taken this step so often.
    At(Step, u32),
    /// It is killed so long after its start.
    After(Duration),
    /// It serves until the test is over.
    Never,
}

/// A running process. It does not outlive this.
pub(crate) struct Process {
    /// `None` where it was killed before it said where it listens.
    pub(crate) url: Option<String>,
    ended: JoinHandle<std::io::Result<ExitStatus>>,
    log: PathBuf,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.ended.abort();
    }
}

impl Process {
    /// Starts it over a folder, calling `vendor` instead of Heyloyalty, and waits until it listens.
    pub(crate) async fn start(folder: &Path, vendor: &str, end: End) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("muster local: {error}");
        let log = folder.join("stderr.log");
        let stderr = OpenOptions::new().create(true).append(true).open(&log).map_err(failed)?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        command
            .args(["local", "--port", "0", "--jump", "--data"])
            .arg(folder.join("data"))
            .args(["--rewrite", &format!("https://api.heyloyalty.com={vendor}")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .kill_on_drop(true);
        if let End::At(step, times) = end {
            command.args(["--kill-at", &format!("{step}:{times}")]);
        }
        let mut child = command.spawn().map_err(failed)?;
        let stdout = child.stdout.take().ok_or("muster local: no output")?;
        let ended = tokio::spawn(see_off(child, end));
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).await.map_err(failed)?;
        let url = line.strip_prefix("Muster listens on ").and_then(|rest| rest.split(';').next()).map(str::to_owned);
        Ok(Self { url, ended, log })
    }

    /// Waits for its end, which must come within `patience` and by SIGKILL.
    pub(crate) async fn killed(&mut self, patience: Duration) -> Result<(), String> {
        let status = match tokio::time::timeout(patience, &mut self.ended).await {
            Err(_) => return Err("it was never killed: the step was not reached".to_owned()),
            Ok(ended) => ended.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?,
        };
        if status.signal() == Some(SIGKILL) {
            return Ok(());
        }
        Err(format!("it ended by itself with {status}, saying:\n{}", self.said()))
    }

    /// What it and those before it over the same folder logged.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

async fn see_off(mut child: Child, end: End) -> std::io::Result<ExitStatus> {
    match end {
        End::After(life) => match tokio::time::timeout(life, child.wait()).await {
            Ok(ended) => ended,
            Err(_) => {
                child.start_kill()?;
                child.wait().await
            }
        },
        End::At(..) | End::Never => child.wait().await,
    }
}
