//! Raw HTTP: what a polite client would not send.

use serde_json::Value;

use super::{
    client::Outgoing,
    envelope::{self, Credentials},
    player::{NoSession, Player},
    roles,
};
use crate::{
    scenario::{
        model::{Expectation, Layout, Raw, Refusal, Send, SessionChoice, TokenChoice},
        source::Spanned,
    },
    trace::{Purpose, event::Outcome},
};

impl Player<'_> {
    pub(super) async fn raw(&mut self, number: usize, send: &Send, twin: bool) -> Result<Outcome, NoSession> {
        let (actor, upstream) = (&send.actor, send.upstream.as_str());
        let session = match &send.session {
            SessionChoice::Own => self.in_session(number, actor, upstream).await?.session,
            SessionChoice::Absent => None,
            SessionChoice::Unknown => Some(self.sessions.unknown(&mut self.rng)),
            SessionChoice::Of { actor, upstream } => match self.sessions.last(actor, upstream) {
                Some(id) => Some(id.to_owned()),
                None => Some(self.sessions.unknown(&mut self.rng)),
            },
        };
        let token = match send.token {
            TokenChoice::Own => self.token(actor, upstream),
            TokenChoice::Absent => None,
            TokenChoice::Unknown => Some("key-that-nobody-was-ever-given".to_owned()),
            TokenChoice::Upstream => self.facts.expected_token(&actor.user, upstream).map(str::to_owned),
        };
        let opens = matches!(&send.what, Raw::Post { method, .. } if method == "initialize");
        let revision = if opens { None } else { self.revision(actor) };
        let id = send.id.clone().unwrap_or_else(|| self.next_id(actor, upstream));
        let credentials = Credentials { token, session, revision, itself: self.itself(actor) };
        let (mark, outgoing) = self.raw_request(send, &credentials, &id);
        let address = self.address(number, actor, upstream, Purpose::Step, mark);
        let outcome = self.send(address, outgoing).map_err(NoSession)?.outcome(self.stage.pace).await;
        if twin {
            let unknown = Some(self.sessions.unknown(&mut self.rng));
            let (mark, outgoing) = self.raw_request(send, &Credentials { session: unknown, ..credentials }, &id);
            let address = self.address(number, actor, upstream, Purpose::Twin, mark);
            self.send(address, outgoing).map_err(NoSession)?.ended(self.stage.pace).await;
        }
        self.stage.pace.settle().await;
        Ok(outcome)
    }

    fn raw_request(&mut self, send: &Send, credentials: &Credentials, id: &Value) -> (Option<String>, Outgoing) {
        let (mark, mut outgoing) = self.raw_message(send, credentials, id);
        if !send.meta.is_empty() {
            outgoing.body = self.forge_meta(send, &outgoing.body);
        }
        if let Raw::Post { layout: Layout::Lines, .. } = send.what
            && let Ok(body) = serde_json::from_str::<Value>(&outgoing.body)
        {
            outgoing.body = format!("{body:#}");
        }
        for (name, value) in &send.headers {
            outgoing.headers.retain(|(known, _)| known != name);
            outgoing.headers.extend(value.as_ref().map(|value| (name.clone(), self.fill_text(&send.actor, value))));
        }
        (mark, outgoing)
    }

    /// The body with the members of `params._meta` that the file forges.
    fn forge_meta(&self, send: &Send, body: &str) -> String {
        let Ok(mut message) = serde_json::from_str::<Value>(body) else { return body.to_owned() };
        if let Some(Value::Object(meta)) = message.pointer_mut("/params/_meta") {
            for (name, value) in &send.meta {
                meta.remove(name);
                meta.extend(value.as_ref().map(|value| (name.clone(), self.fill_value(&send.actor, value))));
            }
        }
        message.to_string()
    }

    fn raw_message(&mut self, send: &Send, credentials: &Credentials, id: &Value) -> (Option<String>, Outgoing) {
        let (method, tool, arguments) = match &send.what {
            Raw::Get => return (None, envelope::get(credentials)),
            Raw::Delete => return (None, envelope::delete(credentials)),
            Raw::Post { method, tool, arguments, .. } => (method, tool, self.fill(&send.actor, arguments)),
        };
        let params = match tool {
            Some(tool) => {
                let (tool, arguments) = roles::played(self.facts, &send.upstream, tool, arguments);
                envelope::tool_call(&tool, &arguments)
            }
            None if method == "initialize" && arguments.is_empty() => {
                envelope::initialize(&self.facts.revision_of(&send.actor), None)
            }
            None => arguments,
        };
        let mark = self.next_mark();
        let id = (!method.starts_with("notifications/")).then_some(id);
        let outgoing = envelope::write(credentials, method, id, params, &mark);
        (Some(mark), outgoing)
    }
}

/// A refusal that must look like that of an unknown session needs one to look like.
pub(super) fn wants_twin(expect: &[Spanned<Expectation>]) -> bool {
    expect.iter().any(|e| matches!(e.value, Expectation::Refused(Refusal::LikeUnknownSession)))
}
