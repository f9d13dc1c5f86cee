//! A recording, judged: what was found, what was looked at, and what nobody could say, with the reason.
//!
//! Nothing verified is never green: that users are kept apart is only said where requests of two of them were
//! followed to an upstream.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    bridge::{Bridged, bridge},
    causes::Cause,
    recording::Recording,
    seen::Side,
};
use crate::{
    oracles::{self, Finding, Oracle, Severity, crossing, crossing::Delivered, rpc},
    scenario::model::CredentialMode,
    trace::{
        Index, Sharing, Trace,
        index::{credential, header},
    },
};

/// Everything that can be said of a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// What the oracles saw.
    pub trace: Trace,
    /// What they found, in their order.
    pub findings: Vec<Finding>,
    /// What each of them looked at.
    pub coverage: Vec<Coverage>,
    /// What else is to be known before a verdict is believed.
    pub notes: Vec<String>,
    /// Whether requests of at least two users, or sessions, were followed to an upstream.
    pub apart: bool,
    /// Exchanges with clients, and with upstreams.
    pub exchanges: (u64, u64),
    /// Client sessions that were given out or used.
    pub sessions: usize,
}

/// A finding, and how often the same was found.
#[derive(Debug, Clone, Copy)]
pub struct Told<'j> {
    /// As it was found first.
    pub finding: &'j Finding,
    /// How often.
    pub times: usize,
}

/// What an oracle looked at, and what it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// Which.
    pub oracle: Oracle,
    /// How many of the things that it judges.
    pub judged: u64,
    /// What they are: `upstream requests`.
    pub what: &'static str,
    /// What it could not judge, and why.
    pub not_observed: BTreeMap<&'static str, u64>,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A promise was broken.
    Crossed,
    /// Nothing was broken, and users were seen to be kept apart.
    Apart,
    /// Nothing was broken, and nobody can say more.
    NotObserved,
}

impl Judged {
    /// Judges a recording.
    pub fn of(recording: &Recording) -> Self {
        let bridged = bridge(recording);
        let index = Index::new(&bridged.trace);
        let findings = oracles::judge_attached(&index);
        let coverage = coverage(&index, &bridged);
        let apart = apart(&index);
        let sides = |client: bool| {
            recording.lines.iter().filter(|line| (line.seen.side == Side::Client) == client).count() as u64
        };
        let sessions: BTreeSet<&str> = index.messages.values().filter_map(|message| message.session_used()).collect();
        let (sessions, notes) = (sessions.len(), notes(recording, &bridged));
        drop(index);
        Self {
            trace: bridged.trace,
            findings,
            coverage,
            notes,
            apart,
            exchanges: (sides(true), sides(false)),
            sessions,
        }
    }

    /// Equal findings once, the worst first.
    pub fn worst_first(&self) -> Vec<Told<'_>> {
        let mut told: Vec<Told<'_>> = Vec::new();
        for finding in &self.findings {
            match told.iter_mut().find(|other| other.finding.says_the_same(finding)) {
                Some(other) => other.times += 1,
                None => told.push(Told { finding, times: 1 }),
            }
        }
        told.sort_by_key(|told| (told.finding.severity == Severity::Warning, told.finding.kind.rank()));
        told
    }

    /// What came of it.
    pub fn outcome(&self) -> Outcome {
        match self.findings.iter().any(|finding| finding.severity == Severity::Failure) {
            true => Outcome::Crossed,
            false if self.apart => Outcome::Apart,
            false => Outcome::NotObserved,
        }
    }
}

/// Whether requests of two whom the hub must keep apart were followed to the same upstream.
fn apart(index: &Index<'_>) -> bool {
    let mut followed: BTreeMap<&str, BTreeSet<(&str, Option<&str>)>> = BTreeMap::new();
    for arrival in index.arrivals.values() {
        let Some(message) = arrival.cause.and_then(|cause| index.message_of(cause)) else { continue };
        let session = message.session_used().filter(|_| index.facts.sharing == Sharing::PerSession);
        followed.entry(arrival.upstream).or_default().insert((&message.actor.user, session));
    }
    followed.values().any(|owners| owners.len() > 1)
}

fn notes(recording: &Recording, bridged: &Bridged) -> Vec<String> {
    let mut notes = Vec::new();
    if recording.end.is_none() {
        notes.push("the recording was cut off: exchanges that were open then are not in it".to_owned());
    }
    if let Some(end) = recording.end.filter(|end| end.unrecorded > 0) {
        notes.push(format!("{} exchanges passed when there was no more room, unrecorded", end.unrecorded));
    }
    for (one, other) in &bridged.merged {
        notes.push(format!(
            "{one} and {other} used one session: one person who renewed a key, or a session that was taken over; \
             they are taken for one person. Name them in the configuration to have it judged"
        ));
    }
    let counted = [
        (bridged.nameless, "of clients name nobody, and are not judged"),
        (bridged.other, "of clients are not MCP, and are not judged"),
        (bridged.not_kept, "have bodies that were too long to keep"),
    ];
    notes.extend(
        counted.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} exchanges {what}")),
    );
    notes
}

fn coverage(index: &Index<'_>, bridged: &Bridged) -> Vec<Coverage> {
    let answered = index.messages.values().filter(|message| message.answer.is_some());
    let asked = answered.clone().filter(|message| !rpc::ids(message.body).is_empty()).count() as u64;
    let given = index.messages.values().filter(|message| {
        let id = message.answer.and_then(|answer| header(answer.headers, "mcp-session-id"));
        id.is_some() && id != message.session
    });
    let plain = |oracle, judged, what| Coverage { oracle, judged, what, not_observed: BTreeMap::new() };
    vec![
        answers(index),
        plain(Oracle::Secrets, answered.count() as u64, "answers"),
        identity(index, bridged),
        exclusive(index, bridged),
        plain(Oracle::Correlation, asked, "answered requests"),
        plain(Oracle::SessionIds, given.count() as u64, "ids"),
    ]
}

fn answers(index: &Index<'_>) -> Coverage {
    let mut coverage = Coverage { oracle: Oracle::Leak, judged: 0, what: "results", not_observed: BTreeMap::new() };
    for delivered in crossing::look(index) {
        match delivered {
            Delivered::Own | Delivered::Crossed(_) => coverage.judged += 1,
            Delivered::Common => coverage.leave("may be kept for everybody"),
            Delivered::Unknown(reason) => coverage.leave(reason),
        }
    }
    coverage
}

fn identity(index: &Index<'_>, bridged: &Bridged) -> Coverage {
    let what = "requests with a credential";
    let mut coverage = Coverage { oracle: Oracle::Identity, judged: 0, what, not_observed: BTreeMap::new() };
    for arrival in index.arrivals.values().filter(|arrival| credential(arrival.headers).is_some()) {
        let undeclared = index.facts.credentials == CredentialMode::Shared
            && !index.facts.service_tokens.contains_key(arrival.upstream);
        match reason(bridged, arrival.exchange, arrival.cause.is_some()) {
            None if undeclared => coverage.leave("the hub's own credential is not declared"),
            None => coverage.judged += 1,
            Some(reason) => coverage.leave(reason),
        }
    }
    coverage
}

fn exclusive(index: &Index<'_>, bridged: &Bridged) -> Coverage {
    let what = "requests in a session";
    let mut coverage = Coverage { oracle: Oracle::ExclusiveSession, judged: 0, what, not_observed: BTreeMap::new() };
    for arrival in index.arrivals.values().filter(|arrival| arrival.session.is_some()) {
        match reason(bridged, arrival.exchange, arrival.cause.is_some()) {
            None if index.facts.sharing == Sharing::Shared => coverage.leave("no session of one's own is promised"),
            None => coverage.judged += 1,
            Some(reason) => coverage.leave(reason),
        }
    }
    coverage
}

/// Why nobody knows whose an upstream request is; `None` where it is known.
fn reason(bridged: &Bridged, exchange: u64, known: bool) -> Option<&'static str> {
    match bridged.causes.get(&exchange) {
        Some(Cause::Exchange(_)) if known => None,
        Some(Cause::Exchange(_)) => Some("caused by somebody without a name"),
        Some(Cause::Ambiguous(_)) => Some("with more than one possible cause"),
        Some(Cause::Nobody) => Some("that no client in flight had asked for"),
        Some(Cause::Indistinct) | None => Some("without params to tell them by"),
    }
}

impl Coverage {
    fn leave(&mut self, reason: &'static str) {
        *self.not_observed.entry(reason).or_default() += 1;
    }

    /// Everything that could have been judged.
    pub fn total(&self) -> u64 {
        self.judged + self.not_observed.values().sum::<u64>()
    }
}
