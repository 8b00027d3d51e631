//! How people want Plimsoll to be, and the views they saved for themselves and for all.

use domain::people::{Preferences, SavedView, VIEWS_MAX};
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
        self.set_document(actor, &name, &preferences).await
    }

    /// One's own views, then those for all.
    pub async fn saved_views(&self, actor: &Actor) -> Result<Vec<SavedView>> {
        self.may(actor, Action::View, &Object::Installation)?;
        let mut views = self.preferences(actor).await?.views;
        views.extend(self.document::<Vec<SavedView>>(TEAM_VIEWS).await?);
        Ok(views)
    }

    /// Saves a view, for oneself or for all; one of the same name is replaced.
    ///
    /// # Errors
    /// Not allowed; what is wrong with it; too many.
    pub async fn save_view(&self, actor: &Actor, who: &str, mut view: SavedView, for_all: bool) -> Result<()> {
        if let Some(problem) = view.problem() {
            return Err(EngineError::Invalid(problem));
        }
        let add = |views: &mut Vec<SavedView>, view: SavedView| {
            views.retain(|v| v.name != view.name);
            views.push(view);
            if views.len() > VIEWS_MAX {
                return Err(EngineError::TooLarge(format!("there are at most {VIEWS_MAX} views; remove one")));
            }
            Ok(())
        };
        if for_all {
            self.may(actor, Action::Annotate, &Object::Installation)?;
            view.by = who.to_string();
            let mut all: Vec<SavedView> = self.document(TEAM_VIEWS).await?;
            add(&mut all, view)?;
            return self.set_document(actor, TEAM_VIEWS, &all).await;
        }
        view.by = String::new();
        let mut preferences = self.preferences(actor).await?;
        add(&mut preferences.views, view)?;
        self.set_preferences(actor, preferences).await
    }

    /// Removes a view of one's own, or one for all.
    ///
    /// # Errors
    /// Not allowed; no view of this name.
    pub async fn remove_view(&self, actor: &Actor, name: &str, for_all: bool) -> Result<()> {
        let gone = || EngineError::NotFound(format!("there is no view “{name}”"));
        if for_all {
            self.may(actor, Action::Annotate, &Object::Installation)?;
            let mut all: Vec<SavedView> = self.document(TEAM_VIEWS).await?;
            let place = all.iter().position(|v| v.name == name).ok_or_else(gone)?;
            all.remove(place);
            return self.set_document(actor, TEAM_VIEWS, &all).await;
        }
        let mut preferences = self.preferences(actor).await?;
        let place = preferences.views.iter().position(|v| v.name == name).ok_or_else(gone)?;
        preferences.views.remove(place);
        self.set_preferences(actor, preferences).await
    }
}
