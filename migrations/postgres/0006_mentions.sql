-- Who opened a shared page, where they had signed in.
ALTER TABLE share_visit ADD COLUMN who TEXT NOT NULL DEFAULT '';

-- Where people were named in what others wrote. body: JSON.
CREATE TABLE mention (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id BIGINT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    at BIGINT NOT NULL,
    seen_at BIGINT,
    body TEXT NOT NULL
);
CREATE INDEX mention_person ON mention (person_id, id);
