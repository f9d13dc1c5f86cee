//! The way to a server.

use std::sync::Arc;

use super::stdio::Child;

/// The way to a server.
#[derive(Debug, Clone)]
pub(crate) enum Transport {
    /// Connections that are anybody's for one request, and hold nothing of theirs.
    Http,
    /// A process that is its owner's alone.
    Child(Arc<Child>),
}

impl Transport {
    /// The child, where there is one.
    pub(crate) fn child(&self) -> Option<&Arc<Child>> {
        match self {
            Self::Http => None,
            Self::Child(child) => Some(child),
        }
    }
}
