-- What is wrong, who is to know, and what they were told.
CREATE TABLE alert_rule (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL
) STRICT;

-- What is pending or firing of a rule, so that a restart neither forgets nor fires twice.
CREATE TABLE rule_state (
    rule_id INTEGER PRIMARY KEY REFERENCES alert_rule (id) ON DELETE CASCADE,
    body TEXT NOT NULL
) STRICT;

-- One alert from its firing to its end.
CREATE TABLE alert (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    fingerprint TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER,
    updated_at INTEGER NOT NULL,
    incident_id INTEGER,
    body TEXT NOT NULL,
    UNIQUE (fingerprint, starts_at)
) STRICT;
CREATE INDEX alert_ends_at ON alert (ends_at);
CREATE INDEX alert_updated_at ON alert (updated_at);
CREATE INDEX alert_incident ON alert (incident_id);

CREATE TABLE silence (
    id TEXT PRIMARY KEY,
    ends_at INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

-- Groups of alerts with what each destination was told: the open-notification ledger.
CREATE TABLE alert_group (
    key TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;

-- The outbox: messages that were decided on. The id goes along as the idempotency key.
CREATE TABLE notification (
    id TEXT PRIMARY KEY,
    group_key TEXT NOT NULL,
    destination TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    problem TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX notification_due ON notification (state, due_at);
CREATE INDEX notification_destination ON notification (destination, created_at);

CREATE TABLE incident (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    opened_at INTEGER NOT NULL,
    resolved_at INTEGER,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX incident_opened ON incident (opened_at);

-- What happened to alerts and incidents, and why somebody was told or nobody.
CREATE TABLE entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    incident_id INTEGER,
    fingerprint TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX entry_incident ON entry (incident_id, at);
CREATE INDEX entry_fingerprint ON entry (fingerprint, at);

CREATE TABLE annotation (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    until_at INTEGER NOT NULL,
    incident_id INTEGER,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX annotation_at ON annotation (at);

-- Pages shown to others by link. The token itself is never stored, only its SHA-256.
CREATE TABLE share (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    token_hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    body TEXT NOT NULL
) STRICT;

CREATE TABLE share_visit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    share_id INTEGER NOT NULL REFERENCES share (id) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    address TEXT NOT NULL
) STRICT;
CREATE INDEX share_visit_share ON share_visit (share_id, at);
