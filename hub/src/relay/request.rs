//! A request as it goes upstream: in the words of the era there, with an id and a progress token of the hub's.

use super::{Errand, UpstreamSession, bridge};
use crate::{downstream::Standing, envelope::Message, era::Era};

/// A request, but for what is different each time that it is sent.
#[derive(Debug, Clone)]
pub(super) struct Request {
    text: String,
}

impl Request {
    /// A client's request, in the words of the era at its upstream.
    pub(super) fn of(errand: &Errand, upstream: &UpstreamSession, message: &Message<'_>) -> Self {
        let text = match (errand.session.standing, upstream.era) {
            (Standing::Bridged | Standing::Moment, Era::Stateful) => bridge::request(message),
            _ => message.whole(),
        };
        Self { text }
    }

    /// With this id, and in the place of its progress token the same, if somebody is to be told of progress.
    pub(super) fn addressed(&self, wire: u64, progress: bool) -> String {
        match Message::read(&self.text) {
            Ok(message) => {
                let token = message.progress_token().filter(|_| progress);
                message.readdressed(&wire.to_string(), token)
            }
            Err(_) => self.text.clone(),
        }
    }
}
