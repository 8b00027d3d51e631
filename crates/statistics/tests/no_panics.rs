//! No input makes a public function panic: NaN, infinities, nothing, one row, constants, ten million
//! equal values. One test a family; `PROPTEST_CASES=100000 cargo test -p statistics --test no_panics`
//! runs them for longer, `cargo xtask fuzz` looks for the inputs that nobody thinks of.

mod families;

use proptest::prelude::*;
use statistics::quantile::{mean, sorted_finite, standard_deviation};
use statistics::{binning, divergence, kolmogorov_smirnov as ks};

/// Any numbers at all, also many equal ones.
fn values(most: usize) -> impl Strategy<Value = Vec<f64>> {
    let one = prop_oneof![
        4 => -10.0f64..10.0,
        1 => prop::num::f64::ANY,
        1 => Just(0.0),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(f64::MAX),
    ];
    prop_oneof![prop::collection::vec(one, 0..most), (prop::num::f64::ANY, 0..most).prop_map(|(v, n)| vec![v; n])]
}

fn counts() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(any::<u32>(), 0..20)
}

fn below(end: usize) -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..end, 0..40)
}

proptest! {
    #[test]
    fn two_samples(x in values(60), y in values(60)) {
        families::two_samples(&x, &y);
    }

    #[test]
    fn shares_and_counts(p in values(20), q in values(20), a in counts(), b in counts()) {
        families::shares_and_counts(&p, &q, &a, &b);
    }

    #[test]
    fn quality(
        score in values(40),
        truth in prop::collection::vec(any::<bool>(), 0..40),
        other in values(40),
        classes in below(4),
        predicted in below(6),
    ) {
        families::quality(&score, &truth, &other, &classes, &predicted);
    }

    #[test]
    fn groups(rows in prop::collection::vec(any::<[u32; 4]>(), 0..8), kinds in prop::collection::vec(prop::option::of("[ab]"), 0..40), least in 0usize..9) {
        let column: Vec<Option<&str>> = kinds.iter().map(Option::as_deref).collect();
        families::groups(&rows, &[column.clone(), column], least);
    }

    #[test]
    fn uncertainty(x in values(40), k in prop::num::f64::ANY, n in prop::num::f64::ANY, alpha in prop::num::f64::ANY) {
        families::uncertainty(&x, k, n, alpha);
    }

    #[test]
    fn series(x in values(50), y in values(50), period in 0usize..12) {
        families::series(&x, &y, period);
    }

    #[test]
    fn streams(x in values(400)) {
        families::streams(&x);
    }

    #[test]
    fn control(x in values(40), n in values(40), size in 1usize..6) {
        families::control(&x, &n, size);
    }

    #[test]
    fn members(votes in prop::collection::vec(prop::option::of(0usize..5), 0..40), members in 0usize..5, classes in 0usize..5) {
        families::members(&votes, members, classes);
    }

    #[test]
    fn rows(x in values(240), columns in 1usize..4, seed in any::<u64>()) {
        families::rows(&x, columns, seed);
    }
}

#[test]
fn ten_million_equal_values_are_one_value() {
    let x = vec![3.0; 10_000_000];
    assert_eq!(ks::statistic_sorted(&x, &x[..1000]), 0.0);
    assert_eq!(divergence::wasserstein_sorted(&x, &x[..1000]), 0.0);
    assert_eq!(binning::doane_edges(&x), [2.5, 3.5]);
    assert_eq!(sorted_finite(&x).len(), x.len());
    assert_eq!((mean(&x), standard_deviation(&x, 0)), (3.0, 0.0));
}
