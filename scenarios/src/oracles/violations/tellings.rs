//! Progress, notifications and questions: the oracle audience, and what of the others concerns them.

use fake_upstreams::Entry;

use super::{
    tape::Tape,
    violation::{Violation, violation},
};
use crate::{
    oracles::Oracle::{Audience, Expectation},
    trace::{Event, index::MarkKind},
};

/// Two people told of progress.
const PROGRESS: &str = "
scenario: violations/play
title: Progress of two calls
bugs: [one-upstream-session-for-all]
users: [alice, bob]
upstreams: [db]
steps:
  - { call: db/echo, as: alice, with: { text: $canary }, progress: 1, expect: { progress: 2 } }
  - { call: db/echo, as: bob, with: { text: $canary }, progress: 1, expect: { progress: 2 } }
  - { call: db/echo, as: bob, with: { text: $canary } }
";

/// Two people who listen, and one who is asked.
const LISTENING: &str = "
scenario: violations/play
title: Two people listen
bugs: [one-upstream-session-for-all]
users: [alice, bob]
upstreams: [db]
steps:
  - { open: db, as: alice, stream: a, expect: { status: 200 } }
  - { open: db, as: bob, stream: b, expect: { status: 200 } }
  - { call: db/announce, as: alice, with: { method: notifications/message, text: $canary#one } }
  - { call: db/announce, as: alice, with: { method: notifications/message, text: $canary#two } }
  - { call: db/announce, as: bob, with: { method: notifications/message, text: $canary#one } }
  - { wait-for: a, expect: { told: [$canary#one, $canary#two] } }
  - { wait-for: b, expect: { told: $canary#one } }
  - { call: db/ask, as: alice, with: { method: elicitation/create, text: $canary#asked }, asked: q }
  - { answer: q, with: { action: accept, content: { text: $canary } }, expect: { status: 202 } }
  - { await: q, expect: { text: $canary } }
";

/// The events of a step's answer, in order.
pub(super) fn events(tape: &Tape, step: usize) -> Vec<String> {
    let body = tape.body(step);
    body.split_inclusive("\n\n").map(str::to_owned).collect()
}

/// Writes the events of a step's answer anew.
pub(super) fn rewrite(tape: &mut Tape, step: usize, events: &[String]) {
    let body = events.concat();
    tape.answer(step, |answer| *answer.body = body);
}

/// Where the events with notifications are.
pub(super) fn notifications(events: &[String]) -> Vec<usize> {
    let found = events.iter().enumerate().filter(|(_, event)| event.contains("\"notifications/"));
    found.map(|(number, _)| number).collect()
}

pub(super) const ALL: &[Violation] = &[
    violation(Audience, "progress under another's token", PROGRESS, |tape| {
        tape.answer(2, |answer| answer.replace("\"progressToken\":1", "\"progressToken\":\"alice-1\""));
    }),
    violation(Audience, "progress that nobody asked for", PROGRESS, |tape| {
        let told = events(tape, 2);
        let own = events(tape, 3);
        rewrite(tape, 3, &[vec![told[notifications(&told)[0]].clone()], own].concat());
        tape.answer(3, |answer| answer.set("content-type", Some("text/event-stream")));
    }),
    violation(Audience, "progress of another's call", PROGRESS, |tape| {
        let (foreign, mut own) = (events(tape, 1), events(tape, 2));
        own.insert(0, foreign[notifications(&foreign)[0]].clone());
        rewrite(tape, 2, &own);
    }),
    violation(Audience, "progress that never came", PROGRESS, |tape| {
        let mut own = events(tape, 2);
        own.remove(notifications(&own)[0]);
        rewrite(tape, 2, &own);
    }),
    violation(Audience, "progress that came twice", PROGRESS, |tape| {
        let mut own = events(tape, 2);
        own.insert(0, own[notifications(&own)[0]].clone());
        rewrite(tape, 2, &own);
    }),
    violation(Expectation, "progress told once instead of twice", PROGRESS, |tape| {
        let mut own = events(tape, 2);
        own.remove(notifications(&own)[0]);
        rewrite(tape, 2, &own);
    }),
    violation(Expectation, "a stream on which nothing was told", LISTENING, |tape| {
        let told = tape.canary_of("bob", "one");
        tape.heard(2, &told, "nothing");
    }),
    violation(Audience, "what concerns another's session", LISTENING, |tape| {
        let (foreign, mut own) = (events(tape, 1), events(tape, 2));
        own.extend(notifications(&foreign).into_iter().map(|number| foreign[number].clone()));
        rewrite(tape, 2, &own);
    }),
    violation(Audience, "two things told in another order", LISTENING, |tape| {
        let mut own = events(tape, 1);
        let told = notifications(&own);
        own.swap(told[0], told[1]);
        rewrite(tape, 1, &own);
    }),
    violation(Audience, "one thing told twice", LISTENING, |tape| {
        let mut own = events(tape, 1);
        own.push(own[notifications(&own)[0]].clone());
        rewrite(tape, 1, &own);
    }),
    violation(Audience, "a question answered twice", LISTENING, |tape| {
        let mark = tape.mark(9, MarkKind::Request);
        let next = tape.trace.events.len() as u64;
        let answer = tape
            .trace
            .events
            .iter()
            .find(|event| matches!(event, Event::Upstream(Entry::Request { body, .. }) if body.contains(&mark)));
        let mut again = answer.expect("the answer reached the upstream").clone();
        if let Event::Upstream(Entry::Request { exchange, .. }) = &mut again {
            *exchange += next; // A number that is still free.
        }
        tape.trace.events.push(again);
    }),
];
