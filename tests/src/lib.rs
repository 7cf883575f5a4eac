//! What the tests of several places share.

pub mod call;
pub mod contract;
pub mod loyalty;
pub mod notices;
pub mod port_suite;
pub mod world;
pub mod worlds;
