//! Which segments may hold a word, or a trace: filters over what the rows of a segment say.
//!
//! A search reads only segments whose filter knows all its words. The filter errs on the side of reading: a
//! word it does not know is certainly not there.

use std::collections::HashSet;

use domain::event::{ColumnData, EventBatch, EventKind, MISSING};
use domain::telemetry::{log, span};
use xxhash_rust::xxh3::xxh3_64;

use crate::codec;
use crate::identity::{IdFilter, id_hash};

/// The filter over words, and the one over traces, as columns of a segment.
pub(crate) const WORDS: &str = "#words";
pub(crate) const TRACES: &str = "#traces";

/// Words longer than this are known by their beginning.
const WORD_BYTES: usize = 64;

/// The words of a text: runs of letters, digits and “_”, in small letters.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|w| !w.is_empty()).map(folded)
}

fn folded(word: &str) -> String {
    let mut end = word.len().min(WORD_BYTES);
    while !word.is_char_boundary(end) {
        end -= 1;
    }
    word[..end].to_lowercase()
}

pub(crate) fn word_hash(word: &str) -> u64 {
    xxh3_64(word.as_bytes())
}

/// What events of a kind are searched by.
fn searched(kind: EventKind) -> Option<&'static [&'static str]> {
    match kind {
        EventKind::Span => Some(&span::SEARCHED),
        EventKind::Log => Some(&log::SEARCHED),
        _ => None,
    }
}

/// The filters of a segment: name and bytes.
pub(crate) fn filters(kind: EventKind, batch: &EventBatch) -> Vec<(&'static str, Vec<u8>)> {
    let Some(columns) = searched(kind) else {
        return Vec::new();
    };
    let mut hashes: HashSet<u64> = HashSet::new();
    for column in columns.iter().filter_map(|name| batch.column(name)) {
        if let ColumnData::Category { codes, dictionary } = column {
            // A dictionary may be shared by more rows than these.
            let mut used = vec![false; dictionary.len()];
            codes.iter().filter(|c| **c != MISSING).for_each(|c| used[*c as usize] = true);
            for word in dictionary.iter().zip(used).filter(|(_, used)| *used).flat_map(|(text, _)| words(text)) {
                hashes.insert(word_hash(&word));
            }
        }
    }
    let mut traces: HashSet<u64> = HashSet::new();
    if let Some(ColumnData::Category { codes, dictionary }) = batch.column(span::TRACE) {
        traces.extend(codes.iter().filter(|c| **c != MISSING).map(|c| id_hash(&dictionary[*c as usize])));
    }
    let built = |hashes: HashSet<u64>| codec::encode_filter(&IdFilter::build(&hashes.into_iter().collect::<Vec<_>>()));
    vec![(WORDS, built(hashes)), (TRACES, built(traces))]
}

/// Whether a text says something: all of it, in order, at the borders of words unless `exact`, where it
/// is looked for letter by letter.
pub(crate) fn says(text: &str, needle: &str, exact: bool) -> bool {
    if exact {
        return text.contains(needle);
    }
    let text = text.to_lowercase();
    let (needle, open) = match needle.strip_suffix('*') {
        Some(beginning) => (beginning, true),
        None => (needle, false),
    };
    let needle = needle.to_lowercase();
    if needle.is_empty() {
        return true;
    }
    let within = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let first = within(needle.chars().next());
    let last = within(needle.chars().next_back()) && !open;
    text.match_indices(&needle).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        !((first && within(before)) || (last && within(after)))
    })
}

/// The hashes of the whole words that a text must hold to say something.
pub(crate) fn needed(needle: &str, exact: bool) -> Vec<u64> {
    let open = needle.ends_with('*');
    let all: Vec<String> = words(needle).collect();
    let word_at = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    // Words at the edges may be parts of longer ones.
    let skip_first = exact && word_at(needle.chars().next());
    let skip_last = open || (exact && word_at(needle.chars().next_back()));
    let from = usize::from(skip_first);
    let to = all.len() - usize::from(skip_last && !all.is_empty());
    all.get(from..to.max(from)).unwrap_or_default().iter().map(|w| word_hash(w)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_says_whole_words_in_order() {
        let text = "Connection to db-7 timed out after 30_000 ms";
        assert!(says(text, "timed out", false) && says(text, "DB-7", false) && says(text, "30_000", false));
        assert!(!says(text, "time", false) && says(text, "time*", false));
        assert!(says(text, "imed o", true) && !says(text, "Timed", true));
    }

    #[test]
    fn a_filter_is_asked_for_whole_words_only() {
        assert_eq!(needed("timed out", false), [word_hash("timed"), word_hash("out")]);
        assert_eq!(needed("timed ou*", false), [word_hash("timed")]);
        assert_eq!(needed("\"http.route\":\"/x\"", true), ["http", "route", "x"].map(word_hash));
        assert_eq!(needed("imed out af", true), [word_hash("out")]);
        assert!(needed("x*", false).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn what_a_text_says_its_filter_knows(text in "[a-cA-C0-1_ .:-]{0,30}", from in 0_usize..30, length in 0_usize..12) {
            let chars: Vec<char> = text.chars().collect();
            let needle: String = chars.iter().skip(from).take(length).collect();
            for exact in [false, true] {
                if says(&text, &needle, exact) {
                    let known: HashSet<u64> = words(&text).map(|w| word_hash(&w)).collect();
                    proptest::prop_assert!(needed(&needle, exact).iter().all(|h| known.contains(h)), "{needle:?} in {text:?}");
                }
            }
        }
    }
}
