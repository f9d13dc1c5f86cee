//! The session that a client session has at its upstream: opened with the client's own `initialize`,
//! used by all its calls, closed with it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;

use crate::{
    downstream::{REVISIONS, Session},
    envelope::{Kind, Message, object::Object},
    hub::Hub,
    identity::Caller,
    isolation::{Rule, Serial},
    upstream::{Fault, frames::Frames, headers},
};

/// A session at an upstream.
#[derive(Debug)]
pub(crate) struct UpstreamSession {
    /// Its id there; empty where the upstream gives none.
    pub(crate) id: String,
    /// The revision that was negotiated.
    pub(crate) revision: String,
    /// The upstream's answer to `initialize`, as it came.
    pub(crate) welcome: String,
    /// Counts the ids of its requests.
    pub(crate) ids: Serial,
}

/// The upstream session of a client session, opened where there is none.
pub(crate) async fn of(
    hub: &Arc<Hub>,
    caller: &Caller,
    session: &Arc<Session>,
    authorization: Option<&HeaderValue>,
) -> Result<Arc<UpstreamSession>, Fault> {
    let opening = open(hub.clone(), caller.clone(), session.clone(), authorization.cloned());
    if !hub.isolation.keeps(Rule::KeepUpstreamSession) {
        return opening.await;
    }
    let place = hub.place(caller, &session.route).in_session(&session.key);
    hub.upstream_sessions.get_or_open(&place, session.route.clone(), opening).await
}

/// Sends the client's `initialize`, and gives up when the upstream takes too long.
async fn open(
    hub: Arc<Hub>,
    caller: Caller,
    session: Arc<Session>,
    authorization: Option<HeaderValue>,
) -> Result<Arc<UpstreamSession>, Fault> {
    let opening = initialize(&hub, &caller, &session, authorization.as_ref());
    tokio::time::timeout(hub.config.limits.call_timeout, opening).await.map_err(|_| Fault::TimedOut)?
}

async fn initialize(
    hub: &Hub,
    caller: &Caller,
    session: &Session,
    authorization: Option<&HeaderValue>,
) -> Result<Arc<UpstreamSession>, Fault> {
    let garbage = |detail: &str| Fault::Garbage { detail: detail.into() };
    let ids = Serial::default();
    let id = ids.next();
    let hello = Message::read(&session.opening).map_err(|error| Fault::Internal { detail: error.to_string() })?;
    let response =
        send(hub, caller, session, authorization, None, Method::POST, hello.with_id(&id.to_string())).await?;
    let given = response.headers().get(headers::SESSION).cloned();
    let given = given.map(|id| id.to_str().map(str::to_owned)).transpose();
    let upstream_id = given.map_err(|_| garbage("a session id that is not ASCII"))?.unwrap_or_default();
    let mut frames = Frames::of(response, hub.config.limits.answer);
    while let Some(frame) = frames.next().await? {
        let message = Message::read(&frame).map_err(|error| garbage(&error.to_string()))?;
        if !matches!(&message.kind, Kind::Response { id: Some(answered) } if answered.wire() == Some(id)) {
            continue;
        }
        let revision = revision(&frame).ok_or_else(|| garbage("no protocol revision that this hub speaks"))?;
        return Ok(Arc::new(UpstreamSession { id: upstream_id, revision, welcome: frame, ids }));
    }
    Err(Fault::NoAnswer)
}

/// The negotiated revision; also where the upstream answered with an error, which then has none.
fn revision(frame: &str) -> Option<String> {
    let answer = Object::read(frame).ok()?;
    let Some(result) = answer.get("result") else { return Some(REVISIONS[0].to_owned()) };
    let revision = Object::read(result).ok()?.string("protocolVersion")?;
    REVISIONS.contains(&revision.as_str()).then_some(revision)
}

/// Sends one request upstream: credential and identity put in here, for this request alone.
pub(super) async fn send(
    hub: &Hub,
    caller: &Caller,
    session: &Session,
    authorization: Option<&HeaderValue>,
    upstream: Option<&UpstreamSession>,
    method: Method,
    body: String,
) -> Result<http::Response<hyper::body::Incoming>, Fault> {
    let server = hub.server(&session.route)?;
    let acting = hub.acting(caller, &session.route).await?;
    let sender = headers::Sender { session, principal: &caller.principal, client_authorization: authorization };
    let bearer = acting.bearer.as_ref().map(crate::config::Secret::reveal);
    let ids = upstream.map(|upstream| (upstream.id.as_str(), upstream.revision.as_str()));
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = method;
    *request.uri_mut() = server.uri.clone();
    *request.headers_mut() = headers::of(hub, server, sender, bearer, ids)?;
    let response = hub.client.send(request).await?;
    match response.status() {
        StatusCode::OK | StatusCode::ACCEPTED | StatusCode::NO_CONTENT => Ok(response),
        StatusCode::UNAUTHORIZED => Err(Fault::Unauthorized),
        StatusCode::FORBIDDEN => Err(Fault::Forbidden),
        StatusCode::NOT_FOUND if upstream.is_some() => Err(Fault::SessionLost),
        status => Err(Fault::Status(status.as_u16())),
    }
}

/// Ends upstream sessions whose owner is gone. What goes wrong here is nobody's business any more.
pub(crate) fn close(hub: &Arc<Hub>, session: &Arc<Session>, upstreams: Vec<Arc<UpstreamSession>>) {
    for upstream in upstreams {
        let (hub, session) = (hub.clone(), session.clone());
        tokio::spawn(async move {
            let closing = send(&hub, &session.caller, &session, None, Some(&upstream), Method::DELETE, String::new());
            match tokio::time::timeout(hub.config.limits.call_timeout, closing).await {
                Ok(Ok(_)) => {}
                Ok(Err(fault)) => tracing::debug!(server = %session.route, %fault, "closing an upstream session"),
                Err(_) => tracing::debug!(server = %session.route, "closing an upstream session took too long"),
            }
        });
    }
}
