//! The stateless era's envelope: which requests belong to it, and what each must say of itself.
//!
//! Revision 2026-07-28: version and client capabilities stand in `_meta` of every request, and what routes a request
//! stands in headers too, where it must be the same. Nothing is taken over from an earlier request.

use serde_json::{Map, Value, json};

use super::{answer::Answer, request::Arrived};
use crate::{
    Eras,
    servers::Tool,
    wire::{header::decoded, rpc},
};

/// The revision of the stateless era that every fake speaks.
pub(crate) const REVISION: &str = "2026-07-28";
pub(super) const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
pub(super) const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
pub(super) const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
pub(super) const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";
const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";

/// A header and the body say two things, or a header is missing.
pub(super) const HEADER_MISMATCH: i64 = -32020;
/// The request needs something that its client did not offer.
pub(super) const MISSING_CAPABILITY: i64 = -32021;
const UNSUPPORTED_VERSION: i64 = -32022;

/// What a request on its own says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Modern {
    pub(super) method: String,
    /// What its client can be asked.
    pub(super) capabilities: Map<String, Value>,
    /// The lowest level of log lines it wants; none where it did not say.
    pub(super) log_level: Option<String>,
}

/// Whether a request belongs to the stateless era: by its header or by its `_meta`. Where the two disagree it does too,
/// and is refused, so that nobody picks the laxer era.
pub(super) fn is_modern(arrived: &Arrived, params: &Map<String, Value>, eras: Eras) -> bool {
    let meta = params.get("_meta");
    let told = meta.is_some_and(|meta| meta.get(VERSION).is_some() || meta.get(CAPABILITIES).is_some());
    let modern = told || arrived.header("mcp-protocol-version") == Some(REVISION);
    eras.stateless() && (modern || !eras.stateful())
}

/// Reads what a request says of itself.
///
/// # Errors
/// The answer with which it is refused: 400, and which of the rules it breaks.
pub(super) fn read(arrived: &Arrived, id: &Value, method: &str, params: &Map<String, Value>) -> Result<Modern, Answer> {
    let refused = |code: i64, message: &str| Err(Answer::json(400, &rpc::error(id, code, message)));
    let Some(header) = arrived.header("mcp-protocol-version") else {
        return refused(HEADER_MISMATCH, "the header `MCP-Protocol-Version` is missing");
    };
    let meta = params.get("_meta").and_then(Value::as_object);
    let Some(version) = meta.and_then(|meta| meta.get(VERSION)?.as_str()) else {
        return refused(-32602, &format!("`_meta` must hold `{VERSION}`"));
    };
    let Some(capabilities) = meta.and_then(|meta| meta.get(CAPABILITIES)?.as_object()) else {
        return refused(-32602, &format!("`_meta` must hold `{CAPABILITIES}`"));
    };
    if header != version {
        return refused(HEADER_MISMATCH, "the header `MCP-Protocol-Version` and `_meta` name two versions");
    }
    if version != REVISION {
        return Err(Answer::json(400, &unsupported(id, version)));
    }
    if arrived.header("mcp-method") != Some(method) {
        return refused(HEADER_MISMATCH, "the header `Mcp-Method` is not the method of the body");
    }
    if let Some(name) = name_of(method, params)
        && arrived.header("mcp-name").and_then(decoded).as_deref() != Some(name)
    {
        return refused(HEADER_MISMATCH, "the header `Mcp-Name` is not the name in the body");
    }
    let log_level = meta.and_then(|meta| meta.get(LOG_LEVEL)?.as_str()).map(str::to_owned);
    Ok(Modern { method: method.to_owned(), capabilities: capabilities.clone(), log_level })
}

/// What `Mcp-Name` repeats, for the methods that have a name.
pub(super) fn name_of<'p>(method: &str, params: &'p Map<String, Value>) -> Option<&'p str> {
    let member = match method {
        "tools/call" | "prompts/get" => "name",
        "resources/read" => "uri",
        "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
        _ => return None,
    };
    params.get(member)?.as_str()
}

/// The refusal of a version that is not spoken, with those that are.
pub(super) fn unsupported(id: &Value, requested: &str) -> Value {
    let mut body = rpc::error(id, UNSUPPORTED_VERSION, "this protocol version is not spoken here");
    body["error"]["data"] = json!({ "supported": [REVISION], "requested": requested });
    body
}

/// The refusal of a request that needs what its client did not offer.
pub(super) fn missing_capability(id: &Value, missing: &Value) -> Answer {
    let mut body = rpc::error(id, MISSING_CAPABILITY, &format!("this needs a client that offers {missing}"));
    body["error"]["data"] = json!({ "requiredCapabilities": missing });
    Answer::json(400, &body)
}

/// Whether the parameters that a tool wants repeated in headers stand there as in the body.
pub(super) fn parameters_match(arrived: &Arrived, tool: &Tool, arguments: &Map<String, Value>) -> bool {
    tool.headers.iter().all(|(parameter, header)| {
        let told = arrived.header(&format!("mcp-param-{}", header.to_ascii_lowercase()));
        let wanted = match arguments.get(*parameter) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => Some(value.to_string()),
            // What is null or absent has no header.
            _ => None,
        };
        match (told, wanted) {
            (None, None) => true,
            (Some(told), Some(wanted)) => decoded(told).is_some_and(|told| told == wanted),
            _ => false,
        }
    })
}
