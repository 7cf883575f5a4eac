//! Load in virtual time: the real handlers over ports in memory, platforms that answer after a while by a clock
//! that jumps from one thing that happens to the next. Hours take seconds, and every run is the same.

mod platforms;
mod stories;
mod world;
