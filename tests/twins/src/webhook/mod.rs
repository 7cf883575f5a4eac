//! A receiver of Muster's webhooks, from `shared/src/destinations/webhook/README.md`.
//!
//! [`WebhookTwin::start`] serves it on a port of the loopback, and the side door, which has only the routes that
//! are the same for all twins, below `/__mock` on another. [`WebhookTwin::new`] does without sockets. Requests go to
//! `POST /muster` and `GET /ask/{webhook-id}` unless [`Options`] say otherwise.
//!
//! It believes whatever arrives last, so a record that comes late overwrites a newer one. What the contract never
//! has is answered 500 and shows in [`Twin::unexpected`](crate::Twin::unexpected). What the contract leaves to the
//! receiver is a field of [`Switches`] or a [`Ruling`] on somebody's records.
//!
//! [`FaultKind::Refused`] refuses the first record of the request until it was refused alone: with results at once,
//! otherwise every request that holds it is answered 422, nothing applied. Where there are no records the request
//! is refused.

mod answers;
mod counters;
mod events;
mod handle;
mod message;
mod model;
mod receive;
mod routes;
mod signature;
mod state;
mod switches;

pub use crate::faults::{FaultKind, LateAnswer, RetryAfter};
pub use crate::serve::NoAnswer;
pub use answers::{Applied, Ruling};
pub use counters::Counters;
pub use handle::{Options, WebhookTwin};
pub use message::Happening;
pub use model::{AudienceView, EventView, PersonView, Standing};
pub use routes::RouteKind;
pub use signature::{BadSecret, SigningSecret};
pub use switches::{Answers, Doubles, ResultOrder, Switches};

/// A scripted fault of this receiver.
pub type Fault = crate::faults::Fault<RouteKind>;
/// Which requests to this receiver a fault strikes.
pub type FaultMatch = crate::faults::FaultMatch<RouteKind>;
/// Faults of this receiver by chance.
pub type SeededFaults = crate::faults::SeededFaults<RouteKind>;
