//! In real traffic: nobody receives the answer that an upstream gave to another's request.
//!
//! Without marks a single value proves nothing: two people may rightly see it. So only whole results are
//! compared, `_meta` apart, and only two things are said to have crossed:
//!
//! - a *swap*: the upstream answered this very request, and something else was delivered that it had
//!   answered to another's;
//! - a *kept* answer: nothing was asked of any upstream for this request, and what was delivered is what an
//!   upstream had answered to another's request with the same content.
//!
//! In both, every upstream request that was answered like this must have a known cause. A short result, such as
//! `ok`, is told from no other. Lists and resources may be kept for everybody where everybody has the same
//! credential.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Finding, Kind, Oracle, finding::Crossing, rpc};
use crate::{
    scenario::model::CredentialMode,
    trace::{
        Exchange, Index,
        index::{Answer, Message},
    },
};

/// Characters of text that a result must have besides what was asked, so that no other is like it by chance.
const TELLING: usize = 8;

/// What is known of one result that was delivered.
#[derive(Debug, Clone, PartialEq)]
pub enum Delivered {
    /// An upstream gave it to a request of the same user.
    Own,
    /// An upstream gave it to another's request.
    Crossed(Box<Finding>),
    /// It may be kept for everybody.
    Common,
    /// Nobody can say whose it is, and why.
    Unknown(&'static str),
}

/// Judges every result that was delivered.
pub fn judge(index: &Index<'_>) -> Vec<Finding> {
    let crossed = |delivered| match delivered {
        Delivered::Crossed(finding) => Some(*finding),
        _ => None,
    };
    look(index).into_iter().filter_map(crossed).collect()
}

/// Every result that was delivered, in the order of the requests.
pub fn look(index: &Index<'_>) -> Vec<Delivered> {
    let given = Given::of(index);
    let mut all = Vec::new();
    for message in index.messages.values() {
        let Some(answer) = &message.answer else { continue };
        for response in rpc::responses(answer) {
            let Some(result) = response.get("result") else { continue };
            let asked = requests(message.body).into_iter().find(|(id, _)| id.as_ref() == response.get("id"));
            let Some((_, asked)) = asked.filter(|(_, asked)| method(asked) != "initialize") else { continue };
            all.push(given.delivered(&Delivery { index, message, at: answer.at, asked, result: plain(result) }));
        }
    }
    all
}

/// The results of an answer, each in one spelling and without `_meta`.
pub(crate) fn results(answer: &Answer<'_>) -> Vec<String> {
    rpc::responses(answer).iter().filter_map(|response| response.get("result").map(plain)).collect()
}

/// A result on its way to a client.
struct Delivery<'i, 't> {
    index: &'i Index<'t>,
    message: &'i Message<'t>,
    at: usize,
    asked: Value,
    result: String,
}

/// What upstreams gave: every result, with the arrivals that were answered so.
struct Given {
    by_result: BTreeMap<String, Vec<Source>>,
    by_cause: BTreeMap<Exchange, BTreeSet<String>>,
}

struct Source {
    at: usize,
    upstream: String,
    cause: Option<Exchange>,
}

impl Given {
    fn of(index: &Index<'_>) -> Self {
        let mut given = Self { by_result: BTreeMap::new(), by_cause: BTreeMap::new() };
        for arrival in index.arrivals.values() {
            if let Some(cause) = arrival.cause {
                given.by_cause.entry(cause).or_default();
            }
            let Some(answer) = &arrival.answer else { continue };
            for result in results(answer) {
                if let Some(cause) = arrival.cause {
                    given.by_cause.entry(cause).or_default().insert(result.clone());
                }
                given.by_result.entry(result).or_default().push(Source {
                    at: answer.at,
                    upstream: arrival.upstream.to_owned(),
                    cause: arrival.cause,
                });
            }
        }
        given
    }

    fn delivered(&self, delivery: &Delivery<'_, '_>) -> Delivered {
        let message = delivery.message;
        let own = self.by_cause.get(&message.exchange);
        if own.is_some_and(|results| results.contains(&delivery.result)) {
            return Delivered::Own;
        }
        let sources = self.by_result.get(&delivery.result).map(Vec::as_slice).unwrap_or_default();
        let sources: Vec<&Source> = sources.iter().filter(|source| source.at < delivery.at).collect();
        let Some(last) = sources.last() else { return Delivered::Unknown("no upstream gave this very result") };
        let mut owners = Vec::new();
        for source in &sources {
            match source.cause.and_then(|cause| delivery.index.message_of(cause)) {
                Some(owner) => owners.push(owner),
                None => return Delivered::Unknown("an upstream gave it to a request of unknown cause"),
            }
        }
        if owners.iter().any(|owner| owner.actor.user == message.actor.user) {
            return Delivered::Own;
        }
        if telling(&delivery.result, &delivery.asked) < TELLING {
            return Delivered::Unknown("too short to tell it from another");
        }
        let swapped = own.is_some_and(|results| !results.is_empty());
        let mut requests = owners.iter().flat_map(|owner| requests(owner.body));
        let alike = own.is_none() && requests.any(|(_, asked)| asked == delivery.asked);
        match (swapped, alike) {
            (true, _) if is_list(delivery) => Delivered::Unknown("a hub may shorten a list"),
            (false, true) if may_be_common(delivery) => Delivered::Common,
            (true, _) | (_, true) => Delivered::Crossed(Box::new(finding(delivery, last, owners[0], swapped))),
            _ => Delivered::Unknown("another's request had this result, and asked for something else"),
        }
    }
}

fn is_list(delivery: &Delivery<'_, '_>) -> bool {
    method(&delivery.asked).ends_with("/list")
}

fn may_be_common(delivery: &Delivery<'_, '_>) -> bool {
    let repeatable = is_list(delivery) || method(&delivery.asked) == "resources/read";
    repeatable && delivery.index.facts.credentials != CredentialMode::PerUser
}

fn finding(delivery: &Delivery<'_, '_>, source: &Source, owner: &Message<'_>, swapped: bool) -> Finding {
    let (message, upstream) = (delivery.message, &source.upstream);
    let headline =
        format!("{} received the answer that `{upstream}` gave to a request of {}", message.actor, owner.actor);
    let mut finding = Finding::new(Oracle::Leak, Kind::Leak, message.step, delivery.at, headline);
    finding.crossing = Some(Crossing {
        what: format!("the answer to exchange {}", owner.exchange),
        owner: owner.actor.to_string(),
        reached: message.actor.to_string(),
    });
    let how = if swapped { "the upstream had answered something else" } else { "no upstream was asked" };
    finding.because(
        format!("what an upstream answered to this request (exchange {})", message.exchange),
        format!("{}; {how} for exchange {}", delivery.result, message.exchange),
    )
}

/// The messages of a body: the id of each, and its method and params without `_meta`.
fn requests(body: &str) -> Vec<(Option<Value>, Value)> {
    let messages = rpc::one_or_many(body).into_iter().filter_map(|message| match message {
        Value::Object(mut message) => {
            let id = message.remove("id");
            message.retain(|name, _| name == "method" || name == "params");
            if let Some(params) = message.get_mut("params").and_then(Value::as_object_mut) {
                params.remove("_meta");
                if params.is_empty() {
                    message.remove("params");
                }
            }
            Some((id, Value::Object(message)))
        }
        _ => None,
    });
    messages.collect()
}

fn method(asked: &Value) -> &str {
    asked.get("method").and_then(Value::as_str).unwrap_or_default()
}

/// A result in one spelling: members in order, without `_meta`.
fn plain(result: &Value) -> String {
    fn ordered(value: &Value) -> Value {
        match value {
            Value::Object(object) => {
                let members: BTreeMap<&String, Value> =
                    object.iter().map(|(name, value)| (name, ordered(value))).collect();
                members.into_iter().map(|(name, value)| (name.clone(), value)).collect()
            }
            Value::Array(items) => items.iter().map(ordered).collect(),
            other => other.clone(),
        }
    }
    let mut result = result.clone();
    if let Some(object) = result.as_object_mut() {
        object.remove("_meta");
    }
    ordered(&result).to_string()
}

/// Characters of text in a result that do not stand in what was asked.
fn telling(result: &str, asked: &Value) -> usize {
    fn count(value: &Value, asked: &str) -> usize {
        match value {
            Value::String(text) if !asked.contains(text.as_str()) => text.chars().count(),
            Value::Array(items) => items.iter().map(|item| count(item, asked)).sum(),
            Value::Object(members) => {
                members.iter().filter(|(name, _)| *name != "type").map(|(_, value)| count(value, asked)).sum()
            }
            _ => 0,
        }
    }
    let asked = asked.to_string();
    serde_json::from_str(result).map_or(0, |result| count(&result, &asked))
}
