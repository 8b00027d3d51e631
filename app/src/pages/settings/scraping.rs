//! Scraping: programs that are asked for their metrics.

use leptos::prelude::*;

use super::{Settings, listed};
use crate::components::form::{Sent, outcome};
use crate::components::icons::Icon;
use crate::components::panel::Loading;
use crate::components::reading::standing;
use crate::server_functions::telemetry::{ScrapeRow, create_scrape_job, delete_scrape_job, scrape_jobs};
use crate::wire::resource;

type New = (String, String, bool, i64, String);

#[component]
pub fn Scraping() -> impl IntoView {
    let add = Action::new(|(job, url, discovery, every, credentials): &New| {
        create_scrape_job(job.clone(), url.clone(), *discovery, *every, credentials.clone())
    });
    let remove = Action::new(|id: &i64| delete_scrape_job(*id));
    let list = resource(move || (add.version().get(), remove.version().get()), |_| scrape_jobs());
    let row = move |j: ScrapeRow| {
        let id = j.id;
        let kind = if j.discovery { "tells targets" } else { "target" };
        view! {
            <tr><th scope="row">{j.job}</th><td class="mono">{j.url}</td><td>{kind}</td><td class="num">{format!("{} s", j.every_secs)}</td>
            <td class="num"><button class="btn xs danger" type="button" on:click=move |_| { remove.dispatch(id); }>"Remove"</button></td></tr>
        }
    };
    let table = move |jobs: Vec<ScrapeRow>| {
        let rows: Vec<_> = jobs.into_iter().map(row).collect();
        view! {
            <table class="t"><thead><tr><th scope="col">"Job"</th><th scope="col">"Address"</th><th scope="col">"Kind"</th><th scope="col" class="num">"Every"</th><th scope="col"><span class="sr">"Remove"</span></th></tr></thead>
            <tbody>{rows}</tbody></table>
        }
        .into_any()
    };
    view! {
        <Settings title="Scraping">
            <div class="head"><div><h1>"Scraping"</h1><p>"Programs that answer with their metrics in Prometheus’ text format or OpenMetrics are asked from here. Whether one answers is the signal “up”."</p></div></div>
            {move || outcome(add.value().get(), "")}
            {move || outcome(remove.value().get(), "")}
            <form class="panel" aria-label="New target" method="post" on:submit=move |event| {
                let sent = Sent::of(&event);
                add.dispatch((sent.text("job"), sent.text("url"), sent.text("kind") == "discovery", sent.text("every").parse().unwrap_or(15), sent.text("credentials")));
            }>
                <div class="pb row wrap gap-12 pt">
                    <label class="f"><span>"Job"</span><input class="in" name="job" autocomplete="off" required maxlength="80" placeholder="node"/></label>
                    <label class="f grow"><span>"Address"</span><input class="in mono" name="url" autocomplete="off" required placeholder="http://host:9100/metrics"/></label>
                    <label class="f"><span>"Kind"</span><select class="in" name="kind"><option value="target">"a target"</option><option value="discovery">"tells targets (HTTP discovery)"</option></select></label>
                    <label class="f"><span>"Every"</span><select class="in" name="every">
                        <option value="15">"15 s"</option><option value="5">"5 s"</option><option value="30">"30 s"</option><option value="60">"1 min"</option>
                    </select></label>
                    <label class="f"><span>"Authorization, if it needs one"</span><input class="in mono" name="credentials" type="password" autocomplete="off" placeholder="Bearer …"/></label>
                    <button class="btn pri end" type="submit"><Icon name="plus" small=true/>"Add"</button>
                </div>
            </form>
            <section class="panel mt-12" aria-label="Targets">
                <Transition fallback=Loading>{standing(move || async move {
                    listed(list.await, ("Nothing is asked yet", "Name a program that serves metrics: an exporter, vLLM, Triton, or your own service."), table)
                })}</Transition>
            </section>
        </Settings>
    }
}
