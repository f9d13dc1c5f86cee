//! JSON-RPC envelopes, just enough to answer.

use serde_json::{Map, Value, json};

/// What a POST carries.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    /// A request that wants an answer.
    Request {
        /// Its id: a string or a number.
        id: Value,
        /// Its method.
        method: String,
        /// Its params; empty where there are none.
        params: Map<String, Value>,
    },
    /// A notification.
    Notification,
    /// A response to something that the server asked.
    Response {
        /// Its id; null where it has none.
        id: Value,
        /// The whole message.
        message: Value,
    },
}

/// Reads one message.
///
/// # Errors
/// The JSON-RPC code and message to answer with.
pub fn read(body: &str) -> Result<Incoming, (i64, &'static str)> {
    let value: Value = serde_json::from_str(body).map_err(|_| (-32700, "the body is not JSON"))?;
    let Value::Object(mut fields) = value else {
        return Err((-32600, "one JSON-RPC message is expected"));
    };
    if fields.get("jsonrpc") != Some(&json!("2.0")) {
        return Err((-32600, "`jsonrpc` must be \"2.0\""));
    }
    let Some(method) = fields.get("method").and_then(Value::as_str).map(str::to_owned) else {
        let answers = fields.contains_key("result") || fields.contains_key("error");
        if !answers {
            return Err((-32600, "`method` is missing"));
        }
        let id = fields.get("id").cloned().unwrap_or(Value::Null);
        return Ok(Incoming::Response { id, message: Value::Object(fields) });
    };
    let params = match fields.remove("params") {
        None => Map::new(),
        Some(Value::Object(params)) => params,
        Some(_) => return Err((-32602, "`params` must be an object")),
    };
    match fields.remove("id") {
        None => Ok(Incoming::Notification),
        Some(id @ (Value::String(_) | Value::Number(_))) => Ok(Incoming::Request { id, method, params }),
        Some(_) => Err((-32600, "`id` must be a string or a number")),
    }
}

/// A response with a result.
pub fn result(id: &Value, result: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": result })
}

/// A response with an error.
pub fn error(id: &Value, code: i64, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
}
