//! What reached another, or went out in another's name: the oracles leak, secrets, identity and exclusive-session.

use base64::{Engine, engine::general_purpose::STANDARD};
use fake_upstreams::Entry;

use super::violation::{Violation, violation};
use crate::{
    oracles::Oracle::{ExclusiveSession, Identity, Leak, Secrets},
    trace::{Event, Sharing, facts::Logs, index::MarkKind},
};

/// Two people at a server with accounts, at one with sessions, and at one with a service behind it.
const PLAY: &str = "
scenario: violations/play
title: Two people work side by side
bugs: [one-upstream-session-for-all]
users: [alice, bob]
upstreams: { github: { service-credential: present }, db: {}, jira: {} }
needs: [routes]
steps:
  - { call: github/whoami, as: alice }
  - { call: github/whoami, as: bob }
  - { call: db/set_context, as: alice, with: { project: $canary } }
  - { call: db/get_data, as: alice }
  - { call: db/echo, as: bob, with: { text: $canary } }
  - { call: jira/whoami, as: alice }
";

/// One person, two sessions.
const TWO_SESSIONS: &str = "
scenario: violations/play
title: One person works in two sessions
bugs: [one-upstream-session-for-all]
users: { alice: { clients: { phone: key, laptop: key } } }
upstreams: [db]
steps:
  - { call: db/set_context, as: alice.phone, with: { project: $canary } }
  - { call: db/set_context, as: alice.laptop, with: { project: $canary } }
";

pub(super) const ALL: &[Violation] = &[
    violation(Leak, "a canary of Alice's in an answer to Bob", PLAY, |tape| {
        let (own, foreign) = (tape.canary("bob"), tape.canary("alice"));
        tape.answer(5, |answer| answer.replace(&own, &foreign));
    }),
    violation(Leak, "the same in a header", PLAY, |tape| {
        let foreign = tape.canary("alice");
        tape.answer(5, |answer| answer.set("x-note", Some(&foreign)));
    }),
    violation(Leak, "the same in base64", PLAY, |tape| {
        let (own, foreign) = (tape.canary("bob"), STANDARD.encode(format!("a {} z", tape.canary("alice"))));
        tape.answer(5, |answer| answer.replace(&own, &foreign));
    }),
    violation(Leak, "stored data of Alice's account in an answer to Bob", PLAY, |tape| {
        let (own, foreign) = (tape.mark(2, MarkKind::Data), tape.mark(1, MarkKind::Data));
        tape.answer(2, |answer| answer.replace(&own, &foreign));
    }),
    violation(Leak, "the answer to Alice's call in the place of Bob's", PLAY, |tape| {
        let (own, foreign) = (tape.mark(2, MarkKind::Answer), tape.mark(1, MarkKind::Answer));
        tape.answer(2, |answer| answer.replace(&own, &foreign));
    }),
    violation(Leak, "the mark of Alice's request in an answer to Bob", PLAY, |tape| {
        let (own, foreign) = (tape.mark(2, MarkKind::Answer), tape.mark(1, MarkKind::Request));
        tape.answer(2, |answer| answer.replace(&own, &foreign));
    }),
    violation(Leak, "a canary of Alice's sent to an upstream for Bob", PLAY, |tape| {
        let (own, foreign) = (tape.canary("bob"), tape.canary("alice"));
        tape.arrival(5, |request| request.replace(&own, &foreign));
    }),
    violation(Secrets, "the hub's own credential in an answer", PLAY, |tape| {
        let (own, secret) = (tape.canary("bob"), tape.trace.facts.service_tokens["github"].clone());
        tape.answer(5, |answer| answer.replace(&own, &secret));
    }),
    violation(Secrets, "one's own upstream credential in a header", PLAY, |tape| {
        let secret = tape.token("bob", "github");
        tape.answer(2, |answer| answer.set("x-debug", Some(&secret)));
    }),
    violation(Secrets, "another's hub key in an answer", PLAY, |tape| {
        let (own, secret) = (tape.canary("bob"), tape.key("alice"));
        tape.answer(5, |answer| answer.replace(&own, &secret));
    }),
    violation(Secrets, "an upstream session id in an answer", PLAY, |tape| {
        let (own, secret) = (tape.canary("bob"), tape.upstream_session(5));
        tape.answer(5, |answer| answer.replace(&own, &secret));
    }),
    violation(Secrets, "a credential in the log", PLAY, |tape| {
        let secret = tape.token("bob", "github");
        tape.log(format!("asking github with {secret}"));
    }),
    violation(Secrets, "a session id in the log", PLAY, |tape| {
        let secret = tape.session(5);
        tape.log(format!("session {secret} is idle"));
    }),
    violation(Secrets, "a user's data in the log", PLAY, |tape| {
        let data = tape.canary("alice");
        tape.log(format!("arguments: {data}"));
    }),
    violation(Secrets, "the same where nothing was promised of the log", PLAY, |tape| {
        let data = tape.canary("alice");
        tape.log(format!("arguments: {data}"));
        tape.trace.facts.logs = Logs::NotPromised;
    }),
    violation(Identity, "Bob's request with Alice's credential", PLAY, |tape| {
        let bearer = format!("Bearer {}", tape.token("alice", "github"));
        tape.arrival(2, |request| request.set("authorization", Some(&bearer)));
    }),
    violation(Identity, "Bob's request with the hub's own credential", PLAY, |tape| {
        let bearer = format!("Bearer {}", tape.trace.facts.service_tokens["github"]);
        tape.arrival(2, |request| request.set("authorization", Some(&bearer)));
    }),
    violation(Identity, "Bob's request with a credential that nobody has", PLAY, |tape| {
        tape.arrival(2, |request| request.set("authorization", Some("Bearer of-nobody")));
    }),
    violation(Identity, "Bob's request without a credential", PLAY, |tape| {
        tape.arrival(2, |request| request.set("authorization", None));
    }),
    violation(Identity, "the service asked for Alice with Bob's credential", PLAY, |tape| {
        let foreign = tape.token("bob", "jira");
        for event in &mut tape.trace.events {
            if let Event::Upstream(Entry::Service { token, .. }) = event {
                *token = Some(foreign.clone());
            }
        }
    }),
    violation(Identity, "the upstream told that Bob is Alice", PLAY, |tape| {
        tape.arrival(2, |request| request.set("user-id", Some("alice")));
    }),
    violation(Identity, "the upstream not told who it is", PLAY, |tape| {
        tape.arrival(2, |request| request.set("x-mcphub-user-id", None));
    }),
    violation(Identity, "the upstream not told which session it is", PLAY, |tape| {
        tape.arrival(2, |request| request.set("user-session-id", None));
    }),
    violation(Identity, "the session told by its id, which is a secret", PLAY, |tape| {
        let name = format!("bob-{}", tape.session(5));
        tape.arrival(5, |request| request.set("user-session-id", Some(&name)));
    }),
    violation(Identity, "two sessions told by one name", TWO_SESSIONS, |tape| {
        let name = tape.told_upstream(1, "user-session-id");
        tape.arrival(2, |request| request.set("user-session-id", Some(&name)));
    }),
    violation(Identity, "the hub key sent upstream in another header", PLAY, |tape| {
        let key = tape.key("bob");
        tape.arrival(5, |request| request.set("x-api-key", Some(&key)));
    }),
    violation(Identity, "the hub's session id sent upstream in the body", PLAY, |tape| {
        let (own, secret) = (tape.canary("bob"), tape.session(5));
        tape.arrival(5, |request| request.replace(&own, &secret));
    }),
    violation(ExclusiveSession, "Bob on Alice's upstream session", PLAY, |tape| {
        let foreign = tape.upstream_session(4);
        tape.arrival(5, |request| request.set("mcp-session-id", Some(&foreign)));
    }),
    violation(ExclusiveSession, "Alice's session going on in another upstream session", PLAY, |tape| {
        tape.arrival(4, |request| request.set("mcp-session-id", Some("another")));
    }),
    violation(ExclusiveSession, "two sessions of one person on one upstream session", TWO_SESSIONS, |tape| {
        let foreign = tape.upstream_session(1);
        tape.arrival(2, |request| request.set("mcp-session-id", Some(&foreign)));
    }),
    violation(ExclusiveSession, "the same where it was promised per person only", TWO_SESSIONS, |tape| {
        let foreign = tape.upstream_session(1);
        tape.arrival(2, |request| request.set("mcp-session-id", Some(&foreign)));
        tape.trace.facts.sharing = Sharing::PerUser;
    }),
];
