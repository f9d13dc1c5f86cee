//! What an asker is given of a call, and the call itself, which whoever waits for the next step carries on.
//!
//! So a call needs no task of its own while somebody waits for it, and its answer is handed over by being returned: a
//! channel would wake the very task that fills it, and that costs more than everything else that the hub does for a call.
//! Whoever leaves, leaves the call to a task: a client that goes away is no cancel, but in the stateless era it is.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::{runtime::Handle, sync::mpsc};
use tokio_util::sync::CancellationToken;

use crate::upstream::Fault;

/// Steps that wait for a client who reads slowly; then the upstream has to wait too.
const QUEUE: usize = 64;

/// What an asker is given, in order.
#[derive(Debug)]
pub(crate) enum Step {
    /// A message on the call's own stream: a notification, or something that the upstream asks.
    Notification(String),
    /// Nothing for now: the upstream has sent the hub away for this long, and so may the hub do with its client.
    Away(Duration),
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
    /// As it is written to the client, if it is.
    pub(crate) fn into_text(self) -> Option<String> {
        match self {
            Self::Notification(text) | Self::Answer { text, .. } | Self::Failed { text, .. } => Some(text),
            Self::Away(_) => None,
        }
    }
}

/// What a call has come to.
pub(super) enum Progressed {
    /// A step, and the call from there on.
    Step(Step, BoxFuture<'static, Progressed>),
    /// Its end, with a last step unless it was canceled, and what has to be done when everybody has been told.
    End(Option<Step>, Option<BoxFuture<'static, ()>>),
}

/// The steps of one call.
pub(crate) struct Steps {
    /// A step that is there already.
    known: Option<Step>,
    /// The call, until it is over.
    call: Option<BoxFuture<'static, Progressed>>,
    /// Canceled when whoever asked leaves before the end, where that is a cancel.
    guard: Option<CancellationToken>,
}

impl Steps {
    /// What `call` tells, by carrying it on.
    pub(super) fn of(call: BoxFuture<'static, Progressed>, guard: Option<CancellationToken>) -> Self {
        Self { known: None, call: Some(call), guard }
    }

    /// An answer that needs no call.
    pub(super) fn known(step: Step) -> Self {
        Self { known: Some(step), call: None, guard: None }
    }

    /// No step at all.
    pub(super) fn none() -> Self {
        Self { known: None, call: None, guard: None }
    }

    /// The next step; `None` at the end. Whoever stops waiting loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Step> {
        if let Some(step) = self.known.take() {
            return Some(step);
        }
        let progressed = self.call.as_mut()?.await;
        self.call = None;
        match progressed {
            Progressed::Step(step, call) => {
                self.call = Some(call);
                Some(step)
            }
            Progressed::End(step, rest) => {
                rest.into_iter().for_each(in_a_task);
                step
            }
        }
    }

    /// Leaves the call to a task: for an asker that does other things between two steps.
    pub(crate) fn detach(mut self) -> mpsc::Receiver<Step> {
        let (tell, told) = mpsc::channel(QUEUE);
        in_a_task(async move {
            while let Some(step) = self.next().await {
                let _ = tell.send(step).await; // Who was told may have gone; the call goes on all the same.
            }
        });
        told
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        let Some(call) = self.call.take() else { return };
        self.guard.iter().for_each(CancellationToken::cancel);
        in_a_task(to_its_end(call));
    }
}

/// A call that nobody waits for any more.
async fn to_its_end(mut call: BoxFuture<'static, Progressed>) {
    let rest = loop {
        match call.await {
            Progressed::Step(_, on) => call = on,
            Progressed::End(_, rest) => break rest,
        }
    };
    if let Some(rest) = rest {
        rest.await;
    }
}

/// At the hub's own end there is no runtime any more, and nobody to be told.
fn in_a_task(rest: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(rest);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    fn step(text: &str) -> Step {
        Step::Answer { text: text.to_owned(), streamed: false }
    }

    /// A call that tells these, and then ends.
    fn telling(texts: &'static [&'static str]) -> BoxFuture<'static, Progressed> {
        Box::pin(async move {
            match texts.split_first() {
                Some((text, [])) => Progressed::End(Some(step(text)), None),
                Some((text, rest)) => Progressed::Step(step(text), telling(rest)),
                None => Progressed::End(None, None),
            }
        })
    }

    #[tokio::test]
    async fn a_call_that_is_waited_for_needs_no_task() {
        let mut steps = Steps::of(telling(&["a", "b"]), None);
        assert_eq!(steps.next().await.and_then(Step::into_text).as_deref(), Some("a"));
        assert_eq!(steps.next().await.and_then(Step::into_text).as_deref(), Some("b"));
        assert!(steps.next().await.is_none());
        drop(steps);
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    }

    #[tokio::test]
    async fn a_call_goes_on_when_its_asker_leaves() {
        let (go_on, goes_on) = oneshot::channel::<()>();
        let (end, ended) = oneshot::channel();
        let mut steps = Steps::of(
            Box::pin(async move {
                let rest = Box::pin(async move {
                    let _ = goes_on.await;
                    Progressed::End(
                        Some(step("b")),
                        Some(Box::pin(async move {
                            let _ = end.send(());
                        })),
                    )
                });
                Progressed::Step(step("a"), rest)
            }),
            None,
        );
        assert!(steps.next().await.is_some());
        drop(steps);
        go_on.send(()).unwrap();
        ended.await.expect("nobody was there to be told, and it came to its end");
    }

    #[tokio::test]
    async fn who_stops_waiting_and_comes_back_misses_nothing() {
        let (go_on, goes_on) = oneshot::channel::<()>();
        let mut steps = Steps::of(
            Box::pin(async move {
                let _ = goes_on.await;
                telling(&["a", "b"]).await
            }),
            None,
        );
        tokio::select! {
            biased;
            _ = steps.next() => panic!("there is nothing yet"),
            () = std::future::ready(()) => {}
        }
        go_on.send(()).unwrap();
        assert_eq!(steps.next().await.and_then(Step::into_text).as_deref(), Some("a"));
        assert_eq!(steps.next().await.and_then(Step::into_text).as_deref(), Some("b"));
    }

    #[tokio::test]
    async fn what_a_call_tells_in_a_task_of_its_own_is_all_there() {
        let (mut told, mut texts) = (Steps::of(telling(&["a", "b", "c"]), None).detach(), String::new());
        while let Some(step) = told.recv().await {
            texts.extend(step.into_text());
        }
        assert_eq!(texts, "abc");
    }

    #[tokio::test]
    async fn who_leaves_before_the_end_cancels_where_that_is_a_cancel() {
        let guard = CancellationToken::new();
        let mut steps = Steps::of(telling(&["a", "b"]), Some(guard.clone()));
        assert!(steps.next().await.is_some());
        drop(steps);
        assert!(guard.is_cancelled());
        let guard = CancellationToken::new();
        let mut steps = Steps::of(telling(&["a"]), Some(guard.clone()));
        assert!(steps.next().await.is_some());
        drop(steps);
        assert!(!guard.is_cancelled(), "it was at its end");
    }
}
