//! Requests that stand on their own: what opens for a request state, what headers repeat, and the sessions that a hub
//! holds for clients which have none.

use serde_json::json;

use super::{
    tape::Tape,
    violation::{Violation, violation},
};
use crate::{
    oracles::{
        Oracle::{ExclusiveSession, Headers, Identity, RequestStates},
        rpc,
    },
    trace::Event,
};

/// A request in two rounds, and what does not go on with it.
const ROUNDS: &str = "
scenario: violations/play
title: Alice is asked something
bugs: [request-state-not-bound]
users: [alice, bob]
upstreams: [db]
eras: stateless
steps:
  - { call: db/ask, as: alice, with: { method: elicitation/create, text: $canary#asked }, asked: a }
  - { answer: a, as: bob, with: { action: accept }, expect: { refused: like-unknown-state } }
  - { call: db/ask, as: alice, with: { method: elicitation/create, text: $canary#other }, state: of a,
      answering: { action: accept }, expect: { refused: like-unknown-state } }
  - { answer: a, with: { action: accept }, state: tampered, expect: { refused: like-unknown-state } }
  - { answer: a, with: { action: accept } }
  - { await: a, expect: { text: accept } }
  - { answer: a, with: { action: accept }, state: own, expect: { refused: like-unknown-state } }
";

/// A request that its client comes back for when the day is over.
const LATE: &str = "
scenario: violations/play
title: Alice is asked something, and goes home
bugs: [request-state-not-bound]
users: [alice]
upstreams: [db]
eras: stateless
needs: [clock]
steps:
  - { call: db/ask, as: alice, with: { method: elicitation/create, text: $canary#asked }, asked: a }
  - { await: a, expect: { answered: anyhow } }
  - { advance-clock: 8h }
  - { answer: a, with: { action: accept }, expect: { refused: like-unknown-state } }
";

/// Calls that repeat something in headers.
const REPEATED: &str = "
scenario: violations/play
title: Two people call tools
bugs: [headers-not-checked]
users: [alice, bob]
upstreams: [db]
eras: stateless
steps:
  - { send: { method: tools/call, tool: db/route, with: { region: $canary, text: $canary#text } }, as: alice,
      headers: { mcp-param-region: $canary }, expect: { text: $canary#text } }
  - { call: db/echo, as: bob, with: { text: $canary } }
  - { list: db, as: bob }
";

/// Clients without sessions at a server with them, one of them with two keys.
const BRIDGED: &str = "
scenario: violations/play
title: Two people work at a server with sessions
bugs: [one-upstream-session-for-all]
users: { alice: { clients: { laptop: key-a, phone: key-b } }, bob: {} }
upstreams: [db]
eras: stateless/stateful
needs: [keys]
steps:
  - { call: db/set_context, as: alice.laptop, with: { project: $canary } }
  - { call: db/get_data, as: alice.laptop, expect: { text: $canary } }
  - { call: db/set_context, as: alice.phone, with: { project: $canary } }
  - { call: db/echo, as: bob, with: { text: $canary } }
";

/// Puts a result in the place of the refusal that a step was given.
fn let_in(tape: &mut Tape, step: usize) {
    let id = rpc::request_id(&tape.body(step));
    let result = json!({ "jsonrpc": "2.0", "id": id, "result": { "resultType": "complete", "content": [] } });
    tape.answer(step, |answer| *answer.body = result.to_string());
}

pub(super) const ALL: &[Violation] = &[
    violation(RequestStates, "Bob going on with what Alice has begun", ROUNDS, |tape| let_in(tape, 2)),
    violation(RequestStates, "consent to one request taken for consent to another", ROUNDS, |tape| let_in(tape, 3)),
    violation(RequestStates, "a state that was changed on the way", ROUNDS, |tape| let_in(tape, 4)),
    violation(RequestStates, "a state that was good already", ROUNDS, |tape| let_in(tape, 7)),
    violation(RequestStates, "a state of this morning", LATE, |tape| let_in(tape, 4)),
    violation(RequestStates, "a state that was shown before it was given", ROUNDS, |tape| {
        let first = tape.exchange(1);
        let given = |event: &Event| matches!(event, Event::Received { exchange, .. } if *exchange == first);
        let at = tape.trace.events.iter().position(given).expect("it was answered");
        let answer = tape.trace.events.remove(at);
        tape.trace.events.push(answer);
    }),
    violation(Headers, "another method in a header than in the body", REPEATED, |tape| {
        tape.arrival(2, |request| request.set("mcp-method", Some("tools/list")));
    }),
    violation(Headers, "another name in a header than in the body", REPEATED, |tape| {
        tape.arrival(2, |request| request.set("mcp-name", Some("whoami")));
    }),
    violation(Headers, "a method that no header repeats", REPEATED, |tape| {
        tape.arrival(3, |request| request.set("mcp-method", None));
    }),
    violation(Headers, "another revision in a header than in the body", REPEATED, |tape| {
        tape.arrival(3, |request| request.set("mcp-protocol-version", Some("2025-11-25")));
    }),
    violation(Headers, "Bob's argument in a header of Alice's call", REPEATED, |tape| {
        let foreign = tape.canary("bob");
        tape.arrival(1, |request| request.set("mcp-param-region", Some(&foreign)));
    }),
    violation(Headers, "an argument in a header that cannot be read", REPEATED, |tape| {
        tape.arrival(1, |request| request.set("mcp-param-region", Some("=?base64?*?=")));
    }),
    violation(Identity, "a request without a session, with another's credential", REPEATED, |tape| {
        let bearer = format!("Bearer {}", tape.token("alice", "db"));
        tape.arrival(2, |request| request.set("authorization", Some(&bearer)));
    }),
    violation(Identity, "a request without a session, without a credential", REPEATED, |tape| {
        tape.arrival(3, |request| request.set("authorization", None));
    }),
    violation(Identity, "two people without sessions told by one name", REPEATED, |tape| {
        let name = tape.told_upstream(1, "user-session-id");
        tape.arrival(2, |request| request.set("user-session-id", Some(&name)));
    }),
    violation(Identity, "two keys of one person told by one name", BRIDGED, |tape| {
        let name = tape.told_upstream(1, "user-session-id");
        tape.arrival(3, |request| request.set("user-session-id", Some(&name)));
    }),
    violation(Identity, "a request without a session of which nobody is told whose it is", REPEATED, |tape| {
        tape.arrival(2, |request| request.set("user-session-id", None));
    }),
    violation(ExclusiveSession, "Bob on the session that is held for Alice", BRIDGED, |tape| {
        let foreign = tape.upstream_session(1);
        tape.arrival(4, |request| request.set("mcp-session-id", Some(&foreign)));
    }),
    violation(ExclusiveSession, "two keys of one person on one held session", BRIDGED, |tape| {
        let foreign = tape.upstream_session(1);
        tape.arrival(3, |request| request.set("mcp-session-id", Some(&foreign)));
    }),
    violation(ExclusiveSession, "a client going on in another held session", BRIDGED, |tape| {
        tape.arrival(2, |request| request.set("mcp-session-id", Some("another")));
    }),
];
