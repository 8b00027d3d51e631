//! Systems, KPIs, thresholds, and signals looked at closely.

use domain::analysis::{AnalysisView, CompanionView, UnusualView};
use domain::health::HealthWeights;
use domain::kpi::Kpi;
use domain::monitor::{LimitsPreview, ThresholdRule};
use domain::time::RangeChoice;
use domain::view::{FeatureView, PredictionView, PredictionsView, SystemView};
use leptos::prelude::*;

use super::Failure;
use crate::wire::Json;

#[server(prefix = "/do", endpoint = "system", input = Json, output = Json)]
pub async fn system(name: String, environment: String, range: RangeChoice) -> Result<SystemView, Failure> {
    use super::server::{actor, engine};
    let engine = engine();
    let range = range.resolve(engine.now());
    Ok(engine.system_view(&actor(), &name, &environment, range).await?)
}

/// One feature over time, with its newest rows. `column` as the store names it.
#[server(prefix = "/do", endpoint = "feature", input = Json, output = Json)]
pub async fn feature(
    name: String,
    environment: String,
    column: String,
    range: RangeChoice,
) -> Result<FeatureView, Failure> {
    use super::server::{actor, engine};
    let engine = engine();
    let range = range.resolve(engine.now());
    Ok(engine.feature_view(&actor(), &name, &environment, &column, range).await?)
}

/// The newest predictions that meet conditions.
#[server(prefix = "/do", endpoint = "predictions", input = Json, output = Json)]
pub async fn predictions(
    model: String,
    environment: String,
    range: RangeChoice,
    conditions: String,
) -> Result<PredictionsView, Failure> {
    use super::server::{actor, engine};
    let engine = engine();
    let range = range.resolve(engine.now());
    Ok(engine.predictions_view(&actor(), &model, &environment, range, &conditions).await?)
}

/// One prediction with everything that is known of it.
#[server(prefix = "/do", endpoint = "prediction", input = Json, output = Json)]
pub async fn prediction(model: String, environment: String, id: String) -> Result<PredictionView, Failure> {
    use super::server::{actor, engine};
    Ok(engine().prediction_view(&actor(), &model, &environment, &id).await?)
}

/// The lines of a query looked at closely.
#[server(prefix = "/do", endpoint = "look_closer", input = Json, output = Json)]
pub async fn look_closer(query: String, range: RangeChoice) -> Result<AnalysisView, Failure> {
    use super::server::{actor, engine};
    let engine = engine();
    let range = range.resolve(engine.now());
    Ok(engine.analyse(&actor(), &query, range, None).await?)
}

/// Signals whose newest values do not belong.
#[server(prefix = "/do", endpoint = "unusual_now", input = Json, output = Json)]
pub async fn unusual_now(range: RangeChoice) -> Result<UnusualView, Failure> {
    use super::server::{actor, engine};
    let engine = engine();
    let range = range.resolve(engine.now());
    Ok(engine.unusual(&actor(), range).await?)
}

/// What moved with a query.
#[server(prefix = "/do", endpoint = "companions", input = Json, output = Json)]
pub async fn companions(query: String, range: RangeChoice) -> Result<CompanionView, Failure> {
    use super::server::{actor, engine};
    let engine = engine();
    let range = range.resolve(engine.now());
    Ok(engine.companions(&actor(), &query, range).await?)
}

#[server(prefix = "/do", endpoint = "kpis", input = Json, output = Json)]
pub async fn kpis() -> Result<Vec<Kpi>, Failure> {
    use super::server::{actor, engine};
    Ok(engine().kpis(&actor()).await?)
}

#[server(prefix = "/do", endpoint = "set_kpis", input = Json, output = Json)]
pub async fn set_kpis(kpis: Vec<Kpi>) -> Result<(), Failure> {
    use super::server::{actor, engine};
    Ok(engine().set_kpis(&actor(), kpis).await?)
}

#[server(prefix = "/do", endpoint = "weights_of_health", input = Json, output = Json)]
pub async fn weights_of_health() -> Result<HealthWeights, Failure> {
    use super::server::{actor, engine};
    Ok(engine().health_weights(&actor()).await?)
}

#[server(prefix = "/do", endpoint = "weigh_health", input = Json, output = Json)]
pub async fn weigh_health(weights: HealthWeights) -> Result<(), Failure> {
    use super::server::{actor, engine};
    Ok(engine().set_health_weights(&actor(), weights).await?)
}

/// Thresholds tried on the model's own history.
#[server(prefix = "/do", endpoint = "try_limits", input = Json, output = Json)]
pub async fn try_limits(
    name: String,
    environment: String,
    figure: Option<String>,
    threshold: Option<ThresholdRule>,
) -> Result<Vec<LimitsPreview>, Failure> {
    use super::server::{actor, engine};
    Ok(engine().limits_preview(&actor(), &name, &environment, figure.as_deref(), threshold).await?)
}
