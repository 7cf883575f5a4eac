//! Lytics' API: segments and their members. <https://docs.lytics.com/reference>.

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderValue};

use crate::destination::{Applied, Failure};
use crate::http::{Answer, Session};
use crate::model::budget::Budget;
use crate::model::{AudienceId, LyticsFormat, Reason, SourceAccess};
use crate::sources::lytics::scan::{Page, Segment, fields, page, segments};

/// The only host.
pub(super) const ORIGIN: &str = "https://api.lytics.io";
/// Most rows of a page that may be asked for.
const ROWS: u8 = 100;
/// What stands for itself in a path or query (RFC 3986).
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One account's API.
pub(super) struct Api<'a> {
    session: &'a Session,
    token: HeaderValue,
}

/// What became of the question for a page.
pub(super) enum Asked {
    /// It came.
    Came(Page),
    /// The place where it was to go on is not known any more.
    PlaceLost,
}

/// Lytics documents no limit for scans: one at a time, and no faster than what is said to be safe elsewhere.
pub(super) fn budget(access: &SourceAccess) -> Budget {
    Budget { at_once: Some(1), ..Budget::per_second(access.requests_per_second.unwrap_or(10.0)) }
}

impl<'a> Api<'a> {
    /// A token that no header can hold is one that Lytics never gave.
    pub(super) fn new(session: &'a Session, token: &str) -> Result<Self, Failure> {
        // The token as it is: with `Bearer` before it the API refuses it.
        let mut token = HeaderValue::from_str(token).map_err(|_| refused())?;
        token.set_sensitive(true);
        Ok(Self { session, token })
    }

    /// The valid segments of people with their sizes as far as they are told, and Lytics' own time of the answer.
    pub(super) async fn segments(&self) -> Result<(Vec<Segment>, Option<Timestamp>), Failure> {
        let answer = self.get("/api/segment?table=user&valid=true").await?;
        let mut listed = match answer.status.as_u16() {
            200..=299 => segments(&answer.body).ok_or_else(unreadable)?,
            _ => return Err(judge(&answer)),
        };
        // Sizes are to be looked at only.
        let sized = match self.get("/v2/segment?table=user&kind=segment&sizes=true").await {
            Ok(sized) if sized.status.is_success() => segments(&sized.body).unwrap_or_default(),
            Ok(_) | Err(_) => Vec::new(),
        };
        for segment in &mut listed {
            segment.members = sized.iter().find(|sized| sized.id == segment.id).and_then(|sized| sized.members);
        }
        Ok((listed, answer.date))
    }

    /// A page of a segment's members: the first, or the one that a former page named.
    pub(super) async fn page(
        &self,
        segment: &AudienceId,
        format: &LyticsFormat,
        start: Option<&str>,
    ) -> Result<Asked, Failure> {
        let mut path = format!("/api/segment/{}/scan?limit={ROWS}", encoded(segment.as_str()));
        if let Some(start) = start {
            path.push_str(&format!("&start={}", encoded(start)));
        }
        if let Some(fields) = fields(format) {
            path.push_str(&format!("&fields={}", encoded(&fields)));
        }
        let answer = self.get(&path).await?;
        match answer.status.as_u16() {
            200..=299 => page(&answer.body).map(Asked::Came).ok_or_else(unreadable),
            400 if start.is_some() => Ok(Asked::PlaceLost),
            _ => Err(judge(&answer)),
        }
    }

    async fn get(&self, path: &str) -> Result<Answer, Failure> {
        let build = |request: reqwest::RequestBuilder| {
            request.header(AUTHORIZATION, self.token.clone()).header("accept", "application/json")
        };
        self.session.send(Method::GET, ORIGIN, path, build).await
    }
}

fn encoded(text: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(text, PLAIN)
}

fn refused() -> Failure {
    let reason =
        "Lytics does not take the API token: look whether it has expired, may read segments, and may come from here";
    Failure::unauthorized(reason)
}

fn unreadable() -> Failure {
    Failure::Retryable { reason: Reason::new("Lytics' answer cannot be read"), applied: Applied::No }
}

fn judge(answer: &Answer) -> Failure {
    let status = answer.status.as_u16();
    match status {
        401 | 403 => refused(),
        429 => Failure::RateLimited { retry_after: answer.retry_after },
        404 => Failure::misconfigured("Lytics knows no such segment: it was removed or renamed"),
        300..=499 => {
            let reason = format!("Lytics answered with status {status}");
            Failure::misconfigured(reason)
        }
        _ => {
            let reason = format!("Lytics answered with status {status}");
            Failure::Retryable { reason: Reason::new(reason), applied: Applied::No }
        }
    }
}
