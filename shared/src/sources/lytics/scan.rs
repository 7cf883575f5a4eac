//! What Lytics' API says of segments and their members: pure.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value as Json;

use super::moves::properties_of;
use super::profile::Profile;
use super::{At, Reading};
use crate::model::{AudienceId, AudienceNaming, Change, Fact, LyticsFormat, Origin, ScannedAudience};

/// A segment as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its id, which never changes.
    pub id: String,
    /// Its slug, which people read.
    pub slug: String,
    /// For people.
    pub name: String,
    /// About how many members it has, where the list says so.
    pub members: Option<u64>,
}

/// A page of a scan.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Profiles as they came.
    pub rows: Vec<Json>,
    /// What asks for the next page; `None` on the last one.
    pub next: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    id: Option<String>,
    slug_name: Option<String>,
    name: Option<String>,
    size: Option<Json>,
}

/// The segments of a list; `None` where it cannot be read. What has no id and no slug is left out.
pub fn segments(body: &[u8]) -> Option<Vec<Segment>> {
    let listed = data(body)?.0.into_iter().filter_map(|one| Listed::deserialize(one).ok());
    let segment = |Listed { id, slug_name, name, size }: Listed| {
        let (id, slug) = (id?, slug_name?);
        let name = name.unwrap_or_else(|| slug.clone());
        Some(Segment { id, slug, name, members: size.as_ref().and_then(number) })
    };
    Some(listed.filter_map(segment).collect())
}

/// A page; `None` where it cannot be read. A token that is empty, null or missing is the end.
pub fn page(body: &[u8]) -> Option<Page> {
    let (rows, next) = data(body)?;
    Some(Page { rows, next })
}

#[derive(Deserialize)]
struct Envelope {
    data: Option<Vec<Json>>,
    #[serde(rename = "_next")]
    next: Option<Json>,
}

/// The list of an answer with its token; null is an empty list.
fn data(body: &[u8]) -> Option<(Vec<Json>, Option<String>)> {
    let Envelope { data, next } = serde_json::from_slice(body).ok()?;
    let next = match next {
        None | Some(Json::Null) => None,
        Some(Json::String(token)) => Some(token).filter(|token| !token.is_empty()),
        Some(other @ (Json::Number(_) | Json::Bool(_))) => Some(other.to_string()),
        Some(Json::Array(_) | Json::Object(_)) => return None,
    };
    Some((data.unwrap_or_default(), next))
}

/// Numbers may come as texts.
fn number(json: &Json) -> Option<u64> {
    json.as_u64().or_else(|| json.as_str()?.parse().ok())
}

impl Segment {
    /// As an audience of Muster's; `None` where its name is none that an audience can have.
    pub fn audience(&self, naming: AudienceNaming) -> Option<ScannedAudience> {
        let (id, other) = match naming {
            AudienceNaming::Slug => (&self.slug, &self.id),
            AudienceNaming::Id => (&self.id, &self.slug),
        };
        let id: AudienceId = id.parse().ok()?;
        Some(ScannedAudience { id, other_name: Some(other.clone()), members: self.members, unstored: 0 })
    }
}

/// What a row of a scan says: this person is in the audience, at that time at the latest. `None` where nobody can tell
/// who it is.
pub fn member(
    row: &Json,
    audience: &ScannedAudience,
    format: &LyticsFormat,
    as_of: Timestamp,
    reading: &Reading<'_>,
) -> Option<Change> {
    let profile = Profile::read(row.as_object()?, At::Root, format, reading).ok()?;
    let Profile { person, identifiers, fields, .. } = profile;
    let properties = properties_of(audience.other_name.as_deref(), format.named_by);
    let fact = Fact::Entered { audience: audience.id.clone(), properties };
    Some(Change { person, identifiers, fields, fact, occurred_at: as_of, origin: Origin::Backfill })
}

/// The members of a profile that a scan asks for; `None` for all.
pub fn fields(format: &LyticsFormat) -> Option<String> {
    let asked = format.scan_fields.as_ref()?;
    // Dots lead into members of members, and the outermost is what can be asked for.
    let outermost = |name: &String| name.split('.').next().unwrap_or(name).to_owned();
    let mut names: Vec<String> = format.identifiers.values().chain(asked).map(outermost).collect();
    names.sort();
    names.dedup();
    Some(names.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_page_says_so_in_any_of_three_ways() {
        for end in [r#","_next":"""#, r#","_next":null"#, ""] {
            let body = format!(r#"{{"status":"200","data":[{{"email":"a@example.com"}}]{end}}}"#);
            let page = page(body.as_bytes()).unwrap();
            assert_eq!((page.rows.len(), page.next), (1, None), "{body}");
        }
        let more = page(br#"{"status":200,"data":[],"_next":"number2"}"#).unwrap();
        assert_eq!(more.next.as_deref(), Some("number2"));
        assert_eq!(page(br#"{"data":null}"#).unwrap().rows, Vec::<Json>::new());
        assert_eq!(page(b"<html>"), None);
        assert_eq!(page(br#"{"data":{"email":"a"}}"#), None);
    }

    #[test]
    fn sizes_come_as_numbers_and_as_texts() {
        let body = br#"{"data":[{"id":"0a","slug_name":"vips","name":"VIPs","size":"12"},{"id":"0b"},
            {"id":"0c","slug_name":"dogs","size":3}]}"#;
        let segments = segments(body).unwrap();
        let shown: Vec<_> = segments.iter().map(|one| (&*one.slug, &*one.name, one.members)).collect();
        assert_eq!(shown, [("vips", "VIPs", Some(12)), ("dogs", "dogs", Some(3))]);
    }

    #[test]
    fn whoever_asks_for_fewer_fields_gets_the_identifiers_too() {
        let mut format = LyticsFormat::default();
        assert_eq!(fields(&format), None);
        format.scan_fields = Some(["plan", "address.city", "address.zip"].map(str::to_owned).into());
        assert_eq!(fields(&format).as_deref(), Some("address,email,plan,user_id"));
    }
}
