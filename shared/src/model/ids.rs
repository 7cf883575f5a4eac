//! Typed ids. Text ids are checked when they are made, so that whoever holds one need not look again.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_with::{DeserializeFromStr, SerializeDisplay};
use smol_str::SmolStr;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be 1 to {max} characters{rule}")]
pub struct InvalidId {
    what: &'static str,
    max: usize,
    rule: &'static str,
}

const SLUG: &str = " of A-Z a-z 0-9 . _ : - and begin with a letter or a digit";
const NAME: &str = " without control characters and not begin or end with a space";

const LOWER: &str = " of a-z 0-9 and -";

fn is_lower(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn is_slug(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-'))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control)
}

// One macro instead of eleven copies of the same thirty lines. Rows, nudges and receipts are full of ids: a copy must
// not cost an allocation.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal, $rule:ident, $check:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, DeserializeFromStr, schemars::JsonSchema,
        )]
        #[schemars(with = "String")]
        pub struct $name(SmolStr);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if text.len() <= $max && $check(text) {
                    Ok(Self(SmolStr::new(text)))
                } else {
                    Err(InvalidId { what: $what, max: $max, rule: $rule })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// A configured webhook, poll or import.
    SourceId, "a source id", 64, SLUG, is_slug
);
text_id!(
    /// The audience's id at its source, which is its slug.
    AudienceId, "an audience id", 128, NAME, is_name
);
text_id!(
    /// A calculated attribute's id at its source.
    AttributeId, "an attribute id", 128, NAME, is_name
);
text_id!(
    /// Credentials for one vendor account.
    AuthorizationId, "an authorization id", 64, SLUG, is_slug
);
text_id!(
    /// The link from a source's audiences to a destination.
    ActivationId, "an activation id", 64, SLUG, is_slug
);
text_id!(
    /// A walk over people.
    JobId, "a job id", 64, SLUG, is_slug
);
text_id!(
    /// A reading of audiences at their source.
    ScanId, "a scan id", 64, SLUG, is_slug
);
text_id!(
    /// The note that people are being sent right now.
    FlightId, "a flight id", 64, SLUG, is_slug
);
/// One run, among those that share an account at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub u32);

impl RunId {
    /// A number of its own from 0 up to 1: so that runs spread themselves.
    pub fn share(self) -> f64 {
        f64::from(self.0) / (f64::from(u32::MAX) + 1.0)
    }
}

text_id!(
    /// A destination's kind: `heyloyalty`, `webhook`, ….
    Provider, "a provider", 64, SLUG, is_slug
);
text_id!(
    /// A marketing platform in the address of a connector: `braze`, `segment`, ….
    PlatformName, "a platform", 64, LOWER, is_lower
);
text_id!(
    /// `email`, `user_id`, `phone`, …: by what a person is known.
    IdentifierType, "an identifier type", 64, SLUG, is_slug
);
text_id!(
    /// A profile field's name.
    FieldName, "a field name", 128, NAME, is_name
);

text_id!(
    /// What kind of event it is: `coupon_redeemed`.
    EventName, "an event name", 64, SLUG, is_slug
);
text_id!(
    /// Names one event among all of its source: nothing personal may be in it.
    EventId, "an event id", 160, SLUG, is_slug
);

/// 128 bits of an HMAC, written as 32 hexadecimal digits: names a person without saying who it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, SerializeDisplay, DeserializeFromStr)]
pub struct PersonKey(pub [u8; 16]);

/// The same for a destination's key value (an address, say) within one activation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, SerializeDisplay, DeserializeFromStr)]
pub struct KeyHash(pub [u8; 16]);

/// Why a text is not 128 bits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a person key is 32 hexadecimal digits")]
pub struct InvalidKey;

macro_rules! hash_id {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut digits = [0; 32];
                hex::encode_to_slice(self.0, &mut digits).map_err(|_| fmt::Error)?;
                f.write_str(str::from_utf8(&digits).map_err(|_| fmt::Error)?)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }
        impl FromStr for $name {
            type Err = InvalidKey;
            fn from_str(text: &str) -> Result<Self, InvalidKey> {
                let mut bytes = [0; 16];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidKey)?;
                Ok(Self(bytes))
            }
        }
    };
}
hash_id!(PersonKey);
hash_id!(KeyHash);

/// What a destination holds of a person: one thing, or one thing per audience.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, SerializeDisplay, DeserializeFromStr)]
pub enum RecordId {
    /// The person as a whole.
    Person,
    /// The person in one audience.
    Audience(AudienceId),
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person => f.write_str("person"),
            Self::Audience(audience) => write!(f, "audience:{audience}"),
        }
    }
}

impl FromStr for RecordId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("audience:") {
            Some(slug) => slug.parse().map(Self::Audience).map_err(|error: InvalidId| error.to_string()),
            None if text == "person" => Ok(Self::Person),
            None => Err(format!("`{text}` is neither `person` nor `audience:…`")),
        }
    }
}
