//! Regions and their hosts (vendor file 3).

use serde::{Deserialize, Serialize};

use super::routes::RouteKind;
use super::switches::DataHosts;

/// A tenant of its own: credentials and tables of one region are unknown in the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Region {
    /// Token and tables at `api.eccmp.com`, data at `aet.eccmp.com`.
    NorthAmerica,
    /// Everything at `api.ccmp.eu`; the documentation of the data load prints `api.eccmp.eu`.
    Europe,
    /// Everything at `api.marketingsuite.jp`.
    Japan,
}

const NA_API: &str = "https://api.eccmp.com";
const NA_EVENTS: &str = "https://aet.eccmp.com";
const EU_API: &str = "https://api.ccmp.eu";
const EU_PRINTED: &str = "https://api.eccmp.eu";
const JP_API: &str = "https://api.marketingsuite.jp";

impl Region {
    /// The origins that stand, the one of the tokens first.
    pub fn origins(self) -> &'static [&'static str] {
        match self {
            Self::NorthAmerica => &[NA_API, NA_EVENTS],
            Self::Europe => &[EU_API, EU_PRINTED],
            Self::Japan => &[JP_API],
        }
    }

    /// Client id and user id of the credentials in `Options::of`, so that no region knows another's.
    pub(super) fn default_ids(self) -> (u64, u64) {
        match self {
            Self::NorthAmerica => (1_234, 567),
            Self::Europe => (2_345, 678),
            Self::Japan => (3_456, 789),
        }
    }

    pub(super) fn serves(self, origin: &str, route: RouteKind, data_hosts: DataHosts) -> bool {
        match route {
            RouteKind::Data => match (data_hosts, self) {
                (DataHosts::Any, _) => true,
                (DataHosts::Shipped | DataHosts::Printed, Self::NorthAmerica) => origin == NA_EVENTS,
                (DataHosts::Shipped, Self::Europe) => origin == EU_API,
                (DataHosts::Printed, Self::Europe) => origin == EU_PRINTED,
                (DataHosts::Shipped | DataHosts::Printed, Self::Japan) => origin == JP_API,
            },
            RouteKind::Token
            | RouteKind::Tables
            | RouteKind::SearchRecords
            | RouteKind::ImportCreate
            | RouteKind::ImportStatus => origin != NA_EVENTS && origin != EU_PRINTED,
        }
    }
}
