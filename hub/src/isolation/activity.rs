//! How idle a session is.
#![expect(clippy::disallowed_types, reason = "the kernel is where shared state stands")]

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{Isolation, Rule};

/// When a session was last used, and how much of it is in flight.
#[derive(Debug)]
pub(crate) struct Activity {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    last: Instant,
    in_flight: usize,
    listeners: usize,
}

/// A piece of work in flight; its end is activity too.
#[derive(Debug)]
pub(crate) struct Work {
    activity: Arc<Activity>,
}

/// A client that listens: activity, but none of the calls that a session may have in flight.
#[derive(Debug)]
pub(crate) struct Listening {
    activity: Arc<Activity>,
}

impl Activity {
    /// Used just now.
    pub(crate) fn now() -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { last: Instant::now(), in_flight: 0, listeners: 0 }) })
    }

    /// Used again.
    pub(crate) fn touch(&self) {
        self.lock().last = Instant::now();
    }

    /// Begins a piece of work, unless `limit` of them are in flight.
    pub(crate) fn begin(self: &Arc<Self>, limit: usize) -> Option<Work> {
        let mut state = self.lock();
        if state.in_flight >= limit {
            return None;
        }
        state.in_flight += 1;
        state.last = Instant::now();
        Some(Work { activity: self.clone() })
    }

    /// Begins to listen.
    pub(crate) fn listen(self: &Arc<Self>) -> Listening {
        self.lock().listeners += 1;
        Listening { activity: self.clone() }
    }

    /// Whether nothing happened for `timeout`. A session with work in flight, or with a client that
    /// listens, is not idle.
    pub(crate) fn is_idle(&self, timeout: Duration, isolation: &Isolation) -> bool {
        let state = self.lock();
        let works = state.in_flight + state.listeners > 0 && isolation.keeps(Rule::CountWorkInFlight);
        !works && state.last.elapsed() >= timeout
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let mut state = self.activity.lock();
        state.in_flight -= 1;
        state.last = Instant::now();
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut state = self.activity.lock();
        state.listeners -= 1;
        state.last = Instant::now();
    }
}
