//! What the tests of several places share.

pub mod port_suite;
