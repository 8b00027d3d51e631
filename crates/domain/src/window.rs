//! Windows: the spans of event time that verdicts speak of.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::time::{DAY, HOUR, MINUTE, TimeRange, parse_span, span_text};

/// How a model's events are cut into windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WindowRule {
    /// A span of time chosen from the data's own pace: see [`WindowRule::settle`].
    Auto,
    /// So many microseconds, aligned to the epoch.
    Span(i64),
    /// Calendar months, UTC.
    Month,
    /// So many events, cut by event time at closing.
    Count(u32),
}

/// Spans that [`WindowRule::Auto`] chooses from: they divide a day, so that windows align.
const SPANS: [i64; 9] = [MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY, 14 * DAY, 28 * DAY];

/// Fewer rows than this in a window make most verdicts “not enough data to say”.
pub const ROWS_WANTED: f64 = 1000.0;

impl WindowRule {
    /// Reads `auto`, `month`, `6h`, or `5000` (events).
    pub fn parse(text: &str) -> Option<WindowRule> {
        match text {
            "auto" => Some(WindowRule::Auto),
            "month" => Some(WindowRule::Month),
            _ => match text.parse::<u32>() {
                Ok(count) => (10..=1_000_000).contains(&count).then_some(WindowRule::Count(count)),
                Err(_) => parse_span(text).filter(|s| *s >= MINUTE).map(WindowRule::Span),
            },
        }
    }

    pub fn text(self) -> String {
        match self {
            WindowRule::Auto => "auto".into(),
            WindowRule::Month => "month".into(),
            WindowRule::Span(span) => span_text(span),
            WindowRule::Count(count) => count.to_string(),
        }
    }

    /// As a reader meets it: “windows of 5,000 predictions”.
    pub fn title(self) -> String {
        match self {
            WindowRule::Auto => "windows chosen by the data’s pace".into(),
            WindowRule::Month => "calendar months".into(),
            WindowRule::Span(span) => format!("windows of {}", span_text(span)),
            WindowRule::Count(count) => format!("windows of {} predictions", crate::format::count(f64::from(count))),
        }
    }

    /// Turns `Auto` into the shortest listed span that holds about [`ROWS_WANTED`] rows, given the
    /// rows seen and the time they cover. The span in use `before` stays while it holds between a
    /// fifth and twenty times as many: windows that kept moving could not be compared. Everything
    /// but `Auto` stays itself.
    pub fn settle(self, before: Option<WindowRule>, rows: u64, covered: i64) -> WindowRule {
        if self != WindowRule::Auto {
            return self;
        }
        if rows < 2 || covered <= 0 {
            return before.unwrap_or(WindowRule::Span(HOUR));
        }
        let per_micro = rows as f64 / covered as f64;
        if let Some(WindowRule::Span(span)) = before {
            let held = per_micro * span as f64;
            if (ROWS_WANTED / 5.0..=ROWS_WANTED * 20.0).contains(&held) {
                return WindowRule::Span(span);
            }
        }
        let wanted = ROWS_WANTED / per_micro;
        let span = SPANS.into_iter().find(|s| *s as f64 >= wanted).unwrap_or(28 * DAY);
        WindowRule::Span(span)
    }

    /// The window that an instant belongs to. `None` for rules that need the rows to decide.
    pub fn window_of(self, at: Timestamp) -> Option<TimeRange> {
        match self {
            WindowRule::Span(span) => {
                let start = at.0.div_euclid(span) * span;
                Some(TimeRange { from: Timestamp(start), to: Timestamp(start + span) })
            }
            WindowRule::Month => {
                let (from, to) = at.month_bounds();
                Some(TimeRange { from, to })
            }
            WindowRule::Auto | WindowRule::Count(_) => None,
        }
    }
}

/// Where a window is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WindowState {
    Open,
    Closed,
    Settled,
}

impl WindowState {
    /// The state of a window that ends at `end`, once the watermark has reached `watermark`.
    pub fn at(end: Timestamp, watermark: Timestamp, label_horizon: i64) -> WindowState {
        if watermark < end {
            WindowState::Open
        } else if watermark < end.plus(label_horizon) {
            WindowState::Closed
        } else {
            WindowState::Settled
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            WindowState::Open => "open",
            WindowState::Closed => "closed",
            WindowState::Settled => "settled",
        }
    }
}

/// Cuts sorted event times into count windows. A window begins at its first event and ends where
/// the next begins, so that late rows find the window their time belongs to; rows that share an
/// instant stay together. The last one may be short, and ends just after its last event.
pub fn cut_by_count(times: &[Timestamp], count: usize) -> Vec<TimeRange> {
    let mut windows = Vec::new();
    let mut start = 0;
    while start < times.len() {
        let mut end = (start + count.max(1)).min(times.len());
        while end < times.len() && times[end] == times[end - 1] {
            end += 1;
        }
        let to = if end < times.len() { times[end] } else { times[end - 1].plus(1) };
        windows.push(TimeRange { from: times[start], to });
        start = end;
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn automatic_windows_hold_about_a_thousand_rows() {
        // 69,000 rows a year: 1000 rows take 5.3 days, the next listed span is a week.
        assert_eq!(WindowRule::Auto.settle(None, 69_000, 365 * DAY), WindowRule::Span(7 * DAY));
        // 40 a second: a minute is enough.
        assert_eq!(WindowRule::Auto.settle(None, 40 * 3600, HOUR), WindowRule::Span(MINUTE));
        // Half as many rows as wanted are no reason to move every window.
        let weekly = Some(WindowRule::Span(7 * DAY));
        assert_eq!(WindowRule::Auto.settle(weekly, 26_000, 365 * DAY), WindowRule::Span(7 * DAY));
        assert_eq!(WindowRule::Count(5000).settle(None, 1, 1), WindowRule::Count(5000));
    }

    #[test]
    fn count_windows_meet_without_gap_and_keep_equal_times_together() {
        let times: Vec<Timestamp> = [1, 2, 3, 3, 3, 4, 5, 6].map(Timestamp).to_vec();
        let windows = cut_by_count(&times, 3);
        assert_eq!(windows.len(), 2);
        assert_eq!((windows[0].from.0, windows[0].to.0), (1, 4));
        assert_eq!((windows[1].from.0, windows[1].to.0), (4, 7));
        assert!(times.iter().all(|t| windows.iter().filter(|w| w.contains(*t)).count() == 1));
    }

    #[test]
    fn a_window_closes_with_the_watermark_and_settles_with_the_label_horizon() {
        let end = Timestamp(100);
        assert_eq!(WindowState::at(end, Timestamp(99), 50), WindowState::Open);
        assert_eq!(WindowState::at(end, Timestamp(100), 50), WindowState::Closed);
        assert_eq!(WindowState::at(end, Timestamp(150), 50), WindowState::Settled);
    }

    #[test]
    fn rules_survive_a_round_trip() {
        for text in ["auto", "month", "6h", "5000"] {
            assert_eq!(WindowRule::parse(text).expect("valid").text(), text);
        }
        assert_eq!(WindowRule::parse("3"), None);
        assert_eq!(WindowRule::parse("5s"), None);
    }
}
