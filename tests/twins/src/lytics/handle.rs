//! Starts the twin; the side door in process.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::door;
use super::jobs::{Attempt, Authorization, Job, JobStatus, JobView, SeedJob};
use super::model::{Move, ProfileView, SeedProfile, SeedSegment, Segment};
use super::sender::send_all;
use super::state::State;
use super::switches::Switches;
use crate::clock::TwinClock;
use crate::outbox::Outbox;
use crate::twin::{Ports, Refused, Twin};

const ORIGIN: &str = "https://api.lytics.io";

/// How to start a twin. The default has random ports, the machine's clock, no segment, and the one token
/// `API_TOKEN` that never expires.
#[derive(Debug, Clone)]
pub struct Options {
    /// Port of the API; 0 lets the system choose, likewise in `door_port`.
    pub api_port: u16,
    /// Port of the side door.
    pub door_port: u16,
    /// What the twin takes for now.
    pub clock: TwinClock,
    /// Token of the API → when it expires, if ever.
    pub tokens: BTreeMap<String, Option<Timestamp>>,
    /// How the twin reads what the documentation leaves open.
    pub switches: Switches,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            api_port: 0,
            door_port: 0,
            clock: TwinClock::machine(),
            tokens: BTreeMap::from([("API_TOKEN".to_owned(), None)]),
            switches: Switches::default(),
        }
    }
}

/// A handle on a running twin; it stops when the last clone is dropped.
pub type LyticsTwin = Twin<State>;

impl LyticsTwin {
    /// Without sockets: to be reached through [`Twin::router`]. Webhooks are called from a task of the current
    /// tokio runtime.
    pub fn new(options: Options) -> Self {
        let Options { api_port: _, door_port: _, clock, tokens, switches } = options;
        let (outbox, parcels) = Outbox::new();
        let mut twin = Self::in_process(&[ORIGIN], clock, State::new(tokens, switches, outbox));
        twin.run(send_all(Arc::clone(twin.shared()), parcels));
        twin
    }

    /// Serves both ports and calls webhooks from tasks of the current tokio runtime. `Err`: a port is not free.
    pub async fn start(options: Options) -> io::Result<Self> {
        let (api, door) = (options.api_port, options.door_port);
        Self::new(options).listen(Ports { apis: &[api], door }, door::routes()).await
    }

    /// Adds a token of the API, or gives it another end.
    pub fn set_token(&self, token: &str, expires_at: Option<Timestamp>) {
        self.lock().tokens.insert(token.to_owned(), expires_at);
    }

    /// Removes a token, if there is one; its requests get 401.
    pub fn remove_token(&self, token: &str) {
        self.lock().tokens.remove(token);
    }

    /// The id of the new segment. Refused when id or slug are taken.
    pub fn seed_segment(&self, seed: &SeedSegment) -> Result<String, Refused> {
        let mut state = self.lock();
        let segment = Segment::new(seed, state.desk.now);
        if state.segments.values().any(|known| known.is(&segment.id) || known.is(&segment.slug)) {
            return Err(Refused::because("a segment has that id or slug"));
        }
        let id = segment.id.clone();
        state.segments.insert(id.clone(), segment);
        Ok(id)
    }

    /// All or none; nothing is sent. Refused when a key is taken or a segment is unknown.
    pub fn seed_profiles(&self, seeds: &[SeedProfile]) -> Result<(), Refused> {
        let mut state = self.lock();
        for seed in seeds {
            if state.numbers.contains_key(&seed.key) {
                return Err(Refused::because(format!("a profile has the key {}", seed.key)));
            }
            for segment in &seed.segments {
                state.segment(segment).map_err(|_| no_segment())?;
            }
        }
        for seed in seeds {
            state.seed_profile(seed);
        }
        Ok(())
    }

    /// The profile of that key.
    pub fn profile(&self, key: &str) -> Option<ProfileView> {
        let state = self.lock();
        let number = state.numbers.get(key)?;
        let profile = state.profiles.get(number)?;
        let within = state.segments.values().filter_map(|segment| {
            let entered = segment.members.get(number)?;
            Some((segment.slug.clone(), *entered))
        });
        Some(ProfileView { key: key.to_owned(), fields: profile.fields.clone(), segments: within.collect() })
    }

    /// Keys of the members of a segment, by id or slug, in the order of their making; none where it is unknown.
    pub fn members(&self, segment: &str) -> Vec<String> {
        let state = self.lock();
        let Ok(segment) = state.segment(segment) else { return Vec::new() };
        let profiles = segment.members.keys().filter_map(|number| state.profiles.get(number));
        profiles.map(|profile| profile.key.clone()).collect()
    }

    /// A person enters; jobs send it. Whether profile and segment are there.
    pub fn enter(&self, key: &str, segment: &str) -> bool {
        self.move_profile(key, &[Move::enter(segment)])
    }

    /// A person leaves; jobs send it. Whether profile and segment are there.
    pub fn exit(&self, key: &str, segment: &str) -> bool {
        self.move_profile(key, &[Move::exit(segment)])
    }

    /// Several things happen at once, in this order; jobs send them, whether or not they change anything. Whether
    /// the profile and all segments are there; else nothing happens.
    pub fn move_profile(&self, key: &str, moves: &[Move]) -> bool {
        let mut state = self.lock();
        let Some(number) = state.numbers.get(key).copied() else { return false };
        if moves.iter().any(|step| state.segment(&step.segment).is_err()) {
            return false;
        }
        state.make_moves(number, moves);
        true
    }

    /// A person leaves by the passing of time: sent only where the segment has `schedule_exit`. Whether profile
    /// and segment are there.
    pub fn lapse(&self, key: &str, segment: &str) -> bool {
        let mut state = self.lock();
        let Some(number) = state.numbers.get(key).copied() else { return false };
        let Ok(found) = state.segment(segment) else { return false };
        let (id, scheduled) = (found.id.clone(), found.schedule_exit == Some(true));
        if scheduled {
            state.make_moves(number, &[Move::exit(segment)]);
        } else if let Some(segment) = state.segments.get_mut(&id) {
            segment.members.remove(&number);
        }
        true
    }

    /// A field of a profile changes; jobs that have it among their `field_changes` send it. Whether it is there.
    pub fn set_field(&self, key: &str, field: &str, value: impl Into<Value>) -> bool {
        let mut state = self.lock();
        let Some(number) = state.numbers.get(key).copied() else { return false };
        state.change_field(number, field, value.into());
        true
    }

    /// A profile is deleted; nothing is sent. Whether it was there.
    pub fn erase_profile(&self, key: &str) -> bool {
        let mut state = self.lock();
        let Some(number) = state.numbers.remove(key) else { return false };
        for segment in state.segments.values_mut() {
            segment.members.remove(&number);
        }
        state.profiles.remove(&number).is_some()
    }

    /// The work id of the new job, which runs. Refused for what the vendor would not take.
    pub fn start_job(&self, seed: SeedJob) -> Result<String, Refused> {
        let mut state = self.lock();
        if let Some(fault) = seed.fault() {
            return Err(Refused::because(fault));
        }
        let segments: Result<Vec<String>, _> =
            seed.segment_ids.iter().map(|id| state.segment(id).map(|segment| segment.id.clone())).collect();
        let segments = segments.map_err(|_| no_segment())?;
        let (id, withbackfill) = (state.ids.job(), seed.withbackfill);
        let job = Job::new(seed, segments, state.desk.now);
        state.jobs.insert(id.clone(), job);
        if withbackfill {
            state.backfill(&id);
        }
        Ok(id)
    }

    /// Its events are kept from now on. Whether the job is there.
    pub fn pause_job(&self, id: &str) -> bool {
        self.set_status(id, JobStatus::Paused)
    }

    /// It runs again, after a failure too, and sends what it kept. Whether the job is there.
    pub fn resume_job(&self, id: &str) -> bool {
        let found = self.set_status(id, JobStatus::Runnable);
        self.lock().release_backlog(id);
        found
    }

    /// Its events are lost from now on. Whether the job is there.
    pub fn kill_job(&self, id: &str) -> bool {
        self.set_status(id, JobStatus::Killed)
    }

    /// Another authorization for a job; its token is forgotten. Whether the job is there.
    pub fn authorize_job(&self, id: &str, authorization: Authorization) -> bool {
        let mut state = self.lock();
        let Some(job) = state.jobs.get_mut(id) else { return false };
        job.seed.authorization = authorization;
        job.oauth = None;
        true
    }

    /// All jobs, by work id.
    pub fn jobs(&self) -> Vec<JobView> {
        self.lock().jobs.iter().map(|(id, job)| job.view(id)).collect()
    }

    /// The job of that work id.
    pub fn job(&self, id: &str) -> Option<JobView> {
        self.lock().jobs.get(id).map(|job| job.view(id))
    }

    /// Requests to webhooks that ended, oldest first.
    pub fn attempts(&self) -> Vec<Attempt> {
        self.lock().attempts.clone()
    }

    /// Forgets the requests so far.
    pub fn clear_attempts(&self) {
        self.lock().attempts.clear();
    }

    /// Waits until everything that is due by the twin's clock has been sent. What waits for a later time, as a
    /// batch or a try again, needs the clock to be moved; what was to be overtaken goes now.
    pub async fn webhooks_settled(&self) {
        loop {
            let mut open = {
                let mut state = self.lock();
                state.release_held();
                state.outbox.open()
            };
            if *open.borrow_and_update() == 0 {
                return;
            }
            // The sender lives in the state, which this handle keeps.
            let _ = open.wait_for(|open| *open == 0).await;
        }
    }

    fn set_status(&self, id: &str, status: JobStatus) -> bool {
        let mut state = self.lock();
        let Some(job) = state.jobs.get_mut(id) else { return false };
        job.status = status;
        job.errors = 0;
        true
    }
}

fn no_segment() -> Refused {
    Refused::because("no such segment")
}
