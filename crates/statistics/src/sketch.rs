//! A mergeable sketch of quantiles with a promised relative error (DDSketch; Masson, Rim & Lee 2019).
//!
//! Merging sketches of parts gives the sketch of the whole, bucket for bucket: that is what lets
//! summaries of hours become those of days.

/// Buckets a side; beyond that those nearest to zero are joined, whose error then grows.
const BUCKETS: usize = 2048;
/// What is nearer to zero counts as zero.
const TINY: f64 = 1e-300;
/// Values whose buckets are found together.
const AT_ONCE: usize = 256;

/// Where a positive number that is neither subnormal nor infinite stands on a scale that grows with its binary logarithm:
/// its exponent, and of what is left a cubic that meets the next exponent (the cubic interpolation of the authors' own
/// DDSketch). It is a few products where a logarithm is a call, at the price of one bucket in a hundred more.
fn place(value: f64) -> f64 {
    const MANTISSA: u64 = (1 << (f64::MANTISSA_DIGITS - 1)) - 1;
    let bits = value.to_bits();
    // The exponent as a number without converting it: as the last digits of one that is large enough.
    let exponent = f64::from_bits((bits >> (f64::MANTISSA_DIGITS - 1)) | WHOLE.to_bits()) - (WHOLE + 1023.0);
    let [a, b, c] = CUBIC;
    let s = f64::from_bits((bits & MANTISSA) | 1.0_f64.to_bits()) - 1.0;
    exponent + ((a * s + b) * s + c) * s
}

/// The number that stands at a place.
fn at(place: f64) -> f64 {
    let exponent = place.floor();
    let [a, b, c] = CUBIC;
    // Newton's steps: the cubic is nearly straight, so that each doubles the digits that are right.
    let s = (0..5).fold(place - exponent, |s, _| {
        s - (exponent - place + ((a * s + b) * s + c) * s) / ((3.0 * a * s + 2.0 * b) * s + c)
    });
    (1.0 + s) * 2.0_f64.powi(exponent as i32)
}

const CUBIC: [f64; 3] = [6.0 / 35.0, -3.0 / 5.0, 10.0 / 7.0];
/// Where numbers grow by a factor of e, their place does so by at least as much.
const SLOPE: f64 = 10.0 / 7.0;
/// From here on floating-point numbers are whole.
const WHOLE: f64 = (1_u64 << (f64::MANTISSA_DIGITS - 1)) as f64;

/// The smallest and greatest magnitude of some values, and their smallest and greatest value, of those that are plain.
fn extremes(values: &[f64], plain: impl Fn(f64) -> bool) -> [f64; 4] {
    /// Values looked at beside each other: one after the other, each would wait for the one before it.
    const BESIDE: usize = 4;
    let (whole, rest) = values.as_chunks::<BESIDE>();
    let mut last = [f64::NAN; BESIDE];
    last[..rest.len()].copy_from_slice(rest);
    let (mut lowest, mut highest) = ([f64::INFINITY; BESIDE], [0.0_f64; BESIDE]);
    let (mut least, mut greatest) = ([f64::INFINITY; BESIDE], [f64::NEG_INFINITY; BESIDE]);
    let less = |a: f64, b: f64| if a < b { a } else { b };
    for values in whole.iter().chain([&last]) {
        for (i, value) in values.iter().copied().enumerate() {
            // What is not plain is no number, which is neither less nor more than any.
            let value = if plain(value) { value } else { f64::NAN };
            lowest[i] = less(value.abs(), lowest[i]);
            highest[i] = -less(-value.abs(), -highest[i]);
            least[i] = less(value, least[i]);
            greatest[i] = -less(-value, -greatest[i]);
        }
    }
    let smallest = |of: [f64; BESIDE]| of.into_iter().fold(f64::INFINITY, f64::min);
    let largest = |of: [f64; BESIDE]| of.into_iter().fold(f64::NEG_INFINITY, f64::max);
    [smallest(lowest), largest(highest), smallest(least), largest(greatest)]
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
    /// Buckets to one exponent.
    buckets: f64,
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
            buckets: 1.0 / (SLOPE * gamma_ln),
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
        if value.abs() < TINY {
            self.zero += 1;
            return;
        }
        let bucket = self.bucket(value);
        let side = if value > 0.0 { &mut self.positive } else { &mut self.negative };
        side.add(bucket);
    }

    /// The whole number next to a value's place.
    fn bucket(&self, value: f64) -> i32 {
        // Rounded by having no digits left for the rest, which asks neither the mathematical library nor what is greater.
        (place(value.abs()) * self.buckets + 1.5 * WHOLE).to_bits() as i32
    }

    /// What is no further than the accuracy from any value of a bucket.
    fn middle(&self, bucket: i32) -> f64 {
        let edge = |half: f64| at((f64::from(bucket) + half) / self.buckets).min(f64::MAX);
        2.0 / (1.0 / edge(-0.5) + 1.0 / edge(0.5))
    }

    /// Adds many values, as [`Sketch::add`] would one by one where no more than `BUCKETS` buckets a side are needed:
    /// they are counted in a plain row of buckets first, so that each costs no search.
    pub fn add_all(&mut self, values: &[f64]) {
        let plain = |value: f64| value.abs() >= TINY && value.abs() <= f64::MAX;
        let [lowest, highest, least, greatest] = extremes(values, plain);
        if lowest > highest {
            values.iter().for_each(|v| self.add(*v));
            return;
        }
        // One more on each side: that places grow with values holds but for the last digit.
        let (first, last) = (self.bucket(lowest) - 1, self.bucket(highest) + 1);
        let width = (last - first + 1) as usize;
        // Few values that lie far apart are not worth the row.
        if width > 4 * values.len() {
            values.iter().for_each(|v| self.add(*v));
            return;
        }
        // Those below zero, those above, and what belongs in neither.
        let mut counts = vec![0_u64; 2 * width + 1];
        let mut places = [0_u32; AT_ONCE];
        for values in values.chunks(AT_ONCE) {
            // A loop of its own: with nothing else in it, several values are worked on at once.
            for (place, value) in places.iter_mut().zip(values) {
                let side = if *value > 0.0 { width as u32 } else { 0 };
                let bucket = (self.bucket(*value).wrapping_sub(first) as u32).wrapping_add(side);
                *place = if plain(*value) { bucket } else { 2 * width as u32 };
            }
            places[..values.len()].iter().for_each(|place| counts[*place as usize] += 1);
        }
        if counts[2 * width] > 0 {
            values.iter().filter(|v| !plain(**v)).for_each(|v| self.add(*v));
        }
        let (below, above) = counts[..2 * width].split_at(width);
        for (side, counts) in [(&mut self.positive, above), (&mut self.negative, below)] {
            self.count += counts.iter().sum::<u64>();
            let found = (first..).zip(counts.iter().copied()).filter(|(_, n)| *n > 0).collect();
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

    /// The smallest value, exactly; infinite when empty.
    pub fn least(&self) -> f64 {
        self.least
    }

    /// The greatest value, exactly; infinite, below zero, when empty.
    pub fn greatest(&self) -> f64 {
        self.greatest
    }

    /// The value at rank ⌊q(n − 1)⌋, within the relative error. NaN when empty.
    pub fn quantile(&self, q: f64) -> f64 {
        if self.count == 0 || q.is_nan() {
            return f64::NAN;
        }
        let rank = (q.clamp(0.0, 1.0) * (self.count - 1) as f64).floor() as u64;
        let below = self.negative.0.iter().rev().map(|(bucket, n)| (-1.0, *bucket, *n));
        let above = self.positive.0.iter().map(|(bucket, n)| (1.0, *bucket, *n));
        let mut seen = 0;
        for (sign, bucket, n) in below.chain([(0.0, 0, self.zero)]).chain(above) {
            seen += n;
            if seen > rank {
                return (sign * self.middle(bucket)).clamp(self.least, self.greatest);
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

        #[test]
        fn a_bucket_stands_for_each_of_its_values(mantissa in 1.0f64..2.0, exponent in -996i32..=1023, accuracy in 1e-5f64..0.5) {
            let value = mantissa * 2.0_f64.powi(exponent);
            prop_assert!((at(place(value)) / value - 1.0).abs() < 1e-12);
            let sketch = Sketch::new(accuracy);
            let said = sketch.middle(sketch.bucket(value));
            prop_assert!((said / value - 1.0).abs() <= accuracy * (1.0 + 1e-6), "{said} {value}");
        }
    }

    #[test]
    fn nothing_and_the_infinite_are_no_trouble() {
        let mut sketch = Sketch::new(f64::NAN);
        sketch.add_all(&[f64::NAN, f64::INFINITY]);
        assert!(sketch.quantile(0.5).is_nan() && !sketch.merge(&Sketch::new(0.2)));
    }
}
