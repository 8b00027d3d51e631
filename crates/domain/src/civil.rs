//! The calendar and the clock of UTC: days to dates and back, times in text and out of it.
//!
//! Ours and no library's, since every page carries it to the browser, and a library brings zones, formats and
//! an error for each of them along: a hundred kilobytes of code beside these. The rules of zones stay a library's
//! (`schedule`, [`crate::zone::Zone::named`]), on the server. If this went wrong, every page would show a wrong
//! day; the tests hold it to that library over ten thousand years.

use crate::time::{DAY, HOUR, MINUTE, SECOND};

/// The years that four digits say.
const YEARS: std::ops::RangeInclusive<i64> = 0..=9999;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
}

/// What a calendar and a clock show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DateTime {
    pub date: Date,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
    pub micro: i64,
}

impl Date {
    /// `None` for a day that no calendar has.
    fn new(year: i64, month: i64, day: i64) -> Option<Date> {
        let date = Date { year, month, day };
        // A day that is there comes back as it is; the 31st of a shorter month comes back as another.
        ((1..=12).contains(&month) && day >= 1 && Date::of_days(date.days()) == date).then_some(date)
    }

    /// Days since 1970-01-01. In years that begin in March the day that is there every fourth year comes last,
    /// so months before it have a length that a line through them gives (153 days in five).
    pub fn days(self) -> i64 {
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.day - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }

    /// The other way.
    pub fn of_days(days: i64) -> Date {
        let days = days + 719_468;
        let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        Date { year: year + era * 400 + i64::from(month <= 2), month, day }
    }
}

impl DateTime {
    pub const EPOCH: DateTime =
        DateTime { date: Date { year: 1970, month: 1, day: 1 }, hour: 0, minute: 0, second: 0, micro: 0 };

    /// `None` beyond the years that four digits say.
    pub fn of_micros(micros: i64) -> Option<DateTime> {
        let date = Date::of_days(micros.div_euclid(DAY));
        let of_day = micros.rem_euclid(DAY);
        YEARS.contains(&date.year).then_some(DateTime {
            date,
            hour: of_day / HOUR,
            minute: of_day % HOUR / MINUTE,
            second: of_day % MINUTE / SECOND,
            micro: of_day % SECOND,
        })
    }

    /// RFC 3339 with as many digits of a second as it needs.
    pub fn rfc3339(self) -> String {
        let Date { year, month, day } = self.date;
        let fraction = match self.micro {
            0 => String::new(),
            micro => format!(".{}", format!("{micro:06}").trim_end_matches('0')),
        };
        let DateTime { hour, minute, second, .. } = self;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
    }
}

/// What a text says: microseconds by its own clock, and how many of them that clock is ahead of UTC, where it
/// says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said {
    pub clock: i64,
    pub ahead: Option<i64>,
}

/// Reads `2026-11-23`, and behind it `T14:32`, `T14:32:07`, `T14:32:07.25`, and behind those `Z` or `+01:00`; a
/// space does for the T.
pub(crate) fn read(text: &str) -> Option<Said> {
    let mut rest = Rest(text);
    let date = rest.date()?;
    let midnight = date.days() * DAY;
    if rest.0.is_empty() {
        return Some(Said { clock: midnight, ahead: None });
    }
    rest.one_of(&['T', 't', ' '])?;
    let clock = midnight + rest.clock()?;
    let ahead = match rest.one_of(&['Z', 'z', '+', '-']) {
        None => None,
        Some('Z' | 'z') => Some(0),
        Some(sign) => Some(if sign == '-' { -rest.offset()? } else { rest.offset()? }),
    };
    rest.0.is_empty().then_some(Said { clock, ahead })
}

/// What is still to be read.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn one_of(&mut self, which: &[char]) -> Option<char> {
        let first = self.0.chars().next().filter(|c| which.contains(c))?;
        self.0 = &self.0[first.len_utf8()..];
        Some(first)
    }

    /// A number of so many digits, no further than a limit.
    fn number(&mut self, digits: usize, most: i64) -> Option<i64> {
        let own = self.0.get(..digits).filter(|own| own.bytes().all(|b| b.is_ascii_digit()))?;
        self.0 = &self.0[digits..];
        own.parse().ok().filter(|number| *number <= most)
    }

    fn date(&mut self) -> Option<Date> {
        let year = self.number(4, 9999)?;
        self.one_of(&['-'])?;
        let month = self.number(2, 12)?;
        self.one_of(&['-'])?;
        Date::new(year, month, self.number(2, 31)?)
    }

    fn clock(&mut self) -> Option<i64> {
        let hour = self.number(2, 23)?;
        self.one_of(&[':'])?;
        let minute = self.number(2, 59)?;
        let mut clock = hour * HOUR + minute * MINUTE;
        if self.one_of(&[':']).is_some() {
            // A leap second is the second before it.
            clock += self.number(2, 60)?.min(59) * SECOND;
            if self.one_of(&['.', ',']).is_some() {
                let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
                let micros = format!("{:0<6}", &self.0[..digits]);
                clock += micros[..6].parse::<i64>().ok().filter(|_| (1..=9).contains(&digits))?;
                self.0 = &self.0[digits..];
            }
        }
        Some(clock)
    }

    fn offset(&mut self) -> Option<i64> {
        let hours = self.number(2, 25)?;
        let colon = self.one_of(&[':']).is_some();
        let minutes = if colon || !self.0.is_empty() { self.number(2, 59)? } else { 0 };
        Some(hours * HOUR + minutes * MINUTE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_day_of_ten_thousand_years_is_the_library_s() {
        let mut day = jiff::civil::Date::constant(0, 1, 1);
        let mut days = Date { year: 0, month: 1, day: 1 }.days();
        loop {
            let date = Date { year: day.year().into(), month: day.month().into(), day: day.day().into() };
            assert_eq!((Date::of_days(days), date.days()), (date, days));
            let Ok(next) = day.tomorrow() else { break };
            (day, days) = (next, days + 1);
        }
        assert_eq!(Date::of_days(0), Date { year: 1970, month: 1, day: 1 });
        for (year, month, day) in [(2023, 2, 29), (2026, 4, 31), (2026, 13, 1), (2026, 0, 1), (2026, 1, 0)] {
            assert_eq!(Date::new(year, month, day), None, "{year}-{month}-{day}");
        }
        assert!(Date::new(2024, 2, 29).is_some());
    }

    fn library(text: &str) -> Option<i64> {
        text.parse::<jiff::Timestamp>().ok().map(|at| at.as_microsecond())
    }

    #[test]
    fn what_is_half_a_time_is_none() {
        for text in [
            "",
            "2026",
            "2026-11-2",
            "2026-11-23T",
            "2026-11-23T25:00",
            "2026-11-23T14:32:",
            "2026-11-23T14:32:07.",
            "2026-11-23T14:32+",
            "2026-11-23T14:32+1",
            "2026-11-23T14:32Zulu",
            "2026-11-23T14:60",
            "২০২৬-11-23",
            "2026-11-23T14:32:07.1234567890Z",
            "2026-02-30T00:00Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read("2026-11-23 14:32"), read("2026-11-23T14:32:00.000"));
        assert_eq!(read("2026-11-23t14:32:60z"), read("2026-11-23T14:32:59+00:00"));
        assert_eq!(read("2026-11-23T14:32-0130").and_then(|s| s.ahead), Some(-90 * MINUTE));
    }

    proptest! {
        /// From instant to text and back, and as the library writes and reads it.
        #[test]
        fn instants_are_written_and_read_as_the_library_does(
            micros in -62_167_219_200_000_000_i64..253_402_207_200_000_000, whole in any::<bool>()
        ) {
            let micros = if whole { micros.div_euclid(SECOND) * SECOND } else { micros };
            let text = DateTime::of_micros(micros).expect("within the years").rfc3339();
            prop_assert_eq!(&text, &jiff::Timestamp::from_microsecond(micros).expect("within").to_string());
            prop_assert_eq!(read(&text), Some(Said { clock: micros, ahead: Some(0) }));
        }

        /// Whatever is read is read as the library reads it.
        #[test]
        fn what_is_read_is_what_the_library_reads(
            text in "(19|20)[0-9]{2}-(0[1-9]|1[0-2])-([0-2][0-9]|3[01])[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6})?)?(Z|[+-][01][0-9](:?[0-5][0-9])?)"
        ) {
            let own = read(&text).map(|said| said.clock - said.ahead.unwrap_or_default());
            prop_assert_eq!(own, library(&text), "{}", text);
        }

        #[test]
        fn no_text_breaks_it(text in ".{0,40}") {
            let _ = read(&text);
        }
    }
}
