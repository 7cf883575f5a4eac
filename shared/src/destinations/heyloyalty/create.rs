//! Adding people to the list, where the settings say so and the person's own field says yes. Not safe to
//! repeat, so whoever is added was looked for just before, and whoever was asked to confirm is not asked
//! again.

use jiff::Timestamp;
use serde_json::json;

use super::client::Created;
use super::config::{Creating, MissingPeople, OptIn};
use super::live::{Memo, Round, Run, delivered};
use super::mapping::{Cell, Composed};
use super::parse::MemberId;
use crate::destination::{Action, Failure, Item, Verdict};
use crate::model::{Reason, Value};

/// A search may hide members who are not active, so this is all that can be said of a miss.
const NOT_FOUND: &str = "not found on the list: no member, or one who unsubscribed";
const NO_CONSENT: &str = "not found on the list, and without the consent that adding asks for";
const UNCONFIRMED: &str = "added to the list, and not yet confirmed by the person";

impl Run<'_> {
    /// What it means that nobody has the key, without adding anybody.
    pub(super) fn nobody(&self, item: &Item) -> Verdict {
        match self.adds(item) {
            Adds::Never | Adds::Now(_) => open(NOT_FOUND),
            Adds::WithoutConsent => open(NO_CONSENT),
            Adds::Asked => open(UNCONFIRMED),
            Adds::NothingToShow => Verdict::Delivered { said: "nobody on the list".to_owned(), memo: None },
        }
    }

    /// Whether somebody who was not found would be added.
    pub(super) fn would_add(&self, item: &Item) -> bool {
        matches!(self.adds(item), Adds::Now(_))
    }

    /// Adds the person where that is wanted; else as [`Run::nobody`].
    pub(super) async fn add(&self, item: &Item, composed: &Composed) -> Result<Round, Failure> {
        let Adds::Now(opt_in) = self.adds(item) else { return Ok(Round::Settled(self.nobody(item))) };
        let key = item.key.expose();
        let mut body = json!({ (self.settings.identifier.as_str()): self.comparable(key) });
        for (name, cell) in composed.cells.iter().filter(|(_, cell)| **cell != Cell::Empty) {
            body[name] = cell.json();
        }
        if opt_in == OptIn::Skip {
            body["skipOptIn"] = json!(1);
        }
        match self.api.create(self.settings.list_id, &body, key).await? {
            Created::Member(id) => self.look_at_added(composed, id).await.map(Round::Settled),
            Created::Unconfirmed => Ok(Round::Settled(unconfirmed(&Memo::Asked { asked_at: self.now() }))),
            Created::NoList => {
                self.list().await?;
                Err(Failure::Rejected { reason: Reason::new("Heyloyalty added nobody, with status 404") })
            }
            // Somebody was quicker, or the person is refused.
            Created::Refused { .. } if !self.search(item).await?.is_empty() => Ok(Round::Gone),
            Created::Refused { status, said } => Err(self.refused(composed, status, &said).await),
        }
    }

    fn adds(&self, item: &Item) -> Adds {
        let Action::Show(shown) = &item.action else { return Adds::NothingToShow };
        let MissingPeople::Create(Creating { consent, opt_in }) = &self.settings.missing_people else {
            return Adds::Never;
        };
        match (Memo::of(item), shown.fields.get(consent)) {
            (Some(Memo::Asked { .. }), _) => Adds::Asked,
            (Some(Memo::Member { .. }) | None, Some(Value::Boolean(true))) => Adds::Now(*opt_in),
            (Some(Memo::Member { .. }) | None, _) => Adds::WithoutConsent,
        }
    }

    /// A list with double opt-in makes a temporary member, who must not be written to.
    async fn look_at_added(&self, composed: &Composed, id: MemberId) -> Result<Verdict, Failure> {
        let member = self.api.member(self.settings.list_id, &id, &self.settings.identifier).await;
        let active = member.ok().flatten().is_some_and(|member| member.contact.obstacle().is_none());
        if active {
            let memo = Memo::Member { member_id: id, looked_at: self.now() };
            return Ok(delivered(composed, Some("added to the list".to_owned()), Some(&memo)));
        }
        Ok(unconfirmed(&Memo::Member { member_id: id, looked_at: Timestamp::UNIX_EPOCH }))
    }
}

enum Adds {
    /// The person leaves, or is forgotten.
    NothingToShow,
    Never,
    WithoutConsent,
    Asked,
    Now(OptIn),
}

fn open(reason: &str) -> Verdict {
    Verdict::Filtered { reason: Reason::new(reason), open: true, memo: None }
}

fn unconfirmed(memo: &Memo) -> Verdict {
    Verdict::Filtered { reason: Reason::new(UNCONFIRMED), open: true, memo: memo.json() }
}
