//! A call under way: carried on by whoever waits for its next step, through as many rounds as it takes, to its end.
//!
//! A client that goes away is no cancel in the stateful era: the call goes on upstream, and its answer is dropped here.
//! In the stateless era it is.

use std::{collections::VecDeque, ops::Range, pin::pin, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Claim, Errand, HeldCall, Progress, Question, Refused, Step, UpstreamSession,
    ask::Shown,
    cache,
    carry::{self, Addressee, Carrier, Delivery},
    notify, param_headers,
    request::Request,
    rounds::{self, Round},
    steps::Progressed,
    tasks,
    wishes::Wishes,
};
use crate::{
    catalog::{List, rights},
    downstream::Standing,
    envelope::{Message, Object, splice},
    era::{Era, HEADER_MISMATCH, results},
    isolation::{
        Held, Place, Rule, Work,
        table::{InFlight, ProgressTokens, ReverseRequests},
    },
    upstream::Fault,
};

/// Everything that belongs to one call.
pub(super) struct Call {
    pub(super) errand: Errand,
    pub(super) upstream: Arc<UpstreamSession>,
    pub(super) place: Place,
    /// The way to it.
    pub(super) deliver: Addressee,
    /// For what is sent in a next round.
    pub(super) request: Request,
    /// The progress token as the client wrote it.
    pub(super) token: Option<String>,
    pub(super) wire: u64,
    pub(super) raw_id: String,
    pub(super) method: String,
    pub(super) cached: Option<cache::Wanted>,
    pub(super) entries: Entries,
    /// Where it may take several.
    pub(super) round: Option<Round>,
    /// Resolves when its asker wants it no more.
    pub(super) canceled: CancellationToken,
    pub(super) _work: Work,
}

/// What a call has in the tables until it is over.
pub(super) struct Entries {
    /// The client's own id.
    pub(super) claim: Option<Claim>,
    pub(super) in_flight: Held<InFlight, Addressee>,
    pub(super) progress: Option<Held<ProgressTokens, Progress>>,
    /// What the upstream asked on the way and the client has not answered, perhaps.
    pub(super) questions: Vec<Held<ReverseRequests, Question>>,
}

/// A carrier on its way to the next thing that it has for its own call.
type Carrying = BoxFuture<'static, (Carrier, Option<Delivery>)>;

/// A call under way.
pub(super) struct Running {
    pub(super) call: Call,
    /// Until there is nothing more to be read.
    carrying: Option<Carrying>,
    /// What others have for it: progress on the listening stream, or whatever a table that is too wide leads here.
    deliveries: flume::Receiver<Delivery>,
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
    Away(Duration),
    Question(Shown),
}

/// Why a call is at its end.
enum Ending {
    Answered { text: String, id: Range<usize>, streamed: bool },
    Failed(Fault),
    Canceled,
}

/// An upstream's answer as this caller may have it, in the words of their era; `None` where that is the answer as it came,
/// which is also what is kept in the cache.
pub(super) async fn reworded(
    errand: &Errand,
    era: Era,
    method: &str,
    round: Option<&Round>,
    answer: &str,
) -> Result<Option<String>, Fault> {
    let shortened = match List::of(method) {
        Some(List::Tools) => rights::visible(&errand.caller, &errand.server, answer),
        _ => None,
    };
    let own = results::for_its_asker(method, shortened.as_deref().unwrap_or(answer));
    let own =
        own.filter(|_| !errand.hub.is_for_all(&errand.server) && errand.hub.isolation.keeps(Rule::PublicIsForAll));
    let shortened = own.or(shortened);
    let answer = shortened.as_deref().unwrap_or(answer);
    let reworded = match errand.session.standing {
        Standing::Client if era == Era::Stateless => Some(results::for_stateful(method, answer)),
        Standing::Client => None,
        Standing::Moment => {
            let answer = rounds::answered(round, errand, answer.to_owned()).await?;
            Some(tasks::shown(errand, method, answer).await?)
        }
        Standing::Bridged if rounds::wish(answer).is_some() => {
            return Err(Fault::Garbage { detail: "a wish for input, in an era that has none".into() });
        }
        Standing::Bridged => Some(results::for_stateless(method, answer)),
    };
    Ok(reworded.or(shortened))
}

impl Running {
    /// A call that is sent when somebody waits for its first step.
    pub(super) fn new(call: Call, carrier: Carrier, deliveries: flume::Receiver<Delivery>) -> Self {
        let deadline = Instant::now() + call.errand.hub.config.limits.call_timeout;
        let carrying: Carrying = Box::pin(carrier.next());
        let (pending, wishes) = (VecDeque::new(), Wishes::default());
        Self { call, carrying: Some(carrying), deliveries, deadline, pending, wishes, repeated: false }
    }

    /// Carries the request and waits for the next thing that its asker is to be told, or for whatever ends the call.
    pub(super) fn go_on(mut self) -> BoxFuture<'static, Progressed> {
        Box::pin(async move {
            let ending = match self.next().await {
                Ok(Told::Message(told)) => return Progressed::Step(Step::Notification(told), self.go_on()),
                Ok(Told::Away(pause)) => return Progressed::Step(Step::Away(pause), self.go_on()),
                Ok(Told::Question(shown)) => match self.call.errand.session.standing {
                    Standing::Bridged => {
                        return Progressed::End(Some(Box::pin(HeldCall::hold(self, shown)).await), None);
                    }
                    Standing::Client | Standing::Moment => {
                        self.call.entries.questions.push(shown.held);
                        return Progressed::Step(Step::Notification(shown.text), self.go_on());
                    }
                },
                Err(ending) => ending,
            };
            self.let_go(&ending);
            let outcome = self.call.outcome(ending).await;
            let Self { call: Call { errand, raw_id, entries, .. }, carrying, .. } = self;
            drop(entries); // A client may use its id again as soon as it hears of the end.
            let step = match outcome {
                Some(Err(fault)) => Some(Step::Failed { text: errand.phrase(&raw_id, &fault).await, fault }),
                Some(Ok(step)) => Some(step),
                None => None,
            };
            let patience = carry::patience(&errand);
            Progressed::End(step, carrying.map(|carrying| Box::pin(read_on(carrying, patience)) as _))
        })
    }

    /// Canceled when its asker leaves before the end, where that is a cancel.
    pub(super) fn guard(&self) -> Option<CancellationToken> {
        let Call { errand, canceled, .. } = &self.call;
        let keeps = |rule| errand.hub.isolation.keeps(rule);
        let is_cancel = match errand.session.standing {
            Standing::Client => !keeps(Rule::LostConnectionIsNoCancel),
            Standing::Bridged | Standing::Moment => keeps(Rule::CloseIsCancel),
        };
        is_cancel.then(|| canceled.clone())
    }

    /// Goes on for this request, which is another round of the one that it was begun for.
    pub(super) async fn readdress(&mut self, message: &Message<'_>) -> Result<(), Fault> {
        let Call { errand, place, deliver, wire, entries, raw_id, .. } = &mut self.call;
        message.raw_id().unwrap_or("null").clone_into(raw_id);
        entries.progress = Progress::hold(&errand.hub, place, *wire, message.progress_token(), deliver).await?;
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
            Ok(arguments) => self.call.request.repeat(&message, arguments),
            Err(Refused::Fault(fault)) => return Err(fault),
            Err(_) => {}
        }
        self.send_again(None, None).await
    }

    /// Sends the request once more, with this in it, under an id of its own.
    pub(super) async fn send_again(&mut self, given: Option<&str>, state: Option<&str>) -> Result<(), Fault> {
        let call = &mut self.call;
        if given.or(state).is_some() {
            call.cached = None; // What somebody has added on the way is in the answer.
        }
        let hub = &call.errand.hub;
        call.wire = call.upstream.next_id(hub);
        call.entries.in_flight = hub.in_flight.hold(&call.place, call.wire, call.deliver.clone()).await?;
        let token = call.token.as_deref();
        call.entries.progress = Progress::hold(hub, &call.place, call.wire, token, &call.deliver).await?;
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
                notify::give_up(errand, upstream, *wire, "it cannot be answered");
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
                delivery = self.deliveries.recv_async() => Some(delivery.unwrap_or(Delivery::Fault(Fault::NoAnswer))),
                () = &mut canceled => return Err(Ending::Canceled),
                () = &mut ended => return Err(Ending::Failed(Fault::SessionEnded)),
                () = &mut late => return Err(Ending::Failed(Fault::TimedOut)),
                carried = carried(&mut self.carrying) => carried,
            };
            match delivery {
                Some(Delivery::Notification(text)) => return Ok(Told::Message(text)),
                Some(Delivery::Away(pause)) => return Ok(Told::Away(pause)),
                Some(Delivery::Question(shown)) => return Ok(Told::Question(shown)),
                Some(Delivery::Answer { text, .. }) if self.lacks_headers(&text) => {
                    Box::pin(self.learn_and_repeat()).await.map_err(Ending::Failed)?;
                }
                Some(Delivery::Answer { text, .. }) if self.has_wishes(&text) => {
                    Box::pin(self.ask_for(&text)).await.map_err(Ending::Failed)?;
                }
                Some(Delivery::Input { key, given }) => {
                    Box::pin(self.given(key, given)).await.map_err(Ending::Failed)?;
                }
                Some(Delivery::Answer { text, id, streamed }) => return Err(Ending::Answered { text, id, streamed }),
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
    /// What its asker is told last, or why there is nothing.
    async fn outcome(&mut self, ending: Ending) -> Option<Result<Step, Fault>> {
        match ending {
            Ending::Answered { text, id, streamed } => Some(self.answer(text, id, streamed).await),
            Ending::Failed(fault) => Some(Err(fault)),
            Ending::Canceled => None,
        }
    }

    /// The answer with the asker's id in the place of the hub's, which stands at `id`.
    async fn answer(&mut self, text: String, id: Range<usize>, streamed: bool) -> Result<Step, Fault> {
        if let Some(wanted) = self.cached.take() {
            wanted.keep(&self.errand, self.upstream.era, &text).await?;
        }
        if self.upstream.era == Era::Stateless && List::of(&self.method) == Some(List::Tools) {
            param_headers::learn(&self.errand, &text).await?;
        }
        let text = match reworded(&self.errand, self.upstream.era, &self.method, self.round.as_ref(), &text).await? {
            None => splice(&text, id, &self.raw_id),
            Some(text) => {
                let message = Message::read(&text).map_err(|error| Fault::Garbage { detail: error.to_string() })?;
                message.with_id(&self.raw_id)
            }
        };
        Ok(Step::Answer { text, streamed })
    }
}
