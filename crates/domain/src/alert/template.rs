//! Texts with `{{value}}`, `{{limit}}` and `{{labels.NAME}}` in them. A name that is not known stays as it was
//! written.

use super::Labels;

/// A number for a text; its absence is said.
pub fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "no data".to_string(), crate::format::compact)
}

/// The text about an alert. `value` and `limit` as [`number`] says them.
pub fn filled(text: &str, labels: &Labels, value: &str, limit: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((name, behind)) = after.split_once("}}") else {
            out.push_str("{{");
            rest = after;
            continue;
        };
        let plain = name.trim().trim_start_matches(['$', '.']);
        let label = plain.strip_prefix("labels.").or_else(|| plain.strip_prefix("Labels."));
        match (plain, label) {
            ("value", _) => out.push_str(value),
            ("limit" | "threshold", _) => out.push_str(limit),
            (_, Some(label)) => out.push_str(labels.get(label).map_or("", String::as_str)),
            (_, None) => {
                out.push_str("{{");
                out.push_str(name);
                out.push_str("}}");
            }
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}
