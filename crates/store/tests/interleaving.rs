//! Any order of batches, resends, labels, compaction, merging, retention and restarts reads as a plain
//! map in memory would, on both databases.

mod databases;

use std::collections::BTreeMap;

use databases::{TestDatabase, a_model};
use domain::event::{CategoryBuilder, Column, ColumnData, EventBatch, LabelBatch, LabelSource};
use domain::model::Model;
use domain::{TimeRange, Timestamp};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use store::{Aggregate, Columns, GroupBy, GroupKey, Read, Retention, Store, Stream};

#[derive(Debug, Clone)]
enum Step {
    /// Rows with these numbers; `changed` sends other values than before.
    Append {
        first: u16,
        count: u16,
        changed: bool,
    },
    /// Labels for every so many-th of some rows, with one of three values.
    Label {
        first: u16,
        count: u16,
        every: u8,
        value: u8,
    },
    Compact {
        all: bool,
    },
    Merge,
    Expire {
        before: u16,
    },
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3000_u16, 1..400_u16, prop::bool::weighted(0.2))
            .prop_map(|(first, count, changed)| Step::Append { first, count, changed }),
        3 => (0..3000_u16, 1..400_u16, 1..5_u8, 0..3_u8)
            .prop_map(|(first, count, every, value)| Step::Label { first, count, every, value }),
        2 => any::<bool>().prop_map(|all| Step::Compact { all }),
        2 => Just(Step::Merge),
        1 => (0..1500_u16).prop_map(|before| Step::Expire { before }),
        1 => Just(Step::Reopen),
    ]
}

/// What must be read: number of each row that is there, with whether its values are the changed ones,
/// and the label in force of each number.
#[derive(Default)]
struct Plain {
    rows: BTreeMap<u16, bool>,
    labels: BTreeMap<u16, u8>,
    /// Rows that retention removed: they are not sent again here, since what then becomes of their labels
    /// is nobody's promise.
    gone: Vec<u16>,
}

const COLOURS: [&str; 3] = ["red", "green", "blue"];

fn batch(numbers: &[u16], changed: bool) -> EventBatch {
    let mut colours = CategoryBuilder::default();
    numbers.iter().for_each(|n| colours.push((n % 5 != 0).then_some(COLOURS[usize::from(n % 3)])));
    EventBatch {
        ids: numbers.iter().map(|n| format!("id-{n}")).collect(),
        times: numbers.iter().map(|n| Timestamp(i64::from(*n))).collect(),
        columns: vec![
            Column {
                name: "feature.x".into(),
                data: ColumnData::Number(
                    numbers.iter().map(|n| f64::from(*n) + f64::from(u8::from(changed))).collect(),
                ),
            },
            Column { name: "feature.colour".into(), data: colours.finish() },
        ],
    }
}

struct Run {
    database: TestDatabase,
    store: Store,
    model: Model,
    stream: Stream,
    plain: Plain,
    /// Grows with every step; long after every event time, so that labels never expire here.
    clock: i64,
}

impl Run {
    async fn new(database: TestDatabase) -> Run {
        let store = database.open().await;
        let (model, stream) = a_model(&store).await;
        Run { database, store, model, stream, plain: Plain::default(), clock: 1_000_000 }
    }

    async fn take(&mut self, step: &Step) {
        self.clock += 1;
        let now = Timestamp(self.clock);
        match step {
            Step::Append { first, count, changed } => {
                let numbers: Vec<u16> = (*first..first + count).filter(|n| !self.plain.gone.contains(n)).collect();
                let answer =
                    self.store.append_events(&self.stream, batch(&numbers, *changed), now).await.expect("kept");
                let (mut accepted, mut same, mut other) = (0, 0, 0);
                for number in numbers {
                    match self.plain.rows.get(&number) {
                        None => {
                            self.plain.rows.insert(number, *changed);
                            accepted += 1;
                        }
                        Some(known) if known == changed => same += 1,
                        Some(_) => other += 1,
                    }
                }
                assert_eq!((answer.accepted, answer.duplicates, answer.changed), (accepted, same, other), "{step:?}");
            }
            Step::Label { first, count, every, value } => {
                let numbers: Vec<u16> = (*first..first + count)
                    .step_by(usize::from(*every))
                    .filter(|n| !self.plain.gone.contains(n))
                    .collect();
                let labels = LabelBatch {
                    ids: numbers.iter().map(|n| format!("id-{n}")).collect(),
                    values: numbers.iter().map(|_| value.to_string()).collect(),
                    times: numbers.iter().map(|_| now).collect(),
                    source: LabelSource::Api,
                };
                self.store.append_labels(self.model.id, labels, now).await.expect("kept");
                numbers.into_iter().for_each(|n| {
                    self.plain.labels.insert(n, *value);
                });
            }
            Step::Compact { all } => while self.store.compact(&self.stream, *all, now).await.expect("compacts") {},
            Step::Merge => while self.store.merge_labels(self.model.id).await.expect("merges") > 0 {},
            Step::Expire { before } => {
                let before = Timestamp(i64::from(*before));
                let bounds = Retention { events_before: Some(before), ..Retention::default() };
                self.store.expire(&bounds).await.expect("removes");
                let read = Read::of(TimeRange::ALL, Columns::None);
                let left = self.store.read_events(&self.stream, &read).await.expect("reads").times;
                // Whole segments go, so some of the old may stay; none of the new may go.
                let gone: Vec<u16> = self
                    .plain
                    .rows
                    .keys()
                    .filter(|n| left.binary_search(&Timestamp(i64::from(**n))).is_err())
                    .copied()
                    .collect();
                assert!(gone.iter().all(|n| i64::from(*n) < before.0), "{step:?}");
                gone.iter().for_each(|n| {
                    self.plain.rows.remove(n);
                });
                self.plain.gone.extend(gone);
            }
            Step::Reopen => {
                self.store.close().await;
                self.store = self.database.open().await;
            }
        }
    }

    async fn compare(&self) {
        let read = Read::of(TimeRange::ALL, Columns::All).with_ids().with_labels();
        let frame = self.store.read_events(&self.stream, &read).await.expect("reads");
        let ids: Vec<String> = self.plain.rows.keys().map(|n| format!("id-{n}")).collect();
        assert_eq!(frame.ids, ids);
        let x: Vec<f64> =
            self.plain.rows.iter().map(|(n, changed)| f64::from(*n) + f64::from(u8::from(*changed))).collect();
        assert_eq!(frame.numbers("feature.x").unwrap_or_default(), x);
        let labels = frame.labels.expect("asked for");
        for (row, number) in self.plain.rows.keys().enumerate() {
            let wanted = self.plain.labels.get(number).map(u8::to_string);
            assert_eq!(labels.text(row), wanted, "label of {number}");
        }

        let range = TimeRange { from: Timestamp(700), to: Timestamp(2100) };
        let question = Aggregate {
            range,
            predicates: vec![],
            group_by: vec![GroupBy::Column("feature.colour".into())],
            column: None,
        };
        let mut wanted: BTreeMap<GroupKey, u64> = BTreeMap::new();
        for number in self.plain.rows.range(700..2100).map(|(n, _)| n) {
            let key = if number % 5 == 0 {
                GroupKey::Missing
            } else {
                GroupKey::Value(COLOURS[usize::from(number % 3)].into())
            };
            *wanted.entry(key).or_default() += 1;
        }
        let groups = self.store.aggregate(&self.stream, &question).await.expect("answers");
        let groups: BTreeMap<GroupKey, u64> = groups.into_iter().map(|g| (g.key[0].clone(), g.rows)).collect();
        assert_eq!(groups, wanted);

        let newest = self.store.newest_events(&self.stream, &read, 7).await.expect("reads");
        let wanted: Vec<&String> = ids.iter().rev().take(7).collect();
        assert_eq!(newest.ids.iter().collect::<Vec<_>>(), wanted);
        for number in [0_u16, 1234, 2999] {
            let found = self.store.read_event(&self.stream, &format!("id-{number}")).await.expect("asks");
            assert_eq!(found.is_some(), self.plain.rows.contains_key(&number), "{number}");
        }
        let summary = self.store.stream_summary(&self.stream).await.expect("counts");
        assert_eq!(summary.rows, self.plain.rows.len() as u64);
    }
}

/// Stories of up to two dozen steps; the failing one is printed whole.
fn stories(count: u32, database: impl AsyncFn() -> TestDatabase) {
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("starts");
    for story in 0..count {
        let steps = prop::collection::vec(step(), 4..24).new_tree(&mut runner).expect("makes").current();
        eprintln!("story {story}: {steps:?}");
        runtime.block_on(async {
            let mut run = Run::new(database().await).await;
            for step in &steps {
                run.take(step).await;
                run.compare().await;
            }
            run.store.close().await;
        });
    }
}

#[test]
fn any_order_of_events_reads_as_a_plain_map_on_sqlite() {
    stories(24, async || TestDatabase::sqlite());
}

#[test]
fn any_order_of_events_reads_as_a_plain_map_on_postgres() {
    stories(8, TestDatabase::postgres);
}
