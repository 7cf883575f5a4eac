//! The description of the API: the operations as utoipa read them from the handlers, completed with the
//! schemas of the very types that are read and written. Those derive `schemars::JsonSchema` for the
//! settings already, and OpenAPI 3.1 takes JSON Schema 2020-12 as it is.

use std::sync::LazyLock;

use muster::control::{
    AccountingView, ActivationChange, ActivationView, AttributeView, AudienceView, AuthorizationChange, ConnectorView,
    EffectView, EffectWord, InsidersQuery, InsidersWord, KeptRecord, NewAccess, NewActivation, NewAudience,
    NewAuthorization, NewConnector, NewSource, NoticeReceiver, Page, PersonEvidence, PersonQuery, Preview,
    PreviewQuery, ReasonsView, Resumption, ScanView, SignalLogin, SourceEdit, SourceView,
};
use muster::destination::{Checked, Discovered};
use muster::model::{Authorization, Job, Replay};
use muster::scans::NewScan;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::Problem;
use crate::routes::{self, DestinationView, NewSecret, OfferedAudiences, Reconcile, Renaming};

static DOCUMENT: LazyLock<Value> = LazyLock::new(build);

/// The OpenAPI 3.1 document.
pub fn document() -> &'static Value {
    &DOCUMENT
}

fn build() -> Value {
    let (_, operations) = routes::all().split_for_parts();
    // Plain data with text keys: there is nothing that serialisation could refuse.
    let mut document = serde_json::to_value(operations).unwrap_or_default();
    document["info"] = json!({
        "title": "Muster",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Configure sources, authorizations and activations; see what became of everybody.",
        "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
    });
    document["components"] = json!({
        "schemas": schemas(),
        "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
    });
    document["security"] = json!([{ "token": [] }]);
    for operation in operations_of(&mut document) {
        operation["responses"]["default"] = json!({
            "description": "A problem.",
            "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
        });
    }
    document
}

fn operations_of(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document["paths"].as_object_mut().into_iter().flat_map(serde_json::Map::values_mut);
    paths
        .filter_map(Value::as_object_mut)
        .flat_map(serde_json::Map::values_mut)
        .filter(|operation| operation.get("responses").is_some())
}

fn schemas() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    let mut generator = settings.into_generator();
    macro_rules! add {
        ($($kind:ty),* $(,)?) => { $( let _ = generator.subschema_for::<$kind>(); )* };
    }
    add!(
        AccountingView,
        ActivationChange,
        ActivationView,
        AttributeView,
        AudienceView,
        Authorization,
        AuthorizationChange,
        Checked,
        ConnectorView,
        Discovered,
        EffectView,
        EffectWord,
        InsidersQuery,
        InsidersWord,
        Job,
        NewAccess,
        NewActivation,
        NewAudience,
        NewAuthorization,
        NewConnector,
        NewScan,
        NewSecret,
        OfferedAudiences,
        NoticeReceiver,
        SignalLogin,
        NewSource,
        SourceEdit,
        Page<ActivationView>,
        Page<AttributeView>,
        Page<AudienceView>,
        Page<Authorization>,
        Page<ConnectorView>,
        Page<DestinationView>,
        Page<EffectView>,
        Page<Job>,
        Page<KeptRecord>,
        Page<ScanView>,
        Page<SourceView>,
        PersonEvidence,
        PersonQuery,
        Preview,
        PreviewQuery,
        Problem,
        ReasonsView,
        Reconcile,
        Renaming,
        Replay,
        Resumption,
        ScanView,
        SourceView,
    );
    Value::Object(generator.take_definitions(true))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    found.insert(reference.clone());
                }
                fields.values().for_each(|field| references(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let mut found = BTreeSet::new();
        references(document(), &mut found);
        assert!(found.contains("#/components/schemas/Problem"));
        let lost: Vec<_> = found
            .iter()
            .filter(|reference| document().pointer(reference.strip_prefix('#').unwrap_or(reference)).is_none())
            .collect();
        assert!(lost.is_empty(), "{lost:?}");
    }

    #[test]
    fn operations() {
        let mut lines = Vec::new();
        for (path, item) in document()["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let id = operation["operationId"].as_str().unwrap_or("-");
                lines.push(format!("{path} {} {id}", method.to_uppercase()));
            }
        }
        lines.sort();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
