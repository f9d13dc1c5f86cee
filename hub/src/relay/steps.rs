//! What an asker is given of a call, and the call itself, which whoever waits for the next step carries on.
//!
//! So a call needs no task of its own while somebody waits for it: handing each step from task to task costs more than
//! everything else that the hub does for a call. Whoever leaves, leaves the call to a task: a client that goes away is
//! no cancel.

use futures_util::future::BoxFuture;
use tokio::{runtime::Handle, sync::mpsc};

use crate::upstream::Fault;

/// What an asker is given, in order; the end of the channel is the end of the answer.
#[derive(Debug)]
pub(crate) enum Step {
    /// A message on the call's own stream: a notification, or something that the upstream asks.
    Notification(String),
    /// The answer, with the asker's own id.
    Answer {
        /// As it is to be written.
        text: String,
        /// Whether it came as an event stream.
        streamed: bool,
    },
    /// No answer.
    Failed {
        /// Why.
        fault: Fault,
        /// The response that says so.
        text: String,
    },
}

impl Step {
    /// As it is written to the client.
    pub(crate) fn into_text(self) -> String {
        match self {
            Self::Notification(text) | Self::Answer { text, .. } | Self::Failed { text, .. } => text,
        }
    }
}

/// The steps of one call.
pub(crate) struct Steps {
    told: mpsc::Receiver<Step>,
    /// The call, until it is over.
    call: Option<BoxFuture<'static, ()>>,
}

impl Steps {
    /// What `call` tells, by carrying it on.
    pub(super) fn of(told: mpsc::Receiver<Step>, call: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { told, call: Some(Box::pin(call)) }
    }

    /// An answer that needs no call.
    pub(super) fn known(step: Step) -> Self {
        let (tell, told) = mpsc::channel(1);
        // The receiver is right here, and the channel is empty.
        let _ = tell.try_send(step);
        Self { told, call: None }
    }

    /// No step at all.
    pub(super) fn none() -> Self {
        Self { told: mpsc::channel(1).1, call: None }
    }

    /// The next step; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Step> {
        loop {
            let Some(call) = &mut self.call else { return self.told.recv().await };
            tokio::select! {
                biased;
                step = self.told.recv() => return step,
                () = call => self.call = None,
            }
        }
    }

    /// Leaves the call to a task: for an asker that does other things between two steps.
    pub(crate) fn detach(mut self) -> mpsc::Receiver<Step> {
        let nothing = mpsc::channel(1).1;
        std::mem::replace(&mut self.told, nothing)
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        let Some(call) = self.call.take() else { return };
        // At the hub's own end there is no runtime any more, and nobody to be told.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(call);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    fn step(text: &str) -> Step {
        Step::Answer { text: text.to_owned(), streamed: false }
    }

    #[tokio::test]
    async fn a_call_that_is_waited_for_needs_no_task() {
        let (tell, told) = mpsc::channel(1);
        let mut steps = Steps::of(told, async move { drop(tell.send(step("a")).await) });
        assert_eq!(steps.next().await.map(Step::into_text).as_deref(), Some("a"));
        drop(steps);
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    }

    #[tokio::test]
    async fn a_call_goes_on_when_its_asker_leaves() {
        let (tell, told) = mpsc::channel(1);
        let (go_on, goes_on) = oneshot::channel::<()>();
        let (end, ended) = oneshot::channel();
        let mut steps = Steps::of(told, async move {
            let _ = tell.send(step("a")).await;
            let _ = goes_on.await;
            let _ = end.send(tell.send(step("b")).await.is_err());
        });
        assert!(steps.next().await.is_some());
        drop(steps);
        go_on.send(()).unwrap();
        assert!(ended.await.unwrap(), "nobody was there to be told, and it came to its end");
    }

    #[tokio::test]
    async fn what_a_call_tells_in_a_task_of_its_own_is_all_there() {
        let (tell, told) = mpsc::channel(1);
        let steps = Steps::of(told, async move {
            for text in ["a", "b", "c"] {
                let _ = tell.send(step(text)).await;
            }
        });
        let (mut told, mut texts) = (steps.detach(), String::new());
        while let Some(step) = told.recv().await {
            texts.push_str(&step.into_text());
        }
        assert_eq!(texts, "abc");
    }
}
