//! The life of a child: its one writer, its one reader, and its end, until nothing of it is left.
//!
//! It is asked to end by closing its standard input, as the specification says, then told to, then made to.

use std::{io, pin::pin, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
    time::timeout,
};
use tokio_util::{
    codec::{FramedRead, LinesCodec, LinesCodecError},
    sync::CancellationToken,
};

use super::sorter::{Audience, Notice, Sorter};
use crate::launcher::{Launched, Process};

/// How long a child may take to end by itself when its input is closed, and once more when it is told to end.
pub(crate) const GRACE: Duration = Duration::from_secs(2);
/// How long what it has said before it ended may take to be read.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// What is read of its standard error at a time; nothing of it is kept.
const COMPLAINT: usize = 8 << 10;

/// The ends that belong to a child's own task.
pub(super) struct Ends {
    pub(super) written: mpsc::Receiver<Bytes>,
    pub(super) noticed: mpsc::Receiver<Notice>,
    /// The way to the child for what is answered here.
    pub(super) answers: mpsc::WeakSender<Bytes>,
    pub(super) gone: CancellationToken,
    pub(super) end: CancellationToken,
}

/// Whose a child is, and what the log is told of it.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    /// Its server.
    pub(crate) server: String,
    /// Whose it is.
    pub(crate) user: String,
    /// Who speaks to it.
    pub(crate) audience: Audience,
    /// Whether what it writes to its standard error may be in there.
    pub(crate) shows_errors: bool,
}

/// Keeps a child until nothing of it is left. `limit` is the largest line in bytes.
pub(super) async fn keep(launched: Launched, ends: Ends, limit: usize, owner: Owner) {
    let Launched { input, output, errors, mut process } = launched;
    let Ends { written, mut noticed, answers, gone, end } = ends;
    let mut sorter = Sorter::new(owner.audience, answers);
    let mut writing = Box::pin(write(input, written));
    let mut complaining = pin!(read_errors(errors, &owner));
    let mut reading = Box::pin(read(output, &mut sorter, &mut noticed, limit, &owner));
    let mut exit = None;
    let (mut writes, mut complains, mut reads) = (true, true, true);
    while exit.is_none() && reads {
        tokio::select! {
            biased;
            () = end.cancelled() => break,
            how = process.exited() => exit = Some(how),
            () = &mut reading => reads = false,
            _ = &mut writing, if writes => writes = false, // What it has read may still be answered.
            () = &mut complaining, if complains => complains = false,
        }
    }
    if exit.is_some() {
        // Whatever it has started would keep its pipes open.
        process.kill();
        if reads {
            let _ = timeout(LAST_WORDS, &mut reading).await; // Nobody has to hear more than it has said until then.
            reads = false;
        }
    }
    gone.cancel(); // While the sorter is there: who is told nothing more learns why.
    drop(writing); // This closes its input.
    let how = match exit {
        Some(how) => how,
        None => {
            let rest = async {
                tokio::join!(
                    async {
                        if reads {
                            reading.as_mut().await;
                        }
                    },
                    async {
                        if complains {
                            complaining.as_mut().await;
                        }
                    }
                );
                std::future::pending::<()>().await;
            };
            tokio::select! {
                how = ended(process.as_mut()) => how,
                () = rest => String::new(),
            }
        }
    };
    tracing::info!(server = %owner.server, user = %owner.user, %how, "a child has ended");
}

/// Waits until it has ended, with more and more weight.
async fn ended(process: &mut dyn Process) -> String {
    if let Ok(how) = timeout(GRACE, process.exited()).await {
        process.kill(); // What it has started ends with it.
        return how;
    }
    process.terminate();
    if let Ok(how) = timeout(GRACE, process.exited()).await {
        process.kill();
        return how;
    }
    process.kill();
    process.exited().await
}

/// The one writer: whole messages, one after another.
async fn write(mut input: Box<dyn AsyncWrite + Send + Unpin>, mut written: mpsc::Receiver<Bytes>) -> io::Result<()> {
    while let Some(line) = written.recv().await {
        input.write_all(&line).await?;
        input.flush().await?;
    }
    Ok(())
}

/// The one reader, until the output ends or cannot be read.
async fn read(
    output: Box<dyn AsyncRead + Send + Unpin>,
    sorter: &mut Sorter,
    noticed: &mut mpsc::Receiver<Notice>,
    limit: usize,
    owner: &Owner,
) {
    let mut lines = FramedRead::new(output, LinesCodec::new_with_max_length(limit));
    loop {
        let line = tokio::select! {
            biased;
            // First, so that every request is known here before its answer is read.
            Some(notice) = noticed.recv() => {
                sorter.notice(notice);
                continue;
            }
            line = lines.next() => line,
        };
        let unread = match line {
            Some(Ok(line)) => sorter.hand_on(line),
            Some(Err(LinesCodecError::MaxLineLengthExceeded)) => {
                return tracing::warn!(server = %owner.server, user = %owner.user, "a child has written a line that is too long");
            }
            Some(Err(LinesCodecError::Io(error))) => {
                return tracing::debug!(server = %owner.server, user = %owner.user, %error, "a child cannot be read");
            }
            None => return,
        };
        if unread > 0 {
            tracing::debug!(server = %owner.server, user = %owner.user, "a child has written what is no message");
        }
    }
}

/// Reads what it complains of, so that it never has to wait for a reader. It may hold anything of anybody's that it has
/// served: nothing of it is kept, and it is told to nobody.
async fn read_errors(mut errors: Box<dyn AsyncRead + Send + Unpin>, owner: &Owner) {
    let mut piece = vec![0; COMPLAINT];
    while let Ok(bytes @ 1..) = errors.read(&mut piece).await {
        let shown = owner.shows_errors.then(|| String::from_utf8_lossy(&piece[..bytes]).into_owned());
        tracing::debug!(server = %owner.server, user = %owner.user, bytes, ?shown, "a child has written to its standard error");
    }
}
