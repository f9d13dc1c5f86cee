//! What a tool or prompt of `lab` is given, and what it gives back.

use serde_json::{Map, Value, json};

use super::{changes::Change, jobs::Job};

/// One call, as far as a tool may see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'c> {
    pub(crate) arguments: &'c Map<String, Value>,
    /// What the caller's client can be asked.
    pub(crate) offers: &'c Map<String, Value>,
    /// The answers that a retry brings.
    pub(crate) responses: Option<&'c Value>,
    /// What was remembered for this retry; `None` where it brings no state.
    pub(crate) memo: Option<&'c Value>,
    /// Under which token the caller wants to be told of progress.
    pub(crate) progress: Option<&'c Value>,
}

/// What a call says, in order.
#[derive(Debug)]
pub(crate) struct Play {
    /// Method and params of notifications on the call's own stream.
    pub(crate) told: Vec<(&'static str, Value)>,
    pub(crate) then: Then,
}

/// What comes of a call.
#[derive(Debug)]
pub(crate) enum Then {
    /// A result.
    Result(Value),
    /// The client is asked, and its answer becomes the result: on the call's stream in a session, with a retry otherwise.
    Ask { method: &'static str, params: Value, finish: fn(&Value) -> Value },
    /// A result that asks for input, by name; with something to remember for the retry.
    Input { requests: Map<String, Value>, memo: Option<Value> },
    /// The client offers too little: the capabilities that are missing.
    Missing(Value),
    /// The arguments are wrong.
    Invalid(&'static str),
    /// The stream ends before the result, which waits for a client that comes back for it.
    Later(Value),
    /// Nothing, for as long as somebody waits for it.
    Never,
    /// A list changes.
    Changed(Change),
    /// It goes on as a task.
    Job(Job),
}

impl Call<'_> {
    /// An argument that is a string.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.arguments.get(name)?.as_str()
    }

    /// The content of an accepted form among the answers.
    pub(crate) fn accepted(&self, key: &str) -> Option<&Value> {
        let response = self.responses?.get(key)?;
        if response.get("action")? == "accept" { response.get("content") } else { None }
    }
}

impl Play {
    /// A result and nothing before it.
    pub(crate) fn result(result: Value) -> Self {
        Self { told: Vec::new(), then: Then::Result(result) }
    }

    pub(crate) fn then(then: Then) -> Self {
        Self { told: Vec::new(), then }
    }
}

/// A result of one text.
pub(crate) fn text(text: impl Into<String>) -> Value {
    json!({ "content": [{ "type": "text", "text": text.into() }] })
}

/// A form to be filled in.
pub(crate) fn form(message: &str, properties: Value, required: &[&str]) -> Value {
    let schema = json!({ "type": "object", "properties": properties, "required": required });
    json!({ "message": message, "requestedSchema": schema })
}

/// A question to a model.
pub(crate) fn sampling(text: &str, tokens: u32) -> Value {
    let content = json!({ "type": "text", "text": text });
    json!({ "messages": [{ "role": "user", "content": content }], "maxTokens": tokens })
}
