//! Times at which a route speaks or is silent, in a zone's own hours.

use serde::{Deserialize, Serialize};

/// Any day that is on the list, between any two of the times. Empty lists are every day and all day.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct TimeInterval {
    pub name: String,
    /// IANA: `Europe/Berlin`; empty is UTC.
    pub zone: String,
    /// 1 is Monday.
    pub weekdays: Vec<u8>,
    /// 1 to 31, or −1 for the last day of a month.
    pub days: Vec<i8>,
    /// 1 to 12.
    pub months: Vec<u8>,
    /// From, to, as minutes of the day; `to` is not within. One that ends before it begins goes past
    /// midnight.
    pub times: Vec<(u16, u16)>,
}

impl TimeInterval {
    /// What is wrong with it, if anything.
    #[cfg(feature = "decide")]
    pub fn problem(&self) -> Option<String> {
        let name = if self.name.is_empty() { "an interval" } else { &self.name };
        if self.name.trim().is_empty() {
            return Some("an interval needs a name".into());
        }
        if super::schedule::zone(&self.zone).is_none() {
            return Some(format!("{name}: there is no zone {}", self.zone));
        }
        let outside = self.weekdays.iter().any(|d| !(1..=7).contains(d))
            || self.days.iter().any(|d| *d == 0 || !(-31..=31).contains(d))
            || self.months.iter().any(|m| !(1..=12).contains(m))
            || self.times.iter().any(|(from, to)| *from > 1440 || *to > 1440 || from == to);
        outside.then(|| format!("{name}: weekdays are 1 to 7, days 1 to 31, months 1 to 12, times 0 to 1440"))
    }

    #[cfg(feature = "decide")]
    pub fn contains(&self, at: crate::Timestamp) -> bool {
        let (Some(zone), Ok(instant)) = (super::schedule::zone(&self.zone), jiff::Timestamp::from_microsecond(at.0))
        else {
            return false;
        };
        let local = instant.to_zoned(zone);
        let last = local.days_in_month();
        let of_day = |day: i8| if day < 0 { last + 1 + day } else { day };
        let weekday = local.weekday().to_monday_one_offset() as u8;
        let minute = local.hour() as u16 * 60 + local.minute() as u16;
        let within = |(from, to): &(u16, u16)| {
            if from < to { (*from..*to).contains(&minute) } else { minute >= *from || minute < *to }
        };
        (self.weekdays.is_empty() || self.weekdays.contains(&weekday))
            && (self.days.is_empty() || self.days.iter().any(|d| of_day(*d) == local.day()))
            && (self.months.is_empty() || self.months.contains(&(local.month() as u8)))
            && (self.times.is_empty() || self.times.iter().any(within))
    }
}

#[cfg(all(test, feature = "decide"))]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    #[test]
    fn hours_are_the_zones_own_on_both_sides_of_a_clock_change() {
        let office = TimeInterval {
            name: "office".into(),
            zone: "Europe/Berlin".into(),
            weekdays: vec![1, 2, 3, 4, 5],
            times: vec![(9 * 60, 17 * 60)],
            ..TimeInterval::default()
        };
        // Friday in summer time, UTC+2, and Monday after the change, UTC+1.
        assert!(office.contains(at("2026-10-23T07:00:00Z")) && !office.contains(at("2026-10-23T06:59:00Z")));
        assert!(office.contains(at("2026-10-26T08:00:00Z")) && !office.contains(at("2026-10-26T07:59:00Z")));
        assert!(!office.contains(at("2026-10-24T10:00:00Z")), "a Saturday");
    }

    #[test]
    fn a_night_goes_past_midnight_and_the_last_day_is_minus_one() {
        let night = TimeInterval { name: "n".into(), times: vec![(22 * 60, 6 * 60)], ..TimeInterval::default() };
        assert!(night.contains(at("2026-01-01T23:00:00Z")) && night.contains(at("2026-01-01T05:59:00Z")));
        assert!(!night.contains(at("2026-01-01T06:00:00Z")));
        let last = TimeInterval { name: "l".into(), days: vec![-1], ..TimeInterval::default() };
        assert!(last.contains(at("2028-02-29T12:00:00Z")) && !last.contains(at("2028-02-28T12:00:00Z")));
    }
}
