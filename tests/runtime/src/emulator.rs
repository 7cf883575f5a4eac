//! AWS on this machine: one emulator per test process, on a free port, and in it as many sites as there are
//! tests, each with tables, queues and names of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TimeToLiveSpecification,
};
use muster::aws::{RoleCredentials, Settings, config};
use muster::model::Deployed;

/// The emulator of this process.
pub struct Emulator {
    /// Where it answers.
    pub url: String,
    /// As long as this is open, it runs: the shell around it ends it when this process ends, however that
    /// may come.
    _open: ChildStdin,
}

static EMULATOR: OnceLock<Result<Emulator, String>> = OnceLock::new();
static SITES: AtomicU32 = AtomicU32::new(0);

/// The emulator writes its log on, and what it starts must not keep the pipe open that says it ended.
const SHELL: &str = r#""$0" 2>&1 </dev/null & emulator=$!; exec >/dev/null 2>&1; read -r _; kill "$emulator""#;

impl Emulator {
    /// The emulator, started where it does not run yet.
    ///
    /// # Errors
    /// With a sentence that says what to do.
    pub fn get() -> Result<&'static Self, String> {
        EMULATOR.get_or_init(|| start(&[])).as_ref().map_err(Clone::clone)
    }

    /// Another emulator, empty, which refuses whoever asks for what its role does not grant. The account's owner
    /// is the key `test`.
    ///
    /// # Errors
    /// With a sentence that says what to do.
    pub fn guarded() -> Result<Self, String> {
        start(&[("AUTH", "true")])
    }

    /// A site of its own: empty tables, a queue of each name in `queues`, a bus, no secrets.
    ///
    /// # Errors
    /// Where the emulator does not make them.
    pub async fn site(&self, queues: &[&str]) -> Result<Settings, String> {
        let name = format!("muster-{}-{}", std::process::id(), SITES.fetch_add(1, Ordering::Relaxed));
        let mut settings = Settings {
            log: String::new(),
            function_name: "under-test".to_owned(),
            people_table: format!("{name}-people"),
            catalog_table: format!("{name}-catalog"),
            ledger_table: format!("{name}-ledger"),
            queue_url_prefix: String::new(),
            secret_prefix: format!("{name}/"),
            mail_from: Some(format!("{name}@example.test")),
            event_bus: Some(name.clone()),
            destinations: Deployed::All,
            twins: [].into(),
            region: "eu-west-1".to_owned(),
            endpoint: Some(self.url.clone()),
            dynamodb_endpoint: dynamodb_endpoint(),
            credentials: RoleCredentials {
                access_key_id: "test".to_owned(),
                secret_access_key: "test".to_owned(),
                session_token: None,
            },
        };
        make_tables(&settings).await?;
        settings.queue_url_prefix = make_queues(&settings, &name, queues).await?;
        verify_sender(&settings).await?;
        make_bus(&settings).await?;
        Ok(settings)
    }
}

/// Another emulator for DynamoDB alone, a second opinion: DynamoDB Local, say.
#[expect(clippy::disallowed_methods, reason = "a developer's switch for tests, no setting of Muster")]
fn dynamodb_endpoint() -> Option<String> {
    std::env::var("MUSTER_TEST_DYNAMODB").ok()
}

fn start(switches: &[(&str, &str)]) -> Result<Emulator, String> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/aws/bin/ministack");
    if !program.exists() {
        return Err("run tests/run once: it installs the emulator".to_owned());
    }
    let failed = |error: std::io::Error| format!("{}: {error}", program.display());
    // Free now, and nobody else on this machine is told of it.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).map_err(failed)?.port();
    let url = format!("http://127.0.0.1:{port}");
    let mut shell = Command::new("sh")
        .args(["-c", SHELL])
        .arg(&program)
        .env("AWS_ENDPOINT_URL", &url)
        .env("BIND_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", port.to_string())
        // A service that nobody asks, on a port of its own that a second emulator could not have.
        .env("IOT_MTLS_ENABLED", "0")
        .envs(switches.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let (Some(open), Some(log)) = (shell.stdin.take(), shell.stdout.take()) else {
        return Err("a shell without pipes".to_owned());
    };
    let mut log = BufReader::new(log);
    let mut said = String::new();
    while !said.contains("Running on http") {
        if log.read_line(&mut said).map_err(failed)? == 0 {
            return Err(format!("the emulator ended by itself:\n{said}"));
        }
    }
    std::thread::spawn(move || {
        let mut rest = [0; 4096];
        while log.read(&mut rest).is_ok_and(|read| read > 0) {}
    });
    Ok(Emulator { url, _open: open })
}

async fn make_tables(settings: &Settings) -> Result<(), String> {
    use ScalarAttributeType::{B, S};
    let endpoint = settings.dynamodb_endpoint.as_deref().or(settings.endpoint.as_deref());
    let client = aws_sdk_dynamodb::Client::new(&config(settings, endpoint));
    let tables = [
        (&settings.people_table, vec![("k", B)]),
        (&settings.catalog_table, vec![("kind", S), ("id", S)]),
        (&settings.ledger_table, vec![("pk", S), ("sk", S)]),
    ];
    for (table, keys) in tables {
        let mut request = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
        for ((name, kind), role) in keys.into_iter().zip([KeyType::Hash, KeyType::Range]) {
            let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build();
            let key = KeySchemaElement::builder().attribute_name(name).key_type(role).build();
            request = request.attribute_definitions(attribute.map_err(said)?).key_schema(key.map_err(said)?);
        }
        request.send().await.map_err(said)?;
    }
    let ttl = TimeToLiveSpecification::builder().attribute_name("ttl").enabled(true).build().map_err(said)?;
    let request = client.update_time_to_live().table_name(&settings.ledger_table).time_to_live_specification(ttl);
    request.send().await.map_err(said)?;
    Ok(())
}

/// Answers what the queues' URLs begin with.
async fn make_queues(settings: &Settings, name: &str, queues: &[&str]) -> Result<String, String> {
    let client = aws_sdk_sqs::Client::new(&config(settings, settings.endpoint.as_deref()));
    let mut prefix = format!("{}/000000000000/{name}-", settings.endpoint.as_deref().unwrap_or_default());
    for queue in queues {
        let made = client.create_queue().queue_name(format!("{name}-{queue}")).send().await.map_err(said)?;
        let url = made.queue_url.unwrap_or_default();
        prefix = url.strip_suffix(queue).unwrap_or(&url).to_owned();
    }
    Ok(prefix)
}

async fn verify_sender(settings: &Settings) -> Result<(), String> {
    let client = aws_sdk_sesv2::Client::new(&config(settings, settings.endpoint.as_deref()));
    let sender = settings.mail_from.clone().unwrap_or_default();
    client.create_email_identity().email_identity(sender).send().await.map_err(said)?;
    Ok(())
}

async fn make_bus(settings: &Settings) -> Result<(), String> {
    let client = aws_sdk_eventbridge::Client::new(&config(settings, settings.endpoint.as_deref()));
    client.create_event_bus().name(settings.event_bus.clone().unwrap_or_default()).send().await.map_err(said)?;
    Ok(())
}

fn said(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    format!("the emulator: {text}")
}
