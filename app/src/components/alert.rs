//! Pieces that every page about alerts shows: priority, who, what is done with the chosen.

use domain::Timestamp;
use domain::alert::priority::Priority;
use domain::alert::view::{AlertRow, Suppressed};
use domain::format;
use domain::people::initials;
use leptos::prelude::*;

use super::icons::Icon;
use super::zone::Here;

/// Bars, a word and a colour.
#[component]
pub fn Sev(of: Priority, #[prop(optional)] title: bool) -> impl IntoView {
    let on = 4 - of as usize;
    let bars: Vec<_> = (0..4).map(|i| view! { <i class=if i < on { "on" } else { "" }></i> }).collect();
    view! {
        <span class=format!("sev p{}", of as usize + 1)><span class="bars" aria-hidden="true">{bars}</span>{of.name()}
        {title.then(|| view! { <span class="fw5">" "{of.title()}</span> })}</span>
    }
}

#[component]
pub fn Avatar(#[prop(into)] name: String) -> impl IntoView {
    // An address is read as its words: mara.lindqvist@example.com is ML too.
    let words = name.split('@').next().unwrap_or_default().replace('.', " ");
    let tone = ["", " b", " c", " d"][name.bytes().map(usize::from).sum::<usize>() % 4];
    view! { <span class=format!("ava sm{tone}") aria-hidden="true">{initials(&words)}</span> }
}

/// What state an alert is in: firing, taken on, kept quiet, over.
pub fn state(row: &AlertRow, now: Timestamp) -> AnyView {
    let alert = &row.alert;
    let with = |icon: &'static str, title: &'static str, more: String| {
        view! { <span class="stt"><Icon name=icon small=true/><span>{title}<span class="hint">{more}</span></span></span> }
            .into_any()
    };
    if !row.fires {
        let at = alert.ends_at.map(Timestamp::date_clock).unwrap_or_default();
        return with("check", "Over", format!("{at}, {}", alert.resolution));
    }
    match &row.suppressed {
        Some(Suppressed::Silence { .. }) => {
            let more = row.silence.as_ref().map(|s| format!("until {}, {}", s.ends_at.here().date_clock(), s.comment));
            return with("mute", "Silenced", more.unwrap_or_default());
        }
        Some(Suppressed::Inhibition { by, .. }) => return with("mute", "Inhibited", format!("follows from {by}")),
        Some(Suppressed::Muted { interval }) => return with("mute", "Muted", interval.clone()),
        None => {}
    }
    if let Some(taken) = alert.acknowledged.as_ref().filter(|a| a.holds(now)) {
        return with("check", "Acknowledged", format!("{}, {}", taken.by, taken.at.here().clock()));
    }
    let who = if alert.assigned.is_empty() { "nobody yet".to_string() } else { format!("for {}", alert.assigned) };
    view! { <span class="stt"><i class="fd" aria-hidden="true"></i><span>"Firing"<span class="hint">{who}</span></span></span> }
        .into_any()
}

/// Value with its unit, and what it is held against.
pub fn value(row: &AlertRow) -> (String, &'static str, String) {
    let alert = &row.alert;
    match alert.value {
        None => ("–".into(), "", alert.against.clone()),
        Some(value) => {
            let (text, unit) = format::with_unit(value, &alert.unit);
            (text, unit, alert.against.clone())
        }
    }
}
