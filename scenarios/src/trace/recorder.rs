//! The one place where a run is written down, in the order in which the harness saw it.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use super::{Event, Exchange, Facts, Trace};

/// A handle for writing events; all clones write to the same trace.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    events: Arc<Mutex<Vec<Event>>>,
    exchanges: Arc<AtomicU64>,
}

impl Recorder {
    /// Appends one event.
    pub fn record(&self, event: Event) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    /// The number for the next exchange, from 1.
    pub fn next_exchange(&self) -> Exchange {
        self.exchanges.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// How many events were recorded so far: an engine that waits for quiet compares two readings.
    pub fn len(&self) -> usize {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether nothing was recorded yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Runs `look` over the events recorded so far.
    pub fn peek<R>(&self, look: impl FnOnce(&[Event]) -> R) -> R {
        look(&self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Closes the book.
    pub fn into_trace(self, facts: Facts) -> Trace {
        let events = std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner));
        Trace { facts, events }
    }
}
