//! What a destination's author writes: five verbs over plain data. The engine decides who is sent what
//! and when, and what a failure means for the rest; a destination only speaks its vendor's language.

mod landing;
pub mod loyalty;
pub(crate) mod parcels;
mod read_back;
pub(crate) mod said;
pub(crate) mod status;
pub(crate) mod strict;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use crate::http::Session;
pub use crate::model::Reads;
use crate::model::budget::Budget;
use crate::model::pending::RecordShape;
use crate::model::{
    AttributeId, AttributeLink, AttributeType, AudienceId, Earned, Earning, EffectId, FieldName, Identifier,
    IdentifierType, LinkState, PersonKey, Provider, Reason, RecordId, Value,
};
use crate::ports::Secret;

pub use landing::{Confirmed, Landed, Landing, Taken, Time};
pub use read_back::{ReadBack, Seen};

/// A destination. Stateless: what it must remember it leaves in notes and memos.
#[async_trait]
pub trait Destination: Send + Sync {
    /// What it is and what it can do.
    fn spec(&self) -> &Spec;

    /// Reads settings strictly.
    ///
    /// # Errors
    /// With the JSON path and the reason, for a person.
    fn check_settings(&self, settings: &serde_json::Value) -> Result<(), String>;

    /// Profile fields that decide what becomes of a person besides what is linked. Their values come with
    /// every item, and a change of one is looked at. Only for settings that were found valid.
    fn reads_fields(&self, settings: &serde_json::Value) -> BTreeSet<FieldName> {
        let _ = settings;
        BTreeSet::new()
    }

    /// Identifiers and profile fields whose values come with every item besides. A change of one alone makes nobody
    /// pending: the activation's triggers do. Only for settings that were found valid.
    fn reads(&self, settings: &serde_json::Value) -> Reads {
        let _ = settings;
        Reads::default()
    }

    /// `https://host` prefixes that may be called; nothing else ever is. The spec's unless the owner names the
    /// host.
    fn origins(&self, settings: &serde_json::Value) -> Vec<String> {
        let _ = settings;
        self.spec().origins.iter().map(|origin| (*origin).to_owned()).collect()
    }

    /// Most items of one call of `deliver` in [`Mode::Live`]. The spec's unless the owner may say less.
    fn batch(&self, settings: &serde_json::Value) -> usize {
        let _ = settings;
        self.spec().batch
    }

    /// The bulk mode, where there is one. The spec's unless the settings decide.
    fn bulk(&self, settings: &serde_json::Value) -> Option<Bulk> {
        let _ = settings;
        self.spec().bulk
    }

    /// Which transitions must be told once, by [`Destination::perform`]. Only for settings that were found valid.
    fn earns(&self, settings: &serde_json::Value) -> Earning {
        let _ = settings;
        Earning::default()
    }

    /// Most effects in an hour and in a day, beyond which the activation pauses and its owner is asked; without bound
    /// where there is none. Only for settings that were found valid.
    fn cap(&self, settings: &serde_json::Value) -> Option<Budget> {
        let _ = settings;
        None
    }

    /// Reads credentials strictly.
    ///
    /// # Errors
    /// With the JSON path and the reason, never a part of a secret.
    fn check_credentials(&self, credentials: &Secret) -> Result<(), String>;

    /// Tries the credentials and each permission that is needed, changing nothing.
    async fn check(&self, context: &Context<'_>) -> Result<Checked, Failure>;

    /// What there is to pick from at the vendor; needs credentials, uses no settings.
    async fn discover(&self, session: &Session, credentials: &Secret) -> Result<Discovered, Failure>;

    /// What of the settings does not fit what the vendor has: a sentence for each mistake, with its JSON path. Changes
    /// nothing. Asked when settings are saved, of settings that [`Destination::check_settings`] refuses too, as far as
    /// they can be read, so that all mistakes are told at once. `prepare` looks again.
    async fn find_misfits(&self, context: &Context<'_>) -> Result<Vec<String>, Failure> {
        let _ = context;
        Ok(Vec::new())
    }

    /// Makes what must exist at the vendor for these links, and relabels what was removed. Idempotent: run
    /// at activation, after every edit, and from time to time.
    async fn prepare(&self, context: &Context<'_>, links: &Links) -> Result<Preparation, Failure>;

    /// The notes that `prepare` would leave, for a look at what would be sent before it ran. Nothing is written, whatever
    /// the session: who makes something in `prepare` and reads it again has to imagine it here.
    async fn foresee(&self, context: &Context<'_>, links: &Links) -> Result<serde_json::Value, Failure> {
        let session = context.session.holding_back();
        let Context { session: _, credentials, settings, notes, links: linked, now } = *context;
        let context = Context { session: &session, credentials, settings, notes, links: linked, now };
        self.prepare(&context, links).await.map(|preparation| preparation.notes)
    }

    /// Sends a batch of at most [`Destination::batch`] (or [`Bulk::batch`]) items. An item without a verdict is
    /// taken as open. An `Err` speaks of every item of the batch.
    async fn deliver(&self, context: &Context<'_>, lane: Mode, items: &[Item]) -> Result<Verdicts, Failure>;

    /// How long after a bulk call the vendor may still apply it: a flight that a crash left stands as long.
    fn bulk_lands_within(&self, settings: &serde_json::Value) -> SignedDuration {
        let _ = settings;
        SignedDuration::ZERO
    }

    /// Makes a batch of at most [`Spec::effects`] effects happen, one person's in the order given: none overtakes one
    /// that did not happen and is tried again. What [`Destination::earns`] never names is `Rejected`. An effect without an
    /// answer is taken as open. An `Err` speaks of every effect of the batch; `Rejected` of more than one means that none
    /// was applied.
    async fn perform(&self, context: &Context<'_>, effects: &[Task]) -> Result<Performances, Failure> {
        let _ = (context, effects);
        Err(Failure::misconfigured("this destination has no effects"))
    }

    /// The reference under which the vendor itself tells of an effect that happened, where it does: by a source's events.
    /// Whoever was told of is not asked for.
    fn echoed_as(&self, settings: &serde_json::Value, effect: &Task) -> Option<String> {
        let _ = (settings, effect);
        None
    }

    /// Asks whether an effect happened of which nobody knows. It was sent so long ago that it cannot be applied
    /// any more. `Absent` therefore lets it be sent again.
    async fn ask(&self, context: &Context<'_>, effect: &Task) -> Result<Testimony, Failure> {
        let _ = (context, effect);
        Ok(Testimony::Untellable { reason: Reason::new("the destination cannot say whether it happened") })
    }

    /// Looks whether what was taken is applied, and then whether these items of it are there: those of whom nothing
    /// newer is known. Only for vendors that apply later.
    async fn confirm(&self, context: &Context<'_>, taken: &Taken<'_>, items: &[Item]) -> Result<Confirmed, Failure> {
        let _ = (context, taken, items);
        Ok(Confirmed::default())
    }

    /// Looks what the vendor shows of items that were delivered, changing nothing. In their order as far as it comes:
    /// whoever asked goes on behind what was looked at. Only where [`Spec::read_back`] says so.
    async fn read_back(&self, context: &Context<'_>, items: &[Item]) -> ReadBack {
        let _ = (context, items);
        ReadBack::default()
    }

    /// The identities by which the vendor knows a person of its own, as its events show them; none where it knows nobody.
    /// Asked where a source's event named a person and no identity.
    async fn identities(&self, context: &Context<'_>, vendor_id: &str) -> Result<Vec<serde_json::Value>, Failure> {
        let _ = (context, vendor_id);
        Ok(Vec::new())
    }

    /// The key of the person that the vendor knows by this id, `None` if it knows nobody.
    async fn resolve_signal(&self, context: &Context<'_>, vendor_id: &str) -> Result<Option<Identifier>, Failure> {
        let _ = (context, vendor_id);
        Ok(None)
    }
}

/// Reads the vendor's own webhook. `None`: nothing that concerns us. No method of [`Destination`], so that ingest,
/// which needs nothing else of destinations, is not made of all their code.
///
/// # Errors
/// For a body that is not of the vendor's form; never contains parts of it.
pub type ReadSignal = fn(body: &[u8]) -> Result<Option<Signal>, String>;

/// What a destination is and can do.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Its kind.
    pub provider: Provider,
    /// For people.
    pub name: &'static str,
    /// The API version spoken.
    pub api_version: &'static str,
    /// What it holds of a person.
    pub shape: RecordShape,
    /// `https://host` prefixes that may be called; nothing else ever is.
    pub origins: &'static [&'static str],
    /// What one account safely allows.
    pub budget: Budget,
    /// Most items of one call of `deliver` in [`Mode::Live`].
    pub batch: usize,
    /// Most calls of `deliver` at the same time in one run.
    pub calls: usize,
    /// The bulk mode, where there is one whatever the settings say; see [`Destination::bulk`].
    pub bulk: Option<Bulk>,
    /// Most effects of one call of `perform`; 0 where there are none.
    pub effects: usize,
    /// Most items of one call of `read_back`, where the vendor lets what it shows be read.
    pub read_back: Option<usize>,
    /// Schema of the settings; its descriptions are the help that a person reads.
    pub settings: Schema,
    /// Schema of the credentials.
    pub credentials: Schema,
}

/// A bulk mode.
#[derive(Debug, Clone, Copy)]
pub struct Bulk {
    /// Fewer people than this are sent live.
    pub from: usize,
    /// Most items of one call.
    pub batch: usize,
}

/// How a batch goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// By the calls made for single people.
    Live,
    /// By the vendor's bulk calls.
    Bulk,
}

/// What a call may use.
pub struct Context<'a> {
    /// The only way out.
    pub session: &'a Session,
    /// The activation's credentials.
    pub credentials: &'a Secret,
    /// The activation's settings, valid under the schema.
    pub settings: &'a serde_json::Value,
    /// What `prepare` left, null before.
    pub notes: &'a serde_json::Value,
    /// The linked attributes with their types.
    pub links: &'a Links,
    /// Now.
    pub now: Timestamp,
}

/// What is linked, with the names that people know.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Links {
    /// The activation's id: part of stable names.
    pub activation: String,
    /// The source's id: part of stable names.
    pub source: String,
    /// Audiences, removed ones too.
    pub audiences: Vec<LinkedAudience>,
    /// Attributes.
    pub attributes: Vec<LinkedAttribute>,
}

/// A linked audience with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedAudience {
    /// Its id.
    pub id: AudienceId,
    /// Its name now.
    pub name: String,
    /// Whether it exists.
    pub state: LinkState,
}

/// A linked attribute with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedAttribute {
    /// The link.
    #[serde(flatten)]
    pub link: AttributeLink,
    /// Its name now.
    pub name: String,
}

impl Links {
    /// The type of a linked attribute.
    pub fn type_of(&self, attribute: &AttributeId) -> Option<AttributeType> {
        self.attributes.iter().find(|linked| linked.link.attribute == *attribute).map(|linked| linked.link.kind)
    }
}

/// One thing to tell about one key. Verdicts come back by its id.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its id within the batch.
    pub id: ItemId,
    /// By which value the destination knows the person.
    pub key: Identifier,
    /// What is to be so.
    pub action: Action,
    /// What the destination left for the record at its last delivery under the same key.
    pub memo: Option<serde_json::Value>,
}

/// Whom to take out, and whom to show, in this order: a key may be left by one person and taken by another.
pub(crate) fn departures_first<'a>(items: impl IntoIterator<Item = &'a Item>) -> (Vec<&'a Item>, Vec<&'a Item>) {
    items.into_iter().partition(|item| !matches!(item.action, Action::Show(_)))
}

/// An effect to be made to happen, or to be asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Whose it is and which; the answer comes back by it.
    pub id: TaskId,
    /// By which value the destination knows the person.
    pub key: Identifier,
    /// The same for every try of this effect and for no other one: 32 hexadecimal digits.
    pub reference: String,
    /// What earned it.
    pub earned: Earned,
}

/// Names an effect within a batch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId {
    /// The person.
    pub person: PersonKey,
    /// The effect.
    pub effect: EffectId,
}

/// Answers by effect.
pub type Performances = BTreeMap<TaskId, Performance>;

/// What became of one effect.
#[derive(Debug, Clone, PartialEq)]
pub enum Performance {
    /// It happened.
    Done {
        /// What the vendor said, redacted.
        said: String,
    },
    /// It failed.
    Failed(Failure),
}

/// What the vendor says of an effect.
#[derive(Debug, Clone, PartialEq)]
pub enum Testimony {
    /// It happened.
    Present {
        /// What the vendor said, redacted.
        said: String,
    },
    /// It did not.
    Absent,
    /// The vendor knows a repeat by its reference, so that it may be sent again without asking.
    Repeatable,
    /// Nobody can tell: a person has to.
    Untellable {
        /// Why.
        reason: Reason,
    },
}

/// Names an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId {
    /// The person.
    pub person: PersonKey,
    /// The record.
    pub record: RecordId,
    /// 0 for the current key, from 1 for former ones.
    pub step: u16,
}

/// What is to be so under a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// The record shows this.
    Show(Shown),
    /// Nobody of ours is under this key any more: outside every audience, no attributes.
    Leave,
    /// As `Leave`, and nothing of ours may remain.
    Forget,
}

/// The whole of what a record shall show. Absent keys of linked facts mean: never known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shown {
    /// Live linked audiences (of a record per audience: the one).
    pub audiences: BTreeMap<AudienceId, Shows>,
    /// Linked attributes with a value known, null where it was cleared.
    pub attributes: BTreeMap<AttributeId, Value>,
    /// The activation's trigger fields, and those that the destination reads, that have a value; see
    /// [`Destination::reads_fields`] and [`Destination::reads`].
    pub fields: BTreeMap<FieldName, Value>,
    /// The identifiers that the destination reads, the preferred one of each type first.
    pub identifiers: BTreeMap<IdentifierType, Vec<Identifier>>,
    /// When the source says that the person entered or left, for those audiences of which it said so.
    pub since: BTreeMap<AudienceId, Timestamp>,
}

/// Membership as it is to be shown.
#[derive(Debug, Clone, PartialEq)]
pub enum Shows {
    /// Inside, with the source's properties.
    Inside(BTreeMap<FieldName, Value>),
    /// Was inside.
    Left,
    /// Never said to be inside.
    Never,
}

/// Verdicts by item.
pub type Verdicts = BTreeMap<ItemId, Verdict>;

/// What became of one item.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The vendor has it.
    Delivered {
        /// What the vendor said, redacted; empty where there is nothing worth telling.
        said: String,
        /// To be told again at the next delivery.
        memo: Option<serde_json::Value>,
    },
    /// The vendor took it and applies it later.
    Landing(Landing),
    /// It must not be sent; `open` where the vendor's side can change that.
    Filtered {
        /// Why.
        reason: Reason,
        /// Whether to look again.
        open: bool,
        /// To be told again at the next delivery; without it what was left before stays.
        memo: Option<serde_json::Value>,
    },
    /// It failed.
    Failed(Failure),
}

impl Verdict {
    /// The vendor has it, all but what these remarks name.
    pub(crate) fn delivered(remarks: &[String]) -> Self {
        Self::Delivered { said: Reason::new(remarks.join("; ")).to_string(), memo: None }
    }
}

/// A failure, named after what the caller does next.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Failure {
    /// Try again later.
    #[error("{reason}")]
    Retryable {
        /// Why.
        reason: Reason,
        /// Whether the vendor may have applied it all the same.
        applied: Applied,
    },
    /// Try again after the vendor's own time; it applied nothing.
    #[error("the vendor asks to slow down")]
    RateLimited {
        /// As the vendor said it, capped.
        retry_after: Option<SignedDuration>,
    },
    /// Nothing was sent: no token was left, or no time in this run. Not a try.
    #[error("put off")]
    PutOff {
        /// Not before this time.
        until: Timestamp,
    },
    /// It will be refused again as it is.
    #[error("{reason}")]
    Rejected {
        /// Why.
        reason: Reason,
    },
    /// The credentials are refused: the activation stops.
    #[error("{reason}")]
    Unauthorized {
        /// Why.
        reason: Reason,
    },
    /// The settings do not fit the vendor's side: the activation stops.
    #[error("{reason}")]
    Misconfigured {
        /// Why.
        reason: Reason,
    },
}

impl Failure {
    /// The activation cannot work as it is set up, for this reason.
    pub fn misconfigured(reason: impl AsRef<str>) -> Self {
        Self::Misconfigured { reason: Reason::new(reason) }
    }

    /// The credentials do not work, for this reason.
    pub fn unauthorized(reason: impl AsRef<str>) -> Self {
        Self::Unauthorized { reason: Reason::new(reason) }
    }

    /// The same failure where it is known otherwise whether the vendor may have applied it: of a read, say, which
    /// applies nothing.
    #[must_use]
    pub fn with_applied(self, applied: Applied) -> Self {
        match self {
            Self::Retryable { reason, applied: _ } => Self::Retryable { reason, applied },
            Self::RateLimited { .. }
            | Self::PutOff { .. }
            | Self::Rejected { .. }
            | Self::Unauthorized { .. }
            | Self::Misconfigured { .. } => self,
        }
    }
}

/// Whether the vendor may have applied what failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It did not.
    No,
    /// Nobody knows.
    Open,
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Checked {
    /// Each permission or fact that was looked at, in order.
    pub findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What was looked at.
    pub what: String,
    /// Whether it is as it must be.
    pub good: bool,
    /// What to do about it, or what was found.
    pub note: String,
}

/// What there is to pick from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Discovered {
    /// Lists, tables, entities.
    pub places: Vec<Place>,
}

/// A list, table or entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// The vendor's id, as the settings want it.
    pub id: String,
    /// For people.
    pub name: String,
    /// Its fields or columns.
    pub fields: Vec<PlaceField>,
}

/// A field or column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlaceField {
    /// The vendor's name of it.
    pub name: String,
    /// For people.
    pub label: String,
    /// The vendor's word for its type.
    pub kind: String,
}

/// What `prepare` did.
#[derive(Debug, Clone, PartialEq)]
pub struct Preparation {
    /// Kept on the activation and handed to every later call.
    pub notes: serde_json::Value,
    /// Whether something that held people's values had to be made anew, so that everybody must be sent again.
    pub resend: Resend,
    /// Things that the owner should know.
    pub warnings: Vec<String>,
}

/// Whether everybody must be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resend {
    /// What was there still is.
    Nobody,
    /// Something was made anew.
    Everybody,
}

/// What a vendor's webhook says.
#[derive(Debug, Clone, PartialEq)]
pub enum Signal {
    /// About the person with this key.
    Key(Identifier),
    /// About the person whom the vendor knows by this id.
    VendorId(String),
}
