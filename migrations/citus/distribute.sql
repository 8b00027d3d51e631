-- For those who outgrow one machine: spreads telemetry over the nodes of a Citus cluster. Not part of the
-- ordinary migrations, since plain PostgreSQL knows none of these functions. Run it once, by hand, on the
-- coordinator, after Plimsoll has made its schema and before much is in it:
--
--     psql "$DATABASE_URL" -f migrations/citus/distribute.sql
--
-- Events and labels of a model, and reports of its windows, lie together by `bucket`; samples by series.
-- What people make is small and is joined with everything: reference tables.
CREATE EXTENSION IF NOT EXISTS citus;

SELECT create_reference_table('model');
SELECT create_reference_table('stream');
SELECT create_reference_table('baseline');
SELECT create_reference_table('series');
SELECT create_reference_table('setting');
SELECT create_reference_table('lease');
SELECT create_reference_table('person');
SELECT create_reference_table('session');
SELECT create_reference_table('api_key');
SELECT create_reference_table('probe');
SELECT create_reference_table('change');
SELECT create_reference_table('scrape');
SELECT create_reference_table('arrival');
SELECT create_reference_table('signal_note');
SELECT create_reference_table('dependency');
SELECT create_reference_table('webhook');
SELECT create_reference_table('alert_rule');
SELECT create_reference_table('rule_state');
SELECT create_reference_table('alert');
SELECT create_reference_table('silence');
SELECT create_reference_table('alert_group');
SELECT create_reference_table('notification');
SELECT create_reference_table('incident');
SELECT create_reference_table('annotation');
SELECT create_reference_table('share');
SELECT create_reference_table('share_visit');
SELECT create_reference_table('mention');
SELECT create_reference_table('response_run');

SELECT create_distributed_table('fresh', 'bucket');
SELECT create_distributed_table('segment', 'bucket', colocate_with => 'fresh');
SELECT create_distributed_table('segment_column', 'bucket', colocate_with => 'fresh');
SELECT create_distributed_table('label_log', 'bucket', colocate_with => 'fresh');
SELECT create_distributed_table('label_orphan', 'bucket', colocate_with => 'fresh');
SELECT create_distributed_table('window_report', 'bucket', colocate_with => 'fresh');
SELECT create_distributed_table('sample_chunk', 'series_id');
SELECT create_distributed_table('exemplar', 'series_id', colocate_with => 'sample_chunk');

-- `audit`, `entry`, `dirty` and `sample_fresh` stay on the coordinator: they are logs of one writer.
