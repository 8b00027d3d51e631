//! ADWIN (Bifet & Gavaldà 2007): a window that shrinks when two of its parts have different means.

use std::collections::VecDeque;

use super::{Detector, Signal};

/// Buckets of one size; a row with one more merges its two oldest.
const BUCKETS: usize = 5;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    total: f64,
    /// Sum of squared deviations from the bucket's mean.
    variance: f64,
}

/// The adaptive window. Memory grows with the logarithm of its width.
#[derive(Debug, Clone)]
pub struct Adwin {
    delta: f64,
    clock: u64,
    least: f64,
    grace: f64,
    /// Row r holds buckets of 2^r values, oldest first.
    rows: Vec<VecDeque<Bucket>>,
    width: f64,
    total: f64,
    variance: f64,
    ticks: u64,
    last: Signal,
}

impl Default for Adwin {
    /// δ 0.002, asked every 32 values.
    fn default() -> Self {
        Adwin::new(0.002, 32)
    }
}

impl Adwin {
    /// `delta`: the chance of a false alarm at one cut. `clock`: values between two looks.
    pub fn new(delta: f64, clock: u64) -> Adwin {
        Adwin {
            delta,
            clock: clock.max(1),
            least: 5.0,
            grace: 10.0,
            rows: vec![VecDeque::new()],
            width: 0.0,
            total: 0.0,
            variance: 0.0,
            ticks: 0,
            last: Signal::Stable,
        }
    }

    /// Values in the window.
    pub fn width(&self) -> f64 {
        self.width
    }

    /// The mean of the window; 0 when empty.
    pub fn estimation(&self) -> f64 {
        if self.width > 0.0 { self.total / self.width } else { 0.0 }
    }

    fn insert(&mut self, value: f64) {
        self.width += 1.0;
        if self.width > 1.0 {
            let before = self.width - 1.0;
            self.variance += before * (value - self.total / before).powi(2) / self.width;
        }
        self.total += value;
        self.rows[0].push_back(Bucket { total: value, variance: 0.0 });
        let mut row = 0;
        while self.rows[row].len() > BUCKETS {
            let n = 2.0_f64.powi(row as i32);
            let (Some(a), Some(b)) = (self.rows[row].pop_front(), self.rows[row].pop_front()) else {
                return;
            };
            let between = n * n * (a.total / n - b.total / n).powi(2) / (n + n);
            if self.rows.len() == row + 1 {
                self.rows.push(VecDeque::new());
            }
            self.rows[row + 1]
                .push_back(Bucket { total: a.total + b.total, variance: a.variance + b.variance + between });
            row += 1;
        }
    }

    fn drop_oldest(&mut self) {
        let Some(row) = self.rows.iter().rposition(|row| !row.is_empty()) else {
            return;
        };
        let Some(bucket) = self.rows[row].pop_front() else {
            return;
        };
        let n = 2.0_f64.powi(row as i32);
        self.width -= n;
        self.total -= bucket.total;
        let between = if self.width > 0.0 { (bucket.total / n - self.total / self.width).powi(2) } else { 0.0 };
        self.variance -= bucket.variance + n * self.width * between / (n + self.width);
        while self.rows.len() > 1 && self.rows.last().is_some_and(VecDeque::is_empty) {
            self.rows.pop();
        }
    }

    /// Whether some cut parts the window into two of different means.
    fn cut(&self) -> bool {
        let (mut n0, mut u0) = (0.0, 0.0);
        for (row, buckets) in self.rows.iter().enumerate().rev() {
            let n = 2.0_f64.powi(row as i32);
            for bucket in buckets {
                n0 += n;
                u0 += bucket.total;
                let (n1, u1) = (self.width - n0, self.total - u0);
                if n0 < self.least || n1 < self.least {
                    continue;
                }
                let m = 1.0 / (n0 - self.least + 1.0) + 1.0 / (n1 - self.least + 1.0);
                let d = (2.0 * self.width.ln() / self.delta).ln();
                let bound = (2.0 * m * self.variance / self.width * d).sqrt() + 2.0 / 3.0 * d * m;
                if (u0 / n0 - u1 / n1).abs() > bound {
                    return true;
                }
            }
        }
        false
    }
}

impl Detector for Adwin {
    fn update(&mut self, value: f64) -> Signal {
        if !value.is_finite() {
            return self.last;
        }
        if self.last == Signal::Drift {
            *self = Adwin::new(self.delta, self.clock);
        }
        self.insert(value);
        self.ticks += 1;
        self.last = Signal::Stable;
        if self.ticks.is_multiple_of(self.clock) && self.width > self.grace {
            while self.cut() {
                self.last = Signal::Drift;
                self.drop_oldest();
            }
        }
        self.last
    }
}
