//! Events and the requests that carry them (vendor file 1).

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde_json::{Map, Value, json};

use super::jobs::{Method, SeedJob, Template};
use super::model::Direction;
use super::switches::{CloudEventsMode, EventTimes, SegmentEvents, Switches};

/// What the vendor sends at most for one event.
const LARGEST_EVENT: usize = 1024 * 1024;

const EVENTS: &str = "segment_events";
const SEGMENTS: &str = "segments_all";

/// Into or out of one segment.
#[derive(Debug, Clone)]
pub(super) struct SegmentEvent {
    /// Id of the segment.
    pub id: String,
    pub slug: String,
    pub direction: Direction,
    pub at: Timestamp,
}

/// An event of a profile, as it was when it happened.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub id: String,
    /// Number of the profile.
    pub profile: u64,
    /// Its fields, internal ones included.
    pub data: Map<String, Value>,
    /// Slugs of all segments that the profile was in.
    pub segments_all: Vec<String>,
    /// None where a field's change is all that happened.
    pub events: Vec<SegmentEvent>,
    /// The events happen when they are sent.
    pub stamped_when_sent: bool,
}

/// A request without its authorization.
#[derive(Debug, PartialEq)]
pub(super) struct Request {
    pub headers: Vec<(String, String)>,
    /// Absent for the methods that have none.
    pub body: Option<String>,
    pub event_ids: Vec<String>,
}

/// How a job writes its events.
pub(super) struct Writer<'a> {
    pub job: &'a SeedJob,
    pub job_id: &'a str,
    pub switches: &'a Switches,
    pub now: Timestamp,
}

impl Writer<'_> {
    /// The requests for these events, in order: one, but where CloudEvents are in headers.
    pub(super) fn requests(&self, messages: &[Message]) -> Vec<Request> {
        let in_headers = self.job.cloudevents && self.switches.cloudevents_mode == CloudEventsMode::Binary;
        if in_headers {
            return messages.iter().map(|message| self.binary(message)).collect();
        }
        let bodies: Vec<Value> = messages.iter().map(|message| self.wrapped(message)).collect();
        let (content_type, body) = match (self.job.cloudevents, self.job.batch_requests) {
            (true, true) => ("application/cloudevents-batch+json", Value::Array(bodies)),
            (false, true) => ("application/json", Value::Array(bodies)),
            (true, false) => ("application/cloudevents+json", bodies.into_iter().next().unwrap_or_default()),
            (false, false) => ("application/json", bodies.into_iter().next().unwrap_or_default()),
        };
        let event_ids = messages.iter().map(|message| message.id.clone()).collect();
        vec![self.request(content_type, &body, Vec::new(), event_ids)]
    }

    pub(super) fn is_too_large(&self, message: &Message) -> bool {
        self.body(message).to_string().len() > LARGEST_EVENT
    }

    fn request(&self, media: &str, body: &Value, ce: Vec<(String, String)>, event_ids: Vec<String>) -> Request {
        let body = match self.job.http_method {
            Method::Post | Method::Put | Method::Patch => Some(body.to_string()),
            Method::Get | Method::Delete => None,
        };
        let mut headers = ce;
        if body.is_some() {
            headers.push(("content-type".to_owned(), media.to_owned()));
        }
        Request { headers, body, event_ids }
    }

    fn binary(&self, message: &Message) -> Request {
        let attributes = [
            ("ce-specversion", "1.0".to_owned()),
            ("ce-id", message.id.clone()),
            ("ce-type", self.event_type()),
            ("ce-source", self.event_source()),
        ];
        let headers = attributes.map(|(name, value)| (name.to_owned(), value)).to_vec();
        self.request("application/json", &self.body(message), headers, vec![message.id.clone()])
    }

    fn wrapped(&self, message: &Message) -> Value {
        if !self.job.cloudevents {
            return self.body(message);
        }
        json!({
            "specversion": "1.0",
            "id": message.id,
            "type": self.event_type(),
            "source": self.event_source(),
            "data": self.body(message),
        })
    }

    fn event_type(&self) -> String {
        self.job.cloudevents_type.clone().unwrap_or_else(|| "com.lytics.audience.user.event".to_owned())
    }

    fn event_source(&self) -> String {
        self.job.cloudevents_source.clone().unwrap_or_else(|| format!("lytics/{}", self.job_id))
    }

    fn body(&self, message: &Message) -> Value {
        let mut data = message.data.clone();
        let events = self.events(message);
        let has_events = !message.events.is_empty() && self.switches.segment_events != SegmentEvents::Absent;
        if self.job.include_segs {
            data.insert(SEGMENTS.to_owned(), json!(message.segments_all));
        }
        if self.switches.segment_events == SegmentEvents::InData && has_events {
            data.insert(EVENTS.to_owned(), events.clone());
        }
        if !self.job.user_fields.is_empty() {
            data.retain(|name, _| self.job.user_fields.contains(name));
        }
        match self.job.template {
            Template::ProfileAndEvents => {
                let events = if has_events && self.sends(EVENTS) { events } else { json!([]) };
                json!({ "v": 1, "profile": data, "events": events })
            }
            Template::None => {
                let mut body = json!({ "id": message.id, "data": data, "meta": self.switches.meta });
                let beside = self.switches.segment_events == SegmentEvents::TopLevel;
                if beside && has_events && self.sends(EVENTS) {
                    body[EVENTS] = events;
                }
                body
            }
        }
    }

    fn sends(&self, field: &str) -> bool {
        self.job.user_fields.is_empty() || self.job.user_fields.iter().any(|name| name == field)
    }

    fn events(&self, message: &Message) -> Value {
        let event = |event: &SegmentEvent| {
            let at = if message.stamped_when_sent { self.now } else { event.at };
            let name = event.direction.name();
            match self.switches.event_times {
                EventTimes::Named => {
                    json!({ "id": event.id, "event": name, "slug": event.slug, name: self.time(at) })
                }
                EventTimes::Absent => json!({ "id": event.id, "event": name, "slug": event.slug }),
            }
        };
        message.events.iter().map(event).collect()
    }

    fn time(&self, at: Timestamp) -> String {
        let offset = Offset::from_seconds(i32::from(self.switches.utc_offset_minutes) * 60).unwrap_or(Offset::UTC);
        let local = at.to_zoned(TimeZone::fixed(offset));
        let fraction = match self.switches.fraction_digits.min(9) {
            0 => String::new(),
            digits => {
                let nanoseconds = format!("{:09}", local.subsec_nanosecond());
                format!(".{}", nanoseconds.get(..usize::from(digits)).unwrap_or_default())
            }
        };
        format!("{}{fraction}{}", local.strftime("%Y-%m-%dT%H:%M:%S"), local.strftime("%:z"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(switches: &Switches) -> String {
        let job = SeedJob::default();
        let at = "2026-03-01T20:27:33.916374949Z".parse().unwrap();
        Writer { job: &job, job_id: "1", switches, now: at }.time(at)
    }

    #[test]
    fn times_have_nanoseconds_and_an_offset() {
        assert_eq!(time(&Switches::default()), "2026-03-01T13:27:33.916374949-07:00");
    }

    #[test]
    fn the_fraction_has_as_many_digits_as_wanted() {
        let with = |fraction_digits, utc_offset_minutes| {
            time(&Switches { fraction_digits, utc_offset_minutes, ..Switches::default() })
        };
        assert_eq!(with(0, 0), "2026-03-01T20:27:33+00:00");
        assert_eq!(with(3, 330), "2026-03-02T01:57:33.916+05:30");
    }
}
