//! What a status means to which a vendor gives no meaning of its own.

use crate::destination::{Applied, Failure};
use crate::http::Answer;
use crate::model::Reason;

/// Who answered with which status, with more behind it.
pub(crate) fn reason(who: &str, answer: &Answer, more: &str) -> Reason {
    Reason::new(format!("{who} answered with status {}{more}", answer.status.as_u16()))
}

/// What an answer means by its status alone that is not that of success.
pub(crate) fn failure(who: &str, answer: &Answer) -> Failure {
    match answer.status.as_u16() {
        300..=399 => Failure::Misconfigured { reason: reason(who, answer, ": redirects are not followed") },
        429 => Failure::RateLimited { retry_after: answer.retry_after },
        400..=407 | 409..=499 => Failure::Rejected { reason: reason(who, answer, "") },
        _ => Failure::Retryable { reason: reason(who, answer, ""), applied: Applied::Open },
    }
}
