//! One function a family: whatever it is given, nothing in it panics. Called with what proptest makes up
//! (`no_panics.rs`) and with what libFuzzer finds (`cargo xtask fuzz`).

use std::hint::black_box;

use ndarray::Array2;
use statistics::agreement::{consensus, dawid_skene, fleiss_kappa, krippendorff_alpha, pairwise, vote_entropy};
use statistics::autoencoder::{Autoencoder, Column, Options};
use statistics::boosting::Boosting;
use statistics::calibration::{Isotonic, Platt};
use statistics::classification::{self, Average, Confusion, Counts};
use statistics::control::{
    AttributeChart, Cusum, Ewma, Rule, attribute_limits, cusum_arl, ewma_arl, individuals, shewhart_arl, violations,
    xbar_r, xbar_s,
};
use statistics::divergence::{self, Base};
use statistics::fairness::{self, GroupRates, Undefined};
use statistics::intervals::{ProportionInterval, bootstrap, mean_t, proportion};
use statistics::multiple_testing::{Adjustment, adjusted};
use statistics::probabilistic::{self, Grouping, calibration_curve};
use statistics::quantile::{mean, moments, quantile_sorted, sorted_finite, standard_deviation};
use statistics::sequential::{MeanSequence, RateMonitor};
use statistics::series::{
    OnlineChange, SeasonalBaseline, StlOptions, fit_holt_winters, grubbs, kendall, lagged, mann_kendall, modified_z,
    pearson, pelt, seasonal_robust_z, spearman, stl, theil_sen,
};
use statistics::sketch::Sketch;
use statistics::stream::{Adwin, Ddm, Detector, Eddm, HddmA, HddmW, Kswin, PageHinkley};
use statistics::threshold::{chance_beyond, chance_beyond_median, conformal, decaying, from_history, seasonal};
use statistics::unlabelled::{Calibrator, ConfidenceBased, LossModel, estimate_multiclass};
use statistics::{
    binning, categorical, domain_classifier, goodness, isolation_forest, kernel, kolmogorov_smirnov as ks, power,
    principal, ranking, ranks, regression, t_test,
};

/// Distances and tests between two samples of numbers.
pub fn two_samples(x: &[f64], y: &[f64]) {
    let (a, b) = (sorted_finite(x), sorted_finite(y));
    let d = ks::statistic_sorted(&a, &b);
    for (n, m) in [(a.len(), b.len()), (0, 3), (1, 1), (400, 20_000)] {
        ks::p_value(d, n, m);
        ks::p_limit(d, n, m);
        ks::p_asymptotic(d, n, m);
    }
    ks::Ranks::of(&a).statistic(&a, &b);
    ranks::mann_whitney(x, y);
    goodness::anderson_darling_sorted(&a, &b);
    goodness::cramer_von_mises(&a, &b);
    goodness::energy_distance_sorted(&a, &b);
    divergence::wasserstein_sorted(&a, &b);
    divergence::wasserstein_normalised(&a, &b);
    t_test::student(x, y);
    t_test::welch(x, y);
    for edges in [binning::decile_edges(&a), binning::doane_edges(&a), binning::sturges_edges(&a)] {
        binning::count_sorted(&b, &edges);
    }
    binning::count_distinct(&a, &b);
}

/// Distances between shares, tests of counts, p-values adjusted for their number.
pub fn shares_and_counts(p: &[f64], q: &[f64], a: &[u32], b: &[u32]) {
    for base in [Base::Two, Base::E] {
        divergence::kullback_leibler(p, q, base);
        divergence::jensen_shannon_distance(p, q, base);
    }
    divergence::hellinger(p, q);
    divergence::total_variation(p, q);
    divergence::bhattacharyya(p, q);
    divergence::l_infinity(p, q);
    divergence::population_stability_index(p, q);
    divergence::filled_as_evidently(p);
    let counts = |counts: &[u32]| counts.iter().map(|n| u64::from(*n)).collect::<Vec<u64>>();
    let (a, b) = (counts(a), counts(b));
    categorical::chi_square(&a, &b);
    categorical::chi_square_yates(&a, &b);
    categorical::g_test(&a, &b);
    categorical::chi_square_goodness(&a, &b);
    for how in [Adjustment::Bonferroni, Adjustment::Holm, Adjustment::BenjaminiHochberg, Adjustment::BenjaminiYekutieli]
    {
        adjusted(p, how);
    }
}

/// Measures of quality, with the truth and without. `classes` and `predicted` are below 4 and 6.
pub fn quality(score: &[f64], truth: &[bool], other: &[f64], classes: &[usize], predicted: &[usize]) {
    let n = score.len().min(truth.len());
    let (s, t) = (&score[..n], &truth[..n]);
    classification::roc_auc(s, t);
    classification::average_precision(s, t);
    classification::separation(s, t);
    let confusion = Confusion::of(classes, predicted, 4);
    for average in [Average::Micro, Average::Macro, Average::Weighted] {
        confusion.average(average);
    }
    black_box((confusion.matthews(), confusion.kappa(), confusion.balanced_accuracy()));
    probabilistic::log_loss(s, t);
    probabilistic::brier(s, t);
    for grouping in [Grouping::EqualWidth(10), Grouping::EqualMass(7), Grouping::NannyMl(10), Grouping::Quantile(5)] {
        let curve = calibration_curve(s, t, grouping);
        probabilistic::expected_calibration_error(&curve);
        probabilistic::brier_parts(&curve);
    }
    Isotonic::fit(score, other).predict(0.3);
    Platt::fit(s, t);
    regression::measures(score, other);
    regression::quantile_loss(score, other, 0.3);
    ranking::ndcg(score, 5);
    ranking::average_precision(truth, classes.len());
    black_box((ranking::reciprocal_rank(truth), ranking::hit(truth, classes.len())));
    let model = ConfidenceBased::fit(s, t, t, Calibrator::choose(s, t, 1));
    model.estimate(s, t);
    model.sampling_error(n);
    estimate_multiclass(&vec![0.5; classes.len() * 2], classes, &[Calibrator::AsGiven, Calibrator::AsGiven]);
}

/// Groups held against each other; each row is the group's four counts.
pub fn groups(counts: &[[u32; 4]], columns: &[Vec<Option<&str>>], least: usize) {
    let rates = |[a, b, c, d]: &[u32; 4]| {
        let [a, b, c, d] = [*a, *b, *c, *d].map(u64::from);
        GroupRates::of(Counts { true_positive: a, false_positive: b, true_negative: c, false_negative: d })
    };
    let rates: Vec<GroupRates> = counts.iter().filter_map(rates).collect();
    for undefined in [Undefined::LeftOut, Undefined::Zero] {
        fairness::compare(&rates, undefined);
    }
    fairness::intersections(columns, least);
}

/// Intervals, power, thresholds, and what is always valid.
pub fn uncertainty(x: &[f64], k: f64, n: f64, alpha: f64) {
    for how in [
        ProportionInterval::Wilson,
        ProportionInterval::ClopperPearson,
        ProportionInterval::AgrestiCoull,
        ProportionInterval::Wald,
        ProportionInterval::Jeffreys,
    ] {
        proportion(k.abs(), n.abs(), 0.05, how);
        proportion(3.0, 10.0, alpha, how);
    }
    mean_t(x, 0.05);
    bootstrap(x.len(), 20, 0.1, 1, |rows| rows.iter().map(|r| x[*r]).sum());
    black_box((mean(x), standard_deviation(x, 1), moments(x), quantile_sorted(&sorted_finite(x), alpha)));
    black_box((
        power::proportions(k, n, 10.0, 10.0, 0.05),
        power::detectable_rise(0.1, n.abs(), 10.0, 0.05, 0.8),
        power::detectable_distance(n, k, 0.05, 0.8),
    ));
    black_box((from_history(x, 3.0), decaying(x, 0.05, n), conformal(x, 0.05)));
    black_box((chance_beyond(k, n), chance_beyond_median(k, x.len())));
    let (mut rate, mut sequence, mut sketch) = (RateMonitor::new(k), MeanSequence::new(0.05, n), Sketch::new(alpha));
    let mut half = Sketch::new(alpha);
    for (i, v) in x.iter().enumerate() {
        rate.update(*v, n);
        sequence.update(*v);
        if i % 2 == 0 { sketch.add(*v) } else { half.add(*v) }
    }
    sketch.merge(&half);
    black_box((sequence.interval(), sketch.quantile(alpha)));
}

/// Values in order of time.
pub fn series(x: &[f64], y: &[f64], period: usize) {
    stl(x, StlOptions { period, seasonal: 7, robust: true });
    if let Some(forecast) = fit_holt_winters(x, period, 5) {
        black_box((forecast.band(0.9), forecast.crossing(1.0, true)));
    }
    mann_kendall(x);
    theil_sen(x, 0.05);
    black_box((pearson(x, y), spearman(x, y), kendall(x, y), lagged(x, y, 5)));
    modified_z(x);
    grubbs(x, 0.05);
    seasonal_robust_z(x, period, 20, 0.5);
    if let Some(baseline) = SeasonalBaseline::of(x, period, 0.5) {
        black_box((baseline.z(x.len(), 1.0), seasonal(&baseline, x.len(), 3.0)));
    }
    pelt(x, None, period);
    let mut online = OnlineChange::new(100.0, 0.0, 1.0);
    for v in x {
        online.update(*v, 5);
    }
}

/// Detectors of change, value by value.
pub fn streams(x: &[f64]) {
    let detectors: [&mut dyn Detector; 7] = [
        &mut Adwin::default(),
        &mut PageHinkley::default(),
        &mut Kswin::default(),
        &mut Ddm::default(),
        &mut Eddm::default(),
        &mut HddmA::default(),
        &mut HddmW::default(),
    ];
    for detector in detectors {
        for v in x {
            detector.update(*v);
        }
    }
}

/// Control charts. `size` is a subgroup's, at least 1.
pub fn control(x: &[f64], n: &[f64], size: usize) {
    individuals(x);
    let groups: Vec<Vec<f64>> = x.chunks(size).map(<[f64]>::to_vec).collect();
    black_box((xbar_r(&groups), xbar_s(&groups)));
    for chart in [AttributeChart::P, AttributeChart::Np, AttributeChart::C, AttributeChart::U] {
        attribute_limits(chart, x, n);
    }
    for rule in Rule::NELSON.into_iter().chain(Rule::WESTERN_ELECTRIC) {
        violations(x, rule);
    }
    Ewma { target: 0.0, sigma: 1.0, lambda: 0.2, width: 3.0 }.run(x);
    Cusum { target: 0.0, sigma: 1.0, k: 0.5, h: 5.0 }.run(x);
    if let [a, b, c, ..] = x {
        black_box((shewhart_arl(*a, *b), cusum_arl(*a, *b, *c), ewma_arl(*a, *b, *c)));
    }
}

/// Members of an ensemble: each vote is below `classes`, or missing.
pub fn members(votes: &[Option<usize>], members: usize, classes: usize) {
    pairwise(votes, members);
    fleiss_kappa(votes, members, classes);
    krippendorff_alpha(votes, members, classes);
    dawid_skene(votes, members, classes);
    vote_entropy(votes, classes);
    consensus(votes, classes);
}

/// Whole rows: distances of many dimensions, and what is learnt from them. At least one column.
pub fn rows(x: &[f64], columns: usize, seed: u64) {
    let n = x.len() / columns;
    let flat = &x[..n * columns];
    let rows = Array2::from_shape_vec((n, columns), flat.to_vec()).expect("whole rows");
    if let Some(components) = principal::Components::fit(rows.view()) {
        components.errors(rows.view());
    }
    let sigma = kernel::median_distance(rows.view(), rows.view());
    kernel::mmd2(rows.view(), rows.view(), sigma);
    kernel::mmd2_test(rows.view(), rows.view(), 1.0, 5, seed);
    kernel::lsdd_test(rows.view(), rows.view(), 1.0, 1e-3, 5, seed);
    if let Some(forest) = isolation_forest::IsolationForest::fit(flat, columns, 5, 32, seed) {
        forest.scores(flat);
    }
    Boosting::fit(flat, columns, &x[..n], Default::default()).predict(flat);
    LossModel::fit(flat, columns, &x[..n], seed);
    domain_classifier::separability(flat, flat, columns, seed);
    domain_classifier::importance_weights(flat, flat, columns, seed);
    let column = Column::Number(x.to_vec());
    let options = Options { epochs: 2, seed, ..Options::default() };
    if let Some(net) = Autoencoder::fit(std::slice::from_ref(&column), options) {
        net.ratio(&[column], &net.held_out());
    }
}
