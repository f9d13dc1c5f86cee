//! POST, GET and DELETE of one request whose caller has been checked.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header::AUTHORIZATION};
use serde_json::json;

use super::{
    answers::{self, Body},
    batch,
    front::{all_revisions, is_spoken, revision_header},
    session::{self, NotOpened, Session, Standing},
    streams,
};
use crate::{
    catalog::{self, Reach, Route, rights},
    envelope::{Id, Kind, Malformed, Message},
    era::{HEADER_MISMATCH, MISSING_CAPABILITY},
    hub::Hub,
    identity::Caller,
    isolation::Rule,
    relay::{self, Asker, Refused, Reply, Step, TASKS, Visit},
    upstream::{Fault, headers},
};

/// A request that has passed the gate.
pub(crate) struct Checked {
    pub(crate) hub: Arc<Hub>,
    pub(crate) caller: Caller,
    pub(crate) route: Route,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Checked {
    /// Its way on, inside this session.
    pub(super) fn visit(&self, session: &Arc<Session>) -> Visit {
        Visit {
            hub: self.hub.clone(),
            caller: self.caller.clone(),
            session: session.clone(),
            authorization: self.headers.get(AUTHORIZATION).cloned(),
            claims: None,
            log_level: None,
        }
    }
}

/// Answers one that is no POST.
pub(super) async fn handle(request: &Checked) -> Response<Body> {
    let answered = match request.method {
        Method::DELETE => delete(request).await,
        Method::GET => streams::get(request).await,
        _ => match in_session(request).await {
            Ok(_) => Ok(answers::method_not_allowed()),
            Err(refusal) => Err(refusal),
        },
    };
    answered.unwrap_or_else(|refusal| *refusal)
}

/// A refusal is an answer too; it is boxed because answers are large and most requests have none.
pub(super) type Refusal = Box<Response<Body>>;

/// Answers a POST of several messages.
pub(super) async fn batch(request: &Checked, text: &str) -> Response<Body> {
    batch::post(request, text).await.unwrap_or_else(|refusal| *refusal)
}

/// Answers a POST.
pub(super) async fn post(request: &Checked, message: &Message<'_>) -> Result<Response<Body>, Refusal> {
    spoken_revision(request, message)?;
    if matches!(&message.kind, Kind::Request { method, .. } if method == "initialize") {
        return Ok(Box::pin(initialize(request, message)).await);
    }
    let visit = request.visit(&in_session(request).await?);
    match &message.kind {
        Kind::Request { id, method } => {
            let reply = match method.as_str() {
                "ping" => Reply::Whole(format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{}}}}"#, raw_id(message))),
                _ => reply(&visit, &request.route, message, id.clone(), method).await,
            };
            Ok(answered(&visit, reply).await)
        }
        Kind::Notification { .. } | Kind::Response { .. } => {
            Box::pin(told(&visit, &request.route, message)).await;
            Ok(answers::empty(StatusCode::ACCEPTED))
        }
    }
}

/// What is said to whoever shows a request state that is not good, whatever is wrong with it.
const STALE_STATE: &str = "this request state is none of yours, or no longer good; begin anew without one";

/// What is said to whoever asks for a task that is not known, whatever the reason.
const UNKNOWN_TASK: &str = "there is no such task of yours here, or no longer";

/// Reads one message.
pub(super) fn read(text: &str) -> Result<Message<'_>, Refusal> {
    Message::read(text).map_err(|error| match error {
        Malformed::Json(_) => malformed(-32700, &error.to_string()),
        Malformed::Envelope(_) | Malformed::Depth => malformed(-32600, &error.to_string()),
    })
}

pub(super) fn malformed(code: i64, message: &str) -> Refusal {
    Box::new(answers::error(StatusCode::BAD_REQUEST, "null", code, message))
}

pub(super) fn raw_id<'a>(message: &Message<'a>) -> &'a str {
    message.raw_id().unwrap_or("null")
}

/// Refuses a revision that this hub does not speak, so that a client of a later era hears it at once. `initialize` may
/// come with the header of the stateless era: it says in its params what it asks for.
fn spoken_revision(request: &Checked, message: &Message<'_>) -> Result<(), Refusal> {
    match revision_header(&request.headers) {
        Some(named) if !is_spoken(&named) => {
            Err(Box::new(answers::unsupported_revision(raw_id(message), &named, &all_revisions())))
        }
        _ => Ok(()),
    }
}

async fn initialize(request: &Checked, message: &Message<'_>) -> Response<Body> {
    let brought = request.headers.get(headers::SESSION).and_then(|id| id.to_str().ok());
    let (session, welcome) = match session::open(request, message, brought).await {
        Ok(opened) => opened,
        Err(NotOpened::OverCap) => {
            let text =
                "you have as many sessions as your limit allows; end one, or wait until one is idle for too long";
            return answers::error(StatusCode::TOO_MANY_REQUESTS, raw_id(message), -32000, text);
        }
        Err(NotOpened::Refused(upstream)) => return answers::json(StatusCode::OK, with_id(&upstream.welcome, message)),
        Err(NotOpened::Fault(fault)) => {
            let bearer = request.hub.acting(&request.caller, &request.route.name).await.ok().and_then(|a| a.bearer);
            let text = answers::fault(&request.hub, &request.route.name, bearer.as_ref(), raw_id(message), &fault);
            return answers::json(StatusCode::OK, text);
        }
    };
    tracing::info!(user = %request.caller.principal, route = %request.route.name, session = %session.name, "session opened");
    let mut response = answers::json(StatusCode::OK, with_id(&welcome, message));
    if let Ok(id) = HeaderValue::try_from(&**session.life.key()) {
        response.headers_mut().insert(headers::SESSION, id);
    }
    response
}

/// An upstream's answer with this client's id.
fn with_id(answer: &str, asked: &Message<'_>) -> String {
    match Message::read(answer) {
        Ok(answer) => answer.with_id(raw_id(asked)),
        Err(_) => answer.to_owned(),
    }
}

/// What a request is answered, in either era.
pub(super) async fn reply(visit: &Visit, route: &Route, message: &Message<'_>, id: Id, method: &str) -> Reply {
    let raw_id = raw_id(message);
    let (replied, server) = match &route.reach {
        Reach::Merged(servers) => (Box::pin(catalog::answer(visit, servers, message, method, id)).await, &route.name),
        Reach::Server(server) => (direct(visit, server, message, method, id).await, server),
    };
    let refused = |code, text: &str| Reply::Whole(answers::error_text(raw_id, code, text, None));
    match replied {
        Ok(reply) => reply,
        Err(Refused::DuplicateId) => refused(-32600, "this request id is in flight in this session already"),
        Err(Refused::Mismatch(text)) => refused(HEADER_MISMATCH, &text),
        Err(Refused::StaleState) => refused(-32602, STALE_STATE),
        Err(Refused::UnknownTask) => refused(-32602, UNKNOWN_TASK),
        Err(Refused::NoMethod) => refused(-32601, &format!("there is no method `{method}` here")),
        Err(Refused::FollowsNoTasks) => {
            let data = json!({ "requiredCapabilities": { "extensions": { TASKS: {} } } });
            let text = "whoever asks for a task must declare that they can follow one";
            Reply::Whole(answers::error_text(raw_id, MISSING_CAPABILITY, text, Some(data)))
        }
        Err(Refused::TooMany) => refused(-32000, &Fault::TooMany.to_string()),
        Err(Refused::Fault(fault)) => Reply::Whole(visit.to(server).phrase(raw_id, &fault).await),
    }
}

/// On a route of one server everything goes there as it came, but for tools that this user may not use.
async fn direct(
    visit: &Visit,
    server: &Arc<str>,
    message: &Message<'_>,
    method: &str,
    id: Id,
) -> Result<Reply, Refused> {
    if method == "tools/call" {
        let name = || message.string_param("name").map(|(_, name)| name).unwrap_or_default();
        if !rights::may_call(&visit.hub, &visit.caller, server, name) {
            let text = format!("there is no `{}` here, or you may not use it", name());
            return Ok(Reply::Whole(answers::error_text(raw_id(message), -32602, &text, None)));
        }
    }
    let errand = visit.towards(server).await?;
    if method == "server/discover" && errand.session.standing == Standing::Bridged {
        return Ok(Reply::Whole(Box::pin(relay::discover(&errand, message)).await?));
    }
    let raw_id = raw_id(message);
    let settled = match (visit.session.standing, method) {
        (Standing::Client, "logging/setLevel") => Box::pin(relay::set_level(&errand, message)).await?,
        (Standing::Client, "resources/subscribe" | "resources/unsubscribe") => {
            Box::pin(relay::subscription(&errand, message, method)).await?
        }
        _ => None,
    };
    if let Some(settled) = settled {
        return Ok(Reply::Whole(match settled {
            Ok(()) => format!(r#"{{"jsonrpc":"2.0","id":{raw_id},"result":{{}}}}"#),
            Err(wrong) => answers::error_text(raw_id, -32602, wrong, None),
        }));
    }
    Ok(Reply::Steps(relay::call(&errand, message, Asker::of(visit, id)).await?))
}

async fn answered(visit: &Visit, reply: Reply) -> Response<Body> {
    let mut steps = match reply {
        Reply::Whole(text) => return answers::json(StatusCode::OK, text),
        Reply::Steps(steps) => steps,
    };
    match steps.next().await {
        None => answers::nothing(),
        Some(Step::Answer { text, streamed: false } | Step::Failed { text, .. }) => answers::json(StatusCode::OK, text),
        Some(Step::Answer { text, .. }) => answers::one_event(&text),
        Some(first) => streams::of_call(visit, Some(first), steps.detach()).await,
    }
}

/// A message that nobody answers: a notification, or the answer to something that the client was asked.
pub(super) async fn told(visit: &Visit, route: &Route, message: &Message<'_>) {
    let passed = match (&message.kind, &route.reach) {
        (Kind::Request { .. }, _) => Ok(()),
        (Kind::Response { id }, _) => relay::answer(visit, message, id.as_ref()).await,
        (Kind::Notification { method }, _) if method == "notifications/cancelled" => {
            relay::cancel(visit, message).await
        }
        (Kind::Notification { method }, _) if method == "notifications/progress" => {
            relay::progress_of_answer(visit, message).await
        }
        (Kind::Notification { .. }, Reach::Server(server)) => relay::notify(&visit.to(server), message).await,
        // The handshake ends here, and nothing else is promised to several servers.
        (Kind::Notification { .. }, Reach::Merged(_)) => Ok(()),
    };
    if let Err(fault) = passed {
        tracing::debug!(route = %route.name, %fault, "a message of a client was lost");
    }
}

async fn delete(request: &Checked) -> Result<Response<Body>, Refusal> {
    let session = in_session(request).await?;
    session::end(&request.hub, &session).await;
    Ok(answers::empty(StatusCode::NO_CONTENT))
}

/// The session that a request presents, if it is this caller's on this route.
pub(super) async fn in_session(request: &Checked) -> Result<Arc<Session>, Refusal> {
    let hub = &request.hub;
    let mut presented = request.headers.get_all(headers::SESSION).iter();
    let id = match (presented.next(), presented.next()) {
        (Some(id), None) => id,
        (None, _) => return missing(hub),
        (Some(_), Some(_)) => return Err(malformed(-32600, "several session ids")),
    };
    let Ok(id) = id.to_str() else { return Err(Box::new(answers::unknown_session())) };
    match session::find(hub, &request.caller, &request.route, id).await {
        Ok(Some(session)) => Ok(session),
        Ok(None) => {
            let tells = !hub.isolation.keeps(Rule::SameRefusal);
            let foreign = tells && hub.sessions.everything().iter().any(|session| **session.life.key() == *id);
            Err(Box::new(if foreign { answers::foreign_session() } else { answers::unknown_session() }))
        }
        Err(fault) => {
            tracing::error!(detail = fault.detail(), "looking up a session");
            Err(Box::new(answers::unknown_session()))
        }
    }
}

fn missing(hub: &Hub) -> Result<Arc<Session>, Refusal> {
    if hub.isolation.keeps(Rule::RefuseMissingSessionId) {
        return Err(Box::new(answers::missing_session()));
    }
    hub.sessions.everything().pop().ok_or_else(|| Box::new(answers::missing_session()))
}
