//! Effects as owners see them: what became of each, and a word on those that nobody knows about.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Control, ControlError, ControlResult, MAX_PART, Page, Part};
use crate::model::effect::Word;
use crate::model::{ActivationId, Effect, EffectId, EffectState, Lane, Message, Nudge, PersonKey, QueueName};
use crate::ports::Outgoing;

/// An effect.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Effect")]
pub struct EffectView {
    /// Whose.
    #[schemars(with = "String")]
    pub person: PersonKey,
    /// Which.
    pub id: EffectId,
    /// When the transition happened that earned it.
    #[schemars(with = "String")]
    pub occurred_at: Timestamp,
    /// Where it is.
    pub state: EffectState,
    /// Since when.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// When it was last sent; null while it never was.
    #[schemars(with = "Option<String>")]
    pub sent_at: Option<Timestamp>,
    /// Failed tries so far.
    pub attempts: u32,
    /// What the vendor said, redacted.
    pub said: String,
}

impl From<Effect> for EffectView {
    fn from(effect: Effect) -> Self {
        let Effect { id, person, occurred_at, state, at, sent_at, said, trying, .. } = effect;
        let attempts = trying.map_or(0, |trying| trying.attempts);
        Self { person, id, occurred_at, state, at, sent_at, attempts, said }
    }
}

/// What an owner says of an effect.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EffectWord {
    /// Whose.
    #[schemars(with = "String")]
    pub person: PersonKey,
    /// Which.
    pub effect: EffectId,
    /// What happened, or what shall.
    pub word: Word,
}

impl Control {
    /// Effects that are ambiguous or parked. A part may be short or empty and still have a next one.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for a cursor that is none.
    pub async fn effects(&self, id: &ActivationId, part: &Part) -> ControlResult<Page<EffectView>> {
        self.activation(id).await?;
        let after = part.after.as_deref().map(read_cursor).transpose()?;
        let limit = part.limit.clamp(1, MAX_PART);
        let page = self.ports.effects.listed(id, after.as_ref(), limit).await?;
        let next = page.next.map(|(person, effect)| format!("{person}/{effect}"));
        Ok(Page { items: page.effects.into_iter().map(EffectView::from).collect(), next })
    }

    /// Settles an effect that is ambiguous or parked by an owner's word.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for one that is neither, that moved meanwhile, or that is to be tried again while what
    /// was sent may still arrive.
    pub async fn settle_effect(&self, id: &ActivationId, word: &EffectWord) -> ControlResult<EffectView> {
        let activation = self.activation(id).await?;
        let now = self.now();
        let found = self.ports.effects.read(id, &[(word.person, word.effect.clone())], now).await?.pop();
        let effect = found.ok_or(ControlError::NotFound { what: "effect" })?;
        let settled = effect.settled_by_hand(word.word, now).map_err(|why| ControlError::conflict(why.to_string()))?;
        if !self.ports.effects.put(&settled, effect.revision, now).await? {
            return Err(ControlError::conflict("the effect has just moved: look at it again"));
        }
        // It leaves its outbox, or is sent; without this hint the catch-up finds it.
        let nudge = Message::Nudge(Nudge {
            activation: id.clone(),
            people: vec![word.person],
            lane: Lane::Live,
            not_before: None,
            reopen: false,
            accepted_at: None,
            trace: None,
        });
        let queue = QueueName::Destination(activation.destination, Lane::Live);
        self.ports.queue.send(&queue, vec![Outgoing::now(&nudge)]).await?;
        Ok(settled.into())
    }
}

fn read_cursor(cursor: &str) -> ControlResult<(PersonKey, EffectId)> {
    let (person, effect) = cursor.split_once('/').unwrap_or((cursor, ""));
    let person = person.parse::<PersonKey>().map_err(|error| ControlError::invalid("cursor", error.to_string()))?;
    Ok((person, EffectId::from_text(effect)))
}
