//! Single members: create, read, change, delete (vendor file 4 and 9.2).

use serde_json::json;

use super::model::{EmailStatus, FieldKind, FieldValue, Member, OptIn, Standing, Values};
use super::payload::{Params, Payload, id_of, text_of, truthy};
use super::render::MemberJson;
use super::reply;
use super::roster::Seat;
use super::state::{OnList, State};
use super::switches::{DeleteMode, WriteStatus};
use super::values;
use super::webhooks::Event;
use crate::reply::Reply;

/// What a write does to the fields it does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsent {
    Keep,
    Empty,
}

/// Parameters beside the fields in a member's body.
const CONTROL: &[&str] = &["skipOptIn", "obscureMemberData"];

impl OnList<'_> {
    pub(super) fn create(&mut self, payload: &Payload) -> Result<Reply, Reply> {
        let values = self.values(&payload.params)?;
        self.check(&values, None)?;
        let standing = self.entry_standing(&payload.params);
        let seat = self.create_member(values, standing);
        // Without an id: that is how a pending opt-in is told from a member (Q20).
        if standing == Standing::Temporary {
            return Ok(Reply::json(200, &json!({})));
        }
        Ok(Reply::json(201, &json!({ "id": self.id_of(seat) })))
    }

    pub(super) fn read(&mut self, id: &str) -> Result<Reply, Reply> {
        let seat = self.seat(id)?;
        Ok(self.member_reply(seat))
    }

    pub(super) fn write(&mut self, id: &str, payload: &Payload, unsent: Unsent) -> Result<Reply, Reply> {
        let seat = self.seat(id)?;
        let values = self.values(&payload.params)?;
        self.check_update(seat, &values, unsent)?;
        self.update_member(seat, values, unsent);
        let status = match unsent {
            Unsent::Empty => self.switches.put_status,
            Unsent::Keep => self.switches.patch_status,
        };
        Ok(match status {
            WriteStatus::NoContent => Reply::empty(204),
            WriteStatus::Ok => Reply::empty(200),
            WriteStatus::OkWithMember => self.member_reply(seat),
            WriteStatus::Created => Reply::json(201, &json!({ "id": id })),
        })
    }

    pub(super) fn delete(&mut self, id: &str, payload: &Payload) -> Result<Reply, Reply> {
        let seat = self.seat(id)?;
        self.counters.member_deleted += 1;
        if truthy(payload.params.get("obscureMemberData")) {
            self.obscure(seat);
        } else {
            self.delete_member(seat);
        }
        Ok(Reply::empty(204))
    }

    /// Temporary members are invisible.
    fn seat(&self, id: &str) -> Result<Seat, Reply> {
        let seat = self.list.roster.seat_of(id);
        seat.filter(|seat| self.standing(*seat) != Some(Standing::Temporary))
            .ok_or_else(|| reply::not_found(self.switches))
    }

    pub(super) fn standing(&self, seat: Seat) -> Option<Standing> {
        self.list.roster.get(seat).map(|member| member.standing)
    }

    pub(super) fn id_of(&self, seat: Seat) -> String {
        let member = self.list.roster.get(seat);
        member.map(|member| member.id.to_string()).unwrap_or_default()
    }

    fn member_reply(&self, seat: Seat) -> Reply {
        match self.list.roster.get(seat) {
            Some(member) => Reply::json(200, &MemberJson::nested(self.list, member, self.switches)),
            None => reply::not_found(self.switches),
        }
    }

    pub(super) fn values(&mut self, body: &Params) -> Result<Values, Reply> {
        values::read_all(self.list, body, CONTROL, self.switches, self.counters)
    }

    /// The standing of a member created by a call with these parameters.
    pub(super) fn entry_standing(&self, params: &Params) -> Standing {
        match self.list.opt_in {
            OptIn::Double if !truthy(params.get("skipOptIn")) => Standing::Temporary,
            OptIn::Single | OptIn::Double => Standing::Active,
        }
    }

    /// A PATCH that names neither email nor mobile needs neither.
    pub(super) fn check_update(&self, seat: Seat, sent: &Values, unsent: Unsent) -> Result<(), Reply> {
        let names_key = ["email", "mobile"]
            .into_iter()
            .filter_map(|name| self.list.fixed_id(name))
            .any(|field| sent.contains_key(&field));
        match unsent {
            Unsent::Empty => self.check(sent, Some(seat)),
            Unsent::Keep if !names_key => Ok(()),
            Unsent::Keep => {
                let before = self.list.roster.get(seat).map(|m| m.values.clone());
                let mut whole = before.unwrap_or_default();
                whole.extend(sent.clone());
                self.check(&whole, Some(seat))
            }
        }
    }

    /// A member needs an email or a mobile, and must not be a duplicate of another active one
    /// where the list forbids that, unless it is one already. `whole` is the member as it would
    /// be, `changed` the member if it exists.
    pub(super) fn check(&self, whole: &Values, changed: Option<Seat>) -> Result<(), Reply> {
        let rule = self.list.duplicates;
        let keys = [("email", rule.forbids_email()), ("mobile", rule.forbids_mobile())];
        let mut reachable = false;
        for (name, unique) in keys {
            let Some(field) = self.list.fixed_id(name) else {
                continue;
            };
            let Some(value) = whole.get(&field).filter(|value| !value.is_empty()) else {
                continue;
            };
            reachable = true;
            let before = changed.and_then(|seat| self.list.roster.get(seat));
            let stays = before.is_some_and(|m| m.values.get(&field) == Some(value));
            if unique && !stays && self.is_taken(field, value, changed) {
                let message = format!("A member with this {name} already exists");
                return Err(reply::error(self.switches.dup_status, message));
            }
        }
        if reachable {
            return Ok(());
        }
        Err(reply::refused("A valid email or mobile is required"))
    }

    fn is_taken(&self, field: u64, value: &FieldValue, except: Option<Seat>) -> bool {
        let seats = self.list.roster.with_value(field, value.text().unwrap_or(""));
        seats.into_iter().any(|seat| Some(seat) != except && self.standing(seat) == Some(Standing::Active))
    }

    /// Creates on behalf of the API, which is counted.
    pub(super) fn create_member(&mut self, values: Values, standing: Standing) -> Seat {
        self.counters.member_created += 1;
        if standing == Standing::Active && self.is_unsubscribed_person(&values) {
            self.counters.resubscribed += 1;
        }
        self.add_member(values, standing)
    }

    /// Someone who is unsubscribed under this email and not active under it as well.
    fn is_unsubscribed_person(&self, values: &Values) -> bool {
        let email = self.list.fixed_id("email").and_then(|id| values.get(&id));
        let Some(email) = email.and_then(FieldValue::text) else {
            return false;
        };
        let seats = self.list.roster.with_email(email);
        let has = |standing| seats.iter().any(|seat| self.standing(*seat) == Some(standing));
        has(Standing::Unsubscribed) && !has(Standing::Active)
    }

    pub(super) fn add_member(&mut self, values: Values, standing: Standing) -> Seat {
        let seat = self.insert_member(values, standing);
        if standing == Standing::Active {
            self.fire(Event::Subscribe, seat);
        }
        seat
    }

    pub(super) fn insert_member(&mut self, mut values: Values, standing: Standing) -> Seat {
        values.retain(|_, value| !value.is_empty());
        self.list.roster.insert(Member {
            id: self.ids.member(),
            standing,
            email_status: EmailStatus::Active,
            created_at: self.now,
            updated_at: self.now,
            unsubscribed_at: None,
            values,
        })
    }

    /// Changes on behalf of the API: an unsubscribed member is re-activated, which is counted.
    pub(super) fn update_member(&mut self, seat: Seat, values: Values, unsent: Unsent) {
        let Some(member) = self.list.roster.get(seat) else {
            return;
        };
        if member.email_status != EmailStatus::Active {
            self.counters.suppressed_writes += 1;
        }
        let returns = member.standing == Standing::Unsubscribed;
        if returns {
            self.counters.resubscribed += 1;
        }
        let now = self.now;
        self.list.roster.edit(seat, |member| {
            if unsent == Unsent::Empty {
                member.values.clear();
            }
            member.values.extend(values);
            member.values.retain(|_, value| !value.is_empty());
            member.updated_at = now;
            if returns {
                member.standing = Standing::Active;
                member.unsubscribed_at = None;
            }
        });
        let event = if returns { Event::Subscribe } else { Event::Update };
        self.fire(event, seat);
    }

    pub(super) fn delete_member(&mut self, seat: Seat) {
        let unsubscribes = self.switches.delete_mode == DeleteMode::UnsubscribeThenPurge;
        if unsubscribes && self.standing(seat) == Some(Standing::Active) {
            self.unsubscribe(seat);
        } else {
            self.list.roster.remove(seat);
        }
    }

    pub(super) fn unsubscribe(&mut self, seat: Seat) {
        let now = self.now;
        self.list.roster.edit(seat, |member| {
            member.standing = Standing::Unsubscribed;
            member.unsubscribed_at.get_or_insert(now);
            member.updated_at = now;
        });
        self.fire(Event::Unsubscribe, seat);
    }

    fn obscure(&mut self, seat: Seat) {
        let fixed = self.list.fields.values();
        let personal: Vec<u64> = fixed.filter(|field| field.kind == FieldKind::Fixed).map(|field| field.id).collect();
        self.list.roster.edit(seat, |member| {
            member.values.retain(|id, _| !personal.contains(id));
        });
        self.unsubscribe(seat);
    }

    pub(super) fn fire(&mut self, event: Event, seat: Seat) {
        if let Some(member) = self.list.roster.get(seat) {
            self.hooks.fire(event, self.list, member, self.switches, self.now);
        }
    }
}

impl State {
    /// `DELETE /v2/lists/members/byfield`; the unsubscribed match too, so a second call purges.
    pub(super) fn delete_by_field(&mut self, payload: &Payload) -> Result<Reply, Reply> {
        let params = &payload.params;
        let name = params.get("field").and_then(text_of);
        let value = params.get("value").and_then(text_of);
        let lists = params.get("lists").and_then(|lists| lists.as_array());
        let (Some(name), Some(value), Some(lists)) = (name, value, lists) else {
            return Err(reply::refused("field, value and lists are required"));
        };
        let ids: Option<Vec<u64>> = lists.iter().map(id_of).collect();
        let ids = ids.ok_or_else(|| reply::refused("lists must be list ids"))?;
        if value.is_empty() {
            return Err(reply::refused("value is empty"));
        }
        if ids.iter().any(|id| !self.lists.contains_key(id)) {
            return Err(reply::not_found(&self.desk.switches));
        }
        for id in ids {
            let Some(mut on) = self.on_list(id) else {
                continue;
            };
            let Some(field) = on.list.field(&name).map(|field| field.id) else {
                values::unknown(&name, on.switches, on.counters)?;
                continue;
            };
            for seat in on.list.roster.with_value(field, &value) {
                on.counters.member_deleted += 1;
                on.delete_member(seat);
            }
        }
        Ok(Reply::empty(204))
    }
}
