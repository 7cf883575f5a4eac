//! Cheetah Digital may end the first token when a second one is fetched: processes that share a vault share a token.

use std::sync::Arc;

use async_trait::async_trait;
use muster::delivery::{Dice, Engine, Times};
use muster::http::{Http, HttpTimes};
use muster::model::{Identifier, Lane, Nudge};
use muster::ports::{PortError, PortResult, Ports, Secret, Vault};
use muster::steps::Unwatched;
use muster_tests::world::{entered, exited};
use muster_twins::cheetah_digital::{Fault, FaultKind, RouteKind};
use serde_json::json;

use crate::cheetah_import::{World, users};

const STRICT: &str = "second_token_invalidates_first";

/// Another process over the same stores.
async fn process(world: &World, vault: Arc<dyn Vault>) -> Engine {
    let ports = Ports { vault, ..world.system.embedded.ports() };
    let http = Http::new(HttpTimes::default(), world.rewrites.clone()).unwrap();
    Engine::open(ports, http, Times::default(), Arc::new(Unwatched), Dice::seeded(7)).await.unwrap()
}

async fn world() -> World {
    let mut world = World::new(|switches| {
        switches.second_token_invalidates_first = true;
        switches.max_root_records = 1;
    })
    .await;
    world.activate(json!({})).await;
    world.settle().await;
    assert_eq!(world.twin.counters().tokens_issued, 1, "{STRICT}: preparing fetched it");
    world
}

/// One process looks at one person.
async fn deliver(engine: &Engine, user: &str) {
    let (source, kind) = ("shop".parse().unwrap(), "user_id".parse().unwrap());
    let identifier = Identifier::normalise(&kind, user).unwrap();
    let person = engine.installation.person(&source, &kind, &identifier);
    let nudge = Nudge {
        activation: "act".parse().unwrap(),
        people: vec![person],
        lane: Lane::Live,
        not_before: None,
        reopen: false,
        accepted_at: None,
        trace: None,
    };
    let deadline = engine.ports.clock.now() + jiff::SignedDuration::from_secs(60);
    engine.deliver(nudge, deadline).await.unwrap();
}

#[tokio::test]
async fn processes_on_one_vault_share_a_token_and_do_not_end_each_others() {
    let world = world().await;
    let vault = world.system.embedded.ports().vault;
    let (one, other) = (process(&world, Arc::clone(&vault)).await, process(&world, vault).await);
    let users = users(40);
    world.ingest(&users.iter().map(|user| entered(user, "cats", 1)).collect::<Vec<_>>()).await;
    for (number, user) in users.iter().enumerate() {
        deliver([&one, &other][number % 2], user).await;
        if number == 19 {
            // Both have the same one in hand, and the vendor ends it.
            world.twin.revoke_tokens();
        }
    }
    world.twin.apply_loads();
    for user in &users {
        assert_eq!(world.shows(user, "cats", "subscribed").as_deref(), Some("true"), "{user}");
    }
    let counters = world.twin.counters();
    assert_eq!(counters.tokens_issued, 2, "one at first, and one when the first was ended");
    assert_eq!(counters.unauthorized, 2, "each process met the end of the first one once");
    assert_eq!(world.status().await["status"], "active");
}

#[tokio::test]
async fn a_right_that_is_missing_still_stops_the_activation() {
    let world = world().await;
    let engine = process(&world, world.system.embedded.ports().vault).await;
    world.ingest(&[entered("u1", "cats", 1)]).await;
    world.twin.push_fault(Fault::once(FaultKind::Unauthorized).on_route(RouteKind::Data).times(2));
    deliver(&engine, "u1").await;
    assert_eq!(world.status().await["status"], "failing");
}

/// Does not answer where tokens are concerned.
struct Deaf(Arc<dyn Vault>);

impl Deaf {
    fn hears(name: &str) -> PortResult<()> {
        if name.starts_with("token/") {
            return Err(PortError::Unavailable { store: "vault", what: "it does not answer".to_owned() });
        }
        Ok(())
    }
}

#[async_trait]
impl Vault for Deaf {
    async fn get(&self, name: &str) -> PortResult<Option<Secret>> {
        Self::hears(name)?;
        self.0.get(name).await
    }

    async fn put(&self, name: &str, secret: &Secret) -> PortResult<()> {
        Self::hears(name)?;
        self.0.put(name, secret).await
    }

    async fn put_if_absent(&self, name: &str, secret: &Secret) -> PortResult<Secret> {
        Self::hears(name)?;
        self.0.put_if_absent(name, secret).await
    }

    async fn delete(&self, name: &str) -> PortResult<()> {
        Self::hears(name)?;
        self.0.delete(name).await
    }
}

#[tokio::test]
async fn a_vault_that_does_not_answer_stops_nobody() {
    let world = world().await;
    let engine = process(&world, Arc::new(Deaf(world.system.embedded.ports().vault))).await;
    world.ingest(&[entered("u1", "cats", 1), exited("u2", "cats", 2)]).await;
    deliver(&engine, "u1").await;
    world.twin.apply_loads();
    assert_eq!(world.shows("u1", "cats", "subscribed").as_deref(), Some("true"));
    assert_eq!(world.twin.counters().tokens_issued, 2, "it has one of its own");
}
