//! A stateful stand-in for the Heyloyalty API, from `docs/vendors/heyloyalty.md`.
//!
//! [`HeyloyaltyTwin::start`] serves `/loyalty/v1` and `/loyalty/v2` on one port of the loopback
//! and the side door on another. Point a client at it by replacing `https://api.heyloyalty.com`
//! with [`HeyloyaltyTwin::api_url`]. What the documentation leaves open is a field of [`Switches`];
//! a route the twin does not have answers 500 and shows in [`HeyloyaltyTwin::unexpected`].
//!
//! # The side door
//!
//! Besides the routes that are the same for all twins:
//!
//! | route | method |
//! | --- | --- |
//! | `GET`, `POST /lists` | `lists`; `seed_list` → `{"id"}` |
//! | `GET /lists/{list}` | `list` |
//! | `DELETE /lists/{list}/fields/{name}` | `remove_field` |
//! | `GET /lists/{list}/members[?email=…]` | `members`, `members_by_email` |
//! | `POST /lists/{list}/members` | `seed_members`, body an array → ids |
//! | `GET /lists/{list}/members/{id}` | `member` |
//! | `POST /lists/{list}/subscribe` | `subscribe_member`, `{"email", "fields"}` → `{"id"}` |
//! | `POST /lists/{list}/members/{id}/{deed}` | `unsubscribe`, `resubscribe`, `complain`, `hard-bounce`, `confirm` |
//! | `PUT`, `DELETE /accounts/{key}` | `set_account`, `{"secret"}`; `remove_account` |
//! | `GET`, `DELETE /mailbox` | `mailbox`, `clear_mailbox` |
//! | `GET /imports`, `POST /imports/apply` | `pending_imports`, `apply_imports` → `{"applied"}` |
//! | `GET /webhooks`, `PUT /webhooks/{id}` | `webhooks`, `set_up_webhook` |
//! | `POST /webhooks/{id}/test`, `POST /webhooks/settled` | `test_webhook`, `webhooks_settled` |
//! | `GET /webhooks/deliveries` | `webhook_deliveries` |

mod api;
mod auth;
mod counters;
mod door;
mod fields;
mod handle;
mod import;
mod lists;
mod members;
mod model;
mod payload;
mod render;
mod reply;
mod roster;
mod routes;
mod search;
mod state;
mod switches;
mod upsert;
mod values;
mod webhooks;

pub use crate::faults::{FaultKind, LateAnswer, RetryAfter};
pub use crate::traffic::RetryAfterHeader;
pub use crate::twin::Refused;
pub use counters::Counters;
pub use handle::{HeyloyaltyTwin, Options};
pub use import::ImportView;
pub use model::{
    Duplicates, EmailStatus, Field, FieldKind, FieldValue, Format, ListView, MemberView, OptIn, SeedField, SeedList,
    SeedMember, SeedStanding, Standing,
};
pub use routes::RouteKind;
pub use state::{Mail, MailKind};
pub use switches::{
    DeleteMode, LongText, MemberShape, PatchListStatus, PatchMatch, PerpageOver, Switches, UnknownField, UpsertMode,
    WriteStatus,
};
pub use webhooks::{BasicAuth, PayloadFormat, Webhook, WebhookDelivery, WebhookSetup};

/// A scripted fault of this vendor.
pub type Fault = crate::faults::Fault<RouteKind>;
/// Which requests to this vendor a fault strikes.
pub type FaultMatch = crate::faults::FaultMatch<RouteKind>;
/// Faults of this vendor by chance.
pub type SeededFaults = crate::faults::SeededFaults<RouteKind>;
