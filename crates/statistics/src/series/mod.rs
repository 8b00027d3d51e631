//! Values in order of time: season, trend, forecast, change, outliers, correlation.

mod change_point;
mod correlation;
mod forecast;
mod outlier;
mod seasonal;
mod smoothing;
mod stl;
mod trend;

pub use change_point::{OnlineChange, pelt};
pub use correlation::{Correlation, autocorrelation, cross_correlation, kendall, lagged, pearson, spearman};
pub use forecast::{Crossing, Forecast, fit_holt_winters};
pub use outlier::{Grubbs, grubbs, modified_z};
pub use seasonal::{SeasonalBaseline, seasonal_robust_z};
pub use smoothing::{Smoothed, Smoothing};
pub use stl::{Decomposition, StlOptions, stl};
pub use trend::{MannKendall, TheilSen, mann_kendall, theil_sen};
