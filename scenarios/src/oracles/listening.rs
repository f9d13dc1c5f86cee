//! What a client is told is what it has asked to be told, and nothing else.
//!
//! In the stateless era a listen says what it is for: nothing is told on it before the word that it has begun, nothing
//! that its filter does not name, and everything carries the id of the very request that opened it. In the stateful era
//! a session is told of the resources that it has subscribed to, and is given no answers where it listens. In both, log
//! lines come from the level on that was asked for: with the request itself, or for the session. And what a client hears
//! on the route of one upstream is what that upstream said.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Finding, Kind, audience::finding, rpc};
use crate::{
    scenario::model::Era,
    trace::{
        Event, Index,
        index::{Answer, MarkKind, Message, header},
    },
};

/// Where the id of a listen stands in the `_meta` of what is told on it.
const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";
/// Where a stateless request says from which level on it wants log lines.
const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// What is told first on a listen.
const BEGUN: &str = "notifications/subscriptions/acknowledged";
const UPDATED: &str = "notifications/resources/updated";
/// Where a task stands.
const STATUS: &str = "notifications/tasks";
/// Lists whose changes are told: the field of a filter, and the notification.
const LISTS: [(&str, &str); 3] = [
    ("toolsListChanged", "notifications/tools/list_changed"),
    ("promptsListChanged", "notifications/prompts/list_changed"),
    ("resourcesListChanged", "notifications/resources/list_changed"),
];
/// Levels of log lines, lowest first.
const LEVELS: [&str; 8] = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/// Judges every stream that was heard, and every log line.
pub fn judge(index: &Index<'_>) -> Vec<Finding> {
    let answered = index.messages.values().filter_map(|message| Some((message, message.answer?)));
    answered
        .flat_map(|(message, answer)| {
            let listens = rpc::method(message.body).as_deref() == Some("subscriptions/listen");
            let on_stream = if listens { on_listen(message, &answer) } else { unsubscribed(index, message, &answer) };
            let elsewhere = elsewhere(index, message, &answer).filter(|_| listens || message.method == "GET");
            [on_stream, elsewhere, answer_to_nothing(index, message, &answer), logged(index, message, &answer)]
        })
        .flatten()
        .collect()
}

/// What a listen asks for, or is promised.
struct Filter {
    lists: BTreeSet<&'static str>,
    uris: Vec<String>,
    tasks: Vec<String>,
}

impl Filter {
    fn read(written: Option<&Value>) -> Self {
        let on = |field: &str| written.and_then(|written| written.get(field)) == Some(&Value::Bool(true));
        let named = |field: &str| {
            let named = written.and_then(|written| written.get(field)?.as_array()).into_iter().flatten();
            named.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Self {
            lists: LISTS.into_iter().filter(|(field, _)| on(field)).map(|(_, method)| method).collect(),
            uris: named("resourceSubscriptions"),
            tasks: named("taskIds"),
        }
    }

    /// Whether this notification is one of those.
    fn names(&self, method: &str, told: &Value) -> bool {
        match method {
            UPDATED => uri(told).is_some_and(|uri| self.uris.iter().any(|asked| is_or_is_below(uri, asked))),
            STATUS => {
                let task = told.pointer("/params/taskId").and_then(Value::as_str);
                task.is_some_and(|task| self.tasks.iter().any(|asked| asked == task))
            }
            method => self.lists.contains(method),
        }
    }

    /// Whether everything in it stands in another.
    fn is_part_of(&self, other: &Self) -> bool {
        self.lists.is_subset(&other.lists)
            && self.uris.iter().all(|uri| other.uris.contains(uri))
            && self.tasks.iter().all(|task| other.tasks.contains(task))
    }
}

/// A listen: what it is told, when, and under which id.
fn on_listen(message: &Message<'_>, answer: &Answer<'_>) -> Option<Finding> {
    let asked: Value = serde_json::from_str(message.body).ok()?;
    let (id, filter) = (asked.get("id")?, Filter::read(asked.pointer("/params/notifications")));
    let wrong = |headline: String, expected: String, told: &Value| {
        Some(finding(Kind::Correlation, message, answer.at, headline).because(expected, told.to_string()))
    };
    let mut begun = false;
    for told in rpc::messages(answer) {
        let (method, under) = (told.get("method").and_then(Value::as_str), subscription(&told));
        let foreign = match method {
            Some(_) => under != Some(id),
            None => under.is_some_and(|under| under != id),
        };
        if foreign {
            let headline = format!("{} was told something that does not carry the id of its listen", message.actor);
            return wrong(headline, format!("{SUBSCRIPTION} {id}"), &told);
        }
        match method {
            None => {}
            Some(BEGUN) if !begun => {
                begun = true;
                if !Filter::read(told.pointer("/params/notifications")).is_part_of(&filter) {
                    let headline = format!("{} was promised more than it asked to be told", message.actor);
                    return wrong(headline, "a part of its own filter".into(), &told);
                }
            }
            Some(_) if !begun => {
                let headline = format!("{} was told something before its listen had begun", message.actor);
                return wrong(headline, format!("{BEGUN} first"), &told);
            }
            Some(method) if !filter.names(method, &told) => {
                let headline = format!("{} was told what it did not ask to be told", message.actor);
                return wrong(headline, "what its own filter names".into(), &told);
            }
            Some(_) => {}
        }
    }
    None
}

/// A changed resource of which a session is told that has not subscribed to it.
fn unsubscribed(index: &Index<'_>, message: &Message<'_>, answer: &Answer<'_>) -> Option<Finding> {
    let session = message.session.filter(|_| message.method == "GET")?;
    let subscribed = |to: &str| {
        let mut own = index.messages.values().filter(|other| other.session == Some(session));
        own.any(|asked| subscribes(asked.body, to))
    };
    let mut updates = rpc::messages(answer).into_iter().filter(|told| told.get("method") == Some(&UPDATED.into()));
    let told = updates.find(|told| !subscribed(uri(told).unwrap_or_default()))?;
    let headline = format!("{} was told of a resource to which this session has not subscribed", message.actor);
    let finding = finding(Kind::Correlation, message, answer.at, headline);
    Some(finding.because("updates of what it has subscribed to", told.to_string()))
}

/// An answer on a listening stream, where only one that goes on with a call may have some: to what its session has asked.
fn answer_to_nothing(index: &Index<'_>, message: &Message<'_>, answer: &Answer<'_>) -> Option<Finding> {
    let session = message.session.filter(|_| message.method == "GET")?;
    header(answer.headers, "content-type").filter(|media| media.starts_with("text/event-stream"))?;
    let Event::Sent { headers, .. } = &index.events[message.at] else { return None };
    let of_session = index.messages.values().filter(|other| other.session == Some(session));
    let asked: Vec<Value> = match header(headers, "last-event-id") {
        Some(_) => of_session.flat_map(|asked| rpc::ids(asked.body)).collect(),
        None => Vec::new(),
    };
    let told = rpc::responses(answer).into_iter().find(|told| told.get("id").is_none_or(|id| !asked.contains(id)))?;
    let headline = format!("{} was given an answer on a listening stream that goes on with no call", message.actor);
    Some(finding(Kind::Correlation, message, answer.at, headline).because("notifications", told.to_string()))
}

fn subscribes(body: &str, to: &str) -> bool {
    let Ok(asked) = serde_json::from_str::<Value>(body) else { return false };
    let subscribes = asked.get("method").and_then(Value::as_str) == Some("resources/subscribe");
    subscribes && uri(&asked).is_some_and(|uri| is_or_is_below(to, uri))
}

/// Something that another upstream said than the one of this route.
fn elsewhere(index: &Index<'_>, message: &Message<'_>, answer: &Answer<'_>) -> Option<Finding> {
    index.facts.scenario.upstreams.get(message.upstream)?; // A route of several has no upstream of its own.
    let told = rpc::told(answer);
    let mark = told.iter().flat_map(|told| index.marks_in(told)).find(|mark| {
        mark.kind == MarkKind::Answer && mark.minted.is_some_and(|(upstream, _)| upstream != message.upstream)
    })?;
    let (said_by, _) = mark.minted?;
    let headline = format!("{} was told on the route of `{}` what `{said_by}` said", message.actor, message.upstream);
    let finding = finding(Kind::Correlation, message, answer.at, headline);
    Some(finding.because(format!("what `{}` said", message.upstream), rpc::brief(answer)))
}

/// A log line that the request did not ask for, or whose level is lower than what was asked.
fn logged(index: &Index<'_>, message: &Message<'_>, answer: &Answer<'_>) -> Option<Finding> {
    if message.method != "POST" {
        return None; // What was said before a level was set may be heard after it.
    }
    let (least, asked) = match index.facts.era_of(message.actor) {
        Era::Stateless => asked_with(message.body).map_or((LEVELS.len(), "no log lines".to_owned()), |least| {
            (level(&least), format!("log lines from {least} on"))
        }),
        Era::Stateful => {
            let least = set_for(index, message, answer)?;
            (level(&least), format!("log lines from {least} on"))
        }
    };
    let (_, line) = rpc::logs(answer).into_iter().find(|(said, _)| level(said) < least)?;
    let headline = format!("{} was told a log line that it did not ask for", message.actor);
    Some(finding(Kind::Correlation, message, answer.at, headline).because(asked, line))
}

/// The level that a stateless request asks for.
fn asked_with(body: &str) -> Option<String> {
    let asked: Value = serde_json::from_str(body).ok()?;
    Some(asked.pointer("/params/_meta")?.get(LOG_LEVEL)?.as_str()?.to_owned())
}

/// The level that held in the session of a request from its beginning to its end; `None` where nothing was said, or
/// something else meanwhile.
fn set_for(index: &Index<'_>, message: &Message<'_>, answer: &Answer<'_>) -> Option<String> {
    let session = message.session?;
    let set = index.messages.values().filter(|other| {
        other.session == Some(session) && rpc::method(other.body).as_deref() == Some("logging/setLevel")
    });
    let last = set.filter(|set| set.at < answer.at).max_by_key(|set| set.at)?;
    last.answer.filter(|accepted| accepted.at < message.at && rpc::accepted(accepted))?;
    let asked: Value = serde_json::from_str(last.body).ok()?;
    Some(asked.pointer("/params/level")?.as_str()?.to_owned())
}

/// How high a level is. One that nobody knows is as high as any, so that nothing is said of it.
fn level(name: &str) -> usize {
    LEVELS.iter().position(|level| *level == name).unwrap_or(LEVELS.len())
}

fn subscription(told: &Value) -> Option<&Value> {
    let part = told.get("params").or_else(|| told.get("result"))?;
    part.get("_meta")?.get(SUBSCRIPTION)
}

fn uri(message: &Value) -> Option<&str> {
    message.pointer("/params/uri")?.as_str()
}

/// Whether a resource is this one, or a part of it.
fn is_or_is_below(uri: &str, of: &str) -> bool {
    uri.strip_prefix(of).is_some_and(|rest| rest.is_empty() || of.ends_with('/') || rest.starts_with(['/', '#', '?']))
}
