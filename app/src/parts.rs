//! Where the browser's module is cut. Splitting it is a step of its own after compiling, which `cargo leptos watch` does
//! only when it is asked to: without the feature `split` all of it is one file, or its parts would be looked for in vain.

/// A function that draws something of its own part of the module, and one that fetches that part beforehand.
macro_rules! part {
    ($draw:ident($($of:ident: $type:ty)?), $fetch:ident => $body:expr) => {
        #[cfg(any(feature = "split", not(feature = "hydrate")))]
        #[lazy]
        fn $draw($($of: $type)?) -> AnyView {
            $body
        }

        #[cfg(all(feature = "hydrate", not(feature = "split")))]
        async fn $draw($($of: $type)?) -> AnyView {
            $body
        }

        #[cfg(all(feature = "hydrate", not(feature = "split")))]
        async fn $fetch() {}
    };
}

pub(crate) use part;
