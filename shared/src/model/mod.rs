//! Plain data and pure decisions: what a person is, how changes merge, what is still to be sent and
//! what became of it. Nothing here does I/O or reads a clock.

pub mod accounting;
pub mod activation;
pub mod budget;
pub mod catalog;
pub mod change;
pub mod deployed;
pub mod effect;
pub mod endpoint;
pub mod event;
pub mod flight;
pub mod identifier;
pub mod ids;
pub mod insiders;
pub mod job;
pub mod merge;
pub mod message;
pub mod notice;
pub mod pending;
pub mod person;
pub mod reconcile;
pub mod retention;
pub mod scan;
pub mod sighting;
pub mod source_format;
pub mod standing;
pub mod timer;
pub mod trace;
pub mod value;

#[cfg(test)]
mod tests;

pub use activation::{Activation, ActivationStatus, AttributeLink, AudienceLink, LinkState, Reads, Turn, Turned};
pub use catalog::{Attribute, Audience, Authorization, Source, SourceAccess, SourceAuthentication};
pub use change::{Change, Fact, Origin};
pub use deployed::Deployed;
pub use effect::{Earned, EarnedBy, Earning, Effect, EffectId, EffectState, Transition};
pub use endpoint::Endpoint;
pub use event::Details;
pub use flight::{Asking, Flight, FlightKind};
pub use identifier::{Identifier, InstallationKey};
pub use ids::{
    ActivationId, AttributeId, AudienceId, AuthorizationId, EventId, EventName, FieldName, FlightId, IdentifierType,
    JobId, KeyHash, PersonKey, PlatformName, Provider, RecordId, RunId, ScanId, SourceId,
};
pub use job::{Job, JobKind, JobStatus, Replay};
pub use message::{Lane, Message, Nudge, QueueName};
pub use notice::{Channel, Happening, Notice, NoticeBook, ParkedCounts};
pub use person::{Entry, Former, Gone, GoneReason, Membership, Path, Person, Suppression, Version};
pub use reconcile::{DifferenceKind, Differing, ReconcileMode, Reconciliation};
pub use retention::{OfGivenUp, Parking};
pub use scan::{Scan, ScanCounts, ScanPurpose, ScanStage, ScanStatus, ScannedAudience};
pub use sighting::{Address, Sightings};
pub use source_format::{AudienceNaming, EagleEyeAirFormat, EeConnectFormat, LyticsFormat, SourceFormat};
pub use standing::{Doubt, Ending, Outcome, Reason, Receipt, RecordStanding, Standing};
pub use timer::Timer;
pub use trace::TraceId;
pub use value::{AttributeType, Value};
