//! Where a chart over time has nothing to show: gaps between values, and the time since the newest. They are
//! shaded and said, since a line that merely stops looks like one that is at rest.

use domain::Timestamp;
use domain::zone::Zone;

use super::reading::Readable;
use super::spec::Mark;

/// Times the usual distance of two values from which on their distance is a gap.
const STEPS: f64 = 3.0;
/// The smallest gap, as a share of the chart: a smaller one is seen as a break of the line.
const SHARE: f64 = 0.03;
/// With fewer values there is no usual distance.
const VALUES: usize = 8;
/// More than these would be a pattern, not gaps: the largest are shaded.
const MOST: usize = 12;

/// Spans of a chart from `x.0` to `x.1`, in microseconds, in which no series has a value. A chart whose range
/// ends where its values end has nothing late.
pub fn absences(series: &[Readable], x: (f64, f64), zone: &Zone) -> Vec<Mark> {
    let mut present: Vec<f64> = series
        .iter()
        .flat_map(|s| s.points.iter().filter(|(_, v)| v.is_some_and(f64::is_finite)).map(|(at, _)| *at))
        .filter(|at| (x.0..=x.1).contains(at))
        .collect();
    present.sort_unstable_by(f64::total_cmp);
    present.dedup();
    if present.len() < VALUES {
        return Vec::new();
    }
    let mut apart: Vec<f64> = present.windows(2).map(|pair| pair[1] - pair[0]).collect();
    apart.sort_unstable_by(f64::total_cmp);
    let least = (apart[apart.len() / 2] * STEPS).max((x.1 - x.0) * SHARE);
    let clock = |at: f64| zone.civil(Timestamp(at as i64)).clock();
    let mut gaps: Vec<(f64, f64)> =
        present.windows(2).filter(|pair| pair[1] - pair[0] > least).map(|pair| (pair[0], pair[1])).collect();
    gaps.sort_by(|a, b| (b.1 - b.0).total_cmp(&(a.1 - a.0)));
    gaps.truncate(MOST);
    let mut marks: Vec<Mark> = gaps
        .into_iter()
        .map(|(from, to)| {
            let label = format!("no data {}–{}", clock(from), clock(to));
            Mark::Span { class: "ev kt".into(), from, to, label }
        })
        .collect();
    let newest = present[present.len() - 1];
    if x.1 - newest > least {
        let label = format!("nothing since {}", clock(newest));
        marks.push(Mark::Span { class: "ev kf".into(), from: newest, to: x.1, label });
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(places: &[f64], x: (f64, f64)) -> Vec<(f64, f64, String)> {
        let points = places.iter().map(|at| (*at, Some(1.0))).collect();
        let series = [Readable { name: "a".into(), class: String::new(), points }];
        let marks = absences(&series, x, &Zone::default()).into_iter();
        marks
            .map(|mark| match mark {
                Mark::Span { from, to, label, .. } => (from, to, label),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_gap_and_what_is_late_are_said_with_their_times() {
        let minute = 60e6;
        let places: Vec<f64> = (0..30).chain(50..80).map(|i| f64::from(i) * minute).collect();
        assert_eq!(
            found(&places, (0.0, 100.0 * minute)),
            [
                (29.0 * minute, 50.0 * minute, "no data 00:29–00:50".to_string()),
                (79.0 * minute, 100.0 * minute, "nothing since 01:19".to_string())
            ]
        );
    }

    #[test]
    fn what_comes_at_its_usual_pace_has_no_gap() {
        let hourly: Vec<f64> = (0..24).map(|i| f64::from(i) * 3600e6).collect();
        assert!(found(&hourly, (0.0, 23.5 * 3600e6)).is_empty());
        // Too few to have a pace.
        assert!(found(&hourly[..5], (0.0, 23.5 * 3600e6)).is_empty());
    }
}
