//! A stateful stand-in for the Heyloyalty API, from `docs/vendors/heyloyalty.md`.
//!
//! [`HeyloyaltyTwin::start`] serves `/loyalty/v1` and `/loyalty/v2` on one port of the loopback
//! and the side door on another. Point a client at it by replacing `https://api.heyloyalty.com`
//! with [`HeyloyaltyTwin::api_url`]. What the documentation leaves open is a field of [`Switches`];
//! a route the twin does not have answers 500 and shows in [`HeyloyaltyTwin::unexpected`].
//!
//! # The side door
//!
//! JSON over HTTP, no authentication. Each route does what the method of the handle does; bodies
//! and answers are the serde forms of its types. 404: no such list, member or webhook; 400 with
//! `{"error"}`: refused; 204: done, nothing to show.
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
//! | `GET`, `PUT`, `PATCH /switches` | `switches`, `set_switches`; PATCH takes a part |
//! | `PUT`, `DELETE /accounts/{key}` | `set_account`, `{"secret"}`; `remove_account` |
//! | `GET`, `PUT /clock` | `{"now"}`; `{"now"}`, `{"advance_seconds"}` or `"machine"` |
//! | `GET`, `DELETE /counters` | `counters`, `reset_counters` |
//! | `GET`, `DELETE /mailbox` | `mailbox`, `clear_mailbox` |
//! | `GET`, `DELETE /unexpected` | `unexpected`, `clear_unexpected` |
//! | `GET /imports`, `POST /imports/apply` | `pending_imports`, `apply_imports` → `{"applied"}` |
//! | `POST`, `GET`, `DELETE /faults` | `push_fault`, `scripted_faults`, `clear_faults` |
//! | `PUT /faults/seeded` | `seed_faults` |
//! | `GET /webhooks`, `PUT /webhooks/{id}` | `webhooks`, `set_up_webhook` |
//! | `POST /webhooks/{id}/test`, `POST /webhooks/settled` | `test_webhook`, `webhooks_settled` |
//! | `GET /webhooks/deliveries` | `webhook_deliveries` |

mod api;
mod auth;
mod counters;
mod door;
mod faults;
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

use crate::wire;

pub use counters::Counters;
pub use faults::{Fault, FaultKind, FaultMatch, RetryAfter, SeededFaults};
pub use handle::{HeyloyaltyTwin, Options, Refused};
pub use import::ImportView;
pub use model::{
    Duplicates, EmailStatus, Field, FieldKind, FieldValue, Format, ListView, MemberView, OptIn, SeedField, SeedList,
    SeedMember, SeedStanding, Standing,
};
pub use routes::RouteKind;
pub use state::{Mail, MailKind};
pub use switches::{
    DeleteMode, LongText, MemberShape, PatchListStatus, PatchMatch, PerpageOver, RetryAfterHeader, Switches,
    UnknownField, UpsertMode, WriteStatus,
};
pub use webhooks::{BasicAuth, PayloadFormat, Webhook, WebhookDelivery, WebhookSetup};
