//! Models, what their data means, and how a table's columns become roles.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::event::{ColumnData, ColumnRole};
use crate::monitor::Monitor;
use crate::time::DAY;
use crate::window::WindowRule;

/// What a model predicts; decides which measures of quality apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Task {
    BinaryClassification,
    MulticlassClassification,
    Regression,
    Ranking,
    Text,
}

impl Task {
    pub const ALL: [Task; 5] =
        [Task::BinaryClassification, Task::MulticlassClassification, Task::Regression, Task::Ranking, Task::Text];

    pub fn name(self) -> &'static str {
        match self {
            Task::BinaryClassification => "binary_classification",
            Task::MulticlassClassification => "multiclass_classification",
            Task::Regression => "regression",
            Task::Ranking => "ranking",
            Task::Text => "text",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Task::BinaryClassification => "classification, yes or no",
            Task::MulticlassClassification => "classification",
            Task::Regression => "regression",
            Task::Ranking => "ranking",
            Task::Text => "text",
        }
    }

    pub fn parse(text: &str) -> Option<Task> {
        Task::ALL.into_iter().find(|t| t.name() == text)
    }

    pub fn is_classification(self) -> bool {
        matches!(self, Task::BinaryClassification | Task::MulticlassClassification)
    }
}

/// How a column of the sender's table is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Field {
    /// The sender's name.
    pub name: String,
    #[serde(flatten)]
    pub role: ColumnRole,
    /// Numbers are compared as numbers, the rest as categories.
    pub numeric: bool,
    /// Shown dim behind values.
    #[serde(default)]
    pub unit: String,
    /// Weight in the model, 0 when unknown.
    #[serde(default)]
    pub importance: f64,
}

/// What a model's tables mean. Inferred from the first batch, then editable.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Schema {
    pub fields: Vec<Field>,
    /// The class that counts as “yes”; binary models only.
    #[serde(default)]
    pub positive_class: Option<String>,
    /// Columns whose groups are held against each other for fairness, by the sender's names.
    #[serde(default)]
    pub groups: Vec<String>,
}

impl Schema {
    /// What is wrong with this schema, if anything: a column named twice, or two columns read as
    /// one thing.
    pub fn problem(&self) -> Option<String> {
        let mut names = std::collections::BTreeSet::new();
        let mut roles = std::collections::BTreeMap::new();
        for field in &self.fields {
            if !names.insert(field.name.as_str()) {
                return Some(format!("the column “{}” is there twice", field.name));
            }
            if field.importance < 0.0 || !field.importance.is_finite() {
                return Some(format!("the weight of “{}” is a number from 0", field.name));
            }
            if field.role == ColumnRole::Ignored {
                continue;
            }
            if let Some(other) = roles.insert(field.role.clone(), field.name.as_str()) {
                return Some(format!("“{other}” and “{}” are both read as {}", field.name, field.role.title()));
            }
        }
        None
    }

    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.name == name)
    }

    pub fn features(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|f| matches!(f.role, ColumnRole::Feature(_)))
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Model {
    pub id: i64,
    /// Unique, url-safe: `credit-risk`.
    pub name: String,
    pub title: String,
    pub system: String,
    pub task: Task,
    pub schema: Schema,
    pub settings: ModelSettings,
    pub created_at: Timestamp,
    /// Event times were shifted at import so that the last event met that moment.
    pub replayed: bool,
    /// Made by the simulator.
    pub demo: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ModelSettings {
    pub window: WindowRule,
    /// How late an event may be before its window counts as closed. Default 5 min.
    pub allowed_lateness: i64,
    /// After this a window is settled. Default 30 days.
    pub label_horizon: i64,
    /// Below this top probability a prediction counts as of low confidence. Default 0.6.
    pub low_confidence: f64,
    /// What it does for people, in a few words: "decides loan applications".
    #[serde(default)]
    pub purpose: String,
    /// Owner, for the page's head.
    #[serde(default)]
    pub owner: String,
    /// Choices of threshold that differ from the usual.
    #[serde(default)]
    pub monitors: Vec<Monitor>,
}

impl Default for ModelSettings {
    fn default() -> Self {
        ModelSettings {
            window: WindowRule::Auto,
            allowed_lateness: 5 * crate::time::MINUTE,
            label_horizon: 30 * DAY,
            low_confidence: 0.6,
            purpose: String::new(),
            owner: String::new(),
            monitors: Vec::new(),
        }
    }
}

/// What may be changed of a model; absent means unchanged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ModelChange {
    pub title: Option<String>,
    pub system: Option<String>,
    /// As [`Task::name`].
    pub task: Option<String>,
    /// `auto`, `month`, `6h`, or a number of predictions.
    pub window: Option<String>,
    /// How long outcomes may take, as `30d`.
    pub label_horizon: Option<String>,
    /// How late an event may be before its window counts as closed, as `5m`.
    pub allowed_lateness: Option<String>,
    /// From 0 to 1.
    pub low_confidence: Option<f64>,
    pub positive_class: Option<String>,
    /// What it does for people, in a few words.
    pub purpose: Option<String>,
    pub owner: Option<String>,
    pub schema: Option<Schema>,
    /// Replaces all choices of threshold.
    pub monitors: Option<Vec<Monitor>>,
}

/// What a person said about a table's columns, on the command line, in the query or in the schema
/// editor. Whatever is not said is inferred.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Mapping {
    pub id: Option<String>,
    pub timestamp: Option<String>,
    pub prediction: Option<String>,
    /// One column for the positive class, or `class=column` for each class.
    pub probability: Vec<String>,
    pub label: Option<String>,
    pub group: Vec<String>,
    /// If given, only these become features.
    pub feature: Vec<String>,
    pub ignore: Vec<String>,
}

const ID_NAMES: [&str; 6] = ["prediction_id", "id", "event_id", "uuid", "request_id", "row_id"];
const TIME_NAMES: [&str; 8] =
    ["timestamp", "event_time", "time", "ts", "datetime", "date", "created_at", "prediction_time"];
const PREDICTION_NAMES: [&str; 7] =
    ["y_pred", "prediction", "predicted", "pred", "predicted_class", "predicted_label", "output"];
const PROBABILITY_NAMES: [&str; 6] =
    ["y_pred_proba", "probability", "proba", "predicted_probability", "score", "prediction_score"];
const LABEL_NAMES: [&str; 8] = ["y_true", "label", "target", "actual", "ground_truth", "truth", "outcome", "y"];

/// Infers the role of each column from what was said, then from the names the field uses.
///
/// # Errors
/// A sentence naming the column that was asked for and is not in the table, with the columns there.
pub fn infer_schema(columns: &[(String, ColumnData)], mapping: &Mapping) -> Result<Schema, String> {
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let mut roles: BTreeMap<String, ColumnRole> = BTreeMap::new();
    let said = |what: &str, column: &Option<String>| -> Result<Option<String>, String> {
        match column {
            Some(name) if !names.contains(&name.as_str()) => {
                Err(format!("there is no column “{name}” to use as {what}; the columns are {}", names.join(", ")))
            }
            other => Ok(other.clone()),
        }
    };
    let find = |candidates: &[&str]| -> Option<String> {
        candidates.iter().find_map(|c| names.iter().find(|n| n.eq_ignore_ascii_case(c))).map(|n| n.to_string())
    };
    let place = |role: ColumnRole, name: Option<String>, roles: &mut BTreeMap<String, ColumnRole>| {
        if let Some(name) = name {
            roles.entry(name).or_insert(role);
        }
    };

    for name in &mapping.ignore {
        said("an ignored column", &Some(name.clone()))?;
        place(ColumnRole::Ignored, Some(name.clone()), &mut roles);
    }
    for name in &mapping.group {
        said("a group", &Some(name.clone()))?;
    }
    place(ColumnRole::Id, said("the id", &mapping.id)?.or_else(|| find(&ID_NAMES)), &mut roles);
    place(ColumnRole::Timestamp, said("the timestamp", &mapping.timestamp)?.or_else(|| find(&TIME_NAMES)), &mut roles);
    place(ColumnRole::Label, said("the label", &mapping.label)?.or_else(|| find(&LABEL_NAMES)), &mut roles);
    place(
        ColumnRole::Prediction,
        said("the prediction", &mapping.prediction)?.or_else(|| find(&PREDICTION_NAMES)),
        &mut roles,
    );
    if mapping.probability.is_empty() {
        place(ColumnRole::Probability, find(&PROBABILITY_NAMES), &mut roles);
    }
    for spec in &mapping.probability {
        match spec.split_once('=') {
            Some((class, column)) => {
                said("a class's probability", &Some(column.to_string()))?;
                place(ColumnRole::ClassProbability(class.to_string()), Some(column.to_string()), &mut roles);
            }
            None => {
                said("the probability", &Some(spec.clone()))?;
                place(ColumnRole::Probability, Some(spec.clone()), &mut roles);
            }
        }
    }
    let mut fields = Vec::with_capacity(columns.len());
    for (name, data) in columns {
        let numeric = matches!(data, ColumnData::Number(_));
        let role = match roles.get(name.as_str()) {
            Some(role) => role.clone(),
            None => infer_role(name, mapping),
        };
        fields.push(Field { name: name.clone(), role, numeric, unit: String::new(), importance: 0.0 });
        // A group is also a feature: it can drift like any other.
        let only_group = mapping.group.contains(name) && !mapping.feature.is_empty() && !mapping.feature.contains(name);
        if let Some(last) = fields.last_mut().filter(|_| only_group) {
            last.role = ColumnRole::Group(name.clone());
        }
    }
    Ok(Schema { fields, positive_class: None, groups: mapping.group.clone() })
}

/// The role of a column that nobody named, by the conventions of the wire.
fn infer_role(name: &str, mapping: &Mapping) -> ColumnRole {
    let lower = name.to_ascii_lowercase();
    for prefix in ["y_pred_proba_", "probability_", "probability.", "proba_"] {
        if mapping.probability.is_empty() && lower.starts_with(prefix) && name.len() > prefix.len() {
            return ColumnRole::ClassProbability(name[prefix.len()..].to_string());
        }
    }
    for (prefix, make) in [
        ("feature.", ColumnRole::Feature as fn(String) -> ColumnRole),
        ("group.", ColumnRole::Group as fn(String) -> ColumnRole),
        ("member.", ColumnRole::Member as fn(String) -> ColumnRole),
    ] {
        if lower.starts_with(prefix) && name.len() > prefix.len() {
            return make(name[prefix.len()..].to_string());
        }
    }
    match lower.as_str() {
        "latency_ms" | "duration_ms" => ColumnRole::LatencyMs,
        "tokens.input" | "tokens_input" | "input_tokens" | "prompt_tokens" => ColumnRole::TokensIn,
        "tokens.output" | "tokens_output" | "output_tokens" | "completion_tokens" => ColumnRole::TokensOut,
        "cost" => ColumnRole::Cost,
        "trace_id" => ColumnRole::TraceId,
        "session_id" => ColumnRole::SessionId,
        "input_id" => ColumnRole::InputId,
        "model_version" | "version" => ColumnRole::Version,
        "label_time" => ColumnRole::LabelTime,
        "interval.low" | "interval_low" => ColumnRole::IntervalLow,
        "interval.high" | "interval_high" => ColumnRole::IntervalHigh,
        "ranking" | "ranked" => ColumnRole::Ranking,
        "text" => ColumnRole::Text,
        _ if mapping.feature.is_empty() || mapping.feature.iter().any(|f| f == name) => {
            ColumnRole::Feature(name.to_string())
        }
        _ => ColumnRole::Ignored,
    }
}

/// Guesses the task from the columns of a first batch: a probability, or few whole or text
/// predictions, make a classification; a ranked list or a text say so themselves.
pub fn infer_task(schema: &Schema, columns: &[(String, ColumnData)]) -> Task {
    let has = |want: &dyn Fn(&ColumnRole) -> bool| schema.fields.iter().any(|f| want(&f.role));
    if has(&|r| *r == ColumnRole::Ranking) {
        return Task::Ranking;
    }
    let prediction = schema
        .fields
        .iter()
        .find(|f| f.role == ColumnRole::Prediction)
        .and_then(|f| columns.iter().find(|(name, _)| *name == f.name))
        .map(|(_, data)| data);
    let classes = has(&|r| matches!(r, ColumnRole::ClassProbability(_)));
    let probability = has(&|r| *r == ColumnRole::Probability);
    match prediction {
        None if probability => Task::BinaryClassification,
        None if has(&|r| *r == ColumnRole::Text) => Task::Text,
        None => {
            if classes {
                Task::MulticlassClassification
            } else {
                Task::Regression
            }
        }
        Some(ColumnData::Number(values)) => {
            let mut seen: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
            seen.sort_by(f64::total_cmp);
            seen.dedup();
            let whole = seen.iter().all(|v| v.fract() == 0.0);
            match (whole, seen.len()) {
                (true, 0..=2) => Task::BinaryClassification,
                (true, 3..=50) if classes || probability => Task::MulticlassClassification,
                _ => Task::Regression,
            }
        }
        Some(ColumnData::Category { dictionary, .. }) => {
            if dictionary.len() <= 2 {
                Task::BinaryClassification
            } else {
                Task::MulticlassClassification
            }
        }
        Some(ColumnData::Vector { .. }) => Task::Regression,
    }
}

/// The class that means “yes” where nobody said: the usual words, else the greater of the two.
pub fn infer_positive(classes: &[String]) -> Option<String> {
    const YES: [&str; 6] = ["1", "true", "yes", "positive", "t", "y"];
    classes.iter().find(|c| YES.contains(&c.to_ascii_lowercase().as_str())).or_else(|| classes.iter().max()).cloned()
}

/// Says what is wrong with a model's name, if anything.
pub fn model_name_problem(name: &str) -> Option<String> {
    let good = !name.is_empty()
        && name.len() <= 100
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        && name.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    (!good).then(|| {
        "a model's name has 1 to 100 letters, digits, “.”, “_” or “-” and begins with a letter or digit".to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::CategoryBuilder;

    fn number(values: &[f64]) -> ColumnData {
        ColumnData::Number(values.to_vec())
    }

    fn table() -> Vec<(String, ColumnData)> {
        let mut builder = CategoryBuilder::default();
        builder.push(Some("a"));
        vec![
            ("prediction_id".into(), number(&[1.0])),
            ("timestamp".into(), number(&[1.42e9])),
            ("AGEP".into(), number(&[40.0])),
            ("SCHL".into(), builder.finish()),
            ("y_pred".into(), number(&[1.0])),
            ("y_pred_proba".into(), number(&[0.8])),
            ("employed".into(), number(&[1.0])),
        ]
    }

    #[test]
    fn common_names_find_their_roles_and_the_rest_are_features() {
        let mapping = Mapping { label: Some("employed".into()), ..Mapping::default() };
        let schema = infer_schema(&table(), &mapping).expect("valid");
        let role = |name: &str| schema.field(name).expect("there").role.clone();
        assert_eq!(role("prediction_id"), ColumnRole::Id);
        assert_eq!(role("y_pred"), ColumnRole::Prediction);
        assert_eq!(role("y_pred_proba"), ColumnRole::Probability);
        assert_eq!(role("employed"), ColumnRole::Label);
        assert_eq!(role("AGEP"), ColumnRole::Feature("AGEP".into()));
        assert!(!schema.field("SCHL").expect("there").numeric);
        assert_eq!(infer_task(&schema, &table()), Task::BinaryClassification);
    }

    #[test]
    fn a_schema_survives_its_own_json() {
        let schema = infer_schema(&table(), &Mapping::default()).expect("valid");
        let text = serde_json::to_string(&schema).expect("writes");
        assert_eq!(serde_json::from_str::<Schema>(&text).expect("reads"), schema);
    }

    #[test]
    fn two_columns_cannot_be_the_same_thing() {
        let mut schema = infer_schema(&table(), &Mapping::default()).expect("valid");
        assert_eq!(schema.problem(), None);
        schema.fields[2].role = ColumnRole::Prediction;
        let problem = schema.problem().expect("refused");
        assert!(problem.contains("AGEP") && problem.contains("y_pred"), "{problem}");
        schema.fields[2].role = ColumnRole::Ignored;
        schema.fields[2].importance = -1.0;
        assert!(schema.problem().is_some_and(|p| p.contains("weight of “AGEP”")));
    }

    #[test]
    fn a_column_that_is_not_there_is_named_with_those_that_are() {
        let mapping = Mapping { label: Some("emploied".into()), ..Mapping::default() };
        let error = infer_schema(&table(), &mapping).expect_err("refused");
        assert!(error.contains("emploied") && error.contains("employed"), "{error}");
    }

    #[test]
    fn the_positive_class_is_the_word_for_yes() {
        assert_eq!(infer_positive(&["0".into(), "1".into()]), Some("1".into()));
        assert_eq!(infer_positive(&["No".into(), "Yes".into()]), Some("Yes".into()));
        assert_eq!(infer_positive(&[]), None);
    }

    #[test]
    fn names_are_url_safe() {
        assert_eq!(model_name_problem("credit-risk_4.2"), None);
        for bad in ["", "-x", "a b", "a/b", "<script>", "é"] {
            assert!(model_name_problem(bad).is_some(), "{bad}");
        }
    }
}
