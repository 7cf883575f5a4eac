//! Lists, fields and members as the twin keeps and shows them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::roster::Roster;

/// Who made a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldKind {
    /// One of the twelve of vendor file 3.3; name, label and format cannot be altered.
    Fixed,
    /// Made by the account.
    Custom,
}

/// What a field holds (vendor file 3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Text of any kind.
    Text,
    /// A whole number, negative ones included.
    Number,
    /// A day, or a day and a time to the second.
    Date,
    /// Yes or no.
    Boolean,
    /// One of the field's options.
    Choice,
    /// Any number of the field's options.
    Multi,
    /// Choice-like list of stores; cannot be created through the API.
    Shop,
    /// Text; cannot be created through the API.
    Password,
}

impl Format {
    /// The formats a custom field may be created with.
    pub(super) fn from_api(text: &str) -> Option<Self> {
        match text {
            "text" => Some(Self::Text),
            "number" => Some(Self::Number),
            "date" => Some(Self::Date),
            "boolean" => Some(Self::Boolean),
            "choice" => Some(Self::Choice),
            "multi" => Some(Self::Multi),
            _ => None,
        }
    }

    pub(super) fn has_options(self) -> bool {
        match self {
            Self::Choice | Self::Multi | Self::Shop => true,
            Self::Text | Self::Number | Self::Date | Self::Boolean | Self::Password => false,
        }
    }

    /// Only 15, 17 and 18 occur in the documentation; the others are made up.
    pub(super) fn custom_type_id(self) -> u64 {
        match self {
            Self::Text => 13,
            Self::Number => 14,
            Self::Boolean => 15,
            Self::Date => 16,
            Self::Choice => 17,
            Self::Multi => 18,
            Self::Shop => 19,
            Self::Password => 20,
        }
    }
}

/// A field of a list (vendor file 3.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The vendor's id of the field.
    pub id: u64,
    /// Fixed or custom.
    #[serde(rename = "type")]
    pub kind: FieldKind,
    /// The vendor's number for the fixed field or the format; most are made up.
    pub type_id: u64,
    /// What it holds.
    pub format: Format,
    /// The key of its values in requests.
    pub name: String,
    /// The name that people see.
    pub label: String,
    /// Kept and shown, never used.
    pub fallback: String,
    /// Option id → label; empty unless the format is a choice.
    pub options: BTreeMap<u64, String>,
}

/// A stored value: booleans as `0` or `1`, option ids as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FieldValue {
    /// A single value; `""` is empty.
    One(String),
    /// The ids of the chosen options; `[]` is empty.
    Many(Vec<String>),
}

impl FieldValue {
    pub(super) fn empty() -> Self {
        Self::One(String::new())
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::One(text) => text.is_empty(),
            Self::Many(ids) => ids.is_empty(),
        }
    }

    /// The text of a single value; `None` for several.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::One(text) => Some(text),
            Self::Many(_) => None,
        }
    }

    pub(super) fn texts(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(ids) => ids,
        }
    }
}

/// Values by field id; an empty value clears.
pub(super) type Values = BTreeMap<u64, FieldValue>;

/// Which duplicates a list allows (vendor file 3.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// Several members may share an email, a mobile or both.
    Allow,
    /// Several members may share an email, none a mobile.
    AllowEmail,
    /// Several members may share a mobile, none an email.
    AllowMobile,
    /// No two members share an email or a mobile.
    #[default]
    Disallow,
}

impl Duplicates {
    pub(super) fn from_api(text: &str) -> Option<Self> {
        match text {
            "allow" => Some(Self::Allow),
            "allow_email" => Some(Self::AllowEmail),
            "allow_mobile" => Some(Self::AllowMobile),
            "disallow" => Some(Self::Disallow),
            _ => None,
        }
    }

    pub(super) fn forbids_email(self) -> bool {
        matches!(self, Self::AllowMobile | Self::Disallow)
    }

    pub(super) fn forbids_mobile(self) -> bool {
        matches!(self, Self::AllowEmail | Self::Disallow)
    }
}

/// Whether a person must confirm that he joins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptIn {
    /// A created member is active at once.
    #[default]
    Single,
    /// A created member is temporary until the person confirms, unless `skipOptIn` is sent.
    Double,
}

/// Where a member stands on its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A subscriber.
    Active,
    /// Awaiting opt-in.
    Temporary,
    /// Left or was removed, and is kept.
    Unsubscribed,
}

/// `status.email`; a complaint or hard bounce leaves the member active otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmailStatus {
    /// Neither a complaint nor a hard bounce.
    #[default]
    Active,
    /// The person complained of spam.
    Complaint,
    /// Mail to the address bounces for good.
    HardBounce,
}

impl EmailStatus {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Complaint => "complaint",
            Self::HardBounce => "hard_bounce",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Member {
    pub id: Uuid,
    pub standing: Standing,
    pub email_status: EmailStatus,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub unsubscribed_at: Option<Timestamp>,
    pub values: Values,
}

#[derive(Debug)]
pub(super) struct List {
    pub id: u64,
    pub name: String,
    pub country_id: u64,
    pub duplicates: Duplicates,
    pub opt_in: OptIn,
    pub created_at: Timestamp,
    pub fields: BTreeMap<u64, Field>,
    /// Fields whose name one with a lower id has too; see `PatchMatch::IdOnly`.
    pub seconds: BTreeSet<u64>,
    pub roster: Roster,
}

impl List {
    /// The field of that name; of several the one with the lowest id.
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.values().find(|field| field.name == name)
    }

    pub(super) fn fixed_id(&self, name: &str) -> Option<u64> {
        self.fields.values().find(|field| field.kind == FieldKind::Fixed && field.name == name).map(|field| field.id)
    }

    /// To be called after fields came or went: the roster indexes two of them.
    pub(super) fn reindex(&mut self) {
        let mut names = BTreeSet::new();
        let fields = self.fields.values();
        let seconds = fields.filter(|field| !names.insert(&field.name));
        self.seconds = seconds.map(|field| field.id).collect();
        let (email, mobile) = (self.fixed_id("email"), self.fixed_id("mobile"));
        self.roster.index_by(email, mobile);
    }

    pub(super) fn remove_field(&mut self, id: u64) {
        if self.fields.remove(&id).is_some() {
            self.roster.remove_values(id);
            self.reindex();
        }
    }

    pub(super) fn active_members(&self) -> usize {
        let active = |member: &&Member| member.standing == Standing::Active;
        self.roster.iter().map(|(_, m)| m).filter(active).count()
    }

    pub(super) fn view(&self) -> ListView {
        ListView {
            id: self.id,
            name: self.name.clone(),
            country_id: self.country_id,
            duplicates: self.duplicates,
            opt_in: self.opt_in,
            active_members: self.active_members(),
            fields: self.fields.values().cloned().collect(),
        }
    }

    pub(super) fn member_view(&self, member: &Member) -> MemberView {
        let named = |(id, value): (&u64, &FieldValue)| {
            let field = self.fields.get(id)?;
            Some((field.name.clone(), value.clone()))
        };
        MemberView {
            id: member.id.to_string(),
            standing: member.standing,
            email_status: member.email_status,
            created_at: member.created_at,
            updated_at: member.updated_at,
            unsubscribed_at: member.unsubscribed_at,
            // In reverse, so that of two fields with one name the lowest id shows.
            fields: member.values.iter().rev().filter_map(named).collect(),
        }
    }
}

/// A list as the side door shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListView {
    /// The id in the API's paths.
    pub id: u64,
    /// The name that people see.
    pub name: String,
    /// The vendor's id of the country; 1 for a seeded list.
    pub country_id: u64,
    /// Which duplicates it allows.
    pub duplicates: Duplicates,
    /// Whether members must confirm.
    pub opt_in: OptIn,
    /// Members that are `Standing::Active`.
    pub active_members: usize,
    /// By ascending id; two may share a name under `PatchMatch::IdOnly`.
    pub fields: Vec<Field>,
}

impl ListView {
    /// The field of that name with the lowest id.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// A member as the side door shows it, whatever its standing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberView {
    /// Lowercase GUID.
    pub id: String,
    /// Where it stands on its list.
    pub standing: Standing,
    /// Whether mail to it is suppressed.
    pub email_status: EmailStatus,
    /// On the twin's clock.
    pub created_at: Timestamp,
    /// When the member was last written, on the twin's clock.
    pub updated_at: Timestamp,
    /// On the twin's clock; absent unless unsubscribed.
    pub unsubscribed_at: Option<Timestamp>,
    /// By field name; empty fields are absent.
    pub fields: BTreeMap<String, FieldValue>,
}

impl MemberView {
    /// The single value of a field, `""` when empty.
    pub fn text(&self, field: &str) -> &str {
        self.fields.get(field).and_then(FieldValue::text).unwrap_or("")
    }
}

/// A list to seed; it gets all twelve fixed fields besides `fields`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeedList {
    /// Chosen by the twin when absent.
    pub id: Option<u64>,
    /// The name that people see.
    pub name: String,
    /// Which duplicates it allows.
    pub duplicates: Duplicates,
    /// Whether members must confirm.
    pub opt_in: OptIn,
    /// Custom fields, in the order of their ids.
    pub fields: Vec<SeedField>,
}

/// A custom field to seed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedField {
    /// The key of its values in requests.
    pub name: String,
    /// The name that people see.
    pub label: String,
    /// What it holds.
    pub format: Format,
    /// Labels of the options; the twin gives the ids.
    #[serde(default)]
    pub options: Vec<String>,
}

impl SeedField {
    /// A field without options.
    pub fn new(name: &str, label: &str, format: Format) -> Self {
        Self { name: name.to_owned(), label: label.to_owned(), format, options: Vec::new() }
    }

    /// With these options in the place of any before.
    #[must_use]
    pub fn with_options(mut self, labels: &[&str]) -> Self {
        self.options = labels.iter().map(|&label| label.to_owned()).collect();
        self
    }
}

/// How a seeded member stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeedStanding {
    /// A subscriber.
    #[default]
    Active,
    /// Unsubscribed at the time of seeding.
    Unsubscribed,
    /// Active, `status.email` is `complaint`.
    Complaint,
    /// Active, `status.email` is `hard_bounce`.
    HardBounce,
    /// Awaiting opt-in.
    Temporary,
}

/// A member to seed. The list's rule on duplicates does not apply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeedMember {
    /// The value of the fixed field `email`.
    pub email: String,
    /// How it stands.
    pub standing: SeedStanding,
    /// By field name, values as the API takes them.
    pub fields: BTreeMap<String, Value>,
}

impl SeedMember {
    /// A subscriber without other fields.
    pub fn active(email: &str) -> Self {
        Self::with_standing(email, SeedStanding::Active)
    }

    /// A member of that standing without other fields.
    pub fn with_standing(email: &str, standing: SeedStanding) -> Self {
        Self { email: email.to_owned(), standing, fields: BTreeMap::new() }
    }

    /// Adds a value, as the API takes it, for the field of that name.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }
}
