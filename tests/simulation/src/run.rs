//! Runs a plan: starts what is due, takes one step after the other, lets time pass where nobody can go on, and
//! brings everything to rest in the end.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use muster::control::{ActivationChange, AttributesEdit, AudiencesEdit, Control, ControlError};
use muster::model::standing::Ending;
use muster::model::{JobKind, JobStatus, QueueName, Replay, TraceId};
use muster::ports::Segment;
use serde_json::Value as Json;

use crate::broken::Broken;
use crate::exec::{Done, Ended, Role, Tasks};
use crate::fault::Fault;
use crate::invariant::Invariant;
use crate::plan::{Act, Link, Linked, Plan, PlannedFact};
use crate::stage::Stage;
use crate::vendor::Vendors;
use crate::world::{CACHE_AGE, Process, World, deadline, source};
use crate::{truth, worker};

/// How often the sweep comes, where there is anything to sweep.
const SWEPT_EVERY: SignedDuration = SignedDuration::from_secs(60);
/// How long an activation that fails, or was never prepared, waits for another look.
const PROBED_EVERY: SignedDuration = SignedDuration::from_secs(301);
/// More steps mean that it never comes to rest.
const MOST_STEPS: u64 = 4_000_000;
/// Steps between two looks at what is due at the same moment.
const LOOKS: u64 = 16;
/// Most messages of one batch.
const BATCH: usize = 10;

/// A world with what is to happen in it.
pub(crate) struct Run<'p> {
    pub(crate) plan: &'p Plan,
    pub(crate) world: World,
    tasks: Tasks,
    /// Requests of the source that were not answered yet, with the time of their next try.
    waiting: Vec<(Timestamp, usize)>,
    acts: Vec<(Timestamp, Act)>,
    /// The act that is under way, or comes again.
    acting: Option<(Timestamp, Act)>,
    deaths: Vec<Timestamp>,
    purges: Vec<Timestamp>,
    swept_at: Timestamp,
    caught_up_at: Timestamp,
    /// Whether anything happened since the last sweep.
    unswept: bool,
    /// As it was found since the last task ended.
    needs_a_look: Option<bool>,
    pub(crate) counts: Counts,
    activated: [Option<Timestamp>; 2],
}

/// What the answers of 202 say, per activation.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Changes of answered requests that every activation counts.
    pub(crate) certain: [u64; 2],
    /// Changes of any try that it may have counted.
    pub(crate) possible: [u64; 2],
}

impl<'p> Run<'p> {
    pub(crate) fn new(plan: &'p Plan, world: World) -> Self {
        let mut waiting: Vec<_> = plan.requests.iter().enumerate().map(|(index, one)| (one.at, index)).collect();
        waiting.sort_unstable();
        let mut acts = plan.acts.clone();
        acts.reverse();
        Self {
            plan,
            world,
            tasks: Tasks::default(),
            waiting,
            acts,
            acting: None,
            deaths: plan.deaths.clone(),
            purges: plan.purges.clone(),
            swept_at: plan.start,
            caught_up_at: plan.start,
            unswept: false,
            needs_a_look: None,
            counts: Counts::default(),
            activated: [None; 2],
        }
    }

    fn stage(&self) -> &Stage {
        &self.world.stage
    }

    fn now(&self) -> Timestamp {
        self.world.stage.now()
    }

    /// Takes steps until nothing is left to do, or until `end`.
    pub(crate) async fn go(&mut self, end: Timestamp) {
        while !self.stage().is_over() {
            self.start_what_is_due().await;
            while let Some(ended) = self.tasks.step(&self.world.stage) {
                let starts = ended.is_some() || self.tasks.steps().is_multiple_of(LOOKS);
                if let Some((role, how)) = ended {
                    self.ended(role, how);
                }
                if self.stage().is_over() {
                    return;
                }
                if self.tasks.steps() > MOST_STEPS {
                    let depth = self.world.queue.depth();
                    self.stage().broke(Invariant::RestIsReached, || format!("{MOST_STEPS} steps, {depth} messages"));
                }
                if starts {
                    self.start_what_is_due().await;
                }
            }
            let Some(next) = self.next().await.filter(|next| *next <= end) else {
                if self.now() < end && end < Timestamp::MAX {
                    self.world.stage.clock.advance_to(end);
                }
                return;
            };
            self.world.stage.clock.advance_to(next.max(self.now()));
            self.world.vendors.land();
        }
    }

    /// Whether the source and the owner have nothing more to say.
    pub(crate) fn is_told(&self) -> bool {
        self.waiting.is_empty()
            && self.acts.is_empty()
            && self.acting.is_none()
            && self.tasks.count(|role| matches!(role, Role::Ingest(_) | Role::Act)) == 0
    }

    async fn next(&mut self) -> Option<Timestamp> {
        let act = if self.tasks.count(|role| role == Role::Act) > 0 { None } else { self.next_act().map(|(at, _)| at) };
        let times = [
            self.world.stage.clock.next_wake(),
            self.world.vendors.next(),
            self.next_message(),
            self.waiting.iter().map(|(at, _)| *at).min(),
            act,
            self.deaths.iter().chain(&self.purges).min().copied(),
            self.tasks.next_end(),
            self.next_sweep().await,
        ];
        times.into_iter().flatten().min()
    }

    /// When a message can be received. One that is visible already waits for a run of its queue to end.
    fn next_message(&self) -> Option<Timestamp> {
        let soon = self.now() + SignedDuration::from_secs(1);
        self.world.queue.next_due().map(|due| if due <= self.now() { soon } else { due })
    }

    fn next_act(&self) -> Option<(Timestamp, Act)> {
        self.acting.clone().or_else(|| self.acts.last().cloned())
    }

    /// When a sweep finds something to do.
    async fn next_sweep(&mut self) -> Option<Timestamp> {
        let after = self.swept_at + SWEPT_EVERY;
        if self.tasks.count(|role| role == Role::Sweep) > 0 || self.stage().lacks(Broken::NoSweep) {
            return None;
        }
        let ports = self.world.memory.ports();
        if self.unswept && !ports.ledger.erasures().await.unwrap_or_default().is_empty() {
            return Some(after);
        }
        let age = muster::delivery::Times::default().sweep_age;
        let flights = ports.ledger.flights(None).await.unwrap_or_default();
        let jobs = ports.ledger.jobs(None).await.unwrap_or_default();
        let mut times: Vec<Timestamp> = flights.iter().map(|flight| flight.acted_on_at(age)).collect();
        times.extend(jobs.iter().filter_map(|job| job.stalls_at(age)));
        times.extend(self.needs_a_look().await.then(|| self.swept_at + PROBED_EVERY));
        times.into_iter().min().map(|at| at.max(after))
    }

    /// Whether an activation fails, or is not prepared. Nothing changes that but a task.
    async fn needs_a_look(&mut self) -> bool {
        if let Some(known) = self.needs_a_look {
            return known;
        }
        let mut needs = false;
        for link in Link::ALL {
            let activation = self.world.activation(link).await;
            let failing = activation.status == muster::model::ActivationStatus::Failing;
            needs |= failing || (activation.status.delivers() && !activation.is_prepared());
        }
        self.needs_a_look = Some(needs);
        needs
    }

    fn ended(&mut self, role: Role, how: Ended) {
        self.unswept |= role != Role::Sweep;
        self.needs_a_look = None;
        match (role, how) {
            (Role::Ingest(request), Ended::Itself(Done::Yes)) => self.answered(request),
            (Role::Ingest(request), Ended::Itself(Done::No) | Ended::Died) => {
                let after = SignedDuration::from_secs(self.stage().draw(|chance| chance.between(2, 30)));
                self.waiting.push((self.now() + after, request));
            }
            (Role::Act, Ended::Itself(Done::Yes)) => self.acted(),
            (Role::Act, Ended::Itself(Done::No) | Ended::Died) => {
                if let Some((at, _)) = &mut self.acting {
                    *at = self.world.stage.now() + SignedDuration::from_secs(7);
                }
            }
            (Role::Deliver(_) | Role::Sweep | Role::CatchUp, Ended::Itself(_)) => {}
            (Role::Deliver(_) | Role::Sweep | Role::CatchUp, Ended::Died) => {
                let dead = self.stage().draw(|chance| chance.index(3));
                self.world.processes[dead] = self.world.process();
            }
        }
    }

    fn answered(&mut self, request: usize) {
        let repeats = self.stage().strikes(Fault::RequestRepeated, self.stage().odds().repeated);
        if repeats {
            let after = SignedDuration::from_secs(self.stage().draw(|chance| chance.between(0, 600)));
            self.waiting.push((self.now() + after, request));
        }
        for link in Link::ALL {
            let certain =
                self.plan.requests[request].changes.iter().filter(|change| self.counts(link, **change)).count();
            // A copy of the catalog may be as old, and a run that reads it as long.
            let since = self.activated[link.index()].map(|at| at + CACHE_AGE + SignedDuration::from_secs(70));
            if since.is_some_and(|since| since < self.now()) {
                self.counts.certain[link.index()] += certain as u64;
            }
            let (accepted, certain) = (self.world.watch.accepted(link), self.counts.certain[link.index()]);
            let possible = self.counts.possible[link.index()];
            if accepted < certain || accepted > possible {
                self.stage().broke(Invariant::AccountingAddsUp, || {
                    format!("{}: {accepted} accepted, the answers say {certain} to {possible}", link.id())
                });
            }
        }
    }

    /// Whether an activation counts a change whatever else happened.
    fn counts(&self, link: Link, change: usize) -> bool {
        let edited = |name: &str| {
            self.plan.acts.iter().any(|(_, act)| match act {
                Act::Add(of, audience) | Act::Remove(of, audience) => *of == link && *audience == name,
                Act::Attribute(of, attribute, _) => *of == link && *attribute == name,
                Act::Activate(_)
                | Act::Pause(_)
                | Act::Resume(_)
                | Act::Resync(_)
                | Act::Replay(_)
                | Act::CatchUp(_) => false,
            })
        };
        match &self.plan.changes[change].fact {
            PlannedFact::Entered(name, _) | PlannedFact::Left(name) | PlannedFact::Attribute(name, _) => {
                linked_at_first(link, name) && !edited(name)
            }
            PlannedFact::Suppressed | PlannedFact::Unsuppressed | PlannedFact::MergedInto(_) | PlannedFact::Erased => {
                true
            }
            PlannedFact::Profile => false,
        }
    }

    /// Whether an activation may count a change.
    fn may_count(&self, link: Link, change: usize) -> bool {
        let linked_later = |name: &str| {
            self.plan.acts.iter().any(|(_, act)| match act {
                Act::Add(of, audience) => *of == link && *audience == name,
                Act::Attribute(of, attribute, Linked::Yes) => *of == link && *attribute == name,
                Act::Attribute(_, _, Linked::No)
                | Act::Remove(..)
                | Act::Activate(_)
                | Act::Pause(_)
                | Act::Resume(_)
                | Act::Resync(_)
                | Act::Replay(_)
                | Act::CatchUp(_) => false,
            })
        };
        let told = &self.plan.changes[change];
        let touches = told.email.is_some() || told.card.is_some();
        touches
            || match &told.fact {
                PlannedFact::Entered(name, _) | PlannedFact::Left(name) | PlannedFact::Attribute(name, _) => {
                    linked_at_first(link, name) || linked_later(name)
                }
                PlannedFact::Suppressed
                | PlannedFact::Unsuppressed
                | PlannedFact::MergedInto(_)
                | PlannedFact::Erased => true,
                PlannedFact::Profile => false,
            }
    }

    async fn start_what_is_due(&mut self) {
        let now = self.now();
        self.strike_all(now);
        while let Some(at) = self.waiting.iter().position(|(at, _)| *at <= now) {
            let (_, request) = self.waiting.swap_remove(at);
            self.start_ingest(request);
        }
        self.start_act(now);
        for role in self.tasks.drop_late(&self.world.stage) {
            self.ended(role, Ended::Died);
        }
        let may = now >= self.swept_at + SWEPT_EVERY;
        if may && self.next_sweep().await.is_some_and(|at| at <= now) {
            (self.swept_at, self.unswept) = (now, false);
            let engine = Arc::clone(&self.some_process().engine);
            self.start(Role::Sweep, async move {
                match engine.sweep().await {
                    Ok(_) => Done::Yes,
                    Err(error) => {
                        tracing::error!(%error, "a sweep failed");
                        Done::No
                    }
                }
            });
        }
        if now >= self.caught_up_at + SignedDuration::from_hours(24) {
            self.catch_up();
        }
        self.receive();
    }

    /// The daily walk of who is pending.
    pub(crate) fn catch_up(&mut self) {
        self.caught_up_at = self.now();
        let engine = Arc::clone(&self.some_process().engine);
        self.start(Role::CatchUp, async move {
            match engine.catch_up().await {
                Ok(_) => Done::Yes,
                Err(error) => {
                    tracing::error!(%error, "a catch-up failed");
                    Done::No
                }
            }
        });
    }

    fn some_process(&self) -> Arc<Process> {
        Arc::clone(&self.world.processes[self.stage().draw(|chance| chance.index(3))])
    }

    fn start(&mut self, role: Role, work: impl Future<Output = Done> + Send + 'static) {
        self.tasks.start(&self.world.stage, role, deadline(self.world.stage.now()), Box::pin(work));
    }

    /// What befalls everything at once.
    fn strike_all(&mut self, now: Timestamp) {
        if self.deaths.extract_if(.., |at| *at <= now).count() > 0 && !self.stage().is_healed() {
            self.stage().struck(Fault::MachineDied);
            let dead = self.tasks.drop_all(&self.world.stage);
            for place in 0..3 {
                self.world.processes[place] = self.world.process();
            }
            for role in dead {
                self.ended(role, Ended::Died);
            }
        }
        if self.purges.extract_if(.., |at| *at <= now).count() > 0 && self.world.queue.purge() > 0 {
            self.stage().struck(Fault::MessagesPurged);
        }
    }

    fn start_ingest(&mut self, request: usize) {
        let changes = &self.plan.requests[request].changes;
        let bodies: Vec<Json> = changes.iter().map(|change| self.plan.changes[*change].body(*change)).collect();
        let body = Json::Array(bodies).to_string();
        for link in Link::ALL {
            let possible = changes.iter().filter(|change| self.may_count(link, **change)).count();
            self.counts.possible[link.index()] += possible as u64;
        }
        let expected = changes.len() as u64;
        let (process, ports, key) = (self.some_process(), self.world.ports.clone(), self.world.key().clone());
        let trace: TraceId = format!("{:032x}", request + 1).parse().expect("a trace id");
        self.start(Role::Ingest(request), async move {
            match worker::take(&ports, &process.catalog, &key, &source(), &body, trace).await {
                Ok(accepted) if accepted == expected => Done::Yes,
                Ok(_) => Done::No,
                Err(error) => {
                    tracing::error!(error, "a request could not be taken");
                    Done::No
                }
            }
        });
    }

    fn start_act(&mut self, now: Timestamp) {
        if self.tasks.count(|role| role == Role::Act) > 0 {
            return;
        }
        if self.acting.is_none() && self.acts.last().is_some_and(|(at, _)| *at <= now) {
            self.acting = self.acts.pop();
        }
        let Some((at, act)) = self.acting.clone() else { return };
        if at > now {
            return;
        }
        let (process, vendors) = (self.some_process(), Arc::clone(&self.world.vendors));
        self.start(Role::Act, async move {
            match carry_out(&process.control, &vendors, &act).await {
                // What the owner cannot have now is not asked for again.
                Ok(()) | Err(ControlError::Conflict { .. } | ControlError::Invalid { .. }) => Done::Yes,
                Err(error @ (ControlError::Port(_) | ControlError::Vendor(_) | ControlError::NotFound { .. })) => {
                    tracing::error!(%error, "the owner is told so");
                    Done::No
                }
            }
        });
    }

    fn acted(&mut self) {
        let Some((_, act)) = self.acting.take() else { return };
        let now = self.now();
        self.stage().note(|| format!("{act:?} is done"), 77);
        match act {
            Act::Activate(link) => self.activated[link.index()] = Some(now),
            Act::Pause(_) | Act::Resume(_) | Act::Add(..) | Act::Remove(..) | Act::Attribute(..) => {}
            Act::Resync(_) | Act::Replay(_) | Act::CatchUp(_) => {}
        }
    }

    /// The owner does this now, and again until it is done.
    pub(crate) fn does(&mut self, act: Act) {
        self.acts.insert(0, (self.now(), act));
    }

    fn receive(&mut self) {
        for place in 0..self.world.queues.len() {
            let (name, most) = self.world.queues[place].clone();
            while self.tasks.count(|role| role == Role::Deliver(place)) < most {
                if !self.receive_batch(place, &name) {
                    break;
                }
            }
        }
    }

    fn receive_batch(&mut self, place: usize, name: &QueueName) -> bool {
        let stage = Arc::clone(&self.world.stage);
        let odds = stage.odds();
        let early = stage.draw(|chance| chance.permille(odds.visible_early)) && !stage.is_healed();
        let short = SignedDuration::from_secs(stage.draw(|chance| chance.between(1, 40)));
        let visibility = if early { short } else { muster::delivery::Times::default().visibility };
        let shuffled = stage.draw(|chance| chance.permille(odds.reordered));
        let mut batch = self.world.queue.receive(name, if shuffled { 100 } else { BATCH }, visibility);
        if batch.is_empty() {
            return false;
        }
        if early {
            stage.struck(Fault::VisibilityLost);
        }
        if shuffled && batch.len() > 1 {
            stage.draw(|chance| chance.shuffle(&mut batch));
            stage.struck(Fault::MessageReordered);
            let most = 1 + stage.draw(|chance| chance.index(BATCH));
            let back: Vec<_> = batch.drain(most.min(batch.len())..).map(|message| message.receipt).collect();
            self.world.queue.release(&back, SignedDuration::ZERO);
        }
        let (engine, queue) = (Arc::clone(&self.some_process().engine), Arc::clone(&self.world.queue));
        let until = deadline(stage.now());
        self.start(Role::Deliver(place), worker::handle(Arc::clone(&stage), engine, queue, batch, until));
        true
    }

    /// Whether nothing is under way: no message, no flight, no walk.
    pub(crate) async fn is_at_rest(&self) -> Result<(), String> {
        let ports = self.world.memory.ports();
        let flights = ports.ledger.flights(None).await.unwrap_or_default().len();
        let jobs = ports.ledger.jobs(None).await.unwrap_or_default();
        let walking = jobs.iter().filter(|job| job.status == JobStatus::Running).count();
        let messages = self.world.queue.depth();
        if flights + walking + messages == 0 && self.tasks.is_empty() {
            Ok(())
        } else {
            Err(format!("{messages} messages, {flights} flights and {walking} walks are left"))
        }
    }

    /// Everybody as the source knows them.
    pub(crate) fn truth(&self) -> Vec<truth::Someone> {
        truth::read(self.plan)
    }

    /// Every row with every standing.
    pub(crate) async fn rows(&self, link: Link) -> Vec<muster::ports::Row> {
        let id = link.id().parse().expect("an id");
        let people = self.world.memory.ports().people;
        let walked = people.walk(&source(), Some(&id), Segment::WHOLE, None, 1_000).await;
        walked.map(|walked| walked.rows).unwrap_or_default()
    }
}

fn linked_at_first(link: Link, name: &str) -> bool {
    match link {
        Link::Hook => ["birds", "cats", "dogs", "city", "score"].contains(&name),
        Link::List => ["cats", "dogs", "fish", "city"].contains(&name),
    }
}

async fn carry_out(control: &Control, vendors: &Vendors, act: &Act) -> Result<(), ControlError> {
    let id = |link: &Link| link.id().parse().expect("an id");
    match act {
        Act::Activate(link) => control.activate(&id(link)).await.map(drop),
        Act::Pause(link) => {
            control.pause(&id(link)).await?;
            vendors.pauses(*link, Some(control.ports.clock.now()));
            Ok(())
        }
        Act::Resume(link) => {
            vendors.pauses(*link, None);
            control.resume(&id(link)).await.map(drop)
        }
        Act::Add(link, audience) => {
            let add = BTreeSet::from([audience.parse().expect("an id")]);
            let audiences = Some(AudiencesEdit { add, ..AudiencesEdit::default() });
            let change = ActivationChange { audiences, ..ActivationChange::default() };
            control.change_activation(&id(link), &change).await.map(drop)
        }
        Act::Remove(link, audience) => {
            let remove = BTreeSet::from([audience.parse().expect("an id")]);
            let audiences = Some(AudiencesEdit { remove, ..AudiencesEdit::default() });
            let change = ActivationChange { audiences, ..ActivationChange::default() };
            control.change_activation(&id(link), &change).await.map(drop)
        }
        Act::Attribute(link, attribute, linked) => {
            let change =
                ActivationChange { attributes: Some(attributes(attribute, *linked)), ..ActivationChange::default() };
            control.change_activation(&id(link), &change).await.map(drop)
        }
        Act::Resync(link) => control.walk(&id(link), JobKind::Resync).await.map(drop),
        Act::CatchUp(link) => control.walk(&id(link), JobKind::CatchUp).await.map(drop),
        Act::Replay(link) => {
            let replay = Replay {
                ended: BTreeSet::from([Ending::Parked]),
                audience: None,
                reason: None,
                since: None,
                until: None,
                person: None,
                given_up: muster::model::retention::OfGivenUp::None,
                people_per_second: None,
            };
            control.replay(&id(link), replay).await.map(drop)
        }
    }
}

fn attributes(attribute: &str, linked: Linked) -> AttributesEdit {
    let kind = if attribute == "score" { "integer" } else { "string" };
    let link = serde_json::json!({ "attribute": attribute, "type": kind });
    match linked {
        Linked::Yes => {
            AttributesEdit { add: vec![serde_json::from_value(link).expect("a link")], ..AttributesEdit::default() }
        }
        Linked::No => {
            AttributesEdit { remove: BTreeSet::from([attribute.parse().expect("an id")]), ..AttributesEdit::default() }
        }
    }
}
