//! What each verb of a scenario does.

use serde_json::{Map, Value, json};

use super::{
    call::{Address, Call},
    client::{Outgoing, Reply},
    envelope::{self, Credentials},
    player::{NoSession, Opening, Player},
    roles,
    streams::Listener,
};
use crate::{
    oracles::{counts, rpc},
    scenario::{
        model::{
            Action, Actor, Expectation, FaultSpec, Label, Order, Raw, Reading, Reference, Refusal, Request,
            RequestKind, Scenario, Send, SessionChoice, Step, TokenChoice,
        },
        source::Spanned,
    },
    trace::{Event, Purpose, event::Outcome},
};

/// What is presented where no cursor was given to be kept.
const NO_CURSOR: &str = "a-cursor-that-was-never-given";

impl Player<'_> {
    pub(super) async fn act(&mut self, number: usize, step: &Step) -> Outcome {
        match &step.action {
            Action::Request(request) => {
                self.request(number, request).await.unwrap_or_else(|NoSession(outcome)| outcome)
            }
            Action::Send(send) => {
                let twin = wants_twin(&step.expect);
                self.raw(number, send, twin).await.unwrap_or_else(|NoSession(outcome)| outcome)
            }
            Action::Batch { actor, upstream, calls } => {
                self.batch(number, actor, upstream, calls).await.unwrap_or_else(|NoSession(outcome)| outcome)
            }
            Action::Open { actor, upstream, stream, after, reading } => {
                let listener = Listener { actor, upstream, after: after.as_ref(), reading: *reading };
                let opened = self.open(number, &listener, stream).await;
                opened.unwrap_or_else(|NoSession(outcome)| outcome)
            }
            Action::WaitFor(label) => self.wait_for(step, label).await,
            Action::Answer { call, actor, result } => {
                let answered = self.answer(number, call, actor.as_ref(), result).await;
                answered.unwrap_or_else(|NoSession(outcome)| outcome)
            }
            Action::Await(label) => self.take(label).await,
            Action::Release { labels, order } => self.release(number, labels, *order).await,
            Action::Cancel(label) => self.cancel(number, step, label).await,
            Action::Drop(label) => self.walk_away(label).await,
            Action::Close { actor, upstream } => {
                self.close(number, actor, upstream).await.unwrap_or_else(|NoSession(outcome)| outcome)
            }
            Action::AdvanceClock(by) => {
                tokio::time::advance(*by).await;
                let advanced_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
                self.stage.recorder.record(Event::Clock { advanced_ms });
                self.stage.pace.settle().await;
                Outcome::Done
            }
            Action::Census { upstream } => self.census(step, upstream).await,
        }
    }

    /// Whether a control run of `user` plays this step: a polite request that must succeed, or the
    /// taking of its answer, or the polite end of a session.
    pub(super) fn belongs_to(&self, action: &Action, expect: &[Spanned<Expectation>], user: &str) -> bool {
        let may_fail = expect
            .iter()
            .any(|e| matches!(e.value, Expectation::Refused(_) | Expectation::Error(_) | Expectation::Status(_)));
        if may_fail {
            return false;
        }
        match action {
            Action::Request(request) => {
                let label = request.held.as_ref().map(|label| label.value.as_str());
                request.actor.user == user
                    && self.cell.scenario.upstreams.contains_key(&request.upstream)
                    && !(self.is_restricted(user) && matches!(request.kind, RequestKind::List { .. }))
                    && request.fault.is_none()
                    && request.asked.is_none()
                    && !label.is_some_and(|label| self.withdrawn.contains(label) || self.fails_later(label))
            }
            Action::Await(label) => self.held.contains_key(&label.value),
            Action::Close { actor, upstream } => {
                actor.user == user && self.cell.scenario.upstreams.contains_key(upstream)
            }
            _ => false,
        }
    }

    /// Whether a hub keeps tools from this user. No upstream does, so its lists cannot be compared.
    fn is_restricted(&self, user: &str) -> bool {
        self.cell.scenario.users.get(user).is_some_and(|person| !person.tools.is_empty())
    }

    /// Whether the file expects the `await` of this call to fail.
    fn fails_later(&self, label: &str) -> bool {
        self.cell.scenario.steps.iter().any(|step| {
            matches!(&step.action, Action::Await(taken) if taken.value == label)
                && step.expect.iter().any(|e| matches!(e.value, Expectation::Refused(_) | Expectation::Error(_)))
        })
    }

    async fn request(&mut self, number: usize, request: &Request) -> Result<Outcome, NoSession> {
        let Request { actor, upstream, kind, id, held, fault, .. } = request;
        let route = self.route(request);
        if let RequestKind::Initialize = kind {
            let opening = Opening { purpose: Purpose::Step, id: id.clone(), offers: request.offers.as_deref() };
            let exchange = self.initialize(number, actor, route, opening).await?;
            return Ok(Outcome::Answered { exchange });
        }
        let credentials = self.in_session(number, actor, route).await?;
        let id = id.clone().unwrap_or_else(|| self.next_id(actor, route));
        let (method, params) = self.asks(request);
        let mark = self.next_mark();
        let hold = held.as_ref().filter(|_| self.alone.is_none());
        self.arm(upstream, &mark, hold.is_some(), fault.as_ref().map(|fault| &fault.value));
        let body = envelope::message(method, Some(&id), params, &mark);
        let address = self.address(number, actor, route, Purpose::Step, Some(mark.clone()));
        let address = Address { upstream: upstream.clone(), ..address };
        let outgoing = envelope::post(&credentials, body);
        let call = match (&request.asked, &request.connection) {
            (Some(_), _) => self.follow(address, outgoing, Reading::Everything),
            (None, Some(name)) => self.send_on(name, address, outgoing),
            (None, None) => self.send(address, outgoing),
        };
        let mut call = call.map_err(NoSession)?;
        call.id = Some(id);
        let outcome = match (hold, &request.asked) {
            (_, Some(_)) => self.until_asked(&mut call).await,
            (Some(_), None) => self.parked(&mut call, upstream, &mark).await,
            (None, None) if request.begun.is_some() => {
                self.stage.pace.within(call.went()).await;
                Outcome::Begun { exchange: call.exchange }
            }
            (None, None) => call.outcome(self.stage.pace).await,
        };
        if let Some(label) = &request.keep {
            let cursor = call.known().and_then(|reply| cursor(reply.as_ref().ok()?));
            self.cursors.extend(cursor.map(|cursor| (label.value.clone(), cursor)));
        }
        if let Some(label) = request.label() {
            if held.is_some() && matches!(outcome, Outcome::NoAnswer { .. }) {
                self.stuck.insert(label.value.clone());
            }
            self.held.insert(label.value.clone(), call);
        }
        Ok(outcome)
    }

    /// Method and params of a request inside a session.
    fn asks(&self, request: &Request) -> (&'static str, Map<String, Value>) {
        let actor = &request.actor;
        let (method, mut params) = match &request.kind {
            RequestKind::Ping | RequestKind::Initialize => ("ping", Map::new()),
            RequestKind::List { what, after } => {
                let cursor = after.as_ref().map(|label| self.cursors.get(&label.value));
                (what.method(), envelope::list(cursor.map(|cursor| cursor.map_or(NO_CURSOR, String::as_str))))
            }
            RequestKind::Call { tool, arguments } => {
                let told = self.told(request, tool);
                let (tool, arguments) =
                    roles::played(self.facts, &request.upstream, &told, self.fill(actor, arguments));
                ("tools/call", envelope::tool_call(&tool, &arguments))
            }
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
        (method, params)
    }

    /// Several calls in one POST, all under one mark.
    async fn batch(
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
    fn arm(&self, upstream: &str, mark: &str, hold: bool, fault: Option<&FaultSpec>) {
        let Some(fake) = self.fake(upstream) else { return };
        if let Some(fault) = fault.and_then(super::faults::of) {
            fake.arm(mark, fault);
        }
        if hold {
            fake.arm(mark, fake_upstreams::Fault::Hold);
        }
    }

    /// Waits until a held call stands at its upstream, or is answered before it gets there.
    async fn parked(&self, call: &mut Call, upstream: &str, mark: &str) -> Outcome {
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

    async fn take(&mut self, label: &Label) -> Outcome {
        match self.held.get_mut(&label.value) {
            Some(call) => call.outcome(self.stage.pace).await,
            None => Outcome::Done,
        }
    }

    /// Lets held calls go in this cell's order, each answered before the next is let go.
    async fn release(&mut self, number: usize, labels: &[Label], order: Order) -> Outcome {
        let written: Vec<usize> = (0..labels.len()).collect();
        let order = match order {
            Order::Given => &written,
            Order::Every => self.cell.orders.get(&number).unwrap_or(&written),
        };
        for position in order {
            let label = &labels[*position].value;
            let Some(call) = self.held.get_mut(label) else { continue };
            let Some(mark) = call.address.mark.clone() else { continue };
            if let Some(fake) = self.stage.fakes.get(&call.address.upstream) {
                if asks(&self.cell.scenario, label) {
                    // It came to the gate after its client had answered, and that nobody waited for.
                    self.stage.pace.within(fake.gate().parked(&mark)).await;
                }
                fake.gate().release(&mark);
            }
            if self.stuck.contains(label) && self.stage.pace.is_real() {
                continue; // It cannot come before the others have gone.
            }
            if self.withdrawn.contains(label) || call.known().is_some() {
                self.stage.pace.settle().await; // Its client waits for nothing any more.
            } else {
                call.ended(self.stage.pace).await;
            }
        }
        if self.stage.pace.is_real() {
            for label in order.iter().map(|position| &labels[*position].value) {
                self.let_through(label).await;
            }
        }
        self.stage.pace.settle().await;
        Outcome::Done
    }

    /// Lets a call that stood behind others go when it comes to its upstream at last.
    async fn let_through(&mut self, label: &str) {
        let Some(call) = self.held.get_mut(label).filter(|_| self.stuck.contains(label)) else { return };
        let (mark, fake) = (call.address.mark.clone(), self.stage.fakes.get(&call.address.upstream));
        let (Some(mark), Some(fake)) = (mark, fake) else { return };
        let came = self.stage.pace.within(async {
            tokio::select! {
                biased;
                () = fake.gate().parked(&mark) => {}
                () = call.end() => {}
            }
        });
        if came.await.is_some() {
            fake.gate().release(&mark);
            call.ended(self.stage.pace).await;
        }
    }

    async fn cancel(&mut self, number: usize, step: &Step, label: &Label) -> Outcome {
        let Some(call) = self.held.get(&label.value) else { return Outcome::Done };
        let Some(id) = call.id.clone() else { return Outcome::Done };
        let Address { actor, upstream, route, .. } = call.address.clone();
        let session = self.sessions.last(&actor, &route).map(str::to_owned);
        let credentials = Credentials { token: self.token(&actor, &route), session, revision: self.revision() };
        let mark = self.next_mark();
        let body = envelope::message("notifications/cancelled", None, envelope::cancelled(&id), &mark);
        let address = self.address(number, &actor, &route, Purpose::Step, Some(mark));
        let outcome = match self.send(address, envelope::post(&credentials, body)) {
            Ok(mut notification) => notification.outcome(self.stage.pace).await,
            Err(outcome) => return outcome,
        };
        let wanted = step.expect.iter().any(|e| matches!(e.value, Expectation::Canceled(n) if n > 0));
        if wanted && self.stage.pace.is_real() {
            self.until(|events| counts::cancels_seen(events, &upstream) > 0).await;
        }
        self.stage.pace.settle().await;
        outcome
    }

    async fn walk_away(&mut self, label: &Label) -> Outcome {
        if let Some(call) = self.held.get_mut(&label.value) {
            call.walk_away(&self.stage.recorder);
        }
        self.stage.pace.settle().await;
        Outcome::Withdrawn
    }

    async fn close(&mut self, number: usize, actor: &Actor, upstream: &str) -> Result<Outcome, NoSession> {
        let credentials = self.in_session(number, actor, upstream).await?;
        let address = self.address(number, actor, upstream, Purpose::Step, None);
        let outcome =
            self.send(address, envelope::delete(&credentials)).map_err(NoSession)?.outcome(self.stage.pace).await;
        self.sessions.closed(actor, upstream);
        self.stage.pace.settle().await;
        Ok(outcome)
    }

    /// In virtual time a settled ledger is complete. Over sockets the hub may still be closing
    /// sessions: the census waits until it sees what the file promises, or patience ends.
    async fn census(&self, step: &Step, upstream: &str) -> Outcome {
        self.stage.pace.settle().await;
        if self.stage.pace.is_real() {
            let promised = step.expect.iter().find_map(|e| match e.value {
                Expectation::Sessions { opened, open } => Some((opened, open)),
                _ => None,
            });
            let (opened, open) = promised.unwrap_or_default();
            self.until(|events| {
                let seen = counts::census(events, upstream);
                opened.is_none_or(|n| n == seen.opened) && open.is_none_or(|n| n == seen.open)
            })
            .await;
        }
        Outcome::Done
    }

    /// Waits until the journal shows it, or patience ends: then false.
    pub(super) async fn until(&self, shows: impl Fn(&[Event]) -> bool) -> bool {
        let shown = async {
            loop {
                let news = self.stage.news.notified();
                tokio::pin!(news);
                news.as_mut().enable();
                if self.stage.recorder.peek(&shows) {
                    return;
                }
                news.await;
            }
        };
        self.stage.pace.within(shown).await.is_some()
    }

    async fn raw(&mut self, number: usize, send: &Send, twin: bool) -> Result<Outcome, NoSession> {
        let (actor, upstream) = (&send.actor, send.upstream.as_str());
        let session = match &send.session {
            SessionChoice::Own => self.in_session(number, actor, upstream).await?.session,
            SessionChoice::Absent => None,
            SessionChoice::Unknown => Some(self.sessions.unknown(&mut self.rng)),
            SessionChoice::Of { actor, upstream } => match self.sessions.last(actor, upstream) {
                Some(id) => Some(id.to_owned()),
                None => Some(self.sessions.unknown(&mut self.rng)),
            },
        };
        let token = match send.token {
            TokenChoice::Own => self.token(actor, upstream),
            TokenChoice::Absent => None,
            TokenChoice::Unknown => Some("key-that-nobody-was-ever-given".to_owned()),
            TokenChoice::Upstream => self.facts.expected_token(&actor.user, upstream).map(str::to_owned),
        };
        let opens = matches!(&send.what, Raw::Post { method, .. } if method == "initialize");
        let revision = if opens { None } else { self.revision() };
        let id = send.id.clone().unwrap_or_else(|| self.next_id(actor, upstream));
        let credentials = Credentials { token, session, revision };
        let (mark, outgoing) = self.raw_request(send, &credentials, &id);
        let address = self.address(number, actor, upstream, Purpose::Step, mark);
        let outcome = self.send(address, outgoing).map_err(NoSession)?.outcome(self.stage.pace).await;
        if twin {
            let unknown = Some(self.sessions.unknown(&mut self.rng));
            let (mark, outgoing) = self.raw_request(send, &Credentials { session: unknown, ..credentials }, &id);
            let address = self.address(number, actor, upstream, Purpose::Twin, mark);
            self.send(address, outgoing).map_err(NoSession)?.ended(self.stage.pace).await;
        }
        self.stage.pace.settle().await;
        Ok(outcome)
    }

    fn raw_request(&mut self, send: &Send, credentials: &Credentials, id: &Value) -> (Option<String>, Outgoing) {
        let (method, tool, arguments) = match &send.what {
            Raw::Get => return (None, envelope::get(credentials)),
            Raw::Delete => return (None, envelope::delete(credentials)),
            Raw::Post { method, tool, arguments } => (method, tool, self.fill(&send.actor, arguments)),
        };
        let params = match tool {
            Some(tool) => {
                let (tool, arguments) = roles::played(self.facts, &send.upstream, tool, arguments);
                envelope::tool_call(&tool, &arguments)
            }
            None if method == "initialize" && arguments.is_empty() => envelope::initialize(&self.facts.revision, None),
            None => arguments,
        };
        let mark = self.next_mark();
        let id = (!method.starts_with("notifications/")).then_some(id);
        let outgoing = envelope::post(credentials, envelope::message(method, id, params, &mark));
        (Some(mark), outgoing)
    }
}

/// Whether the call of this label asks its client something before it is held.
fn asks(scenario: &Scenario, label: &str) -> bool {
    scenario.steps.iter().any(|step| match &step.action {
        Action::Request(request) => request.asked.as_ref().is_some_and(|asked| asked.value == label),
        _ => false,
    })
}

/// The cursor of a list that goes on.
fn cursor(reply: &Reply) -> Option<String> {
    let answer = rpc::answer_of(reply.status, &reply.headers, &reply.body);
    Some(rpc::response(&answer)?.pointer("/result/nextCursor")?.as_str()?.to_owned())
}

/// A refusal that must look like that of an unknown session needs one to look like.
fn wants_twin(expect: &[Spanned<Expectation>]) -> bool {
    expect.iter().any(|e| matches!(e.value, Expectation::Refused(Refusal::LikeUnknownSession)))
}
