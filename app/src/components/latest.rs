//! A question that may be asked again while an answer is on its way, as with every letter that is typed. Only what
//! answers the last one is kept: an `Action` keeps the answer that comes last, which under load is another's.

use std::future::Future;

use leptos::prelude::*;

pub struct Latest<A: Send + Sync + 'static> {
    asked: RwSignal<u32>,
    answered: RwSignal<(u32, Option<A>)>,
}

impl<A: Send + Sync + 'static> Clone for Latest<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: Send + Sync + 'static> Copy for Latest<A> {}

impl<A: Clone + Send + Sync + 'static> Latest<A> {
    pub fn unasked() -> Latest<A> {
        Latest { asked: RwSignal::new(0), answered: RwSignal::new((0, None)) }
    }

    /// Asks; in a browser only, from an event or an effect.
    pub fn ask(self, answer: impl Future<Output = A> + 'static) {
        let own = self.asked.get_untracked() + 1;
        self.asked.set(own);
        leptos::task::spawn_local(async move {
            let answer = answer.await;
            // The page may be gone by now.
            if self.asked.try_get_untracked() == Some(own) {
                self.answered.set((own, Some(answer)));
            }
        });
    }

    /// The answer to the last question; until it comes, that to one before.
    pub fn answer(self) -> Option<A> {
        self.answered.get().1
    }

    /// Whether an answer is still awaited.
    pub fn waits(self) -> bool {
        self.asked.get() != self.answered.with(|(of, _)| *of)
    }
}
