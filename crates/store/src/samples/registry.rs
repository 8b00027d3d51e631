//! Which series there are, in memory: names, labels, numbers, and how many more are welcome.
//!
//! Cardinality is what kills a store of samples: each label that takes a new value every minute makes
//! new series for ever. It is bounded in all, for each metric and for each sender, and a refusal names
//! the label to blame.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use domain::signal::Series;
use xxhash_rust::xxh3::xxh3_128;

use crate::database::{Row, params};
use crate::sql::with_rows;
use crate::{Result, Store};

/// How many series there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesLimits {
    pub in_all: usize,
    pub of_a_metric: usize,
    pub of_a_source: usize,
}

impl SeriesLimits {
    /// For what this program measures itself.
    pub const NONE: SeriesLimits =
        SeriesLimits { in_all: usize::MAX, of_a_metric: usize::MAX, of_a_source: usize::MAX };
}

/// What became of a series that a sender brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    Known(i64),
    /// Which bound was reached, and by what.
    Refused(String),
}

#[derive(Default)]
pub(super) struct Registry {
    series: BTreeMap<i64, Arc<Series>>,
    by_key: HashMap<u128, i64>,
    by_name: BTreeMap<String, Vec<i64>>,
    by_source: HashMap<String, usize>,
    /// Hashes of label sets as senders spell them.
    spelled: HashMap<u128, i64>,
    newest: i64,
}

fn key_of(key: &str) -> u128 {
    xxh3_128(key.as_bytes())
}

impl Registry {
    fn add(&mut self, id: i64, series: Series, source: String) {
        self.newest = self.newest.max(id);
        if self.by_key.insert(key_of(&series.key()), id).is_none() {
            self.by_name.entry(series.name.clone()).or_default().push(id);
            *self.by_source.entry(source).or_default() += 1;
        }
        self.series.insert(id, Arc::new(series));
    }

    pub(super) fn beginning_with(&self, prefix: &str) -> Vec<(i64, Arc<Series>)> {
        let names = self.by_name.range(prefix.to_string()..).take_while(|(name, _)| name.starts_with(prefix));
        let ids = names.flat_map(|(_, ids)| ids);
        ids.filter_map(|id| Some((*id, self.series.get(id)?.clone()))).collect()
    }

    pub(super) fn after(&self, id: i64) -> Vec<(i64, Arc<Series>)> {
        self.series.range(id + 1..).map(|(id, series)| (*id, series.clone())).collect()
    }

    /// How many there are, and the number of the newest.
    pub(super) fn extent(&self) -> (usize, i64) {
        (self.series.len(), self.series.last_key_value().map_or(0, |(id, _)| *id))
    }

    /// Which bound one more series would break.
    fn refusal(&self, series: &Series, source: &str, limits: &SeriesLimits) -> Option<String> {
        let of_metric = self.by_name.get(&series.name).map_or(0, Vec::len);
        if of_metric >= limits.of_a_metric {
            return Some(format!(
                "the metric “{}” has {of_metric} series already; {}",
                series.name,
                self.to_blame(&series.name)
            ));
        }
        if self.by_source.get(source).is_some_and(|n| *n >= limits.of_a_source) {
            let (name, count) = self.greatest();
            return Some(format!(
                "this sender brought {} series already; the metric with the most is “{name}” with {count}; {}",
                limits.of_a_source,
                self.to_blame(name)
            ));
        }
        if self.series.len() >= limits.in_all {
            let (name, count) = self.greatest();
            return Some(format!(
                "there are {} series already; the metric with the most is “{name}” with {count}; {}",
                self.series.len(),
                self.to_blame(name)
            ));
        }
        None
    }

    fn greatest(&self) -> (&str, usize) {
        let greatest = self.by_name.iter().max_by_key(|(_, ids)| ids.len());
        greatest.map_or(("", 0), |(name, ids)| (name.as_str(), ids.len()))
    }

    /// The label of a metric that takes the most values.
    fn to_blame(&self, name: &str) -> String {
        let mut values: HashMap<&str, HashSet<&str>> = HashMap::new();
        for series in self.by_name.get(name).into_iter().flatten().filter_map(|id| self.series.get(id)) {
            for (label, value) in &series.labels {
                values.entry(label).or_default().insert(value);
            }
        }
        let worst = values.into_iter().max_by_key(|(_, values)| values.len());
        worst.map_or_else(String::new, |(label, values)| {
            format!("its label “{label}” has {} values: leave it out, or raise the limit", values.len())
        })
    }
}

impl Store {
    /// Reads series that other processes made.
    pub(super) async fn catch_up_series(&self) -> Result<()> {
        const SQL: &str = "SELECT id, body, source FROM series WHERE id > $1 ORDER BY id";
        let newest = self.samples.registry().newest;
        let rows = self.database.fetch(SQL, params![newest]).await?;
        if !rows.is_empty() {
            let mut registry = self.samples.registry_mut();
            for row in &rows {
                registry.add(row.int(0)?, row.json(1)?, row.text(2)?);
            }
        }
        Ok(())
    }

    /// The series that senders' spellings stand for, where they are known.
    pub fn series_spelled(&self, hashes: &[u128]) -> Vec<Option<i64>> {
        let registry = self.samples.registry();
        hashes.iter().map(|hash| registry.spelled.get(hash).copied()).collect()
    }

    /// Remembers what a spelling stands for. Senders have as many as series, give or take a relabelling.
    pub fn remember_spelling(&self, hash: u128, series: i64) {
        let mut registry = self.samples.registry_mut();
        if registry.spelled.len() > 4 * registry.series.len() + 1000 {
            registry.spelled.clear();
        }
        registry.spelled.insert(hash, series);
    }

    /// How many series there are.
    pub fn series_count(&self) -> usize {
        self.samples.registry().series.len()
    }

    /// The numbers of some series, made where they are new and welcome.
    pub async fn register_series(
        &self,
        wanted: Vec<Series>,
        source: &str,
        limits: &SeriesLimits,
    ) -> Result<Vec<Registered>> {
        const SQL: &str = "INSERT INTO series (series_key, name, body, source) VALUES {}
             ON CONFLICT (series_key) DO UPDATE SET body = excluded.body RETURNING id, body, source";
        let known = |wanted: &[Series]| -> Vec<Option<i64>> {
            let registry = self.samples.registry();
            wanted.iter().map(|s| registry.by_key.get(&key_of(&s.key())).copied()).collect()
        };
        let mut answer: Vec<Option<Registered>> =
            known(&wanted).into_iter().map(|id| id.map(Registered::Known)).collect();
        if answer.iter().all(Option::is_some) {
            return Ok(answer.into_iter().flatten().collect());
        }
        self.catch_up_series().await?;
        let mut new: BTreeMap<String, &Series> = BTreeMap::new();
        {
            let registry = self.samples.registry();
            let mut coming = *limits;
            for (series, answer) in wanted.iter().zip(&mut answer).filter(|(_, a)| a.is_none()) {
                // Those that come together count as well.
                coming.in_all = limits.in_all.saturating_sub(new.len());
                coming.of_a_source = limits.of_a_source.saturating_sub(new.len());
                let of_metric = new.values().filter(|s| s.name == series.name).count();
                coming.of_a_metric = limits.of_a_metric.saturating_sub(of_metric);
                match registry.refusal(series, source, &coming) {
                    Some(reason) if !registry.by_key.contains_key(&key_of(&series.key())) => {
                        *answer = Some(Registered::Refused(reason));
                    }
                    _ => drop(new.insert(series.key(), series)),
                }
            }
        }
        let new: Vec<(String, &Series)> = new.into_iter().collect();
        for part in new.chunks(64) {
            // Whole parts of 64 share one statement, the rest goes one by one.
            for rows in if part.len() == 64 { vec![part] } else { part.chunks(1).collect() } {
                let mut values = Vec::with_capacity(rows.len() * 4);
                for (key, series) in rows {
                    let body = serde_json::to_string(series).unwrap_or_default();
                    values.extend(params![key.as_str(), series.name.as_str(), body, source]);
                }
                // Their numbers must be seen in order, or whoever catches up would pass one by.
                let mut transaction = self.database.begin_exclusive().await?;
                let made: Vec<Row> = transaction.fetch(with_rows(SQL, 4, rows.len()), values).await?;
                transaction.commit().await?;
                let mut registry = self.samples.registry_mut();
                for row in &made {
                    let newest = registry.newest;
                    registry.add(row.int(0)?, row.json(1)?, row.text(2)?);
                    // Only catching up may move this: another process may have made series between.
                    registry.newest = newest;
                }
            }
        }
        let ids = known(&wanted);
        Ok(answer
            .into_iter()
            .zip(ids)
            .map(|(answer, id)| match (answer, id) {
                (Some(answer), _) => answer,
                (None, Some(id)) => Registered::Known(id),
                (None, None) => Registered::Refused("the series could not be made".into()),
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::signal::Layer;

    fn series(user: usize) -> Series {
        Series {
            name: "requests".into(),
            labels: [("user".to_string(), user.to_string()), ("zone".to_string(), "a".to_string())].into(),
            unit: "1".into(),
            layer: Layer::Application,
            higher_is_better: None,
        }
    }

    #[test]
    fn a_refusal_names_the_label_to_blame() {
        let mut registry = Registry::default();
        (0..50).for_each(|i| registry.add(i as i64 + 1, series(i), "key 1".into()));
        let limits = SeriesLimits { in_all: 100, of_a_metric: 50, of_a_source: 100 };
        let reason = registry.refusal(&series(99), "key 1", &limits).expect("refused");
        assert!(reason.contains("“requests” has 50 series") && reason.contains("“user” has 50 values"), "{reason}");
        let limits = SeriesLimits { of_a_metric: 100, of_a_source: 50, ..limits };
        assert!(registry.refusal(&series(99), "key 1", &limits).is_some());
        assert!(registry.refusal(&series(99), "key 2", &limits).is_none());
    }
}
