//! What each verb of a scenario does, and which of them a user alone does too.

use super::{
    envelope,
    player::{NoSession, Player},
    raw,
    rounds::Reply,
    streams::Listener,
};
use crate::{
    oracles::counts,
    scenario::{
        model::{Action, Actor, Expectation, RequestKind, Step},
        source::Spanned,
    },
    trace::{Event, Purpose, event::Outcome},
};

impl Player<'_> {
    pub(super) async fn act(&mut self, number: usize, step: &Step) -> Outcome {
        match &step.action {
            Action::Request(request) => {
                self.request(number, step, request).await.unwrap_or_else(|NoSession(outcome)| outcome)
            }
            Action::Send(send) => {
                let twin = raw::wants_twin(&step.expect);
                self.raw(number, send, twin).await.unwrap_or_else(|NoSession(outcome)| outcome)
            }
            Action::Batch { actor, upstream, calls } => {
                self.batch(number, actor, upstream, calls).await.unwrap_or_else(|NoSession(outcome)| outcome)
            }
            Action::Open { actor, upstream, stream, after, filter, reading } => {
                let (after, filter) = (after.as_ref(), filter.as_ref());
                let listener = Listener { actor, upstream, after, filter, reading: *reading };
                let opened = self.open(number, &listener, stream).await;
                opened.unwrap_or_else(|NoSession(outcome)| outcome)
            }
            Action::WaitFor(label) => self.wait_for(step, label).await,
            Action::Answer { call, actor, result, state } => {
                let reply = Reply { call, actor: actor.as_ref(), result, state };
                self.answer(number, step, &reply).await.unwrap_or_else(|NoSession(outcome)| outcome)
            }
            Action::Await(label) => self.take(label).await,
            Action::Release { labels, order } => self.release(number, labels, *order).await,
            Action::Cancel(label) => self.cancel(number, step, label).await,
            Action::Drop(label) => self.walk_away(label).await,
            Action::Close { actor, upstream } => {
                self.close(number, actor, upstream).await.unwrap_or_else(|NoSession(outcome)| outcome)
            }
            Action::Restart => self.restart().await,
            Action::Revoke(actor) => self.revoke(actor).await,
            Action::AdvanceClock(by) => {
                self.stage.pace.settle().await; // What was begun before waits from then on.
                tokio::time::advance(*by).await;
                let advanced_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
                self.stage.recorder.record(Event::Clock { advanced_ms });
                self.stage.pace.settle().await;
                Outcome::Done
            }
            Action::Census { upstream } => self.census(step, upstream).await,
        }
    }

    /// Whether a control run of `user` plays this step: a polite request that must succeed, or the
    /// taking of its answer, or the polite end of a session.
    pub(super) fn belongs_to(&self, action: &Action, expect: &[Spanned<Expectation>], user: &str) -> bool {
        // Which log lines a client is told depends on its era, and alone everybody speaks that of the upstreams.
        let left_out = expect.iter().any(|e| {
            matches!(
                e.value,
                Expectation::Refused(_) | Expectation::Error(_) | Expectation::Status(_) | Expectation::Logs(_)
            )
        });
        if left_out {
            return false;
        }
        match action {
            Action::Request(request) => {
                let label = request.held.as_ref().map(|label| label.value.as_str());
                request.actor.user == user
                    && self.cell.scenario.upstreams.contains_key(&request.upstream)
                    && !(self.is_restricted(user) && matches!(request.kind, RequestKind::List { .. }))
                    && request.fault.is_none()
                    && request.asked.is_none()
                    && request.state.is_none()
                    && !label.is_some_and(|label| self.withdrawn.contains(label) || self.fails_later(label))
            }
            Action::Await(label) => self.held.contains_key(&label.value),
            Action::Close { actor, upstream } => {
                actor.user == user && self.cell.scenario.upstreams.contains_key(upstream)
            }
            _ => false,
        }
    }

    /// Whether a hub keeps tools from this user. No upstream does, so its lists cannot be compared.
    fn is_restricted(&self, user: &str) -> bool {
        self.cell.scenario.users.get(user).is_some_and(|person| !person.tools.is_empty())
    }

    /// Whether the file expects the `await` of this call to fail.
    fn fails_later(&self, label: &str) -> bool {
        self.cell.scenario.steps.iter().any(|step| {
            matches!(&step.action, Action::Await(taken) if taken.value == label)
                && step.expect.iter().any(|e| matches!(e.value, Expectation::Refused(_) | Expectation::Error(_)))
        })
    }

    async fn close(&mut self, number: usize, actor: &Actor, upstream: &str) -> Result<Outcome, NoSession> {
        let credentials = self.in_session(number, actor, upstream).await?;
        let address = self.address(number, actor, upstream, Purpose::Step, None);
        let outcome =
            self.send(address, envelope::delete(&credentials)).map_err(NoSession)?.outcome(self.stage.pace).await;
        self.sessions.closed(actor, upstream);
        self.stage.pace.settle().await;
        Ok(outcome)
    }

    /// The target begins anew, and knows nobody's session any more; the clients do not know that yet.
    async fn restart(&mut self) -> Outcome {
        if let Err(reason) = self.stage.restart(self.facts).await {
            self.stage.trouble.get_or_insert(format!("the target was not started again: {reason}"));
        }
        Outcome::Done
    }

    /// A key is good no longer; whoever holds it does not know that yet.
    async fn revoke(&mut self, actor: &Actor) -> Outcome {
        self.stage.pace.settle().await; // What was begun before was begun with the key.
        if let Err(reason) = self.stage.revoke(self.facts, actor).await {
            self.stage.trouble.get_or_insert(format!("the key of {actor} was not taken away: {reason}"));
        }
        self.stage.pace.settle().await;
        Outcome::Done
    }

    /// In virtual time a settled ledger is complete. Over sockets the hub may still be closing
    /// sessions: the census waits until it sees what the file promises, or patience ends.
    async fn census(&self, step: &Step, upstream: &str) -> Outcome {
        self.stage.pace.settle().await;
        if self.stage.pace.is_real() {
            let promised = step.expect.iter().find_map(|e| match e.value {
                Expectation::Sessions { opened, open } => Some((opened, open)),
                _ => None,
            });
            let (opened, open) = promised.unwrap_or_default();
            self.until(|events| {
                let seen = counts::census(events, upstream);
                opened.is_none_or(|n| n == seen.opened) && open.is_none_or(|n| n == seen.open)
            })
            .await;
        }
        Outcome::Done
    }

    /// Waits until the journal shows it, or patience ends: then false.
    pub(super) async fn until(&self, shows: impl Fn(&[Event]) -> bool) -> bool {
        let shown = async {
            loop {
                let news = self.stage.news.notified();
                tokio::pin!(news);
                news.as_mut().enable();
                if self.stage.recorder.peek(&shows) {
                    return;
                }
                news.await;
            }
        };
        self.stage.pace.within(shown).await.is_some()
    }
}
