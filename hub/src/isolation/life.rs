//! The life of a session, as the tables know it: whose it is that they hold, and until when.
//!
//! Every place inside a session carries its life. A table asks it under its own lock before it takes anything in, and
//! is cleared of a session only by who shows that its life has ended. So whatever was put there for a session is either
//! there when the table is cleared, or is refused: `docs/decisions/0010-nothing-outlives-its-session.md`.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

/// A session among the tables: the owner of what it leaves there. Every place has a copy, so one costs no more than to
/// be counted.
#[derive(Debug, Clone)]
pub(crate) struct Life(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    key: Arc<str>,
    ended: CancellationToken,
}

/// A life that has ended. There is no other way to come by one than to end it.
#[derive(Debug)]
pub(crate) struct Ended(Arc<str>);

impl Life {
    /// The life of a session with this key, which is one session's in the whole process.
    pub(crate) fn begin(key: Arc<str>) -> Self {
        Self(Arc::new(Inner { key, ended: CancellationToken::new() }))
    }

    /// The session's key.
    pub(crate) fn key(&self) -> &Arc<str> {
        &self.0.key
    }

    /// Ends it, once for all: nothing is taken in for it from here on. Whoever waits for the end is told.
    pub(crate) fn end(&self) -> Ended {
        self.0.ended.cancel();
        Ended(self.0.key.clone())
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.0.ended.is_cancelled()
    }

    /// Waits until it ends.
    pub(crate) async fn ended(&self) {
        self.0.ended.cancelled().await;
    }
}

impl Ended {
    /// The key of the session that it was.
    pub(super) fn key(&self) -> &Arc<str> {
        &self.0
    }
}
