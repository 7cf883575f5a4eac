//! A stateful stand-in for one workspace of Braze, from `docs/vendors/braze.md`: `POST /users/track`, and the
//! webhooks that campaigns and Canvases call.
//!
//! [`BrazeTwin::start`] serves it on one port of the loopback and the side door on another; [`BrazeTwin::new`] does
//! without sockets. Point a client at it by replacing `https://rest.fra-01.braze.eu` with
//! [`Twin::api_url`](crate::Twin::api_url). What the documentation leaves open is a field of [`Switches`]. What it
//! refuses is refused in its words; what no client may do shows in [`Twin::unexpected`](crate::Twin::unexpected)
//! and answers 500, or what the documentation says: a body that is no JSON or has a key twice (400), a path that
//! ends with a slash (403), another content type (415).
//!
//! A request that was taken is applied `Switches::application` later on the twin's clock, in the order of arrival
//! ([`BrazeTwin::apply_queued`] does not wait). [`FaultKind::AppliedLate`] with [`LateAnswer::Taken`] is Braze under
//! maintenance: 202 and `queued`. [`FaultKind::Refused`] makes the first object of the request a faulty one. A 429
//! says when to come back in `x-ratelimit-reset` alone, so such a fault goes best with [`RetryAfter::Absent`].
//!
//! [`BrazeTwin::seed_webhook`] sets up the webhook of a campaign or a Canvas, which is called for people by
//! [`BrazeTwin::fire`] and tried again as the twin's clock moves: move it, then await
//! [`BrazeTwin::webhooks_settled`]. Braze's own limit to the ports 80 and 443 is not kept.
//!
//! # The side door
//!
//! Below `/__mock`, besides the routes that are the same for all twins:
//!
//! | route | method |
//! | --- | --- |
//! | `GET /people` | `people` |
//! | `GET`, `PUT`, `DELETE /people/{external_id}` | `person`, `seed_person`, `remove_person` |
//! | `GET`, `POST /profiles` | `profiles`; `seed_profile` → `{"braze_id"}` |
//! | `GET /events`, `GET /purchases` | `events`, `purchases` |
//! | `GET /queue`, `POST /queue/apply` | `queued`; `apply_queued` → `{"applied"}` |
//! | `PUT`, `DELETE /keys/{key}` | `add_key`, an array of permissions; `revoke_key` |
//! | `PUT`, `DELETE /banned/{external_id}` | `ban`, `unban` |
//! | `POST /webhooks` | `seed_webhook` |
//! | `POST /webhooks/{id}/fire` | `fire`, an array of ids |
//! | `GET /webhooks/attempts`, `POST /webhooks/settled` | `attempts`, `webhooks_settled` |

mod api;
mod apply;
mod batch;
mod counters;
mod door;
mod handle;
mod json;
mod limits;
mod liquid;
mod model;
mod objects;
mod profiles;
mod request;
mod routes;
mod sender;
mod state;
mod switches;
mod values;
mod webhooks;

pub use crate::faults::{FaultKind, LateAnswer, RetryAfter};
pub use crate::serve::NoAnswer;
pub use crate::twin::Refused;
pub use counters::Counters;
pub use handle::{BrazeTwin, Options};
pub use model::{Alias, EventView, Origin, ProfileView, PurchaseView, SeedProfile};
pub use objects::InputArray;
pub use routes::RouteKind;
pub use switches::{
    AllFaulty, Application, BlankUser, Deliveries, ErrorForm, Invalid, NestedReach, NoObjects, NullProperty,
    ObjectLimit, ObjectOrder, QueueOrder, Rate, Switches, Told,
};
pub use webhooks::{Attempt, AttemptOutcome, SeedWebhook, Step};

/// A scripted fault of this vendor.
pub type Fault = crate::faults::Fault<RouteKind>;
/// Which requests to this vendor a fault strikes.
pub type FaultMatch = crate::faults::FaultMatch<RouteKind>;
/// Faults of this vendor by chance.
pub type SeededFaults = crate::faults::SeededFaults<RouteKind>;
