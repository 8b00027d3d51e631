-- What finding a segment needs without reading it. The smallest and greatest id (shorter first, then
-- by text) leave nearly all segments out where ids grow with time; `bytes` is what retention by size
-- counts. Both are missing for segments made before.
ALTER TABLE segment ADD COLUMN low_id TEXT;
ALTER TABLE segment ADD COLUMN high_id TEXT;
ALTER TABLE segment ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;

-- Events sent again so late that only compaction found out.
ALTER TABLE stream ADD COLUMN late_duplicates INTEGER NOT NULL DEFAULT 0;

CREATE INDEX sample_chunk_end ON sample_chunk (end_time);
CREATE INDEX segment_age ON segment (max_time);
CREATE INDEX label_log_age ON label_log (received_at);

-- Who sent the first sample of a series: cardinality is bounded for each sender.
ALTER TABLE series ADD COLUMN source TEXT NOT NULL DEFAULT '';

-- When the last of some waiting labels came: those that never meet their event go with their age.
ALTER TABLE label_orphan ADD COLUMN newest_received INTEGER NOT NULL DEFAULT 0;
