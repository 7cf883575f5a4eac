//! What every function does when it starts, and after each of its runs.

use std::io::Write;
use std::sync::Arc;

use jiff::SignedDuration;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::{AwsPorts, Settings, SettingsError};
use crate::clock::SystemClock;
use crate::http::{Http, HttpTimes};
use crate::metrics::EmbeddedMetrics;
use crate::ports::Ports;

/// A function that has started: its settings, its ports, and what it measures.
pub struct Function {
    /// What its environment told it.
    pub settings: Settings,
    /// The ports on AWS.
    pub ports: Ports,
    metrics: Arc<EmbeddedMetrics>,
}

impl Function {
    /// Reads the environment, and from then on logs as JSON, at INFO unless `RUST_LOG` says else. Copies of secrets are
    /// used for `secrets_max_age`. Nothing is called yet.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn start(secrets_max_age: SignedDuration) -> Result<Self, SettingsError> {
        let settings = Settings::from_environment()?;
        let filter = settings.log.parse().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
        tracing_subscriber::registry().with(tracing_subscriber::fmt::layer().json()).with(filter).init();
        let metrics = Arc::new(EmbeddedMetrics::new(&settings.function_name));
        let clock = Arc::new(SystemClock);
        let ports = AwsPorts::open(&settings, clock, secrets_max_age).ports();
        Ok(Self { ports: Ports { meter: metrics.clone(), ..ports }, settings, metrics })
    }

    /// The way out, to stand-ins where tests ask for them.
    ///
    /// # Errors
    /// Where the TLS library cannot be set up.
    pub fn http(&self) -> Result<Http, String> {
        Http::new(HttpTimes::default(), self.settings.twins.clone())
    }

    /// Writes what was measured in a run into the log, from where CloudWatch takes it. To be called before
    /// the run's answer is given: nothing runs after it.
    pub fn tell_measurements(&self) {
        let mut out = std::io::stdout().lock();
        for line in self.metrics.take_lines(self.ports.clock.now()) {
            // A log that cannot be written to has nobody to complain to.
            let _ = writeln!(out, "{line}");
        }
    }
}
