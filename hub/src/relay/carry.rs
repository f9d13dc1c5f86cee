//! The request sent, its answer read, every message looked up and handed on.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::{
    Errand, UpstreamSession,
    ask::{self, Shown},
    cache, tell, upstream_session,
};
use crate::{
    downstream::Standing,
    envelope::{self, Id, Kind, Message},
    era::{Era, Level, capability_for},
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
    /// What the client gives for a wish of the upstream; `None` where it gives nothing.
    Input {
        /// The key of the wish.
        key: String,
        given: Option<String>,
    },
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

/// How long a carrier may go on when its call is over.
pub(super) fn patience(errand: &Errand) -> Duration {
    errand.hub.config.limits.call_timeout * PATIENCE
}

/// Carries one request to its upstream and what comes back to whom it is for: to others through their channels, to its
/// own call by being returned.
pub(super) struct Carrier {
    errand: Errand,
    place: Place,
    upstream: Arc<UpstreamSession>,
    wire: u64,
    /// The way to its own call: nothing is sent on it here, but whoever is found in a table may be this one.
    own: mpsc::Sender<Delivery>,
    stage: Stage,
    logs: Logs,
    /// Whether its client can be asked something on the way.
    asking: bool,
    /// Only while `never-retry-side-effect` is switched off: what is sent once more.
    again: Option<String>,
    _turn: Option<OwnedSemaphorePermit>,
}

/// Which log messages on the way its call is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Logs {
    All,
    /// From this level on.
    From(Level),
    None,
}

impl Logs {
    /// Whether this message is none of a log, or one that is told.
    fn lets_pass(self, method: &str, message: &Message<'_>) -> bool {
        let level = || message.string_param("level").and_then(|(_, level)| Level::read(&level));
        match self {
            _ if method != "notifications/message" => true,
            Self::All => true,
            Self::From(least) => level().is_none_or(|level| level >= least),
            Self::None => false,
        }
    }
}

/// How far it has come.
enum Stage {
    /// This is still to be sent.
    Unsent(String),
    /// The answer is being read.
    Reading {
        frames: Box<Frames>,
        /// Messages that came together with those before.
        batch: VecDeque<String>,
        answered: bool,
    },
    /// Nothing more comes.
    Over,
}

impl Carrier {
    /// Carries `body`, which has the id `wire` upstream. `own` leads to the call that it is carried for.
    pub(super) fn new(
        errand: Errand,
        place: Place,
        upstream: Arc<UpstreamSession>,
        wire: u64,
        own: mpsc::Sender<Delivery>,
        body: String,
    ) -> Self {
        let again = (!errand.hub.isolation.keeps(Rule::NeverRetrySideEffect)).then(|| body.clone());
        Self {
            errand,
            place,
            upstream,
            wire,
            own,
            stage: Stage::Unsent(body),
            logs: Logs::All,
            asking: true,
            again,
            _turn: None,
        }
    }

    /// With these log messages for its call.
    pub(super) fn with_logs(self, logs: Logs) -> Self {
        Self { logs, ..self }
    }

    /// Whether its client can be asked something on the way.
    pub(super) fn asking(self, asking: bool) -> Self {
        Self { asking, ..self }
    }

    /// Whether there may be more to read.
    pub(super) fn is_on(&self) -> bool {
        !matches!(self.stage, Stage::Over)
    }

    /// Goes on until there is something for its own call; `None` at the end.
    pub(super) async fn next(mut self) -> (Self, Option<Delivery>) {
        let delivery = loop {
            match self.go_on().await {
                Ok(Some(delivery)) => break Some(delivery),
                Ok(None) if self.is_on() => {}
                Ok(None) => break None,
                Err(fault) => {
                    let broke = matches!(fault, Fault::Cut { .. } | Fault::Status(500..));
                    match self.again.take().filter(|_| broke) {
                        Some(body) => self.stage = Stage::Unsent(body),
                        None => {
                            self.stage = Stage::Over;
                            break self.failed(fault).await;
                        }
                    }
                }
            }
        };
        self.look_ahead();
        (self, delivery)
    }

    /// Sends the request, or reads one message of the answer and hands it on.
    async fn go_on(&mut self) -> Result<Option<Delivery>, Fault> {
        let text = match &mut self.stage {
            Stage::Over => return Ok(None),
            Stage::Unsent(body) => {
                let body = std::mem::take(body);
                self.send(body).await?;
                return Ok(None);
            }
            Stage::Reading { frames, batch, .. } => {
                if batch.is_empty()
                    && let Some(frame) = frames.next().await?
                {
                    batch.extend(envelope::messages(frame));
                }
                batch.pop_front()
            }
        };
        match text {
            Some(text) => self.dispatch(text).await,
            None => self.ended(),
        }
    }

    async fn send(&mut self, body: String) -> Result<(), Fault> {
        let hub = &self.errand.hub;
        if !hub.isolation.keeps(Rule::CallsRunSideBySide) && self._turn.is_none() {
            self._turn = hub.turnstile.clone().acquire_owned().await.ok();
        }
        let frames = Box::new(self.errand.send(&self.upstream, body).await?.frames);
        self.stage = Stage::Reading { frames, batch: VecDeque::new(), answered: false };
        Ok(())
    }

    /// The answer has been read to its end.
    fn ended(&mut self) -> Result<Option<Delivery>, Fault> {
        let answered = matches!(self.stage, Stage::Reading { answered: true, .. });
        self.stage = Stage::Over;
        if answered { Ok(None) } else { Err(Fault::NoAnswer) }
    }

    /// Notices the end of an answer that has come with its last message, so that nobody has to wait for it.
    fn look_ahead(&mut self) {
        if let Stage::Reading { frames, batch, answered: true } = &mut self.stage
            && batch.is_empty()
            && frames.are_over()
        {
            self.stage = Stage::Over;
        }
    }

    /// Hands one message on; what is its own call's is given back.
    async fn dispatch(&mut self, text: String) -> Result<Option<Delivery>, Fault> {
        let message = Message::read(&text).map_err(|error| Fault::Garbage { detail: error.to_string() })?;
        match &message.kind {
            Kind::Response { id } => {
                let Some(id) = id.as_ref().and_then(Id::wire) else { return Ok(None) };
                self.answered(id, text).await
            }
            Kind::Notification { method } => match method.as_str() {
                "notifications/progress" => self.progressed(&message).await,
                "notifications/cancelled" => match ask::take_back(&self.errand, &self.upstream, &message).await? {
                    Some(told) if self.errand.session.standing == Standing::Client => {
                        self.on_the_way(method, told).await
                    }
                    Some(_) => Ok(None),
                    None => Ok(None),
                },
                _ if !self.logs.lets_pass(method, &message) => Ok(None),
                _ => {
                    cache::forget_what_changed(&self.errand, method);
                    let method = method.clone();
                    self.on_the_way(&method, text).await
                }
            },
            Kind::Request { method, .. } => self.asked(&message, method).await,
        }
    }

    async fn answered(&mut self, id: u64, text: String) -> Result<Option<Delivery>, Fault> {
        let mut streamed = false;
        if let Stage::Reading { frames, answered, .. } = &mut self.stage {
            streamed = frames.streams();
            *answered |= id == self.wire;
        }
        let hub = &self.errand.hub;
        let addressee = match hub.in_flight.get(&self.place, &id).await? {
            Some(addressee) => Some(addressee),
            None if hub.isolation.keeps(Rule::DropLateAnswer) => None,
            None => hub.in_flight.owned_by(self.errand.session.life.key()).into_iter().next(),
        };
        Ok(self.hand_to(addressee, Delivery::Answer { text, streamed }).await)
    }

    /// Gives a delivery back where it is its own call's; whoever else waited may be gone by now, then nobody gets it.
    async fn hand_to(&self, addressee: Option<mpsc::Sender<Delivery>>, delivery: Delivery) -> Option<Delivery> {
        let addressee = addressee?;
        if addressee.same_channel(&self.own) {
            return Some(delivery);
        }
        let _ = addressee.send(delivery).await;
        None
    }

    /// Progress goes to the call whose token it names, under the token that its client gave it.
    async fn progressed(&self, message: &Message<'_>) -> Result<Option<Delivery>, Fault> {
        let Some((raw, wire)) = message.wire_param("progressToken") else { return Ok(None) };
        let Some(progress) = self.errand.hub.progress_tokens.get(&self.place, &wire).await? else { return Ok(None) };
        let told = Delivery::Notification(message.with_part(raw, &progress.token));
        Ok(self.hand_to(Some(progress.deliver), told).await)
    }

    /// Everything else that comes on a call's stream is that call's. What a client of the stateless era has to ask for
    /// does not belong there: it goes to those who have.
    async fn on_the_way(&self, method: &str, text: String) -> Result<Option<Delivery>, Fault> {
        match self.errand.session.standing {
            Standing::Bridged if method != "notifications/message" => {
                tell::tell(&self.errand, method, &text).await?;
                return Ok(None);
            }
            Standing::Moment if is_asked_for(method) && self.errand.hub.isolation.keeps(Rule::TellWhatWasAsked) => {
                return Ok(None);
            }
            _ => {}
        }
        let addressee = self.errand.hub.in_flight.get(&self.place, &self.wire).await?;
        Ok(self.hand_to(addressee, Delivery::Notification(text)).await)
    }

    /// What the upstream asks on the way is asked of the client whose call it is.
    async fn asked(&self, message: &Message<'_>, method: &str) -> Result<Option<Delivery>, Fault> {
        let hub = &self.errand.hub;
        let asked_of = match hub.isolation.keeps(Rule::AskWhomItConcerns) {
            true => hub.in_flight.get(&self.place, &self.wire).await?,
            false => hub.in_flight.everything().into_iter().next(),
        };
        if self.upstream.era == Era::Stateless {
            return Ok(None); // There is nothing that it could ask there.
        }
        let Some(asked_of) = asked_of else {
            ask::refuse(&self.errand, &self.upstream, message, -32000, "the call is over");
            return Ok(None);
        };
        if self.errand.session.standing == Standing::Bridged {
            let lacks = capability_for(method).filter(|_| self.asking && !ask::offered(&self.errand, method));
            if !self.asking || capability_for(method).is_none() && method != "ping" {
                ask::refuse(&self.errand, &self.upstream, message, -32601, "this client cannot be asked that here");
                return Ok(None);
            }
            if let Some(lacking) = lacks.filter(|_| hub.isolation.keeps(Rule::AskOnlyWhatIsOffered)) {
                ask::refuse(&self.errand, &self.upstream, message, -32601, "this client offers nothing of the kind");
                return Ok(self.hand_to(Some(asked_of), Delivery::Fault(Fault::Lacks(lacking))).await);
            }
        }
        match ask::ask(&self.errand, &self.upstream, message, method).await? {
            Some(shown) => Ok(self.hand_to(Some(asked_of), Delivery::Question(shown)).await),
            None => Ok(None),
        }
    }

    async fn failed(&self, fault: Fault) -> Option<Delivery> {
        let Errand { hub, caller, server, .. } = &self.errand;
        tracing::debug!(%server, user = %caller.principal, %fault, detail = fault.detail(), "a call failed");
        if fault == Fault::SessionLost {
            upstream_session::forgotten(&self.errand, &self.upstream).await;
        }
        if fault == Fault::Died {
            upstream_session::died(&self.errand, &self.upstream).await;
        }
        if fault.is_the_servers() && !hub.isolation.keeps(Rule::FaultEndsOnlyItsCall) {
            hub.upstream_sessions.evict_named(server).await;
        }
        let waiting = hub.in_flight.get(&self.place, &self.wire).await.ok()?;
        self.hand_to(waiting, Delivery::Fault(fault)).await
    }
}

/// What a client of the stateless era is told where it listens, and nowhere else.
fn is_asked_for(method: &str) -> bool {
    method.ends_with("/list_changed") || method.starts_with("notifications/resources/")
}
