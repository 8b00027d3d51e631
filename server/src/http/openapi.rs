//! The REST API as an OpenAPI 3.1 document, made from the table of routes and the types that handlers answer
//! with. A route under `/api/v1` or `/v1` that is not described here fails a test.

use axum::Json;
use axum::extract::State as From;
use domain::alert::backtest::Backtest;
use domain::alert::config::Alerting;
use domain::alert::rule::RuleText;
use domain::alert::view::{AlertAct, AlertView, AlertsView, DestinationState, DryRun, Reached, RuleState};
use domain::analysis::{AnalysisView, CompanionView, UnusualView};
use domain::annotation::{Annotation, AnnotationAct, AnnotationText};
use domain::audit::Deed;
use domain::conventions::SignalNote;
use domain::find::Hit;
use domain::health::HealthWeights;
use domain::incident::{IncidentAct, IncidentView, IncidentsView};
use domain::kpi::{Kpi, KpiView};
use domain::model::{Model, ModelChange};
use domain::monitor::LimitsPreview;
use domain::outcome::OutcomeView;
use domain::prices::{Price, Prices};
use domain::problem::{Problem, Receipt};
use domain::response::{Response, ResponsesView, Run, RunAct};
use domain::signal::SeriesData;
use domain::telemetry::{Arrival, Change, LogView, Page, SpanView, Topology};
use domain::verdict::WindowReport;
use domain::view::{HostView, OperationsView, OverviewView, SystemView};
use domain::{Access, Action};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::State;
use super::api::Steps;
use super::routes::Entry;

/// What a request brings.
enum Body {
    Nothing,
    Json(Schema),
    /// Rows in any of the formats.
    Rows,
    /// JSON, one object, an array, or one object a line.
    Lines,
    /// A message of another protocol.
    Of(&'static [&'static str]),
}

/// What a good answer is.
enum Answer {
    Json(u16, Schema),
    Nothing(u16),
    Of(&'static [&'static str]),
}

/// A query parameter: name, type, what it says.
type Parameter = (&'static str, &'static str, &'static str);

const ENVIRONMENT: Parameter = ("environment", "string", "Default production");
const FROM: Parameter = ("from", "string", "RFC 3339, seconds since 1970, now, or now-6h");
const TO: Parameter = ("to", "string", "As from");
const LIMIT: Parameter = ("limit", "integer", "Rows at most");
const CURSOR: Parameter = ("cursor", "string", "The next of the page before");
const QUERY: Parameter = ("query", "string", "PromQL");
const MATCH: Parameter = ("match[]", "string", "A selector; may stand several times");
const SYSTEM: Parameter = ("system", "string", "Of this system");
const MODEL: Parameter = ("model", "string", "Of this model");

const COLUMNS: [Parameter; 10] = [
    ("id", "string", "Which column holds the prediction’s id"),
    ("timestamp", "string", "Which column holds the event’s time"),
    ("prediction", "string", "Which column holds the prediction"),
    ("probability", "string", "Column of the positive class, or class=column for each, by commas"),
    ("label", "string", "Which column holds the truth"),
    ("group", "string", "Columns compared as groups, by commas"),
    ("feature", "string", "Only these become features, by commas"),
    ("ignore", "string", "Columns that are not kept, by commas"),
    ENVIRONMENT,
    SYSTEM,
];

const RECORDS: [Parameter; 11] = [
    FROM,
    TO,
    ENVIRONMENT,
    ("kind", "string", "Of this kind; several by commas"),
    MODEL,
    SYSTEM,
    ("prediction_id", "string", "Of this prediction"),
    ("trace_id", "string", "Of this trace"),
    ("session_id", "string", "Of this session"),
    CURSOR,
    LIMIT,
];

const ALERT_FILTER: [Parameter; 5] = [
    ("filter", "string", "A matcher; may stand several times"),
    ("receiver", "string", "Of receivers whose name matches this regular expression"),
    ("active", "boolean", "With those that are told of"),
    ("silenced", "boolean", "With silenced ones"),
    ("inhibited", "boolean", "With inhibited ones"),
];

struct Operation {
    summary: &'static str,
    tag: &'static str,
    parameters: Vec<Parameter>,
    body: Body,
    answer: Answer,
}

/// What a route is, `None` for one that is no part of the API.
fn describe(method: &str, path: &str, types: &mut SchemaGenerator) -> Option<Operation> {
    fn any(types: &mut SchemaGenerator) -> Schema {
        types.subschema_for::<Value>()
    }
    fn json<T: JsonSchema>(types: &mut SchemaGenerator) -> Answer {
        Answer::Json(200, types.subschema_for::<T>())
    }
    let made = |summary, tag, parameters: &[Parameter], body, answer| {
        Some(Operation { summary, tag, parameters: parameters.to_vec(), body, answer })
    };
    let receipt = |types: &mut SchemaGenerator| json::<Receipt>(types);
    match (method, path) {
        ("GET", "/api/v1/models") => made("Every model", "models", &[], Body::Nothing, json::<Vec<Model>>(types)),
        ("GET", "/api/v1/models/{model}") => made("One model", "models", &[], Body::Nothing, json::<Model>(types)),
        ("PATCH", "/api/v1/models/{model}") => {
            let body = Body::Json(types.subschema_for::<ModelChange>());
            made("Change a model; what is left out stays", "models", &[], body, json::<Model>(types))
        }
        ("DELETE", "/api/v1/models/{model}") => {
            made("Remove a model and all that is kept of it", "models", &[], Body::Nothing, Answer::Nothing(204))
        }
        ("GET", "/api/v1/models/{model}/windows") => {
            let parameters = [FROM, TO, ENVIRONMENT, ("baseline", "boolean", "The baseline’s own windows")];
            made(
                "Verdicts, window by window: the newest 1,000 of the range",
                "models",
                &parameters,
                Body::Nothing,
                json::<Vec<WindowReport>>(types),
            )
        }
        ("POST", "/api/v1/models/{model}/predictions") => {
            made("Send predictions; an id that is known is kept once", "in", &COLUMNS, Body::Rows, receipt(types))
        }
        ("POST", "/api/v1/models/{model}/labels") => {
            made("Send the truth, whenever it comes", "in", &COLUMNS, Body::Rows, receipt(types))
        }
        ("POST", "/api/v1/models/{model}/baseline") => {
            let mut parameters = COLUMNS.to_vec();
            parameters.push(("name", "string", "Name of the baseline"));
            made("Send what is usual", "in", &parameters, Body::Rows, receipt(types))
        }
        ("PUT", "/api/v1/models/{model}/baseline") => {
            let body = object(
                json!({"name": {"type": "string"}, "environment": {"type": "string"},
                "from": {"type": "string"}, "to": {"type": "string"}}),
                &["from", "to"],
            );
            made("Choose a range as what is usual", "models", &[], body, Answer::Nothing(204))
        }
        ("GET", "/api/v1/models/{model}/events") => {
            let parameters = [
                FROM,
                TO,
                ENVIRONMENT,
                ("where", "string", "Conditions, as feature.amount>=100;feature.country=DE,FR"),
                LIMIT,
            ];
            let answer = json::<Vec<Value>>(types);
            made("The newest predictions that meet conditions", "models", &parameters, Body::Nothing, answer)
        }
        ("GET", "/api/v1/models/{model}/events/{id}") => {
            let answer = Answer::Json(200, any(types));
            made(
                "One prediction, with label, feedback and what else is known",
                "models",
                &[ENVIRONMENT],
                Body::Nothing,
                answer,
            )
        }
        ("GET", "/api/v1/models/{model}/values") => {
            let parameters = [
                FROM,
                TO,
                ENVIRONMENT,
                ("where", "string", "Conditions"),
                ("column", "string", "Which column"),
                ("by", "string", "Grouped by these columns"),
                ("every", "string", "Grouped by spans of time, as 1h"),
                ("bins", "integer", "Bins of a histogram"),
                ("low", "number", "Its lower end"),
                ("high", "number", "Its upper end"),
            ];
            let answer = Answer::Json(200, any(types));
            made("How the numbers of a column lie", "models", &parameters, Body::Nothing, answer)
        }
        ("GET", "/api/v1/models/{model}/export") => {
            let parameters = [
                FROM,
                TO,
                ENVIRONMENT,
                ("what", "string", "predictions or verdicts"),
                ("format", "string", "ndjson, csv or parquet"),
                CURSOR,
                LIMIT,
            ];
            made(
                "Predictions with their labels, a page at a time, oldest first",
                "out",
                &parameters,
                Body::Nothing,
                Answer::Of(&["application/x-ndjson", "text/csv", "application/vnd.apache.parquet"]),
            )
        }
        ("GET", "/api/v1/models/{model}/limits") => {
            let parameters = [
                ENVIRONMENT,
                ("figure", "string", "One figure, as accuracy; all without it"),
                ("threshold", "string", "A rule to try, as {\"from\":\"history\",\"deviations\":3}"),
            ];
            let answer = json::<Vec<LimitsPreview>>(types);
            made("Thresholds with what they would have said", "models", &parameters, Body::Nothing, answer)
        }
        ("POST", "/api/v1/models/{model}/learn") => {
            made("Learn from the baseline again", "models", &[], Body::Nothing, Answer::Nothing(202))
        }
        ("GET", "/api/v1/analysis") => {
            let parameters = [
                ("query", "string", "PromQL"),
                FROM,
                TO,
                ("limit", "number", "Forecast when this is crossed"),
                ("above", "boolean", "Crossed from below"),
            ];
            let answer = json::<AnalysisView>(types);
            made("Anomalies, control limits and forecast of a query", "signals", &parameters, Body::Nothing, answer)
        }
        ("GET", "/api/v1/unusual") => {
            let answer = json::<UnusualView>(types);
            made("Signals whose newest values do not belong", "signals", &[FROM, TO], Body::Nothing, answer)
        }
        ("GET", "/api/v1/companions") => {
            let parameters = [("query", "string", "PromQL; its first line counts"), FROM, TO];
            let answer = json::<CompanionView>(types);
            made("Which signals moved with a query", "signals", &parameters, Body::Nothing, answer)
        }
        ("GET", "/api/v1/health") => {
            let answer = json::<OverviewView>(types);
            made("Health of every system and layer", "systems", &[ENVIRONMENT, FROM, TO], Body::Nothing, answer)
        }
        ("GET", "/api/v1/health/weights") => {
            made("How much layers and systems count", "systems", &[], Body::Nothing, json::<HealthWeights>(types))
        }
        ("PUT", "/api/v1/health/weights") => {
            let body = Body::Json(types.subschema_for::<HealthWeights>());
            made("Say how much layers and systems count", "systems", &[], body, Answer::Nothing(204))
        }
        ("GET", "/api/v1/operations") => {
            let answer = json::<OperationsView>(types);
            made(
                "Hosts, services, calls, alerts and events",
                "systems",
                &[ENVIRONMENT, FROM, TO],
                Body::Nothing,
                answer,
            )
        }
        ("GET", "/api/v1/hosts/{host}") => {
            let answer = json::<HostView>(types);
            made("Everything measured on one host", "systems", &[ENVIRONMENT, FROM, TO], Body::Nothing, answer)
        }
        ("GET", "/api/v1/find") => {
            let parameters = [("q", "string", "A few letters; an incident’s number")];
            made("Anything by a few letters", "systems", &parameters, Body::Nothing, json::<Vec<Hit>>(types))
        }
        ("GET", "/api/v1/systems/{system}") => {
            let answer = json::<SystemView>(types);
            made("One system, all its layers", "systems", &[ENVIRONMENT, FROM, TO], Body::Nothing, answer)
        }
        ("GET", "/api/v1/outcomes") => {
            let answer = json::<OutcomeView>(types);
            let parameters = [ENVIRONMENT, FROM, TO, SYSTEM];
            made("What users and business say of a system", "systems", &parameters, Body::Nothing, answer)
        }
        ("GET", "/api/v1/kpis") => {
            let answer = json::<Vec<KpiView>>(types);
            made("KPIs with their values", "systems", &[FROM, TO, SYSTEM], Body::Nothing, answer)
        }
        ("PUT", "/api/v1/kpis") => {
            let body = Body::Json(types.subschema_for::<Vec<Kpi>>());
            made("Replace all KPIs", "systems", &[], body, Answer::Nothing(204))
        }
        ("GET", "/api/v1/signals") => {
            let parameters = [
                ("prefix", "string", "Names that begin so"),
                FROM,
                TO,
                ENVIRONMENT,
                ("baseline", "boolean", "Not used here"),
            ];
            made("Series with their points", "signals", &parameters, Body::Nothing, json::<Vec<SeriesData>>(types))
        }
        ("GET", "/api/v1/signals/steps") => {
            let parameters =
                [("prefix", "string", "Names that begin so"), FROM, TO, ("step", "string", "A span, as 60s")];
            made("Series in even steps", "signals", &parameters, Body::Nothing, json::<Steps<'static>>(types))
        }
        ("PATCH", "/api/v1/signals/{name}") => {
            let body = Body::Json(types.subschema_for::<SignalNote>());
            made("Say what a signal is; what is left out stays", "signals", &[], body, json::<SignalNote>(types))
        }
        ("POST", "/api/v1/samples") => made("Send samples of signals", "in", &[], Body::Lines, receipt(types)),
        ("POST", "/api/v1/write") => {
            let body = Body::Of(&["application/x-protobuf"]);
            made("Prometheus remote write, versions 1 and 2", "in", &[], body, Answer::Nothing(204))
        }
        ("POST", "/api/v1/read") => {
            let (body, answer) = (Body::Of(&["application/x-protobuf"]), Answer::Of(&["application/x-protobuf"]));
            made("Prometheus remote read", "out", &[], body, answer)
        }
        ("POST", "/api/v1/feedback") => {
            made("Send feedback", "in", &[ENVIRONMENT, MODEL, SYSTEM], Body::Rows, receipt(types))
        }
        ("GET", "/api/v1/feedback") => {
            made("Feedback, newest first", "out", &RECORDS, Body::Nothing, json::<Page<Value>>(types))
        }
        ("POST", "/api/v1/business") => {
            made("Send business events", "in", &[ENVIRONMENT, MODEL, SYSTEM], Body::Rows, receipt(types))
        }
        ("GET", "/api/v1/business") => {
            made("Business events, newest first", "out", &RECORDS, Body::Nothing, json::<Page<Value>>(types))
        }
        ("GET", "/api/v1/evaluations") => {
            made("Evaluations, newest first", "out", &RECORDS, Body::Nothing, json::<Page<Value>>(types))
        }
        ("POST", "/api/v1/changes") => made("Tell of changes", "in", &[], Body::Lines, receipt(types)),
        ("GET", "/api/v1/changes") => {
            let parameters = [FROM, TO, ENVIRONMENT, SYSTEM, MODEL];
            made("Changes, newest first", "out", &parameters, Body::Nothing, json::<Vec<Change>>(types))
        }
        ("POST", "/api/v1/events") => {
            let body =
                Body::Of(&["application/cloudevents+json", "application/cloudevents-batch+json", "application/json"]);
            made("Send CloudEvents 1.0", "in", &[], body, receipt(types))
        }
        ("POST", "/api/v1/logs") => {
            let parameters = [ENVIRONMENT, ("service", "string", "Whose lines they are, where they do not say it")];
            made("Send lines of logs as JSON", "in", &parameters, Body::Lines, receipt(types))
        }
        ("GET", "/api/v1/logs") => {
            let parameters = [
                FROM,
                TO,
                ENVIRONMENT,
                ("service", "string", "Of this service"),
                ("severity", "string", "This severity and those above it"),
                ("trace_id", "string", "Of this trace"),
                ("q", "string", "Words, or a phrase in quotes"),
                ("attributes", "string", "Attributes, as name=value;name=value"),
                CURSOR,
                LIMIT,
            ];
            made("Lines of logs, newest first", "out", &parameters, Body::Nothing, json::<Page<LogView>>(types))
        }
        ("GET", "/api/v1/spans") => {
            let parameters = [
                FROM,
                TO,
                ENVIRONMENT,
                ("service", "string", "Of this service"),
                ("name", "string", "Of this name"),
                ("status", "string", "ok, error, unset; several by commas"),
                MODEL,
                ("min_ms", "number", "That took so long at least"),
                ("max_ms", "number", "That took so long at most"),
                ("q", "string", "Words, or a phrase in quotes"),
                ("attributes", "string", "Attributes, as name=value;name=value"),
                ("roots", "boolean", "Only the first span of each trace"),
                CURSOR,
                LIMIT,
            ];
            made("Spans, newest first", "out", &parameters, Body::Nothing, json::<Page<SpanView>>(types))
        }
        ("GET", "/api/v1/traces/{trace}") => {
            let parameters = [
                ENVIRONMENT,
                ("at", "string", "When it was, nearly: finds it sooner"),
                ("whole", "boolean", "With attributes and events"),
            ];
            made("All spans of a trace", "out", &parameters, Body::Nothing, json::<Vec<SpanView>>(types))
        }
        ("GET", "/api/v1/traces/{trace}/spans/{span}") => made(
            "One span with everything that was sent of it",
            "out",
            &[ENVIRONMENT],
            Body::Nothing,
            json::<SpanView>(types),
        ),
        ("GET", "/api/v1/topology") => {
            made("Who calls whom", "out", &[FROM, TO, ENVIRONMENT], Body::Nothing, json::<Topology>(types))
        }
        ("GET", "/api/v1/dependencies") => {
            let answer = json::<Vec<Value>>(types);
            made("Dependencies that people declared", "settings", &[], Body::Nothing, answer)
        }
        ("POST", "/api/v1/dependencies") => {
            let body = object(
                json!({"from": {"type": "string"}, "to": {"type": "string"}, "kind": {"type": "string",
                "enum": ["service", "model", "database", "queue", "external", "pipeline", "tool"]}}),
                &["from", "to"],
            );
            made("Declare a dependency", "settings", &[], body, Answer::Nothing(201))
        }
        ("DELETE", "/api/v1/dependencies/{id}") => {
            made("Remove a dependency", "settings", &[], Body::Nothing, Answer::Nothing(204))
        }
        ("GET", "/api/v1/arrivals") => {
            made("What came by each way in", "settings", &[], Body::Nothing, json::<Vec<Arrival>>(types))
        }
        ("GET", "/api/v1/prices") => {
            made("What calls of models cost", "settings", &[], Body::Nothing, json::<Prices>(types))
        }
        ("PUT", "/api/v1/prices") => {
            let body = Body::Json(types.subschema_for::<Vec<Price>>());
            made("Replace the table of prices", "settings", &[], body, Answer::Nothing(204))
        }
        ("GET", "/api/v1/scrapes") => {
            let answer = json::<Vec<Value>>(types);
            made("Programs that are asked for metrics", "settings", &[], Body::Nothing, answer)
        }
        ("POST", "/api/v1/scrapes") => {
            let body = object(
                json!({"job": {"type": "string"}, "url": {"type": "string"}, "discovery": {"type": "boolean"},
                "every_secs": {"type": "integer"}, "credentials": {"type": "string"}}),
                &["job", "url"],
            );
            made("Ask a program for its metrics", "settings", &[], body, Answer::Nothing(201))
        }
        ("DELETE", "/api/v1/scrapes/{id}") => {
            made("Ask it no more", "settings", &[], Body::Nothing, Answer::Nothing(204))
        }
        ("GET", "/api/v1/webhooks") => {
            let answer = json::<Vec<Value>>(types);
            made("Addresses that code hosts call", "settings", &[], Body::Nothing, answer)
        }
        ("POST", "/api/v1/webhooks") => {
            let body = object(
                json!({"name": {"type": "string"}, "kind": {"type": "string", "enum": ["github", "gitlab"]},
                "environment": {"type": "string"}, "system": {"type": "string"}}),
                &["name", "kind"],
            );
            let answer = Answer::Json(201, any(types));
            made("Make one; its secret is shown this once", "settings", &[], body, answer)
        }
        ("DELETE", "/api/v1/webhooks/{id}") => made("Remove one", "settings", &[], Body::Nothing, Answer::Nothing(204)),
        ("GET", "/api/v1/alerts/board") => {
            let parameters = [
                ("state", "string", "open, mine, unowned, silenced or solved"),
                ("priority", "string", "P1 to P4, by commas"),
                SYSTEM,
                ("layer", "string", "Of this layer"),
                ENVIRONMENT,
                ("q", "string", "Words in names, summaries and labels"),
                ("filter", "string", "Matchers, as team=\"ml\""),
            ];
            made(
                "Alerts, the worst first, with counts",
                "alerts",
                &parameters,
                Body::Nothing,
                json::<AlertsView>(types),
            )
        }
        ("GET", "/api/v1/alerts/{fingerprint}") => {
            let answer = json::<AlertView>(types);
            made("One alert with everything around it", "alerts", &[], Body::Nothing, answer)
        }
        ("POST", "/api/v1/alerts/{fingerprint}") => {
            let body = Body::Json(types.subschema_for::<AlertAct>());
            made("Acknowledge, assign, solve or silence an alert", "alerts", &[], body, Answer::Nothing(204))
        }
        ("GET", "/api/v1/alerting") => {
            let answer = json::<Alerting>(types);
            made("Routes, receivers, policies and schedules", "alerts", &[], Body::Nothing, answer)
        }
        ("PUT", "/api/v1/alerting") => {
            let body = Body::Json(types.subschema_for::<Alerting>());
            made("Replace routes, receivers, policies and schedules", "alerts", &[], body, Answer::Nothing(204))
        }
        ("GET", "/api/v1/alerting/destinations") => {
            let answer = json::<Vec<DestinationState>>(types);
            made("How each destination fares", "alerts", &[], Body::Nothing, answer)
        }
        ("POST", "/api/v1/alerting/destinations/test") => {
            let body = object(json!({"key": {"type": "string"}}), &["key"]);
            made("Send a test to a destination", "alerts", &[], body, Answer::Nothing(204))
        }
        ("POST", "/api/v1/alerting/policies/test") => {
            let body = object(json!({"name": {"type": "string"}}), &["name"]);
            let answer = json::<Vec<Reached>>(types);
            made("Send a test page to whom a policy calls first", "alerts", &[], body, answer)
        }
        ("POST", "/api/v1/alerting/who") => {
            let body = object(
                json!({"labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "at": {"type": "string"}}),
                &["labels"],
            );
            made("Who would be told of an alert with these labels", "alerts", &[], body, json::<DryRun>(types))
        }
        ("GET", "/api/v1/alerting/rules") => {
            let answer = json::<Vec<RuleState>>(types);
            made("Rules with how they fare", "alerts", &[], Body::Nothing, answer)
        }
        ("POST", "/api/v1/alerting/rules") => {
            let body = Body::Json(types.subschema_for::<RuleText>());
            let answer = Answer::Json(201, any(types));
            made("Make a rule", "alerts", &[], body, answer)
        }
        ("PUT", "/api/v1/alerting/rules/{id}") => {
            let body = Body::Json(types.subschema_for::<RuleText>());
            made("Replace a rule", "alerts", &[], body, Answer::Nothing(204))
        }
        ("DELETE", "/api/v1/alerting/rules/{id}") => {
            made("Remove a rule; what it has open ends", "alerts", &[], Body::Nothing, Answer::Nothing(204))
        }
        ("POST", "/api/v1/alerting/backtest") => {
            let body = Body::Json(types.subschema_for::<RuleText>());
            let parameters = [("days", "integer", "Of so many days; 30 without it")];
            made("What a rule would have done", "alerts", &parameters, body, json::<Backtest>(types))
        }
        ("GET", "/api/v1/incidents") => {
            made("Incidents, with mean times", "incidents", &[], Body::Nothing, json::<IncidentsView>(types))
        }
        ("POST", "/api/v1/incidents") => {
            let body = object(
                json!({"title": {"type": "string"}, "priority": {"type": "string", "enum": ["P1", "P2", "P3", "P4"]},
                "systems": {"type": "array", "items": {"type": "string"}}, "environment": {"type": "string"}}),
                &["title"],
            );
            let answer = Answer::Json(201, any(types));
            made("Open an incident", "incidents", &[], body, answer)
        }
        ("GET", "/api/v1/incidents/{id}") => {
            let answer = json::<IncidentView>(types);
            made("One incident: timeline, alerts, signals on one axis", "incidents", &[], Body::Nothing, answer)
        }
        ("GET", "/api/v1/audit") => {
            let parameters = [("after", "integer", "Those after this number; 0 for all"), LIMIT];
            made("Who did what, oldest first", "installation", &parameters, Body::Nothing, json::<Vec<Deed>>(types))
        }
        ("GET", "/api/v1/responses") => {
            let answer = json::<ResponsesView>(types);
            made("Responses that people prepared, and their newest runs", "responses", &[], Body::Nothing, answer)
        }
        ("PUT", "/api/v1/responses") => {
            let body = Body::Json(types.subschema_for::<Response>());
            made("Prepare a response, or change the one of its name", "responses", &[], body, Answer::Nothing(204))
        }
        ("DELETE", "/api/v1/responses/{name}") => {
            made("Take a response away", "responses", &[], Body::Nothing, Answer::Nothing(204))
        }
        ("POST", "/api/v1/responses/stop") => {
            let body = Body::Json(types.subschema_for::<super::responses::Stop>());
            made("Stop all responses, or let them go on", "responses", &[], body, Answer::Nothing(204))
        }
        ("GET", "/api/v1/response_runs") => {
            let parameters = [("incident", "integer", "Of this incident"), ("alert", "string", "Of this fingerprint")];
            made("What was, or may be, done", "responses", &parameters, Body::Nothing, json::<Vec<Run>>(types))
        }
        ("POST", "/api/v1/response_runs") => {
            let body = Body::Json(types.subschema_for::<super::responses::Proposal>());
            let answer = Answer::Json(201, types.subschema_for::<Run>());
            made("Propose a response about an alert", "responses", &[], body, answer)
        }
        ("POST", "/api/v1/response_runs/{id}") => {
            let body = Body::Json(types.subschema_for::<RunAct>());
            made("Approve (people only), deny or undo a run", "responses", &[], body, json::<Run>(types))
        }
        ("POST", "/api/v1/incidents/{id}") => {
            let body = Body::Json(types.subschema_for::<IncidentAct>());
            let answer = Answer::Json(200, any(types));
            made("Acknowledge, note, update, call, resolve, review", "incidents", &[], body, answer)
        }
        ("GET", "/api/v1/annotations") => {
            let parameters = [
                FROM,
                TO,
                ENVIRONMENT,
                SYSTEM,
                MODEL,
                ("signal", "string", "On this signal"),
                ("incident", "integer", "Of this incident"),
            ];
            let answer = json::<Vec<Annotation>>(types);
            made("Annotations, oldest first", "incidents", &parameters, Body::Nothing, answer)
        }
        ("POST", "/api/v1/annotations") => {
            let body = Body::Json(types.subschema_for::<AnnotationText>());
            let answer = Answer::Json(201, any(types));
            made("Annotate a time or a range", "incidents", &[], body, answer)
        }
        ("POST", "/api/v1/annotations/{id}") => {
            let body = Body::Json(types.subschema_for::<AnnotationAct>());
            made("Correct, answer, promote or remove one", "incidents", &[], body, Answer::Nothing(204))
        }
        ("GET", "/api/v1/rules") => prometheus(method, "Rules, as Prometheus lists them", &[], types),
        ("GET", "/api/v1/alerts") => prometheus(method, "Alerts that fire, as Prometheus lists them", &[], types),
        ("GET", "/api/v2/status") => alertmanager("This installation", &[], Body::Nothing, types),
        ("GET", "/api/v2/receivers") => alertmanager("Names of receivers", &[], Body::Nothing, types),
        ("GET", "/api/v2/alerts") => alertmanager("Open alerts", &ALERT_FILTER, Body::Nothing, types),
        ("POST", "/api/v2/alerts") => {
            alertmanager("Post alerts; kept when this answers", &[], Body::Of(&["application/json"]), types)
                .map(|operation| Operation { answer: Answer::Nothing(200), ..operation })
        }
        ("GET", "/api/v2/alerts/groups") => alertmanager("Alerts by group", &ALERT_FILTER, Body::Nothing, types),
        ("GET", "/api/v2/silences") => alertmanager("Silences", &[ALERT_FILTER[0]], Body::Nothing, types),
        ("POST", "/api/v2/silences") => {
            alertmanager("Make or change a silence", &[], Body::Of(&["application/json"]), types)
        }
        ("GET", "/api/v2/silence/{id}") => alertmanager("One silence", &[], Body::Nothing, types),
        ("DELETE", "/api/v2/silence/{id}") => alertmanager("End a silence", &[], Body::Nothing, types)
            .map(|operation| Operation { answer: Answer::Nothing(200), ..operation }),
        ("GET", "/api/v1/probes") => {
            let answer = json::<Vec<Value>>(types);
            made("Services that are asked from outside", "settings", &[], Body::Nothing, answer)
        }
        ("POST", "/api/v1/probes") => {
            let body = object(
                json!({"name": {"type": "string"}, "target": {"type": "string"}, "every_secs": {"type": "integer"}}),
                &["name", "target"],
            );
            made("Ask a service from outside", "settings", &[], body, Answer::Nothing(201))
        }
        ("DELETE", "/api/v1/probes/{id}") => {
            made("Ask it no more", "settings", &[], Body::Nothing, Answer::Nothing(204))
        }
        ("GET" | "POST", "/api/v1/query") => {
            let parameters = [
                QUERY,
                ("time", "string", "RFC 3339 or seconds since 1970"),
                ("lookback_delta", "string", "How long a sample counts"),
            ];
            prometheus(method, "A PromQL query at an instant", &parameters, types)
        }
        ("GET", "/api/v1/query_export") => {
            let parameters = [QUERY, FROM, TO, ("format", "string", "csv, ndjson or parquet")];
            let answer = Answer::Of(&["text/csv", "application/x-ndjson", "application/vnd.apache.parquet"]);
            made(
                "The lines of a query as a table: a row an instant, a column a line",
                "out",
                &parameters,
                Body::Nothing,
                answer,
            )
        }
        ("GET" | "POST", "/api/v1/query_range") => {
            let parameters = [
                QUERY,
                ("start", "string", "RFC 3339 or seconds since 1970"),
                ("end", "string", "As start"),
                ("step", "string", "Seconds, or a span as 15s"),
                ("lookback_delta", "string", "How long a sample counts"),
            ];
            prometheus(method, "A PromQL query over a range", &parameters, types)
        }
        ("GET" | "POST", "/api/v1/query_exemplars") => {
            let parameters =
                [QUERY, ("start", "string", "RFC 3339 or seconds since 1970"), ("end", "string", "As start")];
            prometheus(method, "Exemplars of the series that a query finds", &parameters, types)
        }
        ("GET" | "POST", "/api/v1/series") => {
            prometheus(method, "Series that a selector finds", &[MATCH, ("limit", "integer", "Series at most")], types)
        }
        ("GET" | "POST", "/api/v1/labels") => prometheus(method, "Names of labels", &[MATCH], types),
        ("GET", "/api/v1/label/{name}/values") => prometheus(method, "Values of a label", &[MATCH], types),
        ("GET", "/api/v1/metadata") => prometheus(method, "What is known of each metric", &[], types),
        ("GET", "/api/v1/status/buildinfo") => prometheus(method, "Which program this is", &[], types),
        ("GET", "/api/v1/openapi.json") => {
            let answer = Answer::Json(200, any(types));
            made("This document", "out", &[], Body::Nothing, answer)
        }
        ("POST", "/v1/traces" | "/v1/metrics" | "/v1/logs") => {
            let body = Body::Of(&["application/x-protobuf", "application/json"]);
            let answer = Answer::Json(200, any(types));
            made("OTLP over HTTP", "in", &[], body, answer)
        }
        _ => None,
    }
}

fn alertmanager(
    summary: &'static str,
    parameters: &[Parameter],
    body: Body,
    types: &mut SchemaGenerator,
) -> Option<Operation> {
    let answer = Answer::Json(200, types.subschema_for::<Value>());
    Some(Operation { summary, tag: "alertmanager", parameters: parameters.to_vec(), body, answer })
}

fn prometheus(
    method: &str,
    summary: &'static str,
    parameters: &[Parameter],
    types: &mut SchemaGenerator,
) -> Option<Operation> {
    let body = if method == "POST" { Body::Of(&["application/x-www-form-urlencoded"]) } else { Body::Nothing };
    let answer = Answer::Json(200, types.subschema_for::<Value>());
    Some(Operation { summary, tag: "prometheus", parameters: parameters.to_vec(), body, answer })
}

/// An object of which some members must be there.
fn object(properties: Value, required: &[&str]) -> Body {
    let schema =
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
    Body::Json(Schema::try_from(schema).unwrap_or_default())
}

fn access_words(access: Access) -> String {
    match access {
        Access::Public => "Open to all.".into(),
        Access::Needs(Action::View) => "A key with the scope read or admin.".into(),
        Access::Needs(Action::Ingest) => "A key with the scope ingest or admin.".into(),
        Access::Needs(
            Action::EditModel | Action::EditProbes | Action::Respond | Action::EditAlerting | Action::Annotate,
        ) => "A key with the scope admin.".into(),
        Access::Needs(_) => "For signed-in people only.".into(),
    }
}

/// The whole document.
pub fn document(entries: &[Entry]) -> Value {
    let mut types = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let problem = types.subschema_for::<Problem>();
    let mut paths: Map<String, Value> = Map::new();
    for entry in entries {
        let Some(operation) = describe(entry.method, entry.path, &mut types) else {
            continue;
        };
        let mut parameters: Vec<Value> = entry
            .path
            .split('{')
            .skip(1)
            .filter_map(|part| part.split('}').next())
            .map(|name| {
                let whole = name == "id" && !["/events/", "/silence/"].iter().any(|part| entry.path.contains(part));
                let kind =
                    if whole { json!({"type": "integer", "format": "int64"}) } else { json!({"type": "string"}) };
                json!({"name": name, "in": "path", "required": true, "schema": kind})
            })
            .collect();
        parameters.extend(operation.parameters.iter().map(
            |(name, kind, words)| json!({"name": name, "in": "query", "description": words, "schema": {"type": kind}}),
        ));
        let content = |kinds: &[&str], schema: Value| -> Value {
            let map: Map<String, Value> = kinds.iter().map(|k| ((*k).to_string(), json!({"schema": schema}))).collect();
            Value::Object(map)
        };
        let body = match operation.body {
            Body::Nothing => None,
            Body::Json(schema) => Some(content(&["application/json"], json!(schema))),
            Body::Rows => Some(content(
                &[
                    "application/x-ndjson",
                    "application/json",
                    "text/csv",
                    "application/vnd.apache.parquet",
                    "application/vnd.apache.arrow.stream",
                ],
                json!({}),
            )),
            Body::Lines => Some(content(&["application/x-ndjson", "application/json"], json!({}))),
            Body::Of(kinds) => Some(content(kinds, json!({}))),
        };
        let (status, good) = match operation.answer {
            Answer::Json(status, schema) => (
                status,
                json!({"description": "What was asked for", "content": content(&["application/json"], json!(schema))}),
            ),
            Answer::Nothing(status) => (status, json!({"description": "Done"})),
            Answer::Of(kinds) => {
                (200, json!({"description": "What was asked for", "content": content(kinds, json!({}))}))
            }
        };
        // Alertmanager says in a bare string what was wrong.
        let refusal = if operation.tag == "alertmanager" {
            json!({"anyOf": [problem, {"type": "object"}, {"type": "string"}]})
        } else {
            json!({"anyOf": [problem, {"type": "object"}]})
        };
        let mut described = json!({
            "operationId": format!("{}_{}", entry.method.to_lowercase(), entry.path.trim_start_matches('/').replace(['/', '{', '}', '.'], "_").replace("__", "_")),
            "summary": operation.summary,
            "description": access_words(entry.access),
            "tags": [operation.tag],
            "parameters": parameters,
            "responses": {status.to_string(): good, "default": {"description": "A problem, in words",
                "content": content(&["application/problem+json", "application/json"], refusal)}},
        });
        if let Some(content) = body {
            described["requestBody"] = json!({"content": content, "required": true});
        }
        if let Value::Object(of_path) = paths.entry(entry.path).or_insert_with(|| json!({})) {
            of_path.insert(entry.method.to_lowercase(), described);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Plimsoll",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Production monitoring for AI systems. What is sent is answered after it is on disk; a request that is sent again changes nothing. Errors are problem documents (RFC 9457).",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key, made under Settings, API keys"}},
            "schemas": types.take_definitions(true),
        },
    })
}

pub async fn serve(From(state): From<State>) -> Json<Value> {
    Json(state.openapi.get().cloned().unwrap_or_default())
}

#[cfg(test)]
pub fn is_described(entry: &Entry) -> bool {
    describe(entry.method, entry.path, &mut SchemaSettings::draft2020_12().into_generator()).is_some()
}
