//! Which windows there are: pure, so that the cut of the past can be tested.

use domain::verdict::WindowReport;
use domain::window::{WindowRule, WindowState, cut_by_count};
use domain::{TimeRange, Timestamp};

/// Cuts sorted event times by a settled rule, without gaps for empty stretches: a window without
/// rows is no window.
pub(super) fn cut(rule: WindowRule, times: &[Timestamp]) -> Vec<TimeRange> {
    match rule {
        WindowRule::Count(count) => cut_by_count(times, count as usize),
        rule => {
            let mut windows: Vec<TimeRange> = Vec::new();
            let mut at = 0;
            while at < times.len() {
                let Some(window) = rule.window_of(times[at]) else {
                    break;
                };
                windows.push(window);
                at += times[at..].partition_point(|t| *t < window.to);
            }
            windows
        }
    }
}

/// Each window with the rows in it.
pub(super) fn counted(windows: Vec<TimeRange>, times: &[Timestamp]) -> Vec<(TimeRange, usize)> {
    let place = |at: Timestamp| times.partition_point(|t| *t < at);
    windows.into_iter().map(|w| (w, place(w.to) - place(w.from))).collect()
}

/// What the cut of the past needs to know of a window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    range: TimeRange,
    state: WindowState,
    rows: u64,
}

impl Cut {
    pub fn of(report: &WindowReport) -> Cut {
        Cut { range: report.range, state: report.state, rows: report.rows }
    }
}

/// The windows of a stream now, and from which time on they are other ones than before, if they are. Count windows
/// that closed keep their borders, so that a late row goes to the window its time belongs to; only the rest is cut anew.
/// All of it is where that cannot be: rows came before the first or between two, or one has come to hold twice as many
/// as it should.
pub(super) fn windows(rule: WindowRule, times: &[Timestamp], before: &[Cut]) -> (Vec<TimeRange>, Option<Timestamp>) {
    let WindowRule::Count(count) = rule else {
        return (cut(rule, times), None);
    };
    let closed: Vec<TimeRange> = before
        .iter()
        .filter(|r| r.state != WindowState::Open && r.rows >= u64::from(count) && r.rows < u64::from(count) * 2)
        .map(|r| r.range)
        .collect();
    let rows_before = |at: Timestamp| times.partition_point(|t| *t < at);
    // Of what retention has removed, what was said stays.
    let gone = |from: Timestamp| times.first().is_none_or(|first| from < *first);
    let joined =
        |p: &[TimeRange]| p[0].to == p[1].from || !gone(p[0].from) && rows_before(p[0].to) == rows_before(p[1].from);
    let gapless = closed.windows(2).all(joined);
    let now = match (closed.first(), closed.last()) {
        (Some(first), Some(last)) if gapless && times.first().is_some_and(|t| *t >= first.from) => {
            closed.iter().copied().chain(cut(rule, &times[rows_before(last.to)..])).collect()
        }
        _ => cut(rule, times),
    };
    let kept = |from: Timestamp| now.binary_search_by_key(&from, |own| own.from).is_ok();
    let stale = before.iter().map(|w| w.range.from).find(|from| !gone(*from) && !kept(*from));
    // The one that holds now what began there is another as well.
    let moved = stale.map(|at| now.iter().rfind(|own| own.from <= at).map_or(at, |own| own.from));
    (now, moved)
}

/// The span that covers all that changed; `None` where that is everything, or nothing.
pub(super) fn union(changed: impl Iterator<Item = TimeRange>) -> Option<TimeRange> {
    let union = changed.reduce(|a, b| TimeRange { from: a.from.min(b.from), to: a.to.max(b.to) });
    union.filter(|u| *u != TimeRange::ALL && u.from < u.to)
}

/// The range whose rows and reports an evaluation needs: whole windows around what changed. That of windows counted by
/// rows begins with the window that what changed first lies in, `holds`, and has no end: all that comes after may be
/// cut otherwise.
pub(super) fn scope(rule: WindowRule, changed: Option<TimeRange>, holds: Option<Timestamp>) -> TimeRange {
    let Some(changed) = changed else { return TimeRange::ALL };
    if let WindowRule::Count(_) = rule {
        return holds.map_or(TimeRange::ALL, |from| TimeRange { from, to: Timestamp::MAX });
    }
    match (rule.window_of(changed.from), rule.window_of(changed.to.plus(-1))) {
        (Some(first), Some(last)) => TimeRange { from: first.from, to: last.to },
        _ => TimeRange::ALL,
    }
}

/// How many of the first windows are looked at together: so many, of no more rows than may be held, and alike in
/// what they are held against. At least one.
pub(super) fn together(
    windows: &[(TimeRange, usize)],
    most: usize,
    rows: usize,
    alike: impl Fn(TimeRange) -> bool,
) -> usize {
    let mut held = 0;
    let fits = |(range, own): &&(TimeRange, usize)| {
        held += own;
        held <= rows && alike(*range)
    };
    windows.iter().take(most).take_while(fits).count().max(1).min(windows.len())
}

/// At most so many windows, over all of the time that they cover: by chance one of each of as many stretches, for
/// every so many-th of hourly ones could always be the same hour of the day. The same windows give the same ones.
pub(super) fn some_of(windows: Vec<(TimeRange, usize)>, most: usize) -> Vec<(TimeRange, usize)> {
    if windows.len() <= most {
        return windows;
    }
    let begin = |stretch: usize| stretch * windows.len() / most;
    let mut random = fastrand::Rng::with_seed(most as u64);
    (0..most).map(|stretch| windows[random.usize(begin(stretch)..begin(stretch + 1))]).collect()
}

/// Up to where events are complete: the newest event less the lateness; the wall clock for a
/// stream that has gone quiet.
pub(super) fn watermark(newest: Timestamp, now: Timestamp, lateness: i64) -> Timestamp {
    newest.plus(-lateness).max(now.plus(-lateness))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::HOUR;

    #[test]
    fn empty_stretches_make_no_windows() {
        let times = [0, 1, HOUR * 5, HOUR * 5 + 1].map(Timestamp);
        let windows = cut(WindowRule::Span(HOUR), &times);
        assert_eq!(windows.iter().map(|w| w.from.0 / HOUR).collect::<Vec<_>>(), [0, 5]);
    }

    #[test]
    fn an_evaluation_reads_whole_windows_around_what_changed() {
        let changed = [
            TimeRange { from: Timestamp(HOUR + 5), to: Timestamp(HOUR + 9) },
            TimeRange { from: Timestamp(3 * HOUR), to: Timestamp(3 * HOUR + 1) },
        ];
        let scope_of = |rule, holds| scope(rule, union(changed.into_iter()), holds);
        assert_eq!(
            scope_of(WindowRule::Span(HOUR), None),
            TimeRange { from: Timestamp(HOUR), to: Timestamp(4 * HOUR) }
        );
        let from = Timestamp(7);
        assert_eq!(scope_of(WindowRule::Count(10), Some(from)), TimeRange { from, to: Timestamp::MAX });
        assert_eq!(scope_of(WindowRule::Count(10), None), TimeRange::ALL);
        assert_eq!(scope(WindowRule::Span(HOUR), union([TimeRange::ALL].into_iter()), None), TimeRange::ALL);
    }

    #[test]
    fn counted_windows_that_closed_keep_their_borders_while_they_can() {
        let rule = WindowRule::Count(10);
        let times = |range: std::ops::Range<i64>| range.map(Timestamp).collect::<Vec<_>>();
        let cuts = |windows: &[TimeRange], rows: &[u64]| -> Vec<Cut> {
            let cut =
                |(range, rows): (&TimeRange, &u64)| Cut { range: *range, state: WindowState::Closed, rows: *rows };
            windows.iter().zip(rows).map(cut).collect()
        };
        let (first, moved) = windows(rule, &times(0..30), &[]);
        assert!(moved.is_none() && first.len() >= 2, "{first:?}");
        let before = cuts(&first[..2], &[10, 10]);
        // Of all rows, and of those from the second window on.
        let (more, moved) = windows(rule, &times(0..45), &before);
        assert!(moved.is_none() && more[..2] == first[..2]);
        let (part, moved) = windows(rule, &times(10..45), &before[1..]);
        assert!(moved.is_none() && part == more[1..], "{part:?} of {more:?}");
        let (early, moved) = windows(rule, &times(-5..45), &before);
        assert_eq!((moved, early[0].from), (Some(Timestamp(-5)), Timestamp(-5)), "rows came before the first");
        // One has come to hold too many, and its rows are gone by now, as those before it.
        let (three, _) = windows(rule, &times(0..40), &[]);
        let (after, moved) = windows(rule, &times(20..45), &cuts(&three[..3], &[10, 20, 10]));
        assert!(moved.is_none() && after[0] == three[2], "{after:?}");
        // Many rows came into the one after the last that can stay: those behind it begin elsewhere now.
        let mut crowded = times(0..30);
        crowded.extend(std::iter::repeat_n(Timestamp(12), 1).chain((0..14).map(|_| Timestamp(15))));
        crowded.sort_unstable();
        let (anew, moved) = windows(rule, &crowded, &cuts(&three[..3], &[10, 25, 10]));
        assert_eq!(moved, Some(anew[2].from), "{anew:?}");
        assert!(anew[0] == three[0] && anew[2].contains(three[2].from), "{anew:?}");
        // The last one was full when it was cut, so it ends before the next begins: nothing lies between.
        let spread: Vec<Timestamp> = (0..25).map(|i| Timestamp(i * 100)).collect();
        let (full, _) = windows(rule, &spread[..10], &[]);
        let (next, _) = windows(rule, &spread[..20], &cuts(&full, &[10]));
        let (late, moved) = windows(rule, &spread, &cuts(&next, &[10, 10]));
        assert!(moved.is_none() && late[..2] == next[..], "{late:?}");
    }

    #[test]
    fn windows_are_looked_at_together_while_they_are_few_and_alike() {
        let window =
            |hour: i64, rows| (TimeRange { from: Timestamp(hour * HOUR), to: Timestamp((hour + 1) * HOUR) }, rows);
        let windows = [window(0, 10), window(1, 10), window(2, 10), window(3, 500)];
        assert_eq!(together(&windows, 2, 1000, |_| true), 2);
        assert_eq!(together(&windows, 9, 100, |_| true), 3);
        assert_eq!(together(&windows, 9, 100, |w| w.from.0 < HOUR), 1);
        assert_eq!(together(&windows[3..], 9, 100, |_| true), 1, "one that is too large by itself");
        assert_eq!(together(&[], 9, 100, |_| true), 0);
    }

    #[test]
    fn of_many_windows_some_of_all_times_and_hours_are_taken() {
        let windows: Vec<(TimeRange, usize)> = (0..2400_i64)
            .map(|h| (TimeRange { from: Timestamp(h * HOUR), to: Timestamp((h + 1) * HOUR) }, h as usize))
            .collect();
        let some = some_of(windows.clone(), 100);
        assert_eq!(some.len(), 100);
        assert!(some.is_sorted_by(|a, b| a.0.to <= b.0.from));
        assert!(some[0].1 < 24 && some[99].1 >= 2400 - 24);
        let hours: std::collections::BTreeSet<usize> = some.iter().map(|(_, hour)| hour % 24).collect();
        assert!(hours.len() > 18, "{hours:?}");
        assert_eq!(some, some_of(windows.clone(), 100));
        assert_eq!(some_of(windows.clone(), 2400), windows);
    }

    #[test]
    fn a_quiet_stream_closes_by_the_clock() {
        assert_eq!(watermark(Timestamp(100), Timestamp(1000), 10), Timestamp(990));
        assert_eq!(watermark(Timestamp(5000), Timestamp(1000), 10), Timestamp(4990));
    }
}
