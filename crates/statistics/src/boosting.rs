//! Gradient-boosted trees on binned columns: small, deterministic by seed, good enough to learn an
//! error or to tell two samples apart. What is learnt serves a verdict, never a prediction.

/// Bins a column; one more holds what is missing.
const BINS: usize = 64;

/// How trees are grown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    pub trees: usize,
    pub depth: usize,
    /// Share of each tree that is added.
    pub rate: f64,
    /// Rows a leaf holds at least.
    pub leaf: usize,
    /// Share of the rows each tree sees.
    pub sample: f64,
    pub loss: Loss,
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { trees: 80, depth: 4, rate: 0.1, leaf: 20, sample: 0.7, loss: Loss::Squared, seed: 1 }
    }
}

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    Squared,
    /// Targets are 0 and 1; predictions are ln odds.
    Logistic,
}

#[derive(Debug, Clone)]
enum Node {
    Leaf(f64),
    /// Rows whose bin is at most `bin` go left.
    Split {
        column: usize,
        bin: u8,
        left: usize,
        right: usize,
    },
}

/// A sum of trees.
#[derive(Debug, Clone)]
pub struct Boosting {
    columns: usize,
    /// Upper edges of the bins of each column.
    edges: Vec<Vec<f64>>,
    start: f64,
    trees: Vec<Vec<Node>>,
}

fn bin_of(edges: &[f64], value: f64) -> u8 {
    if value.is_nan() { BINS as u8 } else { edges.partition_point(|edge| *edge < value) as u8 }
}

impl Boosting {
    /// Fits row-major `inputs` of `columns` columns to `target`. Without rows it predicts 0.
    pub fn fit(inputs: &[f64], columns: usize, target: &[f64], options: Options) -> Boosting {
        let n = target.len();
        let mut random = fastrand::Rng::with_seed(options.seed);
        let edges: Vec<Vec<f64>> = (0..columns)
            .map(|c| {
                let mut values: Vec<f64> = (0..n).map(|r| inputs[r * columns + c]).filter(|v| !v.is_nan()).collect();
                values.sort_unstable_by(f64::total_cmp);
                let mut edges: Vec<f64> =
                    (1..BINS).filter_map(|i| values.get(i * values.len() / BINS).copied()).collect();
                edges.dedup();
                edges
            })
            .collect();
        // Column-major, so that a histogram reads straight on.
        let binned: Vec<Vec<u8>> =
            (0..columns).map(|c| (0..n).map(|r| bin_of(&edges[c], inputs[r * columns + c])).collect()).collect();
        let mean = if n > 0 { target.iter().sum::<f64>() / n as f64 } else { 0.0 };
        let start = match options.loss {
            Loss::Squared => mean,
            Loss::Logistic => (mean.clamp(1e-6, 1.0 - 1e-6) / (1.0 - mean.clamp(1e-6, 1.0 - 1e-6))).ln(),
        };
        let mut model = Boosting { columns, edges, start, trees: Vec::new() };
        let mut score = vec![start; n];
        for _ in 0..options.trees {
            let (gradient, curvature): (Vec<f64>, Vec<f64>) = score
                .iter()
                .zip(target)
                .map(|(s, t)| match options.loss {
                    Loss::Squared => (t - s, 1.0),
                    Loss::Logistic => {
                        let p = 1.0 / (1.0 + (-s).exp());
                        (t - p, (p * (1.0 - p)).max(1e-6))
                    }
                })
                .unzip();
            let rows: Vec<usize> = (0..n).filter(|_| random.f64() < options.sample).collect();
            if rows.len() < 2 * options.leaf {
                break;
            }
            let mut tree = Vec::new();
            grow(&mut tree, &binned, &gradient, &curvature, rows, options.depth, &options);
            for (r, s) in score.iter_mut().enumerate() {
                *s += leaf_of(&tree, |c| binned[c][r]);
            }
            model.trees.push(tree);
        }
        model
    }

    /// Predictions for row-major inputs with the columns of the fit.
    pub fn predict(&self, inputs: &[f64]) -> Vec<f64> {
        inputs
            .chunks_exact(self.columns.max(1))
            .map(|row| {
                let bins: Vec<u8> = row.iter().zip(&self.edges).map(|(v, edges)| bin_of(edges, *v)).collect();
                self.start + self.trees.iter().map(|tree| leaf_of(tree, |c| bins[c])).sum::<f64>()
            })
            .collect()
    }

    /// How often each column was split on, as shares.
    pub fn importance(&self) -> Vec<f64> {
        let mut counts = vec![0.0; self.columns];
        for node in self.trees.iter().flatten() {
            if let Node::Split { column, .. } = node {
                counts[*column] += 1.0;
            }
        }
        let total: f64 = counts.iter().sum();
        counts.iter().map(|c| if total > 0.0 { c / total } else { 0.0 }).collect()
    }
}

fn leaf_of(tree: &[Node], bin: impl Fn(usize) -> u8) -> f64 {
    let mut at = 0;
    loop {
        match tree.get(at) {
            Some(Node::Split { column, bin: edge, left, right }) => {
                at = if bin(*column) <= *edge { *left } else { *right }
            }
            Some(Node::Leaf(value)) => return *value,
            None => return 0.0,
        }
    }
}

/// Adds the node for these rows and its children; gives its place.
fn grow(
    tree: &mut Vec<Node>,
    binned: &[Vec<u8>],
    gradient: &[f64],
    curvature: &[f64],
    rows: Vec<usize>,
    depth: usize,
    options: &Options,
) -> usize {
    let (g, h) = rows.iter().fold((0.0, 0.0), |(g, h), r| (g + gradient[*r], h + curvature[*r]));
    let place = tree.len();
    tree.push(Node::Leaf(options.rate * g / (h + 1.0)));
    if depth == 0 || rows.len() < 2 * options.leaf {
        return place;
    }
    let whole = g * g / (h + 1.0);
    let mut best = (1e-9 + whole, 0, 0);
    for (column, bins) in binned.iter().enumerate() {
        let mut histogram = [(0.0, 0.0, 0_usize); BINS + 1];
        for r in &rows {
            let slot = &mut histogram[usize::from(bins[*r])];
            slot.0 += gradient[*r];
            slot.1 += curvature[*r];
            slot.2 += 1;
        }
        let (mut left_g, mut left_h, mut left_n) = (0.0, 0.0, 0);
        for (bin, (bin_g, bin_h, bin_n)) in histogram.iter().enumerate().take(BINS) {
            left_g += bin_g;
            left_h += bin_h;
            left_n += bin_n;
            if *bin_n == 0 || left_n < options.leaf {
                continue;
            }
            if rows.len() - left_n < options.leaf {
                break;
            }
            // g²/(h + 1) of both sides by one division: of this loop's work that is most.
            let (right_g, left, right) = (g - left_g, left_h + 1.0, h - left_h + 1.0);
            let gain = (left_g * left_g * right + right_g * right_g * left) / (left * right);
            if gain > best.0 {
                best = (gain, column, bin + 1);
            }
        }
    }
    let (_, column, bin) = best;
    if bin == 0 {
        return place;
    }
    let bin = (bin - 1) as u8;
    let (left, right): (Vec<usize>, Vec<usize>) = rows.into_iter().partition(|r| binned[column][*r] <= bin);
    let left = grow(tree, binned, gradient, curvature, left, depth - 1, options);
    let right = grow(tree, binned, gradient, curvature, right, depth - 1, options);
    tree[place] = Node::Split { column, bin, left, right };
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_learnt_and_the_same_seed_gives_the_same_model() {
        let x: Vec<f64> = (0..2000).map(|i| f64::from(i % 200)).collect();
        let y: Vec<f64> = x.iter().map(|x| if *x > 120.0 { 3.0 } else { 1.0 }).collect();
        let model = Boosting::fit(&x, 1, &y, Options::default());
        let said = model.predict(&[10.0, 119.0, 150.0, f64::NAN]);
        assert!((said[0] - 1.0).abs() < 0.05 && (said[2] - 3.0).abs() < 0.05, "{said:?}");
        assert_eq!(said[..3], Boosting::fit(&x, 1, &y, Options::default()).predict(&[10.0, 119.0, 150.0])[..]);
        assert_eq!(Boosting::fit(&[], 2, &[], Options::default()).predict(&[1.0, 2.0]), [0.0]);
    }
}
