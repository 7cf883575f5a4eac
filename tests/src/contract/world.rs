//! What a destination brings to be held to the contract: its twin, as neutrally as the contract asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use muster::destination::{Destination, LinkedAttribute, LinkedAudience, Task};
use muster::embedded::JumpClock;
use muster::model::{Identifier, Value};
use muster::ports::Secret;
use serde_json::Value as Json;

/// One destination with a fresh twin of its vendor, whose clock is the destination's own. What a world need not say is
/// said here for a vendor with nothing to pick from or to make, of which nobody unsubscribes.
#[async_trait]
pub trait VendorWorld: Send + Sync {
    /// The destination.
    fn destination(&self) -> &'static dyn Destination;
    /// The clock of both sides.
    fn clock(&self) -> Arc<JumpClock>;
    /// From each origin of the destination to the twin.
    fn rewrites(&self) -> BTreeMap<String, String>;

    /// Credentials that the twin takes.
    fn credentials(&self) -> Secret;
    /// Credentials of the right form that the twin refuses.
    fn refused_credentials(&self) -> Secret;
    /// Settings that fit the twin.
    fn settings(&self) -> Json;
    /// Settings under which people who never were inside look otherwise than under [`Self::settings`].
    fn settings_of_never(&self) -> Vec<Json> {
        Vec::new()
    }
    /// The vendor's id of the list or table that [`Self::settings`] name; `None` where there is nothing at the
    /// vendor to pick from or to make, so that discovering and preparing ask it nothing.
    fn place(&self) -> Option<String> {
        None
    }
    /// What one refusal of good credentials means.
    fn refusals(&self) -> Refusals {
        Refusals::Believed
    }
    /// Texts that make secrets and keys known wherever they appear.
    fn markers(&self) -> Vec<String>;

    /// The key of the person of this number; different numbers have different keys.
    fn key(&self, person: u16) -> Identifier;
    /// Whether the vendor can hold people in this way.
    fn holds(&self, standing: Standing) -> Holds {
        match standing {
            Standing::Reachable => Holds::Yes,
            Standing::Unsubscribed => Holds::No,
        }
    }
    /// Puts a person there.
    fn put(&self, person: u16, standing: Standing);
    /// A person who is there unsubscribes.
    fn unsubscribe(&self, person: u16) {
        panic!("person {person} cannot unsubscribe where nobody can");
    }
    /// A person who is there is removed without a trace.
    fn vanish(&self, person: u16);
    /// What becomes of a person who is not there and is to be shown.
    fn strangers(&self) -> Strangers;
    /// For how long a memo may stand in for a look at the person, in minutes.
    fn memo_minutes(&self) -> i64 {
        0
    }

    /// A person's membership as the vendor shows it; `None` where the person is not there.
    fn membership(&self, person: u16, audience: &LinkedAudience) -> Option<Membership>;
    /// As what a membership is to appear under these settings.
    fn appears(&self, settings: &Json, membership: Membership) -> Membership {
        let _ = settings;
        membership
    }
    /// An attribute as the vendor shows it, null where it holds nothing.
    fn attribute(&self, person: u16, attribute: &LinkedAttribute) -> Option<Value>;
    /// As what a text is to appear.
    fn appears_as(&self, text: &str) -> String {
        text.to_owned()
    }
    /// The name that the vendor's users read for an audience; `None` where the vendor is told none.
    fn label(&self, audience: &LinkedAudience) -> Option<String> {
        let _ = audience;
        None
    }
    /// All that the vendor holds under a key, times of writing included; equal where nothing was written.
    fn record(&self, person: u16) -> String;
    /// Fields, columns, segments and their names; equal where nothing was made or changed, and always where
    /// there are none.
    fn structure(&self) -> String {
        String::new()
    }

    /// What was taken and is applied later is applied now.
    fn land(&self);
    /// The next `times` requests of this kind go wrong. Answers whether the vendor can be in this trouble.
    fn strike(&self, trouble: &Trouble, aim: Aim, times: u32) -> Struck;
    /// Ends all trouble; answers how many strikes are left over.
    fn end_trouble(&self) -> usize;

    /// Requests that reached the twin.
    fn requests(&self) -> u64;
    /// Most of them within one second.
    fn most_requests_in_one_second(&self) -> u64;
    /// What must never happen and did, a sentence each.
    fn harm(&self) -> Vec<String>;
}

/// A world whose destination has effects.
pub trait EffectWorld: VendorWorld {
    /// Settings that fit the twin, and under which all is told of once that the destination can tell of; each
    /// transition counts.
    fn settings_of_effects(&self) -> Json {
        self.settings()
    }
    /// All that the vendor shows that happened to a person, in its order, and twice where it happened twice.
    fn happened(&self, person: u16) -> Vec<String>;
    /// As what an effect is shown there: with its reference where the vendor keeps one.
    fn appears_as_happened(&self, effect: &Task) -> String;
    /// Whatever is to happen to a person is refused from here on. Answers whether the vendor refuses people.
    fn ban(&self, person: u16) -> Struck {
        let _ = person;
        Struck::Impossible
    }
}

/// How a person stands with the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// May be written to.
    Reachable,
    /// Is there and must not be touched.
    Unsubscribed,
}

/// Whether a vendor holds people in some way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// It does.
    Yes,
    /// It has no such thing.
    No,
}

/// What becomes of people who are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strangers {
    /// They are left out and looked for again.
    Filtered,
    /// They are made.
    Made,
}

/// What one refusal of credentials means that were good a moment ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusals {
    /// It may be a mistake: within the delivery they are tried once more.
    Doubted,
    /// It is meant: nothing more is sent, and the activation stops.
    Believed,
}

/// Membership as it can be read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// Inside.
    Inside,
    /// Was inside.
    Left,
    /// Never said to be inside.
    Never,
}

/// What goes wrong. "Lost" means that no answer comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// 429.
    SlowDown(Pause),
    /// This status of the 500s, nothing applied.
    Broken(u16),
    /// The connection breaks, nothing applied.
    ResetBefore,
    /// It is applied, then the connection breaks.
    ResetAfter,
    /// No answer in time, nothing applied.
    TimeoutBefore,
    /// It is applied, but no answer comes in time.
    TimeoutAfter,
    /// Applied; half of the answer.
    Truncated,
    /// 200 with something else than the API speaks, nothing applied.
    NotTheApi,
    /// 200 with an error in its body, nothing applied.
    ErrorInOk,
    /// The credentials are refused.
    Unauthorized,
    /// 400 for the whole request, nothing applied.
    BadRequest,
    /// The record is refused with this sentence.
    Refused(String),
}

/// What a 429 says about when to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Nothing.
    Unsaid,
    /// In seconds.
    Seconds(u32),
    /// As a date, this many seconds ahead.
    Date(u32),
}

/// Which requests go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// Those that read people.
    Look,
    /// Those that write single people, or batches in the live mode.
    Write,
    /// Those that write in bulk.
    BulkWrite,
    /// Those that make effects happen.
    Effect,
    /// The same, but for the first one.
    LaterEffect,
    /// Those that say whether an effect happened.
    Ask,
    /// All.
    Any,
}

/// Whether a trouble was set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Struck {
    /// It strikes.
    Armed,
    /// This vendor has no such requests, or cannot answer so.
    Impossible,
}
