//! Responses at work: alerts propose them, people decide, what was decided is sent, and its effect is watched.
//!
//! The leader proposes and sends, once a second. What a run becomes is decided in [`domain::response`] and written
//! under the run's lock; a crash between sending and noting it sends once more, with the same idempotency key.

use std::time::Duration;

use domain::alert::matcher::Matchers;
use domain::alert::message::Words;
use domain::alert::view::{Entry, EntryKind};
use domain::alert::{Alert, Labels};
use domain::response::{
    Call, Control, Event, Next, Plan, RESPONSES_MAX, Response, ResponseView, Responses, ResponsesView, Run, RunAct,
    State, Tally, Word, control_now, rests,
};
use domain::time::{DAY, HOUR};
use domain::{Action, Actor, Denied, Object, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::Decided;
use tokio_util::sync::CancellationToken;

use super::alerts::said;
use crate::notify::{Problem, pause, webhook};
use crate::outgoing::{self, Target};
use crate::signature::hex;
use crate::{Caller, Engine, EngineError, Result};

const DOCUMENT: &str = "responses";
const EVERY: Duration = Duration::from_secs(1);
/// What is learnt from: runs of the last while.
const PAST: i64 = 90 * DAY;
const PAST_MAX: i64 = 500;
/// Runs that a page lists.
const LISTED: usize = 100;
const ABOUT_MAX: i64 = 20;
/// Alerts that one response is held against in a turn, the most pressing.
const ASKED_MAX: usize = 50;
/// Bytes of an answer that are kept.
const ANSWER_MAX: usize = 500;

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = engine.inner.alerts.respond.notified() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
        if !engine.leads_alerts() {
            continue;
        }
        if let Err(error) = engine.response_turn().await {
            tracing::error!(%error, "a turn of the responses failed; it is tried again");
        }
    }
}

/// What a call is made for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    /// To hear what it would do, without effect.
    Trying(Timestamp),
    Doing,
    Undoing,
}

impl For {
    /// A run and a call of it, done or undone once; what is tried again is to be tried again.
    fn key(self, run: i64, place: usize) -> String {
        let call = if place == 0 { format!("response-{run}") } else { format!("response-{run}-{}", place + 1) };
        match self {
            For::Trying(at) => format!("{call}-try-{}", at.0),
            For::Doing => call,
            For::Undoing => format!("{call}-undo"),
        }
    }
}

/// What an approval names: all that will be sent and where.
fn plan(response: &Response, alert: &Alert) -> Plan {
    let mut calls = response.filled(&alert.labels, alert.value);
    let hash = hex(&Sha256::digest(json!(&calls).to_string().as_bytes()));
    let Call { url, parameters, undo_url, .. } = calls.remove(0);
    Plan { url, parameters, undo_url, then: calls, hash }
}

fn fits(response: &Response, labels: &Labels) -> bool {
    response.enabled && Matchers::of(&response.matchers).is_ok_and(|m| m.matches(labels))
}

impl Engine {
    async fn response_turn(&self) -> Result<()> {
        let kept: Responses = self.document(DOCUMENT).await?;
        let open = self.store.runs_open().await?;
        if kept.all.is_empty() && open.is_empty() {
            return Ok(());
        }
        let looks = open.iter().map(|run| self.look_at_run(run, &kept));
        for (run, looked) in open.iter().zip(futures::future::join_all(looks).await) {
            if let Err(error) = looked {
                tracing::error!(%error, run = run.id, "a run of a response could not be looked at; it is tried again");
            }
        }
        if kept.stopped.is_none() { self.propose_due(&kept).await } else { Ok(()) }
    }

    /// What is due of a run: sent where it was decided, ended where its time is over.
    async fn look_at_run(&self, run: &Run, kept: &Responses) -> Result<()> {
        let now = self.now();
        let fires = self.board().await?.fires(&run.fingerprint, now);
        let secret = kept.all.iter().find(|r| r.name == run.response).map_or("", |r| r.secret.as_str());
        // Stopped, nothing runs; what is taken back goes out all the same.
        let goes_out = |next: &Next| run.due_at <= now && (next.undo || kept.stopped.is_none());
        let is_tried = run.state == State::Proposed && run.try_first && run.tried.is_none() && fires;
        let event = match run.next().filter(goes_out) {
            Some(Next { place, undo }) => {
                let why = if undo { For::Undoing } else { For::Doing };
                came_of(self.call(run, place, why, secret).await, run.attempts)
            }
            None if is_tried && kept.stopped.is_none() => self.tried(run, secret).await,
            None => Event::Looked { fires },
        };
        // Nothing is written where nothing changes.
        if run.clone().step(event.clone(), now).is_ok_and(|next| next == *run) {
            return Ok(());
        }
        self.change_run(run.id, event).await.map(|_| ())
    }

    /// Tries the calls of a run without effect, until one says that it would fail.
    async fn tried(&self, run: &Run, secret: &str) -> Event {
        let why = For::Trying(self.now());
        let count = run.plan.calls().len();
        let mut answers = Vec::new();
        for place in 0..count {
            let (good, answer) = match self.call(run, place, why, secret).await {
                Ok(answer) => (true, answer),
                Err(problem) => (false, problem.text),
            };
            answers.push(if count > 1 { format!("{}: {answer}", place + 1) } else { answer });
            if !good {
                return Event::Tried { good, answer: answers.join("; ") };
            }
        }
        Event::Tried { good: true, answer: answers.join("; ") }
    }

    /// Makes one call of a team's automation; what it answered.
    async fn call(&self, run: &Run, place: usize, why: For, secret: &str) -> std::result::Result<String, Problem> {
        let calls = run.plan.calls();
        let count = calls.len();
        let lost = || Problem::lasting(format!("the plan has no call {}", place + 1));
        let call = calls.into_iter().nth(place).ok_or_else(lost)?;
        let url = if why == For::Undoing { &call.undo_url } else { &call.url };
        let approved: Vec<Value> = run.approved.iter().map(|w| json!({"who": w.who, "reason": w.reason})).collect();
        let body = json!({
            "run": run.id,
            "response": run.response,
            "call": {"number": place + 1, "of": count, "name": call.name},
            "dry_run": matches!(why, For::Trying(_)),
            "undo": why == For::Undoing,
            "parameters": call.parameters,
            "alert": run.fingerprint,
            "about": run.about,
            "incident": run.incident,
            "approved": approved,
            "url": self.page_of(run),
        });
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let (key, signed) = (why.key(run.id, place), webhook::signature(secret, self.now().0 / 1_000_000, &body));
        let mut headers = vec![("content-type", "application/json"), ("idempotency-key", key.as_str())];
        if !secret.is_empty() {
            headers.push(("x-plimsoll-signature", &signed));
        }
        let answer = Problem::of(outgoing::post(url, &headers, body).await)?;
        Ok(String::from_utf8_lossy(&answer).chars().filter(|c| !c.is_control()).take(ANSWER_MAX).collect())
    }

    fn page_of(&self, run: &Run) -> String {
        let base = &self.inner.options.public_url;
        match run.incident {
            Some(id) => format!("{base}/incidents/{id}"),
            None => format!("{base}/alerts/{}", run.fingerprint),
        }
    }

    /// Takes a run a step further, and says on the alert and its incident what came of it.
    async fn change_run(&self, id: i64, event: Event) -> Result<Run> {
        let now = self.now();
        let mut before = None;
        let asks_only = event == Event::TryAgain;
        let changed = self
            .store
            .change_run(id, |run| {
                before = Some(told_apart(&run));
                run.step(event, now)
            })
            .await?
            .ok_or_else(|| EngineError::NotFound("there is no run of this number".into()))?
            .map_err(EngineError::Conflict)?;
        if before != Some(told_apart(&changed)) {
            if !asks_only {
                self.say_of_run(&changed, now).await?;
            }
            self.inner.alerts.respond.notify_one();
        }
        Ok(changed)
    }

    async fn say_of_run(&self, run: &Run, now: Timestamp) -> Result<()> {
        let last = match run.state {
            State::Denied => run.denied.as_ref(),
            State::Undoing | State::Undone => run.undone.as_ref(),
            State::Proposed | State::Running => run.approved.last(),
            _ => None,
        };
        // Between two calls, and where one failed, the answer says more than who approved it.
        let under_way = run.state == State::Running && !run.answers.is_empty();
        let turned_back = run.state == State::Undoing && run.undone.is_none();
        let (who, reason) = last.map_or(("", ""), |w| (w.who.as_str(), w.reason.as_str()));
        let text = match run.state {
            State::Proposed if run.approved.is_empty() => match &run.tried {
                Some((_, good, answer)) => {
                    format!("tried without effect: {} {answer}", if *good { "passed." } else { "failed." })
                }
                None => run.held_back.clone(),
            },
            State::Watched | State::Failed | State::Undone => run.answer.clone(),
            _ if under_way || turned_back => run.answer.clone(),
            _ => reason.to_string(),
        };
        let good = match run.state {
            State::Failed => Some(false),
            State::Undoing if turned_back => Some(false),
            State::Done => run.helped,
            State::Denied | State::Expired => None,
            _ => Some(true),
        };
        let entry = Entry {
            id: 0,
            at: now,
            incident: run.incident,
            fingerprint: run.fingerprint.clone(),
            kind: EntryKind::Response,
            who: if under_way { String::new() } else { who.to_string() },
            title: format!("{} {}", run.response, run.words()),
            text: text.trim().to_string(),
            good,
        };
        self.store.commit(&[Decided::Entry(entry)]).await?;
        Ok(())
    }

    /// Proposes what alerts that fire ask for: of each response the most pressing that nobody keeps quiet.
    async fn propose_due(&self, kept: &Responses) -> Result<()> {
        let now = self.now();
        let asked: Vec<(&Response, Vec<Alert>)> = {
            let board = self.board().await?;
            let mut asked = Vec::new();
            for response in kept.all.iter().filter(|r| r.enabled) {
                let Ok(matchers) = Matchers::of(&response.matchers) else { continue };
                let long = |a: &&Alert| a.starts_at.plus(response.after) <= now && matchers.matches(&a.labels);
                let mut alerts: Vec<&Alert> = board.open(now).filter(long).collect();
                alerts.sort_by_key(|a| (a.priority, a.starts_at));
                let alerts: Vec<Alert> = alerts.into_iter().take(ASKED_MAX).cloned().collect();
                asked.extend((!alerts.is_empty()).then_some((response, alerts)));
            }
            asked
        };
        if asked.is_empty() {
            return Ok(());
        }
        let past = self.store.runs_since(now.plus(-PAST), PAST_MAX).await?;
        let rested = |r: &Response, a: &Alert| rests(r, &past, &a.fingerprint, now).is_none();
        if !asked.iter().any(|(r, alerts)| alerts.iter().any(|a| rested(r, a))) {
            return Ok(());
        }
        let quiet = self.board().await?.suppression(now);
        for (response, alerts) in asked {
            let first = alerts.iter().find(|a| rested(response, a) && !quiet.contains_key(&a.fingerprint));
            if let Some(alert) = first {
                self.propose(response, alert, "", &past).await?;
            }
        }
        Ok(())
    }

    /// `by`: who proposes it, empty for the alert itself. `None` where another run of it is not over.
    async fn propose(&self, response: &Response, alert: &Alert, by: &str, past: &[Run]) -> Result<Option<Run>> {
        let now = self.now();
        let (control, held_back) = match control_now(response, past) {
            // What a person asks for, a person decides.
            (Control::Itself, why) if !by.is_empty() => (Control::One, why),
            other => other,
        };
        let begun = Run::proposed(&response.name, control, plan(response, alert), now);
        let mut run = Run {
            description: response.description.clone(),
            touches: response.touches.clone(),
            fingerprint: alert.fingerprint.clone(),
            about: alert.summary().to_string(),
            incident: alert.incident,
            by: by.to_string(),
            held_back,
            expires_at: now.plus(response.holds),
            helps_within: response.helps_within,
            try_first: response.dry_run,
            // What is tried first waits for how that goes.
            state: if response.dry_run { State::Proposed } else { begun.state },
            ..begun
        };
        let Some(id) = self.store.add_run(&run).await? else {
            return Ok(None);
        };
        run.id = id;
        let (title, text) = (format!("{} {}", run.response, run.words()), run.held_back.clone());
        let entry = said(alert, EntryKind::Response, by, title, text, now);
        self.store.commit(&[Decided::Entry(entry)]).await?;
        if control != Control::Itself {
            self.tell_of_proposal(&run, alert).await;
        }
        self.inner.alerts.respond.notify_one();
        Ok(Some(run))
    }

    /// Whoever is told of the alert hears that something waits for them, where people talk.
    async fn tell_of_proposal(&self, run: &Run, alert: &Alert) {
        let receivers: Vec<String> = match self.board().await {
            Ok(board) => {
                let routes = board.tree.as_ref().map(|tree| tree.routes(&alert.labels)).unwrap_or_default();
                routes.into_iter().map(|r| r.receiver.clone()).collect()
            }
            Err(_) => return,
        };
        let (engine, url) = (self.clone(), self.page_of(run));
        let until = format!("{} UTC", run.expires_at.date_clock());
        let words = Words {
            title: format!("{} {}", run.response, run.words()),
            text: format!("{} {} It holds until {until}.", run.about, run.description),
        };
        tokio::spawn(async move {
            for receiver in receivers {
                // A receiver without a place for words is told of the alert itself.
                if let Err(error) = engine.post_words(&receiver, words.clone(), &url).await {
                    tracing::debug!(%error, receiver, "a proposal was not told there");
                }
            }
        });
    }

    /// All that people prepared, with what came of it.
    pub async fn responses(&self, actor: &Actor) -> Result<ResponsesView> {
        self.may(actor, Action::View, &Object::Installation)?;
        let now = self.now();
        let kept: Responses = self.document(DOCUMENT).await?;
        let past = self.store.runs_since(now.plus(-PAST), PAST_MAX).await?;
        let view = |response: Response| ResponseView {
            signed: !response.secret.is_empty(),
            tally: Tally::of(past.iter().filter(|r| r.response == response.name)),
            held_back: control_now(&response, &past).1,
            response: Response { secret: String::new(), ..response },
        };
        let mut all: Vec<ResponseView> = kept.all.into_iter().map(view).collect();
        if self.may(actor, Action::Respond, &Object::Installation).is_err() {
            all.iter_mut().for_each(|v| {
                v.response.url.clear();
                v.response.undo_url.clear();
                v.response.parameters = Value::Null;
                v.response.then.clear();
            });
        }
        let runs = self.shown_to(actor, past.iter().take(LISTED).cloned().collect());
        Ok(ResponsesView { now, stopped: kept.stopped, all, runs })
    }

    /// Keeps a response, in the place of one of the same name. Without a secret the known one stays.
    ///
    /// # Errors
    /// Not allowed; what is wrong with it; too many.
    pub async fn save_response(&self, actor: &Actor, mut new: Response) -> Result<()> {
        self.may(actor, Action::EditAlerting, &Object::Installation)?;
        new.name = new.name.trim().to_string();
        if let Some(problem) = new.problem() {
            return Err(EngineError::Invalid(problem));
        }
        Matchers::of(&new.matchers).map_err(EngineError::Invalid)?;
        let calls = new.calls();
        for url in calls.iter().flat_map(|c| [&c.url, &c.undo_url]).filter(|url| !url.is_empty()) {
            match Target::parse(url).map_err(EngineError::Invalid)? {
                Target::Http { .. } => {}
                Target::Tcp { .. } => {
                    return Err(EngineError::Invalid("a response is called at https:// or http://".into()));
                }
            }
        }
        let mut kept: Responses = self.document(DOCUMENT).await?;
        if let Some(place) = kept.all.iter().position(|r| r.name == new.name) {
            let known = kept.all.swap_remove(place);
            if new.secret.is_empty() {
                new.secret = known.secret;
            }
        } else if kept.all.len() >= RESPONSES_MAX {
            return Err(EngineError::TooLarge(format!("{RESPONSES_MAX} responses are kept at most")));
        }
        let deed = format!("{}: {}, for {}", new.name, new.control.words(), new.url);
        kept.all.push(new);
        kept.all.sort_by(|a, b| a.name.cmp(&b.name));
        self.set_document(actor, DOCUMENT, &kept).await?;
        self.audit(actor, "response.save", &deed).await;
        Ok(())
    }

    /// Takes a response away; its runs stay on record.
    pub async fn delete_response(&self, actor: &Actor, name: &str) -> Result<()> {
        self.may(actor, Action::EditAlerting, &Object::Installation)?;
        let mut kept: Responses = self.document(DOCUMENT).await?;
        let before = kept.all.len();
        kept.all.retain(|r| r.name != name);
        if kept.all.len() == before {
            return Err(EngineError::NotFound(format!("there is no response “{name}”")));
        }
        self.set_document(actor, DOCUMENT, &kept).await?;
        self.audit(actor, "response.delete", name).await;
        Ok(())
    }

    /// Stops all responses, with a reason, or lets them go on.
    pub async fn stop_responses(&self, caller: &Caller, reason: Option<String>) -> Result<()> {
        self.may(&caller.actor, Action::Respond, &Object::Installation)?;
        let mut kept: Responses = self.document(DOCUMENT).await?;
        kept.stopped = reason.map(|reason| self.word(caller, &reason));
        self.set_document(&caller.actor, DOCUMENT, &kept).await?;
        let (deed, why) = match &kept.stopped {
            Some(word) => ("response.stop_all", word.reason.as_str()),
            None => ("response.go_on", ""),
        };
        self.audit(&caller.actor, deed, why).await;
        Ok(())
    }

    fn word(&self, caller: &Caller, reason: &str) -> Word {
        let reason = reason.trim().chars().take(1000).collect();
        Word { who: caller.name(), person: caller.person.as_ref().map_or(0, |p| p.id), at: self.now(), reason }
    }

    /// Runs about an incident, or an alert, newest first; and what people may propose about it: response and alert.
    pub(crate) async fn runs_about(
        &self,
        actor: &Actor,
        incident: Option<i64>,
        alerts: &[&Alert],
    ) -> Result<(Vec<Run>, Vec<(String, String)>)> {
        let fingerprint = alerts.first().map_or("", |a| a.fingerprint.as_str());
        let runs = self.store.runs_about(incident, fingerprint, ABOUT_MAX).await?;
        let kept: Responses = self.document(DOCUMENT).await?;
        let now = self.now();
        let mut offered = Vec::new();
        for response in kept.all.iter().filter(|_| kept.stopped.is_none()) {
            let own = alerts.iter().find(|a| a.fires(now) && fits(response, &a.labels));
            let busy = runs.iter().any(|r| r.response == response.name && r.state.is_open());
            offered.extend(own.filter(|_| !busy).map(|a| (response.name.clone(), a.fingerprint.clone())));
        }
        Ok((self.shown_to(actor, runs), offered))
    }

    /// Runs of an incident, of an alert, or all of late; newest first.
    pub async fn response_runs(&self, actor: &Actor, incident: Option<i64>, alert: &str) -> Result<Vec<Run>> {
        self.may(actor, Action::View, &Object::Installation)?;
        let runs = match (incident, alert) {
            (None, "") => self.store.runs_since(self.now().plus(-PAST), LISTED as i64).await?,
            _ => self.store.runs_about(incident, alert, ABOUT_MAX).await?,
        };
        Ok(self.shown_to(actor, runs))
    }

    /// Where a team's automation is called, and with what, is shown to those who may decide.
    fn shown_to(&self, actor: &Actor, mut runs: Vec<Run>) -> Vec<Run> {
        if self.may(actor, Action::Respond, &Object::Installation).is_err() {
            // How many calls there are, and what each is for, everybody may know.
            let named =
                |call: Call| Call { url: String::new(), parameters: Value::Null, undo_url: String::new(), ..call };
            runs.iter_mut().for_each(|run| {
                let then = std::mem::take(&mut run.plan.then).into_iter().map(named).collect();
                let (url, undo_url, hash) = Default::default();
                run.plan = Plan { url, parameters: Value::Null, undo_url, then, hash };
            });
        }
        runs
    }

    /// Proposes a response about an alert, now.
    ///
    /// # Errors
    /// Not allowed; no such response or alert; not for this alert; one is not over; all are stopped.
    pub async fn propose_response(&self, caller: &Caller, name: &str, fingerprint: &str) -> Result<Run> {
        self.may(&caller.actor, Action::Respond, &Object::Installation)?;
        let kept: Responses = self.document(DOCUMENT).await?;
        not_stopped(&kept)?;
        let none = || EngineError::NotFound(format!("there is no response “{name}”"));
        let response = kept.all.iter().find(|r| r.name == name).ok_or_else(none)?;
        let alert = self.found_alert(fingerprint).await?;
        let now = self.now();
        if !alert.fires(now) {
            return Err(EngineError::Conflict("the alert is over".into()));
        }
        if !fits(response, &alert.labels) {
            return Err(EngineError::Invalid(format!("“{name}” is not for this alert")));
        }
        let past = self.store.runs_since(now.plus(-PAST), PAST_MAX).await?;
        let busy = || EngineError::Conflict(format!("a run of “{name}” is not over yet"));
        let run = self.propose(response, &alert, &caller.name(), &past).await?.ok_or_else(busy)?;
        self.audit(&caller.actor, "response.propose", &format!("{name}, run {}", run.id)).await;
        Ok(run)
    }

    /// What a person does about a run. Only people approve, with their password once more.
    ///
    /// # Errors
    /// Not allowed; a wrong password; what the run's state forbids.
    pub async fn act_on_run(&self, caller: &Caller, id: i64, act: RunAct) -> Result<Run> {
        self.may(&caller.actor, Action::Respond, &Object::Installation)?;
        let reason = match &act {
            RunAct::Approve { reason, .. } | RunAct::Deny { reason } | RunAct::Undo { reason } => reason.as_str(),
            RunAct::Try => "",
        };
        let word = self.word(caller, reason);
        let why = word.reason.clone();
        let (done, event) = match act {
            RunAct::Approve { hash, password, .. } => {
                let needs = "only people approve, signed in and with their password".to_string();
                let program = || Denied::NotAllowed { who: caller.name(), needs };
                let person = caller.person.as_ref().ok_or_else(program)?;
                not_stopped(&self.document(DOCUMENT).await?)?;
                self.confirm_password(person, &password, &caller.address).await?;
                ("response.approve", Event::Approved { word, hash })
            }
            RunAct::Deny { .. } => ("response.deny", Event::Denied(word)),
            RunAct::Undo { .. } => ("response.undo", Event::UndoAsked(word)),
            RunAct::Try => ("response.try", Event::TryAgain),
        };
        let run = self.change_run(id, event).await?;
        let why = if why.is_empty() { why } else { format!(": {why}") };
        self.audit(&caller.actor, done, &format!("{}, run {id}{why}", run.response)).await;
        Ok(run)
    }

    /// What waits for a person to decide, soonest first.
    pub(crate) async fn proposals(&self) -> Result<Vec<Run>> {
        let mut open = self.store.runs_open().await?;
        open.retain(|run| run.state == State::Proposed && (run.control != Control::Itself || run.tried.is_some()));
        open.sort_by_key(|run| run.expires_at);
        Ok(open)
    }
}

/// Who stopped all, where somebody did.
fn not_stopped(kept: &Responses) -> Result<()> {
    let stopped = |word: &Word| format!("{} stopped all responses: {}", word.who, word.reason);
    kept.stopped.as_ref().map_or(Ok(()), |word| Err(EngineError::Conflict(stopped(word))))
}

/// What of a run is worth a line on its alert when it changes.
fn told_apart(run: &Run) -> (State, usize, bool, usize) {
    (run.state, run.approved.len(), run.tried.is_some(), run.answers.len())
}

/// What an answer means for a run.
fn came_of(answer: std::result::Result<String, Problem>, attempts: u32) -> Event {
    match answer {
        Ok(answer) => Event::Arrived { answer },
        Err(problem) => Event::Lost {
            again: problem.passes.then(|| pause(attempts + 1, problem.after).min(HOUR)),
            problem: problem.text,
        },
    }
}
