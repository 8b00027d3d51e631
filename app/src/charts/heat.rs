//! Heat maps: cells in steps of one ramp, and the words that explain it.

use leptos::prelude::*;

use super::spec::Mark;

/// Steps of the ramp.
pub const STEPS: usize = 7;

/// A cell: left, right, bottom, top.
pub type Cell = (f64, f64, f64, f64);

/// Marks of cells that each have a step, 0 being the least; a step beyond the last is the last.
pub fn cells(all: impl Iterator<Item = (usize, Cell)>) -> Vec<Mark> {
    let mut steps: Vec<Vec<Cell>> = vec![Vec::new(); STEPS];
    for (step, cell) in all {
        steps[step.min(STEPS - 1)].push(cell);
    }
    steps.into_iter().enumerate().map(|(i, cells)| Mark::Cells { class: format!("hc{i}"), cells }).collect()
}

/// The ramp between the words for its ends.
pub fn ramp(least: impl Into<String>, most: impl Into<String>) -> AnyView {
    let (least, most): (String, String) = (least.into(), most.into());
    let steps: Vec<_> = (0..STEPS).map(|i| view! { <i class=format!("hk hk{i}")></i> }).collect();
    view! { <span>{least}" "<span class="hkr" aria-hidden="true">{steps}</span>" "{most}</span> }.into_any()
}
