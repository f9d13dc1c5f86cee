//! The tools of `jira`: each is one request to the service, with the caller's own token.

use http::Method;
use serde_json::{Map, Value, json};

use super::{RestAnswer, RestRequest};
use crate::servers::Tool;

pub(crate) const TOOLS: [Tool; 5] = [
    Tool {
        name: "whoami",
        description: "Says whose token the service sees.",
        parameters: &[],
        scope: "read",
        ..Tool::PLAIN
    },
    Tool {
        name: "search",
        description: "Finds the caller's issues.",
        parameters: &[("text", "string")],
        scope: "read",
        ..Tool::PLAIN
    },
    Tool::ECHO,
    Tool {
        name: "create_issue",
        description: "Reports an issue in the caller's name.",
        parameters: &[("title", "string")],
        scope: "write",
        ..Tool::PLAIN
    },
    Tool {
        name: "transition",
        description: "Moves an issue.",
        parameters: &[("issue", "string"), ("to", "string")],
        scope: "transition",
        ..Tool::PLAIN
    },
];

/// What a tool asks the service; `None` for one that asks nothing.
pub(crate) fn request(
    tool: &str,
    arguments: &Map<String, Value>,
    token: Option<&str>,
) -> Result<Option<RestRequest>, String> {
    let text = |name: &str| {
        let value = arguments.get(name).and_then(Value::as_str);
        value.ok_or_else(|| format!("`{name}` must be a string"))
    };
    let (method, path, body) = match tool {
        "whoami" => (Method::GET, "/rest/api/3/myself".to_owned(), None),
        "search" => (Method::GET, format!("/rest/api/3/search?text={}", encoded(text("text")?)), None),
        "create_issue" => {
            let body = json!({ "fields": { "summary": text("title")? } });
            (Method::POST, "/rest/api/3/issue".to_owned(), Some(body))
        }
        "transition" => {
            let body = json!({ "transition": { "name": text("to")? } });
            (Method::POST, format!("/rest/api/3/issue/{}/transitions", encoded(text("issue")?)), Some(body))
        }
        _ => return Ok(None),
    };
    Ok(Some(RestRequest { method, path, token: token.map(str::to_owned), body }))
}

/// What the caller is told of the service's answer. An error names the service and what it said to this caller.
pub(crate) fn told(answer: &RestAnswer) -> Result<String, String> {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    match answer.status {
        200..300 if body.is_object() => Ok(body.to_string()),
        200..300 => Err("the issue service answered something that is not JSON".to_owned()),
        status => {
            let said = body.pointer("/errorMessages/0").and_then(Value::as_str).unwrap_or("no reason given");
            Err(format!("the issue service refused with {status}: {said}"))
        }
    }
}

/// Percent-encoded, so that a text cannot become another path.
fn encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
