//! Lists, fields and members as the twin keeps and shows them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::roster::Roster;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldKind {
    /// One of the twelve of vendor file 3.3; name, label and format cannot be altered.
    Fixed,
    Custom,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Text,
    Number,
    Date,
    Boolean,
    Choice,
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
    pub id: u64,
    #[serde(rename = "type")]
    pub kind: FieldKind,
    pub type_id: u64,
    pub format: Format,
    pub name: String,
    pub label: String,
    pub fallback: String,
    /// Option id → label; empty unless the format is a choice.
    pub options: BTreeMap<u64, String>,
}

/// A stored value: booleans as `0` or `1`, option ids as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FieldValue {
    One(String),
    Many(Vec<String>),
}

impl FieldValue {
    pub(super) fn empty() -> Self {
        Self::One(String::new())
    }

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
    Allow,
    /// Several members may share an email, none a mobile.
    AllowEmail,
    /// Several members may share a mobile, none an email.
    AllowMobile,
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

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptIn {
    #[default]
    Single,
    /// A created member is temporary until the person confirms, unless `skipOptIn` is sent.
    Double,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Active,
    /// Awaiting opt-in.
    Temporary,
    Unsubscribed,
}

/// `status.email`; a complaint or hard bounce leaves the member active otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmailStatus {
    #[default]
    Active,
    Complaint,
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
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.values().find(|field| field.name == name)
    }

    pub fn fixed_id(&self, name: &str) -> Option<u64> {
        self.fields.values().find(|field| field.kind == FieldKind::Fixed && field.name == name).map(|field| field.id)
    }

    /// To be called after fields came or went: the roster indexes two of them.
    pub fn reindex(&mut self) {
        let mut names = BTreeSet::new();
        let fields = self.fields.values();
        let seconds = fields.filter(|field| !names.insert(&field.name));
        self.seconds = seconds.map(|field| field.id).collect();
        let (email, mobile) = (self.fixed_id("email"), self.fixed_id("mobile"));
        self.roster.index_by(email, mobile);
    }

    pub fn remove_field(&mut self, id: u64) {
        if self.fields.remove(&id).is_some() {
            self.roster.remove_values(id);
            self.reindex();
        }
    }

    pub fn active_members(&self) -> usize {
        let active = |member: &&Member| member.standing == Standing::Active;
        self.roster.iter().map(|(_, m)| m).filter(active).count()
    }

    pub fn view(&self) -> ListView {
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

    pub fn member_view(&self, member: &Member) -> MemberView {
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
    pub id: u64,
    pub name: String,
    pub country_id: u64,
    pub duplicates: Duplicates,
    pub opt_in: OptIn,
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
    pub standing: Standing,
    pub email_status: EmailStatus,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
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
    pub name: String,
    pub duplicates: Duplicates,
    pub opt_in: OptIn,
    pub fields: Vec<SeedField>,
}

/// A custom field to seed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedField {
    pub name: String,
    pub label: String,
    pub format: Format,
    /// Labels of the options; the twin gives the ids.
    #[serde(default)]
    pub options: Vec<String>,
}

impl SeedField {
    pub fn new(name: &str, label: &str, format: Format) -> Self {
        Self { name: name.to_owned(), label: label.to_owned(), format, options: Vec::new() }
    }

    #[must_use]
    pub fn with_options(mut self, labels: &[&str]) -> Self {
        self.options = labels.iter().map(|&label| label.to_owned()).collect();
        self
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeedStanding {
    #[default]
    Active,
    Unsubscribed,
    /// Active, `status.email` is `complaint`.
    Complaint,
    /// Active, `status.email` is `hard_bounce`.
    HardBounce,
    Temporary,
}

/// A member to seed. The list's rule on duplicates does not apply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeedMember {
    pub email: String,
    pub standing: SeedStanding,
    /// By field name, values as the API takes them.
    pub fields: BTreeMap<String, Value>,
}

impl SeedMember {
    pub fn active(email: &str) -> Self {
        Self::with_standing(email, SeedStanding::Active)
    }

    pub fn with_standing(email: &str, standing: SeedStanding) -> Self {
        Self { email: email.to_owned(), standing, fields: BTreeMap::new() }
    }

    #[must_use]
    pub fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }
}
