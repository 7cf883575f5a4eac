//! People one by one: find the members of a key, look at their status, change their fields. At most four
//! requests at a time.

use std::sync::Mutex;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use super::client::{Api, MOST_OF_ONE_VALUE, Written};
use super::config::{Forget, Settings};
use super::mapping::{Composed, Notes, comparable, compose};
use super::parse::{List, Member, MemberId};
use crate::destination::{Action, Applied, Context, Failure, Item, ItemId, Links, Verdict, Verdicts, departures_first};
use crate::http::Session;
use crate::model::Reason;

/// Requests at a time.
pub(super) const CONCURRENT: usize = 4;
/// A status is believed for this long.
const STATUS_LIVES: SignedDuration = SignedDuration::from_mins(15);

/// What is kept of the only member of a key. No address and no key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Memo {
    Member {
        member_id: MemberId,
        /// When the member was last seen to be active; the epoch for one who is not.
        looked_at: Timestamp,
    },
    /// Whoever was asked to confirm, and has no id yet.
    Asked { asked_at: Timestamp },
}

impl Memo {
    pub(super) fn of(item: &Item) -> Option<Self> {
        Self::deserialize(item.memo.as_ref()?).ok()
    }

    pub(super) fn json(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self).ok()
    }
}

/// One call of `deliver` or `confirm`.
pub(super) struct Run<'a> {
    pub(super) api: Api<'a>,
    pub(super) settings: Settings,
    pub(super) notes: Notes,
    pub(super) links: &'a Links,
    session: &'a Session,
    /// What ended the run: nothing more is sent after it.
    halted: Mutex<Option<Failure>>,
    list: OnceCell<List>,
}

/// What became of the members of a key.
pub(super) enum Round {
    Settled(Verdict),
    /// All were gone when they were written to.
    Gone,
}

impl<'a> Run<'a> {
    pub(super) fn new(context: &'a Context<'_>) -> Result<Self, Failure> {
        let settings = super::settings(context)?;
        let notes = Notes::deserialize(context.notes).map_err(|_| not_prepared())?;
        let api = Api::new(context.session, context.credentials)?;
        let (halted, list) = (Mutex::new(None), OnceCell::new());
        Ok(Self { api, settings, notes, links: context.links, session: context.session, halted, list })
    }

    /// Delivers what leaves, then what enters: a value may move from one key to another in one batch.
    pub(super) async fn deliver_all(&self, items: &[&Item]) -> Verdicts {
        let (departures, arrivals) = departures_first(items.iter().copied());
        let mut verdicts = self.deliver_together(&departures).await;
        verdicts.extend(self.deliver_together(&arrivals).await);
        verdicts
    }

    async fn deliver_together(&self, items: &[&Item]) -> Verdicts {
        // Boxed: the compiler cannot name closures over two lifetimes, and the futures are large.
        let tries: Vec<BoxFuture<'_, (ItemId, Verdict)>> =
            items.iter().map(|item| async { (item.id.clone(), self.deliver(item).await) }.boxed()).collect();
        stream::iter(tries).buffer_unordered(CONCURRENT).collect().await
    }

    async fn deliver(&self, item: &Item) -> Verdict {
        if let Some(failure) = self.halted() {
            return Verdict::Failed(failure);
        }
        self.try_item(item).await.unwrap_or_else(|failure| Verdict::Failed(self.note(failure)))
    }

    /// Remembers failures after which another request would fare no better.
    pub(super) fn note(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Unauthorized { .. } | Failure::Misconfigured { .. } | Failure::PutOff { .. } => {
                *self.halted.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(failure.clone());
            }
            Failure::Retryable { .. } | Failure::RateLimited { .. } | Failure::Rejected { .. } => {}
        }
        failure
    }

    pub(super) fn halted(&self) -> Option<Failure> {
        self.halted.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    async fn try_item(&self, item: &Item) -> Result<Verdict, Failure> {
        let composed = self.compose(item)?;
        if let Some((member_id, looked_at)) = self.fresh_memo(item) {
            match self.write(item, &composed, &member_id).await? {
                Written::Done => return Ok(delivered(&composed, None, Some(&Memo::Member { member_id, looked_at }))),
                Written::Refused { status, said } => return Err(self.refused(&composed, status, &said).await),
                Written::Missing => {}
            }
        }
        let members = self.find(item).await?;
        match self.settle(item, &composed, members).await? {
            Round::Settled(verdict) => return Ok(verdict),
            Round::Gone => {}
        }
        let members = self.search(item).await?;
        match self.settle(item, &composed, members).await? {
            Round::Settled(verdict) => Ok(verdict),
            Round::Gone => Ok(self.nobody(item)),
        }
    }

    pub(super) fn compose(&self, item: &Item) -> Result<Composed, Failure> {
        compose(&item.action, &self.notes.fields, self.links, &self.settings).map_err(|_| not_prepared())
    }

    /// The memo, where its status is still believed and the action writes fields only.
    fn fresh_memo(&self, item: &Item) -> Option<(MemberId, Timestamp)> {
        let (member_id, looked_at) = self.memo(item).filter(|_| !self.obscures(item))?;
        let age = self.now().duration_since(looked_at);
        (!age.is_negative() && age <= STATUS_LIVES).then_some((member_id, looked_at))
    }

    /// The memo, unless the list lets a second member have the same value: the search sees both.
    fn memo(&self, item: &Item) -> Option<(MemberId, Timestamp)> {
        let is_only = one_of_a_value(&self.notes.duplicates, self.settings.identifier.as_str());
        match Memo::of(item)? {
            Memo::Member { member_id, looked_at } => is_only.then_some((member_id, looked_at)),
            Memo::Asked { .. } => None,
        }
    }

    pub(super) fn requests_left(&self) -> usize {
        self.session.requests_left()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.session.now()
    }

    fn obscures(&self, item: &Item) -> bool {
        item.action == Action::Forget && self.settings.forget == Forget::ObscureMember
    }

    /// The members of the item's key: the one remembered if it still is that person's, else by search.
    async fn find(&self, item: &Item) -> Result<Vec<Member>, Failure> {
        let Some((member_id, _)) = self.memo(item) else { return self.search(item).await };
        let known = self.api.member(self.settings.list_id, &member_id, &self.settings.identifier).await?;
        let Some(known) = known.filter(|member| self.has_key(member, item)) else { return self.search(item).await };
        if known.contact.obstacle().is_none() {
            return Ok(vec![known]);
        }
        // Somebody who subscribes again is a new member, and a search may not show the old one.
        let mut members = self.search(item).await?;
        if !members.iter().any(|member| member.id == known.id) {
            members.push(known);
        }
        Ok(members)
    }

    /// The members whose identifier field has the key, by search.
    pub(super) async fn search(&self, item: &Item) -> Result<Vec<Member>, Failure> {
        let (list, field) = (self.settings.list_id, &self.settings.identifier);
        let Some(mut members) = self.api.search(list, field, &self.comparable(item.key.expose())).await? else {
            self.list().await?;
            return Ok(Vec::new());
        };
        members.retain(|member| self.has_key(member, item));
        if members.len() > MOST_OF_ONE_VALUE {
            let reason = Reason::new("more than 50 members share the value of the identifier field");
            return Err(Failure::Rejected { reason });
        }
        Ok(members)
    }

    pub(super) fn comparable(&self, value: &str) -> String {
        comparable(value, &self.settings.identifier, &self.notes.identifier_format)
    }

    fn has_key(&self, member: &Member, item: &Item) -> bool {
        let value = member.value(self.settings.identifier.as_str());
        value.is_some_and(|value| self.comparable(value) == self.comparable(item.key.expose()))
    }

    /// The list as it is now, read once in a run: tells a missing member from a missing list.
    pub(super) async fn list(&self) -> Result<&List, Failure> {
        let read = || async { self.api.list(self.settings.list_id).await?.ok_or_else(no_list) };
        self.list.get_or_try_init(read).await
    }

    async fn settle(&self, item: &Item, composed: &Composed, members: Vec<Member>) -> Result<Round, Failure> {
        let writable = |member: &&Member| self.obscures(item) || member.contact.obstacle().is_none();
        let targets: Vec<&Member> = members.iter().filter(writable).collect();
        let obstacle = members.iter().find_map(|member| member.contact.obstacle());
        if targets.is_empty() {
            return Ok(Round::Settled(match obstacle {
                Some(obstacle) => untouched(item, obstacle, members.first().map(|member| &member.id)),
                None => return self.add(item, composed).await,
            }));
        }
        let mut written = 0_usize;
        for member in &targets {
            match self.write(item, composed, &member.id).await {
                Ok(Written::Done) => written += 1,
                Ok(Written::Missing) => {}
                Ok(Written::Refused { status, said }) => return Err(self.refused(composed, status, &said).await),
                // Some members of the key are written.
                Err(failure) if written > 0 => return Err(failure.with_applied(Applied::Open)),
                Err(failure) => return Err(failure),
            }
        }
        if written == 0 {
            return Ok(if self.obscures(item) { Round::Settled(self.nobody(item)) } else { Round::Gone });
        }
        let said = (members.len() > 1).then(|| format!("{written} of {} members written", members.len()));
        let memo = match members.as_slice() {
            [only] if !self.obscures(item) => Some(Memo::Member { member_id: only.id.clone(), looked_at: self.now() }),
            _ => None,
        };
        Ok(Round::Settled(delivered(composed, said, memo.as_ref())))
    }

    async fn write(&self, item: &Item, composed: &Composed, id: &MemberId) -> Result<Written, Failure> {
        let (list, key) = (self.settings.list_id, item.key.expose());
        if self.obscures(item) {
            return self.api.obscure(list, id, key).await;
        }
        if composed.cells.is_empty() {
            return Ok(Written::Done);
        }
        self.api.patch(list, id, &composed.body(), key).await
    }

    /// Whether a refusal speaks of the person, or of a field that somebody deleted meanwhile.
    pub(super) async fn refused(&self, composed: &Composed, status: u16, said: &str) -> Failure {
        let gone = match self.list().await {
            Ok(list) => composed.cells.keys().any(|name| !list.fields.iter().any(|field| field.name == *name)),
            Err(failure) => return failure,
        };
        if gone {
            let reason =
                Reason::new("a field of Muster's is gone from the list; it is made anew when the list is prepared");
            return Failure::Retryable { reason, applied: Applied::No };
        }
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        Failure::Rejected { reason: Reason::new(format!("Heyloyalty refused the fields with status {status}{said}")) }
    }
}

/// What it means that a member must not be written to.
pub(super) fn untouched(item: &Item, obstacle: &str, id: Option<&MemberId>) -> Verdict {
    match item.action {
        Action::Show(_) => {
            // A search may hide the member next time; by its id the member is seen.
            let memo = id.map(|id| Memo::Member { member_id: id.clone(), looked_at: Timestamp::UNIX_EPOCH });
            Verdict::Filtered { reason: Reason::new(obstacle), open: true, memo: memo.and_then(|memo| memo.json()) }
        }
        Action::Leave | Action::Forget => {
            Verdict::Delivered { said: format!("{obstacle}: left untouched"), memo: None }
        }
    }
}

pub(super) fn delivered(composed: &Composed, said: Option<String>, memo: Option<&Memo>) -> Verdict {
    let said: Vec<String> = said.into_iter().chain(composed.remarks.iter().cloned()).collect();
    let said = Reason::new(said.join("; ")).as_str().to_owned();
    Verdict::Delivered { said, memo: memo.and_then(Memo::json) }
}

/// Whether at most one member of the list has a value in this field.
pub(super) fn one_of_a_value(duplicates: &str, identifier: &str) -> bool {
    match (duplicates, identifier) {
        ("disallow" | "", "email" | "mobile") | ("allow_mobile", "email") | ("allow_email", "mobile") => true,
        (_, _) => false,
    }
}

/// The settings' list is not there.
pub(super) fn no_list() -> Failure {
    Failure::misconfigured("the list does not exist, or the API key cannot see it")
}

fn not_prepared() -> Failure {
    let reason = Reason::new("the list's fields are not prepared for what is linked; tried again once they are");
    Failure::Retryable { reason, applied: Applied::No }
}
