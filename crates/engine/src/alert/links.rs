//! Signed links by which whoever got a message acknowledges what it is about, without signing in.

use domain::Timestamp;
use domain::alert::Alert;
use domain::time::DAY;

use crate::people::random_text;
use crate::signature::{hex, hmac_sha256, same};
use crate::{Engine, EngineError, Result};

/// A link that acknowledges holds this long.
const LINK_HOLDS: i64 = 3 * DAY;
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
        let bytes: Option<Vec<u8>> = (0..group.len() / 2)
            .map(|i| group.get(2 * i..2 * i + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
            .collect();
        let key = bytes.and_then(|b| String::from_utf8(b).ok()).ok_or_else(unproven)?;
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

/// The signature of a link that acknowledges a group.
fn link_signature(secret: &str, key: &str, until: i64) -> String {
    hex(&hmac_sha256(secret.as_bytes(), format!("acknowledge\n{until}\n{key}").as_bytes()))
}
