//! The summary of Overview: sent on request, and once a week by itself.

use domain::alert::message::Words;
use domain::environment::PRODUCTION;
use domain::summary::{Weekly, answer, text};
use domain::time::RangeChoice;
use domain::zone::Zone;
use domain::{Action, Actor, Object};

use crate::{Engine, EngineError, Result};

const WEEKLY: &str = "summary.weekly";

impl Engine {
    pub async fn weekly_summary(&self, actor: &Actor) -> Result<Weekly> {
        self.may(actor, Action::Share, &Object::Installation)?;
        self.document(WEEKLY).await
    }

    /// Says where the summary goes each week, and when.
    ///
    /// # Errors
    /// Not allowed; a receiver, a zone or a time that is none.
    pub async fn set_weekly_summary(&self, actor: &Actor, wanted: Weekly) -> Result<()> {
        self.may(actor, Action::Share, &Object::Installation)?;
        if let Some(problem) = wanted.problem() {
            return Err(EngineError::Invalid(problem));
        }
        if Zone::named(&wanted.zone, self.now()).is_none() {
            return Err(EngineError::Invalid(format!("there is no time zone “{}”", wanted.zone)));
        }
        if !wanted.receiver.is_empty() && !self.receivers(actor).await?.contains(&wanted.receiver) {
            return Err(EngineError::NotFound(format!("there is no receiver “{}”", wanted.receiver)));
        }
        // Another hour does not send this week's again.
        let sent = self.document::<Weekly>(WEEKLY).await?.sent;
        self.set_document(actor, WEEKLY, &Weekly { sent, ..wanted }).await
    }

    /// Sends the summary now; how many places took it.
    pub async fn send_summary(&self, actor: &Actor, receiver: &str) -> Result<usize> {
        self.may(actor, Action::Share, &Object::Installation)?;
        let took = self.summary_to(receiver).await?;
        self.audit(actor, "summary.send", receiver).await;
        Ok(took)
    }

    async fn summary_to(&self, receiver: &str) -> Result<usize> {
        let range = RangeChoice::MONTH.resolve(self.now());
        let view = self.overview(&Actor::Local, PRODUCTION, range).await?;
        let words = Words { title: answer(&view).0, text: text(&view) };
        let url = format!("{}/overview", self.inner.options.public_url);
        self.post_words(receiver, words, &url).await
    }

    /// Sends this week's summary when it is due. One that fails stays due and is tried at the next turn.
    pub(crate) async fn weekly_turn(&self) -> Result<()> {
        let weekly: Weekly = self.document(WEEKLY).await?;
        let now = self.now();
        let zone = Zone::named(&weekly.zone, now).unwrap_or_default();
        if !weekly.due(&zone, now) {
            return Ok(());
        }
        self.summary_to(&weekly.receiver).await?;
        self.set_document(&Actor::Local, WEEKLY, &Weekly { sent: Some(now), ..weekly }).await
    }
}
