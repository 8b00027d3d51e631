//! What a query answers: drawn in one of some ways, and figures of each line.

use domain::telemetry::{QueryLine, QueryView};
use domain::time::RangeChoice;
use domain::{TimeRange, Timestamp};
use leptos::prelude::*;

use super::drawn::{Drawn, class_of, mean, places, unit_of};
use super::with;
use crate::charts::chart::Chart;
use crate::charts::shared::use_shared;
use crate::charts::spark::Spark;
use crate::charts::spec::Unit;
use crate::components::icons::Icon;
use crate::components::panel::Empty;
use crate::components::state::{Place, encoded};
use crate::components::zone::Here;

/// The lines, and what they were before where that is asked for; `ways` offers other drawings.
pub(super) fn shown(
    view: &QueryView,
    then: Option<&(i64, QueryView)>,
    place: &Place,
    drawn: Drawn,
    ways: AnyView,
) -> AnyView {
    if view.lines.is_empty() {
        return view! { <section class="panel"><Empty title="Nothing answers to this in the range" text="The query is right, but no series has a sample there. Choose a longer range, or other labels."/></section> }.into_any();
    }
    let unit = unit_of(view);
    let many = if view.lines.len() == 1 { "one line".to_string() } else { format!("{} lines", view.lines.len()) };
    let description = format!("{many} of {}", view.query);
    let sub = format!("{many}, a point every {}", domain::format::duration((view.step * 1e6) as i64));
    let left_out = (view.left_out > 0)
        .then(|| format!("{} more lines are not shown; add labels, or take topk(20, …)", view.left_out));
    let spec = drawn.spec(view, then, unit);
    let (left, legend) = (drawn.left(), drawn.legend(view, unit));
    let found = (view.clone(), then.cloned(), place.clone());
    let marked = use_shared().marked;
    let values = move || values(&found.0, found.1.as_ref(), &found.2, marked.get(), unit);
    view! {
        <section class="panel" aria-label="Chart">
            <header class="ph"><h2 class="mono cutq">{view.query.clone()}</h2><span class="sub">{sub}</span><div class="act">{ways}</div></header>
            <div class="pb"><Chart spec title=view.query.clone() description left/>{legend}</div>
            {left_out.map(|text| view! { <footer class="pf"><span class="hint">{text}</span></footer> })}
        </section>
        {values}
    }
    .into_any()
}

/// Figures of each line: over the range, or over the marked span against as long before it.
fn values(
    view: &QueryView,
    then: Option<&(i64, QueryView)>,
    place: &Place,
    marked: Option<(f64, f64)>,
    unit: Unit,
) -> AnyView {
    let of_services = view.lines.iter().any(|line| !line.service.is_empty());
    let places = places(view);
    let cell = |v: Option<f64>| v.map_or_else(|| "–".to_string(), |v| unit.show(v));
    let change = |before: Option<f64>, now: Option<f64>| {
        let share = before.zip(now).filter(|(before, _)| *before != 0.0).map(|(b, n)| n / b - 1.0);
        share.map_or_else(|| "–".to_string(), |s| format!("{} %", domain::format::signed(s * 100.0, 1)))
    };
    let rows: Vec<_> = view
        .lines
        .iter()
        .enumerate()
        .map(|(i, line)| {
            let key = format!("key sq {}", class_of(i));
            let spark = view! { <Spark values=line.values.clone() label=format!("{} over the range", line.label) class=class_of(i) height=18/> };
            let figures = match marked {
                Some((from, to)) => {
                    let (now, n) = mean_within(&places, &line.values, from, to);
                    let (before, _) = mean_within(&places, &line.values, from - (to - from), from);
                    view! { <td class="num v">{cell(now)}</td><td class="num">{cell(before)}</td><td class="num">{change(before, now)}</td><td class="num">{n}</td> }.into_any()
                }
                None => {
                    let (all, n) = mean_within(&places, &line.values, f64::MIN, f64::MAX);
                    let present = || line.values.iter().flatten().copied();
                    let (low, high) = (present().reduce(f64::min), present().reduce(f64::max));
                    let was = then.map(|(_, before)| {
                        let was = before.lines.iter().find(|l| l.label == line.label);
                        let was = was.and_then(|l| mean_within(&places, &l.values, f64::MIN, f64::MAX).0);
                        view! { <td class="num">{cell(was)}</td><td class="num">{change(was, all)}</td> }
                    });
                    view! { <td class="num v">{cell(present().last())}</td><td class="num">{cell(all)}</td>{was}<td class="num">{cell(low)}</td><td class="num">{cell(high)}</td><td class="num">{n}</td> }.into_any()
                }
            };
            view! { <tr><th scope="row"><span class="lbk"><i class=key></i><span class="mono">{line.label.clone()}</span></span></th>{figures}<td>{spark}</td>{of_services.then(|| view! { <td>{traces(line, place, marked, unit)}</td> })}</tr> }
        })
        .collect();
    let clock = |at: f64| domain::Timestamp(at as i64).here().clock_seconds();
    let (sub, heads) = match (marked, then) {
        (Some((from, to)), _) => (
            format!("means of {}–{} against as long before", clock(from), clock(to)),
            vec!["Marked", "Before", "Change", "Points"],
        ),
        (None, Some((ago, _))) => (
            format!("over the range, against {} before", domain::format::duration(*ago)),
            vec!["Newest", "Mean", "Mean before", "Change", "Lowest", "Highest", "Points"],
        ),
        (None, None) => ("over the range".to_string(), vec!["Newest", "Mean", "Lowest", "Highest", "Points"]),
    };
    let file = format!("/api/v1/query_export?query={}&from={}&to={}", encoded(&view.query), view.from.0, view.to.0);
    let heads: Vec<_> = heads.into_iter().map(|name| view! { <th scope="col" class="num">{name}</th> }).collect();
    view! {
        <section class="panel mt-12" aria-label="Values">
            <header class="ph"><h2>"Values"</h2><span class="sub">{sub}</span><div class="act"><a class="btn xs" download="query.csv" href=file><Icon name="dl" small=true/>"CSV"</a></div></header>
            <div class="pb flush"><table class="t"><thead><tr><th scope="col">"Series"</th>{heads}<th scope="col">"Range"</th>{of_services.then(|| view! { <th scope="col">"Traces"</th> })}</tr></thead><tbody>{rows}</tbody></table></div>
        </section>
    }
    .into_any()
}

/// The way to the traces of the service that a line is of, over the range or the marked span. Of a line that says how
/// long something takes: those that took longer than it says.
fn traces(line: &QueryLine, place: &Place, marked: Option<(f64, f64)>, unit: Unit) -> Option<AnyView> {
    let range = marked.map(|(from, to)| TimeRange { from: Timestamp(from as i64), to: Timestamp(to as i64) });
    let place = Place { range: range.map(RangeChoice::Fixed).or(place.range), ..place.clone() };
    let slow = line.values.iter().rev().flatten().next().filter(|_| unit == Unit::Milliseconds);
    let least = slow.map(|ms| domain::format::fixed(*ms, 0)).unwrap_or_default();
    let words = if slow.is_some() { "slower ones" } else { "all" };
    let asked = [("view", "traces"), ("service", &*line.service), ("min_ms", &least), ("all", "1")];
    let href = with(&place, &asked);
    let named = format!("Traces of {}, {words}", line.service);
    (!line.service.is_empty()).then(|| view! { <a href=href aria-label=named>{words}</a> }.into_any())
}

/// The mean of what is there from one place to before another, and of how many points.
fn mean_within(places: &[f64], values: &[Option<f64>], from: f64, to: f64) -> (Option<f64>, usize) {
    let inside = places.iter().zip(values).filter(|(at, _)| (from..to).contains(*at));
    mean(inside.filter_map(|(_, v)| v.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_of_what_is_there_between_two_instants() {
        let (places, values) = ([0.0, 1.0, 2.0, 3.0], [Some(1.0), None, Some(3.0), Some(8.0)]);
        assert_eq!(mean_within(&places, &values, 0.0, 3.0), (Some(2.0), 2));
        assert_eq!(mean_within(&places, &values, 1.0, 2.0), (None, 0));
        assert_eq!(mean_within(&places, &values, f64::MIN, f64::MAX), (Some(4.0), 3));
    }
}
