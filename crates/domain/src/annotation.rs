//! Annotations: what people know and no signal says, on a time or a range of something.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What an annotation is about. Empty fields are not about anything in particular.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Subject {
    pub signal: String,
    pub system: String,
    pub model: String,
    pub incident: Option<i64>,
    pub environment: String,
}

impl Subject {
    /// The page that shows it best.
    pub fn href(&self) -> String {
        match self.incident {
            Some(id) => format!("/incidents/{id}"),
            None if !self.model.is_empty() => format!("/models/{}", self.model),
            None if !self.system.is_empty() => format!("/systems/{}", self.system),
            None => "/operations".into(),
        }
    }
}

/// What a person writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AnnotationText {
    pub at: Timestamp,
    /// The end of a range; `None` for an instant.
    #[serde(default)]
    pub until: Option<Timestamp>,
    #[serde(default)]
    pub subject: Subject,
    pub text: String,
    #[serde(default)]
    pub tags: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Comment {
    pub at: Timestamp,
    pub author: String,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Annotation {
    pub id: i64,
    pub author: String,
    pub author_id: Option<i64>,
    pub created_at: Timestamp,
    #[serde(flatten)]
    pub body: AnnotationText,
    #[serde(default)]
    pub thread: Vec<Comment>,
    /// Earlier texts, oldest first.
    #[serde(default)]
    pub history: Vec<Comment>,
    /// Stands in the incident's timeline.
    #[serde(default)]
    pub promoted: bool,
}

/// What a person does with an annotation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum AnnotationAct {
    /// Corrects it; the text before stays in the history.
    Edit {
        text: String,
        tags: Vec<String>,
    },
    /// Answers it.
    Comment {
        text: String,
    },
    /// Puts it into the timeline of its incident.
    Promote,
    Delete,
}

pub const TEXT_MAX: usize = 4000;

impl AnnotationText {
    /// What is wrong with it, if anything.
    pub fn problem(&self) -> Option<String> {
        let text = self.text.trim();
        if text.is_empty() || text.len() > TEXT_MAX {
            return Some(format!("write something, at most {TEXT_MAX} bytes"));
        }
        if self.until.is_some_and(|until| until <= self.at) {
            return Some("a range ends after it begins".into());
        }
        let subject = &self.subject;
        let names = [&subject.signal, &subject.system, &subject.model, &subject.environment];
        if names.iter().any(|n| n.len() > 512) || self.tags.len() > 20 || self.tags.iter().any(|t| t.len() > 60) {
            return Some("names have at most 512 bytes; 20 tags of 60 bytes at most".into());
        }
        None
    }
}

impl Subject {
    /// Whether something of this subject belongs on a chart of that one: what both name must agree, what one
    /// leaves open fits everything.
    pub fn fits(&self, shown: &Subject) -> bool {
        let fits = |own: &str, shown: &str| own.is_empty() || shown.is_empty() || own == shown;
        fits(&self.environment, &shown.environment)
            && fits(&self.system, &shown.system)
            && fits(&self.model, &shown.model)
            && fits(&self.signal, &shown.signal)
    }
}

impl Annotation {
    /// Whether it belongs on a chart of this subject.
    pub fn concerns(&self, shown: &Subject) -> bool {
        self.body.subject.fits(shown)
    }
}
