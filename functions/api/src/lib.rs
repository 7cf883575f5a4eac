//! The control plane over HTTP: JSON in and out, strict, with problems as of RFC 9457. Everything under
//! `/v1` wants the owner's token; `/v1/openapi.json` describes it, generated from the code.
//!
//! No answer ever contains a secret, and no address an identifier: who is looked up stands in a body.

mod extract;
mod openapi;
mod problem;
mod routes;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use muster::control::Control;

pub use openapi::document;
pub use problem::Problem;
pub use token::{ApiToken, api_token};

/// Largest request body, in bytes.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// What the handlers share.
pub struct Api {
    /// The operations.
    pub control: Control,
    /// Who knows it may do everything.
    pub token: ApiToken,
}

/// All routes.
pub fn router(api: Arc<Api>) -> Router {
    let (routes, _) = routes::all().split_for_parts();
    let routes = routes
        .fallback(|| async { Problem::of(StatusCode::NOT_FOUND, "there is nothing at this address") })
        .method_not_allowed_fallback(|| async {
            Problem::of(StatusCode::METHOD_NOT_ALLOWED, "this address does not take this method")
        })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(Arc::clone(&api), authenticate))
        .with_state(api);
    Router::new().route("/healthz", get(|| async { StatusCode::NO_CONTENT })).merge(routes)
}

async fn authenticate(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
    if !given.is_some_and(|given| api.token.is(given)) {
        let problem = Problem::of(StatusCode::UNAUTHORIZED, "give the owner's token as a bearer token");
        return ([(WWW_AUTHENTICATE, "Bearer realm=\"muster\"")], problem).into_response();
    }
    let mut response = next.run(request).await;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
