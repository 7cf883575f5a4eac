//! The envelope of an event (vendor file 8.2), from a call of AIR's API and what it did. Nothing here is sent.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::switches::{Blanks, EmptyMaps, Enrichment, HeaderNames, Switches};

/// An event that was made, as a subscriber gets it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Emitted {
    /// `headers.eesEventId`.
    pub event_id: String,
    /// `headers.eventName`.
    pub event_name: String,
    /// The whole envelope.
    pub body: Value,
}

/// `objectType` of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entity {
    Wallet,
    Identity,
    Consumer,
    Account,
    AccountTransaction,
    Transaction,
    TierMembership,
    TierTransaction,
    /// Nobody knows it.
    Unknown,
}

impl Entity {
    fn name(self) -> &'static str {
        match self {
            Self::Wallet => "walletEntity",
            Self::Identity => "walletIdentityEntity",
            Self::Consumer => "walletConsumerEntity",
            Self::Account => "walletAccountEntity",
            Self::AccountTransaction => "walletAccountTransactionEntity",
            Self::Transaction => "walletTransactionEntity",
            Self::TierMembership => "tierMembershipEntity",
            Self::TierTransaction => "tierMembershipTransactionEntity",
            Self::Unknown => "walletHoroscopeEntity",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Create,
    Read,
    Update,
    Delete,
}

/// One of the `atomicOperations`.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    entity: Entity,
    verb: Verb,
    value: Value,
}

impl Operation {
    pub(super) fn create(entity: Entity, value: Value) -> Self {
        Self { entity, verb: Verb::Create, value }
    }

    pub(super) fn read(entity: Entity, value: Value) -> Self {
        Self { entity, verb: Verb::Read, value }
    }

    pub(super) fn update(entity: Entity, value: Value) -> Self {
        Self { entity, verb: Verb::Update, value }
    }

    pub(super) fn delete(entity: Entity, value: Value) -> Self {
        Self { entity, verb: Verb::Delete, value }
    }

    fn written(&self) -> Value {
        let verb = match self.verb {
            Verb::Create => "CREATE",
            Verb::Read => "READ",
            Verb::Update => "UPDATE",
            Verb::Delete => "DELETE",
        };
        json!({ "objectType": self.entity.name(), "operationType": verb, "objectValue": self.value })
    }
}

/// Which of AIR's APIs was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    /// Answers are objects in events.
    Wallet,
    /// Answers are JSON in a string.
    Pos,
}

/// A call that changed something.
pub(super) struct ApiCall {
    pub event: &'static str,
    pub api: Api,
    pub client: String,
    pub method: &'static str,
    pub resource: String,
    /// In a string; `None` for no body.
    pub request: Option<Value>,
    pub status: u16,
    pub response: Option<Value>,
    pub operations: Vec<Operation>,
    /// Whose identities are told.
    pub wallets: Vec<u64>,
}

impl ApiCall {
    /// Of the wallet API, by the retailer's own back office.
    pub(super) fn wallet(event: &'static str, method: &'static str, resource: impl Into<String>) -> Self {
        Self {
            event,
            api: Api::Wallet,
            client: "demo-client".to_owned(),
            method,
            resource: resource.into(),
            request: None,
            status: if method == "POST" { 201 } else { 200 },
            response: None,
            operations: Vec::new(),
            wallets: Vec::new(),
        }
    }

    /// Of POS Connect, by a till.
    pub(super) fn pos(event: &'static str, resource: &str) -> Self {
        let client = "demo-till".to_owned();
        Self { api: Api::Pos, client, status: 200, ..Self::wallet(event, "POST", resource) }
    }
}

/// What is new with each event.
pub(super) struct Stamp {
    pub event_id: String,
    pub master_id: String,
    pub enrichment: Value,
    pub at: Timestamp,
}

/// The event of a call.
pub(super) fn write(call: &ApiCall, stamp: Stamp, switches: &Switches) -> Emitted {
    let Stamp { event_id, master_id, enrichment, at } = stamp;
    let event_name = if switches.unknown_event_names { "CLIENT.COMPOSITE.MOONPHASE" } else { call.event };
    let (host, version) = match call.api {
        Api::Wallet => ("wallet.sandbox.uk.eagleeye.com", "2.0"),
        Api::Pos => ("pos.sandbox.uk.eagleeye.com", "7.6"),
    };
    let (ip, api_version) = match switches.header_names {
        HeaderNames::Observed => ("callerIp", "eesApiVersion"),
        HeaderNames::Documented => ("callerIP", "eesAPIVersion"),
    };
    let mut headers = json!({
        "eventName": event_name,
        "eventDate": at.strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string(),
        "eesEnvironmentType": "sandbox-uk",
        "eesSubsystemId": host,
        "unitId": "100001",
        "unitFriendlyName": "Twin Retailer",
        "clientId": call.client,
        "clientIdFriendlyName": "api",
        "eesEventId": event_id,
        "eesMasterEventId": master_id,
        "externalMessageId": "",
    });
    headers[ip] = json!("203.0.113.7");
    headers[api_version] = json!(version);
    let response = match (call.api, &call.response) {
        (_, None) => Value::Null,
        (Api::Wallet, Some(body)) => with_maps(body.clone(), switches.empty_maps),
        (Api::Pos, Some(body)) => json!(with_maps(body.clone(), switches.empty_maps).to_string()),
    };
    let unknown = switches.unknown_object_types.then(|| {
        Operation::update(Entity::Unknown, json!({ "horoscopeId": "1", "sign": { "name": "Ophiuchus" } })).written()
    });
    let operations: Vec<Value> = unknown.into_iter().chain(call.operations.iter().map(Operation::written)).collect();
    let mut body = json!({
        "headers": headers,
        "request": {
            "resource": call.resource,
            "method": call.method,
            "body": call.request.as_ref().map(Value::to_string),
            "contentType": "application/json",
            "customHeaders": [],
        },
        "response": { "code": call.status, "body": response, "contentType": "application/json;charset=utf-8" },
        "atomicOperations": operations,
    });
    match switches.enrichment {
        Enrichment::Full => body["enrichmentData"] = enrichment,
        Enrichment::EmptyArray => body["enrichmentData"] = json!([]),
        Enrichment::Absent => {}
    }
    let body = with_blanks(with_maps(body, switches.empty_maps), switches.blanks);
    Emitted { event_id, event_name: event_name.to_owned(), body }
}

/// Members that are maps where they are not empty.
const MAPS: [&str; 9] = [
    "meta",
    "properties",
    "transactionDetails",
    "overrides",
    "customHeaders",
    "balancesBefore",
    "balancesAfter",
    "data",
    "enrichmentData",
];

/// Empty maps are written as wanted. Relationships of an account are a map, of a wallet they have members.
pub(super) fn with_maps(value: Value, empty_maps: EmptyMaps) -> Value {
    let is_map = |name: &str| MAPS.contains(&name) || name == "relationships";
    match empty_maps {
        EmptyMaps::Array => value,
        EmptyMaps::Object => changed(value, &|name, value| {
            let is_empty = value.as_array().is_some_and(Vec::is_empty);
            if is_map(name) && is_empty { json!({}) } else { value }
        }),
    }
}

fn with_blanks(value: Value, blanks: Blanks) -> Value {
    let is_blank = |name: &str| matches!(name, "externalMessageId" | "parentAccountTransactionId");
    match blanks {
        Blanks::Empty => value,
        Blanks::Null => {
            changed(value, &|name, value| if is_blank(name) && value == json!("") { Value::Null } else { value })
        }
    }
}

/// Every member, however deep.
fn changed(value: Value, change: &impl Fn(&str, Value) -> Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| {
                let value = change(&name, changed(value, change));
                (name, value)
            });
            Value::Object(members.collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(|item| changed(item, change)).collect()),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}
