//! What the charts of a page share: the instant under the pointer, the span that is marked, the note that
//! is being written. One crosshair stands on all of them; only the chart under the pointer says values.

use std::sync::Arc;

use domain::annotation::Subject;
use domain::happening::Flag;
use leptos::prelude::*;

/// A note that is being written, at an instant or over a span, in microseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    pub at: f64,
    pub until: Option<f64>,
    pub about: Subject,
}

/// A button that is down on a chart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Down {
    pub chart: u64,
    /// The place on its axis.
    pub x: f64,
    /// Pixels from the left of the window.
    pub pixel: f64,
}

#[derive(Clone, Copy)]
pub struct Shared {
    /// Microseconds.
    pub at: RwSignal<Option<f64>>,
    /// The chart under the pointer or with the focus.
    pub over: RwSignal<u64>,
    /// The marked span, and the chart it was marked in.
    pub marked: RwSignal<Option<(f64, f64)>>,
    pub marked_in: RwSignal<u64>,
    /// Where a button went down and is still: a chart that is drawn anew meanwhile goes on with the same drag.
    pub down: StoredValue<Option<Down>>,
    pub draft: RwSignal<Option<Draft>>,
}

/// What happened in the range of a page, and what its charts are of, for all of them at once.
#[derive(Clone, Default)]
pub struct Happened {
    pub flags: Arc<Vec<Flag>>,
    pub about: Subject,
}

/// Gives the charts that are drawn after this their flags, and notes made on them their subject.
pub fn happened(flags: &[Flag], about: Subject) {
    provide_context(Happened { flags: Arc::new(flags.to_vec()), about });
}

/// Stands in the context of pages that are shown by link: nothing is written there.
#[derive(Clone, Copy)]
pub struct ReadOnly;

/// Stands in the context of pages whose charts follow the range in the address.
#[derive(Clone, Copy)]
pub struct Ranged;

pub fn provide_shared() -> Shared {
    let shared = Shared {
        at: RwSignal::new(None),
        over: RwSignal::new(0),
        marked: RwSignal::new(None),
        marked_in: RwSignal::new(0),
        down: StoredValue::new(None),
        draft: RwSignal::new(None),
    };
    provide_context(shared);
    shared
}

pub fn use_shared() -> Shared {
    expect_context::<Shared>()
}

impl Shared {
    pub fn mark(&self, chart: u64, from: f64, to: f64) {
        self.marked_in.set(chart);
        self.marked.set(Some((from.min(to), from.max(to))));
    }

    /// A button is let go of: where it went down, if that was on this chart.
    pub fn let_go(&self, chart: u64) -> Option<Down> {
        let from = self.down.get_value();
        self.down.set_value(None);
        from.filter(|down| down.chart == chart)
    }

    /// A page that is being read closely is not moved on under the reader's hands.
    pub fn holds(&self) -> bool {
        self.marked.with(Option::is_some) || self.draft.with(Option::is_some)
    }
}
