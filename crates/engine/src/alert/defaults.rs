//! Rules that are there without anybody writing them: for the host, for probes, for each new model, and for
//! Plimsoll itself. Each is made once; one that somebody deleted stays deleted.

use std::collections::BTreeSet;

use domain::Actor;
use domain::alert::Labels;
use domain::alert::condition::{Compare, Condition, Limit};
use domain::alert::only_if::OnlyIf;
use domain::alert::priority::{Severity, Urgency};
use domain::alert::rule::{EVERY, NoData, RuleText};
use domain::time::{DAY, HOUR, MINUTE, SECOND};

use crate::{Engine, EngineError, Result};

const MADE: &str = "alerts.rules_made";

fn rule(name: &str, description: &str, condition: Condition, pending: i64, summary: &str) -> RuleText {
    RuleText {
        name: name.into(),
        description: description.into(),
        enabled: true,
        condition,
        only_if: OnlyIf::default(),
        pending,
        keep_firing_for: 0,
        every: 10 * SECOND,
        no_data: NoData::Ignore,
        severity: Severity::Warning,
        urgency: Urgency::Soon,
        priority: None,
        labels: Labels::new(),
        annotations: Labels::from([("summary".to_string(), summary.to_string())]),
        runbook: String::new(),
        remediation: String::new(),
    }
}

fn above(query: &str, value: f64) -> Condition {
    Condition::Signal { query: query.into(), compare: Compare::Above, limit: Limit::Fixed { value } }
}

fn below(query: &str, value: f64) -> Condition {
    Condition::Signal { query: query.into(), compare: Compare::Below, limit: Limit::Fixed { value } }
}

/// For the host and for Plimsoll: what each is made for, and the rule.
fn of_installation() -> Vec<(&'static str, RuleText)> {
    let share = "{{value}} of 1 in use";
    vec![
        (
            "host/cpu",
            RuleText {
                keep_firing_for: 5 * MINUTE,
                remediation: "See which process takes it on Operations; add cores, or move work away.".into(),
                ..rule(
                    "CPU saturated",
                    "A host has worked at more than 95 % for 15 minutes.",
                    above("system_cpu_utilization", 0.95),
                    15 * MINUTE,
                    &format!("CPU of {{{{labels.host}}}}: {share}"),
                )
            },
        ),
        (
            "host/memory",
            RuleText {
                keep_firing_for: 5 * MINUTE,
                ..rule(
                    "Memory nearly full",
                    "A host has had less than 5 % of its memory left for 5 minutes.",
                    above("system_memory_utilization", 0.95),
                    5 * MINUTE,
                    &format!("Memory of {{{{labels.host}}}}: {share}"),
                )
            },
        ),
        (
            "host/disk",
            RuleText {
                severity: Severity::Critical,
                remediation: "Delete or move what is not needed, lower retention under Settings, or grow the disk."
                    .into(),
                ..rule(
                    "Disk nearly full",
                    "A file system has less than 5 % left.",
                    above("system_filesystem_utilization", 0.95),
                    5 * MINUTE,
                    &format!("{{{{labels.mount}}}} on {{{{labels.host}}}}: {share}"),
                )
            },
        ),
        (
            "host/disk-forecast",
            RuleText {
                every: 10 * MINUTE,
                ..rule(
                    "Disk will be full",
                    "At the pace of the last days a file system is full within a week.",
                    Condition::Forecast {
                        query: "system_filesystem_utilization".into(),
                        compare: Compare::Above,
                        value: 0.98,
                        within: 7 * DAY,
                        lookback: 3 * DAY,
                    },
                    HOUR,
                    "{{labels.mount}} on {{labels.host}} fills up: {{value}} of 1 in use now",
                )
            },
        ),
        (
            "gpu/temperature",
            rule(
                "GPU hot",
                "A GPU has been hotter than 88 °C for 5 minutes.",
                above("gpu_temperature", 88.0),
                5 * MINUTE,
                "GPU {{labels.gpu}} of {{labels.host}}: {{value}} °C",
            ),
        ),
        (
            "gpu/memory-errors",
            RuleText {
                severity: Severity::Critical,
                ..rule(
                    "GPU memory errors",
                    "A GPU reports memory errors that it cannot correct.",
                    above("increase(gpu_ecc_uncorrected[1h])", 0.0),
                    0,
                    "GPU {{labels.gpu}} of {{labels.host}} reports memory errors",
                )
            },
        ),
        (
            "self/destinations",
            RuleText {
                remediation: "See the destination’s last error under On-call, and send it a test.".into(),
                ..rule(
                    "Messages do not arrive",
                    "A destination has refused or not answered for 5 minutes: whoever reads there is not told.",
                    above("plimsoll_destinations_failing", 0.0),
                    5 * MINUTE,
                    "{{value}} destinations of Plimsoll’s messages fail",
                )
            },
        ),
        (
            "self/lag",
            rule(
                "Alerting is late",
                "One round over all rules and groups has taken more than 5 seconds for 2 minutes.",
                above("plimsoll_alert_turn_seconds", 5.0),
                2 * MINUTE,
                "A round of Plimsoll’s alerting takes {{value}} s",
            ),
        ),
        (
            "self/synthetic",
            rule(
                "Alerts come late",
                "An alert that Plimsoll sends through itself has taken more than 10 seconds for 2 minutes.",
                above("plimsoll_synthetic_alert_seconds", 10.0),
                2 * MINUTE,
                "From a sample to its message takes {{value}} s",
            ),
        ),
        (
            "self/queue",
            rule(
                "The writer is behind",
                "More than 500 batches have waited for the database for 2 minutes; at 1024 senders are told to come back.",
                above("plimsoll_write_queue", 500.0),
                2 * MINUTE,
                "{{value}} batches wait for Plimsoll’s database",
            ),
        ),
        (
            "probe/down",
            RuleText {
                severity: Severity::Critical,
                urgency: Urgency::Now,
                every: EVERY,
                ..rule(
                    "Service does not answer",
                    "A probe has had no answer for 2 minutes.",
                    below("probe_availability", 0.5),
                    2 * MINUTE,
                    "{{labels.probe}} does not answer",
                )
            },
        ),
        (
            "probe/certificate",
            RuleText {
                urgency: Urgency::Later,
                every: HOUR,
                ..rule(
                    "Certificate ends soon",
                    "A certificate is good for less than 14 days.",
                    below("probe_certificate_days_left", 14.0),
                    0,
                    "The certificate of {{labels.probe}} ends in {{value}} days",
                )
            },
        ),
    ]
}

/// For one model.
fn of_model(name: &str, title: &str) -> Vec<(String, RuleText)> {
    let verdict = |figure: &str| Condition::Verdict {
        model: name.to_string(),
        figure: figure.into(),
        environment: String::new(),
        windows: 2,
    };
    vec![
        (
            format!("model/{name}/drift"),
            RuleText {
                remediation: "Look at the drift page for the features that moved, then at changes upstream of them."
                    .into(),
                ..rule(
                    &format!("Drift: {title}"),
                    "The overall drift score lies far above its adaptive threshold, or above it in two of the last windows.",
                    verdict("drift.score"),
                    0,
                    "Inputs or outputs of {{labels.model}} have moved: drift score {{value}}",
                )
            },
        ),
        (
            format!("model/{name}/quality"),
            RuleText {
                severity: Severity::Critical,
                remediation: "Compare with the estimate, look at the weakest segment, and consider the version before."
                    .into(),
                ..rule(
                    &format!("Quality: {title}"),
                    "Realised or estimated quality lies far outside what its baseline makes usual, or outside it in two of the last windows.",
                    verdict(
                        "accuracy,roc_auc,f1,mae,rmse,ndcg,estimated.accuracy,estimated.roc_auc,estimated.f1,estimated.mae,estimated.rmse",
                    ),
                    0,
                    "{{labels.model}} is probably doing its job less well: {{labels.figure}} is {{value}}",
                )
            },
        ),
        (
            format!("model/{name}/security"),
            RuleText {
                labels: Labels::from([("category".to_string(), "security".to_string())]),
                remediation: "See whose calls they are, and limit how many a caller may make.".into(),
                ..rule(
                    &format!("Unusual use: {title}"),
                    "Far more inputs than usual vary one value at a time, as who copies a model or feels it out asks.",
                    verdict("probing"),
                    0,
                    "{{labels.model}} may be felt out: {{value}} of its inputs vary one value of another",
                )
            },
        ),
        (
            format!("model/{name}/labels"),
            RuleText {
                labels: Labels::from([("category".to_string(), "security".to_string())]),
                urgency: Urgency::Later,
                remediation:
                    "Read some of these labels, and see where they come from, before anything is trained on them."
                        .into(),
                ..rule(
                    &format!("Labels: {title}"),
                    "Far more labels than usual contradict answers that the model was sure of: they are wrong, were planted, or the world has changed.",
                    verdict("contradicted"),
                    0,
                    "{{value}} of the answers that {{labels.model}} was sure of are contradicted by their labels",
                )
            },
        ),
        (
            format!("model/{name}/data"),
            RuleText {
                urgency: Urgency::Later,
                ..rule(
                    &format!("Data: {title}"),
                    "Missing, unseen, out-of-range or duplicate values, or the number of predictions, are very unusual, or unusual in two of the last windows.",
                    verdict("missing,unseen,out_of_range,duplicates,volume"),
                    0,
                    "What {{labels.model}} is given looks unusual: {{labels.figure}} is {{value}}",
                )
            },
        ),
    ]
}

impl Engine {
    /// Makes the rules that are missing and were never made.
    pub(super) async fn default_rules(&self) -> Result<()> {
        let made: BTreeSet<String> = match self.store.setting(MADE).await? {
            Some(text) => serde_json::from_str(&text).unwrap_or_default(),
            None => BTreeSet::new(),
        };
        let mut wanted: Vec<(String, RuleText)> =
            of_installation().into_iter().map(|(key, text)| (key.to_string(), text)).collect();
        for model in self.store.models().await? {
            let title = if model.title.is_empty() { model.name.clone() } else { model.title.clone() };
            wanted.extend(of_model(&model.name, &title.chars().take(80).collect::<String>()));
        }
        let missing: Vec<(String, RuleText)> = wanted.into_iter().filter(|(key, _)| !made.contains(key)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut now_made = made;
        for (key, text) in missing {
            match self.add_rule(&Actor::Local, "Plimsoll", text, &key).await {
                // A name that somebody took already says the same.
                Ok(_) | Err(EngineError::Conflict(_)) => {
                    now_made.insert(key);
                }
                Err(error) => tracing::warn!(%error, key, "a default rule could not be made; it is tried again"),
            }
        }
        let text = serde_json::to_string(&now_made).map_err(|e| EngineError::Invalid(e.to_string()))?;
        Ok(self.store.set_setting(MADE, &text).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_rule() {
        for (key, text) in of_installation() {
            assert!(super::super::rules::checked(&text).is_ok(), "{key}: {:?}", super::super::rules::checked(&text));
        }
        for (key, text) in of_model("credit-risk", "Credit risk") {
            assert!(super::super::rules::checked(&text).is_ok(), "{key}");
        }
    }
}
