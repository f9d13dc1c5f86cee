//! POST, GET and DELETE of one request whose caller has been checked.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header::AUTHORIZATION};
use tokio::sync::mpsc;

use super::{
    REVISIONS,
    answers::{self, Body},
    session::{self, NotOpened, Session},
};
use crate::{
    envelope::{Id, Kind, Malformed, Message, object::Object},
    hub::Hub,
    identity::Caller,
    isolation::Rule,
    relay::{self, Refused, Step},
    upstream::{Fault, headers},
};

/// A request that has passed the gate.
pub(crate) struct Checked {
    pub(crate) caller: Caller,
    pub(crate) route: Arc<str>,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Answers it.
pub(crate) async fn handle(hub: &Arc<Hub>, request: Checked) -> Response<Body> {
    let answered = match request.method {
        Method::POST => post(hub, &request).await,
        Method::DELETE => delete(hub, &request).await,
        _ => match in_session(hub, &request).await {
            Ok(_) => Ok(answers::method_not_allowed()),
            Err(refusal) => Err(refusal),
        },
    };
    answered.unwrap_or_else(|refusal| *refusal)
}

/// A refusal is an answer too; it is boxed because answers are large and most requests have none.
type Refusal = Box<Response<Body>>;

async fn post(hub: &Arc<Hub>, request: &Checked) -> Result<Response<Body>, Refusal> {
    let text = std::str::from_utf8(&request.body).map_err(|_| malformed(-32700, "the body is not UTF-8"))?;
    let message = Message::read(text).map_err(|error| match error {
        Malformed::Json(_) => malformed(-32700, &error.to_string()),
        Malformed::Envelope(_) | Malformed::Depth => malformed(-32600, &error.to_string()),
    })?;
    spoken_revision(request, &message)?;
    match &message.kind {
        Kind::Request { method, .. } if method == "initialize" => Ok(initialize(hub, request, &message).await),
        Kind::Request { id, method } => {
            let session = in_session(hub, request).await?;
            if method == "ping" {
                return Ok(answers::json(
                    StatusCode::OK,
                    format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{}}}}"#, raw_id(&message)),
                ));
            }
            Ok(call(hub, request, &session, &message, id.clone()).await)
        }
        Kind::Notification { method } => {
            let session = in_session(hub, request).await?;
            let told = relay::notify(hub, &request.caller, &session, request.authorization(), &message, method).await;
            if let Err(fault) = told {
                tracing::debug!(server = %request.route, %fault, "a notification was lost");
            }
            Ok(answers::empty(StatusCode::ACCEPTED))
        }
        Kind::Response { .. } => {
            in_session(hub, request).await?; // Nothing was asked of the client, so this answers nothing.
            Ok(answers::empty(StatusCode::ACCEPTED))
        }
    }
}

fn malformed(code: i64, message: &str) -> Refusal {
    Box::new(answers::error(StatusCode::BAD_REQUEST, "null", code, message))
}

fn raw_id<'a>(message: &Message<'a>) -> &'a str {
    message.raw_id().unwrap_or("null")
}

/// Refuses a revision that this hub does not speak, so that a client of a later era hears it at once.
fn spoken_revision(request: &Checked, message: &Message<'_>) -> Result<(), Refusal> {
    let header =
        request.headers.get(headers::REVISION).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let probe = matches!(&message.kind, Kind::Request { method, .. } if method == "server/discover");
    let requested = match header {
        Some(revision) if !REVISIONS.contains(&revision.as_str()) => revision,
        None if probe => requested_in_meta(message),
        _ => return Ok(()),
    };
    Err(Box::new(answers::unsupported_revision(raw_id(message), &requested)))
}

/// The revision that a stateless request names in its `_meta`.
fn requested_in_meta(message: &Message<'_>) -> String {
    let meta = message.params.and_then(|params| Object::read(params).ok()).and_then(|params| params.get("_meta"));
    let meta = meta.and_then(|meta| Object::read(meta).ok());
    meta.and_then(|meta| meta.string("io.modelcontextprotocol/protocolVersion")).unwrap_or_default()
}

async fn initialize(hub: &Arc<Hub>, request: &Checked, message: &Message<'_>) -> Response<Body> {
    let brought = request.headers.get(headers::SESSION).and_then(|id| id.to_str().ok());
    let opened = session::open(hub, &request.caller, &request.route, message, brought, request.authorization()).await;
    let (session, upstream) = match opened {
        Ok(opened) => opened,
        Err(NotOpened::OverCap) => {
            let text =
                "you have as many sessions as your limit allows; end one, or wait until one is idle for too long";
            return answers::error(StatusCode::TOO_MANY_REQUESTS, raw_id(message), -32000, text);
        }
        Err(NotOpened::Refused(upstream)) => return answers::json(StatusCode::OK, with_id(&upstream.welcome, message)),
        Err(NotOpened::Fault(fault)) => return failed(hub, request, message, &fault).await,
    };
    tracing::info!(user = %request.caller.principal, server = %request.route, session = %session.name, "session opened");
    let mut response = answers::json(StatusCode::OK, with_id(&upstream.welcome, message));
    if let Ok(id) = HeaderValue::try_from(&*session.key) {
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

async fn failed(hub: &Hub, request: &Checked, message: &Message<'_>, fault: &Fault) -> Response<Body> {
    answers::json(StatusCode::OK, fault_text(hub, request, raw_id(message), fault).await)
}

async fn fault_text(hub: &Hub, request: &Checked, id: &str, fault: &Fault) -> String {
    let acting = hub.acting(&request.caller, &request.route).await.ok();
    let bearer = acting.and_then(|acting| acting.bearer);
    answers::fault(hub, &request.route, bearer.as_ref(), id, fault)
}

async fn call(
    hub: &Arc<Hub>,
    request: &Checked,
    session: &Arc<Session>,
    message: &Message<'_>,
    id: Id,
) -> Response<Body> {
    let begun = relay::call(hub, &request.caller, session, request.authorization(), message, id).await;
    let mut steps = match begun {
        Ok(steps) => steps,
        Err(Refused::DuplicateId) => {
            let text = "this request id is in flight in this session already";
            return answers::error(StatusCode::OK, raw_id(message), -32600, text);
        }
        Err(Refused::TooMany) => {
            let text = "this session has as many calls in flight as its limit allows";
            return answers::error(StatusCode::OK, raw_id(message), -32000, text);
        }
        Err(Refused::Fault(fault)) => return failed(hub, request, message, &fault).await,
    };
    match steps.recv().await {
        None => answers::nothing(),
        Some(Step::Answer { text, streamed: false }) => answers::json(StatusCode::OK, text),
        Some(Step::Fault(fault)) => failed(hub, request, message, &fault).await,
        Some(first) => streamed(hub, request, message, first, steps).await,
    }
}

/// An answer that comes as a stream. Faults on the way are written as the response they stand for.
async fn streamed(
    hub: &Arc<Hub>,
    request: &Checked,
    message: &Message<'_>,
    first: Step,
    rest: mpsc::Receiver<Step>,
) -> Response<Body> {
    let acting = hub.acting(&request.caller, &request.route).await.ok();
    let bearer = acting.and_then(|acting| acting.bearer);
    let (hub, route, id) = (hub.clone(), request.route.clone(), raw_id(message).to_owned());
    answers::stream(first, rest, move |step| match step {
        Step::Notification(text) | Step::Answer { text, .. } => text,
        Step::Fault(fault) => answers::fault(&hub, &route, bearer.as_ref(), &id, &fault),
    })
}

async fn delete(hub: &Arc<Hub>, request: &Checked) -> Result<Response<Body>, Refusal> {
    let session = in_session(hub, request).await?;
    session::end(hub, &session).await;
    Ok(answers::empty(StatusCode::NO_CONTENT))
}

/// The session that a request presents, if it is this caller's on this route.
async fn in_session(hub: &Arc<Hub>, request: &Checked) -> Result<Arc<Session>, Refusal> {
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
            let foreign = tells && hub.sessions.everything().iter().any(|session| *session.key == *id);
            Err(Box::new(if foreign { answers::foreign_session() } else { answers::unknown_session() }))
        }
        Err(fault) => {
            tracing::error!(detail = fault.detail(), "looking up a session");
            Err(Box::new(answers::unknown_session()))
        }
    }
}

fn missing(hub: &Hub) -> Result<Arc<Session>, Refusal> {
    let some_live_one = hub.sessions.everything().pop().filter(|_| !hub.isolation.keeps(Rule::RefuseMissingSessionId));
    some_live_one.ok_or_else(|| Box::new(answers::missing_session()))
}

impl Checked {
    fn authorization(&self) -> Option<&HeaderValue> {
        self.headers.get(AUTHORIZATION)
    }
}
