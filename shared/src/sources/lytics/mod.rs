//! Webhooks of Lytics' audience triggers, in every variant that is documented or likely: alone or in an array, plain,
//! as CloudEvents, or by Muster's own template; and a profile that came without its events. See the README.
//! <https://learn.lytics.com/documentation/product/integrations/webhooks/audience-triggers>.

mod moves;
pub mod notes;
mod profile;
pub mod scan;
#[cfg(test)]
mod tests;

use std::io::BufRead;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::documents::{Place, each_in_json};
use super::muster::item::{Members, member, moment, object};
use super::{At, Flaw, Form, MAX_CHANGES, Parsed, Reading, Told, Unreadable};
use crate::model::{Change, Fact, LyticsFormat, Origin};
use moves::{Move, Read};
use profile::Profile;

const SEGMENT_EVENTS: &str = "segment_events";

/// The version of Muster's own template.
const TEMPLATE_VERSION: u64 = 1;

/// Reads a body of whatever form: what it is shows in the documents themselves, for nobody documents its headers.
///
/// # Errors
/// Where the body is no JSON, or holds too much.
pub(super) fn parse(
    format: &LyticsFormat,
    form: &Form,
    body: &mut dyn BufRead,
    reading: &Reading<'_>,
) -> Result<Parsed, Unreadable> {
    let sent_at = match form {
        Form::CloudEventBinary(headers) => headers.time.as_deref(),
        Form::Json | Form::Lines | Form::CloudEvent | Form::CloudEventBatch => None,
    };
    let reading = stamped(sent_at, reading);
    let mut reader = Reader { format, told: 0, parsed: Parsed::default() };
    each_in_json(body, &mut |place, document| match place {
        Place::Whole => reader.read(0, &document, At::Root, &reading),
        Place::Item(index) => reader.read(index, &document, At::Item(&At::Root, index), &reading),
    })?;
    if reader.is_full() { Err(Unreadable::TooMany) } else { Ok(reader.parsed) }
}

/// With an event's own time for what happened at no time of its own. One that cannot be read says nothing.
fn stamped<'a>(time: Option<&str>, reading: &Reading<'a>) -> Reading<'a> {
    let stamped_at = moment(time, At::Root, reading).unwrap_or(reading.stamped_at);
    Reading { stamped_at, ..*reading }
}

struct Reader<'a> {
    format: &'a LyticsFormat,
    /// What was told so far, of whatever use.
    told: usize,
    parsed: Parsed,
}

/// A profile with what happened to it, wherever its variant puts the two.
struct Event<'a> {
    profile: &'a Members,
    profile_at: At<'a>,
    moves: &'a [Json],
    moves_at: At<'a>,
}

impl Reader<'_> {
    fn is_full(&self) -> bool {
        self.told > MAX_CHANGES
    }

    fn read(&mut self, index: usize, document: &Json, at: At<'_>, reading: &Reading<'_>) {
        if let Err(flaw) = self.read_document(index, document, at, reading) {
            self.told += 1;
            self.reject(index, at, flaw, notes::UNREADABLE);
        }
    }

    fn reject(&mut self, index: usize, at: At<'_>, flaw: Flaw, note: &str) {
        self.parsed.take(index, at, Err(flaw));
        self.parsed.note(note, 1);
    }

    fn read_document(&mut self, index: usize, document: &Json, at: At<'_>, reading: &Reading<'_>) -> Result<(), Flaw> {
        let members = object(document, at)?;
        if !members.contains_key("specversion") {
            return self.read_variant(index, members, at, reading);
        }
        let data_at = at.member("data");
        let data = object(member(members, "data", at)?, data_at)?;
        let reading = stamped(members.get("time").and_then(Json::as_str), reading);
        self.read_variant(index, data, data_at, &reading)
    }

    fn read_variant(&mut self, index: usize, members: &Members, at: At<'_>, reading: &Reading<'_>) -> Result<(), Flaw> {
        if let (Some(version), Some(profile)) = (members.get("v"), members.get("profile")) {
            if version.as_u64() != Some(TEMPLATE_VERSION) {
                return Err(Flaw::new(at.member("v"), "must be 1: the template is one of another Muster"));
            }
            return self.read_parts(index, (members, at), (profile, "profile"), "events", reading);
        }
        match members.get("data") {
            Some(data) => self.read_parts(index, (members, at), (data, "data"), SEGMENT_EVENTS, reading),
            // Perhaps the old format, or a template that sends the profile as it is.
            None => {
                let moves_at = at.member(SEGMENT_EVENTS);
                let moves = list(members.get(SEGMENT_EVENTS), moves_at)?;
                self.take(index, &Event { profile: members, profile_at: at, moves, moves_at }, reading);
                Ok(())
            }
        }
    }

    /// A profile with its events among its own members, or beside it.
    fn read_parts(
        &mut self,
        index: usize,
        (members, at): (&Members, At<'_>),
        (profile, name): (&Json, &str),
        beside: &str,
        reading: &Reading<'_>,
    ) -> Result<(), Flaw> {
        let profile_at = at.member(name);
        let profile = object(profile, profile_at)?;
        let (within_at, beside_at) = (profile_at.member(SEGMENT_EVENTS), at.member(beside));
        let within = list(profile.get(SEGMENT_EVENTS), within_at)?;
        let beside = list(members.get(beside), beside_at)?;
        let (moves, moves_at) = if within.is_empty() { (beside, beside_at) } else { (within, within_at) };
        self.take(index, &Event { profile, profile_at, moves, moves_at }, reading);
        Ok(())
    }

    fn take(&mut self, index: usize, event: &Event<'_>, reading: &Reading<'_>) {
        self.told += event.moves.len().max(1);
        if self.is_full() {
            return;
        }
        let read = |(number, json)| (number, moves::read(json, event.moves_at.item(number), self.format, reading));
        let read: Vec<(usize, Result<Read, Flaw>)> = event.moves.iter().enumerate().map(read).collect();
        // Of a person whom no audience that is taken concerns nothing is kept.
        if !read.is_empty() && read.iter().all(|(_, one)| matches!(one, Ok(Read::Untaken))) {
            return read.iter().for_each(|(number, _)| self.ignore(index, event, *number, notes::UNTAKEN));
        }
        let profile = match Profile::read(event.profile, event.profile_at, self.format, reading) {
            Ok(profile) => profile,
            Err(flaw) => return self.reject(index, event.profile_at, flaw, notes::NO_IDENTITY),
        };
        self.parsed.note(notes::NO_EVENTS, u64::from(event.moves.is_empty()));
        self.parsed.note(notes::FIELD_SKIPPED, profile.skipped_fields);
        self.parsed.note(notes::IDENTIFIER_SKIPPED, profile.skipped_identifiers);
        let mut moves = Vec::with_capacity(read.len());
        for (number, one) in read {
            match one {
                Ok(Read::Move(one)) => moves.push((number, one)),
                Ok(Read::Untaken) => self.ignore(index, event, number, notes::UNTAKEN),
                Ok(Read::Unknown(name)) => self.ignore(index, event, number, &name),
                Err(flaw) => self.reject(index, event.moves_at.item(number), flaw, notes::UNREADABLE),
            }
        }
        self.push(index, event, moves, profile, reading);
    }

    fn ignore(&mut self, index: usize, event: &Event<'_>, number: usize, name: &str) {
        self.parsed.take(index, event.moves_at.item(number), Ok(Told::Ignored(name.to_owned())));
    }

    /// A change for each move, in the order of time. The profile goes with the newest of them: so much is certain, it
    /// is no older, and a batch that comes late does not put old fields in the place of newer ones.
    fn push(
        &mut self,
        index: usize,
        event: &Event<'_>,
        mut moves: Vec<(usize, Move)>,
        profile: Profile,
        reading: &Reading<'_>,
    ) {
        let untimed = moves.iter().filter(|(_, one)| one.occurred_at.is_none()).count();
        self.parsed.note(notes::NO_TIME, untimed as u64);
        let when = |one: &Move| one.occurred_at.unwrap_or(reading.stamped_at);
        moves.sort_by_key(|(_, one)| when(one));
        let newest = moves.pop();
        for (number, one) in moves {
            let occurred_at = when(&one);
            let bare = Change {
                person: profile.person,
                identifiers: Default::default(),
                fields: Default::default(),
                occurred_at,
                origin: self.origin(&one.fact, occurred_at, reading),
                fact: one.fact,
            };
            self.parsed.take(index, event.moves_at.item(number), Ok(Told::Change(bare)));
        }
        let Profile { person, identifiers, fields, modified_at, .. } = profile;
        let (at, fact, occurred_at) = match newest {
            Some((number, one)) => (event.moves_at.item(number), one.fact.clone(), when(&one)),
            None => (event.profile_at, Fact::Profile, modified_at.unwrap_or(reading.stamped_at)),
        };
        let origin = self.origin(&fact, occurred_at, reading);
        let change = Change { person, identifiers, fields, fact, occurred_at, origin };
        self.parsed.take(index, at, Ok(Told::Change(change)));
    }

    /// A backfill comes as enters like any other; the time of each may be that of entering or that of sending.
    fn origin(&self, fact: &Fact, occurred_at: Timestamp, reading: &Reading<'_>) -> Origin {
        let told_again = self.format.backfill_until.is_some_and(|until| reading.now < until || occurred_at < until);
        match fact {
            Fact::Entered { .. } if told_again => Origin::Backfill,
            Fact::Entered { .. }
            | Fact::Left { .. }
            | Fact::Attribute { .. }
            | Fact::Sighted { .. }
            | Fact::Happened { .. }
            | Fact::Profile
            | Fact::Suppression(_)
            | Fact::MergedInto { .. }
            | Fact::Erased => Origin::Live,
        }
    }
}

/// Absent and null are an empty list, and one event may come without a list around it.
fn list<'a>(json: Option<&'a Json>, at: At<'_>) -> Result<&'a [Json], Flaw> {
    match json {
        None | Some(Json::Null) => Ok(&[]),
        Some(Json::Array(items)) => Ok(items),
        Some(one @ Json::Object(_)) => Ok(std::slice::from_ref(one)),
        Some(Json::Bool(_) | Json::Number(_) | Json::String(_)) => Err(Flaw::new(at, "must be a list")),
    }
}
