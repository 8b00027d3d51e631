//! Isolation forest (Liu, Ting & Zhou 2008): rows that random cuts set apart quickly are strange.

/// Cuts that end with one row or at the depth limit.
#[derive(Debug, Clone)]
enum Node {
    Leaf { rows: f64 },
    Cut { column: usize, at: f64, left: usize, right: usize },
}

/// Trees on samples of the reference.
#[derive(Debug, Clone)]
pub struct IsolationForest {
    columns: usize,
    trees: Vec<Vec<Node>>,
    sample: f64,
}

impl IsolationForest {
    /// Fits `trees` trees on `sample` rows each (100 and 256 are the authors' defaults) of row-major
    /// rows. NaN counts as below everything. `None` for no rows or columns.
    pub fn fit(rows: &[f64], columns: usize, trees: usize, sample: usize, seed: u64) -> Option<IsolationForest> {
        let n = rows.len().checked_div(columns)?;
        if n == 0 || trees == 0 {
            return None;
        }
        let mut random = fastrand::Rng::with_seed(seed);
        let sample = sample.clamp(1, n);
        let depth = (sample as f64).log2().ceil() as usize;
        let mut forest = IsolationForest { columns, trees: Vec::with_capacity(trees), sample: sample as f64 };
        for _ in 0..trees {
            let chosen: Vec<usize> = (0..sample).map(|_| random.usize(0..n)).collect();
            let mut tree = Vec::new();
            grow(&mut tree, rows, columns, chosen, depth, &mut random);
            forest.trees.push(tree);
        }
        Some(forest)
    }

    /// The score of each row, from 0 to 1: about 0.5 is usual, above 0.6 strange.
    pub fn scores(&self, rows: &[f64]) -> Vec<f64> {
        let scale = usual_depth(self.sample).max(1e-9);
        rows.chunks_exact(self.columns)
            .map(|row| {
                let depth: f64 =
                    self.trees.iter().map(|tree| depth_of(tree, row)).sum::<f64>() / self.trees.len() as f64;
                2.0_f64.powf(-depth / scale)
            })
            .collect()
    }
}

/// Mean depth of a row in a random tree of n rows: 2 H(n − 1) − 2 (n − 1)/n.
fn usual_depth(n: f64) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    match n {
        n if n > 2.0 => 2.0 * ((n - 1.0).ln() + EULER) - 2.0 * (n - 1.0) / n,
        2.0 => 1.0,
        _ => 0.0,
    }
}

fn depth_of(tree: &[Node], row: &[f64]) -> f64 {
    let (mut at, mut depth) = (0, 0.0);
    loop {
        match &tree[at] {
            Node::Leaf { rows } => return depth + usual_depth(*rows),
            Node::Cut { column, at: edge, left, right } => {
                at = if row[*column] >= *edge { *right } else { *left };
                depth += 1.0;
            }
        }
    }
}

fn grow(
    tree: &mut Vec<Node>,
    rows: &[f64],
    columns: usize,
    chosen: Vec<usize>,
    depth: usize,
    random: &mut fastrand::Rng,
) -> usize {
    let place = tree.len();
    tree.push(Node::Leaf { rows: chosen.len() as f64 });
    if depth == 0 || chosen.len() < 2 {
        return place;
    }
    let value = |row: &usize, column: usize| rows[row * columns + column];
    // A column that varies, if there is one within a few tries.
    for _ in 0..columns.min(16) {
        let column = random.usize(0..columns);
        let (low, high) = chosen
            .iter()
            .map(|r| value(r, column))
            .filter(|v| v.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        if low >= high {
            continue;
        }
        let at = low + random.f64() * (high - low);
        let (right, left): (Vec<usize>, Vec<usize>) = chosen.into_iter().partition(|r| value(r, column) >= at);
        let left = grow(tree, rows, columns, left, depth - 1, random);
        let right = grow(tree, rows, columns, right, depth - 1, random);
        tree[place] = Node::Cut { column, at, left, right };
        return place;
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_far_from_all_others_scores_highest() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut rows: Vec<f64> = (0..1000).map(|_| random.f64()).collect();
        let forest = IsolationForest::fit(&rows, 2, 100, 256, 7).expect("fits");
        rows.extend([9.0, -9.0, 0.5, 0.5]);
        let scores = forest.scores(&rows);
        let (strange, usual) = (scores[500], scores[501]);
        assert!(strange > 0.62 && usual < 0.5, "{strange} {usual}");
        assert!(IsolationForest::fit(&[], 2, 10, 10, 1).is_none());
        assert!(
            IsolationForest::fit(&[f64::NAN; 8], 2, 10, 10, 1).expect("fits").scores(&[f64::NAN; 2])[0].is_finite()
        );
    }
}
