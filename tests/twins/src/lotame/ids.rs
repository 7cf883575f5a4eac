//! The ID of a row: R2, R3, R14, and the types that R12 and R13 exclude.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::lotame::advice::{assumed, strict};
use crate::lotame::feed::{Feed, Hyphens, UseCase};
use crate::lotame::json::{self, Member};
use crate::lotame::record::Measure;
use crate::lotame::report::{Note, Rule};
use crate::lotame::state::Id;
use crate::lotame::switches::Letters;

/// The code of third-party IDs is unknown (4.1); so they are called in Lotame's text.
const TPID: &str = "TPID";
/// Of nothing at all.
const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The ID for R4, where there is one at all.
pub(crate) fn readable(members: &[Member<'_>], known: &BTreeSet<String>) -> Option<(Id, u64)> {
    let userid = json::member(members, "userid")?;
    let id = userid.value.json.text()?;
    let idtype = json::member(members, "idtype")?.value.json.text()?.to_ascii_uppercase();
    let counts = !id.is_empty() && known.contains(&idtype);
    counts.then(|| (Id { idtype, userid: id.to_owned() }, userid.column))
}

pub(crate) fn check(members: &[Member<'_>], measure: &Measure<'_>, notes: &mut Vec<Note>) {
    let idtype = idtype(members, measure.feed, notes);
    let Some(member) = json::member(members, "userid") else {
        notes.push(strict(Rule::R2, 1, "Send `userid` in every row."));
        return;
    };
    let Some(userid) = member.value.json.text().filter(|userid| !userid.is_empty()) else {
        notes.push(strict(Rule::R2, member.column, "Write `userid` as a string that is not empty."));
        return;
    };
    let email = idtype.as_deref() == Some("EMAIL");
    let good = if email { is_email(userid) } else { is_alphanumeric(userid) || is_uuid(userid) };
    if !good {
        let message = "Write `userid` with letters and digits alone; hyphens only in a UUID, an address only as EMAIL.";
        notes.push(strict(Rule::R2, member.column, message));
        return;
    }
    if let Some(message) = idtype.and_then(|idtype| misshapen(&idtype, userid, measure)) {
        notes.push(assumed(Rule::R14, member.column, message));
    }
}

/// The code in capital letters, where it is one that this feed takes.
fn idtype(members: &[Member<'_>], feed: &Feed, notes: &mut Vec<Note>) -> Option<String> {
    let Some(member) = json::member(members, "idtype") else {
        notes.push(strict(Rule::R3, 1, "Send `idtype` in every row."));
        return None;
    };
    let Some(code) = member.value.json.text().map(str::to_ascii_uppercase) else {
        notes.push(strict(Rule::R3, member.column, "Write `idtype` as a string."));
        return None;
    };
    let excluded = match feed.use_case {
        UseCase::Sightings if code == "PID" || code == TPID => {
            Some((Rule::R12, "Send no PID or TPID in a feed of sightings."))
        }
        UseCase::IdMapping if code == TPID => Some((Rule::R13, "Send no TPID as the `userid` of a mapping.")),
        UseCase::Sightings
        | UseCase::IdMapping
        | UseCase::Behaviors
        | UseCase::Ldx
        | UseCase::Emails { .. }
        | UseCase::Onboarding { .. } => None,
    };
    if let Some((rule, message)) = excluded {
        notes.push(strict(rule, member.column, message));
        return None;
    }
    if !feed.id_types.contains(&code) {
        let message = "Use one of the feed's ID types, or agree this one with Lotame first.";
        let documented = Feed::documented_id_types() == feed.id_types;
        let note = if documented { strict } else { assumed };
        notes.push(note(Rule::R3, member.column, message));
        return None;
    }
    Some(code)
}

fn misshapen(idtype: &str, userid: &str, measure: &Measure<'_>) -> Option<&'static str> {
    if userid.bytes().all(|byte| byte == b'0' || byte == b'-') {
        return Some("Leave out IDs that are all zeros: they are of people who opted out.");
    }
    let cased = userid.bytes().any(|byte| byte.is_ascii_uppercase());
    let capital = match measure.switches.id_letters {
        Letters::LowerOnly => cased,
        Letters::Any => false,
    };
    let shape = match idtype {
        "PID" => (!is_hex(userid, 32)).then_some("Write a PID as 32 hexadecimal digits."),
        "IDFA" | "GAID" => match measure.feed.hyphens {
            Hyphens::Keep => (!is_uuid(userid)).then_some("Write an advertising ID as a UUID with hyphens."),
            Hyphens::Strip => {
                (!is_hex(userid, 32)).then_some("Write an advertising ID as 32 hexadecimal digits, as agreed.")
            }
        },
        "EMAIL_SHA256" => hash(userid, measure),
        "EMAIL" => {
            return capital.then_some("Write addresses in small letters.");
        }
        _ => return None,
    };
    shape.or_else(|| capital.then_some("Write the hexadecimal digits of IDs in small letters."))
}

fn hash(userid: &str, measure: &Measure<'_>) -> Option<&'static str> {
    let mut bytes = [0; 32];
    if hex::decode_to_slice(userid, &mut bytes).is_err() {
        return Some("Write the hash of an email as the 64 hexadecimal digits of its SHA-256.");
    }
    if userid.eq_ignore_ascii_case(NOTHING) {
        return Some("Leave out people without an address: this is the hash of nothing.");
    }
    let raw = measure.unnormalised.contains(&bytes);
    raw.then_some("Trim the address and put it in small letters before it is hashed.")
}

/// The hashes that `address` must not have: of every form that is not the normalised one.
pub(crate) fn unnormalised(address: &str) -> impl Iterator<Item = [u8; 32]> {
    let normalised = normalise(address);
    let capital = normalised.split_once('@').map(|(local, domain)| {
        let mut letters = local.chars();
        let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
        format!("{first}{}@{domain}", letters.as_str())
    });
    let forms = [
        address.to_owned(),
        address.trim().to_owned(),
        address.to_lowercase(),
        normalised.to_uppercase(),
        format!("{normalised}\n"),
        format!(" {normalised}"),
        format!("{normalised} "),
    ];
    forms.into_iter().chain(capital).filter(move |form| *form != normalised).map(|form| Sha256::digest(form).into())
}

/// As 4.2 has it: without white space around it, in small letters.
pub(crate) fn normalise(address: &str) -> String {
    address.trim().to_lowercase()
}

fn is_alphanumeric(id: &str) -> bool {
    id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_hex(id: &str, digits: usize) -> bool {
    id.len() == digits && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_uuid(id: &str) -> bool {
    let mut parts = id.split('-');
    [8, 4, 4, 4, 12].into_iter().all(|digits| parts.next().is_some_and(|part| is_hex(part, digits)))
        && parts.next().is_none()
}

/// One `@` with something before it and a domain with a dot after it; no white space, nothing but printable.
pub(crate) fn is_email(id: &str) -> bool {
    let Some((local, domain)) = id.split_once('@') else { return false };
    let labels = domain.split('.').count() > 1 && domain.split('.').all(|label| !label.is_empty());
    let printable = id.chars().all(|letter| !letter.is_whitespace() && !letter.is_control());
    !local.is_empty() && !domain.contains('@') && labels && printable && id.len() <= 254
}

/// 64 hexadecimal digits.
pub(crate) fn is_hash(id: &str) -> bool {
    is_hex(id, 64)
}
