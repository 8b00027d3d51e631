//! Charts with a memory, for small lasting shifts: EWMA and tabular CUSUM.

/// Exponentially weighted moving average (Roberts 1959): z = λx + (1 − λ)z.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ewma {
    pub target: f64,
    pub sigma: f64,
    /// Weight of the newest value, above 0 and at most 1.
    pub lambda: f64,
    /// Width of the limits in standard deviations of z.
    pub width: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EwmaPoint {
    pub z: f64,
    pub lower: f64,
    pub upper: f64,
}

impl EwmaPoint {
    pub fn outside(&self) -> bool {
        self.z > self.upper || self.z < self.lower
    }
}

impl Ewma {
    /// The limits once the start is forgotten: target ± L σ √(λ / (2 − λ)).
    pub fn steady(&self) -> (f64, f64) {
        let half = self.width * self.sigma * (self.lambda / (2.0 - self.lambda)).sqrt();
        (self.target - half, self.target + half)
    }

    /// z and its exact limits, value by value; z starts at the target. NaN is left out: the point
    /// repeats the one before.
    pub fn run(&self, values: &[f64]) -> Vec<EwmaPoint> {
        let keep = 1.0 - self.lambda;
        let (mut z, mut remembered) = (self.target, 1.0);
        let (_, steady) = self.steady();
        values
            .iter()
            .map(|x| {
                if !x.is_nan() {
                    z = self.lambda * x + keep * z;
                    remembered *= keep * keep;
                }
                let half = (steady - self.target) * (1.0_f64 - remembered).sqrt();
                EwmaPoint { z, lower: self.target - half, upper: self.target + half }
            })
            .collect()
    }
}

/// Tabular CUSUM (Page 1954) with allowance k and decision interval h, both in σ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cusum {
    pub target: f64,
    pub sigma: f64,
    /// Half the shift to find, in σ. 0.5 finds shifts of one σ.
    pub k: f64,
    pub h: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CusumPoint {
    pub upper: f64,
    pub lower: f64,
    /// For how many values in a row each sum has been above 0: when the shift began.
    pub upper_since: usize,
    pub lower_since: usize,
    pub signal_up: bool,
    pub signal_down: bool,
}

impl Cusum {
    /// The sums value by value, not reset by a signal. NaN is left out: the point repeats the one
    /// before.
    pub fn run(&self, values: &[f64]) -> Vec<CusumPoint> {
        let (allowance, limit) = (self.k * self.sigma, self.h * self.sigma);
        let mut point = CusumPoint::default();
        values
            .iter()
            .map(|x| {
                if !x.is_nan() {
                    point.upper = (x - (self.target + allowance) + point.upper).max(0.0);
                    point.lower = ((self.target - allowance) - x + point.lower).max(0.0);
                    point.upper_since = if point.upper > 0.0 { point.upper_since + 1 } else { 0 };
                    point.lower_since = if point.lower > 0.0 { point.lower_since + 1 } else { 0 };
                    point.signal_up = point.upper > limit;
                    point.signal_down = point.lower > limit;
                }
                point
            })
            .collect()
    }
}
