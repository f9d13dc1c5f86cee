//! What the trace of the probe shows.

use fake_upstreams::Kind;

use super::Line;
use crate::{
    oracles::rpc,
    trace::{Index, Trace, index::Answer, index::header},
};

/// The steps of the probe, by their place in `probe.yaml`.
const HELLOS: [(usize, &str); 2] = [(0, "alice"), (1, "bob")];
const LIST: usize = 2;
const CALL: usize = 3;
const WRONG_KEY: usize = 4;

/// A line for each step of the probe; with `open`, the reason why the hub asks for no key.
pub(super) fn lines(trace: &Trace, open: Option<&String>) -> Vec<Line> {
    let index = Index::new(trace);
    let mut lines: Vec<Line> = HELLOS.iter().map(|(step, user)| hello(&index, *step, user)).collect();
    lines.push(list(&index));
    lines.push(call(&index));
    lines.push(match open {
        Some(why) => Line::not_asked("a wrong key is refused", why),
        None => wrong_key(&index),
    });
    lines
}

fn answer<'t>(index: &Index<'t>, step: usize) -> Result<Answer<'t>, String> {
    let message = index.exchange_of(step).and_then(|exchange| index.message_of(exchange));
    let message = message.ok_or("nothing was sent: `reach.upstream` gives no route")?;
    message.answer.ok_or_else(|| "no answer came; is `reach.upstream` right?".to_owned())
}

/// The result of a step, or what came instead.
fn result(index: &Index<'_>, step: usize) -> Result<serde_json::Value, String> {
    let answer = answer(index, step)?;
    match rpc::response(&answer) {
        Some(response) if answer.status == 200 && rpc::failure(&response).is_none() => Ok(response),
        _ => {
            let hint = match answer.status {
                401 | 403 => {
                    "the hub does not know this key; look at `provision`, the key in `files`, and `reach.header`"
                }
                404 | 405 => "this is no MCP endpoint; look at `reach.upstream`",
                _ => "a result must come",
            };
            Err(format!("{}\n{hint}", rpc::brief(&answer)))
        }
    }
}

fn hello(index: &Index<'_>, step: usize, user: &str) -> Line {
    let name = format!("initialize as {user}");
    match result(index, step) {
        Ok(_) => {
            let given = answer(index, step).is_ok_and(|answer| header(answer.headers, "mcp-session-id").is_some());
            Line::works(name, if given { "a session id was given" } else { "no session id was given" })
        }
        Err(instead) => Line::missing(name, instead),
    }
}

fn list(index: &Index<'_>) -> Line {
    let step = "tools/list";
    let response = match result(index, LIST) {
        Ok(response) => response,
        Err(instead) => return Line::missing(step, instead),
    };
    let names = rpc::names(&response).unwrap_or_default();
    let mut wanted = fake_upstreams::tool_names(Kind::Db);
    match wanted.find(|tool| !names.iter().any(|name| name == tool)) {
        None => Line::works(step, format!("{} tools, under their own names", names.len())),
        Some(tool) => Line::missing(
            step,
            format!(
                "the upstream's tool `{tool}` is not among [{}]\nroutes of one upstream must show its own names",
                names.join(", ")
            ),
        ),
    }
}

fn call(index: &Index<'_>) -> Line {
    let step = "one call reaches the upstream";
    if let Err(instead) = result(index, CALL) {
        return Line::missing(step, instead);
    }
    let arrival = index.exchange_of(CALL).and_then(|exchange| index.arrivals_of(exchange).next());
    let Some(arrival) = arrival else {
        let unmarked = index.arrivals.values().any(|arrival| arrival.body.contains("tools/call"));
        let what = if unmarked {
            "the upstream saw a call without `params._meta`: this hub does not pass it on, and oracles that follow a call cannot tell whose it is"
        } else {
            "an answer came, and the upstream saw no call: is something else behind this route?"
        };
        return Line::missing(step, what);
    };
    let facts = index.facts;
    let shown = match arrival.token() {
        None => "no credential".to_owned(),
        Some(token) => match facts.token_owner(token) {
            Some(user) => format!("{user}'s own credential"),
            None if facts.service_tokens.values().any(|own| own == token) => "the hub's own credential".to_owned(),
            None if facts.keys.values().any(|key| key == token) => "the user's hub key".to_owned(),
            None => "a credential that nobody was given".to_owned(),
        },
    };
    if arrival.token() == facts.expected_token("alice", arrival.upstream) {
        return Line::works(step, format!("with {shown}"));
    }
    let wanted = facts.credentials;
    Line::missing(
        step,
        format!(
            "it came with {shown}, and the credential mode is `{wanted}`\nlook at how the upstream's credential is configured, or name the mode under `unsupported`"
        ),
    )
}

fn wrong_key(index: &Index<'_>) -> Line {
    let step = "a wrong key is refused";
    match answer(index, WRONG_KEY) {
        Ok(answer) if answer.status == 401 => Line::works(step, "HTTP 401"),
        Ok(answer) if rpc::response(&answer).is_some_and(|response| rpc::failure(&response).is_none()) => {
            Line::missing(
                step,
                "a key that nobody was given was let in\nif this hub asks for no keys, say so: `unsupported: { authentication: reason }`",
            )
        }
        Ok(answer) => Line::works(step, format!("HTTP {}, where 401 is usual", answer.status)),
        Err(instead) => Line::missing(step, instead),
    }
}
