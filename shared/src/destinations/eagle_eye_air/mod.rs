//! Eagle Eye AIR: entering an audience issues a reward, exactly once, by `POST /services/trigger`. No records of people
//! are kept there. <https://developer.eagleeye.com/eagleeye-developer/docs/behavioral-action-trigger>.

mod client;
mod config;
mod mapping;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use async_trait::async_trait;
use schemars::schema_for;
use serde_json::Value as Json;

use crate::destination::{
    Applied, Checked, Context, Destination, Discovered, Failure, Finding, Item, Links, Mode, Performance, Performances,
    Preparation, Resend, Spec, Task, Testimony, Verdict, Verdicts,
};
use crate::http::Session;
use crate::model::budget::{Budget, Limit};
use crate::model::effect::{Events, EventsEarn};
use crate::model::pending::RecordShape;
use crate::model::{Earning, Reason, Transition};
use crate::ports::Secret;

use client::{Looked, WalletApi};
pub use config::{Caps, Credentials, InDoubt, LookUp, References, Requests, Settings};
use mapping::Found;

/// The Eagle Eye AIR destination.
pub struct EagleEyeAir;

/// Whom a check asks for: nobody.
const NOBODY: &str = "muster-check";
/// Why no record is sent.
const REWARDS_ONLY: &str = "Eagle Eye AIR is told of rewards only";
/// Why it waits for a person where AIR is not asked.
const UNASKED: &str = "Eagle Eye AIR's answer was lost, and nobody knows whether the reward was issued";

static SPEC: LazyLock<Spec> = LazyLock::new(|| Spec {
    provider: "eagle-eye-air".parse().expect("a valid provider"),
    name: "Eagle Eye AIR",
    api_version: "Wallet API 2.0",
    shape: RecordShape::PerPerson,
    // The owner names the host.
    origins: &[],
    // What others keep to; no limit is documented.
    budget: Budget::per_second(5.0),
    // Nothing is sent of them.
    batch: 1_000,
    calls: 1,
    bulk: None,
    effects: 1,
    read_back: None,
    settings: schema_for!(Settings),
    credentials: schema_for!(Credentials),
});

#[async_trait]
impl Destination for EagleEyeAir {
    fn spec(&self) -> &Spec {
        &SPEC
    }

    fn check_settings(&self, settings: &Json) -> Result<(), String> {
        Settings::read(settings).map(drop)
    }

    fn origins(&self, settings: &Json) -> Vec<String> {
        Settings::read(settings).map_or_else(|_| Vec::new(), |read| vec![read.wallet_url.origin().to_owned()])
    }

    fn earns(&self, settings: &Json) -> Earning {
        let Ok(read) = Settings::read(settings) else { return Earning::default() };
        let events = match read.requests {
            Requests::Ignore => Events::None,
            Requests::Take => Events::Only(mapping::request().into_iter().collect()),
        };
        Earning { on: vec![Transition::Entered], again: read.again, events, events_earn: EventsEarn::Reward }
    }

    fn cap(&self, settings: &Json) -> Option<Budget> {
        let Caps { per_hour, per_day } = Settings::read(settings).ok()?.limits;
        let limits = vec![Limit::per_hour(f64::from(per_hour)), Limit::per_day(f64::from(per_day))];
        Some(Budget { limits, at_once: None })
    }

    fn check_credentials(&self, credentials: &Secret) -> Result<(), String> {
        Credentials::read(credentials).map(drop)
    }

    async fn check(&self, context: &Context<'_>) -> Result<Checked, Failure> {
        let settings = read_settings(context)?;
        let (good, note) = match open(context, &settings)?.wallet(NOBODY).await {
            Ok(Looked::NotThere) => (true, "answered".to_owned()),
            Ok(Looked::Found(json)) if mapping::wallet_id(&json).is_some() => (true, "answered".to_owned()),
            Ok(Looked::Found(_)) => return Err(unreadable(Reason::new("Eagle Eye AIR's answer shows no wallet"))),
            Ok(Looked::Unclear(reason)) => return Err(unreadable(reason)),
            Err(Failure::Unauthorized { reason }) => (false, reason.to_string()),
            Err(failure) => return Err(failure),
        };
        let what = "the client id, its secret and the wallet API".to_owned();
        Ok(Checked { findings: vec![Finding { what, good, note }] })
    }

    async fn discover(&self, _session: &Session, _credentials: &Secret) -> Result<Discovered, Failure> {
        Ok(Discovered::default())
    }

    async fn prepare(&self, context: &Context<'_>, links: &Links) -> Result<Preparation, Failure> {
        let warnings = mapping::warnings(&read_settings(context)?, links);
        Ok(Preparation { notes: Json::Null, resend: Resend::Nobody, warnings })
    }

    async fn deliver(&self, _context: &Context<'_>, _lane: Mode, items: &[Item]) -> Result<Verdicts, Failure> {
        let filtered = Verdict::Filtered { reason: Reason::new(REWARDS_ONLY), open: false, memo: None };
        Ok(items.iter().map(|item| (item.id.clone(), filtered.clone())).collect())
    }

    async fn perform(&self, context: &Context<'_>, effects: &[Task]) -> Result<Performances, Failure> {
        let settings = read_settings(context)?;
        let api = open(context, &settings)?;
        let mut performances = Performances::new();
        for task in effects {
            let performance = match mapping::trigger(&settings, task) {
                Ok(body) => match api.trigger(body).await {
                    Ok(answer) => mapping::performance(&settings, task, &answer, context.now),
                    Err(failure) => Performance::Failed(failure),
                },
                Err(reason) => Performance::Failed(Failure::Rejected { reason }),
            };
            performances.insert(task.id.clone(), performance);
        }
        Ok(performances)
    }

    fn echoed_as(&self, settings: &Json, effect: &Task) -> Option<String> {
        let settings = Settings::read(settings).ok()?;
        // Another reward may have been asked for by the same reference.
        mapping::brought(&settings, effect).is_none().then(|| mapping::reference(&settings, effect).ok())?
    }

    async fn identities(&self, context: &Context<'_>, vendor_id: &str) -> Result<Vec<Json>, Failure> {
        let settings = read_settings(context)?;
        match open(context, &settings)?.identities(vendor_id).await? {
            Looked::Found(json) => Ok(mapping::objects(&json).into_iter().cloned().collect()),
            Looked::NotThere => Ok(Vec::new()),
            Looked::Unclear(reason) => Err(unreadable(reason)),
        }
    }

    async fn ask(&self, context: &Context<'_>, effect: &Task) -> Result<Testimony, Failure> {
        let settings = read_settings(context)?;
        let found = match (settings.in_doubt, settings.look_up) {
            (InDoubt::Ask | InDoubt::SendAgain, LookUp::Reference) => find(context, &settings, effect).await?,
            (InDoubt::Park, LookUp::Reference) | (InDoubt::Ask | InDoubt::Park | InDoubt::SendAgain, LookUp::None) => {
                Found::Nothing(Reason::new(UNASKED))
            }
        };
        Ok(match (found, settings.in_doubt) {
            (Found::Reward { said }, _) => Testimony::Present { said },
            (Found::Another(reason), _) | (Found::Nothing(reason), InDoubt::Ask | InDoubt::Park) => {
                Testimony::Untellable { reason }
            }
            (Found::Nothing(_), InDoubt::SendAgain) => Testimony::Repeatable,
        })
    }
}

/// Looks for the reward by its reference, and whether it is the person's.
async fn find(context: &Context<'_>, settings: &Settings, effect: &Task) -> Result<Found, Failure> {
    let api = open(context, settings)?;
    let nothing = |reason: &str| Ok(Found::Nothing(Reason::new(reason)));
    let Ok(reference) = mapping::reference(settings, effect) else { return nothing(UNASKED) };
    let wallet = match api.wallet(effect.key.expose()).await? {
        Looked::Found(json) => mapping::wallet_id(&json),
        Looked::NotThere => return nothing("Eagle Eye AIR does not know the identity any more"),
        Looked::Unclear(reason) => return Ok(Found::Nothing(reason)),
    };
    let Some(wallet) = wallet else { return nothing("Eagle Eye AIR's answer shows no wallet of the identity") };
    match api.transaction(&reference).await {
        Ok(Looked::Found(json)) => Ok(match mapping::find(&json, &reference, &wallet) {
            Found::Reward { said } if mapping::brought(settings, effect).is_some() => {
                Found::Another(Reason::new(format!(
                    "{said} has its reference, which whoever asks may have used for another reward of this wallet, too"
                )))
            }
            found @ (Found::Reward { .. } | Found::Another(_) | Found::Nothing(_)) => found,
        }),
        Ok(Looked::NotThere) => nothing("Eagle Eye AIR shows no transaction of its reference"),
        // The credentials were good for the wallet: it is the look that is not allowed.
        Ok(Looked::Unclear(reason)) | Err(Failure::Unauthorized { reason }) => Ok(Found::Nothing(reason)),
        Err(failure) => Err(failure),
    }
}

fn read_settings(context: &Context<'_>) -> Result<Settings, Failure> {
    Settings::read(context.settings).map_err(Failure::misconfigured)
}

fn open<'a>(context: &Context<'a>, settings: &'a Settings) -> Result<WalletApi<'a>, Failure> {
    let credentials = Credentials::read(context.credentials).map_err(Failure::unauthorized)?;
    Ok(WalletApi::new(context.session, settings, credentials))
}

fn unreadable(reason: Reason) -> Failure {
    Failure::Retryable { reason, applied: Applied::No }
}
