//! A refused access is refused, for the right reason, and tells nothing.
//!
//! Two checks for a foreign session id. The access must be refused; and the refusal must equal that
//! of a fresh id that nobody ever had, sent right afterwards, or it tells that the id exists. Never
//! judged by timing.

use regex_lite::Regex;
use serde_json::Value;

use super::{Finding, Kind, Oracle, Severity, finding::Crossing, marks, rpc};
use crate::{
    scenario::{
        model::{Action, Expectation, Refusal, SessionChoice},
        source::Span,
    },
    trace::{
        Index, Purpose,
        facts::Refusals,
        index::{Answer, Message, header},
    },
};

/// Judges every `refused:` of the file.
pub fn judge(index: &Index<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, step) in index.facts.scenario.steps.iter().enumerate() {
        for expectation in &step.expect {
            let Expectation::Refused(reason) = expectation.value else { continue };
            let Some(message) = index.exchange_of(number).and_then(|exchange| index.message_of(exchange)) else {
                continue;
            };
            let case = Case { index, number, message, reason, span: expectation.span };
            findings.extend(case.judge());
        }
    }
    findings
}

/// One access that must be refused.
struct Case<'i, 't> {
    index: &'i Index<'t>,
    number: usize,
    message: &'i Message<'t>,
    reason: Refusal,
    span: Span,
}

impl Case<'_, '_> {
    fn judge(&self) -> Option<Finding> {
        let Some(answer) = self.message.answer else {
            let headline = format!("{} got no refusal, and no answer at all", self.message.actor);
            return Some(self.finding(Kind::Interference, headline, self.reason.meaning(), "nothing".into()));
        };
        if rpc::accepted(&answer) {
            return Some(self.let_in(&answer));
        }
        if let Some(arrival) = self.index.arrivals_of(self.message.exchange).next().filter(|_| self.must_not_travel()) {
            let headline =
                format!("a refused request of {} reached `{}` all the same", self.message.actor, arrival.upstream);
            let received = format!("{} and {} at `{}`", rpc::brief(&answer), arrival.method, arrival.upstream);
            return Some(self.finding(Kind::Leak, headline, "refused before anything goes upstream", received));
        }
        if !self.reason.fits(&answer) {
            let headline = format!("{} was refused for another reason", self.message.actor);
            return Some(self.finding(Kind::Refusal, headline, self.reason.meaning(), rpc::brief(&answer)));
        }
        let compared =
            matches!(self.reason, Refusal::LikeUnknownSession | Refusal::LikeUnknownState | Refusal::LikeUnknownHandle);
        compared.then(|| self.compare(&answer)).flatten()
    }

    fn finding(&self, kind: Kind, headline: String, expected: &str, received: String) -> Finding {
        let at = self.message.answer.map_or(self.message.at, |answer| answer.at);
        let finding = Finding::new(Oracle::Refusal, kind, self.number, at, headline);
        Finding { span: Some(self.span), ..finding.because(expected, received) }
    }

    /// Whether the hub alone can know the reason, so that an upstream must not even hear of it.
    fn must_not_travel(&self) -> bool {
        !matches!(self.reason, Refusal::Forbidden | Refusal::MissingCapability | Refusal::LikeUnknownHandle)
    }

    fn let_in(&self, answer: &Answer<'_>) -> Finding {
        let actor = self.message.actor;
        let owner = self.presented_owner();
        let (kind, headline) = match (&owner, self.reason) {
            (Some(owner), _) if owner.user == actor.user => {
                (Kind::Leak, format!("{actor} was let into a session of {owner} that is not this client's"))
            }
            (Some(owner), _) => (Kind::Leak, format!("{actor} was let into {owner}'s session")),
            (None, Refusal::Unauthorized | Refusal::NotLinked | Refusal::Forbidden) => {
                (Kind::Leak, format!("{actor} was let in without the right to"))
            }
            (None, _) => (Kind::Refusal, format!("{actor}'s request was accepted and must be refused")),
        };
        let mut finding = self.finding(kind, headline, self.reason.meaning(), rpc::brief(answer));
        finding.crossing = owner.map(|owner| Crossing {
            what: "session".into(),
            owner: owner.to_string(),
            reached: actor.to_string(),
        });
        finding
    }

    /// Whose session id was presented, where it is another's.
    fn presented_owner(&self) -> Option<crate::scenario::model::Actor> {
        match &self.index.facts.scenario.steps[self.number].action {
            Action::Send(send) => match &send.session {
                SessionChoice::Of { actor, .. } if actor != self.message.actor => Some(actor.clone()),
                _ => None,
            },
            _ => None,
        }
    }

    /// The same refusal as the twin's, byte for byte, once what must differ is taken out.
    fn compare(&self, answer: &Answer<'_>) -> Option<Finding> {
        let twins = self.index.messages.values();
        let twin = twins.filter(|m| m.step == self.number).find(|m| m.purpose == Purpose::Twin)?;
        let severity = match self.index.facts.refusals {
            Refusals::Identical => Severity::Failure,
            Refusals::Similar => Severity::Warning,
        };
        let twin_answer = twin.answer?;
        let what = match self.reason {
            Refusal::LikeUnknownState => "request state",
            Refusal::LikeUnknownHandle => "handle",
            _ => "session id",
        };
        if rpc::accepted(&twin_answer) {
            let headline = format!("a {what} that nobody ever had was accepted");
            return Some(self.finding(Kind::Refusal, headline, self.reason.meaning(), rpc::brief(&twin_answer)));
        }
        let telling = |message: &Message<'_>, answer: &Answer<'_>| match self.reason {
            Refusal::LikeUnknownHandle => self.said(message, answer),
            _ => telling(message, answer),
        };
        let (foreign, unknown) = (telling(self.message, answer), telling(twin, &twin_answer));
        (foreign != unknown).then(|| {
            let headline = format!("{} can tell a foreign {what} from an unknown one", self.message.actor);
            let finding = self.finding(Kind::Refusal, headline, &unknown, foreign);
            Finding { severity, ..finding }
        })
    }

    /// What an upstream says of a handle, or of a URI, which it may name. Each answer of its own has marks of its own, and
    /// a form that it chooses.
    fn said(&self, message: &Message<'_>, answer: &Answer<'_>) -> String {
        let response = rpc::response(answer).map(|mut response| {
            if let Some(members) = response.as_object_mut() {
                members.remove("id");
            }
            response.to_string()
        });
        let mut said = format!("HTTP {}\n{}", answer.status, response.unwrap_or_default());
        if let Some(uri) = rpc::uri(message.body) {
            said = said.replace(&uri, "<uri>");
        }
        marks::plain(&said, &self.index.facts.canaries).into_owned()
    }
}

/// Everything in a refusal that could tell one id from another.
fn telling(message: &Message<'_>, answer: &Answer<'_>) -> String {
    let mut text = format!("HTTP {}\n", answer.status);
    for (name, value) in answer.headers.iter().filter(|(name, _)| name != "date") {
        text.push_str(&format!("{name}: {value}\n"));
    }
    text.push_str(answer.body);
    if let Some(session) = message.session {
        text = text.replace(session, "<session>");
    }
    if let Some(mark) = message.mark {
        text = text.replace(mark, "<mark>");
    }
    match rpc::request_id(message.body) {
        Some(id) => without_id(&text, &id),
        None => text,
    }
}

/// Takes the request's own id out of a JSON-RPC body.
fn without_id(text: &str, id: &Value) -> String {
    let pattern = format!(r#""id"\s*:\s*{}"#, regex_lite::escape(&id.to_string()));
    match Regex::new(&pattern) {
        Ok(pattern) => pattern.replace(text, "\"id\":<id>").into_owned(),
        Err(_) => text.to_owned(),
    }
}

impl Refusal {
    /// What the answer must be.
    fn meaning(self) -> &'static str {
        match self {
            Refusal::LikeUnknownSession => "404 (or 400), the same as for a session id that nobody ever had",
            Refusal::Unauthorized => "401 with a WWW-Authenticate challenge",
            Refusal::MissingSession => "400: a session id is required",
            Refusal::Forbidden => "403, or an error that says the user may not do this",
            Refusal::NotLinked => "an error that says the user has no credential for this upstream",
            Refusal::OverLimit => "429, or an error that says a limit is reached",
            Refusal::DuplicateId => "an error that says the id is in flight already",
            Refusal::LikeUnknownState => "an error, the same as for a request state that nobody was ever given",
            Refusal::LikeUnknownHandle => "an error, the same as for a handle that nobody was ever given",
            Refusal::HeaderMismatch => "400 and -32020: headers and body differ",
            Refusal::MissingCapability => "400 and -32021, with the capabilities that are needed",
            Refusal::UnsupportedVersion => "400 and -32022, with the versions that are spoken",
            Refusal::MissingMeta => "400 and -32602: the request says nothing of its client",
            Refusal::UnknownMethod => "404 and -32601: there is no such method",
        }
    }

    fn fits(self, answer: &Answer<'_>) -> bool {
        let response = rpc::response(answer);
        let message = response.as_ref().and_then(rpc::failure);
        let has = |place: &str| response.as_ref().is_some_and(|response| response.pointer(place).is_some());
        let code = response.as_ref().and_then(|response| response.pointer("/error/code")?.as_i64());
        match self {
            Refusal::LikeUnknownSession => matches!(answer.status, 400 | 404),
            Refusal::Unauthorized => answer.status == 401 && header(answer.headers, "www-authenticate").is_some(),
            Refusal::MissingSession => answer.status == 400,
            Refusal::Forbidden => {
                answer.status == 403 || says(message, &["forbidden", "scope", "permission", "not allowed", "may not"])
            }
            Refusal::NotLinked => {
                matches!(answer.status, 401 | 403) || says(message, &["credential", "not linked", "link"])
            }
            Refusal::OverLimit => answer.status == 429 || says(message, &["limit", "too many"]),
            Refusal::DuplicateId => says(message, &["id", "in flight", "duplicate"]),
            Refusal::LikeUnknownState | Refusal::LikeUnknownHandle => message.is_some(),
            Refusal::HeaderMismatch => answer.status == 400 && code == Some(-32020),
            Refusal::MissingCapability => {
                answer.status == 400 && code == Some(-32021) && has("/error/data/requiredCapabilities")
            }
            Refusal::UnsupportedVersion => answer.status == 400 && code == Some(-32022) && has("/error/data/supported"),
            Refusal::MissingMeta => answer.status == 400 && code == Some(-32602),
            Refusal::UnknownMethod => answer.status == 404 && code == Some(-32601),
        }
    }
}

fn says(message: Option<String>, words: &[&str]) -> bool {
    message.is_some_and(|message| {
        let message = message.to_lowercase();
        words.iter().any(|word| message.contains(word))
    })
}
