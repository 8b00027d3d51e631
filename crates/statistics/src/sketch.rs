//! A mergeable sketch of quantiles with a promised relative error (DDSketch; Masson, Rim & Lee 2019).
//!
//! Merging sketches of parts gives the sketch of the whole, bucket for bucket: that is what lets
//! summaries of hours become those of days.

/// Buckets a side; beyond that those nearest to zero are joined, whose error then grows.
const BUCKETS: usize = 2048;
/// Values whose buckets are found together.
const AT_ONCE: usize = 256;

/// The natural logarithm of a positive number that is neither subnormal nor infinite, to 1e-13: the series of the
/// inverse hyperbolic tangent. The library's is a call for each value, and exact to a bit that no bucket needs.
fn ln(value: f64) -> f64 {
    const EXPONENT: u32 = 52;
    const MANTISSA: u64 = (1 << EXPONENT) - 1;
    let bits = value.to_bits();
    let fraction = f64::from_bits((bits & MANTISSA) | 1.0_f64.to_bits());
    // Around one, where the series is short.
    let large = fraction > std::f64::consts::SQRT_2;
    let fraction = if large { fraction * 0.5 } else { fraction };
    let exponent = (bits >> EXPONENT) as i32 - 1023 + i32::from(large);
    let s = (fraction - 1.0) / (fraction + 1.0);
    let z = s * s;
    let series = [1.0 / 15.0, 1.0 / 13.0, 1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0, 1.0];
    let sum = series.into_iter().fold(0.0, |sum, factor| sum * z + factor);
    f64::from(exponent) * std::f64::consts::LN_2 + 2.0 * s * sum
}

/// Buckets that hold values and how many, in their order: what parts are merged by is one walk through both.
#[derive(Debug, Clone, PartialEq, Default)]
struct Buckets(Vec<(i32, u64)>);

impl Buckets {
    fn add(&mut self, bucket: i32) {
        match self.0.binary_search_by_key(&bucket, |(known, _)| *known) {
            Ok(place) => self.0[place].1 += 1,
            Err(place) => {
                self.0.insert(place, (bucket, 1));
                self.shorten();
            }
        }
    }

    fn merge(&mut self, other: &Buckets) {
        let mine = std::mem::take(&mut self.0);
        let mut theirs = other.0.iter().copied().peekable();
        self.0.reserve(mine.len().max(other.0.len()));
        for (bucket, mut n) in mine {
            while let Some(before) = theirs.next_if(|(theirs, _)| *theirs < bucket) {
                self.0.push(before);
            }
            n += theirs.next_if(|(theirs, _)| *theirs == bucket).map_or(0, |(_, m)| m);
            self.0.push((bucket, n));
        }
        self.0.extend(theirs);
        self.shorten();
    }

    fn shorten(&mut self) {
        if let Some(beyond) = self.0.len().checked_sub(BUCKETS).filter(|beyond| *beyond > 0) {
            let joined: u64 = self.0.drain(..beyond).map(|(_, n)| n).sum();
            self.0[0].1 += joined;
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Sketch {
    accuracy: f64,
    gamma_ln: f64,
    /// Buckets to a factor of e.
    per_ln: f64,
    positive: Buckets,
    negative: Buckets,
    zero: u64,
    count: u64,
    least: f64,
    greatest: f64,
}

impl Sketch {
    /// `accuracy`: relative error of every quantile, between 1e-5 and 0.5.
    pub fn new(accuracy: f64) -> Sketch {
        let accuracy = if accuracy.is_nan() { 0.01 } else { accuracy.clamp(1e-5, 0.5) };
        let gamma_ln = ((1.0 + accuracy) / (1.0 - accuracy)).ln();
        Sketch {
            accuracy,
            gamma_ln,
            per_ln: 1.0 / gamma_ln,
            positive: Buckets::default(),
            negative: Buckets::default(),
            zero: 0,
            count: 0,
            least: f64::INFINITY,
            greatest: f64::NEG_INFINITY,
        }
    }

    /// Adds a value; NaN and infinities are left out.
    pub fn add(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.count += 1;
        (self.least, self.greatest) = (self.least.min(value), self.greatest.max(value));
        if value.abs() < 1e-300 {
            self.zero += 1;
            return;
        }
        let bucket = self.bucket(value);
        let side = if value > 0.0 { &mut self.positive } else { &mut self.negative };
        side.add(bucket);
    }

    fn bucket(&self, value: f64) -> i32 {
        let place = ln(value.abs()) * self.per_ln;
        // Rounded up without asking the mathematical library, which is a call for each value on plain x86-64.
        let whole = place as i32;
        whole + i32::from(place > f64::from(whole))
    }

    /// Adds many values, as [`Sketch::add`] would one by one where no more than `BUCKETS` buckets a side are needed:
    /// they are counted in a plain row of buckets first, so that each costs no search.
    pub fn add_all(&mut self, values: &[f64]) {
        let plain = |value: &f64| value.is_finite() && value.abs() >= 1e-300;
        let (mut lowest, mut highest) = (f64::INFINITY, 0.0_f64);
        let (mut least, mut greatest) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.iter().filter(|v| plain(v)) {
            (lowest, highest) = (lowest.min(value.abs()), highest.max(value.abs()));
            (least, greatest) = (least.min(*value), greatest.max(*value));
        }
        if lowest > highest {
            values.iter().for_each(|v| self.add(*v));
            return;
        }
        let (first, last) = (self.bucket(lowest), self.bucket(highest));
        let width = (last - first + 1) as usize;
        // Few values that lie far apart are not worth the row.
        if width > 4 * values.len() {
            values.iter().for_each(|v| self.add(*v));
            return;
        }
        let (mut above, mut below) = (vec![0_u64; width], vec![0_u64; width]);
        let mut places = [0_i32; AT_ONCE];
        for values in values.chunks(AT_ONCE) {
            // A loop of its own: with nothing else in it, several values are worked on at once.
            for (place, value) in places.iter_mut().zip(values) {
                *place = self.bucket(*value).clamp(first, last) - first;
            }
            for (place, value) in places.iter().zip(values) {
                if plain(value) {
                    let counts = if *value > 0.0 { &mut above } else { &mut below };
                    counts[*place as usize] += 1;
                } else {
                    self.add(*value);
                }
            }
        }
        for (side, counts) in [(&mut self.positive, above), (&mut self.negative, below)] {
            self.count += counts.iter().sum::<u64>();
            let found = (first..).zip(counts).filter(|(_, n)| *n > 0).collect();
            side.merge(&Buckets(found));
        }
        (self.least, self.greatest) = (self.least.min(least), self.greatest.max(greatest));
    }

    /// Takes another sketch in. False, and nothing done, where its accuracy is another.
    pub fn merge(&mut self, other: &Sketch) -> bool {
        if self.accuracy != other.accuracy {
            return false;
        }
        for (mine, theirs) in [(&mut self.positive, &other.positive), (&mut self.negative, &other.negative)] {
            mine.merge(theirs);
        }
        self.zero += other.zero;
        self.count += other.count;
        (self.least, self.greatest) = (self.least.min(other.least), self.greatest.max(other.greatest));
        true
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// The value at rank ⌊q(n − 1)⌋, within the relative error. NaN when empty.
    pub fn quantile(&self, q: f64) -> f64 {
        if self.count == 0 || q.is_nan() {
            return f64::NAN;
        }
        let rank = (q.clamp(0.0, 1.0) * (self.count - 1) as f64).floor() as u64;
        let middle = |bucket: i32| {
            let upper = (f64::from(bucket) * self.gamma_ln).exp();
            2.0 * upper / (1.0 + self.gamma_ln.exp())
        };
        let below = self.negative.0.iter().rev().map(|(bucket, n)| (-middle(*bucket), *n));
        let above = self.positive.0.iter().map(|(bucket, n)| (middle(*bucket), *n));
        let mut seen = 0;
        for (value, n) in below.chain([(0.0, self.zero)]).chain(above) {
            seen += n;
            if seen > rank {
                return value.clamp(self.least, self.greatest);
            }
        }
        self.greatest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn quantiles_keep_their_promise_and_parts_make_the_whole(values in prop::collection::vec(-1e6f64..1e6, 1..300), q in 0.0f64..=1.0, cut in 0usize..300) {
            let of = |values: &[f64]| { let mut s = Sketch::new(0.01); values.iter().for_each(|v| s.add(*v)); s };
            let whole = of(&values);
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let truth = sorted[(q * (sorted.len() - 1) as f64).floor() as usize];
            let said = whole.quantile(q);
            prop_assert!((said - truth).abs() <= 0.01 * truth.abs() + 1e-9, "{said} {truth}");
            let cut = cut.min(values.len());
            let mut joined = of(&values[..cut]);
            prop_assert!(joined.merge(&of(&values[cut..])));
            prop_assert_eq!(&joined, &whole);
            let mut at_once = of(&values[..cut]);
            at_once.add_all(&values[cut..]);
            prop_assert_eq!(at_once, whole);
        }
    }

    #[test]
    fn the_logarithm_is_the_librarys_to_a_hair() {
        let turn = std::f64::consts::SQRT_2;
        let numbers = (-1000..1000).flat_map(|e| [1.0, 1.2, turn, turn.next_up(), 1.9].map(|m| m * 2.0_f64.powi(e)));
        for value in numbers {
            assert!((ln(value) - value.ln()).abs() <= 1e-13 * value.ln().abs().max(1.0), "{value}");
        }
    }

    #[test]
    fn nothing_and_the_infinite_are_no_trouble() {
        let mut sketch = Sketch::new(f64::NAN);
        sketch.add_all(&[f64::NAN, f64::INFINITY]);
        assert!(sketch.quantile(0.5).is_nan() && !sketch.merge(&Sketch::new(0.2)));
    }
}
