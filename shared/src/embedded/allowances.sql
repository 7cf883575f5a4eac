-- Format 5: budgets hold more than one bucket, and breakers; messages are shared out fairly.
DROP TABLE buckets;
CREATE TABLE allowances (
    authorization TEXT PRIMARY KEY,
    body BLOB NOT NULL
) WITHOUT ROWID;
ALTER TABLE messages ADD COLUMN share TEXT NOT NULL DEFAULT '';
DROP INDEX messages_by_queue;
CREATE INDEX messages_by_share ON messages (queue, share, visible_at, id);
CREATE INDEX messages_in_hand ON messages (queue, share, visible_at) WHERE in_hand = 1;
