//! One integration-test binary: linking is the slow part of a test build.
#![expect(clippy::unwrap_used, reason = "in a test that is how to fail, in what its worlds do too")]

mod aws;
mod batches;
mod burst;
mod cheetah_backfill;
mod cheetah_digital;
mod cheetah_import;
mod cheetah_people;
mod cheetah_settings;
mod cheetah_tokens;
mod contract;
mod deploy;
mod effects;
mod embedded;
mod evidence;
mod heyloyalty;
mod interrupted;
mod load;
mod loyalty;
mod lytics;
mod lytics_rewards;
mod lytics_scans;
mod measures;
mod missing;
mod notices;
mod port_suite;
mod preview;
mod privileges;
mod reconcile;
mod replay;
mod rewards;
mod stories;
mod template;
mod tidy;
