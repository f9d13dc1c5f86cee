//! How wide a scope is: one chain, from everybody to one call.

use std::fmt;

/// The levels, widest first. A narrower scope lies wholly inside one of each wider kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Everything in this hub.
    Process,
    /// Everything that concerns one upstream server.
    Upstream,
    /// Everything that uses one upstream credential: one person's, or everybody's where it is shared.
    UpstreamCredential,
    /// Everything of one person.
    Principal,
    /// Everything that one key of a person may touch.
    Credential,
    /// One client session.
    Session,
    /// One call.
    Call,
}

impl Level {
    /// All levels, widest first.
    pub const ALL: [Self; 7] = [
        Self::Process,
        Self::Upstream,
        Self::UpstreamCredential,
        Self::Principal,
        Self::Credential,
        Self::Session,
        Self::Call,
    ];

    /// The name in kebab case, as defects are named.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Upstream => "upstream",
            Self::UpstreamCredential => "upstream-credential",
            Self::Principal => "principal",
            Self::Credential => "credential",
            Self::Session => "session",
            Self::Call => "call",
        }
    }

    /// The levels that are wider than this one, widest first.
    pub fn wider(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |level| *level < self)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
