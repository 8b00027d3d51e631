//! Statements whose number of places varies: each text is made once and kept.
//!
//! The numbers of places come from a handful of sizes, never from data, so that the texts kept, and
//! the statements that the database prepares from them, stay few.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{LazyLock, Mutex, PoisonError};

type Key = (&'static str, Vec<usize>);

static TEXTS: LazyLock<Mutex<HashMap<Key, &'static str>>> = LazyLock::new(Mutex::default);

fn kept(template: &'static str, counts: &[usize], make: impl FnOnce() -> String) -> &'static str {
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    texts.entry((template, counts.to_vec())).or_insert_with(|| Box::leak(make().into_boxed_str()))
}

/// The template with each `{}` replaced by so many numbered places, in order.
pub(crate) fn with_places(template: &'static str, counts: &[usize]) -> &'static str {
    kept(template, counts, || {
        let mut text = String::new();
        let mut number = 0;
        for (i, part) in template.split("{}").enumerate() {
            if i > 0 {
                for place in 0..counts.get(i - 1).copied().unwrap_or(1) {
                    number += 1;
                    let comma = if place > 0 { ", " } else { "" };
                    let _ = write!(text, "{comma}${number}");
                }
            }
            text.push_str(part);
        }
        text
    })
}

/// The template with `{}` replaced by so many rows of places, each in brackets.
pub(crate) fn with_rows(template: &'static str, columns: usize, rows: usize) -> &'static str {
    kept(template, &[columns, rows], || {
        let row = |r: usize| {
            let places: Vec<String> = (1..=columns).map(|c| format!("${}", r * columns + c)).collect();
            format!("({})", places.join(", "))
        };
        template.replace("{}", &(0..rows).map(row).collect::<Vec<_>>().join(", "))
    })
}

/// The smallest of the sizes that holds `wanted`, or the greatest.
pub(crate) fn size_for(wanted: usize) -> usize {
    const SIZES: [usize; 5] = [1, 4, 16, 64, 128];
    SIZES.into_iter().find(|s| *s >= wanted).unwrap_or(128)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_numbered_through() {
        let text = with_places("a = {} AND b IN ({}) AND c = {}", &[1, 3, 1]);
        assert_eq!(text, "a = $1 AND b IN ($2, $3, $4) AND c = $5");
        assert_eq!(with_rows("VALUES {}", 2, 2), "VALUES ($1, $2), ($3, $4)");
    }
}
