//! What a rule would have done: how often it would have fired, beside the incidents that there were, and what
//! other limits would have done in the same time.

use domain::alert::backtest::{Backtest, OtherLimit};
use domain::format;
use domain::time::SECOND;
use leptos::prelude::*;

use crate::charts::chart::Chart;
use crate::charts::spec::{Axis, ChartSpec, Mark, Unit};
use crate::components::latest::Latest;
use crate::components::status::Status;
use crate::components::zone::{Here, zone_label};
use crate::server_functions::Failure;

pub type Try = Latest<Result<Backtest, Failure>>;

/// The back-test as far as it is; `take` puts another limit into the rule.
pub fn backtest(attempt: Try, days: RwSignal<u32>, take: Callback<f64>) -> AnyView {
    let tabs: Vec<_> = [7_u32, 30, 90]
        .into_iter()
        .map(|n| view! { <button type="button" aria-pressed=move || (days.get() == n).to_string() on:click=move |_| days.set(n)>{format!("{n} d")}</button> })
        .collect();
    let (sub, body) = match (attempt.waits(), attempt.answer()) {
        (true, _) => ("replaying…".to_string(), view! { <div class="pb"><p class="mid" role="status">"The past is being replayed."</p></div> }.into_any()),
        (_, None) => (String::new(), view! { <div class="pb"><p class="mid">"Write what is looked for; what it would have done appears here before it is saved."</p></div> }.into_any()),
        (_, Some(Err(error))) => (String::new(), view! { <div class="pb"><p class="note critical" role="alert">{error.to_string()}</p></div> }.into_any()),
        (_, Some(Ok(test))) => {
            let sub = format!("{} checks, every {}, in {} ms", format::count(f64::from(test.checks)), format::duration((test.step * SECOND as f64) as i64), format::fixed(test.took_ms, 0));
            (sub, done(&test, days.get_untracked()))
        }
    };
    let others = attempt.answer().and_then(Result::ok).filter(|t| !t.others.is_empty()).map(|t| others(&t, take));
    view! {
        <section class="panel" aria-label="Back-test"><header class="ph"><h2>"Back-test"</h2><span class="sub">{sub}</span><div class="act"><div class="seg" role="group" aria-label="Of how many days">{tabs}</div></div></header>{body}</section>
        {others}
    }
    .into_any()
}

fn done(test: &Backtest, days: u32) -> AnyView {
    let remark = (!test.remark.is_empty()).then(|| view! { <p class="mid mt-8">{test.remark.clone()}</p> });
    if test.checks == 0 {
        return view! { <div class="pb">{remark}</div> }.into_any();
    }
    let found =
        if test.incidents == 0 { "none".to_string() } else { format!("{} of {}", test.against.found, test.incidents) };
    let rows: Vec<_> = test
        .firings
        .iter()
        .take(12)
        .enumerate()
        .map(|(n, f)| {
            let lasted = format!("{}{}", format::duration(f.to.0 - f.from.0), if f.open { ", open" } else { "" });
            let of: Vec<String> = f.labels.iter().filter(|(n, _)| *n != "__name__").map(|(_, v)| v.clone()).take(3).collect();
            let what = f.incident.clone().map_or_else(|| view! { <Status of=domain::Status::Fair text="No incident"/><span class="mid">" "{of.join(", ")}</span> }.into_any(), |i| view! { <Status of=domain::Status::Good text="Real"/><span class="mid">" "{i}</span> }.into_any());
            view! { <tr><td>{n + 1}</td><td class="nw">{f.from.here().date_clock()}</td><td class="num nw">{lasted}</td><td class="num v">{format::compact(f.extreme)}</td><td>{what}</td></tr> }
        })
        .collect();
    let table = (!rows.is_empty()).then(|| view! { <table class="t dense bt"><thead><tr><th scope="col">"#"</th><th scope="col">"Fired "<span class="u">{zone_label()}</span></th><th scope="col" class="num">"Lasted"</th><th scope="col" class="num">"Farthest"</th><th scope="col">"What it was"</th></tr></thead><tbody>{rows}</tbody></table> });
    view! {
        <div class="pb"><div class="btk"><div class="big"><b>{test.firings.len()}</b><span>{format!("times in {days} days")}</span></div>
            <dl><dt>"Incidents found"</dt><dd>{found}</dd><dt>"Outside of incidents"</dt><dd>{test.against.outside}</dd><dt>"Before they were opened"</dt><dd>{earlier(test.against.earlier)}</dd><dt>"Flaps, over within 10 min"</dt><dd>{test.flaps}</dd><dt>"Dips too short to fire"</dt><dd>{test.not_fired}</dd><dt>"Pages a week"</dt><dd>{format::fixed(test.pages_a_week, 1)}</dd><dt>"Pages at night"</dt><dd>{test.at_night}</dd></dl></div>
        {remark}{chart(test)}{table}</div>
    }
    .into_any()
}

fn chart(test: &Backtest) -> Option<AnyView> {
    let points: Vec<(f64, Option<f64>)> =
        test.line.iter().map(|s| (s.at.0 as f64, s.value.is_finite().then_some(s.value))).collect();
    if points.iter().filter(|p| p.1.is_some()).count() < 2 {
        return None;
    }
    let unit = Unit::of_signal(&test.unit);
    let mut marks = vec![Mark::Line { name: "Value".into(), class: "ka thin".into(), points }];
    if let Some(limit) = test.limit {
        marks.push(Mark::Rule { class: "thl kc".into(), y: limit, label: unit.show(limit) });
    }
    marks.extend(test.firings.iter().map(|f| Mark::Span {
        class: "kc".into(),
        from: f.from.0 as f64,
        to: f.to.0 as f64,
        label: String::new(),
    }));
    let mut spec = ChartSpec::fit(206.0, Axis::Time, unit, marks, false);
    spec.x = (test.from.0 as f64, test.to.0 as f64);
    let says = format!("The rule would have fired {} times.", test.firings.len());
    Some(
        view! { <Chart spec=spec title="The signal, with the times this rule would have fired" description=says/> }
            .into_any(),
    )
}

/// How long before people knew.
fn earlier(lead: Option<i64>) -> String {
    match lead {
        None => "–".into(),
        Some(lead) if lead < 0 => format!("{} later", format::duration(-lead)),
        Some(lead) => format!("{} earlier", format::duration(lead)),
    }
}

fn others(test: &Backtest, take: Callback<f64>) -> AnyView {
    let incidents = test.incidents;
    let row = |o: &OtherLimit| {
        let limit = o.limit;
        let tag = if o.current { Some("now") } else { o.suggested.then_some("suggested") };
        let tag = tag.map(|text| view! { " "<span class="tag">{text}</span> });
        let shown = format::compact(limit);
        let using = (!o.current).then(|| view! { <button class="btn ghost xs" type="button" aria-label=format!("Use {shown} as the limit") on:click=move |_| take.run(limit)>"Use"</button> });
        view! { <tr class=if o.current { "sel" } else { "" }><th scope="row">{shown.clone()}{tag}</th><td class="num">{o.fired}</td><td class="num">{o.against.outside}</td><td class="num">{incidents.saturating_sub(o.against.found)}</td><td class="num nw">{earlier(o.against.earlier)}</td><td>{using}</td></tr> }
    };
    let rows: Vec<_> = test.others.iter().map(row).collect();
    view! { <section class="panel" aria-label="Other limits"><header class="ph"><h2>"Other limits"</h2><span class="sub">"the same days"</span></header><table class="t dense tu"><thead><tr><th scope="col">"Limit"</th><th scope="col" class="num">"Fired"</th><th scope="col" class="num">"Outside"</th><th scope="col" class="num">"Missed"</th><th scope="col" class="num">"Opened"</th><th scope="col"><span class="sr">"Action"</span></th></tr></thead><tbody>{rows}</tbody></table></section> }.into_any()
}
