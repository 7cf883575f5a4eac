-- Format 3: who is about to give a key back.
ALTER TABLE claims ADD COLUMN offered TEXT;
