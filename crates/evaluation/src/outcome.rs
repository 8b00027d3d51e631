//! Users and business: rates from feedback, money from business events.

use domain::event::{Column, ColumnData, MISSING};
use domain::outcome::{Experience, Impact, Uplift};
use domain::telemetry::{BusinessKind, FeedbackKind};
use domain::verdict::Estimate;
use statistics::intervals::{Z95, mean_interval};
use statistics::quantile::{mean, standard_deviation};

use crate::share::share_of_some;

/// What feedback says. `columns` as the store keeps them.
pub fn experience(columns: &[Column]) -> Experience {
    let Some(ColumnData::Category { codes, dictionary }) = Column::named(columns, "feedback") else {
        return Experience::default();
    };
    let kinds: Vec<Option<FeedbackKind>> = dictionary.iter().map(|w| FeedbackKind::parse(w)).collect();
    let scores = Column::named(columns, "score").and_then(ColumnData::numbers);
    let mut counts = [0_u64; FeedbackKind::ALL.len()];
    let mut grades = Vec::new();
    let mut weak = Vec::new();
    for (row, code) in codes.iter().enumerate() {
        let Some(kind) = kinds.get(*code as usize).copied().flatten() else {
            continue;
        };
        counts[kind as usize] += 1;
        // A deed that is true in a share r of cases says, of the chance that the answer was right, (y − (1 − r)) / (2r − 1):
        // right on average whatever that chance is (as in learning from noisy labels, Natarajan and others 2013).
        if let Some((right, truly)) = kind.implies() {
            weak.push((f64::from(u8::from(right)) - (1.0 - truly)) / (2.0 * truly - 1.0));
        }
        match kind {
            FeedbackKind::Rating => grades.extend(scores.map(|s| s[row]).filter(|s| s.is_finite())),
            FeedbackKind::ThumbsUp => grades.push(1.0),
            FeedbackKind::ThumbsDown => grades.push(0.0),
            _ => {}
        }
    }
    let n = |kind: FeedbackKind| counts[kind as usize];
    let share = |hits: u64, of: u64| share_of_some(hits.min(of), of);
    let decided = n(FeedbackKind::Accepted) + n(FeedbackKind::Edited) + n(FeedbackKind::Rejected);
    let ended = n(FeedbackKind::TaskCompleted) + n(FeedbackKind::TaskFailed) + n(FeedbackKind::HandedOver);
    let stayed = n(FeedbackKind::Returned) + n(FeedbackKind::Abandoned);
    let events = counts.iter().sum();
    let acceptance = share(n(FeedbackKind::Accepted), decided);
    let overridden = share(n(FeedbackKind::Edited) + n(FeedbackKind::Reversed), decided);
    let handed_over = share(n(FeedbackKind::HandedOver), ended);
    let returned = share(n(FeedbackKind::Returned), stayed);
    let turned = |e: Estimate| Estimate { value: 1.0 - e.value, low: 1.0 - e.high, high: 1.0 - e.low, n: e.n };
    let parts: Vec<Estimate> =
        [acceptance, overridden.map(turned), handed_over.map(turned), returned].into_iter().flatten().collect();
    let trust = (!parts.is_empty()).then(|| {
        let of = |f: fn(&Estimate) -> f64| mean(&parts.iter().map(f).collect::<Vec<_>>());
        let value = of(|e| e.value);
        // Parts taken as independent: half-widths add as squares.
        let half = |side: &dyn Fn(&Estimate) -> f64| {
            parts.iter().map(|e| side(e).powi(2)).sum::<f64>().sqrt() / parts.len() as f64
        };
        Estimate {
            value,
            low: (value - half(&|e| e.value - e.low)).max(0.0),
            high: (value + half(&|e| e.high - e.value)).min(1.0),
            n: parts.iter().map(|e| e.n).min().unwrap_or_default(),
        }
    });
    let satisfaction = mean_within_one(&grades);
    // Fewer say nothing: a correction by reliability widens what chance does.
    let implied = Some(weak).filter(|w| w.len() >= WEAK_NEEDED).and_then(|w| mean_within_one(&w));
    Experience {
        completion: share(n(FeedbackKind::TaskCompleted), ended + n(FeedbackKind::Abandoned)),
        regenerated: share(n(FeedbackKind::Regenerated), events).filter(|e| e.value > 0.0),
        acceptance,
        overridden,
        handed_over,
        returned,
        satisfaction,
        trust,
        implied,
        events,
    }
}

/// Weak labels that an estimate needs.
const WEAK_NEEDED: usize = 30;

/// A mean with its interval, both held between 0 and 1.
fn mean_within_one(values: &[f64]) -> Option<Estimate> {
    if values.is_empty() {
        return None;
    }
    let (value, spread) = (mean(values), standard_deviation(values, 1));
    let (low, high) = mean_interval(value, if spread.is_finite() { spread } else { 0.5 }, values.len() as f64, Z95);
    let within = |v: f64| v.clamp(0.0, 1.0);
    Some(Estimate { value: within(value), low: within(low), high: within(high), n: values.len() as u64 })
}

/// One event's worth: money in is positive.
struct Worth {
    kind: BusinessKind,
    currency: u32,
    amount: f64,
    control: bool,
}

fn worths(columns: &[Column]) -> Option<(Vec<Worth>, Vec<String>)> {
    let (ColumnData::Category { codes, dictionary }, amounts) =
        (Column::named(columns, "event")?, Column::named(columns, "amount").and_then(ColumnData::numbers)?)
    else {
        return None;
    };
    let kinds: Vec<Option<BusinessKind>> = dictionary.iter().map(|w| BusinessKind::parse(w)).collect();
    let (currencies, names) = match Column::named(columns, "currency") {
        Some(ColumnData::Category { codes, dictionary }) => (codes.clone(), dictionary.clone()),
        _ => (vec![MISSING; codes.len()], Vec::new()),
    };
    let control: Vec<bool> = match Column::named(columns, "variant") {
        Some(ColumnData::Category { codes, dictionary }) => {
            let named: Vec<bool> = dictionary.iter().map(|w| w.eq_ignore_ascii_case("control")).collect();
            codes.iter().map(|c| named.get(*c as usize).copied().unwrap_or(false)).collect()
        }
        _ => vec![false; codes.len()],
    };
    let all = codes
        .iter()
        .enumerate()
        .filter_map(|(row, code)| {
            let kind = kinds.get(*code as usize).copied().flatten()?;
            let amount = if amounts[row].is_finite() { amounts[row] } else { 0.0 };
            Some(Worth { kind, currency: currencies[row], amount, control: control[row] })
        })
        .collect();
    Some((all, names))
}

fn signed(worth: &Worth) -> f64 {
    match worth.kind {
        BusinessKind::Cost => -worth.amount,
        BusinessKind::Revenue | BusinessKind::Saving => worth.amount,
        BusinessKind::Conversion => 0.0,
    }
}

/// What business events add up to, a currency each. `before` are those of the range before, which stand
/// in where no control group was marked.
pub fn impact(columns: &[Column], before: Option<&[Column]>) -> Vec<Impact> {
    let Some((all, names)) = worths(columns) else {
        return Vec::new();
    };
    let earlier = before.and_then(worths);
    let mut currencies: Vec<u32> = all.iter().map(|w| w.currency).filter(|c| *c != MISSING).collect();
    currencies.sort_unstable();
    currencies.dedup();
    currencies
        .into_iter()
        .map(|currency| {
            let own = || all.iter().filter(move |w| w.currency == currency);
            let sum = |kind: BusinessKind| own().filter(|w| w.kind == kind).map(|w| w.amount).fold(0.0, |a, b| a + b);
            let (revenue, cost, saving) =
                (sum(BusinessKind::Revenue), sum(BusinessKind::Cost), sum(BusinessKind::Saving));
            let flows: Vec<f64> = own().filter(|w| w.kind != BusinessKind::Conversion).map(signed).collect();
            let name = names[currency as usize].clone();
            let treated: Vec<f64> =
                own().filter(|w| !w.control && w.kind != BusinessKind::Conversion).map(signed).collect();
            let control: Vec<f64> =
                own().filter(|w| w.control && w.kind != BusinessKind::Conversion).map(signed).collect();
            let past: Vec<f64> = earlier
                .iter()
                .flat_map(|(all, names)| {
                    let place = names.iter().position(|n| *n == name).map(|p| p as u32);
                    all.iter().filter(move |w| Some(w.currency) == place && w.kind != BusinessKind::Conversion)
                })
                .map(signed)
                .collect();
            let comparison = if control.len() >= 2 { uplift(&treated, &control) } else { growth(&treated, &past) };
            Impact {
                revenue,
                cost,
                saving,
                net: total(&flows),
                roi: (cost > 0.0).then(|| (revenue + saving - cost) / cost),
                conversions: own().filter(|w| w.kind == BusinessKind::Conversion).count() as u64,
                comparison,
                currency: name,
            }
        })
        .collect()
}

/// A sum with the interval that the scatter of its parts gives, their number taken as it is.
fn total(flows: &[f64]) -> Estimate {
    let n = flows.len() as f64;
    let spread = standard_deviation(flows, 1);
    let half = if spread.is_finite() { Z95 * spread * n.sqrt() } else { 0.0 };
    let value: f64 = flows.iter().sum();
    Estimate { value, low: value - half, high: value + half, n: flows.len() as u64 }
}

/// What the events add up to, less what those of an equally long range before did: however many there were then.
fn growth(own: &[f64], past: &[f64]) -> Option<Uplift> {
    if own.len() < 2 || past.len() < 2 {
        return None;
    }
    let (now, then) = (total(own), total(past));
    let half = ((now.high - now.value).powi(2) + (then.high - then.value).powi(2)).sqrt();
    let value = now.value - then.value;
    let total = Estimate { value, low: value - half, high: value + half, n: now.n };
    Some(Uplift { against: "the range before".into(), total })
}

/// The difference to a control group in means an event, times the events, with Welch's interval.
fn uplift(own: &[f64], other: &[f64]) -> Option<Uplift> {
    if own.len() < 2 || other.len() < 2 {
        return None;
    }
    let n = own.len() as f64;
    let error = |v: &[f64]| standard_deviation(v, 1).powi(2) / v.len() as f64;
    let (value, half) = ((mean(own) - mean(other)) * n, Z95 * (error(own) + error(other)).sqrt() * n);
    Some(Uplift {
        against: "control group".into(),
        total: Estimate { value, low: value - half, high: value + half, n: own.len() as u64 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> ColumnData {
        let mut builder = domain::event::CategoryBuilder::default();
        words.iter().for_each(|w| builder.push(Some(w)));
        builder.finish()
    }

    #[test]
    fn trust_is_the_mean_of_what_was_said_and_nothing_else() {
        let said = ["accepted", "accepted", "accepted", "rejected", "handed_over", "task_completed", "rating"];
        let columns = vec![
            Column { name: "feedback".into(), data: words(&said) },
            Column {
                name: "score".into(),
                data: ColumnData::Number(vec![f64::NAN, f64::NAN, f64::NAN, f64::NAN, f64::NAN, f64::NAN, 0.8]),
            },
        ];
        let found = experience(&columns);
        assert_eq!(found.acceptance.expect("said").value, 0.75);
        assert_eq!(found.handed_over.expect("said").value, 0.5);
        assert_eq!(found.returned, None);
        // Acceptance 0.75, not overridden 1, not handed over 0.5.
        assert!((found.trust.expect("three parts").value - 0.75).abs() < 1e-12);
        assert_eq!(found.satisfaction.map(|s| (s.value, s.n)), Some((0.8, 1)));
        assert_eq!(experience(&[]), Experience::default());
    }

    #[test]
    fn deeds_are_weak_labels_corrected_by_how_often_they_are_true() {
        let said: Vec<&str> = std::iter::repeat_n("copied", 60).chain(std::iter::repeat_n("regenerated", 40)).collect();
        let found = experience(&[Column { name: "feedback".into(), data: words(&said) }]);
        let implied = found.implied.expect("enough deeds");
        // Copied: (1 − 0.3) / 0.4 = 1.75; regenerated: (0 − 0.25) / 0.5 = −0.5.
        assert!((implied.value - (60.0 * 1.75 - 40.0 * 0.5) / 100.0).abs() < 1e-12, "{implied:?}");
        assert_eq!((implied.n, found.acceptance), (100, None));
        assert_eq!(experience(&[Column { name: "feedback".into(), data: words(&said[..20]) }]).implied, None);
    }

    #[test]
    fn money_is_added_by_currency_and_held_against_the_control_group() {
        let event = ["revenue", "revenue", "cost", "revenue", "revenue", "saving"];
        let columns = vec![
            Column { name: "event".into(), data: words(&event) },
            Column { name: "amount".into(), data: ColumnData::Number(vec![12.0, 14.0, 4.0, 10.0, 8.0, 5.0]) },
            Column { name: "currency".into(), data: words(&["EUR", "EUR", "EUR", "EUR", "EUR", "USD"]) },
            Column { name: "variant".into(), data: words(&["b", "b", "b", "control", "control", "b"]) },
        ];
        let found = impact(&columns, None);
        let euros = found.iter().find(|i| i.currency == "EUR").expect("there");
        assert_eq!((euros.revenue, euros.cost, euros.net.value, euros.roi), (44.0, 4.0, 40.0, Some(10.0)));
        let uplift = euros.comparison.as_ref().expect("has a control group");
        assert_eq!(uplift.against, "control group");
        assert!((uplift.total.value - (22.0 / 3.0 - 9.0) * 3.0).abs() < 1e-9);
        assert_eq!(found.iter().find(|i| i.currency == "USD").map(|i| i.saving), Some(5.0));
        // Without one, sums are compared: many small events after few large ones are no loss.
        let money = |amounts: Vec<f64>| {
            let n = amounts.len();
            vec![
                Column { name: "event".into(), data: words(&vec!["revenue"; n]) },
                Column { name: "amount".into(), data: ColumnData::Number(amounts) },
                Column { name: "currency".into(), data: words(&vec!["EUR"; n]) },
            ]
        };
        let found = impact(&money(vec![1.0; 300]), Some(&money(vec![50.0; 4])));
        assert_eq!(
            found[0].comparison.as_ref().map(|u| (u.total.value, &*u.against)),
            Some((100.0, "the range before"))
        );
    }
}
