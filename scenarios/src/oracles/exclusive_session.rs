//! An upstream session serves one owner, and an owner keeps one upstream session.
//!
//! Who an owner is follows from the target's declared sharing level: a client session, a user, or
//! nobody. The first rule finds merged sessions, a leak waiting for a stateful upstream. The second
//! finds the opposite: a hub that opens a session for each call leaks nothing and forgets everything,
//! which is a loss and is counted as one. A session that the upstream has forgotten is no longer one to keep, once the
//! client has been told that something went wrong.

use std::collections::{BTreeMap, BTreeSet};

use fake_upstreams::{Entry, SessionChange};

use super::{
    Finding, Kind, Oracle,
    finding::{Crossing, Severity},
    rpc,
};
use crate::{
    scenario::model::{Action, Era},
    trace::{
        Event, Index, Sharing,
        index::{Arrival, Message},
    },
};

/// How an id begins that was hidden before it was stored; what follows tells it from others.
const HIDDEN: &str = "redacted-";

/// Judges all upstream sessions.
pub fn judge(index: &Index<'_>) -> Vec<Finding> {
    let mut findings = at(index, index.facts.sharing);
    if index.facts.attached.is_some() {
        // Nobody knows whether an upstream of others forgot a session: to open another one is then right.
        let lost = findings.iter_mut().filter(|finding| finding.kind == Kind::Loss);
        lost.for_each(|finding| finding.severity = Severity::Warning);
    }
    if index.facts.sharing != Sharing::PerSession {
        // What a target does not promise is no failure, and is told all the same.
        let warned = at(index, Sharing::PerSession)
            .into_iter()
            .map(|finding| Finding { severity: Severity::Warning, ..finding });
        let told: Vec<usize> = findings.iter().map(|finding| finding.at).collect();
        findings.extend(warned.filter(|finding| !told.contains(&finding.at)));
    }
    findings
}

/// What breaks this level of sharing.
fn at(index: &Index<'_>, sharing: Sharing) -> Vec<Finding> {
    if sharing == Sharing::Shared {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let mut owners: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
    let mut sessions: BTreeMap<(String, &str), BTreeSet<&str>> = BTreeMap::new();
    let mut arrivals: Vec<&Arrival<'_>> = index.arrivals.values().collect();
    arrivals.sort_by_key(|arrival| arrival.at);
    for arrival in arrivals {
        let Some(session) = arrival.session else { continue };
        let Some(message) = arrival.cause.and_then(|cause| index.message_of(cause)) else { continue };
        let owner = owner(index, sharing, message);
        let of_session = owners.entry((arrival.upstream, session)).or_default();
        if of_session.insert(owner.clone()) && of_session.len() > 1 {
            findings.push(shared(arrival, message, of_session));
        }
        let of_owner = sessions.entry((owner, arrival.upstream)).or_default();
        let over = |earlier: &str| known_lost(index, arrival, earlier) || given_up(index, arrival, message, earlier);
        let left_behind = of_owner.iter().any(|earlier| !over(earlier));
        if of_owner.insert(session) && left_behind {
            findings.push(scattered(arrival, message, of_owner.len()));
        }
    }
    findings
}

/// Whether the upstream had said before this arrival that it does not know that session, or the session had died with its
/// process, and a client had heard of it.
fn known_lost(index: &Index<'_>, arrival: &Arrival<'_>, session: &str) -> bool {
    let there = |other: &&Arrival<'_>| other.upstream == arrival.upstream && other.session == Some(session);
    index.arrivals.values().filter(there).any(|other| {
        let message = other.cause.and_then(|cause| index.message_of(cause));
        let told = message.and_then(|message| message.answer);
        let died = |status| status == 0 && index.facts.scenario.is_child(other.upstream);
        let lost = other.answer.is_some_and(|answer| answer.status == 404 || died(answer.status));
        lost && told.is_some_and(|told| told.at < arrival.at && !rpc::accepted(&told))
    })
}

/// Whether a session that was held for a client which has none was over before this arrival: ended because it was idle,
/// or gone with the target that held it. No client was promised that it would last.
fn given_up(index: &Index<'_>, arrival: &Arrival<'_>, message: &Message<'_>, session: &str) -> bool {
    let ends = |event: &Event| match event {
        Event::Upstream(Entry::Session { upstream, session: ended, change: SessionChange::Closed, .. }) => {
            upstream == arrival.upstream && ended == session
        }
        Event::Step { step, .. } => {
            let step = index.facts.scenario.steps.get(*step);
            step.is_some_and(|step| matches!(step.action, Action::Restart))
        }
        _ => false,
    };
    let used = index.arrivals.values().filter(|other| other.session == Some(session));
    let last = used.map(|other| other.at).filter(|at| *at < arrival.at).max().unwrap_or_default();
    let mut since = index.events.iter().take(arrival.at).skip(last);
    index.facts.era_of(message.actor) == Era::Stateless && since.any(ends)
}

/// A client without sessions owns one for each set of capabilities that it declares, together with every other client
/// that has the same key: a hub cannot tell them apart.
fn owner(index: &Index<'_>, sharing: Sharing, message: &Message<'_>) -> String {
    let facts = index.facts;
    match (sharing, message.session_used()) {
        (Sharing::PerUser | Sharing::Shared, _) => message.actor.user.clone(),
        (Sharing::PerSession, _) if facts.era_of(message.actor) == Era::Stateless => {
            let first = facts.actors().into_iter().find(|actor| facts.are_one(actor, message.actor));
            let declared = rpc::declared(message.body).join(", ");
            format!("{} (declaring {declared})", first.as_ref().unwrap_or(message.actor))
        }
        (Sharing::PerSession, Some(session)) => format!("{} (session {})", message.actor, short(session)),
        (Sharing::PerSession, None) => message.actor.to_string(),
    }
}

/// A session id is a bearer secret: reports show its beginning only.
fn short(session: &str) -> String {
    let session = session.strip_prefix(HIDDEN).unwrap_or(session);
    session.chars().take(6).chain(['…']).collect()
}

fn shared(arrival: &Arrival<'_>, message: &Message<'_>, owners: &BTreeSet<String>) -> Finding {
    let all = owners.iter().cloned().collect::<Vec<_>>().join(" and ");
    let other = owners.iter().find(|o| !o.starts_with(&message.actor.to_string()));
    Finding {
        oracle: Oracle::ExclusiveSession,
        kind: Kind::Leak,
        severity: Severity::Failure,
        headline: format!("one upstream session of `{}` served {all}", arrival.upstream),
        step: message.step,
        span: None,
        expected: "an upstream session of its own for every owner".into(),
        received: format!("a request of {} on the session of {all}", message.actor),
        crossing: Some(Crossing {
            what: format!("upstream session of `{}`", arrival.upstream),
            owner: other.cloned().unwrap_or(all),
            reached: message.actor.to_string(),
        }),
        at: arrival.at,
    }
}

fn scattered(arrival: &Arrival<'_>, message: &Message<'_>, count: usize) -> Finding {
    Finding {
        oracle: Oracle::ExclusiveSession,
        kind: Kind::Loss,
        severity: Severity::Failure,
        headline: format!("{}'s session was continued on another session of `{}`", message.actor, arrival.upstream),
        step: message.step,
        span: None,
        expected: format!("every request of this session on one session of `{}`", arrival.upstream),
        received: format!("upstream session number {count}: what the earlier ones remember is lost"),
        crossing: None,
        at: arrival.at,
    }
}
