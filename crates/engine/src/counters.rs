//! Counters that senders report as differences, added up.
//!
//! What a counter stands at is in the store; a process that does not know it yet begins there.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use store::Store;

use crate::ingest::otlp::exponential::Exponential;

/// Counters remembered at most; beyond, all are read from the store again.
const KNOWN_MAX: usize = 200_000;

/// Exponential histograms remembered at most.
const HISTOGRAMS_MAX: usize = 20_000;

#[derive(Default)]
pub struct Counters {
    known: Mutex<HashMap<i64, f64>>,
    /// Exponential histograms, whose buckets change from report to report: only whole ones can be added up. A
    /// process that does not know one begins it anew, which reads as a counter that was reset.
    histograms: Mutex<HashMap<u128, Exponential>>,
}

impl Counters {
    /// What a series stands at after it grew.
    pub fn add(&self, store: &Store, series: i64, by: f64) -> f64 {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() > KNOWN_MAX {
            known.clear();
        }
        let stands = known.entry(series).or_insert_with(|| store.latest_value(series).unwrap_or(0.0));
        *stands += by;
        *stands
    }

    /// What a histogram stands at after a report of its growth.
    pub fn add_histogram(&self, spelling: u128, by: Exponential) -> Exponential {
        let mut known = self.histograms.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() > HISTOGRAMS_MAX {
            known.clear();
        }
        let stands = known.entry(spelling).or_default();
        stands.add(by);
        stands.clone()
    }

    /// Forgets what could not be kept: it will be sent again, and must not be added up twice.
    pub fn forget(&self, series: &[i64], histograms: &[u128]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for id in series {
            known.remove(id);
        }
        let mut known = self.histograms.lock().unwrap_or_else(PoisonError::into_inner);
        for spelling in histograms {
            known.remove(spelling);
        }
    }
}
