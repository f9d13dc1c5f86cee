//! The gate: held calls stand here until somebody names them.
//!
//! A cancel does not open it. A server may go on with what it was told to stop, and one that does is the
//! hard case for a hub: the answer comes when nobody waits for it any more.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, oneshot};

/// Where held calls wait. Calls are named by their mark.
#[derive(Debug, Default)]
pub struct Gate {
    waiting: Mutex<BTreeMap<String, oneshot::Sender<()>>>,
    changed: Notify,
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
        if let Some(wake) = self.lock().remove(mark) {
            // Its connection may have gone a moment ago; then there is nobody to wake.
            let _ = wake.send(());
        }
    }

    /// The marks of all calls at the gate, in alphabetical order.
    pub fn parked_now(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// Waits at the gate until the call is released. Whoever stops waiting has left it.
    pub(crate) async fn wait(&self, mark: &str) {
        let (wake, woken) = oneshot::channel();
        self.lock().insert(mark.to_owned(), wake);
        self.changed.notify_waiters();
        let _leaving = Leaving { gate: self, mark };
        // An error means that a second call with this mark took the place; both go on.
        let _ = woken.await;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, oneshot::Sender<()>>> {
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
