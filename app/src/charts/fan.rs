//! Marks that belong together: a forecast's fan, and a control chart's limits. Both are made here once, so that
//! they look the same wherever they are drawn.

use domain::analysis::ControlChart;
use domain::format;
use domain::kpi::Fan;
use leptos::prelude::*;

use super::spec::Mark;

/// A line with what lies ahead of it: three bands, the middle dashed from the last measured point.
pub fn with_fan(points: Vec<(f64, Option<f64>)>, fan: Option<&Fan>, name: &str) -> Vec<Mark> {
    let mut marks = Vec::new();
    let last = points.iter().rev().find_map(|(x, y)| Some((*x, (*y)?)));
    if let (Some(fan), Some((x0, y0))) = (fan, last) {
        let at = |i: usize| fan.from.0 as f64 + (i as f64 + 1.0) * fan.step as f64;
        for (class, z) in ["f95", "f80", "f50"].into_iter().zip(Fan::BANDS.into_iter().rev()) {
            let ahead = fan.points.iter().enumerate().map(|(i, (m, d))| (at(i), m - z * d, m + z * d));
            marks
                .push(Mark::Band { class: class.into(), points: std::iter::once((x0, y0, y0)).chain(ahead).collect() });
        }
        let middle = fan.points.iter().enumerate().map(|(i, (m, _))| (at(i), Some(*m)));
        marks.push(Mark::Line {
            name: "expected".into(),
            class: "dash ka".into(),
            points: std::iter::once((x0, Some(y0))).chain(middle).collect(),
        });
    }
    if let Some((x, _)) = last.filter(|_| fan.is_some()) {
        marks.push(Mark::At { class: "ann".into(), x });
    }
    marks.push(Mark::Line { name: name.to_string(), class: "ka strong".into(), points });
    if let Some((x, y)) = last {
        marks.push(Mark::Points { class: "ka".into(), points: vec![(x, y)] });
    }
    marks
}

/// What the bands of a fan mean.
pub fn bands() -> impl IntoView {
    view! {
        <span class="leg"><span><i class="key da ka"></i>"forecast, true in"</span><span><i class="key sq fk50"></i>"5 of 10"</span><span><i class="key sq fk80"></i>"8 of 10"</span><span><i class="key sq fk95"></i>"19 of 20"</span></span>
    }
}

/// The centre and the limits of a control chart with their values, and the points of `at` that break its rules.
pub fn control(chart: &ControlChart, points: impl Fn(u32) -> Option<(f64, f64)>) -> Vec<Mark> {
    let rule = |class: &str, y: f64, words: &str| Mark::Rule {
        class: class.into(),
        y,
        label: format!("{words} {}", format::compact(y)),
    };
    vec![
        rule("mean", chart.centre, "centre"),
        rule("cl", chart.upper, "upper"),
        rule("cl", chart.lower, "lower"),
        Mark::Points {
            class: "kc".into(),
            points: chart.broken.iter().filter_map(|(step, _)| points(*step)).collect(),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;

    #[test]
    fn a_fan_opens_from_the_last_measured_point() {
        let fan = Fan { from: Timestamp(2), step: 1, points: vec![(6.0, 1.0), (7.0, 2.0)] };
        let marks = with_fan(vec![(0.0, Some(4.0)), (1.0, None), (2.0, Some(5.0))], Some(&fan), "net");
        let Mark::Band { class, points } = &marks[0] else { panic!("the widest band comes first") };
        assert_eq!(class, "f95");
        assert_eq!(points[0], (2.0, 5.0, 5.0));
        assert!((points[2].2 - points[2].1 - 2.0 * 1.96 * 2.0).abs() < 1e-9);
        let alone = with_fan(vec![(0.0, Some(4.0))], None, "net");
        assert_eq!(alone.len(), 2, "a line and its last point");
    }
}
