//! Predictions as a team would send them: ten correlated numbers with three significant digits,
//! three categories of ten words, three class probabilities, a latency, ids that are UUIDv7.

use super::client::request;

/// Rows of a made body, of which ids and times are set anew each time it is sent.
pub(crate) struct Template {
    bytes: Vec<u8>,
    /// Where each row's id and time stand.
    places: Vec<(usize, usize)>,
}

const NAMES: [&str; 10] = [
    "amount",
    "duration",
    "age_days",
    "distance",
    "balance",
    "limit_used",
    "score_in",
    "requests_1h",
    "ratio",
    "velocity",
];
const CATEGORIES: [&str; 3] = ["country", "channel", "device"];

/// Three significant digits.
fn short(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let places = (2 - value.abs().log10().floor() as i32).max(0) as usize;
    let unit = 10_f64.powi(2 - value.abs().log10().floor() as i32);
    format!("{:.places$}", (value * unit).round() / unit)
}

fn gauss(random: &mut fastrand::Rng) -> f64 {
    (-2.0 * (1.0 - random.f64()).ln()).sqrt() * (std::f64::consts::TAU * random.f64()).cos()
}

fn row(random: &mut fastrand::Rng) -> String {
    let common = gauss(random);
    let mut features: Vec<String> = NAMES
        .iter()
        .enumerate()
        .map(|(i, name)| {
            let share = 0.3 + 0.05 * i as f64;
            let value = share * common + (1.0 - share * share).sqrt() * gauss(random);
            let value = if i % 3 == 0 { (1.0 + 0.6 * value).exp() * 10.0 } else { 40.0 + 12.0 * value };
            format!("\"{name}\":{}", short(value))
        })
        .collect();
    for name in CATEGORIES {
        // Common words are common: the smaller of two draws.
        features.push(format!("\"{name}\":\"{name}-{}\"", random.u32(0..10).min(random.u32(0..10))));
    }
    let weights: Vec<f64> = (0..3).map(|c| (0.8 * gauss(random) + if c == 0 { common } else { 0.0 }).exp()).collect();
    let total: f64 = weights.iter().sum();
    let shares: Vec<f64> = weights.iter().map(|w| (w / total * 1000.0).round() / 1000.0).collect();
    let best = (0..3).max_by(|a, b| shares[*a].total_cmp(&shares[*b])).unwrap_or_default();
    let classes = ["approve", "review", "decline"];
    let probabilities: Vec<String> =
        classes.iter().zip(&shares).map(|(class, share)| format!("\"{class}\":{share}")).collect();
    format!(
        "{{\"prediction_id\":\"{:36}\",\"timestamp\":\"{:24}\",\"prediction\":\"{}\",\"probabilities\":{{{}}},\"features\":{{{}}},\"latency_ms\":{:.1}}}\n",
        "",
        "",
        classes[best],
        probabilities.join(","),
        features.join(","),
        (2.8 + 0.5 * gauss(random)).exp()
    )
}

impl Template {
    pub(crate) fn new(path: &str, key: &str, rows: usize, random: &mut fastrand::Rng) -> Template {
        let body: String = (0..rows).map(|_| row(random)).collect();
        let (bytes, start) = request(path, key, "content-type: application/x-ndjson\r\n", body.as_bytes());
        let mut at = start;
        let mut places = Vec::with_capacity(rows);
        for line in body.split_inclusive('\n') {
            let id = line.find("_id\":\"").map_or(0, |p| p + 6);
            let time = line.find("amp\":\"").map_or(0, |p| p + 6);
            places.push((at + id, at + time));
            at += line.len();
        }
        Template { bytes, places }
    }

    /// The request with new ids and times; row `i` happened at `at(i)`, in milliseconds since 1970.
    pub(crate) fn fill(&mut self, random: &mut fastrand::Rng, at: impl FnMut(usize) -> i64) -> &[u8] {
        self.fill_with(random, at, &mut Vec::new())
    }

    /// The same, remembering what the ids were made of.
    pub(crate) fn fill_with(
        &mut self,
        random: &mut fastrand::Rng,
        mut at: impl FnMut(usize) -> i64,
        ids: &mut Vec<(i64, u128)>,
    ) -> &[u8] {
        for (row, (id, time)) in self.places.iter().enumerate() {
            let (millis, low) = (at(row), random.u128(..));
            write_uuid(&mut self.bytes[*id..*id + 36], millis, low);
            write_time(&mut self.bytes[*time..*time + 24], millis);
            ids.push((millis, low));
        }
        &self.bytes
    }
}

/// UUIDv7: 48 bits of milliseconds, 74 random bits.
pub(crate) fn write_uuid(place: &mut [u8], millis: i64, random: u128) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let value = ((millis as u128) << 80) | (0x7 << 76) | (random & ((0xfff << 64) | (u128::MAX >> 66))) | (0x2 << 62);
    let mut at = 0;
    for digit in 0..32 {
        if [8, 12, 16, 20].contains(&digit) {
            place[at] = b'-';
            at += 1;
        }
        place[at] = DIGITS[(value >> (124 - 4 * digit)) as usize & 15];
        at += 1;
    }
}

/// RFC 3339 with milliseconds, UTC.
fn write_time(place: &mut [u8], millis: i64) {
    let days = millis.div_euclid(86_400_000);
    let rest = millis.rem_euclid(86_400_000);
    // Civil date from days since 1970 (H. Hinnant's algorithm).
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + i64::from(month <= 2);
    let mut digits = |at: usize, width: usize, mut value: i64| {
        for i in (0..width).rev() {
            place[at + i] = b'0' + (value % 10) as u8;
            value /= 10;
        }
    };
    digits(0, 4, year);
    digits(5, 2, month);
    digits(8, 2, day);
    digits(11, 2, rest / 3_600_000);
    digits(14, 2, rest / 60_000 % 60);
    digits(17, 2, rest / 1000 % 60);
    digits(20, 3, rest % 1000);
    for (at, mark) in [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (23, b'Z')] {
        place[at] = mark;
    }
}
