-- Format 6: readings of audiences at their sources.

CREATE TABLE scans (
    id TEXT PRIMARY KEY NOT NULL,
    source TEXT NOT NULL,
    revision INTEGER NOT NULL,
    body BLOB NOT NULL
) WITHOUT ROWID;
