//! Runs tasks by hand, one step of one task at a time, in an order that the dice choose. A task dies by being
//! dropped between two of its steps.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use jiff::Timestamp;

use crate::fault::Fault;
use crate::stage::{Acting, Stage};

/// What a task is to end with: whether it did what it was for.
pub(crate) type Work = Pin<Box<dyn Future<Output = Done> + Send>>;

/// Whether a task did what it was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// It did.
    Yes,
    /// It failed, and said so.
    No,
}

/// What a task is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Takes a request of the source.
    Ingest(usize),
    /// Takes messages of a queue, by its place.
    Deliver(usize),
    /// Sweeps.
    Sweep,
    /// Starts the catch-up.
    CatchUp,
    /// Does what the owner asks for.
    Act,
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself.
    Itself(Done),
    /// It is gone, whatever it had done.
    Died,
}

struct Ready(AtomicBool);

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Task {
    acting: Acting,
    role: Role,
    /// When it has no time left.
    until: Timestamp,
    /// At which of its steps it dies.
    dies_at: Option<u64>,
    ready: Arc<Ready>,
    work: Work,
}

/// The tasks under way.
#[derive(Default)]
pub(crate) struct Tasks {
    tasks: Vec<Task>,
    started: u64,
    steps: u64,
}

impl Tasks {
    /// Begins a task that must end before `until`.
    pub(crate) fn start(&mut self, stage: &Stage, role: Role, until: Timestamp, work: Work) {
        self.started += 1;
        let dies = !stage.is_healed() && stage.draw(|chance| chance.permille(stage.odds().dies));
        let dies_at = dies.then(|| stage.draw(|chance| 1 + chance.below(60)));
        let acting = Acting { task: self.started, since: stage.now() };
        stage.note(|| format!("{role:?} begins as #{}", self.started), self.started);
        self.tasks.push(Task { acting, role, until, dies_at, ready: Arc::new(Ready(AtomicBool::new(true))), work });
    }

    /// How many of a kind are under way.
    pub(crate) fn count(&self, is: impl Fn(Role) -> bool) -> usize {
        self.tasks.iter().filter(|task| is(task.role)).count()
    }

    /// Whether none is under way.
    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Steps taken so far.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// When the first one has no time left.
    pub(crate) fn next_end(&self) -> Option<Timestamp> {
        self.tasks.iter().map(|task| task.until).min()
    }

    /// Ends every task.
    pub(crate) fn drop_all(&mut self, stage: &Stage) -> Vec<Role> {
        let dropped = std::mem::take(&mut self.tasks);
        dropped.iter().for_each(|task| stage.deafen(task.acting.task));
        dropped.into_iter().map(|task| task.role).collect()
    }

    /// Ends the tasks that have no time left.
    pub(crate) fn drop_late(&mut self, stage: &Stage) -> Vec<Role> {
        let now = stage.now();
        let late = self.tasks.extract_if(.., |task| task.until <= now);
        let late: Vec<Task> = late.collect();
        for task in &late {
            stage.deafen(task.acting.task);
            stage.struck(Fault::RunKilled);
        }
        late.into_iter().map(|task| task.role).collect()
    }

    /// Takes one step of one task that can go on. `None`: none can. `Some(None)`: it is not at its end.
    pub(crate) fn step(&mut self, stage: &Stage) -> Option<Option<(Role, Ended)>> {
        let ready = |task: &Task| task.ready.0.load(Ordering::Relaxed);
        let able = self.tasks.iter().filter(|task| ready(task)).count();
        if able == 0 {
            return None;
        }
        let chosen = stage.draw(|chance| chance.index(able));
        let index = self.tasks.iter().enumerate().filter(|(_, task)| ready(task)).nth(chosen)?.0;
        self.steps += 1;
        let task = &mut self.tasks[index];
        stage.acts(task.acting);
        task.ready.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&task.ready));
        let polled = task.work.as_mut().poll(&mut Context::from_waker(&waker));
        stage.note(|| format!("#{} step", task.acting.task), task.acting.task);
        match polled {
            Poll::Ready(done) => {
                let task = self.tasks.swap_remove(index);
                Some(Some((task.role, Ended::Itself(done))))
            }
            Poll::Pending => Some(self.perhaps_dies(stage, index)),
        }
    }

    fn perhaps_dies(&mut self, stage: &Stage, index: usize) -> Option<(Role, Ended)> {
        let left = self.tasks[index].dies_at.as_mut()?;
        *left = left.saturating_sub(1);
        if *left > 0 || stage.is_healed() {
            return None;
        }
        let task = self.tasks.swap_remove(index);
        stage.struck(Fault::ProcessDied);
        stage.note(|| format!("#{} dies", task.acting.task), task.acting.task);
        stage.deafen(task.acting.task);
        Some((task.role, Ended::Died))
    }
}
