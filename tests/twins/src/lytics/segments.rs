//! Which segments there are and how large they are (vendor file 4.2).

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::api::{Parameters, Problem, refused};
use super::filter::Filter;
use super::model::Segment;
use super::routes::SizeName;
use super::state::State;
use super::switches::SizePath;
use crate::reply::Reply;
use crate::serve::Call;

/// Ad-hoc sizes are given once in so many seconds.
const AD_HOC_SECONDS: i64 = 10;

impl State {
    pub(super) fn segments_reply(&self, parameters: &Parameters) -> Result<Reply, Problem> {
        let is = |name: &str, value: &str| parameters.get(name).is_some_and(|given| given == value);
        if parameters.contains_key("table") && !is("table", "user") {
            return Err(refused("table is not known"));
        }
        if parameters.contains_key("kind") && !is("kind", "segment") {
            return Err(refused("kind is not known"));
        }
        let shown = self.segments.values().filter(|segment| segment.valid || !is("valid", "true"));
        let shown = shown.map(|segment| {
            let mut shown = segment.json();
            if is("sizes", "true") {
                shown["size"] = json!(segment.members.len());
            }
            shown
        });
        Ok(self.success(Value::Array(shown.collect()), Map::new()))
    }

    pub(super) fn size_reply(&self, name: SizeName, segment: &str) -> Result<Reply, Problem> {
        let exists = match self.desk.switches.size_path {
            SizePath::Both => true,
            SizePath::Size => name == SizeName::Size,
            SizePath::Sizes => name == SizeName::Sizes,
        };
        if !exists {
            return Err(Problem::Refused(404, "not found".to_owned()));
        }
        let segment = self.segment(segment)?;
        Ok(self.success(segment.size_json(), Map::new()))
    }

    pub(super) fn ad_hoc_size_reply(&mut self, call: &Call) -> Result<Reply, Problem> {
        let filter = filter_of(call)?;
        let now = self.desk.now;
        let last = self.last_ad_hoc_size.filter(|_| self.desk.switches.throttle_ad_hoc_sizes);
        if last.is_some_and(|last| now.duration_since(last) < SignedDuration::from_secs(AD_HOC_SECONDS)) {
            self.desk.counters.rate_limited += 1;
            return Err(Problem::Refused(429, "Too many requests".to_owned()));
        }
        self.last_ad_hoc_size = Some(now);
        let size = self.profiles.keys().filter(|number| self.matches(&filter, **number)).count();
        Ok(self.success(json!({ "size": size }), Map::new()))
    }

    pub(super) fn segment(&self, id_or_slug: &str) -> Result<&Segment, Problem> {
        let found = self.segments.values().find(|segment| segment.is(id_or_slug));
        found.ok_or_else(|| Problem::Refused(404, "segment not found".to_owned()))
    }

    pub(super) fn matches(&self, filter: &Filter, number: u64) -> bool {
        let Some(profile) = self.profiles.get(&number) else { return false };
        let field = |name: &str| {
            profile.fields.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        };
        let within =
            |id: &str| self.segments.values().any(|segment| segment.is(id) && segment.members.contains_key(&number));
        filter.holds(&field, &within)
    }
}

/// The FilterQL of a body, which must be plain text.
pub(super) fn filter_of(call: &Call) -> Result<Filter, Problem> {
    if call.media_type() != "text/plain" {
        return Err(Problem::Unexpected("a filter that is not text/plain".to_owned()));
    }
    let body = call.body.as_ref().map_err(|error| refused(error.clone()))?;
    let text = std::str::from_utf8(body).map_err(|_| refused("the filter is not UTF-8"))?;
    Filter::parse(text).ok_or_else(|| Problem::Unexpected("a filter that this twin cannot read".to_owned()))
}
