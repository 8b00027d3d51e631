//! One alert: its value beside its limit, what moved with it, why somebody was told or nobody was.

use domain::alert::Alert;
use domain::alert::view::{AlertAct, AlertView, Entry};
use domain::annotation::Subject;
use domain::format;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use super::super::responses::run::{Hands, beside};
use super::{Act, silence_or_assign};
use crate::charts::chart::Chart;
use crate::charts::shared::happened;
use crate::charts::spec::{Axis, ChartSpec, Mark, Unit};
use crate::components::alert::{Sev, state, value};
use crate::components::form::{Sent, outcome};
use crate::components::frame::Frame;
use crate::components::icons::Icon;
use crate::components::live::use_live;
use crate::components::panel::{Failed, Loading, Panel};
use crate::components::reading::{reading, standing};
use crate::components::state::encoded;
use crate::components::status::Shape;
use crate::components::zone::{Here, zone_label};
use crate::server_functions::alerts::{act_on_alerts, alert};

#[component]
pub fn AlertPage() -> impl IntoView {
    let (params, live) = (use_params_map(), use_live());
    let print = Memo::new(move |_| params.with(|p| p.get("fingerprint")).unwrap_or_default());
    print.with_untracked(|_| ());
    let act: Act = Action::new(|(prints, act): &(Vec<String>, AlertAct)| act_on_alerts(prints.clone(), act.clone()));
    let hands = Hands::new();
    let again = move || (live.alerts.get(), act.version().get(), hands.done());
    let found = reading(move || print.get(), again, alert);
    view! {
        <Title text="Alert"/>
        <Frame title=Signal::stored("Alert".to_string()) crumbs=vec![("Alerts", "/alerts")]>
            {move || outcome(act.value().get(), "")}
            {hands.said()}
            <Transition fallback=Loading>{standing(move || async move {
                match found.await {
                    Err(error) => view! { <Failed error/> }.into_any(),
                    Ok(view) => page(view, act, hands),
                }
            })}</Transition>
        </Frame>
    }
}

fn page(seen: AlertView, act: Act, hands: Hands) -> AnyView {
    let alert = seen.row.alert.clone();
    let now = seen.trail.iter().map(|e| e.at).max().unwrap_or(alert.updated_at).max(alert.updated_at);
    // What another program posted has no figure.
    let said = alert.value.is_some().then(|| {
        let (figure, unit, against) = value(&seen.row);
        view! { <span class="mid">{figure}{unit}" "{against}</span> }
    });
    let incident = alert.incident.map(|id| view! { <a href=format!("/incidents/{id}")>{format!("INC-{id}")}</a> });
    let risk = seen.at_risk.as_ref().map(|(money, currency)| {
        view! { <span class="mid">"At risk "<b>{format::money(*money, currency)}</b>" a day"</span> }
    });
    let ended = alert.ends_at.filter(|_| !seen.row.fires).map(|end| {
        view! { <span class="mid">"ended "<b>{end.here().date_clock()}</b>", "{alert.resolution.clone()}</span> }
    });
    let about = Subject {
        system: alert.system().into(),
        model: alert.label("model").into(),
        environment: alert.label("environment").into(),
        signal: alert.query.clone(),
        ..Subject::default()
    };
    let flapping = alert.annotations.get("flapping").map(|words| {
        view! { <p class="note fair mt-8"><svg aria-hidden="true"><use href="#s-fair"></use></svg><span><b>"Comes and goes: "</b>{words.clone()}"."</span></p> }
    });
    happened(&seen.flags, about);
    let wide: Vec<_> =
        [chart(&seen), moved(&seen), changes(&seen), before(&seen.before)].into_iter().flatten().collect();
    // What another program posted may have no past that could be drawn: then its way stands in the room for it.
    let (wide, beside_it) = match wide.is_empty() {
        true => (vec![trail(&seen)], None),
        false => (wide, Some(trail(&seen))),
    };
    let actions = seen.row.fires.then(|| actions(&alert, act));
    view! {
        <div class="head"><div class="grow"><h1>{alert.name().to_string()}</h1><p>{alert.summary().to_string()}</p>
            <div class="row gap-12 wrap mt-8"><Sev of=alert.priority title=true/>{state(&seen.row, now)}
            <span class="mid">"since "<b>{alert.starts_at.here().date_clock_zone()}</b></span>{ended}{said}{risk}{incident}</div>
            <p class="hint mt-4">{alert.priority_reason.clone()}</p>{flapping}</div></div>
        {actions}
        <div class="ig"><div class="col gap-16">{wide}</div>
        <div class="col gap-16">{beside(&seen.runs, &seen.offered, hands)}{beside_it}{what_to_do(&alert)}{labels(&alert)}</div></div>
    }
    .into_any()
}

fn actions(alert: &Alert, act: Act) -> AnyView {
    let print = alert.fingerprint.clone();
    let run = move |what: AlertAct| {
        act.dispatch((vec![print.clone()], what));
    };
    let (take, hands, solve) = (run.clone(), run.clone(), run);
    let taken = alert.acknowledged.is_some();
    view! {
        <div class="bulk" role="toolbar" aria-label="Actions">
            <button class="btn xs" type="button" on:click=move |_| take(if taken { AlertAct::Unacknowledge } else { AlertAct::Acknowledge })><Icon name="check" small=true/>{if taken { "Give back" } else { "Acknowledge" }}</button>
            {silence_or_assign(hands)}
            <form class="row" on:submit=move |event| solve(AlertAct::Solve { how: Sent::of(&event).text("how") })>
                <input class="in xs" name="how" maxlength="500" aria-label="What solved it" placeholder="What solved it"/>
                <button class="btn xs" type="submit"><Icon name="check" small=true/>"Solve"</button>
            </form>
        </div>
    }
    .into_any()
}

fn chart(seen: &AlertView) -> Option<AnyView> {
    let alert = &seen.row.alert;
    let points: Vec<(f64, Option<f64>)> =
        seen.line.iter().map(|s| (s.at.0 as f64, s.value.is_finite().then_some(s.value))).collect();
    let (first, last) = (points.first()?.0, points.last()?.0);
    let unit = Unit::of_signal(&alert.unit);
    let mut marks = vec![Mark::Line { name: alert.name().to_string(), class: "ka".into(), points }];
    if let Some(limit) = alert.limit {
        marks.push(Mark::Rule { class: "thl kc".into(), y: limit, label: unit.show(limit) });
    }
    let end = seen.row.alert.ends_at.filter(|_| !seen.row.fires).map_or(last, |e| e.0 as f64);
    marks.push(Mark::Span {
        class: "kc".into(),
        from: (alert.starts_at.0 as f64).max(first),
        to: end,
        label: String::new(),
    });
    let spec = ChartSpec::fit(200.0, Axis::Time, unit, marks, false);
    let says = format!("{} since {}, {}", alert.name(), alert.starts_at.here().date_clock(), alert.against);
    let (name, query) = (alert.name().to_string(), alert.query.clone());
    let explore = format!("/explore?q={}", encoded(&query));
    Some(
        view! {
            <Panel title="What it is about" sub="shaded: while it fires" span="c-12" footer=Some(view! { <a href=explore>"Look closer in Explore"</a><span class="mono hint">{query}</span> }.into_any())>
                <Chart spec=spec title=name description=says/>
            </Panel>
        }
        .into_any(),
    )
}

/// The way from the rule to the receipt.
pub(crate) fn steps(trail: &[Entry]) -> Vec<AnyView> {
    trail
        .iter()
        .filter(|e| e.kind.explains())
        .map(|e| {
            let mark = match e.good {
                Some(false) => domain::Status::Fair,
                _ => domain::Status::Good,
            };
            let text = e.text.clone();
            view! {
                <li><span class=format!("st {}", mark.name())><Shape of=mark/></span><time>{e.at.here().clock_seconds()}</time>
                <span><b>{e.title.clone()}</b>" "<span class="mid">{text}</span></span></li>
            }
            .into_any()
        })
        .collect()
}

fn trail(seen: &AlertView) -> AnyView {
    let told = seen.nobody.is_empty();
    let title = if told { "Why somebody was told" } else { "Why nobody was told" };
    let reason = (!told).then(|| view! { <p class="note">{seen.nobody.clone()}</p> });
    let rows = steps(&seen.trail);
    view! { <Panel title=title sub=zone_label() span="c-12">{reason}<ol class="trc">{rows}</ol></Panel> }.into_any()
}

fn moved(seen: &AlertView) -> Option<AnyView> {
    let rows: Vec<_> = seen
        .moved
        .iter()
        .map(|(label, layer, r, leads)| {
            let when = if *leads > 0.0 { format!("{} earlier", format::duration((*leads * 1e6) as i64)) } else if *leads < 0.0 { format!("{} later", format::duration((-*leads * 1e6) as i64)) } else { "at the same time".into() };
            view! { <tr><th scope="row" class="plain">{label.clone()}</th><td>{layer.title()}</td><td class="num">{format::signed(*r, 2)}</td><td>{when}</td></tr> }
        })
        .collect();
    (!rows.is_empty()).then(|| {
        view! { <Panel title="What moved with it" sub="adjusted p below 0.01" span="c-12" flush=true><table class="t"><thead><tr><th scope="col">"Signal"</th><th scope="col">"Layer"</th><th scope="col" class="num">"r"</th><th scope="col">"When"</th></tr></thead><tbody>{rows}</tbody></table></Panel> }.into_any()
    })
}

fn changes(seen: &AlertView) -> Option<AnyView> {
    let rows: Vec<_> = seen
        .changes
        .iter()
        .map(|c| {
            let of = if c.system.is_empty() { c.service.clone() } else { c.system.clone() };
            view! { <tr><td class="nw">{c.at.here().date_clock()}</td><td>{c.kind.title()}</td><th scope="row" class="plain">{c.title.clone()}</th><td>{of}</td></tr> }
        })
        .collect();
    (!rows.is_empty()).then(|| {
        view! { <Panel title="What changed around it" sub="two hours before, a quarter after" span="c-12" flush=true><table class="t"><thead><tr><th scope="col">"When "<span class="u">{zone_label()}</span></th><th scope="col">"Kind"</th><th scope="col">"What"</th><th scope="col">"Of"</th></tr></thead><tbody>{rows}</tbody></table></Panel> }.into_any()
    })
}

fn before(past: &[Alert]) -> Option<AnyView> {
    let rows: Vec<_> = past
        .iter()
        .map(|a| {
            let lasted = a.ends_at.map_or_else(String::new, |e| format::duration(e.0 - a.starts_at.0));
            view! { <tr><td class="nw">{a.starts_at.here().date_clock()}</td><td class="num">{lasted}</td><td class="mid">{a.resolution.clone()}</td></tr> }
        })
        .collect();
    (!rows.is_empty()).then(|| {
        view! { <Panel title="The times before" sub="what ended them" span="c-12" flush=true><table class="t"><thead><tr><th scope="col">"Began "<span class="u">{zone_label()}</span></th><th scope="col" class="num">"Lasted"</th><th scope="col">"How it ended"</th></tr></thead><tbody>{rows}</tbody></table></Panel> }.into_any()
    })
}

fn what_to_do(alert: &Alert) -> Option<AnyView> {
    let book = (!alert.runbook.is_empty()).then(|| {
        if alert.runbook.starts_with("http://") || alert.runbook.starts_with("https://") {
            view! { <p><a href=alert.runbook.clone() rel="noopener noreferrer" target="_blank">"Runbook"</a></p> }
                .into_any()
        } else {
            view! { <p>{alert.runbook.clone()}</p> }.into_any()
        }
    });
    let help = (!alert.remediation.is_empty()).then(|| view! { <p>{alert.remediation.clone()}</p> });
    (book.is_some() || help.is_some())
        .then(|| view! { <Panel title="What to do" span="c-12">{book}{help}</Panel> }.into_any())
}

fn labels(alert: &Alert) -> AnyView {
    let rows: Vec<_> =
        alert.labels.iter().map(|(n, v)| view! { <dt>{n.clone()}</dt><dd class="mono">{v.clone()}</dd> }).collect();
    let rule = match &alert.source {
        domain::alert::Source::Rule { id } => view! { <a href=format!("/rules/{id}")>"Its rule"</a> }.into_any(),
        domain::alert::Source::Posted => view! { <span>"Posted by another program"</span> }.into_any(),
    };
    view! { <Panel title="Labels" span="c-12" footer=Some(rule)><dl class="kv">{rows}</dl></Panel> }.into_any()
}
