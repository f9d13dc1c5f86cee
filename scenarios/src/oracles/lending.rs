//! In real traffic: a credential that acts at an upstream for one user acts there for no other.
//!
//! Whose a credential is may be declared. Where it is not, it is that of the first user for whom it was
//! seen to act, and what counts is that a second one acts with it: no guess is needed for that. Only
//! requests whose cause is known are judged.

use std::collections::BTreeMap;

use super::{Finding, Kind, Oracle, finding::Crossing};
use crate::{
    scenario::model::CredentialMode,
    trace::{
        Index,
        index::{Arrival, Message, credential},
    },
};

/// Judges every arrival whose cause is known.
pub fn judge(index: &Index<'_>) -> Vec<Finding> {
    let mut arrivals: Vec<(&Arrival<'_>, &Message<'_>)> = index
        .arrivals
        .values()
        .filter_map(|arrival| Some((arrival, arrival.cause.and_then(|cause| index.message_of(cause))?)))
        .collect();
    arrivals.sort_by_key(|(arrival, _)| arrival.at);
    let mut first: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let mut findings = Vec::new();
    for (arrival, message) in arrivals {
        let Some(token) = credential(arrival.headers) else { continue };
        let user = message.actor.user.as_str();
        let owner = declared(index, arrival.upstream, token);
        let mut learned = || Owner::First(first.entry((arrival.upstream, token)).or_insert(user));
        let owner = match (index.facts.credentials, owner) {
            (CredentialMode::PerUser, None) => learned(),
            (CredentialMode::Shared, None) if !index.facts.service_tokens.contains_key(arrival.upstream) => continue,
            (CredentialMode::Shared, Some(Owner::Hub)) => continue,
            (_, None) => Owner::Nobody,
            (_, Some(owner)) => owner,
        };
        if !owner.is(user) {
            findings.push(finding(arrival, message, &owner));
        }
    }
    findings
}

/// Whose credential it is.
enum Owner<'t> {
    Declared(&'t str),
    First(&'t str),
    Hub,
    Nobody,
}

fn declared<'t>(index: &Index<'t>, upstream: &str, token: &str) -> Option<Owner<'t>> {
    if index.facts.service_tokens.get(upstream).is_some_and(|own| own == token) {
        return Some(Owner::Hub);
    }
    let mut owners = index.facts.tokens.iter();
    let (owner, _) = owners.find(|(_, tokens)| tokens.get(upstream).is_some_and(|own| own == token))?;
    Some(Owner::Declared(owner))
}

impl Owner<'_> {
    fn is(&self, user: &str) -> bool {
        matches!(self, Owner::Declared(owner) | Owner::First(owner) if *owner == user)
    }
}

fn finding(arrival: &Arrival<'_>, message: &Message<'_>, owner: &Owner<'_>) -> Finding {
    let (user, upstream) = (&message.actor.user, arrival.upstream);
    let (what, whose) = match owner {
        Owner::Declared(owner) => (format!("{owner}'s credential"), *owner),
        Owner::First(owner) => (format!("the credential with which {owner} had acted there"), *owner),
        Owner::Hub => ("the hub's own credential".to_owned(), "hub"),
        Owner::Nobody => ("a credential that was not to be sent there".to_owned(), "hub"),
    };
    let headline = format!("{user} acted on `{upstream}` with {what}");
    let mut finding = Finding::new(Oracle::Identity, Kind::Leak, message.step, arrival.at, headline);
    let crossing = Crossing { what: "a credential".to_owned(), owner: whose.to_owned(), reached: user.clone() };
    finding.crossing = Some(crossing);
    finding.because("each user acts with what is theirs, or with what was declared for all", {
        format!("{} {upstream} for {user} with {what}", arrival.method)
    })
}
