//! A stateful stand-in for Cheetah Digital (Cheetah Messaging, Marigold Engage+), from
//! `docs/vendors/cheetah-digital.md`.
//!
//! [`CheetahDigitalTwin::start`] serves the hosts of one [`Region`], each on a port of the loopback
//! ([`CheetahDigitalTwin::origins`]), and the side door on another. What the documentation leaves open is a field of
//! [`Switches`]. What it refuses is refused in its words; what no client may do answers 500 and shows in
//! [`CheetahDigitalTwin::unexpected`]: an unknown route, a resource at the wrong host, a form field, query parameter
//! or member that nothing names, `_campaignMetadata`, `_minimalImport`, XML.
//!
//! Accepted data is not yet in its table: it is loaded `Switches::load_delay_ms` later on the twin's clock, an
//! import `Switches::import_delay_seconds` later, with the values as they were sent.
//!
//! # The side door
//!
//! Below `/__mock`, besides the routes that are the same for all twins:
//!
//! | route | method |
//! | --- | --- |
//! | `GET`, `POST /tables` | `tables`; `seed_table` → `{"name"}` |
//! | `POST /tables/fixtures` | `seed_fixtures` |
//! | `DELETE /tables/{table}` | `remove_table` |
//! | `PUT`, `DELETE /tables/{table}/columns/{column}` | `rename_column`, `{"display_name"}`; `remove_column` |
//! | `POST /joins` | `seed_join` |
//! | `POST /data-maps` | `seed_data_map` → `{"id"}` |
//! | `PUT /folders/{id}` | `seed_folder` |
//! | `PUT /banned/{address}` | `ban` |
//! | `GET`, `POST /rows/{table}` | `rows`; `seed_row`, an object of cells → `{"id"}` |
//! | `DELETE /rows/{table}/{id}` | `erase_row` |
//! | `PUT /rows/{table}/{id}/{column}` | `edit`, a text, an array of texts or `null` |
//! | `GET /loads`, `POST /loads/apply` | `loads`; `apply_loads` → `{"applied"}` |
//! | `GET /imports` | `imports` |
//! | `PUT`, `DELETE /credentials/{key}` | `set_credential`, `remove_credential` |
//! | `DELETE /tokens` | `revoke_tokens` |

mod api;
mod counters;
mod credentials;
mod data;
mod door;
mod fixtures;
mod handle;
mod import;
mod load;
mod model;
mod options;
mod pages;
mod region;
mod routes;
mod search;
mod state;
mod switches;
mod tables;
mod values;

pub use crate::faults::{FaultKind, LateAnswer, RetryAfter};
pub use crate::traffic::RetryAfterHeader;
pub use crate::twin::Refused;
pub use counters::Counters;
pub use credentials::{Credential, Privilege, consumer_key};
pub use handle::{CheetahDigitalTwin, Options};
pub use import::{ImportStatus, ImportView, SeedDataMap};
pub use load::{Deed, LoadSource, LoadView, LoadedRecord};
pub use model::{Cell, DataType, RowView, SeedColumn, SeedJoin, SeedTable, TableView};
pub use region::Region;
pub use routes::RouteKind;
pub use switches::{
    BadRecord, Blanks, DataHosts, IdentifierCase, ImportEnds, LateOptions, NonStrings, Overlong, PastTheEnd, Profile,
    SlashDates, SuccessBody, Switches, TableIndex,
};

/// A scripted fault of this vendor.
pub type Fault = crate::faults::Fault<RouteKind>;
/// Which requests to this vendor a fault strikes.
pub type FaultMatch = crate::faults::FaultMatch<RouteKind>;
/// Faults of this vendor by chance.
pub type SeededFaults = crate::faults::SeededFaults<RouteKind>;
