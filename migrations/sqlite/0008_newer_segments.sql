-- Every question and every commit asks which segments of a stream are newer than the last one known: by their numbers,
-- so that the answer costs the same however many there are.
DROP INDEX segment_stream;
CREATE INDEX segment_stream ON segment (stream_id, id);
