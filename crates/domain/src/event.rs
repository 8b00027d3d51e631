//! Events in columns: what a batch of predictions is between the wire and the disk.
//!
//! A batch is generic over the kind of event. The names of its columns say what a column is
//! ([`ColumnRole`]); nothing else in the system may invent a name, or the store, the evaluation and
//! the pages would stop meaning the same column.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What kind of event a batch holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    Prediction,
    /// Rows of an uploaded baseline: same columns, never mixed with production.
    Baseline,
    /// What people say of an answer, or do with it.
    Feedback,
    /// What a system was worth, or cost.
    Business,
    /// What an evaluator found of an answer.
    Evaluation,
    Span,
    /// A line of a log.
    Log,
}

impl EventKind {
    pub fn name(self) -> &'static str {
        match self {
            EventKind::Prediction => "prediction",
            EventKind::Baseline => "baseline",
            EventKind::Feedback => "feedback",
            EventKind::Business => "business",
            EventKind::Evaluation => "evaluation",
            EventKind::Span => "span",
            EventKind::Log => "log",
        }
    }

    pub const ALL: [EventKind; 7] = [
        EventKind::Prediction,
        EventKind::Baseline,
        EventKind::Feedback,
        EventKind::Business,
        EventKind::Evaluation,
        EventKind::Span,
        EventKind::Log,
    ];

    pub fn parse(text: &str) -> Option<EventKind> {
        EventKind::ALL.into_iter().find(|kind| kind.name() == text)
    }

    /// Whether events of this kind belong to one model; the others belong to the installation.
    pub fn of_model(self) -> bool {
        matches!(self, EventKind::Prediction | EventKind::Baseline)
    }
}

/// What a column of an event is. Its wire name is [`ColumnRole::column`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "role", content = "of")]
pub enum ColumnRole {
    Id,
    Timestamp,
    /// The predicted class or number.
    Prediction,
    /// Probability of the positive class (binary), or the score of the predicted one.
    Probability,
    /// Probability of one class, by name.
    ClassProbability(String),
    /// A ranked list of items, best first.
    Ranking,
    IntervalLow,
    IntervalHigh,
    /// Generated text.
    Text,
    Feature(String),
    /// A protected or otherwise compared group.
    Group(String),
    /// The output of one member of an ensemble.
    Member(String),
    LatencyMs,
    TokensIn,
    TokensOut,
    Cost,
    TraceId,
    SessionId,
    InputId,
    Version,
    /// The truth, where it travels with the event (baselines, immediate labels).
    Label,
    LabelTime,
    /// Present in the data, kept nowhere.
    Ignored,
}

impl ColumnRole {
    /// The name under which the column is stored, `None` for what becomes no column of its own.
    pub fn column(&self) -> Option<String> {
        Some(match self {
            ColumnRole::Id
            | ColumnRole::Timestamp
            | ColumnRole::Label
            | ColumnRole::LabelTime
            | ColumnRole::Ignored => {
                return None;
            }
            ColumnRole::Prediction => "prediction".into(),
            ColumnRole::Probability => "probability".into(),
            ColumnRole::ClassProbability(class) => format!("probability.{class}"),
            ColumnRole::Ranking => "ranking".into(),
            ColumnRole::IntervalLow => "interval.low".into(),
            ColumnRole::IntervalHigh => "interval.high".into(),
            ColumnRole::Text => "text".into(),
            ColumnRole::Feature(name) => format!("feature.{name}"),
            ColumnRole::Group(name) => format!("group.{name}"),
            ColumnRole::Member(name) => format!("member.{name}"),
            ColumnRole::LatencyMs => "latency_ms".into(),
            ColumnRole::TokensIn => "tokens.input".into(),
            ColumnRole::TokensOut => "tokens.output".into(),
            ColumnRole::Cost => "cost".into(),
            ColumnRole::TraceId => "trace_id".into(),
            ColumnRole::SessionId => "session_id".into(),
            ColumnRole::InputId => "input_id".into(),
            ColumnRole::Version => "version".into(),
        })
    }

    /// The roles a person may choose between for a column of this name. The probability of one class
    /// is not among them: which class it is, the column's name does not say.
    pub fn choices(column: &str) -> [ColumnRole; 22] {
        [
            ColumnRole::Feature(column.to_string()),
            ColumnRole::Group(column.to_string()),
            ColumnRole::Prediction,
            ColumnRole::Probability,
            ColumnRole::Label,
            ColumnRole::Id,
            ColumnRole::Timestamp,
            ColumnRole::Member(column.to_string()),
            ColumnRole::Ranking,
            ColumnRole::Text,
            ColumnRole::IntervalLow,
            ColumnRole::IntervalHigh,
            ColumnRole::LatencyMs,
            ColumnRole::TokensIn,
            ColumnRole::TokensOut,
            ColumnRole::Cost,
            ColumnRole::TraceId,
            ColumnRole::SessionId,
            ColumnRole::InputId,
            ColumnRole::Version,
            ColumnRole::LabelTime,
            ColumnRole::Ignored,
        ]
    }

    /// The name of the role, as in JSON.
    pub fn code(&self) -> &'static str {
        match self {
            ColumnRole::Id => "id",
            ColumnRole::Timestamp => "timestamp",
            ColumnRole::Prediction => "prediction",
            ColumnRole::Probability => "probability",
            ColumnRole::ClassProbability(_) => "class_probability",
            ColumnRole::Ranking => "ranking",
            ColumnRole::IntervalLow => "interval_low",
            ColumnRole::IntervalHigh => "interval_high",
            ColumnRole::Text => "text",
            ColumnRole::Feature(_) => "feature",
            ColumnRole::Group(_) => "group",
            ColumnRole::Member(_) => "member",
            ColumnRole::LatencyMs => "latency_ms",
            ColumnRole::TokensIn => "tokens_in",
            ColumnRole::TokensOut => "tokens_out",
            ColumnRole::Cost => "cost",
            ColumnRole::TraceId => "trace_id",
            ColumnRole::SessionId => "session_id",
            ColumnRole::InputId => "input_id",
            ColumnRole::Version => "version",
            ColumnRole::Label => "label",
            ColumnRole::LabelTime => "label_time",
            ColumnRole::Ignored => "ignored",
        }
    }

    /// What a person reads in the schema editor.
    pub fn title(&self) -> String {
        match self {
            ColumnRole::Id => "Prediction id".into(),
            ColumnRole::Timestamp => "Event time".into(),
            ColumnRole::Prediction => "Prediction".into(),
            ColumnRole::Probability => "Probability".into(),
            ColumnRole::ClassProbability(class) => format!("Probability of {class}"),
            ColumnRole::Ranking => "Ranked list".into(),
            ColumnRole::IntervalLow => "Interval, low".into(),
            ColumnRole::IntervalHigh => "Interval, high".into(),
            ColumnRole::Text => "Text".into(),
            ColumnRole::Feature(_) => "Feature".into(),
            ColumnRole::Group(_) => "Group".into(),
            ColumnRole::Member(name) => format!("Ensemble member {name}"),
            ColumnRole::LatencyMs => "Latency, ms".into(),
            ColumnRole::TokensIn => "Tokens in".into(),
            ColumnRole::TokensOut => "Tokens out".into(),
            ColumnRole::Cost => "Cost".into(),
            ColumnRole::TraceId => "Trace id".into(),
            ColumnRole::SessionId => "Session id".into(),
            ColumnRole::InputId => "Input id".into(),
            ColumnRole::Version => "Version".into(),
            ColumnRole::Label => "Label".into(),
            ColumnRole::LabelTime => "Label time".into(),
            ColumnRole::Ignored => "Ignored".into(),
        }
    }
}

/// The code of a missing category.
pub const MISSING: u32 = u32::MAX;

/// The values of one column, row-aligned with its batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ColumnData {
    /// NaN is missing. Infinities do not occur: the decoder refuses them.
    Number(Vec<f64>),
    /// Codes into `dictionary`; [`MISSING`] is missing. Also holds text.
    Category { codes: Vec<u32>, dictionary: Vec<String> },
    /// Embedding vectors of one dimension, row after row; an all-NaN row is missing.
    Vector { dimension: u32, values: Vec<f32> },
}

impl ColumnData {
    /// Its values, where it holds numbers.
    pub fn numbers(&self) -> Option<&[f64]> {
        match self {
            ColumnData::Number(values) => Some(values),
            _ => None,
        }
    }

    pub fn len(&self) -> usize {
        match self {
            ColumnData::Number(values) => values.len(),
            ColumnData::Category { codes, .. } => codes.len(),
            ColumnData::Vector { dimension, values } => values.len() / (*dimension).max(1) as usize,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A column of the same type in which every row is missing.
    pub fn missing_like(&self, rows: usize) -> ColumnData {
        match self {
            ColumnData::Number(_) => ColumnData::Number(vec![f64::NAN; rows]),
            ColumnData::Category { .. } => ColumnData::Category { codes: vec![MISSING; rows], dictionary: Vec::new() },
            ColumnData::Vector { dimension, .. } => {
                ColumnData::Vector { dimension: *dimension, values: vec![f32::NAN; rows * *dimension as usize] }
            }
        }
    }

    pub fn missing(&self) -> usize {
        match self {
            ColumnData::Number(values) => values.iter().filter(|v| v.is_nan()).count(),
            ColumnData::Category { codes, .. } => codes.iter().filter(|c| **c == MISSING).count(),
            ColumnData::Vector { dimension, values } => {
                values.chunks((*dimension).max(1) as usize).filter(|row| row.iter().all(|v| v.is_nan())).count()
            }
        }
    }

    /// The rows of `keep`, in that order.
    pub fn take(&self, keep: &[usize]) -> ColumnData {
        match self {
            ColumnData::Number(values) => ColumnData::Number(keep.iter().map(|&i| values[i]).collect()),
            ColumnData::Category { codes, dictionary } => {
                ColumnData::Category { codes: keep.iter().map(|&i| codes[i]).collect(), dictionary: dictionary.clone() }
            }
            ColumnData::Vector { dimension, values } => {
                let d = *dimension as usize;
                ColumnData::Vector {
                    dimension: *dimension,
                    values: keep.iter().flat_map(|&i| values[i * d..(i + 1) * d].iter().copied()).collect(),
                }
            }
        }
    }

    /// Appends the rows of `other`. Where the types differ, numbers become text: a feature whose
    /// type changed upstream is kept and can be seen, rather than refused.
    pub fn append(&mut self, other: &ColumnData) {
        match (&mut *self, other) {
            (ColumnData::Number(a), ColumnData::Number(b)) => a.extend_from_slice(b),
            (ColumnData::Category { codes, dictionary }, ColumnData::Category { codes: more, dictionary: words }) => {
                let map = merge_words(dictionary, words);
                codes.extend(more.iter().map(|&c| if c == MISSING { MISSING } else { map[c as usize] }));
            }
            (ColumnData::Vector { dimension: a, values }, ColumnData::Vector { dimension: b, values: more })
                if a == b =>
            {
                values.extend_from_slice(more);
            }
            _ => self.append_other_type(other),
        }
    }

    fn append_other_type(&mut self, other: &ColumnData) {
        // Of rows that are all missing nobody knows the type: they take the other's.
        if other.missing() == other.len() {
            let filler = self.missing_like(other.len());
            self.append(&filler);
        } else if self.missing() == self.len() {
            *self = other.missing_like(self.len());
            self.append(other);
        } else {
            let mut text = self.to_category();
            text.append(&other.to_category());
            *self = text;
        }
    }

    /// The same values as text categories.
    pub fn to_category(&self) -> ColumnData {
        let mut builder = CategoryBuilder::default();
        for row in 0..self.len() {
            match self.text(row) {
                Some(text) => builder.push(Some(&text)),
                None => builder.push(None),
            }
        }
        builder.finish()
    }

    /// The value of one row as text, `None` when missing.
    pub fn text(&self, row: usize) -> Option<String> {
        match self {
            ColumnData::Number(values) => (!values[row].is_nan()).then(|| number_text(values[row])),
            ColumnData::Category { codes, dictionary } => {
                (codes[row] != MISSING).then(|| dictionary[codes[row] as usize].clone())
            }
            ColumnData::Vector { dimension, values } => {
                let d = *dimension as usize;
                let slice = &values[row * d..(row + 1) * d];
                (!slice.iter().all(|v| v.is_nan())).then(|| format!("{slice:?}"))
            }
        }
    }
}

/// Adds the words that the dictionary lacks; the place of each of `words` in it.
fn merge_words(dictionary: &mut Vec<String>, words: &[String]) -> Vec<u32> {
    // A few words are found sooner by looking than by hashing all that are there.
    if dictionary.len() + words.len() <= 64 {
        return words
            .iter()
            .map(|word| match dictionary.iter().position(|w| w == word) {
                Some(place) => place as u32,
                None => {
                    dictionary.push(word.clone());
                    dictionary.len() as u32 - 1
                }
            })
            .collect();
    }
    let mut known: std::collections::HashMap<String, u32> =
        dictionary.iter().enumerate().map(|(i, w)| (w.clone(), i as u32)).collect();
    words
        .iter()
        .map(|word| {
            *known.entry(word.clone()).or_insert_with(|| {
                dictionary.push(word.clone());
                dictionary.len() as u32 - 1
            })
        })
        .collect()
}

/// A number as a category name: whole numbers without a fraction, so that `1` and `1.0` are one class.
pub fn number_text(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 9e15 { format!("{}", value as i64) } else { format!("{value}") }
}

/// Collects text values into codes and a dictionary.
#[derive(Debug, Default, Clone)]
pub struct CategoryBuilder {
    codes: Vec<u32>,
    dictionary: Vec<String>,
    known: std::collections::HashMap<String, u32>,
}

impl CategoryBuilder {
    pub fn push(&mut self, value: Option<&str>) {
        let code = match value {
            None => MISSING,
            Some(text) => match self.known.get(text) {
                Some(code) => *code,
                None => {
                    let code = self.dictionary.len() as u32;
                    self.dictionary.push(text.to_string());
                    self.known.insert(text.to_string(), code);
                    code
                }
            },
        };
        self.codes.push(code);
    }

    pub fn finish(self) -> ColumnData {
        ColumnData::Category { codes: self.codes, dictionary: self.dictionary }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Column {
    /// [`ColumnRole::column`]
    pub name: String,
    pub data: ColumnData,
}

impl Column {
    /// What the column of that name holds.
    pub fn named<'a>(columns: &'a [Column], name: &str) -> Option<&'a ColumnData> {
        columns.iter().find(|c| c.name == name).map(|c| &c.data)
    }
}

/// Rows of one model, one environment and one kind, in columns.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventBatch {
    pub ids: Vec<String>,
    pub times: Vec<Timestamp>,
    pub columns: Vec<Column>,
}

impl EventBatch {
    pub fn rows(&self) -> usize {
        self.ids.len()
    }

    pub fn column(&self, name: &str) -> Option<&ColumnData> {
        Column::named(&self.columns, name)
    }

    pub fn numbers(&self, name: &str) -> Option<&[f64]> {
        self.column(name)?.numbers()
    }

    /// The rows of `keep`, in that order.
    pub fn take(&self, keep: &[usize]) -> EventBatch {
        EventBatch {
            ids: keep.iter().map(|&i| self.ids[i].clone()).collect(),
            times: keep.iter().map(|&i| self.times[i]).collect(),
            columns: self.columns.iter().map(|c| Column { name: c.name.clone(), data: c.data.take(keep) }).collect(),
        }
    }

    /// Appends `other`; columns that one side lacks are filled with missing values.
    pub fn append(&mut self, other: EventBatch) {
        let rows = self.rows();
        let more = other.rows();
        if rows == 0 && self.columns.is_empty() {
            *self = other;
            return;
        }
        let mut met = 0;
        for (place, theirs) in other.columns.into_iter().enumerate() {
            // Batches of one sender name their columns in one order.
            let ours = match self.columns.get(place) {
                Some(ours) if ours.name == theirs.name => Some(place),
                _ => self.columns.iter().position(|c| c.name == theirs.name),
            };
            match ours {
                Some(ours) => {
                    met += 1;
                    self.columns[ours].data.append(&theirs.data);
                }
                None => {
                    let mut data = theirs.data.missing_like(rows);
                    data.append(&theirs.data);
                    met += 1;
                    self.columns.push(Column { name: theirs.name, data });
                }
            }
        }
        if met < self.columns.len() {
            for ours in self.columns.iter_mut().filter(|c| c.data.len() < rows + more) {
                let filler = ours.data.missing_like(more);
                ours.data.append(&filler);
            }
        }
        self.ids.extend(other.ids);
        self.times.extend(other.times);
    }
}

/// What a label says: a class or a number. Classes and numbers travel as text and are read as the
/// model's task demands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LabelBatch {
    pub ids: Vec<String>,
    pub values: Vec<String>,
    /// When the truth became known, as the sender says; receipt is kept beside it by the store.
    pub times: Vec<Timestamp>,
    pub source: LabelSource,
}

impl LabelBatch {
    pub fn rows(&self) -> usize {
        self.ids.len()
    }

    /// Appends labels that came later.
    pub fn append(&mut self, other: LabelBatch) {
        self.ids.extend(other.ids);
        self.values.extend(other.values);
        self.times.extend(other.times);
    }
}

/// Where a label came from; later work orders them by precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LabelSource {
    #[default]
    Api,
    Import,
    FeedbackRule,
    Reviewer,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(values: &[Option<&str>]) -> ColumnData {
        let mut builder = CategoryBuilder::default();
        values.iter().for_each(|v| builder.push(*v));
        builder.finish()
    }

    #[test]
    fn appending_keeps_rows_aligned_when_columns_differ() {
        let mut a = EventBatch {
            ids: vec!["1".into()],
            times: vec![Timestamp(1)],
            columns: vec![Column { name: "feature.x".into(), data: ColumnData::Number(vec![1.0]) }],
        };
        let b = EventBatch {
            ids: vec!["2".into()],
            times: vec![Timestamp(2)],
            columns: vec![Column { name: "feature.c".into(), data: category(&[Some("red")]) }],
        };
        a.append(b.clone());
        assert_eq!(a.rows(), 2);
        assert!(a.columns.iter().all(|c| c.data.len() == 2));
        assert_eq!(a.column("feature.c").expect("there").text(0), None);
        assert_eq!(a.column("feature.c").expect("there").text(1), Some("red".into()));
        assert!(a.numbers("feature.x").expect("there")[1].is_nan());
    }

    #[test]
    fn dictionaries_are_merged_by_word_not_by_code() {
        let mut a = category(&[Some("red"), None, Some("blue")]);
        a.append(&category(&[Some("blue"), Some("green")]));
        let words: Vec<_> = (0..a.len()).map(|i| a.text(i)).collect();
        assert_eq!(words, [Some("red"), None, Some("blue"), Some("blue"), Some("green")].map(|o| o.map(String::from)));
    }

    #[test]
    fn a_number_that_becomes_text_upstream_is_kept_as_text() {
        let mut a = ColumnData::Number(vec![1.0, f64::NAN, 2.5]);
        a.append(&category(&[Some("many")]));
        let words: Vec<_> = (0..4).map(|i| a.text(i)).collect();
        assert_eq!(words, [Some("1"), None, Some("2.5"), Some("many")].map(|o| o.map(String::from)));
    }
}
