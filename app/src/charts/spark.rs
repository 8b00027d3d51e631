//! Sparklines: one small line without axes, the last point marked.

use leptos::prelude::*;

/// Values in order; `None` is a gap. `threshold` is dotted. All sparks of a column share `range`.
#[component]
pub fn Spark(
    values: Vec<Option<f64>>,
    #[prop(into)] label: String,
    #[prop(default = 24)] height: u32,
    #[prop(default = 104)] width: u32,
    #[prop(into, default = "kt".to_string())] class: String,
    #[prop(optional)] threshold: Option<f64>,
    #[prop(optional)] range: Option<(f64, f64)>,
    /// The area below is shaded; of a line without gaps.
    #[prop(default = false)]
    filled: bool,
) -> impl IntoView {
    let present = || values.iter().flatten().copied();
    let fitted = || (present().fold(f64::INFINITY, f64::min), present().fold(f64::NEG_INFINITY, f64::max));
    let (low, high) = range.unwrap_or_else(fitted);
    let flat = !(high - low).is_finite() || high <= low;
    let h = f64::from(height);
    let y = |v: f64| {
        if flat { h / 2.0 } else { (h - 2.0) * (1.0 - ((v - low) / (high - low)).clamp(0.0, 1.0)) + 1.0 }
    };
    let x = |i: usize| 100.0 * i as f64 / (values.len().max(2) - 1) as f64;
    let mut path = String::new();
    let mut pen = 'M';
    for (i, value) in values.iter().enumerate() {
        match value {
            Some(v) => {
                path.push_str(&format!("{pen}{:.1} {:.1}", x(i), y(*v)));
                pen = 'L';
            }
            None => pen = 'M',
        }
    }
    let area = (filled && !path.is_empty()).then(|| format!("{path}V{height}H0Z"));
    let last = values.iter().rposition(Option::is_some).and_then(|i| Some((x(i), y(values[i]?))));
    let rule = threshold.filter(|t| !flat && *t >= low && *t <= high).map(y);
    view! {
        <svg class=format!("spark {class}") style=format!("--h:{height}px;--w:{width}px") viewBox=format!("0 0 100 {height}")
            preserveAspectRatio="none" role="img" aria-label=label>
            {rule.map(|y| view! { <path class="cl" d=format!("M0 {y:.1}H100")/> })}
            {area.map(|d| view! { <path class="ar" d=d/> })}
            <path class="ln" d=path/>
            {last.map(|(x, y)| view! { <path class="pt sm" d=format!("M{x:.1} {y:.1}h.01")/> })}
        </svg>
    }
}
