//! Lotame's intake of batch files, as a stand-in ("twin") for tests.
//!
//! Written from `vendors/lotame.md` alone. It looks into a [`Place`], does nothing until a done file is there,
//! checks the batch and every row (sections 12.1 to 12.3), applies what it accepts to a state that tests compare
//! with the truth, and moves the files as Lotame does. A [`Finding`] says whether Lotame documents its rule
//! ([`Basis::Strict`]) or whether it is our reading ([`Basis::Assumed`]). Section 12 holds as it is written; what it
//! leaves open is a switch ([`Switches`]) whose default is the strictest reading.
//!
//! Memory is bounded by [`Switches::sort_memory_bytes`] and the longest line, whatever the size of a batch.

mod advice;
mod batch;
mod checksum;
mod consent;
mod feed;
mod gzip;
mod ids;
mod intake;
mod json;
mod judge;
mod lines;
mod onboarding;
mod place;
mod record;
mod report;
mod rows;
mod segments;
mod sightings;
mod sorter;
mod state;
mod switches;
mod tcf;

pub use feed::{BatchKind, Consent, Directories, Feed, Hyphens, Mode, Profile, Region, RemoveEncoding};
pub use feed::{SegmentEncoding, Split, UseCase};
pub use intake::{Failure, Intake};
pub use place::{Entry, Folder, Place};
pub use report::{Basis, Finding, Report, Rows, Rule, Severity, Verdict};
pub use state::{Id, Known, Mapping, Membership, Sighting, Stored};
pub use switches::{
    AbsentIds, AfterFailure, Archive, Archived, BothConsents, CarriageReturns, Comprehensive, EmptyBatch,
    EmptySegments, LateFiles, Letters, Md5Shape, Members, OnboardingJsonGz, OptoutBody, RemovalWithoutConsent, SameId,
    SecondBatch, SegmentForms, Switches, TcfPurposes, Unnumbered,
};
