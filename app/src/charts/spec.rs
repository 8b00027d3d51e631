//! What a chart shows, without a word on how.

use domain::{TimeRange, format};

/// Logical width of every plot; the SVG is stretched to its place.
pub const WIDTH: f64 = 1000.0;

/// A mark of a chart. `class` is of the style sheet (`ka strong`), never a colour.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// A line; `None` breaks it.
    Line { name: String, class: String, points: Vec<(f64, Option<f64>)> },
    /// A filled band between two lines.
    Band { class: String, points: Vec<(f64, f64, f64)> },
    /// An area from zero.
    Area { name: String, class: String, points: Vec<(f64, Option<f64>)> },
    /// A layer of a stack: from what lies below to what is above.
    Stacked { name: String, class: String, points: Vec<(f64, f64, f64)> },
    /// Cells of a heat map in one step of the ramp: left, right, bottom, top.
    Cells { class: String, cells: Vec<(f64, f64, f64, f64)> },
    /// Bars from zero: left, right, height.
    Bars { name: String, class: String, bars: Vec<(f64, f64, f64)> },
    /// A step outline over bars, as of a reference distribution.
    Step { name: String, class: String, bars: Vec<(f64, f64, f64)> },
    /// A horizontal rule with words at its right end.
    Rule { class: String, y: f64, label: String },
    /// A vertical span with words, as where outcomes are not known yet.
    Span { class: String, from: f64, to: f64, label: String },
    /// A vertical rule, as where the measured ends.
    At { class: String, x: f64 },
    /// Single points.
    Points { class: String, points: Vec<(f64, f64)> },
}

/// How numbers of an axis are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Fixed(usize),
    Percent,
    Bytes,
    BytesPerSecond,
    Compact,
    /// Milliseconds.
    Milliseconds,
    /// Money a value, in a currency of three letters.
    Money([u8; 3]),
}

impl Unit {
    pub fn money(currency: &str) -> Unit {
        let mut letters = *b"   ";
        for (place, letter) in letters.iter_mut().zip(currency.bytes()) {
            *place = letter;
        }
        Unit::Money(letters)
    }

    /// That of a signal’s own unit. `1` is a share.
    pub fn of_signal(unit: &str) -> Unit {
        match unit {
            "1" => Unit::Percent,
            "By" => Unit::Bytes,
            "By/s" => Unit::BytesPerSecond,
            "ms" => Unit::Milliseconds,
            _ => Unit::Compact,
        }
    }

    pub fn show(self, value: f64) -> String {
        match self {
            Unit::Fixed(decimals) => format::fixed(value, decimals),
            Unit::Percent => {
                // What is rarer than one in a hundred needs another digit to be told apart.
                let text = format::fixed(value * 100.0, if value.abs() < 0.01 { 2 } else { 1 });
                let plain = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
                format!("{plain}%")
            }
            Unit::Bytes => format::bytes(value),
            Unit::BytesPerSecond => format!("{}/s", format::bytes(value)),
            Unit::Compact => format::compact(value),
            Unit::Milliseconds => format::milliseconds(value),
            Unit::Money(letters) => format::money(value, &String::from_utf8_lossy(&letters)),
        }
    }

    /// Round values of this unit within a range, about five.
    pub fn ticks(self, low: f64, high: f64) -> Vec<f64> {
        match self {
            Unit::Bytes | Unit::BytesPerSecond => super::ticks::bytes(low, high, 5),
            _ => super::ticks::numbers(low, high, 5),
        }
    }
}

/// What runs along the bottom.
#[derive(Debug, Clone, PartialEq)]
pub enum Axis {
    /// Microseconds.
    Time,
    Number,
    /// One label a unit step, centred.
    Categories(Vec<String>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct ChartSpec {
    pub height: f64,
    pub x: (f64, f64),
    pub y: (f64, f64),
    pub axis: Axis,
    pub unit: Unit,
    /// Values on the left with their words, where the unit does not say them: rows of a heat map.
    pub rows: Vec<(f64, String)>,
    pub marks: Vec<Mark>,
}

impl ChartSpec {
    /// A chart over the range of its marks. `from_zero` for bars and areas, as the guide demands.
    pub fn fit(height: f64, axis: Axis, unit: Unit, marks: Vec<Mark>, from_zero: bool) -> ChartSpec {
        let (mut x, mut y) = ((f64::INFINITY, f64::NEG_INFINITY), (f64::INFINITY, f64::NEG_INFINITY));
        let mut see = |at: f64, value: f64| {
            if at.is_finite() {
                x = (x.0.min(at), x.1.max(at));
            }
            if value.is_finite() {
                y = (y.0.min(value), y.1.max(value));
            }
        };
        for mark in &marks {
            match mark {
                Mark::Line { points, .. } | Mark::Area { points, .. } => {
                    points.iter().for_each(|(at, v)| see(*at, v.unwrap_or(f64::NAN)));
                }
                Mark::Band { points, .. } | Mark::Stacked { points, .. } => {
                    points.iter().for_each(|(at, low, high)| {
                        see(*at, *low);
                        see(*at, *high);
                    })
                }
                Mark::Cells { cells, .. } => cells.iter().for_each(|(left, right, low, high)| {
                    see(*left, *low);
                    see(*right, *high);
                }),
                Mark::Bars { bars, .. } | Mark::Step { bars, .. } => bars.iter().for_each(|(left, right, v)| {
                    see(*left, *v);
                    see(*right, *v);
                }),
                Mark::Rule { y: at, .. } => see(f64::NAN, *at),
                Mark::Points { points, .. } => points.iter().for_each(|(at, v)| see(*at, *v)),
                Mark::Span { .. } | Mark::At { .. } => {}
            }
        }
        if x.0 >= x.1 {
            x = if x.0.is_finite() { (x.0 - 0.5, x.0 + 0.5) } else { (0.0, 1.0) };
        }
        if !y.0.is_finite() {
            y = (0.0, 1.0);
        }
        if from_zero {
            y.0 = 0.0;
            y.1 = if y.1 > 0.0 { y.1 * 1.05 } else { 1.0 };
        } else {
            let pad = ((y.1 - y.0) * 0.12).max(y.1.abs() * 1e-4).max(1e-9);
            y = (y.0 - pad, y.1 + pad);
        }
        let steps = unit.ticks(y.0, y.1);
        if let (Some(first), Some(last)) = (steps.first(), steps.last()) {
            let step = steps.get(1).map_or(0.0, |s| s - first);
            y = (
                if from_zero { 0.0 } else { y.0.min(*first) },
                if y.1 > *last { (last + step).min(y.1) } else { *last },
            );
        }
        ChartSpec { height, x, y, axis, unit, rows: Vec::new(), marks }
    }

    /// The same over the whole of a range, wherever its marks lie.
    pub fn over(mut self, range: TimeRange) -> ChartSpec {
        self.x = (range.from.0 as f64, range.to.0 as f64);
        self
    }

    /// Values on the left with their words.
    pub fn y_labels(&self) -> Vec<(f64, String)> {
        if !self.rows.is_empty() {
            return self.rows.clone();
        }
        self.unit.ticks(self.y.0, self.y.1).into_iter().map(|y| (y, self.unit.show(y))).collect()
    }

    /// The place of a value, as a share from the left and as units from the top.
    pub fn place(&self, x: f64, y: f64) -> (f64, f64) {
        let share = (x - self.x.0) / (self.x.1 - self.x.0);
        let top = self.height * (1.0 - (y - self.y.0) / (self.y.1 - self.y.0));
        (share, top)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_start_at_zero_and_lines_need_not() {
        let bars = vec![Mark::Bars { name: String::new(), class: String::new(), bars: vec![(0.0, 1.0, 5.0)] }];
        assert_eq!(ChartSpec::fit(100.0, Axis::Number, Unit::Compact, bars, true).y.0, 0.0);
        let line = vec![Mark::Line {
            name: String::new(),
            class: String::new(),
            points: vec![(0.0, Some(0.80)), (1.0, Some(0.84))],
        }];
        let spec = ChartSpec::fit(100.0, Axis::Number, Unit::Fixed(2), line, false);
        assert!(spec.y.0 > 0.7 && spec.y.0 <= 0.80 && spec.y.1 >= 0.84);
    }

    #[test]
    fn a_chart_of_nothing_still_has_a_range() {
        let spec = ChartSpec::fit(100.0, Axis::Number, Unit::Compact, vec![], false);
        assert!(spec.x.0 < spec.x.1 && spec.y.0 < spec.y.1);
    }
}
