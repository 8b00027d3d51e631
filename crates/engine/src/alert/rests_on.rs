//! What a model's figure rests on, its interval and count of events, now and at each past moment: what “only if”
//! is asked of. A rule and its back-test must be told the same, or the back-test promises what the rule does
//! not do.

use domain::alert::Labels;
use domain::alert::condition::{Compare, Condition};
use domain::alert::only_if::OnlyIf;
use domain::monitor::Judgement;
use domain::verdict::{Estimate, WindowReport};
use domain::window::WindowState;
use domain::{TimeRange, environment};
use evaluation::figures::figures;
use promql::{Grid, Query};

use super::observe::verdict_until;
use super::past::Moments;
use crate::evaluate::signal_name;
use crate::promql::spelled;
use crate::{Engine, Result};

/// Windows before the newest that may hold a figure which the newest still lacks, as one without labels does.
const LOOKED_AT: i64 = 8;

/// The metric of a model's figure that a query asks for first, as PromQL spells it.
pub(super) fn figure_asked_for(query: &str) -> Option<String> {
    let needs = Query::parse(query).ok()?.needs(&Grid::instant(0), 0);
    let name = needs.into_iter().find_map(|need| need.name().map(ToString::to_string))?;
    name.starts_with(&spelled(&signal_name(""), true)).then_some(name)
}

/// Whether a condition looks at a model's figure anywhere.
pub(super) fn speaks_of_figure(condition: &Condition) -> bool {
    condition.any(&|one| match one {
        Condition::Signal { query, .. } => figure_asked_for(query).is_some(),
        Condition::Verdict { .. } => true,
        _ => false,
    })
}

/// What is said of a value that enough lies behind.
pub(super) fn words(e: Estimate) -> String {
    let n = domain::format::count(e.n as f64);
    if e.low < e.high {
        let of = |v| domain::format::compact(v);
        format!("surely {}–{} by {n} events", of(e.low), of(e.high))
    } else {
        format!("by {n} events")
    }
}

/// Whether a verdict is one that its rule asks for, in so many windows and by what is behind it. A limit may be
/// missing.
pub(super) fn verdict_holds(judged: &Judgement, (windows, only_if): (u32, OnlyIf)) -> bool {
    let limits = (judged.limits.lower.unwrap_or(f64::NEG_INFINITY), judged.limits.upper.unwrap_or(f64::INFINITY));
    judged.calls(windows) && only_if.allows(Some(judged.estimate), Compare::Outside, limits)
}

/// A closed window's figure, by the name of its metric.
fn of_window(report: &WindowReport, metric: &str) -> Option<Estimate> {
    if report.state == WindowState::Open || report.reference {
        return None;
    }
    figures(report).into_iter().find(|f| spelled(&signal_name(&f.name), true) == metric).map(|f| f.estimate)
}

impl Engine {
    /// What the newest value of a figure rests on; `None` where no window says so.
    pub(super) async fn rests_on(&self, metric: &str, labels: &Labels) -> Result<Option<Estimate>> {
        let Some(model) = self.model_of(labels).await? else {
            return Ok(None);
        };
        let of = |report: WindowReport| of_window(&report, metric);
        let named = environment::named(labels.get("environment").map_or("", String::as_str));
        let found = self.store.of_newest_reports(model.id, named, TimeRange::ALL, LOOKED_AT, of).await?;
        Ok(found.into_iter().flatten().next_back())
    }

    /// What a figure rested on at each moment.
    pub(super) async fn rested_on(
        &self,
        metric: &str,
        labels: &Labels,
        moments: Moments,
    ) -> Result<Vec<Option<Estimate>>> {
        let mut at = vec![None; moments.count];
        let Some(model) = self.model_of(labels).await? else {
            return Ok(at);
        };
        let named = environment::named(labels.get("environment").map_or("", String::as_str));
        let range = TimeRange { from: moments.first.plus(-2 * domain::time::DAY), to: moments.last() };
        let of = |report: WindowReport| Some((report.range.to, verdict_until(&report), of_window(&report, metric)?));
        let mut found: Vec<_> =
            self.store.of_reports(model.id, named, range, of).await?.into_iter().flatten().collect();
        found.sort_by_key(|(to, ..)| *to);
        for (to, until, estimate) in found {
            let (from, end) = (moments.from(to), moments.from(until));
            at[from..end.max(from)].fill(Some(estimate));
        }
        Ok(at)
    }

    async fn model_of(&self, labels: &Labels) -> Result<Option<domain::model::Model>> {
        match labels.get("model") {
            Some(name) => Ok(self.store.model(name).await?),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_known_by_the_metric_that_a_query_asks_for_first() {
        let of = |query| figure_asked_for(query);
        assert_eq!(of("avg_over_time(model_accuracy{model=\"a\"}[5m])").as_deref(), Some("model_accuracy"));
        assert_eq!(of("model_estimated_roc_auc").as_deref(), Some("model_estimated_roc_auc"));
        assert_eq!(of("system_cpu_utilization"), None);
        let signal = |query: &str| Condition::Absent { query: query.into() };
        assert!(!speaks_of_figure(&Condition::All { of: vec![signal("model_accuracy"), signal("up")] }));
    }
}
