//! Where a person's devices were seen: IPv4 addresses with times, for platforms that join devices by them.
//! A set with bounds that do not depend on the order of arrival: of two sets the bounded union is the same,
//! whichever is bounded first.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{AddrParseError, Ipv4Addr};
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Most sightings of one address within one hour of the clock; the latest are kept. More are of no use
/// to the platform that takes them:
/// <https://my.lotame.com/t/p8yhnzv/use-case-sending-sightings-data-only>.
const MOST_PER_ADDRESS_AND_HOUR: usize = 12;

/// Most sightings of one person; the latest are kept. They take about 12 bytes each, so they never fill a
/// row that has memberships to hold.
const MOST_PER_PERSON: usize = 2_000;

const SECONDS_PER_HOUR: i64 = 3_600;

/// An address that a device had. Personal: prints as `[redacted]`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(Ipv4Addr);

impl Address {
    /// The address itself: for what is sent, never for what is shown.
    pub fn expose(self) -> Ipv4Addr {
        self.0
    }
}

impl From<Ipv4Addr> for Address {
    fn from(address: Ipv4Addr) -> Self {
        Self(address)
    }
}

impl FromStr for Address {
    type Err = AddrParseError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The seconds since 1970 at which each address was seen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sightings(BTreeMap<Address, BTreeSet<i64>>);

impl Sightings {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every sighting, by address and then by time, in seconds since 1970.
    pub fn iter(&self) -> impl Iterator<Item = (Address, i64)> {
        self.0.iter().flat_map(|(address, seconds)| seconds.iter().map(|second| (*address, *second)))
    }

    /// Adds a sighting unless the bounds leave no place for it; says whether it is news.
    pub(crate) fn add(&mut self, address: Address, at: Timestamp) -> bool {
        let second = at.as_second();
        if !self.0.entry(address).or_default().insert(second) {
            return false;
        }
        self.bound_hour(address, second.div_euclid(SECONDS_PER_HOUR));
        self.bound_person();
        self.0.get(&address).is_some_and(|seconds| seconds.contains(&second))
    }

    /// Drops what was seen up to a time.
    pub(crate) fn drop_until(&mut self, until: Timestamp) {
        let until = until.as_second();
        self.0.values_mut().for_each(|seconds| seconds.retain(|second| *second > until));
        self.0.retain(|_, seconds| !seconds.is_empty());
    }

    fn bound_hour(&mut self, address: Address, hour: i64) {
        let Some(seconds) = self.0.get_mut(&address) else { return };
        let within = hour * SECONDS_PER_HOUR..(hour + 1) * SECONDS_PER_HOUR;
        let surplus = seconds.range(within.clone()).count().saturating_sub(MOST_PER_ADDRESS_AND_HOUR);
        for second in seconds.range(within).copied().take(surplus).collect::<Vec<_>>() {
            seconds.remove(&second);
        }
    }

    fn bound_person(&mut self) {
        let kept = self.0.values().map(BTreeSet::len).sum::<usize>();
        for _ in MOST_PER_PERSON..kept {
            let oldest = self.0.iter().filter_map(|(address, seconds)| Some((*seconds.first()?, *address))).min();
            let Some((second, address)) = oldest else { return };
            self.remove(address, second);
        }
    }

    fn remove(&mut self, address: Address, second: i64) {
        if let Some(seconds) = self.0.get_mut(&address) {
            seconds.remove(&second);
            if seconds.is_empty() {
                self.0.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn address(last: u8) -> Address {
        Ipv4Addr::new(203, 0, 113, last).into()
    }

    #[test]
    fn of_an_hour_the_latest_twelve_of_an_address_stay() {
        let mut sightings = Sightings::default();
        for second in 0..20 {
            assert!(sightings.add(address(1), at(second)));
        }
        assert!(!sightings.add(address(1), at(3)), "older than twelve others of its hour");
        assert!(!sightings.add(address(1), at(19)), "known");
        assert!(sightings.add(address(2), at(3)) && sightings.add(address(1), at(3_600)));
        let kept: Vec<i64> = sightings.iter().filter(|(of, _)| *of == address(1)).map(|(_, second)| second).collect();
        assert_eq!(kept, (8..20).chain([3_600]).collect::<Vec<_>>());
    }

    #[test]
    fn of_a_person_the_latest_stay() {
        let mut sightings = Sightings::default();
        let hours = i64::try_from(MOST_PER_PERSON).unwrap() + 5;
        for hour in (0..hours).rev() {
            let place = address(u8::try_from(hour % 200).unwrap());
            assert_eq!(sightings.add(place, at(hour * SECONDS_PER_HOUR)), hour >= 5, "{hour}");
        }
        assert_eq!(sightings.iter().count(), MOST_PER_PERSON);
        assert_eq!(sightings.iter().map(|(_, second)| second).min(), Some(5 * SECONDS_PER_HOUR));
    }

    #[test]
    fn an_address_never_prints() {
        let mut sightings = Sightings::default();
        sightings.add(address(7), at(1));
        assert!(!format!("{sightings:?}").contains("203"));
    }
}
