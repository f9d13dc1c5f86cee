//! Stored violations, and what looks like one and is none: each oracle that judges real traffic is shown both.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    draft,
    judged::{Judged, Outcome},
    person::By,
    recording::{End as Ended, Head, Line, Recording, VERSION},
    seen::{Body, End, Seen, Side},
};
use crate::{
    oracles::{Oracle, Severity},
    registry::Registry,
    scenario::{self, model::CredentialMode, source::Source},
    trace::Sharing,
};

/// Traffic being made up, an event after another.
struct Traffic {
    recording: Recording,
    tick: u64,
}

impl Traffic {
    fn new(sharing: Sharing, credentials: CredentialMode) -> Self {
        let head = Head {
            version: VERSION,
            hub: "http://127.0.0.1:9000".into(),
            upstreams: BTreeMap::from([("db".into(), "http://127.0.0.1:9001".into())]),
            by: By::Authorization,
            sharing,
            credentials,
            tokens: BTreeMap::new(),
            service_tokens: BTreeMap::new(),
        };
        Self {
            recording: Recording { head, lines: Vec::new(), end: Some(Ended { exchanges: 0, unrecorded: 0 }) },
            tick: 0,
        }
    }

    fn per_user() -> Self {
        Self::new(Sharing::PerUser, CredentialMode::PerUser)
    }

    fn open(&mut self, side: Side, who: Option<&str>, token: &str, session: &str, body: &Value) -> usize {
        self.tick += 1;
        let headers = [("authorization", format!("Bearer {token}")), ("mcp-session-id", session.to_owned())];
        let seen = Seen {
            opened: self.tick,
            headers: headers.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            body: Body { bytes: body.to_string().into_bytes(), lost: 0 },
            ..Seen::asked(side, "POST", "/mcp")
        };
        let exchange = self.recording.lines.len() as u64 + 1;
        self.recording.lines.push(Line { exchange, who: who.map(str::to_owned), shape: None, seen });
        self.recording.lines.len() - 1
    }

    /// A client asks the hub, in a session of its own.
    fn asks(&mut self, who: &str, body: &Value) -> usize {
        self.open(Side::Client, Some(who), &format!("hub-key-of-{who}"), &format!("session-of-{who}"), body)
    }

    /// The hub asks `db` with this credential, on a session that belongs to it.
    fn passed(&mut self, token: &str, body: &Value) -> usize {
        self.open(Side::Upstream("db".into()), None, token, &format!("upstream-session-of-{token}"), body)
    }

    fn answered(&mut self, place: usize, body: &Value) {
        self.tick += 1;
        let seen = &mut self.recording.lines[place].seen;
        (seen.ended, seen.status) = (Some((self.tick, End::Whole)), Some(200));
        seen.answer_headers = vec![("content-type".into(), "application/json".into())];
        seen.answer = Body { bytes: body.to_string().into_bytes(), lost: 0 };
    }

    /// A request through a hub that does everything right.
    fn through(&mut self, who: &str, token: &str, asked: &Value, answer: &Value) {
        let client = self.asks(who, asked);
        let upstream = self.passed(token, asked);
        self.answered(upstream, answer);
        self.answered(client, answer);
    }

    fn judged(self) -> Judged {
        Judged::of(&self.recording)
    }
}

fn call(id: u64, what: &str) -> Value {
    let params = json!({ "name": "find", "arguments": { "what": what } });
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
}

fn read(id: u64) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": "resources/read", "params": { "uri": "note://1" } })
}

fn found(id: u64, text: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [{ "type": "text", "text": text }] } })
}

fn failures(judged: &Judged) -> Vec<(Oracle, &str)> {
    let failures = judged.findings.iter().filter(|finding| finding.severity == Severity::Failure);
    failures.map(|finding| (finding.oracle, finding.headline.as_str())).collect()
}

/// What was left of an oracle, and why.
fn left(judged: &Judged, oracle: Oracle) -> Vec<(&str, u64)> {
    let coverage = judged.coverage.iter().find(|coverage| coverage.oracle == oracle).unwrap();
    coverage.not_observed.iter().map(|(reason, count)| (*reason, *count)).collect()
}

/// Alice and Bob ask different things at once; `db` answers each, and the hub gives Bob `given`.
fn at_once(given: &Value) -> Judged {
    let mut traffic = Traffic::per_user();
    let (a, b) = (traffic.asks("alice", &call(1, "hers")), traffic.asks("bob", &call(1, "his")));
    let (at_db, bt_db) = (traffic.passed("token-a", &call(7, "hers")), traffic.passed("token-b", &call(7, "his")));
    traffic.answered(at_db, &found(7, "alice's own things"));
    traffic.answered(bt_db, &found(7, "bob's own things"));
    traffic.answered(b, given);
    traffic.answered(a, &found(1, "alice's own things"));
    traffic.judged()
}

const CROSSED: &str = "bob received the answer that `db` gave to a request of alice";

#[test]
fn an_answer_that_was_swapped_has_crossed() {
    assert_eq!(failures(&at_once(&found(1, "alice's own things"))), [(Oracle::Leak, CROSSED)]);
    assert_eq!(failures(&at_once(&found(1, "bob's own things"))), []);
    // What a hub makes of an answer is nobody else's.
    let rewritten = at_once(&found(1, "bob's own things, shortened"));
    assert_eq!(failures(&rewritten), []);
    assert_eq!(left(&rewritten, Oracle::Leak), [("no upstream gave this very result", 1)]);
}

/// Alice is answered by `db`; Bob asks the same, and is given the same without anybody being asked.
fn kept(mode: CredentialMode, asked: &Value, text: &str) -> Judged {
    let mut traffic = Traffic::new(Sharing::PerUser, mode);
    traffic.through("alice", "token-a", asked, &found(1, text));
    let client = traffic.asks("bob", asked);
    traffic.answered(client, &found(1, text));
    traffic.judged()
}

#[test]
fn an_answer_that_was_kept_for_another_has_crossed() {
    assert_eq!(failures(&kept(CredentialMode::PerUser, &call(1, "x"), "what is hers")), [(Oracle::Leak, CROSSED)]);
    assert_eq!(failures(&kept(CredentialMode::PerUser, &read(1), "what is hers")), [(Oracle::Leak, CROSSED)]);
    // With one credential for everybody, a resource may be kept for everybody; a call may not.
    let common = kept(CredentialMode::Shared, &read(1), "what is everybody's");
    assert_eq!(failures(&common), []);
    assert_eq!(left(&common, Oracle::Leak), [("may be kept for everybody", 1)]);
    assert_eq!(failures(&kept(CredentialMode::Shared, &call(1, "x"), "what is hers")), [(Oracle::Leak, CROSSED)]);
}

#[test]
fn what_is_short_or_has_an_unknown_cause_is_nobodys() {
    let short = kept(CredentialMode::PerUser, &call(1, "x"), "ok");
    assert_eq!(failures(&short), []);
    assert_eq!(left(&short, Oracle::Leak), [("too short to tell it from another", 1)]);
    let mut traffic = Traffic::per_user();
    let same = call(1, "the same");
    let (alice, bob) = (traffic.asks("alice", &same), traffic.asks("bob", &same));
    let upstream = traffic.passed("token-a", &same);
    traffic.answered(upstream, &found(1, "somebody's things"));
    traffic.answered(alice, &found(1, "somebody's things"));
    traffic.answered(bob, &found(1, "somebody's things"));
    let judged = traffic.judged();
    assert_eq!(failures(&judged), []);
    assert_eq!(judged.outcome(), Outcome::NotObserved);
    assert_eq!(left(&judged, Oracle::Leak), [("an upstream gave it to a request of unknown cause", 2)]);
    assert_eq!(left(&judged, Oracle::Identity), [("with more than one possible cause", 1)]);
}

#[test]
fn a_credential_is_lent_and_a_renewed_one_is_not() {
    let mut traffic = Traffic::per_user();
    traffic.through("alice", "token-a", &call(1, "one"), &found(1, "the first answer"));
    traffic.through("alice", "token-a-renewed", &call(2, "two"), &found(2, "the second answer"));
    traffic.through("bob", "token-b", &call(3, "three"), &found(3, "the third answer"));
    assert_eq!(failures(&traffic.judged()), []);
    let mut traffic = Traffic::new(Sharing::Shared, CredentialMode::PerUser);
    traffic.through("alice", "token-a", &call(1, "one"), &found(1, "the first answer"));
    traffic.through("bob", "token-a", &call(2, "two"), &found(2, "the second answer"));
    let headline = "bob acted on `db` with the credential with which alice had acted there";
    assert_eq!(failures(&traffic.judged()), [(Oracle::Identity, headline)]);
}

#[test]
fn a_declared_credential_is_its_owners_from_the_first_request() {
    let with = |token: &str| {
        let mut traffic = Traffic::per_user();
        let tokens = BTreeMap::from([("db".to_owned(), "token-a".to_owned())]);
        traffic.recording.head.tokens.insert("alice".into(), tokens);
        traffic.recording.head.service_tokens.insert("db".into(), "token-hub".into());
        traffic.through("bob", token, &call(1, "one"), &found(1, "the first answer"));
        traffic.judged()
    };
    assert_eq!(failures(&with("token-b")), []);
    assert_eq!(failures(&with("token-a")), [(Oracle::Identity, "bob acted on `db` with alice's credential")]);
    assert_eq!(failures(&with("token-hub")), [(Oracle::Identity, "bob acted on `db` with the hub's own credential")]);
}

#[test]
fn a_shared_upstream_session_is_seen_and_so_is_a_hub_key() {
    let mut traffic = Traffic::new(Sharing::PerUser, CredentialMode::None);
    for (who, what) in [("alice", "one"), ("bob", "two")] {
        traffic.through(who, "hub-key-of-bob", &call(1, what), &found(1, what));
    }
    let judged = traffic.judged();
    let oracles: Vec<Oracle> = failures(&judged).iter().map(|(oracle, _)| *oracle).collect();
    assert!(oracles.contains(&Oracle::ExclusiveSession), "{:?}", failures(&judged));
    assert!(failures(&judged).contains(&(Oracle::Identity, "`db` was given the hub key of bob")));
    assert_eq!(judged.outcome(), Outcome::Crossed);
}

#[test]
fn a_secret_that_was_told_is_seen() {
    let mut traffic = Traffic::per_user();
    traffic.recording.head.tokens.insert("alice".into(), BTreeMap::from([("db".into(), "token-a".into())]));
    traffic.through("bob", "token-b", &call(1, "one"), &found(1, "failed with token-a"));
    traffic.through("alice", "token-a", &call(2, "two"), &found(2, "your token is token-a"));
    let headline = "bob received a secret: alice's credential for `db`";
    let judged = traffic.judged();
    assert_eq!(failures(&judged), [(Oracle::Secrets, headline)]);
    assert_eq!(judged.findings.len(), 2, "her own is a warning");
}

#[test]
fn an_answer_that_nobody_asked_for_is_seen_alone_and_in_a_batch() {
    let given = |asked: &Value, answer: &Value| {
        let mut traffic = Traffic::per_user();
        traffic.through("alice", "token-a", asked, answer);
        failures(&traffic.judged()).iter().map(|(oracle, _)| *oracle).collect::<Vec<_>>()
    };
    let (one, two) = (found(1, "first"), found(2, "second"));
    let batch = json!([call(1, "one"), call(2, "two")]);
    assert_eq!(given(&call(1, "one"), &one), []);
    assert_eq!(given(&call(1, "one"), &two), [Oracle::Correlation]);
    assert_eq!(given(&batch, &json!([two, one])), []);
    assert_eq!(given(&batch, &json!([one, found(3, "third")])), [Oracle::Correlation]);
    assert_eq!(given(&batch, &json!([one, one])), [Oracle::Correlation]);
}

#[test]
fn two_keys_in_one_session_are_one_person_unless_they_have_names() {
    let with = |first: &str, second: &str| {
        let mut traffic = Traffic::per_user();
        for (who, what) in [(first, "one"), (second, "two")] {
            let client = traffic.open(Side::Client, Some(who), &format!("key-of-{who}"), "one-session", &call(1, what));
            let upstream = traffic.passed("token-a", &call(1, what));
            traffic.answered(upstream, &found(1, what));
            traffic.answered(client, &found(1, what));
        }
        traffic.judged()
    };
    let renewed = with("key-aaaaaaaa", "key-bbbbbbbb");
    assert_eq!(failures(&renewed), []);
    assert!(renewed.notes.iter().any(|note| note.contains("one person who renewed a key")), "{:?}", renewed.notes);
    assert_eq!(renewed.outcome(), Outcome::NotObserved);
    assert_eq!(with("alice", "bob").outcome(), Outcome::Crossed);
}

#[test]
fn a_draft_holds_what_was_in_flight_together_and_nobodys_name_or_value() {
    let mut traffic = Traffic::new(Sharing::PerUser, CredentialMode::PerUser);
    let (ann, bob) = (traffic.asks("ann@example.org", &call(1, "hers")), traffic.asks("bob", &call(1, "his")));
    for (client, token, what) in [(ann, "token", "hers"), (bob, "token", "his")] {
        let upstream = traffic.passed(token, &call(7, what));
        traffic.answered(upstream, &found(7, what));
        traffic.answered(client, &found(1, what));
    }
    let draft = draft::draft(&traffic.judged(), "leaks/first").unwrap();
    let source = Source { path: "leaks/first.yaml".into(), text: draft.as_str().into() };
    assert!(scenario::load(&source, &Registry::embedded()).is_ok(), "{draft}");
    insta::assert_snapshot!(draft);
}
