//! Questions that an upstream asks a client: passed on under an id of the hub's, and answered once, by whom was asked.
//!
//! An upstream counts its questions as it likes, and so do others; the client is shown a number of the hub's instead,
//! which also stands in for the progress token. Its answer finds the way back by that number, inside its own session.

use std::sync::Arc;

use super::{
    Errand, UpstreamSession, Visit,
    carry::{Addressee, Delivery},
    notify,
};
use crate::{
    downstream::Greeting,
    envelope::{Id, Message},
    isolation::{Held, Rule, table::ReverseRequests},
    upstream::Fault,
};

/// Questions that one session may have open.
const MOST: usize = 64;

/// A question that waits for its answer.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// The id that the client was shown.
    pub(super) shown: u64,
    /// Who asked.
    upstream: Arc<UpstreamSession>,
    /// The id as the upstream wrote it.
    raw_id: String,
    /// The progress token as the upstream wrote it.
    token: Option<String>,
    /// Where the answer goes, where it is no message to whoever asked.
    input: Option<Input>,
}

/// A wish of an upstream of the stateless era, and the call that waits for what the client gives.
#[derive(Debug, Clone)]
pub(super) struct Input {
    pub(super) key: String,
    pub(super) deliver: Addressee,
}

/// A question as the client is to be shown it. It can be answered for as long as it is held.
#[derive(Debug)]
pub(crate) struct Shown {
    id: u64,
    pub(super) text: String,
    pub(super) held: Held<ReverseRequests, Question>,
}

impl Shown {
    /// The number under which its answer is looked for.
    pub(super) fn number(&self) -> u64 {
        self.id
    }

    /// Its text. It can be answered for as long as the session lives.
    pub(super) fn left_open(self) -> String {
        self.held.leave();
        self.text
    }
}

/// Takes a question in; `None` where it was refused to the upstream.
pub(super) async fn ask(
    errand: &Errand,
    upstream: &Arc<UpstreamSession>,
    message: &Message<'_>,
    method: &str,
) -> Result<Option<Shown>, Fault> {
    let (hub, session) = (&errand.hub, &errand.session);
    if method == "ping" && session.greeting == Greeting::OfTheHub {
        // The hub is the peer on a route of several servers.
        let body = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{}}}}"#, message.raw_id().unwrap_or("null"));
        notify::send_in_background(errand, upstream.clone(), body);
        return Ok(None);
    }
    if !offered(errand, method) && hub.isolation.keeps(Rule::AskOnlyWhatIsOffered) {
        refuse(errand, upstream, message, -32601, "this client offers nothing of the kind");
        return Ok(None);
    }
    if hub.reverse_requests.owned_by(session.life.key()).len() >= MOST {
        refuse(errand, upstream, message, -32000, "this client was asked too much already");
        return Ok(None);
    }
    let id = session.questions.next();
    let token = message.progress_token();
    let question = Question {
        shown: id,
        upstream: upstream.clone(),
        raw_id: message.raw_id().unwrap_or("null").to_owned(),
        token: token.map(str::to_owned),
        input: None,
    };
    let held = hub.reverse_requests.hold(&errand.visit().place(), id, question).await?;
    Ok(Some(Shown { id, text: message.readdressed(&id.to_string(), token), held }))
}

/// Takes a wish in, as a question of this method.
pub(super) async fn wish(
    errand: &Errand,
    upstream: &Arc<UpstreamSession>,
    method: &str,
    params: Option<&str>,
    input: Input,
) -> Result<Shown, Fault> {
    let id = errand.session.questions.next();
    let params = params.map(|params| format!(r#","params":{params}"#)).unwrap_or_default();
    let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}"{params}}}"#);
    let question =
        Question { shown: id, upstream: upstream.clone(), raw_id: String::new(), token: None, input: Some(input) };
    let held = errand.hub.reverse_requests.hold(&errand.visit().place(), id, question).await?;
    Ok(Shown { id, text, held })
}

/// Whether the client said in its `initialize` that it can be asked this.
pub(super) fn offered(errand: &Errand, method: &str) -> bool {
    let offers = &errand.session.offers;
    match method.split_once('/') {
        Some((kind, _)) => offers.contains(kind),
        None => method == "ping",
    }
}

/// Says to the upstream that nobody is asked.
pub(super) fn refuse(errand: &Errand, upstream: &Arc<UpstreamSession>, asked: &Message<'_>, code: i64, why: &str) {
    let id = asked.raw_id().unwrap_or("null");
    let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":"{why}"}}}}"#);
    notify::send_in_background(errand, upstream.clone(), body);
}

/// An upstream takes a question back. The cancel as its client is to be told it; `None` where there is no such question.
pub(super) async fn take_back(
    errand: &Errand,
    upstream: &Arc<UpstreamSession>,
    cancel: &Message<'_>,
) -> Result<Option<String>, Fault> {
    let Some((raw, meant)) = cancel.id_param("requestId") else { return Ok(None) };
    let open = errand.hub.reverse_requests.owned_by(errand.session.life.key());
    let found = open.into_iter().find(|question| {
        Arc::ptr_eq(&question.upstream, upstream) && Id::read(&question.raw_id).as_ref() == Some(&meant)
    });
    let Some(question) = found else { return Ok(None) };
    errand.hub.reverse_requests.remove(&errand.visit().place(), &question.shown).await?;
    Ok(Some(cancel.with_part(raw, &question.shown.to_string())))
}

/// A client's answer, to whoever asked. An answer to nothing that this session was asked is dropped.
pub(crate) async fn answer(visit: &Visit, answer: &Message<'_>, id: Option<&Id>) -> Result<(), Fault> {
    let Some(id) = id.and_then(Id::wire) else { return Ok(()) };
    let (table, place) = (&visit.hub.reverse_requests, visit.place());
    let asked = match visit.hub.isolation.keeps(Rule::AnswerOnce) {
        true => table.remove(&place, &id).await?,
        false => table.get(&place, &id).await?,
    };
    let Some(Question { upstream, raw_id, input, .. }) = asked else { return Ok(()) };
    if let Some(Input { key, deliver }) = input {
        let given = answer.result().map(str::to_owned);
        let _ = deliver.send_async(Delivery::Input { key, given }).await; // The call may be over by now.
        return Ok(());
    }
    // By whoever answers: a question that was found in a table too wide shows who was let in.
    notify::pass(&visit.to(&upstream.server), &upstream, answer.with_id(&raw_id)).await
}

/// A client's progress on what it was asked, under the token of whoever asked.
pub(crate) async fn progress(visit: &Visit, told: &Message<'_>) -> Result<(), Fault> {
    let Some((raw, id)) = told.wire_param("progressToken") else { return Ok(()) };
    let asked = visit.hub.reverse_requests.get(&visit.place(), &id).await?;
    let Some(Question { upstream, token: Some(token), .. }) = asked else { return Ok(()) };
    notify::pass(&visit.to(&upstream.server), &upstream, told.with_part(raw, &token)).await
}
