//! What a table is built of: a lock, and tasks. `orders` builds it once more, of others that have the same names.
#![expect(clippy::disallowed_types, reason = "the kernel is where shared state stands")]

pub(super) use std::sync::MutexGuard;

pub(super) use tokio::spawn;

/// The lock of a table.
pub(super) type Mutex<T> = std::sync::Mutex<T>;
