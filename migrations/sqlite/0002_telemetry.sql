-- Telemetry in columns. `bucket` is the distribution column of the PostgreSQL schema and is carried
-- here too, so that both databases run the same statements.

-- The fresh log: one row a stream and group commit.
CREATE TABLE fresh (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket INTEGER NOT NULL,
    stream_id INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    event_rows INTEGER NOT NULL,
    min_time INTEGER NOT NULL,
    max_time INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX fresh_stream ON fresh (stream_id, seq);

-- About 16k events of one stream, sorted by event time.
CREATE TABLE segment (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket INTEGER NOT NULL,
    stream_id INTEGER NOT NULL,
    event_rows INTEGER NOT NULL,
    min_time INTEGER NOT NULL,
    max_time INTEGER NOT NULL,
    -- The newest fresh row that this segment, or one made with it, took in.
    through_seq INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    id_filter BLOB NOT NULL
) STRICT;
CREATE INDEX segment_stream ON segment (stream_id, min_time);

CREATE TABLE segment_column (
    bucket INTEGER NOT NULL,
    segment_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    min_value REAL,
    max_value REAL,
    missing INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (bucket, segment_id, name)
) STRICT;

-- Every label ever accepted, as it came: the history of relabelling is this log.
CREATE TABLE label_log (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket INTEGER NOT NULL,
    model_id INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    label_rows INTEGER NOT NULL,
    merged INTEGER NOT NULL DEFAULT 0,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX label_log_pending ON label_log (model_id, merged, seq);

-- Labels whose event has not arrived, tried again on segments newer than `checked_segment`.
CREATE TABLE label_orphan (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket INTEGER NOT NULL,
    model_id INTEGER NOT NULL,
    checked_segment INTEGER NOT NULL,
    label_rows INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX label_orphan_model ON label_orphan (model_id);

CREATE TABLE series (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    series_key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX series_name ON series (name);

CREATE TABLE sample_fresh (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    min_time INTEGER NOT NULL,
    max_time INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;

CREATE TABLE sample_chunk (
    series_id INTEGER NOT NULL,
    start_time INTEGER NOT NULL,
    end_time INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    min_value REAL NOT NULL,
    max_value REAL NOT NULL,
    sum_value REAL NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (series_id, start_time)
) STRICT;

-- Derived, never precious: recomputed from the rows above.
CREATE TABLE window_report (
    bucket INTEGER NOT NULL,
    model_id INTEGER NOT NULL,
    environment TEXT NOT NULL,
    reference INTEGER NOT NULL,
    from_time INTEGER NOT NULL,
    to_time INTEGER NOT NULL,
    state TEXT NOT NULL,
    revision INTEGER NOT NULL,
    computed_at INTEGER NOT NULL,
    body BLOB NOT NULL,
    shares BLOB NOT NULL,
    PRIMARY KEY (bucket, model_id, environment, reference, from_time)
) STRICT;
CREATE INDEX window_report_computed ON window_report (computed_at);

-- Spans of event time whose windows must be computed again, and why.
CREATE TABLE dirty (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    model_id INTEGER NOT NULL,
    environment TEXT NOT NULL,
    from_time INTEGER NOT NULL,
    to_time INTEGER NOT NULL,
    reason TEXT NOT NULL
) STRICT;
CREATE INDEX dirty_model ON dirty (model_id, environment);
