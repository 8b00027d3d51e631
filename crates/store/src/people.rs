//! People, sessions, API keys. Secrets are kept as hashes only.

use domain::people::{ApiKey, Person};
use domain::{Role, Scope, Timestamp};

use crate::database::{Row, is_unique_violation, params};
use crate::{Result, Store, StoreError};

/// A signed-in browser.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    pub person: Person,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone)]
pub struct NewKey {
    pub name: String,
    pub prefix: String,
    pub secret_hash: Vec<u8>,
    pub scopes: Vec<Scope>,
    pub expires_at: Option<Timestamp>,
}

fn person_at(row: &Row, first: usize) -> Result<Person> {
    let role = row.text(first + 3)?;
    Ok(Person {
        id: row.int(first)?,
        email: row.text(first + 1)?,
        name: row.text(first + 2)?,
        role: Role::parse(&role)
            .ok_or_else(|| StoreError::Corrupt(format!("a person has the unknown role “{role}”")))?,
        disabled: row.flag(first + 4)?,
        created_at: row.time(first + 5)?,
        last_seen_at: row.opt_int(first + 6)?.map(Timestamp),
    })
}

fn key(row: &Row) -> Result<ApiKey> {
    Ok(ApiKey {
        id: row.int(0)?,
        name: row.text(1)?,
        prefix: row.text(2)?,
        scopes: row.text(3)?.split(' ').filter_map(Scope::parse).collect(),
        created_at: row.time(4)?,
        last_used_at: row.opt_int(5)?.map(Timestamp),
        expires_at: row.opt_int(6)?.map(Timestamp),
        revoked: row.opt_int(7)?.is_some(),
    })
}

impl Store {
    /// # Errors
    /// [`StoreError::Conflict`] when the address is taken.
    pub async fn create_person(
        &self,
        email: &str,
        name: &str,
        role: Role,
        password_hash: &str,
        at: Timestamp,
    ) -> Result<i64> {
        let row = self
            .database
            .execute_returning(
                "INSERT INTO person (email, name, role, password_hash, created_at) VALUES ($1, $2, $3, $4, $5)
                 RETURNING id",
                params![email, name, role.name(), password_hash, at],
            )
            .await
            .map_err(|error| {
                if is_unique_violation(&error) {
                    StoreError::Conflict(format!("somebody with the address {email} is here already"))
                } else {
                    error
                }
            })?;
        Ok(row.map(|r| r.int(0)).transpose()?.unwrap_or_default())
    }

    /// As [`Store::create_person`], only while nobody is here yet. `None` when somebody was.
    pub async fn create_first_person(&self, email: &str, name: &str, hash: &str, at: Timestamp) -> Result<Option<i64>> {
        let row = self
            .database
            .execute_returning(
                "INSERT INTO person (email, name, role, password_hash, created_at)
                 SELECT $1, $2, $3, $4, $5 WHERE NOT EXISTS (SELECT 1 FROM person) RETURNING id",
                params![email, name, Role::Administrator.name(), hash, at],
            )
            .await?;
        row.map(|r| r.int(0)).transpose()
    }

    pub async fn people(&self) -> Result<Vec<Person>> {
        let rows = self
            .database
            .fetch(
                "SELECT id, email, name, role, disabled, created_at, last_seen_at FROM person ORDER BY name, id",
                vec![],
            )
            .await?;
        rows.iter().map(|row| person_at(row, 0)).collect()
    }

    pub async fn person(&self, id: i64) -> Result<Option<Person>> {
        let row = self
            .database
            .fetch_one(
                "SELECT id, email, name, role, disabled, created_at, last_seen_at FROM person WHERE id = $1",
                params![id],
            )
            .await?;
        row.as_ref().map(|row| person_at(row, 0)).transpose()
    }

    pub async fn anybody(&self) -> Result<bool> {
        Ok(self.database.fetch_one("SELECT 1 FROM person LIMIT 1", vec![]).await?.is_some())
    }

    /// The person with an address, and the hash of their password.
    pub async fn person_for_sign_in(&self, email: &str) -> Result<Option<(Person, String)>> {
        let row = self
            .database
            .fetch_one(
                "SELECT id, email, name, role, disabled, created_at, last_seen_at, password_hash
                 FROM person WHERE email = $1",
                params![email],
            )
            .await?;
        row.map(|row| Ok((person_at(&row, 0)?, row.text(7)?))).transpose()
    }

    /// Changes name, role and whether disabled; ends the person's sessions when rights change.
    pub async fn update_person(&self, person: &Person, end_sessions: bool) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        transaction
            .execute(
                "UPDATE person SET name = $2, role = $3, disabled = $4 WHERE id = $1",
                params![person.id, person.name.as_str(), person.role.name(), person.disabled],
            )
            .await?;
        if end_sessions {
            transaction.execute("DELETE FROM session WHERE person_id = $1", params![person.id]).await?;
        }
        transaction.commit().await
    }

    /// Sets a password and ends all sessions of the person.
    pub async fn set_password(&self, person_id: i64, hash: &str) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        transaction.execute("UPDATE person SET password_hash = $2 WHERE id = $1", params![person_id, hash]).await?;
        transaction.execute("DELETE FROM session WHERE person_id = $1", params![person_id]).await?;
        transaction.commit().await
    }

    pub async fn create_session(
        &self,
        token_hash: &[u8],
        person_id: i64,
        at: Timestamp,
        until: Timestamp,
    ) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        transaction.execute("DELETE FROM session WHERE expires_at < $1", params![at]).await?;
        transaction
            .execute(
                "INSERT INTO session (token_hash, person_id, created_at, last_used_at, expires_at)
                 VALUES ($1, $2, $3, $4, $5)",
                params![token_hash.to_vec(), person_id, at, at, until],
            )
            .await?;
        transaction.execute("UPDATE person SET last_seen_at = $2 WHERE id = $1", params![person_id, at]).await?;
        transaction.commit().await
    }

    pub async fn session(&self, token_hash: &[u8]) -> Result<Option<Session>> {
        let row = self
            .database
            .fetch_one(
                "SELECT p.id, p.email, p.name, p.role, p.disabled, p.created_at, p.last_seen_at,
                        s.created_at, s.last_used_at, s.expires_at
                 FROM session s JOIN person p ON p.id = s.person_id WHERE s.token_hash = $1",
                params![token_hash.to_vec()],
            )
            .await?;
        row.map(|row| {
            Ok(Session {
                person: person_at(&row, 0)?,
                created_at: row.time(7)?,
                last_used_at: row.time(8)?,
                expires_at: row.time(9)?,
            })
        })
        .transpose()
    }

    pub async fn touch_session(&self, token_hash: &[u8], person_id: i64, at: Timestamp) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        transaction
            .execute("UPDATE session SET last_used_at = $2 WHERE token_hash = $1", params![token_hash.to_vec(), at])
            .await?;
        transaction.execute("UPDATE person SET last_seen_at = $2 WHERE id = $1", params![person_id, at]).await?;
        transaction.commit().await
    }

    pub async fn end_session(&self, token_hash: &[u8]) -> Result<()> {
        self.database.execute("DELETE FROM session WHERE token_hash = $1", params![token_hash.to_vec()]).await?;
        Ok(())
    }

    pub async fn create_key(&self, new: &NewKey, at: Timestamp) -> Result<i64> {
        let scopes: Vec<&str> = new.scopes.iter().map(|s| s.name()).collect();
        let row = self
            .database
            .execute_returning(
                "INSERT INTO api_key (name, prefix, secret_hash, scopes, created_at, expires_at)
                 VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
                params![
                    new.name.as_str(),
                    new.prefix.as_str(),
                    new.secret_hash.clone(),
                    scopes.join(" "),
                    at,
                    new.expires_at.map(|t| t.0),
                ],
            )
            .await?;
        Ok(row.map(|r| r.int(0)).transpose()?.unwrap_or_default())
    }

    pub async fn keys(&self) -> Result<Vec<ApiKey>> {
        let rows = self
            .database
            .fetch(
                "SELECT id, name, prefix, scopes, created_at, last_used_at, expires_at, revoked_at
                 FROM api_key ORDER BY id",
                vec![],
            )
            .await?;
        rows.iter().map(key).collect()
    }

    pub async fn key_by_secret(&self, secret_hash: &[u8]) -> Result<Option<ApiKey>> {
        let row = self
            .database
            .fetch_one(
                "SELECT id, name, prefix, scopes, created_at, last_used_at, expires_at, revoked_at
                 FROM api_key WHERE secret_hash = $1",
                params![secret_hash.to_vec()],
            )
            .await?;
        row.as_ref().map(key).transpose()
    }

    pub async fn touch_key(&self, id: i64, at: Timestamp) -> Result<()> {
        self.database.execute("UPDATE api_key SET last_used_at = $2 WHERE id = $1", params![id, at]).await?;
        Ok(())
    }

    /// False when there is no such key, or it was revoked before.
    pub async fn revoke_key(&self, id: i64, at: Timestamp) -> Result<bool> {
        let changed = self
            .database
            .execute("UPDATE api_key SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL", params![id, at])
            .await?;
        Ok(changed > 0)
    }
}
