//! The gate: held calls stand here until somebody names them.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use tokio::sync::{Notify, oneshot};

/// Where held calls wait. Calls are named by their mark.
#[derive(Debug, Default)]
pub struct Gate {
    waiting: Mutex<BTreeMap<String, Waiting>>,
    changed: Notify,
}

#[derive(Debug)]
struct Waiting {
    session: String,
    id: Value,
    wake: oneshot::Sender<Wake>,
}

/// Why a call left the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Somebody released it.
    Released,
    /// Its client canceled it.
    Canceled,
}

impl Gate {
    /// Waits until the call with this mark stands at the gate.
    pub async fn parked(&self, mark: &str) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.lock().contains_key(mark) {
                return;
            }
            changed.await;
        }
    }

    /// Lets a call go. Does nothing where it no longer waits.
    pub fn release(&self, mark: &str) {
        if let Some(waiting) = self.lock().remove(mark) {
            // Its connection may have gone a moment ago; then there is nobody to wake.
            let _ = waiting.wake.send(Wake::Released);
        }
    }

    /// The marks of all calls at the gate, in alphabetical order.
    pub fn parked_now(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// Lets a call go unanswered, as the upstream's own session and id name it.
    pub(crate) fn cancel(&self, session: &str, id: &Value) {
        let mut waiting = self.lock();
        let mark = waiting
            .iter()
            .find(|(_, w)| w.session == session && w.id == *id)
            .map(|(mark, _)| mark.clone());
        if let Some(waiting) = mark.and_then(|mark| waiting.remove(&mark)) {
            let _ = waiting.wake.send(Wake::Canceled);
        }
    }

    /// Waits at the gate. Whoever stops waiting has left it.
    pub(crate) async fn wait(&self, mark: &str, session: &str, id: &Value) -> Wake {
        let (wake, woken) = oneshot::channel();
        self.lock().insert(
            mark.to_owned(),
            Waiting {
                session: session.to_owned(),
                id: id.clone(),
                wake,
            },
        );
        self.changed.notify_waiters();
        let _leaving = Leaving { gate: self, mark };
        woken.await.unwrap_or(Wake::Released)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Leaving<'g> {
    gate: &'g Gate,
    mark: &'g str,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.gate.lock().remove(self.mark);
    }
}
