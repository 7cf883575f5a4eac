//! What a source's requests look like, and what must be said of a vendor's own format.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint::Endpoint;
use super::ids::{AudienceId, AuthorizationId, IdentifierType, PlatformName};

/// What a source's requests look like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SourceFormat {
    /// Muster's own changes, plain or as CloudEvents.
    #[default]
    Muster,
    /// Webhooks of Lytics' audience triggers.
    Lytics(LyticsFormat),
    /// Event notifications of Eagle Eye AIR.
    EagleEyeAir(EagleEyeAirFormat),
    /// Requests of rewards, as Eagle Eye's own connector takes them.
    EeConnect(EeConnectFormat),
}

/// How requests of rewards are read that a platform sends to `/in/{platform}/{source}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EeConnectFormat {
    /// Which platform sends them: a part of their address. `bloomreach` is answered as Bloomreach wants it.
    pub platform: PlatformName,
    /// As which type of identifier a person's identity at AIR is kept, as it was written; `air_identity` where absent.
    #[serde(default = "air_identity")]
    #[schemars(with = "String")]
    pub identity: IdentifierType,
}

fn air_identity() -> IdentifierType {
    "air_identity".parse().expect("a type of identifier")
}

fn customer_id() -> IdentifierType {
    "customer_id".parse().expect("a type of identifier")
}

/// How the event notifications of a unit of Eagle Eye AIR are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EagleEyeAirFormat {
    /// Type of identifier → AIR's type of identity. `customer_id` is `CUSTOMER_ID` where absent.
    #[schemars(with = "BTreeMap<String, String>")]
    pub identities: BTreeMap<IdentifierType, String>,
    /// ISO 4217: in which currency the unit counts. It decides how many minor units a major one has, and is told with
    /// amounts.
    pub currency: Option<String>,
    /// The scheme (its campaign id) whose points are a member's points; needed where there are several.
    pub points_campaign: Option<String>,
    /// Which redemptions are the use of a coupon.
    pub redemptions: Redemptions,
    /// Whether events of unknown names are read by what is in them; otherwise they are only counted.
    pub read_unknown: bool,
    /// What the references of rewards begin with that Muster causes.
    pub own_references: String,
    /// Client ids at AIR that are Muster's alone: rewards that they cause are Muster's, whatever their references.
    pub own_clients: BTreeSet<String>,
    /// What becomes of the events of such rewards.
    pub own_rewards: OwnRewards,
    /// The platform whose connector this takes the place of: events are taken at `/out/{platform}/{source}` too.
    pub platform: Option<PlatformName>,
    /// Where AIR is asked for the identities of a wallet of which no event told any; not at all where it is absent.
    pub look_up: Option<WalletLookUp>,
    /// How many hours after a wallet was deleted its row is erased, 1 to 720.
    #[schemars(range(min = 1, max = 720))]
    pub erase_after_hours: u16,
}

/// Where AIR is asked for a wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletLookUp {
    /// An authorization of Eagle Eye AIR, whose limits are kept to.
    #[schemars(with = "String")]
    pub authorization: AuthorizationId,
    /// The host of the unit's wallet API, with `/2.0` behind it where Eagle Eye says so.
    pub wallet_url: Endpoint,
}

impl Default for EagleEyeAirFormat {
    fn default() -> Self {
        Self {
            identities: BTreeMap::from([(customer_id(), "CUSTOMER_ID".to_owned())]),
            currency: None,
            points_campaign: None,
            redemptions: Redemptions::default(),
            read_unknown: false,
            own_references: "mstr-".to_owned(),
            own_clients: BTreeSet::new(),
            own_rewards: OwnRewards::default(),
            platform: None,
            look_up: None,
            erase_after_hours: 24,
        }
    }
}

/// Which redemptions are the use of a coupon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Redemptions {
    /// Of coupons that were issued to a client, when they are used; others are counted by the type of their account.
    #[default]
    Narrow,
    /// All that AIR calls so, also of what triggers, quests and stamp cards work with.
    Wide,
}

/// What becomes of the events of rewards that Muster caused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OwnRewards {
    /// They are told, with `caused_by_muster` among what is said of them.
    #[default]
    Tell,
    /// They are counted only; the member's points and tier are taken all the same.
    LeaveOut,
}

/// How the webhooks of a Lytics job are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LyticsFormat {
    /// Type of identifier → the member of the profile that holds it. Dots lead into members of members. `email` and
    /// `user_id` in the members of the same name where absent.
    #[schemars(with = "BTreeMap<String, String>")]
    pub identifiers: BTreeMap<IdentifierType, String>,
    /// Which of an audience's two names is its id at Muster.
    pub named_by: AudienceNaming,
    /// The slugs or ids of the audiences that are taken, all where it is absent. Events of others are counted only.
    pub audiences: Option<BTreeSet<AudienceId>>,
    /// Until then whoever enters was inside before: it earns nothing.
    #[schemars(with = "Option<String>")]
    pub backfill_until: Option<Timestamp>,
    /// The members of the profile that a scan asks for, besides the identifiers; all where it is absent.
    pub scan_fields: Option<BTreeSet<String>>,
    /// Audiences that are compared with a scan every day: those that send no exits.
    pub reconciled: BTreeSet<AudienceId>,
}

impl Default for LyticsFormat {
    fn default() -> Self {
        let same = ["email", "user_id"].map(|name| Some((name.parse().ok()?, name.to_owned())));
        Self {
            identifiers: same.into_iter().flatten().collect(),
            named_by: AudienceNaming::default(),
            audiences: None,
            backfill_until: None,
            scan_fields: None,
            reconciled: BTreeSet::new(),
        }
    }
}

/// Which of an audience's two names is its id at Muster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AudienceNaming {
    /// The slug, which people read and may change.
    #[default]
    Slug,
    /// The id, which never changes.
    Id,
}

impl AudienceNaming {
    /// The name that is not the id.
    pub fn other(self) -> Self {
        match self {
            Self::Slug => Self::Id,
            Self::Id => Self::Slug,
        }
    }
}
