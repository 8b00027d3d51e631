//! How often something was so: the share with its 95 % interval (Wilson), one way for all that count.

use domain::verdict::Estimate;
use statistics::intervals::{Z95, wilson};

/// `hits` of `n`; of nothing it is 0, with an interval from 0 to 1.
pub(crate) fn share(hits: u64, n: u64) -> Estimate {
    let (low, high) = wilson(hits as f64, n as f64, Z95);
    Estimate { value: hits as f64 / n.max(1) as f64, low, high, n }
}

/// `None` where nothing was looked at.
pub(crate) fn share_of_some(hits: u64, n: u64) -> Option<Estimate> {
    (n > 0).then(|| share(hits, n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_lies_in_its_interval_and_of_nothing_there_is_none() {
        let half = share(50, 100);
        assert_eq!((half.value, half.n), (0.5, 100));
        assert!(half.low < 0.41 && half.high > 0.59);
        assert_eq!(share_of_some(0, 0), None);
        assert_eq!(share_of_some(3, 3).map(|s| s.high), Some(1.0));
    }
}
