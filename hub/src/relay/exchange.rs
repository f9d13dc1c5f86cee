//! One message to a server and what it says to it: everything that an errand can do there.
//!
//! By HTTP, who asks is put into every message anew. A child knows it from the start. What comes back is an [`Answer`].

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;

use super::{Errand, UpstreamSession, upstream_session};
use crate::{
    config::{Endpoint, Reached, Secret},
    envelope::{Id, Kind, Message},
    era::{Era, mirror},
    isolation::Rule,
    upstream::{
        Answer, Fault, Transport,
        client::Body,
        frames::Frames,
        headers::{self, Spoken},
        stdio::{About, Asking, Child},
    },
};

/// What a careless writer writes at a time.
const PIECE: usize = 64;

/// A message on its way out, with the headers that repeat it, where the era has them.
#[derive(Debug, Clone, Default)]
pub(super) struct Outgoing {
    pub(super) body: String,
    pub(super) repeated: Vec<(HeaderName, HeaderValue)>,
}

impl Outgoing {
    fn read(body: String, era: Era) -> Self {
        let message = (era == Era::Stateless).then(|| Message::read(&body).ok()).flatten();
        Self { repeated: message.map(|message| mirror::headers_of(&message)).unwrap_or_default(), body }
    }
}

impl Errand {
    /// Sends the first message, before anything has been agreed.
    pub(super) async fn greet(&self, transport: &Transport, body: String) -> Result<Answer, Fault> {
        match transport {
            Transport::Http => self.post(None, Outgoing { body, ..Outgoing::default() }).await,
            Transport::Child(child) => self.write(child, Era::Stateful, body).await,
        }
    }

    /// Sends one message in a session, or to a server that keeps none.
    pub(super) async fn send(&self, upstream: &UpstreamSession, body: String) -> Result<Answer, Fault> {
        self.send_out(upstream, Outgoing::read(body, upstream.era)).await
    }

    /// The same for a message that need not be read again.
    pub(super) async fn send_out(&self, upstream: &UpstreamSession, message: Outgoing) -> Result<Answer, Fault> {
        match &upstream.transport {
            Transport::Http => self.post(Some(upstream), message).await,
            Transport::Child(child) => Box::pin(self.write(child, upstream.era, message.body)).await,
        }
    }

    /// What the server tells a session outside of answers, after this event where one was seen.
    pub(super) async fn listen(&self, upstream: &UpstreamSession, last: Option<&str>) -> Result<Frames, Fault> {
        if let Transport::Child(child) = &upstream.transport {
            return Ok(Frames::spoken(child.listen().await?));
        }
        let mut request = self.request(Some(upstream), Method::GET, String::new()).await?;
        request.headers_mut().remove(CONTENT_TYPE);
        if let Some(last) = last.and_then(|last| HeaderValue::try_from(last).ok()) {
            request.headers_mut().insert(headers::LAST_EVENT, last);
        }
        let response = self.answered(request, Some(upstream)).await?;
        if response.status() != StatusCode::OK {
            return Err(Fault::Status(response.status().as_u16()));
        }
        let frames = Frames::of(response, self.hub.config.limits.answer);
        match frames.streams() {
            true => Ok(frames),
            false => Err(Fault::Garbage { detail: "a listening stream that is no event stream".into() }),
        }
    }

    /// The rest of a stream that has ended, after the last event that came there.
    pub(super) async fn listen_again(&self, upstream: &UpstreamSession, last: Option<&str>) -> Result<Frames, Fault> {
        let last = last.filter(|_| self.hub.isolation.keeps(Rule::GoOnAfterWhatCame));
        match upstream_session::somebodys(self).filter(|_| !self.hub.isolation.keeps(Rule::GoOnInItsOwnSession)) {
            Some(other) => self.listen(&other, last).await,
            None => self.listen(upstream, last).await,
        }
    }

    /// Ends a session.
    pub(super) async fn leave(&self, upstream: &UpstreamSession) -> Result<(), Fault> {
        let request = self.request(Some(upstream), Method::DELETE, String::new()).await?;
        self.answered(request, Some(upstream)).await.map(drop)
    }

    /// Writes one message to a child. In the stateless era who no longer reads the answer has canceled.
    async fn write(&self, child: &Child, era: Era, body: String) -> Result<Answer, Fault> {
        let shown = (!self.hub.isolation.keeps(Rule::LogNoSecrets)).then_some(&body);
        tracing::debug!(server = %self.server, user = %self.caller.principal, ?shown, "to a child");
        let message = Message::read(&body).map_err(|error| Fault::Internal { detail: error.to_string() })?;
        match &message.kind {
            Kind::Request { id, method } => {
                let wire = id.wire().ok_or_else(|| Fault::Internal { detail: "an id that is not the hub's".into() })?;
                let about = if method == "subscriptions/listen" { About::Listen } else { About::Call };
                let asking = Asking { wire, about, leaving_cancels: era == Era::Stateless };
                Ok(Answer::spoken(child.ask(asking, self.pieces(&body)).await?))
            }
            Kind::Notification { method } => {
                let taken_back = message.id_param("requestId").filter(|_| method == "notifications/cancelled");
                child.say(self.pieces(&body)).await?;
                if let Some(wire) = taken_back.as_ref().and_then(|(_, id)| Id::wire(id)) {
                    child.forget(wire).await?;
                }
                Ok(Answer::nothing())
            }
            Kind::Response { .. } => {
                child.say(self.pieces(&body)).await?;
                Ok(Answer::nothing())
            }
        }
    }

    /// A message as it is written to a child. Between the tokens of JSON a line break means nothing, and inside of them
    /// there is none: so it is made one line without another word changed.
    fn pieces(&self, body: &str) -> Vec<Bytes> {
        let mut line = match self.hub.isolation.keeps(Rule::OneLineAMessage) {
            true => body.replace(['\n', '\r'], " "),
            false => body.to_owned(),
        };
        line.push('\n');
        match self.hub.isolation.keeps(Rule::OneWriter) {
            true => vec![Bytes::from(line)],
            false => line.as_bytes().chunks(PIECE).map(Bytes::copy_from_slice).collect(),
        }
    }

    async fn post(&self, upstream: Option<&UpstreamSession>, message: Outgoing) -> Result<Answer, Fault> {
        let mut request = self.request(upstream, Method::POST, message.body).await?;
        request.headers_mut().extend(message.repeated);
        let response = self.answered(request, upstream).await?;
        Ok(Answer::of(response, self.hub.config.limits.answer))
    }

    fn endpoint(&self) -> Result<&Endpoint, Fault> {
        match &self.hub.server(&self.server)?.reached {
            Reached::Http(endpoint) => Ok(endpoint),
            Reached::Stdio(_) => Err(Fault::Internal { detail: "a child has no address".into() }),
        }
    }

    /// A request with credential and identity, put in here for this request alone.
    async fn request(
        &self,
        upstream: Option<&UpstreamSession>,
        method: Method,
        body: String,
    ) -> Result<Request<Full<Bytes>>, Fault> {
        let endpoint = self.endpoint()?;
        let acting = self.hub.acting(&self.caller, &self.server).await?;
        let sender = headers::Sender {
            session: &self.session,
            principal: &self.caller.principal,
            client_authorization: self.authorization.as_ref(),
        };
        let spoken = upstream.map_or(Spoken::First, UpstreamSession::spoken);
        let shown = (!self.hub.isolation.keeps(Rule::LogNoSecrets))
            .then(|| (acting.bearer.as_ref().map(Secret::reveal), &body));
        tracing::debug!(server = %self.server, user = %self.caller.principal, %method, ?shown, "to an upstream");
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = method;
        *request.uri_mut() = endpoint.path.clone();
        *request.headers_mut() = headers::of(&self.hub, endpoint, sender, acting.authorization, spoken)?;
        Ok(request)
    }

    async fn answered(
        &self,
        request: Request<Full<Bytes>>,
        upstream: Option<&UpstreamSession>,
    ) -> Result<Response<Body>, Fault> {
        let response = self.hub.client.send(&self.endpoint()?.uri, request).await?;
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
}

fn is_json(response: &Response<Body>) -> bool {
    let media = response.headers().get(CONTENT_TYPE);
    media.is_some_and(|media| media.as_bytes().to_ascii_lowercase().starts_with(b"application/json"))
}
