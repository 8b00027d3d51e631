//! Quality while the truth is not known yet.

mod confidence_based;
mod loss;

pub use confidence_based::{
    Calibrator, ConfidenceBased, Estimates, Expected, MulticlassEstimates, Realised, estimate_multiclass, expected,
    expected_auc, multiclass_sampling_error,
};
pub use loss::LossModel;
