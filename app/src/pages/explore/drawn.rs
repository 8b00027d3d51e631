//! Ways to draw what a query answers. The address names the way; one that cannot be (a pile of what goes below
//! zero) is lines.

use domain::telemetry::{QueryLine, QueryView};
use leptos::prelude::*;

use crate::charts::heat::{STEPS, cells, ramp};
use crate::charts::spec::{Axis, ChartSpec, Mark, Unit};
use crate::charts::stack::{Layer, piled};
use crate::charts::timeline::shortened;

/// Classes of lines, told apart by colour and named beside each value.
const CLASSES: [&str; 6] = ["k1", "k2", "k3", "k4", "k5", "k6"];
const HEIGHT: f64 = 260.0;
/// Bars of a chart, or columns of a heat map, at most.
const COLUMNS: usize = 120;
/// Letters of a row’s name.
const NAME: usize = 19;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drawn {
    Line,
    Stack,
    Bars,
    Heat,
}

impl Drawn {
    pub(super) const ALL: [Drawn; 4] = [Drawn::Line, Drawn::Stack, Drawn::Bars, Drawn::Heat];

    /// As the address says it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Drawn::Line => "",
            Drawn::Stack => "stack",
            Drawn::Bars => "bars",
            Drawn::Heat => "heat",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Drawn::Line => "Line",
            Drawn::Stack => "Stack",
            Drawn::Bars => "Bars",
            Drawn::Heat => "Heat",
        }
    }

    pub(super) fn named(name: &str) -> Drawn {
        Drawn::ALL.into_iter().find(|way| way.name() == name).unwrap_or(Drawn::Line)
    }

    /// `then` is what the lines were before, and how long before, in microseconds; only lines show it.
    pub(super) fn spec(self, view: &QueryView, then: Option<&(i64, QueryView)>, unit: Unit) -> ChartSpec {
        let own = match self {
            Drawn::Line => None,
            Drawn::Stack => stack(view, unit),
            Drawn::Bars => Some(bars(view, unit)),
            Drawn::Heat => heat(view),
        };
        own.unwrap_or_else(|| lines(view, then, unit))
    }

    /// Pixels left of the chart: for values, or for the names of rows.
    pub(super) fn left(self) -> u32 {
        if self == Drawn::Heat { 128 } else { 64 }
    }

    /// What the colours of a heat map mean.
    pub(super) fn legend(self, view: &QueryView, unit: Unit) -> Option<AnyView> {
        let (low, high) = extent(view).filter(|_| self == Drawn::Heat)?;
        Some(view! { <p class="leg">{ramp(unit.show(low), unit.show(high))}</p> }.into_any())
    }
}

pub(super) fn unit_of(view: &QueryView) -> Unit {
    match Unit::of_signal(&view.unit) {
        // A ratio that leaves 0 to 1 is no share.
        Unit::Percent if values(view).any(|v| !(0.0..=1.0).contains(&v)) => Unit::Compact,
        unit => unit,
    }
}

/// The lines alone, in a small panel.
pub(super) fn plain(view: &QueryView, height: f64) -> ChartSpec {
    ChartSpec { height, ..lines(view, None, unit_of(view)) }
}

pub(super) fn class_of(line: usize) -> &'static str {
    CLASSES[line % CLASSES.len()]
}

/// Microseconds of each point.
pub(super) fn places(view: &QueryView) -> Vec<f64> {
    let points = view.lines.iter().map(|l| l.values.len()).max().unwrap_or(0);
    (0..points).map(|i| view.from.0 as f64 + i as f64 * view.step * 1e6).collect()
}

fn values(view: &QueryView) -> impl Iterator<Item = f64> {
    view.lines.iter().flat_map(|l| l.values.iter().flatten().copied())
}

/// The mean of some values, and how many they are.
pub(super) fn mean<'a>(values: impl Iterator<Item = &'a f64>) -> (Option<f64>, usize) {
    let (sum, n) = values.fold((0.0, 0_usize), |(sum, n), v| (sum + v, n + 1));
    ((n > 0).then(|| sum / n as f64), n)
}

/// The least and the greatest value; `None` where there is none.
fn extent(view: &QueryView) -> Option<(f64, f64)> {
    Some((values(view).reduce(f64::min)?, values(view).reduce(f64::max)?))
}

fn lines(view: &QueryView, then: Option<&(i64, QueryView)>, unit: Unit) -> ChartSpec {
    let line = |of: &QueryView, ago: i64, line: &QueryLine, name: String, class: String| Mark::Line {
        name,
        class,
        points: places(of).into_iter().map(|at| at + ago as f64).zip(line.values.iter().copied()).collect(),
    };
    let mut marks = Vec::new();
    if let Some((ago, before)) = then {
        for was in &before.lines {
            // Beside the line it is compared with, paler; one that is no more has no colour of its own.
            let now = view.lines.iter().position(|l| l.label == was.label);
            let class = now.map_or("kt dash thin".to_string(), |i| format!("{} dash thin", class_of(i)));
            let name = format!("{}, {} before", was.label, domain::format::duration(*ago));
            marks.push(line(before, *ago, was, name, class));
        }
    }
    let own = view.lines.iter().enumerate();
    marks.extend(own.map(|(i, l)| line(view, 0, l, l.label.clone(), class_of(i).to_string())));
    ChartSpec::fit(HEIGHT, Axis::Time, unit, marks, values(view).all(|v| v >= 0.0))
}

/// The lines one upon the other; `None` where one goes below zero, since nothing can stand on that.
fn stack(view: &QueryView, unit: Unit) -> Option<ChartSpec> {
    if values(view).any(|v| v < 0.0) {
        return None;
    }
    let layers = view.lines.iter().map(|l| Layer { name: l.label.clone(), values: l.values.clone() }).collect();
    // Money, bytes and counts add up; shares of different wholes do not, and are shown as plain numbers.
    let unit = if unit == Unit::Percent { Unit::Compact } else { unit };
    piled(HEIGHT, &places(view), unit, layers, CLASSES.len()).map(|(spec, _)| spec)
}

/// Means of so many points each, and how many microseconds one of them takes. What has no point is no mean.
fn means(view: &QueryView, most: usize) -> (Vec<Vec<Option<f64>>>, f64) {
    let points = view.lines.iter().map(|l| l.values.len()).max().unwrap_or(0);
    let together = points.div_ceil(most.max(1)).max(1);
    let of_line = |line: &QueryLine| line.values.chunks(together).map(|part| mean(part.iter().flatten()).0).collect();
    (view.lines.iter().map(of_line).collect(), together as f64 * view.step * 1e6)
}

/// The lines side by side in each column of time.
fn bars(view: &QueryView, unit: Unit) -> ChartSpec {
    let count = view.lines.len().max(1);
    let (means, width) = means(view, (COLUMNS / count).max(4));
    let from = view.from.0 as f64;
    let own = width * 0.84 / count as f64;
    let marks = view.lines.iter().zip(means).enumerate().map(|(i, (line, means))| {
        let left = |column: usize| from + column as f64 * width + width * 0.08 + i as f64 * own;
        let bars = means.into_iter().enumerate().filter_map(|(c, v)| Some((left(c), left(c) + own, v?))).collect();
        Mark::Bars { name: line.label.clone(), class: class_of(i).to_string(), bars }
    });
    ChartSpec::fit(HEIGHT, Axis::Time, unit, marks.collect(), true)
}

/// A row a line; the ramp goes from the least value to the greatest.
fn heat(view: &QueryView) -> Option<ChartSpec> {
    let (low, high) = extent(view)?;
    let (means, width) = means(view, COLUMNS);
    let (from, count) = (view.from.0 as f64, view.lines.len());
    let step = |value: f64| if high > low { ((value - low) / (high - low) * STEPS as f64) as usize } else { 0 };
    let rows = means.iter().enumerate().flat_map(|(row, means)| {
        let bottom = (count - 1 - row) as f64;
        means.iter().enumerate().filter_map(move |(column, mean)| {
            let left = from + column as f64 * width;
            Some((step((*mean)?), (left, left + width, bottom, bottom + 1.0)))
        })
    });
    let height = (count as f64 * 24.0).clamp(60.0, 480.0);
    let mut spec = ChartSpec::fit(height, Axis::Time, Unit::Compact, cells(rows), true);
    spec.y = (0.0, count as f64);
    let named = view.lines.iter().enumerate();
    spec.rows = named.map(|(row, line)| ((count - 1 - row) as f64 + 0.5, shortened(&line.label, NAME))).collect();
    Some(spec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(lines: &[&[Option<f64>]]) -> QueryView {
        let line =
            |values: &&[Option<f64>]| QueryLine { label: "a".into(), values: values.to_vec(), ..QueryLine::default() };
        QueryView {
            query: "q".into(),
            lines: lines.iter().map(line).collect(),
            unit: String::new(),
            step: 1.0,
            from: domain::Timestamp(0),
            to: domain::Timestamp(1_000_000),
            left_out: 0,
        }
    }

    #[test]
    fn lines_that_go_below_zero_are_not_piled_up() {
        let lines = |low| view(&[&[Some(low), Some(2.0)], &[Some(3.0), Some(2.0)]]);
        assert!(stack(&lines(-1.0), Unit::Compact).is_none());
        let spec = stack(&lines(1.0), Unit::Compact).expect("a pile");
        assert!(spec.y.1 >= 4.0, "the top is the sum: {:?}", spec.y);
    }

    #[test]
    fn bars_of_two_lines_stand_beside_each_other_and_a_gap_has_none() {
        let spec = bars(&view(&[&[Some(1.0), None], &[Some(3.0), Some(2.0)]]), Unit::Compact);
        let [Mark::Bars { bars: first, .. }, Mark::Bars { bars: second, .. }] = spec.marks.as_slice() else {
            panic!("two lines: {:?}", spec.marks)
        };
        assert_eq!((first.len(), second.len()), (1, 2));
        assert!((first[0].1 - second[0].0).abs() < 1e-6, "one begins where the other ends");
        assert!(second[0].1 < 1e6 && second[1].0 > 1e6, "each stays in its column");
    }

    #[test]
    fn many_points_are_few_columns_of_their_means() {
        let values: Vec<Option<f64>> = (0..1000).map(|i| Some(f64::from(i))).collect();
        let (means, width) = means(&view(&[&values]), 100);
        assert_eq!((means[0].len(), means[0][0], width), (100, Some(4.5), 1e7));
    }

    #[test]
    fn a_heat_map_has_a_row_a_line_and_steps_from_the_least_to_the_greatest() {
        let spec = heat(&view(&[&[Some(0.0), Some(10.0)], &[None, Some(5.0)]])).expect("values");
        assert_eq!((spec.y, spec.rows.len()), ((0.0, 2.0), 2));
        let cells: Vec<usize> =
            spec.marks.iter().map(|m| if let Mark::Cells { cells, .. } = m { cells.len() } else { 0 }).collect();
        assert_eq!((cells[0], cells[3], cells[STEPS - 1], cells.iter().sum::<usize>()), (1, 1, 1, 3));
        assert!(heat(&view(&[&[None]])).is_none(), "nothing has no colour");
    }
}
