//! Values by number, so that a state is a few bytes and what was decided once need not be decided again.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash};
use std::rc::Rc;

use serde::Serialize;

use crate::search::Mix;

/// A row as it was at some time, by number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonNumber(pub u16);

/// Values, each with a number of its own. The first is the default.
#[derive(Debug)]
pub struct Table<T> {
    values: RefCell<Vec<Rc<T>>>,
    numbers: RefCell<HashMap<String, u16>>,
}

impl<T: Serialize> Table<T> {
    /// A table that begins with this value.
    pub fn with(first: T) -> Self {
        let table = Self { values: RefCell::default(), numbers: RefCell::default() };
        table.number(first);
        table
    }

    /// The number of a value.
    pub fn number(&self, value: T) -> u16 {
        let text = serde_json::to_string(&value).expect("plain data");
        let mut values = self.values.borrow_mut();
        let new = u16::try_from(values.len()).expect("few different values");
        let number = *self.numbers.borrow_mut().entry(text).or_insert(new);
        if number == new {
            values.push(Rc::new(value));
        }
        number
    }

    /// The value of a number.
    pub fn value(&self, number: u16) -> Rc<T> {
        Rc::clone(&self.values.borrow()[usize::from(number)])
    }
}

/// What was decided, by what it depends on.
#[derive(Debug)]
pub struct Memory<K, V>(RefCell<HashMap<K, V, BuildHasherDefault<Mix>>>);

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Memory<K, V> {
    /// What was decided for `key`, or is now.
    pub fn get(&self, key: &K, decide: impl FnOnce() -> V) -> V {
        if let Some(known) = self.0.borrow().get(key) {
            return known.clone();
        }
        let decided = decide();
        self.0.borrow_mut().insert(key.clone(), decided.clone());
        decided
    }
}
