//! The Cheetah Digital twin over real HTTP, with requests written by hand.

mod data;
mod door;
mod hosts;
mod imports;
mod joins;
mod limits;
mod loads;
mod options;
mod search;
mod support;
mod tables;
mod tokens;
