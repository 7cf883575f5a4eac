//! Flights, claims, budgets, jobs, erasures, counters and marks.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;
use muster::model::budget::{Allowance, Grant, Spend};
use muster::model::{
    ActivationId, AuthorizationId, Flight, FlightId, Job, JobId, KeyHash, PersonKey, Scan, ScanId, SourceId, Timer,
};
use muster::ports::{Claim, Ledger, PortResult};
use parking_lot::Mutex;

#[derive(Debug, Default)]
pub(crate) struct Notes {
    state: Mutex<State>,
}

/// What has a random id stands in the order of its arrival beside the index by id.
#[derive(Debug, Default)]
struct State {
    arrived: u64,
    flights: BTreeMap<(Timestamp, u64), Flight>,
    flight_places: BTreeMap<FlightId, (Timestamp, u64)>,
    jobs: BTreeMap<(Timestamp, u64), Job>,
    job_places: BTreeMap<JobId, (Timestamp, u64)>,
    scans: BTreeMap<ScanId, Scan>,
    claims: BTreeMap<ActivationId, BTreeMap<KeyHash, Holding>>,
    allowances: BTreeMap<AuthorizationId, Allowance>,
    erasures: BTreeMap<PersonKey, Timestamp>,
    timers: BTreeSet<Timer>,
    counters: BTreeMap<String, u64>,
    marks: BTreeMap<String, Timestamp>,
}

#[derive(Debug)]
struct Holding {
    holder: PersonKey,
    contender: Option<PersonKey>,
    /// By whose run it is offered to be given back.
    offered: Option<FlightId>,
}

impl State {
    fn next(&mut self) -> u64 {
        self.arrived += 1;
        self.arrived
    }
}

fn is_of<T>(activation: Option<&ActivationId>, of: impl Fn(&T) -> &ActivationId) -> impl Fn(&&T) -> bool {
    move |one| activation.is_none_or(|activation| of(one) == activation)
}

#[async_trait]
impl Ledger for Notes {
    async fn put_flight(&self, flight: &Flight) -> PortResult<()> {
        let mut state = self.state.lock();
        let arrived = match state.flight_places.remove(&flight.id) {
            Some(place) => {
                state.flights.remove(&place);
                place.1
            }
            None => state.next(),
        };
        let place = (flight.started_at, arrived);
        state.flight_places.insert(flight.id.clone(), place);
        state.flights.insert(place, flight.clone());
        Ok(())
    }

    async fn clear_flight(&self, id: &FlightId) -> PortResult<()> {
        let mut state = self.state.lock();
        if let Some(place) = state.flight_places.remove(id) {
            state.flights.remove(&place);
        }
        Ok(())
    }

    async fn flight(&self, id: &FlightId) -> PortResult<Option<Flight>> {
        let state = self.state.lock();
        Ok(state.flight_places.get(id).and_then(|place| state.flights.get(place)).cloned())
    }

    async fn flights(&self, activation: Option<&ActivationId>) -> PortResult<Vec<Flight>> {
        let state = self.state.lock();
        Ok(state.flights.values().filter(is_of(activation, |flight: &Flight| &flight.activation)).cloned().collect())
    }

    async fn claim(
        &self,
        activation: &ActivationId,
        claims: &[(KeyHash, PersonKey)],
    ) -> PortResult<Vec<(KeyHash, PersonKey, Claim)>> {
        let mut state = self.state.lock();
        let held = state.claims.entry(activation.clone()).or_default();
        let answers = claims.iter().map(|(key, person)| {
            let holding = held.entry(*key).or_insert(Holding { holder: *person, contender: None, offered: None });
            if holding.holder == *person {
                holding.offered = None;
                return (*key, *person, Claim::Held);
            }
            holding.contender = Some(*person);
            (*key, *person, Claim::HeldBy(holding.holder))
        });
        Ok(answers.collect())
    }

    async fn offer(&self, activation: &ActivationId, key: KeyHash, person: PersonKey, by: &FlightId) -> PortResult<()> {
        let mut state = self.state.lock();
        let holding = state.claims.get_mut(activation).and_then(|held| held.get_mut(&key));
        if let Some(holding) = holding.filter(|holding| holding.holder == person) {
            holding.offered = Some(by.clone());
        }
        Ok(())
    }

    async fn release(
        &self,
        activation: &ActivationId,
        key: KeyHash,
        person: PersonKey,
        by: &FlightId,
    ) -> PortResult<Option<PersonKey>> {
        let mut state = self.state.lock();
        let Some(held) = state.claims.get_mut(activation) else { return Ok(None) };
        let is_offered = |holding: &Holding| holding.holder == person && holding.offered.as_ref() == Some(by);
        if !held.get(&key).is_some_and(is_offered) {
            return Ok(None);
        }
        Ok(held.remove(&key).and_then(|holding| holding.contender))
    }

    async fn holder(&self, activation: &ActivationId, key: KeyHash) -> PortResult<Option<PersonKey>> {
        let state = self.state.lock();
        Ok(state.claims.get(activation).and_then(|held| held.get(&key)).map(|holding| holding.holder))
    }

    async fn spend(&self, account: &AuthorizationId, spend: &Spend, now: Timestamp) -> PortResult<Grant> {
        Ok(self.state.lock().allowances.entry(account.clone()).or_default().spend(spend, now))
    }

    async fn put_job(&self, job: &Job) -> PortResult<()> {
        let mut state = self.state.lock();
        let place = match state.job_places.get(&job.id) {
            Some(place) => *place,
            None => (job.started_at, state.next()),
        };
        state.job_places.insert(job.id.clone(), place);
        state.jobs.insert(place, job.clone());
        Ok(())
    }

    async fn job(&self, id: &JobId) -> PortResult<Option<Job>> {
        let state = self.state.lock();
        Ok(state.job_places.get(id).and_then(|place| state.jobs.get(place)).cloned())
    }

    async fn advance_job(&self, read: &Job, job: &Job) -> PortResult<bool> {
        let mut state = self.state.lock();
        let Some(place) = state.job_places.get(&read.id).copied() else { return Ok(false) };
        let Some(stored) = state.jobs.get_mut(&place) else { return Ok(false) };
        if stored.cursor != read.cursor || stored.status != read.status {
            return Ok(false);
        }
        stored.clone_from(job);
        Ok(true)
    }

    async fn jobs(&self, activation: Option<&ActivationId>) -> PortResult<Vec<Job>> {
        let state = self.state.lock();
        Ok(state.jobs.values().rev().filter(is_of(activation, |job: &Job| &job.activation)).cloned().collect())
    }

    async fn put_scan(&self, scan: &Scan, read_revision: u64) -> PortResult<bool> {
        let mut state = self.state.lock();
        if state.scans.get(&scan.id).map_or(0, |stored| stored.revision) != read_revision {
            return Ok(false);
        }
        state.scans.insert(scan.id.clone(), scan.clone());
        Ok(true)
    }

    async fn scan(&self, id: &ScanId) -> PortResult<Option<Scan>> {
        Ok(self.state.lock().scans.get(id).cloned())
    }

    async fn scans(&self, source: Option<&SourceId>) -> PortResult<Vec<Scan>> {
        let state = self.state.lock();
        let of_source = state.scans.values().filter(|scan| source.is_none_or(|source| scan.source == *source));
        let mut scans: Vec<Scan> = of_source.cloned().collect();
        scans.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
        Ok(scans)
    }

    async fn note_erasure(&self, person: PersonKey, at: Timestamp) -> PortResult<()> {
        self.state.lock().erasures.insert(person, at);
        Ok(())
    }

    async fn erasures(&self) -> PortResult<Vec<(PersonKey, Timestamp)>> {
        Ok(self.state.lock().erasures.iter().map(|(person, at)| (*person, *at)).collect())
    }

    async fn clear_erasure(&self, person: PersonKey, noted_at: Timestamp) -> PortResult<()> {
        let mut state = self.state.lock();
        if state.erasures.get(&person) == Some(&noted_at) {
            state.erasures.remove(&person);
        }
        Ok(())
    }

    async fn set_timer(&self, timer: &Timer) -> PortResult<()> {
        self.state.lock().timers.insert(timer.clone());
        Ok(())
    }

    async fn due_timers(&self, now: Timestamp, most: usize) -> PortResult<Vec<Timer>> {
        let state = self.state.lock();
        Ok(state.timers.iter().take_while(|timer| timer.is_due(now)).take(most).cloned().collect())
    }

    async fn clear_timer(&self, timer: &Timer) -> PortResult<()> {
        self.state.lock().timers.remove(timer);
        Ok(())
    }

    async fn count(&self, name: &str, by: u64) -> PortResult<()> {
        let mut state = self.state.lock();
        match state.counters.get_mut(name) {
            Some(count) => *count += by,
            None => {
                state.counters.insert(name.to_owned(), by);
            }
        }
        Ok(())
    }

    async fn counters(&self, prefix: &str) -> PortResult<BTreeMap<String, u64>> {
        let state = self.state.lock();
        let from_prefix = state.counters.range(prefix.to_owned()..);
        let found = from_prefix.take_while(|(name, _)| name.starts_with(prefix));
        Ok(found.map(|(name, count)| (name.clone(), *count)).collect())
    }

    async fn set_mark(&self, name: &str, at: Timestamp) -> PortResult<()> {
        self.state.lock().marks.insert(name.to_owned(), at);
        Ok(())
    }

    async fn mark(&self, name: &str) -> PortResult<Option<Timestamp>> {
        Ok(self.state.lock().marks.get(name).copied())
    }
}
