//! What happens to profiles.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::message::SegmentEvent;
use super::model::{Direction, Move, Profile, SeedProfile};
use super::state::State;

impl State {
    pub(super) fn seed_profile(&mut self, seed: &SeedProfile) {
        let (number, now) = (self.ids.profile(), self.desk.now);
        let (key, fields) = (seed.key.clone(), seed.fields.clone());
        self.numbers.insert(key.clone(), number);
        self.profiles.insert(number, Profile { key, fields, created: now, modified: now, events: 0 });
        for segment in self.segments.values_mut() {
            if seed.segments.iter().any(|name| segment.is(name)) {
                segment.members.insert(number, now);
            }
        }
    }

    pub(super) fn make_moves(&mut self, profile: u64, moves: &[Move]) {
        let mut events = Vec::new();
        for Move { segment, direction } in moves {
            let at = self.stamp();
            let Some(segment) = self.segments.values_mut().find(|known| known.is(segment)) else { continue };
            match direction {
                Direction::Enter => {
                    segment.members.entry(profile).or_insert(at);
                }
                Direction::Exit => {
                    segment.members.remove(&profile);
                }
            }
            if segment.emit_trigger != Some(false) {
                let (id, slug, direction) = (segment.id.clone(), segment.slug.clone(), *direction);
                events.push(SegmentEvent { id, slug, direction, at });
            }
        }
        self.touch(profile);
        self.emit_moves(profile, &events);
    }

    /// A field gets another value, which jobs may want to know.
    pub(super) fn change_field(&mut self, profile: u64, field: &str, value: Value) {
        if let Some(profile) = self.profiles.get_mut(&profile) {
            profile.fields.insert(field.to_owned(), value);
        }
        self.touch(profile);
        self.emit_field(profile, field);
    }

    fn touch(&mut self, profile: u64) {
        let now = self.desk.now;
        if let Some(profile) = self.profiles.get_mut(&profile) {
            profile.modified = now;
            profile.events += 1;
        }
    }

    /// Newer than every time before, so that two things that happen while the clock stands still have an order.
    fn stamp(&mut self) -> Timestamp {
        let next = self.last_stamp.saturating_add(SignedDuration::from_nanos(1)).unwrap_or(self.last_stamp);
        let ahead = next.duration_since(self.desk.now);
        let stands_still = ahead.is_positive() && ahead < SignedDuration::from_millis(1);
        self.last_stamp = if stands_still { next } else { self.desk.now };
        self.last_stamp
    }

    /// Slugs of the segments that a profile is in.
    pub(super) fn slugs(&self, profile: u64) -> Vec<String> {
        let within = self.segments.values().filter(|segment| segment.members.contains_key(&profile));
        within.map(|segment| segment.slug.clone()).collect()
    }
}
