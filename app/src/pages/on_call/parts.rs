//! The panels of the page on who is called.

use domain::Timestamp;
use domain::alert::config::Alerting;
use domain::alert::destination::{Destination, SiemFormat, Tracker};
use domain::alert::matcher::Matcher;
use domain::alert::schedule::{Override, Schedule};
use domain::alert::view::{DryRun, OnCallView, ScheduleView, Suppressed};
use domain::format;
use domain::time::DAY;
use leptos::prelude::*;

use super::edits::Edit;
use super::{Change, LENGTHS, Plan, Test};
use crate::components::alert::Avatar;
use crate::components::form::Sent;
use crate::components::icons::Icon;
use crate::components::lasting::given;
use crate::components::panel::{Empty, Panel};
use crate::components::status::Status;
use crate::server_functions::Failure;

type Wrong = RwSignal<Option<String>>;

/// A share of the plan's width, in percent.
fn share(part: i64, whole: i64) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

/// Earlier, today, later, and how many days.
fn choices(seen: &OnCallView, plan: Memo<Plan>) -> AnyView {
    // By what the address says now, which may be ahead of what is shown.
    let from = seen.from;
    let step = move |by: i64| {
        let plan = plan.get();
        Plan { from: Some(from.plus(by * i64::from(plan.days) * DAY)), ..plan }.link()
    };
    let lengths: Vec<_> = LENGTHS
        .into_iter()
        .map(|(days, title)| {
            let here = move || (plan.get().days == days).then_some("true");
            view! { <a href=move || Plan { days, ..plan.get() }.link() aria-current=here>{title}</a> }
        })
        .collect();
    let last = seen.to.plus(-DAY);
    view! {
        <div class="row wrap gap-8 ends">
            <a class="btn sm" href=move || step(-1) aria-label="Earlier"><Icon name="left" small=true/></a>
            <a class="btn sm" href=move || Plan { from: None, ..plan.get() }.link()>{format!("{} – {}", seen.from.day_month(), last.date())}</a>
            <a class="btn sm" href=move || step(1) aria-label="Later"><Icon name="right" small=true/></a>
            <div class="seg" role="group" aria-label="How many days">{lengths}</div></div>
    }
    .into_any()
}

pub fn schedules(seen: &OnCallView, plan: Memo<Plan>, change: Change) -> AnyView {
    let rows: Vec<_> = seen.schedules.iter().map(|s| row(s, seen, change)).collect();
    let whole = seen.to.0 - seen.from.0;
    let width = share(DAY, whole);
    let starts: Vec<Timestamp> = (0..whole / DAY).map(|d| seen.from.plus(d * DAY)).collect();
    let today = |at: Timestamp| at <= seen.now && seen.now < at.plus(DAY);
    // Of four weeks every other day has room for its name.
    let every = starts.len().div_ceil(14);
    let days: Vec<_> = starts
        .iter()
        .step_by(every)
        .map(|at| {
            let left = share(at.0 - seen.from.0, whole);
            view! { <span class=if today(*at) { "td" } else { "" } style=format!("left:{left:.2}%;width:{:.2}%", width * every as f64)>{at.day_month()}</span> }
        })
        .collect();
    let lines: Vec<_> = starts
        .iter()
        .map(|at| view! { <i style=format!("left:{:.2}%;width:{width:.2}%", share(at.0 - seen.from.0, whole))></i> })
        .collect();
    let now = (seen.from..seen.to).contains(&seen.now).then(|| {
        let left = share(seen.now.0 - seen.from.0, whole);
        view! { <div class="nowl" aria-hidden="true"><b style=format!("left:{left:.2}%")><span>{seen.now.clock()}</span></b></div> }
    });
    let title = match seen.schedules.iter().find(|s| !s.on_call.is_empty()) {
        Some(s) => {
            let until = s.shifts.iter().find(|shift| shift.from <= seen.now && seen.now < shift.to);
            let until =
                until.filter(|shift| shift.to < seen.to).map(|shift| format!(" until {}", shift.to.date_clock()));
            view! { <Status of=domain::Status::Good text=format!("Now: {}{}", seen.name_of(&s.on_call), until.unwrap_or_default()) pill=true/> }.into_any()
        }
        None => view! { <Status of=domain::Status::NoData text="Nobody is on call" pill=true/> }.into_any(),
    };
    let body = if rows.is_empty() {
        view! { <Empty title="No rotation yet" text="People take turns by the day or the week; a policy calls whoever is on call, then the next."/> }.into_any()
    } else {
        view! {
            <div class="cal"><div class="ly hd"><div class="lyh"></div><div class="lyb">{days}</div></div><div class="gridl" aria-hidden="true">{lines}</div>
            {now}{rows}</div>
        }
        .into_any()
    };
    let people: Vec<_> =
        seen.people.iter().map(|p| view! { <option value=p.email.clone()>{p.name.clone()}</option> }).collect();
    let all = seen.people.iter().map(|p| p.email.as_str()).collect::<Vec<_>>().join(", ");
    let first = seen.now.form_date();
    view! {
        <div class="head"><div class="grow"><h1>"On-call"" "{title}</h1><p>"Times are UTC; turns change by each rotation’s own clock, also on the nights when clocks change."</p></div>{choices(seen, plan)}</div>
        <datalist id="addresses">{people}</datalist>
        <section class="panel" aria-label="Rotations"><h2 class="sr">"Rotations"</h2>{body}
        <details class="pf2"><summary class="btn xs"><Icon name="plus" small=true/>"Rotation"</summary>
        <form class="row wrap gap-12 mt-12" on:submit=move |event| {
            let sent = Sent::of(&event);
            let clock = sent.text("handover");
            let (h, m) = clock.split_once(':').unwrap_or(("9", "0"));
            let handover = h.parse::<u16>().unwrap_or(9) * 60 + m.parse::<u16>().unwrap_or(0);
            let list = |text: String| text.split(',').map(|p| p.trim().to_string()).filter(|p| !p.is_empty()).collect();
            change.dispatch(Edit::Schedule(Schedule { name: sent.text("name").trim().to_string(), zone: sent.text("zone"), people: list(sent.text("people")), first_day: sent.text("first"), handover, days: sent.text("days").parse().unwrap_or(7), overrides: Vec::new() }));
        }>
            <label class="f"><span>"Name"</span><input class="in" name="name" required maxlength="100"/></label>
            <label class="f grow"><span>"People in the order of their turns, by commas"</span><input class="in" name="people" required {..given(all)}/></label>
            <label class="f"><span>"Turn"</span><select class="in" name="days"><option value="7">"a week"</option><option value="1">"a day"</option><option value="14">"two weeks"</option></select></label>
            <label class="f"><span>"First turn"</span><input class="in" type="date" name="first" required {..given(first)}/></label>
            <label class="f"><span>"Changes at"</span><input class="in" type="time" name="handover" {..given("09:00")}/></label>
            <label class="f"><span>"Zone"</span><input class="in" name="zone" placeholder="Europe/Berlin"/></label>
            <button class="btn pri end" type="submit">"Add"</button></form></details></section>
    }
    .into_any()
}

fn row(s: &ScheduleView, seen: &OnCallView, change: Change) -> AnyView {
    let span = (seen.to.0 - seen.from.0) as f64;
    let blocks: Vec<_> = s
        .shifts
        .iter()
        .map(|shift| {
            let (from, to) = (shift.from.max(seen.from), shift.to.min(seen.to));
            let (left, width) = (100.0 * (from.0 - seen.from.0) as f64 / span, 100.0 * (to.0 - from.0) as f64 / span);
            let tone = ["wML", "wPR", "wTO", "wSK", "wDN"][s.schedule.people.iter().position(|p| *p == shift.person).unwrap_or(4) % 5];
            let class = format!("bk {tone}{}", if shift.overridden { " ovr" } else { "" });
            let name = seen.name_of(&shift.person).to_string();
            let title = format!("{name}, {} to {} UTC", shift.from.date_clock(), shift.to.date_clock());
            view! { <span class=class title=title style=format!("left:{left:.2}%;width:{width:.2}%")><Avatar name=name.clone()/><span>{name}</span></span> }
        })
        .collect();
    let zone = if s.schedule.zone.is_empty() { "UTC".to_string() } else { s.schedule.zone.clone() };
    let words = format!(
        "every {}, {:02}:{:02} {zone}",
        if s.schedule.days == 7 { "week".to_string() } else { format!("{} days", s.schedule.days) },
        s.schedule.handover / 60,
        s.schedule.handover % 60
    );
    let (name, gone) = (s.schedule.name.clone(), s.schedule.name.clone());
    let coming = s.schedule.overrides.iter().filter(|o| o.to > seen.now);
    let overrides: Vec<_> = coming
        .map(|o| {
            let (schedule, place) = (s.schedule.name.clone(), o.clone());
            let why = if o.reason.is_empty() { String::new() } else { format!(", {}", o.reason) };
            let words = format!("{}, {} to {} UTC{why}", seen.name_of(&o.person), o.from.date_clock(), o.to.date_clock());
            let label = format!("Remove: {words}");
            view! { <li class="row gap-4"><span class="hint grow">{words}</span><button class="btn ghost xs" type="button" aria-label=label on:click=move |_| { change.dispatch(Edit::WithoutOverride { schedule: schedule.clone(), place: place.clone() }); }><Icon name="x" small=true/></button></li> }
        })
        .collect();
    // A calendar program reads the address again by itself; it is the reader’s own.
    let subscribe = (!s.calendar.is_empty()).then(|| {
        let label = format!("Subscribe to {} in a calendar", s.schedule.name);
        view! { <a class="btn ghost xs" rel="external" href=s.calendar.clone() aria-label=label title="Give this address to your calendar program: it shows the turns, and what changes. It is yours: do not pass it on."><Icon name="cal" small=true/>"Subscribe"</a> }
    });
    let backup = if s.backup.is_empty() { String::new() } else { format!("backup {}", seen.name_of(&s.backup)) };
    view! {
        <div class="ly"><div class="lyh"><b>{s.schedule.name.clone()}</b><span class="hint">{words}</span><span class="hint">{backup}</span>
        {subscribe}
        <details><summary class="btn ghost xs"><Icon name="plus" small=true/>"Override"</summary>
        <form class="col gap-4 mt-4" on:submit=move |event| {
            let sent = Sent::of(&event);
            let at = |name: &str| Timestamp::parse(&format!("{}:00Z", sent.text(name)));
            if let (Some(from), Some(to)) = (at("from"), at("to")) {
                change.dispatch(Edit::Override { schedule: name.clone(), place: Override { person: sent.text("person"), from, to, reason: sent.text("reason") } });
            }
        }>
            <input class="in sm" name="person" list="addresses" required aria-label="Who" placeholder="Who"/>
            <input class="in sm" type="datetime-local" name="from" required aria-label="From, UTC"/><input class="in sm" type="datetime-local" name="to" required aria-label="To, UTC"/>
            <input class="in sm" name="reason" aria-label="Why" placeholder="Why"/><button class="btn xs" type="submit">"Add"</button></form>
        <ul class="mt-4" aria-label="Overrides to come">{overrides}</ul>
        <button class="btn ghost xs" type="button" on:click=move |_| { change.dispatch(Edit::WithoutSchedule(gone.clone())); }>"Remove the rotation"</button></details></div>
        <div class="lyb">{blocks}</div></div>
    }
    .into_any()
}

/// How often each was called of late: who carries too much is seen before they say so.
pub fn load(seen: &OnCallView) -> Option<AnyView> {
    let most = seen.load.iter().map(|l| l.calls).max()?.max(1);
    let rows: Vec<_> = seen
        .load
        .iter()
        .map(|l| {
            let name = seen.name_of(&l.person).to_string();
            let width = |n: u64| format!("width:{:.1}%", share(n as i64, most as i64));
            view! {
                <li><Avatar name=name.clone()/><span class="flw">{name}</span>
                <span class="mbar" aria-hidden="true"><i class="day" style=width(l.calls)></i><i style=width(l.at_night)></i></span>
                <span class="num"><b>{l.calls}</b>" "<span class="hint">{format!("{} at night", l.at_night)}</span></span></li>
            }
        })
        .collect();
    Some(view! { <Panel title="Load, last 4 weeks" sub="calls; strong tone: at night" span="c-12"><ul class="callload">{rows}</ul></Panel> }.into_any())
}

/// What a destination may be, as a form names it: its name, its title, and what is to be written.
const KINDS: [(&str, &str, &str); 13] = [
    ("slack", "Slack", "The address of an incoming webhook, https://hooks.slack.com/services/…"),
    ("teams", "Microsoft Teams", "The address that a workflow “when a webhook request is received” shows."),
    ("email", "E-mail", "An address. The mail server is set by notify.smtp_host."),
    ("pagerduty", "PagerDuty", "The 32 letters and digits of an integration of the kind Events API v2."),
    ("ntfy", "ntfy", "A topic, https://ntfy.sh/our-alerts; a token where it asks for one."),
    ("webhook", "Webhook", "Takes Alertmanager’s JSON; with a secret it is signed, and the signature can be checked."),
    (
        "jira",
        "Jira",
        "A project as https://example.atlassian.net/browse/OPS; token: mail@example.com:token in the cloud, a token alone elsewhere. A ticket a group, closed with it.",
    ),
    (
        "github",
        "GitHub issues",
        "A repository as https://github.com/example/operations; a token that may write issues. An issue a group, closed with it.",
    ),
    (
        "gitlab",
        "GitLab issues",
        "A project as https://gitlab.com/example/operations; a token with the scope api. An issue a group, closed with it.",
    ),
    (
        "cef",
        "SIEM (CEF)",
        "Syslog at tls://host:6514 or tcp://host:514, or a collector at https://…; an event an alert.",
    ),
    (
        "ecs",
        "SIEM (ECS)",
        "Elasticsearch at https://host:9200/INDEX/_bulk with the token ApiKey …, another collector, or syslog at tls://host:6514.",
    ),
    ("ocsf", "SIEM (OCSF)", "A collector at https://…, or syslog at tls://host:6514."),
    ("splunk", "Splunk", "An HTTP Event Collector, https://host:8088/services/collector/event, and its token."),
];

/// The destination that a form names.
fn written_as(kind: &str, target: String, secret: String) -> Destination {
    let ticket = |tracker, url, token| Destination::Ticket { tracker, url, token, kind: String::new() };
    let siem = |format, url, token| Destination::Siem { url, format, token };
    match kind {
        "slack" => Destination::Slack { url: target },
        "teams" => Destination::Teams { url: target },
        "email" => Destination::Email { address: target },
        "pagerduty" => Destination::PagerDuty { routing_key: target, url: String::new() },
        "ntfy" => Destination::Ntfy { url: target, token: secret },
        "jira" => ticket(Tracker::Jira, target, secret),
        "github" => ticket(Tracker::GitHub, target, secret),
        "gitlab" => ticket(Tracker::GitLab, target, secret),
        "cef" => siem(SiemFormat::Cef, target, secret),
        "ecs" => siem(SiemFormat::Ecs, target, secret),
        "ocsf" => siem(SiemFormat::Ocsf, target, secret),
        "splunk" => siem(SiemFormat::Splunk, target, secret),
        _ => Destination::Webhook { url: target, secret },
    }
}

pub fn destinations(seen: &OnCallView, change: Change, test: Test, wrong: Wrong) -> AnyView {
    let rows: Vec<_> = seen
        .destinations
        .iter()
        .map(|d| {
            let (of, words) = match (&d.problem, d.delivered) {
                (p, _) if !p.is_empty() => (domain::Status::Critical, p.clone()),
                (_, Some(at)) => (domain::Status::Good, format!("delivered {} UTC", at.date_clock())),
                _ => (domain::Status::NoData, "nothing sent yet".to_string()),
            };
            let waiting = (d.waiting > 0).then(|| view! { <span class="tag">{d.waiting}" waiting"</span> });
            let (key, gone) = (d.key.clone(), d.key.clone());
            view! {
                <tr><th scope="row" class="plain">{d.receiver.clone()}</th><td>{d.title.clone()}<span class="hint blk mono">{d.shown.clone()}</span></td><td><Status of=of text=words/>{waiting}</td>
                <td class="num"><span class="row ends"><button class="btn xs" type="button" on:click=move |_| { test.dispatch(key.clone()); }>"Test"</button><button class="btn xs danger" type="button" on:click=move |_| { change.dispatch(Edit::Without { key: gone.clone() }); }>"Remove"</button></span></td></tr>
            }
        })
        .collect();
    let table = if rows.is_empty() {
        view! { <Empty title="Nobody is told yet" text="Alerts are found and listed, and no message leaves. Add where they go."/> }.into_any()
    } else {
        view! { <table class="t"><thead><tr><th scope="col">"Receiver"</th><th scope="col">"To"</th><th scope="col">"How it fares"</th><th scope="col"><span class="sr">"Actions"</span></th></tr></thead><tbody>{rows}</tbody></table> }.into_any()
    };
    let names: Vec<_> =
        seen.receivers.iter().map(|(name, ..)| view! { <option value=name.clone()></option> }).collect();
    let first = seen.receivers.first().map(|r| r.0.clone()).unwrap_or_default();
    let example = RwSignal::new(KINDS[0].2);
    let kinds: Vec<_> =
        KINDS.into_iter().map(|(name, title, _)| view! { <option value=name>{title}</option> }).collect();
    view! {
        <section class="panel" aria-label="Where messages go"><header class="ph"><h2>"Where messages go"</h2></header>{table}
        <form class="pf2 row wrap gap-12" method="post" on:submit=move |event| {
            let sent = Sent::of(&event);
            let written = |name: &str| sent.text(name).trim().to_string();
            let destination = written_as(&sent.text("kind"), written("target"), written("secret"));
            wrong.set(destination.problem());
            if wrong.get_untracked().is_none() {
                change.dispatch(Edit::Destination { receiver: sent.text("receiver").trim().to_string(), destination });
            }
        }>
            <datalist id="receivers">{names}</datalist>
            <label class="f"><span>"Receiver"</span><input class="in" name="receiver" list="receivers" required size="12" maxlength="100" {..given(first)}/></label>
            <label class="f"><span>"By"</span><select class="in" name="kind" on:change=move |event| {
                let kind = event_target_value(&event);
                example.set(KINDS.into_iter().find(|k| k.0 == kind).map_or("", |k| k.2));
            }>{kinds}</select></label>
            <label class="f grow"><span>"Address or key"</span><input class="in mono" name="target" required size="12" autocomplete="off"/></label>
            <label class="f"><span>"Secret or token"</span><input class="in mono" name="secret" size="12" autocomplete="off"/></label>
            <button class="btn pri end" type="submit"><Icon name="plus" small=true/>"Add"</button>
            <p class="hint" style="flex-basis:100%" aria-live="polite">{example}</p></form></section>
    }
    .into_any()
}

pub fn routes(seen: &OnCallView, change: Change, wrong: Wrong) -> AnyView {
    let rows: Vec<_> = seen
        .route
        .routes
        .iter()
        .enumerate()
        .map(|(place, r)| {
            let matchers: Vec<String> = r.matchers.iter().map(Matcher::text).collect();
            let below = (!r.routes.is_empty()).then(|| view! { <span class="tag">{r.routes.len()}" below"</span> });
            view! { <tr><td class="num">{place + 1}</td><th scope="row" class="plain mono">{matchers.join(", ")}" "{below}</th><td>{r.receiver.clone()}</td><td>{if r.goes_on { "goes on" } else { "stops" }}</td><td class="num"><button class="btn xs danger" type="button" on:click=move |_| { change.dispatch(Edit::WithoutRoute(place)); }>"Remove"</button></td></tr> }
        })
        .collect();
    let names: Vec<_> =
        seen.receivers.iter().map(|(name, ..)| view! { <option value=name.clone()>{name.clone()}</option> }).collect();
    view! {
        <section class="panel" aria-label="Routes"><header class="ph"><h2>"Routes"</h2><span class="sub">"the first that matches, from the top"</span></header>
        <table class="t"><thead><tr><th scope="col" class="num">"#"</th><th scope="col">"Alerts with"</th><th scope="col">"Receiver"</th><th scope="col">"Then"</th><th scope="col"><span class="sr">"Remove"</span></th></tr></thead>
        <tbody>{rows}<tr><td class="num">"–"</td><th scope="row" class="plain">"everything else"</th><td>{seen.route.receiver.clone()}</td><td>"stops"</td><td></td></tr></tbody></table>
        <form class="pf2 row wrap gap-12" on:submit=move |event| {
            let sent = Sent::of(&event);
            match Matcher::parse_all(&sent.text("matchers")) {
                Ok(matchers) => { wrong.set(None); change.dispatch(Edit::Route { matchers, receiver: sent.text("receiver") }); }
                Err(problem) => wrong.set(Some(problem)),
            }
        }>
            <label class="f grow"><span>"Alerts with"</span><input class="in mono" name="matchers" required placeholder="team=\"credit\", severity=\"critical\""/></label>
            <label class="f"><span>"go to"</span><select class="in" name="receiver">{names}</select></label>
            <button class="btn end" type="submit"><Icon name="plus" small=true/>"Route"</button></form></section>
    }
    .into_any()
}

pub fn dry_run(who: Action<(String, Option<Timestamp>), Result<DryRun, Failure>>) -> AnyView {
    let answer = move || match who.value().get() {
        None => None,
        Some(Err(error)) => Some(view! { <p class="note critical" role="alert">{error.to_string()}</p> }.into_any()),
        Some(Ok(run)) => Some(told(&run)),
    };
    view! {
        <Panel title="Who would be told" sub="now, or at any time" span="c-12">
        <form class="col gap-12" on:submit=move |event| {
            let sent = Sent::of(&event);
            who.dispatch((sent.text("labels"), Timestamp::parse(&format!("{}:00Z", sent.text("at")))));
        }>
            <label class="f"><span>"Of an alert with"</span><input class="in mono" name="labels" required {..given("severity=\"critical\"")}/></label>
            <label class="f"><span>"At, UTC; now where empty"</span><input class="in" type="datetime-local" name="at"/></label>
            <button class="btn" type="submit">"Ask"</button></form>
        <div class="mt-12" aria-live="polite">{answer}</div></Panel>
    }
    .into_any()
}

fn told(run: &DryRun) -> AnyView {
    let silent = run.silent.as_ref().map(|s| {
        let words = match s {
            Suppressed::Silence { .. } => "A silence covers it: nobody is told.".to_string(),
            Suppressed::Inhibition { by, .. } => format!("It would follow from {by}: nobody is told."),
            Suppressed::Muted { interval } => format!("Its route is silent then: {interval}."),
        };
        view! { <p class="note">{words}</p> }
    });
    let routes: Vec<_> = run
        .routes
        .iter()
        .map(|r| {
            let muted = r.muted.clone().map(|m| view! { <p class="note">{format!("Silent then: {m}")}</p> });
            let rows: Vec<_> = r.told.iter().map(|(after, who)| view! { <li><span class="num">{if *after == 0 { "at once".to_string() } else { format!("after {}", format::duration(*after)) }}</span><span>{who.clone()}</span></li> }).collect();
            let none = rows.is_empty().then(|| view! { <p class="mid">"Nobody: this receiver has no destination and no policy."</p> });
            view! { <p><b>{r.receiver.clone()}</b>" "<span class="hint">{if r.path.is_empty() { "root of the routes".to_string() } else { format!("route {}", r.path) }}</span></p>{muted}{none}<ul class="told">{rows}</ul> }
        })
        .collect();
    view! { <p class="hint">{format!("At {} UTC", run.at.date_clock())}</p>{silent}{routes} }.into_any()
}

/// Everything at once, for what has no form: intervals, inhibitions, deeper routes.
pub fn whole(document: Action<(), Result<Alerting, Failure>>, change: Change, wrong: Wrong) -> AnyView {
    let text = move || {
        match document.value().get() {
        None => view! { <button class="btn sm" type="button" on:click=move |_| { document.dispatch(()); }><Icon name="code" small=true/>"Edit as JSON"</button> }.into_any(),
        Some(Err(error)) => view! { <p class="note critical" role="alert">{error.to_string()}</p> }.into_any(),
        Some(Ok(all)) => {
            let shown = serde_json::to_string_pretty(&all).unwrap_or_default();
            view! {
                <form class="col gap-12" on:submit=move |event| {
                    match serde_json::from_str::<Alerting>(&Sent::of(&event).text("document")) {
                        Ok(read) => { wrong.set(None); change.dispatch(Edit::Whole(Box::new(read))); }
                        Err(error) => wrong.set(Some(format!("the document cannot be read: {error}"))),
                    }
                }><textarea class="in mono" name="document" rows="24" spellcheck="false" aria-label="The whole document">{shown}</textarea>
                <button class="btn pri" type="submit">"Put in force"</button></form>
            }
            .into_any()
        }
    }
    };
    view! { <Panel title="Everything" sub="intervals, inhibitions, waits" span="c-12"><p class="mid mb-12">"All of it in one document. What leads nowhere is refused with its place."</p>{text}</Panel> }.into_any()
}
