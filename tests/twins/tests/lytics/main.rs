//! The Lytics twin, most of it over real HTTP: its API called by hand, its webhooks received by hand.

mod access;
mod authorization;
mod backfills;
mod bodies;
mod door;
mod in_process;
mod jobs;
mod receiver;
mod retries;
mod scans;
mod segments;
mod support;
mod webhooks;
