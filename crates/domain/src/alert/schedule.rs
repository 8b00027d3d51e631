//! Who is on call: a rotation by local time, and overrides on top of it.
//!
//! A shift begins at the same hour of the zone's clock all year round. Turns are counted in calendar days,
//! never in hours, so the night in which the clocks change moves nobody's turn.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    pub name: String,
    /// IANA: `Europe/Berlin`; empty is UTC.
    pub zone: String,
    /// E-mail addresses in the order of their turns.
    pub people: Vec<String>,
    /// The local date of the first turn: `2026-11-23`.
    pub first_day: String,
    /// Minute of the local day at which shifts change.
    pub handover: u16,
    /// Days of a turn: 7 is a week, 1 a day.
    pub days: u16,
    pub overrides: Vec<Override>,
}

/// Somebody else for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Override {
    pub person: String,
    pub from: Timestamp,
    pub to: Timestamp,
    #[serde(default)]
    pub reason: String,
}

/// A turn as it comes out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Shift {
    pub person: String,
    pub from: Timestamp,
    pub to: Timestamp,
    pub overridden: bool,
}

/// A zone by its name; UTC where empty.
#[cfg(feature = "decide")]
pub(crate) fn zone(name: &str) -> Option<jiff::tz::TimeZone> {
    if name.is_empty() || name == "UTC" { Some(jiff::tz::TimeZone::UTC) } else { jiff::tz::TimeZone::get(name).ok() }
}

#[cfg(feature = "decide")]
impl Schedule {
    /// What is wrong with it, if anything.
    pub fn problem(&self) -> Option<String> {
        let name = if self.name.trim().is_empty() { "a schedule" } else { &self.name };
        if self.name.trim().is_empty() {
            return Some("a schedule needs a name".into());
        }
        if zone(&self.zone).is_none() {
            return Some(format!("{name}: there is no zone {}", self.zone));
        }
        if self.people.is_empty() || self.people.len() > 100 {
            return Some(format!("{name}: 1 to 100 people take turns"));
        }
        if self.handover >= 1440 || !(1..=90).contains(&self.days) || self.overrides.len() > 500 {
            return Some(format!("{name}: a turn is 1 to 90 days and begins at a minute of the day"));
        }
        if self.first().is_none() {
            return Some(format!("{name}: the first day is a date like 2026-11-23"));
        }
        self.overrides.iter().any(|o| o.from >= o.to).then(|| format!("{name}: an override ends after it begins"))
    }

    fn first(&self) -> Option<jiff::civil::Date> {
        self.first_day.parse().ok()
    }

    /// The instant at which the turn of this number begins. Where the clocks skip that minute, the first
    /// one after it; where they repeat it, the first of the two.
    fn begins(&self, turn: i64) -> Option<Timestamp> {
        let days = turn.checked_mul(i64::from(self.days))?;
        let date = self.first()?.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
        let time = jiff::civil::time((self.handover / 60) as i8, (self.handover % 60) as i8, 0, 0);
        let local = date.to_datetime(time).to_zoned(zone(&self.zone)?).ok()?;
        Some(Timestamp(local.timestamp().as_microsecond()))
    }

    /// The number of the turn that holds at an instant.
    fn turn(&self, at: Timestamp) -> Option<i64> {
        let local = jiff::Timestamp::from_microsecond(at.0).ok()?.to_zoned(zone(&self.zone)?);
        let days = i64::from((local.date() - self.first()?).get_days());
        let mut turn = days.div_euclid(i64::from(self.days));
        // On the day of a handover the hour decides.
        if self.begins(turn)? > at {
            turn -= 1;
        }
        Some(turn)
    }

    fn of_turn(&self, turn: i64) -> Option<&String> {
        self.people.get(turn.rem_euclid(self.people.len().max(1) as i64) as usize)
    }

    /// Who is on call, the newest override first.
    pub fn on_call(&self, at: Timestamp) -> Option<&str> {
        let over = self.overrides.iter().rev().find(|o| o.from <= at && at < o.to);
        match over {
            Some(over) => Some(&over.person),
            None => self.of_turn(self.turn(at)?).map(String::as_str),
        }
    }

    /// Who is on call when somebody else is: the next in turn who is not them.
    pub fn backup(&self, at: Timestamp) -> Option<&str> {
        let now = self.on_call(at)?;
        let turn = self.turn(at)?;
        (1..=self.people.len() as i64)
            .filter_map(|next| self.of_turn(turn + next))
            .find(|p| *p != now)
            .map(String::as_str)
    }

    /// Whether it is night by its clock: from 22:00 until 7:00.
    pub fn night(&self, at: Timestamp) -> bool {
        let local = jiff::Timestamp::from_microsecond(at.0).ok().zip(zone(&self.zone));
        local.is_some_and(|(at, zone)| !(7..22).contains(&at.to_zoned(zone).hour()))
    }

    /// The shifts within a range, in order and without gaps.
    pub fn shifts(&self, from: Timestamp, to: Timestamp) -> Vec<Shift> {
        let (Some(first), Some(last)) = (self.turn(from), self.turn(to)) else {
            return Vec::new();
        };
        let mut edges = vec![from, to];
        edges.extend((first..=(last + 1).min(first + 1000)).filter_map(|turn| self.begins(turn)));
        edges.extend(self.overrides.iter().flat_map(|o| [o.from, o.to]));
        edges.retain(|e| *e >= from && *e <= to);
        edges.sort();
        edges.dedup();
        let mut shifts: Vec<Shift> = Vec::new();
        for pair in edges.windows(2) {
            let Some(person) = self.on_call(pair[0]) else {
                continue;
            };
            let overridden = self.overrides.iter().any(|o| o.from <= pair[0] && pair[0] < o.to);
            match shifts.last_mut() {
                Some(last) if last.person == person && last.overridden == overridden => last.to = pair[1],
                _ => shifts.push(Shift { person: person.into(), from: pair[0], to: pair[1], overridden }),
            }
        }
        shifts
    }
}

#[cfg(all(test, feature = "decide"))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::{DAY, HOUR, MINUTE};

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    fn weekly(zone: &str) -> Schedule {
        Schedule {
            name: "ml".into(),
            zone: zone.into(),
            people: ["a", "b", "c"].map(String::from).to_vec(),
            first_day: "2026-01-05".into(),
            handover: 9 * 60,
            days: 7,
            overrides: Vec::new(),
        }
    }

    /// Nights on which the clocks change, in five zones: one with half an hour of change, one that changes
    /// at midnight, one south of the equator, one that has given the change up.
    #[test]
    fn handovers_keep_their_hour_through_the_nights_on_which_the_clocks_change() {
        for zone_name in
            ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata"]
        {
            let schedule = weekly(zone_name);
            assert_eq!(schedule.problem(), None);
            for turn in 0..104 {
                let begins = schedule.begins(turn).expect("begins");
                let local = jiff::Timestamp::from_microsecond(begins.0)
                    .expect("an instant")
                    .to_zoned(zone(zone_name).expect("a zone"));
                assert_eq!((local.hour(), local.minute()), (9, 0), "{zone_name} turn {turn}");
                assert_eq!(schedule.on_call(begins), Some(["a", "b", "c"][turn as usize % 3]), "{zone_name} {turn}");
                let before = schedule.on_call(begins.plus(-1));
                assert_eq!(before, Some(["a", "b", "c"][(turn as usize + 2) % 3]), "{zone_name} {turn}");
            }
        }
    }

    #[test]
    fn a_handover_in_the_hour_that_is_skipped_or_repeated_happens_once() {
        // 02:30 is skipped on 2026-03-29 and there twice on 2026-10-25.
        let daily = Schedule { days: 1, handover: 150, first_day: "2026-03-27".into(), ..weekly("Europe/Berlin") };
        let shifts = daily.shifts(at("2026-03-28T00:00:00Z"), at("2026-03-31T00:00:00Z"));
        assert_eq!(shifts.iter().map(|s| s.person.as_str()).collect::<Vec<_>>(), ["a", "b", "c", "a"]);
        let autumn = daily.shifts(at("2026-10-24T00:00:00Z"), at("2026-10-27T00:00:00Z"));
        assert_eq!(autumn.len(), 4, "{autumn:?}");
    }

    #[test]
    fn an_override_takes_over_and_gives_back() {
        let mut schedule = weekly("UTC");
        let (from, to) = (at("2026-01-06T00:00:00Z"), at("2026-01-07T00:00:00Z"));
        schedule.overrides.push(Override { person: "z".into(), from, to, reason: "doctor".into() });
        assert_eq!(schedule.on_call(from), Some("z"));
        assert_eq!(schedule.backup(from), Some("b"));
        assert_eq!(schedule.on_call(to), Some("a"));
        assert_eq!(schedule.shifts(from.plus(-DAY), to.plus(DAY)).len(), 4);
    }

    #[test]
    fn a_night_is_one_by_the_rotation_s_own_clock() {
        let (berlin, kolkata) = (weekly("Europe/Berlin"), weekly("Asia/Kolkata"));
        assert!(berlin.night(at("2026-07-01T20:00:00Z")), "22:00 in summer");
        assert!(!berlin.night(at("2026-01-01T20:00:00Z")), "21:00 in winter");
        assert!(!kolkata.night(at("2026-01-01T01:30:00Z")), "7:00");
        assert!(kolkata.night(at("2026-01-01T01:29:00Z")));
    }

    proptest! {
        /// Every instant belongs to exactly one shift, and the shift says who is on call then.
        #[test]
        fn shifts_have_no_gap_and_agree_with_who_is_on_call(
            start in 0i64..400, hours in 1i64..900, handover in 0u16..1440, days in 1u16..10,
            overrides in prop::collection::vec((0i64..900, 1i64..200), 0..4),
        ) {
            let from = at("2026-01-01T00:00:00Z").plus(start * DAY + 7 * MINUTE);
            let to = from.plus(hours * HOUR);
            let overrides = overrides.into_iter().map(|(begin, length)| Override {
                person: "z".into(), from: from.plus(begin * HOUR), to: from.plus((begin + length) * HOUR), reason: String::new(),
            }).collect();
            let schedule = Schedule { handover, days, overrides, ..weekly("Europe/Berlin") };
            let shifts = schedule.shifts(from, to);
            prop_assert_eq!(shifts.first().map(|s| s.from), Some(from));
            prop_assert_eq!(shifts.last().map(|s| s.to), Some(to));
            for pair in shifts.windows(2) {
                prop_assert_eq!(pair[0].to, pair[1].from);
            }
            for shift in &shifts {
                prop_assert_eq!(schedule.on_call(shift.from), Some(shift.person.as_str()));
                prop_assert_eq!(schedule.on_call(shift.to.plus(-1)), Some(shift.person.as_str()));
            }
        }
    }
}
