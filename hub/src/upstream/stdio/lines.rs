//! What a child says to one message, or outside of answers: read line by line until the answer, or until its end.

use bytes::Bytes;
use tokio::{
    runtime::Handle,
    sync::mpsc::{self, error::TrySendError},
};
use tokio_util::sync::CancellationToken;

use super::child::Asking;
use crate::{envelope::Message, isolation::Listening, upstream::Fault};

/// What a child says, as far as it concerns whoever reads this.
#[derive(Debug)]
pub(crate) struct Lines {
    said: mpsc::Receiver<String>,
    gone: CancellationToken,
    /// The request that it answers.
    wire: Option<u64>,
    over: bool,
    /// Sent when nobody reads on before the answer has come, where that is a cancel.
    cancel: Option<Cancel>,
    _reading: Option<Listening>,
}

/// The way to cancel a request.
#[derive(Debug)]
pub(super) struct Cancel {
    pub(super) wire: u64,
    pub(super) write: mpsc::Sender<Bytes>,
}

impl Lines {
    /// What is said about a request.
    pub(super) fn about(
        asking: Asking,
        said: mpsc::Receiver<String>,
        gone: CancellationToken,
        cancel: Cancel,
        reading: Listening,
    ) -> Self {
        let cancel = Some(cancel).filter(|_| asking.leaving_cancels);
        Self { said, gone, wire: Some(asking.wire), over: false, cancel, _reading: Some(reading) }
    }

    /// What is said outside of answers.
    pub(super) fn outside(said: mpsc::Receiver<String>, gone: CancellationToken) -> Self {
        Self { said, gone, wire: None, over: false, cancel: None, _reading: None }
    }

    /// The next message; `None` after the answer. Whoever stops waiting loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Option<String>, Fault> {
        if self.over {
            return Ok(None);
        }
        match self.said.recv().await {
            Some(text) => {
                let answers = |wire| Message::read(&text).is_ok_and(|message| message.answers(wire));
                if self.wire.is_some_and(answers) {
                    self.over = true;
                    self.cancel = None;
                }
                Ok(Some(text))
            }
            None if self.gone.is_cancelled() => Err(Fault::Died),
            None => Err(Fault::Cut { detail: "it said more than was read, or was told to be silent".into() }),
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if let Some(cancel) = self.cancel.take() {
            cancel.send();
        }
    }
}

impl Cancel {
    /// Where the child is slow to read, a task waits for it.
    fn send(self) {
        let line = format!(
            "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{{\"requestId\":{}}}}}\n",
            self.wire
        );
        if let Err(TrySendError::Full(line)) = self.write.try_send(Bytes::from(line))
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(async move { self.write.send(line).await });
        }
    }
}
