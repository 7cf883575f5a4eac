//! What is measured while Muster works, and the form in which CloudWatch reads it out of logs: the embedded
//! metric format, <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>.
//! Nothing personal, and few dimensions: each value of one is billed as a metric of its own.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use crate::model::SourceId;

/// The CloudWatch namespace.
pub const NAMESPACE: &str = "Muster";

/// Most values of one metric in one line, by the format's specification.
const MOST_VALUES: usize = 100;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric<'a> {
    /// Changes accepted from a source.
    Accepted(&'a SourceId),
    /// Records delivered.
    Delivered,
    /// Records rejected.
    Rejected,
    /// Records given up for now.
    Parked,
    /// Records to be tried again after a failure.
    Retried,
    /// From a live change's acceptance to its delivery, in seconds.
    LagSeconds,
    /// From a request to a vendor to its whole answer, in milliseconds.
    VendorMilliseconds,
    /// Flights that a run left standing and the sweep took over.
    FlightsSwept,
}

/// How values of a metric become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sum,
    Seconds,
    Milliseconds,
}

impl Metric<'_> {
    /// Its name in CloudWatch.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted(_) => "Accepted",
            Self::Delivered => "Delivered",
            Self::Rejected => "Rejected",
            Self::Parked => "Parked",
            Self::Retried => "Retried",
            Self::LagSeconds => "LagSeconds",
            Self::VendorMilliseconds => "VendorMilliseconds",
            Self::FlightsSwept => "FlightsSwept",
        }
    }

    fn kind(self) -> Kind {
        match self {
            Self::Accepted(_)
            | Self::Delivered
            | Self::Rejected
            | Self::Parked
            | Self::Retried
            | Self::FlightsSwept => Kind::Sum,
            Self::LagSeconds => Kind::Seconds,
            Self::VendorMilliseconds => Kind::Milliseconds,
        }
    }

    fn source(self) -> Option<String> {
        match self {
            Self::Accepted(source) => Some(source.to_string()),
            Self::Delivered
            | Self::Rejected
            | Self::Parked
            | Self::Retried
            | Self::LagSeconds
            | Self::VendorMilliseconds
            | Self::FlightsSwept => None,
        }
    }
}

/// Takes measurements.
pub trait Meter: Send + Sync {
    /// Notes a value.
    fn note(&self, metric: Metric<'_>, value: f64);
}

/// Measures nothing: on one machine the accounts say what there is to know.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unmeasured;

impl Meter for Unmeasured {
    fn note(&self, _: Metric<'_>, _: f64) {}
}

/// Values by name.
type Noted = BTreeMap<&'static str, (Kind, Vec<f64>)>;

/// Collects until its lines are taken; sums are added up, times are kept one by one.
#[derive(Debug)]
pub struct EmbeddedMetrics {
    function: String,
    /// By source, where there is one.
    noted: Mutex<BTreeMap<Option<String>, Noted>>,
}

impl EmbeddedMetrics {
    /// `function` is the dimension that every metric has.
    pub fn new(function: impl Into<String>) -> Self {
        Self { function: function.into(), noted: Mutex::default() }
    }

    /// What was noted since the last time, as log lines.
    pub fn take_lines(&self, now: Timestamp) -> Vec<String> {
        let noted = std::mem::take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner));
        let lines = noted.into_iter().flat_map(|(source, metrics)| self.lines(source.as_deref(), metrics, now));
        lines.map(|line| line.to_string()).collect()
    }

    fn lines(&self, source: Option<&str>, metrics: Noted, now: Timestamp) -> Vec<Json> {
        let longest = metrics.values().map(|(_, values)| values.len()).max().unwrap_or_default();
        let line = |part: usize| {
            let mut members = Map::new();
            let mut named = Vec::new();
            for (name, (kind, values)) in &metrics {
                let Some(values) = values.chunks(MOST_VALUES).nth(part) else { continue };
                named.push(json!({ "Name": name, "Unit": kind.unit() }));
                let value = if let [only] = values { json!(only) } else { json!(values) };
                members.insert((*name).to_owned(), value);
            }
            let mut dimensions = vec!["FunctionName"];
            members.insert("FunctionName".to_owned(), json!(self.function));
            if let Some(source) = source {
                dimensions.push("Source");
                members.insert("Source".to_owned(), json!(source));
            }
            let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": named });
            members.insert(
                "_aws".to_owned(),
                json!({ "Timestamp": now.as_millisecond(), "CloudWatchMetrics": [directive] }),
            );
            Json::Object(members)
        };
        (0..longest.div_ceil(MOST_VALUES)).map(line).collect()
    }
}

impl Kind {
    fn unit(self) -> &'static str {
        match self {
            Self::Sum => "Count",
            Self::Seconds => "Seconds",
            Self::Milliseconds => "Milliseconds",
        }
    }
}

impl Meter for EmbeddedMetrics {
    fn note(&self, metric: Metric<'_>, value: f64) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let (kind, values) =
            noted.entry(metric.source()).or_default().entry(metric.name()).or_insert((metric.kind(), Vec::new()));
        match (kind, values.first_mut()) {
            (Kind::Sum, Some(sum)) => *sum += value,
            (Kind::Sum | Kind::Seconds | Kind::Milliseconds, _) => values.push(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-01-05T07:08:09.5Z".parse().unwrap()
    }

    #[test]
    fn sums_are_added_up_and_times_are_kept_one_by_one() {
        let metrics = EmbeddedMetrics::new("muster-heyloyalty-live");
        metrics.note(Metric::Delivered, 3.0);
        metrics.note(Metric::Delivered, 2.0);
        metrics.note(Metric::LagSeconds, 0.25);
        metrics.note(Metric::LagSeconds, 1.5);
        let lines = metrics.take_lines(now());
        assert_eq!(lines.len(), 1);
        insta::assert_json_snapshot!(serde_json::from_str::<Json>(&lines[0]).unwrap());
        assert_eq!(metrics.take_lines(now()), Vec::<String>::new(), "taken once");
    }

    #[test]
    fn each_source_is_a_dimension_of_what_it_told() {
        let metrics = EmbeddedMetrics::new("muster-ingest");
        metrics.note(Metric::Accepted(&"shop".parse().unwrap()), 3.0);
        metrics.note(Metric::Accepted(&"app".parse().unwrap()), 1.0);
        let lines: Vec<Json> =
            metrics.take_lines(now()).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        for line in lines {
            let accepted = if line["Source"] == "shop" { 3.0 } else { 1.0 };
            assert_eq!(line["Accepted"], json!(accepted));
            let directive = &line["_aws"]["CloudWatchMetrics"][0];
            assert_eq!(directive["Dimensions"], json!([["FunctionName", "Source"]]));
        }
    }

    #[test]
    fn more_values_than_a_line_takes_go_on_in_the_next() {
        let metrics = EmbeddedMetrics::new("f");
        metrics.note(Metric::Retried, 1.0);
        for value in 0..250 {
            metrics.note(Metric::VendorMilliseconds, f64::from(value));
        }
        let lines: Vec<Json> =
            metrics.take_lines(now()).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let values = |line: &Json| line["VendorMilliseconds"].as_array().map_or(0, Vec::len);
        assert_eq!(lines.iter().map(values).collect::<Vec<_>>(), [100, 100, 50]);
        let retried = lines.iter().filter(|line| line.get("Retried").is_some()).count();
        assert_eq!(retried, 1, "a sum is told once");
    }
}
