//! The lives of keys and of sessions, as the tables know them: whose it is that they hold, and until when.
//!
//! Every place carries the life of its caller's key, and inside a session the session's, which ends with the key's. A
//! table asks it under its own lock before it takes anything in, and is cleared of a life only by who shows that it has
//! ended. So whatever was put there for it is either there when the table is cleared, or is refused:
//! `docs/decisions/0010-nothing-outlives-its-session.md`.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

/// A key or a session among the tables: the owner of what it leaves there. Every place has a copy, so one costs no more
/// than to be counted.
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
    /// A life that is known by this, which is one's alone in the whole process.
    pub(crate) fn begin(key: Arc<str>) -> Self {
        Self(Arc::new(Inner { key, ended: CancellationToken::new() }))
    }

    /// A life within this one, which ends with it if not before.
    pub(crate) fn begin_within(&self, key: Arc<str>) -> Self {
        Self(Arc::new(Inner { key, ended: self.0.ended.child_token() }))
    }

    /// By what it is known.
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
    /// By what it was known.
    pub(super) fn key(&self) -> &Arc<str> {
        &self.0
    }
}
