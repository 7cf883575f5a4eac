-- Format 4: up to where owners were told.

CREATE TABLE notices (
    activation TEXT PRIMARY KEY NOT NULL,
    revision INTEGER NOT NULL,
    body BLOB NOT NULL
) WITHOUT ROWID;
