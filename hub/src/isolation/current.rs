//! Something that everybody reads and that is now and then replaced as a whole.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;

/// What holds at the moment. Reading it waits for nobody: every request does.
pub(crate) struct Current<T>(ArcSwap<T>);

impl<T> Current<T> {
    /// This, to begin with.
    pub(crate) fn new(first: T) -> Self {
        Self(ArcSwap::from_pointee(first))
    }

    /// What there is to know of it now.
    pub(crate) fn read<R>(&self, reading: impl FnOnce(&T) -> R) -> R {
        reading(&self.0.load())
    }

    /// What holds now, for longer than a look at it.
    pub(crate) fn now(&self) -> Arc<T> {
        self.0.load_full()
    }

    /// From now on this holds. Whoever reads at the same time reads the one or the other, and no mixture.
    pub(crate) fn replace(&self, next: T) {
        self.0.store(Arc::new(next));
    }
}

impl<T: fmt::Debug> fmt::Debug for Current<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.load().fmt(f)
    }
}
