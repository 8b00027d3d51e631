//! People named in what others write: `@mara` is whoever signs in as `mara@…`.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::people::Person;

/// People one text may call.
pub const NAMED_MAX: usize = 10;

/// That somebody was named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Mention {
    pub at: Timestamp,
    pub by: String,
    pub text: String,
    /// Where it was written: a page of this installation.
    pub href: String,
    /// Whether the person had seen it before now.
    #[serde(default)]
    pub seen: bool,
}

impl Person {
    /// What others write after an `@` to name them.
    pub fn handle(&self) -> &str {
        self.email.split('@').next().unwrap_or_default()
    }
}

/// The handles in a text, in order, each once, in lower case. An e-mail address names nobody.
pub fn handles(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (at, _) in text.match_indices('@') {
        let begins =
            text[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric() && !"._-+".contains(before));
        let rest = &text[at + 1..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && !"._-+".contains(c)).unwrap_or(rest.len());
        // A full stop may end the sentence.
        let handle = rest[..end].trim_end_matches(['.', '-', '_']).to_lowercase();
        if begins && !handle.is_empty() && !found.contains(&handle) && found.len() < NAMED_MAX {
            found.push(handle);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_are_named_who_stand_after_an_at_sign() {
        assert_eq!(handles("@mara and (@Jonas.Weber), please look; @mara."), ["mara", "jonas.weber"]);
        assert_eq!(handles("ask @d-n_2!"), ["d-n_2"]);
        assert!(handles("write to ops@larkfield.example, 3 @ 4, @, @…").is_empty());
        let many: String = (0..50).map(|i| format!("@p{i} ")).collect();
        assert_eq!(handles(&many).len(), NAMED_MAX);
    }
}
