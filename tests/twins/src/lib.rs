//! Stand-ins ("twins") for vendor APIs, for tests only.
//!
//! A twin is written from the vendor's documentation alone and keeps state, so a test asserts on
//! what ended up at the vendor, not on which calls were made. Where the documentation is silent the
//! default is the strictest or most harmful reading: a client that passes is safe.
//!
//! # The side door
//!
//! Every twin is steered by its handle ([`Twin`] and what its module adds), and by JSON over HTTP on a
//! port of its own, without authentication. Bodies and answers are the serde forms of the handle's types. 404: no
//! such thing; 400 with `{"error"}`: refused; 204: done, nothing to show. These routes are the same for all:
//!
//! | route | method |
//! | --- | --- |
//! | `GET`, `PUT`, `PATCH /switches` | `switches`, `set_switches`; PATCH takes a part |
//! | `GET`, `PUT /clock` | `{"now"}`; `{"now"}`, `{"advance_seconds"}` or `"machine"` |
//! | `GET`, `DELETE /counters` | `counters`, `reset_counters` |
//! | `GET`, `DELETE /unexpected` | `unexpected`, `clear_unexpected` |
//! | `POST`, `GET`, `DELETE /faults` | `push_fault`, `scripted_faults`, `clear_faults` |
//! | `PUT /faults/seeded` | `seed_faults`; `seed_faults_by_route` where the body is an array |
//! | `GET`, `POST /late` | `late`, `apply_late`, a number |
//!
//! # Without sockets
//!
//! Every twin is also made by `new` and reached through [`Twin::router`], a service in this process; there
//! [`NoAnswer`] stands for an answer that is lost. Such a twin has no side door.

mod address;
pub mod bloomreach;
pub mod braze;
pub mod cheetah_digital;
pub mod clock;
mod deed;
mod door;
pub mod eagle_eye_air;
mod faults;
pub mod heyloyalty;
pub mod lotame;
pub mod lytics;
mod outbox;
mod recording;
mod reply;
mod serve;
mod traffic;
mod twin;
pub mod webhook;
mod wire;

pub use recording::Recorded;
pub use serve::NoAnswer;
pub use traffic::Traffic;
pub use twin::Twin;
