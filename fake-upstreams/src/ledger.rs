//! The ledger: every byte that arrived and left, and what the fake made of it, in the order of events.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// One line of the ledger. Exchanges are counted from 1 per upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "kebab-case")]
pub enum Entry {
    /// A request arrived, whole.
    Request {
        /// Which upstream.
        upstream: String,
        /// Which exchange this opens.
        exchange: u64,
        /// On which connection, counted from 1.
        connection: u64,
        /// HTTP method.
        method: String,
        /// Path and query.
        path: String,
        /// All headers, names in lower case.
        headers: Vec<(String, String)>,
        /// The body, lossy UTF-8.
        body: String,
    },
    /// An answer left.
    Answer {
        /// Which upstream.
        upstream: String,
        /// Which exchange it ends.
        exchange: u64,
        /// HTTP status; 0 where the connection was cut before one was sent.
        status: u16,
        /// All headers, names in lower case.
        headers: Vec<(String, String)>,
        /// The body as sent.
        body: String,
        /// Whether the connection was cut instead of the answer being completed.
        cut: bool,
    },
    /// A message was written on a stream that stays open.
    Said {
        /// Which upstream.
        upstream: String,
        /// The exchange whose stream it is.
        exchange: u64,
        /// The message.
        message: String,
    },
    /// A mark was put into this exchange's answer.
    Mark {
        /// Which upstream.
        upstream: String,
        /// In whose answer.
        exchange: u64,
        /// The mark.
        mark: String,
        /// For whom it was minted.
        basis: Basis,
    },
    /// An MCP session was opened or closed.
    Session {
        /// Which upstream.
        upstream: String,
        /// By which exchange.
        exchange: u64,
        /// The session id.
        session: String,
        /// What happened to it.
        change: SessionChange,
    },
    /// A process of this server began or ended. Its number is that of the connection on which its lines are.
    Process {
        /// Which upstream.
        upstream: String,
        /// Which process.
        process: u64,
        /// What happened to it.
        change: ProcessChange,
    },
    /// A handle was given out, by which requests that stand on their own name what they work on.
    Handle {
        /// Which upstream.
        upstream: String,
        /// To whom: whoever sent this exchange.
        exchange: u64,
        /// The handle.
        handle: String,
    },
    /// A caller of the stateless era closed the response before it was complete, which is how it cancels.
    Canceled {
        /// Which upstream.
        upstream: String,
        /// Which exchange.
        exchange: u64,
    },
    /// A call stands at the gate.
    Parked {
        /// Which upstream.
        upstream: String,
        /// Which exchange waits.
        exchange: u64,
        /// The call's mark, where it has one.
        mark: Option<String>,
    },
    /// A call left the gate: released, canceled, or its connection went away.
    Released {
        /// Which upstream.
        upstream: String,
        /// Which exchange waited.
        exchange: u64,
        /// The call's mark, where it has one.
        mark: Option<String>,
    },
    /// The server asked the service behind it.
    Service {
        /// Which upstream.
        upstream: String,
        /// For which exchange.
        exchange: u64,
        /// HTTP method.
        method: String,
        /// Path and query.
        path: String,
        /// The bearer token that was shown.
        token: Option<String>,
        /// HTTP status; 0 where there was no answer.
        status: u16,
    },
    /// A tool really ran.
    Executed {
        /// Which upstream.
        upstream: String,
        /// For which exchange.
        exchange: u64,
        /// Which tool.
        tool: String,
    },
}

/// What happened to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionChange {
    /// It was opened by `initialize`.
    Opened,
    /// It was closed by `DELETE`.
    Closed,
}

/// What happened to a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "process-change", rename_all = "kebab-case")]
pub enum ProcessChange {
    /// It began, with this environment.
    Began {
        /// Every variable, by name.
        environment: BTreeMap<String, String>,
    },
    /// It ended: its input was closed, it crashed, or nobody read what it said.
    Ended,
}

/// For whom a mark was minted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "basis", rename_all = "kebab-case")]
pub enum Basis {
    /// For the call that it answers.
    Call,
    /// It is data at rest of an account.
    Account {
        /// Whose.
        login: String,
    },
    /// It is state of a session.
    Session {
        /// Which.
        session: String,
    },
    /// It is state that a handle names.
    Handle {
        /// Which.
        handle: String,
    },
    /// Anyone may have it.
    Public,
}

/// Where entries go: called once for each, in order, from the task that serves the request.
#[derive(Clone)]
pub struct Ledger {
    sink: Arc<dyn Fn(Entry) + Send + Sync>,
}

impl Ledger {
    /// A ledger that hands every entry to `sink`.
    pub fn new(sink: impl Fn(Entry) + Send + Sync + 'static) -> Self {
        Self { sink: Arc::new(sink) }
    }

    pub(crate) fn record(&self, entry: Entry) {
        (self.sink)(entry);
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ledger")
    }
}
