//! Connecting a system: the few lines that send the first predictions, and whether they arrive.

use domain::view::ModelSetUpView;
use domain::{Role, Scope, format};
use leptos::prelude::*;
use leptos_meta::Title;

use super::settings::word;
use crate::components::form::{Sent, outcome};
use crate::components::icons::Icon;
use crate::components::live::use_live;
use crate::components::panel::Loading;
use crate::components::reading::{awaited, standing};
use crate::components::status::{Shape, Status};
use crate::components::zone::Here;
use crate::server_functions::admin::{create_key, installation};
use crate::server_functions::model_set_up;
use crate::server_functions::views::{Reader, me};
use crate::wire::resource;

/// How programs send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Pandas,
    Curl,
    Files,
}

impl Way {
    const ALL: [Way; 3] = [Way::Pandas, Way::Curl, Way::Files];

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Way::Pandas => ("Python", "A pandas frame in one request, as Parquet"),
            Way::Curl => ("Any language", "JSON lines by HTTP, shown with curl"),
            Way::Files => ("Files", "Parquet or CSV, read where Plimsoll runs"),
        }
    }

    /// The lines to run. Nothing in them is secret but the key, once it was made here.
    fn lines(self, origin: &str, model: &str, key: &str) -> String {
        let key = if key.is_empty() { "plk_…" } else { key };
        match self {
            Way::Pandas => format!(
                "import requests\n\nrequests.post(\"{origin}/api/v1/models/{model}/predictions\",\n    data=df.to_parquet(),\n    headers={{\"Authorization\": \"Bearer {key}\"}}).raise_for_status()"
            ),
            Way::Curl => format!(
                "curl {origin}/api/v1/models/{model}/predictions \\\n  -H 'Authorization: Bearer {key}' \\\n  --data-binary '{{\"prediction_id\": \"1\", \"prediction\": 1, \"probability\": 0.83,\n    \"features\": {{\"income\": 3480, \"region\": \"north\"}}}}'"
            ),
            Way::Files => format!(
                "plimsoll import {model} reference.parquet --baseline usual --label y_true\nplimsoll import {model} production.parquet --labels truth.parquet"
            ),
        }
    }
}

#[component]
pub fn Connect() -> impl IntoView {
    let live = use_live();
    let who = resource(|| (), |()| me());
    let way = RwSignal::new(Way::Pandas);
    let model = RwSignal::new("my-model".to_string());
    let add = Action::new(|name: &String| create_key(name.clone(), vec![Scope::Ingest], None));
    let key = Memo::new(move |_| add.value().get().and_then(Result::ok).unwrap_or_default());
    let arrived = resource(
        move || (model.get(), live.tick.get()),
        |(name, _)| async move { model_set_up::arrived(name).await.ok().flatten() },
    );
    let checks = resource(|| (), |()| installation());
    let good = move || domain::model::model_name_problem(&model.get());
    let ways: Vec<_> = Way::ALL
        .into_iter()
        .map(|option| {
            let (title, hint) = option.words();
            view! {
                <label class="opt" class:on=move || way.get() == option>
                    <input type="radio" name="way" checked=option == Way::Pandas on:change=move |_| way.set(option)/>
                    <span><b>{title}</b><span class="hint">{hint}</span></span>
                </label>
            }
        })
        .collect();
    let lines = awaited(
        move || (way.get(), model.get(), key.get()),
        move || who,
        |(way, model, key), who| way.lines(&who.map(|m| m.origin).unwrap_or_default(), &model, &key),
    );
    view! {
        <Title text="Connect a system"/>
        <a class="skip" href="#main">"Skip to content"</a>
        <div class="su">
            <header class="sut"><a class="brand" href="/overview"><svg width="22" height="22" viewBox="0 0 24 24" aria-hidden="true"><use href="#logo"></use></svg><span>"Plimsoll"</span></a>
                <span class="dim hide-m">"Set-up"</span><a class="btn sm ghost right" href="/operations">"Finish later"</a></header>
            <div class="sug">
                <nav class="stp" aria-label="Steps"><Transition fallback=|| ()>{standing(move || async move {
                    steps(&who.await.unwrap_or_default(), arrived.await.is_some())
                })}</Transition></nav>
                <main id="main" class="sum">
                    <h1>"Connect a first system"</h1>
                    <p class="mid lead">"Send predictions to Plimsoll. Nothing leaves your network. More systems can follow later."</p>
                    <fieldset class="opts three"><legend class="sr">"How to connect"</legend>{ways}</fieldset>
                    <div class="two">
                        <label class="f"><span>"Name of the model"</span>
                            <input class="in mono" value="my-model" maxlength="100" on:change=move |ev| model.set(event_target_value(&ev).trim().to_string())/></label>
                        <form class="f" aria-label="Key" on:submit=move |event| { Sent::of(&event); add.dispatch(format!("ingest {}", model.get_untracked())); }>
                            <span>"Key that may write"</span>
                            <button class="btn" type="submit" disabled=move || !key.get().is_empty()><Icon name="key" small=true/>
                                {move || if key.get().is_empty() { "Make a key" } else { "The key is in the lines below" }}</button>
                        </form>
                    </div>
                    {move || good().map(|text| view! { <p class="note critical" role="alert">{text}</p> })}
                    {move || outcome(add.value().get(), "The key is shown here once, as part of the lines. Copy them now.")}
                    <div class="codeb"><span class="lab">"Run this where predictions are made"</span>
                        <pre tabindex="0" aria-label="Lines to run"><Transition fallback=|| ()>{lines}</Transition></pre></div>
                    <Transition fallback=Loading>{awaited(move || model.get(), move || arrived, |model, arrived| receiving(arrived, model))}</Transition>
                </main>
                <aside class="chks" aria-label="Checks"><h2>"Checks on this installation"</h2>
                    <Transition fallback=|| ()>{standing(move || async move {
                        checks.await.unwrap_or_default().into_iter().map(|check| view! {
                            <div class="chk-r"><span class=format!("st {}", check.status.name())><Shape of=check.status/><span class="sr">{word(check.status)}</span></span>
                            <div><b>{check.name}</b><p class="hint">{check.detail}</p></div></div>
                        }).collect::<Vec<_>>()
                    })}</Transition>
                    <p class="note hint">"A model’s schema is read from its first rows, its windows are chosen by its pace. Send rows of a good time to “/baseline” and every window is compared with them."</p>
                </aside>
            </div>
        </div>
    }
}

fn steps(me: &Reader, arrived: bool) -> impl IntoView + use<> {
    let done = || view! { <Icon name="check" small=true/> }.into_any();
    let number = |n: &'static str| view! { {n} }.into_any();
    let role = me.role.map_or("", Role::title);
    let (state, mark, words) = if arrived {
        ("done", done(), "Predictions arrive")
    } else {
        ("now", number("2"), "Waiting for the first prediction")
    };
    view! {
        <ol>
            <li class="done"><span class="mk">{done()}</span><div><b>"First administrator"</b><p>{format!("{}, {}", me.name, role.to_lowercase())}</p></div></li>
            <li class=state aria-current="step"><span class="mk">{mark}</span><div><b>"Connect a first system"</b><p>{words}</p></div></li>
            <li class=if arrived { "now" } else { "" }><span class="mk">{number("3")}</span><div><b>"Say what is usual"</b><p>"A baseline, in the model’s set-up"</p></div></li>
        </ol>
    }
}

/// Whether anything has arrived under the name, and how it was read.
fn receiving(view: Option<ModelSetUpView>, name: String) -> AnyView {
    let Some(view) = view else {
        return view! {
            <section class="panel rcv" aria-live="polite"><Status of=domain::Status::NoData text=format!("Nothing has arrived for {name} yet")/>
                <p class="hint">"This page looks again by itself."</p></section>
        }
        .into_any();
    };
    let rows: u64 = view.streams.iter().map(|s| s.rows).sum();
    let last = view.streams.iter().filter_map(|s| s.range).map(|r| r.to).max();
    let facts = format!(
        "{} predictions, {} columns, {} outcomes{}",
        format::count(rows as f64),
        view.model.schema.fields.len(),
        format::count(view.labels as f64),
        last.map(|t| format!(", the newest of {}", t.here().date_clock_zone())).unwrap_or_default()
    );
    let found: Vec<_> = view
        .model
        .schema
        .fields
        .iter()
        .take(12)
        .map(|f| {
            let kind = if f.numeric { "numbers" } else { "categories" };
            view! { <tr><th scope="row" class="mono">{f.name.clone()}</th><td>{f.role.title()}</td><td>{kind}</td></tr> }
        })
        .collect();
    let more = view.model.schema.fields.len().saturating_sub(12);
    let (page, set_up) = (format!("/models/{name}"), format!("/models/{name}/setup"));
    view! {
        <section class="panel rcv" aria-live="polite">
            <Status of=domain::Status::Good text=format!("Receiving {name}")/>
            <p class="hint">{facts}</p>
            <div class="tw"><table class="t dense"><thead><tr><th scope="col">"Column found"</th><th scope="col">"Read as"</th><th scope="col">"Values"</th></tr></thead><tbody>{found}</tbody></table></div>
            {(more > 0).then(|| view! { <p class="hint">{format!("and {more} more")}</p> })}
        </section>
        <footer class="row suf"><a class="btn" href=set_up>"Correct what was read, choose a baseline"</a><a class="btn pri right" href=page>"Open the model"</a></footer>
    }
    .into_any()
}
