//! What a polite client asks, and what of the answers is kept.

use fake_upstreams::{stateless_tools, wire::header::encoded};
use serde_json::{Map, Value, json};

use super::{
    call::{Address, Call},
    client::Reply,
    envelope::{self, Credentials},
    forged,
    player::{NoSession, Opening, Player},
    roles,
};
use crate::{
    oracles::rpc,
    scenario::model::{
        Actor, Era, Expectation, FaultSpec, Reading, Reference, Refusal, Request, RequestKind, StateChoice, Step,
    },
    trace::{Purpose, event::Outcome},
};

/// What is presented where no cursor was given to be kept.
const NO_CURSOR: &str = "a-cursor-that-was-never-given";

impl Player<'_> {
    pub(super) async fn request(
        &mut self,
        number: usize,
        step: &Step,
        request: &Request,
    ) -> Result<Outcome, NoSession> {
        let Request { actor, upstream, kind, id, .. } = request;
        let route = self.route(request);
        if let RequestKind::Initialize = kind {
            let opening = Opening { purpose: Purpose::Step, id: id.clone(), offers: request.offers.as_deref() };
            let exchange = self.initialize(number, actor, route, opening).await?;
            return Ok(Outcome::Answered { exchange });
        }
        let mut credentials = self.in_session(number, actor, route).await?;
        self.wants_level(number, request, &mut credentials).await?;
        let id = id.clone().unwrap_or_else(|| self.next_id(actor, route));
        let (method, params) = self.asks(request);
        let mark = self.next_mark();
        let hold = request.held.is_some() && self.alone.is_none() && !self.holds_the_next_round(request);
        self.arm(upstream, &mark, hold, request.fault.as_ref().map(|fault| &fault.value));
        let repeated = if credentials.stands_alone() { self.repeated(request, &params) } else { Vec::new() };
        let mut outgoing = envelope::write(&credentials, method, Some(&id), params, &mark);
        outgoing.headers.extend(repeated);
        let address = self.address(number, actor, route, Purpose::Step, Some(mark.clone()));
        let address = Address { upstream: upstream.clone(), ..address };
        let streamed = request.asked.is_some() && !credentials.stands_alone();
        let call = match &request.connection {
            _ if streamed => self.follow(address, outgoing, Reading::Everything),
            Some(name) => self.send_on(name, address, outgoing),
            None => self.send(address, outgoing),
        };
        let mut call = call.map_err(NoSession)?;
        call.id = Some(id);
        let outcome = match &request.asked {
            Some(_) if streamed => self.until_asked(&mut call).await,
            Some(label) => self.until_input_is_required(label, &mut call).await,
            None if hold => self.parked(&mut call, upstream, &mark).await,
            None if request.begun.is_some() => {
                self.stage.pace.within(call.went()).await;
                Outcome::Begun { exchange: call.exchange }
            }
            None => call.outcome(self.stage.pace).await,
        };
        self.keep(request, &call);
        if let Some(label) = request.label() {
            if request.held.is_some() && matches!(outcome, Outcome::NoAnswer { .. }) {
                self.stuck.insert(label.value.clone());
            }
            self.held.insert(label.value.clone(), call);
        }
        self.with_nobodys(number, step, request, &credentials).await?;
        Ok(outcome)
    }

    /// The headers in which a polite client repeats arguments of a call, as the list of tools asks it to.
    fn repeated(&self, request: &Request, params: &Map<String, Value>) -> Vec<(String, String)> {
        let RequestKind::Call { tool, .. } = &request.kind else { return Vec::new() };
        let upstream = self.facts.scenario.upstreams.get(&request.upstream);
        let kind = upstream.and_then(|upstream| upstream.kind.parse().ok());
        let asked = kind.and_then(|kind| stateless_tools(kind).iter().find(|known| known.name == *tool));
        let asked = asked.into_iter().flat_map(|tool| tool.headers);
        let said = asked.filter_map(|(argument, header)| {
            let value = params.get("arguments")?.get(argument)?;
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Some((format!("mcp-param-{}", header.to_ascii_lowercase()), encoded(&text)))
        });
        said.collect()
    }

    /// Keeps what an answer hands out: the cursor of a list, the handle of a call.
    fn keep(&mut self, request: &Request, call: &Call) {
        let Some(label) = &request.keep else { return };
        let Some(Ok(reply)) = call.known() else { return };
        let handed_out = match request.kind {
            RequestKind::List { .. } => cursor(reply),
            _ => handle(reply),
        };
        self.kept.extend(handed_out.map(|handed_out| (label.value.clone(), handed_out)));
    }

    /// Lets a stateful client say which log lines it wants, where it did not say so before; a stateless one says it with
    /// the request itself.
    async fn wants_level(
        &mut self,
        number: usize,
        request: &Request,
        credentials: &mut Credentials,
    ) -> Result<(), NoSession> {
        let Some(level) = &request.level else { return Ok(()) };
        if let Some(itself) = &mut credentials.itself {
            itself.level = Some(level.clone());
            return Ok(());
        }
        let place = (request.actor.clone(), request.upstream.clone());
        if self.levels.insert(place, level.clone()).as_ref() == Some(level) {
            return Ok(());
        }
        let params = Map::from_iter([("level".to_owned(), level.clone().into())]);
        self.aside(number, &request.actor, self.route(request), credentials, "logging/setLevel", params).await
    }

    /// A request on the way to what the step says.
    pub(super) async fn aside(
        &mut self,
        number: usize,
        actor: &Actor,
        route: &str,
        credentials: &Credentials,
        method: &str,
        params: Map<String, Value>,
    ) -> Result<(), NoSession> {
        let (id, mark) = (self.next_id(actor, route), self.next_mark());
        let outgoing = envelope::write(credentials, method, Some(&id), params, &mark);
        let address = self.address(number, actor, route, Purpose::Handshake, Some(mark));
        self.send(address, outgoing).map_err(NoSession)?.ended(self.stage.pace).await;
        Ok(())
    }

    /// The same request with a handle, a URI or a request state that nobody was ever given, where the file compares the
    /// two.
    async fn with_nobodys(
        &mut self,
        number: usize,
        step: &Step,
        request: &Request,
        credentials: &Credentials,
    ) -> Result<(), NoSession> {
        let state = expects(step, Refusal::LikeUnknownState);
        if !state && !expects(step, Refusal::LikeUnknownHandle) {
            return Ok(());
        }
        let route = self.route(request).to_owned();
        let id = request.id.clone().unwrap_or_else(|| self.next_id(&request.actor, &route));
        let stateless = Request { state: Some(StateChoice::Unknown), ..request.clone() };
        let (method, params) = if state {
            self.asks(&stateless)
        } else {
            let kept = self.kept.clone();
            let nobodys = kept.iter().map(|(label, handle)| (label.clone(), forged::unknown(handle, &mut self.rng)));
            self.kept = nobodys.collect();
            let (method, mut params) = self.asks(request);
            self.kept = kept;
            if let Some(Value::String(uri)) = params.get_mut("uri") {
                *uri = forged::unknown_uri(uri, &mut self.rng);
            }
            (method, params)
        };
        let mark = self.next_mark();
        let outgoing = envelope::write(credentials, method, Some(&id), params, &mark);
        let address = self.address(number, &request.actor, &route, Purpose::Twin, Some(mark));
        self.send(address, outgoing).map_err(NoSession)?.ended(self.stage.pace).await;
        Ok(())
    }

    /// Method and params of a request inside a session.
    pub(super) fn asks<'r>(&mut self, request: &'r Request) -> (&'r str, Map<String, Value>) {
        let actor = &request.actor;
        let (method, mut params) = match &request.kind {
            RequestKind::Ping | RequestKind::Initialize if self.era_of(actor) == Era::Stateless => {
                ("server/discover", Map::new())
            }
            RequestKind::Ping | RequestKind::Initialize => ("ping", Map::new()),
            RequestKind::List { what, after } => {
                let cursor = after.as_ref().map(|label| self.kept.get(&label.value));
                (what.method(), envelope::list(cursor.map(|cursor| cursor.map_or(NO_CURSOR, String::as_str))))
            }
            RequestKind::Call { tool, arguments } => {
                let told = self.told(request, tool);
                let (tool, arguments) =
                    roles::played(self.facts, &request.upstream, &told, self.fill(actor, arguments));
                ("tools/call", envelope::tool_call(&tool, &arguments))
            }
            RequestKind::Task { method, arguments } => (method.as_str(), self.fill(actor, arguments)),
            RequestKind::Get { prompt, arguments } => {
                ("prompts/get", envelope::tool_call(&self.told(request, prompt), &self.fill(actor, arguments)))
            }
            RequestKind::Read { uri } => ("resources/read", envelope::read(&self.fill_text(actor, uri))),
            RequestKind::Complete { reference, argument: (name, start) } => {
                let start = self.fill_text(actor, start);
                let reference = match reference {
                    Reference::Prompt(prompt) => Reference::Prompt(self.told(request, prompt)),
                    Reference::Template(uri) => Reference::Template(uri.clone()),
                };
                ("completion/complete", envelope::complete(&reference, name, &start))
            }
        };
        if let Some(token) = &request.progress {
            params.insert("_meta".into(), json!({ "progressToken": token }));
        }
        if let Some(choice) = &request.state {
            self.present(&mut params, choice, request.answering.as_ref().map(|with| self.fill(actor, with)));
        }
        (method, params)
    }

    /// Several calls in one POST, all under one mark.
    pub(super) async fn batch(
        &mut self,
        number: usize,
        actor: &Actor,
        upstream: &str,
        calls: &[(String, Map<String, Value>, Option<Value>)],
    ) -> Result<Outcome, NoSession> {
        let credentials = self.in_session(number, actor, upstream).await?;
        let mark = self.next_mark();
        let mut messages = Vec::new();
        for (tool, arguments, id) in calls {
            let id = id.clone().unwrap_or_else(|| self.next_id(actor, upstream));
            let params = envelope::tool_call(tool, &self.fill(actor, arguments));
            messages.push(envelope::message("tools/call", Some(&id), params, &mark));
        }
        let body = format!("[{}]", messages.join(","));
        let address = self.address(number, actor, upstream, Purpose::Step, Some(mark));
        let mut call = self.send(address, envelope::post(&credentials, body)).map_err(NoSession)?;
        Ok(call.outcome(self.stage.pace).await)
    }

    /// Tells the upstream what goes wrong with exactly this call.
    pub(super) fn arm(&self, upstream: &str, mark: &str, hold: bool, fault: Option<&FaultSpec>) {
        let Some(fake) = self.fake(upstream) else { return };
        if let Some(fault) = fault.and_then(super::faults::of) {
            fake.arm(mark, fault);
        }
        if hold {
            fake.arm(mark, fake_upstreams::Fault::Hold);
        }
    }

    /// Waits until a held call stands at its upstream, or is answered before it gets there.
    pub(super) async fn parked(&self, call: &mut Call, upstream: &str, mark: &str) -> Outcome {
        let exchange = call.exchange;
        let Some(fake) = self.fake(upstream) else { return Outcome::NoAnswer { exchange } };
        // Who stands behind one that is stuck already is not waited for as long.
        let pace = if self.stuck.is_empty() { self.stage.pace } else { self.stage.pace.hurried() };
        let first = pace.within(async {
            tokio::select! {
                biased;
                () = fake.gate().parked(mark) => Outcome::Parked { exchange },
                () = call.end() => Outcome::AnsweredEarly { exchange },
            }
        });
        first.await.unwrap_or(Outcome::NoAnswer { exchange })
    }
}

/// Whether a step must be refused for this reason.
pub(super) fn expects(step: &Step, reason: Refusal) -> bool {
    step.expect.iter().any(|expectation| expectation.value == Expectation::Refused(reason))
}

/// The cursor of a list that goes on.
fn cursor(reply: &Reply) -> Option<String> {
    let answer = rpc::answer_of(reply.status, &reply.headers, &reply.body);
    Some(rpc::response(&answer)?.pointer("/result/nextCursor")?.as_str()?.to_owned())
}

/// The handle that a call hands out: the id of a task, or the first text of its structured content.
fn handle(reply: &Reply) -> Option<String> {
    let answer = rpc::answer_of(reply.status, &reply.headers, &reply.body);
    let response = rpc::response(&answer)?;
    if let Some(task) = response.pointer("/result/taskId") {
        return task.as_str().map(str::to_owned);
    }
    let content = response.pointer("/result/structuredContent")?.as_object()?;
    content.values().find_map(|value| value.as_str().map(str::to_owned))
}
