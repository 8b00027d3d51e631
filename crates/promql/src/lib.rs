//! Queries in PromQL, evaluated as pure functions of samples.
//!
//! The grammar is a kept parser's; what a query means is decided here, as Prometheus 3 decides it: ranges are
//! open on the left, counters are extrapolated to the edges of their range, a sample counts for five minutes.
//! A query says first which samples it needs ([`Query::needs`]); whoever keeps them brings them, and
//! [`Query::evaluate`] does the rest. What is not supported is refused by name, never answered wrongly.
//!
//! Every node is evaluated over all steps at once: labels are matched once, not once a step.

mod aggregate;
mod binary;
mod evaluate;
mod functions;
mod histogram;
mod over_time;

use std::collections::BTreeMap;

use promql_parser::label::Matcher;
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{AtModifier, Expr, Offset, VectorSelector};
use thiserror::Error;

/// Labels of a series, its name under `__name__`.
pub type Labels = BTreeMap<String, String>;

/// The label that holds a series' name.
pub const NAME: &str = "__name__";

/// How long a sample counts, in milliseconds, unless the query says otherwise.
pub const LOOKBACK: i64 = 300_000;

/// No value at a step: the pattern by which Prometheus marks the end of a series. Every other NaN is a
/// value.
pub const ABSENT: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

pub fn is_absent(value: f64) -> bool {
    value.to_bits() == ABSENT.to_bits()
}

/// The instants that a query is evaluated at, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    pub start: i64,
    pub end: i64,
    /// Positive.
    pub step: i64,
}

impl Grid {
    pub fn instant(at: i64) -> Grid {
        Grid { start: at, end: at, step: 1 }
    }

    pub fn steps(&self) -> usize {
        if self.end < self.start { 0 } else { ((self.end - self.start) / self.step.max(1)) as usize + 1 }
    }

    pub fn times(&self) -> impl Iterator<Item = i64> + use<> {
        let (start, step) = (self.start, self.step.max(1));
        (0..self.steps()).map(move |i| start + i as i64 * step)
    }
}

/// Samples that a query needs: those of every series that [`Need::accepts`], after `from` and up to `to`.
pub struct Need {
    /// Which selector of the query asks.
    place: usize,
    name: Option<String>,
    /// Groups of conditions; one of them must hold.
    groups: Vec<Vec<Matcher>>,
    pub from: i64,
    pub to: i64,
}

impl Need {
    /// The one name that a series may have, where the query says it.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Labels whose value the query fixes: what is known of a series that is not there.
    pub fn fixed_labels(&self) -> Labels {
        let only = if let [group] = self.groups.as_slice() { group.as_slice() } else { &[] };
        only.iter()
            .filter(|m| matches!(m.op, promql_parser::label::MatchOp::Equal) && !m.value.is_empty())
            .map(|m| (m.name.clone(), m.value.clone()))
            .collect()
    }

    pub fn accepts(&self, labels: &Labels) -> bool {
        let value = |name: &str| labels.get(name).map_or("", String::as_str);
        self.name.as_deref().is_none_or(|name| value(NAME) == name)
            && self.groups.iter().any(|group| group.iter().all(|m| m.is_match(value(&m.name))))
    }
}

/// The samples of one series, in order of time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RawSeries {
    pub labels: Labels,
    /// Milliseconds since 1970.
    pub times: Vec<i64>,
    pub values: Vec<f64>,
}

/// A series of an answer: a value a step, [`ABSENT`] where there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub labels: Labels,
    pub values: Vec<f64>,
}

/// What a query is worth.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Scalar(Vec<f64>),
    Vector(Vec<Series>),
    Text(String),
    /// Samples as they are, of an instant query for a range.
    Raw(Vec<RawSeries>),
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QueryError {
    /// The text is no query.
    #[error("{0}")]
    Syntax(String),
    /// The query cannot be evaluated on these samples.
    #[error("{0}")]
    Evaluation(String),
    #[error("{0} is not supported here")]
    Unsupported(String),
}

pub(crate) type Result<T> = std::result::Result<T, QueryError>;

pub(crate) fn wrong<T>(text: impl Into<String>) -> Result<T> {
    Err(QueryError::Evaluation(text.into()))
}

/// A query that has been read.
#[derive(Debug, Clone)]
pub struct Query {
    expr: Expr,
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// What is wrong with the text, as the parser says it.
    pub fn parse(text: &str) -> Result<Query> {
        // The parser goes down one level of brackets after the other.
        if text.len() > 10_000 || depth(text) > 100 {
            return Err(QueryError::Syntax("the query is too long or too deep".into()));
        }
        if let Some(span) = endless(text) {
            return Err(QueryError::Syntax(format!("{span} is no span of time")));
        }
        promql_parser::parser::parse(text).map(|expr| Query { expr }).map_err(QueryError::Syntax)
    }

    /// Whether the query gives one value a step (a scalar or a vector): what a range query needs.
    pub fn is_instant_valued(&self) -> bool {
        matches!(self.expr.value_type(), ValueType::Scalar | ValueType::Vector)
    }

    /// The samples that evaluating on this grid needs.
    pub fn needs(&self, grid: &Grid, lookback: i64) -> Vec<Need> {
        let mut needs = Vec::new();
        collect(&self.expr, grid, (grid.start, grid.end), lookback, &mut needs);
        needs
    }

    /// Evaluates on a grid. `found` are the series for each of [`Query::needs`], in that order.
    ///
    /// # Errors
    /// Series that cannot be told apart, a function that is not supported, a parameter that is none.
    pub fn evaluate(&self, grid: &Grid, lookback: i64, needs: &[Need], found: &[Vec<RawSeries>]) -> Result<Value> {
        let data = needs.iter().zip(found).map(|(need, found)| (need.place, found.as_slice())).collect();
        let evaluator = evaluate::Evaluator { whole: *grid, lookback, data };
        evaluator.top(&self.expr, grid)
    }
}

fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for c in text.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '-' | '+' | '^' => deepest = deepest.max(depth),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    // A row of signs nests as brackets do.
    let signs = text.split(|c: char| !"-+ \t\n".contains(c)).map(str::len).max().unwrap_or(0);
    deepest.max(signs)
}

/// The longest span that a bare number says, in seconds.
const SECONDS_MAX: f64 = 1e12;

/// A bare number where a span of time stands (`[300]`, `[1h:60]`, `offset 60`) that is more seconds than there are,
/// or none. The parser does not survive it.
fn endless(text: &str) -> Option<&str> {
    let (mut rest, mut within) = (text, false);
    loop {
        let at = rest.find(|c: char| "[:]\"'`#".contains(c) || c.is_ascii_alphabetic() || c == '_')?;
        let (first, after) = (rest[at..].chars().next()?, &rest[at..]);
        let end = match first {
            '"' | '\'' | '`' => 1 + quoted(&after[1..], first),
            '#' => after.find('\n').unwrap_or(after.len()),
            '[' | ':' | ']' => 1,
            _ => after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len()),
        };
        let (word, behind) = after.split_at(end);
        rest = behind;
        within = first == '[' || (within && first != ']');
        if first == '[' || (within && first == ':') || word.eq_ignore_ascii_case("offset") {
            let span = behind.trim_start().trim_start_matches(['+', '-']).trim_start();
            let sign = |(i, c): (usize, char)| "+-".contains(c) && span[..i].ends_with(['e', 'E']);
            let end = span.char_indices().find(|(i, c)| !c.is_ascii_alphanumeric() && *c != '.' && !sign((*i, *c)));
            let span = &span[..end.map_or(span.len(), |(i, _)| i)];
            if span.parse::<f64>().is_ok_and(|seconds| seconds.is_nan() || seconds > SECONDS_MAX) {
                return Some(span);
            }
        }
    }
}

/// Bytes up to the end of a text that began with this quote, the quote included.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (i, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            c if c == quote => return i + 1,
            _ => {}
        }
    }
    text.len()
}

/// Which selector this is: where it lies in the query.
pub(crate) fn place(selector: &VectorSelector) -> usize {
    std::ptr::from_ref(selector) as usize
}

pub(crate) fn shift(offset: Option<&Offset>) -> i64 {
    match offset {
        None => 0,
        Some(Offset::Pos(by)) => by.as_millis() as i64,
        Some(Offset::Neg(by)) => -(by.as_millis() as i64),
    }
}

/// The one instant that `@` names.
pub(crate) fn fixed(at: Option<&AtModifier>, whole: &Grid) -> Option<i64> {
    match at? {
        AtModifier::Start => Some(whole.start),
        AtModifier::End => Some(whole.end),
        AtModifier::At(time) => Some(match time.duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => after.as_millis() as i64,
            Err(before) => -(before.duration().as_millis() as i64),
        }),
    }
}

/// The grid of a subquery: multiples of its step within the spans that `times` look back on.
pub(crate) fn inner_grid(first: i64, last: i64, range: i64, step: i64) -> Grid {
    let step = step.max(1);
    let from = first - range;
    let mut start = from.div_euclid(step) * step;
    // Open on the left, as ranges are.
    if start <= from {
        start += step;
    }
    Grid { start, end: last, step }
}

fn collect(expr: &Expr, whole: &Grid, (first, last): (i64, i64), lookback: i64, needs: &mut Vec<Need>) {
    let mut selector = |vs: &VectorSelector, back: i64| {
        let (first, last) = fixed(vs.at.as_ref(), whole).map_or((first, last), |at| (at, at));
        let by = shift(vs.offset.as_ref());
        let groups = if vs.matchers.or_matchers.is_empty() {
            vec![vs.matchers.matchers.clone()]
        } else {
            vs.matchers.or_matchers.clone()
        };
        needs.push(Need { place: place(vs), name: vs.name.clone(), groups, from: first - by - back, to: last - by });
    };
    match expr {
        Expr::VectorSelector(vs) => selector(vs, lookback),
        Expr::MatrixSelector(ms) => selector(&ms.vs, ms.range.as_millis() as i64),
        Expr::Subquery(sub) => {
            let (first, last) = fixed(sub.at.as_ref(), whole).map_or((first, last), |at| (at, at));
            let by = shift(sub.offset.as_ref());
            let span = (first - by - sub.range.as_millis() as i64, last - by);
            collect(&sub.expr, whole, span, lookback, needs);
        }
        Expr::Aggregate(aggregate) => {
            if let Some(param) = &aggregate.param {
                collect(param, whole, (first, last), lookback, needs);
            }
            collect(&aggregate.expr, whole, (first, last), lookback, needs);
        }
        Expr::Unary(unary) => collect(&unary.expr, whole, (first, last), lookback, needs),
        Expr::Binary(binary) => {
            collect(&binary.lhs, whole, (first, last), lookback, needs);
            collect(&binary.rhs, whole, (first, last), lookback, needs);
        }
        Expr::Paren(paren) => collect(&paren.expr, whole, (first, last), lookback, needs),
        Expr::Call(call) => {
            call.args.args.iter().for_each(|arg| collect(arg, whole, (first, last), lookback, needs));
        }
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

#[cfg(test)]
mod tests;
