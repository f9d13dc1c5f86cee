//! The one place where a run is written down, in the order in which the harness saw it.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{Event, Exchange, Facts, Trace};

/// A handle for writing events; all clones write to the same trace.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    events: Arc<Mutex<Vec<Event>>>,
    exchanges: Arc<AtomicU64>,
    disguises: Arc<Mutex<Vec<Disguise>>>,
}

/// A secret of a real account. It cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

/// A secret of a real account, and what stands for it in everything that is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disguise {
    /// What stands for it.
    pub shown: String,
    /// The secret.
    pub secret: Secret,
}

impl Recorder {
    /// From now on writes down something else for this secret, wherever it comes from.
    pub fn disguise(&self, disguise: Disguise) {
        self.disguises.lock().unwrap_or_else(PoisonError::into_inner).push(disguise);
    }

    /// Appends one event.
    pub fn record(&self, mut event: Event) {
        for disguise in self.disguises.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            event.replace(&disguise.secret.0, &disguise.shown);
        }
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

impl Disguise {
    /// A text with the secret in it again.
    pub fn taken_off(&self, text: &str) -> String {
        text.replace(&self.shown, &self.secret.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disguised_secret_is_never_written_down() {
        let recorder = Recorder::default();
        let secret = Secret("s3cret-of-an-account".to_owned());
        recorder.disguise(Disguise { shown: "key-alice".to_owned(), secret });
        let headers = vec![("x-echo".to_owned(), "Bearer s3cret-of-an-account".to_owned())];
        let body = "{\"token\":\"s3cret-of-an-account\"}".to_owned();
        recorder.record(Event::Received { exchange: 1, status: 200, headers, body });
        recorder.record(Event::Log { line: "login with s3cret-of-an-account".to_owned() });
        let written = recorder.peek(|events| format!("{events:?} {recorder:?}"));
        assert!(!written.contains("s3cret"), "{written}");
        assert_eq!(written.matches("key-alice").count(), 4, "{written}");
    }
}
