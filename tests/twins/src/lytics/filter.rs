//! As much of FilterQL as the twin reads: `*`, `EXISTS field`, `field = "text"`, `INCLUDE segment`, and `AND (…)`,
//! `OR (…)`, `NOT` of these, after `FILTER` and before an optional `FROM user`.

/// A condition on a profile.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Filter {
    Everybody,
    Exists(String),
    Equals(String, String),
    Include(String),
    Not(Box<Filter>),
    And(Vec<Filter>),
    Or(Vec<Filter>),
}

impl Filter {
    /// `None` where the twin cannot read it, which is not to say that the vendor could not.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let tokens = tokens(text)?;
        let mut rest: &[Token] = &tokens;
        if !word(&mut rest, "FILTER") {
            return None;
        }
        let filter = Self::condition(&mut rest)?;
        match rest {
            [] => Some(filter),
            [from, table] if from.is("FROM") && table.is("user") => Some(filter),
            _ => None,
        }
    }

    fn condition(rest: &mut &[Token]) -> Option<Self> {
        if word(rest, "*") {
            return Some(Self::Everybody);
        }
        if word(rest, "NOT") {
            return Some(Self::Not(Box::new(Self::condition(rest)?)));
        }
        if word(rest, "AND") {
            return Self::list(rest).map(Self::And);
        }
        if word(rest, "OR") {
            return Self::list(rest).map(Self::Or);
        }
        if word(rest, "EXISTS") {
            return name(rest).map(Self::Exists);
        }
        if word(rest, "INCLUDE") {
            return name(rest).map(Self::Include);
        }
        let field = name(rest)?;
        if !word(rest, "=") {
            return None;
        }
        name(rest).map(|value| Self::Equals(field, value))
    }

    fn list(rest: &mut &[Token]) -> Option<Vec<Self>> {
        let mut filters = Vec::new();
        if !word(rest, "(") {
            return None;
        }
        loop {
            filters.push(Self::condition(rest)?);
            if word(rest, ")") {
                return Some(filters);
            }
            if !word(rest, ",") {
                return None;
            }
        }
    }

    /// `field` gives the text of a field, `within` says whether the profile is in a segment.
    pub(super) fn holds(&self, field: &dyn Fn(&str) -> Option<String>, within: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Everybody => true,
            Self::Exists(name) => field(name).is_some(),
            Self::Equals(name, value) => field(name).as_ref() == Some(value),
            Self::Include(segment) => within(segment),
            Self::Not(filter) => !filter.holds(field, within),
            Self::And(filters) => filters.iter().all(|filter| filter.holds(field, within)),
            Self::Or(filters) => filters.iter().any(|filter| filter.holds(field, within)),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Quoted(String),
}

impl Token {
    fn is(&self, keyword: &str) -> bool {
        match self {
            Self::Word(word) => word.eq_ignore_ascii_case(keyword),
            Self::Quoted(_) => false,
        }
    }
}

/// `None` where a quotation does not end.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            let (quoted, after) = rest.get(1..)?.split_once('"')?;
            tokens.push(Token::Quoted(quoted.to_owned()));
            rest = after.trim_start();
            continue;
        }
        let mark = matches!(first, '(' | ')' | ',' | '=' | '*');
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '=' | '*' | '"'));
        let (token, after) = rest.split_at(if mark { 1 } else { end.unwrap_or(rest.len()) });
        tokens.push(Token::Word(token.to_owned()));
        rest = after.trim_start();
    }
    Some(tokens)
}

/// Takes the next token if it is this one.
fn word(rest: &mut &[Token], keyword: &str) -> bool {
    match rest.split_first() {
        Some((first, after)) if first.is(keyword) => {
            *rest = after;
            true
        }
        Some(_) | None => false,
    }
}

fn name(rest: &mut &[Token]) -> Option<String> {
    let (first, after) = rest.split_first()?;
    *rest = after;
    match first {
        Token::Word(text) if !matches!(text.as_str(), "(" | ")" | "," | "=" | "*") => Some(text.clone()),
        Token::Quoted(text) => Some(text.clone()),
        Token::Word(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn equals(field: &str, value: &str) -> Filter {
        Filter::Equals(field.to_owned(), value.to_owned())
    }

    #[test]
    fn conditions_nest() {
        let parsed = Filter::parse("filter AND ( EXISTS email, NOT city = \"São Paulo\", INCLUDE cats) FROM user");
        let expected = Filter::And(vec![
            Filter::Exists("email".to_owned()),
            Filter::Not(Box::new(equals("city", "São Paulo"))),
            Filter::Include("cats".to_owned()),
        ]);
        assert_eq!(parsed, Some(expected));
        assert_eq!(Filter::parse("FILTER *"), Some(Filter::Everybody));
    }

    #[test]
    fn what_the_twin_cannot_read_is_no_filter() {
        for text in
            ["", "email", "FILTER", "FILTER visits > 5", "FILTER AND (", "FILTER a = \"b", "FILTER * FROM content"]
        {
            assert_eq!(Filter::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_filter_asks_for_fields_and_segments() {
        let field = |name: &str| (name == "city").then(|| "Rome".to_owned());
        let within = |segment: &str| segment == "cats";
        for (text, holds) in [
            ("FILTER OR (city = \"Oslo\", INCLUDE cats)", true),
            ("FILTER AND (city = \"Rome\", INCLUDE dogs)", false),
            ("FILTER NOT EXISTS email", true),
        ] {
            assert_eq!(Filter::parse(text).map(|filter| filter.holds(&field, &within)), Some(holds), "{text}");
        }
    }
}
