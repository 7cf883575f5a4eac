//! What the twin counts, and how many requests a second it is given.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Counts since the start or the last reset. Side-door writes count nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Unsubscribed people made subscribers again by the API: PATCH, PUT, import, and any create
    /// or upsert that makes a new active member beside the person's unsubscribed one.
    pub resubscribed: u64,
    /// Calls of `PUT /v1/lists/:id`, refused ones included.
    pub list_put: u64,
    /// Calls of `POST /v1/lists`, refused ones included.
    pub list_post: u64,
    /// Calls of `DELETE /v1/lists/:id`, refused ones included.
    pub list_delete: u64,
    /// Members created by POST, upsert or import, temporary ones included.
    pub member_created: u64,
    /// Calls of `PUT …/members/:mid`, refused ones included.
    pub member_put: u64,
    /// Members unsubscribed or purged by a DELETE.
    pub member_deleted: u64,
    /// Writes through any path to members with a complaint or a hard bounce.
    pub suppressed_writes: u64,
    /// Field names sent that the list does not have: in bodies, filters and `fields_selected`.
    pub unknown_fields: u64,
    /// Imports accepted.
    pub imports: u64,
    /// Rows of applied imports, bad ones included.
    pub imported_rows: u64,
    /// Members created by imports (also in `member_created`).
    pub import_created: u64,
    /// Requests on the API port, refused ones included.
    pub requests: u64,
    /// Authorised requests by route, such as `GET /v1/lists/:id/members`.
    pub requests_by_route: BTreeMap<String, u64>,
    /// Authorised requests answered 429 by `Switches::rate_limit`; faults do not count.
    pub rate_limited: u64,
    /// Most requests within any one second of the twin's clock; a clock that stands still makes
    /// this the number of requests since it was set.
    pub max_requests_in_one_second: u64,
    /// Requests that a fault struck.
    pub faults: u64,
    /// Requests answered 401 for their key, timestamp or signature; faults do not count.
    pub unauthorized: u64,
    /// Requests to a route the twin does not have; see `HeyloyaltyTwin::unexpected`.
    pub unexpected: u64,
}

/// The instants of the last second.
#[derive(Debug, Default)]
pub(super) struct SecondWindow(VecDeque<Timestamp>);

impl SecondWindow {
    /// Forgets what is a second old or older, and what a clock set back left in the future.
    pub(super) fn expire(&mut self, now: Timestamp) {
        let one_second = SignedDuration::from_secs(1);
        self.0.retain(|at| *at <= now && now.duration_since(*at) < one_second);
    }

    pub(super) fn push(&mut self, now: Timestamp) {
        self.0.push_back(now);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides() {
        let mut window = SecondWindow::default();
        let start = Timestamp::UNIX_EPOCH;
        for ms in [0, 400, 999] {
            let at = start + SignedDuration::from_millis(ms);
            window.expire(at);
            window.push(at);
        }
        assert_eq!(window.len(), 3);
        window.expire(start + SignedDuration::from_millis(1_000));
        assert_eq!(window.len(), 2);
    }
}
