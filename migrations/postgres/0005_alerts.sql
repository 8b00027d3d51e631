-- What is wrong, who is to know, and what they were told.
CREATE TABLE alert_rule (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL
);

-- What is pending or firing of a rule, so that a restart neither forgets nor fires twice.
CREATE TABLE rule_state (
    rule_id BIGINT PRIMARY KEY REFERENCES alert_rule (id) ON DELETE CASCADE,
    body TEXT NOT NULL
);

-- One alert from its firing to its end.
CREATE TABLE alert (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT,
    updated_at BIGINT NOT NULL,
    incident_id BIGINT,
    body TEXT NOT NULL,
    UNIQUE (fingerprint, starts_at)
);
CREATE INDEX alert_ends_at ON alert (ends_at);
CREATE INDEX alert_updated_at ON alert (updated_at);
CREATE INDEX alert_incident ON alert (incident_id);

CREATE TABLE silence (
    id TEXT PRIMARY KEY,
    ends_at BIGINT NOT NULL,
    body TEXT NOT NULL
);

-- Groups of alerts with what each destination was told: the open-notification ledger.
CREATE TABLE alert_group (
    key TEXT PRIMARY KEY,
    body TEXT NOT NULL
);

-- The outbox: messages that were decided on. The id goes along as the idempotency key.
CREATE TABLE notification (
    id TEXT PRIMARY KEY,
    group_key TEXT NOT NULL,
    destination TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    problem TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX notification_due ON notification (state, due_at);
CREATE INDEX notification_destination ON notification (destination, created_at);

CREATE TABLE incident (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    opened_at BIGINT NOT NULL,
    resolved_at BIGINT,
    body TEXT NOT NULL
);
CREATE INDEX incident_opened ON incident (opened_at);

-- What happened to alerts and incidents, and why somebody was told or nobody.
CREATE TABLE entry (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    incident_id BIGINT,
    fingerprint TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX entry_incident ON entry (incident_id, at);
CREATE INDEX entry_fingerprint ON entry (fingerprint, at);

CREATE TABLE annotation (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    incident_id BIGINT,
    body TEXT NOT NULL
);
CREATE INDEX annotation_at ON annotation (at);

-- Pages shown to others by link. The token itself is never stored, only its SHA-256.
CREATE TABLE share (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token_hash BYTEA NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    body TEXT NOT NULL
);

CREATE TABLE share_visit (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    share_id BIGINT NOT NULL REFERENCES share (id) ON DELETE CASCADE,
    at BIGINT NOT NULL,
    address TEXT NOT NULL
);
CREATE INDEX share_visit_share ON share_visit (share_id, at);
