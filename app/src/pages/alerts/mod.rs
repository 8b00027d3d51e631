//! Alerts: what is wrong now, who has it, and what is done about it. Filters stand in the address.

mod detail;
mod silences;

pub use detail::AlertPage;
pub(crate) use detail::steps;
pub use silences::Silences;

use std::collections::BTreeSet;

use domain::alert::priority::Priority;
use domain::alert::view::{AlertAct, AlertFilter, AlertRow, AlertsView};
use domain::people::SavedView;
use domain::time::{DAY, HOUR};
use domain::{Timestamp, format};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::charts::spark::Spark;
use crate::components::alert::{Avatar, Sev, state, value};
use crate::components::form::{Sent, outcome};
use crate::components::frame::Frame;
use crate::components::icons::Icon;
use crate::components::lasting::given;
use crate::components::live::use_live;
use crate::components::palette::{Over, use_overlay};
use crate::components::panel::{Empty, Failed, Loading};
use crate::components::reading::{awaited, reading};
use crate::components::state::{Place, encoded, use_place};
use crate::components::zone::{Here, zone_label};
use crate::server_functions::Failure;
use crate::server_functions::alerts::{act_on_alerts, alerts};
use crate::server_functions::find::saved_views;
use crate::wire::resource;

const GROUPS: [(&str, &str); 4] = [("cause", "Cause"), ("system", "System"), ("layer", "Layer"), ("none", "None")];

/// What the address asks for.
#[derive(Debug, Clone, PartialEq, Default)]
struct Asked {
    state: String,
    priority: String,
    system: String,
    layer: String,
    text: String,
    group: String,
}

impl Asked {
    /// The address with one thing changed.
    fn link(&self, place: &Place, name: &str, value: &str) -> String {
        let pairs = [
            ("state", &self.state),
            ("priority", &self.priority),
            ("system", &self.system),
            ("layer", &self.layer),
            ("q", &self.text),
            ("group", &self.group),
        ];
        let mut path = place.link("/alerts");
        for (own, known) in pairs {
            let said = if own == name { value } else { known };
            if !said.is_empty() {
                path.push(if path.contains('?') { '&' } else { '?' });
                path.push_str(&format!("{own}={}", encoded(said)));
            }
        }
        path
    }
}

type Act = Action<(Vec<String>, AlertAct), Result<(), Failure>>;

/// What is chosen, and what can be done with it.
#[derive(Clone, Copy)]
struct Hands {
    chosen: RwSignal<BTreeSet<String>>,
    /// The line that the keyboard is on.
    line: RwSignal<usize>,
    act: Act,
}

impl Hands {
    fn acknowledge(self, fingerprints: Vec<String>) {
        self.act.dispatch((fingerprints, AlertAct::Acknowledge));
        self.chosen.update(BTreeSet::clear);
    }
}

#[component]
pub fn Alerts() -> impl IntoView {
    let (query, place, live) = (use_query_map(), use_place(), use_live());
    let asked = Memo::new(move |_| {
        query.with(|q| {
            let of = |name: &str| q.get(name).unwrap_or_default();
            Asked {
                state: of("state"),
                priority: of("priority"),
                system: of("system"),
                layer: of("layer"),
                text: of("q"),
                group: of("group"),
            }
        })
    });
    asked.with_untracked(|_| ());
    let act: Act = Action::new(|(prints, act): &(Vec<String>, AlertAct)| act_on_alerts(prints.clone(), act.clone()));
    let hands = Hands { chosen: RwSignal::new(BTreeSet::new()), line: RwSignal::new(0), act };
    let found = reading(
        move || (asked.get(), place.get().environment),
        move || (live.alerts.get(), act.version().get()),
        |(asked, environment)| {
            alerts(AlertFilter {
                state: asked.state,
                priorities: Priority::parse_all(&asked.priority),
                system: asked.system,
                layer: asked.layer,
                environment,
                text: asked.text,
                matchers: String::new(),
            })
        },
    );
    // A view that was just saved is there when the form in which it was saved closes.
    let overlay = use_overlay();
    let saving = Memo::new(move |_| overlay.get() == Some(Over::SaveView));
    let saved = resource(move || saving.get(), |_| saved_views());
    let body = awaited(
        move || (asked.get(), place.get()),
        move || async move { (saved.await, found.await) },
        move |(asked, place), (saved, found)| {
            let mut views = saved.unwrap_or_default();
            views.retain(|v| v.href == "/alerts" || v.href.starts_with("/alerts?"));
            match found {
                Err(error) => view! { <Failed error/> }.into_any(),
                Ok(view) => page(view, &views, &asked, &place, hands),
            }
        },
    );
    view! {
        <Title text="Alerts"/>
        <Frame title=Signal::stored("Alerts".to_string())>
            {move || outcome(act.value().get(), "")}
            <Transition fallback=Loading>{body}</Transition>
        </Frame>
    }
}

fn page(seen: AlertsView, saved: &[SavedView], asked: &Asked, place: &Place, hands: Hands) -> AnyView {
    let c = &seen.counts;
    let title = match c.open {
        0 => "No open alerts".to_string(),
        1 => "One open alert".to_string(),
        n => format!("{n} open alerts"),
    };
    let words = if c.open == 0 {
        "Nothing that Plimsoll watches is out of bounds now.".to_string()
    } else {
        format!(
            "{} without an owner, {} acknowledged, {} kept quiet by silences, inhibitions or times.",
            c.unowned, c.acknowledged, c.silenced
        )
    };
    let views = aside(&seen, saved, asked, place);
    let prints: Vec<String> = seen.rows.iter().map(|r| r.alert.fingerprint.clone()).collect();
    keyboard(prints.clone(), hands);
    let chips: Vec<_> = [("state", &asked.state), ("priority", &asked.priority), ("system", &asked.system), ("layer", &asked.layer), ("q", &asked.text)]
        .into_iter()
        .filter(|(_, v)| !v.is_empty())
        .map(|(name, v)| {
            let shown = if name == "q" { "words" } else { name };
            view! { <a class="chip" href=asked.link(place, name, "") aria-label=format!("Without the filter {shown} {v}")>{shown}" "<b>{v.clone()}</b><span class="x" aria-hidden="true">"×"</span></a> }
        })
        .collect();
    let group = if asked.group.is_empty() { "cause" } else { &asked.group };
    let tabs: Vec<_> = GROUPS
        .into_iter()
        .map(|(name, title)| view! { <a href=asked.link(place, "group", name) aria-current=(name == group).then_some("true") class="sega">{title}</a> })
        .collect();
    let hidden: Vec<_> =
        [("state", asked.state.clone()), ("priority", asked.priority.clone()), ("group", asked.group.clone())]
            .into_iter()
            .filter(|(_, v)| !v.is_empty())
            .map(|(n, v)| view! { <input type="hidden" name=n value=v/> })
            .collect();
    let text = asked.text.clone();
    let table = table(&seen, group, hands, prints);
    view! {
        <div class="head"><div class="grow"><h1>{title}</h1><p>{words}</p></div>
        <div class="row"><a class="btn sm" href="/rules"><Icon name="slid" small=true/>"Rules"</a><a class="btn sm" href="/alerts/silences"><Icon name="mute" small=true/>"Silences"</a></div></div>
        <div class="ala"><aside class="views" aria-label="Views">{views}</aside>
        <div>
            <div class="row wrap fb">{chips}
                <form method="get" action="/alerts" class="row" role="search">{hidden}<input class="in sm fnd2" type="search" name="q" {..given(text)} aria-label="Words in alerts" placeholder="Words in names and labels"/></form>
                <span class="right row"><span class="hint" id="grp">"Group by"</span><span class="seg" role="group" aria-labelledby="grp">{tabs}</span></span></div>
            {bulk(hands, &seen.incidents)}
            {table}
        </div></div>
    }
    .into_any()
}

fn aside(seen: &AlertsView, saved: &[SavedView], asked: &Asked, place: &Place) -> AnyView {
    let c = &seen.counts;
    let views = [
        ("Open", "", c.open),
        ("Mine", "mine", c.mine),
        ("Nobody owns it", "unowned", c.unowned),
        ("Kept quiet", "silenced", c.silenced),
        ("Over, 7 days", "solved", c.solved),
    ];
    let items: Vec<_> = views
        .into_iter()
        .map(|(title, state, count)| {
            let current = (asked.state == state && asked.priority.is_empty()).then_some("true");
            let there = Asked { priority: String::new(), ..asked.clone() }.link(place, "state", state);
            view! { <li><a href=there aria-current=current>{title}<span>{count}</span></a></li> }
        })
        .collect();
    let saved: Vec<_> = [("Own views", false), ("Team views", true)]
        .into_iter()
        .filter_map(|(title, for_all)| {
            let of = saved.iter().filter(|v| v.by.is_empty() != for_all);
            let items: Vec<_> = of.map(|v| view! { <li><a href=v.href.clone()>{v.name.clone()}</a></li> }).collect();
            (!items.is_empty()).then(|| view! { <div class="lab mt-16">{title}</div><ul>{items}</ul> })
        })
        .collect();
    let overlay = use_overlay();
    let most = c.by_priority.iter().copied().max().unwrap_or(0).max(1);
    let priorities: Vec<_> = Priority::ALL
        .into_iter()
        .map(|p| {
            let n = c.by_priority[p as usize];
            view! {
                <li><a href=asked.link(place, "priority", p.name()) aria-label=format!("{} {}: {n} open", p.name(), p.title())><Sev of=p title=true/>
                <span class=format!("mbar p{}", p as usize + 1) style="--c:var(--_c)"><i style=format!("width:{}%", 100 * n / most)></i></span><b class="num">{n}</b></a></li>
            }
        })
        .collect();
    let line: Vec<Option<f64>> = seen.history.iter().map(|n| Some(*n as f64)).collect();
    let label = format!("Open alerts by hour over a day, now {}", c.open);
    view! {
        <div class="lab">"Views"</div><ul>{items}</ul>
        {saved}
        <button class="btn sm ghost" type="button" on:click=move |_| overlay.set(Some(Over::SaveView))><Icon name="plus" small=true/>"Save this view"</button>
        <div class="lab mt-16">"By priority"</div><ul class="pril">{priorities}</ul>
        <div class="lab mt-16">"Open alerts, 24 h"</div><Spark values=line label=label height=40 width=136/>
        <div class="row hint sides"><span>"yesterday"</span><span>"now"</span></div>
    }
    .into_any()
}

fn bulk(hands: Hands, incidents: &[(i64, String)]) -> impl IntoView + use<> {
    let count = move || hands.chosen.with(BTreeSet::len);
    let all = move || hands.chosen.get_untracked().into_iter().collect::<Vec<_>>();
    let run = move |act: AlertAct| {
        hands.act.dispatch((all(), act));
        hands.chosen.update(BTreeSet::clear);
    };
    let incidents: Vec<_> = incidents
        .iter()
        .map(|(id, title)| view! { <option value=id.to_string()>{format!("INC-{id} {title}")}</option> })
        .collect();
    let join = (!incidents.is_empty()).then(|| {
        view! {
            <form class="row" on:submit=move |event| {
                if let Ok(incident) = Sent::of(&event).text("incident").parse() {
                    run(AlertAct::Join { incident });
                }
            }>
                <select class="in xs cutq" name="incident" aria-label="Which incident">{incidents}</select>
                <button class="btn xs" type="submit"><Icon name="bolt" small=true/>"Add"</button>
            </form>
        }
    });
    view! {
        <div class="bulk" role="toolbar" aria-label="Actions for selected alerts" hidden=move || count() == 0>
            <b aria-live="polite">{move || format!("{} selected", count())}</b>
            <button class="btn xs" type="button" on:click=move |_| hands.acknowledge(all())><Icon name="check" small=true/>"Acknowledge"</button>
            {silence_or_assign(run)}
            {join}
            <button class="btn xs" type="button" on:click=move |_| run(AlertAct::Solve { how: "by hand".into() })><Icon name="check" small=true/>"Solve"</button>
            <span class="hint right hide-m"><kbd>"j"</kbd>" "<kbd>"k"</kbd>" move "<kbd>"x"</kbd>" select "<kbd>"a"</kbd>" acknowledge"</span>
        </div>
    }
}

/// What alerts are silenced with, and given to somebody with.
fn silence_or_assign(run: impl Fn(AlertAct) + Clone + 'static) -> impl IntoView {
    let assign = run.clone();
    view! {
        <form class="row" on:submit=move |event| {
            let sent = Sent::of(&event);
            let hours: i64 = sent.text("hours").parse().unwrap_or(1);
            run(AlertAct::Silence { until: Timestamp(now_micros()).plus(hours * HOUR), why: sent.text("why") });
        }>
            <select class="in xs" name="hours" aria-label="For how long"><option value="1">"1 h"</option><option value="4">"4 h"</option><option value="24">"1 day"</option><option value="168">"7 days"</option></select>
            <input class="in xs" name="why" required maxlength="500" aria-label="Why it is silenced" placeholder="Why"/>
            <button class="btn xs" type="submit"><Icon name="mute" small=true/>"Silence"</button>
        </form>
        <form class="row" on:submit=move |event| assign(AlertAct::Assign { to: Sent::of(&event).text("to") })>
            <input class="in xs" name="to" maxlength="100" aria-label="Whom it is given to" placeholder="Who"/>
            <button class="btn xs" type="submit"><Icon name="user" small=true/>"Assign"</button>
        </form>
    }
}

/// The browser's clock; the server's pages never ask it.
pub(crate) fn now_micros() -> i64 {
    #[cfg(feature = "hydrate")]
    return (js_sys::Date::now() * 1000.0) as i64;
    #[cfg(not(feature = "hydrate"))]
    0
}

/// `j` and `k` move, `x` selects, `a` acknowledges: only where nobody is writing.
fn keyboard(prints: Vec<String>, hands: Hands) {
    Effect::new(move |_| {
        let prints = prints.clone();
        let handle = window_event_listener(leptos::ev::keydown, move |event| {
            use leptos::wasm_bindgen::JsCast;
            let writing = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok()).is_some_and(|e| {
                ["INPUT", "TEXTAREA", "SELECT"].contains(&e.tag_name().as_str())
                    && e.get_attribute("type").as_deref() != Some("checkbox")
            });
            if writing || event.ctrl_key() || event.meta_key() || event.alt_key() || prints.is_empty() {
                return;
            }
            let line = hands.line.get_untracked().min(prints.len() - 1);
            match event.key().as_str() {
                "j" => hands.line.set((line + 1).min(prints.len() - 1)),
                "k" => hands.line.set(line.saturating_sub(1)),
                "x" => toggle(hands, &prints[line]),
                "a" => {
                    let chosen: Vec<String> = hands.chosen.get_untracked().into_iter().collect();
                    hands.acknowledge(if chosen.is_empty() { vec![prints[line].clone()] } else { chosen });
                }
                _ => return,
            }
            event.prevent_default();
        });
        on_cleanup(move || handle.remove());
    });
}

fn toggle(hands: Hands, print: &str) {
    hands.chosen.update(|chosen| {
        if !chosen.remove(print) {
            chosen.insert(print.to_string());
        }
    });
}

/// Title, where it leads, and the rows with their places.
type Grouped<'a> = (String, String, Vec<(usize, &'a AlertRow)>);

fn table(seen: &AlertsView, group: &str, hands: Hands, prints: Vec<String>) -> AnyView {
    if seen.rows.is_empty() {
        return view! {
            <section class="panel"><Empty title="No alert here" text="Nothing fits the filters. Rules decide what becomes an alert; Prometheus and others may post theirs to /api/v2/alerts."><a class="btn" href="/rules">"Rules"</a></Empty></section>
        }
        .into_any();
    }
    let mut groups: Vec<Grouped<'_>> = Vec::new();
    for (place, row) in seen.rows.iter().enumerate() {
        let alert = &row.alert;
        let other = |text: &str| if text.is_empty() { "Of no system".to_string() } else { text.to_string() };
        let (title, href) = match group {
            "none" => (String::new(), String::new()),
            "system" => (other(alert.system()), String::new()),
            "layer" => (alert.layer().map_or("Of no layer", |l| l.title()).to_string(), String::new()),
            _ => match &row.incident {
                Some((id, title)) => (format!("INC-{id} {title}"), format!("/incidents/{id}")),
                None => (other(alert.system()), String::new()),
            },
        };
        match groups.iter_mut().find(|(t, ..)| *t == title) {
            Some((_, _, rows)) => rows.push((place, row)),
            None => groups.push((title, href, vec![(place, row)])),
        }
    }
    let bodies: Vec<_> = groups
        .into_iter()
        .map(|(title, href, rows)| {
            let count = rows.len();
            let onset = rows.iter().map(|(_, r)| r.alert.starts_at).min();
            let words = match count {
                1 => "1 alert".to_string(),
                n => format!("{n} alerts · since {}", onset.map(|t| since(t, seen.now).0).unwrap_or_default()),
            };
            let name = if href.is_empty() { view! { {title.clone()} }.into_any() } else { view! { <a href=href>{title.clone()}</a> }.into_any() };
            let head = (!title.is_empty()).then(|| {
                view! { <tr class="gh"><td></td><th colspan="7" scope="rowgroup">{name}<span class="hint">{words}</span></th></tr> }
            });
            let lines: Vec<_> = rows.into_iter().map(|(place, row)| line(place, row, seen.now, hands)).collect();
            view! { <tbody>{head}{lines}</tbody> }
        })
        .collect();
    let left = if seen.left_out > 0 {
        format!("{} more; narrow the filters to see them.", seen.left_out)
    } else {
        String::new()
    };
    let quiet = match seen.kept_quiet {
        0 => String::new(),
        1 => "One alert in 30 days needed no message of its own".to_string(),
        n => format!("{n} alerts in 30 days needed no message of their own"),
    };
    let every = prints.clone();
    view! {
        <section class="panel" aria-label="Alerts"><table class="t al"><thead><tr>
            <th scope="col"><input type="checkbox" aria-label="Select all" prop:checked=move || hands.chosen.with(|c| !c.is_empty() && c.len() == every.len())
                on:change=move |_| hands.chosen.update(|c| if c.len() == prints.len() { c.clear() } else { c.extend(prints.iter().cloned()) })/></th>
            <th scope="col">"Priority"</th><th scope="col">"Alert"</th><th scope="col" class="num">"Value"</th><th scope="col">"6 h, line at limit"</th>
            <th scope="col">"Since "<span class="u">{zone_label()}</span></th><th scope="col">"State"</th><th scope="col"><span class="sr">"Actions"</span></th></tr></thead>
            {bodies}</table>
            <footer class="pf"><span class="grow">{left}</span><span>{quiet}</span></footer></section>
    }
    .into_any()
}

/// When, and how long ago.
pub(crate) fn since(at: Timestamp, now: Timestamp) -> (String, String) {
    let clock = if now.0 - at.0 > DAY { at.here().date_clock() } else { at.here().clock() };
    (clock, format::duration((now.0 - at.0).max(0)))
}

fn line(place: usize, row: &AlertRow, now: Timestamp, hands: Hands) -> impl IntoView + use<> {
    let alert = &row.alert;
    let (print, name, subject) = (alert.fingerprint.clone(), alert.name().to_string(), alert.subject().to_string());
    let layer = alert.layer().map(|l| l.title()).unwrap_or_default();
    let (figure, unit, against) = value(row);
    let (clock, ago) = since(alert.starts_at, now);
    let tone = ["kc", "kp", "kf", "kt"][alert.priority as usize];
    let drawn = (!row.trend.is_empty()).then(|| {
        let label = format!("{name}, 6 h");
        let values = row.trend.clone();
        match alert.limit {
            Some(limit) => {
                let known = || values.iter().flatten().copied().chain([limit]);
                let range = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
                view! { <Spark values=values.clone() label=label height=26 width=76 class=tone threshold=limit range=range/> }.into_any()
            }
            None => view! { <Spark values=values label=label height=26 width=76 class=tone/> }.into_any(),
        }
    });
    let owner = alert.acknowledged.as_ref().filter(|a| a.holds(now)).map(|a| view! { <Avatar name=a.by.clone()/> });
    let open = row.fires && !alert.is_acknowledged(now) && row.suppressed.is_none();
    let button = {
        let print = print.clone();
        open.then(|| view! { <button class="btn xs" type="button" on:click=move |_| hands.acknowledge(vec![print.clone()])>"Acknowledge"</button> })
    };
    let state = state(row, now);
    let (mark, marked, href) = (print.clone(), print.clone(), format!("/alerts/{print}"));
    let of = if subject.is_empty() {
        layer.to_string()
    } else if layer.is_empty() {
        String::new()
    } else {
        format!(" · {layer}")
    };
    view! {
        <tr class=move || match (hands.chosen.with(|c| c.contains(&marked)), hands.line.get() == place) { (true, _) => "sel", (_, true) => "cur", _ => "" }>
            <td><input type="checkbox" aria-label=format!("Select {name} {subject}") prop:checked={ let mark = mark.clone(); move || hands.chosen.with(|c| c.contains(&mark)) } on:change=move |_| toggle(hands, &mark)/></td>
            <td><Sev of=alert.priority/></td>
            <th scope="row"><a href=href>{name}</a><span class="hint"><span class="mono">{subject}</span>{of}</span></th>
            <td class="num"><span class="v">{figure}<span class="u">{unit}</span></span><span class="hint blk">{against}</span></td>
            <td>{drawn}</td><td class="nw">{clock}<span class="hint blk">{ago}</span></td><td>{state}</td>
            <td class="num"><span class="row ends">{owner}{button}</span></td>
        </tr>
    }
}
