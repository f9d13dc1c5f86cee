//! What can happen in a run, as recorded: messages between actors and the target, entries of the
//! upstreams' ledgers, and what the engine itself did.

use fake_upstreams::Entry;
use serde::{Deserialize, Serialize};

use crate::scenario::model::Actor;

/// The number of one HTTP exchange between an actor and the target, counted from 1.
pub type Exchange = u64;

/// One line of a trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// An actor sent an HTTP request to the target.
    Sent {
        /// Which exchange this opens.
        exchange: Exchange,
        /// Who sent it.
        actor: Actor,
        /// On which route.
        upstream: String,
        /// The step (index into the scenario) that made the actor send it.
        step: usize,
        /// Why it was sent.
        purpose: Purpose,
        /// The mark in `params._meta`, by which the upstream's ledger names this request.
        mark: Option<String>,
        /// HTTP method.
        method: String,
        /// The session id presented.
        session: Option<String>,
        /// All request headers, names in lower case.
        headers: Vec<(String, String)>,
        /// The body as sent.
        body: String,
    },
    /// A part of an answer that is followed as it comes: its head, or one or more events of its stream.
    Heard {
        /// Which exchange it answers.
        exchange: Exchange,
        /// HTTP status.
        status: u16,
        /// All response headers, names in lower case.
        headers: Vec<(String, String)>,
        /// Everything that has come so far (lossy UTF-8).
        body: String,
    },
    /// The answer to an exchange arrived, whole.
    Received {
        /// Which exchange it answers.
        exchange: Exchange,
        /// HTTP status.
        status: u16,
        /// All response headers, names in lower case.
        headers: Vec<(String, String)>,
        /// Every byte of the body (lossy UTF-8).
        body: String,
    },
    /// The exchange ended without a whole answer.
    Broken {
        /// Which exchange.
        exchange: Exchange,
        /// What the socket said.
        reason: String,
    },
    /// An upstream's ledger recorded something.
    Upstream(Entry),
    /// The target wrote a line into its log, where the harness can read it.
    Log {
        /// The line, without its time.
        line: String,
    },
    /// The engine finished a step, and this is what it saw of it.
    Step {
        /// Which step.
        step: usize,
        /// What came of it.
        outcome: Outcome,
    },
    /// The virtual clock was moved by a step.
    Clock {
        /// By how much, in milliseconds.
        advanced_ms: u64,
    },
}

impl Event {
    /// Replaces a word in everything that came from outside.
    pub(super) fn replace(&mut self, word: &str, by: &str) {
        let texts: Vec<&mut String> = match self {
            Self::Sent { headers, body, .. }
            | Self::Heard { headers, body, .. }
            | Self::Received { headers, body, .. } => {
                headers.iter_mut().map(|(_, value)| value).chain([body]).collect()
            }
            Self::Broken { reason, .. } => vec![reason],
            Self::Log { line } => vec![line],
            Self::Upstream(_) | Self::Step { .. } | Self::Clock { .. } => Vec::new(),
        };
        for text in texts {
            if text.contains(word) {
                *text = text.replace(word, by);
            }
        }
    }
}

/// Why an actor sent a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// It is what the step says.
    Step,
    /// `initialize` or `notifications/initialized` on the way to what the step says.
    Handshake,
    /// The same request with a session id that nobody ever had, to compare refusals.
    Twin,
}

/// What the engine saw of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// The answer is in this exchange.
    Answered {
        /// Which exchange.
        exchange: Exchange,
    },
    /// A held call stands at the upstream.
    Parked {
        /// The call's exchange.
        exchange: Exchange,
    },
    /// A held call was answered before it reached the upstream; `await` will show how.
    AnsweredEarly {
        /// The call's exchange.
        exchange: Exchange,
    },
    /// The call was sent, and nobody waited for its answer; `await` will.
    Begun {
        /// The call's exchange.
        exchange: Exchange,
    },
    /// Nothing came, although nothing more could happen (in-process) or the deadline passed (sockets).
    NoAnswer {
        /// The exchange that stayed open.
        exchange: Exchange,
    },
    /// The connection broke.
    Broken {
        /// The exchange that broke.
        exchange: Exchange,
    },
    /// A held call was taken back by its own client: dropped, or cancelled and left.
    Withdrawn,
    /// The step has no answer of its own (release, clock, census).
    Done,
}
