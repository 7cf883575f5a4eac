//! The Heyloyalty twin over real HTTP, with a signature written by hand.

mod door;
mod faults;
mod imports;
mod lists;
mod members;
mod searches;
mod support;
mod webhooks;
