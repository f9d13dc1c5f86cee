//! Requests that take several rounds, as a trace shows them: which state was given with which answer, and which request
//! shows it again. For the oracles that judge what came of it; by itself it judges nothing.

use std::collections::BTreeMap;

use serde_json::Value;

use super::rpc;
use crate::trace::{
    Exchange, Index,
    index::{Answer, Message},
};

/// What a request is about, whichever round it is: upstream, method, and params without what differs between two rounds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct About<'t> {
    upstream: &'t str,
    method: String,
    params: Value,
}

/// A request state, and with which answer it was given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given<'i, 't> {
    /// The request that was answered with it.
    pub(super) to: &'i Message<'t>,
    /// When.
    pub(super) at: usize,
}

/// Every request state that was given to a client.
pub(super) struct Rounds<'i, 't> {
    index: &'i Index<'t>,
    given: BTreeMap<String, Given<'i, 't>>,
}

impl<'i, 't> Rounds<'i, 't> {
    /// Those of a trace.
    pub(super) fn of(index: &'i Index<'t>) -> Self {
        let answered = index.messages.values().filter_map(|message| Some((message, message.answer?)));
        let given = answered.filter_map(|(to, answer)| Some((state_in(&answer)?, Given { to, at: answer.at })));
        // A state that is given twice counts from the first time.
        let mut all = BTreeMap::new();
        for (state, given) in given {
            all.entry(state).or_insert(given);
        }
        Self { index, given: all }
    }

    /// Where the state that a request shows was given before it was sent; `None` where nobody was ever given it.
    pub(super) fn shown_by(&self, message: &Message<'_>) -> Option<Given<'i, 't>> {
        self.given.get(&shown(message)?).filter(|given| given.at < message.at).copied()
    }

    /// Whether a request goes on with an earlier one of the same holder, in however many rounds.
    pub(super) fn goes_on(&self, message: &Message<'_>, earlier: Exchange) -> bool {
        let Some(given) = self.shown_by(message) else { return false };
        if !self.index.facts.are_one(message.actor, given.to.actor) {
            return false;
        }
        given.to.exchange == earlier || self.goes_on(given.to, earlier)
    }
}

/// The request state in an answer that wants something more.
fn state_in(answer: &Answer<'_>) -> Option<String> {
    let response = rpc::response(answer)?;
    Some(rpc::input_required(&response)?.get("requestState")?.as_str()?.to_owned())
}

/// The request state that a request shows.
pub(super) fn shown(message: &Message<'_>) -> Option<String> {
    let sent: Value = serde_json::from_str(message.body).ok()?;
    sent.get("method")?;
    Some(sent.pointer("/params/requestState")?.as_str()?.to_owned())
}

/// What a request is about.
pub(super) fn about<'t>(message: &Message<'t>) -> Option<About<'t>> {
    let mut sent: Value = serde_json::from_str(message.body).ok()?;
    let method = sent.get("method")?.as_str()?.to_owned();
    let mut params = sent.get_mut("params").map(Value::take).unwrap_or_default();
    if let Some(members) = params.as_object_mut() {
        members.retain(|name, _| !matches!(name.as_str(), "_meta" | "requestState" | "inputResponses"));
    }
    Some(About { upstream: message.upstream, method, params })
}
