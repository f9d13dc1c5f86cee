//! A request as it goes upstream: in the words of the era there, with an id and a progress token of the hub's.

use http::{HeaderName, HeaderValue};

use super::{Errand, UpstreamSession, bridge, exchange::Outgoing};
use crate::{
    downstream::Standing,
    envelope::Message,
    era::{Era, Meta, meta, mirror},
    upstream::Fault,
};

/// A request, but for what is different each time that it is sent.
#[derive(Debug, Clone)]
pub(super) struct Request {
    text: String,
    /// Whether that is what its client wrote.
    as_it_came: bool,
    /// The headers that repeat it, where the era has them.
    repeated: Vec<(HeaderName, HeaderValue)>,
}

impl Request {
    /// A client's request, in the words of the era at its upstream, where these headers repeat its arguments.
    pub(super) async fn of(
        errand: &Errand,
        upstream: &UpstreamSession,
        message: &Message<'_>,
        arguments: Vec<(HeaderName, HeaderValue)>,
    ) -> Result<Self, Fault> {
        let mut request = Self::reworded(errand, upstream, message).await?;
        if upstream.era == Era::Stateless {
            request.repeat(message, arguments);
        }
        Ok(request)
    }

    /// Has these headers repeat its arguments, and others what is always repeated of it.
    pub(super) fn repeat(&mut self, message: &Message<'_>, arguments: Vec<(HeaderName, HeaderValue)>) {
        self.repeated = mirror::headers_of(message);
        self.repeated.extend(arguments);
    }

    async fn reworded(errand: &Errand, upstream: &UpstreamSession, message: &Message<'_>) -> Result<Self, Fault> {
        let reworded = match (errand.session.standing, upstream.era) {
            (Standing::Bridged | Standing::Moment, Era::Stateful) => bridge::request(message),
            (Standing::Client, Era::Stateless) => bridge::without_rounds(meta::put_in(message, &said(errand).await?)),
            (Standing::Client, Era::Stateful) => match bridge::without_task(message) {
                Some(call) => call,
                None => return Ok(Self::as_it_came(message)),
            },
            (Standing::Moment | Standing::Bridged, Era::Stateless) => return Ok(Self::as_it_came(message)),
        };
        Ok(Self { text: reworded, as_it_came: false, repeated: Vec::new() })
    }

    fn as_it_came(message: &Message<'_>) -> Self {
        Self { text: message.whole(), as_it_came: true, repeated: Vec::new() }
    }

    /// As it is sent first, `message` being what its client wrote, which need not be read again where it goes as it came.
    pub(super) fn first(&self, message: &Message<'_>, wire: u64, token: Option<&str>) -> Outgoing {
        let body = match self.as_it_came {
            true => message.readdressed(&wire.to_string(), token),
            false => self.addressed(wire, token.is_some()),
        };
        Outgoing { body, repeated: self.repeated.clone() }
    }

    /// With this id, and in the place of its progress token the same, if somebody is to be told of progress.
    pub(super) fn addressed(&self, wire: u64, progress: bool) -> String {
        addressed(&self.text, wire, progress)
    }

    /// The same for its next round, with what its client has given and the state that its upstream gave.
    pub(super) fn again(&self, wire: u64, progress: bool, given: Option<&str>, state: Option<&str>) -> Outgoing {
        let with = |text: String, name: &str, value: &str| match Message::read(&text) {
            Ok(message) => message.with_param(name, value),
            Err(_) => text.clone(),
        };
        let mut text = self.text.clone();
        for (name, value) in [("inputResponses", given), ("requestState", state)] {
            if let Some(value) = value {
                text = with(text, name, value);
            }
        }
        Outgoing { body: addressed(&text, wire, progress), repeated: self.repeated.clone() }
    }
}

fn addressed(text: &str, wire: u64, progress: bool) -> String {
    match Message::read(text) {
        Ok(message) => message.readdressed(&wire.to_string(), message.progress_token().filter(|_| progress)),
        Err(_) => text.to_owned(),
    }
}

/// What a session's request says of itself where there are no sessions.
pub(super) async fn said(errand: &Errand) -> Result<Meta, Fault> {
    let level = errand.hub.log_levels.get(&errand.place(), &errand.server).await?;
    Ok(Meta { log_level: level, ..errand.session.meta() })
}
