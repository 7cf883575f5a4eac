//! Lists: read, create, change, delete (vendor file 3 and 9.2).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::fields::{apply_fields, custom_field, fixed_fields};
use super::model::{Duplicates, List, OptIn, SeedList};
use super::payload::{Params, Payload, id_of, text_of};
use super::render;
use super::reply;
use super::roster::Roster;
use super::state::{Ids, OnList, State};
use super::switches::{PatchListStatus, Switches};
use crate::reply::Reply;

impl State {
    pub(super) fn lists_reply(&self, payload: &Payload) -> Result<Reply, Reply> {
        if self.lists.is_empty() {
            return Err(reply::list_not_found(&self.desk.switches));
        }
        let mut lists: Vec<&List> = self.lists.values().collect();
        let orderby = payload.params.get("orderby").and_then(text_of);
        match orderby.as_deref() {
            None | Some("created_at") => lists.sort_by_key(|list| list.created_at),
            Some("name") => lists.sort_by(|a, b| a.name.cmp(&b.name)),
            Some("id") => lists.sort_by_key(|list| list.id),
            Some(other) => return Err(reply::refused(format!("Cannot order by {other}"))),
        }
        if payload.params.get("order").and_then(text_of).as_deref() == Some("-1") {
            lists.reverse();
        }
        let shown = lists.into_iter().map(|list| render::list_summary(list, &self.desk.switches));
        Ok(Reply::json(200, &shown.collect::<Vec<_>>()))
    }

    pub(super) fn create_list(&mut self, payload: &Payload) -> Result<Reply, Reply> {
        let whole = WholeList::read(&payload.params)?;
        let id = self.ids.list();
        let mut list = empty_list(id, self.desk.now);
        whole.apply(&mut list, &mut self.ids, &self.desk.switches)?;
        self.lists.insert(id, list);
        Ok(Reply::json(201, &json!({ "id": render::id(id, &self.desk.switches) })))
    }

    pub(super) fn delete_list(&mut self, id: u64) -> Result<Reply, Reply> {
        match self.lists.remove(&id) {
            Some(_) => Ok(Reply::empty(204)),
            None => Err(reply::list_not_found(&self.desk.switches)),
        }
    }

    /// `None` when the id is taken.
    pub(super) fn seed_list(&mut self, seed: &SeedList) -> Option<u64> {
        let id = match seed.id {
            Some(id) if self.lists.contains_key(&id) => return None,
            Some(id) => id,
            None => std::iter::repeat_with(|| self.ids.list()).find(|id| !self.lists.contains_key(id))?,
        };
        let mut list = empty_list(id, self.desk.now);
        list.name.clone_from(&seed.name);
        list.duplicates = seed.duplicates;
        list.opt_in = seed.opt_in;
        let ids = &mut self.ids;
        let mut fields = fixed_fields(ids);
        for field in &seed.fields {
            fields.push(custom_field(&field.name, &field.label, field.format, &field.options, ids));
        }
        list.fields = fields.into_iter().map(|field| (field.id, field)).collect();
        list.reindex();
        self.lists.insert(id, list);
        Some(id)
    }
}

fn empty_list(id: u64, created_at: Timestamp) -> List {
    List {
        id,
        name: String::new(),
        country_id: 1,
        duplicates: Duplicates::default(),
        opt_in: OptIn::default(),
        created_at,
        fields: BTreeMap::new(),
        seconds: BTreeSet::new(),
        roster: Roster::default(),
    }
}

impl OnList<'_> {
    pub(super) fn read_list(&self) -> Reply {
        Reply::json(200, &render::list(self.list, self.switches))
    }

    /// `PUT /v1/lists/:id`: the fields not sent are deleted, with the members' values.
    pub(super) fn put_list(&mut self, payload: &Payload) -> Result<Reply, Reply> {
        let whole = WholeList::read(&payload.params)?;
        let kept = whole.apply(self.list, self.ids, self.switches)?;
        let lost: Vec<u64> = self.list.fields.keys().copied().filter(|id| !kept.contains(id)).collect();
        for id in lost {
            self.list.remove_field(id);
        }
        Ok(Reply::empty(204))
    }

    /// `PATCH /v2/lists/:id`: touches only what is named.
    pub(super) fn patch_list(&mut self, payload: &Payload) -> Result<Reply, Reply> {
        let params = &payload.params;
        let name = params.get("name").map(name_of).transpose()?;
        let duplicates = params.get("duplicates").map(rule_of).transpose()?;
        let opt_in = params.get("double_opt-in").map(opt_in_of).transpose()?;
        if let Some(fields) = params.get("fields") {
            apply_fields(self.list, fields, self.ids, self.switches)?;
        }
        if let Some(name) = name {
            self.list.name = name;
        }
        self.list.duplicates = duplicates.unwrap_or(self.list.duplicates);
        self.list.opt_in = opt_in.unwrap_or(self.list.opt_in);
        Ok(match self.switches.patch_list_status {
            PatchListStatus::NoContent => Reply::empty(204),
            PatchListStatus::OkWithList => self.read_list(),
        })
    }
}

/// The body of PUT and POST, which need all of it.
struct WholeList<'a> {
    name: String,
    country_id: u64,
    duplicates: Duplicates,
    opt_in: OptIn,
    fields: &'a Value,
}

impl<'a> WholeList<'a> {
    fn read(params: &'a Params) -> Result<Self, Reply> {
        let required = |name: &str| {
            let missing = || reply::refused(format!("{name} is required"));
            params.get(name).ok_or_else(missing)
        };
        Ok(Self {
            name: name_of(required("name")?)?,
            country_id: id_of(required("country_id")?).ok_or_else(|| reply::refused("country_id must be an id"))?,
            duplicates: rule_of(required("duplicates")?)?,
            opt_in: params.get("double_opt-in").map(opt_in_of).transpose()?.unwrap_or_default(),
            fields: required("fields")?,
        })
    }

    /// Answers the ids of the fields that were named.
    fn apply(self, list: &mut List, ids: &mut Ids, switches: &Switches) -> Result<Vec<u64>, Reply> {
        let named = apply_fields(list, self.fields, ids, switches)?;
        list.name = self.name;
        list.country_id = self.country_id;
        list.duplicates = self.duplicates;
        list.opt_in = self.opt_in;
        Ok(named)
    }
}

fn name_of(raw: &Value) -> Result<String, Reply> {
    let name = text_of(raw).filter(|name| !name.is_empty());
    name.ok_or_else(|| reply::refused("name must be a text"))
}

fn rule_of(raw: &Value) -> Result<Duplicates, Reply> {
    let rule = raw.as_str().and_then(Duplicates::from_api);
    rule.ok_or_else(|| reply::refused("duplicates is not one of its four values"))
}

fn opt_in_of(raw: &Value) -> Result<OptIn, Reply> {
    match text_of(raw).as_deref() {
        Some("0") => Ok(OptIn::Single),
        Some("1") => Ok(OptIn::Double),
        _ => Err(reply::refused("double_opt-in must be 0 or 1")),
    }
}
