//! Pages whose code comes when they are opened: what a browser loads first is what every page needs, and the
//! pages of one kind. Each kind is one part of the module: with a part a page, what any two of them share would
//! be a thousand files.

use leptos::prelude::*;
use leptos_router::{Lazy, LazyRoute};

use crate::pages;

/// The pages of one kind: a type each, and the function that draws them, which is where the module is cut.
macro_rules! kind {
    ($draw:ident, $preload:ident: $($name:ident => $page:path),* $(,)?) => {
        #[lazy]
        fn $draw(page: &'static str) -> AnyView {
            match page {
                $(stringify!($name) => $page().into_any(),)*
                _ => ().into_any(),
            }
        }

        $(
            #[derive(Debug)]
            pub struct $name;

            impl $name {
                pub fn route() -> Lazy<$name> {
                    Lazy::new()
                }
            }

            impl LazyRoute for $name {
                fn data() -> Self {
                    $name
                }

                async fn view(_page: Self) -> AnyView {
                    $draw(stringify!($name)).await
                }

                async fn preload() {
                    #[cfg(feature = "hydrate")]
                    $preload().await;
                }
            }
        )*
    };
}

// Where executives begin, and where operators do: each loads its own.
kind!(
    overview,
    __preload_overview:
    Overview => pages::overview::Overview,
);
kind!(
    watch,
    __preload_watch:
    Operations => pages::operations::Operations,
    HostPage => pages::host::HostPage,
    SystemPage => pages::system::SystemPage,
);
kind!(
    explore,
    __preload_explore:
    Explore => pages::explore::Explore,
    TracePage => pages::explore::trace::TracePage,
);
kind!(
    alerts,
    __preload_alerts:
    Alerts => pages::alerts::Alerts,
    Silences => pages::alerts::Silences,
    AlertPage => pages::alerts::AlertPage,
    Incidents => pages::incidents::Incidents,
    IncidentPage => pages::incidents::IncidentPage,
    Rules => pages::rules::Rules,
    RulePage => pages::rules::RulePage,
    OnCall => pages::on_call::OnCall,
    Responses => pages::responses::Responses,
);
kind!(
    models,
    __preload_models:
    QualityPage => pages::model::QualityPage,
    DriftPage => pages::model::DriftPage,
    PredictionsPage => pages::model::PredictionsPage,
    FeaturePage => pages::model::FeaturePage,
    PredictionPage => pages::model::PredictionPage,
    FairnessPage => pages::model::FairnessPage,
    DataPage => pages::model::DataPage,
    Thresholds => pages::model::Thresholds,
    ModelSetUp => pages::model::ModelSetUp,
    // What a link shows draws pages of every kind, of which those of models are the largest.
    Shared => pages::shared::Shared,
    Links => pages::links::Links,
);
kind!(
    settings,
    __preload_settings:
    Account => pages::settings::Account,
    People => pages::settings::People,
    Kpis => pages::settings::Kpis,
    Keys => pages::settings::Keys,
    Connections => pages::settings::Connections,
    Scraping => pages::settings::Scraping,
    Webhooks => pages::settings::Webhooks,
    Prices => pages::settings::Prices,
    Signals => pages::settings::Signals,
    Probes => pages::settings::Probes,
    Installation => pages::settings::Installation,
    Audit => pages::settings::Audit,
    Connect => pages::connect::Connect,
);
