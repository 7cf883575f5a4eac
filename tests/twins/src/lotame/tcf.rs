//! Reads the core of an IAB TCF string, version 2: which vendors and purposes it allows.

/// What a string allows, of what is asked here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowed {
    /// Vendor 95.
    pub(crate) lotame: bool,
    /// Purposes with consent, purpose 1 the highest of 24 bits.
    pub(crate) consents: u32,
    /// The same of legitimate interest.
    pub(crate) interests: u32,
}

const LOTAME: u32 = 95;
/// Bits before the purposes: version, two times, CMP id, version, screen, language, list, policy, two flags, features.
const BEFORE_PURPOSES: usize = 36 + 36 + 12 + 12 + 6 + 12 + 12 + 6 + 1 + 1 + 12;
/// Purpose one treatment and the publisher's country.
const AFTER_PURPOSES: usize = 1 + 12;

/// `None` where it is no such string.
pub(crate) fn read(string: &str) -> Option<Allowed> {
    let core = string.split('.').next()?;
    let mut bits = Bits { sextets: core.bytes().map(sextet).collect::<Option<_>>()?, at: 0 };
    if bits.take(6)? != 2 {
        return None;
    }
    bits.skip(BEFORE_PURPOSES);
    let consents = bits.take(24)?;
    let interests = bits.take(24)?;
    bits.skip(AFTER_PURPOSES);
    Some(Allowed { lotame: vendor(&mut bits)?, consents, interests })
}

impl Allowed {
    pub(crate) fn consents_to(self, purpose: u32) -> bool {
        self.consents & (1 << (24 - purpose)) != 0
    }

    pub(crate) fn allows(self, purpose: u32) -> bool {
        self.consents_to(purpose) || self.interests & (1 << (24 - purpose)) != 0
    }
}

/// Reads the vendors to their end, so that a string that was cut off is none.
fn vendor(bits: &mut Bits) -> Option<bool> {
    let most = bits.take(16)?;
    let mut found = false;
    if bits.take(1)? == 0 {
        for id in 1..=most {
            found |= bits.take(1)? == 1 && id == LOTAME;
        }
        return Some(found);
    }
    for _ in 0..bits.take(12)? {
        let range = bits.take(1)? == 1;
        let start = bits.take(16)?;
        let end = if range { bits.take(16)? } else { start };
        if start == 0 || end < start || end > most {
            return None;
        }
        found |= (start..=end).contains(&LOTAME);
    }
    Some(found)
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

struct Bits {
    sextets: Vec<u8>,
    at: usize,
}

impl Bits {
    fn take(&mut self, count: usize) -> Option<u32> {
        let mut value = 0;
        for at in self.at..self.at + count {
            let bit = self.sextets.get(at / 6)? >> (5 - at % 6) & 1;
            value = value << 1 | u32::from(bit);
        }
        self.at += count;
        Some(value)
    }

    fn skip(&mut self, count: usize) {
        self.at += count;
    }
}
