//! Every answer is the answer to its own request, exactly once, and nothing runs twice.
//!
//! An answer carries the mark that the upstream minted for exactly that call, so an answer handed to
//! another request is seen even when both are the same user's and both texts look alike.

use serde_json::Value;

use super::{
    Finding, Kind, Oracle,
    finding::{Crossing, Severity},
    rounds::Rounds,
    rpc,
};
use crate::trace::{
    Index,
    index::{Answer, MarkKind, Message},
};

/// Judges every exchange that was a JSON-RPC request.
pub fn judge(index: &Index<'_>) -> Vec<Finding> {
    let rounds = Rounds::of(index);
    let mut findings = Vec::new();
    for message in index.messages.values() {
        findings.extend(executions(index, message));
        findings.extend(ids_of_batch(message));
        let (Some(answer), Some(id)) = (&message.answer, rpc::request_id(message.body)) else { continue };
        findings.extend(own_id(message, answer, &id).or_else(|| own_answer(index, &rounds, message, answer)));
    }
    findings
}

fn finding(message: &Message<'_>, headline: String, expected: String, received: String, at: usize) -> Finding {
    Finding {
        oracle: Oracle::Correlation,
        kind: Kind::Correlation,
        severity: Severity::Failure,
        headline,
        step: message.step,
        span: None,
        expected,
        received,
        crossing: None,
        at,
    }
}

/// One response, with the id as the client wrote it: number and string are different ids.
fn own_id(message: &Message<'_>, answer: &Answer<'_>, id: &Value) -> Option<Finding> {
    let responses = rpc::responses(answer);
    if responses.len() > 1 {
        let headline = format!("{} got {} answers to one request", message.actor, responses.len());
        return Some(finding(message, headline, "one answer".into(), rpc::brief(answer), answer.at));
    }
    // A refusal before the request was understood (401, 404, ...) may leave the id out.
    let response = responses.first().filter(|_| answer.status == 200)?;
    let got = response.get("id").unwrap_or(&Value::Null);
    (got != id).then(|| {
        let headline = format!("{} asked with id {id} and was answered with id {got}", message.actor);
        finding(message, headline, format!("\"id\": {id}"), rpc::brief(answer), answer.at)
    })
}

/// Of a batch, each response under an id that was asked in it, and under each id one.
fn ids_of_batch(message: &Message<'_>) -> Option<Finding> {
    let (answer, mut asked) = (message.answer.as_ref()?, rpc::batch(message.body)?);
    let stranger = rpc::responses(answer).into_iter().filter(|_| answer.status == 200).find_map(|response| {
        let got = response.get("id").unwrap_or(&Value::Null);
        match asked.iter().position(|id| id == got) {
            Some(place) => {
                asked.swap_remove(place);
                None
            }
            None => Some(got.clone()),
        }
    })?;
    let headline =
        format!("{} got an answer with id {stranger} that its batch did not ask for, or asked once", message.actor);
    let expected = "one answer for each id of the batch".to_owned();
    Some(finding(message, headline, expected, rpc::brief(answer), answer.at))
}

/// The answer marks in it were minted for this very call, or for one that it goes on with.
fn own_answer(
    index: &Index<'_>,
    rounds: &Rounds<'_, '_>,
    message: &Message<'_>,
    answer: &Answer<'_>,
) -> Option<Finding> {
    let foreign = index.marks_in(answer.body).find_map(|mark| {
        let arrival = index.arrivals.get(&mark.minted.filter(|_| mark.kind == MarkKind::Answer)?)?;
        let cause = arrival.cause?;
        let foreign = (cause != message.exchange).then(|| index.message_of(cause)).flatten()?;
        let own = may_be_kept(index, message, foreign) || rounds.goes_on(message, cause);
        (!own).then_some(foreign)
    })?;
    let headline = format!(
        "{}'s request (exchange {}) was answered with the answer to {}'s (exchange {})",
        message.actor, message.exchange, foreign.actor, foreign.exchange
    );
    let expected = format!("the answer minted for exchange {}", message.exchange);
    let mut finding = finding(message, headline, expected, rpc::brief(answer), answer.at);
    finding.crossing = Some(Crossing {
        what: format!("the answer to exchange {}", foreign.exchange),
        owner: foreign.actor.to_string(),
        reached: message.actor.to_string(),
    });
    Some(finding)
}

/// Whether an earlier answer may stand in for a new one: where the target was given a cache, the same list or resource
/// for the same key.
fn may_be_kept(index: &Index<'_>, message: &Message<'_>, earlier: &Message<'_>) -> bool {
    let key = |message: &Message<'_>| index.facts.keys.get(&message.actor.to_string());
    let method = rpc::method(message.body);
    let repeatable = method.as_deref().is_some_and(|method| method.ends_with("/list") || method == "resources/read");
    let limits = &index.facts.scenario.limits;
    limits.cache.or(limits.cache_hints).is_some()
        && repeatable
        && method == rpc::method(earlier.body)
        && key(message) == key(earlier)
}

/// A call ran at most once upstream, however often a connection broke.
fn executions(index: &Index<'_>, message: &Message<'_>) -> Option<Finding> {
    let arrivals: Vec<_> = index.arrivals_of(message.exchange).collect();
    let ran: u64 = arrivals.iter().map(|a| a.executed).sum();
    let asked = rpc::batch(message.body).map_or(1, |ids| ids.len() as u64);
    (ran > asked).then(|| {
        let headline = format!("a request of {} ran {ran} times on `{}`", message.actor, message.upstream);
        let at = arrivals.last().map_or(message.at, |a| a.at);
        finding(message, headline, "a call runs at most once".into(), format!("{ran} executions"), at)
    })
}
