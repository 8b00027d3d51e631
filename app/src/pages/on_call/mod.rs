//! On-call: who is called now and over two weeks, in what order, where messages go, and who would be told.

mod edits;
mod parts;

use domain::alert::view::OnCallView;
use leptos::prelude::*;
use leptos_meta::Title;

use crate::components::form::outcome;
use crate::components::frame::Frame;
use crate::components::panel::{Failed, Loading};
use crate::server_functions::Failure;
use crate::server_functions::alerts::{alerting_document, on_call, set_alerting, test_destination, who_is_told};
use crate::wire::resource;
use edits::Edit;

type Change = Action<Edit, Result<(), Failure>>;
type Test = Action<String, Result<(), Failure>>;

#[component]
pub fn OnCall() -> impl IntoView {
    let change: Change = Action::new(|edit: &Edit| {
        let edit = edit.clone();
        async move { set_alerting(edit.apply(alerting_document().await?)).await }
    });
    let test: Test = Action::new(|key: &String| test_destination(key.clone()));
    let who = Action::new(|(labels, at): &(String, Option<domain::Timestamp>)| who_is_told(labels.clone(), *at));
    let document = Action::new(|(): &()| alerting_document());
    let wrong = RwSignal::new(None::<String>);
    let found = resource(move || (change.version().get(), test.version().get()), |_| on_call());
    let page = move |seen: OnCallView| {
        view! {
            {parts::schedules(&seen, change)}
            <div class="ig mt-16"><div class="col gap-16">{parts::destinations(&seen, change, test, wrong)}{parts::routes(&seen, change, wrong)}</div>
            <div class="col gap-16">{parts::escalation(&seen, change, wrong)}{parts::dry_run(who)}{parts::whole(document, change, wrong)}</div></div>
        }
        .into_any()
    };
    view! {
        <Title text="On-call"/>
        <Frame title=Signal::stored("On-call".to_string())>
            {move || wrong.get().map(|text| view! { <p class="note critical" role="alert">{text}</p> })}
            {move || outcome(change.value().get(), "It is in force.")}
            {move || outcome(test.value().get(), "The test arrived.")}
            <Transition fallback=Loading>{move || Suspend::new(async move {
                match found.await {
                    Err(error) => view! { <Failed error/> }.into_any(),
                    Ok(seen) => page(seen),
                }
            })}</Transition>
        </Frame>
    }
}
