//! On-call: who is called now and over two weeks, in what order, where messages go, and who would be told.

mod edits;
mod parts;
mod policies;

use domain::Timestamp;
use domain::alert::view::{OnCallView, Reached};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::components::form::{fold, outcome};
use crate::components::frame::Frame;
use crate::components::panel::{Failed, Loading};
use crate::components::reading::standing;
use crate::server_functions::Failure;
use crate::server_functions::alerts::{
    alerting_document, on_call, set_alerting, test_destination, test_policy, who_is_told,
};
use crate::wire::resource;
use edits::Edit;

type Change = Action<Edit, Result<(), Failure>>;
type Test = Action<String, Result<(), Failure>>;
type Page = Action<String, Result<Vec<Reached>, Failure>>;

/// Which days the plan shows, from the address: `?from=2026-11-23&days=7`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Plan {
    /// `None` from today on.
    from: Option<Timestamp>,
    days: u16,
}

/// Lengths that can be chosen.
const LENGTHS: [(u16, &str); 3] = [(7, "Week"), (14, "2 weeks"), (28, "4 weeks")];

impl Plan {
    fn link(self) -> String {
        let from = self.from.map(|at| format!("from={}&", at.form_date())).unwrap_or_default();
        format!("/on-call?{from}days={}", self.days)
    }
}

fn use_plan() -> Memo<Plan> {
    let query = use_query_map();
    let plan = Memo::new(move |_| {
        query.with(|query| {
            let days = query.get("days").and_then(|d| d.parse().ok());
            Plan {
                from: query.get("from").and_then(|from| Timestamp::parse(&from)),
                days: days.filter(|days| LENGTHS.iter().any(|(known, _)| known == days)).unwrap_or(14),
            }
        })
    });
    plan.with_untracked(|_| ());
    plan
}

#[component]
pub fn OnCall() -> impl IntoView {
    let change: Change = Action::new(|edit: &Edit| {
        let edit = edit.clone();
        async move { set_alerting(edit.apply(alerting_document().await?)).await }
    });
    let test: Test = Action::new(|key: &String| test_destination(key.clone()));
    let call: Page = Action::new(|policy: &String| test_policy(policy.clone()));
    let who = Action::new(|(labels, at): &(String, Option<domain::Timestamp>)| who_is_told(labels.clone(), *at));
    let document = Action::new(|(): &()| alerting_document());
    let wrong = RwSignal::new(None::<String>);
    let plan = use_plan();
    let found = resource(
        move || (plan.get(), change.version().get(), test.version().get()),
        |(plan, ..)| on_call(plan.from, plan.days),
    );
    Effect::new(move |_| {
        if matches!(change.value().get(), Some(Ok(()))) {
            fold(".policies");
        }
    });
    let page = move |seen: OnCallView| {
        view! {
            {parts::schedules(&seen, plan, change)}
            <div class="ig mt-16"><div class="col gap-16">{parts::destinations(&seen, change, test, wrong)}{parts::routes(&seen, change, wrong)}</div>
            <div class="col gap-16">{policies::escalation(&seen, change, call)}{parts::load(&seen)}{parts::dry_run(who)}{parts::whole(document, change, wrong)}</div></div>
        }
        .into_any()
    };
    view! {
        <Title text="On-call"/>
        <Frame title=Signal::stored("On-call".to_string())>
            {move || wrong.get().map(|text| view! { <p class="note critical" role="alert">{text}</p> })}
            {move || outcome(change.value().get(), "It is in force.")}
            {move || outcome(test.value().get(), "The test arrived.")}
            {move || outcome(call.value().get(), "")}
            {move || call.value().get().and_then(Result::ok).map(policies::reached)}
            <Transition fallback=Loading>{standing(move || async move {
                match found.await {
                    Err(error) => view! { <Failed error/> }.into_any(),
                    Ok(seen) => page(seen),
                }
            })}</Transition>
        </Frame>
    }
}
