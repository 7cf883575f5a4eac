//! A stateful stand-in for Bloomreach Engagement, from `docs/vendors/bloomreach.md`: the API that takes properties
//! and events of customers, and the webhooks that a scenario calls for each customer.
//!
//! [`BloomreachTwin::start`] serves the API on one port of the loopback and the side door on another. Point a client
//! at it by replacing `https://api.exponea.com` with [`BloomreachTwin::api_url`]. What the documentation leaves open
//! is a field of [`Switches`].
//!
//! What nothing documents answers 500, applies nothing and shows in [`BloomreachTwin::unexpected`]: another route,
//! content type, command or member, a value of another type, a `command_id` that came before with something else in
//! it. What is documented and no good client does is answered as documented and shows there too: invalid JSON, more
//! than 50 commands, a command without an id or without a timestamp.
//!
//! Nobody is asked whether a customer is known: whatever is written makes one. Events are never looked at again, so
//! the same one twice is two.
//!
//! [`FaultKind::Refused`] refuses the first command of a batch in its result, and the others are applied; a request
//! of one command is answered 400. [`FaultKind::ErrorBody200`] is a 200 that says `success: false` as a whole.
//!
//! # The side door
//!
//! Below `/__mock`, besides the routes that are the same for all twins:
//!
//! | route | method |
//! | --- | --- |
//! | `GET /people` | `people` |
//! | `GET`, `PUT`, `DELETE /people/{registered}` | `person`, `seed_person`, `remove_person` |
//! | `PUT /people/{registered}/properties/{name}` | `set_property` |
//! | `PUT /people/{registered}/refusal` | `refuse`, `{"sentence"}` |
//! | `DELETE /refusals` | `clear_refusals` |
//! | `POST /customers/find` | `customer`, an object of ids |
//! | `GET`, `DELETE /events` | `events`, `clear_events` |
//! | `PUT`, `DELETE /keys/{id}` | `set_key`, `{"secret", "permissions"}`; `remove_key` |
//! | `PUT`, `DELETE /tokens/{token}` | `set_token`, an array of permissions; `remove_token` |
//! | `GET`, `POST /webhooks` | `webhooks`; `add_webhook` → `{"id"}` |
//! | `POST /webhooks/{id}/calls` | `call_webhook`, an array of `{"registered", "body"}` |
//! | `POST /webhooks/{id}/resume` | `resume_webhook` |
//! | `GET`, `DELETE /attempts` | `attempts`, `clear_attempts` |
//! | `POST /webhooks/settled` | `webhooks_settled` |

mod api;
mod auth;
mod commands;
mod counters;
mod customers;
mod door;
mod handle;
mod message;
mod model;
mod reply;
mod routes;
mod sender;
mod state;
mod switches;
mod webhooks;

pub use crate::faults::{FaultKind, LateAnswer, RetryAfter};
pub use crate::serve::NoAnswer;
pub use crate::twin::Refused;
pub use auth::{Permission, PrivateKey};
pub use counters::Counters;
pub use handle::{BloomreachTwin, Options};
pub use model::{CustomerView, EventView};
pub use routes::RouteKind;
pub use switches::{
    BadCredentials, BatchOrder, BatchPermission, Doubles, NullProperty, RetryOn, Switches, UpdateOrder,
};
pub use webhooks::{Attempt, AttemptOutcome, BasicAuth, SeedWebhook, WebhookCall, WebhookStatus, WebhookView};

/// A scripted fault of this vendor.
pub type Fault = crate::faults::Fault<RouteKind>;
/// Which requests to this vendor a fault strikes.
pub type FaultMatch = crate::faults::FaultMatch<RouteKind>;
/// Faults of this vendor by chance.
pub type SeededFaults = crate::faults::SeededFaults<RouteKind>;
