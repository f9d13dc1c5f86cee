//! Something that one of those who can reach it takes, and nobody after.
#![expect(clippy::disallowed_types, reason = "the kernel is where shared state stands")]

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// It, until it is taken.
pub(crate) struct Parcel<T>(Arc<Mutex<Option<T>>>);

impl<T> Parcel<T> {
    /// Leaves something to be taken.
    pub(crate) fn new(content: T) -> Self {
        Self(Arc::new(Mutex::new(Some(content))))
    }

    /// Takes it; `None` where somebody else has.
    pub(crate) fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<T> Clone for Parcel<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Parcel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parcel")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parcel_is_taken_once() {
        let parcel = Parcel::new(1);
        assert_eq!([parcel.clone().take(), parcel.take()], [Some(1), None]);
    }
}
