//! The members of one list, in the order of their creation, found by id, email and mobile without
//! a scan.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::model::{FieldValue, Member};

/// A member's place in the order of creation.
pub(super) type Seat = u64;

#[derive(Debug, Default)]
pub(super) struct Roster {
    next: Seat,
    seats: BTreeMap<Seat, Member>,
    by_id: HashMap<Uuid, Seat>,
    email: Index,
    mobile: Index,
}

/// Lowercased value of one field → seats, ascending.
#[derive(Debug, Default)]
struct Index {
    field: Option<u64>,
    seats: HashMap<String, Vec<Seat>>,
}

impl Index {
    fn key(&self, member: &Member) -> Option<String> {
        let text = member.values.get(&self.field?)?.text()?;
        (!text.is_empty()).then(|| text.to_lowercase())
    }

    fn add(&mut self, seat: Seat, member: &Member) {
        let Some(key) = self.key(member) else { return };
        let seats = self.seats.entry(key).or_default();
        let place = seats.partition_point(|other| *other < seat);
        seats.insert(place, seat);
    }

    fn remove(&mut self, seat: Seat, member: &Member) {
        let Some(key) = self.key(member) else { return };
        let Some(seats) = self.seats.get_mut(&key) else {
            return;
        };
        seats.retain(|other| *other != seat);
        if seats.is_empty() {
            self.seats.remove(&key);
        }
    }

    fn find(&self, value: &str) -> Vec<Seat> {
        let found = self.seats.get(&value.to_lowercase());
        found.cloned().unwrap_or_default()
    }
}

impl Roster {
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (Seat, &Member)> {
        self.seats.iter().map(|(seat, member)| (*seat, member))
    }

    pub(super) fn get(&self, seat: Seat) -> Option<&Member> {
        self.seats.get(&seat)
    }

    /// By the exact text of the id, which is lowercase.
    pub(super) fn seat_of(&self, id: &str) -> Option<Seat> {
        let uuid: Uuid = id.parse().ok()?;
        if uuid.to_string() != id {
            return None;
        }
        self.by_id.get(&uuid).copied()
    }

    /// Members of any standing whose email differs at most in case.
    pub(super) fn with_email(&self, email: &str) -> Vec<Seat> {
        self.email.find(email)
    }

    /// Members of any standing whose `field` has `value`, ignoring case.
    pub(super) fn with_value(&self, field: u64, value: &str) -> Vec<Seat> {
        if self.email.field == Some(field) {
            return self.email.find(value);
        }
        if self.mobile.field == Some(field) {
            return self.mobile.find(value);
        }
        let wanted = value.to_lowercase();
        let has = |member: &Member| {
            let value = member.values.get(&field).and_then(FieldValue::text);
            value.is_some_and(|text| text.to_lowercase() == wanted)
        };
        self.iter().filter_map(|(seat, member)| has(member).then_some(seat)).collect()
    }

    pub(super) fn insert(&mut self, member: Member) -> Seat {
        let seat = self.next;
        self.next += 1;
        self.by_id.insert(member.id, seat);
        self.email.add(seat, &member);
        self.mobile.add(seat, &member);
        self.seats.insert(seat, member);
        seat
    }

    pub(super) fn edit(&mut self, seat: Seat, change: impl FnOnce(&mut Member)) {
        let Some(member) = self.seats.get_mut(&seat) else {
            return;
        };
        self.email.remove(seat, member);
        self.mobile.remove(seat, member);
        change(member);
        self.email.add(seat, member);
        self.mobile.add(seat, member);
    }

    pub(super) fn remove(&mut self, seat: Seat) {
        let Some(member) = self.seats.remove(&seat) else {
            return;
        };
        self.by_id.remove(&member.id);
        self.email.remove(seat, &member);
        self.mobile.remove(seat, &member);
    }

    /// Forgets every member's value of a field.
    pub(super) fn remove_values(&mut self, field: u64) {
        for member in self.seats.values_mut() {
            member.values.remove(&field);
        }
    }

    /// Names the fields that hold email and mobile; rebuilds what changed.
    pub(super) fn index_by(&mut self, email: Option<u64>, mobile: Option<u64>) {
        for (index, field) in [(&mut self.email, email), (&mut self.mobile, mobile)] {
            if index.field == field {
                continue;
            }
            *index = Index { field, seats: HashMap::new() };
            for (seat, member) in &self.seats {
                index.add(*seat, member);
            }
        }
    }
}
