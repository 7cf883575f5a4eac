//! What the twin counts.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};

use crate::traffic::Traffic;

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
    /// What every twin counts.
    #[serde(flatten)]
    pub traffic: Traffic,
}

impl Deref for Counters {
    type Target = Traffic;

    fn deref(&self) -> &Traffic {
        &self.traffic
    }
}

impl DerefMut for Counters {
    fn deref_mut(&mut self) -> &mut Traffic {
        &mut self.traffic
    }
}
