//! Muster: audience activation. A source says who entered or left which audience; Muster brings every
//! marketing platform to that state. See `DESIGN.md` for why it is built as it is.

#[cfg(feature = "aws")]
pub mod aws;
pub mod catalog;
pub mod clock;
pub mod control;
pub mod delivery;
pub mod destination;
pub mod destinations;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod http;
pub mod ingest;
pub mod installation;
pub mod mapping;
pub mod metrics;
pub mod model;
pub mod ports;
pub mod scans;
pub mod sources;
mod standard_webhooks;
pub mod steps;
pub mod timers;
mod tls;
