//! Arguments that a server of the stateless era wants repeated in headers: learned from its list of tools, compared when
//! a client claims them, made anew from the body when a call goes out.
//!
//! What a server's tools want is learned for each key: a server may show each its own tools.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::{Errand, Refused, ask_server};
use crate::{
    envelope::Message,
    era::mirror::{self, PARAM},
    isolation::Rule,
    upstream::Fault,
};

/// Pages of a list of tools that are read to learn what its tools want.
const MOST_PAGES: usize = 10;
/// Properties inside each other that are looked through.
const DEEPEST: usize = 8;

/// A tool: its server and its name there.
pub(crate) type Tool = (Arc<str>, String);

/// An argument that is repeated: where it stands, and the header.
pub(crate) type Repeated = Arc<[(Vec<String>, HeaderName)]>;

/// The headers of a call that repeat its arguments. A client that has claimed some must have claimed these.
pub(super) async fn of(errand: &Errand, message: &Message<'_>) -> Result<Vec<(HeaderName, HeaderValue)>, Refused> {
    let Some((_, name)) = message.string_param("name") else { return Ok(Vec::new()) };
    let tool = (errand.server.clone(), name);
    let mut known = errand.hub.tool_headers.get(&errand.place(), &tool).await.map_err(Fault::from)?;
    if known.is_none() && errand.claims.as_ref().is_some_and(|claims| !claims.is_empty()) {
        ask(errand).await?;
        known = errand.hub.tool_headers.get(&errand.place(), &tool).await.map_err(Fault::from)?;
    }
    let Some(known) = known else { return Ok(Vec::new()) };
    let arguments = message.param("arguments").and_then(|raw| serde_json::from_str(raw).ok()).unwrap_or(Value::Null);
    let mut headers = Vec::new();
    for (path, header) in known.iter() {
        let value = path.iter().try_fold(&arguments, |value, key| value.get(key)).and_then(text);
        if let Some(claims) = errand.claims.as_ref().filter(|_| errand.hub.isolation.keeps(Rule::HeadersMatchBody)) {
            compare(claims, header, value.as_deref()).map_err(|mismatch| Refused::Mismatch(mismatch.to_string()))?;
        }
        headers.extend(value.and_then(|value| Some((header.clone(), mirror::wrapped(&value)?))));
    }
    Ok(headers)
}

/// A number may be written in more ways than one.
fn compare(claims: &HeaderMap, header: &HeaderName, value: Option<&str>) -> Result<(), mirror::Mismatch> {
    let number = |text: &str| text.parse::<f64>().ok();
    let claimed = claims.get(header).and_then(|claimed| claimed.to_str().ok()).map(str::trim);
    let same = matches!((claimed.and_then(number), value.and_then(number)), (Some(a), Some(b)) if a == b);
    let once = claims.get_all(header).iter().count() == 1;
    if same && once { Ok(()) } else { mirror::must_say(claims, header, value) }
}

/// What a header can repeat.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Reads the server's list of tools, for what is in it.
pub(super) async fn ask(errand: &Errand) -> Result<(), Fault> {
    let said: Value = serde_json::from_str(&errand.says()).unwrap_or(Value::Null);
    let mut params = serde_json::json!({ "_meta": said });
    for _ in 0..MOST_PAGES {
        let request = format!(r#"{{"jsonrpc":"2.0","id":0,"method":"tools/list","params":{params}}}"#);
        let answer = Box::pin(ask_server(errand, &request)).await?;
        learn(errand, &answer).await?;
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        match answer["result"]["nextCursor"].as_str() {
            Some(cursor) => params["cursor"] = cursor.into(),
            None => break,
        }
    }
    Ok(())
}

/// Takes down what the tools of a list want repeated, and forgets it of those that want nothing any more.
pub(super) async fn learn(errand: &Errand, answer: &str) -> Result<(), Fault> {
    let (table, place) = (&errand.hub.tool_headers, errand.place());
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    for tool in answer["result"]["tools"].as_array().into_iter().flatten() {
        let Some(name) = tool["name"].as_str() else { continue };
        let mut repeated = Vec::new();
        collect(&tool["inputSchema"], &mut Vec::new(), &mut repeated);
        let tool = (errand.server.clone(), name.to_owned());
        if repeated.is_empty() {
            table.remove(&place, &tool).await?;
        } else {
            table.insert(&place, tool, repeated.into()).await?;
        }
    }
    Ok(())
}

/// The annotation of an argument that is repeated in a header.
const MARK: &str = "x-mcp-header";

/// Arguments with an annotation that can be followed: in properties of properties, with a name that a header can have.
fn collect(schema: &Value, path: &mut Vec<String>, repeated: &mut Vec<(Vec<String>, HeaderName)>) {
    if path.len() >= DEEPEST {
        return;
    }
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        path.push(key.clone());
        let simple = matches!(property["type"].as_str(), Some("string" | "integer" | "boolean"));
        let header = property[MARK].as_str().filter(|header| simple && !header.is_empty());
        if let Some(header) = header.and_then(|header| HeaderName::try_from(format!("{PARAM}{header}")).ok()) {
            repeated.push((path.clone(), header));
        }
        collect(property, path, repeated);
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn annotated_arguments_are_found_where_they_can_be_followed() {
        let text = |header: &str| json!({ "type": "string", MARK: header });
        let schema = json!({ "properties": {
            "region": text("Region"),
            "deep": { "type": "object", "properties": { "er": text("Deeper") } },
            "list": { "type": "array", MARK: "List", "items": { "properties": { "x": text("X") } } },
            "bad": text("not a token"),
        } });
        let mut found = Vec::new();
        collect(&schema, &mut Vec::new(), &mut found);
        let found: Vec<_> = found.iter().map(|(path, header)| (path.join("."), header.as_str())).collect();
        assert_eq!(found, [("region".to_owned(), "mcp-param-region"), ("deep.er".to_owned(), "mcp-param-deeper")]);
    }

    #[test]
    fn a_number_may_be_written_otherwise_and_nothing_else_may() {
        let name = HeaderName::from_static("mcp-param-n");
        let claims = |value: &'static str| HeaderMap::from_iter([(name.clone(), HeaderValue::from_static(value))]);
        assert_eq!(compare(&claims("1500"), &name, Some("1.5e3")), Ok(()));
        assert!(compare(&claims("1501"), &name, Some("1500")).is_err());
        assert!(compare(&claims("a"), &name, None).is_err());
        assert!(compare(&HeaderMap::new(), &name, Some("a")).is_err());
        assert_eq!(compare(&HeaderMap::new(), &name, None), Ok(()));
    }
}
