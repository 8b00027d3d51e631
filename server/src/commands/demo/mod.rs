//! `plimsoll demo`: a small real sample and three simulated systems, clearly marked, and one command
//! that removes them.
//!
//! The sample is from the US Census Bureau's public-use microdata; `server/demo/README.md` tells
//! where it comes from. Nothing in the product depends on it.

mod past;
pub mod simulator;
mod world;

use clap::Args;
use domain::Actor;
use domain::model::Mapping;
use domain::model::ModelChange;
use engine::ingest::{Body, Envelope, Replay};

use super::{Outcome, open, text};
use crate::config::Config;

const MODEL: &str = "employment-demo";
const REFERENCE: &[u8] = include_bytes!("../../../demo/reference.parquet");
const ANALYSIS: &[u8] = include_bytes!("../../../demo/analysis.parquet");
const LABELS: &[u8] = include_bytes!("../../../demo/labels.parquet");

#[derive(Debug, Args)]
pub struct Demo {
    /// Remove the demonstration and everything kept of it
    #[arg(long)]
    remove: bool,
}

impl Demo {
    pub async fn run(self, config: &Config) -> Outcome {
        let engine = open(config).await?;
        let outcome = if self.remove { remove(&engine).await } else { fill(&engine).await };
        engine.store.close().await;
        outcome
    }
}

async fn remove(engine: &engine::Engine) -> Outcome {
    engine.store.remove_setting(simulator::SETTING).await.map_err(text)?;
    for name in simulator::MODELS.iter().map(|(name, ..)| *name).chain([MODEL]) {
        match engine.delete_model(&Actor::Local, name).await {
            Ok(()) | Err(engine::EngineError::NotFound(_)) => {}
            Err(error) => return Err(text(error)),
        }
    }
    let stay = world::remove(engine).await?;
    println!("the demonstration is gone; signals it was measured by, and alerts of the past, go with their retention");
    if !stay.is_empty() {
        println!("so do its {}, since those of other systems lie among them", stay.join(", "));
    }
    Ok(0)
}

/// Fills the installation once; a second time changes nothing.
pub async fn fill(engine: &engine::Engine) -> Outcome {
    if engine.store.model(MODEL).await.map_err(text)?.is_some() {
        println!("the demonstration is there already; `plimsoll demo --remove` removes it");
        return Ok(0);
    }
    let alone = engine.store.models().await.map_err(text)?.is_empty();
    // Sex is compared as a group: whether a model treats women and men alike is asked of every model of people.
    let mapping = Mapping {
        label: Some("employed".into()),
        ignore: vec!["year".into()],
        group: vec!["SEX".into()],
        ..Mapping::default()
    };
    // Three years of real rows end now, thirty times as fast.
    let last = domain::Timestamp::parse("2018-12-31T23:59:59Z").unwrap_or_default();
    let shift = Some(Replay { last, now: engine.now(), speed: 30.0 });
    let baseline = Envelope { mapping, baseline: Some("2015".into()), shift, ..Envelope::default() };
    let body = |bytes: &'static [u8]| Box::new(std::io::Cursor::new(bytes)) as Box<dyn std::io::Read + Send>;
    engine
        .ingest_predictions(&Actor::Local, MODEL, &baseline, None, Body::Coming(body(REFERENCE)), |_| ())
        .await
        .map_err(text)?;
    let production = Envelope {
        mapping: Mapping { ignore: vec!["year".into()], ..Mapping::default() },
        shift,
        ..Envelope::default()
    };
    engine
        .ingest_predictions(&Actor::Local, MODEL, &production, None, Body::Coming(body(ANALYSIS)), |_| ())
        .await
        .map_err(text)?;
    engine
        .ingest_labels(&Actor::Local, MODEL, &production, None, Body::Coming(body(LABELS)), |_| ())
        .await
        .map_err(text)?;
    let change = ModelChange {
        title: Some("Employment".into()),
        purpose: Some("who is in work, from census data".into()),
        window: Some("500".into()),
        ..ModelChange::default()
    };
    engine.update_model(&Actor::Local, MODEL, change).await.map_err(text)?;
    simulator::prepare(engine).await?;
    world::prepare(engine).await?;
    past::hour(engine).await?;
    past::days(engine, alone).await?;
    engine.store.set_setting(simulator::SETTING, "on").await.map_err(text)?;
    engine.maintain().await.map_err(text)?;
    engine.evaluate().await.map_err(text)?;
    println!("the demonstration is there; `plimsoll demo --remove` removes it");
    Ok(0)
}
