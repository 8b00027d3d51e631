//! Quality: realised and estimated, calibration, confidence, the weakest segments, members, outcomes.

use domain::evidence::figure_title;
use domain::verdict::{Confidence, Estimate, WindowReport, metric_title};
use domain::view::ModelView;
use domain::{Status as Of, format};
use leptos::prelude::*;

use super::{judged, middle, production};
use crate::charts::chart::Chart;
use crate::charts::spec::{Axis, ChartSpec, Mark, Unit};
use crate::components::panel::{Empty, Panel};
use crate::components::state::Place;
use crate::components::status::Status;
use crate::components::zone::Here;

pub(super) fn body(view: &ModelView, newest: &WindowReport, place: &Place) -> AnyView {
    let headline = metric_title(&view.headline);
    let chart = quality_chart(view);
    let ensemble = newest.ensemble.as_ref().map(|_| {
        let members = ensemble(view, newest);
        view! { <Panel title="Ensemble agreement" sub="all members say the same" span="c-6">{members}</Panel> }
    });
    let usage = usage(view, newest);
    let (versions, evaluators) = (versions(newest), evaluators(view));
    let outcomes = if ensemble.is_some() == usage.is_some() { "c-12" } else { "c-6" };
    let (scorecard, figures, segments) =
        (scorecard(view), judged::table(view, newest, place), segments(view, newest, place));
    let (calibration, confidence) = (calibration(view), confidence_chart(view));
    let (behaviour, coverage) = (behaviour(newest), coverage(view));
    view! {
        {strip(view, newest)}
        <div class="g">
            <Panel title=headline sub="each window with its 95 % interval; shaded: usual" span="c-8">{chart}</Panel>
            <Panel title="How good the estimate is" sub="held against outcomes" span="c-4">{scorecard}</Panel>
            <Panel title="Figures and their limits" sub=super::window_words(newest) span="c-8" flush=true>{figures}</Panel>
            <Panel title="Weakest segments" sub=segment_words(newest) span="c-4" flush=true>{segments}</Panel>
            <Panel title="Calibration" sub="predicted and observed, ten groups" span="c-4">{calibration}</Panel>
            <Panel title="Confidence" sub="of the predicted class: median, 10–90 %" span="c-4">{confidence}</Panel>
            <Panel title="What it answers" sub="consistency, steadiness, diversity" span="c-4">{behaviour}</Panel>
            {ensemble}
            {usage}
            {versions}
            {evaluators}
            <Panel title="Outcomes: coverage and delay" sub="share of predictions with a label" span=outcomes>{coverage}</Panel>
        </div>
    }
    .into_any()
}

fn strip(view: &ModelView, newest: &WindowReport) -> impl IntoView + use<> {
    let windows = production(view);
    let labelled = windows.iter().rev().find_map(|r| r.quality.as_ref().filter(|q| q.labelled >= 30).map(|q| (q, r)));
    let cell = |label: &str, value: String, below: AnyView| {
        view! { <div role="listitem"><span class="lab">{label.to_string()}</span><span class="sv">{value}</span><span class="ss">{below}</span></div> }
    };
    let words = |text: String| view! { <span class="hint">{text}</span> }.into_any();
    let against_usual = |e: Estimate, higher: bool| -> AnyView {
        let usual = view.usual.as_ref();
        let outside = usual.is_some_and(|u| if higher { e.value < u.lower } else { e.value > u.upper });
        match usual.filter(|_| outside) {
            Some(u) => {
                let end = if higher { u.lower } else { u.upper };
                view! { <Status of=Of::Critical text=format!("usual {} {}", if higher { "from" } else { "to" }, format::fixed(end, 3))/> }.into_any()
            }
            None => words(format!(
                "{}–{}, n {}",
                format::fixed(e.low, 3),
                format::fixed(e.high, 3),
                format::count(e.n as f64)
            )),
        }
    };
    let mut cells = Vec::new();
    if let Some(metric) = newest.estimated.as_ref().and_then(|e| e.metric(&view.headline)) {
        cells.push(cell(
            &figure_title(&format!("estimated.{}", metric.name)),
            format::fixed(metric.estimate.value, 3),
            against_usual(metric.estimate, metric.higher_is_better),
        ));
    }
    if let Some((quality, window)) = labelled {
        if let Some(metric) = quality.metric(&view.headline) {
            let outside = against_usual(metric.estimate, metric.higher_is_better);
            cells.push(cell(
                &format!("Realised {}", domain::verdict::metric_words(&metric.name)),
                format::fixed(metric.estimate.value, 3),
                outside,
            ));
        }
        for name in ["f1", "roc_auc", "rmse", "bias", "mrr"] {
            if let Some(metric) = quality.metric(name) {
                let e = metric.estimate;
                cells.push(cell(
                    metric_title(name),
                    format::fixed(e.value, 3),
                    words(format!("{}–{}", format::fixed(e.low, 3), format::fixed(e.high, 3))),
                ));
            }
        }
        cells.push(cell(
            "Outcomes to",
            window.range.to.day_month(),
            words(format!("{} known", format::percent(quality.coverage()))),
        ));
    } else {
        cells.push(cell(
            &format!("Realised {}", domain::verdict::metric_words(&view.headline)),
            "–".into(),
            words("no outcomes known yet".into()),
        ));
    }
    if let Some(drift) = &newest.drift {
        let below = if drift.concept {
            view! { <Status of=Of::Critical text="outcomes follow inputs no more"/> }.into_any()
        } else if drift.drifted > 0 {
            let of = if drift.score >= drift.threshold { Of::Critical } else { Of::Fair };
            view! { <Status of text=format!("{} of {} features", drift.drifted, drift.columns)/> }.into_any()
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
    if let Some(p95) = newest.usage.latency_ms_p95 {
        cells.push(cell("p95 latency", format!("{} ms", format::compact(p95)), words(String::new())));
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

/// Windows with a realised value, and those with an estimated one.
fn known<'a>(
    view: &'a ModelView,
    of: impl Fn(&'a WindowReport) -> Option<Estimate>,
) -> Vec<(&'a WindowReport, Estimate)> {
    view.reports.iter().filter_map(|r| Some((r, of(r)?))).collect()
}

fn quality_chart(view: &ModelView) -> AnyView {
    let realised = known(view, |r| {
        r.quality.as_ref().filter(|q| q.labelled >= 30).and_then(|q| q.metric(&view.headline)).map(|m| m.estimate)
    });
    let estimated = known(view, |r| r.estimated.as_ref().and_then(|e| e.metric(&view.headline)).map(|m| m.estimate));
    if realised.is_empty() && estimated.is_empty() {
        return view! { <Empty title="Neither outcomes nor estimates yet" text="Send labels to /api/v1/models/NAME/labels, and each window is computed again when its truth arrives. With probabilities and a baseline whose truth is known, quality is estimated meanwhile."/> }.into_any();
    }
    let all = (view.reports[0].range.from.0 as f64, view.reports[view.reports.len() - 1].range.to.0 as f64);
    let mut marks = Vec::new();
    if let Some(usual) = &view.usual {
        marks.push(Mark::Band {
            class: "bd".into(),
            points: vec![(all.0, usual.lower, usual.upper), (all.1, usual.lower, usual.upper)],
        });
        for (class, y, words) in
            [("mean", usual.mean, "usual"), ("cl", usual.lower, "lower"), ("cl", usual.upper, "upper")]
        {
            marks.push(Mark::Rule { class: class.into(), y, label: format!("{words} {}", format::fixed(y, 3)) });
        }
    }
    let line = |marks: &mut Vec<Mark>, name: &str, class: &str, part: &[(&WindowReport, Estimate)]| {
        if part.is_empty() {
            return;
        }
        let key = class.split(' ').next().unwrap_or_default();
        marks.push(Mark::Band {
            class: format!("ci {key}"),
            points: part.iter().map(|(r, e)| (middle(r), e.low, e.high)).collect(),
        });
        marks.push(Mark::Line {
            name: name.into(),
            class: class.into(),
            points: part.iter().map(|(r, e)| (middle(r), Some(e.value))).collect(),
        });
    };
    let (reference, production): (Vec<_>, Vec<_>) = realised.iter().copied().partition(|(r, _)| r.reference);
    let ahead: Vec<_> = estimated.iter().copied().filter(|(r, _)| !r.reference).collect();
    line(&mut marks, "Baseline, realised", "kt", &reference);
    line(&mut marks, "Estimated", "ka", &ahead);
    line(&mut marks, "Realised", "kp strong", &production);
    if let Some(usual) = &view.usual {
        let outside = production.iter().filter(|(_, e)| e.value < usual.lower || e.value > usual.upper);
        marks.push(Mark::Points { class: "kc".into(), points: outside.map(|(r, e)| (middle(r), e.value)).collect() });
    }
    let last_label = realised.last().map_or(all.0, |(r, _)| r.range.to.0 as f64);
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
    let usual =
        view.usual.as_ref().map(|u| format!(", usual {} to {}", format::fixed(u.lower, 3), format::fixed(u.upper, 3)));
    let description = format!(
        "{} windows with outcomes, the lowest at {}; {} with an estimate{}",
        production.len(),
        format::fixed(worst, 3),
        ahead.len(),
        usual.unwrap_or_default()
    );
    let title = format!("{} over time", metric_title(&view.headline));
    view! {
        <Chart spec title description right=92 deeper=format!("/models/{}", view.model.name)/>
        <div class="leg"><span><i class="key kp"></i>"realised"</span><span><i class="key ka"></i>"estimated without outcomes"</span><span><i class="key kt"></i>"baseline"</span></div>
    }
    .into_any()
}

fn scorecard(view: &ModelView) -> AnyView {
    let method = production(view).iter().rev().find_map(|r| r.estimated.as_ref()).map(|e| e.method.clone());
    let Some(method) = method else {
        return view! { <Empty title="No estimate" text="An estimate needs a baseline whose outcomes are known, and probabilities (or, for numbers, features to learn the error from)."/> }.into_any();
    };
    let how = match method.as_str() {
        "loss" => "A second model learnt on the baseline how large the error is for which inputs.",
        _ => "Probabilities calibrated on the baseline say how often an answer is right.",
    };
    let training = view.training.as_ref().map(|t| match t.done {
        Some(at) => format!("learnt from {} rows, {}", format::count(t.rows as f64), at.here().date_clock()),
        None => format!("{} done, {} rows", format::percent(t.share), format::count(t.rows as f64)),
    });
    let card = view.scorecard.map(|card| {
        view! {
            <dt>"Windows compared"</dt><dd><b>{card.windows}</b></dd>
            <dt>"Mean error"</dt><dd><b>{format::fixed(card.error, 4)}</b></dd>
            <dt>"Leans by"</dt><dd>{format::signed(card.lean, 4)}</dd>
            <dt>"Truth within the band"</dt><dd>{format::percent(card.covered)}<span class="hint">" of windows, 95 % meant"</span></dd>
        }
    });
    let none = card
        .is_none()
        .then(|| view! { <p class="hint">"No window’s outcomes are known well enough yet to check it."</p> });
    view! {
        <p>{how}</p>
        <dl class="kv mt-12">{card}
            {training.map(|words| view! { <dt>"Background learning"</dt><dd>{words}</dd> })}
        </dl>
        {none}
        <p class="hint mt-12">"It cannot see that the same inputs mean something else than before; when outcomes come, the drift score names that."</p>
    }
    .into_any()
}

fn segment_words(newest: &WindowReport) -> &'static str {
    match newest.segments.first() {
        Some(segment) if segment.realised => "realised, newest window",
        Some(_) => "estimated, newest window",
        None => "newest window",
    }
}

fn segments(view: &ModelView, newest: &WindowReport, place: &Place) -> AnyView {
    if newest.segments.is_empty() {
        return view! { <Empty title="None stands out" text="No part of the rows is surely worse than the whole."/> }
            .into_any();
    }
    let higher = domain::verdict::Metric {
        name: view.headline.clone(),
        estimate: newest.segments[0].quality,
        higher_is_better: view.model.task.is_classification(),
    }
    .higher_is_better;
    let rows: Vec<_> = newest
        .segments
        .iter()
        .map(|s| {
            let show = |v: f64| if higher { format::fixed(v, 3) } else { format::compact(v) };
            let difference = if higher { format::signed(s.difference, 3) } else { format!("+{}", format::compact(s.difference)) };
            let title = format!("95 %: {} to {}", show(s.quality.low), show(s.quality.high));
            let name = super::segment_name(s, &view.model.name, place);
            view! { <tr><th scope="row" class="plain">{name}</th><td class="num v" title=title>{show(s.quality.value)}</td><td class="num"><span class="dl worse">{difference}<span class="sr">" (worse)"</span></span></td><td class="num dim">{format::count(s.quality.n as f64)}</td></tr> }
        })
        .collect();
    view! {
        <table class="t dense"><thead><tr><th scope="col">"Segment"</th><th scope="col" class="num">{metric_title(&view.headline)}</th><th scope="col" class="num">"vs whole"</th><th scope="col" class="num">"n"</th></tr></thead><tbody>{rows}</tbody></table>
    }
    .into_any()
}

fn calibration(view: &ModelView) -> AnyView {
    let of = |reference: bool| {
        view.reports.iter().rev().filter(move |r| r.reference == reference).find_map(|r| r.calibration.as_ref())
    };
    let Some(now) = of(false) else {
        return view! { <Empty title="Not known" text="Calibration needs outcomes and the probability of the positive class."/> }.into_any();
    };
    let points = |c: &domain::evidence::Calibration| {
        c.groups.iter().map(|g| (g.predicted, Some(g.observed.value))).collect::<Vec<_>>()
    };
    let mut marks = vec![
        Mark::Line { name: String::new(), class: "cl".into(), points: vec![(0.0, Some(0.0)), (1.0, Some(1.0))] },
        Mark::Band {
            class: "ci ka".into(),
            points: now.groups.iter().map(|g| (g.predicted, g.observed.low, g.observed.high)).collect(),
        },
    ];
    if let Some(before) = of(true) {
        marks.push(Mark::Line { name: "baseline".into(), class: "kt".into(), points: points(before) });
    }
    marks.push(Mark::Line { name: "observed".into(), class: "ka strong".into(), points: points(now) });
    let mut spec = ChartSpec::fit(172.0, Axis::Number, Unit::Fixed(1), marks, true);
    (spec.x, spec.y) = ((0.0, 1.0), (0.0, 1.0));
    let words = format!(
        "Error {}, Brier {}, log loss {}, n {}. Shaded: 95 % interval.",
        format::fixed(now.error, 3),
        format::fixed(now.brier, 3),
        format::fixed(now.log_loss, 3),
        format::count(now.n as f64)
    );
    view! { <Chart spec title="Predicted against observed probability" description=words.clone()/><p class="hint">{words}</p> }.into_any()
}

fn confidence_chart(view: &ModelView) -> AnyView {
    let windows: Vec<(f64, bool, &Confidence)> =
        view.reports.iter().filter_map(|r| Some((middle(r), r.reference, r.confidence.as_ref()?))).collect();
    if windows.is_empty() {
        return view! { <Empty title="No probabilities" text="Send the probability of the predicted class to see how sure the model is."/> }.into_any();
    }
    // The baseline apart: where it was taken from the same hours, one line through both would go back and forth.
    let (before, now): (Vec<_>, Vec<_>) = windows.into_iter().partition(|(_, reference, _)| *reference);
    let median = |of: &[(f64, bool, &Confidence)]| of.iter().map(|(x, _, c)| (*x, Some(c.p50))).collect();
    let mut marks = Vec::new();
    if !before.is_empty() {
        marks.push(Mark::Line { name: "Baseline".into(), class: "kt".into(), points: median(&before) });
    }
    marks.push(Mark::Band { class: "ci ka".into(), points: now.iter().map(|(x, _, c)| (*x, c.p10, c.p90)).collect() });
    marks.push(Mark::Line { name: "Median".into(), class: "ka strong".into(), points: median(&now) });
    let spec = ChartSpec::fit(172.0, Axis::Time, Unit::Fixed(2), marks, false);
    view! { <Chart spec title="Confidence over time" description="median, 10 and 90 percentiles of each window"/> }
        .into_any()
}

fn behaviour(newest: &WindowReport) -> AnyView {
    let b = &newest.behaviour;
    let share = |e: &Option<Estimate>| e.map_or_else(|| "–".to_string(), |e| format::percent(e.value));
    let number = |v: Option<f64>| v.map_or_else(|| "–".to_string(), |v| format::fixed(v, 3));
    let pairs = match b.consistency {
        Some(c) => format!("{} pairs of {} inputs", format::count(c.n as f64), format::count(b.repeated as f64)),
        None => "no input came twice".into(),
    };
    let anomalies = newest.multivariate.anomalies;
    let range = match anomalies {
        Some(a) => format!("{}–{}, 1 % expected", format::percent(a.low), format::percent(a.high)),
        None => String::new(),
    };
    let probed = match b.probing {
        Some(_) => "as who feels a model out asks",
        None => "inputs of few values are alike by chance",
    };
    let contradicted = newest.quality.as_ref().and_then(|q| q.contradicted);
    let against = match contradicted {
        Some(c) => format!("of {} it was 95 % sure of; wrong, planted, or a changed world", format::count(c.n as f64)),
        None => "no outcome is known of an answer it was sure of".into(),
    };
    let told = [
        ("Same answer to the same input", share(&b.consistency), pairs),
        ("Likeness to the window before", number(b.steadiness), "1 is the same mix of answers".into()),
        ("Diversity of answers", number(b.diversity), "1 is the most there could be, or the baseline’s".into()),
        ("Rows unlike the baseline", share(&anomalies), range),
        ("Inputs varied one value at a time", share(&b.probing), probed.into()),
        ("Labels against a sure model", share(&contradicted), against),
    ];
    let lines: Vec<_> = told
        .into_iter()
        .map(|(what, value, more)| view! { <dt>{what}</dt><dd><b>{value}</b></dd><dd class="hint">{more}</dd> })
        .collect();
    view! { <dl class="kv told">{lines}</dl> }.into_any()
}

fn ensemble(view: &ModelView, newest: &WindowReport) -> AnyView {
    let Some(now) = &newest.ensemble else {
        return ().into_any();
    };
    let before = view.reports.iter().filter(|r| r.reference).rev().find_map(|r| r.ensemble.as_ref());
    let points: Vec<(f64, Option<f64>)> =
        production(view).iter().map(|r| (middle(r), r.ensemble.as_ref().map(|e| e.agreement.value))).collect();
    let marks = vec![Mark::Line { name: "All agree".into(), class: "ka strong".into(), points }];
    let spec = ChartSpec::fit(112.0, Axis::Time, Unit::Fixed(2), marks, false);
    let m = now.members.len();
    let head: Vec<_> = now.members.iter().map(|n| view! { <th scope="col" class="mono">{n.clone()}</th> }).collect();
    let rows: Vec<_> = (0..m)
        .map(|i| {
            let cells: Vec<_> = (0..m)
                .map(|j| {
                    if i == j {
                        return view! { <td class="dim">"–"</td> }.into_any();
                    }
                    let value = now.pairs.get(i * m + j).copied().unwrap_or(f64::NAN);
                    let was = before.and_then(|b| b.pairs.get(i * m + j).copied());
                    let low = was.is_some_and(|w| value < w - 0.05);
                    view! { <td class:lo=low><b>{format::fixed(value, 2)}</b>{was.map(|w| view! { <span class="dim">{format!(" was {}", format::fixed(w, 2))}</span> })}</td> }.into_any()
                })
                .collect();
            view! { <tr><th scope="row" class="mono">{now.members[i].clone()}</th>{cells}</tr> }
        })
        .collect();
    let accuracy: Vec<String> = now
        .members
        .iter()
        .zip(&now.estimated_accuracy)
        .map(|(name, a)| format!("{name} {}", format::fixed(*a, 3)))
        .collect();
    let kappa = now.kappa.map(|k| format!("Fleiss’ κ {}. ", format::fixed(k, 3))).unwrap_or_default();
    let words = if accuracy.is_empty() {
        kappa
    } else {
        format!("{kappa}Accuracy estimated without outcomes (Dawid–Skene): {}.", accuracy.join(", "))
    };
    view! {
        <Chart spec title="Share of rows in which all members agree" description=format!("{} now", format::fixed(now.agreement.value, 2))/>
        <table class="t dense agm"><thead><tr><th scope="col">"Pairs agree, now"</th>{head}</tr></thead><tbody>{rows}</tbody></table>
        {consensus(now)}<p class="hint">{words}</p>
    }
    .into_any()
}

/// How often the most frequent answer was right, by how many stood behind it.
fn consensus(now: &domain::evidence::Ensemble) -> Option<AnyView> {
    if now.right.is_empty() {
        return None;
    }
    let rows: Vec<_> = now
        .right
        .iter()
        .map(|r| {
            let range = format!("{}–{}", format::percent(r.right.low), format::percent(r.right.high));
            view! { <tr><th scope="row" class="plain">{format!("{} of {}", r.behind, r.of)}</th><td class="num v">{format::percent(r.right.value)}</td><td class="num">{range}</td><td class="num">{format::count(r.right.n as f64)}</td></tr> }
        })
        .collect();
    Some(view! { <table class="t dense mt-8"><thead><tr><th scope="col">"Members behind the answer"</th><th scope="col" class="num">"Right"</th><th scope="col" class="num">"95 %"</th><th scope="col" class="num">"Rows"</th></tr></thead><tbody>{rows}</tbody></table> }.into_any())
}

/// Tokens and cost, for models that have them.
fn usage(view: &ModelView, newest: &WindowReport) -> Option<AnyView> {
    let now = &newest.usage;
    now.tokens_in.or(now.tokens_out).or(now.cost)?;
    let points: Vec<(f64, Option<f64>)> =
        production(view).iter().map(|r| (middle(r), r.usage.cost.or(r.usage.tokens_out))).collect();
    let marks = vec![Mark::Line {
        name: if now.cost.is_some() { "Cost" } else { "Tokens out" }.into(),
        class: "ka strong".into(),
        points,
    }];
    let spec = ChartSpec::fit(112.0, Axis::Time, Unit::Compact, marks, true);
    let show = |v: Option<f64>| v.map_or_else(|| "–".to_string(), format::compact);
    let each = show(now.cost.map(|v| v / (newest.rows.max(1)) as f64));
    let facts = view! {
        <dl class="kv mt-8">
            <dt>"Tokens in, out"</dt><dd><b>{format!("{}, {}", show(now.tokens_in), show(now.tokens_out))}</b></dd>
            <dt>"Cost"</dt><dd><b>{show(now.cost)}</b><span class="hint">{format!(" {each} an answer")}</span></dd>
            <dt>"Latency p50, p95, p99"</dt><dd>{format!("{}, {}, {} ms", show(now.latency_ms_p50), show(now.latency_ms_p95), show(now.latency_ms_p99))}</dd>
            {now.first_token_ms_p50.map(|p50| view! { <dt>"First token p50, p95"</dt><dd>{format!("{}, {} ms", format::compact(p50), show(now.first_token_ms_p95))}<span class="hint">{now.token_ms_p50.map(|each| format!(" then {} ms a token", format::compact(each)))}</span></dd> })}
            {[("Calls that failed", now.errors), ("Answers refused", now.refusals), ("Answers cut off", now.cut_off), ("Tools that failed", now.tool_errors)].into_iter().filter_map(|(what, share)| share.map(|e| view! { <dt>{what}</dt><dd><b>{format::percent(e.value)}</b><span class="hint">{format!(" {}–{} of {}", format::percent(e.low), format::percent(e.high), format::count(e.n as f64))}</span></dd> })).collect::<Vec<_>>()}
        </dl>
    };
    Some(
        view! {
            <Panel title="Tokens, cost, latency" sub="each window" span="c-6">
                <Chart spec title="Cost over time" description="each window"/>
                {facts}
            </Panel>
        }
        .into_any(),
    )
}

/// Versions of the model and of its prompt beside each other.
fn versions(newest: &WindowReport) -> Option<AnyView> {
    if newest.versions.is_empty() {
        return None;
    }
    let show = |v: Option<f64>| v.map_or_else(|| "–".to_string(), format::compact);
    let rows: Vec<_> = newest
        .versions
        .iter()
        .map(|v| {
            let quality = v.quality.map_or_else(|| "–".to_string(), |q| format!("{} ({} – {})", format::fixed(q.value, 3), format::fixed(q.low, 3), format::fixed(q.high, 3)));
            let how = match (v.quality, v.realised) {
                (None, _) => "",
                (Some(_), true) => "realised",
                (Some(_), false) => "estimated",
            };
            view! { <tr><th scope="row" class="mono plain">{v.name.clone()}</th><td>{v.kind.clone()}</td><td class="num">{format::count(v.rows as f64)}</td><td class="num v">{quality}</td><td class="dim">{how}</td><td class="num">{show(v.latency_ms_p95)}</td><td class="num">{show(v.cost)}</td><td class="num">{show(v.tokens_out)}</td></tr> }
        })
        .collect();
    Some(view! {
        <Panel title="Versions compared" sub="newest window" span="c-12" flush=true>
            <table class="t dense"><thead><tr><th scope="col">"Version"</th><th scope="col">"Of"</th><th scope="col" class="num">"Rows"</th><th scope="col" class="num">"Quality, 95 %"</th><th scope="col">"Known how"</th><th scope="col" class="num">"Latency p95 "<span class="u">"ms"</span></th><th scope="col" class="num">"Cost an answer"</th><th scope="col" class="num">"Tokens out"</th></tr></thead><tbody>{rows}</tbody></table>
        </Panel>
    }.into_any())
}

/// What evaluators said.
fn evaluators(view: &ModelView) -> Option<AnyView> {
    if view.evaluators.is_empty() {
        return None;
    }
    let rows: Vec<_> = view
        .evaluators
        .iter()
        .map(|e| {
            let score = e.score.map_or_else(|| "–".to_string(), |s| format!("{} ({} – {})", format::fixed(s.value, 3), format::fixed(s.low, 3), format::fixed(s.high, 3)));
            let words: Vec<String> = e.labels.iter().map(|(word, n)| format!("{word} {n}")).collect();
            view! { <tr><th scope="row" class="plain">{e.evaluator.clone()}</th><td class="num v">{score}</td><td>{words.join(", ")}</td><td class="num dim">{format::count(e.n as f64)}</td></tr> }
        })
        .collect();
    Some(view! {
        <Panel title="Evaluators" sub="scores of answers, 95 %" span="c-12" flush=true>
            <table class="t dense"><thead><tr><th scope="col">"Evaluator"</th><th scope="col" class="num">"Mean score"</th><th scope="col">"Said"</th><th scope="col" class="num">"n"</th></tr></thead><tbody>{rows}</tbody></table>
        </Panel>
    }.into_any())
}

fn coverage(view: &ModelView) -> AnyView {
    let windows = production(view);
    let bars: Vec<(f64, f64, f64)> = windows
        .iter()
        .map(|r| {
            let known = r.quality.as_ref().map_or(0.0, domain::verdict::Quality::coverage);
            (r.range.from.0 as f64, r.range.to.0 as f64, known)
        })
        .collect();
    let total: u64 = windows.iter().map(|r| r.rows).sum();
    let known: u64 = windows.iter().filter_map(|r| r.quality.as_ref()).map(|q| q.labelled).sum();
    let share = known as f64 / total.max(1) as f64;
    let marks = vec![Mark::Bars { name: "Known".into(), class: "ka".into(), bars }];
    let mut spec = ChartSpec::fit(112.0, Axis::Time, Unit::Percent, marks, true);
    spec.y = (0.0, 1.0);
    let lag = windows.iter().rev().filter_map(|r| r.labels.as_ref()).find(|l| l.n >= 30);
    let span = |micros: f64| format::duration(micros as i64);
    view! {
        <Chart spec title="Outcomes known by window" description=format!("{} of all", format::percent(share))/>
        <dl class="kv mt-8">
            <dt>"Outcomes known"</dt><dd><b>{format::percent(share)}</b>{format!(" of {}", format::count(total as f64))}</dd>
            {lag.map(|lag| view! { <dt>"Delay, half arrive within"</dt><dd><b>{span(lag.p50)}</b><span class="hint">{format!(" 19 in 20 within {}", span(lag.p95))}</span></dd> })}
            {lag.map(|lag| lag.groups.iter().take(4).map(|g| view! { <dt>{format!("of them {} = {}", g.group, g.value)}</dt><dd><b>{span(g.p50)}</b><span class="hint">{format!(" 19 in 20 within {}, {} labels", span(g.p95), format::count(g.n as f64))}</span></dd> }).collect::<Vec<_>>())}
            {(view.waiting_labels > 0).then(|| view! { <dt>"Labels without their prediction"</dt><dd>{format::count(view.waiting_labels as f64)}</dd> })}
        </dl>
    }
    .into_any()
}
