-- Streams that belong to no model: spans, logs, feedback, business events, evaluations. `bucket` is the
-- distribution column of all that a stream holds: the model's number, or a number below 0 for each kind.
CREATE TABLE stream_next (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket INTEGER NOT NULL,
    model_id INTEGER REFERENCES model (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    environment TEXT NOT NULL,
    late_duplicates INTEGER NOT NULL DEFAULT 0,
    UNIQUE (bucket, kind, environment)
) STRICT;
INSERT INTO stream_next (id, bucket, model_id, kind, environment, late_duplicates)
    SELECT id, model_id, model_id, kind, environment, late_duplicates FROM stream;
DROP TABLE stream;
ALTER TABLE stream_next RENAME TO stream;

-- What happened to systems from the outside. The id is the sender's: sending it again changes nothing.
CREATE TABLE change (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    environment TEXT NOT NULL,
    system TEXT NOT NULL,
    service TEXT NOT NULL,
    model TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX change_at ON change (at);

-- Programs whose metrics are asked for.
CREATE TABLE scrape (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job TEXT NOT NULL,
    url TEXT NOT NULL,
    discovery INTEGER NOT NULL DEFAULT 0,
    every_secs INTEGER NOT NULL,
    credentials TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    UNIQUE (job, url)
) STRICT;

-- What came by each way in: counts, first and last, and the last refusal with its reason.
CREATE TABLE arrival (
    way TEXT PRIMARY KEY,
    accepted INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    refused_at INTEGER,
    reason TEXT NOT NULL
) STRICT;

-- What people say of a signal, by its metric's name.
CREATE TABLE signal_note (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;

-- Dependencies that people declare; the others are learned from spans.
CREATE TABLE dependency (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    from_name TEXT NOT NULL,
    to_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    UNIQUE (from_name, to_name)
) STRICT;

-- Addresses that code hosts call, each with its secret.
CREATE TABLE webhook (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    token TEXT NOT NULL UNIQUE,
    secret TEXT NOT NULL,
    environment TEXT NOT NULL,
    system TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_at INTEGER
) STRICT;

-- Single observations named beside samples, mostly with a trace.
CREATE TABLE exemplar (
    series_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    value REAL NOT NULL,
    labels TEXT NOT NULL,
    PRIMARY KEY (series_id, at)
) STRICT;
CREATE INDEX exemplar_at ON exemplar (at);
