//! Data quality: missing, unseen, out of range, repeated, absent, and how much came.

use domain::format;
use domain::verdict::{ColumnVerdict, Estimate, WindowReport};
use domain::view::ModelView;
use leptos::prelude::*;

use super::{feature_link, middle, production, window_words};
use crate::charts::chart::Chart;
use crate::charts::spec::{Axis, ChartSpec, Mark, Unit};
use crate::components::panel::{Empty, Panel};
use crate::components::state::Place;
use crate::components::status::Status;

pub(super) fn body(view: &ModelView, newest: &WindowReport, place: &Place) -> AnyView {
    let complaints: Vec<_> = newest
        .data
        .complaints()
        .into_iter()
        .map(|text| view! { <li class="note critical"><svg aria-hidden="true"><use href="#s-critical"></use></svg><div>{text}</div></li> })
        .collect();
    let none = complaints.is_empty();
    let p1 = volume(view);
    let p2 = shares(view);
    let p3 = columns(view, newest, place);
    view! {
        {(!none).then(|| view! { <ul class="col gap-8 mb-16" aria-label="What is wrong">{complaints}</ul> })}
        {strip(newest, view)}
        <div class="g">
            <Panel title="Predictions" sub="each window" span="c-6">{p1}</Panel>
            <Panel title="Missing, unseen, out of range" sub="share of values, each window" span="c-6">{p2}</Panel>
            <Panel title="Columns" sub=window_words(newest) span="c-12" flush=true>{p3}</Panel>
        </div>
    }
    .into_any()
}

fn strip(newest: &WindowReport, view: &ModelView) -> impl IntoView + use<> {
    let d = &newest.data;
    let share = |label: &'static str, e: Option<Estimate>| {
        let value = e.map_or_else(|| "–".to_string(), |e| format::percent(e.value));
        let below = e.map(|e| format!("of {}", format::count(e.n as f64))).unwrap_or_default();
        view! { <div role="listitem"><span class="lab">{label}</span><span class="sv">{value}</span><span class="ss"><span class="hint">{below}</span></span></div> }
    };
    let age = (view.now.0 - newest.range.to.0).max(0);
    let fresh = domain::format::duration(age);
    view! {
        <div class="strip panel n6" role="list" aria-label="In figures">
            {share("Missing", d.missing)}{share("Unseen categories", d.unseen)}{share("Out of range", d.out_of_range)}{share("Repeated inputs", d.duplicates)}
            <div role="listitem"><span class="lab">"Columns absent, new"</span><span class="sv">{format!("{}, {}", d.absent.len(), d.added.len())}</span><span class="ss"><span class="hint">"against the baseline"</span></span></div>
            <div role="listitem"><span class="lab">"Newest window ended"</span><span class="sv">{fresh}</span><span class="ss"><span class="hint">"ago"</span></span></div>
        </div>
    }
}

fn volume(view: &ModelView) -> AnyView {
    let bars = production(view).iter().map(|r| (r.range.from.0 as f64, r.range.to.0 as f64, r.rows as f64)).collect();
    let marks = vec![Mark::Bars { name: "Predictions".into(), class: "ka".into(), bars }];
    let spec = ChartSpec::fit(150.0, Axis::Time, Unit::Compact, marks, true);
    view! { <Chart spec title="Predictions by window" description="how many came"/> }.into_any()
}

fn shares(view: &ModelView) -> AnyView {
    let line = |name: &str, class: &str, of: fn(&WindowReport) -> Option<Estimate>| Mark::Line {
        name: name.into(),
        class: class.into(),
        points: production(view).iter().map(|r| (middle(r), of(r).map(|e| e.value))).collect(),
    };
    let marks = vec![
        line("Missing", "k1", |r| r.data.missing),
        line("Unseen", "k2", |r| r.data.unseen),
        line("Out of range", "k3", |r| r.data.out_of_range),
    ];
    let spec = ChartSpec::fit(150.0, Axis::Time, Unit::Percent, marks, true);
    view! {
        <Chart spec title="Faults of the data over time" description="share of values"/>
        <div class="leg"><span><i class="key k1"></i>"missing"</span><span><i class="key k2"></i>"unseen"</span><span><i class="key k3"></i>"out of range"</span></div>
    }
    .into_any()
}

fn columns(view: &ModelView, newest: &WindowReport, place: &Place) -> AnyView {
    if newest.columns.is_empty() {
        return view! { <Empty title="Nothing to compare with" text="A baseline says what belongs in a column."/> }
            .into_any();
    }
    let mut sorted: Vec<&ColumnVerdict> = newest.columns.iter().collect();
    let faults = |c: &ColumnVerdict| c.missing_current + c.unseen + c.out_of_range;
    sorted.sort_by(|a, b| faults(b).cmp(&faults(a)).then_with(|| a.name.cmp(&b.name)));
    let rows: Vec<_> = sorted
        .into_iter()
        .map(|c| {
            let share = |hits: u64, of: u64| format::fixed(100.0 * hits as f64 / of.max(1) as f64, 1);
            let word = if c.retyped { "other type" } else if c.constant { "one value" } else { "" };
            let word = (!word.is_empty()).then(|| view! { <Status of=domain::Status::Critical text=word/> });
            let link = feature_link(place, &view.model.name, &c.column);
            view! {
                <tr><th scope="row"><a class="mono" href=link>{c.name.clone()}</a></th><td>{word}</td>
                <td class="num v">{share(c.missing_current, c.missing_current + c.n_current)}</td><td class="num dim">{share(c.missing_reference, c.missing_reference + c.n_reference)}</td>
                <td class="num">{share(c.unseen, c.n_current)}</td><td class="num">{share(c.out_of_range, c.n_current)}</td><td class="num">{format::count(c.n_current as f64)}</td></tr>
            }
        })
        .collect();
    view! {
        <table class="t dense"><thead><tr><th scope="col">"Column"</th><th scope="col">"Fault"</th><th scope="col" class="num">"Missing "<span class="u">"%"</span></th><th scope="col" class="num">"Before "<span class="u">"%"</span></th><th scope="col" class="num">"Unseen "<span class="u">"%"</span></th><th scope="col" class="num">"Out of range "<span class="u">"%"</span></th><th scope="col" class="num">"Values"</th></tr></thead><tbody>{rows}</tbody></table>
    }
    .into_any()
}
