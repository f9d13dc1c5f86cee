//! What a client is told that has asked for something else: listens, subscriptions, log lines.

use super::{
    tape::Tape,
    tellings::{events, notifications, rewrite},
    violation::{Violation, violation},
};
use crate::oracles::Oracle::{Audience, ExclusiveSession, Expectation};

/// Two people who listen in the stateless era.
const LISTENS: &str = "
scenario: violations/play
title: Two people listen, each for something else
bugs: [resource-update-fanout]
users: [alice, bob]
upstreams: [db]
eras: [stateless/stateless]
steps:
  - { open: db, as: alice, stream: a, filter: [tools, 'note://a'], expect: { status: 200 } }
  - { open: db, as: bob, stream: b, filter: [prompts], expect: { status: 200 } }
  - { call: db/announce, as: alice, with: { method: notifications/tools/list_changed, text: one } }
  - { call: db/announce, as: alice, with: { method: notifications/resources/updated, text: a } }
  - { call: db/announce, as: bob, with: { method: notifications/prompts/list_changed, text: one } }
  - { wait-for: a, expect: { told: 'note://a' } }
  - { wait-for: b, expect: { told: list_changed } }
";

/// Somebody who listens for a task of theirs.
const TASK: &str = "
scenario: violations/play
title: Somebody listens for a task
bugs: [told-without-asking]
users: [alice]
upstreams: [lab]
eras: stateless
steps:
  - { initialize: lab, as: alice, offers: [elicitation, tasks] }
  - { call: lab/confirm_delete, as: alice, with: { filename: a }, keep: job }
  - { open: lab, as: alice, stream: a, filter: [task job], expect: { status: 200 } }
  - { task: lab/cancel, as: alice, of: job }
  - { wait-for: a, expect: { told: cancelled } }
";

/// Somebody who listens at two servers that keep sessions, without having one.
const TWO_SERVERS: &str = "
scenario: violations/play
title: Somebody listens at two servers
bugs: [broadcast-upstream-notification]
users: [alice, bob]
upstreams: { db: {}, notes: { kind: db } }
eras: [stateless/stateful]
needs: [routes]
steps:
  - { open: db, as: alice, stream: d, expect: { status: 200 } }
  - { open: notes, as: alice, stream: n, expect: { status: 200 } }
  - { call: db/announce, as: alice, with: { method: notifications/tools/list_changed, text: one } }
  - { call: notes/announce, as: alice, with: { method: notifications/tools/list_changed, text: two } }
  - { call: db/echo, as: bob, with: { text: three } }
";

/// A session that has subscribed to one resource.
const SUBSCRIBED: &str = "
scenario: violations/play
title: Somebody subscribes to a resource
bugs: [resource-update-fanout]
users: [alice]
upstreams: [db]
steps:
  - { open: db, as: alice, stream: a, filter: ['note://a'], expect: { status: 200 } }
  - { call: db/announce, as: alice, with: { method: notifications/resources/updated, text: a } }
  - { wait-for: a, expect: { told: 'note://a' } }
";

/// Somebody with a session who wants log lines from a level on.
const LEVEL: &str = "
scenario: violations/play
title: Somebody wants log lines
bugs: [log-level-global]
users: [alice]
upstreams: [lab]
steps:
  - { call: lab/test_tool_with_logging, as: alice, level: info, expect: { logs: 3 } }
";

/// The same in the stateless era: with one request, and not with another.
const LINES: &str = "
scenario: violations/play
title: Somebody wants log lines with one request
bugs: [log-level-global]
users: [alice]
upstreams: [lab]
eras: [stateless/stateless]
steps:
  - { call: lab/test_tool_with_logging, as: alice, level: info, expect: { logs: 3 } }
  - { call: lab/test_tool_with_logging, as: alice, expect: { logs: 0 } }
";

const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// Spoils one of the notifications that came for a step, counted from 0.
fn spoil(tape: &mut Tape, step: usize, number: usize, old: &str, new: &str) {
    let mut own = events(tape, step);
    let at = notifications(&own)[number];
    assert!(own[at].contains(old), "{old} is not in {}", own[at]);
    own[at] = own[at].replace(old, new);
    rewrite(tape, step, &own);
}

pub(super) const ALL: &[Violation] = &[
    violation(Audience, "a change under the id of another listen", LISTENS, |tape| {
        spoil(tape, 1, 1, &format!("\"{SUBSCRIPTION}\":1000"), &format!("\"{SUBSCRIPTION}\":1001"));
    }),
    violation(Audience, "a change under the same id as a text", LISTENS, |tape| {
        spoil(tape, 1, 1, &format!("\"{SUBSCRIPTION}\":1000"), &format!("\"{SUBSCRIPTION}\":\"1000\""));
    }),
    violation(Audience, "a change under no id", LISTENS, |tape| {
        spoil(tape, 1, 1, SUBSCRIPTION, "x-subscription");
    }),
    violation(Audience, "a change before the listen had begun", LISTENS, |tape| {
        let mut own = events(tape, 1);
        let told = notifications(&own);
        own.swap(told[0], told[1]);
        rewrite(tape, 1, &own);
    }),
    violation(Audience, "a list that the filter does not name", LISTENS, |tape| {
        spoil(tape, 1, 1, "notifications/tools/", "notifications/resources/");
    }),
    violation(Audience, "a resource that the filter does not name", LISTENS, |tape| {
        spoil(tape, 1, 2, "note://a", "note://ab");
    }),
    violation(Audience, "a task that the filter does not name", TASK, |tape| {
        spoil(tape, 3, 1, r#""taskId":""#, r#""taskId":"another-"#);
    }),
    violation(Audience, "a log line on a listen", LISTENS, |tape| {
        spoil(tape, 2, 1, "notifications/prompts/list_changed", "notifications/message");
    }),
    violation(Audience, "a listen to which more was promised than was asked", LISTENS, |tape| {
        spoil(tape, 2, 0, "promptsListChanged", "toolsListChanged");
    }),
    violation(Audience, "what one server said on the route of another", TWO_SERVERS, |tape| {
        let (foreign, mut own) = (events(tape, 1), events(tape, 2));
        own[1].clone_from(&foreign[1]);
        rewrite(tape, 2, &own);
    }),
    violation(ExclusiveSession, "one upstream session of two keys, whose clients have none", TWO_SERVERS, |tape| {
        let session = tape.upstream_session(3);
        tape.arrival(5, |arrival| arrival.set("mcp-session-id", Some(&session)));
    }),
    violation(Audience, "a resource to which the session has not subscribed", SUBSCRIBED, |tape| {
        spoil(tape, 1, 0, "note://a", "note://b");
    }),
    violation(Audience, "an answer on a listening stream", SUBSCRIBED, |tape| {
        let mut own = events(tape, 1);
        own.push("event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{}}\n\n".to_owned());
        rewrite(tape, 1, &own);
    }),
    violation(Audience, "a log line below the level of its session", LEVEL, |tape| {
        spoil(tape, 1, 1, "\"level\":\"info\"", "\"level\":\"debug\"");
    }),
    violation(Audience, "a log line below the level of its request", LINES, |tape| {
        spoil(tape, 1, 1, "\"level\":\"info\"", "\"level\":\"debug\"");
    }),
    violation(Audience, "a log line that nobody asked for", LINES, |tape| {
        let (told, own) = (events(tape, 1), events(tape, 2));
        rewrite(tape, 2, &[vec![told[0].clone()], own].concat());
        tape.answer(2, |answer| answer.set("content-type", Some("text/event-stream")));
    }),
    violation(Expectation, "a log line that was lost", LINES, |tape| {
        let mut own = events(tape, 1);
        own.remove(notifications(&own)[0]);
        rewrite(tape, 1, &own);
    }),
];
