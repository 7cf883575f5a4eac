//! Whether a row shows consent (R5). One that does not is skipped, not rejected.

use crate::lotame::advice::{assumed, strict};
use crate::lotame::feed::Consent;
use crate::lotame::json::{self, Json, Member};
use crate::lotame::record::Measure;
use crate::lotame::report::{Note, Rule};
use crate::lotame::switches::{BothConsents, RemovalWithoutConsent, TcfPurposes};
use crate::lotame::tcf;

/// What HNY lists besides purpose 1, which is by consent alone.
const PURPOSES: [u32; 6] = [3, 5, 7, 8, 9, 10];

/// Why the row is skipped.
pub(crate) fn missing(members: &[Member<'_>], measure: &Measure<'_>) -> Option<Note> {
    match measure.switches.removal_without_consent {
        RemovalWithoutConsent::Apply if only_removes(members) => return None,
        RemovalWithoutConsent::Apply | RemovalWithoutConsent::Skip => {}
    }
    let flag = json::member(members, "consent").map(flag);
    let tcf = json::member(members, "tcfconsent").map(|member| tcf_string(member, measure));
    match (flag, tcf) {
        (None, None) => Some(strict(Rule::R5, 1, "Send `consent` or `tcfconsent` in every row.")),
        (Some(flag), None) => flag.err().or_else(|| without_tcf(measure.feed.consent)),
        (None, Some(tcf)) => tcf.err(),
        (Some(flag), Some(tcf)) => both(flag, tcf, measure),
    }
}

fn without_tcf(agreed: Consent) -> Option<Note> {
    match agreed {
        Consent::Tcf => {
            let message = "Send a TCF string: this feed is of people for whom `consent` alone may not do.";
            Some(assumed(Rule::R5, 1, message))
        }
        Consent::Flag => None,
    }
}

fn both(flag: Result<(), Note>, tcf: Result<(), Note>, measure: &Measure<'_>) -> Option<Note> {
    match (measure.switches.both_consents, measure.feed.consent) {
        (BothConsents::EachMustAllow, Consent::Flag | Consent::Tcf) => flag.and(tcf).err(),
        (BothConsents::EitherAllows, Consent::Flag) => flag.or(tcf).err(),
        (BothConsents::EitherAllows, Consent::Tcf) => tcf.err(),
    }
}

fn flag(member: &Member<'_>) -> Result<(), Note> {
    if matches!(member.value.json, Json::Bool(true)) {
        return Ok(());
    }
    Err(strict(Rule::R5, member.column, "Send people only whose `consent` is the JSON value true."))
}

fn tcf_string(member: &Member<'_>, measure: &Measure<'_>) -> Result<(), Note> {
    let Some(string) = member.value.json.text() else {
        return Err(strict(Rule::R5, member.column, "Write `tcfconsent` as a string."));
    };
    let Some(allowed) = tcf::read(string) else {
        return Err(strict(Rule::R5, member.column, "Write the whole TCF string, of version 2, as it was given."));
    };
    if !allowed.lotame {
        return Err(strict(Rule::R5, member.column, "Send people only whose TCF string allows vendor 95."));
    }
    match measure.switches.tcf_purposes {
        TcfPurposes::VendorAndPurposes
            if !allowed.consents_to(1) || !PURPOSES.iter().all(|&purpose| allowed.allows(purpose)) =>
        {
            let message = "Send people only whose TCF string allows purposes 1, 3, 5, 7, 8, 9 and 10.";
            Err(assumed(Rule::R5, member.column, message))
        }
        TcfPurposes::VendorAndPurposes | TcfPurposes::VendorAlone => Ok(()),
    }
}

fn only_removes(members: &[Member<'_>]) -> bool {
    let segments = json::member(members, "segments");
    let empty = segments.is_none_or(|member| member.value.json.array().is_some_and(<[_]>::is_empty));
    empty && json::member(members, "remove").is_some() && json::member(members, "ips").is_none()
}
