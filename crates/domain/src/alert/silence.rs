//! Silences: alerts that somebody said not to be told of, until when, and why.

use serde::{Deserialize, Serialize};

use super::matcher::Matcher;
use crate::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Silence {
    pub id: String,
    pub matchers: Vec<Matcher>,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub updated_at: Timestamp,
    pub created_by: String,
    /// Why, in the author's words.
    pub comment: String,
    /// A maintenance window: planned, and shown as such.
    #[serde(default)]
    pub maintenance: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum SilenceState {
    Pending,
    Active,
    Expired,
}

impl SilenceState {
    pub fn name(self) -> &'static str {
        ["pending", "active", "expired"][self as usize]
    }
}

impl Silence {
    pub fn state(&self, now: Timestamp) -> SilenceState {
        if now >= self.ends_at {
            SilenceState::Expired
        } else if now < self.starts_at {
            SilenceState::Pending
        } else {
            SilenceState::Active
        }
    }

    /// What is wrong with it, if anything.
    #[cfg(feature = "decide")]
    pub fn problem(&self) -> Option<String> {
        if self.matchers.is_empty() || self.matchers.len() > 32 {
            return Some("a silence has 1 to 32 matchers".into());
        }
        if self.matchers.iter().all(Matcher::matches_empty) {
            return Some("at least one matcher must not match the empty value, or everything would be silent".into());
        }
        if self.starts_at >= self.ends_at {
            return Some("a silence ends after it starts".into());
        }
        if self.comment.trim().is_empty() {
            return Some("say why: whoever finds the silence wants to know".into());
        }
        super::matcher::Matchers::of(&self.matchers).err()
    }
}

/// What the planned maintenances among some silences cover, of those that are on at an instant.
#[cfg(feature = "decide")]
pub fn maintenance(silences: &[Silence], now: Timestamp) -> Vec<super::matcher::Matchers> {
    let on = silences.iter().filter(|s| s.maintenance && s.state(now) == SilenceState::Active);
    on.filter_map(|s| super::matcher::Matchers::of(&s.matchers).ok()).collect()
}

/// Active silences.
#[cfg(feature = "decide")]
pub struct Silences {
    ids: Vec<String>,
    matchers: Vec<super::matcher::Matchers>,
    index: super::label_index::LabelIndex,
}

#[cfg(feature = "decide")]
impl Silences {
    pub fn active(silences: &[Silence], now: Timestamp) -> Silences {
        let on = silences.iter().filter(|s| s.state(now) == SilenceState::Active);
        let ready = |s: &Silence| Some((s.id.clone(), super::matcher::Matchers::of(&s.matchers).ok()?));
        let (ids, matchers): (Vec<_>, Vec<_>) = on.filter_map(ready).unzip();
        let index = super::label_index::LabelIndex::of(&matchers);
        Silences { ids, matchers, index }
    }

    /// The silences that cover these labels.
    pub fn covering(&self, labels: &super::Labels) -> Vec<&str> {
        let candidates = self.index.candidates(labels).into_iter();
        candidates.filter(|p| self.matchers[*p].matches(labels)).map(|p| self.ids[p].as_str()).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

#[cfg(all(test, feature = "decide"))]
mod tests {
    use super::*;
    use crate::alert::Labels;

    fn silence(id: &str, matchers: &str) -> Silence {
        Silence {
            id: id.into(),
            matchers: Matcher::parse_all(matchers).expect("matchers"),
            starts_at: Timestamp(10),
            ends_at: Timestamp(20),
            updated_at: Timestamp(0),
            created_by: "mara".into(),
            comment: "re-index".into(),
            maintenance: false,
        }
    }

    #[test]
    fn the_index_finds_what_the_matchers_say() {
        let all = [silence("a", "x=\"1\",y=~\"b.*\""), silence("b", "y=~\".+\""), silence("c", "z!=\"q\",x=\"2\"")];
        let labels: Labels = [("x", "1"), ("y", "boat")].iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        let index = Silences::active(&all, Timestamp(10));
        assert_eq!(index.covering(&labels), ["a", "b"]);
        assert!(Silences::active(&all, Timestamp(20)).is_empty() && Silences::active(&all, Timestamp(9)).is_empty());
    }

    #[test]
    fn a_silence_of_everything_or_without_a_reason_is_refused() {
        assert!(silence("a", "x=~\".*\"").problem().is_some());
        assert!(Silence { comment: " ".into(), ..silence("a", "x=\"1\"") }.problem().is_some());
        assert!(silence("a", "x=~\"(\"").problem().is_some());
        assert_eq!(silence("a", "x=\"1\"").problem(), None);
    }
}
