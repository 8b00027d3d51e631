//! Overview in words: the answer that stands on top of it, and the summary that leaves once a week for those who
//! do not open it.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::alert::priority::Priority;
use crate::format;
use crate::health::{Status, SystemHealth};
use crate::signal::Layer;
use crate::time::{DAY, HOUR};
use crate::view::{Concern, OverviewView};
use crate::zone::Zone;

/// Lines of a list at most.
const LINES: usize = 5;
/// A summary that could not be sent is tried for this long; then the next one is due.
const LATE: i64 = 6 * HOUR;

/// The answer first: how many systems need attention; then which, and why.
pub fn answer(view: &OverviewView) -> (String, String) {
    let judged: Vec<_> = view.systems.iter().filter(|s| s.score.is_some()).collect();
    // Poor as a whole, poor at what it is for, or with something open that cannot wait.
    let troubled = |s: &SystemHealth| {
        let quality = s.layer(Layer::Quality).map_or(Status::Good, |l| Status::of(l.score));
        let urgent = |c: &Concern| c.priority <= Priority::P2 && c.systems.contains(&s.system);
        s.status() < Status::Fair || quality < Status::Fair || view.attention.iter().any(urgent)
    };
    let bad: Vec<_> = judged.iter().filter(|s| troubled(s)).collect();
    const SMALL: [&str; 10] = ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"];
    let count = |n: usize| SMALL.get(n).map_or_else(|| n.to_string(), |word| word.to_string());
    // What is urgent and of no system that is judged is no reason to say that all is well.
    let elsewhere = view.attention.iter().find(|c| c.priority <= Priority::P2);
    let head = match (judged.len(), bad.len()) {
        (1, 0) if elsewhere.is_some() => "The AI system works, but something else cannot wait".to_string(),
        (n, 0) if n > 0 && elsewhere.is_some() => {
            format!("All {} AI systems work, but something else cannot wait", count(n).to_lowercase())
        }
        (0, _) => "No AI system is being judged yet".to_string(),
        (1, 0) => "The AI system is working as it should".to_string(),
        (n, 0) => format!("All {} AI systems are working as they should", count(n).to_lowercase()),
        (1, _) => "The AI system needs attention".to_string(),
        (n, b) => format!(
            "{} of {} AI systems {} attention",
            count(b),
            count(n).to_lowercase(),
            if b == 1 { "needs" } else { "need" }
        ),
    };
    let names = |good: bool| -> Vec<String> {
        judged.iter().filter(|s| troubled(s) != good).map(|s| s.title.clone()).collect()
    };
    let said: Vec<String> = bad
        .iter()
        .take(2)
        .map(|s| {
            let urgent = view.attention.iter().find(|c| c.systems.contains(&s.system)).map(|c| told(c, &s.title));
            let card = view.cards.iter().find(|c| c.system == s.system);
            // What a model's own figures say is plainer than the title of an incident.
            let unwell = card.and_then(|c| c.layer.as_ref()).is_some_and(|l| Status::of(l.score) < Status::Fair);
            let plain = card.map(|c| c.plain.clone());
            let said = if unwell { plain.or(urgent) } else { urgent.or(plain) };
            format!("{}: {}", s.title, said.unwrap_or_default())
        })
        .collect();
    let detail = match (said.join(" "), names(true).join(", ")) {
        (bad, good) if bad.is_empty() && good.is_empty() => {
            "Send predictions and a baseline, and this page answers whether the system still does its job.".to_string()
        }
        (bad, good) if bad.is_empty() => match elsewhere {
            Some(concern) => format!("{}. Healthy: {good}.", concern.title),
            None => format!("Healthy: {good}."),
        },
        (bad, good) if good.is_empty() => bad,
        (bad, good) => format!("{bad} Healthy: {good}."),
    };
    (head, detail)
}

/// What is open of a system, after the system's own name.
fn told(concern: &Concern, system: &str) -> String {
    let title = concern.title.replace(system, "");
    let title = title.trim_matches([':', ',', ' ']);
    let open = if title.is_empty() { "an incident is open.".to_string() } else { format!("“{title}” is open.") };
    if concern.text.is_empty() { open } else { format!("{open} {}", concern.text) }
}

/// Overview as text, without a word of statistics: what leaves by mail or chat.
pub fn text(view: &OverviewView) -> String {
    let (head, detail) = answer(view);
    let mut parts = vec![format!("{head}. {detail}")];
    let kpis = view.kpis.iter().take(LINES).map(|kpi| {
        let value = kpi.value.map_or_else(|| "no value".to_string(), |v| kpi.kpi.shown(v));
        format!(
            "- {}: {value}, {} (target {})",
            kpi.kpi.name,
            kpi.standing().1.to_lowercase(),
            kpi.kpi.shown(kpi.kpi.target)
        )
    });
    let month = view.money.as_ref().and_then(|money| {
        let month = money.month.as_ref()?;
        Some(format!("- End of {}: most likely {}", month.name, format::money(month.middle, &money.currency)))
    });
    let attention = view.attention.iter().take(LINES).map(|concern| {
        let who = if concern.who.is_empty() { "nobody is on it" } else { concern.who.as_str() };
        format!("- {} {}, since {}; {who}", concern.priority.name(), concern.title, concern.since.date())
    });
    let dates = view.dates.iter().take(LINES).map(|due| match due.at {
        Some(at) => format!("- {}: {}", at.date(), due.title),
        None => format!("- waits: {}", due.title),
    });
    let lists: [(&str, Vec<String>); 3] = [
        ("Figures", kpis.chain(month).collect()),
        ("What needs attention", attention.collect()),
        ("Decisions and dates", dates.collect()),
    ];
    for (title, lines) in lists {
        if !lines.is_empty() {
            parts.push(format!("{title}\n{}", lines.join("\n")));
        }
    }
    parts.join("\n\n")
}

/// When the summary leaves, and where to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Weekly {
    /// The receiver; empty for nobody.
    pub receiver: String,
    /// Monday is 0.
    pub day: u8,
    pub hour: u8,
    /// As the IANA names it; empty for UTC.
    pub zone: String,
    /// The last that left.
    pub sent: Option<Timestamp>,
}

impl Default for Weekly {
    fn default() -> Self {
        Weekly { receiver: String::new(), day: 0, hour: 8, zone: String::new(), sent: None }
    }
}

impl Weekly {
    /// What is wrong with it, if anything. Whether the receiver and the zone are there is for who knows them.
    pub fn problem(&self) -> Option<String> {
        (self.day > 6 || self.hour > 23).then(|| "a summary leaves on a day of the week, at an hour of 0 to 23".into())
    }

    /// Whether one is to leave now. One that is hours late is left out.
    pub fn due(&self, zone: &Zone, now: Timestamp) -> bool {
        // The first of January 1970 was a Thursday.
        const MONDAY: i64 = 4 * DAY;
        let shown = zone.shifted(now).0;
        let week = (shown - MONDAY).div_euclid(7 * DAY);
        let of_week = |week: i64| {
            let place = MONDAY + week * 7 * DAY + i64::from(self.day) * DAY + i64::from(self.hour) * HOUR;
            zone.unshifted(Timestamp(place))
        };
        let last = [of_week(week), of_week(week - 1)].into_iter().find(|at| *at <= now);
        let last = last.filter(|at| now.0 - at.0 < LATE && self.sent.is_none_or(|sent| sent < *at));
        !self.receiver.is_empty() && last.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::MINUTE;

    #[test]
    fn one_summary_leaves_a_week_also_when_clocks_change() {
        for name in ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"] {
            let begin = Timestamp::parse("2026-01-01T00:00:00Z").expect("a time");
            let zone = Zone::named(name, begin).expect("a zone");
            for (day, hour) in [(0, 8), (6, 2), (3, 0), (5, 23)] {
                let mut weekly = Weekly { receiver: "board".into(), day, hour, ..Weekly::default() };
                let (mut now, mut left) = (begin, Vec::new());
                while now < begin.plus(364 * DAY) {
                    if weekly.due(&zone, now) {
                        weekly.sent = Some(now);
                        left.push(now);
                    }
                    now = now.plus(10 * MINUTE);
                }
                // The first may be of the week before, some hours late.
                assert!((52..=53).contains(&left.len()), "{name} {day} {hour}: {}", left.len());
                for at in &left[1..] {
                    let clock = zone.civil(*at).clock();
                    // An hour that clocks skip is the one after.
                    assert!(
                        clock.starts_with(&format!("{hour:02}:")) || clock.starts_with(&format!("{:02}:", hour + 1)),
                        "{name} {clock}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_open_of_a_system_does_not_say_its_name_again() {
        let said = |title: &str, text: &str| {
            let concern = Concern {
                priority: Priority::P2,
                title: title.into(),
                text: text.into(),
                systems: vec!["offers".into()],
                since: Timestamp(0),
                lost: None,
                who: String::new(),
                href: String::new(),
            };
            told(&concern, "Offer ranking")
        };
        assert_eq!(
            said("Quality: Offer ranking", "2 alerts of it are open."),
            "“Quality” is open. 2 alerts of it are open."
        );
        assert_eq!(said("Offer ranking: Queue long", ""), "“Queue long” is open.");
        assert_eq!(said("Offer ranking", ""), "an incident is open.");
    }

    #[test]
    fn nobody_is_told_what_is_hours_late() {
        let weekly = Weekly { receiver: "board".into(), ..Weekly::default() };
        let monday = Timestamp::parse("2026-11-23T08:00:00Z").expect("a time");
        assert!(!weekly.due(&Zone::default(), monday.plus(-1)));
        assert!(weekly.due(&Zone::default(), monday));
        assert!(weekly.due(&Zone::default(), monday.plus(LATE - 1)));
        assert!(!weekly.due(&Zone::default(), monday.plus(LATE)));
        assert!(!Weekly { sent: Some(monday), ..weekly.clone() }.due(&Zone::default(), monday.plus(MINUTE)));
        assert!(!Weekly { receiver: String::new(), ..weekly }.due(&Zone::default(), monday));
    }
}
