//! Queries, read and evaluated on a few samples.
#![no_main]

use libfuzzer_sys::fuzz_target;
use promql::{Grid, LOOKBACK, Labels, NAME, Query, RawSeries};

fuzz_target!(|text: &str| {
    let Ok(query) = Query::parse(text) else {
        return;
    };
    let grid = Grid { start: 0, end: 60_000, step: 20_000 };
    let needs = query.needs(&grid, LOOKBACK);
    let series = |i: i64| RawSeries {
        labels: Labels::from([(NAME.to_string(), "x".to_string()), ("i".to_string(), i.to_string())]),
        times: (0..8).map(|t| t * 9_000 + i).collect(),
        values: vec![1.0, 2.0, f64::NAN, 0.0, f64::INFINITY, 3.0, -1.0, 5.0],
    };
    let found: Vec<Vec<RawSeries>> = needs.iter().map(|_| (0..3).map(series).collect()).collect();
    let _ = query.evaluate(&grid, LOOKBACK, &needs, &found);
});
