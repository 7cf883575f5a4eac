//! A stateful stand-in for Lytics, from `docs/vendors/lytics.md`: the API that lists and scans segments, and the
//! jobs that call webhooks.
//!
//! [`LyticsTwin::start`] serves the API on one port of the loopback and the side door on another. Point a client at
//! it by replacing `https://api.lytics.io` with [`LyticsTwin::api_url`]. What the documentation leaves open is a
//! field of [`Switches`]; a route, query parameter or filter that the twin does not know answers 500 and shows in
//! [`LyticsTwin::unexpected`].
//!
//! [`LyticsTwin::start_job`] sets up a webhook as its owner would; from then on moves of profiles are sent
//! ([`LyticsTwin::move_profile`]). Times are the twin's clock's, and what is due is sent when the twin is touched:
//! move the clock, then await [`LyticsTwin::webhooks_settled`].
//!
//! # The side door
//!
//! Below `/__mock`, besides the routes that are the same for all twins:
//!
//! | route | method |
//! | --- | --- |
//! | `POST /segments` | `seed_segment` → `{"id"}` |
//! | `GET /segments/{segment}/members` | `members` |
//! | `POST /profiles` | `seed_profiles`, body an array |
//! | `GET`, `DELETE /profiles/{key}` | `profile`, `erase_profile` |
//! | `POST /profiles/{key}/moves` | `move_profile`, body an array |
//! | `POST /profiles/{key}/lapse/{segment}` | `lapse` |
//! | `PUT /profiles/{key}/fields/{field}` | `set_field` |
//! | `GET`, `POST /jobs` | `jobs`; `start_job` → `{"id"}` |
//! | `GET /jobs/{id}` | `job` |
//! | `PUT /jobs/{id}/authorization` | `authorize_job` |
//! | `POST /jobs/{id}/{deed}` | `pause`, `resume`, `kill` |
//! | `GET`, `DELETE /attempts` | `attempts`, `clear_attempts` |
//! | `POST /webhooks/settled` | `webhooks_settled` |
//! | `PUT`, `DELETE /tokens/{token}` | `set_token`, `{"expires_at"}`; `remove_token` |

mod api;
mod counters;
mod door;
mod emit;
mod filter;
mod handle;
mod jobs;
mod message;
mod model;
mod moves;
mod reply;
mod routes;
mod scan;
mod segments;
mod sender;
mod state;
mod switches;

pub use crate::faults::{FaultKind, LateAnswer, RetryAfter};
pub use crate::twin::Refused;
pub use counters::Counters;
pub use handle::{LyticsTwin, Options};
pub use jobs::{
    Attempt, AttemptOutcome, AudienceEvents, Authorization, ClientCredentials, JobStatus, JobView, Method, SeedJob,
    Template,
};
pub use model::{Direction, Move, ProfileView, SeedProfile, SeedSegment};
pub use routes::RouteKind;
pub use switches::{
    BackfillStamp, CloudEventsMode, Duplicates, EventTimes, LimitOver, NextAtEnd, OAuthClient, RetryOn, ScanValues,
    ScanView, SegmentEvents, SizePath, StatusType, Switches, Total,
};

/// A scripted fault of this vendor.
pub type Fault = crate::faults::Fault<RouteKind>;
/// Which requests to this vendor a fault strikes.
pub type FaultMatch = crate::faults::FaultMatch<RouteKind>;
/// Faults of this vendor by chance.
pub type SeededFaults = crate::faults::SeededFaults<RouteKind>;
