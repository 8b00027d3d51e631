//! How a page reads what it shows, and reads it again. What was read last stays, with its time, when reading
//! it again fails for a reason that passes: a monitor that blanks itself when the network blinks is none.

use std::future::Future;

use leptos::prelude::*;
use leptos::reactive::computed::ScopedFuture;
use leptos::tachys::reactive_graph::OwnedView;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::live::{Live, use_live};
use crate::server_functions::Failure;
use crate::wire::{Read, resource};

/// Reads for `here` (what the address says), and again whenever `again` changes.
pub fn reading<K, A, T, F>(
    here: impl Fn() -> K + Copy + Send + Sync + 'static,
    again: impl Fn() -> A + Send + Sync + 'static,
    fetch: impl Fn(K) -> F + Send + Sync + 'static,
) -> Read<Result<T, Failure>>
where
    K: Clone + PartialEq + Send + Sync + 'static,
    A: Clone + PartialEq + Send + Sync + 'static,
    T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
    F: Future<Output = Result<T, Failure>> + Send + 'static,
{
    let live = use_live();
    let known = StoredValue::new(untrack(here));
    let own = StoredValue::new(None::<Read<Result<T, Failure>>>);
    let asking = resource(
        move || (here(), again()),
        move |(key, _)| {
            let same = known.with_value(|k| *k == key);
            known.set_value(key.clone());
            let busy = (!same).then(|| Busy::begin(live));
            let asked = fetch(key);
            async move {
                let answer = asked.await;
                drop(busy);
                let before = || own.try_get_value().flatten()?.try_get_untracked()??.ok();
                let passes = same && answer.as_ref().is_err_and(Failure::passes);
                match (passes.then(before).flatten(), answer) {
                    (Some(shown), Err(failure)) => {
                        live.lost(&failure);
                        Ok(shown)
                    }
                    (_, answer) => {
                        live.found();
                        answer
                    }
                }
            }
        },
    );
    own.set_value(Some(asking));
    asking
}

/// Draws what is waited for, beside `here`: what the page reads of signals for it.
///
/// `here` is read before the wait. A `Suspend` that reads a signal after its `await` follows that signal only once
/// it is drawn; a change until then (a second click) is missed, and the page stays at what was asked before.
pub fn awaited<H, W, V>(
    here: impl Fn() -> H + Send + 'static,
    wait: impl Fn() -> W + Send + 'static,
    draw: impl Fn(H, W::Output) -> V + Clone + Send + 'static,
) -> impl FnMut() -> Suspend<OwnedView<V>> + Send + 'static
where
    H: Send + 'static,
    W: IntoFuture,
    W::IntoFuture: Send + 'static,
    V: 'static,
{
    standing(move || {
        let (here, wait, draw) = (here(), wait().into_future(), draw.clone());
        async move {
            let read = wait.await;
            draw(here, read)
        }
    })
}

/// Draws a view that has to be waited for. What was drawn before stands until then, and what is its own (whether a
/// table is open, a chart is in the window) stays with it: the pointer goes on over it, and a part of it that asked
/// for a signal that is gone would take the whole page down.
pub fn standing<F>(
    view: impl Fn() -> F + Send + 'static,
) -> impl FnMut() -> Suspend<OwnedView<F::Output>> + Send + 'static
where
    F: Future + Send + 'static,
    F::Output: 'static,
{
    let mut ground = Ground::here();
    move || {
        let (view, own) = (view(), ground.part());
        Suspend::new(async move {
            let drawn = own.with(|| ScopedFuture::new(view)).await;
            OwnedView::new_with_owner(drawn, own)
        })
    }
}

/// Where views stand that are drawn one after the other, each with signals of its own that go with it: those that an
/// effect makes go as soon as it runs again, which is before what it draws is there.
struct Ground {
    under: Owner,
    /// An owner remembers each that it ever had under it: one that lives as long as the page does so for one in
    /// [`PARTS`] only, and a page is kept open all night.
    lot: Owner,
    parts: usize,
}

/// How many views follow each other on a lot.
const PARTS: usize = 256;

impl Ground {
    fn here() -> Ground {
        let under = Owner::current().unwrap_or_default();
        Ground { lot: under.child(), under, parts: 0 }
    }

    /// A place for the next view; what it stands on stays as long.
    fn part(&mut self) -> Owner {
        if self.parts == PARTS {
            (self.lot, self.parts) = (self.under.child(), 0);
        }
        self.parts += 1;
        let (lot, part) = (self.lot.clone(), self.lot.child());
        part.with(|| on_cleanup(move || drop(lot)));
        part
    }
}

/// Something else is being read than what is shown; also when the reading is given up for a newer one.
struct Busy(Live);

impl Busy {
    fn begin(live: Live) -> Busy {
        live.busy.update(|n| *n += 1);
        Busy(live)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.try_update(|n| *n -= 1);
    }
}
