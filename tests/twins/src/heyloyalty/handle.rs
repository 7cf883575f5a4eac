//! Starts the twin; the side door in process.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use serde_json::Value;

use super::import::{ImportView, PendingImport};
use super::model::{
    EmailStatus, FieldValue, ListView, Member, MemberView, SeedList, SeedMember, SeedStanding, Standing, Values,
};
use super::roster::Seat;
use super::state::{Mail, OnList, State};
use super::switches::{LongText, Switches};
use super::webhooks::{Event, Webhook, WebhookDelivery, WebhookSetup, Webhooks, deliver_all};
use super::{door, values};
use crate::clock::TwinClock;
use crate::twin::{Ports, Refused, Twin};

const ORIGIN: &str = "https://api.heyloyalty.com";

/// How to start a twin. The default has random ports, the machine's clock, no list, and the one
/// account `API_KEY` with the secret `API_SECRET`.
#[derive(Debug, Clone)]
pub struct Options {
    /// Port of the API; 0 lets the system choose, likewise in `door_port`.
    pub api_port: u16,
    /// Port of the side door.
    pub door_port: u16,
    /// What the twin takes for now.
    pub clock: TwinClock,
    /// API key → secret. All accounts see the same lists; the rate limit is per account.
    pub accounts: BTreeMap<String, String>,
    /// How the twin reads what the documentation leaves open.
    pub switches: Switches,
    /// Member ids follow from it.
    pub id_seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            api_port: 0,
            door_port: 0,
            clock: TwinClock::machine(),
            accounts: BTreeMap::from([("API_KEY".to_owned(), "API_SECRET".to_owned())]),
            switches: Switches::default(),
            id_seed: 1,
        }
    }
}

/// A handle on a running twin; it stops when the last clone is dropped.
pub type HeyloyaltyTwin = Twin<State>;

impl HeyloyaltyTwin {
    /// Without sockets: to be reached through [`Twin::router`]. Webhooks are delivered by a task of the current
    /// tokio runtime.
    pub fn new(options: Options) -> Self {
        let Options { api_port: _, door_port: _, clock, accounts, switches, id_seed } = options;
        let (hooks, deliveries) = Webhooks::new();
        let mut state = State::new(id_seed, switches, hooks);
        state.accounts = accounts;
        let mut twin = Self::in_process(&[ORIGIN], clock, state);
        twin.run(deliver_all(Arc::clone(twin.shared()), deliveries));
        twin
    }

    /// Serves both ports from tasks of the current tokio runtime. `Err`: a port is not free.
    pub async fn start(options: Options) -> io::Result<Self> {
        let (api, door) = (options.api_port, options.door_port);
        Self::new(options).listen(Ports { apis: &[api], door }, door::routes()).await
    }

    /// Adds an account, or gives it a new secret: its keys were rotated.
    pub fn set_account(&self, api_key: &str, secret: &str) {
        let mut state = self.lock();
        state.accounts.insert(api_key.to_owned(), secret.to_owned());
    }

    /// Removes an account, if there is one of that key; its requests get 401.
    pub fn remove_account(&self, api_key: &str) {
        self.lock().accounts.remove(api_key);
    }

    /// The id of the new list. Refused when `seed.id` is taken.
    pub fn seed_list(&self, seed: &SeedList) -> Result<u64, Refused> {
        let id = self.lock().seed_list(seed);
        id.ok_or_else(|| Refused::because("the list id is taken"))
    }

    /// The ids of the new members, in order; all or none. No webhook fires.
    pub fn seed_members(&self, list: u64, seeds: &[SeedMember]) -> Result<Vec<String>, Refused> {
        self.on_list(list, |on| {
            let read = |seed: &SeedMember| on.seed_values(&seed.email, &seed.fields);
            let all: Vec<Values> = seeds.iter().map(read).collect::<Result<_, _>>()?;
            let seeded = seeds.iter().zip(all);
            Ok(seeded.map(|(seed, values)| on.seed(seed.standing, values)).collect())
        })
        .unwrap_or_else(|| Err(no_list()))
    }

    /// All lists, by ascending id.
    pub fn lists(&self) -> Vec<ListView> {
        self.lock().lists.values().map(super::model::List::view).collect()
    }

    /// The list of that id.
    pub fn list(&self, list: u64) -> Option<ListView> {
        self.on_list(list, |on| on.list.view())
    }

    /// Members of every standing, in the order of their creation; none for an unknown list.
    pub fn members(&self, list: u64) -> Vec<MemberView> {
        let all = |on: &mut OnList<'_>| {
            let members = on.list.roster.iter();
            members.map(|(_, member)| on.list.member_view(member)).collect()
        };
        self.on_list(list, all).unwrap_or_default()
    }

    /// The member of that id, whatever its standing.
    pub fn member(&self, list: u64, member_id: &str) -> Option<MemberView> {
        self.on_list(list, |on| {
            let seat = on.list.roster.seat_of(member_id)?;
            Some(on.list.member_view(on.list.roster.get(seat)?))
        })
        .flatten()
    }

    /// Members of every standing whose email differs at most in case.
    pub fn members_by_email(&self, list: u64, email: &str) -> Vec<MemberView> {
        self.on_list(list, |on| {
            let seats = on.list.roster.with_email(email);
            let members = seats.into_iter().filter_map(|seat| on.list.roster.get(seat));
            members.map(|member| on.list.member_view(member)).collect()
        })
        .unwrap_or_default()
    }

    /// A user deletes a field, with the members' values. Whether it was there.
    pub fn remove_field(&self, list: u64, name: &str) -> bool {
        self.on_list(list, |on| {
            let id = on.list.field(name).map(|field| field.id);
            id.map(|id| on.list.remove_field(id)).is_some()
        })
        .unwrap_or(false)
    }

    /// A person joins on a web form: not counted, `subscribe` fires. The new member's id.
    pub fn subscribe_member(
        &self,
        list: u64,
        email: &str,
        fields: &BTreeMap<String, Value>,
    ) -> Result<String, Refused> {
        self.on_list(list, |on| {
            let values = on.seed_values(email, fields)?;
            let seat = on.add_member(values, Standing::Active);
            Ok(on.id_of(seat))
        })
        .unwrap_or_else(|| Err(no_list()))
    }

    /// A person subscribes again himself: not counted, `subscribe` fires. Whether he was there.
    pub fn resubscribe_member(&self, list: u64, member_id: &str) -> bool {
        self.edit(list, member_id, Event::Subscribe, |member| {
            member.standing = Standing::Active;
            member.unsubscribed_at = None;
        })
    }

    /// A person confirms his temporary membership; `subscribe` fires. Whether he was there.
    pub fn confirm_member(&self, list: u64, member_id: &str) -> bool {
        self.resubscribe_member(list, member_id)
    }

    /// A person unsubscribes; `unsubscribe` fires. Whether he was there.
    pub fn unsubscribe_member(&self, list: u64, member_id: &str) -> bool {
        self.with_seat(list, member_id, |on, seat| {
            on.unsubscribe(seat);
        })
    }

    /// A person complains of spam; `spamComplaint` fires. Whether he was there.
    pub fn complain_member(&self, list: u64, member_id: &str) -> bool {
        self.edit(list, member_id, Event::SpamComplaint, |member| {
            member.email_status = EmailStatus::Complaint;
        })
    }

    /// A mail to the person bounces for good; `hardbounce` fires. Whether he was there.
    pub fn hard_bounce_member(&self, list: u64, member_id: &str) -> bool {
        self.edit(list, member_id, Event::HardBounce, |member| {
            member.email_status = EmailStatus::HardBounce;
        })
    }

    /// Support erases a member: no trace is left, nothing fires. Whether it was there.
    pub fn erase_member(&self, list: u64, member_id: &str) -> bool {
        self.with_seat(list, member_id, |on, seat| on.list.roster.remove(seat))
    }

    /// A person changes his address; `update` fires. Whether he was there.
    pub fn change_email(&self, list: u64, member_id: &str, email: &str) -> bool {
        let field = self.on_list(list, |on| on.list.fixed_id("email")).flatten();
        self.edit(list, member_id, Event::Update, |member| {
            if let Some(field) = field {
                member.values.insert(field, FieldValue::One(email.to_owned()));
            }
        })
    }

    /// The mails the vendor would have sent, oldest first.
    pub fn mailbox(&self) -> Vec<Mail> {
        self.lock().mailbox.clone()
    }

    /// Forgets the mails so far.
    pub fn clear_mailbox(&self) {
        self.lock().mailbox.clear();
    }

    /// Imports accepted but not yet applied, in the order of acceptance.
    pub fn pending_imports(&self) -> Vec<ImportView> {
        self.lock().imports.iter().map(PendingImport::view).collect()
    }

    /// Applies all pending imports at once. How many there were.
    pub fn apply_imports(&self) -> usize {
        self.lock().apply_imports_now()
    }

    /// The configured webhooks of all lists, by ascending id.
    pub fn webhooks(&self) -> Vec<Webhook> {
        self.lock().hooks.configured.values().cloned().collect()
    }

    /// Sets what the API cannot set. Whether the webhook is there.
    pub fn set_up_webhook(&self, webhook_id: u64, setup: WebhookSetup) -> bool {
        let mut state = self.lock();
        let hook = state.hooks.configured.get_mut(&webhook_id);
        hook.map(|hook| hook.setup = setup).is_some()
    }

    /// Sends a `connection test`. Whether the webhook is there.
    pub fn test_webhook(&self, webhook_id: u64) -> bool {
        let mut state = self.lock();
        let now = state.desk.now;
        state.hooks.test(webhook_id, now)
    }

    /// Deliveries that ended, oldest first.
    pub fn webhook_deliveries(&self) -> Vec<WebhookDelivery> {
        self.lock().hooks.deliveries.clone()
    }

    /// Waits until every delivery caused so far has ended.
    pub async fn webhooks_settled(&self) {
        let mut open = self.lock().hooks.open();
        // The sender lives in the state, which this handle keeps.
        let _ = open.wait_for(|open| *open == 0).await;
    }

    fn on_list<T>(&self, list: u64, then: impl FnOnce(&mut OnList<'_>) -> T) -> Option<T> {
        self.lock().on_list(list).map(|mut on| then(&mut on))
    }

    fn with_seat(&self, list: u64, member_id: &str, then: impl FnOnce(&mut OnList<'_>, Seat)) -> bool {
        self.on_list(list, |on| {
            let seat = on.list.roster.seat_of(member_id);
            seat.map(|seat| then(on, seat)).is_some()
        })
        .unwrap_or(false)
    }

    fn edit(&self, list: u64, member_id: &str, event: Event, change: impl FnOnce(&mut Member)) -> bool {
        self.with_seat(list, member_id, |on, seat| {
            let now = on.now;
            on.list.roster.edit(seat, |member| {
                change(member);
                member.updated_at = now;
            });
            on.fire(event, seat);
        })
    }
}

fn no_list() -> Refused {
    Refused::because("no such list")
}

impl OnList<'_> {
    /// Stricter than the API: a name the list does not have is a mistake of the test.
    fn seed_values(&self, email: &str, fields: &BTreeMap<String, Value>) -> Result<Values, Refused> {
        let email = Value::from(email);
        let sent = fields.iter().map(|(name, value)| (name.as_str(), value));
        let mut read = Values::new();
        for (name, raw) in sent.chain([("email", &email)]) {
            let field = self.list.field(name);
            let field = field.ok_or_else(|| Refused::because(format!("no field {name}")))?;
            let value = values::read(field, raw, LongText::Refuse).map_err(Refused::because)?;
            read.insert(field.id, value);
        }
        Ok(read)
    }

    fn seed(&mut self, seeded: SeedStanding, values: Values) -> String {
        let (standing, email_status) = match seeded {
            SeedStanding::Active => (Standing::Active, EmailStatus::Active),
            SeedStanding::Unsubscribed => (Standing::Unsubscribed, EmailStatus::Active),
            SeedStanding::Complaint => (Standing::Active, EmailStatus::Complaint),
            SeedStanding::HardBounce => (Standing::Active, EmailStatus::HardBounce),
            SeedStanding::Temporary => (Standing::Temporary, EmailStatus::Active),
        };
        let seat = self.insert_member(values, standing);
        let now = self.now;
        self.list.roster.edit(seat, |member| {
            member.email_status = email_status;
            member.unsubscribed_at = (standing == Standing::Unsubscribed).then_some(now);
        });
        self.id_of(seat)
    }
}
