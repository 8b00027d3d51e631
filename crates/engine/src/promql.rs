//! PromQL over what is kept: so that dashboards and tools made for Prometheus work here.
//!
//! PromQL knows no dots: `http.server.request.duration` answers to `http_server_request_duration`, and labels
//! likewise.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use domain::conventions::SignalKnown;
use domain::signal::Series;
use domain::telemetry::{LabelKnown, MetricName, QueryLine, QueryView};
use domain::{Action, Actor, Object, TimeRange, Timestamp};
use promql::{Grid, Labels, NAME, Need, Query, QueryError, RawSeries, Value};
use store::Exemplar;

use crate::{Engine, EngineError, Result};

/// Steps of one query at most, as in Prometheus.
pub const STEPS_MAX: usize = 11_000;
/// Points of a line that a page draws, and the steps it takes, in milliseconds.
const STEPS_SHOWN: i64 = 300;
const STEPS_OFFERED: [i64; 14] = [
    1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000, 21_600_000,
    86_400_000,
];
/// Queries that one page asks at once.
const QUERIES_AT_ONCE: usize = 20;
/// Labels of one metric, and values of one label, that are offered to choose from.
const LABELS: usize = 40;
const LABEL_VALUES: usize = 50;
/// Lines that a page draws.
const LINES_SHOWN: usize = 20;
/// Series that one selector may find.
const SERIES_MAX: usize = 20_000;
/// Samples that one query may read.
const SAMPLES_MAX: usize = 20_000_000;
/// Series whose exemplars one question reads.
const EXEMPLAR_SERIES: usize = 500;
/// Series read in one go.
const AT_ONCE: usize = 256;

/// All series as PromQL sees them.
#[derive(Default, Clone)]
pub struct Index {
    count: usize,
    newest: i64,
    series: Vec<(i64, Arc<Labels>, Arc<Series>)>,
    by_name: HashMap<String, Vec<usize>>,
}

#[derive(Default)]
pub struct Known(Mutex<Arc<Index>>);

/// A name in the letters that PromQL allows.
pub fn spelled(name: &str, colons: bool) -> String {
    let mut out: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':') { c } else { '_' })
        .collect();
    if out.starts_with(|c: char| c.is_ascii_digit()) {
        out.insert(0, '_');
    }
    out
}

fn labels_of(series: &Series) -> Labels {
    let mut labels: Labels = series.labels.iter().map(|(n, v)| (spelled(n, false), v.clone())).collect();
    labels.insert(NAME.into(), spelled(&series.name, true));
    labels
}

/// The service that labels name, as PromQL spells them; empty where they name none.
fn service_of(labels: &Labels) -> &str {
    ["service", "service_name"].iter().find_map(|name| labels.get(*name)).map_or("", String::as_str)
}

/// A series as a person reads it: its name, and what tells it apart.
fn named(labels: &Labels) -> String {
    let name = labels.get(NAME).map_or("", String::as_str);
    let rest: Vec<String> = labels.iter().filter(|(n, _)| *n != NAME).map(|(n, v)| format!("{n}={v}")).collect();
    match (name, rest.is_empty()) {
        ("", true) => "value".into(),
        (name, true) => name.into(),
        ("", false) => rest.join(", "),
        (name, false) => format!("{name} {}", rest.join(", ")),
    }
}

impl From<QueryError> for EngineError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Syntax(text) => EngineError::Invalid(text),
            other => EngineError::Unanswerable(other.to_string()),
        }
    }
}

impl Engine {
    async fn series_index(&self) -> Result<Arc<Index>> {
        let (count, newest) = self.store.series_extent().await?;
        let known = self.inner.index.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if known.count == count && known.newest == newest {
            return Ok(known);
        }
        let index = tokio::task::block_in_place(|| {
            let new = self.store.series_after(known.newest);
            // Where only newer ones came, the others stay as they are.
            let (mut index, new) = if known.count + new.len() == count {
                ((*known).clone(), new)
            } else {
                (Index::default(), self.store.series_after(0))
            };
            for (id, series) in new {
                let labels = Arc::new(labels_of(&series));
                index.by_name.entry(labels[NAME].clone()).or_default().push(index.series.len());
                index.series.push((id, labels, series));
                (index.count, index.newest) = (index.count + 1, id);
            }
            Arc::new(index)
        });
        *self.inner.index.0.lock().unwrap_or_else(PoisonError::into_inner) = index.clone();
        Ok(index)
    }

    /// Evaluates a query.
    ///
    /// # Errors
    /// Not allowed; a text that is no query; too many steps, series or samples; what cannot be evaluated.
    pub async fn promql(&self, actor: &Actor, text: &str, grid: Grid, lookback: i64) -> Result<Value> {
        self.may(actor, Action::View, &Object::Installation)?;
        if grid.steps() > STEPS_MAX {
            return Err(EngineError::Invalid(format!(
                "exceeded maximum resolution of {STEPS_MAX} points per timeseries; ask for longer steps or a shorter range"
            )));
        }
        let query = Query::parse(text)?;
        if grid.steps() != 1 && !query.is_instant_valued() {
            return Err(EngineError::Invalid("a range query gives a number or a vector at each step".into()));
        }
        let needs = query.needs(&grid, lookback);
        let index = self.series_index().await?;
        let mut found = Vec::with_capacity(needs.len());
        let mut left = SAMPLES_MAX;
        for need in &needs {
            found.push(self.needed(&index, need, &mut left).await?);
        }
        Ok(tokio::task::block_in_place(|| query.evaluate(&grid, lookback, &needs, &found))?)
    }

    /// Samples as they are kept, of the series that a selector finds, after `from` and up to `to` (milliseconds).
    pub(crate) async fn raw_samples(
        &self,
        selector: &Query,
        from: i64,
        to: i64,
        left: &mut usize,
    ) -> Result<Vec<RawSeries>> {
        let index = self.series_index().await?;
        let mut found = Vec::new();
        for mut need in selector.needs(&Grid::instant(to), 0) {
            (need.from, need.to) = (from, to);
            found.extend(self.needed(&index, &need, left).await?);
        }
        Ok(found)
    }

    /// `left` is how many samples may still be read.
    async fn needed(&self, index: &Index, need: &Need, left: &mut usize) -> Result<Vec<RawSeries>> {
        let accepted: Vec<usize> = tokio::task::block_in_place(|| match need.name() {
            Some(name) => {
                let places = index.by_name.get(name).map(Vec::as_slice).unwrap_or_default();
                places.iter().copied().filter(|p| need.accepts(&index.series[*p].1)).collect()
            }
            None => (0..index.series.len()).filter(|p| need.accepts(&index.series[*p].1)).collect(),
        });
        if accepted.len() > SERIES_MAX {
            return Err(EngineError::Unanswerable(format!(
                "the query selects {} series; at most {SERIES_MAX} are read: say more labels",
                accepted.len()
            )));
        }
        // After `from` and up to `to`, in whole milliseconds.
        let instant = |millis: i64| Timestamp(millis.saturating_add(1).saturating_mul(1000));
        let range = TimeRange { from: instant(need.from), to: instant(need.to) };
        let mut found = Vec::with_capacity(accepted.len());
        for part in accepted.chunks(AT_ONCE) {
            let ids: Vec<i64> = part.iter().map(|p| index.series[*p].0).collect();
            for (place, (times, values)) in part.iter().zip(self.store.read_raw(&ids, range).await?) {
                *left = left.checked_sub(times.len()).ok_or_else(|| {
                    let words =
                        "query processing would load too many samples into memory; ask for less time or fewer series";
                    EngineError::Unanswerable(words.into())
                })?;
                if !times.is_empty() {
                    let times = times.into_iter().map(|t| t.div_euclid(1000)).collect();
                    found.push(RawSeries { labels: (*index.series[*place].1).clone(), times, values });
                }
            }
        }
        Ok(found)
    }

    /// The series that one of some selectors finds, as labels. With none, all.
    pub async fn promql_series(&self, actor: &Actor, selectors: &[String]) -> Result<Vec<Arc<Labels>>> {
        self.may(actor, Action::View, &Object::Installation)?;
        let index = self.series_index().await?;
        if selectors.is_empty() {
            return Ok(index.series.iter().map(|(_, labels, _)| labels.clone()).collect());
        }
        let mut needs = Vec::new();
        for selector in selectors {
            needs.extend(Query::parse(selector)?.needs(&Grid::instant(0), 0));
        }
        Ok(tokio::task::block_in_place(|| {
            let chosen = index.series.iter().filter(|(_, labels, _)| needs.iter().any(|need| need.accepts(labels)));
            chosen.map(|(_, labels, _)| labels.clone()).collect()
        }))
    }

    /// Names of labels, or the values of one.
    pub async fn promql_labels(
        &self,
        actor: &Actor,
        selectors: &[String],
        values_of: Option<&str>,
    ) -> Result<BTreeSet<String>> {
        let series = self.promql_series(actor, selectors).await?;
        Ok(match values_of {
            None => series.iter().flat_map(|labels| labels.keys().cloned()).collect(),
            Some(name) => series.iter().filter_map(|labels| labels.get(name).cloned()).collect(),
        })
    }

    /// Exemplars of the series that a query's selectors find.
    pub async fn promql_exemplars(
        &self,
        actor: &Actor,
        text: &str,
        range: TimeRange,
    ) -> Result<Vec<(Arc<Labels>, Vec<Exemplar>)>> {
        self.may(actor, Action::View, &Object::Installation)?;
        let needs = Query::parse(text)?.needs(&Grid::instant(0), 0);
        let index = self.series_index().await?;
        let chosen = index.series.iter().filter(|(_, labels, _)| needs.iter().any(|need| need.accepts(labels)));
        let mut found = Vec::new();
        for (id, labels, _) in chosen.take(EXEMPLAR_SERIES) {
            let exemplars = self.store.exemplars(*id, range).await?;
            if !exemplars.is_empty() {
                found.push((labels.clone(), exemplars));
            }
        }
        Ok(found)
    }

    /// The metrics that can be looked at, by name.
    pub async fn metric_names(&self, actor: &Actor) -> Result<Vec<MetricName>> {
        let of = |s: SignalKnown| MetricName { name: s.spelled, layer: s.layer, unit: s.unit, series: s.series };
        Ok(self.known_signals(actor, "").await?.into_iter().map(of).collect())
    }

    /// Every signal whose name holds a text, as it is understood.
    pub async fn known_signals(&self, actor: &Actor, sought: &str) -> Result<Vec<SignalKnown>> {
        self.may(actor, Action::View, &Object::Installation)?;
        let notes = self.store.signal_notes().await?;
        let index = self.series_index().await?;
        let sought = sought.trim().to_lowercase();
        let mut found: Vec<SignalKnown> = index
            .by_name
            .iter()
            .filter_map(|(spelled, places)| {
                let mut series = (*index.series.get(*places.first()?)?.2).clone();
                if !series.name.to_lowercase().contains(&sought) && !spelled.to_lowercase().contains(&sought) {
                    return None;
                }
                let note = notes.get(&series.name);
                if let Some(note) = note {
                    note.apply(&mut series);
                }
                let convention = domain::conventions::of(&series.name).map_or("", |k| k.title);
                Some(SignalKnown {
                    spelled: spelled.clone(),
                    title: note.and_then(|n| n.title.clone()).unwrap_or_else(|| convention.to_string()),
                    owner: note.and_then(|n| n.owner.clone()).unwrap_or_default(),
                    unit: series.unit,
                    layer: series.layer,
                    higher_is_better: series.higher_is_better,
                    series: places.len() as u64,
                    said: note.is_some(),
                    name: series.name,
                })
            })
            .collect();
        found.sort_by(|a, b| (a.layer, &a.spelled).cmp(&(b.layer, &b.spelled)));
        Ok(found)
    }

    /// The labels of a metric by which its series differ or could, with some values each.
    pub async fn metric_labels(&self, actor: &Actor, name: &str) -> Result<Vec<LabelKnown>> {
        self.may(actor, Action::View, &Object::Installation)?;
        let index = self.series_index().await?;
        let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (_, labels, _) in index.by_name.get(name).into_iter().flatten().filter_map(|i| index.series.get(*i)) {
            for (label, value) in labels.iter().filter(|(label, _)| *label != NAME) {
                values.entry(label).or_default().insert(value);
            }
        }
        let known = |(name, values): (&str, BTreeSet<&str>)| LabelKnown {
            name: name.to_string(),
            more: values.len().saturating_sub(LABEL_VALUES) as u64,
            values: values.into_iter().take(LABEL_VALUES).map(str::to_string).collect(),
        };
        Ok(values.into_iter().take(LABELS).map(known).collect())
    }

    /// A query over a range as lines to draw.
    ///
    /// # Errors
    /// As [`Engine::promql`].
    pub async fn query_view(&self, actor: &Actor, text: &str, range: TimeRange) -> Result<QueryView> {
        let now = self.now();
        let to = range.to.min(now);
        let from = range.from.max(to.plus(-3660 * domain::time::DAY));
        // Whole steps, so that a page that reads again draws the same points.
        let step = ((to.0 - from.0) / 1000 / STEPS_SHOWN).max(1000);
        let step = STEPS_OFFERED.iter().copied().find(|s| *s >= step).unwrap_or(step);
        let start = (from.0 / 1000).div_euclid(step) * step;
        self.query_view_on(actor, text, Grid { start, end: to.0 / 1000, step }).await
    }

    /// Several queries over one range, each with its lines or what is wrong with it.
    ///
    /// # Errors
    /// Not allowed; more than [`QUERIES_AT_ONCE`].
    pub async fn query_views(
        &self,
        actor: &Actor,
        queries: &[String],
        range: TimeRange,
    ) -> Result<Vec<std::result::Result<QueryView, String>>> {
        self.may(actor, Action::View, &Object::Installation)?;
        if queries.len() > QUERIES_AT_ONCE {
            return Err(EngineError::TooLarge(format!("at most {QUERIES_AT_ONCE} queries are answered at once")));
        }
        let mut views = Vec::with_capacity(queries.len());
        for query in queries {
            views.push(match self.query_view(actor, query, range).await {
                Ok(view) => Ok(view),
                Err(EngineError::Store(error)) => return Err(error.into()),
                Err(error) => Err(error.to_string()),
            });
        }
        Ok(views)
    }

    /// The same on a grid of one's own, in milliseconds.
    pub(crate) async fn query_view_on(&self, actor: &Actor, text: &str, grid: Grid) -> Result<QueryView> {
        let (start, step, to) = (grid.start, grid.step, Timestamp(grid.end * 1000));
        let value = self.promql(actor, text, grid, promql::LOOKBACK.max(step)).await?;
        let unit = self.unit_of_query(text).await?;
        let some = |v: &f64| (!promql::is_absent(*v) && v.is_finite()).then_some(*v);
        let mut lines: Vec<QueryLine> = match value {
            Value::Scalar(values) => {
                let values = values.iter().map(some).collect();
                vec![QueryLine { label: text.to_string(), values, ..QueryLine::default() }]
            }
            Value::Vector(series) => series
                .iter()
                .map(|s| QueryLine {
                    label: named(&s.labels),
                    service: service_of(&s.labels).to_string(),
                    values: s.values.iter().map(some).collect(),
                })
                .collect(),
            _ => Vec::new(),
        };
        let size = |line: &QueryLine| line.values.iter().rev().flatten().next().copied().unwrap_or(f64::NEG_INFINITY);
        lines.sort_by(|a, b| size(b).total_cmp(&size(a)).then_with(|| a.label.cmp(&b.label)));
        let left_out = lines.len().saturating_sub(LINES_SHOWN) as u64;
        lines.truncate(LINES_SHOWN);
        Ok(QueryView {
            query: text.to_string(),
            lines,
            unit,
            step: step as f64 / 1000.0,
            from: Timestamp(start * 1000),
            to,
            left_out,
        })
    }

    /// The unit of what a query names, where it names one metric and does nothing to change it.
    async fn unit_of_query(&self, text: &str) -> Result<String> {
        let index = self.series_index().await?;
        let bare = text.trim().split(['{', '[']).next().unwrap_or_default();
        let place = index.by_name.get(bare).and_then(|places| places.first());
        Ok(place.map(|p| index.series[*p].2.unit.clone()).unwrap_or_default())
    }

    /// Layer and unit of a metric, by its name as PromQL spells it.
    pub(crate) async fn metric_nature(&self, name: &str) -> Result<(Option<domain::signal::Layer>, String)> {
        let index = self.series_index().await?;
        let series = index.by_name.get(name).and_then(|places| places.first()).map(|p| &index.series[*p].2);
        Ok(series.map(|s| (Some(s.layer), s.unit.clone())).unwrap_or_default())
    }

    /// What is known of each metric: kind, unit.
    pub async fn promql_metadata(&self, actor: &Actor) -> Result<BTreeMap<String, (&'static str, String, String)>> {
        self.may(actor, Action::View, &Object::Installation)?;
        let index = self.series_index().await?;
        let mut known = BTreeMap::new();
        for (_, labels, series) in &index.series {
            let name = &labels[NAME];
            let stem = ["_bucket", "_sum", "_count"].iter().find_map(|s| name.strip_suffix(s));
            let histogram = stem.filter(|stem| index.by_name.contains_key(&format!("{stem}_bucket")));
            let (name, kind) = match histogram {
                Some(stem) => (stem.to_string(), "histogram"),
                None if name.ends_with("_total") => (name.clone(), "counter"),
                None => (name.clone(), "gauge"),
            };
            let title = domain::conventions::of(&series.name).map_or("", |k| k.title);
            known.entry(name).or_insert_with(|| (kind, series.unit.clone(), title.to_string()));
        }
        Ok(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_as_promql_allows() {
        assert_eq!(spelled("http.server.request.duration", true), "http_server_request_duration");
        assert_eq!(spelled("vllm:num_requests_waiting", true), "vllm:num_requests_waiting");
        assert_eq!(spelled("9lives", false), "_9lives");
    }
}
