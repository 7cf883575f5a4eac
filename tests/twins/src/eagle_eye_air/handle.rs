//! Starts the twin; wallets, campaigns, rewards and subscriptions as tests set them up and see them.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::door;
use super::envelope::Emitted;
use super::model::{RewardView, SeedCampaign, SeedWallet, Standing, Wallet, WalletView};
use super::post::{Attempt, DeadLetter, Subscription};
use super::sender::send_all;
use super::state::State;
use super::switches::Switches;
use super::unit::Campaign;
use crate::clock::TwinClock;
use crate::outbox::Outbox;
use crate::twin::{Ports, Refused, Twin, take};

pub(super) const WALLET_ORIGIN: &str = "https://wallet.sandbox.uk.eagleeye.com";

/// The main one first.
const ORIGINS: [&str; 3] =
    [WALLET_ORIGIN, "https://resources.sandbox.uk.eagleeye.com", "https://pos.sandbox.uk.eagleeye.com"];

/// How to start a twin. The default has random ports, the machine's clock, no wallet, no campaign, and the one
/// client [`Options::CLIENT`] with [`Options::SECRET`].
#[derive(Debug, Clone)]
pub struct Options {
    /// Ports of the wallet API, the resources API and POS Connect, which has no route here; 0, or none, lets the
    /// system choose, likewise in `door_port`.
    pub api_ports: Vec<u16>,
    /// Port of the side door.
    pub door_port: u16,
    /// What the twin takes for now.
    pub clock: TwinClock,
    /// Client id → secret.
    pub clients: BTreeMap<String, String>,
    /// Ids of events follow from it.
    pub seed: u64,
    /// How the twin reads what the documentation leaves open.
    pub switches: Switches,
}

impl Options {
    /// The client id that a twin starts with.
    pub const CLIENT: &'static str = "muster-client";

    /// Its secret.
    pub const SECRET: &'static str = "0987654321";
}

impl Default for Options {
    fn default() -> Self {
        Self {
            api_ports: Vec::new(),
            door_port: 0,
            clock: TwinClock::machine(),
            clients: BTreeMap::from([(Self::CLIENT.to_owned(), Self::SECRET.to_owned())]),
            seed: 1,
            switches: Switches::default(),
        }
    }
}

/// A handle on a running twin; it stops when the last clone is dropped.
pub type EagleEyeAirTwin = Twin<State>;

impl EagleEyeAirTwin {
    /// Without sockets: to be reached through [`Twin::router`]. Subscribers are called from a task of the current
    /// tokio runtime; outside of one they are not, and events are only seen by [`EagleEyeAirTwin::events`].
    pub fn new(options: Options) -> Self {
        let Options { api_ports: _, door_port: _, clock, clients, seed, switches } = options;
        let (outbox, parcels) = Outbox::new();
        let mut twin = Self::in_process(&ORIGINS, clock, State::new(clients, seed, switches, outbox));
        if tokio::runtime::Handle::try_current().is_ok() {
            twin.run(send_all(Arc::clone(twin.shared()), parcels));
        }
        twin
    }

    /// Serves all ports and calls subscribers from tasks of the current tokio runtime. `Err`: a port is not free.
    pub async fn start(options: Options) -> io::Result<Self> {
        let (apis, door) = (options.api_ports.clone(), options.door_port);
        Self::new(options).listen(Ports { apis: &apis, door }, door::routes()).await
    }

    /// Adds a client, or gives it another secret.
    pub fn set_client(&self, client: &str, secret: &str) {
        self.lock().clients.insert(client.to_owned(), secret.to_owned());
    }

    /// Removes a client, if there is one; its requests get 401.
    pub fn remove_client(&self, client: &str) {
        self.lock().clients.remove(client);
    }

    /// Puts a wallet there without an event. Answers its id; refused where an identity's value is taken.
    pub fn seed_wallet(&self, seed: &SeedWallet) -> Result<String, Refused> {
        Ok(self.lock().unit.insert_wallet(seed)?.to_string())
    }

    /// Whether there is a wallet to be put into that standing. Nothing is scrubbed: see `delete_wallet`.
    pub fn set_standing(&self, wallet: &str, standing: Standing) -> bool {
        let mut state = self.lock();
        let found = state.unit.known(wallet).ok().and_then(|id| state.unit.wallets.get_mut(&id));
        found.map(|wallet| wallet.standing = standing).is_some()
    }

    /// The wallet of that id, deleted ones too.
    pub fn wallet(&self, wallet: &str) -> Option<WalletView> {
        Some(self.lock().unit.wallets.get(&wallet.parse().ok()?)?.view())
    }

    /// All wallets, in the order of their making.
    pub fn wallets(&self) -> Vec<WalletView> {
        self.lock().unit.wallets.values().map(Wallet::view).collect()
    }

    /// The id of the wallet that has the identity, as AIR finds it.
    pub fn wallet_of(&self, identity_value: &str) -> Option<String> {
        self.lock().unit.find(identity_value).map(|(wallet, _)| wallet.id.to_string())
    }

    /// Adds a campaign, or changes the one of that action reference.
    pub fn seed_campaign(&self, seed: SeedCampaign) {
        let mut state = self.lock();
        let known = state.unit.campaigns.get(&seed.reference).map(|campaign| campaign.id);
        let id = known.unwrap_or_else(|| take(&mut state.unit.ids.campaign));
        state.unit.campaigns.insert(seed.reference.clone(), Campaign { id, seed });
    }

    /// Every reward granted, in its order.
    pub fn rewards(&self) -> Vec<RewardView> {
        self.lock().unit.rewards.clone()
    }

    /// From here on this subscriber is told of events too. Answers the subscription's number.
    pub fn subscribe(&self, subscription: Subscription) -> u64 {
        self.lock().subscribe(subscription)
    }

    /// Whether there was such a subscription; what is on its way to it is not sent any more.
    pub fn unsubscribe(&self, subscription: u64) -> bool {
        self.lock().post.subscriptions.remove(&subscription).is_some()
    }

    /// Who is told of events, by number.
    pub fn subscriptions(&self) -> BTreeMap<u64, Subscription> {
        self.lock().post.subscriptions.clone()
    }

    /// Every event made, sent or not, oldest first.
    pub fn events(&self) -> Vec<Emitted> {
        self.lock().post.events.iter().map(|event| Emitted::clone(event)).collect()
    }

    /// Forgets the events made so far; what is on its way stays.
    pub fn clear_events(&self) {
        self.lock().post.events.clear();
    }

    /// Requests to subscribers that ended, oldest first.
    pub fn attempts(&self) -> Vec<Attempt> {
        self.lock().post.attempts.clone()
    }

    /// Events that no try brought home.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.lock().post.dead.clone()
    }

    /// How many events wait for a time, for their successor or for a full burst.
    pub fn events_waiting(&self) -> usize {
        self.lock().post.waiting()
    }

    /// Waits until everything that is due by the twin's clock has been sent. What waits for a later time, as a
    /// delayed event or a try again, needs the clock to be moved; what was to be overtaken or to fill a burst
    /// goes now.
    pub async fn events_settled(&self) {
        loop {
            let mut open = {
                let mut state = self.lock();
                state.post.release_held();
                state.post.outbox.open()
            };
            if *open.borrow_and_update() == 0 {
                return;
            }
            // The sender lives in the state, which this handle keeps.
            let _ = open.wait_for(|open| *open == 0).await;
        }
    }
}
