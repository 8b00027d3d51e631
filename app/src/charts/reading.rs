//! What can be read off a chart: the named series at a place, and all of it as a table.

use leptos::prelude::*;

use super::spec::{Axis, ChartSpec, Mark};
use crate::components::zone::Here;

/// Rows of a chart's table at most; longer charts keep every n-th.
const ROWS: usize = 40;

/// A named series: class, then value by place, the places in order.
#[derive(Clone, PartialEq)]
pub struct Readable {
    pub name: String,
    pub class: String,
    pub points: Vec<(f64, Option<f64>)>,
}

impl Readable {
    /// The value at a place, or the nearest within half a `step`; `None` is no data there.
    pub fn at(&self, x: f64, step: f64) -> Option<f64> {
        let after = self.points.partition_point(|(at, _)| *at < x);
        let near = [after.checked_sub(1), Some(after)].into_iter().flatten().filter_map(|i| self.points.get(i));
        near.filter(|(at, _)| (at - x).abs() <= step / 2.0)
            .min_by(|a, b| (a.0 - x).abs().total_cmp(&(b.0 - x).abs()))
            .and_then(|(_, y)| *y)
    }
}

pub fn readable(spec: &ChartSpec) -> Vec<Readable> {
    spec.marks
        .iter()
        .filter_map(|mark| match mark {
            Mark::Line { name, class, points } | Mark::Area { name, class, points } if !name.is_empty() => {
                Some(Readable { name: name.clone(), class: class.clone(), points: points.clone() })
            }
            Mark::Stacked { name, class, points } if !name.is_empty() => Some(Readable {
                name: name.clone(),
                class: class.clone(),
                points: points.iter().map(|(x, low, high)| (*x, Some(high - low).filter(|v| v.is_finite()))).collect(),
            }),
            Mark::Bars { name, class, bars } | Mark::Step { name, class, bars } if !name.is_empty() => Some(Readable {
                name: name.clone(),
                class: class.clone(),
                points: bars.iter().map(|(left, right, y)| ((left + right) / 2.0, Some(*y))).collect(),
            }),
            _ => None,
        })
        .collect()
}

/// Where something can be read: the places of the longest series.
pub fn places(series: &[Readable]) -> Vec<f64> {
    let longest = series.iter().max_by_key(|s| s.points.len());
    longest.map(|s| s.points.iter().map(|p| p.0).collect()).unwrap_or_default()
}

/// The typical distance of two places.
pub fn step(places: &[f64]) -> f64 {
    match (places.first(), places.last()) {
        (Some(first), Some(last)) if places.len() > 1 => (last - first) / (places.len() - 1) as f64,
        _ => f64::INFINITY,
    }
}

/// The place nearest to `x`, by number.
pub fn nearest(places: &[f64], x: f64) -> Option<usize> {
    let after = places.partition_point(|at| *at < x);
    let near = [after.checked_sub(1), Some(after)].into_iter().flatten().filter(|i| *i < places.len());
    near.min_by(|a, b| (places[*a] - x).abs().total_cmp(&(places[*b] - x).abs()))
}

/// Words for a place on the axis.
pub fn place_name(axis: &Axis, x: f64) -> String {
    match axis {
        Axis::Time => domain::Timestamp(x as i64).here().date_clock_zone(),
        Axis::Number => domain::format::compact(x),
        Axis::Categories(names) => names.get(x.floor().max(0.0) as usize).cloned().unwrap_or_default(),
    }
}

/// The same data for those who read rather than look.
pub fn data_table(spec: &ChartSpec, series: &[Readable], title: &str) -> impl IntoView + use<> {
    let places = places(series);
    let step = step(&places);
    let every = places.len().div_ceil(ROWS).max(1);
    let head: Vec<_> = series.iter().map(|s| view! { <th scope="col" class="num">{s.name.clone()}</th> }).collect();
    let rows: Vec<_> = places
        .iter()
        .step_by(every)
        .map(|x| {
            let cells: Vec<_> = series
                .iter()
                .map(|s| {
                    let text = s.at(*x, step).map_or_else(|| "no data".to_string(), |v| spec.unit.show(v));
                    view! { <td class="num">{text}</td> }
                })
                .collect();
            view! { <tr><th scope="row">{place_name(&spec.axis, *x)}</th>{cells}</tr> }
        })
        .collect();
    let caption = match every {
        1 => title.to_string(),
        n => format!("{title}, one row of {n}"),
    };
    view! {
        <table class="t dense">
            <caption>{caption}</caption>
            <thead><tr><th scope="col">"At"</th>{head}</tr></thead>
            <tbody>{rows}</tbody>
        </table>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_at_the_nearest_point_and_a_gap_is_no_data() {
        let points = vec![(0.0, Some(1.0)), (10.0, Some(2.0)), (20.0, None), (30.0, Some(4.0))];
        let series = Readable { name: "a".into(), class: String::new(), points };
        assert_eq!(series.at(12.0, 10.0), Some(2.0));
        assert_eq!(series.at(19.0, 10.0), None);
        assert_eq!(series.at(40.0, 10.0), None);
        assert_eq!(series.at(-3.0, 10.0), Some(1.0));
    }

    #[test]
    fn the_nearest_place_is_found_at_both_ends() {
        let places = [0.0, 10.0, 20.0];
        assert_eq!(nearest(&places, -5.0), Some(0));
        assert_eq!(nearest(&places, 14.0), Some(1));
        assert_eq!(nearest(&places, 99.0), Some(2));
        assert_eq!(nearest(&[], 1.0), None);
    }
}
