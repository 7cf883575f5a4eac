//! What an activation would send, before it sends anything: the requests as they would go out, and of whoever would not
//! be sent the reason. Personal data comes out, to the owner alone.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::evidence::IdentifierText;
use super::vendor::LOOK_TIME;
use super::{Control, ControlError, ControlResult};
use crate::catalog;
use crate::delivery::preview::{Foreseen, Rehearsal, Rehearsed, Request};
use crate::destination::Context;
use crate::http::HeldRequest;
use crate::model::{Activation, ActivationId, ActivationStatus, Identifier, IdentifierType, PersonKey, RecordId};
use crate::ports::{Row, Walked};

/// Most people of one preview.
pub const MOST_PEOPLE: usize = 20;
/// Samples where nobody says how many.
const DEFAULT_SAMPLE: usize = 3;
/// Most pages that are looked through for samples.
const MAX_PAGES: usize = 20;
/// Of somebody of whom nothing would be sent.
const NOT_LINKED: &str = "in no audience that is linked, and without a linked attribute";
const UNKNOWN: &str = "the source has said nothing of this person";

/// Whom to look at, and under which settings.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewQuery {
    /// These people, at most 20.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub people: Vec<PreviewedPerson>,
    /// As many people who are in a linked audience, 1 to 20; 3 where neither this nor people are named.
    #[serde(default)]
    #[schemars(range(min = 1, max = 20))]
    pub sample: Option<usize>,
    /// Other settings than the activation's, as a whole. They are not saved.
    #[serde(default)]
    pub settings: Option<serde_json::Value>,
}

/// A person to be looked at.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewedPerson {
    /// The identifier type by which the source's people are keyed.
    #[serde(rename = "type")]
    pub kind: IdentifierType,
    /// The value.
    #[schemars(with = "String", extend("writeOnly" = true))]
    pub value: IdentifierText,
}

/// What would be sent. Holds personal data, and is never logged.
#[derive(Serialize, JsonSchema)]
pub struct Preview {
    /// By person: those who were asked for in their order, or samples.
    pub people: Vec<PersonPreview>,
}

/// What would be sent of a person.
#[derive(Serialize, JsonSchema)]
pub struct PersonPreview {
    /// The person's key, as it stands in queues and logs.
    #[schemars(with = "String")]
    pub person: PersonKey,
    /// Why there is nothing to be said of any record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// What would become of each record: `person`, or `audience:…`.
    pub records: BTreeMap<String, RecordPreview>,
    /// What would be sent, in its order.
    pub requests: Vec<RequestPreview>,
}

/// What would become of a record.
#[derive(Serialize, JsonSchema)]
pub struct RecordPreview {
    /// Whether it would be sent.
    pub outcome: PreviewOutcome,
    /// Why not; of what would be sent what the receipt would say, had the vendor taken it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// Whether a record would be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PreviewOutcome {
    /// It would be sent.
    Sent,
    /// There is nothing to send.
    Nothing,
    /// It must not be sent.
    Filtered,
    /// It cannot be sent as it is.
    Rejected,
    /// The vendor did not say what had to be known first, or there was no time.
    Unknown,
}

/// A request as it would be sent to the vendor.
#[derive(Serialize, JsonSchema)]
pub struct RequestPreview {
    /// Of which records it speaks.
    pub records: Vec<String>,
    /// The HTTP method.
    pub method: String,
    /// The vendor's address.
    pub url: String,
    /// Headers by name, credentials redacted.
    pub headers: BTreeMap<String, String>,
    /// The body: JSON as it is, anything else as a text; null where there is none.
    pub body: serde_json::Value,
}

impl Control {
    /// Shows what an activation would send now of some people, due or not. Nothing is written, here or at the vendor,
    /// who is asked what must be known to decide. A key that another person holds is not known of.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for more people than can be shown, for people who cannot be looked up so, and for settings
    /// that do not fit; `Conflict` for a removed activation; `Vendor` where the vendor does not say what its side looks
    /// like.
    pub async fn preview(&self, id: &ActivationId, query: &PreviewQuery) -> ControlResult<Preview> {
        let mut activation = self.activation(id).await?;
        if activation.status == ActivationStatus::Removed {
            return Err(ControlError::conflict("the activation was removed"));
        }
        let destination = self.usable_destination(&activation.destination)?;
        let mut is_prepared = activation.is_prepared();
        if let Some(settings) = &query.settings {
            destination.check_settings(settings).map_err(|reason| ControlError::invalid("settings", reason))?;
            is_prepared &= activation.settings == *settings;
            activation.settings.clone_from(settings);
            self.take_over_settings(&mut activation);
        }
        let people = self.people_of(&activation, query).await?;
        let origins = destination.origins(&activation.settings);
        let (session, credentials) = self.session(&activation.authorization, destination, origins, LOOK_TIME).await?;
        let links = catalog::links(self.ports.catalog.as_ref(), &activation).await?;
        let now = self.now();
        let noted = activation.prepared.as_ref().map(|prepared| prepared.notes.clone()).unwrap_or_default();
        let notes = if is_prepared {
            Ok(noted)
        } else {
            let (session, credentials, settings) = (&session, &credentials, &activation.settings);
            let context = Context { session, credentials, settings, notes: &noted, links: &links, now };
            destination.foresee(&context, &links).await
        };
        let shown = match notes {
            Ok(notes) => {
                let (activation, session) = (&activation, session.clone());
                Ok(show(people, &Rehearsal { activation, destination, links, credentials, session, notes, now }).await)
            }
            Err(failure) => Err(failure),
        };
        session.end().await;
        Ok(Preview { people: shown? })
    }

    async fn people_of(
        &self,
        activation: &Activation,
        query: &PreviewQuery,
    ) -> ControlResult<Vec<(PersonKey, Option<Row>)>> {
        if query.people.len() > MOST_PEOPLE {
            return Err(ControlError::invalid("people", format!("at most {MOST_PEOPLE} can be shown at once")));
        }
        match query.sample {
            Some(_) if !query.people.is_empty() => {
                Err(ControlError::invalid("sample", "people are named already: ask for either"))
            }
            Some(sample) if !(1..=MOST_PEOPLE).contains(&sample) => {
                Err(ControlError::invalid("sample", format!("must be from 1 to {MOST_PEOPLE}")))
            }
            sample if query.people.is_empty() => self.sample(activation, sample.unwrap_or(DEFAULT_SAMPLE)).await,
            Some(_) | None => self.look_up_all(activation, &query.people).await,
        }
    }

    async fn look_up_all(
        &self,
        activation: &Activation,
        people: &[PreviewedPerson],
    ) -> ControlResult<Vec<(PersonKey, Option<Row>)>> {
        let source = self.source(&activation.source).await?;
        let mut keys = Vec::new();
        for (at, PreviewedPerson { kind, value }) in people.iter().enumerate() {
            if source.keyed_by != *kind {
                let reason = format!("the source's people are keyed by `{}`", source.keyed_by);
                return Err(ControlError::invalid(format!("people[{at}].type"), reason));
            }
            let value = Identifier::normalise(kind, &value.0)
                .map_err(|error| ControlError::invalid(format!("people[{at}].value"), error.to_string()))?;
            keys.push(self.installation.person(&activation.source, kind, &value));
        }
        let rows = self.ports.people.read(&keys, Some(&activation.id)).await?;
        let row = |key: &PersonKey| rows.iter().find(|row| row.person.key == *key).cloned();
        Ok(keys.iter().map(|key| (*key, row(key))).collect())
    }

    /// People who are in a linked audience, or have a linked attribute where no audience is linked.
    async fn sample(&self, activation: &Activation, most: usize) -> ControlResult<Vec<(PersonKey, Option<Row>)>> {
        let by_audience = activation.live_audiences().next().is_some();
        let is_linked = |row: &Row| {
            let mut linked = activation.live_audiences();
            let mut known = activation.attributes.iter().map(|link| row.person.attributes.get(&link.attribute));
            linked.any(|audience| row.person.is_inside(audience))
                || (!by_audience && known.any(|entry| entry.is_some()))
        };
        let mut found = Vec::new();
        let mut after = None;
        for _ in 0..MAX_PAGES {
            let Walked { rows, next } = self.walk_page(activation, after).await?;
            found.extend(rows.into_iter().filter(is_linked).map(|row| (row.person.key, Some(row))));
            if found.len() >= most || next.is_none() {
                break;
            }
            after = next;
        }
        found.truncate(most);
        Ok(found)
    }
}

async fn show(people: Vec<(PersonKey, Option<Row>)>, rehearsal: &Rehearsal<'_>) -> Vec<PersonPreview> {
    let mut shown = Vec::new();
    for (person, row) in people {
        let rehearsed = match &row {
            Some(row) => Some(rehearsal.of(row).await),
            None => None,
        };
        shown.push(view(person, rehearsed));
    }
    shown
}

fn view(person: PersonKey, rehearsed: Option<Rehearsed>) -> PersonPreview {
    let Some(Rehearsed { records, requests }) = rehearsed else {
        return PersonPreview { person, reason: Some(UNKNOWN), records: BTreeMap::new(), requests: Vec::new() };
    };
    PersonPreview {
        person,
        reason: records.is_empty().then_some(NOT_LINKED),
        records: records.into_iter().map(|(record, foreseen)| (name(&record), view_record(foreseen))).collect(),
        requests: requests.into_iter().map(view_request).collect(),
    }
}

fn name(record: &RecordId) -> String {
    record.to_string()
}

fn view_record(foreseen: Foreseen) -> RecordPreview {
    let (outcome, reason) = match foreseen {
        Foreseen::Sent { said } => (PreviewOutcome::Sent, said),
        Foreseen::Nothing { said } => (PreviewOutcome::Nothing, said),
        Foreseen::Filtered { reason } => (PreviewOutcome::Filtered, reason.to_string()),
        Foreseen::Rejected { reason } => (PreviewOutcome::Rejected, reason.to_string()),
        Foreseen::Unknown { reason } => (PreviewOutcome::Unknown, reason.to_string()),
    };
    RecordPreview { outcome, reason }
}

fn view_request(Request { records, held }: Request) -> RequestPreview {
    let HeldRequest { method, url, headers, body } = held;
    let body = match body {
        None => "it is made while it is sent".into(),
        Some(bytes) if bytes.is_empty() => serde_json::Value::Null,
        Some(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into()),
    };
    RequestPreview { records: records.iter().map(name).collect(), method, url, headers, body }
}
