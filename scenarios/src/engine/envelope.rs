//! The requests that actors write: JSON-RPC over streamable HTTP, each with a mark of its own.
//!
//! The mark travels in `params._meta`, where the specification lets a client put what it likes and
//! every hub must pass it on; by it the upstream's ledger names the request. In the stateless era a request also says
//! there which revision it is written in and what its client can be asked, and says in headers what it asks.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::Method;
use serde_json::{Map, Value, json};

use super::client::Outgoing;
use crate::scenario::model::{ListKind, Reference};

/// The field of `params._meta` that carries a request's mark.
pub const MARK_FIELD: &str = "crosstalk/mark";

/// The extension by which a stateless client says that it can follow tasks.
const TASKS: &str = "io.modelcontextprotocol/tasks";

/// The methods whose requests name what they ask for, also in the header `mcp-name`.
const NAMED: [&str; 6] = ["tools/call", "prompts/get", "resources/read", "tasks/get", "tasks/update", "tasks/cancel"];

/// The headers that depend on who sends and in which session.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// Bearer token.
    pub token: Option<String>,
    /// Session id.
    pub session: Option<String>,
    /// The negotiated revision, absent before there is one.
    pub revision: Option<String>,
    /// What a stateless client says of itself with every request; `None` for a stateful one, which has said it.
    pub itself: Option<Itself>,
}

/// What a stateless client says of itself with every request.
#[derive(Debug, Clone, Default)]
pub struct Itself {
    /// What it can be asked; everything where it is not said.
    pub offers: Option<Vec<String>>,
    /// The lowest level of log lines that it wants.
    pub level: Option<String>,
}

/// A POST of one message of whichever era the credentials are of.
pub fn write(
    credentials: &Credentials,
    method: &str,
    id: Option<&Value>,
    mut params: Map<String, Value>,
    mark: &str,
) -> Outgoing {
    let Some(itself) = &credentials.itself else { return post(credentials, message(method, id, params, mark)) };
    let name =
        params.get("name").or(params.get("uri")).or(params.get("taskId")).and_then(Value::as_str).map(header_value);
    if let Value::Object(meta) = params.entry("_meta").or_insert_with(|| json!({})) {
        meta.extend(itself.meta(credentials.revision.as_deref().unwrap_or_default()));
    }
    let mut outgoing = post(credentials, message(method, id, params, mark));
    outgoing.headers.push(("mcp-method".into(), method.to_owned()));
    outgoing.headers.extend(name.filter(|_| NAMED.contains(&method)).map(|name| ("mcp-name".to_owned(), name)));
    outgoing
}

impl Itself {
    fn meta(&self, revision: &str) -> Map<String, Value> {
        let key = |name: &str| format!("io.modelcontextprotocol/{name}");
        let mut meta = Map::new();
        meta.insert(key("protocolVersion"), revision.into());
        meta.insert(key("clientInfo"), client_info());
        let mut capabilities = object(json!({ "roots": {}, "sampling": {}, "elicitation": {} }));
        capabilities.retain(|name, _| self.offers.as_ref().is_none_or(|offers| offers.contains(name)));
        // An extension is offered by who says so, and is none of what every client can be asked.
        if self.offers.as_ref().is_some_and(|offers| offers.iter().any(|offer| offer == "tasks")) {
            capabilities.insert("extensions".into(), json!({ TASKS: {} }));
        }
        meta.insert(key("clientCapabilities"), capabilities.into());
        meta.extend(self.level.as_ref().map(|level| (key("logLevel"), level.clone().into())));
        meta
    }
}

/// A header's value: as it is where that is plain, and as the specification wraps it in base64 otherwise.
fn header_value(value: &str) -> String {
    let plain = value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && value.trim() == value && !value.is_empty();
    let wrapped = value.starts_with("=?base64?") && value.ends_with("?=");
    if plain && !wrapped { value.to_owned() } else { format!("=?base64?{}?=", STANDARD.encode(value)) }
}

fn client_info() -> Value {
    json!({ "name": "crosstalk", "version": "1" })
}

/// The params of `subscriptions/listen`; every list where nothing is named.
pub fn listen(filter: Option<(&[ListKind], Vec<String>, Vec<String>)>) -> Map<String, Value> {
    let everything = [ListKind::Tools, ListKind::Prompts, ListKind::Resources];
    let (lists, uris, tasks) = filter.unwrap_or((&everything, Vec::new(), Vec::new()));
    let mut wanted = Map::new();
    for list in lists {
        wanted.insert(
            match list {
                ListKind::Tools => "toolsListChanged",
                ListKind::Prompts => "promptsListChanged",
                ListKind::Resources | ListKind::Templates => "resourcesListChanged",
            }
            .to_owned(),
            true.into(),
        );
    }
    for (field, named) in [("resourceSubscriptions", uris), ("taskIds", tasks)] {
        if !named.is_empty() {
            wanted.insert(field.into(), named.into());
        }
    }
    object(json!({ "notifications": wanted }))
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
        "clientInfo": client_info(),
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
    /// Whether a request with them needs no session.
    pub fn stands_alone(&self) -> bool {
        self.itself.is_some()
    }

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
