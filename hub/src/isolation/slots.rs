//! Places under a cap, counted exactly however many ask at once.
#![expect(clippy::disallowed_types, reason = "the kernel is where shared state stands")]

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is left under one cap.
#[derive(Debug, Clone)]
pub(crate) struct Slots(Arc<Semaphore>);

/// One place, given back once: when its owner says so, or when nobody has it any more.
#[derive(Debug)]
pub(crate) struct Slot(Mutex<Option<OwnedSemaphorePermit>>);

impl Slots {
    /// As many as the cap says.
    pub(crate) fn new(cap: usize) -> Self {
        Self(Arc::new(Semaphore::new(cap.min(Semaphore::MAX_PERMITS))))
    }

    /// A place, if there is one left.
    pub(crate) fn take(&self) -> Option<Slot> {
        let permit = self.0.clone().try_acquire_owned().ok()?;
        Some(Slot(Mutex::new(Some(permit))))
    }
}

impl Slot {
    /// Gives it back at once: whoever still works with what it was taken for must not hold up the next in line.
    pub(crate) fn give_back(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_given_back_once_however_it_is_given_back() {
        let slots = Slots::new(2);
        let (first, _second) = (slots.take().unwrap(), slots.take().unwrap());
        assert!(slots.take().is_none());
        first.give_back();
        first.give_back();
        drop(first);
        let third = slots.take().unwrap();
        assert!(slots.take().is_none(), "one came back, not three");
        drop(third);
        assert!(slots.take().is_some());
    }

    #[test]
    fn a_cap_that_is_too_large_to_count_is_none() {
        assert!(Slots::new(usize::MAX).take().is_some());
    }
}
