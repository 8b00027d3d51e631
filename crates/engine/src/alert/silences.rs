//! Silences: made, previewed, ended.

use domain::alert::Alert;
use domain::alert::matcher::{Matcher, Matchers};
use domain::alert::silence::Silence;
use domain::alert::view::EntryKind;
use domain::time::DAY;
use domain::{Action, Actor, Object, Timestamp};

use crate::{Engine, EngineError, Result};

/// Silences that are not over, at most.
const SILENCES_MAX: usize = 5000;

impl Engine {
    /// Silences that ended not longer ago than five days.
    pub async fn silences(&self, actor: &Actor) -> Result<Vec<Silence>> {
        self.may(actor, Action::View, &Object::Installation)?;
        Ok(self.store.silences(self.now().plus(-5 * DAY)).await?)
    }

    pub async fn silence(&self, actor: &Actor, id: &str) -> Result<Silence> {
        self.may(actor, Action::View, &Object::Installation)?;
        let found = self.store.silence(id).await?;
        found.ok_or_else(|| EngineError::NotFound("there is no silence of this number".into()))
    }

    /// Makes a silence, or changes the one of its number. As in Alertmanager, one whose matchers change is
    /// ended and made anew. Gives the number.
    ///
    /// # Errors
    /// Not allowed; a silence that is none.
    pub async fn put_silence(&self, actor: &Actor, silence: Silence) -> Result<String> {
        self.may(actor, Action::Respond, &Object::Installation)?;
        let now = self.now();
        if let Some(problem) = silence.problem() {
            return Err(EngineError::Invalid(problem));
        }
        if silence.ends_at <= now {
            return Err(EngineError::Invalid("a silence ends in the future".into()));
        }
        let mut board = self.board().await?;
        if board.silences.len() >= SILENCES_MAX {
            return Err(EngineError::TooLarge(format!("at most {SILENCES_MAX} silences")));
        }
        let known = if silence.id.is_empty() { None } else { self.store.silence(&silence.id).await? };
        if !silence.id.is_empty() && known.is_none() {
            return Err(EngineError::NotFound("there is no silence of this number".into()));
        }
        let id = match known {
            Some(known) if known.matchers == silence.matchers && known.ends_at > now => known.id,
            Some(known) => {
                self.store.put_silence(&Silence { ends_at: now.min(known.ends_at), updated_at: now, ..known }).await?;
                new_id()
            }
            None => new_id(),
        };
        // What is silenced now was not silenced before.
        let starts_at = silence.starts_at.max(now);
        let silence = Silence { id: id.clone(), starts_at, updated_at: now, ..silence };
        self.store.put_silence(&silence).await?;
        board.silences = self.store.silences(now).await?;
        drop(board);
        let matchers: Vec<String> = silence.matchers.iter().map(Matcher::text).collect();
        self.audit(actor, "silence.put", &matchers.join(", ")).await;
        self.inner.alerts.wake();
        Ok(id)
    }

    pub async fn expire_silence(&self, actor: &Actor, id: &str) -> Result<()> {
        self.may(actor, Action::Respond, &Object::Installation)?;
        let now = self.now();
        let silence = self.silence(actor, id).await?;
        if silence.ends_at <= now {
            return Err(EngineError::Conflict("that silence is over already".into()));
        }
        let mut board = self.board().await?;
        let starts_at = silence.starts_at.min(now.plus(-1));
        self.store.put_silence(&Silence { starts_at, ends_at: now, updated_at: now, ..silence }).await?;
        board.silences = self.store.silences(now).await?;
        drop(board);
        self.audit(actor, "silence.expire", id).await;
        self.inner.alerts.wake();
        Ok(())
    }

    /// The open alerts that matchers cover.
    pub async fn covered(&self, actor: &Actor, matchers: &[Matcher]) -> Result<Vec<Alert>> {
        self.may(actor, Action::View, &Object::Installation)?;
        let matchers = Matchers::of(matchers).map_err(EngineError::Invalid)?;
        let now = self.now();
        let board = self.board().await?;
        let mut found: Vec<Alert> = board.open(now).filter(|a| matchers.matches(&a.labels)).cloned().collect();
        found.sort_by_key(|a| (a.priority, a.starts_at));
        Ok(found)
    }

    /// Silences one alert by all its labels but those that differ from run to run.
    pub(super) async fn silence_alert(
        &self,
        actor: &Actor,
        who: &str,
        print: &str,
        until: Timestamp,
        why: &str,
    ) -> Result<()> {
        let alert = self.store.alerts_of(print, 1).await?.pop();
        let alert = alert.ok_or_else(|| EngineError::NotFound("there is no alert of this number".into()))?;
        let now = self.now();
        let silence = Silence {
            id: String::new(),
            matchers: alert.labels.iter().map(|(n, v)| Matcher::equal(n, v)).collect(),
            starts_at: now,
            ends_at: until,
            updated_at: now,
            created_by: who.to_string(),
            comment: why.to_string(),
            maintenance: false,
        };
        self.put_silence(actor, silence).await?;
        let board = self.board().await?;
        let title = format!("Silenced by {who} until {}: {why}", until.date_clock());
        let entry = board.entry(print, EntryKind::Decision, title, String::new(), Some(true), now);
        drop(board);
        self.store.commit(&[entry]).await?;
        Ok(())
    }
}

/// A number as Alertmanager's clients expect it: a UUID.
fn new_id() -> String {
    let hex: String = (0..16).map(|_| format!("{:02x}", rand::random::<u8>())).collect();
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}
