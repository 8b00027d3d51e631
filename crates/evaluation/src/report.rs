//! The answer of `plimsoll drift`: a fixed shape for pipelines.

use domain::verdict::{ColumnKind, ColumnVerdict, Finding};
use serde::Serialize;

/// One table against another. The shape is an interface: fields are added, never changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftReport {
    pub drifted: bool,
    pub drifted_share: f64,
    pub columns: Vec<DriftColumn>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftColumn {
    pub name: String,
    pub kind: ColumnKind,
    pub n_reference: u64,
    pub n_current: u64,
    pub missing_reference: u64,
    pub missing_current: u64,
    pub drifted: bool,
    pub finding: Finding,
    pub sentence: String,
    pub tests: Vec<DriftTest>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftTest {
    pub name: String,
    pub statistic: Option<f64>,
    pub p_value: Option<f64>,
    pub p_adjusted: Option<f64>,
    pub threshold: f64,
    pub drifted: bool,
}

impl DriftReport {
    /// `share`: the data set drifts when at least this share of its columns do; 0 means any column.
    pub fn of(verdicts: &[ColumnVerdict], share: f64) -> DriftReport {
        let judged = verdicts.iter().filter(|v| v.finding != Finding::NotEnoughData).count();
        let drifted = verdicts.iter().filter(|v| v.finding.drifted()).count();
        let drifted_share = if judged == 0 { 0.0 } else { drifted as f64 / judged as f64 };
        let columns = verdicts
            .iter()
            .map(|v| DriftColumn {
                name: v.name.clone(),
                kind: v.kind,
                n_reference: v.n_reference,
                n_current: v.n_current,
                missing_reference: v.missing_reference,
                missing_current: v.missing_current,
                drifted: v.finding.drifted(),
                finding: v.finding,
                sentence: v.sentence.clone(),
                tests: v
                    .tests
                    .iter()
                    .map(|t| DriftTest {
                        name: t.name.clone(),
                        statistic: t.statistic,
                        p_value: t.p_value,
                        p_adjusted: t.p_adjusted,
                        threshold: t.threshold,
                        drifted: t.drifted,
                    })
                    .collect(),
            })
            .collect();
        DriftReport { drifted: drifted > 0 && drifted_share >= share, drifted_share, columns }
    }
}
