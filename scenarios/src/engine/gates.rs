//! Calls that stand at their upstreams: let go, taken, canceled, walked away from.

use super::{
    call::Address,
    envelope::{self, Credentials},
    player::Player,
};
use crate::{
    oracles::counts,
    scenario::model::{Action, Era, Expectation, Label, Order, Scenario, Step},
    trace::{Purpose, event::Outcome},
};

impl Player<'_> {
    pub(super) async fn take(&mut self, label: &Label) -> Outcome {
        match self.held.get_mut(&label.value) {
            Some(call) => call.outcome(self.stage.pace).await,
            None => Outcome::Done,
        }
    }

    /// Lets held calls go in this cell's order, each answered before the next is let go.
    pub(super) async fn release(&mut self, number: usize, labels: &[Label], order: Order) -> Outcome {
        let written: Vec<usize> = (0..labels.len()).collect();
        let order = match order {
            Order::Given => &written,
            Order::Every => self.cell.orders.get(&number).unwrap_or(&written),
        };
        for position in order {
            let label = &labels[*position].value;
            let Some(call) = self.held.get_mut(label) else { continue };
            let Some(mark) = call.gate().map(str::to_owned) else { continue };
            if let Some(fake) = self.stage.fakes.get(&call.address.upstream) {
                if asks(&self.facts.scenario, label) {
                    // It came to the gate after its client had answered, and that nobody waited for.
                    self.stage.pace.within(fake.gate().parked(&mark)).await;
                }
                fake.gate().release(&mark);
            }
            if self.stuck.contains(label) && self.stage.pace.is_real() {
                continue; // It cannot come before the others have gone.
            }
            if self.withdrawn.contains(label) || call.known().is_some() {
                self.stage.pace.settle().await; // Its client waits for nothing any more.
            } else {
                call.ended(self.stage.pace).await;
            }
        }
        if self.stage.pace.is_real() {
            for label in order.iter().map(|position| &labels[*position].value) {
                self.let_through(label).await;
            }
        }
        self.stage.pace.settle().await;
        Outcome::Done
    }

    /// Lets a call that stood behind others go when it comes to its upstream at last.
    async fn let_through(&mut self, label: &str) {
        let Some(call) = self.held.get_mut(label).filter(|_| self.stuck.contains(label)) else { return };
        let (mark, fake) = (call.gate().map(str::to_owned), self.stage.fakes.get(&call.address.upstream));
        let (Some(mark), Some(fake)) = (mark, fake) else { return };
        let came = self.stage.pace.within(async {
            tokio::select! {
                biased;
                () = fake.gate().parked(&mark) => {}
                () = call.end() => {}
            }
        });
        if came.await.is_some() {
            fake.gate().release(&mark);
            call.ended(self.stage.pace).await;
        }
    }

    pub(super) async fn cancel(&mut self, number: usize, step: &Step, label: &Label) -> Outcome {
        let Some(call) = self.held.get(&label.value) else { return Outcome::Done };
        let Some(id) = call.id.clone() else { return Outcome::Done };
        let Address { actor, upstream, route, .. } = call.address.clone();
        if self.era_of(&actor) == Era::Stateless {
            let outcome = self.walk_away(label).await; // In this era, closing the stream is the cancel.
            self.until_canceled(step, &upstream).await;
            return outcome;
        }
        let session = self.sessions.last(&actor, &route).map(str::to_owned);
        let credentials =
            Credentials { token: self.token(&actor, &route), session, revision: self.revision(&actor), itself: None };
        let mark = self.next_mark();
        let body = envelope::message("notifications/cancelled", None, envelope::cancelled(&id), &mark);
        let address = self.address(number, &actor, &route, Purpose::Step, Some(mark));
        let outcome = match self.send(address, envelope::post(&credentials, body)) {
            Ok(mut notification) => notification.outcome(self.stage.pace).await,
            Err(outcome) => return outcome,
        };
        self.until_canceled(step, &upstream).await;
        outcome
    }

    /// Where a cancel has to come to its upstream, over sockets it takes a while.
    async fn until_canceled(&self, step: &Step, upstream: &str) {
        let wanted = step.expect.iter().any(|e| matches!(e.value, Expectation::Canceled(n) if n > 0));
        if wanted && self.stage.pace.is_real() {
            self.until(|events| counts::cancels_seen(events, upstream) > 0).await;
        }
        self.stage.pace.settle().await;
    }

    pub(super) async fn walk_away(&mut self, label: &Label) -> Outcome {
        if let Some(call) = self.held.get_mut(&label.value) {
            call.walk_away(&self.stage.recorder);
        }
        self.stage.pace.settle().await;
        Outcome::Withdrawn
    }
}

/// Whether the call of this label asks its client something before it is held.
fn asks(scenario: &Scenario, label: &str) -> bool {
    scenario.steps.iter().any(|step| match &step.action {
        Action::Request(request) => request.asked.as_ref().is_some_and(|asked| asked.value == label),
        _ => false,
    })
}
