//! Annotations: written, answered, corrected, taken away, put into an incident's timeline.

use domain::alert::view::EntryKind;
use domain::annotation::{Annotation, AnnotationAct, AnnotationText, Comment, Subject};
use domain::{Action, Actor, Object, TimeRange, Timestamp};

use crate::{Engine, EngineError, Result};

/// Annotations of one answer.
const ANSWERED: i64 = 1000;
/// Answers under one.
const THREAD_MAX: usize = 200;

fn gone() -> EngineError {
    EngineError::NotFound("there is no annotation of this number".into())
}

impl Engine {
    /// Annotations that touch a range and concern a subject, oldest first.
    pub async fn annotations(&self, actor: &Actor, range: TimeRange, subject: &Subject) -> Result<Vec<Annotation>> {
        self.may(actor, Action::View, &Object::Installation)?;
        if let Some(incident) = subject.incident {
            return Ok(self.store.annotations_of_incident(incident).await?);
        }
        let all = self.store.annotations(range, ANSWERED).await?;
        Ok(all.into_iter().filter(|a| a.concerns(subject)).collect())
    }

    pub async fn annotate(&self, actor: &Actor, who: &str, text: AnnotationText) -> Result<i64> {
        self.may(actor, Action::Annotate, &Object::Installation)?;
        if let Some(problem) = text.problem() {
            return Err(EngineError::Invalid(problem));
        }
        if let Some(incident) = text.subject.incident {
            self.incident(actor, incident).await?;
        }
        let author_id = if let Actor::Person { id, .. } = actor { Some(*id) } else { None };
        let new = Annotation {
            id: 0,
            author: who.to_string(),
            author_id,
            created_at: self.now(),
            body: text,
            thread: Vec::new(),
            history: Vec::new(),
            promoted: false,
        };
        let id = self.store.create_annotation(&new).await?;
        self.audit(actor, "annotation.create", &id.to_string()).await;
        self.tell_named(actor, who, &new.body.text, &new.body.subject.href()).await?;
        // Pages that show it hear of it through the incident's entries; others at their next reading.
        if let Some(incident) = new.body.subject.incident {
            let title = format!("Flag at {}", new.body.at.clock_seconds());
            self.tell(incident, EntryKind::Note, who, title, new.body.text.clone(), self.now()).await?;
        }
        Ok(id)
    }

    /// What a person does with an annotation.
    pub async fn act_on_annotation(&self, actor: &Actor, who: &str, id: i64, act: AnnotationAct) -> Result<()> {
        match act {
            AnnotationAct::Edit { text, tags } => self.edit_annotation(actor, who, id, text, tags).await,
            AnnotationAct::Comment { text } => self.comment_annotation(actor, who, id, &text).await,
            AnnotationAct::Promote => self.promote_annotation(actor, who, id).await,
            AnnotationAct::Delete => self.delete_annotation(actor, id).await,
        }
    }

    /// Whether an actor wrote it, or may change what others wrote.
    fn owns(&self, actor: &Actor, annotation: &Annotation) -> Result<()> {
        self.may(actor, Action::Annotate, &Object::Installation)?;
        let own = matches!(actor, Actor::Person { id, .. } if Some(*id) == annotation.author_id);
        if own { Ok(()) } else { self.may(actor, Action::ManageInstallation, &Object::Installation) }
    }

    /// Corrects a text; the one before stays in the history. What it is about, and when, stays: a flag does
    /// not wander to another incident.
    async fn edit_annotation(&self, actor: &Actor, who: &str, id: i64, text: String, tags: Vec<String>) -> Result<()> {
        let known = self.store.annotation(id).await?.ok_or_else(gone)?;
        self.owns(actor, &known)?;
        let text = AnnotationText { text, tags, ..known.body };
        if let Some(problem) = text.problem() {
            return Err(EngineError::Invalid(problem));
        }
        let (now, who) = (self.now(), who.to_string());
        self.store
            .change_annotation(id, |a| {
                if a.history.len() < THREAD_MAX {
                    a.history.push(Comment { at: now, author: who, text: a.body.text.clone() });
                }
                a.body = text;
            })
            .await?
            .ok_or_else(gone)?;
        Ok(())
    }

    async fn comment_annotation(&self, actor: &Actor, who: &str, id: i64, text: &str) -> Result<()> {
        self.may(actor, Action::Annotate, &Object::Installation)?;
        let text = text.trim();
        if text.is_empty() || text.len() > domain::annotation::TEXT_MAX {
            return Err(EngineError::Invalid("write something, at most 4000 bytes".into()));
        }
        let comment = Comment { at: self.now(), author: who.to_string(), text: text.to_string() };
        let changed = self
            .store
            .change_annotation(id, |a| {
                if a.thread.len() < THREAD_MAX {
                    a.thread.push(comment);
                }
            })
            .await?;
        let changed = changed.ok_or_else(gone)?;
        self.tell_named(actor, who, text, &changed.body.subject.href()).await
    }

    /// Puts an annotation into the timeline of its incident, at its own time.
    async fn promote_annotation(&self, actor: &Actor, who: &str, id: i64) -> Result<()> {
        self.may(actor, Action::Annotate, &Object::Installation)?;
        let known = self.store.annotation(id).await?.ok_or_else(gone)?;
        let incident =
            known.body.subject.incident.ok_or_else(|| {
                EngineError::Invalid("only an annotation of an incident stands in its timeline".into())
            })?;
        if known.promoted {
            return Ok(());
        }
        self.store.change_annotation(id, |a| a.promoted = true).await?.ok_or_else(gone)?;
        let at: Timestamp = known.body.at;
        self.tell(incident, EntryKind::Evidence, who, known.body.text, format!("noted by {}", known.author), at).await
    }

    async fn delete_annotation(&self, actor: &Actor, id: i64) -> Result<()> {
        let known = self.store.annotation(id).await?.ok_or_else(gone)?;
        self.owns(actor, &known)?;
        if !self.store.delete_annotation(id).await? {
            return Err(gone());
        }
        self.audit(actor, "annotation.delete", &id.to_string()).await;
        Ok(())
    }
}
