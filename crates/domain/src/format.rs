//! Numbers as the design guide sets them. Used by server and browser, so both print the same.

/// `2,412` below 100,000, then `576 k`, `3.71 M`.
pub fn count(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let magnitude = value.abs();
    if magnitude < 100_000.0 {
        return thousands(value.round() as i64);
    }
    let (scaled, suffix) = match magnitude {
        m if m < 1e6 => (value / 1e3, "k"),
        m if m < 1e9 => (value / 1e6, "M"),
        _ => (value / 1e9, "G"),
    };
    let digits = if scaled.abs() >= 100.0 {
        0
    } else if scaled.abs() >= 10.0 {
        1
    } else {
        2
    };
    format!("{} {suffix}", minus(format!("{scaled:.digits$}")))
}

fn thousands(value: i64) -> String {
    let digits = value.abs().to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    if value < 0 { format!("−{out}") } else { out }
}

fn minus(text: String) -> String {
    match text.strip_prefix('-') {
        Some(rest) => format!("−{rest}"),
        None => text,
    }
}

/// A fixed number of decimals, with a true minus; `–` when missing. What is rounded to nothing has no sign.
pub fn fixed(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let text = format!("{value:.decimals$}");
    if text.bytes().any(|b| matches!(b, b'1'..=b'9')) { minus(text) } else { text.trim_start_matches('-').into() }
}

/// As [`fixed`], with its sign always.
pub fn signed(value: f64, decimals: usize) -> String {
    let text = fixed(value, decimals);
    if value > 0.0 { format!("+{text}") } else { text }
}

/// `54.1%` from 0.541.
pub fn percent(ratio: f64) -> String {
    if ratio.is_finite() { format!("{}%", fixed(ratio * 100.0, 1)) } else { "–".into() }
}

/// Never 0: `< 10⁻⁶`.
pub fn p_value(p: f64) -> String {
    match p {
        p if p.is_nan() => "–".into(),
        p if p < 1e-6 => "< 10⁻⁶".into(),
        p if p < 0.001 => format!("{p:.6}"),
        p => format!("{p:.3}"),
    }
}

/// Binary: `212 KiB`.
pub fn bytes(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut scaled = value;
    let mut unit = 0;
    while scaled.abs() >= 1024.0 && unit + 1 < units.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    let digits = if unit == 0 || scaled.abs() >= 100.0 || scaled.fract() == 0.0 { 0 } else { 1 };
    format!("{} {}", fixed(scaled, digits), units[unit])
}

/// Two units at most: `3 min 22 s`, `6 d 4 h`.
pub fn duration(micros: i64) -> String {
    let seconds = micros.abs() / 1_000_000;
    let parts = [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let Some(first) = parts.iter().position(|(n, _)| *n > 0) else {
        return "0 s".into();
    };
    let mut text = format!("{} {}", parts[first].0, parts[first].1);
    if let Some((n, unit)) = parts.get(first + 1).filter(|(n, _)| *n > 0) {
        text.push_str(&format!(" {n} {unit}"));
    }
    text
}

/// A number of unknown size for an axis or a table: three significant digits.
pub fn compact(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let magnitude = value.abs();
    if magnitude == 0.0 {
        "0".into()
    } else if magnitude >= 1000.0 {
        count(value)
    } else {
        let decimals = (2 - magnitude.log10().floor() as i32).clamp(0, 6) as usize;
        bare(fixed(value, decimals))
    }
}

/// Without zeros behind the last decimal that says something.
fn bare(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
}

/// A number as it was measured, for reading: six significant digits; what is tiny or huge by its power of ten.
pub fn measured(value: f64) -> String {
    let magnitude = value.abs();
    if !value.is_finite() {
        return "–".into();
    }
    if magnitude > 0.0 && !(1e-4..1e15).contains(&magnitude) {
        return minus(format!("{value:.5e}"));
    }
    let decimals = if magnitude == 0.0 { 0 } else { (5 - magnitude.log10().floor() as i32).clamp(0, 9) as usize };
    bare(fixed(value, decimals))
}

/// `412 ms` below a second, `1.84 s` above, `85 µs` far below.
pub fn milliseconds(ms: f64) -> String {
    if !ms.is_finite() {
        "–".into()
    } else if ms != 0.0 && ms < 1.0 {
        format!("{} µs", fixed(ms * 1000.0, 0))
    } else if ms < 1000.0 {
        format!("{} ms", fixed(ms, usize::from(ms < 100.0 && ms.fract() != 0.0)))
    } else {
        format!("{} s", fixed(ms / 1000.0, if ms < 100_000.0 { 2 } else { 0 }))
    }
}

/// `€21.9 k`: the currency first, three significant digits. Currencies without a sign everybody knows keep
/// their letters.
pub fn money(value: f64, currency: &str) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let sign = match currency {
        "EUR" => "€",
        "USD" => "$",
        "GBP" => "£",
        "JPY" => "¥",
        other => &format!("{other} "),
    };
    let magnitude = value.abs();
    let (scaled, suffix) = match magnitude {
        m if m < 1e3 => (magnitude, ""),
        m if m < 1e6 => (magnitude / 1e3, " k"),
        m if m < 1e9 => (magnitude / 1e6, " M"),
        _ => (magnitude / 1e9, " G"),
    };
    let minus = if value < 0.0 { "−" } else { "" };
    let digits = match scaled {
        s if s >= 100.0 => 0,
        s if s >= 10.0 => 1,
        _ => 2,
    };
    format!("{minus}{sign}{scaled:.digits$}{suffix}")
}

/// A value with the unit of its series: ratios as percent, bytes in binary units.
pub fn with_unit(value: f64, unit: &str) -> (String, &'static str) {
    match unit {
        "1" => (fixed(value * 100.0, 1), "%"),
        "By" => (bytes(value), ""),
        "By/s" => (format!("{}/s", bytes(value)), ""),
        "ms" => (compact(value), "ms"),
        "s" => (compact(value), "s"),
        "Cel" => (fixed(value, 0), "°C"),
        "W" => (fixed(value, 0), "W"),
        "MHz" => (fixed(value, 0), "MHz"),
        "d" => (fixed(value, 0), "d"),
        _ => (compact(value), ""),
    }
}

/// With a capital, as a sentence or a title begins.
pub fn begun(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_begins_with_a_capital() {
        assert_eq!(begun("always the same value: income"), "Always the same value: income");
        assert_eq!(begun(""), "");
    }

    #[test]
    fn numbers_are_set_as_the_guide_says() {
        assert_eq!(count(2412.0), "2,412");
        assert_eq!(money(21_934.0, "EUR"), "€21.9 k");
        assert_eq!(money(-3_120_000.0, "CHF"), "−CHF 3.12 M");
        assert_eq!(milliseconds(412.3), "412 ms");
        assert_eq!(milliseconds(1_840.0), "1.84 s");
        assert_eq!(count(576_000.0), "576 k");
        assert_eq!(count(3_710_000.0), "3.71 M");
        assert_eq!(count(-1234.0), "−1,234");
        assert_eq!(signed(-0.041, 3), "−0.041");
        assert_eq!(signed(0.041, 3), "+0.041");
        assert_eq!(percent(0.541), "54.1%");
        assert_eq!(p_value(0.0), "< 10⁻⁶");
        assert_eq!(bytes(217_088.0), "212 KiB");
        assert_eq!(duration(202 * 1_000_000), "3 min 22 s");
        assert_eq!(duration(532_800 * 1_000_000), "6 d 4 h");
        assert_eq!(compact(0.046), "0.046");
        assert_eq!(compact(250.0), "250");
        assert_eq!(measured(0.790_133_233_231_916_4), "0.790133");
        assert_eq!(measured(61.0), "61");
        assert_eq!(measured(-1_234_567.25), "−1234567");
        assert_eq!(measured(0.000_012_3), "1.23000e-5");
        assert_eq!(measured(0.0), "0");
        assert_eq!(fixed(f64::NAN, 2), "–");
        assert_eq!((fixed(-0.0004, 3), fixed(-0.0006, 3)), ("0.000".to_string(), "−0.001".to_string()));
    }
}
