//! Query parameters and pages of the reading resources (vendor file 5).

use std::collections::BTreeMap;

use super::data::Problem;
use super::switches::{PastTheEnd, Switches};

/// Parameters by name; one that is not `known`, or comes twice, is unexpected.
pub(super) fn parameters(query: &str, known: &[&str]) -> Result<BTreeMap<String, String>, Problem> {
    let mut parameters = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if !known.contains(&name.as_ref()) {
            return Err(Problem::Unexpected(format!("the query parameter {name}")));
        }
        if parameters.insert(name.to_string(), value.into_owned()).is_some() {
            return Err(Problem::Unexpected(format!("the query parameter {name} twice")));
        }
    }
    Ok(parameters)
}

/// A whole number among the parameters.
pub(super) fn number(parameters: &BTreeMap<String, String>, name: &str) -> Result<Option<u64>, Problem> {
    let text = parameters.get(name);
    let parse = |text: &String| text.parse().map_err(|_| Problem::Refused(format!("{name} is not a number.")));
    text.map(parse).transpose()
}

/// How many rows a page has.
pub(super) fn size(parameters: &BTreeMap<String, String>, switches: &Switches) -> Result<usize, Problem> {
    match number(parameters, "count")? {
        None => Ok(switches.default_page_size),
        Some(0) => Err(Problem::Refused("count must be positive.".to_owned())),
        Some(count) => Ok(usize::try_from(count).unwrap_or(usize::MAX).min(switches.max_page_size)),
    }
}

/// The page of that number, the first where none is given.
pub(super) fn page<'a, T>(
    all: &'a [T],
    page: Option<u64>,
    size: usize,
    switches: &Switches,
) -> Result<&'a [T], Problem> {
    let first = u64::from(switches.first_page);
    let number = page.unwrap_or(first).checked_sub(first);
    let number = number.ok_or_else(|| Problem::Refused("There is no such page.".to_owned()))?;
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    let found = all.chunks(size.max(1)).nth(number);
    Ok(match (found, switches.past_the_end) {
        (Some(page), _) => page,
        (None, PastTheEnd::LastPageAgain) => all.chunks(size.max(1)).next_back().unwrap_or_default(),
        (None, PastTheEnd::Empty) => &[],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(at: Option<u64>, switches: &Switches) -> Result<&'static [u8], Problem> {
        page(&[1, 2, 3, 4, 5], at, 2, switches)
    }

    #[test]
    fn pages_are_counted_from_one_or_from_zero() {
        let one = Switches::default();
        assert_eq!(numbers(None, &one), Ok(&[1, 2][..]));
        assert_eq!(numbers(Some(1), &one), Ok(&[1, 2][..]));
        assert!(numbers(Some(0), &one).is_err());
        let zero = Switches { first_page: 0, ..one };
        assert_eq!(numbers(Some(1), &zero), Ok(&[3, 4][..]));
    }

    #[test]
    fn beyond_the_end_there_is_the_last_page_or_nothing() {
        let again = Switches::default();
        assert_eq!(numbers(Some(9), &again), Ok(&[5][..]));
        let empty = Switches { past_the_end: PastTheEnd::Empty, ..again };
        assert_eq!(numbers(Some(9), &empty), Ok(&[][..]));
    }
}
