//! A receiver of Muster's webhooks, from `shared/src/destinations/webhook/README.md`.
//!
//! [`WebhookTwin::start`] serves it on a port of the loopback; [`WebhookTwin::new`] and
//! [`WebhookTwin::router`] do without sockets, and there [`NoAnswer`] stands for a lost answer. Requests
//! go to `POST /muster` and `GET /ask/{webhook-id}` unless [`Options`] say otherwise.
//!
//! It believes whatever arrives last, so a record that comes late overwrites a newer one. What the
//! contract never has is answered 500 and shows in [`WebhookTwin::unexpected`]. What the contract leaves
//! to the receiver is a field of [`Switches`] or a [`Ruling`] on somebody's records.

mod answers;
mod api;
mod counters;
mod events;
mod faults;
mod handle;
mod message;
mod model;
mod receive;
mod reply;
mod routes;
mod signature;
mod state;
mod switches;

pub use answers::{Applied, Ruling};
pub use api::NoAnswer;
pub use counters::Counters;
pub use faults::{Fault, FaultKind, FaultMatch, LateAnswer, RetryAfter};
pub use handle::{Options, WebhookTwin};
pub use message::Happening;
pub use model::{AudienceView, EventView, PersonView, Standing};
pub use routes::RouteKind;
pub use signature::{BadSecret, SigningSecret};
pub use switches::{Answers, Doubles, ResultOrder, Switches};
