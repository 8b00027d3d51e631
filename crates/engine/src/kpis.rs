//! KPIs and the weights of health: what people set, kept as one document each.

use std::collections::BTreeMap;

use domain::health::{HealthWeights, Status};
use domain::kpi::{Fan, KPIS_AT_MOST, Kpi, KpiView};
use domain::signal::Sample;
use domain::{Action, Actor, Object, TimeRange, Timestamp};
use evaluation::series::ahead;
use promql::Grid;

use crate::{Engine, EngineError, Result};

const KPIS: &str = "kpis";
/// Milliseconds for which a value counts as one of now: what users and business say is summed up every five
/// minutes, and known some time after.
const FRESH: i64 = 15 * 60_000;
const WEIGHTS: &str = "health";

impl Engine {
    pub async fn kpis(&self, actor: &Actor) -> Result<Vec<Kpi>> {
        self.may(actor, Action::View, &Object::Installation)?;
        self.document(KPIS).await
    }

    /// Replaces all KPIs.
    ///
    /// # Errors
    /// Not allowed; a KPI that is none, or whose query cannot be read, by its name.
    pub async fn set_kpis(&self, actor: &Actor, kpis: Vec<Kpi>) -> Result<()> {
        self.may(actor, Action::EditModel, &Object::Installation)?;
        if kpis.len() > KPIS_AT_MOST {
            return Err(EngineError::TooLarge(format!("there are at most {KPIS_AT_MOST} KPIs")));
        }
        let mut names = std::collections::BTreeSet::new();
        for kpi in &kpis {
            let problem = kpi.problem().or_else(|| promql::Query::parse(&kpi.query).err().map(|e| e.to_string()));
            if let Some(problem) = problem {
                return Err(EngineError::Invalid(format!("“{}”: {problem}", kpi.name)));
            }
            if !names.insert((kpi.system.as_str(), kpi.name.as_str())) {
                return Err(EngineError::Invalid(format!("“{}” is there twice", kpi.name)));
            }
        }
        self.set_document(actor, KPIS, &kpis).await
    }

    /// The KPIs of a system, or of the whole installation where `system` is empty, with their values.
    pub async fn kpi_views(&self, actor: &Actor, system: Option<&str>, range: TimeRange) -> Result<Vec<KpiView>> {
        let mut all = Vec::new();
        for kpi in self.kpis(actor).await? {
            if system.is_none_or(|s| kpi.system == s) {
                all.push(self.kpi_view(actor, kpi, range).await?);
            }
        }
        Ok(all)
    }

    async fn kpi_view(&self, actor: &Actor, kpi: Kpi, range: TimeRange) -> Result<KpiView> {
        let mut view = KpiView {
            kpi,
            value: None,
            status: Status::NoData,
            before: None,
            trend: Vec::new(),
            meets: None,
            leaves: None,
            ahead: None,
            problem: String::new(),
        };
        let found = match self.query_view(actor, &view.kpi.query, range).await {
            Ok(found) => found,
            // One KPI that cannot be computed is a state with its reason and no page's end.
            Err(EngineError::Store(error)) => return Err(EngineError::Store(error)),
            Err(error) => {
                view.problem = error.to_string();
                return Ok(view);
            }
        };
        let newest = self.value_at(actor, &view.kpi.query, range.to.min(self.now())).await?;
        let (from, step) = (found.from, found.step);
        let line = found.lines.into_iter().next().map(|line| line.values).unwrap_or_default();
        let at = |place: f64| Timestamp(from.0 + (place * step * 1e6) as i64);
        view.trend =
            line.iter().enumerate().filter_map(|(i, v)| Some(Sample { at: at(i as f64), value: (*v)? })).collect();
        view.value = newest.or(view.trend.last().map(|s| s.value));
        view.before = view.trend.first().map(|s| s.value).filter(|_| view.trend.len() > 1);
        let Some(value) = view.value else {
            view.problem = "no value in this range".into();
            return Ok(view);
        };
        view.status = Status::of(view.kpi.judged(value).score());
        let steps = line.len() as f64;
        let rises = view.kpi.higher_is_better;
        let values: Vec<f64> = line.iter().map(|v| v.unwrap_or(f64::NAN)).collect();
        let forecast = ahead(&values, step);
        let crossing = |limit: f64, from_below: bool| {
            forecast.as_ref()?.crossing(limit, from_below).likely.map(|s| at(steps - 1.0 + s as f64))
        };
        let met = if rises { value >= view.kpi.target } else { value <= view.kpi.target };
        let lost = if rises { value <= view.kpi.limit } else { value >= view.kpi.limit };
        view.meets = if met { None } else { crossing(view.kpi.target, rises) };
        view.leaves = if lost { None } else { crossing(view.kpi.limit, !rises) };
        view.ahead = forecast.map(|f| Fan {
            from: at(steps - 1.0),
            step: (step * 1e6) as i64,
            points: f.mean.into_iter().zip(f.deviation).collect(),
        });
        Ok(view)
    }

    /// The value of a query's first line at an instant, and not at the last whole step of a long range: what is
    /// new has no value there for hours.
    async fn value_at(&self, actor: &Actor, query: &str, at: Timestamp) -> Result<Option<f64>> {
        let grid = Grid { start: at.0 / 1000, end: at.0 / 1000, step: FRESH };
        let line = self.query_view_on(actor, query, grid).await?.lines.into_iter().next();
        Ok(line.and_then(|line| line.values.into_iter().flatten().next()))
    }

    pub async fn health_weights(&self, actor: &Actor) -> Result<HealthWeights> {
        self.may(actor, Action::View, &Object::Installation)?;
        self.document(WEIGHTS).await
    }

    /// Replaces the weights of layers and systems.
    ///
    /// # Errors
    /// Not allowed; a weight that is none.
    pub async fn set_health_weights(&self, actor: &Actor, weights: HealthWeights) -> Result<()> {
        self.may(actor, Action::EditModel, &Object::Installation)?;
        if let Some(problem) = weights.problem() {
            return Err(EngineError::Invalid(problem));
        }
        self.set_document(actor, WEIGHTS, &weights).await
    }

    /// KPIs by system with the newest value of each, for health: as a KPI's own card says it, of the last day.
    pub(crate) async fn judged_kpis(&self, actor: &Actor) -> Result<BTreeMap<String, Vec<(Kpi, f64)>>> {
        let mut all: BTreeMap<String, Vec<(Kpi, f64)>> = BTreeMap::new();
        let now = self.now();
        let range = TimeRange { from: now.plus(-domain::time::DAY), to: now };
        for kpi in self.document::<Vec<Kpi>>(KPIS).await? {
            let value = match self.value_at(actor, &kpi.query, now).await {
                Ok(Some(value)) => Some(value),
                Ok(None) => match self.query_view(actor, &kpi.query, range).await {
                    Ok(view) => view.lines.first().and_then(|l| l.values.iter().rev().flatten().next().copied()),
                    Err(_) => None,
                },
                Err(_) => None,
            };
            if let Some(value) = value {
                all.entry(kpi.system.clone()).or_default().push((kpi, value));
            }
        }
        Ok(all)
    }
}
