//! The list's fields: add what is missing, relabel what differs, and note what stands where. Also what can
//! be looked at without changing anything.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::client::{Api, Written};
use super::config::{DeletedFields, IdentifierField, MissingPeople, Settings};
use super::live::{no_list, one_of_a_value};
use super::mapping::{Notes, OwnField, OwnFields, REMOVED_LABEL, attribute_field, audience_field, format_of, label};
use super::parse::{EachMember, Format, List, ListField};
use crate::destination::{
    Applied, Checked, Context, Discovered, Failure, Finding, Links, Place, PlaceField, Preparation, Resend,
};
use crate::model::{AttributeId, AudienceId, LinkState, Reason};

/// Lists whose fields are read when somebody picks one.
const MAX_DISCOVERED: usize = 50;
/// The last suffix that is tried where fields of our names have other formats.
const MAX_SUFFIX: u32 = 9;

/// Whose field it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    Audience(AudienceId),
    Removed,
    Attribute(AttributeId),
}

/// A field that is to be on the list.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) owner: Owner,
    /// Its name unless a field of another format has it.
    pub(super) name: String,
    pub(super) label: String,
    pub(super) format: Format,
}

/// Every field that the links ask for.
pub(super) fn wanted(links: &Links, settings: &Settings) -> Vec<Wanted> {
    let audiences = links.audiences.iter().map(|audience| {
        let (owner, label) = match audience.state {
            LinkState::Live => (Owner::Audience(audience.id.clone()), label(&audience.name, audience.id.as_str())),
            LinkState::Removed => (Owner::Removed, REMOVED_LABEL.to_owned()),
        };
        Wanted { owner, name: audience_field(&links.source, &audience.id), label, format: Format::Boolean }
    });
    let attributes = links.attributes.iter().map(|linked| {
        let id = &linked.link.attribute;
        Wanted {
            owner: Owner::Attribute(id.clone()),
            name: attribute_field(&links.source, id),
            label: label(&linked.name, id.as_str()),
            format: format_of(linked.link.kind, settings),
        }
    });
    audiences.chain(attributes).collect()
}

/// Where a wanted field stands on a list.
#[derive(Debug, PartialEq)]
pub(super) enum Spot<'l> {
    /// There; `doubles` counts the others of its name.
    There { field: &'l ListField, doubles: usize },
    /// Not there; this name is free.
    Free(String),
    /// Every name that may be tried has another format.
    Taken,
}

/// Looks for a field by name and format: `name`, then `name_2` and so on where another format has the name.
pub(super) fn locate<'l>(list: &'l List, wanted: &Wanted) -> Spot<'l> {
    for suffix in 1..=MAX_SUFFIX {
        let name = if suffix == 1 { wanted.name.clone() } else { format!("{}_{suffix}", wanted.name) };
        let named: Vec<&ListField> = list.fields.iter().filter(|field| field.name == name).collect();
        if named.is_empty() {
            return Spot::Free(name);
        }
        let fitting = || named.iter().filter(|field| field.format == wanted.format);
        if let Some(field) = fitting().min_by_key(|field| field.id.unwrap_or(u64::MAX)) {
            return Spot::There { field, doubles: named.len() - 1 };
        }
    }
    Spot::Taken
}

/// What a PATCH of the list has to change, and what the owner should know.
pub(super) fn changes(list: &List, wanted: &[Wanted]) -> Result<(Vec<Json>, Vec<String>), Failure> {
    let mut changes = Vec::new();
    let mut warnings = Vec::new();
    for want in wanted {
        match locate(list, want) {
            Spot::There { field, .. } if field.label == want.label => {}
            Spot::There { field, .. } => changes.push(relabel(field, want)),
            Spot::Free(_) if want.owner == Owner::Removed => {}
            Spot::Free(name) => {
                if name != want.name {
                    warnings.push(format!(
                        "a field `{}` of another format stands on the list; `{}` is written to `{name}`",
                        want.name, want.label
                    ));
                }
                let format = want.format.as_str();
                changes.push(json!({ "type": "custom", "name": name, "label": want.label, "format": format }));
            }
            Spot::Taken => {
                let reason = format!("fields of other formats have all names that `{}` could take", want.name);
                return Err(Failure::misconfigured(reason));
            }
        }
    }
    Ok((changes, warnings))
}

fn relabel(field: &ListField, want: &Wanted) -> Json {
    let mut change =
        json!({ "type": "custom", "name": field.name, "label": want.label, "format": want.format.as_str() });
    if let Some(id) = field.id {
        change["id"] = json!(id);
    }
    change
}

/// Our fields as the list has them after the changes.
pub(super) fn own_fields(
    list: &List,
    wanted: &[Wanted],
    former: Option<&Notes>,
) -> Result<(OwnFields, Vec<String>), Failure> {
    let mut fields = OwnFields::default();
    let mut warnings = Vec::new();
    for want in wanted {
        let (field, doubles) = match (locate(list, want), &want.owner) {
            (Spot::There { field, doubles }, _) => (field, doubles),
            (Spot::Free(_) | Spot::Taken, Owner::Removed) => continue,
            (Spot::Free(_) | Spot::Taken, Owner::Audience(_) | Owner::Attribute(_)) => {
                let reason = Reason::new("a field that was added is not yet on the list");
                return Err(Failure::Retryable { reason, applied: Applied::Open });
            }
        };
        if doubles > 0 {
            warnings.push(format!("the list has {} fields `{}`; the oldest is used", doubles + 1, field.name));
        }
        let own = OwnField { name: field.name.clone(), id: field.id, format: field.format.clone() };
        match &want.owner {
            Owner::Audience(id) => drop(fields.audiences.insert(id.clone(), own)),
            Owner::Attribute(id) => drop(fields.attributes.insert(id.clone(), own)),
            Owner::Removed => drop(fields.retired.insert(own.name.clone(), own)),
        }
    }
    // Fields whose link was taken away keep their values, so a person who is forgotten is cleared there too.
    let used: BTreeSet<String> = fields.all().map(|field| field.name.clone()).collect();
    let unused = former.into_iter().flat_map(|notes| notes.fields.all()).filter(|field| !used.contains(&field.name));
    let kept: BTreeMap<String, OwnField> = unused
        .filter(|own| list.fields.iter().any(|field| field.name == own.name && field.format == own.format))
        .map(|own| (own.name.clone(), own.clone()))
        .collect();
    fields.retired.extend(kept);
    Ok((fields, warnings))
}

/// Names of live fields that former notes knew and the list no longer has.
pub(super) fn vanished(list: &List, wanted: &[Wanted], former: Option<&Notes>) -> Vec<String> {
    let Some(former) = former else { return Vec::new() };
    let known = |owner: &Owner| match owner {
        Owner::Audience(id) => former.fields.audiences.get(id),
        Owner::Attribute(id) => former.fields.attributes.get(id),
        Owner::Removed => None,
    };
    let still = |own: &OwnField| {
        let id_fits = |field: &ListField| own.id.is_none() || field.id.is_none() || field.id == own.id;
        list.fields.iter().any(|field| field.name == own.name && id_fits(field))
    };
    let gone = wanted.iter().filter_map(|want| known(&want.owner)).filter(|own| !still(own));
    gone.map(|own| own.name.clone()).collect()
}

/// Whether a field that a link had is another one now, so that its values have to be sent again.
fn resend(fields: &OwnFields, former: Option<&Notes>) -> Resend {
    let Some(former) = former else { return Resend::Nobody };
    let differs =
        |old: Option<&OwnField>, new: &OwnField| old.is_some_and(|old| old.name != new.name || old.id != new.id);
    let audiences = fields.audiences.iter().any(|(id, new)| differs(former.fields.audiences.get(id), new));
    let attributes = fields.attributes.iter().any(|(id, new)| differs(former.fields.attributes.get(id), new));
    if audiences || attributes { Resend::Everybody } else { Resend::Nobody }
}

/// The identifier field's format, where it is one by which people can be found.
fn identifier_format(list: &List, identifier: &IdentifierField) -> Result<Format, String> {
    let name = identifier.as_str();
    let field = list.fields.iter().find(|field| field.name == name);
    let field = field.ok_or_else(|| format!("the list has no field `{name}`"))?;
    match &field.format {
        format @ (Format::Text | Format::Number) => Ok(format.clone()),
        format @ (Format::Boolean | Format::Date | Format::Other(_)) => {
            Err(format!("the field `{name}` is of format {}; it must be text or number", format.as_str()))
        }
    }
}

/// Two runs that add the same person at the same time: only the list itself can refuse the second.
fn check_creating(list: &List, settings: &Settings) -> Result<(), String> {
    let identifier = settings.identifier.as_str();
    if settings.missing_people == MissingPeople::Skip || one_of_a_value(&list.duplicates, identifier) {
        return Ok(());
    }
    Err(format!("the list allows several members of one `{identifier}`, so nobody can be added to it safely"))
}

/// The list as it is, and what the links ask of it: where preparing begins, and foreseeing what it would come to.
struct Beginning<'a> {
    api: Api<'a>,
    settings: Settings,
    former: Option<Notes>,
    list: List,
    identifier_format: Format,
    wanted: Vec<Wanted>,
}

impl<'a> Beginning<'a> {
    async fn read(context: &Context<'a>, links: &Links) -> Result<Self, Failure> {
        let settings = super::settings(context)?;
        let api = Api::new(context.session, context.credentials)?;
        let former = Notes::deserialize(context.notes).ok();
        let list = api.list(settings.list_id).await?.ok_or_else(no_list)?;
        let identifier_format = identifier_format(&list, &settings.identifier).map_err(Failure::misconfigured)?;
        check_creating(&list, &settings).map_err(Failure::misconfigured)?;
        let wanted = wanted(links, &settings);
        Ok(Self { api, settings, former, list, identifier_format, wanted })
    }

    /// The notes on our fields, which are on the list by now; and what the owner should know.
    fn notes(&self, read_at: Timestamp) -> Result<(Notes, Vec<String>), Failure> {
        let (fields, warnings) = own_fields(&self.list, &self.wanted, self.former.as_ref())?;
        let List { name, duplicates, .. } = &self.list;
        let identifier_format = self.identifier_format.clone();
        let notes = Notes { list: name.clone(), identifier_format, duplicates: duplicates.clone(), fields, read_at };
        Ok((notes, warnings))
    }
}

fn to_json(notes: &Notes) -> Result<Json, Failure> {
    serde_json::to_value(notes).map_err(|_| Failure::misconfigured("the notes cannot be written"))
}

/// See [`crate::destination::Destination::prepare`].
pub(super) async fn prepare(context: &Context<'_>, links: &Links) -> Result<Preparation, Failure> {
    let mut beginning = Beginning::read(context, links).await?;
    let Beginning { api, settings, former, list, wanted, .. } = &beginning;
    let vanished = vanished(list, wanted, former.as_ref());
    if let (Some(name), DeletedFields::Fail) = (vanished.first(), settings.deleted_fields) {
        return Err(Failure::misconfigured(format!(
            "Muster's field `{name}` was deleted at Heyloyalty; `deleted_fields: recreate` makes it anew"
        )));
    }
    let (changes, mut warnings) = changes(list, wanted)?;
    warnings.extend(vanished.iter().map(|name| format!("the field `{name}` was deleted and is made anew")));
    if !changes.is_empty() {
        change(api, settings.list_id, &changes).await?;
        beginning.list = api.list(settings.list_id).await?.ok_or_else(no_list)?;
    }
    let (notes, doubled) = beginning.notes(context.now)?;
    warnings.extend(doubled);
    let resend = resend(&notes.fields, beginning.former.as_ref());
    Ok(Preparation { notes: to_json(&notes)?, resend, warnings })
}

/// See [`crate::destination::Destination::foresee`].
pub(super) async fn foresee(context: &Context<'_>, links: &Links) -> Result<Json, Failure> {
    let mut beginning = Beginning::read(context, links).await?;
    let Beginning { list, wanted, .. } = &mut beginning;
    changes(list, wanted)?;
    for want in wanted.iter().filter(|want| want.owner != Owner::Removed) {
        if let Spot::Free(name) = locate(list, want) {
            list.fields.push(ListField { id: None, name, label: want.label.clone(), format: want.format.clone() });
        }
    }
    to_json(&beginning.notes(context.now)?.0)
}

/// Never falls back to PUT, which deletes every field that it does not name.
async fn change(api: &Api<'_>, list: u64, changes: &[Json]) -> Result<(), Failure> {
    let reason = match api.change_fields(list, changes).await? {
        Written::Done => return Ok(()),
        Written::Missing | Written::Refused { status: 405, .. } => {
            "Heyloyalty offers this account no way to add fields (PATCH of a list, v2); ask its support".to_owned()
        }
        Written::Refused { status, said } => format!("Heyloyalty refused the fields with status {status}: {said}"),
    };
    Err(Failure::misconfigured(reason))
}

/// See [`crate::destination::Destination::check`].
pub(super) async fn check(context: &Context<'_>) -> Result<Checked, Failure> {
    let settings = super::settings(context)?;
    let mut findings = Vec::new();
    let mut find = |what: &str, result: Result<String, String>| {
        let (good, note) = result.map_or_else(|bad| (false, bad), |note| (true, note));
        findings.push(Finding { what: what.to_owned(), good, note });
        good
    };
    let (api, lists) = match Api::new(context.session, context.credentials) {
        Ok(api) => {
            let lists = api.lists().await;
            (Some(api), lists)
        }
        Err(failure) => (None, Err(failure)),
    };
    let accepted = match lists {
        Ok(lists) => Ok(format!("{} lists", lists.len())),
        Err(Failure::Unauthorized { reason }) => Err(reason.as_str().to_owned()),
        Err(failure) => return Err(failure),
    };
    let accepted = find("the API key is accepted", accepted);
    let Some(api) = api.filter(|_| accepted) else { return Ok(Checked { findings }) };

    let list = api.list(settings.list_id).await?;
    let shown = list.as_ref().map(|list| list.name.clone()).ok_or_else(|| "no list of this number".to_owned());
    find("the list is visible", shown);
    if let Some(list) = list {
        let format = identifier_format(&list, &settings.identifier);
        let what = format!("the field `{}` finds people", settings.identifier.as_str());
        find(&what, format.map(|format| format!("a {} field", format.as_str())));
        if settings.missing_people != MissingPeople::Skip {
            let may = check_creating(&list, &settings).map(|()| "not tried: it would subscribe somebody".to_owned());
            find("people can be added", may);
        }
        let mut each = EachMember { identifier: &settings.identifier, take: drop, seen: 0, first: None };
        let page = api.page(settings.list_id, 1, 1, &mut each).await;
        let page = match page {
            Ok(_) => Ok("members can be read".to_owned()),
            Err(Failure::Unauthorized { reason } | Failure::Rejected { reason }) => Err(reason.as_str().to_owned()),
            Err(failure) => return Err(failure),
        };
        find("the members are visible", page);
        let untried = "not tried: it cannot be without a change; activating tells".to_owned();
        find("fields may be added and relabelled", Ok(untried));
    }
    Ok(Checked { findings })
}

/// See [`crate::destination::Destination::discover`].
pub(super) async fn discover(api: &Api<'_>) -> Result<Discovered, Failure> {
    let mut places = Vec::new();
    for line in api.lists().await?.into_iter().take(MAX_DISCOVERED) {
        let Some(list) = api.list(line.id).await? else { continue };
        let fields = list.fields.into_iter().map(|field| PlaceField {
            name: field.name,
            label: field.label,
            kind: String::from(field.format),
        });
        places.push(Place { id: line.id.to_string(), name: line.name, fields: fields.collect() });
    }
    Ok(Discovered { places })
}
