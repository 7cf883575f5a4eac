//! Where in a document something stands. Built while reading without an allocation, written out only for
//! what is wrong.

use std::fmt;

/// A JSON path.
#[derive(Debug, Clone, Copy)]
pub(crate) enum At<'a> {
    /// The document.
    Root,
    /// An item of a list.
    Item(&'a At<'a>, usize),
    /// A member of an object.
    Member(&'a At<'a>, &'a str),
}

impl<'a> At<'a> {
    pub(crate) fn item(&'a self, index: usize) -> Self {
        Self::Item(self, index)
    }

    pub(crate) fn member(&'a self, name: &'a str) -> Self {
        Self::Member(self, name)
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("$"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
            Self::Member(parent, name) if is_plain(name) => write!(f, "{parent}.{name}"),
            // A name with other characters may be an address or a telephone number in the wrong place.
            Self::Member(parent, _) => write!(f, "{parent}[…]"),
        }
    }
}

fn is_plain(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_names_and_never_what_may_be_a_value() {
        let item = At::Root.item(3);
        let person = item.member("person");
        assert_eq!(person.member("email").item(1).to_string(), "$[3].person.email[1]");
        assert_eq!(person.member("ann@example.com").to_string(), "$[3].person[…]");
        assert_eq!(person.member("+4512345678").to_string(), "$[3].person[…]");
        assert_eq!(person.member("").to_string(), "$[3].person[…]");
    }
}
