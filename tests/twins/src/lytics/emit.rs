//! From what happens to profiles to parcels for the sender: filtered by job, twisted by switches, batched, and kept
//! until they are due.

use jiff::{SignedDuration, Timestamp};

use super::jobs::{AudienceEvents, Job, JobStatus};
use super::message::{Message, SegmentEvent, Writer};
use super::model::{Direction, Profile};
use super::state::State;
use super::switches::{BackfillStamp, Duplicates};

/// Events that go to a webhook one request after the other.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    pub job: String,
    /// 1 for the first try.
    pub attempt: u32,
    /// Of each request.
    pub requests: Vec<Vec<Message>>,
}

/// What waits for its time.
#[derive(Debug)]
pub(super) enum Waiting {
    Parcel(Parcel),
    Backfill { job: String, messages: Vec<Message> },
}

impl State {
    /// Tells every job that tracks them of moves that happened at once.
    pub(super) fn emit_moves(&mut self, profile: u64, events: &[SegmentEvent]) {
        let joined = self.desk.switches.joined_events;
        let ids: Vec<String> = self.jobs.keys().cloned().collect();
        for id in ids {
            let Some(job) = self.jobs.get(&id) else { continue };
            let wanted: Vec<SegmentEvent> = events.iter().filter(|event| tracks(job, event)).cloned().collect();
            let groups: Vec<Vec<SegmentEvent>> =
                if joined { vec![wanted] } else { wanted.into_iter().map(|event| vec![event]).collect() };
            for group in groups.into_iter().filter(|group| !group.is_empty()) {
                let message = self.message(profile, group);
                self.emit(&id, message);
            }
        }
    }

    /// Tells every job that wants to know of a field's change, if the profile is in one of its segments.
    pub(super) fn emit_field(&mut self, profile: u64, field: &str) {
        let is_member =
            |id: &String| self.segments.get(id).is_some_and(|segment| segment.members.contains_key(&profile));
        let wants =
            |job: &Job| job.seed.field_changes.iter().any(|name| name == field) && job.segments.iter().any(is_member);
        let ids: Vec<String> = self.jobs.iter().filter(|(_, job)| wants(job)).map(|(id, _)| id.clone()).collect();
        for id in ids {
            let message = self.message(profile, Vec::new());
            self.emit(&id, message);
        }
    }

    /// Sends those who are members already as enters.
    pub(super) fn backfill(&mut self, id: &str) {
        let Some(job) = self.jobs.get(id) else { return };
        let segments = job.segments.clone();
        let (stamp, now) = (self.desk.switches.backfill_stamp, self.desk.now);
        let mut messages = Vec::new();
        for segment in segments {
            let Some(segment) = self.segments.get(&segment).cloned() else { continue };
            for (profile, entered) in segment.members {
                let at = match stamp {
                    BackfillStamp::Sent | BackfillStamp::JobStart => now,
                    BackfillStamp::Entered => entered,
                };
                let (id, slug, direction) = (segment.id.clone(), segment.slug.clone(), Direction::Enter);
                let mut message = self.message(profile, vec![SegmentEvent { id, slug, direction, at }]);
                message.stamped_when_sent = stamp == BackfillStamp::Sent;
                messages.push(message);
            }
        }
        let delay = i64::from(self.desk.switches.backfill_delay_seconds);
        self.wait(delay, Waiting::Backfill { job: id.to_owned(), messages });
    }

    fn message(&mut self, profile: u64, events: Vec<SegmentEvent>) -> Message {
        let data = self.profiles.get(&profile).map(Profile::data).unwrap_or_default();
        let (id, segments_all) = (self.ids.event(), self.slugs(profile));
        Message { id, profile, data, segments_all, events, stamped_when_sent: false }
    }

    fn emit(&mut self, id: &str, message: Message) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        match job.status {
            JobStatus::Runnable => self.twist(id, message),
            JobStatus::Paused => job.backlog.push(message),
            JobStatus::Failed | JobStatus::Killed => {
                job.omitted += 1;
                self.desk.counters.events_lost += 1;
            }
        }
    }

    /// Events while it was paused, in their order.
    pub(super) fn release_backlog(&mut self, id: &str) {
        let backlog = self.jobs.get_mut(id).map(|job| std::mem::take(&mut job.backlog)).unwrap_or_default();
        for message in backlog {
            self.emit(id, message);
        }
    }

    /// Holds the message for its successor to overtake it, if that is wanted.
    fn twist(&mut self, id: &str, message: Message) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        if !self.desk.switches.out_of_order {
            return self.parcel(id, vec![message]);
        }
        match job.held.remove(&message.profile) {
            Some(earlier) => self.parcel(id, vec![message, earlier]),
            None => {
                job.held.insert(message.profile, message);
            }
        }
    }

    /// What was to be overtaken goes as it is.
    pub(super) fn release_held(&mut self) {
        let mut released = Vec::new();
        for (id, job) in &mut self.jobs {
            let held = std::mem::take(&mut job.held);
            released.extend(held.into_values().map(|message| (id.clone(), message)));
        }
        for (id, message) in released {
            self.parcel(&id, vec![message]);
        }
    }

    /// In batches, or in a parcel whose requests follow one another.
    fn parcel(&mut self, id: &str, messages: Vec<Message>) {
        let mut sent = Vec::new();
        for message in messages {
            if self.is_too_large(id, &message) {
                self.desk.counters.events_too_large += 1;
                self.omit(id, 1);
                continue;
            }
            let again = match self.desk.switches.duplicates {
                Duplicates::None => None,
                Duplicates::SameId => Some(message.clone()),
                Duplicates::NewId => Some(Message { id: self.ids.event(), ..message.clone() }),
            };
            sent.push(message);
            sent.extend(again);
        }
        let now = self.desk.now;
        let Some(job) = self.jobs.get_mut(id) else { return };
        if job.seed.batch_requests {
            job.batch.extend(sent);
            job.batch_since.get_or_insert(now);
            return self.send_batches(id, Fullness::Full);
        }
        if !sent.is_empty() {
            let requests = sent.into_iter().map(|message| vec![message]).collect();
            self.outbox.send(Parcel { job: id.to_owned(), attempt: 1, requests });
        }
    }

    fn is_too_large(&self, id: &str, message: &Message) -> bool {
        let Some(job) = self.jobs.get(id) else { return false };
        let (switches, now) = (&self.desk.switches, self.desk.now);
        Writer { job: &job.seed, job_id: id, switches, now }.is_too_large(message)
    }

    pub(super) fn omit(&mut self, id: &str, events: u64) {
        if let Some(job) = self.jobs.get_mut(id) {
            job.omitted += events;
        }
    }

    fn send_batches(&mut self, id: &str, fullness: Fullness) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        while job.batch.len() >= job.seed.batch_size || (fullness == Fullness::Any && !job.batch.is_empty()) {
            let size = job.seed.batch_size.min(job.batch.len());
            let batch: Vec<Message> = job.batch.drain(..size).collect();
            self.outbox.send(Parcel { job: id.to_owned(), attempt: 1, requests: vec![batch] });
        }
        if job.batch.is_empty() {
            job.batch_since = None;
        }
    }

    pub(super) fn wait(&mut self, seconds: i64, what: Waiting) {
        let due_at = self.desk.now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(self.desk.now);
        self.waiting.push((due_at, what));
        self.send_due();
    }

    /// Sends what is due by the desk's now: retries, backfills, batches that waited long enough.
    pub(super) fn send_due(&mut self) {
        let now = self.desk.now;
        if self.waiting.iter().any(|(due_at, _)| *due_at <= now) {
            let all = std::mem::take(&mut self.waiting);
            let (mut due, later): (Vec<_>, Vec<_>) = all.into_iter().partition(|(due_at, _)| *due_at <= now);
            self.waiting = later;
            due.sort_by_key(|(due_at, _)| *due_at);
            for (_, what) in due {
                match what {
                    Waiting::Parcel(parcel) => self.outbox.send(parcel),
                    Waiting::Backfill { job, messages } => {
                        messages.into_iter().for_each(|message| self.emit(&job, message));
                    }
                }
            }
        }
        if !self.desk.switches.out_of_order && self.jobs.values().any(|job| !job.held.is_empty()) {
            self.release_held();
        }
        let flushed = |job: &Job| flush_at(job).is_some_and(|at| at <= now);
        let ids: Vec<String> = self.jobs.iter().filter(|(_, job)| flushed(job)).map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.send_batches(&id, Fullness::Any);
        }
    }
}

/// How full a batch must be to be sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fullness {
    Full,
    Any,
}

fn tracks(job: &Job, event: &SegmentEvent) -> bool {
    let wanted = match (job.seed.audience_events, event.direction) {
        (AudienceEvents::Both, _)
        | (AudienceEvents::EntersOnly, Direction::Enter)
        | (AudienceEvents::ExitsOnly, Direction::Exit) => true,
        (AudienceEvents::EntersOnly, Direction::Exit) | (AudienceEvents::ExitsOnly, Direction::Enter) => false,
    };
    wanted && job.segments.contains(&event.id)
}

fn flush_at(job: &Job) -> Option<Timestamp> {
    let wait = SignedDuration::from_secs(i64::from(job.seed.batch_flush_duration));
    job.batch_since?.saturating_add(wait).ok()
}
