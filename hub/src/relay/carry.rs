//! The request sent, its answer read, every message looked up and handed on.

use std::{sync::Arc, time::Duration};

use http::Method;

use super::{
    Errand, UpstreamSession,
    ask::{self, Shown},
    cache, upstream_session,
};
use crate::{
    envelope::{self, Id, Kind, Message},
    isolation::{Place, Rule},
    upstream::{Fault, frames::Frames},
};

/// What comes this many call timeouts after the end of a call is not read any more.
const PATIENCE: u32 = 4;

/// What the carrier hands to a call.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// A message on the way to the answer.
    Notification(String),
    /// Something that the upstream asks on the way.
    Question(Shown),
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

/// Carries one request to its upstream and what comes back to whom it is for.
pub(super) struct Carrier {
    pub(super) errand: Errand,
    pub(super) place: Place,
    pub(super) upstream: Arc<UpstreamSession>,
    pub(super) wire: u64,
}

impl Carrier {
    /// How long it may go on when its call is over.
    pub(super) fn patience(&self) -> Duration {
        self.errand.hub.config.limits.call_timeout * PATIENCE
    }

    pub(super) async fn carry(self, body: String) {
        let hub = &self.errand.hub;
        let _turn = match hub.isolation.keeps(Rule::CallsRunSideBySide) {
            true => None,
            false => hub.turnstile.acquire().await.ok(),
        };
        let again = (!hub.isolation.keeps(Rule::NeverRetrySideEffect)).then(|| body.clone());
        let mut outcome = self.exchange(body).await;
        let broke = matches!(outcome, Err(Fault::Cut { .. } | Fault::Status(500..)));
        if let Some(body) = again.filter(|_| broke) {
            outcome = self.exchange(body).await;
        }
        if let Err(fault) = outcome {
            self.failed(fault).await;
        }
    }

    async fn exchange(&self, body: String) -> Result<(), Fault> {
        let response = self.errand.send(Some(&self.upstream), Method::POST, body).await?;
        let mut frames = Frames::of(response, self.errand.hub.config.limits.answer);
        let mut answered = false;
        while let Some(frame) = frames.next().await? {
            for text in envelope::messages(frame) {
                answered |= self.dispatch(text, frames.streams()).await?;
            }
        }
        if answered { Ok(()) } else { Err(Fault::NoAnswer) }
    }

    /// Hands one message on; true where it was the answer that this request waits for.
    async fn dispatch(&self, text: String, streamed: bool) -> Result<bool, Fault> {
        let message = Message::read(&text).map_err(|error| Fault::Garbage { detail: error.to_string() })?;
        match &message.kind {
            Kind::Response { id } => {
                let Some(id) = id.as_ref().and_then(Id::wire) else { return Ok(false) };
                self.answered(id, text, streamed).await?;
                Ok(id == self.wire)
            }
            Kind::Notification { method } => {
                match method.as_str() {
                    "notifications/progress" => self.progressed(&message).await?,
                    "notifications/cancelled" => {
                        if let Some(told) = ask::take_back(&self.errand, &self.upstream, &message).await? {
                            self.on_the_way(told).await?;
                        }
                    }
                    _ => {
                        cache::forget_what_changed(&self.errand, method);
                        self.on_the_way(text).await?;
                    }
                }
                Ok(false)
            }
            Kind::Request { method, .. } => {
                self.asked(&message, method).await?;
                Ok(false)
            }
        }
    }

    async fn answered(&self, id: u64, text: String, streamed: bool) -> Result<(), Fault> {
        let hub = &self.errand.hub;
        let addressee = match hub.in_flight.get(&self.place, &id).await? {
            Some(addressee) => Some(addressee),
            None if hub.isolation.keeps(Rule::DropLateAnswer) => None,
            None => hub.in_flight.owned_by(self.errand.session.life.key()).into_iter().next(),
        };
        if let Some(addressee) = addressee {
            // Whoever waited may be gone by now; then nobody gets it.
            let _ = addressee.send(Delivery::Answer { text, streamed }).await;
        }
        Ok(())
    }

    /// Progress goes to the call whose token it names, under the token that its client gave it.
    async fn progressed(&self, message: &Message<'_>) -> Result<(), Fault> {
        let Some((raw, wire)) = message.wire_param("progressToken") else { return Ok(()) };
        if let Some(progress) = self.errand.hub.progress_tokens.get(&self.place, &wire).await? {
            let told = Delivery::Notification(message.with_part(raw, &progress.token));
            let _ = progress.deliver.send(told).await;
        }
        Ok(())
    }

    /// Everything else that comes on a call's stream is that call's.
    async fn on_the_way(&self, text: String) -> Result<(), Fault> {
        if let Some(addressee) = self.errand.hub.in_flight.get(&self.place, &self.wire).await? {
            let _ = addressee.send(Delivery::Notification(text)).await;
        }
        Ok(())
    }

    /// What the upstream asks on the way is asked of the client whose call it is.
    async fn asked(&self, message: &Message<'_>, method: &str) -> Result<(), Fault> {
        let hub = &self.errand.hub;
        let asked_of = match hub.isolation.keeps(Rule::AskWhomItConcerns) {
            true => hub.in_flight.get(&self.place, &self.wire).await?,
            false => hub.in_flight.everything().into_iter().next(),
        };
        let Some(asked_of) = asked_of else {
            ask::refuse(&self.errand, &self.upstream, message, -32000, "the call is over");
            return Ok(());
        };
        if let Some(shown) = ask::ask(&self.errand, &self.upstream, message, method).await? {
            let _ = asked_of.send(Delivery::Question(shown)).await;
        }
        Ok(())
    }

    async fn failed(&self, fault: Fault) {
        let Errand { hub, caller, server, .. } = &self.errand;
        tracing::debug!(%server, user = %caller.principal, %fault, detail = fault.detail(), "a call failed");
        if fault == Fault::SessionLost {
            upstream_session::forgotten(&self.errand, &self.upstream).await;
        }
        if fault.is_the_servers() && !hub.isolation.keeps(Rule::FaultEndsOnlyItsCall) {
            hub.upstream_sessions.evict_named(server).await;
        }
        if let Ok(Some(waiting)) = hub.in_flight.get(&self.place, &self.wire).await {
            let _ = waiting.send(Delivery::Fault(fault)).await;
        }
    }
}
