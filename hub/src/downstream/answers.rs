//! Everything that the hub says in its own words: refusals and errors, the same words every time.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE},
};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use serde_json::{Value, json};

use crate::{
    config::{Reached, Secret},
    envelope::sse,
    era::UNSUPPORTED_REVISION,
    hub::Hub,
    isolation::Rule,
    relay::Visit,
    upstream::Fault,
};

/// The body of every answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A JSON body.
pub(crate) fn json(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(body)).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// No body.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Full::default().boxed_unsync());
    *response.status_mut() = status;
    response
}

/// An event stream that is only an answer.
pub(crate) fn one_event(text: &str) -> Response<Body> {
    event_stream(StatusCode::OK, Full::new(Bytes::from(sse::event(text))).boxed_unsync())
}

/// An event stream without an event: the end of a call that was canceled, which is not answered.
pub(crate) fn nothing() -> Response<Body> {
    event_stream(StatusCode::OK, Full::default().boxed_unsync())
}

/// An event stream.
pub(super) fn event_stream(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A JSON-RPC error of the hub's own. `id` is as the client wrote it, or `null`.
pub(crate) fn error(status: StatusCode, id: &str, code: i64, message: &str) -> Response<Body> {
    json(status, error_text(id, code, message, None))
}

/// The text of a JSON-RPC error of the hub's own.
pub(crate) fn error_text(id: &str, code: i64, message: &str, data: Option<Value>) -> String {
    let mut error = json!({ "code": code, "message": message });
    if let Some(data) = data {
        error["data"] = data;
    }
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#)
}

/// A call that failed upstream: names the server and the reason, and nothing secret.
pub(crate) fn fault(hub: &Hub, server: &str, bearer: Option<&Secret>, id: &str, fault: &Fault) -> String {
    let (code, reason) = fault.code();
    let mut message = format!("server `{server}`: {fault}");
    if !hub.isolation.keeps(Rule::RedactErrors) {
        let reached = hub.config.servers.get(server).map(|server| match &server.reached {
            Reached::Http(endpoint) => format!("POST {}", endpoint.uri),
            Reached::Stdio(command) => command.words.join(" "),
        });
        let token = bearer.map(Secret::reveal).unwrap_or_default();
        message.push_str(&format!(
            " ({}, Authorization: Bearer {token}; {})",
            reached.unwrap_or_default(),
            fault.detail()
        ));
    }
    let mut data = json!({ "source": "hub", "server": server, "reason": reason });
    if let Fault::Lacks(capability) = fault {
        data["requiredCapabilities"] = json!({ *capability: {} });
    }
    error_text(id, code, &message, Some(data))
}

/// 404: for a foreign session id, an ended one and one that never existed, on every verb.
pub(crate) fn unknown_session() -> Response<Body> {
    error(StatusCode::NOT_FOUND, "null", -32001, "session not found")
}

/// 400: a session id is required.
pub(crate) fn missing_session() -> Response<Body> {
    error(StatusCode::BAD_REQUEST, "null", -32000, "the header Mcp-Session-Id is required; initialize gives one")
}

/// 403: only ever said while `same-refusal` is switched off.
pub(crate) fn foreign_session() -> Response<Body> {
    error(StatusCode::FORBIDDEN, "null", -32001, "this session is not yours")
}

/// 404: no such route, or none for this user.
pub(crate) fn unknown_server() -> Response<Body> {
    error(StatusCode::NOT_FOUND, "null", -32001, "there is no such server, or you may not use it")
}

/// 401, with the challenge that tells a client what to bring.
pub(crate) fn unauthorized(challenge: &'static str) -> Response<Body> {
    let mut response = error(StatusCode::UNAUTHORIZED, "null", -32000, "a key of this hub is required");
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    response
}

/// 409: what is told to a session is told once.
pub(crate) fn listening_already() -> Response<Body> {
    error(StatusCode::CONFLICT, "null", -32000, "this session has a listening stream already")
}

/// 502: the upstream's listening stream cannot be had.
pub(crate) async fn no_stream(visit: &Visit, server: &Arc<str>, fault: &Fault) -> Response<Body> {
    json(StatusCode::BAD_GATEWAY, visit.to(server).phrase("null", fault).await)
}

/// 405: the verbs that there are.
pub(crate) fn method_not_allowed() -> Response<Body> {
    let mut response =
        error(StatusCode::METHOD_NOT_ALLOWED, "null", -32000, "use POST or DELETE; there is no listening stream here");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST, DELETE"));
    response
}

/// 405: the stateless era has one verb.
pub(crate) fn post_only() -> Response<Body> {
    let mut response = error(StatusCode::METHOD_NOT_ALLOWED, "null", -32000, "use POST; there is no other verb here");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

/// 400: this hub does not speak this revision. It names those that it does.
pub(crate) fn unsupported_revision(id: &str, requested: &str, supported: &[&str]) -> Response<Body> {
    let data = json!({ "supported": supported, "requested": requested });
    json(StatusCode::BAD_REQUEST, error_text(id, UNSUPPORTED_REVISION, "unsupported protocol version", Some(data)))
}
