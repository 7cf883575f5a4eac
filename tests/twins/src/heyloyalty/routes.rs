//! The routes of vendor file 9.2; whatever is not here is unexpected.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Lists,
    ListCreate,
    ListRead(u64),
    ListPut(u64),
    ListDelete(u64),
    ListPatchV2(u64),
    Members(u64),
    MemberCreate(u64),
    MemberRead(u64, String),
    MemberPut(u64, String),
    MemberPatch(u64, String),
    MemberDelete(u64, String),
    MembersDeleteByField,
    Upsert(u64),
    Import(u64),
    Webhooks(u64),
    WebhookCreate(u64),
    WebhookPut(u64, u64),
    WebhookDelete(u64, u64),
}

/// A route without its ids, for matching faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteKind {
    /// `GET /v1/lists`
    Lists,
    /// `POST /v1/lists`
    ListCreate,
    /// `GET /v1/lists/:id`
    ListRead,
    /// `PUT /v1/lists/:id`
    ListPut,
    /// `DELETE /v1/lists/:id`
    ListDelete,
    /// `PATCH /v2/lists/:id`
    ListPatchV2,
    /// `GET /v1/lists/:id/members`
    Members,
    /// `POST /v1/lists/:id/members`
    MemberCreate,
    /// `GET /v1/lists/:id/members/:mid`
    MemberRead,
    /// `PUT /v1/lists/:id/members/:mid`
    MemberPut,
    /// `PATCH /v1/lists/:id/members/:mid`
    MemberPatch,
    /// `DELETE /v1/lists/:id/members/:mid`
    MemberDelete,
    /// `DELETE /v2/lists/members/byfield`
    MembersDeleteByField,
    /// `POST /v1/lists/:id/members/upsert`
    Upsert,
    /// `POST /v1/lists/:id/import`
    Import,
    /// `GET /v1/lists/:id/webhooks`
    Webhooks,
    /// `POST /v1/lists/:id/webhooks`
    WebhookCreate,
    /// `PUT /v1/lists/:id/webhooks/:wid`
    WebhookPut,
    /// `DELETE /v1/lists/:id/webhooks/:wid`
    WebhookDelete,
}

impl RouteKind {
    /// The key in `Counters::requests_by_route`.
    pub fn template(self) -> &'static str {
        match self {
            Self::Lists => "GET /v1/lists",
            Self::ListCreate => "POST /v1/lists",
            Self::ListRead => "GET /v1/lists/:id",
            Self::ListPut => "PUT /v1/lists/:id",
            Self::ListDelete => "DELETE /v1/lists/:id",
            Self::ListPatchV2 => "PATCH /v2/lists/:id",
            Self::Members => "GET /v1/lists/:id/members",
            Self::MemberCreate => "POST /v1/lists/:id/members",
            Self::MemberRead => "GET /v1/lists/:id/members/:mid",
            Self::MemberPut => "PUT /v1/lists/:id/members/:mid",
            Self::MemberPatch => "PATCH /v1/lists/:id/members/:mid",
            Self::MemberDelete => "DELETE /v1/lists/:id/members/:mid",
            Self::MembersDeleteByField => "DELETE /v2/lists/members/byfield",
            Self::Upsert => "POST /v1/lists/:id/members/upsert",
            Self::Import => "POST /v1/lists/:id/import",
            Self::Webhooks => "GET /v1/lists/:id/webhooks",
            Self::WebhookCreate => "POST /v1/lists/:id/webhooks",
            Self::WebhookPut => "PUT /v1/lists/:id/webhooks/:wid",
            Self::WebhookDelete => "DELETE /v1/lists/:id/webhooks/:wid",
        }
    }

    /// Collections tolerate a trailing slash.
    fn is_collection(self) -> bool {
        matches!(
            self,
            Self::Lists | Self::ListCreate | Self::Members | Self::MemberCreate | Self::Webhooks | Self::WebhookCreate
        )
    }
}

impl Route {
    pub(super) fn parse(method: &str, path: &str) -> Option<Self> {
        let (bare, slash) = match path.strip_suffix('/') {
            Some(bare) => (bare, true),
            None => (path, false),
        };
        let rest = bare.strip_prefix("/loyalty/")?;
        let segments: Vec<&str> = rest.split('/').collect();
        let route = match segments.as_slice() {
            ["v1", "lists", tail @ ..] => Self::v1(method, tail),
            ["v2", "lists", tail @ ..] => Self::v2(method, tail),
            _ => None,
        }?;
        (!slash || route.kind().is_collection()).then_some(route)
    }

    fn v1(method: &str, tail: &[&str]) -> Option<Self> {
        let [list, tail @ ..] = tail else {
            return match method {
                "GET" => Some(Self::Lists),
                "POST" => Some(Self::ListCreate),
                _ => None,
            };
        };
        let list = list.parse().ok()?;
        match (method, tail) {
            ("GET", []) => Some(Self::ListRead(list)),
            ("PUT", []) => Some(Self::ListPut(list)),
            ("DELETE", []) => Some(Self::ListDelete(list)),
            ("GET", ["members"]) => Some(Self::Members(list)),
            ("POST", ["members"]) => Some(Self::MemberCreate(list)),
            ("POST", ["members", "upsert"]) => Some(Self::Upsert(list)),
            (_, ["members", "upsert" | "bulk"]) => None,
            ("GET", ["members", id]) => Some(Self::MemberRead(list, (*id).to_owned())),
            ("PUT", ["members", id]) => Some(Self::MemberPut(list, (*id).to_owned())),
            ("PATCH", ["members", id]) => Some(Self::MemberPatch(list, (*id).to_owned())),
            ("DELETE", ["members", id]) => Some(Self::MemberDelete(list, (*id).to_owned())),
            ("POST", ["import"]) => Some(Self::Import(list)),
            ("GET", ["webhooks"]) => Some(Self::Webhooks(list)),
            ("POST", ["webhooks"]) => Some(Self::WebhookCreate(list)),
            ("PUT", ["webhooks", id]) => Some(Self::WebhookPut(list, id.parse().ok()?)),
            ("DELETE", ["webhooks", id]) => Some(Self::WebhookDelete(list, id.parse().ok()?)),
            _ => None,
        }
    }

    fn v2(method: &str, tail: &[&str]) -> Option<Self> {
        match (method, tail) {
            ("DELETE", ["members", "byfield"]) => Some(Self::MembersDeleteByField),
            ("PATCH", [list]) => Some(Self::ListPatchV2(list.parse().ok()?)),
            _ => None,
        }
    }

    pub(super) fn kind(&self) -> RouteKind {
        match self {
            Self::Lists => RouteKind::Lists,
            Self::ListCreate => RouteKind::ListCreate,
            Self::ListRead(_) => RouteKind::ListRead,
            Self::ListPut(_) => RouteKind::ListPut,
            Self::ListDelete(_) => RouteKind::ListDelete,
            Self::ListPatchV2(_) => RouteKind::ListPatchV2,
            Self::Members(_) => RouteKind::Members,
            Self::MemberCreate(_) => RouteKind::MemberCreate,
            Self::MemberRead(..) => RouteKind::MemberRead,
            Self::MemberPut(..) => RouteKind::MemberPut,
            Self::MemberPatch(..) => RouteKind::MemberPatch,
            Self::MemberDelete(..) => RouteKind::MemberDelete,
            Self::MembersDeleteByField => RouteKind::MembersDeleteByField,
            Self::Upsert(_) => RouteKind::Upsert,
            Self::Import(_) => RouteKind::Import,
            Self::Webhooks(_) => RouteKind::Webhooks,
            Self::WebhookCreate(_) => RouteKind::WebhookCreate,
            Self::WebhookPut(..) => RouteKind::WebhookPut,
            Self::WebhookDelete(..) => RouteKind::WebhookDelete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailing_slash_is_tolerated_on_collections_only() {
        assert_eq!(Route::parse("GET", "/loyalty/v1/lists/"), Some(Route::Lists));
        assert_eq!(Route::parse("POST", "/loyalty/v1/lists/7/members/"), Some(Route::MemberCreate(7)));
        assert_eq!(Route::parse("GET", "/loyalty/v1/lists/7/"), None);
    }

    #[test]
    fn what_is_not_in_the_table_is_no_route() {
        for (method, path) in [
            ("GET", "/loyalty/v1/lists/countries"),
            ("PATCH", "/loyalty/v1/lists/7"),
            ("PUT", "/loyalty/v2/lists/7"),
            ("GET", "/loyalty/v2/lists/7"),
            ("PUT", "/loyalty/v1/lists/7/members/upsert"),
            ("POST", "/loyalty/v1/lists/7/members/bulk/copy"),
            ("GET", "/lists"),
        ] {
            assert_eq!(Route::parse(method, path), None, "{method} {path}");
        }
    }
}
