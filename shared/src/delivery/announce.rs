//! A notice in the words of each channel: pure. Nothing here has a person to speak of, only counts and reasons.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::model::{Activation, Happening, Notice, ParkedCounts};
use crate::ports::{Event, Mail};

/// What a receiver of events is told.
pub(super) fn event(activation: &Activation, notice: &Notice) -> Event {
    let mut data = json!({
        "activation": activation.id,
        "name": activation.name,
        "source": activation.source,
        "destination": activation.destination,
    });
    match &notice.happening {
        Happening::Failing { why } => data["why"] = json!(why),
        Happening::Recovered => {}
        Happening::Parked { by_reason, since } => {
            data["records"] = json!(sum(by_reason));
            data["by_reason"] = json!(by_reason);
            data["since"] = json!(since);
        }
    }
    Event { id: notice.id(&activation.id), kind: notice.happening.kind().to_owned(), at: notice.at, data }
}

/// The body that the activation's receiver is posted.
pub(super) fn body(event: &Event) -> Value {
    json!({ "type": event.kind, "timestamp": event.at, "data": event.data })
}

/// What the activation's address is mailed.
pub(super) fn mail(activation: &Activation, notice: &Notice, address: &str) -> Mail {
    let (subject, text) = match &notice.happening {
        Happening::Failing { why } => ("has stopped".to_owned(), failing(activation, why.as_str())),
        Happening::Recovered => ("works again".to_owned(), recovered(activation)),
        Happening::Parked { by_reason, .. } => {
            (format!("{} records were parked", sum(by_reason)), parked(activation, by_reason))
        }
    };
    Mail {
        dedupe_key: notice.id(&activation.id),
        to: address.to_owned(),
        subject: format!("Muster: \u{201c}{}\u{201d}: {subject}", activation.name),
        text,
        at: notice.at,
    }
}

fn sum(by_reason: &ParkedCounts) -> u64 {
    by_reason.values().sum()
}

fn failing(Activation { name, id, destination, authorization, .. }: &Activation, why: &str) -> String {
    format!(
        "The activation \u{201c}{name}\u{201d} ({id}) has stopped because of {destination}:\n\n    {why}\n\n\
         Nothing is lost: changes are still taken and will be sent once it works again.\n\
         Please look at the credentials of the authorization \u{201c}{authorization}\u{201d} and at the \
         activation's settings.\nMuster tries again every few minutes, and at once when you change them.\n",
    )
}

fn recovered(Activation { name, id, destination, .. }: &Activation) -> String {
    format!(
        "The activation \u{201c}{name}\u{201d} ({id}) sends to {destination} again.\n\n\
         Whatever waited is sent now.\n",
    )
}

fn parked(Activation { name, id, destination, retry_window_hours, .. }: &Activation, by: &ParkedCounts) -> String {
    let mut text = format!(
        "Records of the activation \u{201c}{name}\u{201d} ({id}) were given up for now, since {destination} did not \
         take them within {retry_window_hours} hours:\n\n",
    );
    for (reason, count) in by {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "    {count}  {reason}");
    }
    text.push_str(&format!(
        "\nThey are kept: GET /v1/activations/{id}/parked lists them, and POST /v1/activations/{id}/replay with\n\
         {{\"ended\": [\"parked\"]}} sends them again.\n",
    ));
    text
}
