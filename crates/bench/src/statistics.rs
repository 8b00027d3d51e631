//! How often tests, detectors and thresholds cry wolf, and how soon they see a wolf: on simulated
//! streams with fixed seeds.

use rayon::prelude::*;
use serde_json::{Value, json};
use statistics::control::{Cusum, Ewma, cusum_arl, ewma_arl};
use statistics::quantile::sorted_finite;
use statistics::sequential::{MeanSequence, RateMonitor};
use statistics::series::{SeasonalBaseline, lagged};
use statistics::stream::{Adwin, Ddm, Detector, Eddm, HddmA, HddmW, Kswin, PageHinkley, Signal};
use statistics::threshold::{Thresholds, conformal, decaying, from_history, seasonal};
use statistics::unlabelled::{Calibrator, ConfidenceBased, Realised};
use statistics::{categorical, goodness, kolmogorov_smirnov as ks, ranks, t_test};

type Random = fastrand::Rng;

fn normal(random: &mut Random) -> f64 {
    let (u, v) = (1.0 - random.f64(), random.f64());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// Student's t with three degrees of freedom, scaled to variance 1.
fn heavy(random: &mut Random) -> f64 {
    let chi: f64 = (0..3).map(|_| normal(random).powi(2)).sum();
    normal(random) / (chi / 3.0).sqrt() / 3.0_f64.sqrt()
}

fn line(value: Value) {
    println!("{value}");
}

/// The share of rounds in which something holds; each round has a seed of its own.
fn share(rounds: usize, holds: impl Fn(&mut Random) -> bool + Sync) -> f64 {
    let hits = (0..rounds).into_par_iter().filter(|i| holds(&mut Random::with_seed(*i as u64))).count();
    hits as f64 / rounds as f64
}

pub fn simulate(rounds: usize) {
    two_samples(rounds);
    categories(rounds);
    detectors(rounds);
    charts(rounds);
    thresholds(rounds);
    sequential(rounds / 4);
    correlation(rounds);
    estimation(rounds / 10);
}

/// p below 0.05 for samples of 200 and 150 rows: of one law, and a third of a deviation apart.
fn two_samples(rounds: usize) {
    type Test = fn(&[f64], &[f64]) -> f64;
    let tests: [(&str, Test); 5] = [
        ("Kolmogorov–Smirnov", |x, y| ks::p_value(ks::statistic_sorted(x, y), x.len(), y.len())),
        ("Mann–Whitney", |x, y| ranks::mann_whitney(x, y).map_or(1.0, |m| m.p)),
        ("Anderson–Darling", |x, y| goodness::anderson_darling_sorted(x, y).map_or(1.0, |a| a.p)),
        ("Cramér–von Mises", |x, y| goodness::cramer_von_mises(x, y).map_or(1.0, |c| c.p_asymptotic)),
        ("Welch", |x, y| t_test::welch(x, y).map_or(1.0, |t| t.p)),
    ];
    for (name, test) in tests {
        let alarms = |shift: f64| {
            share(rounds, |random| {
                let x: Vec<f64> = (0..200).map(|_| normal(random)).collect();
                let y: Vec<f64> = (0..150).map(|_| normal(random) + shift).collect();
                test(&sorted_finite(&x), &sorted_finite(&y)) < 0.05
            })
        };
        line(
            json!({"bench": "two samples", "test": name, "alpha": 0.05, "false_alarms": alarms(0.0), "power_0.33sd": alarms(0.33)}),
        );
    }
}

fn categories(rounds: usize) {
    let draw = |random: &mut Random, shares: [f64; 4], n: usize| {
        let mut counts = vec![0; 4];
        for _ in 0..n {
            let mut u = random.f64();
            let class = shares
                .iter()
                .position(|s| {
                    u -= s;
                    u < 0.0
                })
                .unwrap_or(3);
            counts[class] += 1;
        }
        counts
    };
    type Test = fn(&[u64], &[u64]) -> f64;
    let tests: [(&str, Test); 3] = [
        ("χ²", |a, b| categorical::chi_square(a, b).p),
        ("G", |a, b| categorical::g_test(a, b).p),
        ("χ² against the reference as truth", |a, b| categorical::chi_square_goodness(a, b).p),
    ];
    for (name, test) in tests {
        let alarms = |now: [f64; 4]| {
            share(rounds, |random| {
                let before = draw(random, [0.4, 0.3, 0.2, 0.1], 300);
                test(&before, &draw(random, now, 300)) < 0.05
            })
        };
        let (same, moved) = (alarms([0.4, 0.3, 0.2, 0.1]), alarms([0.3, 0.3, 0.25, 0.15]));
        line(json!({"bench": "categories", "test": name, "alpha": 0.05, "false_alarms": same, "power": moved}));
    }
}

/// Detections in 2,000 values that do not change, and values until a change is seen.
fn detectors(rounds: usize) {
    type Make = fn() -> Box<dyn Detector>;
    let makes: [(&str, bool, Make); 7] = [
        ("ADWIN", false, || Box::new(Adwin::default())),
        ("Page–Hinkley", false, || Box::new(PageHinkley::default())),
        ("KSWIN", false, || Box::new(Kswin::default())),
        ("DDM", true, || Box::new(Ddm::default())),
        ("EDDM", true, || Box::new(Eddm::default())),
        ("HDDM-A", true, || Box::new(HddmA::default())),
        ("HDDM-W", true, || Box::new(HddmW::default())),
    ];
    let rounds = (rounds / 10).max(20);
    for (name, errors, make) in makes {
        let value = |random: &mut Random, changed: bool| match (errors, changed) {
            (true, false) => f64::from(u8::from(random.f64() < 0.1)),
            (true, true) => f64::from(u8::from(random.f64() < 0.3)),
            (false, false) => normal(random),
            (false, true) => normal(random) + 1.0,
        };
        let runs: Vec<(usize, Option<usize>)> = (0..rounds)
            .into_par_iter()
            .map(|round| {
                let mut random = Random::with_seed(round as u64);
                let mut detector = make();
                let still = (0..2000).filter(|_| detector.update(value(&mut random, false)) == Signal::Drift).count();
                let mut detector = make();
                (0..500).for_each(|_| {
                    detector.update(value(&mut random, false));
                });
                (still, (0..1000).position(|_| detector.update(value(&mut random, true)) == Signal::Drift))
            })
            .collect();
        let alarms: usize = runs.iter().map(|(still, _)| still).sum();
        let mut delays: Vec<usize> = runs.iter().filter_map(|(_, delay)| *delay).collect();
        delays.sort_unstable();
        line(json!({
            "bench": "detectors", "detector": name, "false_alarms_per_1000": alarms as f64 / (rounds * 2) as f64,
            "found": delays.len() as f64 / rounds as f64, "median_delay": delays.get(delays.len() / 2),
        }));
    }
}

/// Average run lengths, simulated and by Markov chain.
fn charts(rounds: usize) {
    let rounds = (rounds / 10).max(50);
    let run = |signal: &(dyn Fn(&[f64]) -> Option<usize> + Sync), shift: f64| -> f64 {
        let lengths: f64 = (0..rounds)
            .into_par_iter()
            .map(|round| {
                let mut random = Random::with_seed(round as u64);
                let values: Vec<f64> = (0..5000).map(|_| normal(&mut random) + shift).collect();
                signal(&values).map_or(5000.0, |i| (i + 1) as f64)
            })
            .sum();
        lengths / rounds as f64
    };
    let cusum = Cusum { target: 0.0, sigma: 1.0, k: 0.5, h: 5.0 };
    let by_cusum = |values: &[f64]| cusum.run(values).iter().position(|p| p.signal_up || p.signal_down);
    let ewma = Ewma { target: 0.0, sigma: 1.0, lambda: 0.2, width: 2.86 };
    let (low, high) = ewma.steady();
    let by_ewma = |values: &[f64]| ewma.run(values).iter().position(|p| p.z > high || p.z < low);
    for shift in [0.0, 0.5, 1.0] {
        line(
            json!({"bench": "run length", "chart": "CUSUM k 0.5 h 5", "shift": shift, "simulated": run(&by_cusum, shift), "markov": cusum_arl(0.5, 5.0, shift)}),
        );
        line(
            json!({"bench": "run length", "chart": "EWMA λ 0.2 L 2.86", "shift": shift, "simulated": run(&by_ewma, shift), "markov": ewma_arl(0.2, 2.86, shift)}),
        );
    }
}

/// The share of new values outside limits learnt from 100 before them, on three kinds of stream.
fn thresholds(rounds: usize) {
    type Learn = fn(&[f64]) -> Thresholds;
    let kinds: [(&str, Learn); 4] = [
        ("mean ± 3 deviations", |h| from_history(h, 3.0)),
        ("decaying quantiles, 5 %", |h| decaying(h, 0.05, 50.0)),
        ("conformal, 5 %", |h| conformal(h, 0.05)),
        // Twenty values a phase.
        ("median ± 3 spreads of its season", |h| match SeasonalBaseline::of(h, 5, 0.0) {
            Some(baseline) => seasonal(&baseline, h.len(), 3.0),
            None => conformal(h, 0.0),
        }),
    ];
    for (name, learn) in kinds {
        for stream in ["independent normal", "autocorrelated 0.7", "heavy tails, t3"] {
            let stated = learn(&(0..100).map(f64::from).collect::<Vec<_>>()).false_alarms;
            let measured = share(rounds * 10, |random| {
                let mut state = normal(random);
                let mut next = || match stream {
                    "autocorrelated 0.7" => {
                        state = 0.7 * state + (1.0_f64 - 0.49).sqrt() * normal(random);
                        state
                    }
                    "heavy tails, t3" => heavy(random),
                    _ => normal(random),
                };
                let history: Vec<f64> = (0..100).map(|_| next()).collect();
                learn(&history).outside(next())
            });
            line(
                json!({"bench": "thresholds", "threshold": name, "stream": stream, "stated": stated, "measured": measured}),
            );
        }
    }
}

/// The share of streams of 2,000 values that are ever called changed, looked at after every value.
fn sequential(rounds: usize) {
    let rate = share(rounds, |random| {
        let mut monitor = RateMonitor::new(0.1);
        (0..2000).any(|_| monitor.update(f64::from(u8::from(random.f64() < 0.1)), 1.0) < 0.05)
    });
    let fixed = share(rounds, |random| {
        let mut hits = 0.0;
        (1..=2000).any(|n| {
            hits += f64::from(u8::from(random.f64() < 0.1));
            let n = f64::from(n);
            n > 30.0 && ((hits / n - 0.1) / (0.09 / n).sqrt()).abs() > 1.96
        })
    });
    let mean = share(rounds, |random| {
        let mut sequence = MeanSequence::new(0.05, 500.0);
        (0..2000).any(|_| {
            sequence.update(heavy(random));
            let (low, high) = sequence.interval();
            !(low..=high).contains(&0.0)
        })
    });
    line(json!({"bench": "sequential", "test": "rate, always valid", "alpha": 0.05, "ever_wrong": rate}));
    line(
        json!({"bench": "sequential", "test": "rate, a fixed test looked at each time", "alpha": 0.05, "ever_wrong": fixed}),
    );
    line(json!({"bench": "sequential", "test": "mean, confidence sequence, t3", "alpha": 0.05, "ever_wrong": mean}));
}

/// Two unrelated series with memory that are called related.
fn correlation(rounds: usize) {
    for memory in [0.0, 0.8, 0.95] {
        let alarms = share(rounds, |random| {
            let mut walk = || {
                let mut at = 0.0;
                (0..200)
                    .map(|_| {
                        at = memory * at + normal(random);
                        at
                    })
                    .collect::<Vec<f64>>()
            };
            let (x, y) = (walk(), walk());
            lagged(&x, &y, 12).is_some_and(|l| l.p < 0.05)
        });
        line(json!({"bench": "lagged correlation", "memory": memory, "alpha": 0.05, "false_alarms": alarms}));
    }
}

/// How often the realised accuracy of 1,000 rows lies within two and three sampling errors of the
/// estimate, calibrated on 5,000.
fn estimation(rounds: usize) {
    let within = |k: f64| {
        share(rounds, |random| {
            let mut rows = |n: usize| {
                let score: Vec<f64> = (0..n).map(|_| random.f64()).collect();
                // Overconfident: the truth is milder than the score.
                let truth: Vec<bool> = score.iter().map(|s| random.f64() < 0.2 + 0.6 * s).collect();
                let decided: Vec<bool> = score.iter().map(|s| *s >= 0.5).collect();
                (score, decided, truth)
            };
            let (before, now) = (rows(5000), rows(1000));
            let calibrator = Calibrator::choose(&before.0, &before.2, 1);
            let model = ConfidenceBased::fit(&before.0, &before.1, &before.2, calibrator);
            let said = model.estimate(&now.0, &now.1).accuracy;
            let was = Realised::of(&now.0, &now.1, &now.2).0.accuracy;
            (said - was).abs() <= k * model.sampling_error(1000).accuracy
        })
    };
    line(
        json!({"bench": "estimated accuracy", "rows": 1000, "within_2_errors": within(2.0), "within_3_errors": within(3.0)}),
    );
}
