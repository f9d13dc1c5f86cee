//! Ways to spoil a fake that is served alone, each a mistake that real servers make. What keeps a server's users apart
//! must fail on one of them.

use std::{fmt, str::FromStr};

/// How a fake that is served alone behaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conduct {
    /// Whom it asks who they are.
    pub guard: Guard,
    /// The mistake that it makes.
    pub spoiling: Option<Spoiling>,
}

/// Whom a fake asks who they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Guard {
    /// As its kind does; a session answers to whoever knows its id, as in many real servers.
    #[default]
    ByKind,
    /// Everybody needs an account's token, and a session answers to the account that opened it alone.
    Owners,
}

/// One mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spoiling {
    /// One state serves everybody: all sessions of `db`, all accounts of `github`.
    SharedState,
    /// All sessions of an account use the state of its first one.
    StateOfAccount,
    /// A new session takes over the state of the one that ended last.
    InheritedState,
    /// A call runs in the session that spoke last, which may have changed since it came.
    CurrentSession,
    /// Results are kept by tool and arguments, without the caller.
    CachedResults,
    /// Answers wait in a table by request id alone: of two calls with one id, both get the newer answer.
    AnswersById,
    /// The ids `1` and `"1"` are taken for one.
    IdsAlike,
    /// Whoever called first is taken for everybody's account.
    FirstCaller,
    /// Whoever called first on a connection is taken for the account of everybody who uses it.
    FirstOfConnection,
    /// Any token is let in, and none.
    TokenUnchecked,
    /// A session answers to any account that knows its id.
    OwnerUnchecked,
    /// A session id that was never given out is taken for a new session.
    SessionUnchecked,
    /// A request without a session id runs in the newest session.
    SessionGuessed,
    /// An ended session goes on.
    SessionsImmortal,
    /// Session ids count upwards.
    IdsGuessable,
    /// One call at a time.
    Serialized,
    /// A cancel stops every call with that id, in whichever session.
    CancelById,
    /// Progress is told under the token of the newest call.
    ProgressOfNewest,
}

impl Spoiling {
    /// All of them, with the names by which a command line calls them.
    pub const NAMES: [(&'static str, Self); 18] = [
        ("shared-state", Self::SharedState),
        ("state-of-account", Self::StateOfAccount),
        ("inherited-state", Self::InheritedState),
        ("current-session", Self::CurrentSession),
        ("cached-results", Self::CachedResults),
        ("answers-by-id", Self::AnswersById),
        ("ids-alike", Self::IdsAlike),
        ("first-caller", Self::FirstCaller),
        ("first-of-connection", Self::FirstOfConnection),
        ("token-unchecked", Self::TokenUnchecked),
        ("owner-unchecked", Self::OwnerUnchecked),
        ("session-unchecked", Self::SessionUnchecked),
        ("session-guessed", Self::SessionGuessed),
        ("sessions-immortal", Self::SessionsImmortal),
        ("ids-guessable", Self::IdsGuessable),
        ("serialized", Self::Serialized),
        ("cancel-by-id", Self::CancelById),
        ("progress-of-newest", Self::ProgressOfNewest),
    ];
}

/// There is no such mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no spoiling `{name}`; there are {}", Spoiling::NAMES.map(|(name, _)| name).join(", "))]
pub struct UnknownSpoiling {
    name: String,
}

impl FromStr for Spoiling {
    type Err = UnknownSpoiling;

    fn from_str(name: &str) -> Result<Self, UnknownSpoiling> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, spoiling)| *spoiling).ok_or_else(|| UnknownSpoiling { name: name.to_owned() })
    }
}

impl fmt::Display for Spoiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, value)| value == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}
