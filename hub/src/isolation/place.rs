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
    upstream: Option<Arc<str>>,
    upstream_credential: Option<Arc<str>>,
    caller: Option<Caller>,
    session: Option<Life>,
    call: Option<u64>,
}

/// One scope: a level and the name of one place on it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Scope {
    level: Level,
    name: Arc<str>,
}

/// A table cannot be used from a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Barred {
    /// The place does not say enough.
    #[error("a place without its {0} cannot reach a table of that level")]
    Absent(Level),
    /// The session of the place has ended, and leaves nothing behind any more.
    #[error("nothing is taken in for a session that has ended")]
    Ended,
}

impl Place {
    /// A caller whose credential was checked.
    pub(crate) fn of(caller: &Caller) -> Self {
        Self { caller: Some(caller.clone()), upstream: None, upstream_credential: None, session: None, call: None }
    }

    /// On the route of this upstream, for which the caller's requests carry this credential.
    ///
    /// `credential` names the credential without being it: the owner, or the service.
    pub(crate) fn towards(&self, upstream: &Arc<str>, credential: &str) -> Self {
        let name = format!("{upstream} {credential}");
        Self { upstream: Some(upstream.clone()), upstream_credential: Some(name.into()), ..self.clone() }
    }

    /// Inside this session.
    pub(crate) fn in_session(&self, session: &Life) -> Self {
        Self { session: Some(session.clone()), ..self.clone() }
    }

    /// In this call, numbered over the whole process.
    pub(crate) fn in_call(&self, call: u64) -> Self {
        Self { call: Some(call), ..self.clone() }
    }

    /// Who owns what is put somewhere from here: the session, where there is one and its life has not ended. A table
    /// asks under its lock, or the answer is worth nothing.
    pub(super) fn owner(&self) -> Result<Option<Arc<str>>, Barred> {
        match &self.session {
            Some(session) if session.has_ended() => Err(Barred::Ended),
            session => Ok(session.as_ref().map(|session| session.key().clone())),
        }
    }

    /// The scope of a level that this place lies in.
    pub(super) fn at(&self, level: Level) -> Result<Scope, Barred> {
        let name: Option<Arc<str>> = match level {
            Level::Process => Some("".into()),
            Level::Upstream => self.upstream.clone(),
            Level::UpstreamCredential => self.upstream_credential.clone(),
            Level::Principal => self.caller.as_ref().map(|caller| caller.principal.clone()),
            Level::Credential => self.caller.as_ref().map(Caller::credential_name),
            Level::Session => self.session.as_ref().map(|session| session.key().clone()),
            Level::Call => self.call.map(|call| call.to_string().into()),
        };
        Ok(Scope { level, name: name.ok_or(Barred::Absent(level))? })
    }
}
