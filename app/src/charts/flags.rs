//! Flags on the time axis of a chart: changes, beginnings of incidents, notes. At most six; nearer ones
//! merge into a count.

use domain::Timestamp;
use domain::happening::{Flag, FlagKind};
use leptos::prelude::*;

use crate::components::state::Place;
use crate::components::zone::Here;

const FLAGS_MAX: usize = 6;
/// Flags nearer than this share of the width are one.
const NEAR: f64 = 0.035;
/// Beyond this share of the width a flag's words stand left of its line.
const LEFT_OF_LINE: f64 = 0.66;

/// One flag as it is drawn, or several that are too near to be told apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// From the left.
    pub share: f64,
    pub kind: FlagKind,
    pub title: String,
    /// Everything that it stands for, a line each.
    pub said: String,
    pub href: String,
}

/// Where flags stand on an axis from `x.0` to `x.1` microseconds.
pub fn placed(flags: &[Flag], x: (f64, f64)) -> Vec<Placed> {
    let share = |flag: &Flag| (flag.at.0 as f64 - x.0) / (x.1 - x.0);
    let mut inside: Vec<&Flag> = flags.iter().filter(|f| (0.0..=1.0).contains(&share(f))).collect();
    inside.sort_by_key(|f| f.at);
    let mut near = NEAR;
    loop {
        let mut clusters: Vec<Vec<&Flag>> = Vec::new();
        for flag in &inside {
            match clusters.last_mut() {
                Some(last) if last.last().is_some_and(|l| share(flag) - share(l) < near) => last.push(flag),
                _ => clusters.push(vec![flag]),
            }
        }
        if clusters.len() <= FLAGS_MAX {
            return clusters.into_iter().map(|cluster| merged(&cluster, share(cluster[0]))).collect();
        }
        near *= 1.5;
    }
}

fn merged(cluster: &[&Flag], share: f64) -> Placed {
    let kind = [FlagKind::Onset, FlagKind::Change, FlagKind::Note]
        .into_iter()
        .find(|k| cluster.iter().any(|f| f.kind == *k))
        .unwrap_or(FlagKind::Note);
    let line = |flag: &&Flag| {
        let who = if flag.who.is_empty() { String::new() } else { format!(" ({})", flag.who) };
        format!("{} {}{who}", flag.at.here().date_clock_zone(), flag.title)
    };
    let said = cluster.iter().map(line).collect::<Vec<_>>().join("\n");
    match cluster {
        [only] => Placed { share, kind, title: only.title.clone(), said, href: only.href.clone() },
        many => Placed { share, kind, title: format!("{} events", many.len()), said, href: String::new() },
    }
}

/// Flags, their lines, and the spans that notes are about.
pub fn drawn(flags: &[Flag], x: (f64, f64), place: &Place) -> impl IntoView + use<> {
    let placed = placed(flags, x);
    let shares: Vec<f64> = placed.iter().map(|p| p.share).collect();
    let spans: Vec<_> = flags
        .iter()
        .filter_map(|flag| {
            let share = |at: Timestamp| ((at.0 as f64 - x.0) / (x.1 - x.0)).clamp(0.0, 1.0);
            let (from, to) = (share(flag.at), share(flag.until?));
            let style = format!("left:{:.2}%;width:{:.2}%", from * 100.0, (to - from) * 100.0);
            (to > from).then(|| view! { <i class="nsp" style=style></i> })
        })
        .collect();
    let flags: Vec<_> = placed
        .into_iter()
        .enumerate()
        .map(|(i, flag)| {
            let left_of = |share: f64| share > LEFT_OF_LINE;
            let end = left_of(flag.share);
            // Its words end where the next flag stands; two that write towards each other share the room.
            let room = if end {
                let before = i.checked_sub(1).map(|i| shares[i]);
                let room = flag.share - before.unwrap_or(0.0);
                if before.is_some_and(|b| !left_of(b)) { room / 2.0 } else { room }
            } else {
                let after = shares.get(i + 1).copied();
                let room = after.unwrap_or(1.0) - flag.share;
                if after.is_some_and(left_of) { room / 2.0 } else { room }
            };
            let (colour, line) = match flag.kind {
                FlagKind::Change => ("", "vl"),
                FlagKind::Onset => (" crit", "vl on"),
                FlagKind::Note => (" q", "vl"),
            };
            let class = format!("fl{colour}{}", if end { " end" } else { "" });
            let at = format!("left:{:.2}%", flag.share * 100.0);
            let style = format!("{at};max-width:max(16px,calc({:.2}% - 4px))", room * 100.0);
            let words = view! { <span class="flw">{flag.title}</span> };
            let label = flag.said.clone();
            let body = if flag.href.is_empty() {
                view! { <span class=class style=style title=flag.said>{words}</span> }.into_any()
            } else {
                view! { <a class=class style=style title=flag.said aria-label=label href=place.link(&flag.href)>{words}</a> }.into_any()
            };
            view! { <i class=line style=at></i>{body} }
        })
        .collect();
    view! { <div class="ov fls">{spans}{flags}</div> }
}

#[cfg(test)]
mod tests {
    use domain::annotation::Subject;

    use super::*;

    fn flag(at: i64, kind: FlagKind) -> Flag {
        Flag {
            at: Timestamp(at),
            until: None,
            kind,
            title: format!("at {at}"),
            who: String::new(),
            href: String::new(),
            subject: Subject::default(),
        }
    }

    #[test]
    fn flags_outside_are_not_drawn_and_near_ones_are_one() {
        let flags = [
            flag(-5, FlagKind::Note),
            flag(100, FlagKind::Note),
            flag(101, FlagKind::Onset),
            flag(600, FlagKind::Change),
        ];
        let found = placed(&flags, (0.0, 1000.0));
        let said: Vec<(&str, FlagKind)> = found.iter().map(|p| (p.title.as_str(), p.kind)).collect();
        assert_eq!(said, [("2 events", FlagKind::Onset), ("at 600", FlagKind::Change)]);
    }

    #[test]
    fn however_many_there_are_six_are_drawn_at_most_and_none_is_lost() {
        let flags: Vec<Flag> = (0..200).map(|i| flag(i * 5, FlagKind::Change)).collect();
        let found = placed(&flags, (0.0, 1000.0));
        assert!(found.len() <= FLAGS_MAX);
        assert_eq!(found.iter().map(|p| p.said.lines().count()).sum::<usize>(), 200);
    }
}
