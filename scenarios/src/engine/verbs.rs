//! What each verb of a scenario does.

use serde_json::Value;

use super::{
    call::Call,
    client::Outgoing,
    envelope::{self, Credentials},
    pace::Pace,
    player::{NoSession, Player},
};
use crate::{
    oracles::counts,
    scenario::{
        model::{
            Action, Actor, Expectation, FaultSpec, Label, Order, Raw, Refusal, Request, RequestKind, Send,
            SessionChoice, Step, TokenChoice,
        },
        source::Spanned,
    },
    trace::{Event, Purpose, event::Outcome},
};

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
                    && request.fault.is_none()
                    && !label.is_some_and(|label| self.withdrawn.contains(label) || self.fails_later(label))
            }
            Action::Await(label) => self.held.contains_key(&label.value),
            Action::Close { actor, .. } => actor.user == user,
            _ => false,
        }
    }

    /// Whether the file expects the `await` of this call to fail.
    fn fails_later(&self, label: &str) -> bool {
        self.cell.scenario.steps.iter().any(|step| {
            matches!(&step.action, Action::Await(taken) if taken.value == label)
                && step.expect.iter().any(|e| matches!(e.value, Expectation::Refused(_) | Expectation::Error(_)))
        })
    }

    async fn request(&mut self, number: usize, request: &Request) -> Result<Outcome, NoSession> {
        let Request { actor, upstream, kind, id, held, fault } = request;
        if let RequestKind::Initialize = kind {
            let exchange = self.initialize(number, actor, upstream, Purpose::Step, id.clone()).await?;
            return Ok(Outcome::Answered { exchange });
        }
        let credentials = self.in_session(number, actor, upstream).await?;
        let id = id.clone().unwrap_or_else(|| self.next_id(actor, upstream));
        let (method, params) = match kind {
            RequestKind::Ping | RequestKind::Initialize => ("ping", serde_json::Map::new()),
            RequestKind::List => ("tools/list", serde_json::Map::new()),
            RequestKind::Call { tool, arguments } => {
                ("tools/call", envelope::tool_call(tool, &self.fill(actor, arguments)))
            }
        };
        let mark = self.next_mark();
        let hold = held.as_ref().filter(|_| self.alone.is_none());
        self.arm(upstream, &mark, hold.is_some(), fault.as_ref().map(|fault| &fault.value));
        let body = envelope::message(method, Some(&id), params, &mark);
        let address = self.address(number, actor, upstream, Purpose::Step, Some(mark.clone()));
        let mut call = self.send(address, envelope::post(&credentials, body)).map_err(NoSession)?;
        call.id = Some(id);
        let outcome = if hold.is_some() {
            self.parked(&mut call, upstream, &mark).await
        } else {
            call.outcome(self.stage.pace).await
        };
        if let Some(label) = held {
            self.held.insert(label.value.clone(), call);
        }
        Ok(outcome)
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
        let first = self.stage.pace.within(async {
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
                fake.gate().release(&mark);
            }
            if self.withdrawn.contains(label) {
                self.stage.pace.settle().await; // Its client waits for nothing any more.
            } else {
                call.ended(self.stage.pace).await;
            }
        }
        self.stage.pace.settle().await;
        Outcome::Done
    }

    async fn cancel(&mut self, number: usize, step: &Step, label: &Label) -> Outcome {
        let Some(call) = self.held.get(&label.value) else { return Outcome::Done };
        let Some(id) = call.id.clone() else { return Outcome::Done };
        let (actor, upstream) = (call.address.actor.clone(), call.address.upstream.clone());
        let session = self.sessions.last(&actor, &upstream).map(str::to_owned);
        let credentials =
            Credentials { token: self.token(&actor, &upstream), session, revision: Some(self.facts.revision.clone()) };
        let mark = self.next_mark();
        let body = envelope::message("notifications/cancelled", None, envelope::cancelled(&id), &mark);
        let address = self.address(number, &actor, &upstream, Purpose::Step, Some(mark));
        let outcome = match self.send(address, envelope::post(&credentials, body)) {
            Ok(mut notification) => notification.outcome(self.stage.pace).await,
            Err(outcome) => return outcome,
        };
        let wanted = step.expect.iter().any(|e| matches!(e.value, Expectation::Canceled(n) if n > 0));
        if wanted && self.stage.pace == Pace::Real {
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
        if self.stage.pace == Pace::Real {
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

    /// Waits until the journal shows it, or patience ends.
    async fn until(&self, shows: impl Fn(&[Event]) -> bool) {
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
        self.stage.pace.within(shown).await;
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
        let revision = (!opens).then(|| self.facts.revision.clone());
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
            Some(tool) => envelope::tool_call(tool, &arguments),
            None if method == "initialize" && arguments.is_empty() => envelope::initialize(&self.facts.revision),
            None => arguments,
        };
        let mark = self.next_mark();
        let id = (!method.starts_with("notifications/")).then_some(id);
        let outgoing = envelope::post(credentials, envelope::message(method, id, params, &mark));
        (Some(mark), outgoing)
    }
}

/// A refusal that must look like that of an unknown session needs one to look like.
fn wants_twin(expect: &[Spanned<Expectation>]) -> bool {
    expect.iter().any(|e| matches!(e.value, Expectation::Refused(Refusal::LikeUnknownSession)))
}
