//! Change in a stream, one value at a time, in constant memory.
//!
//! Every detector starts anew with the first value after a detection: what came before belongs to
//! another regime. The conventions and defaults are those of River, so that its users find the
//! detections they know.

mod adwin;
mod error_rate;
mod hoeffding;
mod kswin;
mod page_hinkley;

pub use adwin::Adwin;
pub use error_rate::{Ddm, Eddm};
pub use hoeffding::{HddmA, HddmW};
pub use kswin::Kswin;
pub use page_hinkley::{Mode, PageHinkley};

/// What a detector says after a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Signal {
    #[default]
    Stable,
    /// It may be about to change.
    Warning,
    Drift,
}

/// A detector of change in a stream.
pub trait Detector {
    /// Takes the next value. NaN is left out: it changes nothing and says what was said before.
    fn update(&mut self, value: f64) -> Signal;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all() -> Vec<Box<dyn Detector>> {
        vec![
            Box::new(Adwin::default()),
            Box::new(PageHinkley::default()),
            Box::new(Kswin::default()),
            Box::new(Ddm::default()),
            Box::new(Eddm::default()),
            Box::new(HddmA::default()),
            Box::new(HddmW::default()),
        ]
    }

    proptest! {
        #[test]
        fn no_input_makes_a_detector_panic(values in prop::collection::vec(prop::num::f64::ANY, 0..400)) {
            for mut detector in all() {
                values.iter().for_each(|v| { detector.update(*v); });
            }
        }
    }

    #[test]
    fn a_stream_that_never_changes_is_never_drift() {
        for mut detector in all() {
            assert!((0..3000).all(|_| detector.update(0.0) != Signal::Drift));
        }
    }
}
