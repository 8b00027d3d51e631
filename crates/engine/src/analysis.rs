//! Signals looked at closely, on request: anomalies, control charts, forecasts, and what else moved.
//!
//! Nothing is kept of it: an answer is computed from the samples each time, so it can be asked of any
//! range and any query, and a rule asks the very same functions.

use domain::analysis::{AnalysisView, Companion, CompanionView, Unusual, UnusualView};
use domain::signal::Series;
use domain::telemetry::QueryLine;
use domain::{Action, Actor, Object, TimeRange, Timestamp};
use evaluation::series::{ANOMALY_RATE, analyse, companion, unusual};
use statistics::multiple_testing::benjamini_hochberg;

use crate::{Engine, EngineError, Result};

/// Signals that are looked at, or that one is compared with, at most.
const COMPARED_MAX: usize = 2000;
/// Newest values that are looked at for what is unusual now.
const NEWEST: usize = 5;
/// Those named.
const NAMED: usize = 40;
/// The share of the range by which one may lead another.
const LAG: usize = 8;
/// Steps of the common grid.
const STEPS: i64 = 240;

fn label(series: &Series) -> String {
    let rest: Vec<String> = series.labels.iter().map(|(n, v)| format!("{n}={v}")).collect();
    if rest.is_empty() { series.name.clone() } else { format!("{} {}", series.name, rest.join(", ")) }
}

impl Engine {
    /// Each line of a query looked at closely. `limit` is a value and whether it is crossed from below.
    ///
    /// # Errors
    /// As a query's own.
    pub async fn analyse(
        &self,
        actor: &Actor,
        query: &str,
        range: TimeRange,
        limit: Option<(f64, bool)>,
    ) -> Result<AnalysisView> {
        let view = self.query_view(actor, query, range).await?;
        let step = view.step;
        let lines = store::in_background(|| view.lines.into_iter().map(|line| analyse(line, step, limit)).collect());
        Ok(AnalysisView {
            query: view.query,
            unit: view.unit,
            step,
            from: view.from,
            to: view.to,
            lines,
            left_out: view.left_out,
        })
    }

    /// Signals whose newest values do not belong, over all layers.
    pub async fn unusual(&self, actor: &Actor, range: TimeRange) -> Result<UnusualView> {
        self.may(actor, Action::View, &Object::Installation)?;
        let (from, to, step) = self.common_grid(range);
        let mut all = self.store.read_steps("", TimeRange { from, to }, step).await?;
        all.truncate(COMPARED_MAX);
        let looked_at = all.len();
        let signals = store::in_background(|| {
            let mut found: Vec<Unusual> = all
                .into_iter()
                .filter_map(|(series, values)| {
                    let (place, away, strange) = unusual(&values, step as f64 / 1e6, NEWEST)?;
                    Some(Unusual {
                        name: series.name.clone(),
                        label: label(&series),
                        layer: series.layer,
                        value: values[place],
                        at: Timestamp(from.0 + place as i64 * step),
                        away,
                        strange: strange as u32,
                        of: NEWEST as u32,
                        values: values.iter().map(|v| v.is_finite().then_some(*v)).collect(),
                    })
                })
                .collect();
            found.sort_by(|a, b| b.away.abs().total_cmp(&a.away.abs()).then_with(|| a.label.cmp(&b.label)));
            found.truncate(NAMED);
            found
        });
        // Two of the newest values by chance, were they independent.
        let pairs = (NEWEST * (NEWEST - 1) / 2) as f64;
        let expected = looked_at as f64 * pairs * ANOMALY_RATE * ANOMALY_RATE;
        Ok(UnusualView { from, to, step: step as f64 / 1e6, looked_at: looked_at as u32, expected, signals })
    }

    /// The grid on which signals are compared: so many steps of the range, up to now.
    fn common_grid(&self, range: TimeRange) -> (Timestamp, Timestamp, i64) {
        let to = range.to.min(self.now());
        let from = range.from.max(to.plus(-366 * domain::time::DAY));
        (from, to, ((to.0 - from.0) / STEPS).max(domain::time::SECOND))
    }

    /// Which signals moved with the first line of a query, whatever their layer.
    ///
    /// # Errors
    /// As a query's own; a query without a line.
    pub async fn companions(&self, actor: &Actor, query: &str, range: TimeRange) -> Result<CompanionView> {
        self.may(actor, Action::View, &Object::Installation)?;
        let (from, to, step) = self.common_grid(range);
        let grid = promql::Grid { start: (from.0 + step) / 1000, end: to.0 / 1000, step: (step / 1000).max(1) };
        let view = self.query_view_on(actor, query, grid).await?;
        let focus =
            view.lines.into_iter().next().ok_or_else(|| {
                EngineError::Unanswerable("the query has no line in this range to compare with".into())
            })?;
        let mut all = self.store.read_steps("", TimeRange { from, to }, step).await?;
        // The own process says more of Plimsoll than of what it watches.
        all.retain(|(series, _)| !series.name.starts_with("system.cpu.core"));
        let compared = all.len().min(COMPARED_MAX);
        all.truncate(COMPARED_MAX);
        let own: Vec<f64> = focus.values.iter().map(|v| v.unwrap_or(f64::NAN)).collect();
        let companions = store::in_background(|| {
            let most = own.len() / LAG;
            let found: Vec<_> = all
                .iter()
                .filter_map(|(series, values)| {
                    let n = own.len().min(values.len());
                    let (lag, r, pairs, p) = companion(&own[..n], &values[..n], most)?;
                    // A line is its own companion, and so is one that says the same by another name.
                    (r.abs() < 0.9999 || lag != 0).then_some((series, values, lag, r, pairs, p))
                })
                .collect();
            let adjusted = benjamini_hochberg(&found.iter().map(|f| f.5).collect::<Vec<_>>());
            let mut named: Vec<Companion> = found
                .into_iter()
                .zip(adjusted)
                .map(|((series, values, lag, r, n, _), p_adjusted)| Companion {
                    name: series.name.clone(),
                    label: label(series),
                    layer: series.layer,
                    r,
                    leads_by: lag as f64 * step as f64 / 1e6,
                    p_adjusted,
                    n,
                    values: values.iter().map(|v| v.is_finite().then_some(*v)).collect(),
                })
                .collect();
            named.sort_by(|a, b| {
                a.p_adjusted
                    .total_cmp(&b.p_adjusted)
                    .then(b.r.abs().total_cmp(&a.r.abs()))
                    .then_with(|| a.label.cmp(&b.label))
            });
            named.truncate(NAMED);
            named
        });
        Ok(CompanionView {
            query: query.to_string(),
            focus: QueryLine { label: focus.label, values: focus.values, ..QueryLine::default() },
            step: step as f64 / 1e6,
            from,
            to,
            companions,
            compared: compared as u32,
        })
    }
}
