//! What the file says must come so many times: told, answered, run, opened, canceled. A part of [`super::expectations`].

use super::{Finding, Kind, Severity, counts, expectations::Promise, finding::Crossing, rpc};
use crate::{
    scenario::model::Action,
    trace::{Exchange, Sharing},
};

impl Promise<'_, '_> {
    pub(super) fn progress(&self, wanted: u64) -> Option<Finding> {
        let message = self.message()?;
        let token = rpc::progress_token(message.body)?;
        let told = message.answer.map(|answer| rpc::progress(&answer)).unwrap_or_default();
        let own = told.iter().filter(|of| **of == token).count() as u64;
        (own != wanted).then(|| {
            let headline = format!("{} was told of progress {own} times", self.actor());
            let received = format!("tokens {told:?}");
            self.finding(Kind::Loss, headline).because(format!("{wanted} times under the token {token}"), received)
        })
    }

    pub(super) fn logs(&self, wanted: u64) -> Option<Finding> {
        let answer = self.message()?.answer?;
        let came = rpc::logs(&answer).len() as u64;
        (came != wanted).then(|| {
            let kind = if came < wanted { Kind::Loss } else { Kind::Correlation };
            let headline = format!("{} was told {came} log lines", self.actor());
            self.finding(kind, headline).because(format!("{wanted} log lines"), rpc::brief(&answer))
        })
    }

    pub(super) fn answers(&self, wanted: u64) -> Option<Finding> {
        let message = self.message()?;
        let mut asked = rpc::batch(message.body)?;
        let responses = message.answer.map(|answer| rpc::responses(&answer)).unwrap_or_default();
        let mut answered: Vec<_> = responses.iter().filter_map(|response| response.get("id").cloned()).collect();
        asked.sort_by_key(ToString::to_string);
        answered.sort_by_key(ToString::to_string);
        (asked != answered || wanted != answered.len() as u64).then(|| {
            let headline = format!("{} did not get one answer for each request of a batch", self.actor());
            self.finding(Kind::Correlation, headline).because(format!("ids {asked:?}"), format!("ids {answered:?}"))
        })
    }

    /// How often the request came to its upstream.
    pub(super) fn reached(&self, wanted: u64) -> Option<Finding> {
        let exchange = self.exchange()?;
        let came = u64::try_from(self.index.arrivals_of(exchange).count()).unwrap_or(u64::MAX);
        (came != wanted).then(|| {
            let (kind, headline) = match came < wanted {
                true => (Kind::Correlation, format!("{} was given a kept answer that is none any more", self.actor())),
                false => (Kind::Loss, format!("what was kept for {} is not there any more", self.actor())),
            };
            self.finding(kind, headline).because(format!("{wanted} requests upstream"), format!("{came}"))
        })
    }

    pub(super) fn sessions(&self, opened: Option<u64>, open: Option<u64>) -> Option<Finding> {
        let Action::Census { upstream } = &self.step.action else { return None };
        let seen = counts::sessions(self.index, upstream, self.index.step_ends.get(&self.number).copied());
        if let Some(wanted) = opened.filter(|wanted| *wanted != seen.opened) {
            let (kind, headline) = if seen.opened < wanted {
                (Kind::Leak, format!("`{upstream}` saw fewer sessions than there are owners"))
            } else {
                (Kind::Loss, format!("`{upstream}` saw more sessions than there are owners"))
            };
            let finding = self.finding(kind, headline);
            // Fewer sessions than owners is what a target that lets them share has declared.
            let declared = kind == Kind::Leak && self.index.facts.sharing != Sharing::PerSession;
            let severity = if declared { Severity::Warning } else { Severity::Failure };
            let finding = Finding { severity, ..finding };
            return Some(finding.because(format!("{wanted} opened"), format!("{} opened", seen.opened)));
        }
        let wanted = open.filter(|wanted| *wanted != seen.open)?;
        let (kind, headline) = if seen.open > wanted {
            (Kind::Leak, format!("a session of `{upstream}` outlived its owner"))
        } else {
            (Kind::Loss, format!("a session of `{upstream}` was closed under its owner"))
        };
        Some(self.finding(kind, headline).because(format!("{wanted} open"), format!("{} open", seen.open)))
    }

    pub(super) fn executed(&self, wanted: u64) -> Option<Finding> {
        let exchange = self.exchange()?;
        let ran: u64 = self.index.arrivals_of(exchange).map(|arrival| arrival.executed).sum();
        (ran != wanted).then(|| {
            let kind = if ran > wanted { Kind::Correlation } else { Kind::Loss };
            let headline = format!("a call of {} ran {ran} times", self.actor());
            self.finding(kind, headline).because(format!("{wanted} executions"), format!("{ran}"))
        })
    }

    pub(super) fn canceled(&self, wanted: u64) -> Option<Finding> {
        let (Action::Cancel(label) | Action::Drop(label)) = &self.step.action else { return None };
        let call = self.held_exchange(&label.value)?;
        let own = counts::cancels_of(self.index, call);
        (own != wanted).then(|| {
            let what = if matches!(self.step.action, Action::Drop(_)) { "leaving" } else { "cancel" };
            let caller = self.index.message_of(call).map_or_else(|| self.actor(), |message| message.actor.to_string());
            let headline = format!("{caller}'s {what} reached the upstream {own} times as a cancel of that call");
            let mut finding =
                self.finding(Kind::Correlation, headline).because(format!("{wanted} cancels of it"), format!("{own}"));
            finding.crossing = self.struck_by(call);
            finding
        })
    }

    /// The call that a cancel hit instead of its own.
    fn struck_by(&self, call: Exchange) -> Option<Crossing> {
        let owner = self.index.message_of(call)?.actor.to_string();
        let victim = self
            .index
            .messages
            .values()
            .find(|message| message.exchange != call && counts::cancels_of(self.index, message.exchange) > 0)?;
        Some(Crossing { what: "a cancel".into(), owner, reached: victim.actor.to_string() })
    }
}
