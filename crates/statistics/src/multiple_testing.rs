//! Many tests at once: p-values adjusted for how many were asked.

/// How p-values are adjusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adjustment {
    /// m·p: the chance of any false alarm stays below α, whatever the dependence.
    Bonferroni,
    /// Step-down (Holm 1979): the same promise, never weaker.
    Holm,
    /// Step-up (Benjamini & Hochberg 1995): the share of false alarms among alarms stays below α
    /// for independent or positively dependent tests.
    BenjaminiHochberg,
    /// The same under any dependence (Benjamini & Yekutieli 2001), Σ 1/i times stricter.
    BenjaminiYekutieli,
}

/// Adjusted p-values in the order given, at most 1. NaN stays NaN and does not count as a test.
pub fn adjusted(p: &[f64], adjustment: Adjustment) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).filter(|i| !p[*i].is_nan()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let tests = order.len() as f64;
    let mut out = vec![f64::NAN; p.len()];
    let step_up = |out: &mut [f64], factor: f64| {
        let mut least = 1.0_f64;
        for (rank, index) in order.iter().enumerate().rev() {
            least = least.min(p[*index] * factor * tests / (rank + 1) as f64);
            out[*index] = least;
        }
    };
    match adjustment {
        Adjustment::Bonferroni => order.iter().for_each(|index| out[*index] = (p[*index] * tests).min(1.0)),
        Adjustment::Holm => {
            let mut greatest = 0.0_f64;
            for (rank, index) in order.iter().enumerate() {
                greatest = greatest.max(p[*index] * (tests - rank as f64)).min(1.0);
                out[*index] = greatest;
            }
        }
        Adjustment::BenjaminiHochberg => step_up(&mut out, 1.0),
        Adjustment::BenjaminiYekutieli => step_up(&mut out, (1..=order.len()).map(|i| 1.0 / i as f64).sum()),
    }
    out
}

/// [`adjusted`] by [`Adjustment::BenjaminiHochberg`], the default over the features of one window.
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    adjusted(p, Adjustment::BenjaminiHochberg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn missing_tests_do_not_count() {
        let p = [0.01, 0.04, 0.03, f64::NAN, 0.5];
        let expected = [0.04, 0.053_333_333_333_333_34, 0.053_333_333_333_333_34, f64::NAN, 0.5];
        for (got, want) in benjamini_hochberg(&p).iter().zip(expected) {
            assert!((got - want).abs() < 1e-12 || (got.is_nan() && want.is_nan()), "{got} {want}");
        }
    }

    proptest! {
        #[test]
        fn no_adjustment_makes_a_p_smaller_and_all_keep_the_order(p in prop::collection::vec(0.0f64..=1.0, 1..30)) {
            for how in [Adjustment::Bonferroni, Adjustment::Holm, Adjustment::BenjaminiHochberg, Adjustment::BenjaminiYekutieli] {
                let q = adjusted(&p, how);
                for i in 0..p.len() {
                    prop_assert!(q[i] >= p[i] - 1e-12 && q[i] <= 1.0);
                    for j in 0..p.len() {
                        prop_assert!(p[i] > p[j] || q[i] <= q[j] + 1e-12);
                    }
                }
            }
        }
    }
}
