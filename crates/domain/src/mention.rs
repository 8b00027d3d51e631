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

/// Where a text names people: spans from the `@` to the end of the handle. An e-mail address names nobody.
fn spans(text: &str) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    let of_handle = |c: char| c.is_alphanumeric() || "._-+".contains(c);
    text.match_indices('@').filter_map(move |(at, _)| {
        let begins = text[..at].chars().next_back().is_none_or(|before| !of_handle(before));
        let rest = &text[at + 1..];
        // A full stop may end the sentence.
        let handle = rest[..rest.find(|c| !of_handle(c)).unwrap_or(rest.len())].trim_end_matches(['.', '-', '_']);
        (begins && !handle.is_empty()).then(|| at..at + 1 + handle.len())
    })
}

/// The handles in a text, in order, each once, in lower case.
pub fn handles(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for span in spans(text) {
        let handle = text[span.start + 1..span.end].to_lowercase();
        if !found.contains(&handle) && found.len() < NAMED_MAX {
            found.push(handle);
        }
    }
    found
}

/// A text in pieces, in order and nothing left out; whether each names somebody.
pub fn pieces(text: &str) -> Vec<(bool, &str)> {
    let (mut found, mut end) = (Vec::new(), 0);
    for span in spans(text) {
        found.push((false, &text[end..span.start]));
        end = span.end;
        found.push((true, &text[span]));
    }
    found.push((false, &text[end..]));
    found.retain(|(_, piece)| !piece.is_empty());
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

    #[test]
    fn pieces_make_up_the_text() {
        let text = "@mara: ask @jonas.weber. Or ops@larkfield.example…";
        let pieces = pieces(text);
        assert_eq!(pieces.iter().map(|(_, p)| *p).collect::<String>(), text);
        assert_eq!(pieces.iter().filter(|(n, _)| *n).map(|(_, p)| *p).collect::<Vec<_>>(), ["@mara", "@jonas.weber"]);
        assert!(super::pieces("").is_empty());
    }
}
