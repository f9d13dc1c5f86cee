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
/// Real time after which an answer is given up, where nothing else is said. Generous: it is only ever spent on a failure.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The clock that a cell is played by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Paused clock, one thread.
    Virtual,
    /// The wall's, and how long an answer may take by it.
    Real(Duration),
}

impl Pace {
    /// The future's output; `None` when nothing more can come (virtual) or patience ended (real).
    pub async fn within<F: Future>(self, future: F) -> Option<F::Output> {
        let deadline = match self {
            Pace::Virtual => QUIET,
            Pace::Real(patience) => patience,
        };
        time::timeout(deadline, future).await.ok()
    }

    /// Lets everything that can happen now happen. Over sockets nobody can know when that is: there
    /// a step that depends on it waits for an event of the journal instead.
    pub async fn settle(self) {
        match self {
            Pace::Virtual => time::sleep(QUIET).await,
            Pace::Real(_) => tokio::task::yield_now().await,
        }
    }

    /// Whether the clock is the wall's.
    pub fn is_real(self) -> bool {
        self != Pace::Virtual
    }

    /// The same clock for one who has just waited in vain: a tenth of the patience.
    #[must_use]
    pub fn hurried(self) -> Self {
        match self {
            Pace::Virtual => Pace::Virtual,
            Pace::Real(patience) => Pace::Real(patience / 10),
        }
    }
}
