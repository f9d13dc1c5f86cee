//! Numbers in order, counted for one owner or for the process.
#![expect(clippy::disallowed_types, reason = "the kernel is where shared state stands")]

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts from 1.
#[derive(Debug, Default)]
pub(crate) struct Serial(AtomicU64);

impl Serial {
    /// The next number.
    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}
