//! Prices of calls of models.

use serde::{Deserialize, Serialize};

/// Rows of the table at most.
const ROWS_MAX: usize = 1000;

/// What a model's tokens cost, for a million of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Empty for any.
    #[serde(default)]
    pub provider: String,
    /// The model's name, or its beginning and `*`.
    pub model: String,
    pub input: f64,
    pub output: f64,
    /// Of input tokens that the provider had kept from an earlier call; those cost `input` where it says nothing.
    #[serde(default)]
    pub cached: Option<f64>,
}

/// The table, first fit first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Prices {
    pub rows: Vec<Price>,
}

impl Default for Prices {
    /// List prices in US dollars as their providers published them in the middle of 2025: a beginning, to be
    /// replaced by what one pays.
    fn default() -> Self {
        let row = |model: &str, input: f64, output: f64, cached: f64| Price {
            provider: String::new(),
            model: model.into(),
            input,
            output,
            cached: (cached > 0.0).then_some(cached),
        };
        Prices {
            rows: vec![
                row("gpt-4.1-nano*", 0.10, 0.40, 0.025),
                row("gpt-4.1-mini*", 0.40, 1.60, 0.10),
                row("gpt-4.1*", 2.0, 8.0, 0.50),
                row("gpt-4o-mini*", 0.15, 0.60, 0.075),
                row("gpt-4o*", 2.50, 10.0, 1.25),
                row("o3*", 2.0, 8.0, 0.50),
                row("o4-mini*", 1.10, 4.40, 0.275),
                row("text-embedding-3-small*", 0.02, 0.0, 0.0),
                row("text-embedding-3-large*", 0.13, 0.0, 0.0),
                row("claude-3-5-haiku*", 0.80, 4.0, 0.08),
                row("claude-3-5-sonnet*", 3.0, 15.0, 0.30),
                row("claude-3-7-sonnet*", 3.0, 15.0, 0.30),
                row("claude-sonnet-4*", 3.0, 15.0, 0.30),
                row("claude-opus-4*", 15.0, 75.0, 1.50),
                row("gemini-2.0-flash*", 0.10, 0.40, 0.025),
                row("gemini-2.5-flash*", 0.30, 2.50, 0.075),
                row("gemini-2.5-pro*", 1.25, 10.0, 0.31),
            ],
        }
    }
}

impl Prices {
    /// What is wrong with the table, if anything.
    pub fn problem(&self) -> Option<String> {
        if self.rows.len() > ROWS_MAX {
            return Some(format!("the table has at most {ROWS_MAX} rows"));
        }
        for row in &self.rows {
            if row.model.trim().is_empty() || row.model.len() > 200 {
                return Some("a price names a model, or its beginning and “*”".into());
            }
            let prices = [Some(row.input), Some(row.output), row.cached];
            if prices.into_iter().flatten().any(|p| !p.is_finite() || p < 0.0) {
                return Some(format!("the prices of “{}” are numbers from 0", row.model));
            }
        }
        None
    }

    /// What a call cost; `None` where the model has no price, or nobody counted its tokens.
    pub fn cost(
        &self,
        provider: &str,
        model: &str,
        input: Option<f64>,
        output: Option<f64>,
        cached: Option<f64>,
    ) -> Option<f64> {
        if input.is_none() && output.is_none() {
            return None;
        }
        let price = self.rows.iter().find(|row| {
            let fits = match row.model.strip_suffix('*') {
                Some(beginning) => model.starts_with(beginning),
                None => model == row.model,
            };
            fits && (row.provider.is_empty() || row.provider == provider)
        })?;
        let (input, output) = (input.unwrap_or(0.0), output.unwrap_or(0.0));
        let cached = cached.unwrap_or(0.0).clamp(0.0, input);
        let cost =
            (input - cached) * price.input + cached * price.cached.unwrap_or(price.input) + output * price.output;
        Some(cost / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_price_that_fits_counts() {
        let prices = Prices::default();
        let cost = prices.cost("openai", "gpt-4o-mini-2024-07-18", Some(1e6), Some(1e6), None);
        assert!((cost.expect("a price") - 0.75).abs() < 1e-12);
        let cached = prices.cost("openai", "gpt-4o", Some(2e6), None, Some(1e6)).expect("a price");
        assert!((cached - 3.75).abs() < 1e-12);
        assert_eq!(prices.cost("", "somebody-else", Some(1.0), None, None), None);
        assert_eq!(prices.cost("", "gpt-4o", None, None, None), None);
    }

    #[test]
    fn a_price_below_nothing_is_refused() {
        let row = Price { provider: String::new(), model: "m".into(), input: -1.0, output: 0.0, cached: None };
        assert!(Prices { rows: vec![row] }.problem().is_some());
    }
}
