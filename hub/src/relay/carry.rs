//! The request sent, its answer read, every message looked up and handed on.

use std::{collections::VecDeque, ops::Range, sync::Arc, time::Duration};

use tokio::sync::OwnedSemaphorePermit;

use super::{
    Errand, UpstreamSession,
    ask::{self, Shown},
    cache,
    exchange::Outgoing,
    resume::{self, Resumption},
    tell, upstream_session,
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

/// The way to a call, for whatever is found in a table to be for it.
pub(crate) type Addressee = flume::Sender<Delivery>;

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
    /// Nothing for so long: the upstream has ended the stream, and goes on with it for whoever asks.
    Away(Duration),
    /// The answer.
    Answer {
        /// As it came.
        text: String,
        /// Where its id stands in it.
        id: Range<usize>,
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
    own: Addressee,
    stage: Stage,
    logs: Logs,
    /// Whether its client can be asked something on the way.
    asking: bool,
    /// For a stream that ends before its answer has come.
    resumption: Resumption,
    /// Only while `never-retry-side-effect` is switched off: what is sent once more.
    again: Option<Outgoing>,
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
    Unsent(Outgoing),
    /// The answer is being read.
    Reading {
        frames: Box<Frames>,
        /// Messages that came together with those before.
        batch: VecDeque<String>,
        answered: bool,
    },
    /// The stream of the answer has ended and is asked for again after this pause.
    Interrupted(Duration),
    /// Nothing more comes.
    Over,
}

impl Carrier {
    /// Carries a message that has the id `wire` upstream. `own` leads to the call that it is carried for.
    pub(super) fn new(
        errand: Errand,
        place: Place,
        upstream: Arc<UpstreamSession>,
        wire: u64,
        own: Addressee,
        message: Outgoing,
    ) -> Self {
        let again = (!errand.hub.isolation.keeps(Rule::NeverRetrySideEffect)).then(|| message.clone());
        Self {
            errand,
            place,
            upstream,
            wire,
            own,
            stage: Stage::Unsent(message),
            logs: Logs::All,
            asking: true,
            resumption: Resumption::default(),
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
                        Some(message) => self.stage = Stage::Unsent(message),
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
            Stage::Unsent(message) => {
                let message = std::mem::take(message);
                self.send(message).await?;
                return Ok(None);
            }
            Stage::Interrupted(pause) => {
                tokio::time::sleep(*pause).await;
                Box::pin(self.resume()).await?;
                return Ok(None);
            }
            Stage::Reading { frames, batch, .. } => {
                if batch.is_empty() {
                    match frames.next().await {
                        Ok(frame) => batch.extend(frame.into_iter().flat_map(envelope::messages)),
                        Err(fault) => return self.ended(Some(fault)),
                    }
                }
                batch.pop_front()
            }
        };
        match text {
            Some(text) => self.dispatch(text).await,
            None => self.ended(None),
        }
    }

    async fn send(&mut self, message: Outgoing) -> Result<(), Fault> {
        let hub = &self.errand.hub;
        if !hub.isolation.keeps(Rule::CallsRunSideBySide) && self._turn.is_none() {
            self._turn = hub.turnstile.clone().acquire_owned().await.ok();
        }
        let frames = Box::new(self.errand.send_out(&self.upstream, message).await?.frames);
        self.stage = Stage::Reading { frames, batch: VecDeque::new(), answered: false };
        Ok(())
    }

    /// The answer has been read to its end, or broke off. Where the response is still to come, it is asked for if it can be.
    fn ended(&mut self, broken: Option<Fault>) -> Result<Option<Delivery>, Fault> {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        let unanswered = match stage {
            Stage::Reading { frames, answered: false, .. } => Some(frames),
            _ => None,
        };
        let readable = !matches!(broken, Some(Fault::Garbage { .. }));
        if let Some(frames) = unanswered.as_ref().filter(|_| readable)
            && let Some(pause) = self.resumption.after(&self.upstream, frames)
        {
            self.stage = Stage::Interrupted(pause);
            let away = broken.is_none() && resume::sends_away(&self.errand, &self.upstream, frames);
            return Ok(away.then_some(Delivery::Away(pause)));
        }
        match broken {
            Some(fault) => Err(fault),
            None if unanswered.is_some() => Err(Fault::NoAnswer),
            None => Ok(None),
        }
    }

    /// Goes on with a stream that has ended, as long as somebody waits for its answer.
    async fn resume(&mut self) -> Result<(), Fault> {
        self.stage = Stage::Over;
        if self.errand.hub.in_flight.get(&self.place, &self.wire).await?.is_none() {
            return Ok(());
        }
        self.stage = match self.resumption.ask(&self.errand, &self.upstream).await? {
            Ok(frames) => Stage::Reading { frames: Box::new(frames), batch: VecDeque::new(), answered: false },
            Err(pause) => Stage::Interrupted(pause),
        };
        Ok(())
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
                let Some((id, place)) = id.as_ref().and_then(Id::wire).zip(message.id_place()) else { return Ok(None) };
                self.answered(id, place, text).await
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

    async fn answered(&mut self, id: u64, place: Range<usize>, text: String) -> Result<Option<Delivery>, Fault> {
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
        Ok(self.hand_to(addressee, Delivery::Answer { text, id: place, streamed }).await)
    }

    /// Gives a delivery back where it is its own call's; whoever else waited may be gone by now, then nobody gets it.
    async fn hand_to(&self, addressee: Option<Addressee>, delivery: Delivery) -> Option<Delivery> {
        let addressee = addressee?;
        if addressee.same_channel(&self.own) {
            return Some(delivery);
        }
        let _ = addressee.send_async(delivery).await;
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
        let (hub, caller, server) = (&self.errand.hub, &self.errand.caller, &self.errand.server);
        tracing::debug!(%server, user = %caller.principal, %fault, detail = fault.detail(), "a call failed");
        upstream_session::lost(&self.errand, &self.upstream, &fault).await;
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
