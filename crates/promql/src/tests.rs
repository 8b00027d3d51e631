//! Answers that a person can check by hand.

use proptest::prelude::*;

use super::*;

fn series(name: &str, labels: &[(&str, &str)], samples: &[(i64, f64)]) -> RawSeries {
    let mut all: Labels = labels.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
    all.insert(NAME.into(), name.into());
    let (times, values) = samples.iter().map(|(t, v)| (t * 1000, *v)).unzip();
    RawSeries { labels: all, times, values }
}

fn ask(text: &str, data: &[RawSeries], grid: Grid) -> Result<Value> {
    let query = Query::parse(text)?;
    let needs = query.needs(&grid, LOOKBACK);
    let found: Vec<Vec<RawSeries>> =
        needs.iter().map(|need| data.iter().filter(|s| need.accepts(&s.labels)).cloned().collect()).collect();
    query.evaluate(&grid, LOOKBACK, &needs, &found)
}

/// The values of an instant query at a second, by the label `job`.
fn at(text: &str, data: &[RawSeries], second: i64) -> Vec<(String, f64)> {
    match ask(text, data, Grid::instant(second * 1000)).expect("an answer") {
        Value::Vector(series) => {
            series.iter().map(|s| (s.labels.get("job").cloned().unwrap_or_default(), s.values[0])).collect()
        }
        Value::Scalar(values) => vec![(String::new(), values[0])],
        other => panic!("{other:?}"),
    }
}

fn counters() -> Vec<RawSeries> {
    let rising = |by: f64| (0..=10).map(|i| (i * 30 + 15, 1000.0 + i as f64 * by)).collect::<Vec<_>>();
    vec![series("hits", &[("job", "a")], &rising(30.0)), series("hits", &[("job", "b")], &rising(60.0))]
}

#[test]
fn a_steady_counter_has_its_rate() {
    assert_eq!(at("rate(hits[2m])", &counters(), 330), [("a".into(), 1.0), ("b".into(), 2.0)]);
    assert_eq!(at("sum(rate(hits[2m]))", &counters(), 330), [(String::new(), 3.0)]);
    assert_eq!(at("increase(hits{job=\"a\"}[1m])", &counters(), 330), [("a".into(), 60.0)]);
}

#[test]
fn a_counter_that_began_anew_does_not_fall() {
    let data = [series("hits", &[], &[(10, 100.0), (20, 110.0), (30, 5.0), (40, 15.0)])];
    let grown = at("increase(hits[40s])", &data, 45);
    // 10, then 5 from nothing, then 10; half a step and five seconds are carried on.
    assert!((grown[0].1 - 25.0 * 40.0 / 30.0).abs() < 1e-9, "{grown:?}");
}

#[test]
fn a_range_is_open_on_the_left_and_a_sample_counts_for_five_minutes() {
    let data = [series("x", &[], &[(0, 1.0), (60, 2.0)])];
    assert_eq!(at("count_over_time(x[1m])", &data, 60), [(String::new(), 1.0)]);
    assert_eq!(at("x", &data, 359), [(String::new(), 2.0)]);
    assert_eq!(at("x", &data, 360), []);
    assert_eq!(at("x offset 1m", &data, 60), [(String::new(), 1.0)]);
    assert_eq!(at("x @ 30", &data, 300), [(String::new(), 1.0)]);
}

#[test]
fn one_sided_matches_are_many_to_one_only_where_that_is_said() {
    let data = [
        series("errors", &[("job", "a"), ("code", "500")], &[(0, 3.0)]),
        series("errors", &[("job", "a"), ("code", "503")], &[(0, 1.0)]),
        series("requests", &[("job", "a")], &[(0, 8.0)]),
    ];
    assert!(ask("errors / on(job) requests", &data, Grid::instant(0)).is_err());
    let shares = at("errors / on(job) group_left requests", &data, 0);
    assert_eq!(shares.iter().map(|s| s.1).collect::<Vec<_>>(), [0.375, 0.125]);
    assert_eq!(at("sum by(job)(errors) / requests", &data, 0), [("a".into(), 0.5)]);
    assert_eq!(at("errors > 2", &data, 0).len(), 1);
    assert_eq!(at("errors >= bool 2", &data, 0).iter().map(|s| s.1).sum::<f64>(), 1.0);
    assert_eq!(at("requests unless on(job) errors", &data, 0), []);
    assert_eq!(at("nothing or requests", &data, 0), [("a".into(), 8.0)]);
}

#[test]
fn a_quantile_lies_within_the_bucket_of_its_rank() {
    let bucket = |le: &str, count: f64| series("took_bucket", &[("le", le)], &[(0, count)]);
    let data = [bucket("0.1", 50.0), bucket("0.5", 90.0), bucket("1", 100.0), bucket("+Inf", 100.0)];
    assert_eq!(at("histogram_quantile(0.5, took_bucket)", &data, 0), [(String::new(), 0.1)]);
    let p95 = at("histogram_quantile(0.95, took_bucket)", &data, 0)[0].1;
    assert!((p95 - 0.75).abs() < 1e-12, "{p95}");
    assert!(at("histogram_quantile(0.5, took_bucket{le!=\"+Inf\"})", &data, 0)[0].1.is_nan());
}

#[test]
fn what_is_not_there_can_be_asked_about() {
    let answer = ask("absent(up{job=\"a\",zone=~\"x.*\"})", &[], Grid::instant(0)).expect("an answer");
    let Value::Vector(found) = answer else { panic!("a vector") };
    assert_eq!(found[0].labels, Labels::from([("job".into(), "a".into())]));
    assert_eq!(found[0].values, [1.0]);
}

#[test]
fn labels_are_made_of_others() {
    let data = [series("up", &[("instance", "db-1:9100")], &[(0, 1.0)])];
    let text = "label_replace(up, \"job\", \"$1\", \"instance\", \"(.*):.*\")";
    assert_eq!(at(text, &data, 0), [("db-1".into(), 1.0)]);
}

#[test]
fn the_greatest_are_chosen_at_each_step() {
    let data =
        [series("x", &[("job", "a")], &[(0, 1.0), (60, 5.0)]), series("x", &[("job", "b")], &[(0, 2.0), (60, 3.0)])];
    let answer = ask("topk(1, x)", &data, Grid { start: 0, end: 60_000, step: 60_000 }).expect("an answer");
    let Value::Vector(found) = answer else { panic!("a vector") };
    assert!(is_absent(found[0].values[0]) && found[0].values[1] == 5.0);
    assert!(found[1].values[0] == 2.0 && is_absent(found[1].values[1]));
}

#[test]
fn a_subquery_looks_back_on_computed_values() {
    let highest = at("max_over_time(rate(hits[1m])[3m:30s])", &counters(), 330);
    assert_eq!(highest, [("a".into(), 1.0), ("b".into(), 2.0)]);
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let error = ask("histogram_sum(x)", &[], Grid::instant(0)).expect_err("refused");
    assert_eq!(error, QueryError::Unsupported("the function histogram_sum".into()));
    assert!(matches!(Query::parse("sum(("), Err(QueryError::Syntax(_))));
    assert!(Query::parse(&"(".repeat(5000)).is_err());
    assert!(Query::parse(&format!("{}1", "-".repeat(5000))).is_err());
}

#[test]
fn two_results_of_one_name_are_refused() {
    let data = [series("a", &[], &[(0, 1.0)]), series("b", &[], &[(0, 2.0)])];
    assert!(ask("abs({__name__=~\"a|b\"})", &data, Grid::instant(0)).is_err());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[a-z0-9(){}\\[\\]:,\"=~!<>+*/^% -]{0,60}") {
        if let Ok(query) = Query::parse(&text) {
            let grid = Grid { start: 0, end: 60_000, step: 15_000 };
            let needs = query.needs(&grid, LOOKBACK);
            let found: Vec<Vec<RawSeries>> = needs.iter().map(|_| counters()).collect();
            let _ = query.evaluate(&grid, LOOKBACK, &needs, &found);
        }
    }

    #[test]
    fn a_rate_adds_up_to_what_was_counted(steps in prop::collection::vec(0.0..100.0f64, 3..40)) {
        let mut count = 1e6;
        let samples: Vec<(i64, f64)> = steps.iter().enumerate().map(|(i, by)| { count += by; (i as i64 * 10, count) }).collect();
        let last = samples.last().expect("some").0;
        let first = samples[0].1;
        let data = [series("x", &[], &samples)];
        // The range begins just before the first sample and ends at the last: nothing to carry on.
        let grown = at(&format!("increase(x[{}ms])", last * 1000 + 1), &data, last)[0].1;
        prop_assert!((grown - (count - first)).abs() <= 1e-3 * (1.0 + count - first));
    }
}

#[test]
fn a_bare_number_that_is_no_span_of_time_is_refused_by_name() {
    for (query, span) in [
        ("rate(a[99999999999999999999])", "99999999999999999999"),
        ("a[ 1e30 ]", "1e30"),
        ("a[5m:1e+30]", "1e+30"),
        ("a offset -inf", "inf"),
        ("a{x=\"]\"} OFFSET NaN", "NaN"),
    ] {
        let refused = Query::parse(query).map(|_| ()).expect_err(query).to_string();
        assert!(refused.contains(&format!("{span} is no span of time")), "{query}: {refused}");
    }
    for query in [
        "rate(a[300])",
        "a[1h:60]",
        "a offset 60",
        "a > 1e300",
        "a{x=\"[1e30]\"}",
        "a:inf",
        "a # [1e30",
        "sum(a) > +Inf",
    ] {
        assert!(Query::parse(query).is_ok(), "{query}");
    }
}
