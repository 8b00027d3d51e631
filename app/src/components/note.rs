//! The form that writes an annotation, wherever on a chart it was asked for.

use domain::Timestamp;
use domain::annotation::{AnnotationText, Subject};
use domain::zone::Zone;
use leptos::prelude::*;

use super::form::{Sent, outcome};
use super::lasting::given;
use super::live::use_live;
use super::modal::Modal;
use super::zone::{Here, zone, zone_label};
use crate::charts::shared::use_shared;
use crate::server_functions::Failure;
use crate::server_functions::alerts::annotate;

/// What a note is about, in words.
fn about(subject: &Subject) -> String {
    let named = [
        ("model", &subject.model),
        ("system", &subject.system),
        ("signal", &subject.signal),
        ("environment", &subject.environment),
    ];
    let parts: Vec<String> =
        named.iter().filter(|(_, name)| !name.is_empty()).map(|(what, name)| format!("{what} {name}")).collect();
    if parts.is_empty() { "everything".to_string() } else { parts.join(", ") }
}

/// What somebody wrote, with the names in it set apart.
pub fn written(text: &str) -> Vec<AnyView> {
    domain::mention::pieces(text)
        .into_iter()
        .map(|(names, piece)| match names {
            true => view! { <span class="at">{piece.to_string()}</span> }.into_any(),
            false => piece.to_string().into_any(),
        })
        .collect()
}

/// A time as the form holds it: to the second, by the document’s clock.
fn shown(micros: f64) -> String {
    Timestamp(micros as i64).here().form_second()
}

fn read(name: &str, text: &str, zone: &Zone) -> Result<Timestamp, Failure> {
    zone.parse(text)
        .ok_or_else(|| Failure::Refused(format!("“{text}” is no time; write {name} as 2026-11-23 14:32:00")))
}

#[component]
pub fn NoteForm() -> impl IntoView {
    let shared = use_shared();
    let live = use_live();
    let clock = zone();
    let save = Action::new(move |sent: &(String, String, String, String, Subject)| {
        let (at, until, text, tags, subject) = sent.clone();
        let zone = clock.clone();
        async move {
            let tags = tags.split([',', ' ']).map(str::trim).filter(|t| !t.is_empty()).map(String::from).collect();
            let until = if until.trim().is_empty() { None } else { Some(read("the end", &until, &zone)?) };
            let id = annotate(AnnotationText { at: read("the time", &at, &zone)?, until, subject, text, tags }).await?;
            shared.draft.set(None);
            shared.marked.set(None);
            live.read_again();
            Ok::<i64, Failure>(id)
        }
    });
    let open = Signal::derive(move || shared.draft.with(Option::is_some));
    Effect::new(move |_| {
        if open.get() {
            save.clear();
        }
    });
    view! {
        <Modal open close=Callback::new(move |()| shared.draft.set(None)) label="Annotate" class="narrow">
            {move || shared.draft.get().map(|draft| {
                let subject = draft.about.clone();
                let submit = move |event: leptos::ev::SubmitEvent| {
                    let sent = Sent::of(&event);
                    save.dispatch((sent.text("at"), sent.text("until"), sent.text("text"), sent.text("tags"), subject.clone()));
                };
                view! {
                    <form on:submit=submit>
                        <header><h2>"Annotate"</h2></header>
                        <div class="body col gap-12">
                            <p class="hint">{format!("Shown on every chart that concerns {}.", about(&draft.about))}</p>
                            <label class="f"><span>"What is there to know"</span><textarea class="in" name="text" rows="3" maxlength="4000" required autofocus></textarea></label>
                            <div class="two m0">
                                <label class="f"><span>{format!("At, {}", zone_label())}</span><input class="in" name="at" {..given(shown(draft.at))} required/></label>
                                <label class="f"><span>"Until, empty for an instant"</span><input class="in" name="until" {..given(draft.until.map(shown).unwrap_or_default())}/></label>
                            </div>
                            <label class="f"><span>"Tags"</span><input class="in" name="tags" placeholder="maintenance, campaign" maxlength="200"/></label>
                            {move || outcome(save.value().get(), "")}
                        </div>
                        <footer><span class="grow"></span><button class="btn" type="button" on:click=move |_| shared.draft.set(None)>"Cancel"</button>
                            <button class="btn pri" type="submit" disabled=move || save.pending().get()>"Save"</button></footer>
                    </form>
                }
            })}
        </Modal>
    }
}
