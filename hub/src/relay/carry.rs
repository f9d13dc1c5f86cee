//! The request sent, its answer read, every message looked up and handed on.

use std::sync::Arc;

use http::{HeaderValue, Method};

use super::{Delivery, UpstreamSession, notify, upstream_session::send};
use crate::{
    downstream::{self, Session},
    envelope::{Kind, Message},
    hub::Hub,
    identity::Caller,
    isolation::{Place, Rule},
    upstream::{Fault, frames::Frames},
};

/// An answer that takes this many times the call timeout is not read any more. Until then it is, and
/// dropped: an upstream that is slow once keeps its session.
const PATIENCE: u32 = 4;

/// Carries one request to its upstream and what comes back to whom it is for.
pub(super) struct Carrier {
    pub(super) hub: Arc<Hub>,
    pub(super) caller: Caller,
    pub(super) session: Arc<Session>,
    pub(super) place: Place,
    pub(super) upstream: Arc<UpstreamSession>,
    pub(super) wire: u64,
    pub(super) authorization: Option<HeaderValue>,
}

impl Carrier {
    pub(super) async fn carry(self, body: String) {
        let _turn = match self.hub.isolation.keeps(Rule::CallsRunSideBySide) {
            true => None,
            false => self.hub.turnstile.acquire().await.ok(),
        };
        let patience = self.hub.config.limits.call_timeout * PATIENCE;
        let exchange = tokio::time::timeout(patience, self.exchange(body.clone())).await;
        let mut outcome = exchange.unwrap_or(Err(Fault::TimedOut));
        let broke = matches!(outcome, Err(Fault::Cut { .. } | Fault::Status(500..)));
        if broke && !self.hub.isolation.keeps(Rule::NeverRetrySideEffect) {
            outcome = self.exchange(body).await;
        }
        if let Err(fault) = outcome {
            self.failed(fault).await;
        }
    }

    async fn exchange(&self, body: String) -> Result<(), Fault> {
        let authorization = self.authorization.as_ref();
        let upstream = Some(self.upstream.as_ref());
        let response =
            send(&self.hub, &self.caller, &self.session, authorization, upstream, Method::POST, body).await?;
        let mut frames = Frames::of(response, self.hub.config.limits.answer);
        let mut answered = false;
        while let Some(frame) = frames.next().await? {
            answered |= self.dispatch(frame, frames.streams()).await?;
        }
        if answered { Ok(()) } else { Err(Fault::NoAnswer) }
    }

    /// Hands one message on; true where it was the answer that this request waits for.
    async fn dispatch(&self, text: String, streamed: bool) -> Result<bool, Fault> {
        let message = Message::read(&text).map_err(|error| Fault::Garbage { detail: error.to_string() })?;
        match &message.kind {
            Kind::Response { id } => {
                let Some(id) = id.as_ref().and_then(crate::envelope::Id::wire) else { return Ok(false) };
                let addressee = match self.hub.in_flight.get(&self.place, &id).await? {
                    Some(addressee) => Some(addressee),
                    None if self.hub.isolation.keeps(Rule::DropLateAnswer) => None,
                    None => self.hub.in_flight.owned_by(&self.session.key).into_iter().next(),
                };
                if let Some(addressee) = addressee {
                    // Whoever waited may be gone by now; then nobody gets it.
                    let _ = addressee.send(Delivery::Answer { text, streamed }).await;
                }
                Ok(id == self.wire)
            }
            Kind::Notification { .. } => {
                if let Some(addressee) = self.hub.in_flight.get(&self.place, &self.wire).await? {
                    let _ = addressee.send(Delivery::Notification(text)).await;
                }
                Ok(false)
            }
            Kind::Request { .. } => {
                let refusal = notify::refusal(&message);
                notify::send_in_background(&self.hub, &self.caller, &self.session, self.upstream.clone(), refusal);
                Ok(false)
            }
        }
    }

    async fn failed(&self, fault: Fault) {
        tracing::debug!(server = %self.session.route, user = %self.caller.principal, %fault, detail = fault.detail(), "a call failed");
        if fault == Fault::SessionLost {
            downstream::end(&self.hub, &self.session).await;
        }
        if fault.is_the_servers() && !self.hub.isolation.keeps(Rule::FaultEndsOnlyItsCall) {
            self.hub.upstream_sessions.evict_named(&self.session.route).await;
        }
        if let Ok(Some(waiting)) = self.hub.in_flight.get(&self.place, &self.wire).await {
            let _ = waiting.send(Delivery::Fault(fault)).await;
        }
    }
}
