//! Expressions: MiniJinja, with filters of ours and nothing else, on a budget of work.
//!
//! Every path in an expression is replaced by the number of its slot, and the slots of all expressions of a mapping
//! are filled once per person: nothing else of the person is copied, and names need no lookup.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use minijinja::value::{Object, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Expression, UndefinedBehavior};
use rust_decimal::Decimal;

use super::error::Refusal;
use super::facts::{Facts, Held};
use super::filters;
use super::fit::{Found, clean, found};
use super::many::{Many, one_of};
use super::path::SourcePath;
use super::scan::{Flaw, Shape, nesting, readings, tokens};
use crate::model;

/// Longest expression, in characters.
const MAX_CHARACTERS: usize = 4_000;
/// Most words of an expression.
const MAX_WORDS: usize = 1_000;
/// Most words that nest without a bracket: MiniJinja counts brackets only, and a stack has an end.
const MAX_NESTING: usize = 100;
/// Instructions of one evaluation; 64 bytes of text count as one too.
const FUEL: u64 = 5_000;
/// Most items of a list that comes out.
const MAX_ITEMS: usize = 1_000;

static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut engine = Environment::empty();
    engine.set_undefined_behavior(UndefinedBehavior::Chainable);
    engine.set_fuel(Some(FUEL));
    engine.set_debug(false);
    filters::add_to(&mut engine);
    engine
});

/// What an expression of a mapping reads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) path: SourcePath,
    shape: Shape,
}

/// An expression that was found to be right.
pub(super) struct Program {
    expression: Expression<'static, 'static>,
    /// What it reads, by number of slot.
    reads: Vec<usize>,
}

/// What a literal in its quotes means.
pub(super) fn literal(text: &str) -> Option<String> {
    ENGINE.compile_expression(text).ok()?.eval(()).ok()?.as_str().map(str::to_owned)
}

impl Program {
    /// Compiles an expression and adds what it reads to the slots.
    ///
    /// # Errors
    /// Every mistake, but only the first of the syntax.
    pub(super) fn compile(source: &str, slots: &mut Vec<Slot>) -> Result<Self, Vec<Flaw>> {
        let flaw = |at: usize, message: &str| Err(vec![Flaw { at, message: message.to_owned() }]);
        let words = tokens(source);
        if words.is_empty() {
            return flaw(0, "the expression is empty");
        }
        if source.chars().count() > MAX_CHARACTERS || words.len() > MAX_WORDS {
            return flaw(0, "an expression has at most 4000 characters and 1000 words");
        }
        if nesting(&words) > MAX_NESTING {
            return flaw(0, "an expression has at most 100 `if`, `else`, `not` and `-`");
        }
        ENGINE.compile_expression(source).map_err(|error| vec![syntax(source, &error)])?;
        let readings = readings(source)?;

        let mut rewritten = String::with_capacity(source.len());
        let mut reads = Vec::new();
        let mut end = 0;
        for reading in readings {
            let slot = Slot { path: reading.path, shape: reading.shape };
            let number = slots.iter().position(|known| *known == slot).unwrap_or_else(|| {
                slots.push(slot);
                slots.len() - 1
            });
            reads.push(number);
            rewritten.push_str(&source[end..reading.start]);
            rewritten.push_str(&format!("{SLOT}{number}"));
            end = reading.end;
        }
        rewritten.push_str(&source[end..]);
        let expression = ENGINE.compile_expression_owned(rewritten).map_err(|error| vec![syntax(source, &error)])?;
        let is_slot = |name: &String| name.strip_prefix(SLOT).is_some_and(|number| number.parse::<usize>().is_ok());
        if expression.undeclared_variables(false).iter().all(is_slot) {
            Ok(Self { expression, reads })
        } else {
            flaw(0, "the expression reads something else than paths")
        }
    }

    /// What comes out for a person.
    pub(super) fn run<'a>(
        &self,
        inputs: Option<&Inputs>,
        slots: &[Slot],
        many: &Many,
        facts: &dyn Facts<'a>,
    ) -> Result<Found<'static>, Refusal> {
        let held = || self.reads.iter().filter_map(|number| slots.get(*number)).map(|slot| Held::at(&slot.path, facts));
        let outcome = self
            .expression
            .eval(inputs.map_or(Value::UNDEFINED, |inputs| inputs.0.clone()))
            .map_err(refusal)
            .and_then(|value| read(&value, many));
        match outcome {
            // Cleared, or never known: the engine does not tell them apart.
            Ok(Found::Missing) if held().any(|held| held.is_ok_and(|held| held.is_cleared())) => Ok(Found::Null),
            Ok(found) => Ok(found),
            // A value of another type than its attribute is what explains the rest.
            Err(refusal) => Err(held().find_map(Result::err).unwrap_or(refusal)),
        }
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("reads", &self.reads).finish_non_exhaustive()
    }
}

/// What names of slots begin with.
const SLOT: &str = "slot_";

fn syntax(source: &str, error: &Error) -> Flaw {
    let at = error.range().map_or(0, |range| range.start.min(source.len()));
    let detail = error.detail().unwrap_or("this is no expression");
    Flaw { at, message: format!("the syntax is wrong: {detail}") }
}

fn refusal(error: Error) -> Refusal {
    match filters::refusal_of(&error) {
        Some(refusal) => refusal.clone(),
        None if error.kind() == ErrorKind::OutOfFuel => "the expression takes too much work for this value".into(),
        // The engine's own words may quote values.
        None => format!("the expression does not work for this person's values ({})", error.kind()).into(),
    }
}

fn read(value: &Value, many: &Many) -> Result<Found<'static>, Refusal> {
    if let Some(text) = value.as_str() {
        return Ok(found(text.to_owned()));
    }
    let kind = value.kind();
    if kind == ValueKind::Undefined {
        return Ok(Found::Missing);
    }
    if matches!(kind, ValueKind::Seq | ValueKind::Iterable) {
        let items = value.try_iter().map_err(refusal)?.take(MAX_ITEMS + 1);
        let items = items.map(|item| plain(&item)).collect::<Result<Vec<model::Value>, Refusal>>()?;
        if items.len() > MAX_ITEMS {
            return Err("the expression makes too long a list".into());
        }
        return one_of(&items, many).map(Found::into_owned);
    }
    Found::of(Held::Value(&plain(value)?), many).map(Found::into_owned)
}

fn plain(value: &Value) -> Result<model::Value, Refusal> {
    if let Some(text) = value.as_str() {
        return Ok(model::Value::Text(text.to_owned()));
    }
    let kind = value.kind();
    if matches!(kind, ValueKind::Undefined | ValueKind::None) {
        Ok(model::Value::Null)
    } else if kind == ValueKind::Bool {
        Ok(model::Value::Boolean(value.is_true()))
    } else if kind != ValueKind::Number {
        Err("what comes out is neither a text, a number, yes or no, nor a list of these".into())
    } else if value.is_integer() {
        value.as_i64().map(model::Value::Integer).ok_or("the number that comes out is too large".into())
    } else {
        // By way of the shortest text that means it, without what the engine's arithmetic leaves behind.
        let number = f64::try_from(value.clone()).ok().and_then(|number| Decimal::from_str(&number.to_string()).ok());
        let number = number.and_then(|number| number.round_sf(15));
        number.map(model::Value::Decimal).ok_or("the number that comes out is too large or too small".into())
    }
}

/// The values that a mapping's expressions read of one person.
pub(super) struct Inputs(Value);

impl Inputs {
    pub(super) fn of<'a>(slots: &[Slot], facts: &dyn Facts<'a>) -> Self {
        Self(Value::from_object(Slots(slots.iter().map(|slot| input(slot, facts)).collect())))
    }
}

struct Slots(Vec<Value>);

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slots([redacted])")
    }
}

impl Object for Slots {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.0.get(key.strip_prefix(SLOT)?.parse::<usize>().ok()?).cloned()
    }
}

/// What is cleared and what is blank is undefined: a null would be written as `none` by `~`, and be less than a number.
fn input<'a>(slot: &Slot, facts: &dyn Facts<'a>) -> Value {
    let Ok(held) = Held::at(&slot.path, facts) else {
        return Value::from(Error::from(ErrorKind::InvalidOperation));
    };
    match (held, slot.shape) {
        (Held::Missing, _) => Value::UNDEFINED,
        (Held::Identifiers(all), Shape::All) => all.iter().map(|identifier| Value::from(identifier.expose())).collect(),
        (Held::Identifiers(all), Shape::Preferred) => {
            all.first().map_or(Value::UNDEFINED, |first| text(first.expose()))
        }
        (Held::Value(value), _) => engine_value(value),
        (Held::Text(held), _) => text(held),
        (Held::Flag(flag), _) => Value::from(flag),
        (Held::Moment(at), _) => Value::from(at.to_string()),
    }
}

fn engine_value(value: &model::Value) -> Value {
    match value {
        model::Value::Null => Value::UNDEFINED,
        model::Value::Boolean(flag) => Value::from(*flag),
        model::Value::Integer(number) => Value::from(*number),
        model::Value::Decimal(number) => filters::of_decimal(*number),
        model::Value::Text(held) => text(held),
        model::Value::List(items) if items.is_empty() => Value::UNDEFINED,
        model::Value::List(items) => items.iter().map(engine_value).collect(),
    }
}

fn text(text: &str) -> Value {
    let text = clean(text.into());
    if text.is_empty() { Value::UNDEFINED } else { Value::from(&*text) }
}
