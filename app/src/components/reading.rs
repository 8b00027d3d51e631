//! How a page reads what it shows, and reads it again. What was read last stays, with its time, when reading
//! it again fails for a reason that passes: a monitor that blanks itself when the network blinks is none.

use std::future::Future;

use leptos::prelude::*;
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
            let shown = own.get_value().filter(|_| same).and_then(|r| r.try_get_untracked().flatten());
            let busy = (!same).then(|| Busy::begin(live));
            let asked = fetch(key);
            async move {
                let answer = asked.await;
                drop(busy);
                match (answer, shown) {
                    (Err(failure), Some(Ok(shown))) if failure.passes() => {
                        live.lost(&failure);
                        Ok(shown)
                    }
                    (answer, _) => {
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
) -> impl Fn() -> Suspend<V> + Send + 'static
where
    H: Send + 'static,
    W: IntoFuture,
    W::IntoFuture: Send + 'static,
    V: 'static,
{
    move || {
        let (here, wait, draw) = (here(), wait().into_future(), draw.clone());
        Suspend::new(async move {
            let read = wait.await;
            draw(here, read)
        })
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
