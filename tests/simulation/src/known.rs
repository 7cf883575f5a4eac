//! The destinations that the engine finds, each with a rule left out where that is asked for.

use async_trait::async_trait;
use jiff::SignedDuration;
use muster::delivery::Destinations;
use muster::destination::{
    Action, Applied, Checked, Confirmed, Context, Destination, Discovered, Failure, Item, Links, Mode, Performances,
    Preparation, Spec, Taken, Task, Testimony, Verdict, Verdicts,
};
use muster::destinations::webhook::Webhook;
use muster::http::Session;
use muster::model::{Earning, Provider};
use muster::ports::Secret;

use crate::broken::Broken;
use crate::destination::ToRegister;

/// Both destinations.
pub(crate) struct Known {
    hook: Careless,
    list: Careless,
}

impl Known {
    /// With a rule left out, or none.
    pub(crate) fn new(broken: Option<Broken>) -> Self {
        Self { hook: Careless { inner: &Webhook, broken }, list: Careless { inner: &ToRegister, broken } }
    }
}

impl Destinations for Known {
    fn find(&self, provider: &Provider) -> Option<&dyn Destination> {
        match provider.as_str() {
            "webhook" => Some(&self.hook),
            "register" => Some(&self.list),
            _ => None,
        }
    }
}

struct Careless {
    inner: &'static dyn Destination,
    broken: Option<Broken>,
}

impl Careless {
    fn lacks(&self, broken: Broken) -> bool {
        self.broken == Some(broken)
    }

    /// What is said of items as somebody tells it who forgot a rule.
    fn retell(&self, items: &[Item], result: Result<Verdicts, Failure>) -> Result<Verdicts, Failure> {
        let closed = |failure| match failure {
            Failure::Retryable { reason, .. } => Failure::Retryable { reason, applied: Applied::No },
            other @ (Failure::RateLimited { .. }
            | Failure::PutOff { .. }
            | Failure::Rejected { .. }
            | Failure::Unauthorized { .. }
            | Failure::Misconfigured { .. }) => other,
        };
        if self.lacks(Broken::TimeoutTakenForNo) {
            return result.map_err(closed);
        }
        let verdicts = result?;
        if self.lacks(Broken::IndexInsteadOfRecord) && items.len() > 1 {
            // The answers come in an order of their own.
            let mut answers: Vec<Verdict> = verdicts.into_values().collect();
            answers.rotate_left(1);
            return Ok(items.iter().map(|item| item.id.clone()).zip(answers).collect());
        }
        Ok(verdicts)
    }
}

#[async_trait]
impl Destination for Careless {
    fn spec(&self) -> &Spec {
        self.inner.spec()
    }

    fn check_settings(&self, settings: &serde_json::Value) -> Result<(), String> {
        self.inner.check_settings(settings)
    }

    fn origins(&self, settings: &serde_json::Value) -> Vec<String> {
        self.inner.origins(settings)
    }

    fn batch(&self, settings: &serde_json::Value) -> usize {
        self.inner.batch(settings)
    }

    fn earns(&self, settings: &serde_json::Value) -> Earning {
        self.inner.earns(settings)
    }

    fn check_credentials(&self, credentials: &Secret) -> Result<(), String> {
        self.inner.check_credentials(credentials)
    }

    async fn check(&self, context: &Context<'_>) -> Result<Checked, Failure> {
        self.inner.check(context).await
    }

    async fn discover(&self, session: &Session, credentials: &Secret) -> Result<Discovered, Failure> {
        self.inner.discover(session, credentials).await
    }

    async fn prepare(&self, context: &Context<'_>, links: &Links) -> Result<Preparation, Failure> {
        self.inner.prepare(context, links).await
    }

    async fn deliver(&self, context: &Context<'_>, mode: Mode, items: &[Item]) -> Result<Verdicts, Failure> {
        let mut told = items.to_vec();
        if self.lacks(Broken::ForgottenOnlyLeaves) {
            told.iter_mut().filter(|item| item.action == Action::Forget).for_each(|item| item.action = Action::Leave);
        }
        let mut left = Verdicts::new();
        if self.lacks(Broken::LeavesNotTold) {
            for item in told.extract_if(.., |item| item.action == Action::Leave) {
                left.insert(item.id, Verdict::Delivered { said: String::new(), memo: None });
            }
        }
        if told.is_empty() {
            return Ok(left);
        }
        let mut verdicts = self.retell(&told, self.inner.deliver(context, mode, &told).await)?;
        verdicts.extend(left);
        Ok(verdicts)
    }

    fn bulk_lands_within(&self, settings: &serde_json::Value) -> SignedDuration {
        self.inner.bulk_lands_within(settings)
    }

    async fn perform(&self, context: &Context<'_>, effects: &[Task]) -> Result<Performances, Failure> {
        self.inner.perform(context, effects).await
    }

    async fn identities(&self, context: &Context<'_>, vendor_id: &str) -> Result<Vec<serde_json::Value>, Failure> {
        self.inner.identities(context, vendor_id).await
    }

    async fn ask(&self, context: &Context<'_>, effect: &Task) -> Result<Testimony, Failure> {
        if self.lacks(Broken::EffectsNotAskedFor) {
            return Ok(Testimony::Absent);
        }
        self.inner.ask(context, effect).await
    }

    async fn confirm(&self, context: &Context<'_>, taken: &Taken<'_>, items: &[Item]) -> Result<Confirmed, Failure> {
        self.inner.confirm(context, taken, items).await
    }
}
