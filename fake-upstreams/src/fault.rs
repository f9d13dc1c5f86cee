//! What can go wrong with one call.

use std::{fmt, str::FromStr, time::Duration};

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call runs, and its answer waits at the gate until it is released.
    Hold,
    /// The answer comes only after this time.
    Delay(Duration),
    /// The call does not run; the answer is this HTTP status with an empty body.
    Refuse {
        /// The status.
        status: u16,
    },
    /// The connection is cut.
    Disconnect(Cut),
    /// The call runs, and its answer is not the protocol.
    Malform(Malformation),
}

/// When a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Before the tool runs.
    BeforeExecuting,
    /// After it ran: whoever sends the call again runs it twice.
    AfterExecuting,
}

/// How an answer breaks the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformation {
    /// The body is no JSON.
    NotJson,
    /// The body ends in the middle.
    TruncatedJson,
    /// The response has an id that nobody asked with.
    WrongId,
    /// The body is empty.
    NoBody,
    /// The response has both a result and an error.
    ResultAndError,
}

/// A fault has a name that nothing goes by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} `{name}`; known are {known}")]
pub struct UnknownName {
    what: &'static str,
    name: String,
    known: String,
}

impl Cut {
    /// All names, as scripts and scenarios write them.
    pub const NAMES: [(&'static str, Self); 2] =
        [("before-executing", Self::BeforeExecuting), ("after-executing", Self::AfterExecuting)];
}

impl Malformation {
    /// All names, as scripts and scenarios write them.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("not-json", Self::NotJson),
        ("truncated-json", Self::TruncatedJson),
        ("wrong-id", Self::WrongId),
        ("no-body", Self::NoBody),
        ("result-and-error", Self::ResultAndError),
    ];
}

impl FromStr for Cut {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        by_name("moment to disconnect", name, &Self::NAMES)
    }
}

impl FromStr for Malformation {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        by_name("malformation", name, &Self::NAMES)
    }
}

fn by_name<T: Copy>(what: &'static str, name: &str, names: &[(&str, T)]) -> Result<T, UnknownName> {
    names.iter().find(|(known, _)| *known == name).map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<&str> = names.iter().map(|(known, _)| *known).collect();
        UnknownName { what, name: name.to_owned(), known: known.join(", ") }
    })
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, value)| value == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}
