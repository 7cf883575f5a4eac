//! The trace that a webhook belongs to, from its arrival to the calls of vendors: W3C Trace Context,
//! <https://www.w3.org/TR/trace-context/>.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// 16 bytes, not all zero; 32 lower-case hexadecimal digits in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceId(u128);

/// No trace id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a trace id is 32 lower-case hexadecimal digits, not all zero")]
pub struct InvalidTraceId;

impl TraceId {
    /// A new one.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().as_u128())
    }

    /// The trace of a `traceparent` header: `00-<trace id>-<parent id>-<flags>`. A later version may add
    /// members at the end.
    pub fn of_header(header: &str) -> Option<Self> {
        let mut members = header.trim().split('-');
        let (version, trace, parent, flags) = (members.next()?, members.next()?, members.next()?, members.next()?);
        let is_hex = |text: &str, digits: usize| {
            text.len() == digits && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
        };
        let is_whole = is_hex(version, 2) && version != "ff" && is_hex(parent, 16) && is_hex(flags, 2);
        let is_known = version != "00" || members.next().is_none();
        (is_whole && is_known && parent.bytes().any(|b| b != b'0')).then(|| trace.parse().ok()).flatten()
    }

    /// The header of a call that is a part of it, under a parent id of its own; not sampled.
    pub fn header(self) -> String {
        let parent = uuid::Uuid::new_v4().as_u64_pair().0;
        format!("00-{self}-{parent:016x}-00")
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for TraceId {
    type Err = InvalidTraceId;
    fn from_str(text: &str) -> Result<Self, InvalidTraceId> {
        let is_hex = text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
        match u128::from_str_radix(text, 16) {
            Ok(id) if is_hex && id != 0 => Ok(Self(id)),
            Ok(_) | Err(_) => Err(InvalidTraceId),
        }
    }
}

impl TryFrom<String> for TraceId {
    type Error = InvalidTraceId;
    fn try_from(text: String) -> Result<Self, InvalidTraceId> {
        text.parse()
    }
}

impl From<TraceId> for String {
    fn from(id: TraceId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_the_specification_has_it() {
        let read = |header: &str| TraceId::of_header(header).map(|id| id.to_string());
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(read(&format!("00-{id}-00f067aa0ba902b7-01")).as_deref(), Some(id));
        assert_eq!(read(&format!("cc-{id}-00f067aa0ba902b7-01-what-comes-later")).as_deref(), Some(id));
        for bad in [
            format!("00-{id}-00f067aa0ba902b7-01-more"),
            format!("ff-{id}-00f067aa0ba902b7-01"),
            format!("00-{id}-0000000000000000-01"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()),
            format!("00-{id}-00f067aa0ba902b7"),
            String::new(),
        ] {
            assert_eq!(read(&bad), None, "{bad}");
        }
    }

    #[test]
    fn a_header_that_is_written_is_read_back() {
        let id = TraceId::random();
        assert_eq!(TraceId::of_header(&id.header()), Some(id));
        assert_ne!(id.header(), id.header(), "each call is a part of its own");
    }
}
