//! How long the engine waits, and what a passed deadline means.
//!
//! In-process, the clock is virtual and stands still while anything can run: a deadline of one
//! virtual millisecond passes only when every task of the hub, the fakes and the actors is idle, so
//! it is exact proof that nothing more comes. Over sockets a deadline is a guess, so it is long and
//! may only ever cause a failure.

use std::{future::Future, time::Duration};

use tokio::time;

/// Virtual time that passes while one waits for quiet.
const QUIET: Duration = Duration::from_millis(1);
/// Real time after which an answer is given up. Generous: it is only ever spent on a failure.
const PATIENCE: Duration = Duration::from_secs(20);

/// The clock that a cell is played by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Paused clock, one thread.
    Virtual,
    /// The wall's.
    Real,
}

impl Pace {
    /// The future's output; `None` when nothing more can come (virtual) or patience ended (real).
    pub async fn within<F: Future>(self, future: F) -> Option<F::Output> {
        let deadline = match self {
            Pace::Virtual => QUIET,
            Pace::Real => PATIENCE,
        };
        time::timeout(deadline, future).await.ok()
    }

    /// Lets everything that can happen now happen. Over sockets nobody can know when that is: there
    /// a step that depends on it waits for an event of the journal instead.
    pub async fn settle(self) {
        match self {
            Pace::Virtual => time::sleep(QUIET).await,
            Pace::Real => tokio::task::yield_now().await,
        }
    }
}
