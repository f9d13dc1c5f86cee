//! One request: as it arrived, who sent it, and what becomes of it.

use serde_json::{Map, Value};

use super::{answer::Answer, meta::Modern, streams::Streaming};
use crate::Account;

/// The field of `params._meta` by which a call is named.
const MARK_FIELD: &str = "crosstalk/mark";

/// One HTTP request, read whole; or one line to a process, as the HTTP request that would say the same.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) connection: u64,
    /// The process that it was written to, where it came over no network.
    pub(crate) process: Option<u64>,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Arrived {
    /// The bearer token.
    pub(super) fn token(&self) -> Option<&str> {
        self.header("authorization").and_then(|value| value.strip_prefix("Bearer "))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// What becomes of a request.
pub(crate) enum Outcome {
    Answered(Answer),
    /// The answer is written as it comes.
    Streaming(Streaming),
    /// The connection is cut without an answer.
    Cut,
}

/// Who calls, as far as this server can tell.
#[derive(Debug, Clone, Default)]
pub(super) struct Caller {
    pub(super) account: Option<Account>,
    pub(super) token: Option<String>,
    /// The process that is spoken to, where there is one.
    pub(super) process: Option<u64>,
}

impl Caller {
    /// Whose is what a request on its own leaves here: the credential's, or all there is in the memory of a process.
    pub(super) fn holder(&self) -> Option<String> {
        match self.process {
            Some(process) => Some(format!("process {process}")),
            None => self.token.clone(),
        }
    }
}

/// A request inside a session, or one that stands on its own.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) exchange: u64,
    pub(super) id: Value,
    pub(super) params: Map<String, Value>,
    /// The session; empty for a request that stands on its own.
    pub(super) session: String,
    /// What a request on its own says of itself.
    pub(super) modern: Option<Modern>,
    pub(super) caller: Caller,
    /// What decides the form of its answer.
    pub(super) form: String,
}

impl Asked {
    pub(super) fn new(exchange: u64, id: Value, params: Map<String, Value>, caller: Caller) -> Self {
        let mut asked =
            Self { exchange, id, params, session: String::new(), modern: None, caller, form: exchange.to_string() };
        if let Some(mark) = asked.mark().map(str::to_owned) {
            asked.form = mark;
        }
        asked
    }

    /// The token under which the caller wants to be told of progress.
    pub(super) fn progress_token(&self) -> Option<&Value> {
        self.params.get("_meta")?.get("progressToken")
    }

    /// The bearer token that came with it.
    pub(super) fn token(&self) -> Option<&str> {
        self.caller.token.as_deref()
    }

    /// The mark by which it is named.
    pub(super) fn mark(&self) -> Option<&str> {
        self.params.get("_meta")?.get(MARK_FIELD)?.as_str()
    }

    /// A parameter that is a string; empty where there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.params.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// The arguments of a call; empty where there are none.
    pub(super) fn arguments(&self) -> Map<String, Value> {
        self.params.get("arguments").and_then(Value::as_object).cloned().unwrap_or_default()
    }
}
