//! What people said to a model, and what it answered: kept only where the installation wants it, and then
//! with what looks like a secret or a person's data painted over.

use std::borrow::Cow;

use regex::Regex;

/// Attributes that hold the words of prompts, completions, tool calls and documents.
const WORDS: [&str; 12] = [
    "gen_ai.prompt",
    "gen_ai.completion",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.tool.definitions",
    "gen_ai.request.messages",
    "gen_ai.event.content",
    "input.value",
    "output.value",
];

/// And those that begin so.
const WORDS_BEGIN: [&str; 6] = [
    "gen_ai.prompt.",
    "gen_ai.completion.",
    "llm.input_messages",
    "llm.output_messages",
    "traceloop.entity.input",
    "traceloop.entity.output",
];

#[derive(Debug, Clone, Default)]
pub struct Privacy {
    keep_text: bool,
    redact: Vec<Regex>,
}

impl Privacy {
    /// Text is kept, what the patterns match painted over.
    ///
    /// # Errors
    /// A pattern that is none, in words.
    pub fn keeping_text(patterns: &[String]) -> Result<Privacy, String> {
        let redact = patterns.iter().map(|p| Regex::new(p).map_err(|e| format!("“{p}” is no pattern: {e}")));
        Ok(Privacy { keep_text: true, redact: redact.collect::<Result<_, _>>()? })
    }

    /// What is painted over unless somebody says otherwise: e-mail addresses, card numbers, keys.
    pub fn patterns() -> Vec<String> {
        [
            r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}",
            r"\b(?:\d[ -]?){13,19}\b",
            r"\b(?:sk|pk|plk|ghp|xox[abp])[-_][A-Za-z0-9_-]{16,}\b",
        ]
        .map(String::from)
        .to_vec()
    }

    /// Whether an attribute of this name is kept at all.
    pub fn keeps(&self, name: &str) -> bool {
        self.keep_text || !is_text(name)
    }

    pub fn keeps_text(&self) -> bool {
        self.keep_text
    }

    pub fn redacted<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for pattern in &self.redact {
            if let Cow::Owned(painted) = pattern.replace_all(&text, "[redacted]") {
                text = Cow::Owned(painted);
            }
        }
        text
    }
}

/// Whether an attribute of this name holds what somebody said.
pub fn is_text(name: &str) -> bool {
    // Nearly all names begin otherwise.
    let candidate = ["gen_ai.", "llm.", "input.", "output.", "traceloop."].iter().any(|p| name.starts_with(p));
    candidate && (WORDS.contains(&name) || WORDS_BEGIN.iter().any(|p| name.starts_with(p)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_secrets_are_painted_over() {
        let privacy = Privacy::keeping_text(&Privacy::patterns()).expect("patterns");
        let text = privacy.redacted("write to ada@example.org, key sk-abcdefghijklmnopqrstuv, order 12");
        assert_eq!(text, "write to [redacted], key [redacted], order 12");
        assert!(Privacy::keeping_text(&["(".into()]).is_err());
    }

    #[test]
    fn names_of_models_and_counts_of_tokens_are_no_text() {
        assert!(is_text("gen_ai.prompt.0.content") && is_text("gen_ai.output.messages"));
        assert!(!is_text("gen_ai.request.model") && !is_text("gen_ai.usage.input_tokens"));
    }
}
