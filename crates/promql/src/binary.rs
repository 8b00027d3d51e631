//! Operators between numbers and vectors: which series meet which, and what becomes of them.

use std::collections::HashMap;

use promql_parser::parser::{BinModifier, BinaryExpr, LabelModifier, VectorMatchCardinality};

use crate::evaluate::{distinct, nameless};
use crate::{ABSENT, Labels, NAME, QueryError, Result, Series, Value, is_absent, wrong};

pub(crate) fn evaluate(expr: &BinaryExpr, left: Value, right: Value) -> Result<Value> {
    let operation = expr.op.to_string();
    let default = BinModifier::default();
    let modifier = expr.modifier.as_ref().unwrap_or(&default);
    if modifier.fill_values.lhs.is_some() || modifier.fill_values.rhs.is_some() {
        return Err(QueryError::Unsupported("fill(…)".into()));
    }
    let yes_or_no = modifier.return_bool;
    match (left, right) {
        (Value::Scalar(a), Value::Scalar(b)) => {
            let values = a.iter().zip(&b).map(|(a, b)| match compare(&operation, *a, *b) {
                Some(holds) => Ok(f64::from(u8::from(holds))),
                None => arithmetic(&operation, *a, *b),
            });
            values.collect::<Result<_>>().map(Value::Scalar)
        }
        (Value::Vector(series), Value::Scalar(number)) => with_number(&operation, yes_or_no, series, &number, false),
        (Value::Scalar(number), Value::Vector(series)) => with_number(&operation, yes_or_no, series, &number, true),
        (Value::Vector(left), Value::Vector(right)) => {
            if expr.op.is_set_operator() {
                return Ok(Value::Vector(set(&operation, modifier.matching.as_ref(), left, right)));
            }
            match &modifier.card {
                VectorMatchCardinality::OneToMany(extra) => {
                    between(&operation, modifier, right, left, true, Some(&extra.labels))
                }
                VectorMatchCardinality::ManyToOne(extra) => {
                    between(&operation, modifier, left, right, false, Some(&extra.labels))
                }
                _ => between(&operation, modifier, left, right, false, None),
            }
            .map(Value::Vector)
        }
        _ => wrong(format!("“{operation}” stands between numbers and vectors only")),
    }
}

/// `None` where the operation is no comparison.
fn compare(operation: &str, a: f64, b: f64) -> Option<bool> {
    Some(match operation {
        "==" => a == b,
        "!=" => a != b,
        ">" => a > b,
        "<" => a < b,
        ">=" => a >= b,
        "<=" => a <= b,
        _ => return None,
    })
}

fn arithmetic(operation: &str, a: f64, b: f64) -> Result<f64> {
    Ok(match operation {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        "%" => a % b,
        "^" => a.powf(b),
        "atan2" => a.atan2(b),
        other => return Err(QueryError::Unsupported(format!("the operator {other}"))),
    })
}

fn with_number(operation: &str, yes_or_no: bool, series: Vec<Series>, number: &[f64], turned: bool) -> Result<Value> {
    let filters = compare(operation, 0.0, 0.0).is_some() && !yes_or_no;
    let mut found = Vec::with_capacity(series.len());
    for mut one in series {
        for (value, number) in one.values.iter_mut().zip(number).filter(|(v, _)| !is_absent(**v)) {
            let (a, b) = if turned { (*number, *value) } else { (*value, *number) };
            *value = match compare(operation, a, b) {
                None => arithmetic(operation, a, b)?,
                Some(holds) if yes_or_no => f64::from(u8::from(holds)),
                Some(true) => *value,
                Some(false) => ABSENT,
            };
        }
        if one.values.iter().any(|v| !is_absent(*v)) {
            let labels = if filters { one.labels } else { nameless(one.labels) };
            found.push(Series { labels, values: one.values });
        }
    }
    distinct(found).map(Value::Vector)
}

/// What two series must have in common to meet.
fn signature(labels: &Labels, matching: Option<&LabelModifier>) -> Labels {
    let of = |keep: &dyn Fn(&String) -> bool| {
        labels.iter().filter(|(name, _)| keep(name)).map(|(n, v)| (n.clone(), v.clone())).collect()
    };
    match matching {
        None => of(&|name| name != NAME),
        Some(LabelModifier::Include(names)) => of(&|name| names.labels.contains(name)),
        Some(LabelModifier::Exclude(names)) => of(&|name| name != NAME && !names.labels.contains(name)),
    }
}

/// For each signature, the places of its series.
fn by_signature(series: &[Series], matching: Option<&LabelModifier>) -> HashMap<Labels, Vec<usize>> {
    let mut places: HashMap<Labels, Vec<usize>> = HashMap::new();
    for (place, one) in series.iter().enumerate() {
        places.entry(signature(&one.labels, matching)).or_default().push(place);
    }
    places
}

fn set(operation: &str, matching: Option<&LabelModifier>, left: Vec<Series>, right: Vec<Series>) -> Vec<Series> {
    let steps = left.first().or(right.first()).map_or(0, |s| s.values.len());
    let present = |series: &[Series], places: Option<&Vec<usize>>| -> Vec<bool> {
        let places = places.map(Vec::as_slice).unwrap_or_default();
        (0..steps).map(|step| places.iter().any(|p| !is_absent(series[*p].values[step]))).collect()
    };
    let masked = |mut one: Series, keep: &dyn Fn(usize) -> bool| {
        for (step, value) in one.values.iter_mut().enumerate() {
            if !keep(step) {
                *value = ABSENT;
            }
        }
        one
    };
    let (there, here) = (by_signature(&right, matching), by_signature(&left, matching));
    let mut found = Vec::new();
    if operation == "or" {
        let mut added = Vec::new();
        for one in &right {
            let known = present(&left, here.get(&signature(&one.labels, matching)));
            added.push(masked(one.clone(), &|step| !known[step]));
        }
        found.extend(left);
        for one in added {
            match found.iter_mut().find(|f: &&mut Series| f.labels == one.labels) {
                Some(same) => {
                    for (mine, other) in same.values.iter_mut().zip(one.values) {
                        if is_absent(*mine) {
                            *mine = other;
                        }
                    }
                }
                None => found.push(one),
            }
        }
    } else {
        for one in left {
            let known = present(&right, there.get(&signature(&one.labels, matching)));
            found.push(masked(one, &|step| known[step] == (operation == "and")));
        }
    }
    found.retain(|s| s.values.iter().any(|v| !is_absent(*v)));
    found
}

/// `many` meets `one`: for each signature at most one series of the latter may have a value at a step, and
/// without `extra` (group_left, group_right) at most one of the former.
fn between(
    operation: &str,
    modifier: &BinModifier,
    many: Vec<Series>,
    one: Vec<Series>,
    turned: bool,
    extra: Option<&Vec<String>>,
) -> Result<Vec<Series>> {
    let matching = modifier.matching.as_ref();
    let yes_or_no = modifier.return_bool;
    let comparison = compare(operation, 0.0, 0.0).is_some();
    let places = by_signature(&one, matching);
    let mut taken: HashMap<Labels, Vec<bool>> = HashMap::new();
    let mut found = Vec::new();
    for mine in many {
        let sign = signature(&mine.labels, matching);
        let Some(partners) = places.get(&sign) else {
            continue;
        };
        let steps = mine.values.len();
        let mut values = vec![ABSENT; steps];
        // The labels that come from the other side may change from step to step with the partner.
        let mut by_partner: HashMap<usize, Vec<f64>> = HashMap::new();
        for step in 0..steps {
            let mut present = partners.iter().filter(|p| !is_absent(one[**p].values[step]));
            let Some(partner) = present.next() else {
                continue;
            };
            if present.next().is_some() {
                let side = if turned { "left" } else { "right" };
                return wrong(format!(
                    "found duplicate series for the match group {sign:?} on the {side} hand-side of the operation; many-to-many matching not allowed: matching labels must be unique on one side"
                ));
            }
            if is_absent(mine.values[step]) {
                continue;
            }
            if extra.is_none() {
                let taken = taken.entry(sign.clone()).or_insert_with(|| vec![false; steps]);
                if taken[step] {
                    return wrong(
                        "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
                    );
                }
                taken[step] = true;
            }
            let (mut a, mut b) = (mine.values[step], one[*partner].values[step]);
            if turned {
                std::mem::swap(&mut a, &mut b);
            }
            let value = match compare(operation, a, b) {
                None => arithmetic(operation, a, b)?,
                Some(holds) if yes_or_no => f64::from(u8::from(holds)),
                Some(true) => a,
                Some(false) => ABSENT,
            };
            if extra.is_some_and(|e| !e.is_empty()) {
                by_partner.entry(*partner).or_insert_with(|| vec![ABSENT; steps])[step] = value;
            } else {
                values[step] = value;
            }
        }
        let mut labels = if comparison && !yes_or_no { mine.labels } else { nameless(mine.labels) };
        match (extra, matching) {
            (None, Some(LabelModifier::Include(names))) => labels.retain(|name, _| names.labels.contains(name)),
            (None, Some(LabelModifier::Exclude(names))) => labels.retain(|name, _| !names.labels.contains(name)),
            _ => {}
        }
        let mut partners: Vec<(usize, Vec<f64>)> = by_partner.into_iter().collect();
        partners.sort_by_key(|(partner, _)| *partner);
        for (partner, values) in partners {
            let mut labels = labels.clone();
            for name in extra.into_iter().flatten() {
                match one[partner].labels.get(name) {
                    Some(value) => labels.insert(name.clone(), value.clone()),
                    None => labels.remove(name),
                };
            }
            found.push(Series { labels, values });
        }
        found.push(Series { labels, values });
    }
    found.retain(|s| s.values.iter().any(|v| !is_absent(*v)));
    distinct(found)
}
