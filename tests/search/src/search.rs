//! Breadth first through every state that a model can reach: so the first violation found has a shortest
//! trace. States are remembered by a fingerprint of 128 bits, with their parent; a trace is walked again
//! from the start.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// What can be searched.
pub trait Model {
    /// A state, canonical: two that differ in nothing that matters are equal.
    type State: Clone + Hash;
    /// What leads from one to the next.
    type Step: fmt::Display;

    /// Its name.
    fn name(&self) -> String;
    /// Where everything begins.
    fn start(&self) -> Self::State;
    /// Everything that may happen next.
    fn steps(&self, state: &Self::State) -> Vec<(Self::Step, Self::State)>;
    /// Under which heading a step is counted in the closing line.
    fn counts_as(&self, step: &Self::Step) -> Option<&'static str>;
    /// What must never be so.
    fn violation(&self, state: &Self::State) -> Option<String>;
    /// Whether everything is done, rightly. Every state must be able to get to such a one.
    fn is_done(&self, state: &Self::State) -> bool;
    /// A state in a few words, for a trace.
    fn describe(&self, state: &Self::State) -> String;
}

/// What a search saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The model's name.
    pub model: String,
    /// Different states.
    pub states: usize,
    /// Steps between them.
    pub transitions: usize,
    /// Steps of the shortest way to the farthest state.
    pub depth: usize,
    /// States in which everything is done.
    pub done: usize,
    /// Steps by heading.
    pub counts: BTreeMap<&'static str, usize>,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, states, transitions, depth, done, counts } = self;
        write!(f, "{model}: {states} states, {transitions} transitions, depth {depth}, {done} ends")?;
        counts.iter().try_for_each(|(what, count)| write!(f, ", {what} {count}"))
    }
}

/// What must not be, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which promise is broken.
    pub what: String,
    /// A shortest way there, a step and the state behind it in each line.
    pub trace: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, after {} steps:", self.what, self.trace.len())?;
        self.trace.iter().zip(1..).try_for_each(|(line, number)| write!(f, "\n{number:>3}. {line}"))
    }
}

/// What came of a search.
#[derive(Debug)]
pub struct Searched {
    /// What was seen, up to the violation.
    pub seen: Seen,
    /// The first violation, a shortest one.
    pub violation: Option<Violation>,
}

/// What no state may be from which everything cannot get done any more.
pub const STUCK: &str = "it never comes to rest as it must";

type Fingerprint = u128;

/// Fingerprints need no hashing.
#[derive(Default)]
struct Taken(u64);

impl Hasher for Taken {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }
    fn write_u128(&mut self, fingerprint: u128) {
        self.0 = u64::try_from(fingerprint & u128::from(u64::MAX)).unwrap_or_default();
    }
}

/// Two independent hashes of 64 bits: fast, since every state is hashed, and nobody chooses them to collide.
#[derive(Clone, Copy, Debug)]
pub struct Mix(u64, u64);

impl Default for Mix {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f)
    }
}

impl Mix {
    fn add(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd);
        self.0 ^= self.0 >> 32;
        self.1 = (self.1.rotate_left(29) ^ word).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        self.1 ^= self.1 >> 29;
    }
}

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 29
    }
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let word = chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
            self.add(word);
        }
    }
    fn write_u8(&mut self, word: u8) {
        self.add(u64::from(word));
    }
    fn write_u16(&mut self, word: u16) {
        self.add(u64::from(word));
    }
    fn write_u64(&mut self, word: u64) {
        self.add(word);
    }
    fn write_usize(&mut self, word: usize) {
        self.add(word as u64);
    }
    fn write_isize(&mut self, word: isize) {
        self.add(word.unsigned_abs() as u64);
    }
}

fn fingerprint(state: &impl Hash) -> Fingerprint {
    let mut hasher = Mix::default();
    state.hash(&mut hasher);
    u128::from(hasher.0) << 64 | u128::from(hasher.1)
}

struct Known {
    numbers: HashMap<Fingerprint, u32, BuildHasherDefault<Taken>>,
    parents: Vec<u32>,
    /// From and to.
    edges: Vec<(u32, u32)>,
}

/// Searches everything, or up to the first violation.
///
/// # Panics
/// When more than `most` states are found: the model is too large to be searched.
pub fn search<M: Model>(model: &M, most: usize) -> Searched {
    let start = model.start();
    let mut known =
        Known { numbers: HashMap::from_iter([(fingerprint(&start), 0)]), parents: vec![0], edges: Vec::new() };
    let mut counts = BTreeMap::new();
    let mut done = Vec::new();
    let mut transitions = 0;
    let mut layer = vec![(0, start)];
    let mut depth = 0;
    let mut broken = None;
    'layers: while !layer.is_empty() {
        let mut next = Vec::new();
        for (number, state) in layer {
            if let Some(what) = model.violation(&state) {
                broken = Some((number, what));
                break 'layers;
            }
            if model.is_done(&state) {
                done.push(number);
            }
            for (step, after) in model.steps(&state) {
                transitions += 1;
                if let Some(heading) = model.counts_as(&step) {
                    *counts.entry(heading).or_default() += 1;
                }
                let new = u32::try_from(known.parents.len()).expect("fewer states than a u32 counts");
                let found = *known.numbers.entry(fingerprint(&after)).or_insert(new);
                known.edges.push((number, found));
                if found == new {
                    known.parents.push(number);
                    next.push((new, after));
                }
            }
            assert!(known.parents.len() <= most, "{} has more than {most} states", model.name());
        }
        depth += usize::from(!next.is_empty());
        layer = next;
    }
    let broken = broken.or_else(|| Some((stuck(&known, &done)?, STUCK.to_owned())));
    let states = known.parents.len();
    let seen = Seen { model: model.name(), states, transitions, depth, done: done.len(), counts };
    let violation = broken.map(|(number, what)| Violation { what, trace: trace(model, &known, number) });
    Searched { seen, violation }
}

/// The first state from which none of `done` can be reached.
fn stuck(known: &Known, done: &[u32]) -> Option<u32> {
    let states = known.parents.len();
    let mut before = known.edges.clone();
    before.sort_unstable_by_key(|(_, to)| *to);
    let mut starts = vec![0; states + 1];
    before.iter().for_each(|(_, to)| starts[*to as usize + 1] += 1);
    (0..states).for_each(|at| starts[at + 1] += starts[at]);
    let mut good = vec![false; states];
    let mut open = done.to_vec();
    open.iter().for_each(|number| good[*number as usize] = true);
    while let Some(number) = open.pop() {
        let at = number as usize;
        for (from, _) in &before[starts[at]..starts[at + 1]] {
            if !good[*from as usize] {
                good[*from as usize] = true;
                open.push(*from);
            }
        }
    }
    let first = good.iter().position(|good| !good)?;
    u32::try_from(first).ok()
}

fn trace<M: Model>(model: &M, known: &Known, to: u32) -> Vec<String> {
    let mut path = HashSet::from([to]);
    let mut at = to;
    while at != 0 {
        at = known.parents[at as usize];
        path.insert(at);
    }
    let mut lines = Vec::new();
    let mut state = model.start();
    let mut number = 0;
    while number != to {
        let next = model.steps(&state).into_iter().find_map(|(step, after)| {
            let found = *known.numbers.get(&fingerprint(&after))?;
            (path.contains(&found) && known.parents[found as usize] == number && found != number)
                .then_some((step, found, after))
        });
        let Some((step, found, after)) = next else {
            unreachable!("a known state has a way there");
        };
        lines.push(format!("{step:<60} {}", model.describe(&after)));
        (number, state) = (found, after);
    }
    lines
}
