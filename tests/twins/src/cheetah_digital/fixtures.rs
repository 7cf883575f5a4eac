//! Tables that show what a client must cope with (vendor file 10.1).

use super::model::{DataType, SeedColumn, SeedJoin, SeedTable};

/// A table for each trap of the listing, and two tables around the recipients to be reached by joins.
pub(super) fn tables() -> Vec<SeedTable> {
    vec![
        lytics_audience(),
        newsletter(),
        read_only(),
        wide(),
        japanese(),
        recipients(),
        SeedTable::new(
            "Organization",
            vec![SeedColumn::new("Org Id", DataType::String).identifier(), SeedColumn::new("Name", DataType::String)],
        ),
        SeedTable::new(
            "Order",
            vec![
                SeedColumn::new("Order Id", DataType::String).identifier(),
                SeedColumn::new("Email", DataType::Email),
                SeedColumn::new("Total", DataType::Decimal),
            ],
        ),
    ]
}

pub(super) fn joins() -> [SeedJoin; 2] {
    let join = |name: &str, child: &str, child_column: &str, parent: &str, parent_column: &str| SeedJoin {
        name: name.to_owned(),
        child: child.to_owned(),
        child_column: child_column.to_owned(),
        parent: parent.to_owned(),
        parent_column: parent_column.to_owned(),
    };
    [
        join("recipient_to_organization", "recipient", "org_id", "organization", "org_id"),
        join("order_to_recipient", "order", "email", "recipient", "email"),
    ]
}

/// One row for each person and audience.
fn lytics_audience() -> SeedTable {
    SeedTable::new(
        "Lytics Audience",
        vec![
            SeedColumn::new("Email", DataType::Email).identifier(),
            SeedColumn::new("Audience Slug", DataType::String).identifier(),
            SeedColumn::new("Subscribed", DataType::String),
            SeedColumn::new("Changed At", DataType::DateTime),
            SeedColumn::new("First Seen", DataType::DateTime),
        ],
    )
}

/// One row for each person: a second audience overwrites the first.
fn newsletter() -> SeedTable {
    SeedTable::new(
        "Newsletter",
        vec![
            SeedColumn::new("Email", DataType::Email).identifier(),
            SeedColumn::new("Audience Slug", DataType::String),
            SeedColumn::new("Subscribed", DataType::String),
            SeedColumn::new("Audiences", DataType::String).multi_value(),
            SeedColumn::new("Consent", DataType::Preference),
            SeedColumn::new("Phone", DataType::Phone),
            SeedColumn::new("Visits", DataType::Integer),
            SeedColumn::new("Note", DataType::LongString),
        ],
    )
}

fn read_only() -> SeedTable {
    let columns = vec![SeedColumn::new("Profile Id", DataType::String).identifier()];
    SeedTable { read_only: true, ..SeedTable::new("EDP Profile", columns) }
}

fn wide() -> SeedTable {
    let others = (1..600).map(|number| SeedColumn::new(&format!("Column {number:03}"), DataType::String));
    let columns = std::iter::once(SeedColumn::new("Wide Id", DataType::String).identifier()).chain(others);
    SeedTable::new("Wide", columns.collect())
}

fn japanese() -> SeedTable {
    let columns =
        vec![SeedColumn::new("メール", DataType::Email).identifier(), SeedColumn::new("会員 区分", DataType::String)];
    SeedTable::new("会員 テーブル", columns)
}

/// Two views of one entity.
fn recipients() -> SeedTable {
    SeedTable {
        views: vec!["Recipient".to_owned(), "All Recipients".to_owned()],
        columns: vec![
            SeedColumn::new("Email", DataType::Email).identifier(),
            SeedColumn::new("Org Id", DataType::String),
            SeedColumn::new("First Name", DataType::String),
        ],
        read_only: false,
    }
}
