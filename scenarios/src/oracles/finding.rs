//! What an oracle says: which promise was broken, at which step, by which bytes.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::scenario::source::Span;

/// One broken promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Who says so.
    pub oracle: Oracle,
    /// What sort of harm it is.
    pub kind: Kind,
    /// Whether it breaks the target's promises or only tells more than it should.
    pub severity: Severity,
    /// One sentence: who, what, whose.
    pub headline: String,
    /// The step at which it showed.
    pub step: usize,
    /// The part of the step that made the promise, where the file made one.
    pub span: Option<Span>,
    /// What should have been.
    pub expected: String,
    /// What was.
    pub received: String,
    /// Whose mark or credential reached whom, for the picture.
    pub crossing: Option<Crossing>,
    /// The event that shows it, as a position in the trace.
    pub at: usize,
}

impl Finding {
    /// A broken promise, still without what was expected and received.
    pub fn new(oracle: Oracle, kind: Kind, step: usize, at: usize, headline: String) -> Self {
        Self {
            oracle,
            kind,
            severity: Severity::Failure,
            headline,
            step,
            span: None,
            expected: String::new(),
            received: String::new(),
            crossing: None,
            at,
        }
    }

    /// Whether another finding says the same, but for what differs from run to run: session ids and numbers of
    /// exchanges, which stand in parentheses.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.oracle == other.oracle && plain(&self.headline) == plain(&other.headline)
    }

    /// The same finding with what should have been and what was.
    #[must_use]
    pub fn because(self, expected: impl Into<String>, received: impl Into<String>) -> Self {
        Self { expected: expected.into(), received: received.into(), ..self }
    }
}

/// Whether a finding fails a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// A promise was broken.
    Failure,
    /// The target never promised it, and should.
    Warning,
}

/// Something of one user's that reached another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crossing {
    /// What crossed: a mark, a credential, a session.
    pub what: String,
    /// Whose it is.
    pub owner: String,
    /// Who got it or was served with it.
    pub reached: String,
}

/// The oracle that spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Oracle {
    /// The file's own `expect`.
    Expectation,
    /// A request that stood behind another's held call.
    Serialized,
    /// Another's mark was delivered, or sent upstream in somebody else's name.
    Leak,
    /// A secret was delivered or logged.
    Secrets,
    /// The wrong credential or identity went upstream.
    Identity,
    /// An upstream session with two owners, or an owner with two sessions.
    ExclusiveSession,
    /// An answer to something else, or work done twice.
    Correlation,
    /// A notification to the wrong client, twice, or to nobody.
    Audience,
    /// A request state that opened for another, for another request, or twice.
    RequestStates,
    /// A header that does not say what the body says.
    Headers,
    /// A wrong or telling refusal.
    Refusal,
    /// Guessable or repeated session ids.
    SessionIds,
    /// A different answer than alone.
    Noninterference,
}

/// Kinds of finding, told apart in every summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Something of one user's reached another.
    Leak,
    /// Something of a user's own was forgotten or never delivered.
    Loss,
    /// An access was let in that must be refused, refused for the wrong reason, or refused tellingly.
    Refusal,
    /// One user's load, failure or limit harmed another.
    Interference,
    /// An answer to another request, or one request done twice.
    Correlation,
}

/// A headline without what stands in parentheses.
pub(crate) fn plain(headline: &str) -> String {
    let mut parts = headline.split('(');
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str(part.split_once(')').map_or("", |(_, rest)| rest));
    }
    kept
}

impl Kind {
    /// What is told first: what crossed, then what was harmed, then what was lost.
    pub fn rank(self) -> u8 {
        match self {
            Kind::Leak => 0,
            Kind::Correlation => 1,
            Kind::Refusal => 2,
            Kind::Interference => 3,
            Kind::Loss => 4,
        }
    }
}

impl fmt::Display for Oracle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Oracle::Expectation => "expectation",
            Oracle::Serialized => "serialized",
            Oracle::Leak => "leak",
            Oracle::Secrets => "secrets",
            Oracle::Identity => "identity",
            Oracle::ExclusiveSession => "exclusive-session",
            Oracle::Correlation => "correlation",
            Oracle::Audience => "audience",
            Oracle::RequestStates => "request-states",
            Oracle::Headers => "headers",
            Oracle::Refusal => "refusal",
            Oracle::SessionIds => "session-ids",
            Oracle::Noninterference => "noninterference",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Leak => "leak",
            Kind::Loss => "loss",
            Kind::Refusal => "refusal",
            Kind::Interference => "interference",
            Kind::Correlation => "correlation",
        })
    }
}
