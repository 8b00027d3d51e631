//! One feature: then and now, over time, its verdict, and its newest rows.

use domain::format;
use domain::time::RangeChoice;
use domain::verdict::{ColumnKind, ColumnVerdict, Shares, WindowReport};
use domain::view::{FeatureView, ModelView};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::{address, came_true, feature_link, production, window_words};
use crate::charts::chart::Chart;
use crate::charts::spark::Spark;
use crate::charts::spec::{Axis, ChartSpec, Mark, Unit};
use crate::components::frame::Frame;
use crate::components::icons::Icon;
use crate::components::live::use_live;
use crate::components::panel::{Empty, Failed, Loading, Panel};
use crate::components::reading::{awaited, reading};
use crate::components::state::{Place, use_place};
use crate::components::status::Status;
use crate::components::title::titled;
use crate::components::zone::{Here, zone_label};
use crate::server_functions::Failure;
use crate::server_functions::evaluation::feature;
use crate::server_functions::views::model;

#[component]
pub fn FeaturePage() -> impl IntoView {
    let params = use_params_map();
    let query = use_query_map();
    let place = use_place();
    let live = use_live();
    let name = Memo::new(move |_| params.with(|p| p.get("name")).unwrap_or_default());
    let column = Memo::new(move |_| query.with(|q| q.get("column")).unwrap_or_default());
    let data = reading(
        move || {
            let here = place.get();
            (name.get(), here.environment, column.get(), here.range.unwrap_or(RangeChoice::All))
        },
        move || live.reports.get(),
        |(name, environment, column, range)| async move {
            let rows = feature(name.clone(), environment.clone(), column, range).await;
            Ok((model(name, environment, range).await?, rows))
        },
    );
    let title = Signal::derive(move || {
        let column = column.get();
        column.split_once('.').map_or(column.clone(), |(_, name)| name.to_string())
    });
    view! {
        <Title text=titled(move || title.get())/>
        <Frame title=title crumbs=vec![("AI systems", "/overview")] range="All data">
            <Transition fallback=Loading>
                {awaited(move || (place.get(), column.get(), title.get()), move || data, |(place, column, title), data| match data {
                    Ok((view, rows)) => page(&view, &place, &column, rows),
                    Err(error) => view! { <h1 class="sr">{title}</h1><Failed error/> }.into_any(),
                })}
            </Transition>
        </Frame>
    }
    .into_any()
}

fn page(view: &ModelView, place: &Place, column: &str, rows: Result<FeatureView, Failure>) -> AnyView {
    let newest = production(view).last().copied();
    let place_of = newest.and_then(|r| r.columns.iter().position(|c| c.column == column));
    let (Some(newest), Some(at)) = (newest, place_of) else {
        let back = place.link(&address(&view.model.name, "drift"));
        return view! { <h1 class="sr">{column.to_string()}</h1><section class="panel"><Empty title="This column is not judged in this range" text="Either it is not compared, or the range has no window."><a class="btn" href=back>"All features"</a></Empty></section> }.into_any();
    };
    let verdict = &newest.columns[at];
    let step = |to: usize| newest.columns.get(to).map(|c| feature_link(place, &view.model.name, &c.column));
    let (before, after) = (at.checked_sub(1).and_then(step), step(at + 1));
    let all = newest.columns.iter().map(|c| c.importance).sum::<f64>();
    let kind = match verdict.kind {
        ColumnKind::Numeric => "number",
        ColumnKind::Categorical => "category",
    };
    let weight = (verdict.importance > 0.0 && all > 0.0)
        .then(|| format!(" · weight in model {}", format::percent(verdict.importance / all)));
    let facts = format!("{kind}{} · {}", weight.unwrap_or_default(), window_words(newest));
    let shares = view.shares.iter().find(|(name, _)| name == column).map(|(_, shares)| shares);
    let arrow = |href: Option<String>, name: &'static str, icon: &'static str| match href {
        Some(href) => view! { <a class="btn icon sm" href=href aria-label=name><Icon name=icon/></a> }.into_any(),
        None => ().into_any(),
    };
    let over_time = match &rows {
        Ok(found) if !found.points.is_empty() => quantiles(verdict, found),
        Ok(_) => psi_over_time(view, verdict),
        Err(error) => view! { <Failed error=error.clone()/> }.into_any(),
    };
    let listed =
        rows.map(|found| newest_rows(view, &found, place)).unwrap_or_else(|error| view! { <Failed error/> }.into_any());
    let title = if matches!(verdict.kind, ColumnKind::Numeric) { "Quantiles" } else { "PSI over time" };
    let p1 = verdict_panel(view, verdict);
    let p2 = windows(view, verdict);
    let p3 = shares.map(|s| distribution(verdict, s));
    view! {
        <div class="head">
            <div class="grow"><div class="row wrap gap-12">
                <h1 class="mono">{verdict.name.clone()}</h1>
                <Status of=verdict.finding.status() pill=true text=format!("{} drift", verdict.finding.title())/>
                <span class="mid">{facts}</span>
            </div></div>
            <div class="row gap-8">{arrow(before, "The feature before", "left")}<span class="dim">{format!("{} of {}", at + 1, newest.columns.len())}</span>{arrow(after, "The next feature", "right")}
                <a class="btn sm" href=place.link(&address(&view.model.name, "drift"))>"All features"</a></div>
        </div>
        <div class="g">
            <Panel title="Then and now" sub="share of rows" span="c-8">{p3}</Panel>
            <Panel title="Verdict" span="c-4">{p1}</Panel>
            <Panel title=title sub="the whole range" span="c-8">{over_time}</Panel>
            <Panel title="Other windows" sub="PSI of each, line at 0.10" span="c-4">{p2}</Panel>
            <Panel title="Newest rows" sub="with what was answered and what proved true" span="c-12" flush=true>{listed}</Panel>
        </div>
    }
    .into_any()
}

fn distribution(column: &ColumnVerdict, shares: &Shares) -> AnyView {
    let n = shares.reference.len();
    if n == 0 {
        return view! { <Empty title="No distribution" text="The baseline holds no value of this column."/> }
            .into_any();
    }
    let edge = |i: usize| {
        if shares.edges.len() > i { shares.edges[i] } else { i as f64 }
    };
    let bars = |values: &[f64]| -> Vec<(f64, f64, f64)> {
        values.iter().enumerate().map(|(i, v)| (edge(i), edge(i + 1), *v)).collect()
    };
    let marks = vec![
        Mark::Bars { name: "now".into(), class: "ka".into(), bars: bars(&shares.current) },
        Mark::Step { name: "baseline".into(), class: "kt".into(), bars: bars(&shares.reference) },
    ];
    let axis = if shares.categories.is_empty() { Axis::Number } else { Axis::Categories(shares.categories.clone()) };
    let spec = ChartSpec::fit(320.0, axis, Unit::Percent, marks, true);
    view! {
        <Chart spec title=format!("Distribution of {}", column.name) description=column.sentence.clone()/>
        <div class="leg"><span><i class="key sq ka"></i>"now"</span><span><i class="key kt"></i>"baseline"</span></div>
    }
    .into_any()
}

fn quantiles(column: &ColumnVerdict, found: &FeatureView) -> AnyView {
    let x = |p: &domain::view::QuantilePoint| p.at.0 as f64;
    let line = |name: &str, class: &str, of: fn(&domain::view::QuantilePoint) -> f64| Mark::Line {
        name: name.into(),
        class: class.into(),
        points: found.points.iter().map(|p| (x(p), Some(of(p)))).collect(),
    };
    let marks = vec![
        Mark::Band { class: "ci kt".into(), points: found.points.iter().map(|p| (x(p), p.p5, p.p95)).collect() },
        Mark::Band { class: "ci ka".into(), points: found.points.iter().map(|p| (x(p), p.p25, p.p75)).collect() },
        line("95 %", "kt", |p| p.p95),
        line("75 %", "kt", |p| p.p75),
        line("median", "ka strong", |p| p.p50),
        line("25 %", "kt", |p| p.p25),
        line("5 %", "kt", |p| p.p5),
    ];
    let spec = ChartSpec::fit(230.0, Axis::Time, Unit::Compact, marks, false);
    view! { <Chart spec title=format!("Quantiles of {}", column.name) description="5, 25, 50, 75 and 95 percentiles over the range"/> }.into_any()
}

fn psi(view: &ModelView, column: &ColumnVerdict) -> Vec<(f64, Option<f64>)> {
    let of = |r: &WindowReport| r.columns.iter().find(|c| c.column == column.column).and_then(|c| c.statistic("psi"));
    production(view).iter().map(|r| (super::middle(r), of(r))).collect()
}

fn psi_over_time(view: &ModelView, column: &ColumnVerdict) -> AnyView {
    let points = psi(view, column);
    let marks = vec![
        Mark::Line { name: "PSI".into(), class: "ka strong".into(), points },
        Mark::Rule { class: "thl kp".into(), y: 0.1, label: "0.10".into() },
    ];
    let spec = ChartSpec::fit(230.0, Axis::Time, Unit::Fixed(2), marks, true);
    view! { <Chart spec title=format!("PSI of {}", column.name) description="of recent windows" right=40/> }.into_any()
}

fn windows(view: &ModelView, column: &ColumnVerdict) -> AnyView {
    let values: Vec<Option<f64>> = psi(view, column).into_iter().map(|(_, v)| v).collect();
    let known: Vec<f64> = values.iter().flatten().copied().collect();
    let beyond = known.iter().filter(|v| **v >= 0.1).count();
    view! {
        <Spark values label=format!("PSI of {} by window", column.name) class="ka" height=60 width=280 threshold=0.1/>
        <p class="hint mt-8">{format!("At or above 0.10 in {beyond} of the last {} windows.", known.len())}</p>
    }
    .into_any()
}

fn newest_rows(view: &ModelView, found: &FeatureView, place: &Place) -> AnyView {
    if found.newest.is_empty() {
        return view! { <Empty title="No rows in this range" text="Choose a longer range."/> }.into_any();
    }
    let rows: Vec<_> = found
        .newest
        .iter()
        .map(|row| {
            let truth = came_true(view.model.task, &row.prediction, &row.label);
            view! { <tr><td>{row.at.here().date_clock()}</td><th scope="row" class="mono plain"><a href=place.link_to(&format!("/models/{}/prediction", view.model.name), &[("id", &row.id)])>{row.id.clone()}</a></th><td class="num v">{row.value.clone()}</td><td class="num">{row.prediction.clone()}</td><td class="num">{row.probability.parse::<f64>().map_or_else(|_| row.probability.clone(), |p| format::fixed(p, 4))}</td><td>{truth}</td></tr> }
        })
        .collect();
    view! { <table class="t dense"><thead><tr><th scope="col">"Time "<span class="u">{zone_label()}</span></th><th scope="col">"Prediction id"</th><th scope="col" class="num">"Value"</th><th scope="col" class="num">"Answer"</th><th scope="col" class="num">"Probability"</th><th scope="col">"Outcome"</th></tr></thead><tbody>{rows}</tbody></table> }.into_any()
}

fn verdict_panel(view: &ModelView, column: &ColumnVerdict) -> impl IntoView + use<> {
    let status = column.finding.status();
    let tests: Vec<_> = column
        .tests
        .iter()
        .map(|t| {
            let name = match t.name.as_str() {
                "ks" => "KS distance D",
                "psi" => "PSI",
                "jensen_shannon" => "Jensen–Shannon distance",
                "chi_square" => "χ²",
                "l_infinity" => "Largest difference of a share",
                other => other,
            };
            let limit = if t.name == "chi_square" { format!("p under {}", format::fixed(t.threshold, 2)) } else { format!("limit {}, {}", format::fixed(t.threshold, 3), t.threshold_source) };
            view! { <dt title=limit.clone()>{name.to_string()}</dt><dd><b>{t.statistic.map_or_else(|| "–".to_string(), |s| format::fixed(s, 3))}</b><span class="hint">{format!(" {limit}")}</span></dd> }
        })
        .collect();
    let p = column.tests.iter().find_map(|t| t.p_adjusted).map_or_else(|| "–".to_string(), format::p_value);
    view! {
        <div class=format!("note {}", status.name())><svg aria-hidden="true"><use href=format!("#s-{}", status.name())></use></svg><div><b>{column.finding.title()}</b><p>{column.sentence.clone()}</p></div></div>
        <dl class="kv mt-12">
            {tests}
            <dt>"p after correction"</dt><dd>{p}</dd>
            {column.effect.map(|e| view! { <dt>{format!("This shift alone, {}", domain::verdict::metric_words(&view.headline))}</dt><dd>{if view.model.task.is_classification() { format::signed(e, 3) } else { format::compact(e) }}</dd> })}
            {(column.out_of_range > 0).then(|| view! { <dt>"Beyond the baseline’s range"</dt><dd>{format::count(column.out_of_range as f64)}" rows"</dd> })}
            {(column.unseen > 0).then(|| view! { <dt>"Never seen in the baseline"</dt><dd>{format::count(column.unseen as f64)}" rows"</dd> })}
            <dt>"Rows now, baseline"</dt><dd>{format!("{}, {}", format::count(column.n_current as f64), format::count(column.n_reference as f64))}</dd>
            <dt>"Smallest PSI this n can see"</dt><dd>{column.detectable_psi.map_or_else(|| "–".to_string(), |psi| format::fixed(psi, 3))}</dd>
        </dl>
        <h3 class="lab mt-12">"How PSI is worked out"</h3>
        <pre class="fml">"PSI = Σ (nowᵢ − refᵢ) · ln(nowᵢ / refᵢ)"</pre>
        <p class="hint">"The baseline is cut into ten equal groups (or its categories); the more the shares of now differ from those, the higher the number. 0.10 is where the field begins to look, 0.25 is large."</p>
    }
}
