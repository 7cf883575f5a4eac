//! Events on a bus of EventBridge. Their source is `muster`, their type what happened, their detail the data with the
//! time and the id by which a repeat is known.

use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_types::SdkConfig;
use serde_json::{Value, json};

use super::failure::unavailable;
use crate::ports::{Event, Events, PortError, PortResult};

const STORE: &str = "events";
/// What every event says that it comes from.
const SOURCE: &str = "muster";

pub(super) struct EventBridge {
    config: SdkConfig,
    client: OnceLock<Client>,
    /// The bus; without one nothing is published.
    bus: Option<String>,
}

impl EventBridge {
    pub(super) fn new(config: SdkConfig, bus: Option<String>) -> Self {
        Self { config, client: OnceLock::new(), bus }
    }
}

fn detail(event: &Event) -> Value {
    let mut detail = json!({ "id": event.id, "at": event.at });
    if let (Some(detail), Some(data)) = (detail.as_object_mut(), event.data.as_object()) {
        detail.extend(data.clone());
    }
    detail
}

#[async_trait]
impl Events for EventBridge {
    async fn publish(&self, event: &Event) -> PortResult<()> {
        let Some(bus) = &self.bus else {
            return Ok(());
        };
        let since = Duration::try_from(event.at.duration_since(jiff::Timestamp::UNIX_EPOCH)).unwrap_or_default();
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(bus)
            .source(SOURCE)
            .detail_type(&event.kind)
            .detail(detail(event).to_string())
            .time(DateTime::from(UNIX_EPOCH + since))
            .build();
        let client = self.client.get_or_init(|| Client::new(&self.config));
        let answer = client.put_events().entries(entry).send().await.map_err(|error| unavailable(STORE, &error))?;
        // The call succeeds although the bus refused what was in it.
        match answer.entries.unwrap_or_default().into_iter().find_map(|entry| entry.error_code) {
            Some(code) => {
                Err(PortError::Unavailable { store: STORE, what: format!("the bus refused an event: {code}") })
            }
            None => Ok(()),
        }
    }
}
