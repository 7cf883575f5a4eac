//! What is searched: small enough to be searched whole, with everything in it that a rule is there for.

use muster::model::RecordId;
use muster::model::pending::RecordShape;

use super::rules::Rules;
use super::scenario::{Haste, Ingest, Scenario};
use crate::facts::{address, at_address, entered, erased, in_audience, known_by, left, person};

/// One person, one record, one key.
pub fn three_changes() -> Scenario {
    Scenario {
        name: "three changes",
        shape: RecordShape::PerPerson,
        people: vec![person(1)],
        records: vec![RecordId::Person],
        keys: vec![address(1)],
        before: Vec::new(),
        changes: vec![at_address(entered(1, 1, "a"), 1), left(1, 2, "a"), entered(1, 3, "a")],
        faults: 1,
        workers: 2,
        ingest: Ingest::AtOnce,
        haste: Haste::FlightsUnseen,
        rules: Rules::WHOLE,
    }
}

/// The same with one change less and one run more.
pub fn three_runs() -> Scenario {
    let whole = three_changes();
    Scenario { name: "three runs", changes: whole.changes[..2].to_vec(), workers: 3, ..whole }
}

/// The same with one change less and one fault more.
pub fn two_faults() -> Scenario {
    Scenario { name: "two faults", workers: 2, faults: 2, ..three_runs() }
}

/// Two requests meet at one row.
pub fn meeting_requests() -> Scenario {
    Scenario { name: "meeting requests", ingest: Ingest::InTwoSteps, workers: 1, ..three_changes() }
}

/// One person, two records.
pub fn two_records() -> Scenario {
    Scenario {
        name: "two records",
        shape: RecordShape::PerPersonAndAudience,
        records: vec![in_audience("a"), in_audience("b")],
        changes: vec![at_address(entered(1, 1, "a"), 1), entered(1, 2, "b")],
        ..three_changes()
    }
}

/// One person whose key changes, and changes back.
pub fn two_keys() -> Scenario {
    Scenario {
        name: "two keys",
        keys: vec![address(1), address(2)],
        before: vec![at_address(entered(1, 1, "a"), 1)],
        changes: vec![known_by(1, 2, 2), known_by(1, 3, 1)],
        haste: Haste::WithMessages,
        ..three_changes()
    }
}

/// One person who is to be forgotten, and comes again.
pub fn forgotten() -> Scenario {
    Scenario {
        name: "forgotten",
        keys: vec![address(1)],
        changes: vec![erased(1, 2), at_address(entered(1, 3, "a"), 1)],
        ..two_keys()
    }
}

/// Two people, the second of whom comes to have the key that the first one had.
pub fn two_people() -> Scenario {
    Scenario {
        name: "two people",
        people: vec![person(1), person(2)],
        changes: vec![known_by(1, 2, 2), at_address(entered(2, 3, "a"), 1)],
        ..two_keys()
    }
}

/// The same with two records of the first person.
pub fn two_people_of_two_records() -> Scenario {
    Scenario {
        name: "two people, two records",
        shape: RecordShape::PerPersonAndAudience,
        records: vec![in_audience("a"), in_audience("b")],
        before: vec![at_address(entered(1, 1, "a"), 1), entered(1, 1, "b")],
        ..two_people()
    }
}

/// Small enough for every run of the tests.
pub fn daily() -> Vec<Scenario> {
    vec![
        three_changes(),
        three_runs(),
        meeting_requests(),
        two_records(),
        two_keys(),
        forgotten(),
        two_people(),
        two_people_of_two_records(),
    ]
}

/// More of everything, for as long as a night is.
pub fn nightly() -> Vec<Scenario> {
    let more = |scenario: Scenario| Scenario { faults: scenario.faults + 1, ..scenario };
    let deeper = |scenario: Scenario| Scenario { workers: scenario.workers + 1, ..scenario };
    vec![
        two_faults(),
        deeper(three_changes()),
        deeper(two_faults()),
        deeper(two_records()),
        more(two_records()),
        deeper(two_keys()),
        deeper(forgotten()),
        deeper(two_people()),
        more(two_people()),
    ]
}
