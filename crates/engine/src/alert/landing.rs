//! What comes of sending: a message that flies, lands, fails and is tried again, or is given up. The group's ledger
//! follows what arrived, so that whatever was opened at a destination is closed there.

use std::time::Duration;

use domain::alert::destination::Destination;
use domain::alert::view::EntryKind;
use domain::format;
use store::{Attempt, Decided, Outgoing};

use super::board::Board;
use crate::notify::{ATTEMPTS_MAX, Problem, pause};
use crate::{Engine, Result};

impl Engine {
    /// A message is on its way: nothing else is said to its destination about its group meanwhile.
    pub(crate) async fn message_flies(&self, message: &Outgoing) -> Result<bool> {
        let mut board = self.board().await?;
        let place = (message.group_key.clone(), message.destination.clone());
        Ok(match board.waiting.get_mut(&place) {
            Some(waiting) if waiting.id == message.id && !waiting.flying => {
                waiting.flying = true;
                true
            }
            _ => false,
        })
    }

    /// Where a group's message goes.
    pub(crate) async fn ledger_destination(&self, group: &str, key: &str) -> Result<Option<Destination>> {
        let board = self.board().await?;
        Ok(board.groups.get(group).and_then(|g| g.group.ledgers.get(key)).map(|l| l.destination.clone()))
    }

    /// What came of sending: what the message is known by where it arrived, or why it did not.
    pub(crate) async fn message_landed(
        &self,
        message: &Outgoing,
        outcome: std::result::Result<String, Problem>,
        took: Duration,
    ) -> Result<()> {
        let now = self.now();
        let mut board = self.board().await?;
        let place = (message.group_key.clone(), message.destination.clone());
        let destination = board.groups.get(&message.group_key).and_then(|g| g.group.ledgers.get(&message.destination));
        let whereto = destination.map_or_else(
            || message.destination.clone(),
            |l| format!("{} {}", l.destination.title(), l.destination.shown()),
        );
        let attempts = message.attempts + 1;
        let (attempt, words, good, mut decided) = match outcome {
            Ok(receipt) => {
                self.inner.alerts.watch.delivered((now.0 - message.message.at.0) as f64 / 1e6);
                let first = message.message.firing.iter().any(|a| a.incident.is_some());
                if let (true, Some(id)) = (first, message.message.incident) {
                    self.store.change_incident(id, |i| i.told_at = i.told_at.or(Some(now))).await?;
                }
                let decided = board.arrived(message, now);
                let took = format!("{} s", format::fixed(took.as_secs_f64(), 1));
                let receipt = if receipt.is_empty() { receipt } else { format!(", as {receipt}") };
                ("sent", format!("in {took} ({}){receipt}", message.message.why.words()), true, decided)
            }
            Err(problem) => {
                let again = problem.passes && attempts < ATTEMPTS_MAX;
                if again {
                    if let Some(waiting) = board.waiting.get_mut(&place) {
                        waiting.flying = false;
                    }
                    let next = pause(attempts, problem.after);
                    let words = format!("{}; tried again in {}", problem.text, format::duration(next));
                    let attempt = Attempt {
                        id: message.id.clone(),
                        state: "waiting",
                        due_at: now.plus(next),
                        attempts,
                        problem: problem.text,
                    };
                    let mut decided = vec![Decided::Attempt(attempt)];
                    // The first failure is worth a line; the tenth says nothing new.
                    if attempts == 1 {
                        decided.extend(self.delivery_entries(&board, message, &whereto, &words, false));
                    }
                    self.keep(&mut board, &decided).await?;
                    return Ok(());
                }
                board.waiting.remove(&place);
                let words = format!("{}; given up, the group’s next turn tries anew", problem.text);
                ("failed", words, false, Vec::new())
            }
        };
        let problem = if good { String::new() } else { words.clone() };
        decided.push(Decided::Attempt(Attempt {
            id: message.id.clone(),
            state: attempt,
            due_at: now,
            attempts,
            problem,
        }));
        decided.extend(self.delivery_entries(&board, message, &whereto, &words, good));
        self.keep(&mut board, &decided).await?;
        self.settle_groups(&mut board).await
    }

    fn delivery_entries(
        &self,
        board: &Board,
        message: &Outgoing,
        whereto: &str,
        words: &str,
        good: bool,
    ) -> Vec<Decided> {
        let title = format!("{whereto}: {}", if good { "delivered" } else { "not delivered" });
        let now = self.now();
        let alerts = message.message.firing.iter().chain(&message.message.resolved);
        alerts
            .map(|a| {
                board.entry(&a.fingerprint, EntryKind::Delivery, title.clone(), words.to_string(), Some(good), now)
            })
            .collect()
    }
}
