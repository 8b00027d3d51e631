//! Two queries and a formula of them, as one query: A and B stand in the formula for what they ask.

/// The query that is asked: A alone where there is no B or no formula.
pub fn joined(a: &str, b: &str, formula: &str) -> String {
    if b.trim().is_empty() || formula.trim().is_empty() {
        return a.to_string();
    }
    let mut out = String::with_capacity(formula.len() + a.len() + b.len());
    let mut quote = None;
    let mut word = String::new();
    let put = |word: &mut String, out: &mut String| {
        match word.as_str() {
            "A" => out.push_str(&format!("({})", a.trim())),
            "B" => out.push_str(&format!("({})", b.trim())),
            other => out.push_str(other),
        }
        word.clear();
    };
    for c in formula.trim().chars() {
        if quote.is_none() && (c.is_ascii_alphanumeric() || c == '_' || c == ':') {
            word.push(c);
            continue;
        }
        put(&mut word, &mut out);
        out.push(c);
        match quote {
            Some(open) if open == c => quote = None,
            None if "\"'`".contains(c) => quote = Some(c),
            _ => {}
        }
    }
    put(&mut word, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_and_b_stand_for_their_queries_and_nothing_else_does() {
        let of = |formula: &str| joined("rate(errors[5m])", " rate(all[5m])", formula);
        assert_eq!(of("A / B * 100"), "(rate(errors[5m])) / (rate(all[5m])) * 100");
        assert_eq!(of("clamp_max(A/B, 1)"), "clamp_max((rate(errors[5m]))/(rate(all[5m])), 1)");
        assert_eq!(of("A > bool BAB{x=\"A\"}"), "(rate(errors[5m])) > bool BAB{x=\"A\"}");
        assert_eq!(joined("up", "", "A / B"), "up");
        assert_eq!(joined("up", "down", " "), "up");
    }
}
