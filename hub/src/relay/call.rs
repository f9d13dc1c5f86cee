//! A call, from its asker's id to its answer, whatever happens in between.
//!
//! A client that goes away is no cancel: the call goes on upstream, and its answer is dropped here.

use std::{collections::VecDeque, pin::pin, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Claim, Errand, HeldCall, Question, Refused, Step, Steps, UpstreamSession, Visit,
    ask::Shown,
    cache,
    carry::{self, Carrier, Delivery, Logs},
    claim::Target,
    log_level, notify, param_headers,
    request::Request,
    rounds::{self, Begun, Round},
    steps::Progressed,
    upstream_session,
    wishes::Wishes,
};
use crate::{
    catalog::{List, rights},
    downstream::Standing,
    envelope::{Id, Kind, Message, Object},
    era::{Era, HEADER_MISMATCH, Level, Meta, results},
    hub::Hub,
    isolation::{
        Activity, Held, Place, Rule, Work,
        table::{InFlight, ProgressTokens, ReverseRequests},
    },
    upstream::Fault,
};

/// What others have for a call and it has not taken yet; then they have to wait.
const QUEUE: usize = 64;

/// Who wants the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asker {
    /// A client with a session, by this id of its own, which it may use to cancel.
    Client(Id),
    /// A client without one: it cancels by going away, and wants log messages from this level on.
    Moment(Option<Level>),
    /// The hub, on the way to a merged list. Nobody is told of progress.
    Hub,
}

impl Asker {
    /// The client whose request this is.
    pub(crate) fn of(visit: &Visit, id: Id, message: &Message<'_>) -> Self {
        match visit.session.standing {
            Standing::Client => Self::Client(id),
            Standing::Moment | Standing::Bridged => {
                Self::Moment(Meta::of(message).ok().and_then(|meta| meta.log_level))
            }
        }
    }
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
pub(super) struct Call {
    pub(super) errand: Errand,
    pub(super) upstream: Arc<UpstreamSession>,
    place: Place,
    /// The way to it.
    pub(super) deliver: mpsc::Sender<Delivery>,
    /// For what is sent in a next round.
    pub(super) request: Request,
    /// The progress token as the client wrote it.
    pub(super) token: Option<String>,
    pub(super) wire: u64,
    pub(super) raw_id: String,
    method: String,
    cached: Option<cache::Key>,
    pub(super) entries: Entries,
    /// Where it may take several.
    pub(super) round: Option<Round>,
    /// Resolves when its asker wants it no more.
    canceled: CancellationToken,
    _work: Work,
}

/// What a call has in the tables until it is over.
pub(super) struct Entries {
    /// The client's own id.
    claim: Option<Claim>,
    _in_flight: Held<InFlight, mpsc::Sender<Delivery>>,
    _progress: Option<Held<ProgressTokens, Progress>>,
    /// What the upstream asked on the way and the client has not answered, perhaps.
    pub(super) questions: Vec<Held<ReverseRequests, Question>>,
}

/// Begins a call and gives back what its asker is to be told.
pub(crate) async fn call(errand: &Errand, message: &Message<'_>, asker: Asker) -> Result<Steps, Refused> {
    let hub = &errand.hub;
    let (round, opened) = match asker {
        Asker::Moment(_) => match Round::begin(errand, message).await? {
            Begun::Anew(round) => (round, None),
            Begun::Again(round, request) => (round, Some(request)),
            Begun::Held(held) => return held.resume(message).await,
        },
        Asker::Client(_) | Asker::Hub => (None, None),
    };
    let reopened = opened.as_deref().map(Message::read).transpose();
    let reopened = reopened.map_err(|error| Fault::Internal { detail: error.to_string() })?;
    let message = reopened.as_ref().unwrap_or(message);
    let method = match &message.kind {
        Kind::Request { method, .. } => method.clone(),
        Kind::Notification { .. } | Kind::Response { .. } => String::new(),
    };
    let limit = hub.config.limits.calls_per_session;
    let work = Activity::begin(&errand.session.activity, limit).ok_or(Refused::TooMany)?;
    let raw_id = message.raw_id().unwrap_or("null").to_owned();
    let cached = cache::Key::of(errand, message);
    if let Some(fresh) = cache::fresh(errand, cached.as_ref()).await? {
        let fresh = as_told(errand, Era::Stateful, &method, round.as_ref(), fresh.to_string()).await?;
        return Ok(known(&fresh, &raw_id));
    }
    let upstream = upstream_session::of(errand).await?;
    let repeats = method == "tools/call" && upstream.era == Era::Stateless;
    let repeated = if repeats { param_headers::of(errand, message).await? } else { Vec::new() };
    let errand = &errand.repeating(repeated);
    let wire = upstream.next_id(hub);
    let told_of_progress = asker != Asker::Hub;
    let logs = logs(hub, &asker);
    if let Logs::From(level) = logs {
        log_level::at_least(errand, &upstream, level).await?;
    }
    let claim = match asker {
        Asker::Client(id) => {
            let target = Target { errand: errand.clone(), upstream: upstream.clone(), wire };
            Some(Claim::new(&errand.visit(), id, Some(target)).await?)
        }
        Asker::Moment(_) | Asker::Hub => None,
    };
    let canceled = claim.as_ref().map(|claim| claim.canceled.clone()).unwrap_or_default();
    let place = errand.place().in_call(hub.calls.next());
    let (deliver, deliveries) = mpsc::channel(QUEUE);
    let in_flight = hub.in_flight.hold(&place, wire, deliver.clone()).await.map_err(Fault::from)?;
    let token = message.progress_token().filter(|_| told_of_progress);
    let progress = match token {
        Some(token) => {
            let progress = Progress { deliver: deliver.clone(), token: token.to_owned(), wire };
            Some(hub.progress_tokens.hold(&place, wire, progress).await.map_err(Fault::from)?)
        }
        None => None,
    };
    let request = Request::of(errand, &upstream, message).await?;
    let body = request.addressed(wire, token.is_some());
    let carrier = Carrier::new(errand.clone(), place.clone(), upstream.clone(), wire, deliver.clone(), body);
    let carrier = carrier.with_logs(logs).asking(errand.session.standing == Standing::Client || round.is_some());
    let entries = Entries { claim, _in_flight: in_flight, _progress: progress, questions: Vec::new() };
    let errand = errand.clone();
    let token = token.map(str::to_owned);
    let call = Call {
        errand,
        upstream,
        place,
        deliver,
        request,
        token,
        wire,
        raw_id,
        method,
        cached,
        entries,
        round,
        canceled,
        _work: work,
    };
    let deadline = Instant::now() + hub.config.limits.call_timeout;
    let carrying: Carrying = Box::pin(carrier.next());
    let (pending, wishes) = (VecDeque::new(), Wishes::default());
    let running = Running { call, carrying: Some(carrying), deliveries, deadline, pending, wishes, repeated: false };
    let guard = running.guard();
    Ok(Steps::of(running.go_on(), guard))
}

/// Asks a server on the hub's own account and waits for the answer.
pub(crate) async fn ask_server(errand: &Errand, request: &str) -> Result<String, Fault> {
    let message = Message::read(request).map_err(|error| Fault::Internal { detail: error.to_string() })?;
    let mut steps = match call(errand, &message, Asker::Hub).await {
        Ok(steps) => steps,
        Err(Refused::Fault(fault)) => return Err(fault),
        Err(Refused::TooMany | Refused::DuplicateId | Refused::StaleState | Refused::Mismatch(_)) => {
            return Err(Fault::TooMany);
        }
    };
    while let Some(step) = steps.next().await {
        match step {
            Step::Notification(_) => {}
            Step::Answer { text, .. } => return Ok(text),
            Step::Failed { fault, .. } => return Err(fault),
        }
    }
    Err(Fault::NoAnswer)
}

/// Which log messages on the way are for whoever asks. What a client of the stateful era is told, its session decides.
fn logs(hub: &Hub, asker: &Asker) -> Logs {
    match asker {
        Asker::Moment(Some(level)) => Logs::From(*level),
        Asker::Moment(None) if hub.isolation.keeps(Rule::LogWhatWasAsked) => Logs::None,
        Asker::Moment(None) | Asker::Client(_) | Asker::Hub => Logs::All,
    }
}

/// An answer that needs no call.
fn known(answer: &str, raw_id: &str) -> Steps {
    let text = Message::read(answer).map_or_else(|_| answer.to_owned(), |answer| answer.with_id(raw_id));
    Steps::known(Step::Answer { text, streamed: false })
}

/// A carrier on its way to the next thing that it has for its own call.
type Carrying = BoxFuture<'static, (Carrier, Option<Delivery>)>;

/// A call under way.
pub(super) struct Running {
    pub(super) call: Call,
    /// Until there is nothing more to be read.
    carrying: Option<Carrying>,
    /// What others have for it: progress on the listening stream, or whatever a table that is too wide leads here.
    deliveries: mpsc::Receiver<Delivery>,
    deadline: Instant,
    /// What the client is still to be asked.
    pub(super) pending: VecDeque<Shown>,
    /// What an upstream of the stateless era wishes to know.
    pub(super) wishes: Wishes,
    /// Whether it was sent once more because of its headers.
    repeated: bool,
}

/// What an asker is to be told on the way.
enum Told {
    Message(String),
    Question(Shown),
}

/// Why a call is at its end.
enum Ending {
    Answered { text: String, streamed: bool },
    Failed(Fault),
    Canceled,
}

/// An upstream's answer as this caller may have it, in the words of their era; what is kept in the cache is the answer
/// as it came.
async fn as_told(
    errand: &Errand,
    era: Era,
    method: &str,
    round: Option<&Round>,
    answer: String,
) -> Result<String, Fault> {
    let answer = match List::of(method) {
        Some(List::Tools) => rights::visible(&errand.hub, &errand.caller.principal, &errand.server, answer),
        _ => answer,
    };
    match errand.session.standing {
        Standing::Client if era == Era::Stateless => Ok(results::for_stateful(method, &answer)),
        Standing::Client => Ok(answer),
        Standing::Moment => rounds::answered(round, errand, answer).await,
        Standing::Bridged if rounds::wish(&answer).is_some() => {
            Err(Fault::Garbage { detail: "a wish for input, in an era that has none".into() })
        }
        Standing::Bridged => Ok(results::for_stateless(method, &answer)),
    }
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

impl Running {
    /// Carries the request and waits for the next thing that its asker is to be told, or for whatever ends the call.
    pub(super) fn go_on(mut self) -> BoxFuture<'static, Progressed> {
        Box::pin(async move {
            let ending = match self.next().await {
                Ok(Told::Message(told)) => return Progressed::Step(Step::Notification(told), self.go_on()),
                Ok(Told::Question(shown)) => match self.call.errand.session.standing {
                    Standing::Bridged => return Progressed::End(Some(HeldCall::hold(self, shown).await), None),
                    Standing::Client | Standing::Moment => {
                        self.call.entries.questions.push(shown.held);
                        return Progressed::Step(Step::Notification(shown.text), self.go_on());
                    }
                },
                Err(ending) => ending,
            };
            self.let_go(&ending);
            let patience = carry::patience(&self.call.errand);
            let step = self.call.end(ending).await;
            Progressed::End(step, self.carrying.map(|carrying| Box::pin(read_on(carrying, patience)) as _))
        })
    }

    /// Canceled when its asker leaves before the end, where that is a cancel.
    pub(super) fn guard(&self) -> Option<CancellationToken> {
        let Call { errand, canceled, .. } = &self.call;
        let walks_away = errand.session.standing != Standing::Client && errand.hub.isolation.keeps(Rule::CloseIsCancel);
        walks_away.then(|| canceled.clone())
    }

    /// Goes on for this request, which is another round of the one that it was begun for.
    pub(super) async fn readdress(&mut self, message: &Message<'_>) -> Result<(), Fault> {
        let Call { errand, place, deliver, wire, entries, raw_id, .. } = &mut self.call;
        message.raw_id().unwrap_or("null").clone_into(raw_id);
        entries._progress = match message.progress_token() {
            Some(token) => {
                let progress = Progress { deliver: deliver.clone(), token: token.to_owned(), wire: *wire };
                Some(errand.hub.progress_tokens.hold(place, *wire, progress).await?)
            }
            None => None,
        };
        self.deadline = Instant::now() + errand.hub.config.limits.call_timeout;
        Ok(())
    }

    /// Whether an upstream has refused a call, before it did anything, because an argument is not repeated in a header:
    /// a client of the stateful era knows no such headers.
    fn lacks_headers(&self, answer: &str) -> bool {
        let Call { errand, upstream, method, .. } = &self.call;
        let between = errand.session.standing == Standing::Client && upstream.era == Era::Stateless;
        between && !self.repeated && method == "tools/call" && error_code(answer) == Some(HEADER_MISMATCH)
    }

    /// Learns what the tools there want repeated, and sends the call once more.
    async fn learn_and_repeat(&mut self) -> Result<(), Fault> {
        self.repeated = true;
        param_headers::ask(&self.call.errand).await?;
        let text = self.call.request.addressed(self.call.wire, false);
        let message = Message::read(&text).map_err(|error| Fault::Internal { detail: error.to_string() })?;
        match param_headers::of(&self.call.errand, &message).await {
            Ok(repeated) => self.call.errand = self.call.errand.repeating(repeated),
            Err(Refused::Fault(fault)) => return Err(fault),
            Err(_) => {}
        }
        self.send_again(None, None).await
    }

    /// Sends the request once more, with this in it, under an id of its own.
    pub(super) async fn send_again(&mut self, given: Option<&str>, state: Option<&str>) -> Result<(), Fault> {
        let call = &mut self.call;
        let hub = &call.errand.hub;
        call.wire = call.upstream.next_id(hub);
        call.entries._in_flight = hub.in_flight.hold(&call.place, call.wire, call.deliver.clone()).await?;
        if let Some(token) = &call.token {
            let progress = Progress { deliver: call.deliver.clone(), token: token.clone(), wire: call.wire };
            call.entries._progress = Some(hub.progress_tokens.hold(&call.place, call.wire, progress).await?);
        }
        let body = call.request.again(call.wire, call.token.is_some(), given, state);
        let (errand, place, upstream) = (call.errand.clone(), call.place.clone(), call.upstream.clone());
        let carrier = Carrier::new(errand, place, upstream, call.wire, call.deliver.clone(), body);
        self.carrying = Some(Box::pin(carrier.next()));
        Ok(())
    }

    /// Tells the upstream that nobody waits any more, where it does not know that: one that keeps no session learns it
    /// when its answer is no longer read.
    fn let_go(&mut self, ending: &Ending) {
        let Call { errand, upstream, wire, entries, .. } = &self.call;
        match (upstream.era, ending) {
            (_, Ending::Answered { .. }) => {}
            (Era::Stateless, _) => self.carrying = None,
            (Era::Stateful, Ending::Failed(Fault::TimedOut)) => notify::give_up(errand, upstream, *wire, "timed out"),
            (Era::Stateful, Ending::Failed(Fault::Lacks(_))) => {
                notify::give_up(errand, upstream, *wire, "it cannot be answered")
            }
            (Era::Stateful, Ending::Canceled) if entries.claim.is_none() => {
                notify::give_up(errand, upstream, *wire, "the client has gone");
            }
            (Era::Stateful, _) => {}
        }
    }

    /// The next message on the way, or the end.
    async fn next(&mut self) -> Result<Told, Ending> {
        let (session, canceled) = (self.call.errand.session.clone(), self.call.canceled.clone());
        let (mut ended, mut canceled) = (pin!(session.life.ended()), pin!(canceled.cancelled()));
        let mut late = pin!(sleep_until(self.deadline));
        loop {
            if let Some(shown) = self.pending.pop_front() {
                return Ok(Told::Question(shown));
            }
            let delivery = tokio::select! {
                biased;
                // Without its entry in the table of calls nobody can have anything for it.
                delivery = self.deliveries.recv() => delivery.or(Some(Delivery::Fault(Fault::NoAnswer))),
                () = &mut canceled => return Err(Ending::Canceled),
                () = &mut ended => return Err(Ending::Failed(Fault::SessionEnded)),
                () = &mut late => return Err(Ending::Failed(Fault::TimedOut)),
                carried = carried(&mut self.carrying) => carried,
            };
            match delivery {
                Some(Delivery::Notification(text)) => return Ok(Told::Message(text)),
                Some(Delivery::Question(shown)) => return Ok(Told::Question(shown)),
                Some(Delivery::Answer { text, .. }) if self.lacks_headers(&text) => {
                    self.learn_and_repeat().await.map_err(Ending::Failed)?;
                }
                Some(Delivery::Answer { text, .. }) if self.has_wishes(&text) => {
                    self.ask_for(&text).await.map_err(Ending::Failed)?;
                }
                Some(Delivery::Input { key, given }) => self.given(key, given).await.map_err(Ending::Failed)?,
                Some(Delivery::Answer { text, streamed }) => return Err(Ending::Answered { text, streamed }),
                Some(Delivery::Fault(fault)) => return Err(Ending::Failed(fault)),
                None => {} // The carrier is at its end, and what it carried was for others.
            }
        }
    }
}

/// The code of an answer that is an error.
fn error_code(answer: &str) -> Option<i64> {
    let error = Object::read(answer).ok()?.get("error")?;
    Object::read(error).ok()?.get("code")?.parse().ok()
}

/// What the carrier has for its own call; never, where it is at its end.
async fn carried(carrying: &mut Option<Carrying>) -> Option<Delivery> {
    let Some(on) = carrying else { return std::future::pending().await };
    let (carrier, delivery) = on.await;
    *carrying = carrier.is_on().then(|| Box::pin(carrier.next()) as _);
    delivery
}

/// What an upstream still says when the call is over is read, so that one which is slow once keeps its session and its
/// connection. It reaches nobody: whoever waited has been told.
async fn read_on(carrying: Carrying, patience: Duration) {
    let mut carrying = Some(carrying);
    let reading = async {
        while carrying.is_some() {
            carried(&mut carrying).await;
        }
    };
    let _ = timeout(patience, reading).await;
}

impl Call {
    /// What its asker is told last. Its entries go first: a client may use its id again as soon as it hears of the end.
    async fn end(self, ending: Ending) -> Option<Step> {
        let ending = match ending {
            Ending::Answered { text, streamed } => Some(self.answer(text, streamed).await),
            Ending::Failed(fault) => Some(Err(fault)),
            Ending::Canceled => None,
        };
        drop(self.entries);
        match ending? {
            Ok(step) => Some(step),
            Err(fault) => Some(Step::Failed { text: self.errand.phrase(&self.raw_id, &fault).await, fault }),
        }
    }

    /// The answer with the asker's id in the place of the hub's.
    async fn answer(&self, text: String, streamed: bool) -> Result<Step, Fault> {
        cache::keep(&self.errand, self.cached.as_ref(), &text).await?;
        if self.upstream.era == Era::Stateless && List::of(&self.method) == Some(List::Tools) {
            param_headers::learn(&self.errand, &text).await?;
        }
        let text = as_told(&self.errand, self.upstream.era, &self.method, self.round.as_ref(), text).await?;
        let message = Message::read(&text).map_err(|error| Fault::Garbage { detail: error.to_string() })?;
        Ok(Step::Answer { text: message.with_id(&self.raw_id), streamed })
    }
}
