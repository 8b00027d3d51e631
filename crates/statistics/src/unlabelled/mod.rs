//! Quality while the truth is not known yet.

mod confidence_based;
mod loss;

pub use confidence_based::{
    Calibrator, ConfidenceBased, Estimates, Expected, MulticlassEstimates, Realised, estimate_multiclass, expected,
    expected_auc,
};
pub use loss::LossModel;
