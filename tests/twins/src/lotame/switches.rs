//! One switch per unknown of the vendor file.

use serde::{Deserialize, Serialize};

/// How the twin reads what the vendor file leaves open. What section 12 says is the default as it is written; beyond
/// that the default is the strictest reading. As JSON the names are the field names, enum values in `snake_case`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// B5: which shapes of the checksum file are taken.
    pub md5_shape: Md5Shape,
    /// B5: which letters its digits may have.
    pub md5_letters: Letters,
    /// B6: what a second gzip member does (Q10).
    pub members: Members,
    /// B7: a data file of so many bytes or more fails. More where that was agreed.
    pub largest_gz_bytes: u64,
    /// B7: the same for feeds of emails, whose files then move to `error` (Q8).
    pub largest_hem_gz_bytes: u64,
    /// B8: what an unnumbered file does in a feed that is registered for numbered ones (Q14).
    pub unnumbered: Unnumbered,
    /// B9 or B10: what a file does that is younger than the done file.
    pub late_files: LateFiles,
    /// B12: names inside `archive` and `error` (Q8).
    pub archive: Archive,
    /// B12: which files are moved.
    pub archived: Archived,
    /// B12: what a second batch of a date does that was taken (Q6).
    pub second_batch: SecondBatch,
    /// B12: what a batch does whose date failed before (Q6).
    pub after_failure: AfterFailure,
    /// B16: what a batch without rows does (Q10).
    pub empty_batch: EmptyBatch,
    /// R1: what a carriage return before the line's end does (Q10).
    pub carriage_returns: CarriageReturns,
    /// R1: most bytes of a line (Q13).
    pub longest_line_bytes: usize,
    /// R4: which IDs are the same (edge case 8).
    pub same_id: SameId,
    /// R5: what counts where both keys of consent are there.
    pub both_consents: BothConsents,
    /// R5: what a TCF string must allow besides vendor 95 (Q12).
    pub tcf_purposes: TcfPurposes,
    /// R5: what a row that only removes does without consent (Q12).
    pub removal_without_consent: RemovalWithoutConsent,
    /// R6: whether `segments` may be empty (Q2).
    pub empty_segments: EmptySegments,
    /// R6: which forms of `segments` are taken (Q3).
    pub segment_forms: SegmentForms,
    /// R14: which letters hexadecimal IDs and emails may have (Q4).
    pub id_letters: Letters,
    /// What a comprehensive row does to segments that it lacks (Q5).
    pub comprehensive: Comprehensive,
    /// What a comprehensive batch does to IDs that it lacks (Q5).
    pub absent_ids: AbsentIds,
    /// An ID that no accepted row had for more than so many days is forgotten.
    pub expire_after_days: Option<u32>,
    /// 12.3: whether an onboarding file may be named `.json.gz` (Q17).
    pub onboarding_json_gz: OnboardingJsonGz,
    /// 12.3: what is in a file of opt-outs (Q17).
    pub optout_body: OptoutBody,
    /// Rows are sorted on disk when they take more memory than this, about.
    pub sort_memory_bytes: usize,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            md5_shape: Md5Shape::Either,
            md5_letters: Letters::LowerOnly,
            members: Members::Warn,
            largest_gz_bytes: 5_000_000_000,
            largest_hem_gz_bytes: 4_831_838_208,
            unnumbered: Unnumbered::Refuse,
            late_files: LateFiles::Fail,
            archive: Archive::DatedDirectory,
            archived: Archived::Everything,
            second_batch: SecondBatch::Refuse,
            after_failure: AfterFailure::Refuse,
            empty_batch: EmptyBatch::Warn,
            carriage_returns: CarriageReturns::Refuse,
            longest_line_bytes: 1 << 20,
            same_id: SameId::IgnoringCase,
            both_consents: BothConsents::EachMustAllow,
            tcf_purposes: TcfPurposes::VendorAlone,
            removal_without_consent: RemovalWithoutConsent::Skip,
            empty_segments: EmptySegments::Refuse,
            segment_forms: SegmentForms::AsAgreed,
            id_letters: Letters::LowerOnly,
            comprehensive: Comprehensive::ReplacesId,
            absent_ids: AbsentIds::AgeOut,
            expire_after_days: Some(30),
            onboarding_json_gz: OnboardingJsonGz::Accept,
            optout_body: OptoutBody::Refuse,
            sort_memory_bytes: 32 << 20,
        }
    }
}

/// Which shapes of the checksum file are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Md5Shape {
    /// Both of the following.
    Either,
    /// The digits alone.
    Bare,
    /// As `md5sum` prints it: digits, two spaces (or space and asterisk), bare name.
    Md5sum,
}

/// Which letters are taken where case may not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Letters {
    /// Small ones.
    LowerOnly,
    /// Small and capital ones.
    Any,
}

/// What a second gzip member does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Members {
    /// It is read, with a warning.
    Warn,
    /// The batch fails.
    Fail,
}

/// What an unnumbered file does in a registered feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unnumbered {
    /// The batch fails.
    Refuse,
    /// It is read where there is no numbered one.
    Accept,
}

/// What a file does that is younger than the done file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateFiles {
    /// The batch fails (B10).
    Fail,
    /// A warning (B9).
    Warn,
}

/// Names inside `archive` and `error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Archive {
    /// `archive/20260601/segmentmembership.json.gz`.
    DatedDirectory,
    /// `archive/20260601_segmentmembership.json.gz`.
    DatedName,
}

/// Which files are moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Archived {
    /// Data, checksum and done.
    Everything,
    /// The data files, of which alone Lotame says so.
    DataAlone,
}

/// What a second batch of a date does that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondBatch {
    /// It fails (B12).
    Refuse,
    /// It is read.
    Accept,
}

/// What a batch does whose date failed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterFailure {
    /// It fails too (B12).
    Refuse,
    /// It is read when one of its files changed.
    Read,
}

/// What a batch without rows does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptyBatch {
    /// A warning.
    Warn,
    /// It fails.
    Fail,
}

/// What a carriage return before the line's end does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CarriageReturns {
    /// The row is rejected.
    Refuse,
    /// It is white space.
    Accept,
}

/// Which IDs of one type are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SameId {
    /// Those that differ in the case of ASCII letters too.
    IgnoringCase,
    /// Those with the same bytes.
    Exact,
}

/// What counts where both keys of consent are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BothConsents {
    /// Each must allow: the page says of either that the record is skipped where it does not.
    EachMustAllow,
    /// One that allows is enough.
    EitherAllows,
}

/// What a TCF string must allow besides vendor 95.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TcfPurposes {
    /// Nothing, as R5 says.
    VendorAlone,
    /// Consent to purpose 1, and consent or legitimate interest for 3, 5, 7, 8, 9 and 10 (HNY, of the web tag).
    VendorAndPurposes,
}

/// What a row that only removes does without consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemovalWithoutConsent {
    /// It is skipped like any other.
    Skip,
    /// It is applied.
    Apply,
}

/// Whether `segments` may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptySegments {
    /// The row is rejected.
    Refuse,
    /// Where the row removes something.
    WithRemove,
    /// Always.
    Accept,
}

/// Which forms of `segments` are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentForms {
    /// That of the feed.
    AsAgreed,
    /// Objects or strings, not both in one row.
    Either,
}

/// What a comprehensive row does to segments that it lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comprehensive {
    /// They are gone from its ID.
    ReplacesId,
    /// They stay.
    AddsAlone,
}

/// What a comprehensive batch does to IDs that it lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbsentIds {
    /// They stay until they expire.
    AgeOut,
    /// They lose their segments.
    LoseSegments,
}

/// Whether an onboarding file may be named `.json.gz`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnboardingJsonGz {
    /// As the pattern of 12.3 has it.
    Accept,
    /// Only CSV is compressed.
    Refuse,
}

/// What is in a file of opt-outs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptoutBody {
    /// Nobody knows: the file fails.
    Refuse,
    /// Rows with an address and nothing else; it loses its segments.
    AddressAlone,
}
