//! Who is calling, once that has been checked.

use std::sync::Arc;

/// A caller whose key was checked. There is no other way to come by one than the gatekeeper.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Caller {
    /// The person.
    pub(crate) principal: Arc<str>,
    /// The name of the credential: the person and which of their keys, since key ids repeat between persons; never the
    /// key itself.
    pub(crate) credential: Arc<str>,
}

impl Caller {
    /// Whoever holds this key of this person. `key` is its id in the configuration.
    pub(crate) fn new(principal: &Arc<str>, key: &str) -> Self {
        Self { principal: principal.clone(), credential: format!("{principal}/{key}").into() }
    }
}
