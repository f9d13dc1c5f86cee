//! Everything that can go wrong between the hub and an upstream, said without a secret.

use crate::{
    era::MISSING_CAPABILITY,
    isolation::{Abandoned, Barred},
};

/// Why a call could not be answered by its upstream. `detail` is for the log, never for a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// The user has no credential of their own there.
    #[error("you have no credential for this server; ask for one to be linked to your account")]
    NotLinked,
    /// No connection.
    #[error("the server cannot be reached")]
    Unreachable { detail: String },
    /// The connection broke while the answer was due.
    #[error("the connection broke before the answer; whether the request ran is not known")]
    Cut { detail: String },
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// 401.
    #[error("the server refused your credential (unauthorized)")]
    Unauthorized,
    /// 403.
    #[error("the server says that you may not do this (forbidden)")]
    Forbidden,
    /// Another HTTP status than 200.
    #[error("the server answered HTTP {0}")]
    Status(u16),
    /// Bytes that are no MCP.
    #[error("the server answered something that is not MCP")]
    Garbage { detail: String },
    /// The answer ended without a response to this request.
    #[error("the server's answer did not hold a response to this request")]
    NoAnswer,
    /// The upstream session is gone, and with it what it remembered.
    #[error("the server has forgotten this session; initialize again")]
    SessionLost,
    /// The child process is gone, and with it what it remembered.
    #[error("the server's process has ended, and what it remembered is lost; it is started anew with the next request")]
    Died,
    /// The hub has as many sessions there as it may have.
    #[error("the hub has as many sessions there as its limit allows; try again when one has ended")]
    Full,
    /// It needs something of the client that this request did not declare.
    #[error("the server needs a capability that this request does not declare: {0}")]
    Lacks(&'static str),
    /// The client was asked on the way and gave nothing.
    #[error("the server needs something that the client did not give")]
    NothingGiven,
    /// The server does not speak the era that it is spoken to in.
    #[error("the server does not speak the revision of this request")]
    OtherEra,
    /// The user has as many sessions as they may.
    #[error("you have as many sessions as your limit allows; try again when one has been idle for too long")]
    OverCap,
    /// The session's own limit.
    #[error("this session has as many calls in flight as its limit allows")]
    TooMany,
    /// The client's session ended meanwhile, or its key.
    #[error("your session or your key ended before the answer")]
    SessionEnded,
    /// A defect of the hub itself.
    #[error("the hub failed")]
    Internal { detail: String },
}

impl Fault {
    /// JSON-RPC code, in the range that the hub keeps for its own errors, and a word for programs.
    pub(crate) fn code(&self) -> (i64, &'static str) {
        match self {
            Self::NotLinked => (-33001, "not-linked"),
            Self::Unreachable { .. } => (-33002, "unreachable"),
            Self::Cut { .. } => (-33003, "connection-broke"),
            Self::TimedOut => (-33004, "timed-out"),
            Self::Unauthorized => (-33005, "upstream-unauthorized"),
            Self::Forbidden => (-33005, "upstream-forbidden"),
            Self::Status(_) => (-33006, "upstream-status"),
            Self::Garbage { .. } => (-33007, "not-mcp"),
            Self::NoAnswer => (-33007, "no-answer"),
            Self::SessionLost => (-33008, "upstream-session-lost"),
            Self::SessionEnded => (-33008, "session-ended"),
            Self::Full => (-33010, "server-full"),
            Self::TooMany => (-32000, "too-many-calls"),
            Self::OverCap => (-32000, "too-many-sessions"),
            Self::Lacks(_) => (MISSING_CAPABILITY, "missing-capability"),
            Self::OtherEra => (-33011, "other-era"),
            Self::Died => (-33013, "process-ended"),
            Self::NothingGiven => (-33012, "nothing-given"),
            Self::Internal { .. } => (-33009, "internal"),
        }
    }

    /// What the log may know besides.
    pub(crate) fn detail(&self) -> &str {
        match self {
            Self::Unreachable { detail }
            | Self::Cut { detail }
            | Self::Garbage { detail }
            | Self::Internal { detail } => detail,
            _ => "",
        }
    }

    /// Whether it says something about the server rather than about this one request.
    pub(crate) fn is_the_servers(&self) -> bool {
        !matches!(
            self,
            Self::NotLinked
                | Self::Full
                | Self::OverCap
                | Self::Lacks(_)
                | Self::NothingGiven
                | Self::TooMany
                | Self::SessionEnded
                | Self::Internal { .. }
        )
    }
}

impl From<Barred> for Fault {
    fn from(error: Barred) -> Self {
        match error {
            Barred::Absent(_) => Self::Internal { detail: error.to_string() },
            Barred::Ended => Self::SessionEnded,
        }
    }
}

impl From<Abandoned> for Fault {
    fn from(_: Abandoned) -> Self {
        Self::Internal { detail: "the task that opened the upstream session died".into() }
    }
}
