-- Telemetry in columns. `bucket` is the distribution column and part of every primary key, so that
-- the schema can be spread by Citus.

-- The fresh log: one row a stream and group commit.
CREATE TABLE fresh (
    seq BIGINT GENERATED ALWAYS AS IDENTITY,
    bucket BIGINT NOT NULL,
    stream_id BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    event_rows BIGINT NOT NULL,
    min_time BIGINT NOT NULL,
    max_time BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (bucket, seq)
);
CREATE INDEX fresh_stream ON fresh (stream_id, seq);

-- About 16k events of one stream, sorted by event time.
CREATE TABLE segment (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    bucket BIGINT NOT NULL,
    stream_id BIGINT NOT NULL,
    event_rows BIGINT NOT NULL,
    min_time BIGINT NOT NULL,
    max_time BIGINT NOT NULL,
    -- The newest fresh row that this segment, or one made with it, took in.
    through_seq BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    id_filter BYTEA NOT NULL,
    PRIMARY KEY (bucket, id)
);
CREATE INDEX segment_stream ON segment (stream_id, min_time);

CREATE TABLE segment_column (
    bucket BIGINT NOT NULL,
    segment_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    min_value DOUBLE PRECISION,
    max_value DOUBLE PRECISION,
    missing BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (bucket, segment_id, name)
);

-- Every label ever accepted, as it came: the history of relabelling is this log.
CREATE TABLE label_log (
    seq BIGINT GENERATED ALWAYS AS IDENTITY,
    bucket BIGINT NOT NULL,
    model_id BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    label_rows BIGINT NOT NULL,
    merged BIGINT NOT NULL DEFAULT 0,
    body BYTEA NOT NULL,
    PRIMARY KEY (bucket, seq)
);
CREATE INDEX label_log_pending ON label_log (model_id, merged, seq);

-- Labels whose event has not arrived, tried again on segments newer than `checked_segment`.
CREATE TABLE label_orphan (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    bucket BIGINT NOT NULL,
    model_id BIGINT NOT NULL,
    checked_segment BIGINT NOT NULL,
    label_rows BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (bucket, id)
);
CREATE INDEX label_orphan_model ON label_orphan (model_id);

CREATE TABLE series (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    series_key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX series_name ON series (name);

CREATE TABLE sample_fresh (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    min_time BIGINT NOT NULL,
    max_time BIGINT NOT NULL,
    body BYTEA NOT NULL
);

CREATE TABLE sample_chunk (
    series_id BIGINT NOT NULL,
    start_time BIGINT NOT NULL,
    end_time BIGINT NOT NULL,
    samples BIGINT NOT NULL,
    min_value DOUBLE PRECISION NOT NULL,
    max_value DOUBLE PRECISION NOT NULL,
    sum_value DOUBLE PRECISION NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (series_id, start_time)
);

-- Derived, never precious: recomputed from the rows above.
CREATE TABLE window_report (
    bucket BIGINT NOT NULL,
    model_id BIGINT NOT NULL,
    environment TEXT NOT NULL,
    reference BIGINT NOT NULL,
    from_time BIGINT NOT NULL,
    to_time BIGINT NOT NULL,
    state TEXT NOT NULL,
    revision BIGINT NOT NULL,
    computed_at BIGINT NOT NULL,
    body BYTEA NOT NULL,
    shares BYTEA NOT NULL,
    PRIMARY KEY (bucket, model_id, environment, reference, from_time)
);
CREATE INDEX window_report_computed ON window_report (computed_at);

-- Spans of event time whose windows must be computed again, and why.
CREATE TABLE dirty (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_id BIGINT NOT NULL,
    environment TEXT NOT NULL,
    from_time BIGINT NOT NULL,
    to_time BIGINT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX dirty_model ON dirty (model_id, environment);

-- Blobs are compressed already: keep TOAST from trying again.
ALTER TABLE fresh ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE segment ALTER COLUMN id_filter SET STORAGE EXTERNAL;
ALTER TABLE segment_column ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE label_log ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE sample_chunk ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE window_report ALTER COLUMN body SET STORAGE EXTERNAL;
