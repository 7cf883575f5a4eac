//! Takes records and answers for them.

use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::message::{People, Record};
use super::model::{PersonView, Standing};
use super::state::State;
use super::switches::{Answers, ResultOrder};
use crate::faults::Wording;
use crate::reply::Reply;

/// What the receiver makes of somebody's records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// `rejected` with this reason, not applied. Without results the whole request is answered 422 with it
    /// and nothing of it is applied.
    Rejected(String),
    /// `retry`. Without results the whole request is answered 503 and treated alike.
    Retry(Applied),
    /// Left out of the answer. Without results 2xx.
    LeftOut(Applied),
}

/// Whether a record was applied all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Applied {
    /// It was.
    Yes,
    /// It was not.
    No,
}

/// What the answer says of a record.
enum Said {
    Taken,
    Retry,
    Rejected(String),
    Nothing,
}

impl State {
    pub(super) fn take_people(&mut self, people: &People) -> Reply {
        match self.desk.switches.answers {
            Answers::Empty | Answers::Text => self.take_whole(people),
            Answers::Results => self.take_one_by_one(people),
        }
    }

    fn take_whole(&mut self, people: &People) -> Reply {
        let People { activation, records } = people;
        let mut refusal = None;
        let mut retry = None;
        for record in records {
            if let Some(sentence) = self.refused.get(record.id()) {
                refusal = Some(sentence.clone());
                if records.len() == 1 {
                    self.refused.remove(record.id());
                }
            }
            match self.rulings.get(record.id()) {
                Some(Ruling::Rejected(reason)) => refusal = Some(reason.clone()),
                // Applied where one of them is: the request is one.
                Some(Ruling::Retry(Applied::Yes)) => retry = Some(Applied::Yes),
                Some(Ruling::Retry(Applied::No)) => retry = retry.or(Some(Applied::No)),
                Some(Ruling::LeftOut(_)) | None => {}
            }
        }
        if let Some(sentence) = refusal {
            return self.error(422, &sentence);
        }
        if retry != Some(Applied::No) {
            records.iter().for_each(|record| self.take_record(activation, record));
        }
        match retry {
            Some(_) => self.error(503, "Later"),
            None => self.taken(),
        }
    }

    fn take_one_by_one(&mut self, people: &People) -> Reply {
        let mut said = Vec::new();
        for record in &people.records {
            let (of_it, applied) = match (self.refused.remove(record.id()), self.rulings.get(record.id())) {
                (Some(reason), _) => (Said::Rejected(reason), Applied::No),
                (None, Some(Ruling::Rejected(reason))) => (Said::Rejected(reason.clone()), Applied::No),
                (None, Some(Ruling::Retry(applied))) => (Said::Retry, *applied),
                (None, Some(Ruling::LeftOut(applied))) => (Said::Nothing, *applied),
                (None, None) => (Said::Taken, Applied::Yes),
            };
            match applied {
                Applied::Yes => self.take_record(&people.activation, record),
                Applied::No => {}
            }
            said.push((record.name(), of_it));
        }
        self.results(said)
    }

    /// What is answered where all of it was taken.
    pub(super) fn all_taken(&self, people: &People) -> Reply {
        match self.desk.switches.answers {
            Answers::Empty | Answers::Text => self.taken(),
            Answers::Results => {
                self.results(people.records.iter().map(|record| (record.name(), Said::Taken)).collect())
            }
        }
    }

    fn results(&self, mut said: Vec<(&str, Said)>) -> Reply {
        match self.desk.switches.order {
            ResultOrder::AsSent => {}
            ResultOrder::Reversed => said.reverse(),
        }
        Reply::json(200, &Answer { results: Results(said) })
    }

    /// What is answered where there is nothing to say.
    pub(super) fn taken(&self) -> Reply {
        match self.desk.switches.answers {
            Answers::Empty | Answers::Results => Reply::empty(204),
            Answers::Text => Reply::text(200, "text/plain", "Thank you".to_owned()),
        }
    }

    pub(super) fn take_record(&mut self, activation: &str, record: &Record) {
        self.desk.counters.records += 1;
        self.write(activation, record);
    }

    /// Whatever was known of the id before is replaced, a newer record too.
    pub(super) fn write(&mut self, activation: &str, record: &Record) {
        self.writes += 1;
        let (standing, audiences, attributes) = match record {
            Record::Present { audiences, attributes, .. } => (Standing::Present, audiences.clone(), attributes.clone()),
            Record::Left { .. } => (Standing::Left, BTreeMap::new(), BTreeMap::new()),
            Record::Forgotten { id, .. } => {
                self.people.remove(id);
                return;
            }
        };
        let person = PersonView {
            activation: activation.to_owned(),
            standing,
            audiences,
            attributes,
            written_at: self.desk.now,
            write: self.writes,
        };
        self.people.insert(record.id().to_owned(), person);
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    results: Results<'a>,
}

/// In the order of the list, which no map of `serde_json` promises.
struct Results<'a>(Vec<(&'a str, Said)>);

impl Serialize for Results<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        for (record, said) in &self.0 {
            match said {
                Said::Taken => map.serialize_entry(record, &Status { status: "taken", reason: None })?,
                Said::Retry => map.serialize_entry(record, &Status { status: "retry", reason: None })?,
                Said::Rejected(reason) => {
                    map.serialize_entry(record, &Status { status: "rejected", reason: Some(reason) })?;
                }
                Said::Nothing => {}
            }
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Status<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}
