//! What became of people: one person's receipts, who was filtered, rejected or parked and why, and the
//! accounts. Personal data goes in (an identifier, to look somebody up) and none comes out.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::effects::EffectView;
use super::{Control, ControlError, ControlResult, MAX_PART, Page, Part, page_of_newest};
use crate::model::accounting::Accounting;
use crate::model::pending::{Due, RecordShape, due, records};
use crate::model::{
    Activation, ActivationId, AudienceId, GoneReason, Identifier, IdentifierType, Job, Outcome, Parking, Person,
    PersonKey, Receipt, RecordId, SourceId, Standing,
};
use crate::ports::{Row, Segment, Walked};

/// Rows read at a time.
const WALK_PAGE: usize = 1000;
/// Most pages looked at for one part of a list, so that a request ends where hardly anybody is found.
const MAX_PAGES: usize = 20;

/// A person to be looked up.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonQuery {
    /// At which source.
    pub source: SourceId,
    /// The identifier type by which the source's people are keyed.
    #[serde(rename = "type")]
    pub kind: IdentifierType,
    /// The value.
    #[schemars(with = "String", extend("writeOnly" = true))]
    pub value: IdentifierText,
}

/// An identifier as it was typed. Prints as `[redacted]`.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct IdentifierText(pub(super) String);

impl std::fmt::Debug for IdentifierText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdentifierText([redacted])")
    }
}

/// What is known of one person's deliveries.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PersonEvidence {
    /// The person's key, as it stands in queues and logs.
    #[schemars(with = "String")]
    pub person: PersonKey,
    /// How often the row's content changed.
    pub version: u64,
    /// When it last did.
    #[schemars(with = "String")]
    pub changed_at: Timestamp,
    /// Whether it was erased or merged away.
    pub presence: Presence,
    /// Whether it must not be targeted, whatever audiences say.
    pub suppressed: bool,
    /// Audiences at the source.
    pub memberships: BTreeMap<AudienceId, MembershipView>,
    /// Where it stands at each activation.
    pub activations: BTreeMap<ActivationId, StandingView>,
}

/// Whether a person is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It is.
    There,
    /// It lives on as another person.
    Merged,
    /// It is forgotten, or being forgotten.
    Erased,
}

/// A membership at the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MembershipView {
    /// Inside or left.
    pub state: MembershipState,
    /// Since when, at the source.
    #[schemars(with = "String")]
    pub occurred_at: Timestamp,
}

/// Inside or outside an audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MembershipState {
    /// Inside.
    Inside,
    /// Was inside, or was said not to be.
    Left,
}

/// Where a person stands at an activation.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StandingView {
    /// Changes accepted that concern the activation.
    pub accepted: u64,
    /// By record: `person`, or `audience:…`.
    pub records: BTreeMap<String, RecordView>,
    /// What had to happen once.
    pub effects: Vec<EffectView>,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RecordView {
    /// What is to be done.
    pub due: DueView,
    /// What became of it last; null where it was never sent nor judged.
    pub receipt: Option<ReceiptView>,
}

/// What is to be done about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DueView {
    /// It is to be sent.
    Pending,
    /// It is to be tried again.
    Waiting,
    /// Settled for a reason that the vendor's side can change: the catch-up looks again.
    Open,
    /// Nothing.
    Settled,
    /// Nothing: the activation is gone, or its destination is unknown to this program.
    Gone,
}

/// A receipt.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ReceiptView {
    /// What became of the record.
    pub outcome: OutcomeView,
    /// Why, where it was not delivered.
    pub reason: Option<String>,
    /// Not tried again before.
    #[schemars(with = "Option<String>")]
    pub not_before: Option<Timestamp>,
    /// Failed tries so far.
    pub attempts: u32,
    /// The row's version that it speaks of.
    pub version: u64,
    /// The activation's revision that it speaks of.
    pub revision: u64,
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// What the vendor said, redacted.
    pub said: String,
    /// The audiences that the record shows the person inside.
    pub inside: Vec<AudienceId>,
}

/// The ends of a record, and its waiting room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeView {
    /// The vendor has it.
    Delivered,
    /// It must not or cannot be sent.
    Filtered,
    /// It was refused.
    Rejected,
    /// Given up for now, kept for a replay.
    Parked,
    /// Parked for longer than the activation keeps such records: a replay must ask for it.
    GivenUp,
    /// To be tried again.
    Waiting,
}

/// Which ends are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Filtered records.
    Filtered,
    /// Rejected records.
    Rejected,
    /// Parked records that wait for a replay.
    Parked,
    /// Parked records that do no longer.
    GivenUp,
}

/// A record that was not delivered.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct KeptRecord {
    /// Whose.
    #[schemars(with = "String")]
    pub person: PersonKey,
    /// `person`, or `audience:…`.
    pub record: String,
    /// What is to be done.
    pub due: DueView,
    /// What became of it.
    pub receipt: ReceiptView,
}

/// The accounts of an activation at a time.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AccountingView {
    /// When the count began; changes since are partly in it.
    #[schemars(with = "String")]
    pub as_of: Timestamp,
    /// People of the source.
    pub people: u64,
    /// The accounts.
    pub account: Accounting,
}

impl OutcomeView {
    /// The end of a receipt, as its activation sees it now.
    pub fn of(receipt: &Receipt, activation: &Activation, now: Timestamp) -> Self {
        match activation.parking(receipt, now) {
            Some(Parking::GivenUp) => Self::GivenUp,
            Some(Parking::Waits) | None => Self::plain(&receipt.outcome),
        }
    }

    fn plain(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Delivered => Self::Delivered,
            Outcome::Filtered { .. } => Self::Filtered,
            Outcome::Rejected { .. } => Self::Rejected,
            Outcome::Parked { .. } => Self::Parked,
            Outcome::Waiting { .. } => Self::Waiting,
        }
    }
}

impl ReceiptView {
    fn new(receipt: &Receipt, shown: OutcomeView) -> Self {
        let Receipt { outcome, version, revision, doubt: _, at, said, inside, trying } = receipt;
        let not_before = match outcome {
            Outcome::Waiting { not_before, .. } => Some(*not_before),
            Outcome::Delivered | Outcome::Filtered { .. } | Outcome::Rejected { .. } | Outcome::Parked { .. } => None,
        };
        Self {
            outcome: shown,
            reason: outcome.reason().map(ToString::to_string),
            not_before,
            attempts: trying.map_or(0, |trying| trying.attempts),
            version: *version,
            revision: *revision,
            at: *at,
            said: said.clone(),
            inside: inside.clone(),
        }
    }
}

fn view_due(due: Due) -> DueView {
    match due {
        Due::Pending => DueView::Pending,
        Due::Waiting(_) => DueView::Waiting,
        Due::Open => DueView::Open,
        Due::Settled => DueView::Settled,
    }
}

fn view_standing(
    person: &Person,
    standing: &Standing,
    known: Option<(&Activation, RecordShape)>,
    now: Timestamp,
) -> StandingView {
    let of_standing = || standing.records.keys().cloned().collect();
    let ids = known.map_or_else(of_standing, |(activation, shape)| records(person, standing, activation, shape));
    let view = |id: RecordId| {
        let due = known.map_or(DueView::Gone, |(activation, _)| view_due(due(person, standing, activation, &id)));
        let shown = |receipt: &Receipt| match known {
            Some((activation, _)) => OutcomeView::of(receipt, activation, now),
            None => OutcomeView::plain(&receipt.outcome),
        };
        let receipt = standing.receipt(&id).map(|receipt| ReceiptView::new(receipt, shown(receipt)));
        (id.to_string(), RecordView { due, receipt })
    };
    StandingView { accepted: 0, records: ids.into_iter().map(view).collect(), effects: Vec::new() }
}

impl Kept {
    fn holds(self, outcome: OutcomeView) -> bool {
        match outcome {
            OutcomeView::Filtered => self == Self::Filtered,
            OutcomeView::Rejected => self == Self::Rejected,
            OutcomeView::Parked => self == Self::Parked,
            OutcomeView::GivenUp => self == Self::GivenUp,
            OutcomeView::Delivered | OutcomeView::Waiting => false,
        }
    }

    fn of(self, row: &Row, activation: &Activation, now: Timestamp) -> Vec<KeptRecord> {
        let records = row.standing.records.iter().filter_map(|(id, record)| {
            let receipt = record.receipt.as_ref()?;
            let outcome = OutcomeView::of(receipt, activation, now);
            self.holds(outcome).then(|| KeptRecord {
                person: row.person.key,
                record: id.to_string(),
                due: view_due(due(&row.person, &row.standing, activation, id)),
                receipt: ReceiptView::new(receipt, outcome),
            })
        });
        records.collect()
    }
}

impl Control {
    /// One person's receipts at every activation.
    ///
    /// # Errors
    /// `NotFound` for the source or the person; `Invalid` for what cannot be an identifier, or is not the
    /// one by which the source's people are keyed.
    pub async fn person(&self, query: &PersonQuery) -> ControlResult<PersonEvidence> {
        let source = self.source(&query.source).await?;
        if source.keyed_by != query.kind {
            let reason = format!("the source's people are keyed by `{}`", source.keyed_by);
            return Err(ControlError::invalid("type", reason));
        }
        let value = Identifier::normalise(&query.kind, &query.value.0)
            .map_err(|error| ControlError::invalid("value", error.to_string()))?;
        let key = self.installation.person(&query.source, &query.kind, &value);
        let row = self.ports.people.read(&[key], None).await?.into_iter().next();
        let person = row.ok_or(ControlError::NotFound { what: "person" })?.person;
        let standings = self.ports.people.standings(key).await?;
        let activations: Vec<Activation> = self.read_all().await?;
        let now = self.now();
        let ids: BTreeSet<&ActivationId> = standings.keys().chain(person.accepted.keys()).collect();
        let view = |id: &ActivationId| {
            let known = activations.iter().find(|one| one.id == *id);
            let known = known.and_then(|one| Some((one, self.destination(&one.destination)?.spec().shape)));
            let standing = standings.get(id).cloned().unwrap_or_default();
            let accepted = person.accepted.get(id).copied().unwrap_or(0);
            (id.clone(), StandingView { accepted, ..view_standing(&person, &standing, known, now) })
        };
        let mut views: BTreeMap<ActivationId, StandingView> = ids.into_iter().map(view).collect();
        for activation in activations.iter().filter(|activation| !activation.earning.is_nothing()) {
            let effects = self.ports.effects.of_person(&activation.id, key, self.now()).await?;
            if let Some(view) = views.get_mut(&activation.id) {
                view.effects = effects.into_iter().map(EffectView::from).collect();
            }
        }
        Ok(view_person(&person, views))
    }

    /// Filtered, rejected, parked or given-up records, in the store's own order of people. A part may be short, or empty,
    /// and still have a next one: so many rows are looked at for each, and no more.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for a cursor that is none.
    pub async fn kept(&self, id: &ActivationId, kept: Kept, part: &Part) -> ControlResult<Page<KeptRecord>> {
        let activation = self.activation(id).await?;
        let mut after = match &part.after {
            Some(text) => {
                Some(text.parse::<PersonKey>().map_err(|error| ControlError::invalid("cursor", error.to_string()))?)
            }
            None => None,
        };
        let limit = part.limit.clamp(1, MAX_PART);
        let now = self.now();
        let mut items = Vec::new();
        for _ in 0..MAX_PAGES {
            let Walked { rows, next } = self.walk_page(&activation, after).await?;
            for (at, row) in rows.iter().enumerate() {
                items.extend(kept.of(row, &activation, now));
                let rest = if at + 1 < rows.len() { Some(row.person.key) } else { next };
                if let Some(rest) = rest.filter(|_| items.len() >= limit) {
                    return Ok(Page { items, next: Some(rest.to_string()) });
                }
            }
            if next.is_none() {
                return Ok(Page { items, next: None });
            }
            after = next;
        }
        Ok(Page { items, next: after.map(|key| key.to_string()) })
    }

    /// Counts an activation's accounts from the rows: a walk over everybody of the source.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn accounting(&self, id: &ActivationId) -> ControlResult<AccountingView> {
        let activation = self.activation(id).await?;
        let shape = self.known_destination(&activation.destination)?.spec().shape;
        let as_of = self.now();
        let flights = self.ports.ledger.flights(Some(id)).await?;
        let flying: BTreeSet<PersonKey> = flights.iter().flat_map(crate::model::Flight::people).collect();
        let mut view = AccountingView { as_of, people: 0, account: Accounting::default() };
        let mut after = None;
        loop {
            let Walked { rows, next } = self.walk_page(&activation, after).await?;
            for Row { person, standing } in &rows {
                view.people += 1;
                view.account.add(person, standing, &activation, shape, &flying);
            }
            if next.is_none() {
                return Ok(view);
            }
            after = next;
        }
    }

    pub(super) async fn walk_page(&self, activation: &Activation, after: Option<PersonKey>) -> ControlResult<Walked> {
        let people = &self.ports.people;
        Ok(people.walk(&activation.source, Some(&activation.id), Segment::WHOLE, after, WALK_PAGE).await?)
    }

    /// An activation's jobs, the newest first.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn jobs(&self, id: &ActivationId, part: &Part) -> ControlResult<Page<Job>> {
        self.activation(id).await?;
        let jobs = self.ports.ledger.jobs(Some(id)).await?;
        Ok(page_of_newest(jobs, part, |job| job.id.to_string()))
    }
}

fn view_person(person: &Person, activations: BTreeMap<ActivationId, StandingView>) -> PersonEvidence {
    let presence = match person.gone.as_ref().map(|gone| gone.reason) {
        Some(GoneReason::Erased) => Presence::Erased,
        Some(GoneReason::Merged { .. }) => Presence::Merged,
        None => Presence::There,
    };
    let memberships = person.memberships.iter().map(|(audience, entry)| {
        let state = if entry.value.is_inside() { MembershipState::Inside } else { MembershipState::Left };
        (audience.clone(), MembershipView { state, occurred_at: entry.occurred_at })
    });
    PersonEvidence {
        person: person.key,
        version: person.version,
        changed_at: person.changed_at,
        presence,
        suppressed: person.is_suppressed(),
        memberships: memberships.collect(),
        activations,
    }
}
