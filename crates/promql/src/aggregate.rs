//! `sum by (…)` and its like: series with some labels in common become one.

use std::collections::HashMap;

use promql_parser::parser::LabelModifier;

use crate::evaluate::{distinct, nameless};
use crate::{ABSENT, Labels, NAME, QueryError, Result, Series, Value, is_absent, wrong};

/// The labels of the group that a series belongs to.
fn group_of(labels: &Labels, modifier: Option<&LabelModifier>) -> Labels {
    match modifier {
        None => Labels::new(),
        Some(LabelModifier::Include(names)) => {
            labels.iter().filter(|(name, _)| names.labels.contains(name)).map(|(n, v)| (n.clone(), v.clone())).collect()
        }
        Some(LabelModifier::Exclude(names)) => labels
            .iter()
            .filter(|(name, _)| *name != NAME && !names.labels.contains(name))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect(),
    }
}

pub(crate) fn evaluate(
    operation: &str,
    modifier: Option<&LabelModifier>,
    param: Option<Value>,
    series: Vec<Series>,
) -> Result<Vec<Series>> {
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut groups: Vec<(Labels, Vec<Series>)> = Vec::new();
    for one in series {
        let labels = group_of(&one.labels, modifier);
        let place = *places.entry(labels.clone()).or_insert_with(|| {
            groups.push((labels, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(one);
    }
    let number = |param: &Option<Value>| match param {
        Some(Value::Scalar(values)) => Ok(values.clone()),
        _ => wrong(format!("{operation} takes a number first")),
    };
    match operation {
        "topk" | "bottomk" | "limitk" => {
            let count = number(&param)?;
            Ok(groups.into_iter().flat_map(|(_, members)| chosen(operation, members, &count)).collect())
        }
        "count_values" => {
            let Some(Value::Text(label)) = param else {
                return wrong("count_values takes the name of a label first");
            };
            groups
                .into_iter()
                .map(|(labels, members)| counted(&labels, &members, &label))
                .collect::<Result<Vec<_>>>()
                .and_then(|found| distinct(found.into_iter().flatten().collect()))
        }
        "quantile" => {
            let share = number(&param)?;
            Ok(folded(groups, |step, values| quantile(share[step], values)))
        }
        "sum" => Ok(folded(groups, |_, values| values.iter().sum())),
        "avg" => Ok(folded(groups, |_, values| mean(values))),
        "count" => Ok(folded(groups, |_, values| values.len() as f64)),
        "group" => Ok(folded(groups, |_, _| 1.0)),
        "min" => Ok(folded(groups, |_, values| values.iter().copied().fold(f64::NAN, f64::min))),
        "max" => Ok(folded(groups, |_, values| values.iter().copied().fold(f64::NAN, f64::max))),
        "stddev" => Ok(folded(groups, |_, values| variance(values).sqrt())),
        "stdvar" => Ok(folded(groups, |_, values| variance(values))),
        other => Err(QueryError::Unsupported(format!("the aggregation {other}"))),
    }
}

/// One series a group: at each step what `fold` makes of the values that are there.
fn folded(groups: Vec<(Labels, Vec<Series>)>, fold: impl Fn(usize, &mut Vec<f64>) -> f64) -> Vec<Series> {
    let mut present = Vec::new();
    groups
        .into_iter()
        .map(|(labels, members)| {
            let steps = members.first().map_or(0, |m| m.values.len());
            let values = (0..steps).map(|step| {
                present.clear();
                present.extend(members.iter().map(|m| m.values[step]).filter(|v| !is_absent(*v)));
                if present.is_empty() { ABSENT } else { fold(step, &mut present) }
            });
            Series { labels, values: values.collect() }
        })
        .collect()
}

/// The members that are among the greatest (or smallest, or first) at each step, absent elsewhere.
fn chosen(operation: &str, mut members: Vec<Series>, count: &[f64]) -> Vec<Series> {
    let steps = members.first().map_or(0, |m| m.values.len());
    let mut kept = vec![vec![ABSENT; steps]; members.len()];
    for step in 0..steps {
        let mut order: Vec<usize> = (0..members.len()).filter(|i| !is_absent(members[*i].values[step])).collect();
        let value = |i: &usize| members[*i].values[step];
        // What is no number comes last whichever way is asked.
        match operation {
            "topk" => {
                order.sort_by(|a, b| value(a).is_nan().cmp(&value(b).is_nan()).then(value(b).total_cmp(&value(a))))
            }
            "bottomk" => {
                order.sort_by(|a, b| value(a).is_nan().cmp(&value(b).is_nan()).then(value(a).total_cmp(&value(b))))
            }
            _ => {}
        }
        let count = if count[step] >= 1.0 { count[step].min(1e9) as usize } else { 0 };
        for place in order.into_iter().take(count) {
            kept[place][step] = members[place].values[step];
        }
    }
    if steps == 1 {
        // An instant answer is in order, best first.
        let mut order: Vec<usize> = (0..members.len()).filter(|i| !is_absent(kept[*i][0])).collect();
        let value = |i: &usize| kept[*i][0];
        match operation {
            "topk" => order.sort_by(|a, b| value(b).total_cmp(&value(a))),
            "bottomk" => order.sort_by(|a, b| value(a).total_cmp(&value(b))),
            _ => {}
        }
        return order
            .into_iter()
            .map(|i| Series { labels: members[i].labels.clone(), values: vec![kept[i][0]] })
            .collect();
    }
    members.iter_mut().zip(kept).for_each(|(member, kept)| member.values = kept);
    members.retain(|m| m.values.iter().any(|v| !is_absent(*v)));
    members
}

fn counted(labels: &Labels, members: &[Series], label: &str) -> Result<Vec<Series>> {
    let steps = members.first().map_or(0, |m| m.values.len());
    let mut counts: HashMap<u64, Vec<f64>> = HashMap::new();
    for step in 0..steps {
        for value in members.iter().map(|m| m.values[step]).filter(|v| !is_absent(*v)) {
            let count = &mut counts.entry(value.to_bits()).or_insert_with(|| vec![ABSENT; steps])[step];
            *count = if is_absent(*count) { 1.0 } else { *count + 1.0 };
        }
    }
    let mut found: Vec<Series> = counts
        .into_iter()
        .map(|(bits, values)| {
            let mut labels = nameless(labels.clone());
            labels.insert(label.to_string(), format!("{}", f64::from_bits(bits)));
            Series { labels, values }
        })
        .collect();
    found.sort_by(|a, b| a.labels.cmp(&b.labels));
    Ok(found)
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    // Where the sum runs over, the mean need not.
    if mean.is_finite() || values.iter().any(|v| !v.is_finite()) { mean } else { values.iter().map(|v| v / n).sum() }
}

/// Of the values themselves, not of what they were drawn from.
pub(crate) fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / values.len() as f64
}

/// Linear between neighbours; ±∞ outside of 0 to 1.
pub(crate) fn quantile(share: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || share.is_nan() {
        return f64::NAN;
    }
    if share < 0.0 {
        return f64::NEG_INFINITY;
    }
    if share > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(f64::total_cmp);
    let rank = share * (values.len() - 1) as f64;
    let (low, high) = (rank.floor() as usize, (rank.floor() as usize + 1).min(values.len() - 1));
    let weight = rank - rank.floor();
    values[low] * (1.0 - weight) + values[high] * weight
}
