//! Where axes have words.

use domain::Timestamp;
use domain::time::{DAY, HOUR, MINUTE, SECOND};
use domain::zone::Zone;

/// Round numbers within a range, about `count` of them.
pub fn numbers(low: f64, high: f64, count: usize) -> Vec<f64> {
    let span = high - low;
    if !span.is_finite() || span <= 0.0 {
        return Vec::new();
    }
    let raw = span / count.max(1) as f64;
    let power = 10.0_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= raw * 0.999).unwrap_or(raw);
    let first = (low / step).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last.min(first + 50)).map(|i| i as f64 * step).collect()
}

/// Binary round numbers within a range: 64 MiB, not 95.4 MiB.
pub fn bytes(low: f64, high: f64, count: usize) -> Vec<f64> {
    let span = high - low;
    if !span.is_finite() || span < count as f64 {
        return numbers(low, high, count);
    }
    let step = (span / count.max(1) as f64 * 0.999).log2().ceil().exp2();
    let first = (low / step).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last.min(first + 50)).map(|i| i as f64 * step).collect()
}

/// Instants within a range with their labels, at most about six; at round times of the zone’s own clock.
pub fn times(low: f64, high: f64, zone: &Zone) -> Vec<(f64, String)> {
    let shown = |x: f64| zone.shifted(Timestamp(x as i64)).0 as f64;
    let ticks = by_the_clock(shown(low), shown(high));
    ticks.into_iter().map(|(at, label)| (zone.unshifted(Timestamp(at as i64)).0 as f64, label)).collect()
}

/// The same where the clock is that of UTC.
fn by_the_clock(low: f64, high: f64) -> Vec<(f64, String)> {
    const STEPS: [i64; 17] = [
        10 * SECOND,
        30 * SECOND,
        MINUTE,
        5 * MINUTE,
        10 * MINUTE,
        15 * MINUTE,
        30 * MINUTE,
        HOUR,
        2 * HOUR,
        3 * HOUR,
        6 * HOUR,
        12 * HOUR,
        DAY,
        2 * DAY,
        7 * DAY,
        14 * DAY,
        30 * DAY,
    ];
    let span = high - low;
    if !span.is_finite() || span <= 0.0 {
        return Vec::new();
    }
    let wanted = (span / 5.0) as i64;
    if wanted > 30 * DAY {
        return months(low, high, wanted);
    }
    let step = STEPS.into_iter().find(|s| *s >= wanted).unwrap_or(30 * DAY);
    let mut at = (low / step as f64).ceil() as i64 * step;
    let mut ticks = Vec::new();
    while (at as f64) <= high && ticks.len() < 20 {
        let time = Timestamp(at);
        let label = match step {
            s if s < MINUTE => time.clock_seconds(),
            s if s < DAY => time.clock(),
            _ => time.day_month(),
        };
        ticks.push((at as f64, label));
        at += step;
    }
    ticks
}

fn months(low: f64, high: f64, wanted: i64) -> Vec<(f64, String)> {
    let every = (wanted as f64 / (30.4 * DAY as f64)).ceil() as usize;
    let every = [1, 2, 3, 6, 12, 24, 60].into_iter().find(|m| *m >= every).unwrap_or(120);
    let mut ticks = Vec::new();
    let mut at = Timestamp(low as i64).month_bounds().1;
    let mut count = 0;
    while (at.0 as f64) <= high && count < 1200 {
        if count % every == 0 {
            ticks.push((at.0 as f64, at.month_year()));
        }
        at = at.month_bounds().1;
        count += 1;
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_round_and_inside() {
        assert_eq!(numbers(0.0, 1.0, 5), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert!(numbers(0.0, 0.0, 5).is_empty());
        assert!(numbers(f64::NAN, 1.0, 5).is_empty());
    }

    #[test]
    fn bytes_step_in_powers_of_two() {
        let mib = 1024.0 * 1024.0;
        assert_eq!(bytes(0.0, 300.0 * mib, 5), [0.0, 64.0 * mib, 128.0 * mib, 192.0 * mib, 256.0 * mib]);
        assert!(bytes(0.0, f64::INFINITY, 5).is_empty());
    }

    #[test]
    fn six_hours_have_hours_and_three_years_have_months() {
        let day = by_the_clock(0.0, (6 * HOUR) as f64);
        assert!(day.len() >= 3 && day.len() <= 7 && day.iter().all(|(_, l)| l.contains(':')), "{day:?}");
        let years = by_the_clock(0.0, (3 * 365 * DAY) as f64);
        assert!(years.len() >= 3 && years.len() <= 7, "{years:?}");
    }
}
