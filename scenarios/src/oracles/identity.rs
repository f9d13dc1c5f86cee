//! Every upstream request carries its caller's credential and identity, and nothing of the hub's own.
//!
//! Judged on the upstreams' ledgers alone: what the hub *sent*, not what the upstream made of it, so a
//! wrong credential is seen even where the upstream never checks one.

use std::collections::BTreeMap;

use fake_upstreams::{Entry, ProcessChange, stdio};

use super::{
    Finding, Kind, Oracle,
    finding::{Crossing, Severity},
};
use crate::{
    scenario::model::{CredentialMode, Era},
    trace::{
        Event, Index,
        facts::IdentityHeaders,
        index::{Arrival, Owner, header},
        sight::Sight,
    },
};

/// Judges every arrival.
pub fn judge(index: &Index<'_>) -> Vec<Finding> {
    let hub_words = HubWords::of(index);
    let mut findings = Vec::new();
    let mut session_names = BTreeMap::new();
    for arrival in index.arrivals.values() {
        findings.extend(hub_words.judge(index, arrival));
        findings.extend(credential(index, arrival));
        findings.extend(at_the_service(index, arrival));
        // A child is one person's from the start, and has no headers in which it could be told so.
        let by_http = !index.facts.scenario.is_child(arrival.upstream);
        if by_http && index.facts.identity_headers == IdentityHeaders::Promised {
            findings.extend(identity_headers(index, arrival));
            findings.extend(session_name(index, arrival, &mut session_names));
        }
    }
    findings.extend(environments(index));
    findings
}

/// Judges every arrival for what is the hub's own alone: its keys and session ids.
pub fn judge_hub_words(index: &Index<'_>) -> Vec<Finding> {
    let hub_words = HubWords::of(index);
    index.arrivals.values().filter_map(|arrival| hub_words.judge(index, arrival)).collect()
}

/// What a child finds in its environment: the credential that it is to act with, and no other that the hub knows. Which one
/// it acts with is seen in all that arrives there.
fn environments(index: &Index<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, event) in index.events.iter().enumerate() {
        let Event::Upstream(Entry::Process { upstream, process, change: ProcessChange::Began { environment } }) = event
        else {
            continue;
        };
        let acts_with = environment.get(stdio::CREDENTIAL);
        let facts = index.facts;
        let users = facts.tokens.iter().flat_map(|(user, tokens)| tokens.values().map(move |token| (user, token)));
        let keys = facts.keys.iter();
        let known = users.chain(keys).map(|(whose, word)| (whose.clone(), word));
        let known = known.chain(facts.service_tokens.values().map(|token| ("the hub".to_owned(), token)));
        let found = known.into_iter().find_map(|(whose, word)| {
            let (name, _) = environment.iter().find(|(_, value)| value.contains(word.as_str()))?;
            (Some(word) != acts_with).then_some((name, whose))
        });
        let Some((name, whose)) = found else { continue };
        let headline = format!("child {process} of `{upstream}` was given a secret of {whose} in its environment");
        let mut finding = Finding::new(Oracle::Identity, Kind::Leak, index.step_at(at), at, headline);
        finding.crossing = Some(Crossing {
            what: format!("variable {name}"),
            owner: whose,
            reached: format!("child {process} of `{upstream}`"),
        });
        findings.push(finding.because(
            "the credential that it acts with, and no other secret".to_owned(),
            format!("the variable {name} besides"),
        ));
    }
    findings
}

/// The step to which an arrival belongs; the first step where it belongs to none.
fn step_of(index: &Index<'_>, arrival: &Arrival<'_>) -> usize {
    match arrival.cause.and_then(|cause| index.message_of(cause)) {
        Some(message) => message.step,
        // A request of the hub's own making: the step that was being played.
        None => index.step_at(arrival.at),
    }
}

fn credential(index: &Index<'_>, arrival: &Arrival<'_>) -> Option<Finding> {
    let user = index.owner_of(arrival).user()?;
    let expected = index.facts.expected_token(user, arrival.upstream);
    let actual = arrival.token();
    if actual == expected {
        return None;
    }
    let whose = |token: Option<&str>| match token {
        None => "no credential".to_owned(),
        Some(token) => match index.facts.token_owner(token) {
            Some(owner) => format!("{owner}'s credential"),
            None if index.facts.service_tokens.values().any(|t| t == token) => "the hub's own credential".to_owned(),
            None => "a credential that nobody was given".to_owned(),
        },
    };
    let acted_as = whose(actual);
    let mode = match index.facts.credentials {
        CredentialMode::PerUser => "each user has a credential of their own",
        CredentialMode::Shared => "everybody shares the hub's own credential",
        CredentialMode::None => "no credential is sent",
    };
    Some(Finding {
        oracle: Oracle::Identity,
        kind: Kind::Leak,
        severity: Severity::Failure,
        headline: format!("{user} acted on `{}` with {acted_as}", arrival.upstream),
        step: step_of(index, arrival),
        span: None,
        expected: format!("{} ({mode})", whose(expected)),
        received: format!("{} {} with {acted_as}", arrival.method, arrival.upstream),
        crossing: actual.map(|_| Crossing {
            what: acted_as.clone(),
            owner: actual.and_then(|t| index.facts.token_owner(t)).unwrap_or("hub").to_owned(),
            reached: user.to_owned(),
        }),
        at: arrival.at,
    })
}

/// Behind the upstream stands a service: it must see the same person as the upstream's caller.
fn at_the_service(index: &Index<'_>, arrival: &Arrival<'_>) -> Option<Finding> {
    let user = index.owner_of(arrival).user()?;
    let expected = index.facts.expected_token(user, arrival.upstream);
    let asked = arrival.service.iter().find(|asked| asked.token != expected)?;
    let whose = asked.token.and_then(|token| index.facts.token_owner(token));
    let acted_as =
        whose.map_or_else(|| "a credential that is no user's".to_owned(), |who| format!("{who}'s credential"));
    let headline = format!("the service behind `{}` was asked for {user} with {acted_as}", arrival.upstream);
    let mut finding = Finding::new(Oracle::Identity, Kind::Leak, step_of(index, arrival), asked.at, headline);
    finding.crossing =
        Some(Crossing { what: acted_as.clone(), owner: whose.unwrap_or("hub").to_owned(), reached: user.to_owned() });
    Some(finding.because(format!("{user}'s credential all the way"), format!("{} with {acted_as}", asked.path)))
}

fn identity_headers(index: &Index<'_>, arrival: &Arrival<'_>) -> Option<Finding> {
    let user = index.owner_of(arrival).user()?;
    let wrong = ["user-id", "x-mcphub-user-id"].into_iter().find(|name| header(arrival.headers, name) != Some(user))?;
    let said = header(arrival.headers, wrong);
    Some(Finding {
        oracle: Oracle::Identity,
        kind: if said.is_some() { Kind::Leak } else { Kind::Loss },
        severity: Severity::Failure,
        headline: match said {
            Some(other) => format!("`{}` was told that {user}'s request is {other}'s", arrival.upstream),
            None => format!("`{}` was not told whose request {user}'s is", arrival.upstream),
        },
        step: step_of(index, arrival),
        span: None,
        expected: format!("{wrong}: {user}"),
        received: said.map_or_else(|| format!("no {wrong} header"), |other| format!("{wrong}: {other}")),
        crossing: said.map(|other| Crossing {
            what: format!("identity {other}"),
            owner: other.to_owned(),
            reached: user.to_owned(),
        }),
        at: arrival.at,
    })
}

/// The session header: one value for one session, never the same for two.
fn session_name<'t>(
    index: &Index<'t>,
    arrival: &Arrival<'t>,
    seen: &mut BTreeMap<String, (String, String)>,
) -> Option<Finding> {
    let message = index.message_of(arrival.cause?)?;
    let Owner::Actor(actor) = index.owner_of(arrival) else { return None };
    // In the stateless era a target can name no session, but whoever holds the key.
    let alone = index.facts.era_of(actor) == Era::Stateless;
    let session = if alone { None } else { Some(message.session_used()?.to_owned()) };
    let name = header(arrival.headers, "user-session-id");
    let ours = match &session {
        Some(session) => (actor.to_string(), session.clone()),
        None => (index.facts.holder(actor).to_string(), String::new()),
    };
    let (headline, received) = match name {
        None => (format!("`{}` was not told which session of {actor} is calling", arrival.upstream), String::new()),
        Some(name) if session.as_ref().is_some_and(|session| name.contains(session)) => {
            (format!("`{}` was given the session id of {actor}, which is a secret", arrival.upstream), name.into())
        }
        Some(name) => {
            let first = seen.entry(format!("{}\n{name}", arrival.upstream)).or_insert_with(|| ours.clone());
            if *first == ours && name.starts_with(&format!("{}-", actor.user)) {
                return None;
            }
            (format!("a session of {actor} has the name of a session of {}", first.0), name.into())
        }
    };
    Some(Finding {
        oracle: Oracle::Identity,
        kind: if name.is_some() { Kind::Leak } else { Kind::Loss },
        severity: Severity::Failure,
        headline,
        step: message.step,
        span: None,
        expected: format!("user-session-id: {}-<hash>, one value for this session or key only", actor.user),
        received: format!("user-session-id: {received}"),
        crossing: None,
        at: arrival.at,
    })
}

/// What belongs between a client and the hub, and must never travel on: keys and session ids.
struct HubWords {
    words: Vec<(String, String)>,
    sight: Sight,
}

impl HubWords {
    fn of(index: &Index<'_>) -> Self {
        let mut words: Vec<(String, String)> = Vec::new();
        for (actor, key) in &index.facts.keys {
            words.push((key.clone(), format!("the hub key of {actor}")));
        }
        for message in index.messages.values() {
            if let Some(session) = message.answer.and_then(|a| header(a.headers, "mcp-session-id")) {
                words.push((session.to_owned(), format!("the hub session id of {}", message.actor)));
            }
        }
        let sight = Sight::new(words.iter().map(|(word, _)| word.as_str()));
        Self { words, sight }
    }

    fn judge(&self, index: &Index<'_>, arrival: &Arrival<'_>) -> Option<Finding> {
        let (place, number) = arrival
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .chain([("the body", arrival.body)])
            .find_map(|(place, text)| Some((place, self.sight.find(text).into_iter().next()?)))?;
        let (_, what) = &self.words[number];
        Some(Finding {
            oracle: Oracle::Identity,
            kind: Kind::Leak,
            severity: Severity::Failure,
            headline: format!("`{}` was given {what}", arrival.upstream),
            step: step_of(index, arrival),
            span: None,
            expected: "no hub key and no hub session id in any upstream request".into(),
            received: format!("{what} in {place}"),
            crossing: Some(Crossing {
                what: what.clone(),
                owner: index.owner_of(arrival).user().unwrap_or("hub").to_owned(),
                reached: format!("upstream {}", arrival.upstream),
            }),
            at: arrival.at,
        })
    }
}
