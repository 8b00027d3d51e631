-- Who opened a shared page, where they had signed in.
ALTER TABLE share_visit ADD COLUMN who TEXT NOT NULL DEFAULT '';

-- Where people were named in what others wrote. body: JSON.
CREATE TABLE mention (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    seen_at INTEGER,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX mention_person ON mention (person_id, id);
