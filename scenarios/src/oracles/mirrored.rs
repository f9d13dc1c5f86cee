//! What an upstream is told in headers is what the body says.
//!
//! In the stateless era a request repeats its method, its name, its revision and some arguments in headers, for whoever
//! stands in between and reads no bodies. A target that renames, rewrites or sends anew has to write them anew as well:
//! judged on the upstreams' ledgers, where a header of one request with the body of another is seen at once.

use fake_upstreams::wire::header::decoded;
use serde_json::Value;

use super::{Finding, Kind, Oracle, finding::Crossing};
use crate::trace::{
    Index,
    index::{Arrival, header},
};

/// Where a request says in which revision it is written.
const REVISION: &str = "/params/_meta/io.modelcontextprotocol~1protocolVersion";
/// How the headers of arguments begin.
const ARGUMENT: &str = "mcp-param-";

/// Judges everything that reached an upstream.
pub fn judge(index: &Index<'_>) -> Vec<Finding> {
    index.arrivals.values().filter_map(|arrival| disagreement(index, arrival)).collect()
}

/// The first header that does not say what the body says.
fn disagreement(index: &Index<'_>, arrival: &Arrival<'_>) -> Option<Finding> {
    let body: Value = serde_json::from_str(arrival.body).ok()?;
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let revision = text(REVISION)?; // Without one it is of an era that repeats nothing.
    let method = text("/method")?;
    let name = match method.as_str() {
        "tools/call" | "prompts/get" => text("/params/name"),
        "resources/read" => text("/params/uri"),
        _ => None,
    };
    let repeated = [("mcp-protocol-version", Some(revision)), ("mcp-method", Some(method)), ("mcp-name", name)];
    let wrong = repeated.into_iter().filter(|(_, wanted)| wanted.is_some()).find_map(|(name, wanted)| {
        let said = header(arrival.headers, name);
        (said.and_then(decoded) != wanted).then(|| (name.to_owned(), said, wanted.unwrap_or_default()))
    });
    let (name, said, wanted) = wrong.or_else(|| of_no_argument(arrival, &body))?;
    Some(finding(index, arrival, &name, said, &wanted))
}

/// The header of an argument that no argument says.
fn of_no_argument<'t>(arrival: &Arrival<'t>, body: &Value) -> Option<(String, Option<&'t str>, String)> {
    let mut arguments = Vec::new();
    values(body.pointer("/params/arguments").unwrap_or(&Value::Null), &mut arguments);
    let mut claims = arrival.headers.iter().filter(|(name, _)| name.starts_with(ARGUMENT));
    let (name, said) = claims.find(|(_, said)| decoded(said).is_none_or(|said| !arguments.contains(&said)))?;
    Some((name.clone(), Some(said.as_str()), format!("one of {}", arguments.join(", "))))
}

/// Every value in arguments that a header could repeat.
fn values(value: &Value, all: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.values().for_each(|value| values(value, all)),
        Value::Array(items) => items.iter().for_each(|value| values(value, all)),
        Value::String(text) => all.push(text.clone()),
        Value::Number(_) | Value::Bool(_) => all.push(value.to_string()),
        Value::Null => {}
    }
}

fn finding(index: &Index<'_>, arrival: &Arrival<'_>, name: &str, said: Option<&str>, wanted: &str) -> Finding {
    let owner = index.owner_of(arrival).user();
    let caller = owner.unwrap_or("nobody in particular");
    let foreign = index
        .marks_in(said.and_then(decoded).as_deref().unwrap_or_default())
        .find_map(|mark| mark.owner.user().filter(|of| Some(*of) != owner).map(str::to_owned));
    let kind = if foreign.is_some() { Kind::Leak } else { Kind::Correlation };
    let step = match arrival.cause.and_then(|cause| index.message_of(cause)) {
        Some(message) => message.step,
        None => index.step_at(arrival.at),
    };
    let headline = match said {
        Some(_) => {
            format!("`{}` was told one thing in `{name}` and another in the body, for {caller}", arrival.upstream)
        }
        None => format!("`{}` was not told in `{name}` what is asked, for {caller}", arrival.upstream),
    };
    let mut finding = Finding::new(Oracle::Headers, kind, step, arrival.at, headline);
    finding.crossing =
        foreign.map(|owner| Crossing { what: format!("the header {name}"), owner, reached: caller.to_owned() });
    finding.because(
        format!("{name}: {wanted}"),
        said.map_or_else(|| "no such header".to_owned(), |s| format!("{name}: {s}")),
    )
}
