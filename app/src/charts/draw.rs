//! From a spec to the inside of an SVG: pure, and the same on both sides.

use plotters::chart::ChartBuilder;
use plotters::element::{Circle, PathElement, Polygon, Rectangle};
use plotters::prelude::IntoDrawingArea;
use plotters::series::LineSeries;
use plotters::style::{Color, ShapeStyle};

use super::backend::{ClassBackend, SCALE, class_number};
use super::spec::{ChartSpec, Mark, WIDTH};

/// The marks as SVG elements. Empty when plotters refuses (it does not for a finite range).
pub fn draw(spec: &ChartSpec) -> String {
    let mut out = String::new();
    let mut classes = vec!["grid".to_string(), "axis".to_string()];
    classes.extend(spec.marks.iter().map(class_of));
    let size = ((WIDTH * SCALE) as u32, (spec.height * SCALE) as u32);
    let backend = ClassBackend { out: &mut out, size, classes: &classes };
    let _ = marks(spec, backend);
    out
}

fn class_of(mark: &Mark) -> String {
    match mark {
        Mark::Line { class, .. } => format!("ln {class}"),
        Mark::Band { class, .. } => class.clone(),
        Mark::Area { class, .. } => format!("ar {class}"),
        Mark::Stacked { class, .. } => format!("ar stack {class}"),
        Mark::Cells { class, .. } => class.clone(),
        Mark::Bars { class, .. } => format!("bar-r {class}"),
        Mark::Step { class, .. } => format!("ln {class}"),
        Mark::Rule { class, .. } => class.clone(),
        Mark::Span { class, .. } | Mark::At { class, .. } => class.clone(),
        Mark::Points { class, .. } => format!("pt {class}"),
    }
}

/// Runs of present points.
fn runs(points: &[(f64, Option<f64>)]) -> Vec<Vec<(f64, f64)>> {
    points
        .split(|(_, y)| y.is_none())
        .map(|run| run.iter().filter_map(|(x, y)| Some((*x, (*y)?))).collect())
        .filter(|run: &Vec<(f64, f64)>| !run.is_empty())
        .collect()
}

fn marks(spec: &ChartSpec, backend: ClassBackend<'_>) -> Result<(), Box<dyn std::error::Error>> {
    let root = backend.into_drawing_area();
    let mut chart = ChartBuilder::on(&root).build_cartesian_2d(spec.x.0..spec.x.1, spec.y.0..spec.y.1)?;
    let line = |number: usize| ShapeStyle { color: class_number(number).to_rgba(), filled: false, stroke_width: 1 };
    let fill = |number: usize| ShapeStyle { color: class_number(number).to_rgba(), filled: true, stroke_width: 1 };
    let grid = if spec.rows.is_empty() { spec.unit.ticks(spec.y.0, spec.y.1) } else { Vec::new() };
    for y in grid {
        chart.draw_series([PathElement::new(vec![(spec.x.0, y), (spec.x.1, y)], line(0))])?;
    }
    chart.draw_series([PathElement::new(vec![(spec.x.0, spec.y.0), (spec.x.1, spec.y.0)], line(1))])?;
    for (i, mark) in spec.marks.iter().enumerate() {
        let number = i + 2;
        match mark {
            Mark::Line { points, .. } => {
                for run in runs(points) {
                    match run.as_slice() {
                        [only] => {
                            chart.draw_series([PathElement::new(vec![*only, *only], line(number))])?;
                        }
                        _ => {
                            chart.draw_series(LineSeries::new(run, line(number)))?;
                        }
                    }
                }
            }
            Mark::Area { points, .. } => {
                for run in runs(points) {
                    let (first, last) = (run[0].0, run[run.len() - 1].0);
                    let mut shape = run;
                    shape.extend([(last, spec.y.0), (first, spec.y.0)]);
                    chart.draw_series([Polygon::new(shape, fill(number))])?;
                }
            }
            Mark::Cells { cells, .. } => {
                chart.draw_series(
                    cells
                        .iter()
                        .map(|(left, right, low, high)| Rectangle::new([(*left, *high), (*right, *low)], fill(number))),
                )?;
            }
            Mark::Band { points, .. } | Mark::Stacked { points, .. } => {
                for run in points.split(|(_, low, high)| low.is_nan() || high.is_nan()).filter(|run| !run.is_empty()) {
                    let upper = run.iter().map(|(x, _, high)| (*x, *high));
                    let lower = run.iter().rev().map(|(x, low, _)| (*x, *low));
                    chart.draw_series([Polygon::new(upper.chain(lower).collect::<Vec<_>>(), fill(number))])?;
                }
            }
            Mark::Bars { bars, .. } => {
                let gap = (spec.x.1 - spec.x.0) / WIDTH;
                chart.draw_series(bars.iter().map(|(left, right, y)| {
                    Rectangle::new([(left + gap, *y), (right - gap, spec.y.0)], fill(number))
                }))?;
            }
            Mark::Step { bars, .. } => {
                let steps: Vec<(f64, f64)> =
                    bars.iter().flat_map(|(left, right, y)| [(*left, *y), (*right, *y)]).collect();
                if steps.len() > 1 {
                    chart.draw_series([PathElement::new(steps, line(number))])?;
                }
            }
            Mark::Rule { y, .. } => {
                chart.draw_series([PathElement::new(vec![(spec.x.0, *y), (spec.x.1, *y)], line(number))])?;
            }
            Mark::At { x, .. } => {
                chart.draw_series([PathElement::new(vec![(*x, spec.y.0), (*x, spec.y.1)], line(number))])?;
            }
            Mark::Span { from, to, .. } => {
                let (from, to) = (from.max(spec.x.0), to.min(spec.x.1));
                if from < to {
                    chart.draw_series([Rectangle::new([(from, spec.y.1), (to, spec.y.0)], fill(number))])?;
                }
            }
            Mark::Points { points, .. } => {
                chart.draw_series(points.iter().map(|p| Circle::new(*p, 3, fill(number))))?;
            }
        }
    }
    drop(chart);
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::spec::{Axis, Unit};
    use super::*;

    fn line(points: Vec<(f64, Option<f64>)>) -> ChartSpec {
        let marks = vec![Mark::Line { name: "a".into(), class: "ka".into(), points }];
        ChartSpec {
            height: 100.0,
            x: (0.0, 10.0),
            y: (0.0, 1.0),
            axis: Axis::Number,
            unit: Unit::Compact,
            rows: vec![],
            marks,
        }
    }

    #[test]
    fn marks_carry_classes_and_no_colours() {
        let svg = draw(&line(vec![(0.0, Some(0.0)), (10.0, Some(1.0))]));
        assert!(svg.contains("class=\"ln ka\" d=\"M0.0 "), "{svg}");
        assert!(!svg.contains("rgb") && !svg.contains('#'), "{svg}");
    }

    #[test]
    fn missing_points_break_the_line() {
        let svg =
            draw(&line(vec![(0.0, Some(0.1)), (1.0, Some(0.2)), (2.0, None), (3.0, Some(0.3)), (4.0, Some(0.4))]));
        assert_eq!(svg.matches("class=\"ln ka\"").count(), 2, "{svg}");
    }
}
