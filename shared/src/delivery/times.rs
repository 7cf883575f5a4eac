//! Two chains of times that must hold, or the protocol's reasoning does not: checked when a program starts.

use jiff::SignedDuration;

use crate::http::HttpTimes;

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// The longest that one run of a handler lasts.
    pub function_timeout: SignedDuration,
    /// How long messages are gathered before a handler is called.
    pub batch_window: SignedDuration,
    /// How long a received message stays hidden.
    pub visibility: SignedDuration,
    /// The longest after its request ended that a vendor may still apply it.
    pub late_application: SignedDuration,
    /// How old a cached catalog may be.
    pub cache_age: SignedDuration,
    /// How old a flight is when the sweep acts on it.
    pub sweep_age: SignedDuration,
}

/// Why times do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidTimes(String);

impl Default for Times {
    fn default() -> Self {
        Self::with(SignedDuration::from_secs(60), SignedDuration::from_mins(5))
    }
}

impl Times {
    /// Everything derived from the two times that an owner may set.
    pub fn with(function_timeout: SignedDuration, late_application: SignedDuration) -> Self {
        let batch_window = SignedDuration::from_secs(1);
        Self {
            function_timeout,
            batch_window,
            visibility: function_timeout * 6 + batch_window,
            late_application,
            cache_age: SignedDuration::from_secs(5),
            sweep_age: function_timeout + late_application + SignedDuration::from_secs(1),
        }
    }

    /// Checks both chains.
    ///
    /// # Errors
    /// With the pair of times that does not fit.
    pub fn check(&self, http: HttpTimes) -> Result<(), InvalidTimes> {
        let request = SignedDuration::try_from(http.request + http.margin).unwrap_or(SignedDuration::MAX);
        if request >= self.function_timeout {
            return Err(InvalidTimes(format!(
                "a request may take {request:#} with its margin, which does not fit into a run of {:#}",
                self.function_timeout
            )));
        }
        if self.function_timeout + self.late_application >= self.sweep_age {
            return Err(InvalidTimes(format!(
                "a flight is swept after {:#}, while a run of {:#} may still be applied {:#} later",
                self.sweep_age, self.function_timeout, self.late_application
            )));
        }
        if self.visibility < self.function_timeout * 6 + self.batch_window {
            return Err(InvalidTimes(format!(
                "messages are hidden for {:#}, less than six runs of {:#} and the batch window",
                self.visibility, self.function_timeout
            )));
        }
        Ok(())
    }
}
