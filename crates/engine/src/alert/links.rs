//! Signed links that work without signing in: whoever got a message acknowledges what it is about, and a person's
//! calendar reads a rotation.

use domain::alert::Alert;
use domain::alert::calendar::calendar;
use domain::people::name_of;
use domain::time::DAY;
use domain::{Actor, Timestamp};

use crate::people::random_text;
use crate::signature::{hex, hmac_sha256, same};
use crate::{Engine, EngineError, Result};

/// A link that acknowledges holds this long.
const LINK_HOLDS: i64 = 3 * DAY;
/// What a calendar shows moves on by so much at a time, or a turn that its edge cuts would begin at another
/// moment each time it is read; and how long that is, from a step or two back.
const CALENDAR_STEP: i64 = 30 * DAY;
const CALENDAR: i64 = 9 * CALENDAR_STEP;
const LINK_SECRET: &str = "alerts.link_secret";

impl Engine {
    /// The secret of such links, made at the first start.
    pub(super) async fn load_link_secret(&self) -> Result<()> {
        if self.inner.link_secret.get().is_some() {
            return Ok(());
        }
        let known = self.store.setting(LINK_SECRET).await?;
        let secret = match known {
            Some(secret) => secret,
            None => {
                let secret = random_text(43);
                self.store.set_setting(LINK_SECRET, &secret).await?;
                // Another process may have been first or last: what is kept now counts.
                self.store.setting(LINK_SECRET).await?.unwrap_or(secret)
            }
        };
        let _ = self.inner.link_secret.set(secret);
        Ok(())
    }

    pub(super) fn acknowledge_link(&self, key: &str, now: Timestamp) -> String {
        let Some(secret) = self.inner.link_secret.get() else {
            return String::new();
        };
        if self.inner.options.public_url.is_empty() {
            return String::new();
        }
        let until = now.plus(LINK_HOLDS).0;
        let (group, signature) = (hex(key.as_bytes()), link_signature(secret, key, until));
        format!("{}/acknowledge?group={group}&until={until}&signature={signature}", self.inner.options.public_url)
    }

    /// What a signed link would acknowledge: the group's title and its alerts, for the page that asks first.
    ///
    /// # Errors
    /// A link that was not made here, or is too old.
    pub async fn link_group(&self, group: &str, until: i64, signature: &str) -> Result<Vec<Alert>> {
        self.load_link_secret().await?;
        let unproven = || EngineError::Unproven("this link was not made here, or has been changed".into());
        let key = unhex(group).ok_or_else(unproven)?;
        let secret = self.inner.link_secret.get().ok_or_else(unproven)?;
        if !same(link_signature(secret, &key, until).as_bytes(), signature.as_bytes()) {
            return Err(unproven());
        }
        let now = self.now();
        if now.0 > until {
            return Err(EngineError::Unproven("this link is too old; sign in and acknowledge there".into()));
        }
        let board = self.board().await?;
        let members = board.groups.get(&key).map(|g| g.members.clone()).unwrap_or_default();
        Ok(members.iter().filter_map(|f| board.alerts.get(f)).filter(|a| a.fires(now)).cloned().collect())
    }

    /// Acknowledges what a signed link names.
    pub async fn acknowledge_by_link(&self, group: &str, until: i64, signature: &str) -> Result<usize> {
        let alerts = self.link_group(group, until, signature).await?;
        for alert in &alerts {
            self.take_on(&alert.fingerprint, "whoever had the message’s link").await?;
        }
        Ok(alerts.len())
    }
}

impl Engine {
    /// Where a person's calendar reads a rotation; empty for whoever is none.
    pub(super) fn calendar_link(&self, actor: &Actor, schedule: &str) -> String {
        let (Actor::Person { id, .. }, Some(secret)) = (actor, self.inner.link_secret.get()) else {
            return String::new();
        };
        let signature = calendar_signature(secret, *id, schedule);
        format!("/on-call/calendar?schedule={}&person={id}&signature={signature}", hex(schedule.as_bytes()))
    }

    /// A rotation as calendar programs read it, for as long as the person for whom the link was made may enter.
    ///
    /// # Errors
    /// A link that was not made here, or for somebody who may not enter any more; a rotation that is gone.
    pub async fn calendar(&self, schedule: &str, person: i64, signature: &str) -> Result<String> {
        self.load_link_secret().await?;
        let unproven = || EngineError::Unproven("this link was not made here, or does not hold any more".into());
        let name = unhex(schedule).ok_or_else(unproven)?;
        let secret = self.inner.link_secret.get().ok_or_else(unproven)?;
        if !same(calendar_signature(secret, person, &name).as_bytes(), signature.as_bytes())
            || self.store.person(person).await?.is_none_or(|p| p.disabled)
        {
            return Err(unproven());
        }
        let document = self.alerting_document().await?;
        let found = document.schedule(&name);
        let found = found.ok_or_else(|| EngineError::NotFound("this rotation is gone".into()))?;
        let now = self.now();
        let from = Timestamp((now.0.div_euclid(CALENDAR_STEP) - 1) * CALENDAR_STEP);
        let shifts = found.shifts(from, from.plus(CALENDAR));
        let url = match self.inner.options.public_url.as_str() {
            "" => String::new(),
            here => format!("{here}/on-call"),
        };
        let people = self.everybody().await?;
        let named = |address: &str| name_of(&people, address).to_string();
        Ok(calendar(&name, &shifts, &named, &url, now))
    }
}

/// What [`hex`] wrote of a text.
fn unhex(text: &str) -> Option<String> {
    let pair = |i: usize| text.get(2 * i..2 * i + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Option<Vec<u8>> = (0..text.len() / 2).map(pair).collect();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok())
}

/// The signature of a link to a rotation's calendar, good for one person.
fn calendar_signature(secret: &str, person: i64, schedule: &str) -> String {
    hex(&hmac_sha256(secret.as_bytes(), format!("calendar\n{person}\n{schedule}").as_bytes()))
}

/// The signature of a link that acknowledges a group.
fn link_signature(secret: &str, key: &str, until: i64) -> String {
    hex(&hmac_sha256(secret.as_bytes(), format!("acknowledge\n{until}\n{key}").as_bytes()))
}
