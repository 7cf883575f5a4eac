//! Whether the table is as the settings have it. Nothing can be made there by API: what is missing is named.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::client::Api;
use super::config::{Settings, column_type, in_words, is_preference};
use super::tables::{Table, TableColumn};
use crate::destination::{Failure, Links, Preparation, Resend};
use crate::mapping::{Column, Need, SourcePath};

/// What a look found.
pub(super) struct Looked {
    pub(super) preparation: Preparation,
    /// What the owner should make sure of, since Cheetah Digital does not tell.
    pub(super) unknown: Option<String>,
}

/// Looks.
pub(super) async fn look(api: &Api<'_>, settings: &Settings, links: &Links) -> Result<Looked, Failure> {
    let tables = api.tables().await?;
    let table = find(&tables, &settings.table)?;
    let columns = api.columns(table).await?;
    check(settings, &columns)?;
    let warnings = warnings(settings, &columns, links);
    let tells = columns.iter().any(|column| column.is_unique_identifier.is_some());
    let unknown = (!tells).then(|| {
        format!(
            "Cheetah Digital does not say what it is: if it is not {}, a person's audiences overwrite each other",
            listed(&expected_identifier(settings))
        )
    });
    let preparation = Preparation { notes: json!({ "view": table.id }), resend: Resend::Nobody, warnings };
    Ok(Looked { preparation, unknown })
}

/// The columns by which rows are told apart, as the settings have it.
fn expected_identifier(settings: &Settings) -> BTreeSet<&str> {
    settings.identifying_columns().collect()
}

fn listed(names: &BTreeSet<&str>) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

pub(super) fn find<'t>(tables: &'t [Table], name: &str) -> Result<&'t Table, Failure> {
    if let Some(table) = tables.iter().find(|table| table.name == name) {
        return Ok(table);
    }
    let meant = tables.iter().find(|table| table.display_name == name || table.name.eq_ignore_ascii_case(name));
    Err(Failure::misconfigured(match meant {
        Some(meant) => format!("there is no table `{name}`: the table's own name is `{}`", meant.name),
        None => format!("there is no table `{name}` at Cheetah Digital, or the key may not see it"),
    }))
}

pub(super) fn check(settings: &Settings, columns: &[TableColumn]) -> Result<(), Failure> {
    let by_name: BTreeMap<&str, &TableColumn> = columns.iter().map(|column| (column.name.as_str(), column)).collect();
    let missing = settings.written_columns().filter(|name| !by_name.contains_key(name)).map(|name| {
        let meant = columns.iter().find(|column| column.display_name == name);
        meant.map_or(format!("`{name}`"), |meant| format!("`{name}` (the column's own name is `{}`)", meant.name))
    });
    let missing: Vec<String> = missing.collect();
    if !missing.is_empty() {
        let reason = format!("the table `{}` has no column {}", settings.table, missing.join(", "));
        return Err(Failure::misconfigured(reason));
    }
    let consents = settings.written_columns().filter(|name| {
        let kind = by_name.get(name).and_then(|column| column.data_type.as_deref());
        kind.is_some_and(is_preference) && !settings.preference_columns.contains(*name)
    });
    if let Some(consent) = consents.into_iter().next() {
        let reason = format!("`{consent}` holds a consent: name it in `preference_columns` if it is to be written");
        return Err(Failure::misconfigured(reason));
    }
    settings.compile(Some(&known(columns))).map(drop).map_err(|errors| Failure::misconfigured(in_words(&errors)))
}

/// What the table has, as a mapping is held against it.
fn known(columns: &[TableColumn]) -> Vec<Column> {
    let column = |column: &TableColumn| Column {
        name: column.name.clone(),
        label: column.display_name.clone(),
        kind: column.data_type.as_deref().and_then(column_type),
        max_length: None,
        need: Need::Optional,
    };
    columns.iter().map(column).collect()
}

/// Every mistake that the table shows in settings, those in expressions with them.
pub(super) async fn find_misfits(api: &Api<'_>, settings: &Settings) -> Result<Vec<String>, Failure> {
    let tables = api.tables().await?;
    let columns = api.columns(find(&tables, &settings.table)?).await?;
    Ok(misfits(settings, &columns))
}

pub(super) fn misfits(settings: &Settings, columns: &[TableColumn]) -> Vec<String> {
    let mut misfits = Vec::new();
    for (setting, name) in settings.own_columns() {
        if columns.iter().any(|column| column.name == name) {
            continue;
        }
        let meant = columns.iter().find(|column| column.display_name.eq_ignore_ascii_case(name));
        let meant = meant.map(|meant| format!(": the column's own name is `{}`", meant.name)).unwrap_or_default();
        misfits.push(format!("$.{setting}: the table `{}` has no column `{name}`{meant}", settings.table));
    }
    let is_consent = |column: &&TableColumn| column.data_type.as_deref().is_some_and(is_preference);
    for name in settings.written_columns().filter(|name| !settings.preference_columns.contains(*name)) {
        if columns.iter().filter(is_consent).any(|column| column.name == name) {
            misfits
                .push(format!("$.preference_columns: `{name}` holds a consent: name it here if it is to be written"));
        }
    }
    let mistakes = settings.compile(Some(&known(columns))).err().unwrap_or_default();
    misfits.extend(mistakes.iter().map(|mistake| {
        let at = mistake.entry.map(|entry| format!("[{entry}]")).unwrap_or_default();
        let within = mistake.expression.as_ref().map(|source| format!(" (in `{source}`)")).unwrap_or_default();
        format!("$.columns{at}: {mistake}{within}")
    }));
    misfits
}

pub(super) fn warnings(settings: &Settings, columns: &[TableColumn], links: &Links) -> Vec<String> {
    let mut warnings = Vec::new();
    let identifiers: BTreeSet<&str> = columns
        .iter()
        .filter(|column| column.is_unique_identifier == Some(true))
        .map(|column| column.name.as_str())
        .collect();
    let expected = expected_identifier(settings);
    if columns.iter().any(|column| column.is_unique_identifier.is_some()) {
        if !identifiers.contains(settings.audience_column.as_str()) {
            warnings.push(format!(
                "the table's unique identifier is {} without `{}`: a person's audiences overwrite each other, those of \
                 other activations on this table too",
                listed(&identifiers),
                settings.audience_column
            ));
        } else if identifiers != expected {
            warnings.push(format!(
                "the table's unique identifier is {}, while the settings tell rows apart by {}",
                listed(&identifiers),
                listed(&expected)
            ));
        }
    }
    let attributes = settings.compile(None).map(|compiled| compiled.reads()).unwrap_or_default();
    let unlinked = attributes.into_iter().filter_map(|path| match path {
        SourcePath::Attribute(id) if links.type_of(&id).is_none() => Some(id),
        SourcePath::Attribute(_)
        | SourcePath::Identifier(_)
        | SourcePath::Field(_)
        | SourcePath::Audience(_)
        | SourcePath::ChangeTime => None,
    });
    warnings.extend(unlinked.map(|id| format!("`attributes.{id}` is mapped and not linked, so nothing of it is sent")));
    warnings
}
