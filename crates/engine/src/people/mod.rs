//! People, sessions and API keys: who is asking.
//!
//! Passwords are Argon2id; tokens are 256 random bits of which only the SHA-256 is kept. An unknown
//! address costs the same time as a known one. Attempts are limited by address and by account.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use domain::people::{ApiKey, Colleague, Person, email_problem, password_problem};
use domain::time::{DAY, HOUR, MINUTE, SECOND};
use domain::{Action, Actor, Object, Role, Scope, Timestamp};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use sha2::{Digest, Sha256};
use store::{NewKey, Session};
use tokio::sync::Semaphore;

use crate::signature::hex;
use crate::{Engine, EngineError, Result};

/// A session ends after this long without use…
const IDLE: i64 = 12 * HOUR;
/// …and after this long in any case.
const ABSOLUTE: i64 = 30 * DAY;
/// A key asked for so recently is not asked for again.
const KEY_FRESH_FOR: i64 = 2 * SECOND;
const SETUP_TOKEN: &str = "setup_token_hash";
/// Verifications at once: each takes 19 MiB.
const HASHING: usize = 4;

pub struct Guard {
    hashing: Semaphore,
    by_account: DefaultKeyedRateLimiter<String>,
    by_address: DefaultKeyedRateLimiter<String>,
    keys: Mutex<HashMap<Vec<u8>, (Timestamp, ApiKey)>>,
}

fn per_minute(count: u32) -> Quota {
    Quota::per_minute(NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN))
}

impl Guard {
    pub(crate) fn new() -> Guard {
        Guard {
            hashing: Semaphore::new(HASHING),
            by_account: RateLimiter::keyed(per_minute(10)),
            by_address: RateLimiter::keyed(per_minute(30)),
            keys: Mutex::default(),
        }
    }

    /// A key that was asked for a moment ago. One revoked by another process is refused after
    /// [`KEY_FRESH_FOR`], one revoked here at once.
    fn recent_key(&self, hash: &[u8], now: Timestamp) -> Option<ApiKey> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.get(hash).filter(|(at, _)| now <= at.plus(KEY_FRESH_FOR)).map(|(_, key)| key.clone())
    }

    fn remember_key(&self, hash: Vec<u8>, key: &ApiKey, now: Timestamp) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= 1000 {
            keys.clear();
        }
        keys.insert(hash, (now, key.clone()));
    }

    fn forget_keys(&self) {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn check(&self, account: &str, address: &str) -> Result<()> {
        // Forget those long idle, so that strangers cannot fill memory with names.
        if self.by_account.len() > 10_000 || self.by_address.len() > 10_000 {
            self.by_account.retain_recent();
            self.by_address.retain_recent();
        }
        let account = hex(&Sha256::digest(account.as_bytes()));
        let free =
            self.by_account.check_key(&account).is_ok() && self.by_address.check_key(&address.to_string()).is_ok();
        if free { Ok(()) } else { Err(EngineError::TooMany(60)) }
    }
}

/// Random text of the 62 letters and digits.
pub fn random_text(length: usize) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(length);
    while text.len() < length {
        // Values from 248 on would favour the first letters.
        let byte = rand::random::<u8>();
        if byte < 248 {
            text.push(LETTERS[byte as usize % 62] as char);
        }
    }
    text
}

/// What is stored of a token.
pub fn token_hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

pub(crate) fn normal_email(email: &str) -> String {
    email.trim().to_lowercase()
}

impl Engine {
    async fn hash_password(&self, password: &str) -> Result<String> {
        let _permit = self.inner.people.hashing.acquire().await.map_err(|_| EngineError::TooMany(1))?;
        let password = password.to_string();
        tokio::task::spawn_blocking(move || argon2().hash_password(password.as_bytes()).map(|h| h.to_string()))
            .await
            .ok()
            .and_then(std::result::Result::ok)
            .ok_or_else(|| EngineError::Invalid("the password could not be hashed".into()))
    }

    async fn verify_password(&self, password: &str, hash: Option<String>) -> Result<bool> {
        let _permit = self.inner.people.hashing.acquire().await.map_err(|_| EngineError::TooMany(1))?;
        let password = password.to_string();
        let verified = tokio::task::spawn_blocking(move || {
            // Somebody unknown: hash all the same, so that time tells nothing.
            let known = hash.is_some();
            let hash = match hash {
                Some(hash) => hash,
                None => argon2().hash_password(b"nobody").map(|h| h.to_string()).unwrap_or_default(),
            };
            let matches = PasswordHash::new(&hash)
                .is_ok_and(|parsed| argon2().verify_password(password.as_bytes(), &parsed).is_ok());
            known && matches
        })
        .await;
        Ok(verified.unwrap_or(false))
    }

    /// Whether the installation still waits for its first administrator.
    pub async fn needs_setup(&self) -> Result<bool> {
        Ok(!self.store.anybody().await?)
    }

    /// A new set-up token, to be shown on the console once; the one before is void. `None` when
    /// somebody is here already.
    pub async fn new_setup_token(&self) -> Result<Option<String>> {
        if !self.needs_setup().await? {
            return Ok(None);
        }
        let token = random_text(24);
        self.store.set_setting(SETUP_TOKEN, &hex(&token_hash(&token))).await?;
        Ok(Some(token))
    }

    /// Makes the first administrator. Needs the token from the console.
    pub async fn set_up(&self, token: &str, email: &str, name: &str, password: &str, address: &str) -> Result<Person> {
        self.inner.people.check("set-up", address)?;
        let expected = self.store.setting(SETUP_TOKEN).await?;
        let given = hex(&token_hash(token.trim()));
        if !self.needs_setup().await? || expected.is_none() {
            return Err(EngineError::Conflict("this installation is set up already; sign in".into()));
        }
        if expected.as_deref() != Some(given.as_str()) {
            return Err(EngineError::Invalid(
                "this is not the set-up token; it was printed where Plimsoll was started, and a restart prints a new one".into(),
            ));
        }
        let (email, name) = self.checked(email, name, Some(password))?;
        let hash = self.hash_password(password).await?;
        let id = self
            .store
            .create_first_person(&email, &name, &hash, self.now())
            .await?
            .ok_or_else(|| EngineError::Conflict("somebody else was first; sign in".into()))?;
        self.store.remove_setting(SETUP_TOKEN).await?;
        self.audit(&Actor::Person { id, role: Role::Administrator }, "person.first", &email).await;
        self.person_by_id(id).await
    }

    fn checked(&self, email: &str, name: &str, password: Option<&str>) -> Result<(String, String)> {
        let (email, name) = (normal_email(email), name.trim().to_string());
        if let Some(problem) = email_problem(&email) {
            return Err(EngineError::Invalid(problem));
        }
        if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
            return Err(EngineError::Invalid("Write a name of 1 to 100 characters.".into()));
        }
        match password.and_then(|p| password_problem(p, &email)) {
            Some(problem) => Err(EngineError::Invalid(problem)),
            None => Ok((email, name)),
        }
    }

    async fn person_by_id(&self, id: i64) -> Result<Person> {
        self.store.person(id).await?.ok_or_else(|| EngineError::NotFound("there is no such person".into()))
    }

    /// Checks address and password and begins a session. Gives the person and the token for the
    /// cookie, with the second it ends at the latest.
    pub async fn sign_in(&self, email: &str, password: &str, address: &str) -> Result<(Person, String, Timestamp)> {
        let email = normal_email(email);
        self.inner.people.check(&email, address)?;
        let found = self.store.person_for_sign_in(&email).await?;
        let hash = found.as_ref().map(|(_, hash)| hash.clone());
        let right = self.verify_password(password, hash).await?;
        match found {
            Some((person, _)) if right && !person.disabled => {
                let (token, until) = self.begin_session(person.id).await?;
                self.audit(&Actor::Person { id: person.id, role: person.role }, "session.begin", &person.email).await;
                Ok((person, token, until))
            }
            _ => Err(EngineError::Invalid("The address or the password is wrong.".into())),
        }
    }

    pub async fn begin_session(&self, person_id: i64) -> Result<(String, Timestamp)> {
        let token = random_text(43);
        let now = self.now();
        let until = now.plus(ABSOLUTE);
        self.store.create_session(&token_hash(&token), person_id, now, until).await?;
        Ok((token, until))
    }

    /// Who a session cookie belongs to, if it is valid now.
    pub async fn session_actor(&self, token: &str) -> Result<Option<(Actor, Person)>> {
        if token.len() > 100 {
            return Ok(None);
        }
        let hash = token_hash(token);
        let Some(Session { person, last_used_at, expires_at, .. }) = self.store.session(&hash).await? else {
            return Ok(None);
        };
        let now = self.now();
        if person.disabled || now > expires_at || now > last_used_at.plus(IDLE) {
            return Ok(None);
        }
        if now > last_used_at.plus(MINUTE) {
            self.store.touch_session(&hash, person.id, now).await?;
        }
        Ok(Some((Actor::Person { id: person.id, role: person.role }, person)))
    }

    pub async fn sign_out(&self, token: &str) -> Result<()> {
        Ok(self.store.end_session(&token_hash(token)).await?)
    }

    /// Who an API key is, if it is valid now.
    pub async fn key_actor(&self, secret: &str) -> Result<Option<Actor>> {
        if !secret.starts_with("plk_") || secret.len() > 200 {
            return Ok(None);
        }
        let now = self.now();
        let hash = token_hash(secret);
        let key = match self.inner.people.recent_key(&hash, now) {
            Some(key) => key,
            None => {
                let Some(key) = self.store.key_by_secret(&hash).await? else {
                    return Ok(None);
                };
                self.inner.people.remember_key(hash, &key, now);
                key
            }
        };
        if key.revoked || key.expires_at.is_some_and(|at| now > at) {
            return Ok(None);
        }
        if key.last_used_at.is_none_or(|at| now > at.plus(MINUTE)) {
            self.store.touch_key(key.id, now).await?;
            self.inner.people.forget_keys();
        }
        Ok(Some(Actor::Key { id: key.id, scopes: key.scopes }))
    }

    pub async fn people(&self, actor: &Actor) -> Result<Vec<Person>> {
        self.may(actor, Action::ManagePeople, &Object::Installation)?;
        Ok(self.store.people().await?)
    }

    /// Everybody who may sign in, as others see them: whom a link, a turn or a note can name.
    pub async fn colleagues(&self, actor: &Actor) -> Result<Vec<Colleague>> {
        self.may(actor, Action::View, &Object::Installation)?;
        self.everybody().await
    }

    pub(crate) async fn everybody(&self) -> Result<Vec<Colleague>> {
        let people = self.store.people().await?.into_iter().filter(|p| !p.disabled);
        Ok(people.map(|p| Colleague { email: p.email, name: p.name }).collect())
    }

    pub async fn create_person(
        &self,
        actor: &Actor,
        email: &str,
        name: &str,
        role: Role,
        password: &str,
    ) -> Result<i64> {
        self.may(actor, Action::ManagePeople, &Object::Installation)?;
        let (email, name) = self.checked(email, name, Some(password))?;
        let hash = self.hash_password(password).await?;
        let id = self.store.create_person(&email, &name, role, &hash, self.now()).await?;
        self.audit(actor, "person.create", &email).await;
        Ok(id)
    }

    /// Changes a person's role, or whether they may sign in. Their sessions end.
    pub async fn change_person(&self, actor: &Actor, id: i64, role: Role, disabled: bool) -> Result<()> {
        self.may(actor, Action::ManagePeople, &Object::Person(id))?;
        let people = self.store.people().await?;
        let person = people
            .iter()
            .find(|p| p.id == id)
            .ok_or_else(|| EngineError::NotFound("there is no such person".into()))?;
        let administrators = people.iter().filter(|p| p.role == Role::Administrator && !p.disabled).count();
        let loses = person.role == Role::Administrator && !person.disabled && (role != Role::Administrator || disabled);
        if loses && administrators <= 1 {
            return Err(EngineError::Conflict(
                "this is the only administrator; make somebody else one first, or nobody could manage people".into(),
            ));
        }
        let changed = Person { role, disabled, ..person.clone() };
        self.store.update_person(&changed, true).await?;
        self.audit(
            actor,
            "person.change",
            &format!("{} {} {}", person.email, role.name(), if disabled { "disabled" } else { "enabled" }),
        )
        .await;
        Ok(())
    }

    /// Sets somebody's password (an administrator, or the command line). Their sessions end.
    pub async fn reset_password(&self, actor: &Actor, email: &str, password: &str) -> Result<()> {
        self.may(actor, Action::ManagePeople, &Object::Installation)?;
        let email = normal_email(email);
        if let Some(problem) = password_problem(password, &email) {
            return Err(EngineError::Invalid(problem));
        }
        let (person, _) = self
            .store
            .person_for_sign_in(&email)
            .await?
            .ok_or_else(|| EngineError::NotFound(format!("nobody here has the address {email}")))?;
        let hash = self.hash_password(password).await?;
        self.store.set_password(person.id, &hash).await?;
        self.audit(actor, "person.password", &email).await;
        Ok(())
    }

    /// Whether it is the person who sits there: their password once more, with the limits of signing in.
    pub(crate) async fn confirm_password(&self, person: &Person, password: &str, address: &str) -> Result<()> {
        self.inner.people.check(&person.email, address)?;
        let found = self.store.person_for_sign_in(&person.email).await?;
        if !self.verify_password(password, found.map(|(_, hash)| hash)).await? {
            return Err(EngineError::Invalid("The current password is wrong.".into()));
        }
        Ok(())
    }

    /// Changes one's own password; all sessions end, and a new one begins.
    pub async fn change_own_password(
        &self,
        actor: &Actor,
        current: &str,
        new: &str,
        address: &str,
    ) -> Result<(String, Timestamp)> {
        let Actor::Person { id, .. } = actor else {
            return Err(domain::Denied::NotSignedIn.into());
        };
        self.may(actor, Action::EditOwnAccount, &Object::Person(*id))?;
        let person = self.person_by_id(*id).await?;
        self.confirm_password(&person, current, address).await?;
        if let Some(problem) = password_problem(new, &person.email) {
            return Err(EngineError::Invalid(problem));
        }
        let hash = self.hash_password(new).await?;
        self.store.set_password(*id, &hash).await?;
        self.audit(actor, "person.own_password", &person.email).await;
        self.begin_session(*id).await
    }

    pub async fn keys(&self, actor: &Actor) -> Result<Vec<ApiKey>> {
        self.may(actor, Action::ManageKeys, &Object::Installation)?;
        Ok(self.store.keys().await?)
    }

    /// Makes a key and gives its secret, this once.
    pub async fn create_key(&self, actor: &Actor, name: &str, scopes: &[Scope], days: Option<u32>) -> Result<String> {
        self.may(actor, Action::ManageKeys, &Object::Installation)?;
        let name = name.trim();
        if name.is_empty() || name.chars().count() > 80 || name.chars().any(char::is_control) {
            return Err(EngineError::Invalid("a key’s name has 1 to 80 characters; say what it is for".into()));
        }
        let first = scopes
            .iter()
            .min()
            .ok_or_else(|| EngineError::Invalid("a key needs a scope: ingest, read or admin".into()))?;
        let secret = format!("plk_{}_{}", first.name(), random_text(43));
        let now = self.now();
        let new = NewKey {
            name: name.into(),
            prefix: secret.chars().take(first.name().len() + 9).collect(),
            secret_hash: token_hash(&secret),
            scopes: scopes.to_vec(),
            expires_at: days.map(|d| now.plus(i64::from(d) * DAY)),
        };
        self.store.create_key(&new, now).await?;
        self.audit(actor, "key.create", name).await;
        Ok(secret)
    }

    pub async fn revoke_key(&self, actor: &Actor, id: i64) -> Result<()> {
        self.may(actor, Action::ManageKeys, &Object::Key(id))?;
        if !self.store.revoke_key(id, self.now()).await? {
            return Err(EngineError::NotFound("that key is revoked already, or never was".into()));
        }
        self.inner.people.forget_keys();
        self.audit(actor, "key.revoke", &id.to_string()).await;
        Ok(())
    }
}
