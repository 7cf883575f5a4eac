//! Members of AIR's JSON, which has `[]` for an empty object, null anywhere, and ids as texts or numbers. What is of
//! another type than expected is absent.

use serde_json::{Map, Value as Json};

/// How often JSON may be wrapped into a text: bodies were seen escaped twice.
const MAX_WRAPPINGS: usize = 3;

/// The largest number up to which every integer has its own `f64`.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// The members of an object, or of nothing.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(Option<&'a Map<String, Json>>);

impl<'a> Fields<'a> {
    pub(super) fn of(json: Option<&'a Json>) -> Self {
        Self(json.and_then(Json::as_object))
    }

    pub(super) fn get(self, name: &str) -> Option<&'a Json> {
        self.0?.get(name)
    }

    pub(super) fn at(self, name: &str) -> Self {
        Self::of(self.get(name))
    }

    pub(super) fn list(self, name: &str) -> &'a [Json] {
        self.get(name).and_then(Json::as_array).map_or(&[], Vec::as_slice)
    }

    pub(super) fn members(self) -> impl Iterator<Item = (&'a String, &'a Json)> {
        self.0.into_iter().flatten()
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_none_or(Map::is_empty)
    }

    /// A text that is not blank.
    pub(super) fn text(self, name: &str) -> Option<&'a str> {
        self.get(name)?.as_str().filter(|text| !text.trim().is_empty())
    }

    pub(super) fn id(self, name: &str) -> Option<String> {
        match self.get(name)? {
            Json::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            Json::Number(number) => Some(number.to_string()),
            Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
        }
    }

    /// The id of a parent: AIR has "0", "" and null where there is none.
    pub(super) fn parent_id(self, name: &str) -> Option<String> {
        self.id(name).filter(|id| id != "0")
    }

    pub(super) fn integer(self, name: &str) -> Option<i64> {
        integer(self.get(name)?)
    }

    pub(super) fn is_true(self, name: &str) -> bool {
        match self.get(name) {
            Some(Json::Bool(flag)) => *flag,
            Some(Json::String(text)) => text == "true" || text == "1",
            Some(Json::Number(number)) => number.as_i64() == Some(1),
            None | Some(Json::Null | Json::Array(_) | Json::Object(_)) => false,
        }
    }
}

/// A whole number, also as a text or with a fraction of zero.
pub(super) fn integer(json: &Json) -> Option<i64> {
    match json {
        Json::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
        Json::String(text) => text.trim().parse().ok(),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "within the range where every integer is exact")]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() <= MAX_EXACT).then_some(number as i64)
}

/// A body that is JSON itself, or a text that holds JSON, maybe escaped more than once.
pub(super) fn unwrapped(body: Option<&Json>) -> Json {
    let mut body = body.cloned().unwrap_or_default();
    for _ in 0..MAX_WRAPPINGS {
        let Json::String(text) = &body else { return body };
        body = serde_json::from_str(text).unwrap_or_default();
    }
    body
}
