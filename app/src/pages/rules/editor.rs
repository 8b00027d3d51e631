//! The editor of a rule: what is looked for on the left, as a sentence, and what it would have done on the right.

use domain::alert::Labels;
use domain::alert::condition::{Compare, Condition, Limit};
use domain::alert::matcher::Matcher;
use domain::alert::only_if::OnlyIf;
use domain::alert::priority::{Priority, Severity, Urgency};
use domain::alert::rule::{EVERY, NoData, Rule, RuleText};
use domain::telemetry::MetricName;
use domain::time::span_text;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_navigate, use_params_map, use_query_map};

use super::clause::{self, options};
use super::fields::{JOINS, clauses, joined, of_figure, read};
use super::tried::{Try, backtest};
use crate::components::form::{Sent, outcome};
use crate::components::frame::Frame;
use crate::components::icons::Icon;
use crate::components::lasting::{given, initially, reachable};
use crate::components::panel::{Failed, Loading};
use crate::components::reading::awaited;
use crate::server_functions::Failure;
use crate::server_functions::alerts::{delete_rule, rule_of, save_rule, try_rule};
use crate::server_functions::telemetry::metric_names;
use crate::wire::resource;

type Save = Action<(Option<i64>, RuleText), Result<i64, Failure>>;

/// A condition that still has to be written, but for its signal perhaps.
fn nothing_yet(query: &str) -> Condition {
    let limit = Limit::Fixed { value: f64::NAN };
    Condition::Signal { query: query.to_string(), compare: Compare::Above, limit }
}

/// A new rule, on a signal where the way here says one.
fn blank(query: &str) -> RuleText {
    RuleText {
        name: String::new(),
        description: String::new(),
        enabled: true,
        condition: nothing_yet(query),
        // Of what is an estimate, chance explains a good deal.
        only_if: OnlyIf { surely: true, ..OnlyIf::default() },
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
    let found = resource(
        move || id.get(),
        |id| async move {
            let known = match id {
                Some(id) => Some(rule_of(id).await?),
                None => None,
            };
            // Names are a help: without them one writes them oneself.
            let names = metric_names().await.unwrap_or_default();
            Ok::<_, Failure>((known, names))
        },
    );
    view! {
        <Title text="Rule"/>
        <Frame title=Signal::derive(move || if id.get().is_some() { "Rule".to_string() } else { "New rule".to_string() }) crumbs=vec![("Rules", "/rules")]>
            <Transition fallback=Loading>{awaited(move || asked.get(), move || found, |asked, found| match found {
                Err(error) => view! { <Failed error/> }.into_any(),
                Ok((known, names)) => editor(known, names, asked),
            })}</Transition>
        </Frame>
    }
}

fn editor(known: Option<Rule>, names: Vec<MetricName>, asked: String) -> AnyView {
    let id = known.as_ref().map(|r| r.id);
    let text = known.as_ref().map_or_else(|| blank(&asked), |r| r.text.clone());
    let save: Save = Action::new(|(id, text): &(Option<i64>, RuleText)| save_rule(*id, text.clone()));
    let attempt = Try::unasked();
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
    // Saved rules are tried at once; a new one when its condition stands.
    let current = RwSignal::new(id.is_some().then(|| text.clone()));
    let kept = StoredValue::new(text.clone());
    let conditions = When::of(&text.condition);
    // What is not whole yet is only said when it is to be saved.
    let take =
        move |sent: &Sent, aloud: bool| match conditions.read(sent).and_then(|c| read(sent, c, &kept.get_value())) {
            Ok(rule) => {
                wrong.set(None);
                current.set(Some(rule.clone()));
                Some(rule)
            }
            Err(problem) => {
                if aloud {
                    wrong.set(Some(problem));
                }
                None
            }
        };
    let changed = Callback::new(move |()| {
        // After what was clicked has changed the form.
        request_animation_frame(move || {
            if let Some(form) = conditions.form.get_untracked() {
                take(&Sent::from(&form), false);
            }
        });
    });
    let said = Signal::derive(move || {
        current.with(|rule| {
            rule.as_ref()
                .map_or_else(|| "What is written above, in one line, once it is whole.".into(), RuleText::words)
        })
    });
    let figure = Signal::derive(move || current.with(|rule| rule.as_ref().is_some_and(|r| of_figure(&r.condition))));
    Effect::new(move |_| {
        let days = days.get();
        if let Some(rule) = current.get() {
            let named = if rule.name.trim().is_empty() { RuleText { name: "New rule".into(), ..rule } } else { rule };
            attempt.ask(try_rule(named, days));
        }
    });
    let take_limit = Callback::new(move |limit: f64| {
        let first = conditions.clauses.with_untracked(|all| all.first().map(|(number, _)| *number));
        if let (Some(form), Some(number)) = (conditions.form.get_untracked(), first) {
            clause::set_limit(&form, number, limit);
            changed.run(());
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
        <datalist id="metrics">{names.into_iter().map(|n| view! { <option value=n.name/> }).collect::<Vec<_>>()}</datalist>
        <div class="rg"><form class="panel form" aria-label="Rule" node_ref=conditions.form on:change=move |event| { take(&Sent::within(&event), false); }
            on:submit=move |event| { if let Some(rule) = take(&Sent::of(&event), true) { save.dispatch((id, rule)); } }>
            {when(&text, conditions, changed, wrong, said)}{only_if(&text, figure)}{no_data(&text)}{then(&text)}
            <section><div class="row"><label class="row grow"><input type="checkbox" class="sw" name="enabled" value="yes" checked=text.enabled/><span>"In force"</span></label><button class="btn pri" type="submit">"Save rule"</button></div></section>
        </form>
        <div class="col gap-16">{move || backtest(attempt, days, take_limit)}</div></div>
    }
    .into_any()
}

/// The conditions: sentences joined by a word, or JSON where sentences cannot say it.
#[derive(Clone, Copy)]
struct When {
    /// Clauses by their number in the form, with what stood in each when it was drawn.
    clauses: RwSignal<Vec<(usize, Condition)>>,
    next: StoredValue<usize>,
    coded: RwSignal<bool>,
    code: NodeRef<leptos::html::Textarea>,
    form: NodeRef<leptos::html::Form>,
}

impl When {
    fn of(condition: &Condition) -> When {
        let of = clauses(condition).map(|(_, _, of)| of);
        When {
            coded: RwSignal::new(of.is_none()),
            next: StoredValue::new(of.as_ref().map_or(0, Vec::len)),
            clauses: RwSignal::new(of.unwrap_or_default().into_iter().enumerate().collect()),
            code: NodeRef::new(),
            form: NodeRef::new(),
        }
    }

    fn number(self) -> usize {
        let number = self.next.get_value();
        self.next.set_value(number + 1);
        number
    }

    fn add(self) {
        let number = self.number();
        self.clauses.update(|all| all.push((number, nothing_yet(""))));
    }

    fn read(self, sent: &Sent) -> Result<Condition, String> {
        if self.coded.get_untracked() {
            return serde_json::from_str(&sent.text("code")).map_err(|e| format!("The condition cannot be read: {e}"));
        }
        let all = self.clauses.get_untracked();
        let of = all.iter().enumerate().map(|(place, (number, before))| {
            clause::read(sent, *number, before).map_err(|problem| match all.len() {
                1 => format!("The condition is not whole: {problem}."),
                _ => format!("Condition {} is not whole: {problem}.", place + 1),
            })
        });
        let of = of.collect::<Result<Vec<_>, _>>()?;
        let count = sent.text("count").trim().parse().unwrap_or(2);
        joined(&sent.text("join"), count, of).ok_or_else(|| "A rule has a condition.".to_string())
    }

    /// Between sentences and JSON; what one cannot read of the other stays where it is.
    fn turn(self) -> Result<(), String> {
        let (Some(form), Some(code)) = (self.form.get_untracked(), self.code.get_untracked()) else { return Ok(()) };
        let condition = self.read(&Sent::from(&form))?;
        if !self.coded.get_untracked() {
            code.set_value(&serde_json::to_string_pretty(&condition).unwrap_or_default());
        } else {
            let (_, _, of) = clauses(&condition).ok_or("Conditions within conditions are written as code only.")?;
            self.clauses.set(of.into_iter().map(|c| (self.number(), c)).collect());
        }
        self.coded.update(|c| *c = !*c);
        Ok(())
    }
}

fn when(
    text: &RuleText,
    when: When,
    changed: Callback<()>,
    wrong: RwSignal<Option<String>>,
    said: Signal<String>,
) -> AnyView {
    let (join, count, _) = clauses(&text.condition).unwrap_or(("all", 2, Vec::new()));
    let joining = RwSignal::new(join.to_string());
    let alone = move || when.clauses.with(|all| all.len() < 2);
    // A clause is drawn once: what is typed into it is its own.
    let drawn = move |(number, condition): (usize, Condition)| {
        let name = Signal::derive(move || {
            let place = when.clauses.with(|all| all.iter().position(|(n, _)| *n == number));
            format!("Condition {}", place.unwrap_or(0) + 1)
        });
        let take_away = move |_| {
            when.clauses.update(|all| all.retain(|(n, _)| *n != number));
            changed.run(());
        };
        let remove = view! { <button class="btn ghost xs" type="button" hidden=alone aria-label=move || format!("Remove {}", name.get().to_lowercase()) on:click=take_away><Icon name="x" small=true/></button> };
        clause::clause(number, name, &condition, remove.into_any())
    };
    let wait = if text.pending > 0 { span_text(text.pending) } else { String::new() };
    let keep = if text.keep_firing_for > 0 { span_text(text.keep_firing_for) } else { String::new() };
    let json = serde_json::to_string_pretty(&text.condition).unwrap_or_default();
    let turn = move |_| match when.turn() {
        Ok(()) => wrong.set(None),
        Err(problem) => wrong.set(Some(problem)),
    };
    view! {
        <section><h2>"When"</h2>
            <div class="two"><label class="f"><span>"Name"</span><input class="in" name="name" required maxlength="120" autocomplete="off" {..given(text.name.clone())}/></label>
            <label class="f"><span>"What for"</span><input class="in" name="description" maxlength="4000" autocomplete="off" {..given(text.description.clone())}/></label></div>
            <div class="mt-12" hidden=move || when.coded.get()>
                <div class="sent" hidden=alone><select class="in" name="join" aria-label="How the conditions join" on:change=move |event| joining.set(event_target_value(&event))>{options(&JOINS, join)}</select>
                <span hidden=move || joining.get() != "at_least"><span>"namely"</span><input class="in sm" name="count" inputmode="numeric" aria-label="How many have to hold" {..given(count.to_string())}/></span></div>
                <For each=move || when.clauses.get() key=|(number, _)| *number children=drawn/>
            </div>
            <label class="f mt-12" hidden=move || !when.coded.get()><span>"Condition as JSON: all, any, unless, at_least of others"</span><textarea class="in mono" name="code" rows="12" spellcheck="false" node_ref=when.code>{json}</textarea></label>
            <div class="sent mt-12"><span>"for at least"</span><input class="in sm" name="for" aria-label="For at least" placeholder="at once" {..given(wait)}/><span>"; goes on firing for"</span><input class="in sm" name="keep" aria-label="Goes on firing for" placeholder="no longer" {..given(keep)}/></div>
            <div class="row mt-12 wrap"><button class="btn ghost xs" type="button" hidden=move || when.coded.get() on:click=move |_| when.add()><Icon name="plus" small=true/>"And condition"</button>
            <button class="btn ghost xs" type="button" on:click=turn>{move || if when.coded.get() { "In words" } else { "As code" }}</button></div>
            <div {..reachable()} class="formula mt-12" aria-label="The rule in one line">{said}</div>
            <p class="hint mt-4">"What fires for the third time within an hour is held open by itself: 5 minutes, then 10, 20, up to an hour."</p>
        </section>
    }
    .into_any()
}

/// Events asked for where somebody asks for some and does not say how many.
const ENOUGH: u64 = 200;

/// What has to hold besides. What a value rests on is only asked of figures.
fn only_if(text: &RuleText, figure: Signal<bool>) -> AnyView {
    let asked = text.only_if;
    let events = if asked.events > 0 { asked.events } else { ENOUGH };
    view! {
        <section><fieldset class="oi"><legend class="h2l">"Only if"</legend>
            <div hidden=move || !figure.get()>
                <div class="ck"><input type="checkbox" id="enough" name="enough" value="yes" checked={asked.events > 0}/><span><label for="enough">"at least "</label><input class="in sm" name="events" inputmode="numeric" aria-label="Events at least" {..given(events.to_string())}/><label for="enough">" events are in the window"</label><span class="hint blk">"so a quiet night does not page anyone"</span></span></div>
                <label class="ck"><input type="checkbox" name="surely" value="yes" checked=asked.surely/><span>"the whole 95 % interval lies beyond the limit"<span class="hint blk">"fires a little later, and seldom by chance"</span></span></label>
            </div>
            <label class="ck"><input type="checkbox" name="outside_maintenance" value="yes" checked=asked.outside_maintenance/><span>"no planned maintenance covers it"<span class="hint blk">"maintenance silences alerts in any case; so it does not fire either"</span></span></label>
        </fieldset></section>
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
        .map(|s| view! { <option {..initially("selected", s == text.severity)} value=s.name()>{s.name()}</option> })
        .collect();
    let urgencies: Vec<_> = Urgency::ALL
        .into_iter()
        .map(|u| view! { <option {..initially("selected", u == text.urgency)} value=u.name()>{u.name()}</option> })
        .collect();
    let mut priorities = vec![
        view! { <option {..initially("selected", text.priority.is_none())} value="">"computed"</option> }.into_any(),
    ];
    priorities.extend(Priority::ALL.into_iter().map(|p| {
        view! { <option {..initially("selected", text.priority == Some(p))} value=p.name()>{p.name()}" "{p.title()}</option> }.into_any()
    }));
    let labels: Vec<String> = text.labels.iter().map(|(n, v)| Matcher::equal(n, v).text()).collect();
    let summary = text.annotations.get("summary").cloned().unwrap_or_default();
    view! {
        <section><h2>"Then"</h2>
            <div class="three"><label class="f"><span>"Severity"</span><select class="in" name="severity">{severities}</select></label>
            <label class="f"><span>"Urgency"</span><select class="in" name="urgency">{urgencies}</select></label>
            <label class="f"><span>"Priority"</span><select class="in" name="priority">{priorities}</select></label></div>
            <label class="f mt-12"><span>"Say, in plain words"</span><textarea class="in" name="summary" rows="2" maxlength="4000" placeholder="{{value}} in {{labels.host}}, alert above {{limit}}">{summary}</textarea></label>
            <label class="f mt-12"><span>"Labels that routes look at"</span><input class="in mono" name="labels" autocomplete="off" placeholder="team=\"credit\"" {..given(labels.join(", "))}/></label>
            <div class="two mt-12"><label class="f"><span>"Runbook"</span><input class="in" name="runbook" maxlength="4000" placeholder="https://…" {..given(text.runbook.clone())}/></label>
            <label class="f"><span>"Suggested remediation"</span><input class="in" name="remediation" maxlength="4000" {..given(text.remediation.clone())}/></label></div>
        </section>
    }
    .into_any()
}
