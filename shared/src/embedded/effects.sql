-- Format 2: the ledger of effects.

CREATE TABLE effects (
    activation TEXT NOT NULL,
    person BLOB NOT NULL,
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    -- 1 where owners are shown it in a list.
    listed INTEGER NOT NULL,
    -- Microseconds since 1970; null for ever.
    kept_until INTEGER,
    body BLOB NOT NULL,
    PRIMARY KEY (activation, person, id)
) WITHOUT ROWID;
CREATE INDEX effects_listed ON effects (activation, person, id) WHERE listed = 1;
