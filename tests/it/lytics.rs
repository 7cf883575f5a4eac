//! Lytics' webhooks into a whole installation: whatever of the vendor's documentation is open, and whatever happens on
//! the way, the rows end as the stand-in of Lytics knows its people.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use muster::embedded::JumpClock;
use muster::model::{Identifier, Person};
use muster_local::demo::twin_clock;
use muster_local::system::{System, Wiring};
use muster_tests::call::call_api;
use muster_twins::lytics::{
    AttemptOutcome, Authorization, BackfillStamp, ClientCredentials, CloudEventsMode, Duplicates, EventTimes,
    LyticsTwin, Method, Move, OAuthClient, Options, SeedJob, SeedProfile, SeedSegment, SegmentEvents, Switches,
    Template,
};
use serde_json::{Value, json};

const SECRET: &str = "the-sources-own-secret";
const NEXT_SECRET: &str = "the-sources-next-secret";
pub(crate) const SEGMENTS: [&str; 3] = ["buyers", "leads", "vips"];
pub(crate) const PEOPLE: usize = 12;
/// Moves of a round; each takes a second.
const STEPS: usize = 90;

pub(crate) struct World {
    pub(crate) clock: Arc<JumpClock>,
    pub(crate) twin: LyticsTwin,
    pub(crate) system: Arc<System>,
    /// Where the system listens.
    url: String,
}

/// When a round's requests go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sent {
    OnTheWay,
    AtTheEnd,
}

pub(crate) fn person(number: usize) -> String {
    format!("p{number}")
}

pub(crate) fn address(key: &str) -> String {
    format!("{key}@example.com")
}

/// Where clocks of these stories stand at first.
pub(crate) fn start() -> Arc<JumpClock> {
    Arc::new(JumpClock::frozen_at("2026-01-05T07:00:00Z".parse().unwrap()))
}

impl World {
    /// Three segments, twelve people outside of them, and the source `cdp`, whose secret stands in `x-secret`.
    pub(crate) async fn new() -> Self {
        Self::with(json!({"method": "header", "name": "x-secret"}), json!({})).await
    }

    /// The same with this authentication, and these settings of the source.
    async fn with(authentication: Value, settings: Value) -> Self {
        Self::before(authentication, settings, start(), BTreeMap::new()).await
    }

    /// The same with the secret in `x-secret`, before a platform whose origins are served elsewhere.
    pub(crate) async fn before_platform(clock: Arc<JumpClock>, rewrites: BTreeMap<String, String>) -> Self {
        let authentication = json!({"method": "header", "name": "x-secret"});
        Self::before(authentication, json!({}), clock, rewrites).await
    }

    async fn before(
        authentication: Value,
        settings: Value,
        clock: Arc<JumpClock>,
        rewrites: BTreeMap<String, String>,
    ) -> Self {
        let options = Options { clock: twin_clock(&clock), ..Options::default() };
        let twin = LyticsTwin::start(options).await.unwrap();
        let world = Self::around(twin, clock, rewrites).await;
        for slug in SEGMENTS {
            world.twin.seed_segment(&SeedSegment::new(slug, slug)).unwrap();
        }
        let people = (0..PEOPLE).map(|number| SeedProfile::with_email(&person(number), &address(&person(number))));
        let people = people.map(|one| one.field("plan", "none").field("user_attributes", json!({"tier": "gold"})));
        world.twin.seed_profiles(&people.collect::<Vec<_>>()).unwrap();
        world.make_source(authentication, settings).await;
        world
    }

    /// An installation beside this stand-in, without any source, before platforms whose origins are served elsewhere.
    async fn around(twin: LyticsTwin, clock: Arc<JumpClock>, mut rewrites: BTreeMap<String, String>) -> Self {
        rewrites.insert("https://api.lytics.io".to_owned(), twin.api_url());
        let system = Arc::new(System::open(Wiring { rewrites, ..Wiring::jumping(Arc::clone(&clock)) }).await.unwrap());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = system.router.clone();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { clock, twin, system, url }
    }

    /// The source `cdp`.
    pub(crate) async fn make_source(&self, authentication: Value, settings: Value) {
        let mut format = json!({"kind": "lytics"});
        format.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let source = json!({"id": "cdp", "name": "Lytics", "keyed_by": "email", "authentication": authentication,
            "format": format, "secret": SECRET});
        self.call("POST", "/v1/sources", source).await;
    }

    /// Calls the API, which must succeed.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.try_call(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path} was answered {status}: {answer}");
        answer
    }

    /// Calls the API; answers status and body.
    pub(crate) async fn try_call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        call_api(&self.system.router, &self.system.token, method, path, &body).await
    }

    /// A job of all segments with the secret in a header.
    pub(crate) fn job(&self) -> SeedJob {
        let headers = format!("X-Secret: {SECRET}");
        SeedJob {
            authorization: Authorization::Static { headers, params: "from: lytics".to_owned() },
            ..SeedJob::new(&format!("{}/v1/ingest/cdp", self.url), &SEGMENTS)
        }
    }

    /// A job that fetches tokens.
    fn job_with_tokens(&self, client_secret: &str) -> SeedJob {
        SeedJob { authorization: self.client(client_secret), ..self.job() }
    }

    fn client(&self, client_secret: &str) -> Authorization {
        Authorization::ClientCredentials(ClientCredentials {
            client_id: "cdp".to_owned(),
            client_secret: client_secret.to_owned(),
            token_endpoint: format!("{}/v1/oauth/cdp/token", self.url),
            scope: "ingest".to_owned(),
            webhook_request_headers: String::new(),
            webhook_request_params: String::new(),
        })
    }

    /// People come and go, a second apart, some in several segments at once, some in and out at once. Requests go when
    /// all of it is over, so that nothing but the times in them says what came first; or every few moves.
    async fn move_people(&self, sent: Sent) {
        for step in 0..STEPS {
            self.clock.advance(SignedDuration::from_secs(1));
            let key = person(step * 7 % PEOPLE);
            let (here, there) = (SEGMENTS[step % 3], SEGMENTS[(step + 1) % 3]);
            let moves = match step % 11 {
                0 | 1 | 4 | 7 | 9 => vec![Move::enter(here)],
                2 | 5 => vec![Move::exit(here)],
                3 | 8 => vec![Move::enter(here), Move::exit(there)],
                6 => vec![Move::enter(here), Move::exit(here), Move::enter(there)],
                _ => vec![Move::exit(there), Move::enter(here)],
            };
            assert!(self.twin.move_profile(&key, &moves));
            if sent == Sent::OnTheWay && step % 5 == 0 {
                self.twin.webhooks_settled().await;
            }
        }
        self.settle().await;
    }

    /// Until batches that are not full have gone too.
    pub(crate) async fn settle(&self) {
        self.twin.webhooks_settled().await;
        self.clock.advance(SignedDuration::from_secs(300));
        self.twin.webhooks_settled().await;
    }

    pub(crate) async fn row(&self, key: &str) -> Option<Person> {
        let (source, kind) = ("cdp".parse().unwrap(), "email".parse().unwrap());
        let value = Identifier::normalise(&kind, &address(key)).unwrap();
        let key = self.system.engine.installation.person(&source, &kind, &value);
        let rows = self.system.engine.ports.people.read(&[key], None).await.unwrap();
        rows.into_iter().next().map(|row| row.person)
    }

    /// Everybody is in the audiences in which Lytics has them, and in no others.
    pub(crate) async fn assert_equal(&self) {
        let mut inside = 0;
        for key in (0..PEOPLE).map(person) {
            let (row, truth) = (self.row(&key).await, self.twin.profile(&key).unwrap());
            for segment in SEGMENTS {
                let entry = row.as_ref().and_then(|row| row.memberships.get(&segment.parse().unwrap()));
                let is = entry.is_some_and(|entry| entry.value.is_inside());
                assert_eq!(is, truth.segments.contains_key(segment), "{key} in {segment}");
                inside += usize::from(is);
            }
        }
        assert!(inside > 5, "only {inside} are inside at all");
    }

    fn assert_every_request_was_taken(&self) {
        let attempts = self.twin.attempts();
        assert!(!attempts.is_empty(), "nothing was sent");
        for attempt in attempts {
            assert_eq!(attempt.outcome, AttemptOutcome::Answered(202), "{attempt:?}");
        }
        assert_eq!(self.twin.unexpected(), Vec::<String>::new());
    }

    /// What the source's owner is told of, by name.
    pub(crate) async fn left_out(&self) -> Value {
        let source = self.call("GET", "/v1/sources/cdp", Value::Null).await;
        let named = source["left_out"].as_array().unwrap().iter();
        named.map(|one| (one["name"].as_str().unwrap().to_owned(), one["count"].clone())).collect()
    }
}

async fn round(change: impl Fn(&mut Switches), job: impl Fn(SeedJob) -> SeedJob) {
    let world = World::new().await;
    world.twin.with_switches(change);
    world.twin.start_job(job(world.job())).unwrap();
    world.move_people(Sent::AtTheEnd).await;
    world.assert_every_request_was_taken();
    world.assert_equal().await;
    assert_eq!(world.left_out().await, json!({}), "nothing was left out");
    let fields = world.row("p0").await.unwrap().fields;
    assert_eq!(json!(fields.keys().collect::<Vec<_>>()), json!(["plan", "user_attributes.tier"]));
}

macro_rules! rounds {
    ($($name:ident: $change:expr, $job:expr,)*) => { $(
        #[tokio::test]
        async fn $name() {
            let change: fn(&mut Switches) = $change;
            let job: fn(SeedJob) -> SeedJob = $job;
            round(change, job).await;
        }
    )* };
}

rounds! {
    as_the_vendor_documents_it: |_| {}, |job| job,
    by_put: |_| {}, |job| SeedJob { http_method: Method::Put, ..job },
    in_batches: |_| {}, |job| SeedJob { batch_requests: true, ..job },
    in_large_batches: |_| {}, |job| SeedJob { batch_requests: true, batch_size: 1_000, ..job },
    as_cloudevents: |_| {}, |job| SeedJob { cloudevents: true, ..job },
    as_cloudevents_of_another_type: |_| {}, |job| SeedJob {
        cloudevents: true,
        cloudevents_type: Some("page.viewed".to_owned()),
        ..job
    },
    as_cloudevents_in_batches: |_| {}, |job| SeedJob { cloudevents: true, batch_requests: true, ..job },
    as_cloudevents_in_headers: |switches| switches.cloudevents_mode = CloudEventsMode::Binary,
        |job| SeedJob { cloudevents: true, ..job },
    as_cloudevents_in_headers_in_batches: |switches| switches.cloudevents_mode = CloudEventsMode::Binary,
        |job| SeedJob { cloudevents: true, batch_requests: true, ..job },
    by_musters_template: |_| {}, |job| SeedJob { template: Template::ProfileAndEvents, ..job },
    by_musters_template_in_batches: |_| {}, |job| SeedJob {
        template: Template::ProfileAndEvents,
        batch_requests: true,
        ..job
    },
    twice_with_one_id: |switches| switches.duplicates = Duplicates::SameId, |job| job,
    twice_with_two_ids: |switches| switches.duplicates = Duplicates::NewId, |job| job,
    out_of_order: |switches| switches.out_of_order = true, |job| job,
    out_of_order_in_batches: |switches| switches.out_of_order = true, |job| SeedJob { batch_requests: true, ..job },
    one_event_at_a_time: |switches| switches.joined_events = false, |job| job,
    with_events_at_the_top: |switches| switches.segment_events = SegmentEvents::TopLevel, |job| job,
    with_the_whole_membership: |_| {}, |job| SeedJob { include_segs: true, ..job },
    with_chosen_fields: |_| {}, |job| SeedJob {
        user_fields: ["email", "plan", "user_attributes", "segment_events"].map(str::to_owned).to_vec(),
        ..job
    },
    with_everything_at_once: |switches| {
        switches.duplicates = Duplicates::NewId;
        switches.out_of_order = true;
        switches.segment_events = SegmentEvents::TopLevel;
        switches.fraction_digits = 0;
        switches.utc_offset_minutes = 330;
    }, |job| SeedJob {
        batch_requests: true,
        cloudevents: true,
        http_method: Method::Put,
        include_segs: true,
        worker_count: 20,
        ..job
    },
}

#[tokio::test]
async fn with_any_number_of_digits() {
    for digits in 0..=9 {
        let change = |switches: &mut Switches| {
            switches.fraction_digits = digits;
            switches.utc_offset_minutes = i16::from(digits) * 90 - 420;
        };
        round(change, |job| job).await;
    }
}

#[tokio::test]
async fn with_tokens_that_expire_on_the_way() {
    for place in [OAuthClient::Body, OAuthClient::Basic] {
        let world = World::with(json!({"method": "oauth2", "token_seconds": 60}), json!({})).await;
        world.twin.with_switches(|switches| switches.oauth_client = place);
        world.twin.start_job(world.job_with_tokens(SECRET)).unwrap();
        // What waits for its request while the clock moves on would come with a token that is over.
        world.twin.with_switches(|switches| switches.refresh_on_401 = true);
        world.move_people(Sent::OnTheWay).await;
        world.clock.advance(SignedDuration::from_secs(1));
        world.twin.webhooks_settled().await;
        world.assert_equal().await;
        assert_eq!(world.twin.counters().events_lost, 0);
        assert!(world.twin.counters().oauth_tokens > 1, "one token lives for a minute");
    }
}

#[tokio::test]
async fn with_a_secret_that_is_rotated_on_the_way() {
    let world = World::with(json!({"method": "oauth2"}), json!({})).await;
    let source = world.call("GET", "/v1/sources/cdp", Value::Null).await;
    assert_eq!(source["oauth2"], json!({"token_path": "/v1/oauth/cdp/token", "client_id": "cdp"}));
    assert!(!source.to_string().contains(SECRET));
    let job = world.twin.start_job(world.job_with_tokens(SECRET)).unwrap();
    world.move_people(Sent::OnTheWay).await;
    world.call("PUT", "/v1/sources/cdp/secret", json!({"secret": NEXT_SECRET})).await;
    world.move_people(Sent::OnTheWay).await;
    assert!(world.twin.authorize_job(&job, world.client(NEXT_SECRET)));
    world.move_people(Sent::OnTheWay).await;
    world.call("DELETE", "/v1/sources/cdp/secret/previous", Value::Null).await;
    world.clock.advance(SignedDuration::from_mins(2));
    world.move_people(Sent::OnTheWay).await;
    world.assert_every_request_was_taken();
    world.assert_equal().await;
    world.twin.clear_attempts();
    assert!(world.twin.authorize_job(&job, world.client(SECRET)));
    assert!(world.twin.enter("p0", "buyers"));
    world.twin.webhooks_settled().await;
    assert_eq!(world.twin.attempts()[0].outcome, AttemptOutcome::NoToken, "the old secret opens nothing any more");
}

#[tokio::test]
async fn without_a_secret_nobody_comes_in() {
    let world = World::new().await;
    world.twin.start_job(SeedJob { authorization: Authorization::None, ..world.job() }).unwrap();
    assert!(world.twin.enter("p0", "buyers"));
    world.settle().await;
    assert!(world.twin.attempts().iter().all(|one| one.outcome == AttemptOutcome::Answered(401)));
    assert!(world.row("p0").await.is_none());
}

#[tokio::test]
async fn members_of_before_are_backfilled_and_are_no_news() {
    for stamp in [BackfillStamp::Sent, BackfillStamp::JobStart, BackfillStamp::Entered] {
        let world = World::with(
            json!({"method": "header", "name": "x-secret"}),
            json!({"backfill_until": "2026-01-05T08:00:00Z"}),
        )
        .await;
        world.twin.with_switches(|switches| switches.backfill_stamp = stamp);
        let member = SeedProfile::with_email("member", &address("member")).within("buyers");
        world.twin.seed_profiles(&[member]).unwrap();
        world.clock.advance(SignedDuration::from_mins(1));
        world.twin.start_job(SeedJob { withbackfill: true, ..world.job() }).unwrap();
        world.twin.webhooks_settled().await;
        let origin =
            |row: Person| serde_json::to_value(&row.memberships[&"buyers".parse().unwrap()]).unwrap()["origin"].clone();
        assert_eq!(origin(world.row("member").await.unwrap()), "backfill", "{stamp:?}");
        world.clock.advance(SignedDuration::from_hours(1));
        assert!(world.twin.enter("p0", "buyers"));
        world.twin.webhooks_settled().await;
        assert_eq!(origin(world.row("p0").await.unwrap()), Value::Null, "live is not written");
        world.assert_every_request_was_taken();
    }
}

#[tokio::test]
async fn whose_events_are_not_selected_nobody_enters_and_the_owner_is_told() {
    let world = World::new().await;
    let user_fields = ["email", "plan", "segments_all"].map(str::to_owned).to_vec();
    world.twin.start_job(SeedJob { user_fields, include_segs: true, ..world.job() }).unwrap();
    assert!(world.twin.enter("p0", "buyers"));
    world.settle().await;
    world.assert_every_request_was_taken();
    let row = world.row("p0").await.unwrap();
    assert!(row.memberships.is_empty());
    assert_eq!(json!(row.fields.keys().collect::<Vec<_>>()), json!(["plan"]));
    let source = world.call("GET", "/v1/sources", Value::Null).await["items"][0].clone();
    let told = &source["left_out"][0];
    assert_eq!((&told["name"], &told["count"]), (&json!("lytics.no-segment_events"), &json!(1)));
    assert!(told["advice"].as_str().unwrap().contains("Select segment_events in Export Fields"));
}

#[tokio::test]
async fn the_newest_fields_stay_whatever_comes_late() {
    let world = World::new().await;
    world.twin.with_switches(|switches| switches.out_of_order = true);
    let job = SeedJob { field_changes: vec!["plan".to_owned()], ..world.job() };
    world.twin.start_job(job).unwrap();
    let plan = |row: Person| serde_json::to_value(&row.fields[&"plan".parse().unwrap()]).unwrap()["value"].clone();
    assert!(world.twin.enter("p0", "buyers"));
    for number in 1..=5 {
        world.clock.advance(SignedDuration::from_secs(1));
        // The newest is the one that would lose a tie.
        assert!(world.twin.set_field("p0", "plan", 9 - number));
        if number == 3 {
            assert!(world.twin.exit("p0", "leads"), "sent after what it comes before");
        }
    }
    world.settle().await;
    world.assert_every_request_was_taken();
    assert_eq!(plan(world.row("p0").await.unwrap()), 4);
    assert_eq!(world.left_out().await, json!({"lytics.no-segment_events": 5}));
}

#[tokio::test]
async fn audiences_of_others_are_counted_only_and_times_may_be_missing() {
    let world = World::with(json!({"method": "header", "name": "x-secret"}), json!({"audiences": ["buyers"]})).await;
    world.twin.with_switches(|switches| switches.event_times = EventTimes::Absent);
    world.twin.start_job(world.job()).unwrap();
    assert!(world.twin.enter("p0", "buyers"));
    assert!(world.twin.enter("p1", "vips"));
    world.settle().await;
    world.assert_every_request_was_taken();
    assert!(world.row("p0").await.is_some() && world.row("p1").await.is_none());
    assert_eq!(world.left_out().await, json!({"lytics.audience-not-taken": 1, "lytics.no-event-time": 1}));
    let taken = json!({"format": {"kind": "lytics", "audiences": ["buyers", "vips"]}});
    world.call("PATCH", "/v1/sources/cdp", taken).await;
    world.clock.advance(SignedDuration::from_mins(1));
    assert!(world.twin.enter("p1", "vips"));
    world.settle().await;
    assert!(world.row("p1").await.is_some());
}
