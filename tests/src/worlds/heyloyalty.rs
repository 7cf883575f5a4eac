//! Heyloyalty with its twin: one list, addresses as keys.
#![expect(missing_docs, reason = "the trait says what its functions are for")]
#![expect(clippy::unwrap_used, reason = "a world that cannot be built is a test that failed")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster::destination::{Destination, LinkedAttribute, LinkedAudience};
use muster::embedded::JumpClock;
use muster::model::{AttributeType, Identifier, Value};
use muster::ports::Secret;
use muster_local::demo::twin_clock;
use muster_twins::heyloyalty::{
    Counters, Fault, FaultKind, HeyloyaltyTwin, MemberView, Options, RouteKind, SeedList, SeedMember, SeedStanding,
};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::fault_kind;
use crate::contract::world::{Aim, Holds, Membership, Refusals, Standing, Strangers, Struck, Trouble, VendorWorld};

const API_KEY: &str = "zqapikey1234";
const API_SECRET: &str = "zqsecret-of-the-account";
const ORIGIN: &str = "https://api.heyloyalty.com";

pub struct HeyloyaltyWorld {
    pub twin: HeyloyaltyTwin,
    pub clock: Arc<JumpClock>,
    pub list: u64,
}

impl HeyloyaltyWorld {
    pub async fn start() -> Self {
        Self::with_list(SeedList { name: "Newsletter DK".to_owned(), ..SeedList::default() }).await
    }

    pub async fn with_list(list: SeedList) -> Self {
        let clock = Arc::new(JumpClock::frozen_at("2026-11-22T06:00:00.123456789Z".parse().unwrap()));
        let options = Options {
            clock: twin_clock(&clock),
            accounts: BTreeMap::from([(API_KEY.to_owned(), API_SECRET.to_owned())]),
            ..Options::default()
        };
        let twin = HeyloyaltyTwin::start(options).await.unwrap();
        let list = twin.seed_list(&list).unwrap();
        // A list is never empty: somebody whom no test knows is on it.
        twin.seed_members(list, &[SeedMember::active("zqmarker-bystander@example.test")]).unwrap();
        Self { twin, clock, list }
    }

    /// The members of a person's key, whatever their standing.
    pub fn members(&self, person: u16) -> Vec<MemberView> {
        self.twin.members_by_email(self.list, self.key(person).expose())
    }

    fn member(&self, person: u16) -> Option<MemberView> {
        self.members(person).pop()
    }
}

/// Names of fields outlive releases, so they are worked out here as the destination's README has it.
pub fn field_name(kind: char, id: &str) -> String {
    let digest = Sha256::digest([b"cdp".as_slice(), &[0], id.as_bytes()].concat());
    let mut name = format!("cdp_{kind}_");
    for byte in &digest[..5] {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

pub fn audience_field(audience: &LinkedAudience) -> String {
    field_name('a', audience.id.as_str())
}

pub fn attribute_field(attribute: &LinkedAttribute) -> String {
    field_name('c', attribute.link.attribute.as_str())
}

#[async_trait]
impl VendorWorld for HeyloyaltyWorld {
    fn destination(&self) -> &'static dyn Destination {
        &muster::destinations::heyloyalty::Heyloyalty
    }

    fn clock(&self) -> Arc<JumpClock> {
        Arc::clone(&self.clock)
    }

    fn rewrites(&self) -> BTreeMap<String, String> {
        BTreeMap::from([(ORIGIN.to_owned(), self.twin.api_url())])
    }

    fn credentials(&self) -> Secret {
        Secret(json!({ "api_key": API_KEY, "api_secret": API_SECRET }))
    }

    fn refused_credentials(&self) -> Secret {
        Secret(json!({ "api_key": API_KEY, "api_secret": "zqsecret-that-was-rotated" }))
    }

    fn settings(&self) -> Json {
        json!({ "list_id": self.list, "error_email": "zqmarker-owner@example.test" })
    }

    fn settings_of_never(&self) -> Vec<Json> {
        vec![json!({ "list_id": self.list, "never_inside": "zero" })]
    }

    fn place(&self) -> Option<String> {
        Some(self.list.to_string())
    }

    fn refusals(&self) -> Refusals {
        Refusals::Doubted
    }

    fn markers(&self) -> Vec<String> {
        // As Basic authentication has it: the key's length makes its Base64 stand alone.
        let basic = STANDARD.encode(API_KEY);
        vec!["zqapikey".to_owned(), "zqsecret".to_owned(), "zqmarker".to_owned(), basic]
    }

    fn key(&self, person: u16) -> Identifier {
        Identifier::normalise(&"email".parse().unwrap(), &format!("zqmarker{person}@example.test")).unwrap()
    }

    fn holds(&self, standing: Standing) -> Holds {
        match standing {
            Standing::Reachable | Standing::Unsubscribed => Holds::Yes,
        }
    }

    fn put(&self, person: u16, standing: Standing) {
        // Of those who must not be touched every third complained and every third bounced.
        let standing = match (standing, person % 3) {
            (Standing::Reachable, _) => SeedStanding::Active,
            (Standing::Unsubscribed, 0) => SeedStanding::Complaint,
            (Standing::Unsubscribed, 1) => SeedStanding::HardBounce,
            (Standing::Unsubscribed, _) => SeedStanding::Unsubscribed,
        };
        let member = SeedMember::with_standing(self.key(person).expose(), standing).field("firstname", "Zqmarkerine");
        self.twin.seed_members(self.list, &[member]).unwrap();
    }

    fn unsubscribe(&self, person: u16) {
        assert!(self.twin.unsubscribe_member(self.list, &self.member(person).unwrap().id));
    }

    fn vanish(&self, person: u16) {
        assert!(self.twin.erase_member(self.list, &self.member(person).unwrap().id));
    }

    fn strangers(&self) -> Strangers {
        Strangers::Filtered
    }

    fn memo_minutes(&self) -> i64 {
        15
    }

    fn membership(&self, person: u16, audience: &LinkedAudience) -> Option<Membership> {
        let member = self.member(person)?;
        Some(match member.text(&audience_field(audience)) {
            "1" => Membership::Inside,
            "0" => Membership::Left,
            "" => Membership::Never,
            other => panic!("a membership of {other}"),
        })
    }

    fn appears(&self, settings: &Json, membership: Membership) -> Membership {
        match (membership, settings["never_inside"].as_str()) {
            (Membership::Never, Some("zero")) => Membership::Left,
            (_, _) => membership,
        }
    }

    fn attribute(&self, person: u16, attribute: &LinkedAttribute) -> Option<Value> {
        let member = self.member(person)?;
        let text = member.text(&attribute_field(attribute));
        Some(match (attribute.link.kind, text) {
            (_, "") => Value::Null,
            (AttributeType::Integer, number) => Value::Integer(number.parse().unwrap()),
            (AttributeType::Boolean, flag) => Value::Boolean(flag == "1"),
            (_, text) => Value::Text(text.to_owned()),
        })
    }

    fn label(&self, audience: &LinkedAudience) -> Option<String> {
        let list = self.twin.list(self.list).unwrap();
        list.field(&audience_field(audience)).map(|field| field.label.clone())
    }

    fn record(&self, person: u16) -> String {
        format!("{:?}", self.members(person))
    }

    fn structure(&self) -> String {
        format!("{:?}", self.twin.list(self.list).unwrap().fields)
    }

    fn land(&self) {
        self.twin.apply_imports();
    }

    fn strike(&self, trouble: &Trouble, aim: Aim, times: u32) -> Struck {
        let fault = Fault::once(fault_kind(trouble, |sentence| FaultKind::Says(400, sentence))).times(times);
        self.twin.push_fault(match aim {
            Aim::Look => fault.on_route(RouteKind::Members),
            Aim::Write => fault.on_route(RouteKind::MemberPatch),
            Aim::BulkWrite => fault.on_route(RouteKind::Import),
            Aim::Any => fault,
            Aim::Effect | Aim::LaterEffect | Aim::Ask => return Struck::Impossible,
        });
        Struck::Armed
    }

    fn end_trouble(&self) -> usize {
        let left = self.twin.scripted_faults().len();
        self.twin.clear_faults();
        left
    }

    fn requests(&self) -> u64 {
        self.twin.counters().requests
    }

    fn most_requests_in_one_second(&self) -> u64 {
        self.twin.counters().max_requests_in_one_second
    }

    fn harm(&self) -> Vec<String> {
        let Counters {
            resubscribed,
            list_put,
            list_post,
            list_delete,
            member_created,
            member_put,
            member_deleted,
            suppressed_writes,
            unknown_fields,
            import_created,
            ..
        } = self.twin.counters();
        let counts = [
            ("people subscribed again", resubscribed),
            ("lists put", list_put),
            ("lists posted", list_post),
            ("lists deleted", list_delete),
            ("members made", member_created),
            ("members put", member_put),
            ("members deleted", member_deleted),
            ("members written to in spite of a complaint or bounce", suppressed_writes),
            ("names of fields sent that the list does not have", unknown_fields),
            ("members made by imports", import_created),
        ];
        let counted = counts.into_iter().filter(|(_, count)| *count > 0);
        let counted = counted.map(|(what, count)| format!("{count} {what}"));
        let autoresponders = self.twin.pending_imports().into_iter().filter(|import| import.trigger_autoresponder);
        let autoresponders = autoresponders.map(|import| format!("import {} sends autoresponders", import.id));
        counted.chain(autoresponders).chain(self.twin.unexpected()).collect()
    }
}
