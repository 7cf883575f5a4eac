//! Scans: the members of a segment, a page at a time, while they come and go (vendor file 4.1).

use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::api::{Parameters, Problem, known, refused};
use super::filter::Filter;
use super::model::Profile;
use super::segments::filter_of;
use super::state::State;
use super::switches::{LimitOver, NextAtEnd, ScanValues, ScanView, Total};
use crate::reply::Reply;
use crate::serve::Call;

const MOST_ROWS: usize = 100;
const USUAL_ROWS: usize = 10;
/// So many are kept at most before those that are too old are forgotten.
const MOST_POSITIONS: usize = 1_000;

/// `segments`, an ad-hoc segment as JSON, is not among them: the twin cannot read it.
const PARAMETERS: [&str; 10] =
    ["id", "limit", "start", "fields", "sortfield", "sortorder", "recent", "splits", "meta", "account_id"];

/// What a scan is of, and how it is shown; the same for all its pages.
#[derive(Debug)]
struct Question {
    of: Whose,
    fields: Option<Vec<String>>,
    sort: Option<Sort>,
    splits: Option<Vec<u64>>,
    meta: bool,
}

#[derive(Debug)]
enum Whose {
    /// Id of the segment.
    Segment(String),
    AdHoc(Filter),
}

#[derive(Debug)]
struct Sort {
    field: String,
    descending: bool,
}

/// Where the next page begins.
#[derive(Debug, Clone)]
pub(super) struct Position {
    question: Arc<Question>,
    issued_at: Timestamp,
    /// The row where the page before ended: what it is sorted by, and its number.
    after: Option<(Value, u64)>,
    /// Rows shown so far, repeated ones not counted.
    shown: usize,
    /// Everybody at the start of a scan that is a snapshot.
    snapshot: Option<Arc<Vec<Value>>>,
    /// The last row of the page before.
    last: Option<Value>,
}

/// A row with what orders it.
struct Row {
    sorted_by: Value,
    number: u64,
}

impl State {
    pub(super) fn scan_reply(&mut self, segment: Option<&str>, parameters: &Parameters) -> Result<Reply, Problem> {
        known(parameters, &PARAMETERS)?;
        let named = parameters.get("id").map(String::as_str);
        let segment = match (segment, named) {
            (Some(segment), None) | (None, Some(segment)) => self.segment(segment)?.id.clone(),
            (Some(_), Some(_)) => return Err(Problem::Unexpected("a segment in path and query".to_owned())),
            (None, None) => return Err(refused("id is required")),
        };
        self.page_reply(Whose::Segment(segment), parameters)
    }

    pub(super) fn ad_hoc_scan_reply(&mut self, call: &Call, parameters: &Parameters) -> Result<Reply, Problem> {
        known(parameters, &PARAMETERS[1..])?;
        self.page_reply(Whose::AdHoc(filter_of(call)?), parameters)
    }

    fn page_reply(&mut self, whose: Whose, parameters: &Parameters) -> Result<Reply, Problem> {
        let limit = self.limit(parameters)?;
        let start = parameters.get("start").filter(|start| !start.is_empty());
        let position = match start {
            Some(start) => self.position(start, &whose)?,
            None => {
                self.desk.counters.scans += 1;
                self.first_position(question(whose, parameters)?)
            }
        };
        let (rows, next) = self.page(&position, limit);
        let mut more = Map::new();
        let next = next.map(|next| match start {
            Some(start) if self.desk.switches.next_repeats => start.clone(),
            Some(_) | None => self.issue(next),
        });
        match (next, self.desk.switches.next_at_end) {
            (Some(next), _) => more.insert("_next".to_owned(), Value::from(next)),
            (None, NextAtEnd::Empty) => more.insert("_next".to_owned(), Value::from("")),
            (None, NextAtEnd::Null) => more.insert("_next".to_owned(), Value::Null),
            (None, NextAtEnd::Missing) => None,
        };
        let members = self.count(&position.question);
        let total = match self.desk.switches.total {
            Total::Exact => members,
            Total::Estimate => members + members / 10 + 1,
        };
        more.insert("total".to_owned(), json!(total));
        if position.question.meta {
            more.insert("meta".to_owned(), json!({ "fields": { "email": { "type": "string" } } }));
        }
        self.desk.counters.pages += 1;
        self.desk.counters.rows += u64::try_from(rows.len()).unwrap_or(u64::MAX);
        Ok(self.success(Value::Array(rows), more))
    }

    fn limit(&self, parameters: &Parameters) -> Result<usize, Problem> {
        let Some(text) = parameters.get("limit") else {
            return Ok(USUAL_ROWS);
        };
        let limit: usize = text.parse().map_err(|_| refused("limit is not a number"))?;
        match (limit, self.desk.switches.limit_over) {
            (0, _) => Err(refused("limit must be positive")),
            (over, LimitOver::Refuse) if over > MOST_ROWS => Err(refused("limit must be at most 100")),
            (limit, LimitOver::Clamp | LimitOver::Refuse) => Ok(limit.min(MOST_ROWS)),
        }
    }

    fn first_position(&self, question: Question) -> Position {
        let rows = || self.rows(&question).iter().map(|row| self.row_json(&question, row.number)).collect();
        let snapshot = match self.desk.switches.scan_view {
            ScanView::Snapshot => Some(Arc::new(rows())),
            ScanView::Live | ScanView::Shifting => None,
        };
        let question = Arc::new(question);
        Position { question, issued_at: self.desk.now, after: None, shown: 0, snapshot, last: None }
    }

    /// A start that is unknown, too old or of another scan is a bad request.
    fn position(&self, start: &str, whose: &Whose) -> Result<Position, Problem> {
        let position = self.positions.get(start).ok_or_else(|| refused("start is not known"))?;
        if self.desk.now.duration_since(position.issued_at) > self.start_lives() {
            return Err(refused("start is too old"));
        }
        let same = match (&position.question.of, whose) {
            (Whose::Segment(begun), Whose::Segment(asked)) => begun == asked,
            (Whose::AdHoc(begun), Whose::AdHoc(asked)) => begun == asked,
            (Whose::Segment(_), Whose::AdHoc(_)) | (Whose::AdHoc(_), Whose::Segment(_)) => false,
        };
        if same { Ok(position.clone()) } else { Err(refused("start is of another scan")) }
    }

    fn start_lives(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.desk.switches.start_lives_seconds))
    }

    fn issue(&mut self, mut position: Position) -> String {
        position.issued_at = self.desk.now;
        let start = format!("scan{:08x}", self.ids.scan());
        if self.positions.len() > MOST_POSITIONS {
            let (now, lives) = (self.desk.now, self.start_lives());
            self.positions.retain(|_, position| now.duration_since(position.issued_at) <= lives);
        }
        self.positions.insert(start.clone(), position);
        start
    }

    /// The rows of the page, and where the next one begins if there is one.
    fn page(&self, position: &Position, limit: usize) -> (Vec<Value>, Option<Position>) {
        let repeated = position.last.clone().filter(|_| self.desk.switches.repeat_rows && limit > 1);
        let wanted = limit - usize::from(repeated.is_some());
        let (mut rows, after, is_last) = match &position.snapshot {
            Some(all) => {
                let rest = all.get(position.shown..).unwrap_or_default();
                (rest.iter().take(wanted).cloned().collect::<Vec<_>>(), None, rest.len() <= wanted)
            }
            None => {
                let mut page = self.rest(position, wanted + 1);
                let is_last = page.len() <= wanted;
                page.truncate(wanted);
                let after = page.last().map(|row| (row.sorted_by.clone(), row.number));
                let shown = page.iter().map(|row| self.row_json(&position.question, row.number));
                (shown.collect(), after, is_last)
            }
        };
        let next =
            Position { after, shown: position.shown + rows.len(), last: rows.last().cloned(), ..position.clone() };
        if let Some(repeated) = repeated {
            rows.insert(0, repeated);
        }
        (rows, (!is_last).then_some(next))
    }

    /// The first `count` of those still to be shown, as things are now.
    fn rest(&self, position: &Position, count: usize) -> Vec<Row> {
        let question = &position.question;
        let unsorted = |number| Row { sorted_by: Value::Null, number };
        let Some((value, ended)) = &position.after else {
            let mut rows = self.rows(question);
            rows.truncate(count);
            return rows;
        };
        match (self.desk.switches.scan_view, &question.sort) {
            (ScanView::Shifting, _) => {
                let mut rows = self.rows(question);
                let rows = rows.split_off(position.shown.min(rows.len()));
                rows.into_iter().take(count).collect()
            }
            (ScanView::Live | ScanView::Snapshot, None) => {
                self.numbers(question, Some(*ended)).take(count).map(unsorted).collect()
            }
            (ScanView::Live | ScanView::Snapshot, Some(sort)) => {
                let ended = Row { sorted_by: value.clone(), number: *ended };
                let rows = self.rows(question).into_iter();
                rows.filter(|row| order(row, &ended, sort.descending).is_gt()).take(count).collect()
            }
        }
    }

    /// Everybody whom the question is about, in its order.
    fn rows(&self, question: &Question) -> Vec<Row> {
        let sorted_by = |number: u64| {
            let value = question.sort.as_ref().and_then(|sort| self.profiles.get(&number)?.fields.get(&sort.field));
            Row { sorted_by: value.cloned().unwrap_or_default(), number }
        };
        let mut rows: Vec<Row> = self.numbers(question, None).map(sorted_by).collect();
        if let Some(sort) = &question.sort {
            rows.sort_by(|a, b| order(a, b, sort.descending));
        }
        rows
    }

    /// The same in the order of their making, those made later than `after`.
    fn numbers<'a>(&'a self, question: &'a Question, after: Option<u64>) -> Box<dyn Iterator<Item = u64> + 'a> {
        let from = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let in_split = |number: &u64| {
            let split = self.profiles.get(number).map(Profile::split);
            question.splits.as_ref().is_none_or(|splits| split.is_some_and(|split| splits.contains(&split)))
        };
        match &question.of {
            Whose::Segment(id) => {
                let members = self.segments.get(id).into_iter();
                let numbers = members.flat_map(move |segment| segment.members.range(from).map(|(number, _)| *number));
                Box::new(numbers.filter(in_split))
            }
            Whose::AdHoc(filter) => {
                let numbers = self.profiles.range(from).map(|(number, _)| *number);
                Box::new(numbers.filter(|number| self.matches(filter, *number)).filter(in_split))
            }
        }
    }

    /// How many the question is about; of a whole segment it is known.
    fn count(&self, question: &Question) -> usize {
        match &question.of {
            Whose::Segment(id) if question.splits.is_none() => {
                self.segments.get(id).map_or(0, |segment| segment.members.len())
            }
            Whose::Segment(_) | Whose::AdHoc(_) => self.numbers(question, None).count(),
        }
    }

    fn row_json(&self, question: &Question, number: u64) -> Value {
        let Some(profile) = self.profiles.get(&number) else { return json!({}) };
        let mut row = Map::new();
        for (name, value) in &profile.fields {
            row.insert(name.clone(), shown(value, self.desk.switches.scan_values));
        }
        row.insert("segments".to_owned(), json!(self.slugs(number)));
        if let Some(fields) = &question.fields {
            row.retain(|name, _| fields.contains(name));
        }
        Value::Object(row)
    }
}

fn question(of: Whose, parameters: &Parameters) -> Result<Question, Problem> {
    let list = |name: &str| parameters.get(name).map(|text| text.split(',').map(str::to_owned).collect::<Vec<_>>());
    let splits = list("splits").map(|all| {
        let split = |text: &String| text.parse().ok().filter(|split| *split < 100_u64);
        all.iter().map(split).collect::<Option<Vec<_>>>().ok_or_else(|| refused("splits must be 0 to 99"))
    });
    let descending = match parameters.get("sortorder").map(String::as_str) {
        None | Some("asc") => false,
        Some("desc") => true,
        Some(_) => return Err(refused("sortorder must be asc or desc")),
    };
    let flag = |name: &str| parameters.get(name).is_some_and(|text| text == "true");
    let sort = match parameters.get("sortfield") {
        Some(field) => Some(Sort { field: field.clone(), descending }),
        None if flag("recent") => Some(Sort { field: "last_active_ts".to_owned(), descending: true }),
        None => None,
    };
    Ok(Question { of, fields: list("fields"), sort, splits: splits.transpose()?, meta: flag("meta") })
}

/// Numbers by value, all else as text; what has the same value in the order of its making.
fn order(a: &Row, b: &Row, descending: bool) -> Ordering {
    let by_value = match (a.sorted_by.as_f64(), b.sorted_by.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (Some(_) | None, None) | (None, Some(_)) => text(&a.sorted_by).cmp(&text(&b.sorted_by)),
    };
    let by_value = if descending { by_value.reverse() } else { by_value };
    by_value.then(a.number.cmp(&b.number))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn shown(value: &Value, values: ScanValues) -> Value {
    match (value, values) {
        (Value::Bool(_) | Value::Number(_), ScanValues::Text) => Value::from(value.to_string()),
        (
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_),
            ScanValues::Text | ScanValues::Native,
        ) => value.clone(),
    }
}
