//! From a recording to a trace, so that oracles see real traffic as they see any other.
//!
//! What cannot be judged stays out of the trace, and is counted: what is not MCP (tokens fetched, health asked for),
//! what names nobody, bodies that were not kept.

use std::collections::{BTreeMap, BTreeSet};

use fake_upstreams::Entry;
use indexmap::IndexMap;
use serde_json::Value;

use super::{
    causes::{Cause, causes},
    person::{By, KEY},
    recording::{Line, Recording},
    seen::{End, Seen, Side},
};
use crate::{
    scenario::{
        model::{Actor, Hints, Limits, Pair, Scenario, ServiceCredential, Transport, Upstream, User},
        source::{Source, Span, Spanned},
    },
    trace::{
        Event, Facts, Purpose, Trace,
        facts::{Answers, Attached, IdentityHeaders, Logs, Refusals},
        index::{credential, header},
    },
};

/// A trace of real traffic, and what of the traffic is not in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Bridged {
    /// What oracles judge.
    pub trace: Trace,
    /// What is known of the cause of each upstream request with a body: exchange and cause.
    pub causes: BTreeMap<u64, Cause>,
    /// Exchanges of clients that are not MCP.
    pub other: u64,
    /// Exchanges of clients that name nobody.
    pub nameless: u64,
    /// Exchanges whose bodies were not kept.
    pub not_kept: u64,
    /// People who used one session, and are taken for one person.
    pub merged: BTreeSet<(String, String)>,
}

/// Makes a trace of a recording.
pub fn bridge(recording: &Recording) -> Bridged {
    let lines: Vec<&Line> = recording.lines.iter().filter(|line| is_mcp(&line.seen)).collect();
    let seen: Vec<&Seen> = lines.iter().map(|line| &line.seen).collect();
    let found = causes(&seen);
    let people = Merged::of(recording, &lines);
    let mut attached = Attached::default();
    for (place, cause) in &found {
        if let (Side::Upstream(upstream), Cause::Exchange(client)) = (&lines[*place].seen.side, cause) {
            let causes = attached.causes.entry(upstream.clone()).or_default();
            causes.insert(lines[*place].exchange, lines[*client].exchange);
        }
    }
    for line in &lines {
        if let (Some(shape), Some(id)) = (line.shape, header(&line.seen.answer_headers, "mcp-session-id")) {
            attached.shapes.entry(id.to_owned()).or_insert(shape);
        }
    }
    let client = |line: &&&Line| line.seen.side == Side::Client;
    Bridged {
        trace: Trace { facts: facts(recording, &lines, &people, attached), events: events(&lines, &people) },
        causes: found.into_iter().map(|(place, cause)| (lines[place].exchange, cause)).collect(),
        other: recording.lines.iter().filter(|line| line.seen.side == Side::Client && !is_mcp(&line.seen)).count()
            as u64,
        nameless: lines.iter().filter(client).filter(|line| line.who.is_none()).count() as u64,
        not_kept: lines.iter().filter(|line| line.seen.body.lost + line.seen.answer.lost > 0).count() as u64,
        merged: people.pairs,
    }
}

/// Whether an exchange speaks the protocol, or may: it carries a message, names a session, or listens.
fn is_mcp(seen: &Seen) -> bool {
    let speaks = |message: &Value| message.get("jsonrpc").is_some_and(|version| version == "2.0");
    let body = seen.body.text().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let message = body.is_some_and(|body| match &body {
        Value::Array(batch) => batch.iter().any(speaks),
        message => speaks(message),
    });
    let listens = header(&seen.headers, "accept").is_some_and(|accept| accept.contains("text/event-stream"));
    // What was not kept could be anything, so that it makes causes uncertain.
    message || listens || seen.body.lost > 0 || header(&seen.headers, "mcp-session-id").is_some()
}

/// People of whom keys are known alone, and whose keys the hub took for one session's.
struct Merged {
    names: BTreeMap<String, String>,
    pairs: BTreeSet<(String, String)>,
}

impl Merged {
    fn of(recording: &Recording, lines: &[&Line]) -> Self {
        let mut merged = Self { names: BTreeMap::new(), pairs: BTreeSet::new() };
        if recording.head.by != By::Authorization {
            return merged;
        }
        let mut holders: BTreeMap<&str, &str> = BTreeMap::new();
        for line in lines.iter().filter(|line| line.seen.side == Side::Client) {
            let served = line.seen.status.is_some_and(|status| status < 300);
            let session = header(&line.seen.answer_headers, "mcp-session-id")
                .or_else(|| header(&line.seen.headers, "mcp-session-id"));
            let (Some(who), Some(session)) = (line.who.as_deref().filter(|_| served), session) else { continue };
            let first = *holders.entry(session).or_insert(who);
            if first != who && first.starts_with(KEY) && who.starts_with(KEY) {
                let (one, other) = (merged.name(first).to_owned(), merged.name(who).to_owned());
                if one != other {
                    merged.pairs.insert((one.clone(), other.clone()));
                    merged.names.values_mut().filter(|name| **name == other).for_each(|name| name.clone_from(&one));
                    merged.names.insert(other, one);
                }
            }
        }
        merged
    }

    fn name<'a>(&'a self, who: &'a str) -> &'a str {
        self.names.get(who).map_or(who, String::as_str)
    }
}

fn facts(recording: &Recording, lines: &[&Line], people: &Merged, attached: Attached) -> Facts {
    let head = &recording.head;
    let mut keys: BTreeMap<String, String> = BTreeMap::new();
    let mut users = IndexMap::new();
    for line in lines {
        let Some(who) = line.who.as_deref().filter(|_| line.seen.side == Side::Client) else { continue };
        let who = people.name(who);
        users.entry(who.to_owned()).or_insert_with(user);
        // What the hub refused is no key of its own; somebody may have shown it what belongs upstream.
        let refused = matches!(line.seen.status, None | Some(401 | 403));
        let key = credential(&line.seen.headers).filter(|_| !refused);
        if let Some(key) = key.filter(|key| !keys.values().any(|known| known == key)) {
            let more = keys.keys().filter(|name| name.split(" (").next() == Some(who)).count();
            let name = if more == 0 { who.to_owned() } else { format!("{who} (key {})", more + 1) };
            keys.insert(name, key.to_owned());
        }
    }
    Facts {
        scenario: nothing_played(users, head.upstreams.keys()),
        cell: "observed".to_owned(),
        pair: Pair::default(),
        revision: String::new(),
        credentials: head.credentials,
        seed: 0,
        sharing: head.sharing,
        identity_headers: IdentityHeaders::NotPromised,
        refusals: Refusals::Similar,
        logs: Logs::NotPromised,
        answers: Answers::Alike,
        naming: String::new(),
        keys,
        tokens: head.tokens.clone(),
        service_tokens: head.service_tokens.clone(),
        canaries: Vec::new(),
        server: None,
        attached: Some(attached),
    }
}

fn user() -> User {
    User {
        clients: IndexMap::from([(Actor::MAIN.to_owned(), Actor::MAIN.to_owned())]),
        unlinked: Vec::new(),
        read_only: Vec::new(),
        scopes: IndexMap::new(),
        servers: None,
        tools: IndexMap::new(),
        era: None,
        span: Span::default(),
    }
}

/// A scenario of those who were seen, without a step: what happened was not asked for by anybody's file.
fn nothing_played<'n>(users: IndexMap<String, User>, upstreams: impl Iterator<Item = &'n String>) -> Scenario {
    let upstream = |name: &String| {
        let upstream = Upstream {
            kind: String::new(),
            service_credential: ServiceCredential::Absent,
            page: None,
            older_for: Vec::new(),
            hints: Hints::default(),
            transport: Transport::Http,
            span: Span::default(),
        };
        (name.clone(), upstream)
    };
    Scenario {
        id: Spanned::new("observed/traffic".to_owned(), Span::default()),
        title: String::new(),
        bugs: Vec::new(),
        clauses: Vec::new(),
        seed_case: None,
        users,
        upstreams: upstreams.map(upstream).collect(),
        groups: IndexMap::new(),
        revisions: Vec::new(),
        eras: vec![Pair::default()],
        credentials: Vec::new(),
        needs: Vec::new(),
        limits: Limits::default(),
        seed: None,
        steps: Vec::new(),
        source: Source { path: "".into(), text: "".into() },
    }
}

/// Requests and answers in the order in which the taps saw them.
fn events(lines: &[&Line], people: &Merged) -> Vec<Event> {
    let mut timed: Vec<(u64, Event)> = Vec::new();
    for line in lines {
        let seen = &line.seen;
        let end = seen.ended.map_or(u64::MAX, |(at, _)| at);
        match &seen.side {
            Side::Client => {
                let Some(who) = &line.who else { continue };
                timed.push((seen.opened, sent(line, people.name(who))));
                timed.extend(received(line).map(|event| (end, event)));
            }
            Side::Upstream(upstream) => {
                timed.push((seen.opened, Event::Upstream(arrived(line, upstream))));
                timed.extend(answered(line, upstream).map(|entry| (end, Event::Upstream(entry))));
            }
        }
    }
    timed.sort_by_key(|(at, _)| *at);
    timed.into_iter().map(|(_, event)| event).collect()
}

fn sent(line: &Line, who: &str) -> Event {
    let seen = &line.seen;
    let body = seen.body.text().unwrap_or_default().to_owned();
    let method = crate::oracles::rpc::method(&body);
    let greeting = method.is_some_and(|method| method == "initialize" || method.starts_with("notifications/"));
    Event::Sent {
        exchange: line.exchange,
        actor: Actor { user: who.to_owned(), client: Actor::MAIN.to_owned() },
        upstream: seen.path.clone(),
        step: usize::try_from(line.exchange).unwrap_or(usize::MAX),
        purpose: if greeting { Purpose::Handshake } else { Purpose::Step },
        mark: None,
        method: seen.method.clone(),
        session: header(&seen.headers, "mcp-session-id").map(str::to_owned),
        headers: seen.headers.clone(),
        body,
    }
}

/// An answer that ended, or as far as it came; none where its body was not kept.
fn received(line: &Line) -> Option<Event> {
    let seen = &line.seen;
    let (exchange, headers, body) = (line.exchange, seen.answer_headers.clone(), seen.answer.text()?.to_owned());
    let status = seen.status?;
    Some(match seen.ended {
        Some((_, End::Whole)) => Event::Received { exchange, status, headers, body },
        _ => Event::Heard { exchange, status, headers, body },
    })
}

fn arrived(line: &Line, upstream: &str) -> Entry {
    let seen = &line.seen;
    Entry::Request {
        upstream: upstream.to_owned(),
        exchange: line.exchange,
        connection: line.exchange,
        method: seen.method.clone(),
        path: seen.path.clone(),
        headers: seen.headers.clone(),
        body: seen.body.text().unwrap_or_default().to_owned(),
    }
}

fn answered(line: &Line, upstream: &str) -> Option<Entry> {
    let seen = &line.seen;
    Some(Entry::Answer {
        upstream: upstream.to_owned(),
        exchange: line.exchange,
        status: seen.status?,
        headers: seen.answer_headers.clone(),
        body: seen.answer.text()?.to_owned(),
        cut: !matches!(seen.ended, Some((_, End::Whole))),
    })
}
