//! The templates deployed to an emulator of AWS that checks what every role may do, and what an owner and a
//! source see of it: an address, a token, queues.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;

use aws_sdk_sqs::types::QueueAttributeName;
use muster::aws::{AwsPorts, RoleCredentials, SECRETS_MAX_AGE, Settings, config};
use muster::clock::SystemClock;
use muster::model::Deployed;
use muster_runtime::emulator::Emulator;
use reqwest::Method;
use reqwest::header::HOST;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

/// The default of the template's parameter.
const PREFIX: &str = "muster-";
const FUNCTIONS: &[&str] = &["muster-ingest", "muster-deliver", "muster-backfill", "muster-api"];

pub(super) struct Site {
    emulator: Emulator,
    queues: aws_sdk_sqs::Client,
    http: reqwest::Client,
    /// API Gateway tells APIs apart by their host's name.
    host: String,
    token: String,
}

impl Site {
    /// Deploys what is in the repository. `twins` is the template's parameter.
    pub(super) async fn deploy(twins: &str) -> Self {
        let emulator = Emulator::guarded().unwrap();
        let folder = TempDir::new().unwrap();
        pack(folder.path()).await;
        let host = deploy(&emulator, folder.path(), twins).await;
        let settings = owner(&emulator);
        let queues = aws_sdk_sqs::Client::new(&config(&settings, settings.endpoint.as_deref()));
        #[expect(clippy::disallowed_methods, reason = "the test speaks as a client outside of Muster")]
        let http = reqwest::Client::new();
        let mut site = Self { emulator, queues, http, host, token: String::new() };
        // The first request makes the token, and is refused for having none.
        let (status, _) = site.call(Method::GET, "/v1/sources", None).await;
        assert_eq!(status, 401);
        let ports = AwsPorts::open(&settings, Arc::new(SystemClock), SECRETS_MAX_AGE).ports();
        let secret = ports.vault.get("api").await.unwrap().unwrap();
        site.token = secret.0["token"].as_str().unwrap().to_owned();
        site
    }

    /// A request to the control API, as an owner sends it.
    pub(super) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let mut request = self.request(method, path).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
    }

    /// A request to the deployed API.
    pub(super) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.emulator.url)).header(HOST, &self.host)
    }

    /// Sends a message to a queue, past the functions.
    pub(super) async fn send(&self, queue: &str, body: &str) {
        self.queues.send_message().queue_url(self.queue(queue)).message_body(body).send().await.unwrap();
    }

    /// How long whoever died keeps a queue's messages: six minutes, which no test waits for.
    pub(super) async fn hide_for(&self, queue: &str, seconds: u32) {
        let request = self.queues.set_queue_attributes().queue_url(self.queue(queue));
        let attribute = QueueAttributeName::VisibilityTimeout;
        request.attributes(attribute, seconds.to_string()).send().await.unwrap();
    }

    /// The bodies of messages that can be received from a queue.
    pub(super) async fn receive(&self, queue: &str) -> Vec<String> {
        let request = self.queues.receive_message().queue_url(self.queue(queue)).max_number_of_messages(10);
        let received = request.send().await.unwrap();
        received.messages.unwrap_or_default().into_iter().filter_map(|message| message.body).collect()
    }

    /// How many messages a queue has: those that wait, are with a function, or are delayed.
    pub(super) async fn messages(&self, queue: &str) -> u64 {
        use QueueAttributeName::{
            ApproximateNumberOfMessages, ApproximateNumberOfMessagesDelayed, ApproximateNumberOfMessagesNotVisible,
        };
        let counts =
            [ApproximateNumberOfMessages, ApproximateNumberOfMessagesDelayed, ApproximateNumberOfMessagesNotVisible];
        let request = self.queues.get_queue_attributes().queue_url(self.queue(queue));
        let said = request.set_attribute_names(Some(counts.to_vec())).send().await.unwrap().attributes.unwrap();
        counts.iter().map(|count| said[count].parse::<u64>().unwrap()).sum()
    }

    fn queue(&self, name: &str) -> String {
        format!("{}/000000000000/{PREFIX}{name}", self.emulator.url)
    }

    /// The processes of a function, of this emulator and no other.
    pub(super) fn processes(&self, function: &str) -> Vec<u32> {
        let name = format!("AWS_LAMBDA_FUNCTION_NAME={PREFIX}{function}");
        let endpoint = format!("AWS_ENDPOINT_URL={}", self.emulator.url);
        let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let numbered = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let ours = numbered.filter(|process| {
            let environment = std::fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
            let has = |wanted: &str| environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes());
            has(&name) && has(&endpoint)
        });
        ours.collect()
    }
}

/// The owner of the account.
fn owner(emulator: &Emulator) -> Settings {
    Settings {
        people_table: format!("{PREFIX}people"),
        catalog_table: format!("{PREFIX}catalog"),
        ledger_table: format!("{PREFIX}ledger"),
        queue_url_prefix: format!("{}/000000000000/{PREFIX}", emulator.url),
        secret_prefix: PREFIX.to_owned(),
        mail_from: None,
        event_bus: None,
        destinations: Deployed::All,
        twins: [].into(),
        region: "us-east-1".to_owned(),
        log: String::new(),
        function_name: "owner".to_owned(),
        endpoint: Some(emulator.url.clone()),
        dynamodb_endpoint: None,
        credentials: RoleCredentials {
            access_key_id: "test".to_owned(),
            secret_access_key: "test".to_owned(),
            session_token: None,
        },
    }
}

/// Templates and binaries as they lie beside each other in the repository.
async fn pack(folder: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::create_dir(folder.join("infra")).unwrap();
    for name in [
        "template.yaml",
        "connectors.yaml",
        "destination.yaml",
        "notices.yaml",
        "policies.yaml",
        "tasks.yaml",
        "watch.yaml",
    ] {
        let template = std::fs::read_to_string(root.join("infra").join(name)).unwrap();
        // The emulator speaks no TLS, and would keep the rule that nobody may do without. It asks for a grant of
        // its own for a batch, which AWS grants with the single message: see
        // <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html>.
        let template = without(&template, "QueuesOverTls").replace("sqs:SendMessage", "sqs:SendMessage*");
        std::fs::write(folder.join("infra").join(name), template).unwrap();
    }
    // What `cargo test --workspace` has built already; a release would take minutes more and tell no more.
    let mut build = Command::new(env!("CARGO"));
    build.args(["test", "--workspace", "--locked", "--no-run"]).current_dir(root);
    run(&mut build).await;
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("debug");
    for function in FUNCTIONS {
        let target = folder.join("target/lambda").join(function);
        std::fs::create_dir_all(&target).unwrap();
        run(Command::new("strip").arg("-o").arg(target.join("bootstrap")).arg(built.join(function))).await;
    }
}

/// A template without one of its resources.
fn without(template: &str, resource: &str) -> String {
    let begin = format!("  {resource}:");
    let mut inside = false;
    let mut kept = String::new();
    for line in template.lines() {
        inside = line == begin || (inside && (line.starts_with("    ") || line.is_empty()));
        if !inside {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// Answers the API's host.
async fn deploy(emulator: &Emulator, folder: &Path, twins: &str) -> String {
    let mut sam = Command::new(tool("sam"));
    sam.args(["deploy", "--template-file", "template.yaml", "--stack-name", "muster", "--resolve-s3"])
        .args(["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
        .args(["--no-confirm-changeset", "--no-progressbar", "--parameter-overrides", "Architecture=x86_64"])
        // Destinations that nobody here links are left out, as an owner would.
        .args(["WithBloomreach=no", "WithBraze=no", "WithEagleEyeAir=no"])
        .arg(format!("Twins='{twins}'"))
        .current_dir(folder.join("infra"))
        .env("AWS_ENDPOINT_URL", &emulator.url)
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("SAM_CLI_TELEMETRY", "0")
        // Nothing of this machine's own account.
        .env("HOME", folder);
    let said = run(&mut sam).await;
    let said = String::from_utf8(said.stdout).unwrap();
    let url = said.split_whitespace().find(|word| word.contains(".execute-api.")).unwrap();
    url.split("://").nth(1).unwrap().to_owned()
}

fn tool(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/aws/bin").join(name)
}

async fn run(command: &mut Command) -> Output {
    let output = command.output().await.unwrap();
    let said = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said));
    assert!(output.status.success(), "{command:?}:\n{}\n{}", said[0], said[1]);
    output
}
