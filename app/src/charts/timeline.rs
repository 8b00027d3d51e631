//! Alerts and incidents as bars on one time axis, with the changes that may explain them.

use domain::happening::{Bar, Flag, FlagKind, Timeline, rows_of};
use domain::{TimeRange, Timestamp};
use leptos::prelude::*;

use super::ticks;
use crate::components::icons::Icon;
use crate::components::state::Place;
use crate::components::zone::{Here, zone};

/// Pixels of a row of bars.
const ROW: usize = 20;
/// Rows of one lane at most: the rest is counted.
const ROWS_MAX: usize = 6;
/// The share of the width that a letter takes, on a page of usual width.
const LETTER: f64 = 6.4 / 880.0;
const LETTERS_MAX: usize = 60;
/// The share of the width that a flag takes.
const FLAG: f64 = 16.0 / 880.0;
/// Changes that are shown.
const CHANGES: usize = 12;

struct Axis {
    from: f64,
    span: f64,
}

impl Axis {
    fn share(&self, at: Timestamp) -> f64 {
        ((at.0 as f64 - self.from) / self.span).clamp(0.0, 1.0)
    }
}

/// A text in so many letters at most.
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_string();
    }
    let cut: String = text.chars().take(most - 1).collect();
    format!("{}…", cut.trim_end())
}

/// The share of the width that a text takes, shortened.
fn room(text: &str) -> f64 {
    shortened(text, LETTERS_MAX).chars().count() as f64 * LETTER
}

/// A lane with its bars, and how many bars had no room.
fn lane(name: &str, bars: &[Bar], axis: &Axis, place: &Place) -> AnyView {
    let shares: Vec<(f64, f64)> =
        bars.iter().map(|b| (axis.share(b.from), b.to.map_or(1.0, |t| axis.share(t)))).collect();
    // Words that would run out of the page stand left of their bar.
    let late = |i: usize| {
        let room = room(&bars[i].title);
        shares[i].0 + room > 1.0 && shares[i].0 > room
    };
    let extents: Vec<(i64, i64)> = (0..bars.len())
        .map(|i| {
            let room = room(&bars[i].title) + 0.01;
            let (from, to) = shares[i];
            let (from, to) = if late(i) { (from - room, to) } else { (from, to.max(from + room)) };
            ((from * 1e6) as i64, (to * 1e6) as i64)
        })
        .collect();
    let (rows, count) = rows_of(&extents);
    let drawn: Vec<_> = bars
        .iter()
        .enumerate()
        .filter(|(i, _)| rows[*i] < ROWS_MAX)
        .map(|(i, bar)| {
            let (from, to) = shares[i];
            let mut class = format!("ab p{}", bar.priority as u8 + 1);
            for (is, name) in [(late(i), " late"), (bar.quiet, " sil"), (bar.to.is_some(), " res")] {
                if is {
                    class.push_str(name);
                }
            }
            let style = format!(
                "left:{:.2}%;width:max(4px,{:.2}%);top:{}px",
                from * 100.0,
                (to - from) * 100.0,
                rows[i] * ROW + 3
            );
            let until = bar.to.map_or_else(|| "open".to_string(), |to| format!("until {}", to.here().clock()));
            let title = format!("{}, since {}, {until}{}", bar.title, bar.from.here().date_clock_zone(), if bar.quiet { ", silenced" } else { "" });
            view! { <a class=class style=style href=place.link(&bar.href) title=title.clone()><span>{shortened(&bar.title, LETTERS_MAX)}</span></a> }
        })
        .collect();
    let more = rows.iter().filter(|row| **row >= ROWS_MAX).count();
    let name = if more > 0 { format!("{name} (+{more})") } else { name.to_string() };
    let height = format!("height:{}px", count.clamp(1, ROWS_MAX) * ROW + 6);
    view! { <div class="lane"><div class="ll">{name}</div><div class="lb" style=height>{drawn}</div></div> }.into_any()
}

/// A change with its words, and how many others they cover.
fn change(placed: &Placed, all: &[&Flag], axis: &Axis) -> AnyView {
    let said = |flag: &Flag| format!("{} {}", flag.at.here().date_clock_zone(), flag.title);
    let flag = all[placed.change];
    let share = axis.share(flag.at) * 100.0;
    let (class, most) = match placed.words {
        Words::Before => ("cf hot", share),
        Words::After | Words::Nowhere => ("cf", placed.end * 100.0 - share),
    };
    let style = format!("left:{share:.2}%;max-width:max(20px,{most:.2}%)");
    let title: Vec<String> = placed.covers.iter().rev().map(|c| said(all[*c])).chain([said(flag)]).collect();
    let more = (!placed.covers.is_empty()).then(|| format!(" +{}", placed.covers.len()));
    let words = (placed.words != Words::Nowhere)
        .then(|| view! { <span class="flw">{shortened(&flag.title, LETTERS_MAX)}{more}</span> });
    view! { <span class=class style=style title=title.join("\n")><Icon name="flag" small=true/>{words}</span> }
        .into_any()
}

/// Where the words of a change stand.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Words {
    After,
    Before,
    /// There is room for the flag alone.
    Nowhere,
}

/// A change that is shown: its number, where its words stand and end, and the changes that these cover.
#[derive(Debug, Clone, PartialEq)]
struct Placed {
    change: usize,
    words: Words,
    end: f64,
    covers: Vec<usize>,
}

/// Places changes, each at a share of the width with words of such a share, in order of time. The newest is placed
/// first: its words stand where they have room, and what they cover is counted there instead of being written over.
fn placed(changes: &[(f64, f64)]) -> Vec<Placed> {
    let mut all: Vec<Placed> = Vec::new();
    let mut free = 1.0;
    for (change, (at, room)) in changes.iter().copied().enumerate().rev() {
        let (words, taken) = if at + FLAG + room <= free {
            (Words::After, at)
        } else if at <= free && at >= room {
            (Words::Before, at - room)
        } else if at + FLAG <= free || all.is_empty() {
            (Words::Nowhere, at)
        } else {
            if let Some(before) = all.last_mut() {
                before.covers.push(change);
            }
            continue;
        };
        all.push(Placed { change, words, end: free, covers: Vec::new() });
        free = taken;
    }
    all
}

/// The timeline over a range that ends somewhere.
pub fn timeline(timeline: &Timeline, flags: &[Flag], range: TimeRange, place: &Place) -> AnyView {
    let axis = Axis { from: range.from.0 as f64, span: range.micros().max(1) as f64 };
    let named: Vec<&Flag> = flags.iter().filter(|f| f.kind == FlagKind::Change).rev().take(CHANGES).collect();
    let named: Vec<&Flag> = named.into_iter().rev().collect();
    let places: Vec<(f64, f64)> = named.iter().map(|flag| (axis.share(flag.at), room(&flag.title))).collect();
    let changes: Vec<_> = placed(&places).iter().rev().map(|p| change(p, &named, &axis)).collect();
    let grid: Vec<(f64, String)> = ticks::times(axis.from, axis.from + axis.span, &zone());
    let lines: Vec<_> = grid
        .iter()
        .map(|(at, _)| view! { <i style=format!("left:{:.2}%", (at - axis.from) / axis.span * 100.0)></i> })
        .collect();
    let onsets: Vec<_> = timeline
        .incidents
        .iter()
        .filter(|i| i.to.is_none() && range.contains(i.from))
        .map(|i| view! { <i class="on" style=format!("left:{:.2}%", axis.share(i.from) * 100.0)></i> })
        .collect();
    let labels: Vec<_> = grid
        .into_iter()
        .map(|(at, label)| {
            let share = (at - axis.from) / axis.span * 100.0;
            (share > 2.0 && share < 98.0).then(|| view! { <span style=format!("left:{share:.2}%")>{label}</span> })
        })
        .collect();
    let mut lanes: Vec<AnyView> = Vec::new();
    if !timeline.incidents.is_empty() {
        lanes.push(lane("Incidents", &timeline.incidents, &axis, place));
    }
    lanes.extend(timeline.lanes.iter().map(|l| lane(&l.name, &l.bars, &axis, place)));
    let no_change = changes.is_empty();
    view! {
        <div class="swim">
            <div class="sg" aria-hidden="true">{lines}{onsets}</div>
            <div class="lane"><div class="ll">"Changes"</div><div class="lb" style="height:26px">{changes}{no_change.then(|| view! { <span class="cf dim">"none in this range"</span> })}</div></div>
            {lanes}
            <div class="lane ax" aria-hidden="true"><div></div><div class="lb" style="height:18px">{labels}</div></div>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(changes: &[(f64, f64)]) -> Vec<(usize, Words, usize)> {
        placed(changes).into_iter().map(|p| (p.change, p.words, p.covers.len())).collect()
    }

    #[test]
    fn words_stand_where_they_have_room_and_count_what_they_cover() {
        use Words::{After, Before, Nowhere};
        assert_eq!(shown(&[(0.2, 0.1), (0.6, 0.1)]), [(1, After, 0), (0, After, 0)]);
        // At the end words stand before their flag, over two earlier ones.
        assert_eq!(shown(&[(0.5, 0.1), (0.9, 0.2), (0.95, 0.2), (0.99, 0.2)]), [(3, Before, 2), (0, After, 0)]);
        // Where words have room on neither side the flag stands alone.
        assert_eq!(shown(&[(0.05, 0.2), (0.2, 0.2)]), [(1, After, 0), (0, Nowhere, 0)]);
        assert!(shown(&[]).is_empty());
    }
}
