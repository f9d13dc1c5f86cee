//! The requests that actors write: JSON-RPC over streamable HTTP, each with a mark of its own.
//!
//! The mark travels in `params._meta`, where the specification lets a client put what it likes and
//! every hub must pass it on; by it the upstream's ledger names the request.

use http::Method;
use serde_json::{Map, Value, json};

use super::client::Outgoing;
use crate::scenario::model::Reference;

/// The field of `params._meta` that carries a request's mark.
pub const MARK_FIELD: &str = "crosstalk/mark";

/// The headers that depend on who sends and in which session.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// Bearer token.
    pub token: Option<String>,
    /// Session id.
    pub session: Option<String>,
    /// The negotiated revision, absent before there is one.
    pub revision: Option<String>,
}

/// A JSON-RPC request, or a notification where `id` is `None`.
pub fn message(method: &str, id: Option<&Value>, params: Map<String, Value>, mark: &str) -> String {
    let mut params = params;
    let meta = params.entry("_meta").or_insert_with(|| json!({}));
    if let Value::Object(meta) = meta {
        meta.insert(MARK_FIELD.into(), mark.into());
    }
    let mut envelope = Map::new();
    envelope.insert("jsonrpc".into(), "2.0".into());
    if let Some(id) = id {
        envelope.insert("id".into(), id.clone());
    }
    envelope.insert("method".into(), method.into());
    envelope.insert("params".into(), Value::Object(params));
    Value::Object(envelope).to_string()
}

/// The params of `initialize`. The actors offer what a full client offers, where it is not said what.
pub fn initialize(revision: &str, offers: Option<&[String]>) -> Map<String, Value> {
    let mut capabilities = object(json!({ "roots": { "listChanged": true }, "sampling": {}, "elicitation": {} }));
    capabilities.retain(|name, _| offers.is_none_or(|offers| offers.contains(name)));
    object(json!({
        "protocolVersion": revision,
        "capabilities": capabilities,
        "clientInfo": { "name": "crosstalk", "version": "1" },
    }))
}

/// The params of `tools/call`, and of `prompts/get`.
pub fn tool_call(tool: &str, arguments: &Map<String, Value>) -> Map<String, Value> {
    object(json!({ "name": tool, "arguments": arguments }))
}

/// The params of a list, which may go on at a cursor.
pub fn list(cursor: Option<&str>) -> Map<String, Value> {
    cursor.map(|cursor| object(json!({ "cursor": cursor }))).unwrap_or_default()
}

/// The params of `resources/read`.
pub fn read(uri: &str) -> Map<String, Value> {
    object(json!({ "uri": uri }))
}

/// The params of `completion/complete`.
pub fn complete(reference: &Reference, argument: &str, start: &str) -> Map<String, Value> {
    let reference = match reference {
        Reference::Prompt(name) => json!({ "type": "ref/prompt", "name": name }),
        Reference::Template(uri) => json!({ "type": "ref/resource", "uri": uri }),
    };
    object(json!({ "ref": reference, "argument": { "name": argument, "value": start } }))
}

/// The params of `notifications/cancelled`.
pub fn cancelled(id: &Value) -> Map<String, Value> {
    object(json!({ "requestId": id, "reason": "the user changed their mind" }))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// A POST of one message.
pub fn post(credentials: &Credentials, body: String) -> Outgoing {
    let mut headers = credentials.headers();
    headers.push(("content-type".into(), "application/json".into()));
    headers.push(("accept".into(), "application/json, text/event-stream".into()));
    Outgoing { method: Method::POST, headers, body }
}

/// A GET for the notification stream.
pub fn get(credentials: &Credentials) -> Outgoing {
    let mut headers = credentials.headers();
    headers.push(("accept".into(), "text/event-stream".into()));
    Outgoing { method: Method::GET, headers, body: String::new() }
}

/// A DELETE of the session.
pub fn delete(credentials: &Credentials) -> Outgoing {
    Outgoing { method: Method::DELETE, headers: credentials.headers(), body: String::new() }
}

impl Credentials {
    fn headers(&self) -> Vec<(String, String)> {
        let bearer = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let named = [
            ("authorization", bearer.as_ref()),
            ("mcp-session-id", self.session.as_ref()),
            ("mcp-protocol-version", self.revision.as_ref()),
        ];
        named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.clone()))).collect()
    }
}
