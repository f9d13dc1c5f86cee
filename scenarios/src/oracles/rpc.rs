//! Reading JSON-RPC out of recorded bodies, whether they came as JSON or as an event stream.

use fake_upstreams::wire::sse;
use serde_json::Value;

use crate::trace::index::{Answer, header};

/// An answer that is not (yet) part of a trace.
pub fn answer_of<'a>(status: u16, headers: &'a [(String, String)], body: &'a str) -> Answer<'a> {
    Answer { at: 0, status, headers, body }
}

/// All JSON-RPC messages of an answer, in order. Bytes that are no JSON are left out: an oracle that
/// cares for the form looks at the body itself.
pub fn messages(answer: &Answer<'_>) -> Vec<Value> {
    let media = header(answer.headers, "content-type").unwrap_or_default();
    if media.starts_with("text/event-stream") {
        sse::events(answer.body).iter().filter_map(|event| serde_json::from_str(&event.data).ok()).collect()
    } else {
        serde_json::from_str(answer.body).into_iter().collect()
    }
}

/// The responses among them: messages with a result or an error.
pub fn responses(answer: &Answer<'_>) -> Vec<Value> {
    messages(answer).into_iter().filter(|m| m.get("result").is_some() || m.get("error").is_some()).collect()
}

/// The first response, which is the only one a correct hub sends.
pub fn response(answer: &Answer<'_>) -> Option<Value> {
    responses(answer).into_iter().next()
}

/// The texts of a `tools/call` result, joined by newlines; empty for anything else.
pub fn text(response: &Value) -> String {
    let parts = response.pointer("/result/content").and_then(Value::as_array);
    let texts = parts.into_iter().flatten().filter_map(|part| part.get("text")?.as_str());
    texts.collect::<Vec<_>>().join("\n")
}

/// The message of a JSON-RPC error, or the text of an `isError` result; `None` for a success.
pub fn failure(response: &Value) -> Option<String> {
    if let Some(error) = response.get("error") {
        return Some(error.get("message").and_then(Value::as_str).unwrap_or_default().to_owned());
    }
    (response.pointer("/result/isError") == Some(&Value::Bool(true))).then(|| text(response))
}

/// The tool names of a `tools/list` result; `None` where it is none.
pub fn tools(response: &Value) -> Option<Vec<String>> {
    let tools = response.pointer("/result/tools")?.as_array()?;
    Some(tools.iter().filter_map(|tool| Some(tool.get("name")?.as_str()?.to_owned())).collect())
}

/// The id of the request in a recorded body, byte for byte as it was written.
pub fn request_id(body: &str) -> Option<Value> {
    serde_json::from_str::<Value>(body).ok()?.get("id").cloned()
}

/// A short form of an answer for a report: status, then the body cut to a line.
pub fn brief(answer: &Answer<'_>) -> String {
    const WIDTH: usize = 160;
    let body = answer.body.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = body.chars().take(WIDTH).collect();
    let more = if cut.len() < body.len() { "…" } else { "" };
    format!("{} {cut}{more}", answer.status)
}
