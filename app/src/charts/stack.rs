//! Stacked areas: layers over equal columns of time, from zero, the largest at the bottom.

use domain::TimeRange;
use domain::signal::Sample;

use super::spec::{Axis, ChartSpec, Mark, Unit};

/// Columns of a stack: series with samples at different instants are added up by column.
const COLUMNS: usize = 120;
/// Empty columns that are bridged: a collector that reads every ten seconds leaves some in a short range.
const BRIDGED: usize = 3;
const CLASSES: [&str; 5] = ["k1", "k2", "k3", "k4", "k5"];

pub struct Layer {
    pub name: String,
    /// A value for each column; `None` is a gap.
    pub values: Vec<Option<f64>>,
}

/// The mean of each column of a range, times a factor. A few empty columns repeat the one before; more are
/// a gap.
pub fn columns(points: &[Sample], range: TimeRange, factor: f64) -> Vec<Option<f64>> {
    let mut sums = vec![(0.0, 0_u32); COLUMNS];
    for point in points.iter().filter(|p| p.value.is_finite()) {
        let share = (point.at.0 - range.from.0) as f64 / range.micros().max(1) as f64;
        if (0.0..1.0).contains(&share) {
            let (sum, count) = &mut sums[(share * COLUMNS as f64) as usize];
            *sum += point.value * factor;
            *count += 1;
        }
    }
    let mut values: Vec<Option<f64>> =
        sums.into_iter().map(|(sum, count)| (count > 0).then(|| sum / f64::from(count))).collect();
    let known: Vec<usize> = (0..COLUMNS).filter(|i| values[*i].is_some()).collect();
    for pair in known.windows(2) {
        if pair[1] - pair[0] <= BRIDGED + 1 {
            for i in pair[0] + 1..pair[1] {
                values[i] = values[pair[0]];
            }
        }
    }
    values
}

/// The sum of each column over several; a gap only where all have one.
pub fn sum<'a>(all: impl Iterator<Item = &'a [Option<f64>]>) -> Vec<Option<f64>> {
    let mut total = Vec::new();
    for values in all {
        total.resize(values.len().max(total.len()), None);
        for (sum, value) in total.iter_mut().zip(values) {
            if let Some(value) = value {
                *sum = Some(sum.unwrap_or(0.0) + value);
            }
        }
    }
    total
}

/// Name, class and newest value of each layer drawn.
pub type Keys = Vec<(String, &'static str, f64)>;

/// The chart of a range in columns; see [`piled`].
pub fn stacked(
    height: f64,
    range: TimeRange,
    unit: Unit,
    layers: Vec<Layer>,
    most: usize,
) -> Option<(ChartSpec, Keys)> {
    let width = range.micros() as f64 / COLUMNS as f64;
    let places: Vec<f64> = (0..COLUMNS).map(|i| range.from.0 as f64 + (i as f64 + 0.5) * width).collect();
    let (spec, keys) = piled(height, &places, unit, layers, most)?;
    Some((spec.over(range), keys))
}

/// Layers with a value for each place, and their keys; `most` layers, the rest being one. `None` where nothing
/// has a value.
pub fn piled(
    height: f64,
    places: &[f64],
    unit: Unit,
    mut layers: Vec<Layer>,
    most: usize,
) -> Option<(ChartSpec, Keys)> {
    layers.retain(|l| l.values.iter().any(Option::is_some));
    if layers.is_empty() {
        return None;
    }
    let size = |l: &Layer| l.values.iter().flatten().sum::<f64>();
    layers.sort_by(|a, b| size(b).total_cmp(&size(a)));
    if layers.len() > most {
        let rest = layers.split_off(most.saturating_sub(1).max(1));
        let values = sum(rest.iter().map(|l| l.values.as_slice()));
        layers.push(Layer { name: format!("{} others", rest.len()), values });
    }
    let mut below = vec![0.0; places.len()];
    let (mut marks, mut keys) = (Vec::new(), Keys::new());
    for (i, layer) in layers.into_iter().enumerate() {
        let class = CLASSES[i % CLASSES.len()];
        let newest = layer.values.iter().rev().flatten().next().copied().unwrap_or(0.0);
        let points: Vec<(f64, f64, f64)> = layer
            .values
            .iter()
            .zip(places)
            .zip(&mut below)
            .map(|((value, at), below)| match value {
                Some(value) => {
                    let low = *below;
                    *below += value;
                    (*at, low, *below)
                }
                None => (*at, f64::NAN, f64::NAN),
            })
            .collect();
        marks.push(Mark::Stacked { name: layer.name.clone(), class: class.to_string(), points });
        keys.push((layer.name, class, newest));
    }
    Some((ChartSpec::fit(height, Axis::Time, unit, marks, true), keys))
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    fn range() -> TimeRange {
        TimeRange { from: Timestamp(0), to: Timestamp(COLUMNS as i64 * 10) }
    }

    #[test]
    fn a_column_is_the_mean_of_its_samples_and_a_long_gap_stays_one() {
        let sample = |at: i64, value: f64| Sample { at: Timestamp(at), value };
        let found = columns(&[sample(0, 1.0), sample(5, 3.0), sample(40, 5.0), sample(200, 7.0)], range(), 2.0);
        assert_eq!(found[..5], [Some(4.0), Some(4.0), Some(4.0), Some(4.0), Some(10.0)]);
        assert_eq!((found[5], found[19], found[20]), (None, None, Some(14.0)));
    }

    #[test]
    fn layers_stand_on_each_other_the_largest_below_and_the_rest_is_one() {
        let layer = |name: &str, value: f64| Layer { name: name.into(), values: vec![Some(value); COLUMNS] };
        let layers = vec![layer("a", 1.0), layer("b", 5.0), layer("c", 2.0)];
        let (spec, keys) = stacked(100.0, range(), Unit::Compact, layers, 2).expect("drawn");
        let names: Vec<(&str, f64)> = keys.iter().map(|(n, _, v)| (n.as_str(), *v)).collect();
        assert_eq!(names, [("b", 5.0), ("2 others", 3.0)]);
        let Some(Mark::Stacked { points, .. }) = spec.marks.last() else { panic!("a layer") };
        assert_eq!((points[0].1, points[0].2), (5.0, 8.0));
    }
}
