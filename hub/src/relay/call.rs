//! A call, from its asker's id to its answer, whatever happens in between.
//!
//! A client that goes away is no cancel: the call goes on upstream, and its answer is dropped here.

use std::{
    pin::{Pin, pin},
    sync::Arc,
};

use tokio::sync::mpsc;

use super::{
    Claim, Errand, Question, Refused, Step, Steps, UpstreamSession, cache,
    carry::{Carrier, Delivery},
    claim::Target,
    notify, upstream_session,
};
use crate::{
    catalog::{List, rights},
    envelope::{Id, Kind, Message},
    isolation::{
        Activity, Held, Work,
        table::{InFlight, ProgressTokens, ReverseRequests},
    },
    upstream::Fault,
};

/// Messages that wait for a client who reads slowly; then the upstream has to wait too.
const QUEUE: usize = 64;

/// Who wants the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asker {
    /// A client, by this id of its own, which it may use to cancel.
    Client(Id),
    /// The hub, on the way to a merged list. Nobody is told of progress.
    Hub,
}

/// What a client is given for a request.
pub(crate) enum Reply {
    /// A response, whole.
    Whole(String),
    /// What a call has to say.
    Steps(Steps),
}

impl Reply {
    /// A request that its client took back is not answered.
    pub(crate) fn nothing() -> Self {
        Self::Steps(Steps::none())
    }
}

/// How messages about a call's progress lead back to its client.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    /// To the call.
    pub(super) deliver: mpsc::Sender<Delivery>,
    /// The token as the client wrote it.
    pub(super) token: String,
    /// The token that the request has upstream.
    pub(super) wire: u64,
}

/// Everything that belongs to one call.
struct Call {
    errand: Errand,
    upstream: Arc<UpstreamSession>,
    wire: u64,
    raw_id: String,
    asks_for_tools: bool,
    cached: Option<cache::Key>,
    entries: Entries,
    _work: Work,
}

/// What a call has in the tables until it is over.
struct Entries {
    /// The client's own id.
    claim: Option<Claim>,
    _in_flight: Held<InFlight, mpsc::Sender<Delivery>>,
    _progress: Option<Held<ProgressTokens, Progress>>,
    /// What the upstream asked on the way and the client has not answered, perhaps.
    questions: Vec<Held<ReverseRequests, Question>>,
}

/// Begins a call and gives back what its asker is to be told.
pub(crate) async fn call(errand: &Errand, message: &Message<'_>, asker: Asker) -> Result<Steps, Refused> {
    let hub = &errand.hub;
    let limit = hub.config.limits.calls_per_session;
    let work = Activity::begin(&errand.session.activity, limit).ok_or(Refused::TooMany)?;
    let raw_id = message.raw_id().unwrap_or("null").to_owned();
    let cached = cache::Key::of(errand, message);
    let asks_for_tools = matches!(&message.kind, Kind::Request { method, .. } if List::of(method) == Some(List::Tools));
    if let Some(fresh) = cache::fresh(errand, cached.as_ref()).await? {
        let fresh = if asks_for_tools { visible(errand, fresh.to_string()) } else { fresh.to_string() };
        return Ok(known(&fresh, &raw_id));
    }
    let upstream = upstream_session::of(errand).await?;
    let wire = upstream.ids.next();
    let claim = match asker {
        Asker::Client(id) => {
            let target = Target { errand: errand.clone(), upstream: upstream.clone(), wire };
            Some(Claim::new(&errand.visit(), id, Some(target)).await?)
        }
        Asker::Hub => None,
    };
    let place = errand.place().in_call(hub.calls.next());
    let (deliver, deliveries) = mpsc::channel(QUEUE);
    let in_flight = hub.in_flight.hold(&place, wire, deliver.clone()).await.map_err(Fault::from)?;
    let token = message.progress_token().filter(|_| claim.is_some());
    let progress = match token {
        Some(token) => {
            let progress = Progress { deliver, token: token.to_owned(), wire };
            Some(hub.progress_tokens.hold(&place, wire, progress).await.map_err(Fault::from)?)
        }
        None => None,
    };
    let body = message.readdressed(&wire.to_string(), token);
    let carrier = Carrier { errand: errand.clone(), place, upstream: upstream.clone(), wire };
    let entries = Entries { claim, _in_flight: in_flight, _progress: progress, questions: Vec::new() };
    let errand = errand.clone();
    let call = Call { errand, upstream, wire, raw_id, asks_for_tools, cached, entries, _work: work };
    let (tell, told) = mpsc::channel(QUEUE);
    Ok(Steps::of(told, run(call, carrier, body, deliveries, tell)))
}

/// An answer that needs no call.
fn known(answer: &str, raw_id: &str) -> Steps {
    let text = Message::read(answer).map_or_else(|_| answer.to_owned(), |answer| answer.with_id(raw_id));
    Steps::known(Step::Answer { text, streamed: false })
}

/// A call from here on, whole. What its upstream still says when it is over is read, so that an upstream which is slow
/// once keeps its session and its connection.
async fn run(
    call: Call,
    carrier: Carrier,
    body: String,
    deliveries: mpsc::Receiver<Delivery>,
    tell: mpsc::Sender<Step>,
) {
    let patience = carrier.patience();
    let mut carrying = pin!(carrier.carry(body));
    if call.watch(carrying.as_mut(), deliveries, tell).await == Carrying::On {
        // Whoever waited has been told; what comes now reaches nobody.
        let _ = tokio::time::timeout(patience, carrying).await;
    }
}

/// Whether a carrier has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carrying {
    On,
    Over,
}

/// A list of tools as this caller may see it; what is kept in the cache is the whole list.
fn visible(errand: &Errand, answer: String) -> String {
    rights::visible(&errand.hub, &errand.caller.principal, &errand.server, answer)
}

/// Progress that an upstream tells outside of the call's own answer still goes to that call, if it is of this session.
pub(super) async fn progress_from_elsewhere(errand: &Errand, told: &Message<'_>) -> Result<(), Fault> {
    let Some((raw, wire)) = told.wire_param("progressToken") else { return Ok(()) };
    let own = errand.hub.progress_tokens.owned_by(errand.session.life.key());
    if let Some(progress) = own.into_iter().find(|progress| progress.wire == wire) {
        let _ = progress.deliver.send(Delivery::Notification(told.with_part(raw, &progress.token))).await;
    }
    Ok(())
}

impl Call {
    /// Carries the request and waits for whatever ends the call; tells the asker if there is still one.
    async fn watch(
        mut self,
        mut carrier: Pin<&mut impl Future<Output = ()>>,
        mut deliveries: mpsc::Receiver<Delivery>,
        tell: mpsc::Sender<Step>,
    ) -> Carrying {
        let mut carrying = Carrying::On;
        let mut timeout = pin!(tokio::time::sleep(self.errand.hub.config.limits.call_timeout));
        let (session, claimed) = (self.errand.session.clone(), self.entries.claim.as_ref());
        let canceled = claimed.map(|claim| claim.canceled.clone()).unwrap_or_default();
        let (mut ended, mut canceled) = (pin!(session.life.ended()), pin!(canceled.cancelled()));
        let ending = loop {
            tokio::select! {
                biased;
                delivery = deliveries.recv() => match delivery {
                    Some(Delivery::Notification(text)) => {
                        // The client may have gone; the call goes on all the same.
                        let _ = tell.send(Step::Notification(text)).await;
                    }
                    Some(Delivery::Question(shown)) => {
                        self.entries.questions.push(shown.held);
                        let _ = tell.send(Step::Notification(shown.text)).await;
                    }
                    Some(Delivery::Answer { text, streamed }) => break Some(self.answer(text, streamed).await),
                    Some(Delivery::Fault(fault)) => break Some(Err(fault)),
                    None => break Some(Err(Fault::NoAnswer)),
                },
                () = &mut canceled => break None,
                () = &mut ended => break Some(Err(Fault::SessionEnded)),
                () = &mut timeout => {
                    notify::give_up(&self.errand, &self.upstream, self.wire);
                    break Some(Err(Fault::TimedOut));
                }
                () = &mut carrier, if carrying == Carrying::On => carrying = Carrying::Over,
            }
        };
        drop(self.entries); // Before the client hears of the end: it may use its id again at once.
        let step = match ending {
            Some(Ok(step)) => step,
            Some(Err(fault)) => Step::Failed { text: self.errand.phrase(&self.raw_id, &fault).await, fault },
            None => return carrying,
        };
        let _ = tell.send(step).await;
        carrying
    }

    /// The answer with the asker's id in the place of the hub's.
    async fn answer(&self, text: String, streamed: bool) -> Result<Step, Fault> {
        cache::keep(&self.errand, self.cached.as_ref(), &text).await?;
        let text = if self.asks_for_tools { visible(&self.errand, text) } else { text };
        let message = Message::read(&text).map_err(|error| Fault::Garbage { detail: error.to_string() })?;
        Ok(Step::Answer { text: message.with_id(&self.raw_id), streamed })
    }
}
