//! The nodes of a query, each over all steps of a grid.

use std::collections::HashMap;

use promql_parser::parser::{Expr, MatrixSelector, SubqueryExpr, VectorSelector};

use crate::{
    ABSENT, Grid, Labels, NAME, QueryError, RawSeries, Result, Series, Value, aggregate, binary, fixed, functions,
    inner_grid, is_absent, over_time, place, shift, wrong,
};

/// The step of a subquery that names none.
const SUBQUERY_STEP: i64 = 60_000;
/// Steps of one subquery at most.
const SUBQUERY_STEPS: usize = 200_000;

pub(crate) struct Evaluator<'a> {
    /// The grid of the whole query, which `start()` and `end()` mean.
    pub(crate) whole: Grid,
    pub(crate) lookback: i64,
    pub(crate) data: HashMap<usize, &'a [RawSeries]>,
}

/// Samples of series to look back on, and how far, for each step.
pub(crate) struct Ranges {
    pub(crate) series: Vec<RawSeries>,
    /// The end of the range of each step.
    pub(crate) ends: Vec<i64>,
    pub(crate) range: i64,
}

impl Evaluator<'_> {
    /// The whole query: an instant query may ask for samples as they are.
    pub(crate) fn top(&self, expr: &Expr, grid: &Grid) -> Result<Value> {
        match expr {
            Expr::Paren(paren) => self.top(&paren.expr, grid),
            Expr::MatrixSelector(_) | Expr::Subquery(_) if grid.steps() == 1 => {
                let ranges = self.ranges(expr, grid)?;
                let end = ranges.ends[0];
                let raw = ranges.series.into_iter().filter_map(|series| {
                    let (from, to) = over_time::within(&series.times, end - ranges.range, end);
                    let (times, values) = (series.times[from..to].to_vec(), series.values[from..to].to_vec());
                    (from < to).then_some(RawSeries { labels: series.labels, times, values })
                });
                Ok(Value::Raw(raw.collect()))
            }
            _ => self.node(expr, grid),
        }
    }

    pub(crate) fn node(&self, expr: &Expr, grid: &Grid) -> Result<Value> {
        match expr {
            Expr::NumberLiteral(number) => Ok(Value::Scalar(vec![number.val; grid.steps()])),
            Expr::StringLiteral(text) => Ok(Value::Text(text.val.clone())),
            Expr::Paren(paren) => self.node(&paren.expr, grid),
            Expr::VectorSelector(vs) => Ok(Value::Vector(self.instant(vs, grid, |_, value| value))),
            Expr::Unary(unary) => match self.node(&unary.expr, grid)? {
                Value::Scalar(values) => Ok(Value::Scalar(values.into_iter().map(|v| -v).collect())),
                Value::Vector(series) => functions::each(series, |v| -v).map(Value::Vector),
                _ => wrong("only numbers and vectors have a sign"),
            },
            Expr::Binary(operation) => {
                let (left, right) = (self.node(&operation.lhs, grid)?, self.node(&operation.rhs, grid)?);
                binary::evaluate(operation, left, right)
            }
            Expr::Aggregate(aggregation) => {
                let param = aggregation.param.as_ref().map(|p| self.node(p, grid)).transpose()?;
                let series = self.vector(&aggregation.expr, grid)?;
                aggregate::evaluate(&aggregation.op.to_string(), aggregation.modifier.as_ref(), param, series)
                    .map(Value::Vector)
            }
            Expr::Call(call) => functions::call(self, call, grid),
            Expr::MatrixSelector(_) | Expr::Subquery(_) => {
                wrong("a range of samples is no value at an instant; put a function around it, as rate(…)")
            }
            Expr::Extension(_) => Err(QueryError::Unsupported("this expression".into())),
        }
    }

    pub(crate) fn vector(&self, expr: &Expr, grid: &Grid) -> Result<Vec<Series>> {
        match self.node(expr, grid)? {
            Value::Vector(series) => Ok(series),
            _ => wrong("a vector is needed here"),
        }
    }

    pub(crate) fn scalar(&self, expr: &Expr, grid: &Grid) -> Result<Vec<f64>> {
        match self.node(expr, grid)? {
            Value::Scalar(values) => Ok(values),
            _ => wrong("a number is needed here"),
        }
    }

    /// The newest sample at each step, made into a value from its time and what was measured.
    pub(crate) fn instant(&self, vs: &VectorSelector, grid: &Grid, make: impl Fn(i64, f64) -> f64) -> Vec<Series> {
        let by = shift(vs.offset.as_ref());
        let at = fixed(vs.at.as_ref(), &self.whole);
        let mut found = Vec::new();
        for raw in self.data.get(&place(vs)).copied().unwrap_or_default() {
            let mut values = Vec::with_capacity(grid.steps());
            let mut next = 0;
            for time in grid.times() {
                let time = at.unwrap_or(time) - by;
                while next < raw.times.len() && raw.times[next] <= time {
                    next += 1;
                }
                values.push(match next.checked_sub(1) {
                    Some(newest) if raw.times[newest] > time - self.lookback && !is_absent(raw.values[newest]) => {
                        make(raw.times[newest], raw.values[newest])
                    }
                    _ => ABSENT,
                });
            }
            if values.iter().any(|v| !is_absent(*v)) {
                found.push(Series { labels: raw.labels.clone(), values });
            }
        }
        found
    }

    /// What a range selector or a subquery looks back on.
    pub(crate) fn ranges(&self, expr: &Expr, grid: &Grid) -> Result<Ranges> {
        match expr {
            Expr::Paren(paren) => self.ranges(&paren.expr, grid),
            Expr::MatrixSelector(ms) => Ok(self.selected(ms, grid)),
            Expr::Subquery(sub) => self.subquery(sub, grid),
            _ => wrong("a range of samples is needed here, as metric[5m]"),
        }
    }

    fn selected(&self, ms: &MatrixSelector, grid: &Grid) -> Ranges {
        let by = shift(ms.vs.offset.as_ref());
        let at = fixed(ms.vs.at.as_ref(), &self.whole);
        let series = self.data.get(&place(&ms.vs)).copied().unwrap_or_default().to_vec();
        let ends = grid.times().map(|t| at.unwrap_or(t) - by).collect();
        Ranges { series, ends, range: ms.range.as_millis() as i64 }
    }

    fn subquery(&self, sub: &SubqueryExpr, grid: &Grid) -> Result<Ranges> {
        let by = shift(sub.offset.as_ref());
        let at = fixed(sub.at.as_ref(), &self.whole);
        let ends: Vec<i64> = grid.times().map(|t| at.unwrap_or(t) - by).collect();
        let range = sub.range.as_millis() as i64;
        let (Some(first), Some(last)) = (ends.first(), ends.last()) else {
            return Ok(Ranges { series: Vec::new(), ends, range });
        };
        let step = sub.step.map_or(SUBQUERY_STEP, |s| s.as_millis() as i64);
        let inner = inner_grid(*first, *last, range, step);
        if inner.steps() > SUBQUERY_STEPS {
            return wrong(format!("the subquery has {} steps; {SUBQUERY_STEPS} are allowed", inner.steps()));
        }
        let series = match self.node(&sub.expr, &inner)? {
            Value::Vector(series) => series,
            Value::Scalar(values) => vec![Series { labels: Labels::new(), values }],
            _ => return wrong("a subquery is over a vector"),
        };
        let series = series
            .into_iter()
            .map(|series| {
                let (times, values) = inner.times().zip(series.values).filter(|(_, value)| !is_absent(*value)).unzip();
                RawSeries { labels: series.labels, times, values }
            })
            .collect();
        Ok(Ranges { series, ends, range })
    }
}

/// Labels without the name: what a computed series is called.
pub(crate) fn nameless(mut labels: Labels) -> Labels {
    labels.remove(NAME);
    labels
}

/// Joins series that came to have the same labels.
///
/// # Errors
/// Two of them have a value at the same step.
pub(crate) fn distinct(series: Vec<Series>) -> Result<Vec<Series>> {
    let mut known: HashMap<Labels, usize> = HashMap::with_capacity(series.len());
    let mut joined: Vec<Series> = Vec::with_capacity(series.len());
    for one in series {
        match known.get(&one.labels) {
            None => {
                known.insert(one.labels.clone(), joined.len());
                joined.push(one);
            }
            Some(place) => {
                for (mine, other) in joined[*place].values.iter_mut().zip(one.values) {
                    if is_absent(*mine) {
                        *mine = other;
                    } else if !is_absent(other) {
                        return wrong("vector cannot contain metrics with the same labelset");
                    }
                }
            }
        }
    }
    Ok(joined)
}
