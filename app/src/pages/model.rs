//! One model: quality over time, what drifted, and the evidence.

use domain::baseline::BaselineSource;
use domain::time::RangeChoice;
use domain::verdict::{ColumnVerdict, Shares, WindowReport, metric_title};
use domain::view::ModelView;
use domain::{Status as Of, format};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};

use crate::charts::chart::Chart;
use crate::charts::spark::Spark;
use crate::charts::spec::{Axis, ChartSpec, Mark, Unit};
use crate::components::frame::Frame;
use crate::components::live::use_live;
use crate::components::panel::{Empty, Failed, Loading, Panel};
use crate::components::state::{Place, use_place};
use crate::components::status::Status;
use crate::server_functions::views::model;

#[component]
pub fn ModelPage() -> impl IntoView {
    let params = use_params_map();
    let query = use_query_map();
    let place = use_place();
    let live = use_live();
    let name = Memo::new(move |_| params.with(|p| p.get("name")).unwrap_or_default());
    // A page opened on a model shows the range where its data is.
    let data = Resource::new(
        move || {
            let here = place.get();
            (name.get(), here.environment, here.range.unwrap_or(RangeChoice::All), live.reports.get())
        },
        |(name, environment, range, _)| model(name, environment, range),
    );
    let chosen = Memo::new(move |_| query.with(|q| q.get("column")));
    view! {
        <Title text=move || name.get()/>
        <Frame title=Signal::derive(move || name.get()) crumbs=vec![("AI systems", "/overview")] range="All data">
            <Transition fallback=Loading>
                {move || Suspend::new(async move {
                    match data.await {
                        Ok(view) => page(&view, &place.get(), chosen.get()).into_any(),
                        Err(error) => view! { <h1 class="sr">{name.get()}</h1><Failed text=error.to_string()/> }.into_any(),
                    }
                })}
            </Transition>
        </Frame>
    }
}

/// The pages of one model. `current` is the last part of the address.
#[component]
pub(super) fn ModelTabs(name: String, current: &'static str) -> impl IntoView {
    let place = use_place();
    let tabs: Vec<_> = [("", "Quality and drift"), ("setup", "Set-up")]
        .into_iter()
        .map(|(part, words)| {
            let path = if part.is_empty() { format!("/models/{name}") } else { format!("/models/{name}/{part}") };
            let here = (part == current).then_some("page");
            view! { <a href=move || place.get().link(&path) aria-current=here>{words}</a> }
        })
        .collect();
    view! { <nav class="tabs" aria-label="Pages of this model">{tabs}</nav> }
}

fn production(view: &ModelView) -> Vec<&WindowReport> {
    view.reports.iter().filter(|r| !r.reference).collect()
}

fn page(view: &ModelView, place: &Place, chosen: Option<String>) -> impl IntoView + use<> {
    let status = view.layer.as_ref().map_or(Of::NoData, |l| Of::of(l.score));
    let score = view.layer.as_ref().map(|l| format!("{} {}", format::fixed(l.score, 2), status.title()));
    let windows = production(view);
    let newest = windows.last().copied();
    let baseline = view.baseline.as_ref().map_or_else(
        || "no baseline".to_string(),
        |b| match &b.source {
            BaselineSource::Upload => format!("baseline “{}”", b.name),
            source => format!("baseline: {}", source.words()),
        },
    );
    let facts = [
        view.model.task.title().to_string(),
        view.rule.title(),
        baseline,
        if view.model.replayed { "replayed".into() } else { String::new() },
        if view.model.demo { "demonstration".into() } else { String::new() },
    ];
    let facts = facts.into_iter().filter(|f| !f.is_empty()).collect::<Vec<_>>().join(" · ");
    let content = match newest {
        None => view! {
            <section class="panel"><Empty title="No windows in this range" text="Either nothing was sent for this range, or the evaluator has not come to it yet: it works through new rows within seconds."/></section>
        }
        .into_any(),
        Some(newest) => body(view, newest, place, chosen).into_any(),
    };
    view! {
        <div class="head">
            <div class="grow">
                <div class="row wrap gap-12">
                    <h1>{view.model.title.clone()}</h1>
                    <Status of=status pill=true text=score.unwrap_or_else(|| "No data".into())/>
                    <span class="tag mono">{view.model.name.clone()}</span>
                    <span class="mid">{facts}</span>
                </div>
                <p>{newest.map(|r| r.sentence.clone())}</p>
            </div>
        </div>
        <ModelTabs name=view.model.name.clone() current=""/>
        {content}
    }
}

fn body(view: &ModelView, newest: &WindowReport, place: &Place, chosen: Option<String>) -> impl IntoView + use<> {
    let columns: Vec<&ColumnVerdict> = newest.columns.iter().collect();
    let selected =
        chosen.and_then(|name| columns.iter().find(|c| c.name == name).copied()).or_else(|| columns.first().copied());
    let histogram = selected.and_then(|c| {
        view.shares.iter().find(|(name, _)| *name == c.column).map(|(_, shares)| distribution(c, shares))
    });
    let verdict = selected.map(verdict_panel);
    let side = selected.map(|c| c.name.clone()).zip(histogram).zip(verdict).map(|((name, histogram), verdict)| {
        let title = name.clone();
        view! {
            <Panel title=title sub="share of rows, now and baseline" span="">{histogram}</Panel>
            <Panel title="Verdict" sub=name span="">{verdict}</Panel>
        }
    });
    let (quality, coverage, table) = (quality_chart(view), coverage_chart(view), drift_table(view, newest, place));
    let (drift, confidence) = (drift_chart(view), confidence_chart(view));
    view! {
        {strip(view, newest)}
        <div class="g">
            <Panel title=metric_title(&view.headline) sub="each window, 95 % interval; shaded: usual" span="c-8">{quality}</Panel>
            <Panel title="Outcomes known" sub="share of predictions with a label" span="c-4">{coverage}</Panel>
            <Panel title="Drift by feature" sub=window_words(newest) span="c-8" flush=true>{table}</Panel>
            <div class="c-4 col gap-16">{side}
            </div>
            <Panel title="Drift score" sub="0.50 lies at the threshold" span="c-6">{drift}</Panel>
            <Panel title="Confidence" sub="probability of the predicted class: median, 10–90 %" span="c-6">{confidence}</Panel>
        </div>
        <footer class="ft">
            <span>{format!("Computed {} UTC, revision {}, because of {}", newest.computed_at.date_clock(), newest.revision, newest.reason)}</span>
        </footer>
    }
}

fn window_words(report: &WindowReport) -> String {
    format!(
        "{} – {}, {} rows, {}",
        report.range.from.date_clock(),
        report.range.to.date_clock(),
        format::count(report.rows as f64),
        report.state.title()
    )
}

fn strip(view: &ModelView, newest: &WindowReport) -> impl IntoView + use<> {
    let windows = production(view);
    let labelled = windows.iter().rev().find_map(|r| r.quality.as_ref().filter(|q| q.labelled >= 30).map(|q| (q, r)));
    let cell = |label: &str, value: String, below: AnyView| {
        view! { <div role="listitem"><span class="lab">{label.to_string()}</span><span class="sv">{value}</span><span class="ss">{below}</span></div> }
    };
    let words = |text: String| view! { <span class="hint">{text}</span> }.into_any();
    let mut cells = Vec::new();
    if let Some((quality, window)) = labelled {
        for name in [view.headline.as_str(), "precision", "recall", "f1", "roc_auc", "rmse", "bias"] {
            let Some(metric) = quality.metric(name) else {
                continue;
            };
            let e = metric.estimate;
            let interval =
                format!("{}–{}, n {}", format::fixed(e.low, 3), format::fixed(e.high, 3), format::count(e.n as f64));
            let outside = view
                .usual
                .as_ref()
                .filter(|u| u.metric == name)
                .is_some_and(|u| if metric.higher_is_better { e.value < u.lower } else { e.value > u.upper });
            let below = if outside {
                view! { <Status of=Of::Critical text=format!("usual from {}", format::fixed(view.usual.as_ref().map_or(f64::NAN, |u| u.lower), 3))/> }.into_any()
            } else {
                words(interval)
            };
            cells.push(cell(metric_title(name), format::fixed(e.value, 3), below));
        }
        cells.push(cell(
            "Outcomes to",
            window.range.to.day_month(),
            words(format!("{} known", format::percent(quality.coverage()))),
        ));
    } else {
        cells.push(cell(metric_title(&view.headline), "–".into(), words("no outcomes known yet".into())));
    }
    if let Some(drift) = &newest.drift {
        let below = if drift.drifted > 0 {
            view! { <Status of=Of::Poor text=format!("{} of {} features", drift.drifted, drift.columns)/> }.into_any()
        } else {
            words(format!("0 of {} features", drift.columns))
        };
        cells.push(cell("Drift score", format::fixed(drift.score, 2), below));
    }
    if let Some(confidence) = &newest.confidence {
        cells.push(cell(
            "Low confidence",
            format::percent(confidence.low_share.value),
            words(format!("below {}", format::fixed(view.model.settings.low_confidence, 2))),
        ));
    }
    cells.push(cell(
        "Predictions",
        format::count(windows.iter().map(|r| r.rows).sum::<u64>() as f64),
        words(format!("{} windows", windows.len())),
    ));
    cells.truncate(8);
    let class = format!("strip panel n{}", cells.len());
    view! { <div class=class role="list" aria-label="In figures">{cells}</div> }
}

fn middle(report: &WindowReport) -> f64 {
    (report.range.from.0 as f64 + report.range.to.0 as f64) / 2.0
}

fn quality_chart(view: &ModelView) -> AnyView {
    let mut marks = Vec::new();
    let metric = |r: &WindowReport| {
        r.quality.as_ref().filter(|q| q.labelled >= 30).and_then(|q| q.metric(&view.headline)).map(|m| m.estimate)
    };
    let known: Vec<(&WindowReport, domain::verdict::Estimate)> =
        view.reports.iter().filter_map(|r| Some((r, metric(r)?))).collect();
    if known.is_empty() {
        return view! { <Empty title="No outcomes known yet" text="Send labels to /api/v1/models/NAME/labels; each window is computed again when its truth arrives."/> }.into_any();
    }
    let span = |points: &[(&WindowReport, domain::verdict::Estimate)]| {
        (points[0].0.range.from.0 as f64, points[points.len() - 1].0.range.to.0 as f64)
    };
    let all = (view.reports[0].range.from.0 as f64, view.reports[view.reports.len() - 1].range.to.0 as f64);
    if let Some(usual) = &view.usual {
        marks.push(Mark::Band {
            class: "bd".into(),
            points: vec![(all.0, usual.lower, usual.upper), (all.1, usual.lower, usual.upper)],
        });
        marks.push(Mark::Rule {
            class: "mean".into(),
            y: usual.mean,
            label: format!("usual {}", format::fixed(usual.mean, 3)),
        });
        marks.push(Mark::Rule {
            class: "cl".into(),
            y: usual.lower,
            label: format!("lower {}", format::fixed(usual.lower, 3)),
        });
        marks.push(Mark::Rule {
            class: "cl".into(),
            y: usual.upper,
            label: format!("upper {}", format::fixed(usual.upper, 3)),
        });
    }
    let (reference, production): (Vec<_>, Vec<_>) = known.iter().copied().partition(|(r, _)| r.reference);
    for (name, class, part) in [("Baseline", "kt", &reference), ("Realised", "ka strong", &production)] {
        if part.is_empty() {
            continue;
        }
        marks.push(Mark::Band {
            class: format!("ci {class}"),
            points: part.iter().map(|(r, e)| (middle(r), e.low, e.high)).collect(),
        });
        marks.push(Mark::Line {
            name: name.into(),
            class: class.into(),
            points: part.iter().map(|(r, e)| (middle(r), Some(e.value))).collect(),
        });
    }
    if let Some(usual) = &view.usual {
        let outside: Vec<(f64, f64)> = production
            .iter()
            .filter(|(_, e)| e.value < usual.lower || e.value > usual.upper)
            .map(|(r, e)| (middle(r), e.value))
            .collect();
        marks.push(Mark::Points { class: "kc".into(), points: outside });
    }
    let last_label = span(&known).1;
    if last_label < all.1 {
        marks.push(Mark::Span {
            class: "ev kt".into(),
            from: last_label,
            to: all.1,
            label: "outcomes not known yet".into(),
        });
    }
    let unit = if view.model.task.is_classification() { Unit::Fixed(3) } else { Unit::Compact };
    let mut spec = ChartSpec::fit(230.0, Axis::Time, unit, marks, false);
    spec.x = all;
    let worst = production.iter().map(|(_, e)| e.value).fold(f64::INFINITY, f64::min);
    let description = format!(
        "{} windows with outcomes, the lowest at {}{}",
        production.len(),
        format::fixed(worst, 3),
        view.usual
            .as_ref()
            .map(|u| format!(", usual {} to {}", format::fixed(u.lower, 3), format::fixed(u.upper, 3)))
            .unwrap_or_default()
    );
    view! { <Chart spec title=format!("{} over time", metric_title(&view.headline)) description right=92/> }.into_any()
}

fn coverage_chart(view: &ModelView) -> AnyView {
    let bars: Vec<(f64, f64, f64)> = production(view)
        .iter()
        .map(|r| {
            (
                r.range.from.0 as f64,
                r.range.to.0 as f64,
                r.quality.as_ref().map_or(0.0, domain::verdict::Quality::coverage),
            )
        })
        .collect();
    let total: u64 = production(view).iter().map(|r| r.rows).sum();
    let known: u64 = production(view).iter().filter_map(|r| r.quality.as_ref()).map(|q| q.labelled).sum();
    let share = known as f64 / total.max(1) as f64;
    let mut spec = ChartSpec::fit(
        176.0,
        Axis::Time,
        Unit::Percent,
        vec![Mark::Bars { name: "Known".into(), class: "ka".into(), bars }],
        true,
    );
    spec.y = (0.0, 1.0);
    view! {
        <Chart spec title="Outcomes known by window" description=format!("{} of all", format::percent(share))/>
        <dl class="kv"><dt>"Outcomes known"</dt><dd><b>{format::percent(share)}</b>{format!(" of {}", format::count(total as f64))}</dd></dl>
    }
    .into_any()
}

fn drift_table(view: &ModelView, newest: &WindowReport, place: &Place) -> AnyView {
    if newest.columns.is_empty() {
        return view! { <Empty title="Nothing to compare with" text="Upload a baseline, or choose a range of production as one, and every window is compared with it."/> }.into_any();
    }
    let windows = production(view);
    let recent = &windows[windows.len().saturating_sub(40)..];
    let trend = |column: &str| -> Vec<Option<f64>> {
        recent.iter().map(|r| r.columns.iter().find(|c| c.column == column).and_then(|c| c.statistic("psi"))).collect()
    };
    let rows: Vec<_> = newest
        .columns
        .iter()
        .map(|c| {
            let number = |test: &str| c.statistic(test).map_or_else(|| "–".to_string(), |s| format::fixed(s, 3));
            let distance = if c.statistic("ks").is_some() { number("ks") } else { number("l_infinity") };
            let p = c.tests.iter().find_map(|t| t.p_adjusted).map_or_else(|| "–".to_string(), format::p_value);
            let class = if c.finding.drifted() { "kp" } else { "kt" };
            let path = format!("/models/{}", view.model.name);
            let base = place.link(&path);
            let join = if base.contains('?') { '&' } else { '?' };
            let link = format!("{base}{join}column={}", encode(&c.name));
            let missing = 100.0 * c.missing_current as f64 / (c.missing_current + c.n_current).max(1) as f64;
            view! {
                <tr>
                    <th scope="row"><a class="mono" href=link title=c.sentence.clone()>{c.name.clone()}</a></th>
                    <td><Status of=c.finding.status() text=c.finding.title()/></td>
                    <td class="num v">{number("psi")}</td>
                    <td><Spark values=trend(&c.column) label=format!("PSI of {} over recent windows", c.name) class height=18 width=112 threshold=0.1 range=(0.0, 0.3)/></td>
                    <td class="num">{distance}</td>
                    <td class="num">{number("jensen_shannon")}</td>
                    <td class="num">{p}</td>
                    <td class="num">{format::count(c.n_current as f64)}</td>
                    <td class="num">{format::fixed(missing, 1)}</td>
                </tr>
            }
        })
        .collect();
    view! {
        <table class="t">
            <thead><tr>
                <th scope="col">"Feature"</th><th scope="col">"Drift"</th><th scope="col" class="num">"PSI"</th><th scope="col">"Windows, line at 0.10"</th>
                <th scope="col" class="num">"KS or L∞"</th><th scope="col" class="num">"JS"</th><th scope="col" class="num">"p adjusted"</th><th scope="col" class="num">"n"</th><th scope="col" class="num">"Missing "<span class="u">"%"</span></th>
            </tr></thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() || b == b'_' { (b as char).to_string() } else { format!("%{b:02X}") })
        .collect()
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
    let spec = ChartSpec::fit(170.0, axis, Unit::Percent, marks, true);
    view! {
        <Chart spec title=format!("Distribution of {}", column.name) description=column.sentence.clone()/>
        <div class="leg"><span><i class="key sq ka"></i>"now"</span><span><i class="key kt"></i>"baseline"</span></div>
    }
    .into_any()
}

fn verdict_panel(column: &ColumnVerdict) -> impl IntoView + use<> {
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
            <dt>"Rows now, baseline"</dt><dd>{format!("{}, {}", format::count(column.n_current as f64), format::count(column.n_reference as f64))}</dd>
            <dt>"Smallest PSI this n can see"</dt><dd>{column.detectable_psi.map_or_else(|| "–".to_string(), |psi| format::fixed(psi, 3))}</dd>
        </dl>
    }
}

fn drift_chart(view: &ModelView) -> AnyView {
    let points: Vec<(f64, Option<f64>)> =
        production(view).iter().map(|r| (middle(r), r.drift.as_ref().map(|d| d.score))).collect();
    if points.iter().all(|(_, v)| v.is_none()) {
        return view! { <Empty title="No baseline" text="Drift needs something to compare with."/> }.into_any();
    }
    let marks = vec![
        Mark::Line { name: "Drift score".into(), class: "ka strong".into(), points },
        Mark::Rule { class: "thl kp".into(), y: 0.5, label: "threshold".into() },
    ];
    let mut spec = ChartSpec::fit(150.0, Axis::Time, Unit::Fixed(2), marks, true);
    spec.y = (0.0, 1.0);
    let words =
        production(view).last().and_then(|r| r.drift.as_ref()).map(|d| d.composition.clone()).unwrap_or_default();
    view! { <Chart spec title="Drift score over time" description=words.clone() right=64/><p class="hint">{words}</p> }
        .into_any()
}

fn confidence_chart(view: &ModelView) -> AnyView {
    let windows: Vec<(f64, &domain::verdict::Confidence)> =
        view.reports.iter().filter_map(|r| Some((middle(r), r.confidence.as_ref()?))).collect();
    if windows.is_empty() {
        return view! { <Empty title="No probabilities" text="Send the probability of the predicted class to see how sure the model is."/> }.into_any();
    }
    let marks = vec![
        Mark::Band { class: "ci ka".into(), points: windows.iter().map(|(x, c)| (*x, c.p10, c.p90)).collect() },
        Mark::Line {
            name: "Median".into(),
            class: "ka strong".into(),
            points: windows.iter().map(|(x, c)| (*x, Some(c.p50))).collect(),
        },
    ];
    let spec = ChartSpec::fit(150.0, Axis::Time, Unit::Fixed(2), marks, false);
    view! { <Chart spec title="Confidence over time" description="median, 10 and 90 percentiles of each window"/> }
        .into_any()
}
