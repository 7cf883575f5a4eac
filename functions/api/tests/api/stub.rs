//! A destination that speaks to nobody, so that these tests speak of the control plane alone.

use async_trait::async_trait;
use muster::destination::{
    Checked, Context, Destination, Discovered, Failure, Finding, Item, Links, Mode, Place, Preparation, Resend, Spec,
    Verdicts,
};
use muster::http::Session;
use muster::model::budget::Budget;
use muster::model::pending::RecordShape;
use muster::ports::Secret;
use schemars::json_schema;
use serde_json::Value;

struct Stub(Spec);

/// The destination `stub`: settings `{"list": <integer>}`, credentials `{"key": <text>}`.
pub(crate) fn stub() -> &'static dyn Destination {
    Box::leak(Box::new(Stub(Spec {
        provider: "stub".parse().unwrap(),
        name: "Stub",
        api_version: "1",
        shape: RecordShape::PerPerson,
        origins: &["https://stub.example"],
        budget: Budget::per_second(10.0),
        calls: 1,
        batch: 10,
        bulk: None,
        effects: 0,
        read_back: None,
        settings: json_schema!({ "type": "object" }),
        credentials: json_schema!({ "type": "object" }),
    })))
}

fn only(json: &Value, field: &str, fits: impl Fn(&Value) -> bool) -> Result<(), String> {
    match json.as_object() {
        Some(fields) if fields.len() == 1 && fields.get(field).is_some_and(fits) => Ok(()),
        Some(_) | None => Err(format!("{field}: must be there, and nothing else")),
    }
}

#[async_trait]
impl Destination for Stub {
    fn spec(&self) -> &Spec {
        &self.0
    }

    fn check_settings(&self, settings: &Value) -> Result<(), String> {
        only(settings, "list", Value::is_u64)
    }

    fn check_credentials(&self, credentials: &Secret) -> Result<(), String> {
        only(&credentials.0, "key", Value::is_string)
    }

    async fn check(&self, _: &Context<'_>) -> Result<Checked, Failure> {
        let finding = Finding { what: "the list".to_owned(), good: true, note: String::new() };
        Ok(Checked { findings: vec![finding] })
    }

    async fn discover(&self, _: &Session, _: &Secret) -> Result<Discovered, Failure> {
        let place = Place { id: "1".to_owned(), name: "Members".to_owned(), fields: vec![] };
        Ok(Discovered { places: vec![place] })
    }

    async fn prepare(&self, _: &Context<'_>, _: &Links) -> Result<Preparation, Failure> {
        Ok(Preparation { notes: Value::Null, resend: Resend::Nobody, warnings: vec![] })
    }

    async fn deliver(&self, _: &Context<'_>, _: Mode, _: &[Item]) -> Result<Verdicts, Failure> {
        Ok(Verdicts::new())
    }
}
