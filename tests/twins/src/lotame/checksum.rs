//! The checksum file (2.3, B5).

use crate::lotame::advice::{assumed_failure, strict_failure};
use crate::lotame::report::{Note, Rule};
use crate::lotame::switches::{Letters, Md5Shape, Switches};

/// Longer than any file of one line; the rest is not read.
pub(crate) const LONGEST: u64 = 4096;

/// The digits, where the file has one of the shapes that are taken.
pub(crate) fn digits<'a>(bytes: &'a [u8], data_name: &str, switches: &Switches) -> Result<&'a str, Note> {
    let Some((digits, rest)) = bytes.split_at_checked(32) else { return Err(no_digits()) };
    let Ok(digits) = str::from_utf8(digits) else { return Err(no_digits()) };
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(no_digits());
    }
    match switches.md5_letters {
        Letters::LowerOnly if digits.bytes().any(|byte| byte.is_ascii_uppercase()) => {
            return Err(assumed_failure(Rule::B5, "Write the checksum in lowercase, as md5sum does."));
        }
        Letters::LowerOnly | Letters::Any => {}
    }
    let rest = rest.strip_suffix(b"\n").unwrap_or(rest);
    let name = rest.strip_prefix(b"  ").or_else(|| rest.strip_prefix(b" *"));
    match (rest.is_empty(), name, switches.md5_shape) {
        (true, _, Md5Shape::Either | Md5Shape::Bare) => Ok(digits),
        (false, Some(name), Md5Shape::Either | Md5Shape::Md5sum) if name == data_name.as_bytes() => Ok(digits),
        (false, Some(name), Md5Shape::Either | Md5Shape::Md5sum) if name.contains(&b'/') => {
            Err(assumed_failure(Rule::B5, "Write the bare name of the data file after the checksum, without a path."))
        }
        (true, _, Md5Shape::Md5sum) | (false, _, Md5Shape::Either | Md5Shape::Bare | Md5Shape::Md5sum) => {
            Err(assumed_failure(
                Rule::B5,
                "Write the 32 digits alone, or digits, two spaces and the data file's name, and at most one newline.",
            ))
        }
    }
}

fn no_digits() -> Note {
    strict_failure(Rule::B5, "Begin the checksum file with the 32 hexadecimal digits of the MD5.")
}
