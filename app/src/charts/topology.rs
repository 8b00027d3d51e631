//! Who calls whom, as boxes and lines: width follows traffic, colour and shape follow failures.

use domain::telemetry::Topology;
use domain::{Status as Of, format};
use leptos::prelude::*;

use crate::components::lasting::reachable;
use crate::components::state::Place;
use crate::components::status::Shape;

/// Pixels of a row, and of a column where it is narrowest.
const ROW: usize = 62;
const COLUMN: usize = 168;
/// Columns at most: what is called from farther inside stands in the last.
const COLUMNS: usize = 8;

/// How far from the outside each node stands: one more than the farthest of those that call it.
fn columns(count: usize, arrows: &[(usize, usize)]) -> Vec<usize> {
    let mut columns = vec![0; count];
    // As many rounds as there are nodes settle everything but circles, which stay where they are by then.
    for _ in 0..count.min(12) {
        for (from, to) in arrows {
            if columns[*to] <= columns[*from] && columns[*from] + 1 < COLUMNS {
                columns[*to] = columns[*from] + 1;
            }
        }
    }
    columns
}

/// The place of each node from above, as a share of its column, such that few lines cross: each column in
/// the order of what calls it.
fn heights(columns: &[usize], arrows: &[(usize, usize)]) -> Vec<f64> {
    let mut at = vec![0.0; columns.len()];
    for column in 0..COLUMNS {
        let mut own: Vec<(f64, usize)> = (0..columns.len())
            .filter(|n| columns[*n] == column)
            .map(|n| {
                let callers: Vec<f64> = arrows
                    .iter()
                    .filter(|(from, to)| *to == n && columns[*from] < column)
                    .map(|(from, _)| at[*from])
                    .collect();
                let mean = callers.iter().sum::<f64>() / callers.len().max(1) as f64;
                (if callers.is_empty() { n as f64 / columns.len() as f64 } else { mean }, n)
            })
            .collect();
        own.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let count = own.len() as f64;
        for (row, (_, node)) in own.into_iter().enumerate() {
            at[node] = (row as f64 + 0.5) / count;
        }
    }
    at
}

/// The map with its `most` most called nodes.
pub fn topology(map: &Topology, place: &Place, most: usize) -> AnyView {
    let nodes = &map.nodes[..map.nodes.len().min(most)];
    let number = |name: &str| nodes.iter().position(|n| n.name == name);
    let edges: Vec<_> = map
        .edges
        .iter()
        .filter_map(|e| Some((e, number(&e.from)?, number(&e.to)?)))
        .filter(|(_, f, t)| f != t)
        .collect();
    let arrows: Vec<(usize, usize)> = edges.iter().map(|(_, from, to)| (*from, *to)).collect();
    let columns = columns(nodes.len(), &arrows);
    let heights = heights(&columns, &arrows);
    let wide = columns.iter().max().map_or(1, |m| m + 1);
    let deep = (0..wide).map(|c| columns.iter().filter(|own| **own == c).count()).max().unwrap_or(1);
    let x = |node: usize| (columns[node] as f64 + 0.5) / wide as f64 * 100.0;
    let y = |node: usize| heights[node] * 100.0;
    let busiest = map.edges.iter().map(|e| e.calls).max().unwrap_or(0).max(1) as f64;
    let lines: Vec<_> = edges
        .iter()
        .map(|(edge, from, to)| {
            let (x1, y1, x2, y2) = (x(*from), y(*from), x(*to), y(*to));
            let middle = (x1 + x2) / 2.0;
            let d = format!("M{x1:.1} {y1:.1}C{middle:.1} {y1:.1} {middle:.1} {y2:.1} {x2:.1} {y2:.1}");
            let class = format!("tpe {}{}", edge.seen().status().name(), if edge.declared { " dcl" } else { "" });
            let width = 1.2 + 2.6 * (edge.calls as f64 / busiest).sqrt();
            view! { <path class=class style=format!("stroke-width:{width:.1}") d=d></path> }
        })
        .collect();
    let boxes: Vec<_> = nodes
        .iter()
        .enumerate()
        .map(|(i, node)| {
            let calls = node.seen();
            let status = calls.status();
            let words = match calls.error_share() {
                None => node.kind.clone(),
                Some(failed) if status < Of::Good => format!("{} failed, p95 {}", format::percent(failed), format::milliseconds(node.p95_ms)),
                Some(_) => format!("p95 {}", format::milliseconds(node.p95_ms)),
            };
            let quoted = format!("\"{}\"", node.name);
            let wanted = if node.kind == "service" { ("service", node.name.as_str()) } else { ("q", quoted.as_str()) };
            let href = place.link_to("/explore", &[("view", "traces"), ("all", "1"), wanted]);
            view! {
                <a class=format!("nd {}", status.name()) href=href style=format!("left:{:.1}%;top:{:.1}%", x(i), y(i))>
                    <span class=format!("st {}", status.name())><Shape of=status/><span class="sr">{status.title()}</span></span>
                    <span class="tx"><b>{node.name.clone()}</b><span>{words}</span></span></a>
            }
        })
        .collect();
    let size = format!("height:{}px;min-width:{}px", deep * ROW, wide * COLUMN);
    view! {
        <div {..reachable()} class="tpw" role="group" aria-label="Map of calls">
            <div class="topo" style=size><svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">{lines}</svg>{boxes}</div>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_called_stands_right_of_what_calls_it_and_circles_end() {
        assert_eq!(columns(3, &[(0, 1), (1, 2)]), [0, 1, 2]);
        assert!(columns(2, &[(0, 1), (1, 0)]).iter().all(|c| *c < COLUMNS));
    }

    #[test]
    fn a_column_stands_in_the_order_of_its_callers() {
        let arrows = [(0, 3), (1, 2)];
        let columns = columns(4, &arrows);
        let at = heights(&columns, &arrows);
        assert!(at[0] < at[1] && at[3] < at[2], "{at:?}");
    }
}
