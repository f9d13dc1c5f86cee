//! A child as those see it who speak to it: asked something, told something, listened to.
//!
//! Nothing here is shared but the ways to the tasks that own the child: its one writer and its one reader.

use std::{io, sync::Arc};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::{
    keeper,
    lines::{Cancel, Lines},
    sorter::{About, Notice},
};
use crate::{
    isolation::{Activity, Slot},
    launcher::Launched,
    upstream::Fault,
};

/// Messages that wait to be written; whoever has one more has to wait.
const UNWRITTEN: usize = 64;
/// Requests that wait to be known to the reader.
const UNKNOWN: usize = 64;
/// What was said about one request and not yet read. With more, its reader is too slow, and loses it.
const UNREAD: usize = 256;

/// A child process. When nobody has it any more, it is ended.
#[derive(Debug)]
pub(crate) struct Child {
    write: mpsc::Sender<Bytes>,
    notices: mpsc::Sender<Notice>,
    /// Canceled when it is no more.
    gone: CancellationToken,
    /// Canceled when it is to end.
    end: CancellationToken,
    /// When it was used, and how much of it is in flight.
    pub(crate) activity: Arc<Activity>,
    /// Its place under its server's cap, where nobody else has that.
    slot: Option<Slot>,
    _net: DropGuard,
}

/// How a child is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asking {
    /// The id of the request.
    pub(crate) wire: u64,
    /// What it is.
    pub(crate) about: About,
    /// Whether it is canceled by no longer reading the answer.
    pub(crate) leaving_cancels: bool,
}

impl Child {
    /// Takes a process that was just started; `tasks` are awaited at the hub's end. `limit` is the largest line in bytes.
    pub(crate) fn keep(
        launched: Launched,
        tasks: &TaskTracker,
        limit: usize,
        owner: keeper::Owner,
        slot: Option<Slot>,
    ) -> Self {
        let ((write, written), (notices, noticed)) = (mpsc::channel(UNWRITTEN), mpsc::channel(UNKNOWN));
        let (gone, end) = (CancellationToken::new(), CancellationToken::new());
        let ends = keeper::Ends { written, noticed, answers: write.downgrade(), gone: gone.clone(), end: end.clone() };
        tasks.spawn(keeper::keep(launched, ends, limit, owner));
        Self { write, notices, gone, slot, activity: Activity::now(), _net: end.clone().drop_guard(), end }
    }

    /// Writes a request. What is said about it is read from the lines.
    pub(crate) async fn ask(&self, asking: Asking, pieces: Vec<Bytes>) -> Result<Lines, Fault> {
        let (tell, said) = mpsc::channel(UNREAD);
        // The reader knows of the request before the child does.
        self.notice(Notice::Asked { wire: asking.wire, about: asking.about, tell }).await?;
        let cancel = Cancel { wire: asking.wire, write: self.write.clone() };
        let lines = Lines::about(asking, said, self.gone.clone(), cancel, self.activity.listen());
        self.say(pieces).await?;
        Ok(lines)
    }

    /// Writes one message. It comes in one piece, or others could be written in between.
    pub(crate) async fn say(&self, pieces: Vec<Bytes>) -> Result<(), Fault> {
        self.activity.touch();
        for (number, piece) in pieces.into_iter().enumerate() {
            if number > 0 {
                tokio::task::yield_now().await;
            }
            tokio::select! {
                biased;
                () = self.gone.cancelled() => return Err(Fault::Died),
                written = self.write.send(piece) => written.map_err(|_| Fault::Died)?,
            }
        }
        Ok(())
    }

    /// What it says outside of answers. Whoever listened before does so no longer.
    pub(crate) async fn listen(&self) -> Result<Lines, Fault> {
        let (tell, said) = mpsc::channel(UNREAD);
        self.notice(Notice::Listening(tell)).await?;
        Ok(Lines::outside(said, self.gone.clone()))
    }

    /// Nobody waits for the answer to this any more.
    pub(crate) async fn forget(&self, wire: u64) -> Result<(), Fault> {
        self.notice(Notice::Forgotten(wire)).await
    }

    /// Whether it is no more.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.is_cancelled()
    }

    /// Ends it, whoever may still have it.
    pub(crate) fn end(&self) {
        self.slot.iter().for_each(Slot::give_back);
        self.end.cancel();
    }

    async fn notice(&self, notice: Notice) -> Result<(), Fault> {
        tokio::select! {
            biased;
            () = self.gone.cancelled() => Err(Fault::Died),
            sent = self.notices.send(notice) => sent.map_err(|_| Fault::Died),
        }
    }
}

/// Why a child could not be started, for the owner.
pub(crate) fn not_started(error: &io::Error) -> Fault {
    Fault::Unreachable { detail: format!("the command was not started: {error}") }
}
