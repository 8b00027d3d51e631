//! Pages shared by link: made, shown, ended.
//!
//! A token opens one page in one environment over one range, as was fixed when it was made. It is no actor:
//! nothing but [`Engine::open_share`] takes one, so there is nothing else to reach with it.

use domain::alert::view::EntryKind;
use domain::happening::{Flag, FlagKind};
use domain::incident::IncidentView;
use domain::kpi::KpiView;
use domain::people::Person;
use domain::share::{SHARES_MAX, Share, ShareRow, ShareText, SharedBody, SharedPage, SharedView, Visit};
use domain::time::{HOUR, RangeChoice};
use domain::{Action, Actor, Denied, Object, Timestamp};
use sha2::{Digest, Sha256};

use crate::people::{normal_email, random_text};
use crate::{Caller, Engine, EngineError, Result};

/// 40 characters of 36 are more than 200 bits.
const TOKEN_LENGTH: usize = 40;

fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

fn gone() -> EngineError {
    EngineError::NotFound("this link shows nothing: it was ended, has run out, or never was".into())
}

impl Engine {
    /// Makes a link. Gives its token, this once.
    ///
    /// # Errors
    /// Not allowed; too many links; something that cannot be shown.
    pub async fn share(&self, actor: &Actor, who: &str, text: ShareText) -> Result<String> {
        self.may(actor, Action::Share, &Object::Installation)?;
        let Actor::Person { id: author_id, .. } = actor else {
            return Err(EngineError::Invalid("a link is made by a person, who answers for it".into()));
        };
        let now = self.now();
        let share = asked(text, who, *author_id, now)?;
        if let Some(named) = &share.text.people {
            let known = self.colleagues(actor).await?;
            if let Some(stranger) = named.iter().find(|one| !known.iter().any(|p| p.email == **one)) {
                return Err(EngineError::Invalid(format!("nobody here has the address {stranger}")));
            }
        }
        let own = self.store.share_links().await?;
        if own.iter().filter(|s| s.author_id == *author_id && s.holds(now)).count() >= SHARES_MAX {
            return Err(EngineError::TooLarge(format!("you have {SHARES_MAX} links that hold; end some first")));
        }
        // What cannot be shown is refused now, not when somebody opens it.
        self.shown(&share).await?;
        let token = random_text(TOKEN_LENGTH);
        self.store.create_share(&share, &hash(&token)).await?;
        self.audit(actor, "share.create", &share.text.page.path()).await;
        Ok(token)
    }

    /// What a link would show, were it made now.
    ///
    /// # Errors
    /// As [`Engine::share`], but for the number of links.
    pub async fn preview_share(&self, actor: &Actor, who: &str, text: ShareText) -> Result<SharedView> {
        self.may(actor, Action::Share, &Object::Installation)?;
        self.shown(&asked(text, who, 0, self.now())?).await
    }

    /// Links of whoever asks; an administrator sees all.
    pub async fn shares(&self, actor: &Actor) -> Result<Vec<ShareRow>> {
        self.may(actor, Action::Share, &Object::Installation)?;
        let all = self.may(actor, Action::ManageInstallation, &Object::Installation).is_ok();
        let visits = self.store.visits_of_all().await?;
        let rows = self.store.share_links().await?.into_iter().filter_map(|share| {
            let own = matches!(actor, Actor::Person { id, .. } if *id == share.author_id) || all;
            let seen = visits.iter().find(|(id, ..)| *id == share.id);
            let (visits, last) = seen.map_or((0, None), |(_, n, at)| (*n, Some(*at)));
            own.then_some(ShareRow { share, visits, last, own })
        });
        Ok(rows.collect())
    }

    /// The link of a number, where whoever asks may end it.
    async fn own_share(&self, actor: &Actor, id: i64) -> Result<ShareRow> {
        self.shares(actor).await?.into_iter().find(|row| row.share.id == id).ok_or_else(gone)
    }

    pub async fn end_share(&self, actor: &Actor, id: i64) -> Result<()> {
        self.own_share(actor, id).await?;
        if !self.store.revoke_share(id, self.now()).await? {
            return Err(EngineError::Conflict("that link was ended already".into()));
        }
        self.audit(actor, "share.end", &id.to_string()).await;
        Ok(())
    }

    /// Who opened a link.
    pub async fn share_visits(&self, actor: &Actor, id: i64) -> Result<Vec<Visit>> {
        self.own_share(actor, id).await?;
        Ok(self.store.visits(id).await?)
    }

    /// What a token shows. Each opening is noted.
    ///
    /// # Errors
    /// A token that is not known, was ended or has run out: one answer for all three. A reader who has to
    /// sign in, or is none of those it was shared with.
    pub async fn open_share(&self, token: &str, reader: Option<&Caller>) -> Result<SharedView> {
        let now = self.now();
        let share = self.store.share_by_token(&hash(token)).await?.filter(|s| s.holds(now)).ok_or_else(gone)?;
        let person = reader.and_then(|caller| caller.person.as_ref());
        if !share.text.for_anyone() {
            meant_for(&share, person.ok_or(Denied::NotSignedIn)?)?;
        }
        let view = self.shown(&share).await?;
        let address = reader.map(|caller| caller.address.clone()).unwrap_or_default();
        let who = person.map(|person| person.name.clone()).unwrap_or_default();
        self.store.note_visit(share.id, &Visit { at: now, address, who }).await?;
        Ok(view)
    }

    async fn shown(&self, share: &Share) -> Result<SharedView> {
        // The author answered for what is shown; the scope is the share's own, never the reader's.
        let actor = &Actor::Local;
        let (text, environment) = (&share.text, share.text.environment.as_str());
        let range = text.range.resolve(self.now());
        // What people wrote goes along only where the author says so.
        let mut body = match &text.page {
            SharedPage::Overview => SharedBody::Overview(Box::new(self.overview(actor, environment, range).await?)),
            SharedPage::Operations => {
                let mut view = self.operations(actor, environment, range).await?;
                if text.frozen {
                    // These are of the present, which the author did not share.
                    view.events.clear();
                    view.incident = None;
                }
                SharedBody::Operations(Box::new(view))
            }
            SharedPage::System { name } => {
                SharedBody::System(Box::new(self.system_view(actor, name, environment, range).await?))
            }
            SharedPage::Model { name } => {
                SharedBody::Model(Box::new(self.model_view(actor, name, environment, Some(range)).await?))
            }
            SharedPage::Incident { id } => {
                let mut view = self.incident_view(actor, *id).await?;
                for_strangers(&mut view, text.annotations);
                SharedBody::Incident(Box::new(view))
            }
        };
        if !text.annotations {
            nobody_by_name(&mut body);
        }
        Ok(SharedView {
            installation: self.name().to_string(),
            author: share.author.clone(),
            created_at: share.created_at,
            expires_at: share.expires_at,
            environment: text.environment.clone(),
            range,
            frozen: text.frozen,
            embed: text.embed,
            note: text.note.clone(),
            title: text.page.title(),
            body,
        })
    }
}

/// Leaves of an incident what its shared page shows: the page carries what it is made of, and whoever reads it could
/// read the rest there. What people wrote, and who they are, only with `notes`; whom Plimsoll told, never.
fn for_strangers(view: &mut IncidentView, notes: bool) {
    view.alerts.clear();
    view.similar.clear();
    view.people.clear();
    view.runs.clear();
    view.offered.clear();
    view.incident.review.clear();
    view.incident.responders.clear();
    view.timeline.retain(|e| !matches!(e.kind, EntryKind::OnCall | EntryKind::Delivery));
    if !notes {
        view.annotations.clear();
        view.incident.opened_by.clear();
        view.incident.acknowledged_by.clear();
        view.timeline.retain(|e| !matches!(e.kind, EntryKind::Note | EntryKind::Person | EntryKind::Acknowledged));
        view.timeline.iter_mut().for_each(|e| e.who.clear());
    }
}

/// Takes away what people wrote and who they are: that somebody is on a thing stays, and not who.
fn nobody_by_name(body: &mut SharedBody) {
    let without_notes = |flags: &mut Vec<Flag>| flags.retain(|flag| flag.kind != FlagKind::Note);
    let of_nobody = |kpis: &mut [KpiView]| kpis.iter_mut().for_each(|view| view.kpi.owner.clear());
    match body {
        SharedBody::Overview(view) => {
            without_notes(&mut view.flags);
            of_nobody(&mut view.kpis);
            view.attention.iter_mut().for_each(|concern| unnamed(&mut concern.who));
        }
        SharedBody::Operations(view) => {
            without_notes(&mut view.flags);
            view.events.retain(|event| event.who.is_empty());
            view.incident.iter_mut().for_each(|banner| unnamed(&mut banner.lead));
        }
        SharedBody::System(view) => {
            without_notes(&mut view.flags);
            of_nobody(&mut view.kpis);
        }
        SharedBody::Model(view) => {
            without_notes(&mut view.flags);
            view.model.settings.owner.clear();
        }
        // Of an incident strangers never see all: see `for_strangers`.
        SharedBody::Incident(_) => {}
    }
}

/// That there is somebody, and not who.
fn unnamed(who: &mut String) {
    if !who.is_empty() {
        *who = "Somebody".into();
    }
}

/// Whether a link was shared with somebody; its author may always look.
fn meant_for(share: &Share, person: &Person) -> std::result::Result<(), Denied> {
    let refused = |who: String, needs: String| Err(Denied::NotAllowed { who, needs });
    match (&share.text.people, share.text.role) {
        _ if person.id == share.author_id => Ok(()),
        (Some(people), _) if !people.contains(&person.email) => {
            refused(person.name.clone(), "it is shared with others by name".into())
        }
        (None, Some(role)) if person.role < role => {
            refused(format!("the role {}", person.role.name()), format!("it is shared with {}s", role.name()))
        }
        _ => Ok(()),
    }
}

/// The share that a person asks for now, where it can be one.
fn asked(mut text: ShareText, who: &str, author_id: i64, now: Timestamp) -> Result<Share> {
    for address in text.people.iter_mut().flatten() {
        *address = normal_email(address);
    }
    if let Some(problem) = text.problem() {
        return Err(EngineError::Invalid(problem));
    }
    if text.frozen {
        text.range = RangeChoice::Fixed(text.range.resolve(now));
    }
    Ok(Share {
        id: 0,
        author: who.to_string(),
        author_id,
        created_at: now,
        expires_at: text.hours.map(|h| now.plus(i64::from(h) * HOUR)),
        revoked_at: None,
        text,
    })
}
