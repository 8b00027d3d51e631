//! Where rows of a model go, remembered for a moment: senders of single events must not cost a
//! question to the database each.
//!
//! What is remembered may be two seconds old, which other processes' changes of a schema may be too;
//! changes made here are forgotten at once. Never write back a model that came from here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::Timestamp;
use domain::event::EventKind;
use domain::model::Model;
use domain::time::SECOND;
use store::Stream;

const FRESH_FOR: i64 = 2 * SECOND;
/// Targets remembered at most; beyond, all are asked for again.
const TARGETS_MAX: usize = 4096;

type Key = (String, EventKind, String);
/// A model and the stream of it that rows go to.
pub(super) type Target = Arc<(Model, Stream)>;

#[derive(Default)]
pub struct Targets {
    known: Mutex<HashMap<Key, (Timestamp, Target)>>,
    /// Streams that belong to no model: they are made once and never go.
    telemetry: Mutex<HashMap<(EventKind, String), Stream>>,
}

impl Targets {
    pub(super) fn get(&self, model: &str, kind: EventKind, environment: &str, now: Timestamp) -> Option<Target> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, target) = known.get(&(model.to_string(), kind, environment.to_string()))?;
        (now <= at.plus(FRESH_FOR)).then(|| target.clone())
    }

    pub(super) fn put(&self, target: Target, now: Timestamp) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= TARGETS_MAX {
            known.clear();
        }
        let (model, stream) = &*target;
        known.insert((model.name.clone(), stream.kind, stream.environment.clone()), (now, target));
    }

    pub(super) fn telemetry(&self, kind: EventKind, environment: &str) -> Option<Stream> {
        let known = self.telemetry.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(kind, environment.to_string())).cloned()
    }

    pub(super) fn remember(&self, stream: Stream) {
        let mut known = self.telemetry.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert((stream.kind, stream.environment.clone()), stream);
    }

    /// To be called whenever a model was changed or removed.
    pub(crate) fn forget(&self, model: &str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).retain(|(name, _, _), _| name != model);
    }
}
