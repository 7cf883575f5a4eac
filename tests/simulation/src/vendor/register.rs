//! The register: a row per key and audience, written at once or by an import that lands within half an hour.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::{Value as Json, json};

use super::receiver::{attributes, text};
use super::{Held, Reply, results};
use crate::fault::Fault;
use crate::stage::{CANARY, Stage};

/// The longest that an import takes.
pub const LANDS_WITHIN: SignedDuration = SignedDuration::from_mins(30);

/// See the module.
#[derive(Default)]
pub struct Register {
    /// By key and audience. One that was left is there, and empty; a forgotten one is not.
    pub rows: BTreeMap<(String, String), Held>,
}

impl Register {
    pub(super) fn take(&mut self, stage: &Stage, path: &str, body: &Json) -> Reply {
        match path {
            "/rows" => {
                let put_back = stage.odds().put_back;
                let rows = body["rows"].as_array().cloned().unwrap_or_default();
                let (back, taken): (Vec<Json>, Vec<Json>) =
                    rows.into_iter().partition(|_| stage.strikes(Fault::RecordPutBack, put_back));
                let mut answers = self.write(stage, &Json::Array(taken));
                answers.extend(back.iter().map(|row| (text(&row["row"]), json!("again"))));
                Reply::of(200, results(answers))
            }
            "/look" => Reply::of(200, self.show(&body["rows"])),
            _ => Reply::of(200, json!({})),
        }
    }

    /// Writes rows; answers what became of each.
    pub(super) fn write(&mut self, stage: &Stage, rows: &Json) -> BTreeMap<String, Json> {
        let mut answers = BTreeMap::new();
        for row in rows.as_array().into_iter().flatten() {
            let place = (text(&row["key"]), text(&row["audience"]));
            let state = text(&row["state"]);
            let shows = matches!(state.as_str(), "in" | "out");
            stage.note(|| format!("row {place:?} {state}"), state.len() as u64);
            let answer = if shows && place.0.starts_with("refused") {
                format!("refused: {} is not wanted, {CANARY}-secret", place.0)
            } else {
                self.apply(row, place, &state);
                "ok".to_owned()
            };
            answers.insert(text(&row["row"]), json!(answer));
        }
        answers
    }

    fn apply(&mut self, row: &Json, place: (String, String), state: &str) {
        match state {
            "in" | "out" => {
                let tier = row["tier"].as_str().map(str::to_owned);
                let inside = (state == "in").then(|| (place.1.clone(), tier)).into_iter().collect();
                self.rows.insert(place, Held { inside, attributes: attributes(&row["attributes"]) });
            }
            "left" => {
                if let Some(held) = self.rows.get_mut(&place) {
                    *held = Held::default();
                }
            }
            _ => {
                self.rows.remove(&place);
            }
        }
    }

    fn show(&self, rows: &Json) -> Json {
        let shown = |row: &Json| {
            let held = self.rows.get(&(text(&row["key"]), text(&row["audience"])));
            let held = held.map_or(Json::Null, |held| {
                let state = if held.inside.is_empty() { "out" } else { "in" };
                json!({ "state": state, "tier": held.inside.values().next(), "attributes": held.attributes })
            });
            (text(&row["row"]), held)
        };
        results(rows.as_array().into_iter().flatten().map(shown).collect())
    }
}

/// What an import says of its rows at once.
pub(super) fn all_later(rows: &Json) -> Json {
    let answer = |row: &Json| {
        let refused = text(&row["key"]).starts_with("refused") && row["state"] != "left" && row["state"] != "forgotten";
        (text(&row["row"]), json!(if refused { "refused: not wanted" } else { "later" }))
    };
    results(rows.as_array().into_iter().flatten().map(answer).collect())
}
