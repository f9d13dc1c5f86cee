//! For whom, from which session and to which server a message is carried.

use std::{ops::Deref, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper::body::Incoming;

use super::UpstreamSession;
use crate::{
    config::Secret,
    downstream::{Session, Standing, answers},
    envelope::Message,
    era::{Era, mirror, results},
    hub::Hub,
    identity::Caller,
    isolation::{Place, Rule},
    upstream::{
        Fault,
        headers::{self, Spoken},
    },
};

/// A request of a client, before it is known to which server it goes.
#[derive(Clone)]
pub(crate) struct Visit {
    pub(crate) hub: Arc<Hub>,
    pub(crate) caller: Caller,
    pub(crate) session: Arc<Session>,
    /// What the client's request said in `Authorization`; nothing may be done with it but to drop it.
    pub(crate) authorization: Option<HeaderValue>,
    /// The headers in which a request of the stateless era repeats its arguments; none of any other.
    pub(crate) claims: Option<Arc<HeaderMap>>,
}

/// A visit with a server to go to. Whatever works for it has a copy, so one costs no more than to be counted.
#[derive(Clone)]
pub(crate) struct Errand(Arc<Inner>);

/// What an errand says; its fields are read through the errand.
#[derive(Clone)]
pub(crate) struct Inner {
    pub(crate) hub: Arc<Hub>,
    pub(crate) caller: Caller,
    pub(crate) session: Arc<Session>,
    pub(crate) server: Arc<str>,
    authorization: Option<HeaderValue>,
    pub(super) claims: Option<Arc<HeaderMap>>,
    /// What its request repeats of its arguments.
    repeated: Vec<(HeaderName, HeaderValue)>,
}

impl Deref for Errand {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Visit {
    /// On the way to a server.
    pub(crate) fn to(&self, server: &Arc<str>) -> Errand {
        Errand(Arc::new(Inner {
            hub: self.hub.clone(),
            caller: self.caller.clone(),
            session: self.session.clone(),
            server: server.clone(),
            authorization: self.authorization.clone(),
            claims: self.claims.clone(),
            repeated: Vec::new(),
        }))
    }

    /// Where this client's own request ids stand: on its route, whatever server they concern.
    pub(crate) fn place(&self) -> Place {
        self.session.place(self.hub.place(&self.caller, &self.session.route))
    }
}

impl Errand {
    /// On the hub's own account, for a session's owner: its closing, a cancel at a deadline.
    pub(crate) fn of_owner(hub: &Arc<Hub>, session: &Arc<Session>, server: &Arc<str>) -> Self {
        Self(Arc::new(Inner {
            hub: hub.clone(),
            caller: session.caller.clone(),
            session: session.clone(),
            server: server.clone(),
            authorization: None,
            claims: None,
            repeated: Vec::new(),
        }))
    }

    /// The visit that it is part of.
    pub(super) fn visit(&self) -> Visit {
        Visit {
            hub: self.hub.clone(),
            caller: self.caller.clone(),
            session: self.session.clone(),
            authorization: self.authorization.clone(),
            claims: self.claims.clone(),
        }
    }

    /// The same, with this repeated in headers.
    pub(super) fn repeating(&self, repeated: Vec<(HeaderName, HeaderValue)>) -> Self {
        Self(Arc::new(Inner { repeated, ..(*self.0).clone() }))
    }

    /// What a request that the hub makes for its client says of itself: a `_meta`, where there are no sessions.
    pub(super) fn says(&self) -> String {
        match self.session.standing {
            Standing::Client => "{}".to_owned(), // It is put in with every request.
            Standing::Moment | Standing::Bridged => self.session.meta().written(),
        }
    }

    /// Where it stands among the tables.
    pub(crate) fn place(&self) -> Place {
        self.session.place(self.hub.place(&self.caller, &self.server))
    }

    /// Sends one request.
    pub(super) async fn send(
        &self,
        upstream: Option<&UpstreamSession>,
        method: Method,
        body: String,
    ) -> Result<Response<Incoming>, Fault> {
        let request = self.request(upstream, method, body).await?;
        self.answered(request, upstream).await
    }

    /// Asks for a listening stream, after this event where one was seen.
    pub(super) async fn get(
        &self,
        upstream: &UpstreamSession,
        last: Option<&str>,
    ) -> Result<Response<Incoming>, Fault> {
        let mut request = self.request(Some(upstream), Method::GET, String::new()).await?;
        request.headers_mut().remove(CONTENT_TYPE);
        if let Some(last) = last.and_then(|last| HeaderValue::try_from(last).ok()) {
            request.headers_mut().insert(headers::LAST_EVENT, last);
        }
        self.answered(request, Some(upstream)).await
    }

    /// A request with credential and identity, put in here for this request alone.
    async fn request(
        &self,
        upstream: Option<&UpstreamSession>,
        method: Method,
        body: String,
    ) -> Result<Request<Full<Bytes>>, Fault> {
        let server = self.hub.server(&self.server)?;
        let acting = self.hub.acting(&self.caller, &self.server).await?;
        let sender = headers::Sender {
            session: &self.session,
            principal: &self.caller.principal,
            client_authorization: self.authorization.as_ref(),
        };
        let bearer = acting.bearer.as_ref().map(Secret::reveal);
        let spoken = upstream.map_or(Spoken::First, UpstreamSession::spoken);
        let shown = (!self.hub.isolation.keeps(Rule::LogNoSecrets)).then_some((bearer, &body));
        tracing::debug!(server = %self.server, user = %self.caller.principal, %method, ?shown, "to an upstream");
        let mirrored = if spoken == Spoken::Stateless { self.mirrored(&body) } else { Vec::new() };
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = method;
        *request.uri_mut() = server.uri.clone();
        *request.headers_mut() = headers::of(&self.hub, server, sender, bearer, spoken)?;
        request.headers_mut().extend(mirrored);
        Ok(request)
    }

    /// The headers that repeat a body, where the era has them.
    fn mirrored(&self, body: &str) -> Vec<(HeaderName, HeaderValue)> {
        let Ok(message) = Message::read(body) else { return Vec::new() };
        let repeated: &[_] = if message.is_call() { &self.repeated } else { &[] };
        mirror::headers_of(&message).into_iter().chain(repeated.iter().cloned()).collect()
    }

    async fn answered(
        &self,
        request: Request<Full<Bytes>>,
        upstream: Option<&UpstreamSession>,
    ) -> Result<Response<Incoming>, Fault> {
        let response = self.hub.client.send(request).await?;
        let stateless = upstream.is_some_and(|upstream| upstream.era == Era::Stateless);
        match response.status() {
            // In the stateless era a refusal is an answer that has a status too.
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND if stateless && is_json(&response) => Ok(response),
            StatusCode::OK | StatusCode::ACCEPTED | StatusCode::NO_CONTENT => Ok(response),
            StatusCode::UNAUTHORIZED => Err(Fault::Unauthorized),
            StatusCode::FORBIDDEN => Err(Fault::Forbidden),
            StatusCode::NOT_FOUND if upstream.is_some() && !stateless => Err(Fault::SessionLost),
            status => Err(Fault::Status(status.as_u16())),
        }
    }

    /// A fault as the JSON-RPC response that a client is told. `id` is as the client wrote it.
    pub(crate) async fn phrase(&self, id: &str, fault: &Fault) -> String {
        let acting = self.hub.acting(&self.caller, &self.server).await.ok();
        let bearer = acting.and_then(|acting| acting.bearer);
        let text = answers::fault(&self.hub, &self.server, bearer.as_ref(), id, fault);
        match (self.session.standing, fault) {
            (Standing::Client, Fault::Lacks(_)) => results::for_stateful("", &text),
            _ => text,
        }
    }
}

fn is_json(response: &Response<Incoming>) -> bool {
    let media = response.headers().get(CONTENT_TYPE);
    media.is_some_and(|media| media.as_bytes().to_ascii_lowercase().starts_with(b"application/json"))
}
