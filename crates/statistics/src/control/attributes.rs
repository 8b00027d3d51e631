//! Charts of counts: p, np, c, u.

/// Which count is charted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeChart {
    /// Share of defective items in samples of n.
    P,
    /// Number of defective items in samples of one size.
    Np,
    /// Number of defects in equal areas.
    C,
    /// Defects an item in samples of n.
    U,
}

/// Limits point by point, since samples may differ in size.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeLimits {
    pub centre: f64,
    pub values: Vec<f64>,
    pub lower: Vec<f64>,
    pub upper: Vec<f64>,
    /// Places of values strictly outside.
    pub outside: Vec<usize>,
}

/// Limits at three standard deviations from all samples given. `sizes` is not used by
/// [`AttributeChart::C`]; [`AttributeChart::Np`] takes the first. `None` for no samples or no items.
pub fn attribute_limits(chart: AttributeChart, counts: &[f64], sizes: &[f64]) -> Option<AttributeLimits> {
    if counts.is_empty() {
        return None;
    }
    let total: f64 = counts.iter().sum();
    let size = |i: usize| match chart {
        AttributeChart::C => 1.0,
        AttributeChart::Np => sizes.first().copied().unwrap_or(f64::NAN),
        AttributeChart::P | AttributeChart::U => sizes.get(i).copied().unwrap_or(f64::NAN),
    };
    let items: f64 = (0..counts.len()).map(size).sum();
    if items.is_nan() || items <= 0.0 {
        return None;
    }
    let share = total / items;
    let (mut values, mut lower, mut upper, mut outside) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut centre = share;
    for (i, count) in counts.iter().enumerate() {
        let n = size(i);
        let (value, middle, deviation, most) = match chart {
            AttributeChart::P => (count / n, share, (share * (1.0 - share) / n).sqrt(), 1.0),
            AttributeChart::Np => (*count, n * share, (n * share * (1.0 - share)).sqrt(), n),
            AttributeChart::C => (*count, share, share.sqrt(), f64::INFINITY),
            AttributeChart::U => (count / n, share, (share / n).sqrt(), f64::INFINITY),
        };
        centre = middle;
        let (low, high) = ((middle - 3.0 * deviation).max(0.0), (middle + 3.0 * deviation).min(most));
        let slack = 1e-12 * middle.abs().max(1.0);
        if value > high + slack || value < low - slack {
            outside.push(i);
        }
        values.push(value);
        lower.push(low);
        upper.push(high);
    }
    Some(AttributeLimits { centre, values, lower, upper, outside })
}
