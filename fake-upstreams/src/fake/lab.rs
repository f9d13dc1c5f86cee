//! Plays the tools and prompts of `lab`: what they say on the way, and what comes of them, in either era.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::sync::mpsc::unbounded_channel;

use super::{
    answer::Answer,
    contexts::bearer,
    meta,
    request::{Asked, Outcome},
    server::{Fake, Holder},
    stateless::Unfinished,
    streams::{self, Asking, Streaming},
};
use crate::{
    Basis, Entry, Fault,
    servers::lab::{self, Call, Then, changes::Change, offers},
    wire::{rpc, sse},
};

/// Under which name a question is asked where there is only one.
const QUESTION: &str = "question";
/// Milliseconds after which a client comes back for a result that was not on its stream.
const COME_BACK: u64 = 100;

impl Fake {
    /// A tool call of `lab`, under the same faults as any other.
    pub(super) async fn play_tool(self: &Arc<Self>, asked: Asked, name: &str, faults: Vec<Fault>) -> Outcome {
        let memo = match self.memo(&asked) {
            Ok(memo) => memo,
            Err(refusal) => return Outcome::Answered(refusal),
        };
        let (arguments, offers) = (asked.arguments(), self.offers_of(&asked));
        let call = call(&asked, &arguments, &offers, memo.as_ref());
        let Some(play) = lab::run(name, &call) else { return Outcome::Answered(self.no_tool(&asked, name)) };
        if !matches!(play.then, Then::Input { .. } | Then::Missing(_) | Then::Invalid(_)) {
            let (upstream, exchange) = (self.settings.name.clone(), asked.exchange);
            self.ledger.record(Entry::Executed { upstream, exchange, tool: name.to_owned() });
        }
        let told = self.wanted(&asked, play.told);
        let answer = match play.then {
            Then::Ask { method, params, finish } if asked.modern.is_none() => {
                return self.ask_in_stream(asked, faults.contains(&Fault::Hold), method, params, finish);
            }
            Then::Ask { finish, .. } if answer_to(&call).is_some() => {
                self.marked_result(&asked, finish(answer_to(&call).unwrap_or(&Value::Null)))
            }
            Then::Ask { method, params, .. } => {
                let requests = Map::from_iter([(QUESTION.to_owned(), json!({ "method": method, "params": params }))]);
                self.input(&asked, requests, Some(json!({})))
            }
            Then::Later(result) => return self.later(&asked, result),
            Then::Never => return self.never(&asked, &told),
            other => self.comes_of(&asked, other),
        };
        let answer = if told.is_empty() { answer } else { Answer::with_progress(&told, &json_of(&answer)) };
        self.spoil(&asked, faults, answer).await
    }

    /// `prompts/get` of `lab`.
    pub(super) fn play_prompt(self: &Arc<Self>, asked: &Asked) -> Answer {
        let memo = match self.memo(asked) {
            Ok(memo) => memo,
            Err(refusal) => return refusal,
        };
        let (arguments, offers) = (asked.arguments(), self.offers_of(asked));
        let call = call(asked, &arguments, &offers, memo.as_ref());
        match offers::prompt(asked.text("name"), &call) {
            Some(then) => self.comes_of(asked, then),
            None => self.wrong(asked, -32602, &format!("no prompt `{}`", asked.text("name"))),
        }
    }

    fn comes_of(self: &Arc<Self>, asked: &Asked, then: Then) -> Answer {
        match then {
            Then::Result(result) | Then::Later(result) => self.marked_result(asked, result),
            Then::Input { requests, memo } => self.input(asked, requests, memo),
            Then::Missing(missing) if asked.modern.is_some() => meta::missing_capability(&asked.id, &missing),
            Then::Missing(missing) => self.wrong(asked, -32602, &format!("this needs a client that offers {missing}")),
            Then::Invalid(problem) => self.wrong(asked, -32602, problem),
            Then::Changed(change) => self.change(asked, change),
            Then::Job(job) => self.begin(asked, job),
            // Answered where a stream can be written.
            Then::Ask { .. } | Then::Never => self.wrong(asked, -32603, "a prompt asks nobody and has an end"),
        }
    }

    /// What this request's client can be asked: as it says itself, or as it said when it opened its session.
    fn offers_of(&self, asked: &Asked) -> Map<String, Value> {
        match &asked.modern {
            Some(modern) => modern.capabilities.clone(),
            None => self.lock().sessions.get(&asked.session).map(|session| session.offers.clone()).unwrap_or_default(),
        }
    }

    /// What was remembered for a retry.
    fn memo(&self, asked: &Asked) -> Result<Option<Value>, Answer> {
        let Some(state) = asked.params.get("requestState").filter(|_| asked.modern.is_some()) else { return Ok(None) };
        self.take_round(asked, state).map(Some).ok_or_else(|| self.foreign_state(asked))
    }

    fn input(&self, asked: &Asked, requests: Map<String, Value>, memo: Option<Value>) -> Answer {
        let offers = self.offers_of(asked);
        let needs = |request: &Value| match request["method"].as_str() {
            Some("elicitation/create") => "elicitation",
            Some("sampling/createMessage") => "sampling",
            _ => "roots",
        };
        if let Some(missing) = requests.values().map(needs).find(|kind| !offers.contains_key(*kind)) {
            return meta::missing_capability(&asked.id, &json!({ missing: {} }));
        }
        let mut result = json!({ "resultType": "input_required", "inputRequests": requests });
        if let Some(memo) = memo {
            let state = self.open_round(asked, memo);
            self.tell_mark(asked.exchange, bearer(&state), Basis::Call);
            result["requestState"] = state.into();
        }
        self.marked_result(asked, result)
    }

    /// A result with the mark of this call in its `_meta`: the texts of `lab` are as the fixtures want them.
    pub(super) fn marked_result(&self, asked: &Asked, mut result: Value) -> Answer {
        result["_meta"]["mark"] = self.mint(asked.exchange, self.basis(asked)).into();
        self.result(asked, result)
    }

    /// Those of the notifications that the caller wants, each with a mark.
    fn wanted(&self, asked: &Asked, told: Vec<(&'static str, Value)>) -> Vec<String> {
        let wants = |method: &str| method != "notifications/message" || self.wants_lines(asked);
        let told = told.into_iter().filter(|(method, _)| wants(method));
        let written = told.map(|(method, mut params)| {
            params["_meta"] = json!({ "mark": self.mint(asked.exchange, Basis::Call) });
            json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string()
        });
        written.collect()
    }

    fn ask_in_stream(
        self: &Arc<Self>,
        asked: Asked,
        held: bool,
        method: &'static str,
        params: Value,
        finish: fn(&Value) -> Value,
    ) -> Outcome {
        let offers = self.offers_of(&asked);
        let kind = if method == "elicitation/create" { "elicitation" } else { "sampling" };
        if !offers.contains_key(kind) {
            return Outcome::Answered(self.told(&asked, &format!("this needs a client that offers `{kind}`"), true));
        }
        let asking = Asking {
            method: method.to_owned(),
            params,
            finish: Box::new(move |fake, asked, answer| {
                let mut result = finish(answer.get("result").unwrap_or(&Value::Null));
                result["_meta"]["mark"] = fake.mint(asked.exchange, Basis::Call).into();
                result
            }),
        };
        self.ask(asked, held, asking)
    }

    /// A stream that ends before the result: the client is told when to come back, and where it had come to.
    fn later(&self, asked: &Asked, result: Value) -> Outcome {
        let (write, events) = unbounded_channel();
        let place = format!("call-{}", asked.exchange);
        let mut result = result;
        result["_meta"]["mark"] = self.mint(asked.exchange, Basis::Call).into();
        let response = rpc::result(&asked.id, result).to_string();
        if let Some(session) = self.lock().sessions.get_mut(&asked.session) {
            session.talk.keep(place.clone(), response);
        }
        let event = format!("id: {place}\nretry: {COME_BACK}\ndata: \n\n");
        // The other end is right here.
        let _ = write.send(event.clone());
        let (upstream, exchange, headers) = (self.settings.name.clone(), asked.exchange, streams::event_stream());
        self.ledger.record(Entry::Answer { upstream, exchange, status: 200, headers, body: event, cut: false });
        Outcome::Streaming(Streaming::new(events))
    }

    /// A stream that says these, and then nothing more until nobody reads it.
    fn never(self: &Arc<Self>, asked: &Asked, told: &[String]) -> Outcome {
        let (write, events) = unbounded_channel();
        for message in told {
            let (upstream, exchange) = (self.settings.name.clone(), asked.exchange);
            self.ledger.record(Entry::Said { upstream, exchange, message: message.clone() });
            // The other end is right here.
            let _ = write.send(sse::message(message));
        }
        tokio::spawn(async move { write.closed().await });
        Outcome::Streaming(match asked.modern {
            Some(_) => Streaming::guarded(events, Unfinished::new(self, asked.exchange)),
            None => Streaming::new(events),
        })
    }

    /// Changes a list for whoever calls, and tells them so.
    fn change(&self, asked: &Asked, change: Change) -> Answer {
        let holder = self.changed_for(asked);
        {
            let mut state = self.lock();
            let changed = state.changed.entry(holder).or_default();
            if !changed.remove(&change) {
                changed.insert(change);
            }
        }
        if asked.modern.is_some() {
            self.tell_streams(asked, change.method(), "");
        } else {
            self.announce_in(&asked.session, change.method(), "");
        }
        self.marked_result(asked, json!({ "content": [{ "type": "text", "text": "changed" }] }))
    }

    /// What a list holds besides, for whoever asks.
    pub(super) fn added(&self, asked: &Asked, change: Change) -> Option<Value> {
        let holder = self.changed_for(asked);
        self.lock().changed.get(&holder).is_some_and(|changed| changed.contains(&change)).then(|| change.added())
    }

    fn changed_for(&self, asked: &Asked) -> Holder {
        match asked.modern {
            Some(_) => Holder::Credential(asked.caller.holder()),
            None => Holder::Session(asked.session.clone()),
        }
    }
}

fn call<'c>(
    asked: &'c Asked,
    arguments: &'c Map<String, Value>,
    offers: &'c Map<String, Value>,
    memo: Option<&'c Value>,
) -> Call<'c> {
    let responses = asked.params.get("inputResponses").filter(|_| asked.modern.is_some());
    Call { arguments, offers, responses, memo, progress: asked.progress_token() }
}

/// The answer to the one question, where the retry brings it and its state.
fn answer_to<'c>(call: &Call<'c>) -> Option<&'c Value> {
    call.memo.and(call.responses?.get(QUESTION))
}

/// The JSON-RPC response inside an answer of either form.
fn json_of(answer: &Answer) -> String {
    let body = answer.body();
    sse::events(&body).pop().map_or(body, |event| event.data)
}
