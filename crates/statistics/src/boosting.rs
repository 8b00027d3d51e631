//! Gradient-boosted trees on binned columns: small, deterministic by seed, good enough to learn an
//! error or to tell two samples apart. What is learnt serves a verdict, never a prediction.

/// Bins a column at most; one more holds what is missing.
const BINS: usize = 64;
/// Of fewer rows there are fewer bins: finer than a leaf they tell little apart.
const ROWS_OF_BIN: usize = 30;
const BINS_LEAST: usize = 8;

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
    /// Columns each tree looks at, drawn anew for each; all where there are no more.
    pub columns: usize,
    pub loss: Loss,
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        let (sample, columns) = (0.7, usize::MAX);
        Options { trees: 80, depth: 4, rate: 0.1, leaf: 20, sample, columns, loss: Loss::Squared, seed: 1 }
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

/// The last bin of a column, after those between its edges, is that of missing values.
fn bin_of(edges: &[f64], value: f64) -> u8 {
    if value.is_nan() { edges.len() as u8 + 1 } else { edges.partition_point(|edge| *edge < value) as u8 }
}

/// Rows as the bins that trees are grown on, column-major so that a histogram reads straight on. Models of
/// several folds share it.
#[derive(Debug, Clone)]
pub struct Binned {
    columns: Vec<Vec<u8>>,
    edges: Vec<Vec<f64>>,
}

impl Binned {
    /// Cuts row-major `inputs` of `columns` columns at their quantiles.
    pub fn of(inputs: &[f64], columns: usize) -> Binned {
        let n = inputs.len().checked_div(columns).unwrap_or(0);
        let bins = (n / ROWS_OF_BIN).clamp(BINS_LEAST, BINS);
        let cut = |c: usize| {
            let own: Vec<f64> = inputs.iter().skip(c).step_by(columns).copied().collect();
            let mut values: Vec<f64> = own.iter().copied().filter(|v| !v.is_nan()).collect();
            values.sort_unstable_by(f64::total_cmp);
            let mut edges: Vec<f64> = (1..bins).filter_map(|i| values.get(i * values.len() / bins).copied()).collect();
            edges.dedup();
            (own.into_iter().map(|v| bin_of(&edges, v)).collect(), edges)
        };
        let (binned, edges): (Vec<Vec<u8>>, Vec<Vec<f64>>) = (0..columns).map(cut).unzip();
        Binned { columns: binned, edges }
    }
}

impl Boosting {
    /// Fits row-major `inputs` of `columns` columns to `target`. Without rows it predicts 0.
    pub fn fit(inputs: &[f64], columns: usize, target: &[f64], options: Options) -> Boosting {
        let rows: Vec<u32> = (0..target.len() as u32).collect();
        Boosting::fit_rows(&Binned::of(inputs, columns), &rows, target, options)
    }

    /// Fits some `rows` of what was cut into bins to `target`, which has a value for every row.
    pub fn fit_rows(binned: &Binned, rows: &[u32], target: &[f64], options: Options) -> Boosting {
        let mut random = fastrand::Rng::with_seed(options.seed);
        let columns = binned.columns.len();
        let known = rows.iter().map(|r| target[*r as usize]);
        let mean = if rows.is_empty() { 0.0 } else { known.sum::<f64>() / rows.len() as f64 };
        let start = match options.loss {
            Loss::Squared => mean,
            Loss::Logistic => (mean.clamp(1e-6, 1.0 - 1e-6) / (1.0 - mean.clamp(1e-6, 1.0 - 1e-6))).ln(),
        };
        let mut model = Boosting { columns, edges: binned.edges.clone(), start, trees: Vec::new() };
        let mut score = vec![start; target.len()];
        let mut slopes = vec![(0.0, 0.0); target.len()];
        let mut looked_at: Vec<usize> = (0..columns).collect();
        for _ in 0..options.trees {
            for r in rows.iter().map(|r| *r as usize) {
                slopes[r] = match options.loss {
                    Loss::Squared => (target[r] - score[r], 1.0),
                    Loss::Logistic => {
                        let p = 1.0 / (1.0 + (-score[r]).exp());
                        (target[r] - p, (p * (1.0 - p)).max(1e-6))
                    }
                };
            }
            let mut seen: Vec<u32> = rows.iter().copied().filter(|_| random.f64() < options.sample).collect();
            if seen.len() < 2 * options.leaf {
                break;
            }
            if options.columns < columns {
                random.shuffle(&mut looked_at);
            }
            let looked_at = &looked_at[..columns.min(options.columns)];
            let mut tree = Vec::new();
            let mut from = vec![0];
            for column in looked_at {
                from.push(from.last().unwrap_or(&0) + binned.edges[*column].len() + 2);
            }
            let growth = Growth { binned: &binned.columns, looked_at, from, slopes: &slopes, options: &options };
            growth.grow(&mut tree, &mut seen, None, options.depth);
            for r in rows.iter().map(|r| *r as usize) {
                score[r] += leaf_of(&tree, |c| binned.columns[c][r]);
            }
            model.trees.push(tree);
        }
        model
    }

    /// Predictions for some rows of what it was fitted on, or was cut into bins with it.
    pub fn predict_rows(&self, binned: &Binned, rows: &[u32]) -> Vec<f64> {
        let of = |r: usize| self.trees.iter().map(|tree| leaf_of(tree, |c| binned.columns[c][r])).sum::<f64>();
        rows.iter().map(|r| self.start + of(*r as usize)).collect()
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

/// What the rows of one bin sum up to.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    gradient: f64,
    curvature: f64,
    rows: u32,
}

/// What a tree is grown from.
struct Growth<'a> {
    /// The bin of each row, column by column.
    binned: &'a [Vec<u8>],
    /// The columns of this tree.
    looked_at: &'a [usize],
    /// Where the bins of each of them begin in a histogram of all, and where the last one ends.
    from: Vec<usize>,
    /// Gradient and curvature of the loss at each row.
    slopes: &'a [(f64, f64)],
    options: &'a Options,
}

impl Growth<'_> {
    fn histogram(&self, rows: &[u32]) -> Vec<Slot> {
        let mut all = vec![Slot::default(); self.from.last().copied().unwrap_or(0)];
        let slopes: Vec<(f64, f64)> = rows.iter().map(|r| self.slopes[*r as usize]).collect();
        for (column, ends) in self.looked_at.iter().zip(self.from.windows(2)) {
            let bins = &self.binned[*column];
            let own = &mut all[ends[0]..ends[1]];
            for (r, (gradient, curvature)) in rows.iter().zip(&slopes) {
                let slot = &mut own[usize::from(bins[*r as usize])];
                slot.gradient += gradient;
                slot.curvature += curvature;
                slot.rows += 1;
            }
        }
        all
    }

    fn splits(&self, rows: &[u32], depth: usize) -> bool {
        depth > 0 && rows.len() >= 2 * self.options.leaf
    }

    /// Adds the node for these rows and its children; gives its place. `histogram` is theirs, where it is known.
    fn grow(&self, tree: &mut Vec<Node>, rows: &mut [u32], histogram: Option<Vec<Slot>>, depth: usize) -> usize {
        let (g, h) = rows.iter().fold((0.0, 0.0), |(g, h), r| {
            let (gradient, curvature) = self.slopes[*r as usize];
            (g + gradient, h + curvature)
        });
        let place = tree.len();
        tree.push(Node::Leaf(self.options.rate * g / (h + 1.0)));
        if !self.splits(rows, depth) {
            return place;
        }
        let histogram = histogram.unwrap_or_else(|| self.histogram(rows));
        let Some((column, bin)) = self.best(&histogram, g, h, rows.len()) else {
            return place;
        };
        let bins = &self.binned[column];
        let ordered = rows.iter().partition::<Vec<u32>, _>(|r| bins[**r as usize] <= bin);
        let cut = ordered.0.len();
        rows[..cut].copy_from_slice(&ordered.0);
        rows[cut..].copy_from_slice(&ordered.1);
        let (left, right) = rows.split_at_mut(cut);
        // The larger side's histogram is what the smaller one's leaves of the whole.
        let (mut of_left, mut of_right) = (None, None);
        if self.splits(left, depth - 1) || self.splits(right, depth - 1) {
            let left_is_less = left.len() < right.len();
            let less = self.histogram(if left_is_less { left } else { right });
            let mut more = histogram;
            for (slot, less) in more.iter_mut().zip(&less) {
                slot.gradient -= less.gradient;
                slot.curvature -= less.curvature;
                slot.rows -= less.rows;
            }
            (of_left, of_right) = if left_is_less { (Some(less), Some(more)) } else { (Some(more), Some(less)) };
        }
        let left = self.grow(tree, left, of_left, depth - 1);
        let right = self.grow(tree, right, of_right, depth - 1);
        tree[place] = Node::Split { column, bin, left, right };
        place
    }

    /// The column and the bin after which splitting gains most, where any does.
    fn best(&self, histogram: &[Slot], g: f64, h: f64, rows: usize) -> Option<(usize, u8)> {
        let leaf = self.options.leaf;
        let mut best = (1e-9 + g * g / (h + 1.0), None);
        for (column, ends) in self.looked_at.iter().zip(self.from.windows(2)) {
            let (mut left_g, mut left_h, mut left_n) = (0.0, 0.0, 0);
            // What is missing is always on the right.
            for (bin, slot) in histogram[ends[0]..ends[1] - 1].iter().enumerate() {
                left_g += slot.gradient;
                left_h += slot.curvature;
                left_n += slot.rows as usize;
                if slot.rows == 0 || left_n < leaf {
                    continue;
                }
                if rows - left_n < leaf {
                    break;
                }
                // g²/(h + 1) of both sides by one division: of this loop's work that is most.
                let (right_g, left, right) = (g - left_g, left_h + 1.0, h - left_h + 1.0);
                let gain = (left_g * left_g * right + right_g * right_g * left) / (left * right);
                if gain > best.0 {
                    best = (gain, Some((*column, bin as u8)));
                }
            }
        }
        best.1
    }
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
