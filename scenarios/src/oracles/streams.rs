//! What an upstream tells a session outside of answers reaches that session's client alone, once, and in order.
//!
//! Each such message carries a mark that was minted for the upstream's own listening stream, whose session says whose
//! it is. A client may hear it on its listening stream, or on the one that goes on where that one broke.

use std::collections::BTreeMap;

use super::{
    Finding, Kind,
    audience::{astray, finding},
    rpc,
};
use crate::trace::{
    Exchange, Index,
    index::{Answer, MarkKind, Message, Owner},
};

/// Judges every stream that was heard, and every answer to what an upstream asked.
pub fn judge(index: &Index<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut told: BTreeMap<(&str, Result<&str, Exchange>), u64> = BTreeMap::new();
    for message in index.messages.values() {
        let Some(answer) = &message.answer else { continue };
        let marks = marks(index, answer);
        findings.extend(strayed(index, message, answer, &marks));
        findings.extend(disordered(index, message, answer, &marks));
        for mark in marks {
            // Listens of the stateless era may share what an upstream says, and each is told it.
            let to = message.session.ok_or(message.exchange);
            let times = told.entry((mark, to)).or_default();
            *times += 1;
            findings.extend((*times == 2).then(|| repeated(message, answer, mark)));
        }
    }
    findings.extend(answered_twice(index));
    findings
}

/// The marks of messages that are no responses, in the order in which they came.
fn marks<'i>(index: &'i Index<'_>, answer: &Answer<'_>) -> Vec<&'i str> {
    let told = rpc::told(answer);
    let minted = |text: &String| {
        let found = index.marks_in(text).filter(|mark| mark.kind == MarkKind::Answer && mark.minted.is_some());
        found.map(|mark| mark.text).collect::<Vec<_>>()
    };
    told.iter().flat_map(minted).collect()
}

/// Something that an upstream told another session.
fn strayed(index: &Index<'_>, message: &Message<'_>, answer: &Answer<'_>, told: &[&str]) -> Option<Finding> {
    let owner = told.iter().find_map(|text| {
        let mark = index.marks.iter().find(|mark| mark.text == *text)?;
        let arrival = index.arrivals.get(&mark.minted?)?;
        // What is told on the way to an answer is judged by whose request it was.
        let owner = arrival.session.filter(|_| arrival.cause.is_none());
        match index.session_owner(arrival.upstream, owner?)? {
            Owner::Actor(actor) if !index.facts.are_one(actor, message.actor) => Some(actor),
            _ => None,
        }
    })?;
    Some(astray(message, answer, owner, "session", "what concerns its own session only"))
}

/// Messages of one upstream stream in another order than they were sent.
fn disordered(index: &Index<'_>, message: &Message<'_>, answer: &Answer<'_>, told: &[&str]) -> Option<Finding> {
    let mut newest: BTreeMap<(&str, u64), usize> = BTreeMap::new();
    let late = told.iter().find(|text| {
        let Some(number) = index.marks.iter().position(|mark| mark.text == **text) else { return false };
        let Some(stream) = index.marks[number].minted else { return false };
        newest.insert(stream, number).is_some_and(|before| before > number)
    })?;
    let headline = format!("{} was told things in another order than they were said", message.actor);
    let expected = format!("{late} before what was said after it");
    Some(finding(Kind::Correlation, message, answer.at, headline).because(expected, rpc::brief(answer)))
}

fn repeated(message: &Message<'_>, answer: &Answer<'_>, mark: &str) -> Finding {
    let headline = format!("{} was told the same thing twice", message.actor);
    finding(Kind::Correlation, message, answer.at, headline).because(format!("{mark} once"), rpc::brief(answer))
}

/// A question that an upstream asked once and that was answered to it more than once.
fn answered_twice(index: &Index<'_>) -> Option<Finding> {
    let mut answers: BTreeMap<(&str, &str, String), u64> = BTreeMap::new();
    let twice = index.arrivals.values().find(|arrival| {
        let (Some(session), Some(id)) = (arrival.session, rpc::request_id(arrival.body)) else { return false };
        if rpc::method(arrival.body).is_some() {
            return false;
        }
        let times = answers.entry((arrival.upstream, session, id.to_string())).or_default();
        *times += 1;
        *times == 2
    })?;
    let message = index.message_of(twice.cause?)?;
    let headline = format!("`{}` got two answers to one question", twice.upstream);
    Some(finding(Kind::Correlation, message, twice.at, headline).because("one answer", twice.body.to_owned()))
}
