//! Muster whole on one machine: the same handlers as on AWS, in one process, on the embedded ports.

pub mod demo;
pub mod kill;
pub mod runner;
pub mod system;
pub mod token;
