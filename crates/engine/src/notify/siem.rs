//! Events for where a company collects what concerns its security: alerts as they open and close, and deeds of people
//! and keys. An alert is an event each time, not a group: what collects them does its own grouping.
//!
//! What comes from telemetry is hostile here too: a line break or a separator of the format in a label must not become
//! an event, or a field, of somebody else's making.

use std::fmt::Write;

use domain::Timestamp;
use domain::alert::destination::SiemFormat;
use domain::alert::message::Message;
use domain::alert::priority::Priority;
use domain::alert::{ALERTNAME, Alert, Labels};
use domain::audit::Deed;
use serde_json::{Map, Value, json};

use super::{Problem, one_line};
use crate::ingest::otlp::attributes;
use crate::outgoing::{self, Target};

const PRODUCT: &str = "Plimsoll";
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Bytes of a field: what a label may hold, with room for its escapes.
const FIELD_MAX: usize = 4000;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Opened,
    Closed,
    Deed,
}

/// One event, before it is written in anybody's format.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    what: What,
    at: Timestamp,
    /// What kind of thing, the same for all of its kind: the alert's name, the deed.
    class: String,
    /// What tells it apart; the end of an alert has its beginning's.
    id: String,
    text: String,
    priority: Priority,
    began: Timestamp,
    /// Who did it; empty where nobody did.
    who: String,
    url: String,
    labels: Labels,
}

/// The events of a message, one an alert.
pub fn events_of(message: &Message) -> Vec<Event> {
    let event = |alert: &Alert, what: What| Event {
        what,
        at: if what == What::Closed { alert.ends_at.unwrap_or(message.at) } else { message.at },
        class: alert.name().to_string(),
        id: alert.fingerprint.clone(),
        text: match (what, alert.resolution.as_str()) {
            (What::Closed, reason) if !reason.is_empty() => format!("{}: {reason}", alert.summary()),
            _ => alert.summary().to_string(),
        },
        priority: alert.priority,
        began: alert.starts_at,
        who: String::new(),
        url: message.url.clone(),
        labels: alert.labels.iter().filter(|(n, _)| *n != ALERTNAME).map(|(n, v)| (n.clone(), v.clone())).collect(),
    };
    let opened = message.firing.iter().map(|a| event(a, What::Opened));
    let closed = message.resolved.iter().map(|a| event(a, What::Closed));
    opened.chain(closed).chain((message.left_out > 0).then(|| unnamed(message))).collect()
}

/// Says that there is more than a message can name, which a search for its events would not find.
fn unnamed(message: &Message) -> Event {
    Event {
        what: if message.fires() { What::Opened } else { What::Closed },
        at: message.at,
        class: "more alerts".into(),
        id: format!("more-{}", domain::alert::fingerprint(&message.labels)),
        text: format!("{} more alerts of this group than one message names", message.left_out),
        priority: message.priority(),
        began: message.at,
        who: String::new(),
        url: message.url.clone(),
        labels: message.labels.clone(),
    }
}

/// The event of a deed.
pub fn event_of(deed: &Deed) -> Event {
    let who = if deed.who.is_empty() { deed.actor.clone() } else { format!("{} ({})", deed.who, deed.actor) };
    Event {
        what: What::Deed,
        at: deed.at,
        class: deed.action.clone(),
        id: format!("deed-{}", deed.id),
        text: format!("{who}: {} {}", deed.action, deed.object),
        priority: Priority::P4,
        began: deed.at,
        who,
        url: String::new(),
        labels: Labels::from([("object".to_string(), deed.object.clone())]),
    }
}

impl Event {
    fn millis(&self) -> i64 {
        self.at.0 / 1000
    }

    fn action(&self) -> &'static str {
        match self.what {
            What::Opened => "opened",
            What::Closed => "resolved",
            What::Deed => "done",
        }
    }

    /// From 0 to 10, as CEF has it.
    fn severity(&self) -> u8 {
        match (self.what, self.priority) {
            (What::Deed, _) => 2,
            (_, Priority::P1) => 9,
            (_, Priority::P2) => 7,
            (_, Priority::P3) => 5,
            (_, Priority::P4) => 3,
        }
    }

    fn cef(&self) -> String {
        let header = |text: &str| one_line(cut(text), FIELD_MAX).replace('\\', "\\\\").replace('|', "\\|");
        let value = |text: &str| {
            cut(text).replace('\\', "\\\\").replace('=', "\\=").replace("\r\n", "\\n").replace(['\n', '\r'], "\\n")
        };
        let kind = if self.what == What::Deed { "deed" } else { "alert" };
        let mut line = format!(
            "CEF:0|{PRODUCT}|{PRODUCT}|{VERSION}|{kind}:{}|{}|{}|rt={} start={} act={} externalId={} msg={}",
            header(&self.class),
            header(&self.class),
            self.severity(),
            self.millis(),
            self.began.0 / 1000,
            self.action(),
            value(&self.id),
            value(&self.text)
        );
        if !self.who.is_empty() {
            let _ = write!(line, " suser={}", value(&self.who));
        }
        if self.url.starts_with("http") {
            let _ = write!(line, " request={}", value(&self.url));
        }
        // Six fields are for what the format has no name for: those by which alerts are told apart most, then all.
        let mut place = 0;
        for name in ["system", "model", "service", "host", "environment", "object"] {
            if let Some(text) = self.labels.get(name).filter(|t| !t.is_empty()) {
                place += 1;
                let _ = write!(line, " cs{place}Label={name} cs{place}={}", value(text));
            }
            if place == 5 {
                break;
            }
        }
        let rest: Vec<String> = self.labels.iter().map(|(name, text)| format!("{name}={text}")).collect();
        if self.what != What::Deed && !rest.is_empty() {
            let _ = write!(line, " cs6Label=labels cs6={}", value(&rest.join(" ")));
        }
        line
    }

    fn ecs(&self) -> Value {
        let mut event = json!({
            "kind": if self.what == What::Deed { "event" } else { "alert" },
            "type": [if self.what == What::Deed { "change" } else { "info" }],
            "action": if self.what == What::Deed { self.class.as_str() } else { self.action() },
            "id": self.id,
            "severity": self.severity(),
            "start": self.began.rfc3339(),
            "provider": PRODUCT,
            "dataset": if self.what == What::Deed { "plimsoll.audit" } else { "plimsoll.alert" },
        });
        if self.what == What::Closed {
            event["end"] = json!(self.at.rfc3339());
        }
        if self.url.starts_with("http") {
            event["reference"] = json!(self.url);
        }
        // The schema has no dots in the names of labels.
        let labels: Map<String, Value> =
            self.labels.iter().map(|(n, v)| (n.replace('.', "_"), json!(cut(v)))).collect();
        let mut whole = json!({
            "@timestamp": self.at.rfc3339(),
            "ecs": {"version": "8.11.0"},
            "event": event,
            "message": cut(&self.text),
            "labels": labels,
            "observer": {"vendor": PRODUCT, "product": PRODUCT, "version": VERSION},
        });
        if self.what == What::Deed {
            whole["user"] = json!({"name": cut(&self.who)});
        } else {
            whole["rule"] = json!({"name": cut(&self.class)});
            for (label, field) in [("service", "service"), ("host", "host")] {
                if let Some(name) = self.labels.get(label) {
                    whole[field] = json!({"name": cut(name)});
                }
            }
        }
        whole
    }

    fn ocsf(&self) -> Value {
        let product = json!({"name": PRODUCT, "vendor_name": PRODUCT, "version": VERSION});
        let mut whole = json!({
            "time": self.millis(),
            "message": cut(&self.text),
            "metadata": {"version": "1.3.0", "product": product, "uid": self.id},
            "unmapped": self.labels,
        });
        // 1 informational to 5 critical.
        let severity = match (self.what, self.priority) {
            (What::Deed, _) => 1,
            (_, Priority::P1) => 5,
            (_, Priority::P2) => 4,
            (_, Priority::P3) => 3,
            (_, Priority::P4) => 2,
        };
        // Detection Finding; of a deed, Entity Management.
        let (class, category, activity) = match self.what {
            What::Opened => (2004, 2, 1),
            What::Closed => (2004, 2, 3),
            What::Deed => (3004, 3, 99),
        };
        whole["severity_id"] = json!(severity);
        whole["class_uid"] = json!(class);
        whole["category_uid"] = json!(category);
        whole["activity_id"] = json!(activity);
        whole["type_uid"] = json!(class * 100 + activity);
        if self.what == What::Deed {
            whole["activity_name"] = json!(self.class);
            whole["actor"] = json!({"user": {"name": cut(&self.who)}});
            whole["entity"] = json!({"name": self.labels.get("object")});
        } else {
            whole["status_id"] = json!(if self.what == What::Closed { 4 } else { 1 });
            whole["finding_info"] = json!({
                "uid": self.id,
                "title": cut(&self.class),
                "desc": cut(&self.text),
                "first_seen_time": self.began.0 / 1000,
                "src_url": self.url,
            });
        }
        whole
    }

    fn splunk(&self) -> Value {
        json!({
            "time": self.millis() as f64 / 1000.0,
            "source": "plimsoll",
            "sourcetype": if self.what == What::Deed { "plimsoll:audit" } else { "plimsoll:alert" },
            "event": self.ecs(),
        })
    }

    /// One line; JSON has none of its own.
    fn written(&self, format: SiemFormat) -> String {
        match format {
            SiemFormat::Cef => self.cef(),
            SiemFormat::Ecs => self.ecs().to_string(),
            SiemFormat::Ocsf => self.ocsf().to_string(),
            SiemFormat::Splunk => self.splunk().to_string(),
        }
    }

    /// A frame of syslog (RFC 5424), its length before it (RFC 6587) so that any text may stand in it.
    fn frame(&self, format: SiemFormat, host: &str) -> String {
        // Facilities: 13, a log of deeds; 16, local use.
        let (facility, severity, kind) = match (self.what, self.priority) {
            (What::Deed, _) => (13, 5, "audit"),
            (What::Closed, _) => (16, 6, "alert"),
            (What::Opened, Priority::P1) => (16, 2, "alert"),
            (What::Opened, Priority::P2) => (16, 3, "alert"),
            (What::Opened, Priority::P3) => (16, 4, "alert"),
            (What::Opened, Priority::P4) => (16, 5, "alert"),
        };
        let text = self.written(format);
        let frame = format!("<{}>1 {} {host} plimsoll - {kind} - {text}", facility * 8 + severity, self.at.rfc3339());
        format!("{} {frame}", frame.len())
    }
}

fn cut(text: &str) -> &str {
    attributes::cut(text, FIELD_MAX)
}

/// Where events go, and how they are written there.
pub struct Collector<'a> {
    pub url: &'a str,
    pub format: SiemFormat,
    pub token: &'a str,
}

impl Collector<'_> {
    /// Sends events, together.
    pub async fn send(&self, events: &[Event]) -> Result<(), Problem> {
        match Target::parse(self.url).map_err(Problem::lasting)? {
            Target::Tcp { tls, host, port } => {
                let own = sysinfo::System::host_name().unwrap_or_else(|_| "-".into());
                let own: String = own.chars().filter(char::is_ascii_graphic).take(255).collect();
                let frames: String = events.iter().map(|e| e.frame(self.format, &own)).collect();
                outgoing::write(tls, &host, port, frames.as_bytes()).await.map_err(Problem::passing)
            }
            Target::Http { .. } => {
                let headers = [("content-type", self.media_type()), ("authorization", &self.authorization())];
                let headers = if self.token.is_empty() { &headers[..1] } else { &headers[..] };
                let answer = outgoing::post(self.url, headers, self.body(events).into_bytes()).await;
                Problem::of(answer).map(|_| ())
            }
        }
    }

    /// Whether Elasticsearch is asked to keep documents: each line then stands under one that says so.
    fn bulk(&self) -> bool {
        self.format == SiemFormat::Ecs && self.url.split('?').next().is_some_and(|path| path.ends_with("/_bulk"))
    }

    fn body(&self, events: &[Event]) -> String {
        let before = if self.bulk() { "{\"create\":{}}\n" } else { "" };
        events.iter().map(|e| format!("{before}{}\n", e.written(self.format))).collect()
    }

    fn media_type(&self) -> &'static str {
        match self.format {
            SiemFormat::Cef => "text/plain; charset=utf-8",
            SiemFormat::Splunk => "application/json",
            SiemFormat::Ecs | SiemFormat::Ocsf => "application/x-ndjson",
        }
    }

    /// A token that names its own scheme (`ApiKey …`) goes as it is.
    fn authorization(&self) -> String {
        match (self.token.contains(' '), self.format) {
            (true, _) => self.token.to_string(),
            (false, SiemFormat::Splunk) => format!("Splunk {}", self.token),
            (false, _) => format!("Bearer {}", self.token),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::alert::Source;
    use domain::alert::group::Why;

    fn message(label: &str, summary: &str) -> Message {
        let alert = |name: &str| {
            let labels =
                Labels::from([(ALERTNAME.to_string(), name.to_string()), ("model".to_string(), label.to_string())]);
            let annotations = Labels::from([("summary".to_string(), summary.to_string())]);
            Alert { annotations, priority: Priority::P1, ..Alert::new(labels, Source::Posted, Timestamp(1_000_000)) }
        };
        let over = Alert { ends_at: Some(Timestamp(5_000_000)), resolution: "back in its band".into(), ..alert("b") };
        Message {
            group_key: "g".into(),
            receiver: "r".into(),
            why: Why::New,
            labels: Labels::new(),
            firing: vec![alert("a")],
            resolved: vec![over],
            left_out: 0,
            url: "https://monitor.example/alerts/1".into(),
            acknowledge_url: String::new(),
            at: Timestamp(7_000_000),
            incident: None,
            test: false,
            words: None,
        }
    }

    #[test]
    fn an_alert_is_an_event_when_it_opens_and_one_when_it_ends() {
        let events = events_of(&message("churn", "too many"));
        let lines: Vec<String> = events.iter().map(Event::cef).collect();
        assert!(lines[0].contains("|alert:a|a|9|rt=7000 start=1000 act=opened "), "{}", lines[0]);
        assert!(lines[0].contains(" msg=too many request=https://monitor.example/alerts/1 cs1Label=model cs1=churn "));
        assert!(lines[1].contains("|alert:b|b|9|rt=5000 start=1000 act=resolved "), "{}", lines[1]);
        assert!(lines[1].contains("msg=too many: back in its band"));
        let ocsf = events[1].ocsf();
        assert_eq!((&ocsf["type_uid"], &ocsf["severity_id"]), (&json!(200_403), &json!(5)));
        let ecs = events[0].ecs();
        assert_eq!((&ecs["event"]["kind"], &ecs["event"]["action"]), (&json!("alert"), &json!("opened")));
        assert_eq!(events[0].splunk()["sourcetype"], "plimsoll:alert");
    }

    #[test]
    fn what_a_message_does_not_name_is_counted_in_an_event() {
        let events = events_of(&Message { left_out: 12, ..message("churn", "too many") });
        assert_eq!(events.len(), 3);
        assert!(events[2].cef().contains("msg=12 more alerts of this group"), "{}", events[2].cef());
    }

    #[test]
    fn no_label_makes_an_event_or_a_field() {
        let hostile = "x\nCEF:0|a|b|c|d|e|9|act=opened\r\nsuser=root \\";
        for event in events_of(&message(hostile, hostile)) {
            let event = Event { class: "a|b\n".into(), ..event };
            for format in [SiemFormat::Cef, SiemFormat::Ecs, SiemFormat::Ocsf, SiemFormat::Splunk] {
                assert!(!event.written(format).contains(['\n', '\r']), "{format:?}");
            }
            let line = event.cef();
            assert!(line.contains("|alert:a\\|b |a\\|b |"), "{line}");
            // What is not escaped separates: the only actor and the only act are ours.
            assert_eq!(line.matches(" act=").count(), 1, "{line}");
            assert!(!line.contains("suser=") && line.contains("suser\\=root"), "{line}");
        }
    }

    #[test]
    fn a_frame_says_how_long_it_is() {
        for event in events_of(&message("größe", "zu groß")) {
            let frame = event.frame(SiemFormat::Cef, "here");
            let (length, rest) = frame.split_once(' ').expect("a length");
            assert_eq!(length.parse::<usize>().ok(), Some(rest.len()));
            assert!(rest.starts_with("<130>1 1970-01-01T00:00:07") || rest.starts_with("<134>1 "), "{rest}");
        }
    }

    #[test]
    fn deeds_name_who_did_them() {
        let deed = Deed {
            id: 7,
            at: Timestamp(0),
            actor: "person 3".into(),
            who: "Mara, mara@larkfield.example".into(),
            action: "response.approve".into(),
            object: "restart scorer".into(),
        };
        let event = event_of(&deed);
        assert!(event.cef().contains("|deed:response.approve|"));
        assert!(event.cef().contains("suser=Mara, mara@larkfield.example (person 3)"));
        assert_eq!(event.ocsf()["class_uid"], 3004);
        assert!(event.frame(SiemFormat::Ecs, "h").contains("<109>1 "));
    }

    #[test]
    fn elasticsearch_is_told_to_keep_each_line() {
        let events = events_of(&message("m", "s"));
        let to = |url| Collector { url, format: SiemFormat::Ecs, token: "t" };
        let bulk = to("https://elastic.example/plimsoll/_bulk").body(&events);
        assert_eq!(bulk.lines().filter(|l| *l == "{\"create\":{}}").count(), 2);
        assert_eq!(to("https://collector.example/in").body(&events).lines().count(), 2);
        assert_eq!(to("https://x.example").authorization(), "Bearer t");
        let splunk = Collector { format: SiemFormat::Splunk, ..to("https://x.example") };
        assert_eq!(splunk.authorization(), "Splunk t");
    }
}
