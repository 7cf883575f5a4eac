//! Reading requests: strictly, with the place of what is wrong, and without repeating what was sent.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use muster::control::{DEFAULT_PART, Part};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use crate::Problem;

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

/// Ids out of the address.
pub(crate) struct Named<T>(pub(crate) T);

/// The query of an address.
pub(crate) struct Asked<T>(pub(crate) T);

/// Which part of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// The `next` of the part before.
    #[serde(default)]
    cursor: Option<String>,
    /// Most items, 1 to 1000; 100 where absent.
    #[serde(default)]
    limit: Option<u32>,
}

impl From<ListQuery> for Part {
    fn from(query: ListQuery) -> Self {
        let limit = query.limit.map_or(DEFAULT_PART, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        Self { after: query.cursor, limit }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::of(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send `Content-Type: application/json`"));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::of(StatusCode::PAYLOAD_TOO_LARGE, "a body has at most 1 MB"),
            status => Problem::of(status, "the body could not be read"),
        })?;
        read(&bytes).map(Self)
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        Problem::of(StatusCode::BAD_REQUEST, without_values(&error.inner().to_string())).at(path)
    })?;
    reader.end().map_err(|_| Problem::of(StatusCode::BAD_REQUEST, "something follows after the JSON document"))?;
    Ok(value)
}

/// Serde's sentence without the value that was sent: it may be a secret or an identifier.
fn without_values(sentence: &str) -> String {
    let names_a_field = sentence.starts_with("unknown field") || sentence.starts_with("missing field");
    match sentence.rsplit_once(", expected ") {
        Some((_, expected)) if !names_a_field => format!("expected {expected}"),
        Some(_) | None => sentence.to_owned(),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(ids)) => Ok(Self(ids)),
            Err(_) => Err(Problem::of(StatusCode::NOT_FOUND, "what stands in the address cannot be an id")),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(Problem::of(StatusCode::BAD_REQUEST, without_values(&rejection.body_text()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only read")]
        inner: Inner,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only read")]
        number: u32,
    }

    fn problem(body: &str) -> (String, String) {
        let problem = read::<Outer>(body.as_bytes()).unwrap_err();
        (problem.path.unwrap_or_default(), problem.detail)
    }

    #[test]
    fn the_place_is_told_and_the_value_is_not() {
        let (path, detail) = problem(r#"{"inner":{"number":"MARKER"}}"#);
        assert_eq!(path, "inner.number");
        assert!(detail.starts_with("expected u32") && !detail.contains("MARKER"), "{detail}");
    }

    #[test]
    fn unknown_fields_are_named() {
        let (path, detail) = problem(r#"{"inner":{"number":1,"nummer":2}}"#);
        assert_eq!(path, "inner.nummer");
        assert!(detail.starts_with("unknown field `nummer`, expected `number`"), "{detail}");
    }

    #[test]
    fn nothing_may_follow() {
        assert!(problem(r#"{"inner":{"number":1}} {}"#).1.contains("follows"));
    }
}
