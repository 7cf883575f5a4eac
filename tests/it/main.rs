//! One integration-test binary: linking is the slow part of a test build.
#![expect(missing_docs, reason = "a test's name is its documentation")]

mod embedded;
mod port_suite;
