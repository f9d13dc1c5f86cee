//! Streams: listening, waiting for what is told there, and answering what an upstream asks.

use serde_json::{Value, json};

use super::{
    call::{Address, Call, Way},
    client::Outgoing,
    envelope::{self, Credentials, MARK_FIELD},
    player::{NoSession, Player},
    rounds::Reply,
};
use crate::{
    oracles::rpc,
    scenario::model::{Actor, Expectation, Filter, Label, Reading, Step, TextMatch},
    trace::{Event, Exchange, Purpose, event::Outcome},
};

/// What is named where no event was ever told: an id that looks like many, and is nobody's.
const NO_EVENT: &str = "1-1";

/// Who listens, where, and to what.
pub(super) struct Listener<'l> {
    pub(super) actor: &'l Actor,
    pub(super) upstream: &'l str,
    /// Whose last event is named.
    pub(super) after: Option<&'l Label>,
    /// For what.
    pub(super) filter: Option<&'l Filter>,
    pub(super) reading: Reading,
}

impl Player<'_> {
    /// Sends a request whose answer is written down as it comes.
    pub(super) fn follow(&self, address: Address, outgoing: Outgoing, reading: Reading) -> Result<Call, Outcome> {
        let endpoint = self.stage.endpoints.get(&address.route).ok_or(Outcome::Done)?;
        let way = Way { endpoint: endpoint.clone(), reading };
        Ok(Call::follow(&self.stage.recorder, &self.stage.news, way, address, outgoing))
    }

    /// Waits until the upstream asks something on a call's stream, or the call is over.
    pub(super) async fn until_asked(&self, call: &mut Call) -> Outcome {
        let exchange = call.exchange;
        let asked = self.until(|events| question(events, exchange).is_some());
        let first = async {
            tokio::select! {
                biased;
                _ = asked => {}
                () = call.end() => {}
            }
        };
        self.stage.pace.within(first).await;
        match self.stage.recorder.peek(|events| question(events, exchange).is_some()) {
            true => Outcome::Parked { exchange },
            false if call.known().is_some() => Outcome::AnsweredEarly { exchange },
            false => Outcome::NoAnswer { exchange },
        }
    }

    /// Opens a listening stream, or goes on after the last event of another.
    pub(super) async fn open(
        &mut self,
        number: usize,
        listener: &Listener<'_>,
        stream: &Label,
    ) -> Result<Outcome, NoSession> {
        let Listener { actor, upstream, after, filter, reading } = *listener;
        let credentials = self.in_session(number, actor, upstream).await?;
        if credentials.stands_alone() {
            return self.subscribe(number, listener, stream, &credentials).await;
        }
        let mut outgoing = envelope::get(&credentials);
        if let Some(label) = after {
            let seen =
                self.held.get(&label.value).map(|call| call.exchange).and_then(|exchange| self.last_id(exchange));
            outgoing.headers.push(("last-event-id".into(), seen.unwrap_or_else(|| NO_EVENT.to_owned())));
        }
        let address = self.address(number, actor, upstream, Purpose::Step, None);
        let call = self.follow(address, outgoing, reading).map_err(NoSession)?;
        let exchange = call.exchange;
        let opened = self.until(|events| events.iter().any(|event| heard(event, exchange).is_some())).await;
        self.held.insert(stream.value.clone(), call);
        for uri in filter.map(|filter| filter.uris.as_slice()).unwrap_or_default() {
            let params = envelope::read(&self.fill_text(actor, uri));
            self.aside(number, actor, upstream, &credentials, "resources/subscribe", params).await?;
        }
        Ok(if opened { Outcome::Answered { exchange } } else { Outcome::NoAnswer { exchange } })
    }

    /// `subscriptions/listen`: open as soon as it was acknowledged or refused.
    async fn subscribe(
        &mut self,
        number: usize,
        listener: &Listener<'_>,
        stream: &Label,
        credentials: &Credentials,
    ) -> Result<Outcome, NoSession> {
        let Listener { actor, upstream, filter, reading, .. } = *listener;
        let filled = |texts: &[String]| texts.iter().map(|text| self.fill_text(actor, text)).collect();
        let params = envelope::listen(
            filter.map(|filter| (filter.lists.as_slice(), filled(&filter.uris), filled(&filter.tasks))),
        );
        let (id, mark) = (self.next_id(actor, upstream), self.next_mark());
        let outgoing = envelope::write(credentials, "subscriptions/listen", Some(&id), params, &mark);
        let address = self.address(number, actor, upstream, Purpose::Step, Some(mark));
        let mut call = self.follow(address, outgoing, reading).map_err(NoSession)?;
        call.id = Some(id);
        let exchange = call.exchange;
        let began = |event: &Event| heard(event, exchange).is_some_and(|(_, body)| !body.is_empty());
        let opened = tokio::select! {
            biased;
            opened = self.until(|events| events.iter().any(began)) => opened,
            () = call.end() => true,
        };
        let silent = reading == Reading::Nothing;
        self.held.insert(stream.value.clone(), call);
        Ok(if opened || silent { Outcome::Answered { exchange } } else { Outcome::NoAnswer { exchange } })
    }

    fn last_id(&self, exchange: Exchange) -> Option<String> {
        self.stage.recorder.peek(|events| {
            let (_, body) = events.iter().rev().find_map(|event| heard(event, exchange))?;
            fake_upstreams::wire::sse::events(body).into_iter().rev().find_map(|event| event.id)
        })
    }

    /// Waits until a stream has told what the step expects, or nothing more comes.
    pub(super) async fn wait_for(&self, step: &Step, label: &Label) -> Outcome {
        let Some(call) = self.held.get(&label.value) else { return Outcome::Done };
        let (exchange, actor) = (call.exchange, call.address.actor.clone());
        let wanted: Vec<String> = step
            .expect
            .iter()
            .filter_map(|expectation| match &expectation.value {
                Expectation::Told(TextMatch::Contains(parts)) => Some(parts),
                _ => None,
            })
            .flatten()
            .map(|part| self.fill_text(&actor, part))
            .collect();
        self.until(|events| {
            let body = events.iter().rev().find_map(|event| heard(event, exchange)).map_or("", |(_, body)| body);
            wanted.iter().all(|part| body.contains(part.as_str()))
        })
        .await;
        self.stage.pace.settle().await;
        Outcome::Answered { exchange }
    }

    /// Answers what was asked on the stream of a call, in a session of whoever answers.
    pub(super) async fn answer_on_stream(
        &mut self,
        number: usize,
        step: &Step,
        reply: &Reply<'_>,
        actor: &Actor,
    ) -> Result<Outcome, NoSession> {
        let Some(call) = self.held.get(&reply.call.value) else { return Ok(Outcome::Done) };
        let (exchange, route) = (call.exchange, call.address.route.clone());
        let (own, upstream, mark) =
            (call.address.actor == *actor, call.address.upstream.clone(), call.address.mark.clone());
        let request = self.cell.scenario.called(&reply.call.value).filter(|_| own && step.expect.is_empty());
        if let (Some(request), Some(mark)) = (request, mark)
            && request.held.is_some()
            && self.holds_the_next_round(request)
        {
            self.arm(&upstream, &mark, true, None); // The second round carries the mark of the first.
        }
        let id = self.stage.recorder.peek(|events| question(events, exchange)).unwrap_or(Value::Null);
        let credentials: Credentials = self.in_session(number, actor, &route).await?;
        let mark = self.next_mark();
        let mut result = self.fill(actor, reply.result);
        result.insert("_meta".into(), json!({ MARK_FIELD: mark }));
        let body = json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string();
        let address = self.address(number, actor, &route, Purpose::Step, Some(mark));
        let mut sent = self.send(address, envelope::post(&credentials, body)).map_err(NoSession)?;
        let outcome = sent.outcome(self.stage.pace).await;
        self.stage.pace.settle().await;
        Ok(outcome)
    }
}

/// Headers of this exchange's answer, and what had come of its body when something of it came.
fn heard(event: &Event, exchange: Exchange) -> Option<(&[(String, String)], &str)> {
    match event {
        Event::Heard { exchange: of, headers, body, .. } if *of == exchange => Some((headers, body)),
        _ => None,
    }
}

/// The id of what was asked last on the stream of this exchange.
fn question(events: &[Event], exchange: Exchange) -> Option<Value> {
    let (headers, body) = events.iter().rev().find_map(|event| heard(event, exchange))?;
    let messages = rpc::messages(&rpc::answer_of(200, headers, body));
    messages.iter().rev().find(|message| message.get("method").is_some())?.get("id").cloned()
}
