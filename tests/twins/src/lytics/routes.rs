//! The routes of vendor file 7.1; whatever is not here is unexpected.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Segments,
    SegmentsV2,
    /// The last part of the path, and of whom.
    Size(SizeName, String),
    /// Of whom, where the path says it.
    Scan(Option<String>),
    AdHocScan,
    AdHocSize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SizeName {
    Size,
    Sizes,
}

/// A route without its ids, for matching faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteKind {
    /// `GET /api/segment`
    Segments,
    /// `GET /v2/segment`
    SegmentsV2,
    /// `GET /api/segment/:id/size` and `/sizes`
    Size,
    /// `GET /api/segment/:id/scan` and `GET /api/segment/scan?id=`
    Scan,
    /// `POST /api/segment/scan`
    AdHocScan,
    /// `POST /api/segment/size`
    AdHocSize,
}

impl RouteKind {
    /// The key in `Traffic::requests_by_route`.
    pub fn template(self) -> &'static str {
        match self {
            Self::Segments => "GET /api/segment",
            Self::SegmentsV2 => "GET /v2/segment",
            Self::Size => "GET /api/segment/:id/size",
            Self::Scan => "GET /api/segment/:id/scan",
            Self::AdHocScan => "POST /api/segment/scan",
            Self::AdHocSize => "POST /api/segment/size",
        }
    }
}

impl Route {
    pub(super) fn parse(method: &str, path: &str) -> Option<Self> {
        let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        match (method, segments.as_slice()) {
            ("GET", ["api", "segment"]) => Some(Self::Segments),
            ("GET", ["v2", "segment"]) => Some(Self::SegmentsV2),
            ("GET", ["api", "segment", "scan"]) => Some(Self::Scan(None)),
            ("POST", ["api", "segment", "scan"]) => Some(Self::AdHocScan),
            ("POST", ["api", "segment", "size"]) => Some(Self::AdHocSize),
            ("GET", ["api", "segment", id, "size"]) => Some(Self::Size(SizeName::Size, (*id).to_owned())),
            ("GET", ["api", "segment", id, "sizes"]) => Some(Self::Size(SizeName::Sizes, (*id).to_owned())),
            ("GET", ["api", "segment", id, "scan"]) => Some(Self::Scan(Some((*id).to_owned()))),
            _ => None,
        }
    }

    pub(super) fn kind(&self) -> RouteKind {
        match self {
            Self::Segments => RouteKind::Segments,
            Self::SegmentsV2 => RouteKind::SegmentsV2,
            Self::Size(..) => RouteKind::Size,
            Self::Scan(_) => RouteKind::Scan,
            Self::AdHocScan => RouteKind::AdHocScan,
            Self::AdHocSize => RouteKind::AdHocSize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_the_table_is_no_route() {
        for (method, path) in [
            ("GET", "/api/segment/abc"),
            ("POST", "/v2/job"),
            ("POST", "/api/segment"),
            ("GET", "/api/segment/a/b/scan"),
            ("DELETE", "/api/segment/abc/scan"),
        ] {
            assert_eq!(Route::parse(method, path), None, "{method} {path}");
        }
    }
}
