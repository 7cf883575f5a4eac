//! What the list shows of people who were delivered: by looking each up, or by paging the whole list where that takes
//! fewer calls.

use std::collections::{BTreeMap, HashMap};

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};

use super::client::PAGE;
use super::live::{CONCURRENT, Run};
use super::mapping::Composed;
use super::parse::{EachMember, Member};
use crate::destination::{Action, Failure, Item, ItemId, ReadBack, Seen, Shows};
use crate::model::{DifferenceKind, Value};

impl Run<'_> {
    pub(super) async fn read_back(&self, items: &[Item]) -> ReadBack {
        let mut back = ReadBack::default();
        let paged = match self.pages_of_the_list().await {
            Ok(Some(pages)) if pages < items.len() && pages <= self.most_pages() => self.page_through(items).await,
            Ok(Some(_) | None) => Ok(BTreeMap::new()),
            Err(failure) => Err(failure),
        };
        match paged {
            Ok(seen) => back.seen = seen,
            Err(failure) => {
                back.halted = Some(failure);
                return back;
            }
        }
        let rest: Vec<&Item> = items.iter().filter(|item| !back.seen.contains_key(&item.id)).collect();
        self.look_up_each(&rest, &mut back).await;
        back
    }

    async fn pages_of_the_list(&self) -> Result<Option<usize>, Failure> {
        let lists = self.api.lists().await.map_err(|failure| self.note(failure))?;
        let members = lists.iter().find(|line| line.id == self.settings.list_id).and_then(|line| line.members);
        // The last page is the one on which nobody is.
        Ok(members.map(|members| usize::try_from(members).unwrap_or(usize::MAX) / PAGE + 2))
    }

    /// Everybody of `items`, where the list could be read to its end; else those who were seen.
    async fn page_through(&self, items: &[Item]) -> Result<BTreeMap<ItemId, Seen>, Failure> {
        let mut expected: HashMap<String, Vec<(&Item, Composed)>> = HashMap::with_capacity(items.len());
        for item in items {
            expected.entry(self.comparable(item.key.expose())).or_default().push((item, self.compose(item)?));
        }
        let identifier = &self.settings.identifier;
        let mut seen: BTreeMap<ItemId, Seen> = BTreeMap::new();
        let mut before = None;
        for page in 1..=self.most_pages() {
            let compare = |member: Member| {
                let Some(value) = member.value(identifier.as_str()) else { return };
                for (item, composed) in expected.get(&self.comparable(value)).into_iter().flatten() {
                    let known = seen.entry(item.id.clone()).or_insert(Seen::Same);
                    if stands(&member, composed) != Seen::Same {
                        *known = Seen::Differs(DifferenceKind::Other);
                    }
                }
            };
            let mut each = EachMember { identifier, take: compare, seen: 0, first: None };
            let found = self.api.page(self.settings.list_id, page, PAGE, &mut each).await;
            found.map_err(|failure| self.note(failure))?;
            let (count, first) = (each.seen, each.first);
            if count == 0 {
                for item in items {
                    seen.entry(item.id.clone()).or_insert_with(|| nobody_there(item));
                }
                break;
            }
            // A server that ignores the page number would be read for ever.
            if first == before {
                break;
            }
            before = first;
        }
        Ok(seen)
    }

    async fn look_up_each(&self, items: &[&Item], back: &mut ReadBack) {
        let looks: Vec<BoxFuture<'_, (ItemId, Result<Seen, Failure>)>> =
            items.iter().map(|item| async { (item.id.clone(), self.look_up(item).await) }.boxed()).collect();
        let mut looks = stream::iter(looks).buffered(CONCURRENT);
        while let Some((id, look)) = looks.next().await {
            match look {
                Ok(seen) => {
                    back.seen.insert(id, seen);
                }
                // The others would fail alike; what is under way ends with this call.
                Err(failure) => {
                    back.halted = Some(failure);
                    return;
                }
            }
        }
    }

    async fn look_up(&self, item: &Item) -> Result<Seen, Failure> {
        if let Some(failure) = self.halted() {
            return Err(failure);
        }
        let composed = self.compose(item)?;
        let members = self.search(item).await.map_err(|failure| self.note(failure))?;
        if members.is_empty() {
            return Ok(nobody_there(item));
        }
        let differs = members.iter().map(|member| stands(member, &composed)).find(|seen| *seen != Seen::Same);
        Ok(differs.unwrap_or(Seen::Same))
    }
}

/// To whoever unsubscribed nothing may be written, so there is nothing to be put right.
fn stands(member: &Member, composed: &Composed) -> Seen {
    if member.contact.obstacle().is_some() || composed.is_shown_by(member) {
        Seen::Same
    } else {
        Seen::Differs(DifferenceKind::Other)
    }
}

/// Where nothing was to be shown, nobody has to be there.
fn nobody_there(item: &Item) -> Seen {
    let shows = match &item.action {
        Action::Show(shown) => {
            shown.audiences.values().any(|shows| matches!(shows, Shows::Inside(_)))
                || shown.attributes.values().any(|value| *value != Value::Null)
        }
        Action::Leave | Action::Forget => false,
    };
    if shows { Seen::Differs(DifferenceKind::Missing) } else { Seen::Same }
}
