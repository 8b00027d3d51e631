//! Patterns that a stable process rarely makes: Western Electric (1956) and Nelson (1984).

/// A rule on z = (x − centre) / σ. It fires at the point that completes its pattern and for as long
/// as the pattern holds. Comparisons are strict: a point on a line is not beyond it, and one on the
/// centre belongs to no side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Beyond 3σ.
    Beyond3,
    /// Two of the last three beyond 2σ on one side, this one among them.
    TwoOfThreeBeyond2,
    /// Four of the last five beyond 1σ on one side, this one among them.
    FourOfFiveBeyond1,
    /// Eight in a row on one side (Western Electric).
    EightOnOneSide,
    /// Nine in a row on one side (Nelson).
    NineOnOneSide,
    /// Six in a row steadily rising or falling.
    SixTrending,
    /// Fourteen in a row alternating up and down.
    FourteenAlternating,
    /// Fifteen in a row within 1σ: too good.
    FifteenWithin1,
    /// Eight in a row beyond 1σ on either side: a mixture.
    EightBeyond1,
}

impl Rule {
    pub const WESTERN_ELECTRIC: [Rule; 4] =
        [Rule::Beyond3, Rule::TwoOfThreeBeyond2, Rule::FourOfFiveBeyond1, Rule::EightOnOneSide];

    /// In Nelson's order, 1 to 8.
    pub const NELSON: [Rule; 8] = [
        Rule::Beyond3,
        Rule::NineOnOneSide,
        Rule::SixTrending,
        Rule::FourteenAlternating,
        Rule::TwoOfThreeBeyond2,
        Rule::FourOfFiveBeyond1,
        Rule::FifteenWithin1,
        Rule::EightBeyond1,
    ];
}

/// The places where a rule fires. NaN is beyond nothing and breaks every run.
pub fn violations(z: &[f64], rule: Rule) -> Vec<usize> {
    let fires = |i: usize| -> bool {
        match rule {
            Rule::Beyond3 => z[i].abs() > 3.0,
            Rule::TwoOfThreeBeyond2 => some_of(z, i, 3, 2, 2.0),
            Rule::FourOfFiveBeyond1 => some_of(z, i, 5, 4, 1.0),
            Rule::EightOnOneSide => all_of(z, i, 8, |v, last| v * last > 0.0),
            Rule::NineOnOneSide => all_of(z, i, 9, |v, last| v * last > 0.0),
            Rule::FifteenWithin1 => all_of(z, i, 15, |v, _| v.abs() < 1.0),
            Rule::EightBeyond1 => all_of(z, i, 8, |v, _| v.abs() > 1.0),
            Rule::SixTrending => {
                let steps = steps(z, i, 6);
                steps.is_some_and(|s| s.iter().all(|d| *d > 0.0) || s.iter().all(|d| *d < 0.0))
            }
            Rule::FourteenAlternating => {
                steps(z, i, 14).is_some_and(|s| s.windows(2).all(|pair| pair[0] * pair[1] < 0.0))
            }
        }
    };
    (0..z.len()).filter(|i| fires(*i)).collect()
}

/// Whether at least `least` of the last `of` lie beyond `limit` on the side of this one, which is
/// beyond itself. At the start the window is shorter.
fn some_of(z: &[f64], i: usize, of: usize, least: usize, limit: f64) -> bool {
    let beyond = |v: f64| v.abs() > limit && v * z[i] > 0.0;
    let window = &z[(i + 1).saturating_sub(of)..=i];
    beyond(z[i]) && window.iter().filter(|v| beyond(**v)).count() >= least
}

fn all_of(z: &[f64], i: usize, count: usize, holds: impl Fn(f64, f64) -> bool) -> bool {
    i + 1 >= count && z[i + 1 - count..=i].iter().all(|v| holds(*v, z[i]))
}

/// Differences within the last `count` points.
fn steps(z: &[f64], i: usize, count: usize) -> Option<Vec<f64>> {
    (i + 1 >= count).then(|| z[i + 1 - count..=i].windows(2).map(|pair| pair[1] - pair[0]).collect())
}
