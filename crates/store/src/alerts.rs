//! Alerts, silences, groups, and the outbox of messages.
//!
//! What one turn of the alert engine decided is written in one transaction ([`Store::commit`]): an alert
//! without its group, or a group that believes in a message that was never put into the outbox, would be a
//! notification lost by a crash.

use domain::alert::Alert;
use domain::alert::group::Group;
use domain::alert::lifecycle::Instance;
use domain::alert::message::Message;
use domain::alert::rule::Rule;
use domain::alert::silence::Silence;
use domain::alert::view::Entry;
use domain::incident::Incident;
use domain::{TimeRange, Timestamp};
use serde::Serialize;

use crate::database::{Row, Transaction, is_unique_violation, params};
use crate::{Result, Store, StoreError};

/// Something that was decided, to be kept together with the rest of it.
#[derive(Debug, Clone)]
pub enum Decided {
    /// A new alert, or one that changed; found by its fingerprint and start.
    Alert(Alert),
    RuleState {
        rule: i64,
        instances: Vec<Instance>,
    },
    Group(Group),
    GroupOver {
        key: String,
    },
    /// A message for the outbox.
    Message(Outgoing),
    /// What came of a message.
    Attempt(Attempt),
    /// Messages of a group to a destination that wait are not to be sent any more: a newer one is there.
    Superseded {
        group_key: String,
        destination: String,
    },
    /// What was and is to be sent to a destination is kept no longer.
    Forgotten {
        destination: String,
    },
    Incident(Incident),
    Entry(Entry),
}

/// A message in the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// Also the idempotency key that goes along.
    pub id: String,
    pub group_key: String,
    /// The destination's key.
    pub destination: String,
    pub created_at: Timestamp,
    pub due_at: Timestamp,
    pub attempts: u32,
    pub message: Message,
}

/// What came of sending.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    pub id: String,
    /// `sent`, `failed`, or `waiting` where it is tried again.
    pub state: &'static str,
    pub due_at: Timestamp,
    pub attempts: u32,
    pub problem: String,
}

/// A message as a list shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Delivery {
    pub id: String,
    pub group_key: String,
    pub destination: String,
    pub created_at: Timestamp,
    pub due_at: Timestamp,
    pub state: String,
    pub attempts: i64,
    pub problem: String,
}

fn body<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| StoreError::Conflict(format!("it cannot be written as JSON: {e}")))
}

fn outgoing(row: &Row) -> Result<Outgoing> {
    Ok(Outgoing {
        id: row.text(0)?,
        group_key: row.text(1)?,
        destination: row.text(2)?,
        created_at: row.time(3)?,
        due_at: row.time(4)?,
        attempts: row.int(5)?.max(0) as u32,
        message: row.json(6)?,
    })
}

/// The body of an alert; its number is the row's.
fn alert(row: &Row) -> Result<Alert> {
    Ok(Alert { id: row.int(0)?, ..row.json::<Alert>(1)? })
}

async fn put_alert(transaction: &mut Transaction, alert: &Alert) -> Result<i64> {
    const SQL: &str = "INSERT INTO alert (fingerprint, starts_at, ends_at, updated_at, incident_id, body)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (fingerprint, starts_at) DO UPDATE SET ends_at = excluded.ends_at,
             updated_at = excluded.updated_at, incident_id = excluded.incident_id, body = excluded.body
         RETURNING id";
    let values = params![
        alert.fingerprint.as_str(),
        alert.starts_at,
        alert.ends_at.map(|t| t.0),
        alert.updated_at,
        alert.incident,
        body(alert)?
    ];
    transaction.fetch(SQL, values).await?.first().map_or(Ok(0), |row| row.int(0))
}

pub(crate) async fn put_entry(transaction: &mut Transaction, entry: &Entry) -> Result<i64> {
    const SQL: &str = "INSERT INTO entry (at, incident_id, fingerprint, body) VALUES ($1, $2, $3, $4) RETURNING id";
    let values = params![entry.at, entry.incident, entry.fingerprint.as_str(), body(entry)?];
    transaction.fetch(SQL, values).await?.first().map_or(Ok(0), |row| row.int(0))
}

pub(crate) async fn put_incident(transaction: &mut Transaction, incident: &Incident) -> Result<i64> {
    if incident.id == 0 {
        const SQL: &str = "INSERT INTO incident (opened_at, resolved_at, body) VALUES ($1, $2, $3) RETURNING id";
        let values = params![incident.opened_at, incident.resolved_at.map(|t| t.0), body(incident)?];
        return transaction.fetch(SQL, values).await?.first().map_or(Ok(0), |row| row.int(0));
    }
    const SQL: &str = "UPDATE incident SET resolved_at = $2, body = $3 WHERE id = $1";
    transaction.execute(SQL, params![incident.id, incident.resolved_at.map(|t| t.0), body(incident)?]).await?;
    Ok(incident.id)
}

impl Store {
    /// Keeps all of it or nothing. Gives the number of each row that has one, 0 for the others.
    pub async fn commit(&self, decided: &[Decided]) -> Result<Vec<i64>> {
        if decided.is_empty() {
            return Ok(Vec::new());
        }
        let mut transaction = self.database.begin().await?;
        let mut ids = Vec::with_capacity(decided.len());
        for one in decided {
            ids.push(one.write(&mut transaction).await?);
        }
        transaction.commit().await?;
        Ok(ids)
    }

    /// Changes an alert as it stands now, under its row's lock: two people and the engine may do so at once.
    /// `None` where there is none of this number.
    pub async fn change_alert(&self, id: i64, change: impl FnOnce(&mut Alert) + Send) -> Result<Option<Alert>> {
        let mut transaction = self.database.begin().await?;
        // Writing nothing takes the lock on both databases.
        const LOCK: &str = "UPDATE alert SET updated_at = updated_at WHERE id = $1 RETURNING id, body";
        let rows = transaction.fetch(LOCK, params![id]).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let mut found = alert(row)?;
        change(&mut found);
        put_alert(&mut transaction, &found).await?;
        transaction.commit().await?;
        Ok(Some(found))
    }

    pub async fn rules(&self) -> Result<Vec<Rule>> {
        let rows = self.database.fetch("SELECT id, body FROM alert_rule ORDER BY name", vec![]).await?;
        rows.iter().map(|row| Ok(Rule { id: row.int(0)?, ..row.json::<Rule>(1)? })).collect()
    }

    /// # Errors
    /// [`StoreError::Conflict`] when the name is taken.
    pub async fn create_rule(&self, rule: &Rule) -> Result<i64> {
        const SQL: &str = "INSERT INTO alert_rule (name, body) VALUES ($1, $2) RETURNING id";
        let row = self.database.execute_returning(SQL, params![rule.text.name.as_str(), body(rule)?]).await;
        row.map_err(taken)?.map_or(Ok(0), |row| row.int(0))
    }

    /// # Errors
    /// [`StoreError::Conflict`] when the name is taken, [`StoreError::NotFound`] when the rule is gone.
    pub async fn update_rule(&self, rule: &Rule) -> Result<()> {
        const SQL: &str = "UPDATE alert_rule SET name = $2, body = $3 WHERE id = $1";
        let changed = self.database.execute(SQL, params![rule.id, rule.text.name.as_str(), body(rule)?]).await;
        if changed.map_err(taken)? == 0 {
            return Err(StoreError::NotFound("rule of this number".into()));
        }
        Ok(())
    }

    pub async fn delete_rule(&self, id: i64) -> Result<bool> {
        Ok(self.database.execute("DELETE FROM alert_rule WHERE id = $1", params![id]).await? > 0)
    }

    pub async fn rule_states(&self) -> Result<Vec<(i64, Vec<Instance>)>> {
        let rows = self.database.fetch("SELECT rule_id, body FROM rule_state", vec![]).await?;
        rows.iter().map(|row| Ok((row.int(0)?, row.json(1)?))).collect()
    }

    /// Alerts that have not ended before an instant.
    pub async fn alerts_open(&self, at: Timestamp) -> Result<Vec<Alert>> {
        const SQL: &str = "SELECT id, body FROM alert WHERE ends_at IS NULL OR ends_at > $1";
        self.database.fetch(SQL, params![at]).await?.iter().map(alert).collect()
    }

    /// Alerts that changed since an instant.
    pub async fn alerts_changed(&self, since: Timestamp) -> Result<Vec<Alert>> {
        const SQL: &str = "SELECT id, body FROM alert WHERE updated_at >= $1";
        self.database.fetch(SQL, params![since]).await?.iter().map(alert).collect()
    }

    /// Alerts that were open at some time of a range, newest first.
    pub async fn alerts_within(&self, range: TimeRange, limit: i64) -> Result<Vec<Alert>> {
        const SQL: &str = "SELECT id, body FROM alert WHERE starts_at < $2 AND (ends_at IS NULL OR ends_at > $1)
             ORDER BY starts_at DESC, id DESC LIMIT $3";
        self.database.fetch(SQL, params![range.from, range.to, limit]).await?.iter().map(alert).collect()
    }

    /// Start and end of the alerts that were open at some time of a range.
    pub async fn alert_spans(&self, range: TimeRange) -> Result<Vec<(Timestamp, Option<Timestamp>)>> {
        const SQL: &str = "SELECT starts_at, ends_at FROM alert
             WHERE starts_at < $2 AND (ends_at IS NULL OR ends_at > $1) ORDER BY starts_at DESC LIMIT 100000";
        let rows = self.database.fetch(SQL, params![range.from, range.to]).await?;
        rows.iter().map(|row| Ok((row.time(0)?, row.opt_int(1)?.map(Timestamp)))).collect()
    }

    /// How many alerts were open at some time of a range.
    pub async fn alerts_counted(&self, range: TimeRange) -> Result<u64> {
        const SQL: &str = "SELECT count(*) FROM alert WHERE starts_at < $2 AND (ends_at IS NULL OR ends_at > $1)";
        let row = self.database.fetch_one(SQL, params![range.from, range.to]).await?;
        row.map_or(Ok(0), |row| row.int(0)).map(|n| n.max(0) as u64)
    }

    /// How many messages were sent since an instant.
    pub async fn messages_sent(&self, since: Timestamp) -> Result<u64> {
        const SQL: &str = "SELECT count(*) FROM notification WHERE state = 'sent' AND created_at >= $1";
        let row = self.database.fetch_one(SQL, params![since]).await?;
        row.map_or(Ok(0), |row| row.int(0)).map(|n| n.max(0) as u64)
    }

    /// Alerts of the same labels, newest first.
    pub async fn alerts_of(&self, fingerprint: &str, limit: i64) -> Result<Vec<Alert>> {
        const SQL: &str = "SELECT id, body FROM alert WHERE fingerprint = $1 ORDER BY starts_at DESC, id DESC LIMIT $2";
        self.database.fetch(SQL, params![fingerprint, limit]).await?.iter().map(alert).collect()
    }

    pub async fn alerts_of_incident(&self, incident: i64, limit: i64) -> Result<Vec<Alert>> {
        const SQL: &str = "SELECT id, body FROM alert WHERE incident_id = $1 ORDER BY starts_at, id LIMIT $2";
        self.database.fetch(SQL, params![incident, limit]).await?.iter().map(alert).collect()
    }

    /// Removes alerts, messages, entries and silences that ended before an instant; incidents and what people
    /// wrote in them stay.
    pub async fn expire_alerts(&self, before: Timestamp) -> Result<u64> {
        let mut gone = 0;
        for sql in [
            "DELETE FROM alert WHERE ends_at < $1 AND incident_id IS NULL",
            "DELETE FROM entry WHERE at < $1 AND incident_id IS NULL",
            "DELETE FROM notification WHERE created_at < $1 AND state <> 'waiting'",
            "DELETE FROM silence WHERE ends_at < $1",
        ] {
            gone += self.database.execute(sql, params![before]).await?;
        }
        Ok(gone)
    }

    pub async fn silences(&self, ended_after: Timestamp) -> Result<Vec<Silence>> {
        const SQL: &str = "SELECT body FROM silence WHERE ends_at > $1 ORDER BY ends_at DESC, id";
        self.database.fetch(SQL, params![ended_after]).await?.iter().map(|row| row.json(0)).collect()
    }

    pub async fn silence(&self, id: &str) -> Result<Option<Silence>> {
        let row = self.database.fetch_one("SELECT body FROM silence WHERE id = $1", params![id]).await?;
        row.map(|row| row.json(0)).transpose()
    }

    pub async fn put_silence(&self, silence: &Silence) -> Result<()> {
        const SQL: &str = "INSERT INTO silence (id, ends_at, body) VALUES ($1, $2, $3)
             ON CONFLICT (id) DO UPDATE SET ends_at = excluded.ends_at, body = excluded.body";
        self.database.execute(SQL, params![silence.id.as_str(), silence.ends_at, body(silence)?]).await?;
        Ok(())
    }

    pub async fn groups(&self) -> Result<Vec<Group>> {
        let rows = self.database.fetch("SELECT body FROM alert_group", vec![]).await?;
        rows.iter().map(|row| row.json(0)).collect()
    }

    /// Messages that wait, the longest due first.
    pub async fn messages_due(&self, now: Timestamp, limit: i64) -> Result<Vec<Outgoing>> {
        const SQL: &str = "SELECT id, group_key, destination, created_at, due_at, attempts, body FROM notification
             WHERE state = 'waiting' AND due_at <= $1 ORDER BY due_at, id LIMIT $2";
        self.database.fetch(SQL, params![now, limit]).await?.iter().map(outgoing).collect()
    }

    /// All messages that wait.
    pub async fn messages_waiting(&self) -> Result<Vec<Outgoing>> {
        self.messages_due(Timestamp::MAX, 10_000).await
    }

    /// Messages to a destination, newest first; to all where it is empty.
    pub async fn deliveries(&self, destination: &str, limit: i64) -> Result<Vec<Delivery>> {
        const SQL: &str = "SELECT id, group_key, destination, created_at, due_at, state, attempts, problem
             FROM notification WHERE ($1 = '' OR destination = $1) ORDER BY created_at DESC, id LIMIT $2";
        let rows = self.database.fetch(SQL, params![destination, limit]).await?;
        rows.iter()
            .map(|row| {
                Ok(Delivery {
                    id: row.text(0)?,
                    group_key: row.text(1)?,
                    destination: row.text(2)?,
                    created_at: row.time(3)?,
                    due_at: row.time(4)?,
                    state: row.text(5)?,
                    attempts: row.int(6)?,
                    problem: row.text(7)?,
                })
            })
            .collect()
    }

    /// What a destination was sent since, newest first, with when.
    pub async fn messages_to(
        &self,
        destination: &str,
        since: Timestamp,
        limit: i64,
    ) -> Result<Vec<(Timestamp, Message)>> {
        const SQL: &str = "SELECT created_at, body FROM notification
             WHERE destination = $1 AND created_at >= $2 AND state = 'sent' ORDER BY created_at DESC LIMIT $3";
        let rows = self.database.fetch(SQL, params![destination, since, limit]).await?;
        rows.iter().map(|row| Ok((row.time(0)?, row.json(1)?))).collect()
    }

    /// What happened to an alert, oldest first.
    pub async fn entries_of_alert(&self, fingerprint: &str, since: Timestamp, limit: i64) -> Result<Vec<Entry>> {
        const SQL: &str = "SELECT id, body FROM entry WHERE fingerprint = $1 AND at >= $2 ORDER BY at, id LIMIT $3";
        let rows = self.database.fetch(SQL, params![fingerprint, since, limit]).await?;
        rows.iter().map(entry).collect()
    }

    /// The last of what happened in an incident, oldest first.
    pub async fn entries_of_incident(&self, incident: i64, limit: i64) -> Result<Vec<Entry>> {
        const SQL: &str = "SELECT id, body FROM entry WHERE incident_id = $1 ORDER BY at DESC, id DESC LIMIT $2";
        let rows = self.database.fetch(SQL, params![incident, limit]).await?;
        let mut all: Vec<Entry> = rows.iter().map(entry).collect::<Result<_>>()?;
        all.reverse();
        Ok(all)
    }

    /// The last that happened to any alert or incident, the last first.
    pub async fn entries_newest(&self, limit: i64) -> Result<Vec<Entry>> {
        const SQL: &str = "SELECT id, body FROM entry ORDER BY id DESC LIMIT $1";
        self.database.fetch(SQL, params![limit]).await?.iter().map(entry).collect()
    }

    /// Grows with whatever happens to alerts and incidents.
    pub async fn newest_entry(&self) -> Result<i64> {
        let row = self.database.fetch_one("SELECT coalesce(max(id), 0) FROM entry", vec![]).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }
}

fn entry(row: &Row) -> Result<Entry> {
    Ok(Entry { id: row.int(0)?, ..row.json::<Entry>(1)? })
}

fn taken(error: StoreError) -> StoreError {
    if is_unique_violation(&error) {
        return StoreError::Conflict("a rule of this name is there already".into());
    }
    error
}

impl Decided {
    async fn write(&self, transaction: &mut Transaction) -> Result<i64> {
        match self {
            Decided::Alert(alert) => return put_alert(transaction, alert).await,
            Decided::Incident(incident) => return put_incident(transaction, incident).await,
            Decided::Entry(entry) => return put_entry(transaction, entry).await,
            Decided::RuleState { rule, instances } if instances.is_empty() => {
                transaction.execute("DELETE FROM rule_state WHERE rule_id = $1", params![*rule]).await?;
            }
            Decided::RuleState { rule, instances } => {
                // The rule may have been deleted meanwhile; then there is nothing to keep.
                const SQL: &str = "INSERT INTO rule_state (rule_id, body) SELECT id, $2 FROM alert_rule WHERE id = $1
                     ON CONFLICT (rule_id) DO UPDATE SET body = excluded.body";
                transaction.execute(SQL, params![*rule, body(instances)?]).await?;
            }
            Decided::Group(group) => {
                const SQL: &str = "INSERT INTO alert_group (key, body) VALUES ($1, $2)
                     ON CONFLICT (key) DO UPDATE SET body = excluded.body";
                transaction.execute(SQL, params![group.key.as_str(), body(group)?]).await?;
            }
            Decided::GroupOver { key } => {
                transaction.execute("DELETE FROM alert_group WHERE key = $1", params![key.as_str()]).await?;
            }
            Decided::Message(m) => {
                const SQL: &str = "INSERT INTO notification
                     (id, group_key, destination, created_at, due_at, state, attempts, problem, body)
                     VALUES ($1, $2, $3, $4, $5, 'waiting', $6, '', $7)";
                let values = params![
                    m.id.as_str(),
                    m.group_key.as_str(),
                    m.destination.as_str(),
                    m.created_at,
                    m.due_at,
                    i64::from(m.attempts),
                    body(&m.message)?
                ];
                transaction.execute(SQL, values).await?;
            }
            Decided::Attempt(a) => {
                const SQL: &str =
                    "UPDATE notification SET state = $2, due_at = $3, attempts = $4, problem = $5 WHERE id = $1";
                let values = params![a.id.as_str(), a.state, a.due_at, i64::from(a.attempts), a.problem.as_str()];
                transaction.execute(SQL, values).await?;
            }
            Decided::Superseded { group_key, destination } => {
                const SQL: &str = "UPDATE notification SET state = 'superseded'
                     WHERE group_key = $1 AND destination = $2 AND state = 'waiting'";
                transaction.execute(SQL, params![group_key.as_str(), destination.as_str()]).await?;
            }
            Decided::Forgotten { destination } => {
                const SQL: &str = "DELETE FROM notification WHERE destination = $1";
                transaction.execute(SQL, params![destination.as_str()]).await?;
            }
        }
        Ok(0)
    }
}
