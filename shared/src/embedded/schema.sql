-- The embedded store, format 1. Bodies are JSON in bytes; what is compared or sorted by stands in columns
-- of its own. Times that are compared are microseconds since 1970.

CREATE TABLE people (
    key BLOB PRIMARY KEY,
    source TEXT NOT NULL,
    version INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX people_by_source ON people (source, key);

-- Apart from the person's row, so that neither ingest nor delivery erases what the other wrote.
CREATE TABLE standings (
    person BLOB NOT NULL,
    activation TEXT NOT NULL,
    revision INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (person, activation)
);

CREATE TABLE documents (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE TABLE document_history (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (kind, id, version)
) WITHOUT ROWID;

CREATE TABLE flights (
    id TEXT PRIMARY KEY,
    activation TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX flights_by_activation ON flights (activation);
CREATE TABLE claims (
    activation TEXT NOT NULL,
    key BLOB NOT NULL,
    holder BLOB NOT NULL,
    contender BLOB,
    PRIMARY KEY (activation, key)
) WITHOUT ROWID;
CREATE TABLE buckets (
    authorization TEXT PRIMARY KEY,
    body BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    activation TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX jobs_by_activation ON jobs (activation);
CREATE TABLE erasures (
    person BLOB PRIMARY KEY,
    noted_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE marks (
    name TEXT PRIMARY KEY,
    at TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE messages (
    -- AUTOINCREMENT: a receipt names a message by its id, which must not come back after a purge.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    body TEXT NOT NULL,
    visible_at INTEGER NOT NULL,
    receive_count INTEGER NOT NULL DEFAULT 0,
    -- 1 while it is hidden because somebody received it, 0 while its sender or a release delays it.
    in_hand INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX messages_by_queue ON messages (queue, visible_at);
-- So that finding the worn out costs nothing where there are none; see MAX_RECEIVES.
CREATE INDEX messages_worn_out ON messages (queue, visible_at) WHERE receive_count >= 20;
CREATE INDEX messages_by_time ON messages (visible_at);
CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    body TEXT NOT NULL,
    receive_count INTEGER NOT NULL,
    died_at TEXT NOT NULL
);

CREATE TABLE secrets (
    name TEXT PRIMARY KEY,
    nonce BLOB NOT NULL,
    ciphertext BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE mails (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    dedupe_key TEXT NOT NULL UNIQUE,
    body BLOB NOT NULL
);
