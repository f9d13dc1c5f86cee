//! `ask` in the stateless era: a result that asks for input, and the retry that brings it.
//!
//! The state that goes between the two names a round. It belongs to the caller's credential, to the call with these
//! arguments, and to one retry, unless the script says that this server is careless with it.

use serde_json::{Value, json};

use super::{answer::Answer, contexts::bearer, meta, request::Asked, server::Fake, streams::params_of};
use crate::{Basis, Entry, wire::rpc};

/// Under which name the input is asked for.
const INPUT: &str = "question";

/// A call that waits for its retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Round {
    owner: Option<String>,
    call: String,
    memo: Value,
}

/// What a request is about, without what differs between a call and its retry.
fn call(asked: &Asked) -> String {
    let method = asked.modern.as_ref().map(|modern| &modern.method);
    json!([method, asked.params.get("name"), asked.params.get("arguments")]).to_string()
}

impl Fake {
    /// Asks for input, or goes on with the input that a retry brings.
    pub(super) fn ask_or_go_on(&self, asked: &Asked) -> Answer {
        let arguments = asked.arguments();
        let text = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or_default();
        let capability = match text("method") {
            "elicitation/create" => "elicitation",
            "sampling/createMessage" => "sampling",
            "roots/list" => "roots",
            other => return self.told(asked, &format!("no client can be asked for `{other}` on this revision"), true),
        };
        let offered = asked.modern.as_ref().is_some_and(|modern| modern.capabilities.contains_key(capability));
        if !offered {
            return meta::missing_capability(&asked.id, &json!({ capability: {} }));
        }
        match asked.params.get("requestState") {
            // Without a state it is a first contact, whatever else it brings.
            None => self.ask_for_input(asked, text("method"), text("text")),
            Some(state) if self.take_round(asked, state).is_some() => {
                match asked.params.get("inputResponses").and_then(|responses| responses.get(INPUT)) {
                    Some(response) => self.go_on(asked, response),
                    None => self.ask_for_input(asked, text("method"), text("text")),
                }
            }
            Some(_) => self.foreign_state(asked),
        }
    }

    fn ask_for_input(&self, asked: &Asked, method: &str, text: &str) -> Answer {
        let state = self.open_round(asked, Value::Null);
        self.tell_mark(asked.exchange, bearer(&state), Basis::Call);
        let mark = self.mint(asked.exchange, Basis::Call);
        let question = json!({ "method": method, "params": params_of(method, text, &mark) });
        let result = json!({
            "resultType": "input_required", "inputRequests": { INPUT: question }, "requestState": state,
        });
        self.result(asked, result)
    }

    /// A state for a retry of this call, which is remembered with it.
    pub(super) fn open_round(&self, asked: &Asked, memo: Value) -> String {
        let state = self.unguessable();
        let round = Round { owner: asked.caller.holder(), call: call(asked), memo };
        self.lock().rounds.insert(state.clone(), round);
        state
    }

    /// What was remembered with a state, if it is that of this call; it is so once.
    pub(super) fn take_round(&self, asked: &Asked, state: &Value) -> Option<Value> {
        let (careless, state) = (self.settings.script.careless(), state.as_str()?);
        let rounds = &mut self.lock().rounds;
        let round = rounds.get(state);
        if careless {
            return Some(round.map_or(Value::Null, |round| round.memo.clone()));
        }
        round.filter(|round| round.owner == asked.caller.holder() && round.call == call(asked))?;
        rounds.remove(state).map(|round| round.memo)
    }

    pub(super) fn foreign_state(&self, asked: &Asked) -> Answer {
        let problem = "this request state was not given to this request, or was used already";
        Answer::json(400, &rpc::error(&asked.id, -32602, problem))
    }

    fn go_on(&self, asked: &Asked, response: &Value) -> Answer {
        let (upstream, exchange) = (self.settings.name.clone(), asked.exchange);
        self.ledger.record(Entry::Executed { upstream, exchange, tool: "ask".to_owned() });
        self.told(asked, &format!("answered {response}"), false)
    }

    /// A result of text, with the mark of this call.
    pub(super) fn told(&self, asked: &Asked, text: &str, is_error: bool) -> Answer {
        let mark = self.mint(asked.exchange, Basis::Call);
        let content = json!([{ "type": "text", "text": format!("{text}\n[{mark}]") }]);
        self.result(asked, json!({ "content": content, "isError": is_error }))
    }
}
