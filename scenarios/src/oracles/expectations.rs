//! What the file says must come: texts, errors, tool names, statuses, counts.
//!
//! A polite request that states nothing must succeed, and every request must be answered: a call that
//! hangs while another user's is parked upstream is how a hub that serializes its users shows.
//! Refusals are judged in [`super::refusal`]; what is counted stands in `numbers`.

use super::{Finding, Kind, Oracle, Severity, marks, rpc};
use crate::{
    scenario::{
        canary,
        model::{Action, Actor, Expectation, Request, RequestKind, Step, TextMatch},
        source::Spanned,
    },
    trace::{
        Exchange, Index,
        event::Outcome,
        index::{Answer, Message},
    },
};

/// Judges every step that was played.
pub fn judge(index: &Index<'_>) -> Vec<Finding> {
    let scenario = &index.facts.scenario;
    let steps = scenario.steps.iter().enumerate();
    let mut findings: Vec<Finding> =
        steps.filter_map(|(number, _)| Promise::of(index, number)).flat_map(|promise| promise.judge()).collect();
    // One that serializes its users is told so once, not for everybody who stood in the line.
    let mut first = true;
    findings.retain(|finding| finding.oracle != Oracle::Serialized || std::mem::take(&mut first));
    findings
}

/// One step with what came of it.
pub(super) struct Promise<'i, 't> {
    pub(super) index: &'i Index<'t>,
    pub(super) number: usize,
    pub(super) step: &'t Step,
    outcome: &'t Outcome,
}

impl<'i, 't> Promise<'i, 't> {
    /// `None` for a step that was not played: a control run leaves out what is not its user's.
    fn of(index: &'i Index<'t>, number: usize) -> Option<Self> {
        let outcome = index.outcomes.get(&number)?;
        let step = index.facts.scenario.steps.get(number)?;
        Some(Self { index, number, step, outcome })
    }

    fn judge(&self) -> Vec<Finding> {
        if let Outcome::NoAnswer { exchange } = self.outcome {
            return vec![self.unanswered(*exchange)];
        }
        if let Outcome::Parked { .. } | Outcome::AnsweredEarly { .. } | Outcome::Begun { .. } = self.outcome {
            return Vec::new(); // `await` judges the answer.
        }
        let mut findings: Vec<Finding> =
            self.step.expect.iter().filter_map(|expectation| self.check(expectation)).collect();
        if self.must_simply_succeed() {
            findings.extend(self.success().err().map(|finding| *finding));
        }
        findings
    }

    /// A polite request, or the `await` of one, that states nothing.
    fn must_simply_succeed(&self) -> bool {
        self.step.expect.is_empty() && matches!(self.step.action, Action::Request(_) | Action::Await(_))
    }

    fn check(&self, expectation: &Spanned<Expectation>) -> Option<Finding> {
        let finding = match &expectation.value {
            Expectation::Text(wanted) => self.text(wanted),
            Expectation::Error(wanted) => self.error(wanted),
            Expectation::Answered { excludes } => self.answered(excludes),
            Expectation::Before(label) => self.before(label),
            Expectation::Names { contains, excludes } => self.names(contains, excludes),
            Expectation::Told(wanted) => self.told_by_then(wanted),
            Expectation::Progress(wanted) => self.progress(*wanted),
            Expectation::Logs(wanted) => self.logs(*wanted),
            Expectation::Answers(wanted) => self.answers(*wanted),
            Expectation::Status(wanted) => self.status(*wanted),
            Expectation::Sessions { opened, open } => self.sessions(*opened, *open),
            Expectation::Executed(wanted) => self.executed(*wanted),
            Expectation::Canceled(wanted) => self.canceled(*wanted),
            Expectation::Scope(wanted) => self.scope(wanted),
            Expectation::FreshFor(wanted) => self.fresh_for(*wanted),
            Expectation::Reached(wanted) => self.reached(*wanted),
            Expectation::Refused(_) => None,
        }?;
        Some(Finding { span: Some(expectation.span), ..finding })
    }

    pub(super) fn exchange(&self) -> Option<Exchange> {
        self.index.exchange_of(self.number)
    }

    pub(super) fn message(&self) -> Option<&'i Message<'t>> {
        self.index.message_of(self.exchange()?)
    }

    /// Who expects it: the actor of the answer, for headlines.
    pub(super) fn actor(&self) -> String {
        self.message().map_or_else(|| "the harness".into(), |message| message.actor.to_string())
    }

    pub(super) fn finding(&self, kind: Kind, headline: String) -> Finding {
        let at = self.message().and_then(|m| m.answer).map(|answer| answer.at);
        let at = at.or_else(|| self.index.step_ends.get(&self.number).copied()).unwrap_or_default();
        Finding::new(Oracle::Expectation, kind, self.number, at, headline)
    }

    fn unanswered(&self, exchange: Exchange) -> Finding {
        let actor = self.index.message_of(exchange).map_or_else(String::new, |m| m.actor.to_string());
        let held = self.held_before();
        // Where the upstream's answer was spoiled, nobody stood in a line.
        let spoiled = matches!(&self.step.action, Action::Request(request) if request.fault.is_some());
        if held.is_empty() || spoiled {
            let finding = self.finding(Kind::Interference, format!("{actor} got no answer"));
            return finding.because("an answer", "nothing, and nothing more can come");
        }
        let received = format!("nothing while {} waited upstream: the hub serializes its users", held.join(" and "));
        let finding = self.finding(Kind::Interference, format!("{actor}'s request stood behind another's"));
        Finding { oracle: Oracle::Serialized, ..finding.because("an answer", received) }
    }

    /// The actors whose calls were parked when this step ended.
    fn held_before(&self) -> Vec<String> {
        let steps = &self.index.facts.scenario.steps;
        let released: Vec<&str> = steps[..self.number]
            .iter()
            .flat_map(|step| match &step.action {
                Action::Release { labels, .. } => labels.iter().map(|l| l.value.as_str()).collect(),
                Action::Drop(label) | Action::Cancel(label) => vec![label.value.as_str()],
                _ => Vec::new(),
            })
            .collect();
        steps[..self.number]
            .iter()
            .filter_map(|step| match &step.action {
                Action::Request(request) => Some((request.held.as_ref()?, &request.actor)),
                _ => None,
            })
            .filter(|(label, _)| !released.contains(&label.value.as_str()))
            .map(|(_, actor)| actor.to_string())
            .collect()
    }

    /// The response of a request that succeeded.
    fn success(&self) -> Result<serde_json::Value, Box<Finding>> {
        let failed = |expected: &str, received: String| {
            let finding = self.finding(Kind::Interference, format!("{}'s request failed", self.actor()));
            Err(Box::new(finding.because(expected, received)))
        };
        let Some(answer) = self.message().and_then(|m| m.answer) else {
            return failed("a result", "the connection broke".into());
        };
        match rpc::response(&answer) {
            Some(response) if rpc::failure(&response).is_none() && answer.status == 200 => Ok(response),
            _ => failed("a result", rpc::brief(&answer)),
        }
    }

    fn text(&self, wanted: &TextMatch) -> Option<Finding> {
        let response = match self.success() {
            Ok(response) => response,
            Err(finding) => return Some(*finding),
        };
        self.matches(&self.said(&response), wanted)
    }

    /// The text of a result, where the profile of a server says that it stands.
    fn said(&self, response: &serde_json::Value) -> String {
        let facts = self.index.facts;
        let role = self.request().and_then(|request| match &request.kind {
            RequestKind::Call { tool, .. } => facts.role(&request.upstream, tool),
            _ => None,
        });
        let Some(at) = role.and_then(|role| role.at.as_ref()) else { return rpc::text(response) };
        match response.pointer(at) {
            Some(serde_json::Value::String(text)) => text.clone(),
            other => other.map(serde_json::Value::to_string).unwrap_or_default(),
        }
    }

    /// The request whose answer this step takes.
    fn request(&self) -> Option<&'t Request> {
        match &self.step.action {
            Action::Request(request) => Some(request),
            Action::Await(label) => self.index.facts.scenario.steps.iter().find_map(|step| match &step.action {
                Action::Request(request) if request.label().is_some_and(|own| own.value == label.value) => {
                    Some(request)
                }
                _ => None,
            }),
            _ => None,
        }
    }

    /// Any answer. What of it is another user's, other oracles see; what may not come back to oneself, the file says.
    fn answered(&self, excludes: &[String]) -> Option<Finding> {
        let Some(answer) = self.message().and_then(|message| message.answer) else {
            let finding = self.finding(Kind::Interference, format!("{}'s connection broke", self.actor()));
            return Some(finding.because("an answer", "nothing"));
        };
        let present = excludes.iter().map(|part| self.expand(part)).find(|part| answer.body.contains(part.as_str()))?;
        let headline = format!("{} got what must not be in the answer", self.actor());
        Some(self.finding(Kind::Leak, headline).because(format!("an answer without {present}"), rpc::brief(&answer)))
    }

    /// This answer came before that of a call that was begun earlier, which it need not wait for.
    fn before(&self, label: &str) -> Option<Finding> {
        let (own, slow) = (self.message()?, self.index.begun(label)?);
        let (mine, theirs) = (own.answer?.at, slow.answer?.at);
        // That the call is slow was seen when its role was tried.
        (theirs < mine).then(|| {
            let headline = format!("{}'s request stood behind {}'s", self.actor(), slow.actor);
            let finding = self.finding(Kind::Interference, headline);
            let finding = Finding { oracle: Oracle::Serialized, severity: Severity::Warning, ..finding };
            finding.because(
                "an answer that does not wait for the slow call",
                "it came after the slow call's: the server serializes",
            )
        })
    }

    /// `text` against the file's condition, `$canary` forms replaced.
    fn matches(&self, text: &str, wanted: &TextMatch) -> Option<Finding> {
        match wanted {
            TextMatch::Any => text.is_empty().then(|| {
                self.finding(Kind::Loss, format!("{} got an answer without text", self.actor()))
                    .because("any text", "none")
            }),
            TextMatch::Contains(parts) => {
                let missing = parts.iter().map(|part| self.expand(part)).find(|part| !text.contains(part.as_str()))?;
                let headline = format!("{} did not get back what is {0}'s own", self.actor());
                Some(self.finding(Kind::Loss, headline).because(format!("text with {missing}"), format!("{text:?}")))
            }
            TextMatch::Excludes(parts) => {
                let present = parts.iter().map(|part| self.expand(part)).find(|part| text.contains(part.as_str()))?;
                let headline = format!("{} got what must not be in the answer", self.actor());
                let finding = self.finding(Kind::Leak, headline);
                Some(finding.because(format!("text without {present}"), format!("{text:?}")))
            }
            TextMatch::Exactly(whole) => {
                let (wanted, got) = (self.expand(whole), marks::without_last_line(text, &self.index.facts.canaries));
                (wanted != got).then(|| {
                    let headline = format!("{} did not get exactly what is {0}'s own", self.actor());
                    self.finding(Kind::Loss, headline).because(format!("{wanted:?}"), format!("{got:?}"))
                })
            }
        }
    }

    fn expand(&self, text: &str) -> String {
        let acting = self.message().map(|m| m.actor.clone());
        let acting = acting.unwrap_or_else(|| Actor { user: String::new(), client: Actor::MAIN.into() });
        let account = self.index.facts.account(&acting.user).unwrap_or(canary::ACCOUNT);
        let text = &text.replace(canary::ACCOUNT, account);
        canary::expand(text, &acting, |who, series| self.index.facts.canary(who, series).map(str::to_owned))
    }

    fn error(&self, wanted: &TextMatch) -> Option<Finding> {
        let answer = self.message().and_then(|m| m.answer);
        let Some(answer) = answer else {
            let headline = format!("{}'s connection broke instead of a clear error", self.actor());
            return Some(
                self.finding(Kind::Interference, headline).because("an error that names the server", "nothing"),
            );
        };
        let failure = match rpc::response(&answer) {
            Some(response) => rpc::failure(&response),
            None => (answer.status >= 400).then(|| answer.body.to_owned()),
        };
        let Some(message) = failure else {
            let headline = format!("{} got a result where only an error can be right", self.actor());
            return Some(self.finding(Kind::Correlation, headline).because("an error", rpc::brief(&answer)));
        };
        self.matches(&message, wanted)
    }

    fn names(&self, contains: &[String], excludes: &[String]) -> Option<Finding> {
        let response = match self.success() {
            Ok(response) => response,
            Err(finding) => return Some(*finding),
        };
        let names = rpc::names(&response).unwrap_or_default();
        let listed = format!("[{}]", names.join(", "));
        if let Some(missing) = contains.iter().map(|name| self.told(name)).find(|name| !names.contains(name)) {
            let headline = format!("{} is not offered {missing}", self.actor());
            return Some(self.finding(Kind::Loss, headline).because(missing, listed));
        }
        let extra = excludes.iter().map(|name| self.told(name)).find(|name| names.contains(name))?;
        let headline = format!("{} is offered {extra}, which is not {0}'s", self.actor());
        Some(self.finding(Kind::Leak, headline).because(format!("no {extra}"), listed))
    }

    /// A name as the list of a step tells it: `db/echo` is named as the target names it in a group's list.
    fn told(&self, name: &str) -> String {
        let facts = self.index.facts;
        match name.split_once('/') {
            Some((upstream, bare)) if facts.scenario.upstreams.contains_key(upstream) => facts.told(upstream, bare),
            _ => self.expand(name),
        }
    }

    /// What had come on a stream when the step ended.
    fn told_by_then(&self, wanted: &TextMatch) -> Option<Finding> {
        let end = self.index.step_ends.get(&self.number).copied().unwrap_or(usize::MAX);
        let heard = self.message()?.heard.iter().rev().find(|answer| answer.at < end);
        self.matches(heard.map_or("", |answer| answer.body), wanted)
    }

    fn status(&self, wanted: u16) -> Option<Finding> {
        let answer: Option<Answer<'_>> = self.message().and_then(|m| m.answer);
        let got = answer.map(|a| a.status);
        (got != Some(wanted)).then(|| {
            let received = answer.map_or_else(|| "no answer".into(), |a| rpc::brief(&a));
            let headline = format!("{} got another status than promised", self.actor());
            self.finding(Kind::Refusal, headline).because(format!("HTTP {wanted}"), received)
        })
    }

    /// For whom the answer may be kept. An answer that does not say is nobody's but its caller's.
    fn scope(&self, wanted: &str) -> Option<Finding> {
        let response = match self.success() {
            Ok(response) => response,
            Err(finding) => return Some(*finding),
        };
        let said = response.pointer("/result/cacheScope").and_then(serde_json::Value::as_str).unwrap_or("private");
        (said != wanted).then(|| {
            let headline = format!("{}'s answer says that it may be kept for others than it may", self.actor());
            self.finding(Kind::Leak, headline).because(format!("cacheScope {wanted}"), format!("cacheScope {said}"))
        })
    }

    /// For how long the answer says that it is fresh: no longer than promised, and less by a second at most.
    fn fresh_for(&self, wanted: u64) -> Option<Finding> {
        let response = match self.success() {
            Ok(response) => response,
            Err(finding) => return Some(*finding),
        };
        let said = response.pointer("/result/ttlMs").and_then(serde_json::Value::as_u64);
        let right = said.is_some_and(|said| said <= wanted && wanted - said < 1000);
        (!right).then(|| {
            let headline = format!("{}'s answer does not say for how long it is still fresh", self.actor());
            let said = said.map_or_else(|| "no ttlMs".into(), |said| format!("ttlMs {said}"));
            self.finding(Kind::Correlation, headline).because(format!("ttlMs {wanted}"), said)
        })
    }

    pub(super) fn held_exchange(&self, label: &str) -> Option<Exchange> {
        let step = self.index.facts.scenario.steps.iter().position(|step| {
            matches!(&step.action, Action::Request(request) if request.label().is_some_and(|own| own.value == label))
        })?;
        self.index.exchange_of(step)
    }
}
