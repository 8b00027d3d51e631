//! How people want Plimsoll to be, and the views they saved for themselves and for all.

use domain::people::{Preferences, SavedView, VIEWS_MAX};
use domain::zone::Zone;
use domain::{Action, Actor, Object};

use crate::{Engine, EngineError, Result};

/// Views that are there for all.
const TEAM_VIEWS: &str = "views";

fn own(actor: &Actor) -> Result<(i64, String)> {
    match actor {
        Actor::Person { id, .. } => Ok((*id, format!("person.{id}"))),
        _ => Err(EngineError::Invalid("only a person has preferences".into())),
    }
}

impl Engine {
    /// A person's preferences; the defaults for everybody else.
    pub async fn preferences(&self, actor: &Actor) -> Result<Preferences> {
        match own(actor) {
            Ok((_, name)) => self.document(&name).await,
            Err(_) => Ok(Preferences::default()),
        }
    }

    /// Replaces one's own.
    ///
    /// # Errors
    /// Not a person; what is wrong with them.
    pub async fn set_preferences(&self, actor: &Actor, preferences: Preferences) -> Result<()> {
        let (id, name) = own(actor)?;
        self.may(actor, Action::EditOwnAccount, &Object::Person(id))?;
        if let Some(problem) = preferences.problem() {
            return Err(EngineError::Invalid(problem));
        }
        if Zone::named(&preferences.zone, self.now()).is_none() {
            let words = format!("there is no time zone “{}”; write one as Europe/Berlin, or UTC", preferences.zone);
            return Err(EngineError::Invalid(words));
        }
        self.set_document(actor, &name, &preferences).await
    }

    /// The views of oneself, or those for all.
    async fn views(&self, actor: &Actor, for_all: bool) -> Result<Vec<SavedView>> {
        if for_all { self.document(TEAM_VIEWS).await } else { Ok(self.preferences(actor).await?.views) }
    }

    /// The same for whoever may change them.
    async fn views_to_change(&self, actor: &Actor, for_all: bool) -> Result<Vec<SavedView>> {
        if for_all {
            self.may(actor, Action::Annotate, &Object::Installation)?;
        }
        self.views(actor, for_all).await
    }

    async fn set_views(&self, actor: &Actor, for_all: bool, views: Vec<SavedView>) -> Result<()> {
        if for_all {
            return self.set_document(actor, TEAM_VIEWS, &views).await;
        }
        let preferences = Preferences { views, ..self.preferences(actor).await? };
        self.set_preferences(actor, preferences).await
    }

    /// One's own views, then those for all.
    pub async fn saved_views(&self, actor: &Actor) -> Result<Vec<SavedView>> {
        self.may(actor, Action::View, &Object::Installation)?;
        let mut views = self.views(actor, false).await?;
        views.extend(self.views(actor, true).await?);
        Ok(views)
    }

    /// Saves a view, for oneself or for all; one of the same name is replaced.
    ///
    /// # Errors
    /// Not allowed; what is wrong with it; too many.
    pub async fn save_view(&self, actor: &Actor, who: &str, view: SavedView, for_all: bool) -> Result<()> {
        if let Some(problem) = view.problem() {
            return Err(EngineError::Invalid(problem));
        }
        let mut views = self.views_to_change(actor, for_all).await?;
        views.retain(|known| known.name != view.name);
        if views.len() >= VIEWS_MAX {
            return Err(EngineError::TooLarge(format!("there are at most {VIEWS_MAX} views; remove one")));
        }
        views.push(SavedView { by: if for_all { who.to_string() } else { String::new() }, ..view });
        self.set_views(actor, for_all, views).await
    }

    /// Removes a view of one's own, or one for all.
    ///
    /// # Errors
    /// Not allowed; no view of this name.
    pub async fn remove_view(&self, actor: &Actor, name: &str, for_all: bool) -> Result<()> {
        let mut views = self.views_to_change(actor, for_all).await?;
        let place = views.iter().position(|v| v.name == name);
        views.remove(place.ok_or_else(|| EngineError::NotFound(format!("there is no view “{name}”")))?);
        self.set_views(actor, for_all, views).await
    }
}
