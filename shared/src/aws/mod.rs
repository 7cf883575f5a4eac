//! The ports on AWS: rows, catalog and ledger on three DynamoDB tables, queues on SQS, secrets in Secrets
//! Manager, mails over SES, events on EventBridge.
//!
//! Lambda puts region and credentials into the environment, and that is where they are taken from: the SDK's
//! own chain would read profiles, ask a metadata service and bring three more clients into the binary to end
//! at the same place. The clients that not every run needs are made when they are first used.

mod catalog;
mod claims;
mod effects;
mod events;
mod failure;
mod function;
mod ledger;
mod mailer;
mod notices;
mod people;
mod queue;
mod settings;
mod stored;
mod table;
#[cfg(test)]
mod tests;
mod vault;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_types::SdkConfig;
use aws_types::app_name::AppName;
use jiff::SignedDuration;

pub use function::Function;
pub use settings::{Credentials as RoleCredentials, Settings, SettingsError};

use crate::metrics::Unmeasured;
use crate::ports::{Clock, Document, Kind, PortResult, Ports};
use catalog::CatalogTable;
use effects::EffectsTable;
use events::EventBridge;
use ledger::LedgerTable;
use mailer::SesMailer;
use notices::NoticesTable;
use people::PeopleTable;
use queue::Queues;
use table::Table;
use vault::SecretsVault;
use wire::Wire;

/// How old a copy of a secret may be, where nothing else is said.
pub const SECRETS_MAX_AGE: SignedDuration = SignedDuration::from_secs(30);

/// A table answers in milliseconds; who does not connect in a second is gone.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// For one try.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// For all tries of one call: well within any run.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(12);
/// More is for the queue, which brings the message back.
const ATTEMPTS: u32 = 3;

/// The ports on AWS.
pub struct AwsPorts {
    people: Arc<PeopleTable>,
    catalog: Arc<CatalogTable>,
    ledger: Arc<LedgerTable>,
    effects: Arc<EffectsTable>,
    notices: Arc<NoticesTable>,
    queue: Arc<Queues>,
    vault: Arc<SecretsVault>,
    mailer: Arc<SesMailer>,
    events: Arc<EventBridge>,
    clock: Arc<dyn Clock>,
}

impl AwsPorts {
    /// Over what `settings` name; nothing is called yet. Copies of secrets are used for `secrets_max_age`.
    pub fn open(settings: &Settings, clock: Arc<dyn Clock>, secrets_max_age: SignedDuration) -> Self {
        let config = config(settings, settings.endpoint.as_deref());
        let dynamodb = settings.dynamodb_endpoint.as_deref().or(settings.endpoint.as_deref()).map(str::to_owned);
        let mut of_dynamodb = config.to_builder();
        of_dynamodb.set_endpoint_url(dynamodb);
        let client = aws_sdk_dynamodb::Client::new(&of_dynamodb.build());
        let table = |name: &str, store| Table {
            client: client.clone(),
            name: name.to_owned(),
            store,
            clock: Arc::clone(&clock),
        };
        let ledger = table(&settings.ledger_table, ledger::STORE);
        Self {
            people: Arc::new(PeopleTable { table: table(&settings.people_table, people::STORE) }),
            catalog: Arc::new(CatalogTable { table: table(&settings.catalog_table, catalog::STORE) }),
            ledger: Arc::new(LedgerTable { table: ledger.clone() }),
            effects: Arc::new(EffectsTable { table: ledger.clone() }),
            notices: Arc::new(NoticesTable { table: ledger.clone() }),
            queue: Arc::new(Queues {
                client: aws_sdk_sqs::Client::new(&config),
                url_prefix: settings.queue_url_prefix.clone(),
                destinations: settings.destinations.clone(),
                clock: Arc::clone(&clock),
            }),
            vault: Arc::new(SecretsVault::new(
                config.clone(),
                settings.secret_prefix.clone(),
                secrets_max_age,
                Arc::clone(&clock),
            )),
            events: Arc::new(EventBridge::new(config.clone(), settings.event_bus.clone())),
            mailer: Arc::new(SesMailer::new(config, ledger, settings.mail_from.clone())),
            clock,
        }
    }

    /// The ports, as handlers take them.
    pub fn ports(&self) -> Ports {
        Ports {
            people: self.people.clone(),
            catalog: self.catalog.clone(),
            ledger: self.ledger.clone(),
            effects: self.effects.clone(),
            notices: self.notices.clone(),
            queue: self.queue.clone(),
            vault: self.vault.clone(),
            mailer: self.mailer.clone(),
            events: self.events.clone(),
            clock: self.clock.clone(),
            meter: Arc::new(Unmeasured),
        }
    }

    /// The former versions of a catalog document, the oldest first; the last one of a removed document is
    /// among them.
    ///
    /// # Errors
    /// Where the table does not answer.
    pub async fn history(&self, kind: Kind, id: &str) -> PortResult<Vec<Document>> {
        self.catalog.history(kind, id).await
    }
}

/// How AWS is called: `endpoint` in its place where there is one.
pub fn config(settings: &Settings, endpoint: Option<&str>) -> SdkConfig {
    let RoleCredentials { access_key_id, secret_access_key, session_token } = settings.credentials.clone();
    let credentials = Credentials::new(access_key_id, secret_access_key, session_token, None, "environment");
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let mut config = SdkConfig::builder()
        // A later version's other behaviour is to be taken on purpose.
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(settings.region.clone()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .timeout_config(timeouts)
        .http_client(Wire::new())
        .retry_config(
            RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(Duration::from_millis(50)),
        );
    // Names the function in AWS's own logs of calls. What a name may not hold, no function's name does.
    config.set_app_name(AppName::new(settings.function_name.clone()).ok());
    config.set_endpoint_url(endpoint.map(str::to_owned));
    config.build()
}
