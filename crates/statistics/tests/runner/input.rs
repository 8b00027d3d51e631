//! Reading inputs, and writing numbers so that infinities survive JSON.

use serde_json::{Map, Value};

/// A number as the files write it.
pub fn n(value: f64) -> Value {
    if value == f64::INFINITY {
        Value::from("inf")
    } else if value == f64::NEG_INFINITY {
        Value::from("-inf")
    } else {
        Value::from(value)
    }
}

pub fn list(values: &[f64]) -> Value {
    values.iter().map(|v| n(*v)).collect()
}

pub fn optional(value: Option<f64>) -> Value {
    value.map_or(Value::Null, n)
}

pub fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect::<Map<_, _>>())
}

/// Numbers with NaN for missing ones; generated where the file only says how.
pub fn numbers(input: &Value) -> Vec<f64> {
    match input {
        Value::Array(values) => values.iter().map(|v| super::number(v).unwrap_or(f64::NAN)).collect(),
        Value::Object(_) => generated(input),
        _ => Vec::new(),
    }
}

/// Without the missing ones.
pub fn known(input: &Value) -> Vec<f64> {
    numbers(input).into_iter().filter(|v| !v.is_nan()).collect()
}

pub fn texts(input: &Value) -> Vec<String> {
    input.as_array().into_iter().flatten().map(|v| v.as_str().map_or_else(|| v.to_string(), String::from)).collect()
}

fn generated(recipe: &Value) -> Vec<f64> {
    let mut state = recipe["seed"].as_u64().expect("a seed");
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 * 2.0_f64.powi(-53)
    };
    let mut values = Vec::new();
    for segment in recipe["segments"].as_array().expect("segments") {
        for _ in 0..segment["n"].as_u64().expect("n") {
            let parameter = |name: &str| segment[name].as_f64().expect("a parameter");
            values.push(match segment["kind"].as_str().expect("kind") {
                "uniform" => parameter("lo") + (parameter("hi") - parameter("lo")) * uniform(),
                "normal12" => {
                    let sum: f64 = (0..12).fold(0.0, |sum, _| sum + uniform());
                    parameter("loc") + parameter("scale") * (sum - 6.0)
                }
                "bernoulli" => f64::from(u8::from(uniform() < parameter("p"))),
                "int" => (uniform() * parameter("k")).floor(),
                "exp" => -parameter("scale") * (1.0 - uniform()).ln(),
                other => panic!("unknown kind {other}"),
            });
        }
    }
    for (got, want) in values.iter().zip(recipe["first_values"].as_array().expect("first values")) {
        assert_eq!(*got, want.as_f64().expect("a number"), "the generator is the stated one");
    }
    values
}
