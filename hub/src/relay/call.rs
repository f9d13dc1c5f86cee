//! A call, from its asker's id to where it is carried on.

use super::{
    Claim, Errand, Refused, Step, Steps, Visit, cache,
    carry::{Addressee, Carrier, Delivery, Logs},
    claim::Target,
    log_level, param_headers,
    request::Request,
    rounds::{Begun, Round},
    running::{Call, Entries, Running, reworded},
    tasks, upstream_session,
};
use crate::{
    downstream::Standing,
    envelope::{Id, Kind, Message},
    era::{Era, Level},
    hub::Hub,
    isolation::{Activity, Held, Place, Rule, table::ProgressTokens},
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
    pub(crate) fn of(visit: &Visit, id: Id) -> Self {
        match visit.session.standing {
            Standing::Client => Self::Client(id),
            Standing::Moment | Standing::Bridged => Self::Moment(visit.log_level),
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
    pub(super) deliver: Addressee,
    /// The token as the client wrote it.
    pub(super) token: String,
    /// The token that the request has upstream.
    pub(super) wire: u64,
}

impl Progress {
    /// Leads what is told under this number to a call, if its asker has given it a token.
    pub(super) async fn hold(
        hub: &Hub,
        place: &Place,
        wire: u64,
        token: Option<&str>,
        deliver: &Addressee,
    ) -> Result<Option<Held<ProgressTokens, Self>>, Fault> {
        let Some(token) = token else { return Ok(None) };
        let progress = Self { deliver: deliver.clone(), token: token.to_owned(), wire };
        Ok(Some(hub.progress_tokens.hold(place, wire, progress).await?))
    }
}

/// Begins a call and gives back what its asker is to be told.
pub(crate) async fn call(errand: &Errand, message: &Message<'_>, asker: Asker) -> Result<Steps, Refused> {
    let hub = &errand.hub;
    let (round, opened) = match asker {
        Asker::Moment(_) => match Round::begin(errand, message).await? {
            Begun::Anew(round) => (round, None),
            Begun::Again(round, request) => (round, Some(request)),
            Begun::Held(held) => return Box::pin(held.resume(message)).await,
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
    let named = tasks::named(errand, &method, message).await?;
    let named = named.as_deref().map(Message::read).transpose();
    let named = named.map_err(|error| Fault::Internal { detail: error.to_string() })?;
    let message = named.as_ref().unwrap_or(message);
    let limit = hub.config.limits.calls_per_session;
    let work = Activity::begin(&errand.session.activity, limit).ok_or(Refused::TooMany)?;
    let raw_id = message.raw_id().unwrap_or("null").to_owned();
    let cached = cache::Key::of(errand, message);
    if let Some(key) = &cached
        && let Some(fresh) = cache::fresh(errand, key).await?
    {
        let reworded = match hub.isolation.keeps(Rule::AuthorizeBeforeCache) {
            true => reworded(errand, Era::Stateful, &method, round.as_ref(), &fresh).await?,
            false => None,
        };
        return Ok(known(reworded.as_deref().unwrap_or(&fresh), &raw_id));
    }
    let cached = match cached {
        Some(key) => Some(key.begin(errand).await?),
        None => None,
    };
    let upstream = upstream_session::of(errand).await?;
    tasks::of_this_era(errand, &upstream, &method)?;
    let repeats = method == "tools/call" && upstream.era == Era::Stateless;
    let repeated = if repeats { param_headers::of(errand, message).await? } else { Vec::new() };
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
    let (deliver, deliveries) = flume::bounded(QUEUE);
    let in_flight = hub.in_flight.hold(&place, wire, deliver.clone()).await.map_err(Fault::from)?;
    let token = message.progress_token().filter(|_| told_of_progress);
    let progress = Progress::hold(hub, &place, wire, token, &deliver).await?;
    let request = Request::of(errand, &upstream, message, repeated).await?;
    let body = request.first(message, wire, token);
    let carrier = Carrier::new(errand.clone(), place.clone(), upstream.clone(), wire, deliver.clone(), body);
    let carrier = carrier.with_logs(logs).asking(errand.session.standing == Standing::Client || round.is_some());
    let entries = Entries { claim, in_flight, progress, questions: Vec::new() };
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
    let running = Running::new(call, carrier, deliveries);
    let guard = running.guard();
    Ok(Steps::of(running.go_on(), guard))
}

/// Asks a server on the hub's own account and waits for the answer.
pub(crate) async fn ask_server(errand: &Errand, request: &str) -> Result<String, Fault> {
    let message = Message::read(request).map_err(|error| Fault::Internal { detail: error.to_string() })?;
    let mut steps = match call(errand, &message, Asker::Hub).await {
        Ok(steps) => steps,
        Err(Refused::Fault(fault)) => return Err(fault),
        Err(_) => return Err(Fault::TooMany), // The hub asks for nothing that could be refused for another reason.
    };
    while let Some(step) = steps.next().await {
        match step {
            Step::Notification(_) | Step::Away(_) => {}
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

/// Progress that an upstream tells outside of the call's own answer still goes to that call, if it is of this session.
pub(super) async fn progress_from_elsewhere(errand: &Errand, told: &Message<'_>) -> Result<(), Fault> {
    let Some((raw, wire)) = told.wire_param("progressToken") else { return Ok(()) };
    let own = errand.hub.progress_tokens.owned_by(errand.session.life.key());
    if let Some(progress) = own.into_iter().find(|progress| progress.wire == wire) {
        let _ = progress.deliver.send_async(Delivery::Notification(told.with_part(raw, &progress.token))).await;
    }
    Ok(())
}
