CREATE TABLE timers (
    -- In seconds since the epoch.
    at INTEGER NOT NULL,
    source TEXT NOT NULL,
    person BLOB NOT NULL,
    PRIMARY KEY (at, source, person)
) WITHOUT ROWID;
