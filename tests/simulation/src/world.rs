//! One world: everything that is set up before the first change, and how it is reached.

use std::sync::{Arc, LazyLock};

use jiff::{SignedDuration, Timestamp};
use muster::catalog::{self, CachedCatalog};
use muster::control::{Control, NewActivation};
use muster::delivery::{Dice, Engine, Times};
use muster::destination::Destination;
use muster::destinations::webhook::Webhook;
use muster::http::{Http, HttpTimes};
use muster::model::{Activation, Authorization, Deployed, InstallationKey, Lane, QueueName, Source, SourceId};
use muster::ports::{Clock, Ports, Secret};
use muster::steps::Unwatched;
use muster_memory::{Memory, MemoryQueue};
use serde_json::json;

use crate::broken::Broken;
use crate::destination::ToRegister;
use crate::known::Known;
use crate::plan::{Link, Plan};
use crate::ports;
use crate::stage::{CANARY, Stage};
use crate::vendor::Vendors;
use crate::watch::Watch;

/// The only source.
pub(crate) const SOURCE: &str = "shop";

/// How old a copy of the catalog may be: longer than in service, since reading it is most of what a run costs here.
pub(crate) const CACHE_AGE: SignedDuration = SignedDuration::from_secs(30);

/// Set up once: the TLS library under it is not asked for anything.
static HTTP: LazyLock<Http> =
    LazyLock::new(|| Http::new(HttpTimes::default(), Default::default()).expect("a client that sends nothing"));

static TO_REGISTER: ToRegister = ToRegister;

/// See the module.
pub(crate) struct World {
    /// What is shared.
    pub stage: Arc<Stage>,
    /// Where everything is kept, without faults.
    pub memory: Memory,
    /// The queues.
    pub queue: Arc<MemoryQueue>,
    /// The ports with faults around them.
    pub ports: Ports,
    /// The vendors.
    pub vendors: Arc<Vendors>,
    /// Who looks at every write.
    pub watch: Arc<Watch>,
    /// Processes, each with a copy of the catalog of its own.
    pub processes: Vec<Arc<Process>>,
    /// The queues that are served, with the most runs at once.
    pub queues: Vec<(QueueName, usize)>,
    key: InstallationKey,
    http: Http,
    started: u64,
}

/// A process: handlers with a copy of the catalog of their own.
pub(crate) struct Process {
    /// For delivery, walks and the sweep.
    pub engine: Arc<Engine>,
    /// For the way in.
    pub catalog: CachedCatalog,
    /// For the owner.
    pub control: Control,
}

impl World {
    /// Sets everything up; nothing fails meanwhile.
    pub(crate) async fn open(plan: &Plan, stage: Arc<Stage>) -> Self {
        let memory = Memory::new(Arc::clone(&stage.clock) as Arc<dyn Clock>);
        let watch = Arc::new(Watch::new(Arc::clone(&stage), plan.setup.clone()));
        let knows_by = ["ids.email", plan.setup.list_knows_by];
        let ports = ports::around(&memory, &stage, &watch, knows_by);
        let vendors = Arc::new(Vendors::new(Arc::clone(&stage), plan.spells.clone(), plan.setup.in_doubt));
        let provider = |name: &str| name.parse().expect("a provider");
        let queue = |name, lane| QueueName::Destination(provider(name), lane);
        let queues = vec![
            (QueueName::Jobs, 1),
            (queue("webhook", Lane::Live), 4),
            (queue("webhook", Lane::Bulk), 2),
            (queue("register", Lane::Live), 4),
            (queue("register", Lane::Bulk), 2),
        ];
        let mut world = Self {
            queue: memory.queue(),
            http: HTTP.clone().over(Arc::clone(&vendors) as Arc<dyn muster::http::Transport>),
            key: InstallationKey::new([7; 32]),
            processes: Vec::new(),
            started: 0,
            stage,
            memory,
            ports,
            vendors,
            watch,
            queues,
        };
        set_up(plan, &world.memory.ports()).await;
        for _ in 0..3 {
            let process = world.process();
            world.processes.push(process);
        }
        world
    }

    /// The key under which a person of the source is stored.
    pub(crate) fn key(&self) -> &InstallationKey {
        &self.key
    }

    /// A new process.
    pub(crate) fn process(&mut self) -> Arc<Process> {
        self.started += 1;
        let mut times = Times { cache_age: CACHE_AGE, ..Times::default() };
        if self.stage.lacks(Broken::SweptTooEarly) {
            times.sweep_age = SignedDuration::from_secs(45);
        }
        let ports = self.ports.clone();
        let copy = || CachedCatalog::new(Arc::clone(&ports.catalog), Arc::clone(&ports.clock), times.cache_age);
        let engine = Engine {
            ports: ports.clone(),
            catalog: Arc::new(copy()),
            http: self.http.clone(),
            installation: self.key.clone(),
            times,
            steps: Arc::new(Unwatched),
            dice: Dice::seeded(self.stage.draw(crate::chance::Chance::number)),
            destinations: Arc::new(Known::new(self.stage.broken)),
        };
        let catalog = copy();
        let control = self.control(Arc::new(copy()), ports.clone());
        Arc::new(Process { engine: Arc::new(engine), catalog, control })
    }

    fn control(&self, catalog: Arc<CachedCatalog>, ports: Ports) -> Control {
        let destinations: Vec<&'static dyn Destination> = vec![&Webhook, &TO_REGISTER];
        Control {
            ports,
            catalog,
            http: self.http.clone(),
            installation: self.key.clone(),
            destinations,
            deployed: Deployed::All,
        }
    }

    /// An activation as it is stored.
    pub(crate) async fn activation(&self, link: Link) -> Activation {
        let ports = self.memory.ports();
        let stored = catalog::get::<Activation>(ports.catalog.as_ref(), link.id()).await;
        stored.ok().flatten().expect("it was made").value
    }
}

/// By its id.
pub(crate) fn source() -> SourceId {
    SOURCE.parse().expect("an id")
}

async fn set_up(plan: &Plan, ports: &Ports) {
    let text = "the memory takes everything";
    let source = json!({"id": SOURCE, "name": "Shop", "keyed_by": "user_id",
        "authentication": {"method": "header", "name": "x-secret"}, "created_at": plan.start});
    let source: Source = serde_json::from_value(source).expect("a source");
    catalog::put(ports.catalog.as_ref(), &source, 0).await.expect(text);
    for link in Link::ALL {
        let (provider, secret) = match link {
            Link::Hook => {
                ("webhook", json!({"secret": format!("whsec_{}", "kanariesecretkanariesecretkanariesecretX")}))
            }
            Link::List => ("register", json!({ "token": format!("{CANARY}-secret") })),
        };
        let authorization = json!({"id": link.id(), "provider": provider, "label": "Account",
            "requests_per_second": plan.setup.rates[link.index()], "created_at": plan.start,
            "secret_changed_at": plan.start});
        let authorization: Authorization = serde_json::from_value(authorization).expect("an authorization");
        catalog::put(ports.catalog.as_ref(), &authorization, 0).await.expect(text);
        ports.vault.put(&format!("authorization/{}", link.id()), &Secret(secret)).await.expect(text);
    }
    let copy = CachedCatalog::new(Arc::clone(&ports.catalog), Arc::clone(&ports.clock), SignedDuration::ZERO);
    let control = Control {
        ports: ports.clone(),
        catalog: Arc::new(copy),
        http: HTTP.clone(),
        installation: InstallationKey::new([7; 32]),
        destinations: vec![&Webhook, &TO_REGISTER],
        deployed: Deployed::All,
    };
    for link in Link::ALL {
        control.create_activation(new_activation(plan, link)).await.expect("a draft");
    }
}

fn new_activation(plan: &Plan, link: Link) -> NewActivation {
    let city = json!({"attribute": "city", "type": "string"});
    let score = json!({"attribute": "score", "type": "integer"});
    let settings = json!({"url": "https://receiver.example/in", "answers": "results", "batch": plan.setup.batch,
        "events": ["entered", "left"], "in_doubt": plan.setup.in_doubt,
        "ask_url": "https://receiver.example/events"});
    let (provider, settings, audiences, attributes, knows_by) = match link {
        Link::Hook => ("webhook", settings, ["birds", "cats", "dogs"], vec![city, score], "ids.email"),
        Link::List => ("register", json!({}), ["cats", "dogs", "fish"], vec![city], plan.setup.list_knows_by),
    };
    let new = json!({"id": link.id(), "name": link.id(), "source": SOURCE, "destination": provider,
        "authorization": link.id(), "settings": settings, "audiences": audiences, "attributes": attributes,
        "person_identifier": knows_by, "notify": format!("owner@{CANARY}.example"),
        "retry_window_hours": plan.setup.windows[link.index()]});
    serde_json::from_value(new).expect("an activation")
}

/// When a run that begins now must have ended.
pub(crate) fn deadline(now: Timestamp) -> Timestamp {
    now + Times::default().function_timeout
}
