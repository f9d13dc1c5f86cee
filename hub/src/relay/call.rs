//! A call, from its client's id to its answer, whatever happens in between.
//!
//! A task of its own looks after it: a client that goes away is no cancel, so the call goes on
//! upstream and its answer is dropped here.

use std::sync::Arc;

use http::HeaderValue;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{UpstreamSession, carry::Carrier, notify, upstream_session};
use crate::{
    downstream::Session,
    envelope::{Id, Message},
    hub::Hub,
    identity::Caller,
    isolation::{Activity, Place, Rule, Work},
    upstream::Fault,
};

/// Messages that wait for a client who reads slowly; then the upstream has to wait too.
const QUEUE: usize = 64;

/// What the carrier hands to a call.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// A message on the way to the answer.
    Notification(String),
    /// The answer.
    Answer {
        /// As it came.
        text: String,
        /// Whether it came as an event stream.
        streamed: bool,
    },
    /// There will be none.
    Fault(Fault),
}

/// What a client is given, in order; the end of the channel is the end of the answer.
#[derive(Debug)]
pub(crate) enum Step {
    /// A notification on the call's own stream.
    Notification(String),
    /// The answer, with the client's own id.
    Answer {
        /// As it is to be written.
        text: String,
        /// Whether it came as an event stream.
        streamed: bool,
    },
    /// No answer; why.
    Fault(Fault),
}

/// How a client's own id leads to the call.
#[derive(Debug, Clone)]
pub(crate) struct CallHandle {
    /// The id it has upstream.
    pub(crate) wire: u64,
    /// The upstream session it is in.
    pub(crate) upstream: Arc<UpstreamSession>,
    /// Ends it here.
    pub(crate) canceled: CancellationToken,
}

/// A call cannot be begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Its id is in flight in this session.
    DuplicateId,
    /// The session has too many calls in flight.
    TooMany,
    /// Nothing could be sent.
    Fault(Fault),
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Everything that belongs to one call.
struct Call {
    hub: Arc<Hub>,
    caller: Caller,
    session: Arc<Session>,
    place: Place,
    client_id: Id,
    raw_id: String,
    handle: CallHandle,
    _work: Work,
}

/// Begins a call and gives back what its client is to be told.
pub(crate) async fn call(
    hub: &Arc<Hub>,
    caller: &Caller,
    session: &Arc<Session>,
    authorization: Option<&HeaderValue>,
    message: &Message<'_>,
    client_id: Id,
) -> Result<mpsc::Receiver<Step>, Refused> {
    let work = Activity::begin(&session.activity, hub.config.limits.calls_per_session).ok_or(Refused::TooMany)?;
    let upstream = upstream_session(hub, caller, session, authorization).await?;
    let wire = upstream.ids.next();
    let in_session = hub.place(caller, &session.route).in_session(&session.key);
    let handle = CallHandle { wire, upstream: upstream.clone(), canceled: CancellationToken::new() };
    let registered =
        hub.request_ids.try_insert(&in_session, client_id.clone(), handle.clone()).await.map_err(Fault::from)?;
    if registered.is_err() {
        if hub.isolation.keeps(Rule::RefuseDuplicateId) {
            return Err(Refused::DuplicateId);
        }
        hub.request_ids.insert(&in_session, client_id.clone(), handle.clone()).await.map_err(Fault::from)?;
    }
    let place = in_session.in_call(hub.calls.next());
    let (deliver, deliveries) = mpsc::channel(QUEUE);
    hub.in_flight.insert(&place, wire, deliver).await.map_err(Fault::from)?;
    let carrier = Carrier {
        hub: hub.clone(),
        caller: caller.clone(),
        session: session.clone(),
        place: place.clone(),
        upstream,
        wire,
        authorization: authorization.cloned(),
    };
    tokio::spawn(carrier.carry(message.with_id(&wire.to_string())));
    let call = Call {
        hub: hub.clone(),
        caller: caller.clone(),
        session: session.clone(),
        place,
        client_id,
        raw_id: message.raw_id().unwrap_or("null").to_owned(),
        handle,
        _work: work,
    };
    let (tell, told) = mpsc::channel(QUEUE);
    tokio::spawn(call.watch(deliveries, tell));
    Ok(told)
}

impl Call {
    /// Waits for whatever ends the call, and tells the client if there is still one.
    async fn watch(self, mut deliveries: mpsc::Receiver<Delivery>, tell: mpsc::Sender<Step>) {
        let timeout = tokio::time::sleep(self.hub.config.limits.call_timeout);
        tokio::pin!(timeout);
        let ending = loop {
            tokio::select! {
                biased;
                delivery = deliveries.recv() => match delivery {
                    Some(Delivery::Notification(text)) => {
                        // The client may have gone; the call goes on all the same.
                        let _ = tell.send(Step::Notification(text)).await;
                    }
                    Some(Delivery::Answer { text, streamed }) => break self.answer(&text, streamed),
                    Some(Delivery::Fault(fault)) => break Some(Step::Fault(fault)),
                    None => break Some(Step::Fault(Fault::NoAnswer)),
                },
                () = self.handle.canceled.cancelled() => break None,
                () = self.session.ended.cancelled() => break Some(Step::Fault(Fault::SessionEnded)),
                () = &mut timeout => {
                    notify::give_up(&self.hub, &self.caller, &self.session, &self.handle);
                    break Some(Step::Fault(Fault::TimedOut));
                }
            }
        };
        self.forget().await;
        if let Some(step) = ending {
            let _ = tell.send(step).await;
        }
    }

    /// The answer with this client's id in the place of the hub's.
    fn answer(&self, text: &str, streamed: bool) -> Option<Step> {
        Some(match Message::read(text) {
            Ok(message) => Step::Answer { text: message.with_id(&self.raw_id), streamed },
            Err(error) => Step::Fault(Fault::Garbage { detail: error.to_string() }),
        })
    }

    /// Before the client hears of the end: it may use the id again at once.
    async fn forget(&self) {
        let in_flight = self.hub.in_flight.remove(&self.place, &self.handle.wire).await.err();
        let request_id = self.hub.request_ids.remove(&self.place, &self.client_id).await.err();
        if let Some(error) = in_flight.or(request_id) {
            tracing::error!(%error, "forgetting a call");
        }
    }
}
