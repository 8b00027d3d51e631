//! No input makes a public function panic: NaN, infinities, nothing, one row, constants, ten million
//! equal values. One target a family; `PROPTEST_CASES=100000 cargo test -p statistics --test no_panics`
//! runs them for longer.

use std::hint::black_box;

use ndarray::Array2;
use proptest::prelude::*;
use statistics::agreement::{consensus, dawid_skene, fleiss_kappa, krippendorff_alpha, pairwise, vote_entropy};
use statistics::autoencoder::{Autoencoder, Column, Options};
use statistics::boosting::Boosting;
use statistics::calibration::{Isotonic, Platt};
use statistics::classification::{self, Average, Confusion};
use statistics::control::{
    AttributeChart, Cusum, Ewma, Rule, attribute_limits, individuals, violations, xbar_r, xbar_s,
};
use statistics::divergence::{self, Base};
use statistics::intervals::{ProportionInterval, bootstrap, mean_t, proportion};
use statistics::multiple_testing::{Adjustment, adjusted};
use statistics::probabilistic::{self, Grouping, calibration_curve};
use statistics::quantile::{mean, moments, quantile_sorted, sorted_finite, standard_deviation};
use statistics::sequential::{MeanSequence, RateMonitor};
use statistics::series::{
    OnlineChange, StlOptions, fit_holt_winters, grubbs, kendall, lagged, mann_kendall, modified_z, pearson, pelt,
    seasonal_robust_z, spearman, stl, theil_sen,
};
use statistics::sketch::Sketch;
use statistics::threshold::{conformal, decaying, from_history};
use statistics::unlabelled::{Calibrator, ConfidenceBased, LossModel, estimate_multiclass};
use statistics::{
    binning, categorical, domain_classifier, goodness, isolation_forest, kernel, kolmogorov_smirnov as ks, power,
    principal, ranking, ranks, regression, t_test,
};

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

fn flags(most: usize) -> impl Strategy<Value = Vec<bool>> {
    prop::collection::vec(any::<bool>(), 0..most)
}

proptest! {
    #[test]
    fn two_samples(x in values(60), y in values(60)) {
        let (a, b) = (sorted_finite(&x), sorted_finite(&y));
        let d = ks::statistic_sorted(&a, &b);
        for (n, m) in [(a.len(), b.len()), (0, 3), (1, 1), (400, 20_000)] {
            ks::p_value(d, n, m);
            ks::p_limit(d, n, m);
            ks::p_asymptotic(d, n, m);
        }
        ranks::mann_whitney(&x, &y);
        goodness::anderson_darling_sorted(&a, &b);
        goodness::cramer_von_mises(&a, &b);
        goodness::energy_distance_sorted(&a, &b);
        divergence::wasserstein_sorted(&a, &b);
        divergence::wasserstein_normalised(&a, &b);
        t_test::student(&x, &y);
        t_test::welch(&x, &y);
        for edges in [binning::decile_edges(&a), binning::doane_edges(&a), binning::sturges_edges(&a)] {
            binning::count_sorted(&b, &edges);
        }
        binning::count_distinct(&a, &b);
    }

    #[test]
    fn shares_and_counts(p in values(20), q in values(20), a in prop::collection::vec(any::<u32>(), 0..20), b in prop::collection::vec(any::<u32>(), 0..20)) {
        for base in [Base::Two, Base::E] {
            divergence::kullback_leibler(&p, &q, base);
            divergence::jensen_shannon_distance(&p, &q, base);
        }
        divergence::hellinger(&p, &q);
        divergence::total_variation(&p, &q);
        divergence::bhattacharyya(&p, &q);
        divergence::l_infinity(&p, &q);
        divergence::population_stability_index(&p, &q);
        divergence::filled_as_evidently(&p);
        let (a, b): (Vec<u64>, Vec<u64>) = (a.into_iter().map(u64::from).collect(), b.into_iter().map(u64::from).collect());
        categorical::chi_square(&a, &b);
        categorical::chi_square_yates(&a, &b);
        categorical::g_test(&a, &b);
        categorical::chi_square_goodness(&a, &b);
        for how in [Adjustment::Bonferroni, Adjustment::Holm, Adjustment::BenjaminiHochberg, Adjustment::BenjaminiYekutieli] {
            adjusted(&p, how);
        }
    }

    #[test]
    fn quality(score in values(40), truth in flags(40), other in values(40), classes in prop::collection::vec(0usize..4, 0..40), predicted in prop::collection::vec(0usize..6, 0..40)) {
        let n = score.len().min(truth.len());
        let (s, t) = (&score[..n], &truth[..n]);
        classification::roc_auc(s, t);
        classification::average_precision(s, t);
        classification::separation(s, t);
        let confusion = Confusion::of(&classes, &predicted, 4);
        for average in [Average::Micro, Average::Macro, Average::Weighted] { confusion.average(average); }
        black_box((confusion.matthews(), confusion.kappa(), confusion.balanced_accuracy()));
        probabilistic::log_loss(s, t);
        probabilistic::brier(s, t);
        for grouping in [Grouping::EqualWidth(10), Grouping::EqualMass(7), Grouping::NannyMl(10), Grouping::Quantile(5)] {
            let curve = calibration_curve(s, t, grouping);
            probabilistic::expected_calibration_error(&curve);
            probabilistic::brier_parts(&curve);
        }
        Isotonic::fit(&score, &other).predict(0.3);
        Platt::fit(s, t);
        regression::measures(&score, &other);
        regression::quantile_loss(&score, &other, 0.3);
        ranking::ndcg(&score, 5);
        ranking::average_precision(&truth, classes.len());
        let model = ConfidenceBased::fit(s, t, t, Calibrator::choose(s, t, 1));
        model.estimate(s, t);
        model.sampling_error(n);
        estimate_multiclass(&vec![0.5; classes.len() * 2], &classes, &[Calibrator::AsGiven, Calibrator::AsGiven]);
    }

    #[test]
    fn uncertainty(x in values(40), k in prop::num::f64::ANY, n in prop::num::f64::ANY, alpha in prop::num::f64::ANY) {
        for how in [ProportionInterval::Wilson, ProportionInterval::ClopperPearson, ProportionInterval::AgrestiCoull, ProportionInterval::Wald, ProportionInterval::Jeffreys] {
            proportion(k.abs(), n.abs(), 0.05, how);
            proportion(3.0, 10.0, alpha, how);
        }
        mean_t(&x, 0.05);
        bootstrap(x.len(), 20, 0.1, 1, |rows| rows.iter().map(|r| x[*r]).sum());
        black_box((mean(&x), standard_deviation(&x, 1), moments(&x), quantile_sorted(&sorted_finite(&x), alpha)));
        black_box((power::proportions(k, n, 10.0, 10.0, 0.05), power::detectable_rise(0.1, n.abs(), 10.0, 0.05, 0.8), power::detectable_distance(n, k, 0.05, 0.8)));
        black_box((from_history(&x, 3.0), decaying(&x, 0.05, n), conformal(&x, 0.05)));
        let (mut rate, mut sequence, mut sketch) = (RateMonitor::new(k), MeanSequence::new(0.05, n), Sketch::new(alpha));
        for v in &x { rate.update(*v, n); sequence.update(*v); sketch.add(*v); }
        black_box((sequence.interval(), sketch.quantile(alpha)));
    }

    #[test]
    fn series(x in values(50), y in values(50), period in 0usize..12) {
        stl(&x, StlOptions { period, seasonal: 7, robust: true });
        fit_holt_winters(&x, period, 5);
        mann_kendall(&x);
        theil_sen(&x, 0.05);
        black_box((pearson(&x, &y), spearman(&x, &y), kendall(&x, &y), lagged(&x, &y, 5)));
        modified_z(&x);
        grubbs(&x, 0.05);
        seasonal_robust_z(&x, period, 20, 0.5);
        pelt(&x, None, period);
        let mut online = OnlineChange::new(100.0, 0.0, 1.0);
        x.iter().for_each(|v| { online.update(*v, 5); });
    }

    #[test]
    fn control(x in values(40), n in values(40), size in 1usize..6) {
        individuals(&x);
        let groups: Vec<Vec<f64>> = x.chunks(size).map(<[f64]>::to_vec).collect();
        black_box((xbar_r(&groups), xbar_s(&groups)));
        for chart in [AttributeChart::P, AttributeChart::Np, AttributeChart::C, AttributeChart::U] { attribute_limits(chart, &x, &n); }
        for rule in Rule::NELSON.into_iter().chain(Rule::WESTERN_ELECTRIC) { violations(&x, rule); }
        Ewma { target: 0.0, sigma: 1.0, lambda: 0.2, width: 3.0 }.run(&x);
        Cusum { target: 0.0, sigma: 1.0, k: 0.5, h: 5.0 }.run(&x);
    }

    #[test]
    fn members(votes in prop::collection::vec(prop::option::of(0usize..5), 0..40), members in 0usize..5, classes in 0usize..5) {
        pairwise(&votes, members);
        fleiss_kappa(&votes, members, classes);
        krippendorff_alpha(&votes, members, classes);
        dawid_skene(&votes, members, classes);
        vote_entropy(&votes, classes);
        consensus(&votes, classes);
    }

    #[test]
    fn rows(x in values(240), columns in 1usize..4, seed in any::<u64>()) {
        let n = x.len() / columns;
        let flat = &x[..n * columns];
        let rows = Array2::from_shape_vec((n, columns), flat.to_vec()).expect("whole rows");
        if let Some(components) = principal::Components::fit(rows.view()) { components.errors(rows.view()); }
        let sigma = kernel::median_distance(rows.view(), rows.view());
        kernel::mmd2(rows.view(), rows.view(), sigma);
        kernel::mmd2_test(rows.view(), rows.view(), 1.0, 5, seed);
        kernel::lsdd_test(rows.view(), rows.view(), 1.0, 1e-3, 5, seed);
        if let Some(forest) = isolation_forest::IsolationForest::fit(flat, columns, 5, 32, seed) { forest.scores(flat); }
        Boosting::fit(flat, columns, &x[..n], Default::default()).predict(flat);
        LossModel::fit(flat, columns, &x[..n], seed);
        domain_classifier::separability(flat, flat, columns, seed);
        let column = Column::Number(x.clone());
        if let Some(net) = Autoencoder::fit(std::slice::from_ref(&column), Options { epochs: 2, seed, ..Options::default() }) { net.ratio(&[column]); }
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
