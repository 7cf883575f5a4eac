//! What an expression reads and calls, found in its words before it runs: every path, filter and test is named there,
//! because nothing else than a written path can be read. MiniJinja itself says whether the syntax is right.

use super::expression::literal;
use super::filters::{self, FILTERS, TESTS};
use super::path::{ROOTS, SourcePath, unknown_root};
use super::suggest::did_you_mean;

/// A word of an expression.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'s> {
    kind: Kind<'s>,
    start: usize,
    end: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind<'s> {
    Name(&'s str),
    /// A literal in its quotes.
    Text(&'s str),
    Number,
    Sign(&'s str),
}

/// A path in an expression, by bytes.
pub(super) struct Reading {
    pub(super) path: SourcePath,
    pub(super) shape: Shape,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Which identifiers of a type a path in an expression stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// The preferred one.
    Preferred,
    /// All: what follows picks or joins them.
    All,
}

/// A mistake in an expression, at a byte.
pub(super) struct Flaw {
    pub(super) at: usize,
    pub(super) message: String,
}

const KEYWORDS: [&str; 12] = ["and", "or", "not", "in", "is", "if", "else", "true", "True", "false", "False", "none"];
/// Filters that want all identifiers of a type and not only the preferred one.
const OF_SEVERAL: [&str; 4] = ["first", "join", "last", "length"];

/// The words of any text.
pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut start = 0;
    while let Some(first) = source[start..].chars().next() {
        let rest = &source[start..];
        let length = match first {
            _ if first.is_whitespace() => {
                start += first.len_utf8();
                continue;
            }
            '"' | '\'' => text_length(rest, first),
            '0'..='9' => number_length(rest),
            'a'..='z' | 'A'..='Z' | '_' => rest.find(|c| !is_name(c)).unwrap_or(rest.len()),
            _ if ["==", "!=", "<=", ">=", "//", "**"].iter().any(|sign| rest.starts_with(sign)) => 2,
            _ => first.len_utf8(),
        };
        let word = &rest[..length];
        let kind = match first {
            '"' | '\'' => Kind::Text(word),
            '0'..='9' => Kind::Number,
            _ if is_name(first) => Kind::Name(word),
            _ => Kind::Sign(word),
        };
        tokens.push(Token { kind, start, end: start + length });
        start += length;
    }
    tokens
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn text_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn number_length(rest: &str) -> usize {
    let whole = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
    match rest[whole..].strip_prefix('.') {
        Some(behind) if behind.starts_with(|c: char| c.is_ascii_digit()) => {
            whole + 1 + behind.find(|c| !is_name(c)).unwrap_or(behind.len())
        }
        Some(_) | None => whole,
    }
}

/// How deep an expression of these words may be nested at most where each word nests.
pub(super) fn nesting(tokens: &[Token<'_>]) -> usize {
    let nests = |token: &&Token<'_>| matches!(token.kind, Kind::Name("not" | "else" | "if") | Kind::Sign("-"));
    tokens.iter().filter(nests).count()
}

/// What an expression reads.
///
/// # Errors
/// Every mistake.
pub(super) fn readings(source: &str) -> Result<Vec<Reading>, Vec<Flaw>> {
    let mut scan = Scan { tokens: tokens(source), next: 0, readings: Vec::new(), flaws: Vec::new() };
    scan.run();
    if scan.flaws.is_empty() { Ok(scan.readings) } else { Err(scan.flaws) }
}

struct Scan<'s> {
    tokens: Vec<Token<'s>>,
    next: usize,
    readings: Vec<Reading>,
    flaws: Vec<Flaw>,
}

impl<'s> Scan<'s> {
    fn run(&mut self) {
        while let Some(token) = self.tokens.get(self.next).copied() {
            let at = self.next;
            self.next += 1;
            match token.kind {
                Kind::Name(name) => self.name(at, name),
                Kind::Sign("(") if self.ends_a_value(at) => self.flaw(at, NO_CALLS.to_owned()),
                Kind::Sign("==" | "!=") if self.is_none(at + 1) || (at > 0 && self.is_none(at - 1)) => {
                    self.flaw(at, "ask with `is defined` and `is undefined` whether there is a value".to_owned());
                }
                Kind::Text(_) | Kind::Number | Kind::Sign(_) => {}
            }
        }
    }

    fn name(&mut self, at: usize, name: &'s str) {
        match self.before(at, 1) {
            // A part of something worked out: what is not there is missing.
            Some(Kind::Sign(".")) => {}
            Some(Kind::Sign("|")) => self.filter(at, name),
            _ if self.follows_is(at) => self.test(at, name),
            _ if ROOTS.contains(&name) => self.path(at, name),
            _ if KEYWORDS.contains(&name) => {}
            _ => self.unknown(at, name),
        }
    }

    fn unknown(&mut self, at: usize, name: &str) {
        let message = if self.sign(at + 1) == Some("=") {
            "arguments of filters stand in their order, without names".to_owned()
        } else if self.sign(at + 1) == Some("(") {
            self.next += 1;
            match FILTERS.iter().any(|filter| filter.name == name) {
                true => format!("`{name}` is a filter: write `value|{name}`"),
                false => NO_CALLS.to_owned(),
            }
        } else if self.before(at, 1) == Some(Kind::Sign("-")) {
            format!("{}; a name with `-` in it stands in brackets: `ids[\"user-id\"]`", unknown_root(name))
        } else {
            unknown_root(name)
        };
        self.flaw(at, message);
    }

    /// `fields.a.b`, `fields["a b"]`, `fields.a["b c"]`.
    fn path(&mut self, at: usize, root: &str) {
        let mut rest = Vec::new();
        loop {
            match (self.sign(self.next), self.kind(self.next + 1)) {
                (Some("."), Some(Kind::Name(name))) => {
                    rest.push(name.to_owned());
                    self.next += 2;
                }
                (Some("["), Some(Kind::Text(text))) if self.sign(self.next + 2) == Some("]") => {
                    rest.extend(literal(text));
                    self.next += 3;
                }
                _ => break,
            }
        }
        let (start, end) = (self.tokens[at].start, self.tokens[self.next - 1].end);
        if self.sign(self.next) == Some("(") {
            self.next += 1;
            return self.flaw(at, NO_CALLS.to_owned());
        }
        if rest.is_empty() {
            let name = "name what of it is read, in the expression itself";
            return self
                .flaw(at, format!("`{root}` alone is no value: {name} (`{root}.name` or `{root}[\"the name\"]`)"));
        }
        match SourcePath::of(root, &rest.join(".")) {
            Ok(path) => {
                let picked = matches!(self.kind(self.next + 1), Some(Kind::Name(name)) if OF_SEVERAL.contains(&name));
                let all = self.sign(self.next) == Some("|") && picked;
                let shape = if all { Shape::All } else { Shape::Preferred };
                self.readings.push(Reading { path, shape, start, end });
            }
            Err(message) => self.flaw(at, message),
        }
    }

    fn filter(&mut self, at: usize, name: &str) {
        let Some(filter) = FILTERS.iter().find(|filter| filter.name == name) else {
            let names = FILTERS.iter().map(|filter| filter.name);
            let near = match did_you_mean(name, names.clone()) {
                Some(near) => format!("; did you mean `{near}`?"),
                None => format!(": there are {}", names.collect::<Vec<_>>().join(", ")),
            };
            return self.flaw(at, format!("there is no filter `{name}`{near}"));
        };
        if self.sign(at + 1) == Some(".") {
            return self.flaw(at, format!("what the filter `{name}` gives has no parts"));
        }
        let arguments = self.arguments(at + 1);
        if !filter.arguments.contains(&arguments.len()) {
            return self.flaw(at, format!("`{name}` is written `{}`", filter.usage));
        }
        for (position, argument) in arguments.into_iter().enumerate() {
            let [Token { kind: Kind::Text(text), start, .. }] = argument[..] else { continue };
            let Some(text) = literal(text) else { continue };
            if let Err(message) = filters::check_argument(name, position, &text) {
                self.flaws.push(Flaw { at: start, message });
            }
        }
    }

    /// The words of each argument behind the bracket that opens at `open`; none where there is no bracket.
    fn arguments(&self, open: usize) -> Vec<Vec<Token<'s>>> {
        let mut arguments = vec![Vec::new()];
        if self.sign(open) != Some("(") {
            return Vec::new();
        }
        let mut depth = 0_usize;
        for token in &self.tokens[open + 1..] {
            match token.kind {
                Kind::Sign(")") if depth == 0 => break,
                Kind::Sign(",") if depth == 0 => {
                    arguments.push(Vec::new());
                    continue;
                }
                Kind::Sign("(" | "[" | "{") => depth += 1,
                Kind::Sign(")" | "]" | "}") => depth = depth.saturating_sub(1),
                Kind::Sign(_) | Kind::Name(_) | Kind::Text(_) | Kind::Number => {}
            }
            if let Some(last) = arguments.last_mut() {
                last.push(*token);
            }
        }
        // After a last comma there may be nothing.
        arguments.retain(|argument| !argument.is_empty());
        arguments
    }

    fn test(&mut self, at: usize, name: &str) {
        if name != "not" && !TESTS.contains(&name) {
            self.flaw(at, format!("there is no test `{name}`: there are `is defined` and `is undefined`"));
        }
    }

    fn follows_is(&self, at: usize) -> bool {
        let is = Some(Kind::Name("is"));
        self.before(at, 1) == is || (self.before(at, 1) == Some(Kind::Name("not")) && self.before(at, 2) == is)
    }

    /// Whether what stands before is a value and no name, so that a bracket behind it would call it.
    fn ends_a_value(&self, at: usize) -> bool {
        matches!(self.before(at, 1), Some(Kind::Text(_) | Kind::Number | Kind::Sign(")" | "]" | "}")))
            || (matches!(self.before(at, 1), Some(Kind::Name(_))) && self.before(at, 2) == Some(Kind::Sign(".")))
    }

    fn is_none(&self, at: usize) -> bool {
        matches!(self.kind(at), Some(Kind::Name("none" | "None")))
    }

    fn kind(&self, at: usize) -> Option<Kind<'s>> {
        self.tokens.get(at).map(|token| token.kind)
    }

    fn before(&self, at: usize, by: usize) -> Option<Kind<'s>> {
        self.kind(at.checked_sub(by)?)
    }

    fn sign(&self, at: usize) -> Option<&'s str> {
        match self.kind(at)? {
            Kind::Sign(sign) => Some(sign),
            Kind::Name(_) | Kind::Text(_) | Kind::Number => None,
        }
    }

    fn flaw(&mut self, at: usize, message: String) {
        self.flaws.push(Flaw { at: self.tokens[at].start, message });
    }
}

const NO_CALLS: &str =
    "there are no functions and no methods: write a filter behind the value, as in `fields.name|lower`";
