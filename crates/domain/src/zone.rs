//! Instants as people read them: by the clock and the calendar of their zone.
//!
//! The server works a zone's offsets out and the browser is given them, so that both print the same characters:
//! a page that the browser draws otherwise than the server did is drawn twice, or breaks.

use serde::{Deserialize, Serialize};

use crate::civil::{self, DateTime};
use crate::time::{DAY, MONTHS, SECOND, Timestamp};

/// An instant as clocks and calendars of one zone show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Civil {
    at: DateTime,
    zone: String,
}

impl Civil {
    /// `13:58`
    pub fn clock(&self) -> String {
        let t = self.at;
        format!("{:02}:{:02}", t.hour, t.minute)
    }

    /// `13:58:07`
    pub fn clock_seconds(&self) -> String {
        let t = self.at;
        format!("{:02}:{:02}:{:02}", t.hour, t.minute, t.second)
    }

    /// `23 Nov`
    pub fn day_month(&self) -> String {
        let t = self.at;
        format!("{} {}", t.date.day, MONTHS[t.date.month as usize - 1])
    }

    /// `23 Nov 2026`
    pub fn date(&self) -> String {
        let t = self.at;
        format!("{} {} {}", t.date.day, MONTHS[t.date.month as usize - 1], t.date.year)
    }

    /// `Nov 2026`
    pub fn month_year(&self) -> String {
        let t = self.at;
        format!("{} {}", MONTHS[t.date.month as usize - 1], t.date.year)
    }

    /// `23 Nov 2026, 14:32`
    pub fn date_clock(&self) -> String {
        format!("{}, {}", self.date(), self.clock())
    }

    /// `23 Nov 2026, 14:32 UTC`
    pub fn date_clock_zone(&self) -> String {
        format!("{} {}", self.date_clock(), self.zone)
    }

    /// `14:32:07 UTC`
    pub fn clock_seconds_zone(&self) -> String {
        format!("{} {}", self.clock_seconds(), self.zone)
    }

    /// `2026-11-23T14:32`, as date fields of forms hold it.
    pub fn form_minute(&self) -> String {
        let t = self.at;
        format!("{:04}-{:02}-{:02}T{:02}:{:02}", t.date.year, t.date.month, t.date.day, t.hour, t.minute)
    }

    /// `2026-11-23 14:32:07`, as text fields of forms hold it.
    pub fn form_second(&self) -> String {
        format!("{} {}", self.form_date(), self.clock_seconds())
    }

    /// `2026-11-23`, as date fields of forms hold it.
    pub fn form_date(&self) -> String {
        let t = self.at;
        format!("{:04}-{:02}-{:02}", t.date.year, t.date.month, t.date.day)
    }
}

/// A time zone as the offsets that hold in it, since browsers' code carries no table of zones. What it does not
/// know (years long past, or far ahead) has the offset nearest to it in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// As the IANA names it.
    pub name: String,
    /// From which second of the epoch on which offset holds, in seconds east of UTC; in order.
    offsets: Vec<(i64, i32)>,
}

impl Default for Zone {
    fn default() -> Self {
        Zone { name: "UTC".into(), offsets: Vec::new() }
    }
}

impl Zone {
    /// What people call it, beside a time: `UTC`, `Berlin`.
    pub fn label(&self) -> String {
        self.name.rsplit('/').next().unwrap_or_default().replace('_', " ")
    }

    /// Microseconds that clocks of the zone are ahead of UTC.
    fn ahead(&self, at: Timestamp) -> i64 {
        let next = self.offsets.partition_point(|(from, _)| from.saturating_mul(SECOND) <= at.0);
        self.offsets.get(next.saturating_sub(1)).map_or(0, |(_, offset)| i64::from(*offset) * SECOND)
    }

    pub fn civil(&self, at: Timestamp) -> Civil {
        Civil { at: at.plus(self.ahead(at)).civil(), zone: self.label() }
    }

    /// The instant as if the zone's clock were one of UTC, for steps of its days and hours.
    pub fn shifted(&self, at: Timestamp) -> Timestamp {
        at.plus(self.ahead(at))
    }

    /// The other way. Of an hour that is there twice it is the first; one that is not there is read as
    /// the clock stood before it.
    pub fn unshifted(&self, shown: Timestamp) -> Timestamp {
        // No zone is further than this from UTC: the offset before and after any change nearby.
        let (before, after) = (self.ahead(shown.plus(-DAY)), self.ahead(shown.plus(DAY)));
        let candidates = [before.max(after), before.min(after)].map(|ahead| shown.plus(-ahead));
        candidates.into_iter().find(|at| self.shifted(*at) == shown).unwrap_or(shown.plus(-before))
    }

    /// Reads what addresses and forms hold; what names no offset is of this zone.
    pub fn parse(&self, text: &str) -> Option<Timestamp> {
        let text = text.trim();
        let told = text.parse::<f64>().is_ok() || civil::read(text).is_some_and(|said| said.ahead.is_some());
        Timestamp::read(text).map(|at| if told { at } else { self.unshifted(at) })
    }

    /// A zone by its IANA name, with its changes from ten years before `around` to three after.
    #[cfg(feature = "decide")]
    pub fn named(name: &str, around: Timestamp) -> Option<Zone> {
        if name.is_empty() || name == "UTC" {
            return Some(Zone::default());
        }
        let zone = jiff::tz::TimeZone::get(name).ok()?;
        let first = jiff::Timestamp::from_microsecond(around.plus(-3653 * DAY).0).ok()?;
        let last = jiff::Timestamp::from_microsecond(around.plus(1096 * DAY).0).ok()?;
        let mut offsets = vec![(first.as_second(), zone.to_offset(first).seconds())];
        let changes = zone.following(first).take_while(|change| change.timestamp() < last);
        offsets.extend(changes.map(|change| (change.timestamp().as_second(), change.offset().seconds())));
        Some(Zone { name: name.to_string(), offsets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{HOUR, MINUTE};

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    fn zone(name: &str) -> Zone {
        Zone::named(name, at("2026-11-25T00:00:00Z")).expect("a zone")
    }

    #[test]
    fn a_zone_shows_what_its_clocks_show_on_both_sides_of_a_change() {
        let berlin = zone("Europe/Berlin");
        assert_eq!(berlin.civil(at("2026-10-25T00:59:00Z")).date_clock_zone(), "25 Oct 2026, 02:59 Berlin");
        assert_eq!(berlin.civil(at("2026-10-25T01:00:00Z")).date_clock_zone(), "25 Oct 2026, 02:00 Berlin");
        assert_eq!(zone("Asia/Kathmandu").civil(at("2026-01-01T20:00:00Z")).date_clock(), "2 Jan 2026, 01:45");
        assert_eq!(Zone::default().civil(at("2026-01-01T20:00:00Z")).date_clock_zone(), "1 Jan 2026, 20:00 UTC");
        assert_eq!(Zone::named("Europe/Atlantis", Timestamp(0)), None);
    }

    #[test]
    fn what_a_form_holds_is_read_as_it_was_shown() {
        for name in ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia"]
        {
            let zone = zone(name);
            let mut instant = at("2026-01-01T00:07:00Z");
            while instant < at("2027-01-01T00:00:00Z") {
                let shown = zone.civil(instant).form_minute();
                let read = zone.parse(&shown).expect("a time");
                // An hour that is there twice is read as the first of the two.
                let twice = zone.civil(read).form_minute() == shown && read < instant && instant.0 - read.0 <= HOUR;
                assert!(read == instant || twice, "{name} {shown} {read} {instant}");
                instant = instant.plus(37 * MINUTE);
            }
        }
        // It says its own offset: the zone has no part in it.
        assert_eq!(zone("Europe/Berlin").parse("2026-07-01T12:00:00Z"), Some(at("2026-07-01T12:00:00Z")));
        assert_eq!(zone("Europe/Berlin").parse("1767225600"), Some(at("2026-01-01T00:00:00Z")));
        // Skipped by the clocks of this night.
        assert_eq!(zone("Europe/Berlin").parse("2026-03-29T02:30"), Some(at("2026-03-29T01:30:00Z")));
    }
}
