//! Where somebody stands who reaches into a table: built from checked identity, part by part.
//!
//! A place that lacks the part a table needs is an error. It is never "nobody's" or "anybody's":
//! that reading of an absent part is how scopes widen by accident.

use std::sync::Arc;

use super::{Level, Life};
use crate::identity::Caller;

/// Who is asking, from where. Each part is one scope of its level.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    upstream: Option<(Arc<str>, Account)>,
    caller: Caller,
    session: Option<Life>,
    call: Option<u64>,
}

/// Whose account at an upstream a caller's requests are made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// Nobody's: they carry no credential.
    Nobodys,
    /// The hub's own, for all callers.
    Hubs,
    /// The caller's.
    Callers,
}

/// One scope: a level and the name of one place on it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Scope {
    level: Level,
    name: Name,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Name {
    Text(Arc<str>),
    Number(u64),
}

/// A table cannot be used from a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Barred {
    /// The place does not say enough.
    #[error("a place without its {0} cannot reach a table of that level")]
    Absent(Level),
    /// The session of the place has ended, or the key of its caller, and leaves nothing behind any more.
    #[error("nothing is taken in for a session or a key that has ended")]
    Ended,
}

impl Place {
    /// A caller whose credential was checked.
    pub(crate) fn of(caller: &Caller) -> Self {
        Self { caller: caller.clone(), upstream: None, session: None, call: None }
    }

    /// On the route of this upstream, where the caller's requests are made with this account.
    pub(crate) fn towards(self, upstream: &Arc<str>, account: Account) -> Self {
        Self { upstream: Some((upstream.clone(), account)), ..self }
    }

    /// Inside this session.
    pub(crate) fn in_session(self, session: &Life) -> Self {
        Self { session: Some(session.clone()), ..self }
    }

    /// In this call, numbered over the whole process.
    pub(crate) fn in_call(self, call: u64) -> Self {
        Self { call: Some(call), ..self }
    }

    /// Who owns what is put somewhere from here: the session, or the caller's key where there is none, if that life has
    /// not ended. A table asks under its lock, or the answer is worth nothing.
    pub(super) fn owner(&self) -> Result<Arc<str>, Barred> {
        let life = self.session.as_ref().unwrap_or(&self.caller.life);
        if life.has_ended() { Err(Barred::Ended) } else { Ok(life.key().clone()) }
    }

    /// The session's key, where it lies in one.
    pub(crate) fn session(&self) -> Option<&Arc<str>> {
        self.session.as_ref().map(Life::key)
    }

    /// The scope of a level that this place lies in.
    pub(super) fn at(&self, level: Level) -> Result<Scope, Barred> {
        let name = match level {
            Level::Process => Some(Name::Number(0)),
            Level::Upstream => self.upstream.as_ref().map(|(upstream, _)| Name::Text(upstream.clone())),
            Level::UpstreamCredential => self.upstream.as_ref().map(|(upstream, account)| match account {
                Account::Nobodys => Name::Text(format!("{upstream} as nobody").into()),
                Account::Hubs => Name::Text(format!("{upstream} as the hub").into()),
                Account::Callers => Name::Text(format!("{upstream} as {}", self.caller.principal).into()),
            }),
            Level::Principal => Some(Name::Text(self.caller.principal.clone())),
            Level::Credential => Some(Name::Text(self.caller.credential.clone())),
            Level::Session => self.session.as_ref().map(|session| Name::Text(session.key().clone())),
            Level::Call => self.call.map(Name::Number),
        };
        Ok(Scope { level, name: name.ok_or(Barred::Absent(level))? })
    }
}
