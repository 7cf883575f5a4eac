//! `POST …/members/upsert` (vendor file 4.7).

use serde_json::json;

use super::members::Unsent;
use super::model::{Field, FieldKind, Standing, Values};
use super::payload::{Encoding, Payload, text_of, truthy};
use super::reply;
use super::roster::Seat;
use super::state::OnList;
use super::switches::UpsertMode;
use crate::reply::Reply;

impl OnList<'_> {
    pub(super) fn upsert(&mut self, payload: &Payload) -> Result<Reply, Reply> {
        if payload.encoding != Encoding::Json {
            return Err(reply::refused("Upsert takes JSON only"));
        }
        let params = &payload.params;
        let unique = params.get("unique_field").and_then(|name| name.as_str());
        let body = params.get("member").and_then(|member| member.as_object());
        let (Some(unique), Some(body)) = (unique, body) else {
            return Err(reply::refused("unique_field and member are required"));
        };
        let sent = body.get(unique).and_then(text_of).unwrap_or_default();
        if sent.is_empty() {
            return Err(reply::refused(format!("member must contain {unique}")));
        }
        let Some(field) = self.list.field(unique).cloned() else {
            return Err(reply::refused(format!("{unique} is not a field of the list")));
        };
        let values = self.values(body)?;
        let wanted = values.get(&field.id).and_then(|value| value.text()).unwrap_or("");
        let found = self.matches(&field, wanted, truthy(params.get("search_temporary")));
        match found.as_slice() {
            [] => self.upsert_new(payload, values),
            [seat] => self.upsert_old(*seat, payload, values),
            _ => Err(reply::refused(format!("Several members have this {unique}"))),
        }
    }

    fn matches(&self, field: &Field, wanted: &str, temporary_too: bool) -> Vec<Seat> {
        let is_email = field.kind == FieldKind::Fixed && field.name == "email";
        let exact = is_email && self.switches.email_case_sensitive;
        let mut seats = self.list.roster.with_value(field.id, wanted);
        seats.retain(|seat| {
            let Some(member) = self.list.roster.get(*seat) else {
                return false;
            };
            let same_case = member.values.get(&field.id).and_then(|v| v.text()) == Some(wanted);
            let visible = match member.standing {
                Standing::Active => true,
                Standing::Temporary => temporary_too,
                Standing::Unsubscribed => false,
            };
            visible && (same_case || !exact)
        });
        seats
    }

    fn upsert_new(&mut self, payload: &Payload, values: Values) -> Result<Reply, Reply> {
        self.check(&values, None)?;
        let standing = self.entry_standing(&payload.params);
        let seat = self.create_member(values, standing);
        let id = self.id_of(seat);
        Ok(Reply::json(200, &json!({ "type": "create", "member_id": id })))
    }

    fn upsert_old(&mut self, seat: Seat, payload: &Payload, values: Values) -> Result<Reply, Reply> {
        let unsent = match self.switches.upsert_mode {
            UpsertMode::Put => Unsent::Empty,
            UpsertMode::Patch => Unsent::Keep,
        };
        self.check_update(seat, &values, unsent)?;
        let confirms = self.standing(seat) == Some(Standing::Temporary) && truthy(payload.params.get("skipOptIn"));
        if confirms {
            self.list.roster.edit(seat, |member| member.standing = Standing::Active);
        }
        self.update_member(seat, values, unsent);
        let id = self.id_of(seat);
        Ok(Reply::json(200, &json!({ "type": "update", "member_id": id })))
    }
}
