//! What the tests of several places share.

pub mod contract;
pub mod port_suite;
pub mod worlds;
