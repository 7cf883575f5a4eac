//! A stateful stand-in for Eagle Eye AIR, from `docs/vendors/eagle-eye-air.md`: the wallet API that grants rewards,
//! and the events that tell subscribers what happens at the retailer.
//!
//! [`EagleEyeAirTwin::start`] serves the hosts of the UK sandbox on ports of the loopback, of which only the wallet
//! API has routes, and the side door on another. Every answer has `x-ees-called-unique-id`. What the documentation
//! leaves open is a field of [`Switches`]; a route, host, query parameter or member of a body that the twin does not
//! know answers 500 and shows in [`EagleEyeAirTwin::unexpected`].
//!
//! Deeds such as [`EagleEyeAirTwin::settle`] answer the event that they make, and send it to whoever did
//! [`EagleEyeAirTwin::subscribe`]. Times are the twin's clock's, and what is due is sent when the twin is touched:
//! move the clock, then await [`EagleEyeAirTwin::events_settled`].
//!
//! # The side door
//!
//! Below `/__mock`, besides the routes that are the same for all twins:
//!
//! | route | method |
//! | --- | --- |
//! | `PUT`, `DELETE /clients/{id}` | `set_client`, `{"secret"}`; `remove_client` |
//! | `GET`, `POST /wallets` | `wallets`; `seed_wallet` → `{"wallet_id"}` |
//! | `GET /wallets/{id}` | `wallet` |
//! | `PUT /wallets/{id}/standing` | `set_standing`, body such as `"suspended"` |
//! | `PUT /campaigns` | `seed_campaign` |
//! | `GET /rewards` | `rewards` |
//! | `GET`, `POST /subscriptions` | `subscriptions`; `subscribe` → `{"subscription"}` |
//! | `DELETE /subscriptions/{number}` | `unsubscribe` |
//! | `GET`, `POST`, `DELETE /events` | `events`; `happen` → the event; `clear_events` |
//! | `POST /events/raw` | `emit` |
//! | `POST /events/settled` | `events_settled` |
//! | `GET /attempts`, `GET /dead-letters` | `attempts`, `dead_letters` |

mod api;
mod auth;
mod counters;
mod door;
mod entities;
mod envelope;
mod events;
mod handle;
mod happen;
mod lookups;
mod model;
mod post;
mod reply;
mod routes;
mod sender;
mod state;
mod switches;
mod trigger;
mod unit;

pub use crate::faults::{FaultKind, LateAnswer, RetryAfter};
pub use crate::serve::NoAnswer;
pub use crate::traffic::RetryAfterHeader;
pub use crate::twin::Refused;
pub use counters::Counters;
pub use envelope::Emitted;
pub use events::join::Welcome;
pub use events::pos::{Item, Purchase, Redemption};
pub use events::refund::Refund;
pub use handle::{EagleEyeAirTwin, Options};
pub use happen::HappensNow;
pub use model::{
    AccountKind, AccountView, IdentityView, Reward, RewardView, SeedCampaign, SeedIdentity, SeedWallet, Standing,
    WalletView,
};
pub use post::{Attempt, AttemptOutcome, DeadLetter, Subscription};
pub use routes::RouteKind;
pub use switches::{
    Blanks, ByReference, DuplicateReference, Duplicates, EmptyMaps, Enrichment, HeaderNames, QueryHash, RefundName,
    SeveralTriggers, Switches, TriggerEcho,
};

/// A scripted fault of this vendor.
pub type Fault = crate::faults::Fault<RouteKind>;
/// Which requests to this vendor a fault strikes.
pub type FaultMatch = crate::faults::FaultMatch<RouteKind>;
/// Faults of this vendor by chance.
pub type SeededFaults = crate::faults::SeededFaults<RouteKind>;
