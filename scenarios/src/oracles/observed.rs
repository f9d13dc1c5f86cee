//! What a trace must show before it counts as judged: nothing verified is never green.
//!
//! Behind a hub the suite's own fakes see to it that what a scenario is about happens. A real server may answer before the
//! next request is sent, give out no session id, or refuse to end a session; then the scenario saw nothing.

use super::rpc;
use crate::{
    scenario::model::{Action, SessionChoice},
    trace::{Index, Purpose, index::Message},
};

/// Why the trace does not show what its scenario is about; `None` where it does.
pub fn not_observed(index: &Index<'_>) -> Option<String> {
    if !index.messages.values().any(|message| message.answer.is_some()) {
        return Some("no step was answered, so nothing was verified".to_owned());
    }
    if !index.facts.scenario.is_for_servers() {
        return None;
    }
    let reasons = [apart, silent, nameless, endless];
    reasons.iter().find_map(|reason| reason(index))
}

fn of_steps<'i, 't>(index: &'i Index<'t>) -> impl Iterator<Item = &'i Message<'t>> + Clone {
    index.messages.values().filter(|message| message.purpose == Purpose::Step)
}

/// Calls that were begun to be open at once, and were answered one after another.
fn apart(index: &Index<'_>) -> Option<String> {
    let begun = index.facts.scenario.steps.iter().any(|step| match &step.action {
        Action::Request(request) => request.begun.is_some(),
        _ => false,
    });
    let end = |message: &Message<'_>| message.answer.map_or(usize::MAX, |answer| answer.at);
    let together = |one: &Message<'_>, other: &Message<'_>| one.at < other.at && other.at < end(one);
    let overlap = of_steps(index).any(|one| of_steps(index).any(|other| together(one, other)));
    (begun && !overlap).then(|| "no two calls were open at once: each was answered before the next was sent".to_owned())
}

/// Progress that was asked for and of which nobody told anything.
fn silent(index: &Index<'_>) -> Option<String> {
    let asked = of_steps(index).filter(|message| rpc::progress_token(message.body).is_some());
    let told = |message: &Message<'_>| message.answer.is_some_and(|answer| !rpc::progress(&answer).is_empty());
    let silent = asked.clone().next().is_some() && !asked.clone().any(told);
    silent.then(|| "nobody was told of any progress; say so: `unsupported: { progress: reason }`".to_owned())
}

/// A foreign or ended session id that was never given out.
fn nameless(index: &Index<'_>) -> Option<String> {
    index.facts.scenario.steps.iter().find_map(|step| {
        let Action::Send(send) = &step.action else { return None };
        let SessionChoice::Of { actor, .. } = &send.session else { return None };
        let given = index.messages.values().any(|message| message.actor == actor && message.session_used().is_some());
        (!given).then(|| format!("{actor} was given no session id; say so: `unsupported: {{ sessions: reason }}`"))
    })
}

/// A session that its server does not end when it is asked to.
fn endless(index: &Index<'_>) -> Option<String> {
    index.facts.scenario.steps.iter().enumerate().find_map(|(number, step)| {
        let Action::Close { .. } = &step.action else { return None };
        let answer = index.message_of(index.exchange_of(number)?)?.answer?;
        (answer.status == 405).then(|| {
            "DELETE is answered with 405, so no session was ended; say so: `unsupported: { sessions: reason }`"
                .to_owned()
        })
    })
}
