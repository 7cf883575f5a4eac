//! Reads parameters from any encoding that clients in use send (vendor file 2): JSON, bracketed
//! form-urlencoded, multipart, and query strings on writes.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use crate::serve::Call;

pub(super) type Params = Map<String, Value>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// No body; parameters, if any, came in the query string.
    None,
    Json,
    Form,
    Multipart,
}

#[derive(Debug)]
pub(super) struct Payload {
    pub encoding: Encoding,
    pub params: Params,
    pub files: HashMap<String, Bytes>,
}

impl Payload {
    pub(super) async fn of(call: &Call) -> Result<Self, String> {
        match &call.body {
            Ok(body) => Self::read(&call.query, call.header(CONTENT_TYPE).unwrap_or_default(), body).await,
            Err(error) => Self::read(&call.query, "", &Bytes::new()).await.and(Err(error.clone())),
        }
    }

    /// `Err` is the sentence for a 400. Body parameters win over the query string's.
    pub(super) async fn read(query: &str, content_type: &str, body: &Bytes) -> Result<Self, String> {
        let mut payload = Self { encoding: Encoding::None, params: Params::new(), files: HashMap::new() };
        payload.add_form(query.as_bytes());
        if !body.is_empty() {
            payload.add_body(content_type, body).await?;
        }
        payload.params = payload.params.into_iter().map(|(name, value)| (name, lists_from_indices(value))).collect();
        Ok(payload)
    }

    async fn add_body(&mut self, content_type: &str, body: &Bytes) -> Result<(), String> {
        let media = content_type.split(';').next().unwrap_or("").trim();
        match media.to_ascii_lowercase().as_str() {
            "application/json" => {
                self.encoding = Encoding::Json;
                let object: Params =
                    serde_json::from_slice(body).map_err(|error| format!("Body is not a JSON object: {error}"))?;
                self.params.extend(object);
                Ok(())
            }
            "application/x-www-form-urlencoded" => {
                self.encoding = Encoding::Form;
                self.add_form(body);
                Ok(())
            }
            "multipart/form-data" => {
                self.encoding = Encoding::Multipart;
                self.add_multipart(content_type, body).await.map_err(|error| format!("Body is not multipart: {error}"))
            }
            other => Err(format!("Content type {other:?} is not supported")),
        }
    }

    fn add_form(&mut self, encoded: &[u8]) {
        for (name, value) in form_urlencoded::parse(encoded) {
            insert(&mut self.params, &name, value.into_owned());
        }
    }

    async fn add_multipart(&mut self, content_type: &str, body: &Bytes) -> multer::Result<()> {
        let boundary = multer::parse_boundary(content_type)?;
        let mut parts = multer::Multipart::with_reader(body.as_ref(), boundary);
        while let Some(part) = parts.next_field().await? {
            let name = part.name().unwrap_or_default().to_owned();
            if part.file_name().is_some() {
                self.files.insert(name, part.bytes().await?);
            } else {
                insert(&mut self.params, &name, part.text().await?);
            }
        }
        Ok(())
    }
}

/// Puts `value` at a PHP-style bracketed name: `a[b][]` appends to the list `b` within `a`.
fn insert(params: &mut Params, name: &str, value: String) {
    let (first, rest) = name.split_once('[').unwrap_or((name, ""));
    let keys: Vec<&str> = rest.split('[').filter_map(|key| key.strip_suffix(']')).collect();
    let mut slot = params.entry(first).or_insert(Value::Null);
    for key in keys {
        if !slot.is_object() {
            *slot = Value::Object(Map::new());
        }
        let Value::Object(map) = slot else { return };
        let key = match key {
            "" => map.len().to_string(),
            named => named.to_owned(),
        };
        slot = map.entry(key).or_insert(Value::Null);
    }
    *slot = Value::String(value);
}

/// An object whose keys are 0, 1, 2 … is a list, as in PHP.
fn lists_from_indices(value: Value) -> Value {
    let Value::Object(map) = value else {
        return value;
    };
    let is_list = !map.is_empty() && (0..map.len()).all(|i| map.contains_key(&i.to_string()));
    if !is_list {
        let inner = map.into_iter().map(|(k, v)| (k, lists_from_indices(v)));
        return Value::Object(inner.collect());
    }
    let mut items: Vec<(usize, Value)> =
        map.into_iter().map(|(key, item)| (key.parse().unwrap_or(0), lists_from_indices(item))).collect();
    items.sort_by_key(|(index, _)| *index);
    Value::Array(items.into_iter().map(|(_, item)| item).collect())
}

/// PHP's idea of true, as far as clients use it.
pub(super) fn truthy(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(set)) => *set,
        Some(Value::Number(number)) => number.as_i64() == Some(1),
        Some(Value::String(text)) => matches!(text.as_str(), "1" | "true"),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => false,
    }
}

/// The text of a string or number parameter.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// An id given as a number or as its text.
pub(super) fn id_of(value: &Value) -> Option<u64> {
    text_of(value)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    async fn params(query: &str, content_type: &str, body: &'static str) -> Value {
        let body = Bytes::from_static(body.as_bytes());
        let payload = Payload::read(query, content_type, &body).await.unwrap();
        Value::Object(payload.params)
    }

    #[tokio::test]
    async fn brackets_become_objects_and_lists() {
        let form = "application/x-www-form-urlencoded";
        assert_eq!(
            params("", form, "fields[0][type]=custom&fields[1][type]=fixed&tags[]=7&tags[]=8").await,
            json!({"fields": [{"type": "custom"}, {"type": "fixed"}], "tags": ["7", "8"]}),
        );
    }

    #[tokio::test]
    async fn a_raw_plus_in_a_query_is_a_space() {
        assert_eq!(
            params("filter%5Bemail%5D%5Beq%5D%5B%5D=a+b%2Bc%40x.dk", "", "").await,
            json!({"filter": {"email": {"eq": ["a b+c@x.dk"]}}}),
        );
    }

    #[tokio::test]
    async fn multipart_keeps_files_apart() {
        let body = "--B\r\nContent-Disposition: form-data; name=\"fields_selected[0]\"\r\n\r\nemail\r\n\
                    --B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\nx;y\r\n--B--\r\n";
        let body = Bytes::from_static(body.as_bytes());
        let payload = Payload::read("", "multipart/form-data; boundary=B", &body).await.unwrap();
        assert_eq!(Value::Object(payload.params), json!({"fields_selected": ["email"]}));
        assert_eq!(payload.files["file"], "x;y");
    }

    #[tokio::test]
    async fn a_body_of_unknown_type_is_refused() {
        let body = Bytes::from_static(b"{}");
        assert!(Payload::read("", "text/plain", &body).await.is_err());
    }
}
