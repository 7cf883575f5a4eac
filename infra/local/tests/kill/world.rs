//! One case: a platform that survives, a process that is killed once, and a source and an owner who ask again
//! whatever got no answer.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use muster_local::demo::Platform;
use muster_local::demo::compare::{Labels, compare};
use muster_local::demo::events::Expected;
use muster_twins::clock::TwinClock;
use muster_twins::heyloyalty::{
    Fault, FaultKind, HeyloyaltyTwin, MemberView, Options, RetryAfter, RouteKind, SeedList, SeedMember,
};
use reqwest::{Method, RequestBuilder, StatusCode};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{End, Process};
use crate::story::{Story, Weather};

const LIST: u64 = 4711;
const SECRET: &str = "a-secret-of-the-source";
/// Within the 15 minutes that the destination allows, and after the sweep of a flight that a crash left.
const IMPORT_SECONDS: u32 = 600;
/// Between two looks at a process that says nothing by itself.
const PAUSE: Duration = Duration::from_millis(20);
/// A case takes two or three seconds; a loaded machine is slower.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct World {
    twin: HeyloyaltyTwin,
    strangers: BTreeMap<String, MemberView>,
    expected: Expected,
    folder: TempDir,
    process: Process,
    end: End,
    client: reqwest::Client,
    /// What the 202 answers since the activation said.
    accepted: u64,
}

/// Plays a story with a process that ends so, and another one that goes on. Answers the platform.
pub(crate) async fn play(story: &Story, end: End) -> Result<HeyloyaltyTwin, String> {
    let mut world = World::begin(story, end).await?;
    world.set_up().await?;
    world.ingest(&story.before, story.batch).await?;
    world.accepted = 0;
    world.ask(Method::POST, "/v1/activations/demo/activate", None).await?;
    world.walked().await?;
    world.ingest(&story.after, story.batch).await?;
    if !matches!(world.end, End::Never) {
        world.restart().await?;
    }
    world.quiet().await?;
    world.verify().await.map_err(|error| format!("{error}\nlog:\n{}", world.process.said()))?;
    Ok(world.twin)
}

impl World {
    async fn begin(story: &Story, end: End) -> Result<Self, String> {
        let expected = story.events().fold()?;
        let (twin, strangers) = start_twin(&expected, story.weather).await?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let process = Process::start(folder.path(), &twin.api_url(), end).await?;
        #[expect(clippy::disallowed_methods, reason = "an owner's and a source's client, outside of Muster")]
        let client = reqwest::Client::new();
        Ok(Self { twin, strangers, expected, folder, process, end, client, accepted: 0 })
    }

    /// After the one death of a case; no other is forgiven.
    async fn restart(&mut self) -> Result<(), String> {
        let end = std::mem::replace(&mut self.end, End::Never);
        if matches!(end, End::Never) {
            return Err(format!("the second process died or does not answer:\n{}", self.process.said()));
        }
        self.process.killed(PATIENCE).await?;
        self.process = Process::start(self.folder.path(), &self.twin.api_url(), End::Never).await?;
        Ok(())
    }

    /// Sends a request until it is answered, by whichever process.
    async fn send(
        &mut self,
        build: impl Fn(&reqwest::Client, &str) -> RequestBuilder,
    ) -> Result<(StatusCode, Value), String> {
        loop {
            if let Some(url) = &self.process.url
                && let Ok(answer) = build(&self.client, url).send().await
            {
                let status = answer.status();
                if let Ok(text) = answer.text().await {
                    return Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))));
                }
            }
            self.restart().await?;
        }
    }

    /// Asks as the owner. What was done before its answer was lost is done: 409.
    async fn ask(&mut self, method: Method, path: &str, body: Option<Value>) -> Result<Value, String> {
        let token = self.folder.path().join("data/api-token");
        let (status, answer) = self
            .send(|client, url| {
                let token = std::fs::read_to_string(&token).unwrap_or_default();
                let request = client.request(method.clone(), format!("{url}{path}")).bearer_auth(token.trim());
                match &body {
                    Some(body) => request.json(body),
                    None => request,
                }
            })
            .await?;
        let repeated = status == StatusCode::CONFLICT && matches!(self.end, End::Never);
        if status.is_success() || repeated { Ok(answer) } else { Err(format!("{method} {path}: {status} {answer}")) }
    }

    async fn set_up(&mut self) -> Result<(), String> {
        let audiences: Vec<&String> = self.expected.audiences.iter().collect();
        let attributes = self.expected.attributes.iter();
        let attributes: Vec<Value> = attributes.map(|(name, kind)| json!({"attribute": name, "type": kind})).collect();
        let parts = [
            (
                "/v1/sources",
                json!({"id": "shop", "name": "Shop", "keyed_by": "user_id",
                       "authentication": {"method": "header", "name": "x-shop-secret"}, "secret": SECRET}),
            ),
            (
                "/v1/authorizations",
                json!({"id": "demo", "provider": "heyloyalty", "label": "Stand-in", "requests_per_second": 2000.0,
                       "secret": {"api_key": "API_KEY", "api_secret": "API_SECRET"}}),
            ),
            (
                "/v1/activations",
                json!({"id": "demo", "name": "Shop to newsletter", "source": "shop", "destination": "heyloyalty",
                       "authorization": "demo", "settings": {"list_id": LIST}, "audiences": audiences,
                       "attributes": attributes}),
            ),
        ];
        for (path, body) in parts {
            self.ask(Method::POST, path, Some(body)).await?;
        }
        Ok(())
    }

    async fn ingest(&mut self, changes: &[Value], batch: usize) -> Result<(), String> {
        for part in changes.chunks(batch) {
            let (status, answer) = self
                .send(|client, url| {
                    let request = client.post(format!("{url}/v1/ingest/shop"));
                    request.header("x-shop-secret", SECRET).json(part)
                })
                .await?;
            let accepted = answer["accepted"].as_u64().unwrap_or(0);
            if status != StatusCode::ACCEPTED || accepted != part.len() as u64 {
                return Err(format!("ingest of {} changes: {status} {answer}", part.len()));
            }
            self.accepted += accepted;
        }
        Ok(())
    }

    /// Until whoever was there at the activation is on the way. Idle time is jumped over, the wait for the last
    /// copy of the older catalog too, so a request that is under way then could still act on that copy.
    async fn walked(&mut self) -> Result<(), String> {
        for _ in 0..looks() {
            let activation = self.ask(Method::GET, "/v1/activations/demo", None).await?;
            match activation["status"].as_str() {
                Some("active") => return Ok(()),
                Some("backfilling") => pause().await,
                _ => return Err(format!("the activation is not as it should be: {activation}")),
            }
        }
        Err(format!("the first walk does not end:\n{}", self.process.said()))
    }

    /// Until there is neither a message nor a flight: nothing is still to happen.
    async fn quiet(&mut self) -> Result<(), String> {
        let failed = |error: rusqlite::Error| format!("the database: {error}");
        let file = self.folder.path().join("data/muster.db");
        let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
        for _ in 0..looks() {
            let query = "SELECT NOT EXISTS (SELECT 1 FROM messages) AND NOT EXISTS (SELECT 1 FROM flights)";
            let quiet: bool = database.query_row(query, [], |row| row.get(0)).map_err(failed)?;
            if quiet {
                return Ok(());
            }
            pause().await;
        }
        Err(format!("it does not come to rest:\n{}", self.process.said()))
    }

    async fn verify(&mut self) -> Result<(), String> {
        let fields = self.fields()?;
        let comparison = compare(&self.twin, LIST, &self.expected, &fields, &self.strangers);
        if comparison.different > 0 || comparison.strangers_touched > 0 {
            return Err(format!("the platform is not as it must be: {comparison:?}"));
        }
        let platform = Platform::of(&self.twin);
        if !platform.is_unharmed() || !self.twin.pending_imports().is_empty() {
            return Err(format!("what must not happen at the platform did: {platform:?}"));
        }
        let view = self.ask(Method::GET, "/v1/activations/demo/accounting", None).await?;
        let count = |name: &str| view["account"][name].as_u64().unwrap_or(0);
        let ended: u64 = ["superseded", "delivered", "filtered", "rejected", "parked"].into_iter().map(count).sum();
        // An ingest whose answer was lost is counted as often as it was taken.
        if count("accepted") != ended || count("accepted") < self.accepted {
            return Err(format!("{} changes were accepted, and the account says {view}", self.accepted));
        }
        Ok(())
    }

    /// The list's field of each audience and attribute: the one that bears its name as label.
    fn fields(&self) -> Result<Labels, String> {
        let list = self.twin.list(LIST).ok_or("the list is gone")?;
        let names = self.expected.audiences.iter().chain(self.expected.attributes.keys());
        let field = |name: &String| {
            let mut fields = list.fields.iter().filter(|field| field.label == *name);
            match (fields.next(), fields.next()) {
                (Some(field), None) => Ok((name.clone(), field.name.clone())),
                (None, _) => Err(format!("{name} has no field")),
                (Some(_), Some(_)) => Err(format!("{name} has several fields")),
            }
        };
        names.map(field).collect()
    }
}

async fn start_twin(
    expected: &Expected,
    weather: Weather,
) -> Result<(HeyloyaltyTwin, BTreeMap<String, MemberView>), String> {
    // In Muster's own time: it jumps, and an import that takes ten minutes must take them there.
    let options = Options { clock: TwinClock::hearsay(Timestamp::UNIX_EPOCH), ..Options::default() };
    let twin = HeyloyaltyTwin::start(options).await.map_err(|error| error.to_string())?;
    let refused = |error: muster_twins::heyloyalty::Refused| error.to_string();
    let list = SeedList { id: Some(LIST), name: "Newsletter".to_owned(), ..SeedList::default() };
    twin.seed_list(&list).map_err(refused)?;
    let strangers: Vec<String> = (0..5).map(|number| format!("stranger{number}@example.org")).collect();
    let members = expected.people.keys().chain(&strangers);
    let members: Vec<SeedMember> = members.map(|email| SeedMember::active(email)).collect();
    twin.seed_members(LIST, &members).map_err(refused)?;
    let strangers = strangers.into_iter().flat_map(|email| {
        let members = twin.members_by_email(LIST, &email);
        members.into_iter().map(move |member| (email.clone(), member))
    });
    let strangers = strangers.collect();
    twin.with_switches(|switches| switches.import_delay_seconds = IMPORT_SECONDS);
    if weather == Weather::Rough {
        let kinds = [
            (FaultKind::ResetAfter, 2),
            (FaultKind::Html500, 2),
            (FaultKind::TooManyRequests(RetryAfter::Seconds(2)), 1),
            (FaultKind::TruncatedJson, 1),
            (FaultKind::ResetBefore, 1),
        ];
        for (kind, times) in kinds {
            twin.push_fault(Fault::once(kind).on_route(RouteKind::MemberPatch).times(times));
        }
    }
    Ok((twin, strangers))
}

fn looks() -> u128 {
    PATIENCE.as_millis() / PAUSE.as_millis()
}

/// A process cannot be asked to call back.
async fn pause() {
    let _ = tokio::time::timeout(PAUSE, std::future::pending::<()>()).await;
}
