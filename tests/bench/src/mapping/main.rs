//! What the mapping of a person costs, alone: processor time and allocations for 12 columns, of plain paths and with
//! three expressions among them.

#[path = "../measure.rs"]
mod measure;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::ExitCode;

use clap::Parser;
use jiff::Timestamp;
use muster::mapping::{AudienceFacts, Cell, Column, ColumnMapping, CompiledMapping, PersonFacts};
use muster::model::{AttributeType, Entry, Identifier, Origin, Person, PersonKey, Value};
use serde::Serialize;
use serde_json::json;

use crate::measure::{Cost, Stopwatch};

/// Measures the mapping of a million people to 12 columns on one core.
#[derive(Parser)]
#[command(name = "muster-bench-mapping", after_help = "Example:\n  cargo run --release --bin muster-bench-mapping")]
struct Cli {
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    plain: Measured,
    three_expressions: Measured,
    of_them: Vec<Single>,
}

#[derive(Serialize)]
struct Measured {
    cost: Cost,
    allocations_per_person: f64,
    bytes_per_person: f64,
}

#[derive(Serialize)]
struct Single {
    expression: &'static str,
    measured: Measured,
}

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Different people, few enough to stay in the processor's cache: what is measured is the mapping.
const PEOPLE: usize = 500;
const ROUNDS: u32 = 2_000;

const EXPRESSIONS: [(&str, &str); 3] = [
    ("EMAIL_HASH", "ids.email|lower|sha256"),
    ("FULL_NAME", "fields.first_name ~ ' ' ~ fields.last_name|upper"),
    ("MOBILE_PHONE", "fields.mobile|default(fields.telephone)|e164('DK')"),
];

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run() {
        Ok(report) => {
            say(&if cli.json { json!(report).to_string() } else { report.text() });
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome<Report> {
    let people = people()?;
    let plain = plain_columns()?;
    let mut mixed = plain.clone();
    for (entry, (column, expression)) in mixed.iter_mut().rev().zip(EXPRESSIONS) {
        *entry = computed(column, expression);
    }
    let single = |(column, expression)| -> Outcome<Single> {
        Ok(Single { expression, measured: measure(&[computed(column, expression)], &people)? })
    };
    Ok(Report {
        plain: measure(&plain, &people)?,
        three_expressions: measure(&mixed, &people)?,
        of_them: EXPRESSIONS.into_iter().map(single).collect::<Outcome<_>>()?,
    })
}

fn plain_columns() -> Outcome<Vec<ColumnMapping>> {
    let columns = json!([
        { "column": "EMAIL", "from": "ids.email", "type": "email" },
        { "column": "CUSTOMER_ID", "from": "ids.customer_id", "type": "text" },
        { "column": "AUDIENCE", "from": "audience.slug", "type": "text" },
        { "column": "SUBSCRIBED", "from": "audience.inside", "type": "boolean", "encoding": "y_n" },
        { "column": "CHANGED", "from": "change.occurred_at", "type": "date_time", "time_zone": "Europe/Copenhagen" },
        { "column": "TIER", "from": "fields.user_attributes.tier", "type": "text" },
        { "column": "LTV", "from": "attributes.ltv", "type": "decimal" },
        { "column": "ORDERS", "from": "attributes.orders", "type": "integer" },
        { "column": "CITY", "from": "fields.city", "type": "text" },
        { "column": "FIRST_NAME", "from": "fields.first_name", "type": "text" },
        { "column": "LAST_NAME", "from": "fields.last_name", "type": "text", "too_long": "truncate" },
        { "column": "ADDRESS", "from": "fields.address", "type": "long_text" },
    ]);
    Ok(serde_json::from_value(columns)?)
}

fn computed(column: &str, expression: &str) -> ColumnMapping {
    ColumnMapping { column: column.to_owned(), expression: Some(expression.to_owned()), ..ColumnMapping::default() }
}

fn people() -> Outcome<Vec<Person>> {
    let at = Timestamp::UNIX_EPOCH;
    (0..PEOPLE)
        .map(|number| {
            let key = PersonKey(u128::try_from(number)?.to_be_bytes());
            let mut person = Person::new(key, "shop".parse()?);
            let texts = [
                ("first_name", format!("Anneliese{number}")),
                ("last_name", format!("Øster-Jørgensen{number}")),
                ("city", "København".to_owned()),
                ("address", format!("Vesterbrogade {number}, 4. tv., 1620 København V")),
                ("user_attributes.tier", "gold".to_owned()),
                ("telephone", format!("20 12 {:02} {:02}", number / 100, number % 100)),
            ];
            for (name, text) in texts {
                person.fields.insert(name.parse()?, entry(Value::Text(text), at));
            }
            person.attributes.insert("ltv".parse()?, entry(Value::Decimal(format!("{number}.25").parse()?), at));
            person.attributes.insert("orders".parse()?, entry(Value::Integer(i64::try_from(number)?), at));
            for (kind, text) in [("email", format!("Person.{number}@example.com")), ("customer_id", number.to_string())]
            {
                let kind = kind.parse()?;
                let value = Identifier::normalise(&kind, &text)?;
                person.identifiers.insert(kind, entry(vec![value], at));
            }
            Ok(person)
        })
        .collect()
}

fn entry<T>(value: T, occurred_at: Timestamp) -> Entry<T> {
    Entry { value, occurred_at, version: 1, origin: Origin::Live }
}

fn measure(entries: &[ColumnMapping], people: &[Person]) -> Outcome<Measured> {
    let columns: Vec<Column> = entries.iter().map(|entry| Column::named(&entry.column)).collect();
    let mapping = CompiledMapping::compile(entries, Some(&columns)).map_err(|errors| format!("{errors:?}"))?;
    let kinds = BTreeMap::from([("ltv".parse()?, AttributeType::Decimal), ("orders".parse()?, AttributeType::Integer)]);
    let changed_at = Some("2026-01-05T07:08:09Z".parse()?);
    let audience = Some(AudienceFacts { id: "vip", name: "VIP customers", slug: "vip", inside: true });
    let round = || -> Outcome<()> {
        for person in people {
            let facts = PersonFacts { person, kinds: &kinds, audience, changed_at };
            let row = mapping.apply(&facts).map_err(|unmappable| unmappable.to_string())?;
            let row = black_box(row);
            if row.cells().iter().any(|(_, cell)| !matches!(cell, Cell::Text(_))) {
                return Err("a column got nothing: the figure would be a lie".into());
            }
        }
        Ok(())
    };
    round()?;
    let mut outcome = Ok(());
    let counted = allocation_counter::measure(|| outcome = round());
    outcome?;
    let stopwatch = Stopwatch::start();
    for _ in 0..ROUNDS {
        round()?;
    }
    let count = u64::from(ROUNDS) * u64::try_from(people.len())?;
    let per_person =
        |all: u64| -> Outcome<f64> { Ok(f64::from(u32::try_from(all)?) / f64::from(u32::try_from(people.len())?)) };
    Ok(Measured {
        cost: stopwatch.stop(count),
        allocations_per_person: per_person(counted.count_total)?,
        bytes_per_person: per_person(counted.bytes_total)?,
    })
}

impl Report {
    fn text(&self) -> String {
        let Self { plain, three_expressions, of_them } = self;
        let mut lines = vec![
            format!("12 columns, plain paths: {}", plain.text()),
            format!("12 columns, three of them expressions: {}", three_expressions.text()),
        ];
        let single = |Single { expression, measured }: &Single| format!("{expression} alone: {}", measured.text());
        lines.extend(of_them.iter().map(single));
        lines.join("\n")
    }
}

impl Measured {
    fn text(&self) -> String {
        let Self { cost, allocations_per_person, bytes_per_person } = self;
        format!("{cost}; {allocations_per_person:.1} allocations of {bytes_per_person:.0} bytes a person")
    }
}

#[expect(clippy::print_stdout, reason = "a command line tool speaks here")]
fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "a command line tool speaks here")]
fn complain(text: &str) {
    eprintln!("{text}");
}
