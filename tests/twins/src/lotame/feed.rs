//! What was agreed with Lotame's account manager for one feed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// One feed: what Lotame's job knows before it looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    /// Where its dated directories are made.
    pub directories: Directories,
    /// What its rows say.
    pub use_case: UseCase,
    /// Whether a row replaces or changes what is known of its ID.
    pub mode: Mode,
    /// Whether numbered files are looked for.
    pub split: Split,
    /// How the elements of `segments` are written.
    pub segment_encoding: SegmentEncoding,
    /// How advertising IDs are written.
    pub hyphens: Hyphens,
    /// Upper-case codes that `idtype` may have, in any case.
    pub id_types: BTreeSet<String>,
    /// What a row must show of consent.
    pub consent: Consent,
    /// How the files come.
    pub profile: Profile,
    /// Other agreed directories in the same place, as paths without a slash at the end; what is in them is not this
    /// feed's concern. A batch found anywhere else breaks B3.
    pub neighbours: Vec<String>,
}

impl Feed {
    /// A comprehensive feed of behaviours from the client's own S3, the first release of section 1.
    #[must_use]
    pub fn behaviors(first: &str, second: &str) -> Self {
        Self {
            directories: Directories { base_prefix: String::new(), first: first.to_owned(), second: second.to_owned() },
            use_case: UseCase::Behaviors,
            mode: Mode::Comprehensive,
            split: Split::Unregistered,
            segment_encoding: SegmentEncoding::Object,
            hyphens: Hyphens::Keep,
            id_types: Self::documented_id_types(),
            consent: Consent::Flag,
            profile: Profile::ClientS3,
            neighbours: Vec::new(),
        }
    }

    /// The codes of section 4.1 that Lotame's pages name; `EMAIL_SHA256` as `idtype` is inferred from a file name.
    #[must_use]
    pub fn documented_id_types() -> BTreeSet<String> {
        ["PANO", "EMAIL", "PID", "IDFA", "GAID", "RIDA", "TVOS", "EMAIL_SHA256"].map(str::to_owned).into()
    }

    /// Emails may come only by Lotame-hosted S3, in a bucket whose region is set and is the one of the feed (B13).
    pub(crate) fn takes_emails(&self) -> bool {
        let Profile::LotameS3 { region: Some(bucket) } = self.profile else { return false };
        match self.use_case {
            UseCase::Emails { region } => region == bucket,
            UseCase::Behaviors
            | UseCase::Sightings
            | UseCase::IdMapping
            | UseCase::Ldx
            | UseCase::Onboarding { .. } => true,
        }
    }
}

/// Directories that never change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directories {
    /// Before them, such as `in`; may be empty.
    pub base_prefix: String,
    /// `clientDir1`.
    pub first: String,
    /// `clientDir2`.
    pub second: String,
}

impl Directories {
    /// `[base_prefix/]first/second`.
    #[must_use]
    pub fn path(&self) -> String {
        let Self { base_prefix, first, second } = self;
        match base_prefix.trim_matches('/') {
            "" => format!("{first}/{second}"),
            base => format!("{base}/{first}/{second}"),
        }
    }
}

/// What the rows of a feed say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UseCase {
    /// Segments of an ID (section 3).
    Behaviors,
    /// Where an ID was seen (5.1).
    Sightings,
    /// Which third-party ID an ID has (5.2).
    IdMapping,
    /// Data exchange; records as behaviours (7.1, assumed).
    Ldx,
    /// Emails or their hashes, of people of one region (6); records as behaviours (assumed).
    Emails {
        /// Where the people are.
        region: Region,
    },
    /// The other product path (7.2): no done file, no checksum, its own directories.
    Onboarding {
        /// The number in the path.
        client_id: u64,
    },
}

/// Where emails are stored and may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Region {
    /// The Americas.
    Americas,
    /// The European Union.
    Eu,
    /// Asia and the Pacific.
    Apac,
}

/// Comprehensive or delta (section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Each batch has every segment of each ID in it.
    Comprehensive,
    /// A batch has what changed, but for those announced as comprehensive.
    Delta {
        /// How `remove` is written.
        remove: RemoveEncoding,
        /// Most days between two comprehensive batches.
        comprehensive_every_days: u32,
    },
}

/// What one batch is: nothing in its files says so (Q5), so it is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchKind {
    /// A row replaces the segments of its ID.
    Comprehensive,
    /// A row adds and removes.
    Delta,
}

/// How `remove` is written (3.3, Q2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemoveEncoding {
    /// An array of names.
    Array,
    /// A string of names with commas between them.
    Csv,
    /// A string that is one name.
    Single,
}

/// Whether Lotame was told of numbered files (2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Its job looks for them.
    Registered,
    /// It does not.
    Unregistered,
}

/// How the elements of `segments` are written (3.3, Q3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentEncoding {
    /// `{"name", "timestamp"}`.
    Object,
    /// The name alone.
    String,
}

/// How IDFA and GAID are written (3.3, Q4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hyphens {
    /// As UUIDs with hyphens.
    Keep,
    /// As 32 hexadecimal digits.
    Strip,
}

/// What a row must show of consent (3.1, Q12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// `consent: true`, or a TCF string.
    Flag,
    /// A TCF string, whatever `consent` says: people in GDPR countries.
    Tcf,
}

/// How the files come (section 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// A bucket of the client, into which Lotame looks with list, get, put and delete.
    ClientS3,
    /// A bucket of Lotame.
    LotameS3 {
        /// Of the emails that may be in it.
        region: Option<Region>,
    },
    /// A Google bucket of the client.
    Gcs,
    /// A directory on Lotame's server.
    Sftp,
}

impl Profile {
    pub(crate) fn is_s3(self) -> bool {
        match self {
            Self::ClientS3 | Self::LotameS3 { .. } => true,
            Self::Gcs | Self::Sftp => false,
        }
    }
}
