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
        sse::events(answer.body).iter().flat_map(|event| one_or_many(&event.data)).collect()
    } else {
        one_or_many(answer.body)
    }
}

/// A message, or in revision 2025-03-26 a batch of them.
pub(super) fn one_or_many(text: &str) -> Vec<Value> {
    match serde_json::from_str(text) {
        Ok(Value::Array(batch)) => batch,
        Ok(message) => vec![message],
        Err(_) => Vec::new(),
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

/// Let in: a result, or a success status without a JSON-RPC error.
pub fn accepted(answer: &Answer<'_>) -> bool {
    match response(answer) {
        Some(response) => failure(&response).is_none(),
        None => answer.status < 400,
    }
}

/// The texts of a result, joined by newlines: of a tool, a prompt, a resource, a completion or a task; empty for anything
/// else. A task's are its status, what it asks, and the texts of the result that it came to.
pub fn text(response: &Value) -> String {
    let many = |pointer: &str| response.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    let of_tool = many("/result/content").filter_map(|part| part.get("text"));
    let of_prompt = many("/result/messages").filter_map(|message| message.pointer("/content/text"));
    let of_resource = many("/result/contents").filter_map(|content| content.get("text"));
    let of_completion = many("/result/completion/values");
    let task = response.get("result").filter(|result| result.get("taskId").is_some());
    let status = task.and_then(|task| task.get("status"));
    let asked =
        task.and_then(|task| task.get("inputRequests")?.as_object()).into_iter().flat_map(|asked| asked.values());
    let asked = asked.filter_map(|request| request.pointer("/params/message"));
    let of_task = many("/result/result/content").filter(|_| task.is_some()).filter_map(|part| part.get("text"));
    let of_task = status.into_iter().chain(asked).chain(of_task);
    let texts = of_tool.chain(of_prompt).chain(of_resource).chain(of_completion).chain(of_task);
    texts.filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

/// The message of a JSON-RPC error, or the text of an `isError` result; `None` for a success.
pub fn failure(response: &Value) -> Option<String> {
    if let Some(error) = response.get("error") {
        return Some(error.get("message").and_then(Value::as_str).unwrap_or_default().to_owned());
    }
    (response.pointer("/result/isError") == Some(&Value::Bool(true))).then(|| text(response))
}

/// The result of a response that wants something more before it can be given; `None` for any other.
pub fn input_required(response: &Value) -> Option<&Value> {
    let result = response.get("result")?;
    (result.get("resultType")? == "input_required").then_some(result)
}

/// The names or URIs in the result of a list; `None` where it is none.
pub fn names(response: &Value) -> Option<Vec<String>> {
    let lists = [("tools", "name"), ("prompts", "name"), ("resources", "uri"), ("resourceTemplates", "uriTemplate")];
    let result = response.get("result")?;
    let (items, member) = lists.into_iter().find_map(|(list, member)| Some((result.get(list)?.as_array()?, member)))?;
    Some(items.iter().filter_map(|item| Some(item.get(member)?.as_str()?.to_owned())).collect())
}

/// The notifications on the way to an answer, as they were written.
pub fn notifications(answer: &Answer<'_>) -> Vec<String> {
    let told = messages(answer).into_iter().filter(|m| m.get("method").is_some() && m.get("id").is_none());
    told.map(|message| message.to_string()).collect()
}

/// Everything in an answer that is no response, as it was written: notifications, and what an upstream asks.
pub fn told(answer: &Answer<'_>) -> Vec<String> {
    let told = messages(answer).into_iter().filter(|m| m.get("method").is_some());
    told.map(|message| message.to_string()).collect()
}

/// The log lines on the way to an answer: the level of each, and the whole as it was written.
pub fn logs(answer: &Answer<'_>) -> Vec<(String, String)> {
    let lines = messages(answer).into_iter().filter(|m| m.get("method") == Some(&Value::from("notifications/message")));
    let level = |line: &Value| line.pointer("/params/level").and_then(Value::as_str).unwrap_or_default().to_owned();
    lines.map(|line| (level(&line), line.to_string())).collect()
}

/// The tokens under which an answer tells of progress.
pub fn progress(answer: &Answer<'_>) -> Vec<Value> {
    let told = messages(answer).into_iter().filter(|m| m.get("method") == Some(&Value::from("notifications/progress")));
    told.filter_map(|message| message.pointer("/params/progressToken").cloned()).collect()
}

/// The token under which a recorded request wants to be told of progress.
pub fn progress_token(body: &str) -> Option<Value> {
    serde_json::from_str::<Value>(body).ok()?.pointer("/params/_meta/progressToken").cloned()
}

/// What a recorded request of the stateless era declares that its client can be asked, in order.
pub fn declared(body: &str) -> Vec<String> {
    let asked = serde_json::from_str::<Value>(body).unwrap_or_default();
    let meta = asked.pointer("/params/_meta");
    let declared = meta.and_then(|meta| meta.get("io.modelcontextprotocol/clientCapabilities")?.as_object());
    let mut names: Vec<String> = declared.into_iter().flat_map(|declared| declared.keys().cloned()).collect();
    names.sort_unstable();
    names
}

/// The ids of all requests in a recorded batch; `None` where it is none.
pub fn batch(body: &str) -> Option<Vec<Value>> {
    let Ok(Value::Array(messages)) = serde_json::from_str(body) else { return None };
    Some(messages.iter().filter_map(|message| message.get("id").cloned()).collect())
}

/// The ids of all requests in a recorded body, one or a batch.
pub fn ids(body: &str) -> Vec<Value> {
    let requests = one_or_many(body).into_iter().filter(|message| message.get("method").is_some());
    requests.filter_map(|message| message.get("id").cloned()).collect()
}

/// The method of a recorded request.
pub fn method(body: &str) -> Option<String> {
    Some(serde_json::from_str::<Value>(body).ok()?.get("method")?.as_str()?.to_owned())
}

/// The URI that a recorded request names.
pub fn uri(body: &str) -> Option<String> {
    Some(serde_json::from_str::<Value>(body).ok()?.pointer("/params/uri")?.as_str()?.to_owned())
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
