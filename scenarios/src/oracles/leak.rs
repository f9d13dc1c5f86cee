//! Nobody receives another user's mark, and nobody's mark is sent upstream in another's name.
//!
//! Looked for in every header and body delivered to an actor or sent to an upstream. A mark belongs to a *user* here: what
//! one client of a user gets of another client's is the business of `exclusive_session` and
//! `noninterference`, because data at rest of one account is rightly seen by both. A mark whose
//! owner the trace does not tell is never judged.

use super::{
    Finding, Kind, Oracle,
    finding::{Crossing, Severity},
    rpc,
};
use crate::trace::{
    Index, Sharing,
    index::{Answer, Arrival, Mark, MarkKind, Message, Owner},
};

/// Judges everything that was delivered.
pub fn judge(index: &Index<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for message in index.messages.values() {
        let Some(answer) = &message.answer else { continue };
        let delivered = delivered_text(answer);
        if let Some(finding) = foreign_mark(index, message, answer, &delivered) {
            findings.push(finding);
        }
    }
    findings.extend(index.arrivals.values().filter_map(|arrival| sent_for_another(index, arrival)));
    findings
}

/// What only one user may have, sent in another's request although that user never sent it.
fn sent_for_another(index: &Index<'_>, arrival: &Arrival<'_>) -> Option<Finding> {
    let Owner::Actor(sender) = index.owner_of(arrival) else { return None };
    let message = index.message_of(arrival.cause?)?;
    let mark = index
        .marks_in(arrival.body)
        .filter(|mark| !message.body.contains(mark.text))
        .find(|mark| mark.owner.user().is_some_and(|user| user != sender.user))?;
    let owner = mark.owner.user()?;
    let headline = format!("{owner}'s data went to `{}` in a request of {sender}", arrival.upstream);
    let mut finding = Finding::new(Oracle::Leak, Kind::Leak, message.step, arrival.at, headline);
    finding.crossing =
        Some(Crossing { what: format!("mark {}", mark.text), owner: owner.to_owned(), reached: sender.to_string() });
    Some(finding.because(
        format!("nothing of {owner}'s in what is sent for {sender}"),
        format!("mark {} of {owner} in {}", mark.text, arrival.body),
    ))
}

/// Whether a target that declares one upstream session for everybody may tell everybody: the upstream's own greeting.
fn is_common(index: &Index<'_>, mark: &Mark<'_>) -> bool {
    let greeting = |arrival: &Arrival<'_>| rpc::method(arrival.body).as_deref() == Some("initialize");
    let minted = mark.minted.and_then(|minted| index.arrivals.get(&minted));
    index.facts.sharing == Sharing::Shared && mark.kind == MarkKind::Answer && minted.is_some_and(greeting)
}

/// Headers and body in one text: a mark in a header is as much a leak as one in a body.
pub(super) fn delivered_text(answer: &Answer<'_>) -> String {
    let mut text = String::new();
    for (name, value) in answer.headers {
        text.push_str(name);
        text.push_str(": ");
        text.push_str(value);
        text.push('\n');
    }
    text.push_str(answer.body);
    text
}

fn foreign_mark(index: &Index<'_>, message: &Message<'_>, answer: &Answer<'_>, delivered: &str) -> Option<Finding> {
    let receiver = message.actor;
    let mark = index
        .marks_in(delivered)
        // What an actor sent itself it may get back: a file may name another's `$canary` in a request.
        .filter(|mark| !message.body.contains(mark.text))
        .filter(|mark| !is_common(index, mark))
        .find(|mark| mark.owner.user().is_some_and(|user| user != receiver.user))?;
    let owner = mark.owner.user()?;
    let what = match mark.kind {
        MarkKind::Canary => "a value that only",
        MarkKind::Request => "a request that only",
        MarkKind::Answer => "the answer to a call that only",
        MarkKind::Data => "stored data that only",
    };
    Some(Finding {
        oracle: Oracle::Leak,
        kind: Kind::Leak,
        severity: Severity::Failure,
        headline: format!("{receiver} received {what} {owner} may see"),
        step: message.step,
        span: None,
        expected: format!("nothing of {owner}'s in anything delivered to {receiver}"),
        received: format!("mark {} of {owner} in: {}", mark.text, rpc::brief(answer)),
        crossing: Some(Crossing {
            what: format!("mark {}", mark.text),
            owner: owner.to_owned(),
            reached: receiver.to_string(),
        }),
        at: answer.at,
    })
}
