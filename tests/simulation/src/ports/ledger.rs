//! Flights, claims, budgets, jobs, scans.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use muster::model::budget::{Grant, Spend};
use muster::model::{
    ActivationId, AuthorizationId, Flight, FlightId, Job, JobId, KeyHash, PersonKey, Scan, ScanId, SourceId, Timer,
};
use muster::ports::{Claim, Ledger, PortResult};

use super::Faulty;
use crate::broken::Broken;
use crate::stage::CANARY;

/// Enough of a key to tell those of a story apart.
fn short(key: &impl ToString) -> String {
    key.to_string().chars().take(4).collect()
}

#[async_trait]
impl Ledger for Faulty<dyn Ledger> {
    async fn put_flight(&self, flight: &Flight) -> PortResult<()> {
        if self.stage.lacks(Broken::NoFlight) {
            return Ok(());
        }
        if self.stage.lacks(Broken::FlightClearedWhileOpen) && self.inner.flight(&flight.id).await?.is_some() {
            return self.inner.clear_flight(&flight.id).await;
        }
        self.around("ledger.put_flight", self.inner.put_flight(flight)).await
    }

    async fn clear_flight(&self, id: &FlightId) -> PortResult<()> {
        self.around("ledger.clear_flight", self.inner.clear_flight(id)).await
    }

    async fn flight(&self, id: &FlightId) -> PortResult<Option<Flight>> {
        self.around("ledger.flight", self.inner.flight(id)).await
    }

    async fn flights(&self, activation: Option<&ActivationId>) -> PortResult<Vec<Flight>> {
        self.around("ledger.flights", self.inner.flights(activation)).await
    }

    async fn claim(
        &self,
        activation: &ActivationId,
        claims: &[(KeyHash, PersonKey)],
    ) -> PortResult<Vec<(KeyHash, PersonKey, Claim)>> {
        if self.stage.lacks(Broken::NoClaims) {
            return Ok(claims.iter().map(|(key, person)| (*key, *person, Claim::Held)).collect());
        }
        let answers = self.around("ledger.claim", self.inner.claim(activation, claims)).await?;
        for (key, person, claim) in &answers {
            let refused = matches!(claim, Claim::HeldBy(_));
            let told = || format!("{activation}: {} claims {}: {claim:?}", short(person), short(key));
            self.stage.note(told, refused.into());
        }
        Ok(answers)
    }

    async fn offer(&self, activation: &ActivationId, key: KeyHash, person: PersonKey, by: &FlightId) -> PortResult<()> {
        self.around("ledger.offer", self.inner.offer(activation, key, person, by)).await
    }

    async fn release(
        &self,
        activation: &ActivationId,
        key: KeyHash,
        person: PersonKey,
        by: &FlightId,
    ) -> PortResult<Option<PersonKey>> {
        let next = self.around("ledger.release", self.inner.release(activation, key, person, by)).await?;
        self.stage
            .note(|| format!("{activation}: {} gives {} back", short(&person), short(&key)), next.is_some().into());
        Ok(next)
    }

    async fn holder(&self, activation: &ActivationId, key: KeyHash) -> PortResult<Option<PersonKey>> {
        self.around("ledger.holder", self.inner.holder(activation, key)).await
    }

    async fn spend(&self, account: &AuthorizationId, spend: &Spend, now: Timestamp) -> PortResult<Grant> {
        let is_wish = matches!(spend, Spend::Block { .. });
        let (task, began) = (self.stage.acting().task, self.stage.now());
        // One that could not be noted once is not made good by a later one.
        let was_deaf = self.stage.is_deaf(task);
        if is_wish {
            // Until it is noted nobody else can know.
            self.stage.deafen(task);
        }
        let granted = self.around("ledger.spend", self.inner.spend(account, spend, now)).await;
        let is_timely = self.stage.now() <= began + SignedDuration::from_secs(3);
        if is_wish && granted.is_ok() && is_timely && !was_deaf {
            self.stage.hears(task);
        }
        granted
    }

    async fn put_job(&self, job: &Job) -> PortResult<()> {
        self.around("ledger.put_job", self.inner.put_job(job)).await
    }

    async fn job(&self, id: &JobId) -> PortResult<Option<Job>> {
        self.around("ledger.job", self.inner.job(id)).await
    }

    async fn advance_job(&self, read: &Job, job: &Job) -> PortResult<bool> {
        self.around("ledger.advance_job", self.inner.advance_job(read, job)).await
    }

    async fn jobs(&self, activation: Option<&ActivationId>) -> PortResult<Vec<Job>> {
        self.around("ledger.jobs", self.inner.jobs(activation)).await
    }

    async fn put_scan(&self, scan: &Scan, read_revision: u64) -> PortResult<bool> {
        self.around("ledger.put_scan", self.inner.put_scan(scan, read_revision)).await
    }

    async fn scan(&self, id: &ScanId) -> PortResult<Option<Scan>> {
        self.around("ledger.scan", self.inner.scan(id)).await
    }

    async fn scans(&self, source: Option<&SourceId>) -> PortResult<Vec<Scan>> {
        self.around("ledger.scans", self.inner.scans(source)).await
    }

    async fn note_erasure(&self, person: PersonKey, at: Timestamp) -> PortResult<()> {
        self.around("ledger.note_erasure", self.inner.note_erasure(person, at)).await
    }

    async fn erasures(&self) -> PortResult<Vec<(PersonKey, Timestamp)>> {
        self.around("ledger.erasures", self.inner.erasures()).await
    }

    async fn clear_erasure(&self, person: PersonKey, noted_at: Timestamp) -> PortResult<()> {
        self.around("ledger.clear_erasure", self.inner.clear_erasure(person, noted_at)).await
    }

    async fn set_timer(&self, timer: &Timer) -> PortResult<()> {
        self.around("ledger.set_timer", self.inner.set_timer(timer)).await
    }

    async fn due_timers(&self, now: Timestamp, most: usize) -> PortResult<Vec<Timer>> {
        self.around("ledger.due_timers", self.inner.due_timers(now, most)).await
    }

    async fn clear_timer(&self, timer: &Timer) -> PortResult<()> {
        self.around("ledger.clear_timer", self.inner.clear_timer(timer)).await
    }

    async fn count(&self, name: &str, by: u64) -> PortResult<()> {
        let address = self.stage.lacks(Broken::AddressCounted).then(|| format!("{name}/someone@{CANARY}.example"));
        self.stage.shown("a counter", address.as_deref().unwrap_or(name));
        self.around("ledger.count", self.inner.count(name, by)).await
    }

    async fn counters(&self, prefix: &str) -> PortResult<BTreeMap<String, u64>> {
        self.around("ledger.counters", self.inner.counters(prefix)).await
    }

    async fn set_mark(&self, name: &str, at: Timestamp) -> PortResult<()> {
        self.around("ledger.set_mark", self.inner.set_mark(name, at)).await
    }

    async fn mark(&self, name: &str) -> PortResult<Option<Timestamp>> {
        self.around("ledger.mark", self.inner.mark(name)).await
    }
}
