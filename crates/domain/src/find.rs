//! What is found by a few letters: from anywhere to anything.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Hit {
    /// `Model`, `Alert`, `Host`: as it stands beside the title.
    pub kind: String,
    pub title: String,
    /// What tells it from others of the same title.
    pub more: String,
    /// Within, without environment and range.
    pub href: String,
}

/// Hits of one answer.
pub const HITS_MAX: usize = 30;

/// How well a text answers what was typed: 3 where it is it, 2 where it begins so, 1 where a word in it
/// begins so or all words are in it, `None` where it does not.
pub fn rank(text: &str, typed: &str) -> Option<u8> {
    let (text, typed) = (text.to_lowercase(), typed.trim().to_lowercase());
    if typed.is_empty() {
        return None;
    }
    if text == typed {
        return Some(3);
    }
    if text.starts_with(&typed) {
        return Some(2);
    }
    typed.split_whitespace().all(|word| text.contains(word)).then_some(1)
}

/// The number that was typed where an incident may be meant: `147`, `inc-147`, `#147`.
pub fn incident_number(typed: &str) -> Option<i64> {
    let typed = typed.trim().to_lowercase();
    let digits = typed.strip_prefix("inc-").or_else(|| typed.strip_prefix('#')).unwrap_or(&typed);
    digits.parse().ok().filter(|n| *n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_so_comes_before_what_only_holds_it() {
        assert_eq!(rank("credit-risk", "Credit-Risk"), Some(3));
        assert_eq!(rank("credit-risk", "cred"), Some(2));
        assert_eq!(rank("old credit model", "model cred"), Some(1));
        assert_eq!(rank("offers", "cred"), None);
        assert_eq!(rank("offers", " "), None);
    }

    #[test]
    fn a_number_is_an_incident() {
        assert_eq!(
            ["147", "INC-147", "#147", "x", "-3"].map(incident_number),
            [Some(147), Some(147), Some(147), None, None]
        );
    }
}
