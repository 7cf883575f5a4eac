//! What only the embedded ports promise: a receiving end, a data folder, a clock that jumps.

mod clock;
mod folder;
mod queue;
