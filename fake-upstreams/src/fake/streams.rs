//! What a fake says before an answer and outside of answers: questions to the caller's client, and a listening stream.
//!
//! Every session counts its questions alike, so that their ids collide unless somebody keeps them apart.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Map, Value, json};
use tokio::sync::{
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    oneshot,
};

use super::{
    answer::Answer,
    request::{Asked, Outcome},
    server::Fake,
    stateless::Unfinished,
};
use crate::{
    Basis, Entry,
    wire::{rpc, sse},
};

/// Who listens in a session, and what its client was asked.
#[derive(Debug, Default)]
pub(super) struct Talk {
    /// The exchange of the newest listening stream, and the way onto it.
    listener: Option<(u64, UnboundedSender<String>)>,
    /// Everything that was told since somebody first listened; the number of an event is its place, from 1.
    told: Vec<String>,
    /// Questions that wait for an answer, by their id as JSON.
    open: BTreeMap<String, oneshot::Sender<Value>>,
    questions: u64,
    /// The lowest level of log lines that this session wants; all where it never said.
    level: Option<usize>,
    /// URIs of resources whose changes this session wants to hear of.
    subscribed: BTreeSet<String>,
    /// Responses that wait for a client that comes back, by the event after which it does.
    later: BTreeMap<String, String>,
}

impl Talk {
    /// Keeps a response for a client that comes back after this event.
    pub(super) fn keep(&mut self, event: String, response: String) {
        self.later.insert(event, response);
    }

    /// Whether this session wants to hear of it.
    fn wants(&self, method: &str, text: &str) -> bool {
        match method {
            "notifications/message" => self.level.is_none_or(|level| level <= INFO),
            "notifications/resources/updated" => self.subscribed.contains(&format!("note://{text}")),
            _ => true,
        }
    }
}

/// Levels of log lines, lowest first.
const LEVELS: [&str; 8] = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
/// The level at which `announce` logs.
pub(super) const INFO: usize = 1;
/// How high a level is; `None` where it is none.
pub(super) fn level(name: &str) -> Option<usize> {
    LEVELS.iter().position(|level| *level == name)
}

/// How the names of notes begin that everybody has of their own, under one URI.
pub(super) const OWN: &str = "own/";
/// Events of a burst, and the length of each: more than a client that does not read can be sent.
pub(super) const BURST: (usize, usize) = (200, 16 << 10);

/// A call's result, from the answer to the question that it asked.
type Finish = Box<dyn FnOnce(&Fake, &Asked, &Value) -> Value + Send>;

/// A question to the client, and what becomes of its answer.
pub(super) struct Asking {
    pub(super) method: String,
    pub(super) params: Value,
    /// The call's result, from the whole message that answered; null where the session was closed first.
    pub(super) finish: Finish,
}

/// An answer that is written as it comes.
pub(crate) struct Streaming {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) events: UnboundedReceiver<String>,
    /// Where it is to be seen that somebody closes it before it ends.
    pub(crate) unfinished: Option<Unfinished>,
}

impl Streaming {
    pub(super) fn new(events: UnboundedReceiver<String>) -> Self {
        Self { headers: event_stream(), events, unfinished: None }
    }

    pub(super) fn guarded(events: UnboundedReceiver<String>, unfinished: Unfinished) -> Self {
        Self { headers: event_stream(), events, unfinished: Some(unfinished) }
    }

    /// The next piece and the rest; `None` at its end.
    pub(crate) async fn next(mut self) -> Option<(String, Self)> {
        match self.events.recv().await {
            Some(event) => Some((event, self)),
            None => {
                if let Some(unfinished) = self.unfinished.take() {
                    unfinished.over();
                }
                None
            }
        }
    }
}

pub(super) fn event_stream() -> Vec<(String, String)> {
    vec![("content-type".into(), "text/event-stream".into())]
}

impl Fake {
    /// `ask` of `db`: tells what was answered.
    pub(super) fn ask_as_told(self: &Arc<Self>, asked: Asked, held: bool) -> Outcome {
        let arguments = asked.arguments();
        let text = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or_default();
        let (upstream, exchange) = (self.settings.name.clone(), asked.exchange);
        self.ledger.record(Entry::Executed { upstream, exchange, tool: "ask".into() });
        let mark = self.mint(asked.exchange, Basis::Call);
        let params = params_of(text("method"), text("text"), &mark);
        let finish = |fake: &Self, asked: &Asked, answer: &Value| {
            let text = answer.get("result").or_else(|| answer.get("error")).map(ToString::to_string);
            let text = text.unwrap_or_else(|| "the session was closed".to_owned());
            let mark = fake.mint(asked.exchange, Basis::Call);
            let content = json!([{ "type": "text", "text": format!("answered {text}\n[{mark}]") }]);
            json!({ "content": content, "isError": false })
        };
        self.ask(asked, held, Asking { method: text("method").to_owned(), params, finish: Box::new(finish) })
    }

    /// Asks the client on the stream of this call, and then answers the call; a held one is held between the two.
    pub(super) fn ask(self: &Arc<Self>, asked: Asked, held: bool, asking: Asking) -> Outcome {
        let (write, events) = unbounded_channel();
        let fake = self.clone();
        // A connection that goes away does not stop it, as it stops no other tool.
        tokio::spawn(async move { fake.question(&asked, held, &write, asking).await });
        Outcome::Streaming(Streaming::new(events))
    }

    async fn question(&self, asked: &Asked, held: bool, write: &UnboundedSender<String>, asking: Asking) {
        let Some((question, answered)) = self.open_question(asked, &asking) else { return };
        let mut body = self.say(asked.exchange, write, &question);
        let answer = answered.await.unwrap_or_default();
        if held {
            self.hold(asked).await;
        }
        let response = rpc::result(&asked.id, (asking.finish)(self, asked, &answer));
        body.push_str(&self.say(asked.exchange, write, &response));
        let headers = event_stream();
        let upstream = self.settings.name.clone();
        self.ledger.record(Entry::Answer {
            upstream,
            exchange: asked.exchange,
            status: 200,
            headers,
            body,
            cut: false,
        });
    }

    fn open_question(&self, asked: &Asked, asking: &Asking) -> Option<(Value, oneshot::Receiver<Value>)> {
        let (tell, answered) = oneshot::channel();
        let mut state = self.lock();
        let talk = &mut state.sessions.get_mut(&asked.session)?.talk;
        talk.questions += 1;
        let id = json!(format!("question-{}", talk.questions));
        talk.open.insert(id.to_string(), tell);
        Some((json!({ "jsonrpc": "2.0", "id": id, "method": asking.method, "params": asking.params }), answered))
    }

    /// Whether the caller wants log lines of the level at which fakes log.
    pub(super) fn wants_lines(&self, asked: &Asked) -> bool {
        match &asked.modern {
            Some(modern) => modern.log_level.as_deref().and_then(level).is_some_and(|level| level <= INFO),
            None => {
                let state = self.lock();
                state
                    .sessions
                    .get(&asked.session)
                    .is_some_and(|session| session.talk.wants("notifications/message", ""))
            }
        }
    }

    /// A client's answer. One that answers nothing open here is thrown away, as a server must.
    pub(super) fn answered(&self, session: &str, id: &Value, message: Value) {
        let waiting =
            self.lock().sessions.get_mut(session).and_then(|session| session.talk.open.remove(&id.to_string()));
        if let Some(waiting) = waiting {
            // Whoever asked may be gone.
            let _ = waiting.send(message);
        }
    }

    /// GET: the listening stream of a session, one at a time; after the event that the client saw last, if it says so.
    pub(super) fn listen(&self, exchange: u64, session: &str, seen: Option<&str>) -> Outcome {
        let (write, events) = unbounded_channel();
        let mut state = self.lock();
        let Some(session) = state.sessions.get_mut(session) else { return Outcome::Answered(Answer::empty(404)) };
        let talk = &mut session.talk;
        if let Some((event, response)) = seen.and_then(|seen| talk.later.remove_entry(seen)) {
            // The stream of one call goes on, and ends with its response.
            let _ = write.send(format!("id: {event}-1\n{}", sse::message(&response)));
            return Outcome::Streaming(Streaming::new(events));
        }
        if talk.listener.as_ref().is_some_and(|(_, write)| !write.is_closed()) {
            return Outcome::Answered(Answer::empty(409));
        }
        let seen = seen.and_then(|seen| seen.parse().ok()).unwrap_or(talk.told.len());
        for event in talk.told.iter().skip(seen) {
            // The other end is right here.
            let _ = write.send(event.clone());
        }
        talk.listener = Some((exchange, write));
        Outcome::Streaming(Streaming::new(events))
    }

    /// `logging/setLevel`, `resources/subscribe` and `resources/unsubscribe`, each for this session alone.
    pub(super) fn wish(&self, asked: &Asked, method: &str) -> Answer {
        let text = |name: &str| asked.params.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Some(session) = self.lock().sessions.get_mut(&asked.session) {
            let talk = &mut session.talk;
            match method {
                "logging/setLevel" => talk.level = level(&text("level")),
                "resources/subscribe" => drop(talk.subscribed.insert(text("uri"))),
                _ => drop(talk.subscribed.remove(&text("uri"))),
            }
        }
        self.result(asked, json!({}))
    }

    /// `announce`: tells whoever listens in this session, if it wants to hear of it; of a changed resource, every session
    /// that subscribed, unless the resource is each session's own. `hang-up` ends the stream instead, and `burst` says more
    /// than fits anywhere; what is told before somebody listens again waits for a client that says what it saw last.
    pub(super) fn announce(&self, asked: &Asked, arguments: &Map<String, Value>) -> Result<String, String> {
        let text = |name: &str| {
            arguments.get(name).and_then(Value::as_str).ok_or_else(|| format!("`{name}` must be a string"))
        };
        let (method, text) = (text("method")?, text("text")?);
        if asked.modern.is_some() {
            return self.announce_alone(asked, method, text);
        }
        // A process has one session, and knows of no other.
        let shared = asked.caller.process.is_none() && !text.starts_with(OWN);
        let everywhere = method == "notifications/resources/updated" && shared;
        let concerned: Vec<String> = {
            let state = self.lock();
            let sessions = state.sessions.iter().filter(|(id, _)| everywhere || **id == asked.session);
            sessions.filter(|(_, session)| session.talk.wants(method, text)).map(|(id, _)| id.clone()).collect()
        };
        for session in concerned {
            self.announce_in(&session, method, text);
        }
        Ok("announced".to_owned())
    }

    pub(super) fn announce_in(&self, session: &str, method: &str, text: &str) {
        let listener = self.lock().sessions.get(session).and_then(|session| session.talk.listener.clone());
        let Some((exchange, _)) = listener else { return };
        if method == "hang-up" {
            let (gone, _) = unbounded_channel();
            if let Some(session) = self.lock().sessions.get_mut(session) {
                session.talk.listener = Some((exchange, gone));
            }
            return;
        }
        let mark = self.mint(exchange, Basis::Call);
        let told = json!({ "jsonrpc": "2.0", "method": method, "params": params_of(method, text, &mark) }).to_string();
        let upstream = self.settings.name.clone();
        self.ledger.record(Entry::Said { upstream, exchange, message: told.clone() });
        let (times, padding) = if method == "burst" { BURST } else { (1, 0) };
        let mut state = self.lock();
        let Some(session) = state.sessions.get_mut(session) else { return };
        let talk = &mut session.talk;
        for time in 0..times {
            // The mark stands in the first of a burst alone: nothing is said twice.
            let said = if time == 0 { told.clone() } else { told.replace(&mark, &"x".repeat(padding)) };
            let event = format!("id: {}\n{}", talk.told.len() + 1, sse::message(&said));
            talk.told.push(event.clone());
            // Nobody may be there; it is kept.
            let _ = talk.listener.as_ref().map(|(_, write)| write.send(event));
        }
    }
}

/// Params as the specification has them, with a text of the caller's and a mark somewhere.
pub(super) fn params_of(method: &str, text: &str, mark: &str) -> Value {
    let content = json!({ "type": "text", "text": format!("{text} ({mark})") });
    match method {
        "elicitation/create" => json!({
            "message": content["text"],
            "requestedSchema": { "type": "object", "properties": { "text": { "type": "string" } } },
        }),
        "sampling/createMessage" => json!({ "messages": [{ "role": "user", "content": content }], "maxTokens": 16 }),
        "notifications/message" => json!({ "level": "info", "data": content["text"] }),
        "notifications/resources/updated" => json!({ "uri": format!("note://{text}"), "_meta": { "mark": mark } }),
        _ => json!({ "_meta": { "text": text, "mark": mark } }),
    }
}
