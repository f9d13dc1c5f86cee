//! A request state is a key to what its request has begun: it opens for whoever it was given to, for that request, once,
//! and not for ever.
//!
//! Judged on every request that shows a state, whatever its file expects: what must not be let in here is let in
//! nowhere. That a refused one reached an upstream all the same is seen where the file expects the refusal
//! ([`super::refusal`]): a target may leave it to an upstream that is known to look.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Finding, Kind, Oracle,
    finding::Crossing,
    rounds::{Given, Rounds, about, shown},
    rpc,
};
use crate::trace::{
    Event, Exchange, Index,
    index::{Answer, Message},
};

/// No page says how short the life of a state has to be. Nobody fills in a form for longer than this.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Judges every request that shows a state.
pub fn judge(index: &Index<'_>) -> Vec<Finding> {
    let rounds = Rounds::of(index);
    let mut used: BTreeMap<String, Exchange> = BTreeMap::new();
    let mut findings = Vec::new();
    let mut in_order: Vec<&Message<'_>> = index.messages.values().collect();
    in_order.sort_by_key(|message| message.at);
    for message in in_order {
        let (Some(state), Some(answer)) = (shown(message), message.answer) else { continue };
        if !let_in(&answer) {
            continue;
        }
        let before = used.insert(state, message.exchange);
        let case = Case { index, message, answer };
        findings.extend(match rounds.shown_by(message) {
            None => Some(case.of_nobody()),
            Some(given) => case.of_another(&given).or_else(|| case.elsewhere(&given)).or_else(|| case.late(&given)),
        });
        findings.extend(before.map(|before| case.again(before)));
    }
    findings
}

/// Whether a request was gone on with. To be asked once more, with a new state, is what a first contact is answered too.
fn let_in(answer: &Answer<'_>) -> bool {
    let asked = rpc::response(answer).is_some_and(|response| rpc::input_required(&response).is_some());
    rpc::accepted(answer) && !asked
}

/// A request that was let in with a state.
struct Case<'i, 't> {
    index: &'i Index<'t>,
    message: &'i Message<'t>,
    answer: Answer<'t>,
}

impl Case<'_, '_> {
    fn finding(&self, kind: Kind, headline: String, expected: &str) -> Finding {
        let finding = Finding::new(Oracle::RequestStates, kind, self.message.step, self.answer.at, headline);
        finding.because(expected, rpc::brief(&self.answer))
    }

    fn of_nobody(&self) -> Finding {
        let headline = format!("{} was let in with a request state that nobody was ever given", self.message.actor);
        self.finding(Kind::Refusal, headline, "a refusal: a state that was not given out opens nothing")
    }

    fn of_another(&self, given: &Given<'_, '_>) -> Option<Finding> {
        let (actor, owner) = (self.message.actor, given.to.actor);
        (!self.index.facts.are_one(actor, owner)).then(|| {
            let headline = format!("{actor} went on with what {owner} has begun");
            let expected = "a refusal: a request state is good for whoever it was given to";
            let mut finding = self.finding(Kind::Leak, headline, expected);
            let what = "a request state".to_owned();
            finding.crossing = Some(Crossing { what, owner: owner.to_string(), reached: actor.to_string() });
            finding
        })
    }

    fn elsewhere(&self, given: &Given<'_, '_>) -> Option<Finding> {
        (about(self.message) != about(given.to)).then(|| {
            let headline = format!("the request state of one request of {} opened another", self.message.actor);
            self.finding(Kind::Refusal, headline, "a refusal: a state is good for the request that it was given for")
        })
    }

    fn late(&self, given: &Given<'_, '_>) -> Option<Finding> {
        let between = self.index.events.iter().take(self.message.at).skip(given.at);
        let passed: u64 = between
            .map(|event| match event {
                Event::Clock { advanced_ms } => *advanced_ms,
                _ => 0,
            })
            .sum();
        (Duration::from_millis(passed) > LONGEST).then(|| {
            let minutes = passed / 60_000;
            let headline = format!("a request state of {} was good after {minutes} minutes", self.message.actor);
            self.finding(Kind::Refusal, headline, "a refusal: a state is good for a while")
        })
    }

    fn again(&self, before: Exchange) -> Finding {
        let headline = format!("a request state of {} was good twice (first in exchange {before})", self.message.actor);
        self.finding(Kind::Correlation, headline, "a refusal: what a state stands for is done once")
    }
}
