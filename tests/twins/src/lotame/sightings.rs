//! Where an ID was seen: R11, the rate of R12, R15.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use jiff::Timestamp;

use crate::lotame::advice::{assumed, assumed_warning, strict, strict_warning};
use crate::lotame::json::{self, Member, Spot};
use crate::lotame::record::{Row, unknown_key};
use crate::lotame::report::{Note, Rule};
use crate::lotame::segments::AHEAD;

const AT_MOST_PER_HOUR: usize = 12;
const HOUR: i64 = 3600;

pub(crate) fn check(members: &[Member<'_>], now: Timestamp, row: &mut Row, notes: &mut Vec<Note>) {
    let Some(member) = json::member(members, "ips") else { return };
    let Some(elements) = member.value.json.array().filter(|elements| !elements.is_empty()) else {
        notes.push(strict(Rule::R11, member.column, "Write `ips` as an array with at least one object."));
        return;
    };
    for element in elements {
        let Some(members) = element.json.object() else {
            notes.push(strict(Rule::R11, element.column, "Write each element of `ips` as an object."));
            continue;
        };
        let found = (address(element, members, notes), times(element, members, now, notes));
        let (Some(ip), Some(mut times)) = found else { continue };
        times.sort_unstable();
        let crowded = times.windows(AT_MOST_PER_HOUR + 1).any(|window| match window {
            [first, .., last] => last - first < HOUR,
            _ => false,
        });
        if crowded {
            let message = "Send at most 12 timestamps for an IP and an hour.";
            notes.push(strict_warning(Rule::R12, message).column(element.column));
        }
        if row.sightings.contains_key(&ip) {
            notes.push(strict_warning(Rule::R11, "Write one object for each IP of a row.").column(element.column));
        }
        row.sightings.entry(ip).or_default().extend(times);
    }
}

fn address(element: &Spot<'_>, members: &[Member<'_>], notes: &mut Vec<Note>) -> Option<Ipv4Addr> {
    for member in members {
        if !["ip", "timestamps"].contains(&member.key.as_str()) {
            notes.push(unknown_key(member.column));
        }
    }
    let member = json::member(members, "ip");
    let ip: Option<Ipv4Addr> = member.and_then(|member| member.value.json.text()?.parse().ok());
    let column = member.map_or(element.column, |member| member.column);
    match ip {
        None => notes.push(strict(Rule::R11, column, "Write `ip` as an IPv4 address; leave IPv6 and ports out.")),
        Some(ip) if is_reserved(ip) => {
            notes.push(assumed_warning(Rule::R15, "Leave out addresses that are private or reserved.").column(column));
        }
        Some(_) => {}
    }
    ip
}

fn times(element: &Spot<'_>, members: &[Member<'_>], now: Timestamp, notes: &mut Vec<Note>) -> Option<Vec<i64>> {
    let member = json::member(members, "timestamps");
    let elements = member.and_then(|member| member.value.json.array()).filter(|elements| !elements.is_empty());
    let Some(elements) = elements else {
        let column = member.map_or(element.column, |member| member.column);
        notes.push(strict(Rule::R11, column, "Write `timestamps` as an array with at least one string."));
        return None;
    };
    let mut times = BTreeSet::new();
    let mut all = Vec::with_capacity(elements.len());
    for element in elements {
        let time = time(element, now, notes)?;
        if !times.insert(time) {
            notes.push(assumed_warning(Rule::R11, "Write each timestamp of an IP once.").column(element.column));
        }
        all.push(time);
    }
    Some(all)
}

fn time(element: &Spot<'_>, now: Timestamp, notes: &mut Vec<Note>) -> Option<i64> {
    let decimal = |written: &&str| !written.is_empty() && written.bytes().all(|byte| byte.is_ascii_digit());
    let Some(written) = element.json.text().filter(decimal) else {
        notes.push(strict(Rule::R11, element.column, "Write each of `timestamps` as a string of decimal digits."));
        return None;
    };
    if written.len() >= 13 {
        notes.push(strict(Rule::R11, element.column, "Write `timestamps` in seconds, not in milliseconds."));
        return None;
    }
    let time = written.parse().unwrap_or(i64::MAX);
    if time <= 0 || time > now.as_second() + AHEAD {
        notes.push(assumed(Rule::R11, element.column, "Write `timestamps` after 1970 and at most a day ahead."));
        return None;
    }
    Some(time)
}

/// Not for documentation: the vendor file's own examples are such addresses.
fn is_reserved(ip: Ipv4Addr) -> bool {
    let [first, second, ..] = ip.octets();
    let shared = first == 100 && (64..128).contains(&second);
    let benchmark = first == 198 && (second == 18 || second == 19);
    ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || shared
        || benchmark
        || first == 0
        || first >= 240
}
