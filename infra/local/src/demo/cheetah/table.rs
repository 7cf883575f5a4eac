//! Holds the table against what Lytics knows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use muster_twins::cheetah_digital::RowView;
use serde::Serialize;
use serde_json::Value;

use super::super::compare::Count;
use super::stage::{AUDIENCES, Moved, Moves, Stage, TABLE, address};

/// So many differences are told.
const SHOWN: usize = 10;

/// What the comparison came to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct TableComparison {
    /// People and audiences that were held against the table.
    pub compared: usize,
    /// Of these, those of whom the table says what Lytics says.
    pub equal: usize,
    /// The first few differences, without naming anybody.
    pub differences: Vec<String>,
    /// By audience: members at Lytics, and rows that say inside.
    pub audiences: BTreeMap<String, Count>,
}

/// Everybody and each audience.
pub(super) fn compare(stage: &Stage, scan: &Value, moves: &Moves) -> Result<TableComparison, String> {
    let as_of = scan["as_of"].as_str().and_then(|text| text.parse().ok()).ok_or("the scan has no time")?;
    let mut rows: BTreeMap<(String, String), Vec<RowView>> = BTreeMap::new();
    for row in stage.cheetah.rows(TABLE) {
        rows.entry((row.text("email"), row.text("audience_slug"))).or_default().push(row);
    }
    let mut comparison = TableComparison::default();
    let mut number = 0;
    while let Some(profile) = stage.lytics.profile(&super::stage::key(number)) {
        number += 1;
        for audience in AUDIENCES {
            let entered = profile.segments.get(audience).copied();
            let inside = entered.is_some();
            let moved = moves.last.get(&(profile.key.clone(), audience)).copied();
            let rows = rows.remove(&(address(&profile.key), audience.to_owned())).unwrap_or_default();
            let tier = profile.fields.get("user_attributes").and_then(|within| within["tier"].as_str());
            let name = profile.fields.get("first_name").and_then(Value::as_str);
            let wrong = differs(&rows, entered, moved, as_of, (name, tier));
            let counts = comparison.audiences.entry(audience.to_owned()).or_default();
            counts.expected += usize::from(inside);
            counts.actual += rows.iter().filter(|row| row.text("subscribed") == "true").count();
            comparison.compared += 1;
            match wrong {
                None => comparison.equal += 1,
                Some(wrong) => comparison.differences.push(format!("{audience}: {wrong}")),
            }
        }
    }
    if !rows.is_empty() {
        comparison.differences.push(format!("{} rows of people whom Lytics does not know", rows.len()));
        comparison.compared += rows.len();
    }
    comparison.differences.truncate(SHOWN);
    Ok(comparison)
}

/// Who never was inside has no row, or one that says so.
fn differs(
    rows: &[RowView],
    entered: Option<Timestamp>,
    moved: Option<Moved>,
    as_of: Timestamp,
    (name, tier): (Option<&str>, Option<&str>),
) -> Option<String> {
    let inside = entered.is_some();
    let row = match rows {
        [] if inside => return Some("nobody there who is inside".to_owned()),
        [] if moved.is_some() => return Some("nobody there who was inside".to_owned()),
        [] => return None,
        [row] => row,
        more => return Some(format!("{} rows of one person", more.len())),
    };
    if row.text("subscribed") != inside.to_string() {
        return Some(format!("`{}` where it should be `{inside}`", row.text("subscribed")));
    }
    if row.text("first_name") != name.unwrap_or_default() || row.text("tier") != tier.unwrap_or_default().to_uppercase()
    {
        return Some("other columns than the profile's".to_owned());
    }
    // As it is written, the later text is the later time.
    let written = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let shown = row.text("changed_at");
    match (moved, entered) {
        (Some(moved), _) => {
            let [after, before] = [moved.after, moved.before].map(written);
            let within = after <= shown && shown <= before;
            (!within).then(|| format!("the time is {shown}, and not from {after} to {before}"))
        }
        // Of whoever was there before a scan says no more than that; a job's own backfill may say since when.
        (None, Some(entered)) => {
            let times = [as_of, entered].map(written);
            (!times.contains(&shown)).then(|| format!("the time is {shown}, and not {}", times.join(" or ")))
        }
        // Nobody said when whoever never moved and is outside left: it never happened.
        (None, None) => None,
    }
}
