//! A request on its way: sent by a task of its own, so that others can act while it is open.

use std::{future::Future, sync::Arc};

use serde_json::Value;
use tokio::{
    sync::{Notify, oneshot},
    task::AbortHandle,
};

use super::{
    client::{self, Endpoint, Outgoing, Reply},
    pace::Pace,
};
use crate::{
    scenario::model::{Actor, Reading},
    trace::{Event, Exchange, Purpose, event::Outcome, recorder::Recorder},
};

/// What the trace says of a request besides its bytes.
#[derive(Debug, Clone)]
pub struct Address {
    /// Who sends.
    pub actor: Actor,
    /// Of which upstream it asks something; a route's own name where it asks several.
    pub upstream: String,
    /// On which route it travels.
    pub route: String,
    /// For which step.
    pub step: usize,
    /// Why.
    pub purpose: Purpose,
    /// The mark in the body's `params._meta`, where it has one.
    pub mark: Option<String>,
}

/// Where a request goes, and how much of its answer is read.
#[derive(Debug, Clone)]
pub struct Way {
    /// Where.
    pub endpoint: Endpoint,
    /// How much.
    pub reading: Reading,
}

/// A request on its way.
#[derive(Debug)]
pub struct Call {
    /// Its number.
    pub exchange: Exchange,
    /// Where it was sent and why.
    pub address: Address,
    /// Its JSON-RPC id, by which its client may cancel it.
    pub id: Option<Value>,
    /// The mark under which it waits at its upstream, where that is not its own.
    pub gate: Option<String>,
    task: AbortHandle,
    ending: Ending,
    went: Arc<Notify>,
}

#[derive(Debug)]
enum Ending {
    Open(oneshot::Receiver<Result<Reply, String>>),
    Known(Result<Reply, String>),
}

impl Call {
    /// Writes the request down, then sends it.
    pub fn send(recorder: &Recorder, endpoint: Endpoint, address: Address, outgoing: Outgoing) -> Self {
        let went = Arc::new(Notify::new());
        let ring = went.clone();
        let begun = Self::begin(recorder, address, outgoing, |_, outgoing| async move {
            client::begin(&endpoint, outgoing, || ring.notify_one()).await
        });
        Self { went, ..begun }
    }

    /// The same, with everything written down as it comes, and `news` rung each time.
    pub fn follow(recorder: &Recorder, news: &Arc<Notify>, way: Way, address: Address, outgoing: Outgoing) -> Self {
        let (told, news) = (recorder.clone(), news.clone());
        Self::begin(recorder, address, outgoing, |exchange, outgoing| async move {
            let show = |Reply { status, headers, body }| {
                told.record(Event::Heard { exchange, status, headers, body });
                news.notify_waiters();
            };
            client::follow(&way.endpoint, outgoing, way.reading, show).await
        })
    }

    fn begin<F>(
        recorder: &Recorder,
        address: Address,
        outgoing: Outgoing,
        exchange_with: impl FnOnce(Exchange, Outgoing) -> F,
    ) -> Self
    where
        F: Future<Output = Result<Reply, String>> + Send + 'static,
    {
        let exchange = recorder.next_exchange();
        recorder.record(Event::Sent {
            exchange,
            actor: address.actor.clone(),
            upstream: address.upstream.clone(),
            step: address.step,
            purpose: address.purpose,
            mark: address.mark.clone(),
            method: outgoing.method.to_string(),
            session: outgoing.headers.iter().find(|(name, _)| name == "mcp-session-id").map(|(_, id)| id.clone()),
            headers: outgoing.headers.clone(),
            body: outgoing.body.clone(),
        });
        let (done, ending) = oneshot::channel();
        let recorder = recorder.clone();
        let exchanging = exchange_with(exchange, outgoing);
        let task = tokio::spawn(async move {
            let reply = exchanging.await;
            recorder.record(match &reply {
                Ok(Reply { status, headers, body }) => {
                    Event::Received { exchange, status: *status, headers: headers.clone(), body: body.clone() }
                }
                Err(reason) => Event::Broken { exchange, reason: reason.clone() },
            });
            // Nobody may be waiting any more; the trace has it all the same.
            let _ = done.send(reply);
        });
        let (task, ending) = (task.abort_handle(), Ending::Open(ending));
        Self { exchange, address, id: None, gate: None, task, ending, went: Arc::new(Notify::new()) }
    }

    /// The mark under which it waits at its upstream.
    pub fn gate(&self) -> Option<&str> {
        self.gate.as_deref().or(self.address.mark.as_deref())
    }

    /// What became of it, if anything did within the pace's deadline.
    pub async fn ended(&mut self, pace: Pace) -> Option<&Result<Reply, String>> {
        pace.within(self.end()).await?;
        self.known()
    }

    /// Waits until its last byte was written, or it ended before that.
    pub async fn went(&mut self) {
        let went = self.went.clone();
        tokio::select! {
            biased;
            () = went.notified() => {}
            () = self.end() => {}
        }
    }

    /// Waits for its end, however long that takes.
    pub async fn end(&mut self) {
        if let Ending::Open(ending) = &mut self.ending {
            let reply = ending.await.unwrap_or_else(|_| Err("the client walked away".into()));
            self.ending = Ending::Known(reply);
        }
    }

    /// What became of it, if that is known.
    pub fn known(&self) -> Option<&Result<Reply, String>> {
        match &self.ending {
            Ending::Open(_) => None,
            Ending::Known(reply) => Some(reply),
        }
    }

    /// Waits for its end and says it as a step's outcome.
    pub async fn outcome(&mut self, pace: Pace) -> Outcome {
        let exchange = self.exchange;
        match self.ended(pace).await {
            Some(Ok(_)) => Outcome::Answered { exchange },
            Some(Err(_)) => Outcome::Broken { exchange },
            None => Outcome::NoAnswer { exchange },
        }
    }

    /// Closes the connection under it.
    pub fn walk_away(&mut self, recorder: &Recorder) {
        if self.known().is_none() && !self.task.is_finished() {
            self.task.abort();
            recorder.record(Event::Broken { exchange: self.exchange, reason: "the client walked away".into() });
        }
    }
}
