//! Pages whose code comes when they are opened. What a browser loads first is what every page needs, with Overview,
//! where executives begin, in the same file: what pages share is shared there, and one file is smaller than thirty. The
//! others are parts of the module by their kind: with a part a page, what any two of them share would be a thousand
//! files.

use std::future::Future;
use std::pin::Pin;

use leptos::prelude::*;
use leptos_router::ChooseView;

use crate::pages;
use crate::parts::part;

type Later<T> = Pin<Box<dyn Future<Output = T>>>;

/// A page of a kind. One type for all of them: the router is compiled once for each type of view.
#[derive(Clone, Copy)]
pub struct Page {
    name: &'static str,
    draw: fn(&'static str) -> Later<AnyView>,
    preload: fn() -> Later<()>,
}

impl ChooseView for Page {
    async fn choose(self) -> AnyView {
        (self.draw)(self.name).await
    }

    async fn preload(&self) {
        (self.preload)().await;
    }
}

/// The pages of one kind: their names, and the function that draws them, which is where the module is cut.
macro_rules! kind {
    ($draw:ident, $preload:ident: $($name:ident => $page:path),* $(,)?) => {
        part!($draw(page: &'static str), $preload => match page {
            $(stringify!($name) => $page().into_any(),)*
            _ => ().into_any(),
        });

        $(
            pub const $name: Page = Page {
                name: stringify!($name),
                draw: |page| Box::pin($draw(page)),
                preload: || {
                    Box::pin(async {
                        #[cfg(feature = "hydrate")]
                        $preload().await;
                    })
                },
            };
        )*
    };
}

kind!(
    watch,
    __preload_watch:
    OPERATIONS => pages::operations::Operations,
    HOST_PAGE => pages::host::HostPage,
    SYSTEM_PAGE => pages::system::SystemPage,
);
kind!(
    explore,
    __preload_explore:
    EXPLORE => pages::explore::Explore,
    TRACE_PAGE => pages::explore::trace::TracePage,
);
kind!(
    alerts,
    __preload_alerts:
    ALERTS => pages::alerts::Alerts,
    SILENCES => pages::alerts::Silences,
    ALERT_PAGE => pages::alerts::AlertPage,
    INCIDENTS => pages::incidents::Incidents,
    INCIDENT_PAGE => pages::incidents::IncidentPage,
    RULES => pages::rules::Rules,
    RULE_PAGE => pages::rules::RulePage,
    ON_CALL => pages::on_call::OnCall,
    RESPONSES => pages::responses::Responses,
);
kind!(
    models,
    __preload_models:
    QUALITY_PAGE => pages::model::QualityPage,
    DRIFT_PAGE => pages::model::DriftPage,
    PREDICTIONS_PAGE => pages::model::PredictionsPage,
    FEATURE_PAGE => pages::model::FeaturePage,
    PREDICTION_PAGE => pages::model::PredictionPage,
    FAIRNESS_PAGE => pages::model::FairnessPage,
    DATA_PAGE => pages::model::DataPage,
    THRESHOLDS => pages::model::Thresholds,
    MODEL_SET_UP => pages::model::ModelSetUp,
    // What a link shows draws pages of every kind, of which those of models are the largest.
    SHARED => pages::shared::Shared,
    LINKS => pages::links::Links,
);
kind!(
    settings,
    __preload_settings:
    ACCOUNT => pages::settings::Account,
    PEOPLE => pages::settings::People,
    KPIS => pages::settings::Kpis,
    KEYS => pages::settings::Keys,
    CONNECTIONS => pages::settings::Connections,
    SCRAPING => pages::settings::Scraping,
    WEBHOOKS => pages::settings::Webhooks,
    PRICES => pages::settings::Prices,
    SIGNALS => pages::settings::Signals,
    PROBES => pages::settings::Probes,
    INSTALLATION => pages::settings::Installation,
    AUDIT => pages::settings::Audit,
    CONNECT => pages::connect::Connect,
);
