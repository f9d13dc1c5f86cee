//! Who is calling, once that has been checked.

use std::sync::Arc;

/// A caller whose key was checked. There is no other way to come by one than the gatekeeper.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Caller {
    /// The person.
    pub(crate) principal: Arc<str>,
    /// Which of their keys, by its id in the configuration; never the key.
    pub(crate) key: Arc<str>,
}

impl Caller {
    /// The name of the credential: the person and the key, since key ids repeat between persons.
    pub(crate) fn credential_name(&self) -> Arc<str> {
        format!("{}/{}", self.principal, self.key).into()
    }
}
