//! Tells people that they were named: on their own page, and by mail where a server for it is set.

use domain::alert::Labels;
use domain::alert::destination::Destination;
use domain::alert::message::{Message, Words};
use domain::mention::{Mention, handles};
use domain::{Action, Actor, Object};

use crate::people::random_text;
use crate::{Engine, Result};

/// Of a text, what stands in the list; all of it is where it was written.
const SHOWN: usize = 300;

impl Engine {
    /// Tells whom a text names. Naming oneself tells nobody, and a name that is not known nobody either.
    pub(crate) async fn tell_named(&self, actor: &Actor, by: &str, text: &str, href: &str) -> Result<()> {
        let named = handles(text);
        if named.is_empty() {
            return Ok(());
        }
        let author = if let Actor::Person { id, .. } = actor { Some(*id) } else { None };
        let shown: String = text.chars().take(SHOWN).collect();
        let mention = Mention { at: self.now(), by: by.to_string(), text: shown, href: href.to_string(), seen: false };
        for person in self.store.people().await? {
            let handle = person.handle().to_lowercase();
            if person.disabled || Some(person.id) == author || !named.contains(&handle) {
                continue;
            }
            self.store.note_mention(person.id, &mention).await?;
            if self.inner.options.smtp.is_some() {
                let (engine, mention) = (self.clone(), mention.clone());
                // Whoever writes does not wait for a mail server.
                tokio::spawn(async move { engine.mail_mention(person.email, mention).await });
            }
        }
        Ok(())
    }

    async fn mail_mention(&self, address: String, mention: Mention) {
        let words = Words { title: format!("{} named you", mention.by), text: mention.text };
        let message = Message {
            words: Some(words),
            firing: Vec::new(),
            labels: Labels::new(),
            url: format!("{}{}", self.inner.options.public_url, mention.href),
            group_key: "mention".into(),
            ..self.test_message("mention")
        };
        let destination = Destination::Email { address };
        if let Err(problem) = self.deliver(&destination, &message, &random_text(24)).await {
            tracing::warn!(problem = problem.text, "a mail to somebody who was named was not sent");
        }
    }

    /// Where a person was named, newest first; they count as seen from now on.
    pub async fn mentions(&self, actor: &Actor) -> Result<Vec<Mention>> {
        let Actor::Person { id, .. } = actor else {
            return Ok(Vec::new());
        };
        self.may(actor, Action::EditOwnAccount, &Object::Person(*id))?;
        let found = self.store.mentions(*id).await?;
        if found.iter().any(|mention| !mention.seen) {
            self.store.see_mentions(*id, self.now()).await?;
        }
        Ok(found)
    }

    /// How many of them the person has not seen.
    pub async fn unseen_mentions(&self, actor: &Actor) -> Result<u64> {
        match actor {
            Actor::Person { id, .. } => Ok(self.store.unseen_mentions(*id).await?),
            _ => Ok(0),
        }
    }
}
