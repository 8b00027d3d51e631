//! One suite that both databases must pass.
//!
//! SQLite runs in a temporary file. PostgreSQL is the server that `PLIMSOLL_TEST_POSTGRES` names
//! (`cargo xtask test` starts a private one); each test makes a database of its own there.

mod alerting;
mod databases;

use std::collections::HashSet;
use std::io::Write;
use std::process::{Command, Stdio};

use alerting::*;
use databases::{TestDatabase, a_model};
use domain::event::{CategoryBuilder, Column, ColumnData, EventBatch, EventKind, LabelBatch, LabelSource};
use domain::signal::{Layer, Sample, Series};
use domain::telemetry::{Arrival, Change, ChangeKind};
use domain::time::HOUR;
use domain::verdict::WindowReport;
use domain::window::WindowState;
use domain::{Role, TimeRange, Timestamp};
use store::{
    Aggregate, BASELINE, Columns, GroupBy, GroupKey, Predicate, Read, Registered, Retention, SeriesLimits, Store,
    StoreError, StoredReport,
};

/// Runs each named async function on both databases.
macro_rules! conformance {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::TestDatabase::sqlite()).await; })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::TestDatabase::postgres().await).await; })*
        }
    };
}

conformance!(
    what_was_decided_is_kept_as_one_and_messages_leave_in_order,
    silences_incidents_and_their_notes_come_back,
    a_shared_link_is_found_by_its_hash_until_it_is_ended,
    where_people_were_named_is_kept_until_it_is_old,
    one_run_of_a_response_is_open_at_a_time_and_changes_as_a_whole,
    every_acknowledged_row_is_read_once_before_and_after_compaction,
    the_first_row_of_an_id_wins_and_a_changed_resend_is_reported,
    duplicates_are_found_in_segments_too,
    labels_meet_their_events_whichever_comes_first,
    a_relabel_replaces_the_label_and_marks_its_window,
    reading_a_range_gives_its_rows_and_no_others,
    writers_and_readers_do_not_lose_or_see_twice,
    two_handles_on_one_database_see_each_other,
    samples_survive_chunks_and_arrive_late,
    a_killed_process_loses_nothing_acknowledged,
    people_sessions_and_leases,
    deeds_are_read_in_both_orders_and_found_by_a_part_of_them,
    damage_is_named,
    a_database_of_schema_2_is_brought_up_to_date,
    a_database_of_schema_3_is_brought_up_to_date,
    a_database_of_schema_4_is_brought_up_to_date,
    a_database_of_schema_5_is_brought_up_to_date,
    a_database_of_schema_6_is_brought_up_to_date,
    a_database_of_schema_7_is_brought_up_to_date,
    words_and_traces_are_found_before_and_after_compaction,
    what_is_told_twice_is_kept_once,
    questions_are_answered_from_segments_and_fresh_rows_alike,
    what_is_too_old_or_too_much_goes,
    what_a_flood_left_is_given_back,
    of_many_reports_some_of_all_times_and_hours_are_read,
    many_small_commits_are_folded_and_stay_known,
    a_late_resend_is_left_out_by_compaction,
    labels_in_any_order_find_events_in_many_segments,
    cardinality_is_bounded_and_the_label_to_blame_named,
);

/// Rows `from..to`, at microsecond = row number, with one numeric and one categorical feature.
fn rows(from: i64, to: i64) -> EventBatch {
    let mut builder = CategoryBuilder::default();
    (from..to).for_each(|i| builder.push(Some(["red", "green", "blue"][(i % 3) as usize])));
    EventBatch {
        ids: (from..to).map(|i| i.to_string()).collect(),
        times: (from..to).map(Timestamp).collect(),
        columns: vec![
            Column { name: "feature.x".into(), data: ColumnData::Number((from..to).map(|i| i as f64 / 8.0).collect()) },
            Column { name: "feature.colour".into(), data: builder.finish() },
        ],
    }
}

fn labels(pairs: &[(i64, &str)]) -> LabelBatch {
    LabelBatch {
        ids: pairs.iter().map(|(i, _)| i.to_string()).collect(),
        values: pairs.iter().map(|(_, v)| v.to_string()).collect(),
        times: pairs.iter().map(|(i, _)| Timestamp(i + 1000)).collect(),
        source: LabelSource::Api,
    }
}

fn everything() -> Read {
    Read::of(TimeRange::ALL, Columns::All).with_ids().with_labels()
}

async fn every_acknowledged_row_is_read_once_before_and_after_compaction(database: TestDatabase) {
    let store = database.open().await;
    let (_, stream) = a_model(&store).await;
    for start in (0..40_000).step_by(5000) {
        let receipt = store.append_events(&stream, rows(start, start + 5000), Timestamp(9)).await.expect("kept");
        assert_eq!(receipt.accepted, 5000);
    }
    let before = store.read_events(&stream, &everything()).await.expect("reads");
    assert!(store.compact(&stream, false, Timestamp(10)).await.expect("compacts"));
    while store.compact(&stream, true, Timestamp(10)).await.expect("compacts") {}
    let after = store.read_events(&stream, &everything()).await.expect("reads");
    assert_eq!(before.rows(), 40_000);
    assert_eq!(before.ids, after.ids);
    assert_eq!(before.numbers("feature.x"), after.numbers("feature.x"));
    for row in [0, 16_384, 39_999] {
        let text = |frame: &store::Frame| frame.column("feature.colour").expect("there").text(row);
        assert_eq!(text(&before), text(&after));
    }
    let summary = store.stream_summary(&stream).await.expect("counts");
    assert_eq!((summary.rows, summary.first, summary.last), (40_000, Some(Timestamp(0)), Some(Timestamp(39_999))));
    assert_eq!(store.footprint().await.expect("counts").fresh_events, 0);
}

async fn the_first_row_of_an_id_wins_and_a_changed_resend_is_reported(database: TestDatabase) {
    let store = database.open().await;
    let (_, stream) = a_model(&store).await;
    store.append_events(&stream, rows(0, 10), Timestamp(9)).await.expect("kept");
    let same = store.append_events(&stream, rows(5, 12), Timestamp(9)).await.expect("kept");
    assert_eq!((same.accepted, same.duplicates, same.changed), (2, 5, 0));
    let mut changed = rows(3, 4);
    changed.columns[0].data = ColumnData::Number(vec![99.0]);
    let answer = store.append_events(&stream, changed, Timestamp(9)).await.expect("kept");
    assert_eq!((answer.accepted, answer.changed, answer.changed_ids), (0, 1, vec!["3".to_string()]));
    let frame = store.read_events(&stream, &everything()).await.expect("reads");
    assert_eq!(frame.numbers("feature.x").expect("there")[3], 3.0 / 8.0);
    // Twice in one batch is a duplicate as well.
    let mut twice = rows(20, 21);
    twice.append(rows(20, 21));
    let answer = store.append_events(&stream, twice, Timestamp(9)).await.expect("kept");
    assert_eq!((answer.accepted, answer.duplicates), (1, 1));
}

async fn duplicates_are_found_in_segments_too(database: TestDatabase) {
    let store = database.open().await;
    let (_, stream) = a_model(&store).await;
    store.append_events(&stream, rows(0, 1000), Timestamp(9)).await.expect("kept");
    assert!(store.compact(&stream, true, Timestamp(10)).await.expect("compacts"));
    let mut batch = rows(990, 1010);
    batch.columns[0].data =
        ColumnData::Number((990..1010).map(|i| if i == 995 { -1.0 } else { i as f64 / 8.0 }).collect());
    let answer = store.append_events(&stream, batch, Timestamp(11)).await.expect("kept");
    assert_eq!((answer.accepted, answer.duplicates, answer.changed), (10, 9, 1));
    assert_eq!(answer.changed_ids, ["995"]);
}

async fn labels_meet_their_events_whichever_comes_first(database: TestDatabase) {
    let store = database.open().await;
    let (model, stream) = a_model(&store).await;
    store.append_labels(model.id, labels(&[(5, "1"), (500, "0")]), Timestamp(100)).await.expect("kept");
    while store.merge_labels(model.id).await.expect("merges") > 0 {}
    assert_eq!(store.orphaned_labels(model.id).await.expect("counts"), 2);
    store.append_events(&stream, rows(0, 100), Timestamp(101)).await.expect("kept");
    let labelled = async |at: usize| {
        let frame = store.read_events(&stream, &everything()).await.expect("reads");
        frame.labels.expect("asked for").text(at)
    };
    assert_eq!(labelled(5).await, Some("1".into()), "an orphan joins a fresh row");
    assert!(store.compact(&stream, true, Timestamp(102)).await.expect("compacts"));
    assert_eq!(labelled(5).await, Some("1".into()), "and a segment not merged yet");
    while store.merge_labels(model.id).await.expect("merges") > 0 {}
    assert_eq!(labelled(5).await, Some("1".into()), "and a merged one");
    assert_eq!(store.orphaned_labels(model.id).await.expect("counts"), 1);
    store.append_labels(model.id, labels(&[(7, "0")]), Timestamp(103)).await.expect("kept");
    assert_eq!(labelled(7).await, Some("0".into()), "a label is seen before it is merged");
    assert_eq!(labelled(8).await, None);
    store.append_events(&stream, rows(100, 110), Timestamp(104)).await.expect("kept");
    store.append_labels(model.id, labels(&[(105, "1"), (900, "1")]), Timestamp(105)).await.expect("kept");
    while store.merge_labels(model.id).await.expect("merges") > 0 {}
    let waiting = store.orphaned_labels(model.id).await.expect("counts");
    assert_eq!(waiting, 2, "a label of a row that no segment holds yet does not wait for it");
}

async fn a_relabel_replaces_the_label_and_marks_its_window(database: TestDatabase) {
    let store = database.open().await;
    let (model, stream) = a_model(&store).await;
    store.append_events(&stream, rows(0, 50), Timestamp(1)).await.expect("kept");
    store.compact(&stream, true, Timestamp(2)).await.expect("compacts");
    store.append_labels(model.id, labels(&[(10, "0")]), Timestamp(3)).await.expect("kept");
    store.merge_labels(model.id).await.expect("merges");
    let spans = store.dirty_spans().await.expect("reads");
    store.clear_dirty(&spans).await.expect("clears");
    store.append_labels(model.id, labels(&[(10, "1")]), Timestamp(4)).await.expect("kept");
    store.merge_labels(model.id).await.expect("merges");
    let frame = store.read_events(&stream, &everything()).await.expect("reads");
    assert_eq!(frame.labels.expect("asked for").text(10), Some("1".into()));
    let spans = store.dirty_spans().await.expect("reads");
    assert_eq!(spans.len(), 1);
    assert_eq!(
        (spans[0].range.from, spans[0].range.to, spans[0].reason.as_str()),
        (Timestamp(10), Timestamp(11), "labels")
    );
}

async fn reading_a_range_gives_its_rows_and_no_others(database: TestDatabase) {
    let store = database.open().await;
    let (_, stream) = a_model(&store).await;
    store.append_events(&stream, rows(0, 20_000), Timestamp(9)).await.expect("kept");
    store.compact(&stream, true, Timestamp(9)).await.expect("compacts");
    store.append_events(&stream, rows(20_000, 20_100), Timestamp(9)).await.expect("kept");
    let range = TimeRange { from: Timestamp(19_990), to: Timestamp(20_010) };
    let read = Read::of(range, Columns::Named(vec!["feature.x".into()]));
    let frame = store.read_events(&stream, &read).await.expect("reads");
    assert_eq!(frame.times, (19_990..20_010).map(Timestamp).collect::<Vec<_>>());
    assert_eq!(frame.columns.len(), 1);
    assert!(frame.ids.is_empty() && frame.labels.is_none());
}

async fn writers_and_readers_do_not_lose_or_see_twice(database: TestDatabase) {
    let store = database.open().await;
    let (_, stream) = a_model(&store).await;
    let writers: Vec<_> = (0..8_i64)
        .map(|writer| {
            let (store, stream) = (store.clone(), stream.clone());
            tokio::spawn(async move {
                for batch in 0..20_i64 {
                    let start = (writer * 20 + batch) * 100;
                    store.append_events(&stream, rows(start, start + 100), Timestamp(9)).await.expect("kept");
                }
            })
        })
        .collect();
    let reader = tokio::spawn({
        let (store, stream) = (store.clone(), stream.clone());
        async move {
            for _ in 0..20 {
                store.compact(&stream, true, Timestamp(9)).await.expect("compacts");
                let frame = store.read_events(&stream, &everything()).await.expect("reads");
                let mut ids = frame.ids.clone();
                ids.sort();
                ids.dedup();
                assert_eq!(ids.len(), frame.rows(), "a row was seen twice");
            }
        }
    });
    for writer in writers {
        writer.await.expect("writes");
    }
    reader.await.expect("reads");
    assert_eq!(store.read_events(&stream, &everything()).await.expect("reads").rows(), 16_000);
}

async fn two_handles_on_one_database_see_each_other(database: TestDatabase) {
    let (one, two) = (database.open().await, database.open().await);
    let (_, stream) = a_model(&one).await;
    one.append_events(&stream, rows(0, 10), Timestamp(9)).await.expect("kept");
    let answer = two.append_events(&stream, rows(5, 15), Timestamp(9)).await.expect("kept");
    assert_eq!((answer.accepted, answer.duplicates), (5, 5));
    one.compact(&stream, true, Timestamp(9)).await.expect("compacts");
    let answer = two.append_events(&stream, rows(0, 16), Timestamp(9)).await.expect("kept");
    assert_eq!((answer.accepted, answer.duplicates), (1, 15));
    assert_eq!(two.read_events(&stream, &everything()).await.expect("reads").rows(), 16);
}

fn cpu() -> Series {
    Series {
        name: "system.cpu.utilization".into(),
        labels: [("host".to_string(), "h".to_string())].into(),
        unit: "1".into(),
        layer: Layer::Infrastructure,
        higher_is_better: Some(false),
    }
}

async fn samples_survive_chunks_and_arrive_late(database: TestDatabase) {
    let store = database.open().await;
    let at = |t: i64| (cpu(), Sample { at: Timestamp(t), value: t as f64 });
    for t in (0..1500).filter(|t| *t != 700) {
        store.append_samples(&[at(t)]).await.expect("kept");
    }
    assert_eq!(store.compact_samples(true).await.expect("chunks"), 2);
    for t in 1500..2000 {
        store.append_samples(&[at(t)]).await.expect("kept");
    }
    store.append_samples(&[at(700)]).await.expect("kept late");
    for round in 0..3 {
        every_sample_is_there(&database, &store).await;
        if round == 0 {
            // The late sample falls among the first chunks, which are made anew around it.
            assert!(store.compact_samples(true).await.expect("chunks") >= 2);
        }
        assert_eq!(store.compact_samples(true).await.expect("nothing is left"), 0);
    }
    assert_eq!(store.fresh_samples(), 0);
}

async fn every_sample_is_there(database: &TestDatabase, store: &Store) {
    let other = database.open().await;
    for handle in [store, &other] {
        let (id, _) = handle.series("system.cpu").await.expect("lists")[0].clone();
        let points = handle.read_samples(id, TimeRange::ALL, 0).await.expect("reads");
        assert_eq!(points.len(), 2000);
        assert!(points.windows(2).all(|p| p[0].at < p[1].at));
        assert_eq!(points[700].value, 700.0);
    }
    let latest = other.latest_samples("system.", Timestamp(0)).await.expect("reads");
    assert_eq!(latest[0].1.value, 1999.0);
}

async fn a_killed_process_loses_nothing_acknowledged(database: TestDatabase) {
    {
        let store = database.open().await;
        let (_, stream) = a_model(&store).await;
        store.append_events(&stream, rows(0, 300), Timestamp(9)).await.expect("kept");
        store.append_samples(&[(cpu(), Sample { at: Timestamp(5), value: 0.5 })]).await.expect("kept");
        // Dropped without `close`: nothing is flushed on the way out.
    }
    let store = database.open().await;
    let model = store.model("m").await.expect("reads").expect("there");
    let stream = store.stream(model.id, EventKind::Prediction, "production").await.expect("there");
    assert_eq!(store.read_events(&stream, &everything()).await.expect("reads").rows(), 300);
    assert_eq!(store.latest_samples("", Timestamp(0)).await.expect("reads").len(), 1);
    let answer = store.append_events(&stream, rows(0, 300), Timestamp(9)).await.expect("kept");
    assert_eq!(answer.duplicates, 300);
}

async fn people_sessions_and_leases(database: TestDatabase) {
    let store = database.open().await;
    let first = store.create_first_person("a@b.c", "Ada", "hash", Timestamp(1)).await.expect("made").expect("is first");
    assert_eq!(store.create_first_person("x@y.z", "X", "hash", Timestamp(1)).await.expect("asked"), None);
    let again = store.create_person("a@b.c", "Eve", Role::Viewer, "hash", Timestamp(1)).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))));
    store.create_session(b"token", first, Timestamp(2), Timestamp(99)).await.expect("made");
    assert_eq!(store.session(b"token").await.expect("reads").expect("there").person.email, "a@b.c");
    store.set_password(first, "other").await.expect("set");
    assert_eq!(store.session(b"token").await.expect("reads"), None, "a new password ends sessions");

    assert!(store.claim("evaluate", "one", Timestamp(10), Timestamp(20)).await.expect("asks"));
    assert!(!store.claim("evaluate", "two", Timestamp(15), Timestamp(25)).await.expect("asks"));
    assert!(store.claim("evaluate", "one", Timestamp(15), Timestamp(30)).await.expect("asks"), "the holder may renew");
    assert!(
        store.claim("evaluate", "two", Timestamp(31), Timestamp(40)).await.expect("asks"),
        "an expired lease is free"
    );

    for (name, holder, until) in [("look/7/1", "Ada", 50), ("look/7/2", "Eve", 90), ("look/70/1", "Ada", 90)] {
        store.claim(name, holder, Timestamp(40), Timestamp(until)).await.expect("asks");
    }
    let holders = store.holders("look/7/", Timestamp(60)).await.expect("reads");
    assert_eq!(holders, [("look/7/2".to_string(), "Eve".to_string())], "of this beginning, and not run out");
    assert_eq!(store.forget_leases("look/", Timestamp(60)).await.expect("removes"), 1);
    assert_eq!(store.holders("look/", Timestamp(45)).await.expect("reads").len(), 2);
}

async fn deeds_are_read_in_both_orders_and_found_by_a_part_of_them(database: TestDatabase) {
    let store = database.open().await;
    for (at, action, object) in
        [(1, "rule.create", "Disk 95% full"), (2, "rule.delete", "Disk_full"), (9, "key.create", "ci")]
    {
        store.record_audit("person 1", action, object, Timestamp(at)).await.expect("kept");
    }
    let first = store.deeds_after(0, 2).await.expect("reads");
    assert_eq!(first.iter().map(|d| d.action.as_str()).collect::<Vec<_>>(), ["rule.create", "rule.delete"]);
    assert_eq!(store.deeds_after(first[1].id, 9).await.expect("reads").len(), 1);
    let found = |text| {
        let store = &store;
        async move {
            store
                .deeds_before(i64::MAX, text, 9)
                .await
                .expect("reads")
                .into_iter()
                .map(|d| d.object)
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(found("").await, ["ci", "Disk_full", "Disk 95% full"]);
    assert_eq!(found("5%").await, ["Disk 95% full"], "a sign of the language is only itself");
    assert_eq!(found("k_f").await, ["Disk_full"]);
    assert_eq!(found("rule.").await.len(), 2);
    assert_eq!(store.expire_audit(Timestamp(9)).await.expect("removes"), 2);
}

async fn damage_is_named(database: TestDatabase) {
    let store = database.open().await;
    let (_, stream) = a_model(&store).await;
    store.append_events(&stream, rows(0, 100), Timestamp(9)).await.expect("kept");
    store.compact(&stream, true, Timestamp(9)).await.expect("compacts");
    let report = store.check(|_, _| {}).await.expect("walks");
    assert!(report.blobs >= 5 && report.damaged.is_empty(), "{report:?}");
    store.close().await;
    spoil(&database).await;
    let store = database.open().await;
    let report = store.check(|_, _| {}).await.expect("walks");
    assert_eq!(report.damaged.len(), 1, "{report:?}");
    assert!(report.damaged[0].contains("feature.x"), "{report:?}");
    assert!(matches!(store.read_events(&stream, &everything()).await, Err(StoreError::Corrupt(_))));
}

/// Overwrites one column's bytes behind the store's back.
async fn spoil(database: &TestDatabase) {
    const SQL: &str = "UPDATE segment_column SET body = $1 WHERE name = 'feature.x'";
    let bytes: &[u8] = b"\x02nonsense that is long enough";
    if database.folder.is_some() {
        let pool = sqlx::SqlitePool::connect(&database.url).await.expect("opens");
        sqlx::query(SQL).bind(bytes).execute(&pool).await.expect("writes");
        pool.close().await;
    } else {
        let pool = sqlx::PgPool::connect(&database.url).await.expect("opens");
        sqlx::query(SQL).bind(bytes).execute(&pool).await.expect("writes");
        pool.close().await;
    }
}

macro_rules! earlier_schemas {
    ($($name:ident: $number:literal),* $(,)?) => {
        $(async fn $name(database: TestDatabase) {
            let file = include_bytes!(concat!("fixtures/schema-", $number, ".sqlite.zst"));
            let dump = include_bytes!(concat!("fixtures/schema-", $number, ".postgres.sql.zst"));
            brought_up_to_date(database, file, dump).await;
        })*
    };
}

earlier_schemas!(
    a_database_of_schema_2_is_brought_up_to_date: "0002",
    a_database_of_schema_3_is_brought_up_to_date: "0003",
    a_database_of_schema_4_is_brought_up_to_date: "0004",
    a_database_of_schema_5_is_brought_up_to_date: "0005",
    a_database_of_schema_6_is_brought_up_to_date: "0006",
    a_database_of_schema_7_is_brought_up_to_date: "0007",
);

/// A database that the program of that schema wrote (see the README beside it).
async fn brought_up_to_date(database: TestDatabase, file: &[u8], dump: &[u8]) {
    let unpack = |bytes: &[u8]| zstd::decode_all(bytes).expect("unpacks");
    match &database.folder {
        Some(folder) => {
            std::fs::create_dir_all(folder).expect("a folder");
            let bytes = unpack(file);
            std::fs::write(folder.join("t.db"), bytes).expect("writes");
        }
        None => {
            let bytes = unpack(dump);
            let mut psql = Command::new("psql");
            psql.args(["-q", "-v", "ON_ERROR_STOP=1", &database.url]).stdin(Stdio::piped()).stdout(Stdio::null());
            let mut psql = psql.spawn().expect("psql is there");
            psql.stdin.take().expect("its input").write_all(&bytes).expect("reads");
            assert!(psql.wait().expect("ends").success());
        }
    }
    let store = database.open().await;
    let model = store.model("old").await.expect("reads").expect("there");
    let stream = store.stream(model.id, EventKind::Prediction, "production").await.expect("there");
    while store.merge_labels(model.id).await.expect("merges") > 0 {}
    for _ in 0..2 {
        let frame = store.read_events(&stream, &everything()).await.expect("reads");
        assert_eq!(frame.rows(), 20_000);
        let labelled = frame.label_times.iter().filter(|t| **t != Timestamp::MIN).count();
        assert_eq!(labelled, 6668);
        assert!(store.read_event(&stream, "p-19999").await.expect("asks").is_some());
        assert!(store.read_event(&stream, "p-77").await.expect("asks").is_some());
        while store.compact(&stream, true, Timestamp(2_000_000_000_000_000)).await.expect("compacts") {}
        while store.merge_labels(model.id).await.expect("merges") > 0 {}
    }
    assert_eq!(store.orphaned_labels(model.id).await.expect("counts"), 1);
    let (id, _) = store.series("system.memory.utilization").await.expect("lists")[0].clone();
    let before = store.read_samples(id, TimeRange::ALL, 0).await.expect("reads");
    assert!(before.len() > 3);
    assert!(store.compact_samples(true).await.expect("chunks") > 5);
    assert_eq!(store.read_samples(id, TimeRange::ALL, 0).await.expect("reads"), before);
    let report = store.check(|_, _| {}).await.expect("walks");
    assert!(report.damaged.is_empty(), "{report:?}");
}

async fn questions_are_answered_from_segments_and_fresh_rows_alike(database: TestDatabase) {
    let store = database.open().await;
    let (model, stream) = a_model(&store).await;
    for start in (0..60_000).step_by(10_000) {
        store.append_events(&stream, rows(start, start + 10_000), Timestamp(9)).await.expect("kept");
    }
    while store.compact(&stream, false, Timestamp(9)).await.expect("compacts") {}
    store.append_events(&stream, rows(60_000, 60_500), Timestamp(9)).await.expect("kept");
    store.append_labels(model.id, labels(&[(60_400, "1"), (100, "1")]), Timestamp(10)).await.expect("kept");

    let question = Aggregate {
        range: TimeRange { from: Timestamp(10), to: Timestamp(60_490) },
        predicates: vec![Predicate::Between { column: "feature.x".into(), low: 10.0, high: f64::INFINITY }],
        group_by: vec![GroupBy::Column("feature.colour".into()), GroupBy::Time(30_000)],
        column: Some("feature.x".into()),
    };
    let groups = store.aggregate(&stream, &question).await.expect("answers");
    assert_eq!(groups.len(), 9);
    // x is a row's number over eight, so the rows are 80 up to 60,489.
    assert_eq!(groups.iter().map(|g| g.rows).sum::<u64>(), 60_410);
    let red = groups.iter().find(|g| g.key == [GroupKey::Value("red".into()), GroupKey::From(Timestamp(30_000))]);
    let red = &red.expect("there").spread;
    assert_eq!((red.count(), red.min(), red.max()), (10_000, 3750.0, 7499.625));
    assert!((red.quantile(0.5) - 5625.0).abs() < 60.0, "{}", red.quantile(0.5));

    // Without groups by time, the times of parts within the range are not read: those it cuts through are cut still.
    for (from, to) in [(0, 60_500), (10, 60_490), (5_000, 9_001), (60_100, 60_200)] {
        let range = TimeRange { from: Timestamp(from), to: Timestamp(to) };
        let question = Aggregate { range, predicates: vec![], group_by: vec![], ..question.clone() };
        let groups = store.aggregate(&stream, &question).await.expect("answers");
        let spread = &groups[0].spread;
        assert_eq!(
            (groups[0].rows, spread.min(), spread.max()),
            ((to - from) as u64, from as f64 / 8.0, (to - 1) as f64 / 8.0)
        );
    }

    let edges = [0.0, 1000.0, 2000.0];
    let counts = store.histogram(&stream, TimeRange::ALL, &[], "feature.x", &edges).await.expect("counts");
    assert_eq!(counts, [0, 8000, 8001, 60_500 - 16_001]);

    let read = |predicates| Read { predicates, ..everything() };
    let blue = Predicate::OneOf { column: "feature.colour".into(), values: vec!["blue".into()] };
    let newest = store.newest_events(&stream, &read(vec![blue]), 300).await.expect("finds");
    assert_eq!((newest.rows(), newest.ids[0].as_str(), newest.ids[299].as_str()), (300, "60497", "59600"));
    let own = Predicate::OneOf { column: "#id".into(), values: vec!["5".into()] };
    let none = store.newest_events(&stream, &read(vec![own]), 5).await.expect("answers");
    assert_eq!(none.rows(), 0, "what the store keeps for itself is no column");
    let old = Predicate::Between { column: "feature.x".into(), low: 0.0, high: 1.0 };
    let newest = store.newest_events(&stream, &read(vec![old]), 50).await.expect("finds");
    assert_eq!((newest.rows(), newest.times[0], newest.times[8]), (9, Timestamp(8), Timestamp(0)));
    let newest = store.newest_events(&stream, &read(vec![Predicate::Labelled(true)]), 50).await.expect("finds");
    assert_eq!(newest.ids, ["60400", "100"]);

    for id in ["0", "59999", "60499"] {
        let event = store.read_event(&stream, id).await.expect("asks").expect("is there");
        assert_eq!((event.rows(), event.ids[0].as_str()), (1, id));
    }
    assert!(store.read_event(&stream, "60500").await.expect("asks").is_none());

    // A column that few parts have, or none, leaves the rows of the others counted, and the parts known.
    let mut late = rows(60_500, 60_600);
    late.columns.push(Column { name: "feature.late".into(), data: ColumnData::Number(vec![1.0; 100]) });
    store.append_events(&stream, late, Timestamp(9)).await.expect("kept");
    while store.compact(&stream, true, Timestamp(9)).await.expect("compacts") {}
    for (column, values) in [(Some("feature.late"), 100), (Some("feature.none"), 0), (None, 0)] {
        let column = column.map(String::from);
        let question = Aggregate { range: TimeRange::ALL, predicates: vec![], group_by: vec![], column };
        let groups = store.aggregate(&stream, &question).await.expect("answers");
        assert_eq!((groups[0].rows, groups[0].spread.count()), (60_600, values));
    }
    assert_eq!(store.read_events(&stream, &everything()).await.expect("reads").rows(), 60_600);
}

async fn what_is_too_old_or_too_much_goes(database: TestDatabase) {
    let store = database.open().await;
    let (model, stream) = a_model(&store).await;
    for start in (0..80_000).step_by(20_000) {
        store.append_events(&stream, rows(start, start + 20_000), Timestamp(9)).await.expect("kept");
        while store.compact(&stream, true, Timestamp(90_000)).await.expect("compacts") {}
    }
    store.append_labels(model.id, labels(&[(1, "1")]), Timestamp(30)).await.expect("kept");
    store.merge_labels(model.id).await.expect("merges");
    let bounds = Retention { events_before: Some(Timestamp(27_000)), ..Retention::default() };
    let other = database.open().await;
    assert_eq!(other.stream_summary(&stream).await.expect("counts").rows, 80_000);
    let lately = Retention { by_arrival: true, ..bounds };
    assert_eq!(store.expire(&lately).await.expect("removes"), (0, 0), "an import of old rows is kept");
    assert_eq!(store.expire(&bounds).await.expect("removes"), (6, 0));
    assert_eq!(store.label_count(model.id).await.expect("counts"), 0);
    for handle in [&store, &other] {
        let left = handle.read_events(&stream, &everything()).await.expect("reads");
        assert_eq!(
            (left.rows(), left.times[0]),
            (56_000, Timestamp(24_000)),
            "a segment goes when all of it is too old"
        );
        assert!(handle.read_event(&stream, "5").await.expect("asks").is_none());
    }
    let bytes = store.kept().await.expect("counts").event_bytes;
    let bounds = Retention { event_bytes: Some(bytes / 2), ..Retention::default() };
    assert!(store.expire(&bounds).await.expect("removes").0 >= 1);
    let after = store.kept().await.expect("counts").event_bytes;
    assert!(after <= bytes / 2 && after > 0, "{after} of {bytes}");
    let newest = store.read_events(&stream, &everything()).await.expect("reads");
    assert_eq!(newest.times.last(), Some(&Timestamp(79_999)), "the oldest goes first");
    let again = store.append_events(&stream, rows(5, 6), Timestamp(50)).await.expect("kept");
    assert_eq!(again.accepted, 1, "what is gone may be sent again");
}

async fn what_a_flood_left_is_given_back(database: TestDatabase) {
    let store = database.open().await;
    let (_, stream) = a_model(&store).await;
    let mut random = fastrand::Rng::with_seed(1);
    // Numbers that no codec makes small: 38 MB of them.
    for start in (0..98_304).step_by(8192) {
        let mut batch = rows(start, start + 8192);
        batch.columns = (0..48)
            .map(|i| Column {
                name: format!("feature.{i}"),
                data: ColumnData::Number((0..8192).map(|_| random.f64()).collect()),
            })
            .collect();
        store.append_events(&stream, batch, Timestamp(9)).await.expect("kept");
    }
    while store.compact(&stream, true, Timestamp(10)).await.expect("compacts") {}
    // What came last still lies at the end of the log.
    store.append_events(&stream, rows(98_304, 98_404), Timestamp(11)).await.expect("kept");
    store.give_back().await.expect("gives back");
    let held = store.kept().await.expect("counts").event_bytes;
    store.close().await;
    let store = database.open().await;
    let takes = store.footprint().await.expect("counts").bytes;
    assert!(held > 30 << 20 && takes < held + held / 4 + (16 << 20), "{takes} for {held}");
    assert_eq!(store.stream_summary(&stream).await.expect("counts").rows, 98_404);
}

/// What is said of a window of one hour in which nothing was found.
fn report(hour: i64, computed_at: i64) -> StoredReport {
    let from = Timestamp(1_750_000_000_000_000 / HOUR * HOUR + hour * HOUR);
    let report = WindowReport {
        range: TimeRange { from, to: from.plus(HOUR) },
        state: WindowState::Settled,
        reference: false,
        rows: 1,
        revision: 0,
        reason: String::new(),
        computed_at: Timestamp(computed_at),
        quality: None,
        confidence: None,
        drift: None,
        columns: Vec::new(),
        latency_ms_p95: None,
        estimated: None,
        multivariate: Default::default(),
        behaviour: Default::default(),
        data: Default::default(),
        fairness: Vec::new(),
        ensemble: None,
        calibration: None,
        segments: Vec::new(),
        segment_values: Vec::new(),
        versions: Vec::new(),
        labels: None,
        usage: Default::default(),
        judgements: Vec::new(),
        sentence: String::new(),
    };
    StoredReport { report, shares: Vec::new() }
}

async fn of_many_reports_some_of_all_times_and_hours_are_read(database: TestDatabase) {
    let store = database.open().await;
    let (model, _) = a_model(&store).await;
    let all: Vec<StoredReport> = (0..2400).map(|hour| report(hour, 5)).collect();
    let from = all[0].report.range.from;
    store.put_reports(model.id, "production", TimeRange::ALL, &all, &[]).await.expect("kept");
    let later = TimeRange { from: from.plus(1200 * HOUR), to: Timestamp::MAX };
    assert_eq!(store.reports_stamp(model.id, "production", later).await.expect("counts"), (1200, 5));
    store.put_reports(model.id, "production", later, &all[1200..2000], &[]).await.expect("kept");
    store.put_reports(model.id, "production", later, &[report(2000, 9)], &[]).await.expect("kept");
    assert_eq!(store.reports_stamp(model.id, "production", later).await.expect("counts"), (1, 9));

    store.put_reports(model.id, "production", TimeRange::ALL, &all, &[]).await.expect("kept");
    // All, in parts; and those that share an instant with a range, from either end.
    let begin = |report: WindowReport| (report.range.from.0 - from.0) / HOUR;
    let read = store.of_reports(model.id, "production", TimeRange::ALL, begin).await.expect("reads");
    assert_eq!(read, (0..2400).collect::<Vec<_>>());
    let within = TimeRange { from: from.plus(10 * HOUR + 1), to: from.plus(13 * HOUR) };
    assert_eq!(store.of_reports(model.id, "production", within, begin).await.expect("reads"), [10, 11, 12]);
    assert_eq!(store.of_newest_reports(model.id, "production", within, 2, begin).await.expect("reads"), [11, 12]);
    assert_eq!(store.of_newest_reports(model.id, "production", within, 9, begin).await.expect("reads"), [10, 11, 12]);
    let before = TimeRange { from: Timestamp::MIN, to: from.plus(HOUR) };
    assert_eq!(store.of_reports(model.id, "production", before, begin).await.expect("reads"), [0]);
    assert!(store.reports(model.id, BASELINE, TimeRange::ALL).await.expect("reads").is_empty());

    let some = |most| store.some_reports(model.id, "production", TimeRange::ALL, 2400, most);
    let found = some(240).await.expect("reads");
    assert!((160..=320).contains(&found.len()), "{} of about 240", found.len());
    let hours: Vec<i64> = found.iter().map(|r| (r.range.from.0 - from.0) / HOUR).collect();
    assert!(hours.is_sorted() && hours[0] < 120 && hours[hours.len() - 1] > 2280, "{hours:?}");
    let of_day: HashSet<i64> = hours.iter().map(|hour| hour % 24).collect();
    assert_eq!(of_day.len(), 24, "every hour of the day is among them");
    assert_eq!(some(240).await.expect("reads").len(), found.len());
    assert_eq!(some(2400).await.expect("reads").len(), 2400);
}

async fn many_small_commits_are_folded_and_stay_known(database: TestDatabase) {
    let store = database.open().await;
    let (_, stream) = a_model(&store).await;
    for i in 0..520 {
        store.append_events(&stream, rows(i, i + 1), Timestamp(9)).await.expect("kept");
    }
    assert!(!store.compact(&stream, false, Timestamp(10)).await.expect("folds"), "too few for a segment");
    let other = database.open().await;
    for handle in [&store, &other] {
        let before = handle.read_events(&stream, &everything()).await.expect("reads").rows();
        assert!((520..=521).contains(&before), "{before}");
        let answer = handle.append_events(&stream, rows(0, 521), Timestamp(11)).await.expect("kept");
        assert_eq!(answer.duplicates + answer.accepted, 521);
        assert!(answer.duplicates >= 520);
    }
    while store.compact(&stream, true, Timestamp(12)).await.expect("compacts") {}
    assert_eq!(other.read_events(&stream, &everything()).await.expect("reads").rows(), 521);
}

async fn a_late_resend_is_left_out_by_compaction(database: TestDatabase) {
    let store = database.open().await;
    let (_, stream) = a_model(&store).await;
    let day = domain::time::DAY;
    store.append_events(&stream, rows(0, 1000), Timestamp(0)).await.expect("kept");
    store.compact(&stream, true, Timestamp(0)).await.expect("compacts");
    let late = store.append_events(&stream, rows(990, 1010), Timestamp(2 * day)).await.expect("kept");
    assert_eq!(late.accepted, 20, "so late, the sender is not told");
    store.compact(&stream, true, Timestamp(2 * day)).await.expect("compacts");
    assert_eq!(store.read_events(&stream, &everything()).await.expect("reads").rows(), 1010);
    assert_eq!(store.late_duplicates(&stream).await.expect("counts"), 10);
}

async fn labels_in_any_order_find_events_in_many_segments(database: TestDatabase) {
    let store = database.open().await;
    let (model, stream) = a_model(&store).await;
    for start in (0..100_000).step_by(20_000) {
        store.append_events(&stream, rows(start, start + 20_000), Timestamp(9)).await.expect("kept");
        while store.compact(&stream, true, Timestamp(9)).await.expect("compacts") {}
    }
    // Steps of a number that shares no factor with the count visit every row once, far apart.
    let scattered: Vec<i64> = (0..5000).map(|i| (i * 61_803) % 100_000).collect();
    for part in scattered.chunks(1000) {
        let pairs: Vec<(i64, &str)> = part.iter().map(|i| (*i, if i % 2 == 0 { "yes" } else { "no" })).collect();
        store.append_labels(model.id, labels(&pairs), Timestamp(10)).await.expect("kept");
    }
    while store.merge_labels(model.id).await.expect("merges") > 0 {}
    assert_eq!(store.orphaned_labels(model.id).await.expect("counts"), 0);
    let frame = store.read_events(&stream, &everything()).await.expect("reads");
    let known = frame.labels.expect("asked for");
    for (row, time) in frame.label_times.iter().enumerate() {
        let wanted = scattered.contains(&(row as i64)).then(|| if row % 2 == 0 { "yes" } else { "no" }.to_string());
        assert_eq!(known.text(row), wanted);
        assert_eq!(*time != Timestamp::MIN, wanted.is_some());
    }
}

async fn cardinality_is_bounded_and_the_label_to_blame_named(database: TestDatabase) {
    let store = database.open().await;
    let series = |user: usize| {
        let labels = [("user".to_string(), user.to_string()), ("zone".to_string(), "a".to_string())];
        Series { name: "requests".into(), labels: labels.into(), ..cpu() }
    };
    let limits = SeriesLimits { in_all: 1000, of_a_metric: 100, of_a_source: 1000 };
    let first = store.register_series((0..90).map(series).collect(), "key 1", &limits).await.expect("answers");
    assert!(first.iter().all(|r| matches!(r, Registered::Known(_))));
    let other = database.open().await;
    let more = other.register_series((50..150).map(series).collect(), "key 1", &limits).await.expect("answers");
    let known = more.iter().filter(|r| matches!(r, Registered::Known(_))).count();
    assert_eq!(known, 50, "forty that were there, ten that were welcome");
    let Some(Registered::Refused(reason)) = more.last() else { panic!("refused") };
    assert!(reason.contains("“requests”") && reason.contains("“user”"), "{reason}");
    assert_eq!(store.series("req").await.expect("lists").len(), 100, "each process sees the other's");
}

/// Spans of traces of ten, with a word that one in a thousand says.
fn spans(from: i64, to: i64) -> EventBatch {
    let words = |text: &dyn Fn(i64) -> String| {
        let mut builder = CategoryBuilder::default();
        (from..to).for_each(|i| builder.push(Some(&text(i))));
        builder.finish()
    };
    let column = |name: &str, data: ColumnData| Column { name: name.into(), data };
    EventBatch {
        ids: (from..to).map(|i| format!("{:032x}{i:016x}", i / 10 + 1)).collect(),
        times: (from..to).map(|i| Timestamp(i * 1000)).collect(),
        columns: vec![
            column("trace_id", words(&|i| format!("{:032x}", i / 10 + 1))),
            column("name", words(&|i| format!("GET /page/{}", i % 7))),
            column(
                "attributes",
                words(&|i| {
                    let rare = if i % 1000 == 5 { "Timed out" } else { "fine" };
                    format!("{{\"n\":{i},\"note\":\"{rare}\"}}")
                }),
            ),
        ],
    }
}

async fn words_and_traces_are_found_before_and_after_compaction(database: TestDatabase) {
    let store = database.open().await;
    let stream = store.telemetry_stream(EventKind::Span, "production").await.expect("made");
    assert!(stream.model_id.is_none());
    store.append_events(&stream, spans(0, 60_000), Timestamp(1)).await.expect("kept");
    assert_eq!(store.append_events(&stream, spans(0, 50), Timestamp(1)).await.expect("kept").duplicates, 50);
    let says = |text: &str, exact: bool| Predicate::Says {
        columns: vec!["name".into(), "attributes".into()],
        text: text.into(),
        exact,
    };
    for compacted in [false, true] {
        if compacted {
            while store.compact(&stream, false, Timestamp(2)).await.expect("compacts") {}
        }
        let found = async |predicate: Predicate| {
            let read = Read { predicates: vec![predicate], ..Read::of(TimeRange::ALL, Columns::All) }.with_ids();
            store.read_events(&stream, &read).await.expect("reads")
        };
        assert_eq!(found(says("timed out", false)).await.rows(), 60);
        assert_eq!(found(says("time*", false)).await.rows(), 60);
        assert_eq!(found(says("time", false)).await.rows(), 0, "a word is whole");
        assert_eq!(found(says("\"n\":42,", true)).await.rows(), 1);
        assert_eq!(found(says("nowhere", false)).await.rows(), 0);
        let trace = Predicate::OneOf { column: "trace_id".into(), values: vec![format!("{:032x}", 4001)] };
        let trace = found(trace).await;
        assert_eq!((trace.rows(), trace.times[0]), (10, Timestamp(40_000_000)));
        let read = Read { predicates: vec![says("timed", false)], ..Read::of(TimeRange::ALL, Columns::All) }.with_ids();
        let newest = store.newest_events(&stream, &read, 2).await.expect("reads");
        assert_eq!(newest.times, [Timestamp(59_005_000), Timestamp(58_005_000)]);
    }
    let report = store.check(|_, _| {}).await.expect("walks");
    assert!(report.damaged.is_empty(), "{report:?}");
}

async fn what_is_told_twice_is_kept_once(database: TestDatabase) {
    let store = database.open().await;
    let change = |id: &str, at: i64| Change {
        id: id.into(),
        at: Timestamp(at),
        kind: ChangeKind::Deploy,
        title: "deploy".into(),
        environment: String::new(),
        system: "shop".into(),
        service: String::new(),
        model: String::new(),
        version: "1".into(),
        author: String::new(),
        url: String::new(),
        source: "api".into(),
    };
    assert_eq!(store.append_changes(&[change("a", 1), change("b", 2)], Timestamp(9)).await.expect("kept"), 2);
    assert_eq!(store.append_changes(&[change("b", 5)], Timestamp(9)).await.expect("kept"), 0);
    let all = store.changes(TimeRange::ALL, "production", "shop", "").await.expect("reads");
    assert_eq!(all.iter().map(|c| (c.id.as_str(), c.at.0)).collect::<Vec<_>>(), [("b", 2), ("a", 1)]);
    assert!(store.changes(TimeRange::ALL, "", "other", "").await.expect("reads").is_empty());
    let arrival = |accepted, refused_at: Option<i64>, reason: &str, at| Arrival {
        way: "logs".into(),
        accepted,
        refused: u64::from(refused_at.is_some()),
        first_at: Timestamp(at),
        last_at: Timestamp(at),
        refused_at: refused_at.map(Timestamp),
        reason: reason.into(),
    };
    store.add_arrivals(&[arrival(3, Some(7), "no time", 7)]).await.expect("kept");
    store.add_arrivals(&[arrival(4, None, "", 9)]).await.expect("kept");
    let known = store.arrivals().await.expect("reads");
    let wanted = Arrival { accepted: 7, last_at: Timestamp(9), ..arrival(0, Some(7), "no time", 7) };
    assert_eq!(known, [wanted]);
}
