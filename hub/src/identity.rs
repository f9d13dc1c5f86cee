//! Who is calling, once that has been checked.

use std::{fmt, ops::Deref, sync::Arc};

use crate::{config::User, isolation::Life};

/// A caller whose key was checked. There is no other way to come by one than the gatekeeper. A copy costs no more than to
/// be counted.
#[derive(Clone)]
pub(crate) struct Caller(Arc<Inner>);

/// What is known of a caller; its fields are read through the caller.
pub(crate) struct Inner {
    /// The person.
    pub(crate) principal: Arc<str>,
    /// The name of the credential: the person and which of their keys, since key ids repeat between persons; never the
    /// key itself.
    pub(crate) credential: Arc<str>,
    /// What the person may use, and with which credentials of theirs, since their key was first good for exactly that.
    pub(crate) user: Arc<User>,
    /// Until when the key is good for that. Whatever is done for this caller ends with it.
    pub(crate) life: Life,
}

impl Caller {
    /// Whoever holds this key of this person. `key` is its id in the configuration.
    pub(crate) fn new(principal: &Arc<str>, key: &str, user: &Arc<User>) -> Self {
        let credential: Arc<str> = format!("{principal}/{key}").into();
        // No session id has a space in it.
        let life = Life::begin(format!("key {credential}").into());
        Self(Arc::new(Inner { principal: principal.clone(), credential, user: user.clone(), life }))
    }

    /// Whether these are not only equal: whether the one ends with the other.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Deref for Caller {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caller({})", self.credential)
    }
}
