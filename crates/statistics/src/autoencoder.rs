//! A small autoencoder: what a narrow net that learnt the reference cannot say again.
//!
//! Sees what no single column shows and no straight direction explains. Deterministic by seed.

use ndarray::{Array1, Array2, ArrayView2, Axis};

/// A column of the input.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// NaN is missing.
    Number(Vec<f64>),
    /// Codes below `classes`; anything else is missing or unseen.
    Category { codes: Vec<u32>, classes: u32 },
}

/// How a net is trained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    pub epochs: usize,
    pub batch: usize,
    pub rate: f64,
    /// Epochs without a better held-out error before training ends.
    pub patience: usize,
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { epochs: 60, batch: 64, rate: 3e-3, patience: 6, seed: 1 }
    }
}

/// Classes of one category that get an input of their own; the rest share one.
const CLASSES: u32 = 24;
/// Rows that a net, or what is usual of it, needs.
const LEAST: usize = 50;

/// Standardised numbers and one-hot categories with the frequent classes kept.
#[derive(Debug, Clone)]
struct Encoding {
    /// Per column: mean and scale, or the number of own classes.
    columns: Vec<Encoded>,
    width: usize,
}

#[derive(Debug, Clone)]
enum Encoded {
    Number { mean: f64, scale: f64 },
    Category { place: Vec<usize>, slots: usize },
}

impl Encoding {
    fn of(columns: &[Column]) -> Encoding {
        let encoded: Vec<Encoded> = columns
            .iter()
            .map(|column| match column {
                Column::Number(values) => {
                    let known: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
                    let mean = if known.is_empty() { 0.0 } else { crate::quantile::mean(&known) };
                    let scale = crate::quantile::standard_deviation(&known, 0);
                    Encoded::Number { mean, scale: if scale > 0.0 { scale } else { 1.0 } }
                }
                Column::Category { codes, classes } => {
                    let mut counts: Vec<(usize, usize)> = (0..*classes as usize).map(|c| (0, c)).collect();
                    for code in codes.iter().filter(|c| *c < classes) {
                        counts[*code as usize].0 += 1;
                    }
                    counts.sort_by(|a, b| b.cmp(a));
                    let own = (*classes).min(CLASSES) as usize;
                    // The last slot holds the rare, the unseen and the missing.
                    let mut place = vec![own; *classes as usize];
                    counts.iter().take(own).enumerate().for_each(|(slot, (_, class))| place[*class] = slot);
                    Encoded::Category { place, slots: own + 1 }
                }
            })
            .collect();
        let width = encoded.iter().map(|e| if let Encoded::Category { slots, .. } = e { *slots } else { 1 }).sum();
        Encoding { columns: encoded, width }
    }

    fn rows(&self, columns: &[Column]) -> Option<Array2<f64>> {
        let n = columns.iter().map(|c| match c {
            Column::Number(values) => values.len(),
            Column::Category { codes, .. } => codes.len(),
        });
        let n = n.min()?;
        if columns.len() != self.columns.len() {
            return None;
        }
        let mut out = Array2::zeros((n, self.width));
        let mut at = 0;
        for (column, encoded) in columns.iter().zip(&self.columns) {
            match (column, encoded) {
                (Column::Number(values), Encoded::Number { mean, scale }) => {
                    for (row, v) in values.iter().take(n).enumerate() {
                        // Ten deviations are strange enough; more would drown everything else.
                        out[[row, at]] = if v.is_finite() { ((v - mean) / scale).clamp(-10.0, 10.0) } else { 0.0 };
                    }
                    at += 1;
                }
                (Column::Category { codes, .. }, Encoded::Category { place, slots }) => {
                    for (row, code) in codes.iter().take(n).enumerate() {
                        out[[row, at + place.get(*code as usize).copied().unwrap_or(slots - 1)]] = 1.0;
                    }
                    at += slots;
                }
                _ => return None,
            }
        }
        Some(out)
    }
}

/// A dense layer with its Adam moments.
#[derive(Debug, Clone)]
struct Layer {
    weights: Array2<f64>,
    bias: Array1<f64>,
    moments: [(Array2<f64>, Array1<f64>); 2],
}

impl Layer {
    fn new(inputs: usize, outputs: usize, random: &mut fastrand::Rng) -> Layer {
        let reach = (6.0 / (inputs + outputs) as f64).sqrt();
        let empty = || (Array2::zeros((inputs, outputs)), Array1::zeros(outputs));
        Layer {
            weights: Array2::from_shape_fn((inputs, outputs), |_| (2.0 * random.f64() - 1.0) * reach),
            bias: Array1::zeros(outputs),
            moments: [empty(), empty()],
        }
    }

    fn forward(&self, input: &Array2<f64>) -> Array2<f64> {
        input.dot(&self.weights) + &self.bias
    }

    /// Adam (Kingma & Ba 2015).
    fn step(&mut self, weights: &Array2<f64>, bias: &Array1<f64>, rate: f64, t: i32) {
        const B1: f64 = 0.9;
        const B2: f64 = 0.999;
        let [first, second] = &mut self.moments;
        let rate = rate * (1.0 - B2.powi(t)).sqrt() / (1.0 - B1.powi(t));
        let update = |value: &mut f64, m: &mut f64, v: &mut f64, g: f64| {
            *m = B1 * *m + (1.0 - B1) * g;
            *v = B2 * *v + (1.0 - B2) * g * g;
            *value -= rate * *m / (v.sqrt() + 1e-8);
        };
        let all = self.weights.iter_mut().zip(first.0.iter_mut()).zip(second.0.iter_mut()).zip(weights);
        all.for_each(|(((value, m), v), g)| update(value, m, v, *g));
        let all = self.bias.iter_mut().zip(first.1.iter_mut()).zip(second.1.iter_mut()).zip(bias);
        all.for_each(|(((value, m), v), g)| update(value, m, v, *g));
    }
}

/// A trained net with the errors of reference rows it had not seen.
#[derive(Debug, Clone)]
pub struct Autoencoder {
    encoding: Encoding,
    layers: Vec<Layer>,
    held_out: Vec<f64>,
    pub epochs: usize,
}

/// What a net makes of rows that are usual: their mean error, its deviation, and how many they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UsualError {
    pub mean: f64,
    pub deviation: f64,
    pub n: usize,
}

impl UsualError {
    fn of(errors: &[f64]) -> UsualError {
        let (mean, deviation) = (crate::quantile::mean(errors), crate::quantile::standard_deviation(errors, 1));
        UsualError { mean, deviation, n: errors.len() }
    }
}

/// A sample's reconstruction error against the reference's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ErrorRatio {
    /// Mean error of the sample over the mean error of usual rows.
    pub ratio: f64,
    /// Where the ratio of a sample of this size from the reference itself lies, 99 %.
    pub usual: (f64, f64),
    pub n: usize,
}

impl Autoencoder {
    /// Trains on four fifths of the reference and stops when the last fifth gets no better. `None`
    /// for fewer than 50 rows or columns of unequal length.
    pub fn fit(reference: &[Column], options: Options) -> Option<Autoencoder> {
        let encoding = Encoding::of(reference);
        let rows = encoding.rows(reference)?;
        let (n, width) = (rows.nrows(), rows.ncols());
        if n < LEAST || width == 0 {
            return None;
        }
        let mut random = fastrand::Rng::with_seed(options.seed);
        let mut order: Vec<usize> = (0..n).collect();
        random.shuffle(&mut order);
        let (held, train) = order.split_at(n / 5);
        let held = rows.select(Axis(0), held);
        let mut train = train.to_vec();
        // In, wide, narrow, wide, out: the narrow middle is what makes it choose.
        let wide = (width * 2 / 3).clamp(2, 64);
        let narrow = (width / 3).clamp(1, 16);
        let sizes = [width, wide, narrow, wide, width];
        let mut layers: Vec<Layer> = sizes.windows(2).map(|w| Layer::new(w[0], w[1], &mut random)).collect();
        let mut best = (f64::INFINITY, layers.clone(), 0);
        let mut t = 0;
        for epoch in 1..=options.epochs {
            random.shuffle(&mut train);
            for batch in train.chunks(options.batch.max(1)) {
                t += 1;
                learn(&mut layers, &rows.select(Axis(0), batch), options.rate, t);
            }
            let error = crate::quantile::mean(&row_errors(&layers, held.view()));
            if error < best.0 * 0.999 {
                best = (error, layers.clone(), epoch);
            } else if epoch - best.2 >= options.patience {
                break;
            }
        }
        let (_, layers, epochs) = best;
        let held_out = row_errors(&layers, held.view());
        Some(Autoencoder { encoding, layers, held_out, epochs })
    }

    /// The reconstruction error of each row: root mean square over the inputs. `None` where the
    /// columns are not those of the fit.
    pub fn errors(&self, columns: &[Column]) -> Option<Vec<f64>> {
        Some(row_errors(&self.layers, self.encoding.rows(columns)?.view()))
    }

    /// Of the reference rows that it was not trained on.
    pub fn held_out(&self) -> UsualError {
        UsualError::of(&self.held_out)
    }

    /// Of rows that a sample is held against instead of those of the fit. Rows that it was trained on make it look
    /// a little surer than it is. `None` for fewer than 50 rows, or where the columns are not those of the fit.
    pub fn usual_of(&self, columns: &[Column]) -> Option<UsualError> {
        self.errors(columns).filter(|errors| errors.len() >= LEAST).map(|errors| UsualError::of(&errors))
    }

    /// See [`ErrorRatio`]. `None` without rows or where the columns are not those of the fit.
    pub fn ratio(&self, columns: &[Column], usual: &UsualError) -> Option<ErrorRatio> {
        let errors = self.errors(columns)?;
        let n = errors.len();
        if n == 0 {
            return None;
        }
        // Both means are uncertain: that of the sample and that of the usual rows.
        let spread = usual.deviation / usual.mean;
        let half = 2.576 * spread * (1.0 / n as f64 + 1.0 / usual.n as f64).sqrt();
        Some(ErrorRatio { ratio: crate::quantile::mean(&errors) / usual.mean, usual: (1.0 - half, 1.0 + half), n })
    }
}

/// The outputs of every layer, tanh between, linear at the end.
fn forward(layers: &[Layer], input: &Array2<f64>) -> Vec<Array2<f64>> {
    let mut outputs = Vec::with_capacity(layers.len());
    for (i, layer) in layers.iter().enumerate() {
        let mut output = layer.forward(outputs.last().unwrap_or(input));
        if i + 1 < layers.len() {
            output.mapv_inplace(f64::tanh);
        }
        outputs.push(output);
    }
    outputs
}

/// One step down the mean squared error.
fn learn(layers: &mut [Layer], batch: &Array2<f64>, rate: f64, t: i32) {
    let outputs = forward(layers, batch);
    let Some(last) = outputs.last() else {
        return;
    };
    let mut delta = (last - batch) * (2.0 / batch.len() as f64);
    for i in (0..layers.len()).rev() {
        let input = if i == 0 { batch } else { &outputs[i - 1] };
        let (weights, bias) = (input.t().dot(&delta), delta.sum_axis(Axis(0)));
        if i > 0 {
            delta = delta.dot(&layers[i].weights.t());
            delta.zip_mut_with(&outputs[i - 1], |d, o| *d *= 1.0 - o * o);
        }
        layers[i].step(&weights, &bias, rate, t);
    }
}

fn row_errors(layers: &[Layer], rows: ArrayView2<f64>) -> Vec<f64> {
    let mut out = Vec::with_capacity(rows.nrows());
    for block in rows.axis_chunks_iter(Axis(0), 1024) {
        let block = block.to_owned();
        if let Some(said) = forward(layers, &block).last() {
            let rest = said - &block;
            out.extend(rest.rows().into_iter().map(|r| (r.dot(&r) / r.len() as f64).sqrt()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(n: usize, seed: u64, broken: bool) -> Vec<Column> {
        let mut random = fastrand::Rng::with_seed(seed);
        let x: Vec<f64> = (0..n).map(|_| random.f64() * 2.0 - 1.0).collect();
        let noise: Vec<f64> = (0..n).map(|_| (random.f64() - 0.5) * 0.1).collect();
        // y is a curve of x; broken, it is the same curve of another x: each column looks alike.
        let mut from: Vec<usize> = (0..n).collect();
        if broken {
            random.shuffle(&mut from);
        }
        let y: Vec<f64> = (0..n).map(|i| x[from[i]] * x[from[i]] + noise[i]).collect();
        let codes: Vec<u32> = x.iter().map(|x| u32::from(*x > 0.0)).collect();
        vec![Column::Number(x), Column::Number(y), Column::Category { codes, classes: 2 }]
    }

    #[test]
    fn a_broken_relation_is_seen_and_the_reference_itself_is_usual() {
        let net = Autoencoder::fit(&columns(2000, 1, false), Options::default()).expect("fits");
        for usual in [net.held_out(), net.usual_of(&columns(400, 4, false)).expect("rows")] {
            let same = net.ratio(&columns(500, 2, false), &usual).expect("rows");
            let broken = net.ratio(&columns(500, 3, true), &usual).expect("rows");
            assert!((same.usual.0..=same.usual.1).contains(&same.ratio), "{same:?}");
            assert!(broken.ratio > broken.usual.1 + 0.2, "{broken:?}");
        }
        assert!(net.usual_of(&columns(LEAST - 1, 4, false)).is_none(), "too few to say what is usual");
    }

    #[test]
    fn the_same_seed_gives_the_same_net_and_nothing_panics() {
        let fit =
            || Autoencoder::fit(&columns(100, 1, false), Options { epochs: 3, ..Options::default() }).expect("fits");
        assert_eq!(fit().errors(&columns(10, 2, false)), fit().errors(&columns(10, 2, false)));
        let missing =
            vec![Column::Number(vec![f64::NAN; 60]), Column::Category { codes: vec![u32::MAX; 60], classes: 0 }];
        assert!(Autoencoder::fit(&missing, Options::default()).is_some());
        assert!(Autoencoder::fit(&[], Options::default()).is_none());
        assert!(fit().ratio(&missing, &fit().held_out()).is_none());
    }
}
