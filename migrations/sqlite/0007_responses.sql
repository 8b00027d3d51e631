-- What was done about alerts, or waits to be decided. body: JSON.
CREATE TABLE response_run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    response TEXT NOT NULL,
    state TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    incident_id INTEGER,
    proposed_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX response_run_state ON response_run (state, due_at);
CREATE INDEX response_run_proposed ON response_run (proposed_at);
CREATE INDEX response_run_incident ON response_run (incident_id);
CREATE INDEX response_run_fingerprint ON response_run (fingerprint);
-- One at a time, whoever proposes it where.
CREATE UNIQUE INDEX response_run_one ON response_run (response) WHERE state IN ('proposed', 'running', 'watched');
