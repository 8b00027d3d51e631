//! The editor of a rule: what is looked for on the left, what it would have done on the right.

use domain::alert::Labels;
use domain::alert::matcher::Matcher;
use domain::alert::priority::{Priority, Severity, Urgency};
use domain::alert::rule::{Backtest, Compare, Condition, EVERY, Limit, NoData, Rule, RuleText};
use domain::format;
use domain::time::{SECOND, span_text};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_navigate, use_params_map, use_query_map};

use super::fields::{COMPARES, Fields, KINDS, LIMITS, read};
use crate::charts::chart::Chart;
use crate::charts::spec::{Axis, ChartSpec, Mark, Unit};
use crate::components::form::{Sent, outcome};
use crate::components::frame::Frame;
use crate::components::icons::Icon;
use crate::components::panel::{Failed, Loading};
use crate::components::status::Status;
use crate::components::zone::{Here, zone_label};
use crate::server_functions::Failure;
use crate::server_functions::alerts::{delete_rule, rule_of, save_rule, try_rule};

type Save = Action<(Option<i64>, RuleText), Result<i64, Failure>>;
type Try = Action<(RuleText, u32), Result<Backtest, Failure>>;

/// A new rule, on a signal where the way here says one.
fn blank(query: &str) -> RuleText {
    RuleText {
        name: String::new(),
        description: String::new(),
        enabled: true,
        condition: Condition::Signal {
            query: query.to_string(),
            compare: Compare::Above,
            limit: Limit::Fixed { value: 0.0 },
        },
        pending: 0,
        keep_firing_for: 0,
        every: EVERY,
        no_data: NoData::default(),
        severity: Severity::default(),
        urgency: Urgency::default(),
        priority: None,
        labels: Labels::new(),
        annotations: Labels::new(),
        runbook: String::new(),
        remediation: String::new(),
    }
}

#[component]
pub fn RulePage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|p| p.get("id")).and_then(|id| id.parse::<i64>().ok()));
    id.with_untracked(|_| ());
    let query = use_query_map();
    let asked = Memo::new(move |_| query.with(|q| q.get("signal")).unwrap_or_default());
    asked.with_untracked(|_| ());
    let found = Resource::new(
        move || id.get(),
        |id| async move {
            match id {
                Some(id) => rule_of(id).await.map(Some),
                None => Ok(None),
            }
        },
    );
    view! {
        <Title text="Rule"/>
        <Frame title=Signal::derive(move || if id.get().is_some() { "Rule".to_string() } else { "New rule".to_string() }) crumbs=vec![("Rules", "/rules")]>
            <Transition fallback=Loading>{move || Suspend::new(async move {
                match found.await {
                    Err(error) => view! { <Failed error/> }.into_any(),
                    Ok(known) => editor(known, asked.get()),
                }
            })}</Transition>
        </Frame>
    }
}

fn options(all: &[(&'static str, &'static str)], chosen: &str) -> Vec<AnyView> {
    all.iter()
        .map(|(name, title)| view! { <option value=*name selected=*name == chosen>{*title}</option> }.into_any())
        .collect()
}

fn editor(known: Option<Rule>, asked: String) -> AnyView {
    let id = known.as_ref().map(|r| r.id);
    let text = known.as_ref().map_or_else(|| blank(&asked), |r| r.text.clone());
    let save: Save = Action::new(|(id, text): &(Option<i64>, RuleText)| save_rule(*id, text.clone()));
    let attempt: Try = Action::new(|(text, days): &(RuleText, u32)| try_rule(text.clone(), *days));
    let remove = Action::new(|id: &i64| delete_rule(*id));
    let (navigate, away) = (use_navigate(), use_navigate());
    Effect::new(move |_| {
        if let Some(Ok(made)) = save.value().get()
            && id.is_none()
        {
            navigate(&format!("/rules/{made}"), Default::default());
        }
    });
    Effect::new(move |_| {
        if let Some(Ok(())) = remove.value().get() {
            away("/rules", Default::default());
        }
    });
    let wrong = RwSignal::new(None::<String>);
    let days = RwSignal::new(30_u32);
    let current = RwSignal::new(None::<RuleText>);
    let kept = StoredValue::new(text.clone());
    let take = move |sent: &Sent| match read(sent, &kept.get_value()) {
        Ok(rule) => {
            wrong.set(None);
            current.set(Some(rule.clone()));
            Some(rule)
        }
        Err(problem) => {
            wrong.set(Some(problem));
            None
        }
    };
    // Saved rules are tried at once; a new one when its first query stands.
    if id.is_some() || !asked.is_empty() {
        let first = text.clone();
        Effect::new(move |_| {
            current.set(Some(first.clone()));
        });
    }
    Effect::new(move |_| {
        let days = days.get();
        if let Some(rule) = current.get().filter(|r| !r.condition.words().trim().is_empty()) {
            let named = if rule.name.trim().is_empty() { RuleText { name: "New rule".into(), ..rule } } else { rule };
            attempt.dispatch((named, days));
        }
    });
    let title = if text.name.is_empty() { "New rule".to_string() } else { text.name.clone() };
    let version = known.as_ref().map(|r| {
        let by = if r.updated_by.is_empty() { String::new() } else { format!(", edited by {}", r.updated_by) };
        view! { <span class="tag">{format!("version {}{by} on {}", r.version, r.updated_at.day_month())}</span> }
    });
    let delete = id.map(|id| view! { <button class="btn sm danger" type="button" on:click=move |_| { remove.dispatch(id); }><Icon name="trash" small=true/>"Remove"</button> });
    view! {
        <div class="head"><div class="grow"><div class="row gap-12"><h1>{title}</h1>{version}</div><p>{text.description.clone()}</p></div>{delete}</div>
        {move || wrong.get().map(|text| view! { <p class="note critical" role="alert">{text}</p> })}
        {move || outcome(save.value().get().map(|r| r.map(|_| ())), "The rule is kept and in force.")}
        {move || outcome(remove.value().get(), "")}
        <div class="rg"><form class="panel form" aria-label="Rule" on:change=move |event| { take(&Sent::within(&event)); }
            on:submit=move |event| { if let Some(rule) = take(&Sent::of(&event)) { save.dispatch((id, rule)); } }>
            {when(&text)}{no_data(&text)}{then(&text)}
            <section><div class="row"><label class="row grow"><input type="checkbox" class="sw" name="enabled" value="yes" checked=text.enabled/><span>"In force"</span></label><button class="btn pri" type="submit">"Save rule"</button></div></section>
        </form>
        <div class="col gap-16">{move || backtest(attempt, days)}</div></div>
    }
    .into_any()
}

fn when(text: &RuleText) -> AnyView {
    let f = Fields::of(&text.condition);
    let kind = RwSignal::new(f.kind.to_string());
    let shown = move |kinds: &'static [&'static str]| move || !kinds.contains(&kind.get().as_str());
    let compares: Vec<(&str, &str)> = COMPARES.iter().map(|c| (c.0, c.1)).collect();
    let wait = if text.pending > 0 { span_text(text.pending) } else { String::new() };
    let keep = if text.keep_firing_for > 0 { span_text(text.keep_firing_for) } else { String::new() };
    view! {
        <section><h2>"When"</h2>
            <div class="two"><label class="f"><span>"Name"</span><input class="in" name="name" required maxlength="120" autocomplete="off" value=text.name.clone()/></label>
            <label class="f"><span>"What for"</span><input class="in" name="description" maxlength="4000" autocomplete="off" value=text.description.clone()/></label></div>
            <label class="f mt-12"><span>"It holds when"</span><select class="in" name="kind" on:change=move |event| kind.set(event_target_value(&event))>{options(&KINDS, f.kind)}</select></label>
            <label class="f mt-12" hidden=shown(&["signal", "absent", "anomaly", "forecast"])><span>"Signal, as PromQL; each line is judged for itself"</span><textarea class="in mono" name="query" rows="2" spellcheck="false" placeholder="avg_over_time(host_cpu_ratio[5m])">{f.query}</textarea></label>
            <div class="row wrap gap-12 mt-12" hidden=shown(&["signal", "forecast"])>
                <label class="f"><span>"is"</span><select class="in" name="compare">{options(&compares, f.compare)}</select></label>
                <label class="f" hidden=shown(&["signal"])><span>"limit"</span><select class="in" name="limit">{options(&LIMITS, f.limit)}</select></label>
                <label class="f"><span>"Number: limit, deviations, or alarms a week"</span><input class="in num" name="value" inputmode="decimal" value=f.value/></label>
                <label class="f" hidden=shown(&["signal"])><span>"learnt of days"</span><input class="in num" name="days" inputmode="numeric" value=f.days/></label>
            </div>
            <div class="two mt-12" hidden=shown(&["verdict", "change"])><label class="f"><span>"Model, or system of the change"</span><input class="in" name="model" value=f.model/></label>
            <label class="f" hidden=shown(&["verdict"])><span>"Figure; any where empty"</span><input class="in" name="figure" placeholder="accuracy" value=f.figure/></label></div>
            <label class="f mt-12" hidden=shown(&["anomaly", "forecast", "change"])><span>"Within, or looking back"</span><input class="in" name="span" placeholder="1d" value=f.span/></label>
            <label class="f mt-12" hidden=shown(&["code"])><span>"Condition: all, any, unless, at_least of others"</span><textarea class="in mono" name="code" rows="10" spellcheck="false">{f.code}</textarea></label>
            <div class="two mt-12"><label class="f"><span>"For at least"</span><input class="in" name="for" placeholder="at once" value=wait/></label>
            <label class="f"><span>"Goes on firing for"</span><input class="in" name="keep" placeholder="ends at once" value=keep/></label></div>
            <p class="hint mt-4">"What fires for the third time within an hour is held open by itself: 5 minutes, then 10, 20, up to an hour."</p>
        </section>
    }
    .into_any()
}

fn no_data(text: &RuleText) -> AnyView {
    let rows: Vec<_> = [
        (NoData::Keep, "Keep the state: neither fires nor ends"),
        (NoData::Alert, "An alert of its own"),
        (NoData::Ignore, "As if all were well"),
    ]
    .into_iter()
    .map(|(of, title)| view! { <label class="ck"><input type="radio" name="no_data" value=of.name() checked=of == text.no_data/><span>{title}</span></label> })
    .collect();
    view! { <section><fieldset><legend class="h2l">"If there is no data"</legend>{rows}</fieldset></section> }
        .into_any()
}

fn then(text: &RuleText) -> AnyView {
    let severities: Vec<_> = Severity::ALL
        .into_iter()
        .map(|s| view! { <option value=s.name() selected=s == text.severity>{s.name()}</option> })
        .collect();
    let urgencies: Vec<_> = Urgency::ALL
        .into_iter()
        .map(|u| view! { <option value=u.name() selected=u == text.urgency>{u.name()}</option> })
        .collect();
    let mut priorities =
        vec![view! { <option value="" selected=text.priority.is_none()>"computed"</option> }.into_any()];
    priorities.extend(Priority::ALL.into_iter().map(|p| {
        view! { <option value=p.name() selected=text.priority == Some(p)>{p.name()}" "{p.title()}</option> }.into_any()
    }));
    let labels: Vec<String> = text.labels.iter().map(|(n, v)| Matcher::equal(n, v).text()).collect();
    let summary = text.annotations.get("summary").cloned().unwrap_or_default();
    view! {
        <section><h2>"Then"</h2>
            <div class="three"><label class="f"><span>"Severity"</span><select class="in" name="severity">{severities}</select></label>
            <label class="f"><span>"Urgency"</span><select class="in" name="urgency">{urgencies}</select></label>
            <label class="f"><span>"Priority"</span><select class="in" name="priority">{priorities}</select></label></div>
            <label class="f mt-12"><span>"Say, in plain words"</span><textarea class="in" name="summary" rows="2" maxlength="4000" placeholder="{{value}} in {{labels.host}}, alert above {{limit}}">{summary}</textarea></label>
            <label class="f mt-12"><span>"Labels that routes look at"</span><input class="in mono" name="labels" autocomplete="off" placeholder="team=\"credit\"" value=labels.join(", ")/></label>
            <div class="two mt-12"><label class="f"><span>"Runbook"</span><input class="in" name="runbook" maxlength="4000" placeholder="https://…" value=text.runbook.clone()/></label>
            <label class="f"><span>"Suggested remediation"</span><input class="in" name="remediation" maxlength="4000" value=text.remediation.clone()/></label></div>
        </section>
    }
    .into_any()
}

fn backtest(attempt: Try, days: RwSignal<u32>) -> AnyView {
    let tabs: Vec<_> = [7_u32, 30, 90]
        .into_iter()
        .map(|n| view! { <button type="button" aria-pressed=move || (days.get() == n).to_string() on:click=move |_| days.set(n)>{format!("{n} d")}</button> })
        .collect();
    let (sub, body) = match (attempt.pending().get(), attempt.value().get()) {
        (true, _) => ("replaying…".to_string(), view! { <div class="pb"><p class="mid" role="status">"The past is being replayed."</p></div> }.into_any()),
        (_, None) => (String::new(), view! { <div class="pb"><p class="mid">"Write what is looked for; what it would have done appears here before it is saved."</p></div> }.into_any()),
        (_, Some(Err(error))) => (String::new(), view! { <div class="pb"><p class="note critical" role="alert">{error.to_string()}</p></div> }.into_any()),
        (_, Some(Ok(test))) => {
            let sub = format!("{} checks, every {}, in {} ms", format::count(f64::from(test.checks)), format::duration((test.step * SECOND as f64) as i64), format::fixed(test.took_ms, 0));
            (sub, done(&test, days.get_untracked()))
        }
    };
    let others = attempt.value().get().and_then(Result::ok).filter(|t| !t.others.is_empty()).map(|t| others(&t));
    view! {
        <section class="panel" aria-label="Back-test"><header class="ph"><h2>"Back-test"</h2><span class="sub">{sub}</span><div class="act"><div class="seg" role="group" aria-label="Of how many days">{tabs}</div></div></header>{body}</section>
        {others}
    }
    .into_any()
}

fn done(test: &Backtest, days: u32) -> AnyView {
    if !test.remark.is_empty() {
        return view! { <div class="pb"><p class="mid">{test.remark.clone()}</p></div> }.into_any();
    }
    let real = test.firings.iter().filter(|f| f.incident.is_some()).count();
    let found = if test.incidents == 0 {
        "no incident in the range".to_string()
    } else {
        format!("{} of {}", test.found, test.incidents)
    };
    let rows: Vec<_> = test
        .firings
        .iter()
        .take(12)
        .enumerate()
        .map(|(n, f)| {
            let lasted = format!("{}{}", format::duration(f.to.0 - f.from.0), if f.open { ", open" } else { "" });
            let of: Vec<String> = f.labels.iter().filter(|(n, _)| *n != "__name__").map(|(_, v)| v.clone()).take(3).collect();
            let what = f.incident.clone().map_or_else(|| view! { <span class="mid">{of.join(", ")}</span> }.into_any(), |i| view! { <Status of=domain::Status::Good text="Real"/><span class="mid">" "{i}</span> }.into_any());
            view! { <tr><td>{n + 1}</td><td class="nw">{f.from.here().date_clock()}</td><td class="num nw">{lasted}</td><td class="num v">{format::compact(f.extreme)}</td><td>{what}</td></tr> }
        })
        .collect();
    let table = (!rows.is_empty()).then(|| view! { <table class="t dense bt"><thead><tr><th scope="col">"#"</th><th scope="col">"Fired "<span class="u">{zone_label()}</span></th><th scope="col" class="num">"Lasted"</th><th scope="col" class="num">"Farthest"</th><th scope="col">"What it was"</th></tr></thead><tbody>{rows}</tbody></table> });
    view! {
        <div class="pb"><div class="btk"><div class="big"><b>{test.firings.len()}</b><span>{format!("times in {days} days")}</span></div>
            <dl><dt>"Incidents found"</dt><dd>{found}</dd><dt>"Firings in an incident"</dt><dd>{real}</dd><dt>"Flaps, over within 10 min"</dt><dd>{test.flaps}</dd><dt>"Dips too short to fire"</dt><dd>{test.not_fired}</dd><dt>"Pages a week"</dt><dd>{format::fixed(test.pages_a_week, 1)}</dd><dt>"Pages at night"</dt><dd>{test.at_night}</dd></dl></div>
        {chart(test)}{table}</div>
    }
    .into_any()
}

fn chart(test: &Backtest) -> Option<AnyView> {
    let points: Vec<(f64, Option<f64>)> =
        test.line.iter().map(|s| (s.at.0 as f64, s.value.is_finite().then_some(s.value))).collect();
    if points.iter().filter(|p| p.1.is_some()).count() < 2 {
        return None;
    }
    let mut marks = vec![Mark::Line { name: "Value".into(), class: "ka thin".into(), points }];
    if let Some(limit) = test.limit {
        marks.push(Mark::Rule { class: "kc".into(), y: limit, label: format::compact(limit) });
    }
    marks.extend(test.firings.iter().map(|f| Mark::Span {
        class: "kc".into(),
        from: f.from.0 as f64,
        to: f.to.0 as f64,
        label: String::new(),
    }));
    let unit = Unit::of_signal(&test.unit);
    let mut spec = ChartSpec::fit(206.0, Axis::Time, unit, marks, false);
    spec.x = (test.from.0 as f64, test.to.0 as f64);
    let says = format!("The rule would have fired {} times.", test.firings.len());
    Some(
        view! { <Chart spec=spec title="The signal, with the times this rule would have fired" description=says/> }
            .into_any(),
    )
}

fn others(test: &Backtest) -> AnyView {
    let rows: Vec<_> = test
        .others
        .iter()
        .map(|o| {
            let now = o.current;
            view! { <tr class=if now { "on" } else { "" }><th scope="row">{format::compact(o.limit)}{now.then(|| view! { " "<span class="tag">"now"</span> })}</th><td class="num">{o.fired}</td><td class="num">{o.found}</td></tr> }
        })
        .collect();
    view! { <section class="panel" aria-label="Other limits"><header class="ph"><h2>"Other limits"</h2><span class="sub">"the same days"</span></header><table class="t dense"><thead><tr><th scope="col">"Limit"</th><th scope="col" class="num">"Fired"</th><th scope="col" class="num">"Incidents found"</th></tr></thead><tbody>{rows}</tbody></table></section> }.into_any()
}
