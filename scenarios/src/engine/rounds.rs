//! Calls that come in several rounds: a stateless client is told what is still wanted, and asks again with the answer
//! and the request state it was given. Here it presents whatever state the file says, its own or not.

use serde_json::{Map, Value, json};

use super::{
    call::{Address, Call},
    envelope, forged,
    player::{NoSession, Player},
    requests::expects,
};
use crate::{
    oracles::rpc,
    scenario::model::{Actor, Era, Label, Refusal, Request, StateChoice, Step},
    trace::{Purpose, event::Outcome},
};

/// A state as short as any, where none was ever given.
const NO_STATE: &str = "a-state-that-was-never-given";
/// The key of an answer where nothing was asked.
const NO_KEY: &str = "answer";

/// What a call was told when something more was wanted.
#[derive(Debug, Clone, Default)]
pub(super) struct Round {
    /// The state to ask again with, where one was given.
    state: Option<String>,
    /// The keys of what was asked.
    keys: Vec<String>,
}

/// An answer to what an upstream asked.
pub(super) struct Reply<'r> {
    /// During which call.
    pub(super) call: &'r Label,
    /// Who answers; whoever made the call where there is nobody.
    pub(super) actor: Option<&'r Actor>,
    pub(super) result: &'r Map<String, Value>,
    pub(super) state: &'r StateChoice,
}

impl Player<'_> {
    /// Whether a call that is asked something is held only when it comes for the second time: an upstream that keeps
    /// nothing between two rounds answers the first at once.
    pub(super) fn holds_the_next_round(&self, request: &Request) -> bool {
        request.asked.is_some() && self.facts.pair.upstream == Era::Stateless
    }

    /// Takes the first answer of a call that is to be asked something.
    pub(super) async fn until_input_is_required(&mut self, label: &Label, call: &mut Call) -> Outcome {
        let outcome = call.outcome(self.stage.pace).await;
        match (self.note_round(&label.value, call), outcome) {
            (true, Outcome::Answered { exchange }) => Outcome::Parked { exchange },
            (false, Outcome::Answered { exchange }) => Outcome::AnsweredEarly { exchange },
            (_, outcome) => outcome,
        }
    }

    /// Whether an answer wants something more; what it wants is kept.
    fn note_round(&mut self, label: &str, call: &Call) -> bool {
        let Some(Ok(reply)) = call.known() else { return false };
        let answer = rpc::answer_of(reply.status, &reply.headers, &reply.body);
        let Some(wanted) = rpc::response(&answer).as_ref().and_then(rpc::input_required).cloned() else { return false };
        let keys = wanted.get("inputRequests").and_then(Value::as_object);
        let state = wanted.get("requestState").and_then(Value::as_str).map(str::to_owned);
        let round = Round { state, keys: keys.into_iter().flat_map(Map::keys).cloned().collect() };
        self.rounds.entry(label.to_owned()).or_default().push(round);
        true
    }

    /// Answers what was asked, as whoever and in their own session, or by asking again.
    pub(super) async fn answer(&mut self, number: usize, step: &Step, reply: &Reply<'_>) -> Result<Outcome, NoSession> {
        let label = &reply.call.value;
        let Some(call) = self.held.get(label) else { return Ok(Outcome::Done) };
        let caller = call.address.actor.clone();
        let actor = reply.actor.cloned().unwrap_or_else(|| caller.clone());
        if self.era_of(&actor) == Era::Stateful {
            return self.answer_on_stream(number, step, reply, &actor).await;
        }
        let Some(request) = self.cell.scenario.called(label).cloned() else { return Ok(Outcome::Done) };
        let Address { route, upstream, mark: first, .. } = call.address.clone();
        let mut credentials = self.in_session(number, &actor, &route).await?;
        if let Some(itself) = &mut credentials.itself {
            itself.level.clone_from(&request.level);
        }
        let (method, mut params) = self.asks(&request);
        let result = self.fill(&actor, reply.result);
        self.answer_in(&mut params, label, reply.state, result);
        let (id, mark) = (self.next_id(&actor, &route), self.next_mark());
        let goes_on = step.expect.is_empty() && actor == caller;
        let held = request.held.is_some() && goes_on;
        if held && self.holds_the_next_round(&request) {
            self.arm(&upstream, &mark, true, None);
        }
        let outgoing = envelope::write(&credentials, method, Some(&id), params.clone(), &mark);
        let address = self.address(number, &actor, &route, Purpose::Step, Some(mark.clone()));
        let address = Address { upstream: upstream.clone(), ..address };
        let mut call = self.send(address.clone(), outgoing).map_err(NoSession)?;
        call.id = Some(id.clone());
        let gate = if self.holds_the_next_round(&request) { Some(mark) } else { first };
        let outcome = match gate.clone().filter(|_| held) {
            Some(mark) => self.parked(&mut call, &upstream, &mark).await,
            None => call.outcome(self.stage.pace).await,
        };
        if expects(step, Refusal::LikeUnknownState) {
            let unknown = self.state(label, &StateChoice::Unknown);
            params.insert("requestState".into(), unknown.into());
            let mark = self.next_mark();
            let outgoing = envelope::write(&credentials, method, Some(&id), params, &mark);
            let address = Address { purpose: Purpose::Twin, mark: Some(mark), ..address };
            self.send(address, outgoing).map_err(NoSession)?.ended(self.stage.pace).await;
        }
        if !goes_on {
            return Ok(outcome);
        }
        self.note_round(label, &call);
        let exchange = call.exchange;
        call.gate = gate;
        self.held.insert(label.clone(), call);
        // `await` takes the answer, as it takes that of a call that went on by itself.
        Ok(if matches!(outcome, Outcome::Answered { .. }) { Outcome::Begun { exchange } } else { outcome })
    }

    /// Puts the answer and the chosen state into the params of a call that is asked again.
    fn answer_in(
        &mut self,
        params: &mut Map<String, Value>,
        label: &str,
        choice: &StateChoice,
        result: Map<String, Value>,
    ) {
        let keys = self.rounds.get(label).and_then(|rounds| rounds.last()).map(|round| round.keys.clone());
        let keys = keys.filter(|keys| !keys.is_empty()).unwrap_or_else(|| vec![NO_KEY.to_owned()]);
        let responses: Map<String, Value> = keys.into_iter().map(|key| (key, json!(result))).collect();
        params.insert("inputResponses".into(), responses.into());
        if *choice != StateChoice::Absent
            && let Some(state) = self.state_or_none(label, choice)
        {
            params.insert("requestState".into(), state.into());
        }
    }

    /// Puts another call's state into the params of a call, with an answer if the file has one.
    pub(super) fn present(
        &mut self,
        params: &mut Map<String, Value>,
        choice: &StateChoice,
        answering: Option<Map<String, Value>>,
    ) {
        let label = match choice {
            StateChoice::Of(label) | StateChoice::FirstOf(label) => label.value.clone(),
            _ => self.rounds.keys().next_back().cloned().unwrap_or_default(),
        };
        if let Some(result) = answering {
            return self.answer_in(params, &label, choice, result);
        }
        params.insert("requestState".into(), self.state(&label, choice).into());
    }

    /// The state that a choice names. One that is to be another's always is one: what was never given is invented.
    fn state(&mut self, label: &str, choice: &StateChoice) -> String {
        self.state_or_none(label, choice).unwrap_or_else(|| NO_STATE.to_owned())
    }

    fn state_or_none(&mut self, label: &str, choice: &StateChoice) -> Option<String> {
        let of = |label: &str| self.rounds.get(label).map(Vec::as_slice).unwrap_or_default();
        let state = |round: Option<&Round>| round.and_then(|round| round.state.clone());
        let own = state(of(label).last());
        let model = own.as_deref().unwrap_or(NO_STATE);
        match choice {
            StateChoice::Own => own,
            StateChoice::Absent => None,
            StateChoice::Of(other) => state(of(&other.value).last()).or(Some(NO_STATE.to_owned())),
            StateChoice::FirstOf(other) => state(of(&other.value).first()).or(Some(NO_STATE.to_owned())),
            StateChoice::Unknown => Some(forged::unknown(model, &mut self.rng)),
            StateChoice::Tampered => Some(forged::tampered(model, &mut self.rng)),
            StateChoice::Cut => Some(forged::cut(model)),
        }
    }
}
