//! What a user gets among others is what the same user gets alone.
//!
//! Each user's requests are also played alone, against private upstreams and through no hub. Step by
//! step the two answers must say the same, once marks and ids, which are fresh in every run, are
//! taken out. Only calls and lists are compared: a handshake names the hub.

use serde_json::Value;

use super::{Finding, Kind, Oracle, marks, rpc};
use crate::{
    scenario::model::{Action, Request, RequestKind},
    trace::{Index, facts::Answers, index::Message},
};

/// Compares the run with each user's control run.
pub fn judge(index: &Index<'_>, alone: &[Index<'_>]) -> Vec<Finding> {
    let steps = index.facts.scenario.steps.iter().enumerate();
    let asked = steps.filter(|(_, step)| match &step.action {
        Action::Request(request) => compared(index, request) && request.held.is_none(),
        Action::Await(label) => held_request(index, &label.value).is_some_and(|request| compared(index, request)),
        _ => false,
    });
    asked.filter_map(|(number, _)| differs(index, alone, number)).collect()
}

fn compared(index: &Index<'_>, request: &Request) -> bool {
    let restricted = index.facts.scenario.users.get(&request.actor.user).is_some_and(|user| !user.tools.is_empty());
    match request.kind {
        RequestKind::Initialize | RequestKind::Ping => false,
        // Alone and through no hub, nobody is kept from a tool.
        RequestKind::List { .. } => !restricted,
        _ => request.fault.is_none(),
    }
}

fn held_request<'t>(index: &Index<'t>, label: &str) -> Option<&'t Request> {
    index.facts.scenario.steps.iter().find_map(|step| match &step.action {
        Action::Request(request) if request.held.as_ref().is_some_and(|held| held.value == label) => Some(request),
        _ => None,
    })
}

fn differs(index: &Index<'_>, alone: &[Index<'_>], number: usize) -> Option<Finding> {
    let message = answered(index, number)?;
    if parted(index, alone, message) {
        return None;
    }
    let (control, reference) = alone.iter().find_map(|control| Some((control, answered(control, number)?)))?;
    let answers = index.facts.answers;
    // Alone, everybody speaks the era in which the upstream answers them.
    let (facts, user) = (index.facts, message.actor.user.as_str());
    let answered_in = facts.scenario.upstream_era_of(message.upstream, user, facts.pair);
    let wording = match facts.era_of(message.actor) == answered_in {
        true => Wording::OfOneEra,
        false => Wording::OfEither,
    };
    let (among, by_itself) = (said(index, message, answers, wording)?, said(control, reference, answers, wording)?);
    (among != by_itself).then(|| {
        let headline = format!("{} got another answer than alone", message.actor);
        let at = message.answer.map_or(message.at, |answer| answer.at);
        let finding = Finding::new(Oracle::Noninterference, Kind::Interference, number, at, headline);
        finding.because(by_itself, among)
    })
}

/// Whether this user's two runs have parted before this request: a call that the control run leaves out,
/// because the file wants it to fail, ran upstream all the same and may have changed something.
fn parted(index: &Index<'_>, alone: &[Index<'_>], message: &Message<'_>) -> bool {
    let earlier = index.messages.values().filter(|m| m.at < message.at && m.actor.user == message.actor.user);
    earlier
        .filter(|m| alone.iter().all(|control| !control.outcomes.contains_key(&m.step)))
        .any(|left_out| index.arrivals_of(left_out.exchange).any(|arrival| arrival.executed > 0))
}

fn answered<'i, 't>(index: &'i Index<'t>, step: usize) -> Option<&'i Message<'t>> {
    let message = index.message_of(index.exchange_of(step)?)?;
    message.answer.map(|_| message)
}

/// What is left where a target writes answers anew: whether it failed, names of a list, texts.
fn gist(response: &Value) -> String {
    match (rpc::failure(response), rpc::names(response)) {
        (Some(_), _) => "an error".to_owned(),
        (None, Some(mut names)) => {
            names.sort_unstable();
            names.join(", ")
        }
        (None, None) => rpc::text(response),
    }
}

/// In which words an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wording {
    /// Both answers in those of one era.
    OfOneEra,
    /// One in those of the other: what only one of the eras says is left out.
    OfEither,
}

/// What only a result of the stateless era says of itself.
const STATELESS_ALONE: [&str; 3] = ["resultType", "ttlMs", "cacheScope"];
/// What a kept answer says of itself, and one that is as fresh says otherwise.
const OF_WHAT_IS_KEPT: [&str; 2] = ["ttlMs", "cacheScope"];
/// What names a task, and what else two tasks differ in that are the same otherwise: the id, and when it was there.
const TASK: &str = "taskId";
const OF_ONE_TASK: [&str; 3] = [TASK, "createdAt", "lastUpdatedAt"];
/// The code for a resource that there is not: in the stateful era, and in the stateless era.
const NO_RESOURCE: (i64, i64) = (-32002, -32602);

/// What the answer says: the result or error, without its id, marks that no file names replaced.
fn said(index: &Index<'_>, message: &Message<'_>, answers: Answers, wording: Wording) -> Option<String> {
    let mut response = rpc::response(message.answer.as_ref()?)?;
    if let Value::Object(fields) = &mut response {
        fields.retain(|name, _| matches!(name.as_str(), "result" | "error"));
    }
    if wording == Wording::OfEither {
        if let Some(result) = response.get_mut("result").and_then(Value::as_object_mut) {
            result.retain(|name, _| !STATELESS_ALONE.contains(&name.as_str()));
        }
        if let Some(code) = response.pointer_mut("/error/code").filter(|code| **code == NO_RESOURCE.0) {
            *code = NO_RESOURCE.1.into();
        }
    }
    let limits = &index.facts.scenario.limits;
    if limits.cache.or(limits.cache_hints).is_some()
        && let Some(result) = response.get_mut("result").and_then(Value::as_object_mut)
    {
        result.retain(|name, _| !OF_WHAT_IS_KEPT.contains(&name.as_str()));
    }
    if let Some(task) =
        response.get_mut("result").and_then(Value::as_object_mut).filter(|result| result.contains_key(TASK))
    {
        task.retain(|name, _| !OF_ONE_TASK.contains(&name.as_str()));
    }
    let text = match answers {
        Answers::Verbatim => {
            response.sort_all_objects();
            response.to_string()
        }
        Answers::Alike => gist(&response),
    };
    Some(marks::plain(&text, &index.facts.canaries).into_owned())
}
