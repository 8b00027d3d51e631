-- Streams that belong to no model: spans, logs, feedback, business events, evaluations. `bucket` is the
-- distribution column of all that a stream holds: the model's number, or a number below 0 for each kind.
ALTER TABLE stream ADD COLUMN bucket BIGINT;
UPDATE stream SET bucket = model_id;
ALTER TABLE stream ALTER COLUMN bucket SET NOT NULL;
ALTER TABLE stream ALTER COLUMN model_id DROP NOT NULL;
ALTER TABLE stream DROP CONSTRAINT stream_model_id_kind_environment_key;
ALTER TABLE stream ADD CONSTRAINT stream_bucket_kind_environment_key UNIQUE (bucket, kind, environment);

-- What happened to systems from the outside. The id is the sender's: sending it again changes nothing.
CREATE TABLE change (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    environment TEXT NOT NULL,
    system TEXT NOT NULL,
    service TEXT NOT NULL,
    model TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX change_at ON change (at);

-- Programs whose metrics are asked for.
CREATE TABLE scrape (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job TEXT NOT NULL,
    url TEXT NOT NULL,
    discovery BIGINT NOT NULL DEFAULT 0,
    every_secs BIGINT NOT NULL,
    credentials TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    UNIQUE (job, url)
);

-- What came by each way in: counts, first and last, and the last refusal with its reason.
CREATE TABLE arrival (
    way TEXT PRIMARY KEY,
    accepted BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    refused_at BIGINT,
    reason TEXT NOT NULL
);

-- What people say of a signal, by its metric's name.
CREATE TABLE signal_note (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL
);

-- Dependencies that people declare; the others are learned from spans.
CREATE TABLE dependency (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    from_name TEXT NOT NULL,
    to_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    UNIQUE (from_name, to_name)
);

-- Addresses that code hosts call, each with its secret.
CREATE TABLE webhook (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    token TEXT NOT NULL UNIQUE,
    secret TEXT NOT NULL,
    environment TEXT NOT NULL,
    system TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_at BIGINT
);

-- Single observations named beside samples, mostly with a trace.
CREATE TABLE exemplar (
    series_id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    labels TEXT NOT NULL,
    PRIMARY KEY (series_id, at)
);
CREATE INDEX exemplar_at ON exemplar (at);
