//! Muster: audience activation. A source says who entered or left which audience; Muster brings every
//! marketing platform to that state. See `DESIGN.md` for why it is built as it is.

pub mod catalog;
pub mod control;
pub mod destination;
pub mod destinations;
pub mod http;
pub mod model;
pub mod ports;
