//! A rotation as calendar programs read it (RFC 5545): each turn an event, told apart from one reading to the
//! next by who begins when, so that a program that reads again moves what moved.

use super::schedule::Shift;
use super::{Labels, fingerprint};
use crate::Timestamp;

/// Octets of a line; what is longer goes on in the next, after a space.
const LINE: usize = 75;

/// `named` gives the name of whoever has an address; `url` is where people look the rotation up, none where it is empty.
pub fn calendar(schedule: &str, shifts: &[Shift], named: &dyn Fn(&str) -> String, url: &str, now: Timestamp) -> String {
    let mut text = String::new();
    for line in
        ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Plimsoll//On-call//EN", "REFRESH-INTERVAL;VALUE=DURATION:PT1H"]
    {
        add(&mut text, line);
    }
    add(&mut text, &format!("X-WR-CALNAME:{}", escaped(&format!("On call: {schedule}"))));
    for shift in shifts {
        let told_apart = Labels::from([
            ("schedule".to_string(), schedule.to_string()),
            ("person".to_string(), shift.person.clone()),
            ("from".to_string(), shift.from.0.to_string()),
        ]);
        add(&mut text, "BEGIN:VEVENT");
        add(&mut text, &format!("UID:{}@plimsoll", fingerprint(&told_apart)));
        add(&mut text, &format!("DTSTAMP:{}", instant(now)));
        add(&mut text, &format!("DTSTART:{}", instant(shift.from)));
        add(&mut text, &format!("DTEND:{}", instant(shift.to)));
        add(&mut text, &format!("SUMMARY:{}", escaped(&format!("{}: on call for {schedule}", named(&shift.person)))));
        if !url.is_empty() {
            add(&mut text, &format!("URL:{url}"));
        }
        // To be on call is not to be busy.
        add(&mut text, "TRANSP:TRANSPARENT");
        add(&mut text, "END:VEVENT");
    }
    add(&mut text, "END:VCALENDAR");
    text
}

/// A line, folded where it is too long, never within a letter.
fn add(text: &mut String, line: &str) {
    let mut room = LINE;
    for letter in line.chars() {
        if letter.len_utf8() > room {
            text.push_str("\r\n ");
            room = LINE - 1;
        }
        text.push(letter);
        room -= letter.len_utf8();
    }
    text.push_str("\r\n");
}

/// Text within a property. What controls a terminal or a parser is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | ';' | ',' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            other if other.is_control() => {}
            other => out.push(other),
        }
    }
    out
}

fn instant(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.0).map(|at| at.strftime("%Y%m%dT%H%M%SZ").to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::DAY;

    fn shift(person: &str, from: &str, days: i64) -> Shift {
        let from = Timestamp::parse(from).expect("a time");
        Shift { person: person.into(), from, to: from.plus(days * DAY), overridden: false }
    }

    fn lines(text: &str) -> Vec<&str> {
        text.split("\r\n").collect()
    }

    fn mara(address: &str) -> String {
        if address == "mara@x.example" { "Mara".into() } else { address.into() }
    }

    #[test]
    fn each_turn_is_an_event_in_universal_time() {
        let now = Timestamp::parse("2026-11-27T10:00:00Z").expect("a time");
        let shifts =
            [shift("mara@x.example", "2026-11-23T09:00:00Z", 7), shift("sk@x.example", "2026-11-30T09:00:00Z", 7)];
        let text = calendar("ml", &shifts, &mara, "https://p.example/on-call", now);
        let found = lines(&text);
        assert_eq!(found.iter().filter(|l| **l == "BEGIN:VEVENT").count(), 2);
        for line in [
            "DTSTART:20261123T090000Z",
            "DTEND:20261130T090000Z",
            "SUMMARY:Mara: on call for ml",
            "SUMMARY:sk@x.example: on call for ml",
        ] {
            assert!(found.contains(&line), "{line} in {text}");
        }
        let ids: std::collections::BTreeSet<&&str> = found.iter().filter(|l| l.starts_with("UID:")).collect();
        assert_eq!(ids.len(), 2);
        assert_eq!(
            text,
            calendar("ml", &shifts, &mara, "https://p.example/on-call", now),
            "the same turn has the same name"
        );
    }

    #[test]
    fn names_cannot_break_out_of_their_line_and_long_lines_are_folded() {
        let name = format!("a,b;c\\d\r\nEND:VCALENDAR\u{7}{}", "ä".repeat(100));
        let text = calendar(&name, &[shift("x", "2026-11-23T09:00:00Z", 1)], &str::to_string, "", Timestamp(0));
        assert_eq!(lines(&text).iter().filter(|l| **l == "END:VCALENDAR").count(), 1);
        assert!(lines(&text).iter().all(|line| line.len() <= LINE), "{text}");
        let whole = text.replace("\r\n ", "");
        assert!(whole.contains("a\\,b\\;c\\\\d\\nEND:VCALENDAR"), "{whole}");
        assert!(whole.contains(&"ä".repeat(100)), "folding loses nothing");
    }
}
