//! Instants and ranges: UTC microseconds, everywhere but at the edges.
//!
//! Formatting here is UTC; as the clock of another zone shows an instant is [`crate::zone`]'s matter.

use serde::{Deserialize, Serialize};
use std::fmt;

use crate::civil::{self, Date, DateTime};
use crate::zone::{Civil, Zone};

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "Microseconds since 1970-01-01T00:00:00Z. Where it is sent, a time in text does as well.",
            "anyOf": [{"type": "integer", "format": "int64"}, {"type": "string", "format": "date-time"}],
        })
    }
}

/// What people and programs write by hand may say the time in text, as [`Timestamp::parse`] reads it; a
/// number is microseconds.
impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl serde::de::Visitor<'_> for Either {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("microseconds since 1970, or a time as 2026-11-23T14:32:00Z")
            }

            fn visit_i64<E: serde::de::Error>(self, micros: i64) -> Result<Timestamp, E> {
                Ok(Timestamp(micros))
            }

            fn visit_u64<E: serde::de::Error>(self, micros: u64) -> Result<Timestamp, E> {
                i64::try_from(micros).map(Timestamp).map_err(|_| E::custom("a time lies too far ahead"))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Timestamp, E> {
                Timestamp::parse(text).ok_or_else(|| E::custom(format!("“{text}” is no time")))
            }
        }
        if from.is_human_readable() { from.deserialize_any(Either) } else { i64::deserialize(from).map(Timestamp) }
    }
}

pub const SECOND: i64 = 1_000_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// The instants Plimsoll accepts for events: years 1900 to 2200. Outside it a number is almost
/// always a unit mistaken for another.
const EARLIEST: i64 = -2_208_988_800 * SECOND;
const LATEST: i64 = 7_258_118_400 * SECOND;

pub(crate) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Timestamp {
    pub const MIN: Timestamp = Timestamp(i64::MIN);
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    pub fn plus(self, micros: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(micros))
    }

    /// Reads a number whose unit is known by its magnitude: seconds, milliseconds, microseconds or
    /// nanoseconds since the epoch. `None` when no unit puts it between 1900 and 2200.
    pub fn from_epoch_number(value: f64) -> Option<Timestamp> {
        if !value.is_finite() {
            return None;
        }
        let magnitude = value.abs();
        let micros = if magnitude < 1e11 {
            value * 1e6
        } else if magnitude < 1e14 {
            value * 1e3
        } else if magnitude < 1e17 {
            value
        } else {
            value / 1e3
        };
        let micros = micros.round();
        (EARLIEST as f64..=LATEST as f64).contains(&micros).then_some(Timestamp(micros as i64))
    }

    /// Reads RFC 3339, `YYYY-MM-DD[ T]HH:MM[:SS[.fff]]` (taken as UTC), a bare date, or an epoch
    /// number (see [`Timestamp::from_epoch_number`]).
    ///
    /// What programs send may be written in rarer ways (`20261123T143200Z`, a zone in brackets), which the
    /// server reads too.
    pub fn parse(text: &str) -> Option<Timestamp> {
        #[cfg(feature = "decide")]
        let rarer = || {
            let text = text.trim();
            let instant = text.parse::<jiff::Timestamp>().ok().map(|at| at.as_microsecond());
            instant.or_else(|| {
                let civil = text.parse::<jiff::civil::DateTime>().ok()?;
                Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_microsecond())
            })
        };
        #[cfg(not(feature = "decide"))]
        let rarer = || None;
        Timestamp::read(text).or_else(|| rarer().map(Timestamp))
    }

    /// What addresses and forms hold: the server and the browser read it alike.
    pub(crate) fn read(text: &str) -> Option<Timestamp> {
        let text = text.trim();
        match civil::read(text) {
            Some(said) => Some(Timestamp(said.clock - said.ahead.unwrap_or_default())),
            None => Timestamp::from_epoch_number(text.parse().ok()?),
        }
    }

    /// Years that have no four digits are shown as the first instant.
    pub(crate) fn civil(self) -> DateTime {
        DateTime::of_micros(self.0).unwrap_or(DateTime::EPOCH)
    }

    pub fn utc(self) -> Civil {
        Zone::default().civil(self)
    }

    /// RFC 3339 in UTC, to the microsecond where there is one.
    pub fn rfc3339(self) -> String {
        self.civil().rfc3339()
    }

    /// `13:58` In UTC.
    pub fn clock(self) -> String {
        self.utc().clock()
    }

    /// `13:58:07` In UTC.
    pub fn clock_seconds(self) -> String {
        self.utc().clock_seconds()
    }

    /// `23 Nov` In UTC.
    pub fn day_month(self) -> String {
        self.utc().day_month()
    }

    /// `23 Nov 2026` In UTC.
    pub fn date(self) -> String {
        self.utc().date()
    }

    /// `Nov 2026` In UTC.
    pub fn month_year(self) -> String {
        self.utc().month_year()
    }

    /// `23 Nov 2026, 14:32` In UTC.
    pub fn date_clock(self) -> String {
        self.utc().date_clock()
    }

    /// `2026-11-23T14:32`, as date fields of forms hold it. In UTC.
    pub fn form_minute(self) -> String {
        self.utc().form_minute()
    }

    /// `2026-11-23`, as date fields of forms hold it. In UTC.
    pub fn form_date(self) -> String {
        self.utc().form_date()
    }

    /// `November`
    pub fn month_name(self) -> &'static str {
        const NAMES: [&str; 12] = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ];
        NAMES[self.civil().date.month as usize - 1]
    }

    /// The first instant of this instant's UTC month, and of the month after it.
    pub fn month_bounds(self) -> (Timestamp, Timestamp) {
        let start = Date { day: 1, ..self.civil().date };
        let next = if start.month == 12 {
            Date { year: start.year + 1, month: 1, day: 1 }
        } else {
            Date { month: start.month + 1, ..start }
        };
        (Timestamp(start.days() * DAY), Timestamp(next.days() * DAY))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, with as many fractional digits as it needs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::of_micros(self.0) {
            Some(at) => f.write_str(&at.rfc3339()),
            None => write!(f, "{}us", self.0),
        }
    }
}

/// A half-open range of time: `from` belongs to it, `to` does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TimeRange {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl TimeRange {
    pub const ALL: TimeRange = TimeRange { from: Timestamp::MIN, to: Timestamp::MAX };

    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    /// Whether a closed span `[first, last]` shares an instant with this range.
    pub fn overlaps(&self, first: Timestamp, last: Timestamp) -> bool {
        first < self.to && self.from <= last
    }

    pub fn micros(&self) -> i64 {
        self.to.0.saturating_sub(self.from.0)
    }
}

/// A range as the address bar holds it: `now-6h`, `all`, or two instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum RangeChoice {
    /// The last so many microseconds, ending now.
    Last(i64),
    /// Everything there is.
    All,
    Fixed(TimeRange),
}

impl RangeChoice {
    /// What Overview shows unless another range is chosen.
    pub const MONTH: RangeChoice = RangeChoice::Last(30 * DAY);

    /// Reads `from` and `to` of the address bar. Unknown text falls back to `default`.
    pub fn parse(from: Option<&str>, to: Option<&str>, default: RangeChoice, zone: &Zone) -> RangeChoice {
        let Some(from) = from.filter(|f| !f.is_empty()) else {
            return default;
        };
        if from == "all" {
            return RangeChoice::All;
        }
        if let Some(span) = from.strip_prefix("now-").and_then(parse_span) {
            return RangeChoice::Last(span);
        }
        match (zone.parse(from), to.and_then(|to| zone.parse(to))) {
            (Some(from), Some(to)) if from < to => RangeChoice::Fixed(TimeRange { from, to }),
            _ => default,
        }
    }

    pub fn resolve(self, now: Timestamp) -> TimeRange {
        match self {
            RangeChoice::Last(span) => TimeRange { from: now.plus(-span), to: now.plus(1) },
            RangeChoice::All => TimeRange::ALL,
            RangeChoice::Fixed(range) => range,
        }
    }

    /// The value of the `from` parameter; `to` only matters for fixed ranges.
    pub fn query(self) -> String {
        match self {
            RangeChoice::Last(span) => format!("from=now-{}", span_text(span)),
            RangeChoice::All => "from=all".to_string(),
            RangeChoice::Fixed(r) => format!("from={}&to={}", r.from, r.to),
        }
    }

    pub fn label(self, zone: &Zone) -> String {
        match self {
            RangeChoice::Last(span) => {
                let (count, unit) = if span % DAY == 0 && span > DAY {
                    (span / DAY, "days")
                } else if span % HOUR == 0 {
                    (span / HOUR, "h")
                } else {
                    (span / MINUTE, "min")
                };
                format!("Last {count} {unit}")
            }
            RangeChoice::All => "All data".to_string(),
            RangeChoice::Fixed(r) => {
                format!("{} – {}", zone.civil(r.from).date_clock(), zone.civil(r.to).date_clock())
            }
        }
    }
}

/// `15m`, `6h`, `30d` as microseconds.
pub fn parse_span(text: &str) -> Option<i64> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let count: i64 = text[..split].parse().ok()?;
    let unit = match &text[split..] {
        "s" => SECOND,
        "m" | "min" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        "w" => 7 * DAY,
        _ => return None,
    };
    count.checked_mul(unit).filter(|span| *span > 0 && *span <= 3660 * DAY)
}

/// The shortest text [`parse_span`] reads back as `span`.
pub fn span_text(span: i64) -> String {
    for (unit, suffix) in [(DAY, "d"), (HOUR, "h"), (MINUTE, "m")] {
        if span % unit == 0 {
            return format!("{}{suffix}", span / unit);
        }
    }
    format!("{}s", span / SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epoch_numbers_are_read_in_the_unit_their_size_implies() {
        let expected = Timestamp(1_420_070_400 * SECOND);
        for number in [1_420_070_400.0, 1_420_070_400e3, 1_420_070_400e6, 1_420_070_400e9] {
            assert_eq!(Timestamp::from_epoch_number(number), Some(expected));
        }
        assert_eq!(Timestamp::from_epoch_number(f64::NAN), None);
    }

    #[test]
    fn json_may_say_a_time_as_a_number_or_in_text() {
        let read = |json: &str| serde_json::from_str::<Timestamp>(json);
        assert_eq!(read("1000000").expect("a number"), Timestamp(SECOND));
        assert_eq!(read("\"1970-01-01T00:00:01Z\"").expect("text"), Timestamp(SECOND));
        assert!(read("\"soon\"").is_err() && read("1.5").is_err());
    }

    #[test]
    fn text_times_are_utc_unless_they_say_otherwise() {
        let midnight = Timestamp(1_420_070_400 * SECOND);
        for text in [
            "2015-01-01T00:00:00Z",
            "2015-01-01 00:00",
            "2015-01-01",
            "2015-01-01T01:00:00+01:00",
            "1420070400",
            "20150101T000000Z",
            "2015-01-01T01:00:00+01:00[Europe/Berlin]",
        ] {
            assert_eq!(Timestamp::parse(text), Some(midnight), "{text}");
        }
        assert_eq!(Timestamp::parse("yesterday"), None);
        assert_eq!(midnight.to_string(), "2015-01-01T00:00:00Z");
    }

    #[test]
    fn a_month_ends_where_the_next_begins() {
        let december = Timestamp::parse("2015-12-31T23:59:59Z").expect("valid");
        let (start, end) = december.month_bounds();
        assert_eq!(start.to_string(), "2015-12-01T00:00:00Z");
        assert_eq!(end.to_string(), "2016-01-01T00:00:00Z");
    }

    #[test]
    fn spans_survive_a_round_trip() {
        for text in ["15m", "6h", "30d", "45s"] {
            assert_eq!(span_text(parse_span(text).expect("valid")), text);
        }
        assert_eq!(parse_span("6 parsecs"), None);
        assert_eq!(parse_span("999999999999d"), None);
    }
}
