//! Work that nobody waits for: compaction, merging, evaluation. It runs on threads of its own at a low
//! priority, so that what senders and readers wait for comes first and the rest takes what is left.

use std::sync::LazyLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// How much the threads give way: each step is about a tenth less of a contested core.
const NICENESS: i32 = 10;

static POOL: LazyLock<Option<ThreadPool>> = LazyLock::new(|| {
    let built = ThreadPoolBuilder::new()
        .num_threads(2)
        .thread_name(|number| format!("background-{number}"))
        .start_handler(|_| {
            let this = rustix::thread::gettid();
            if let Err(error) = rustix::process::setpriority_process(Some(this), NICENESS) {
                tracing::debug!(%error, "background work runs at the priority of all other");
            }
        })
        .build();
    built.inspect_err(|error| tracing::warn!(%error, "no threads for background work")).ok()
});

/// Does a piece of long work in the background and waits for it, holding up no other task meanwhile.
pub fn in_background<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    tokio::task::block_in_place(|| match &*POOL {
        Some(pool) => pool.install(work),
        None => work(),
    })
}
