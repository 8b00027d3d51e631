//! The range of time a program asks about. What cannot be read is refused: an answer about another
//! range than was meant would be worse than none.

use domain::time::parse_span;
use domain::{TimeRange, Timestamp};

use super::problem::{Answer, ApiResult};

/// Reads `from` and `to`: RFC 3339, seconds or milliseconds since 1970, `now`, or `now-6h`. Where one is
/// missing, the range is open on that side; where both are, it is the `default`.
pub fn range(from: Option<&str>, to: Option<&str>, default: TimeRange, now: Timestamp) -> ApiResult<TimeRange> {
    let said = |text: Option<&str>| text.map(str::trim).filter(|t| !t.is_empty() && *t != "all").map(String::from);
    let (from, to) = (said(from), said(to));
    if from.is_none() && to.is_none() {
        return Ok(default);
    }
    let from = from.map_or(Ok(Timestamp::MIN), |text| instant(&text, now))?;
    let to = to.map_or(Ok(Timestamp::MAX), |text| instant(&text, now))?;
    if from >= to {
        return Err(wrong("“from” must lie before “to”"));
    }
    Ok(TimeRange { from, to })
}

fn wrong(detail: &str) -> Answer {
    Answer::new(400, "invalid", "That cannot be used", detail)
}

fn instant(text: &str, now: Timestamp) -> ApiResult<Timestamp> {
    let before_now = text.strip_prefix("now-").and_then(parse_span).map(|span| now.plus(-span));
    let read = match text {
        "now" => Some(now.plus(1)),
        _ => before_now
            .or_else(|| Timestamp::parse(text))
            .or_else(|| text.parse::<f64>().ok().and_then(Timestamp::from_epoch_number)),
    };
    read.ok_or_else(|| {
        let shown: String = text.chars().take(60).collect();
        wrong(&format!("“{shown}” is no time; write 2026-01-31T00:00:00Z, seconds since 1970, now, or now-6h"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_what_is_none_is_refused() {
        let now = Timestamp(1_700_000_000_000_000);
        let read = |from, to| range(from, to, TimeRange::ALL, now).map_err(|_| ());
        assert_eq!(read(None, None), Ok(TimeRange::ALL));
        let hour = read(Some("now-1h"), Some("now")).expect("reads");
        assert_eq!(hour.to.0 - hour.from.0, domain::time::HOUR + 1);
        assert_eq!(read(Some("1600000000"), None).expect("reads").from, Timestamp(1_600_000_000_000_000));
        assert!(read(Some("yesterday"), None).is_err());
        assert!(read(Some("now"), Some("now-1h")).is_err());
    }
}
