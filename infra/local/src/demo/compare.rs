//! Compares the twin's own state with what must stand.

use std::collections::BTreeMap;
use std::str::FromStr;

use muster_twins::heyloyalty::{HeyloyaltyTwin, MemberView};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;

use super::events::{Expected, Truth};

/// The names that fields have at the twin: label by fact.
pub type Labels = BTreeMap<String, String>;

/// Expected and actual counts of an audience.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// By the naive fold.
    pub expected: usize,
    /// On the platform.
    pub actual: usize,
}

/// The result of a comparison.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Comparison {
    /// People whose every field is right.
    pub equal: usize,
    /// The first few differences, without naming anybody.
    pub differences: Vec<String>,
    /// People with a difference.
    pub different: usize,
    /// By audience.
    pub audiences: BTreeMap<String, Count>,
    /// Members whom the source does not know and whom somebody touched all the same.
    pub strangers_touched: usize,
}

const SHOWN: usize = 10;

/// Compares every member of the list. `field_of` names the list's field of an audience or attribute.
pub fn compare(
    twin: &HeyloyaltyTwin,
    list: u64,
    expected: &Expected,
    field_of: &Labels,
    strangers: &BTreeMap<String, MemberView>,
) -> Comparison {
    let mut comparison = Comparison::default();
    for audience in &expected.audiences {
        comparison.audiences.insert(audience.clone(), Count::default());
    }
    let members = twin.members(list);
    let by_email: BTreeMap<String, &MemberView> =
        members.iter().map(|member| (member.text("email").to_lowercase(), member)).collect();
    for (email, truth) in &expected.people {
        count(&mut comparison, truth, by_email.get(email).copied(), field_of);
        let wrong = match by_email.get(email) {
            None => vec!["nobody of that address on the list".to_owned()],
            Some(member) => differences(truth, member, expected, field_of),
        };
        if wrong.is_empty() {
            comparison.equal += 1;
        } else {
            comparison.different += 1;
            comparison.differences.extend(wrong);
        }
    }
    comparison.differences.truncate(SHOWN);
    comparison.strangers_touched =
        strangers.iter().filter(|(email, before)| by_email.get(*email) != Some(before)).count();
    comparison
}

fn count(comparison: &mut Comparison, truth: &Truth, member: Option<&MemberView>, field_of: &Labels) {
    for (audience, counts) in &mut comparison.audiences {
        counts.expected += usize::from(truth.audiences.get(audience) == Some(&true));
        let shown = field_of.get(audience).zip(member).map(|(field, member)| member.text(field));
        counts.actual += usize::from(shown == Some("1"));
    }
}

fn differences(truth: &Truth, member: &MemberView, expected: &Expected, field_of: &Labels) -> Vec<String> {
    let mut wrong = Vec::new();
    let shown = |name: &String| field_of.get(name).map(|field| member.text(field));
    for audience in &expected.audiences {
        let must = match truth.audiences.get(audience) {
            Some(true) => "1",
            Some(false) => "0",
            None => "",
        };
        match shown(audience) {
            Some(is) if is == must => {}
            Some(is) => wrong.push(format!("audience {audience}: `{must}` expected, `{is}` found")),
            None => wrong.push(format!("audience {audience} has no field")),
        }
    }
    for attribute in expected.attributes.keys() {
        let must = truth.attributes.get(attribute).map_or(&Value::Null, |value| value);
        match shown(attribute) {
            Some(is) if same_value(must, is) => {}
            Some(_) => wrong.push(format!("attribute {attribute} differs")),
            None => wrong.push(format!("attribute {attribute} has no field")),
        }
    }
    wrong
}

/// Compares as values: 100.5 is 100.50, true is 1, null is empty.
pub fn same_value(must: &Value, is: &str) -> bool {
    match must {
        Value::Null => is.is_empty(),
        Value::Bool(flag) => is == if *flag { "1" } else { "0" },
        Value::Number(number) => {
            Decimal::from_str(is).ok() == Decimal::from_str(&number.to_string()).ok() && !is.is_empty()
        }
        Value::String(text) => text == is,
        // Written as one text with a comma between.
        Value::Array(items) => {
            let items = items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned));
            is == items.collect::<Vec<_>>().join(", ")
        }
        Value::Object(_) => false,
    }
}
