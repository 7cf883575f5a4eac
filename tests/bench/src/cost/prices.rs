//! Prices, and a bill.

use serde::{Deserialize, Serialize};

use crate::site::{MEMORY_MB, Outcome, Used};

/// List prices in US dollars.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Prices {
    pub(crate) region: String,
    pub(crate) as_of: String,
    http_api_per_million_requests: f64,
    lambda_per_million_requests: f64,
    lambda_arm64_per_gb_second: f64,
    dynamodb_per_million_write_units: f64,
    dynamodb_per_million_read_units: f64,
    sqs_per_million_requests: f64,
    /// For messages that name a group, as nudges do; taken for the requests of the event source mapping too.
    sqs_fair_queues_more_per_million_requests: f64,
    secrets_manager_per_million_calls: f64,
    logs_per_gb: f64,
}

/// Amounts for one change, dollars for a million.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Bill {
    pub(crate) total: f64,
    lines: Vec<(&'static str, f64, f64)>,
}

impl Bill {
    pub(crate) fn lines(&self) -> impl Iterator<Item = (&'static str, f64, f64)> {
        self.lines.iter().copied()
    }
}

impl Prices {
    pub(crate) fn read() -> Outcome<Self> {
        Ok(serde_json::from_str(include_str!("../../prices.json"))?)
    }

    /// What `used` costs, for a million changes.
    pub(crate) fn bill(&self, used: &Used) -> Bill {
        let each = |amount: f64| amount / used.changes;
        let gb = f64::from(MEMORY_MB) / 1024.0;
        let gb_seconds = gb * (used.webhooks * used.ingest_ms + used.runs * used.deliver_ms) / 1000.0;
        let million = |per_million: f64| per_million;
        let queue = self.sqs_per_million_requests + self.sqs_fair_queues_more_per_million_requests;
        let lines = vec![
            ("HTTP API requests", each(used.webhooks), million(self.http_api_per_million_requests)),
            ("Lambda invocations", each(used.webhooks + used.runs), million(self.lambda_per_million_requests)),
            ("Lambda GB-seconds", each(gb_seconds), self.lambda_arm64_per_gb_second * 1e6),
            ("DynamoDB write units, ingest", each(used.ingest.write_units), self.dynamodb_per_million_write_units),
            ("DynamoDB write units, delivery", each(used.deliver.write_units), self.dynamodb_per_million_write_units),
            ("DynamoDB read units, ingest", each(used.ingest.read_units), self.dynamodb_per_million_read_units),
            ("DynamoDB read units, delivery", each(used.deliver.read_units), self.dynamodb_per_million_read_units),
            ("SQS requests, sending", each(used.ingest.queue + used.deliver.queue), queue),
            // The event source mapping receives a batch and deletes it.
            ("SQS requests, receiving", each(2.0 * used.runs), queue),
            (
                "Secrets Manager calls",
                each(used.ingest.secrets + used.deliver.secrets),
                self.secrets_manager_per_million_calls,
            ),
            ("log kilobytes, measurements too", each(used.log_bytes / 1e3), self.logs_per_gb),
        ];
        let lines: Vec<_> = lines.into_iter().map(|(what, amount, price)| (what, amount, amount * price)).collect();
        Bill { total: lines.iter().map(|(_, _, dollars)| dollars).sum(), lines }
    }
}
