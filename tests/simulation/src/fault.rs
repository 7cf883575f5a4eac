//! What goes wrong, by kind, and how often it did.

use std::collections::BTreeMap;
use std::fmt;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)*) => {
        /// A kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $($(#[$doc])* $name,)*
        }

        impl Fault {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// For people.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

faults! {
    /// A port did nothing and said so.
    StoreFailedBefore => "a port failed before it applied",
    /// A port did it and said that it had not.
    StoreFailedAfter => "a port failed after it applied",
    /// A port took up to two seconds.
    StoreSlow => "a port was slow",
    /// A message is there twice.
    MessageDoubled => "a message was doubled",
    /// A message comes later than asked for.
    MessageDelayed => "a message was delayed",
    /// Messages come in another order.
    MessageReordered => "messages were reordered",
    /// A message is seen again while somebody works on it.
    VisibilityLost => "a message lost its visibility",
    /// Every message is gone.
    MessagesPurged => "messages were purged",
    /// A process is gone between two steps.
    ProcessDied => "a process died",
    /// Every process is gone.
    MachineDied => "all processes died at once",
    /// A run had no time left.
    RunKilled => "a run was ended at its time's end",
    /// The source sends a request again although it was answered.
    RequestRepeated => "the source repeated a request",
    /// The vendor applied a request and answered an error.
    ErrorApplied => "the vendor answered an error and had applied",
    /// The vendor did not apply and answered an error.
    ErrorNotApplied => "the vendor answered an error and had not applied",
    /// No answer, applied.
    TimeoutApplied => "the vendor timed out after applying",
    /// No answer, applied minutes later.
    TimeoutAppliedLater => "the vendor timed out and applied later",
    /// No answer, never applied.
    TimeoutNotApplied => "the vendor timed out and never applied",
    /// The connection broke, applied or not.
    ConnectionReset => "the connection broke",
    /// The connection was never made.
    Unreachable => "the vendor could not be reached",
    /// Applied, and the answer is cut off.
    AnswerTruncated => "the vendor's answer was cut off",
    /// 429 with seconds.
    SlowedSeconds => "429 with seconds",
    /// 429 with a date.
    SlowedDate => "429 with a date",
    /// 429 with a time that nobody can mean.
    SlowedAbsurd => "429 with an absurd time",
    /// 429 alone.
    SlowedSilent => "429 without a time",
    /// A batch is refused for one of its records.
    BatchRefused => "a batch was refused as a whole",
    /// Some records of a batch are to come again.
    RecordPutBack => "a record of a batch was put back",
    /// The vendor does not know the keys for a while.
    KeysRevoked => "keys were revoked",
    /// The vendor is away for minutes or hours.
    Away => "the vendor was away for minutes or hours",
    /// The vendor is away for two days.
    AwayTwoDays => "the vendor was away for two days",
    /// An import lands after newer live writes.
    ImportLate => "an import was applied later",
    /// An import is taken and never lands.
    ImportLost => "an import was lost",
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How often each kind struck.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<Fault, u64>);

impl Tally {
    /// It struck.
    pub fn count(&mut self, fault: Fault) {
        *self.0.entry(fault).or_default() += 1;
    }

    /// How often it did.
    pub fn of(&self, fault: Fault) -> u64 {
        self.0.get(&fault).copied().unwrap_or(0)
    }

    /// All together.
    pub fn sum(&self) -> u64 {
        self.0.values().sum()
    }

    /// Adds another one's.
    pub fn add(&mut self, other: &Self) {
        for (fault, count) in &other.0 {
            *self.0.entry(*fault).or_default() += count;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in Fault::ALL {
            writeln!(f, "{:>12}  {fault}", self.of(*fault))?;
        }
        Ok(())
    }
}
