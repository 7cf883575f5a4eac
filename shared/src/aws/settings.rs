//! What a function is told by its environment.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::model::Deployed;

/// Settings of the ports on AWS.
#[derive(Clone)]
pub struct Settings {
    /// `MUSTER_PEOPLE_TABLE`: key `k` (binary).
    pub people_table: String,
    /// `MUSTER_CATALOG_TABLE`: keys `kind` and `id` (text).
    pub catalog_table: String,
    /// `MUSTER_LEDGER_TABLE`: keys `pk` and `sk` (text), TTL attribute `ttl`.
    pub ledger_table: String,
    /// `MUSTER_QUEUE_URL_PREFIX`: a queue's URL is this and its name.
    pub queue_url_prefix: String,
    /// `MUSTER_SECRET_PREFIX`: a secret's name is this and ours.
    pub secret_prefix: String,
    /// `MUSTER_MAIL_FROM`: the sender of mails to owners, verified with SES. Optional.
    pub mail_from: Option<String>,
    /// `MUSTER_EVENT_BUS`: the bus of EventBridge that events for owners go to. Optional.
    pub event_bus: Option<String>,
    /// `MUSTER_DESTINATIONS`: the destinations that have queues and functions here, with commas between. Optional:
    /// all that the program knows.
    pub destinations: Deployed,
    /// `MUSTER_TWINS`: vendors' origins that stand-ins on this machine answer for. Optional, for tests.
    pub twins: BTreeMap<String, String>,
    /// `RUST_LOG`: what is logged, as levels of targets.
    pub log: String,
    /// `AWS_LAMBDA_FUNCTION_NAME`: what measurements are told apart by.
    pub function_name: String,
    /// `AWS_REGION`.
    pub region: String,
    /// `AWS_ENDPOINT_URL`: what answers in the place of AWS. Optional.
    pub endpoint: Option<String>,
    /// `AWS_ENDPOINT_URL_DYNAMODB`: the same for DynamoDB alone. Optional.
    pub dynamodb_endpoint: Option<String>,
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
    pub credentials: Credentials,
}

/// The role's credentials, as Lambda gives them to a function. They last for as long as the process does.
#[derive(Clone)]
pub struct Credentials {
    /// Names the key.
    pub access_key_id: String,
    /// Signs with it.
    pub secret_access_key: String,
    /// Comes with temporary ones.
    pub session_token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials([redacted])")
    }
}

/// Why settings cannot be used. Each says what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// It must be there.
    #[error("the environment variable {name} is not set: it is to hold {what}")]
    Unset {
        /// Its name.
        name: &'static str,
        /// What belongs there.
        what: &'static str,
    },
    /// It is no list of destinations.
    #[error("MUSTER_DESTINATIONS is to hold names of destinations with commas between")]
    Destinations,
    /// It is no map of origins.
    #[error("MUSTER_TWINS is no JSON object of vendors' origins to `http://127.0.0.1:<port>`")]
    Twins,
    /// Stand-ins are for tests.
    #[error("MUSTER_TWINS is for tests and needs AWS_ENDPOINT_URL to name an address of this machine; remove it")]
    TwinsInProduction,
}

impl Settings {
    /// From the process's environment.
    ///
    /// # Errors
    /// See [`SettingsError`].
    #[expect(clippy::disallowed_methods, reason = "each function's main.rs calls this once and hands the settings on")]
    pub fn from_environment() -> Result<Self, SettingsError> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// From variables that `look_up` knows; an empty one counts as unset.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn read(look_up: impl Fn(&'static str) -> Option<String>) -> Result<Self, SettingsError> {
        let optional = |name| look_up(name).filter(|value| !value.is_empty());
        let required = |name, what| optional(name).ok_or(SettingsError::Unset { name, what });
        let endpoint = optional("AWS_ENDPOINT_URL");
        Ok(Self {
            people_table: required("MUSTER_PEOPLE_TABLE", "the name of the table of people")?,
            catalog_table: required("MUSTER_CATALOG_TABLE", "the name of the table of the catalog")?,
            ledger_table: required("MUSTER_LEDGER_TABLE", "the name of the table of the ledger")?,
            queue_url_prefix: required("MUSTER_QUEUE_URL_PREFIX", "the URL of a queue without the queue's own name")?,
            secret_prefix: required("MUSTER_SECRET_PREFIX", "what the names of the secrets begin with")?,
            mail_from: optional("MUSTER_MAIL_FROM"),
            event_bus: optional("MUSTER_EVENT_BUS"),
            destinations: optional("MUSTER_DESTINATIONS").map_or(Ok(Deployed::All), |names| deployed(&names))?,
            twins: optional("MUSTER_TWINS")
                .map_or_else(|| Ok(BTreeMap::new()), |json| twins(&json, endpoint.as_deref()))?,
            log: optional("RUST_LOG").unwrap_or_else(|| "info".to_owned()),
            function_name: optional("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|| "muster".to_owned()),
            region: required("AWS_REGION", "the region, which Lambda sets")?,
            endpoint,
            dynamodb_endpoint: optional("AWS_ENDPOINT_URL_DYNAMODB"),
            credentials: Credentials {
                access_key_id: required("AWS_ACCESS_KEY_ID", "the role's key, which Lambda sets")?,
                secret_access_key: required("AWS_SECRET_ACCESS_KEY", "the role's key, which Lambda sets")?,
                session_token: optional("AWS_SESSION_TOKEN"),
            },
        })
    }
}

fn deployed(names: &str) -> Result<Deployed, SettingsError> {
    let providers = names.split(',').map(|name| name.trim().parse().map_err(|_| SettingsError::Destinations));
    Ok(Deployed::Only(providers.collect::<Result<_, _>>()?))
}

/// Stand-ins are believed only where AWS itself is a stand-in on this machine: nobody can bend a function
/// that runs on AWS towards another host with this.
fn twins(json: &str, endpoint: Option<&str>) -> Result<BTreeMap<String, String>, SettingsError> {
    if !endpoint.is_some_and(is_loopback) {
        return Err(SettingsError::TwinsInProduction);
    }
    let twins: BTreeMap<String, String> = serde_json::from_str(json).map_err(|_| SettingsError::Twins)?;
    if twins.values().all(|target| is_loopback(target)) { Ok(twins) } else { Err(SettingsError::Twins) }
}

fn is_loopback(url: &str) -> bool {
    let host = url.parse::<http::Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
    let address = host.and_then(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().ok());
    address.is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(changed: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let mut variables = BTreeMap::from([
            ("MUSTER_PEOPLE_TABLE", "people"),
            ("MUSTER_CATALOG_TABLE", "catalog"),
            ("MUSTER_LEDGER_TABLE", "ledger"),
            ("MUSTER_QUEUE_URL_PREFIX", "https://sqs.eu-west-1.amazonaws.com/123456789012/muster-"),
            ("MUSTER_SECRET_PREFIX", "muster/"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "key"),
        ]);
        variables.extend(changed.iter().copied());
        Settings::read(|name| variables.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn what_is_not_set_is_named() {
        assert!(read(&[]).is_ok());
        let error = read(&[("MUSTER_LEDGER_TABLE", "")]).err().unwrap();
        assert!(error.to_string().contains("MUSTER_LEDGER_TABLE is not set"), "{error}");
    }

    #[test]
    fn all_destinations_are_deployed_unless_some_are_named() {
        let [heyloyalty, webhook]: [crate::model::Provider; 2] =
            ["heyloyalty", "webhook"].map(|name| name.parse().unwrap());
        let deployed = |named| read(&[("MUSTER_DESTINATIONS", named)]).unwrap().destinations;
        assert_eq!(deployed(""), Deployed::All);
        let one = deployed("heyloyalty");
        assert_eq!((one.has(&heyloyalty), one.has(&webhook)), (true, false));
        assert_eq!(deployed("heyloyalty, webhook"), Deployed::Only([heyloyalty, webhook].into()));
        let refused = read(&[("MUSTER_DESTINATIONS", "heyloyalty,,webhook")]).err().unwrap();
        assert_eq!(refused, SettingsError::Destinations);
    }

    #[test]
    fn twins_are_believed_on_this_machine_only() {
        let twins = ("MUSTER_TWINS", r#"{"https://api.example.com":"http://127.0.0.1:1"}"#);
        let local = ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566");
        assert_eq!(read(&[twins, local]).unwrap().twins.len(), 1);
        let refused = |changed: &[_]| read(changed).err().unwrap();
        assert_eq!(refused(&[twins]), SettingsError::TwinsInProduction);
        for host in ["https://example.com", "http://127.0.0.1.example.com", "http://127.0.0.1@example.com", "nonsense"]
        {
            assert_eq!(refused(&[twins, ("AWS_ENDPOINT_URL", host)]), SettingsError::TwinsInProduction, "{host}");
        }
        let away = ("MUSTER_TWINS", r#"{"https://api.example.com":"https://example.com"}"#);
        assert_eq!(refused(&[away, local]), SettingsError::Twins);
        assert_eq!(refused(&[("MUSTER_TWINS", "[]"), local]), SettingsError::Twins);
    }
}
