//! Answers, refusals and counts that are not what was promised: the oracles expectation, serialized, correlation, refusal,
//! session-ids and noninterference.

use fake_upstreams::{Entry, SessionChange};

use super::{
    tape::Tape,
    violation::{Violation, violation},
};
use crate::{
    oracles::Oracle::{Correlation, Expectation, Noninterference, Refusal, Serialized, SessionIds},
    trace::{Event, Exchange, Purpose, event::Outcome, index::MarkKind},
};

/// Everything that a file can expect of a request that is let in.
const PLAY: &str = "
scenario: violations/play
title: Two people are given what they ask for
bugs: [one-upstream-session-for-all]
users: { alice: {}, bob: { read-only: [github] } }
upstreams: [github, db]
needs: [routes]
steps:
  - { call: github/whoami, as: alice, expect: { text: { contains: alice } } }
  - { call: github/whoami, as: bob, expect: { text: { excludes: alice } } }
  - { call: db/set_context, as: alice, with: { project: $canary }, expect: { text: any } }
  - { call: db/get_data, as: alice, expect: { text: $canary } }
  - { call: db/echo, as: bob, with: { text: $canary }, expect: { text: { exactly: $canary }, executed: 1 } }
  - { list: github, as: bob, expect: { tools: { contains: [whoami], excludes: [create_issue] } } }
  - { call: db/echo, as: bob, with: { text: $canary }, fault: { refuse: 503 }, expect: { error: any } }
  - { call: db/echo, as: bob, with: { text: $canary } }
  - { census: db, expect: { sessions: { opened: 2, open: 2 } } }
  - { send: { method: ping }, to: db, as: bob, expect: { status: 200 } }
";

/// A call that waits while another is answered, one that is canceled, and several at once.
const WAITING: &str = "
scenario: violations/play
title: Bob does not wait for Alice
bugs: [one-upstream-session-for-all]
users: [alice, bob]
upstreams: [db]
revisions: [2025-03-26]
steps:
  - { call: db/echo, as: alice, with: { text: $canary }, id: 7, held: a }
  - { call: db/echo, as: bob, with: { text: $canary } }
  - { release: [a] }
  - { await: a, expect: { text: $canary } }
  - { call: db/echo, as: alice, with: { text: $canary }, id: 8, held: b }
  - { cancel: b, expect: { canceled: 1 } }
  - { batch: db, as: bob, calls: [{ tool: whoami, id: 1 }, { tool: whoami, id: 2 }], expect: { answers: 2 } }
";

/// What must be refused.
const REFUSED: &str = "
scenario: violations/play
title: Nobody is let in where they have no right
bugs: [one-upstream-session-for-all]
users: { alice: { clients: { phone: key, laptop: other } }, bob: {} }
needs: [keys]
upstreams: [db]
steps:
  - { call: db/set_context, as: alice.phone, with: { project: $canary } }
  - { call: db/whoami, as: bob }
  - { send: { method: ping }, to: db, as: bob, session: alice.phone, expect: { refused: like-unknown-session } }
  - { send: { method: ping }, to: db, as: alice.laptop, session: alice.phone, expect: { refused: like-unknown-session } }
  - { send: { method: ping }, to: db, as: bob, token: absent, expect: { refused: unauthorized } }
  - { send: { method: ping }, to: db, as: bob, session: absent, expect: { refused: missing-session } }
  - { read: db, as: bob, uri: 'note://$canary(alice.phone)', expect: { refused: like-unknown-handle } }
";

/// What the ledger tells of a call that ran.
fn ran(tape: &Tape, step: usize) -> impl Fn(&Event) -> bool + use<> {
    let of = tape.upstream_exchange(step);
    move |event| match event {
        Event::Upstream(Entry::Executed { upstream, exchange, .. }) => (upstream.as_str(), *exchange) == (&of.0, of.1),
        _ => false,
    }
}

fn session_opened(event: &Event) -> bool {
    matches!(event, Event::Upstream(Entry::Session { upstream, change: SessionChange::Opened, .. }) if upstream == "db")
}

/// As if a connection had broken before its answer came.
fn never_came(tape: &mut Tape, step: usize) {
    let of = tape.exchange(step);
    tape.forget(|event| matches!(event, Event::Received { exchange, .. } if *exchange == of));
}

/// As if a step waited for its answer for ever.
fn unanswered(tape: &mut Tape, step: usize) {
    let of = tape.exchange(step);
    never_came(tape, step);
    for event in &mut tape.trace.events {
        if let Event::Step { step: played, outcome } = event
            && *played == step - 1
        {
            *outcome = Outcome::NoAnswer { exchange: of };
        }
    }
}

/// The answer to the twin of a step: the same request with a session id that nobody ever had.
fn twin(tape: &Tape, step: usize) -> Exchange {
    let found = tape.ask(|index| {
        let twins = index.messages.values().filter(|message| message.purpose == Purpose::Twin);
        twins.filter(|message| message.step == step - 1).map(|message| message.exchange).next()
    });
    found.expect("a twin was sent")
}

const LET_IN: &str = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;

/// As if a step had been let in.
fn let_in(tape: &mut Tape, step: usize) {
    tape.status(step, 200);
    tape.answer(step, |answer| LET_IN.clone_into(answer.body));
}

pub(super) const ALL: &[Violation] = &[
    violation(Expectation, "an answer without what is one's own", PLAY, |tape| {
        let own = tape.canary("alice");
        tape.answer(4, |answer| answer.replace(&own, "nothing"));
    }),
    violation(Expectation, "an answer with what it must not have", PLAY, |tape| {
        tape.answer(2, |answer| answer.replace("bob", "alice"));
    }),
    violation(Expectation, "an answer with more than exactly one's own", PLAY, |tape| {
        let (own, more) = (tape.canary("bob"), format!("{} and more", tape.canary("bob")));
        tape.answer(5, |answer| answer.replace(&own, &more));
    }),
    violation(Expectation, "an answer without any text", PLAY, |tape| {
        tape.answer(3, |answer| *answer.body = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#.into());
    }),
    violation(Expectation, "a failure where nothing is promised but an answer", PLAY, |tape| {
        tape.answer(8, |answer| *answer.body = r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no"}}"#.into());
    }),
    violation(Expectation, "no answer at all", PLAY, |tape| unanswered(tape, 8)),
    violation(Expectation, "a result where only an error can be right", PLAY, |tape| let_in(tape, 7)),
    violation(Expectation, "a broken connection where a clear error was promised", PLAY, |tape| never_came(tape, 7)),
    violation(Expectation, "a list without a tool that is there", PLAY, |tape| {
        tape.answer(6, |answer| answer.replace("whoami", "who_am_i"));
    }),
    violation(Expectation, "a list with a tool that is not one's own", PLAY, |tape| {
        tape.answer(6, |answer| answer.replace("list_repos", "create_issue"));
    }),
    violation(Expectation, "another status", PLAY, |tape| tape.status(10, 202)),
    violation(Expectation, "fewer upstream sessions than owners", PLAY, |tape| {
        tape.forget(session_opened);
    }),
    violation(Expectation, "more upstream sessions than owners", PLAY, |tape| {
        tape.repeat(session_opened);
    }),
    violation(Expectation, "an upstream session closed under its owner", PLAY, |tape| {
        let at = tape.trace.events.iter().position(session_opened).expect("a session was opened");
        let mut closed = tape.trace.events[at].clone();
        if let Event::Upstream(Entry::Session { change, .. }) = &mut closed {
            *change = SessionChange::Closed;
        }
        tape.trace.events.insert(at + 1, closed);
    }),
    violation(Expectation, "a call that never ran", PLAY, |tape| tape.forget(ran(tape, 5))),
    violation(Expectation, "a cancel that never reached the upstream", WAITING, |tape| {
        tape.forget(|event| {
            matches!(event, Event::Upstream(Entry::Request { body, .. }) if body.contains("notifications/cancelled"))
        });
    }),
    violation(Expectation, "a batch with one request answered twice, and one never", WAITING, |tape| {
        tape.answer(7, |answer| answer.replace("\"id\":2", "\"id\":1"));
    }),
    violation(Serialized, "no answer while another's call waits upstream", WAITING, |tape| unanswered(tape, 2)),
    violation(Correlation, "a call that ran twice", PLAY, |tape| tape.repeat(ran(tape, 8))),
    violation(Correlation, "two answers to one request", PLAY, |tape| {
        tape.answer(5, |answer| {
            let once = format!("event: message\ndata: {LET_IN}\n\n");
            *answer.body = once.repeat(2);
            answer.set("content-type", Some("text/event-stream"));
        });
    }),
    violation(Correlation, "a number answered with a text", WAITING, |tape| {
        tape.answer(4, |answer| answer.replace("\"id\":7", "\"id\":\"7\""));
    }),
    violation(Correlation, "the answer to an earlier call of one's own", PLAY, |tape| {
        let (own, earlier) = (tape.mark(8, MarkKind::Answer), tape.mark(5, MarkKind::Answer));
        tape.answer(8, |answer| answer.replace(&own, &earlier));
    }),
    violation(Refusal, "another's session that lets one in", REFUSED, |tape| let_in(tape, 3)),
    violation(Refusal, "the session of another client of one's own that lets one in", REFUSED, |tape| let_in(tape, 4)),
    violation(Refusal, "no key, and let in", REFUSED, |tape| let_in(tape, 5)),
    violation(Refusal, "no session id, and let in", REFUSED, |tape| let_in(tape, 6)),
    violation(Refusal, "no refusal, and no answer", REFUSED, |tape| never_came(tape, 5)),
    violation(Refusal, "a refusal for another reason", REFUSED, |tape| tape.status(5, 500)),
    violation(Refusal, "a refusal without a challenge", REFUSED, |tape| {
        tape.answer(5, |answer| answer.set("www-authenticate", None));
    }),
    violation(Refusal, "a refused request that reached the upstream", REFUSED, |tape| {
        let (own, refused) = (tape.mark(2, MarkKind::Request), tape.mark(3, MarkKind::Request));
        tape.arrival(2, |request| request.replace(&own, &refused));
    }),
    violation(Refusal, "a refusal that tells that the session exists", REFUSED, |tape| {
        tape.answer(3, |answer| answer.body.push_str(" (not yours)"));
    }),
    violation(Refusal, "a refusal that tells that the resource exists", REFUSED, |tape| {
        tape.answer(7, |answer| answer.replace("no resource", "no resource of yours"));
    }),
    violation(Refusal, "another code for a resource that exists", REFUSED, |tape| {
        tape.answer(7, |answer| answer.replace("-32002", "-32003"));
    }),
    violation(Refusal, "a session id that nobody ever had, and let in", REFUSED, |tape| {
        let of = twin(tape, 3);
        tape.received(of, |status, answer| {
            *status = 200;
            LET_IN.clone_into(answer.body);
        });
    }),
    violation(SessionIds, "a session id that counts", PLAY, |tape| tape.session_id(5, "session-17")),
    violation(SessionIds, "one session id for two sessions", PLAY, |tape| {
        let other = tape.session(4);
        tape.session_id(5, &other);
    }),
    violation(SessionIds, "two session ids alike but for their end", PLAY, |tape| {
        let mut other = tape.session(4);
        other.pop();
        other.push('~');
        tape.session_id(5, &other);
    }),
    violation(Noninterference, "another answer than alone", PLAY, |tape| {
        tape.answer(8, |answer| answer.replace("\"isError\":false", "\"isError\":false,\"note\":\"busy\""));
    }),
];
