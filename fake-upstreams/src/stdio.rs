//! Serving a fake as a process: one JSON-RPC message a line, in and out.
//!
//! A process that is played inside of another one is told its environment in a first line, [`Hello`]: whoever starts it
//! says there what an operating system would say.

use std::{collections::BTreeMap, io, pin::pin, sync::Arc};

use axum::serve::Listener;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::{AbortHandle, JoinSet},
};
use tokio_util::codec::{FramedRead, LinesCodec};

use crate::{
    Fake,
    fake::{
        process::{Process, Said},
        streams::Streaming,
    },
    wire::{rpc, sse},
};

/// The variable in which a fake finds its credential, unless it is told otherwise.
pub const CREDENTIAL: &str = "MCP_TOKEN";
/// Largest line that is read, in bytes.
const LARGEST_LINE: usize = 4 << 20;

/// What a process that is played inside of another one is told first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Its environment.
    pub environment: BTreeMap<String, String>,
}

/// How a process came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its input was closed, or nobody reads any more what it says.
    Left,
    /// It crashed, as it was told to.
    Crashed,
}

/// Plays processes of `fake`: one for each connection, which begins with a [`Hello`]. Returns at once; ends with its runtime.
pub fn serve<L>(mut listener: L, fake: Arc<Fake>)
where
    L: Listener,
    L::Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await;
            let (input, output) = tokio::io::split(stream);
            tokio::spawn(greeted(fake.clone(), input, output));
        }
    });
}

async fn greeted(fake: Arc<Fake>, input: impl AsyncRead + Send + Unpin, output: impl AsyncWrite + Send + Unpin) {
    let mut lines = lines_of(input);
    let Some(Ok(first)) = lines.next().await else { return };
    if let Ok(hello) = serde_json::from_str::<Hello>(&first) {
        converse(Process::begin(&fake, hello.environment, CREDENTIAL), lines, output).await;
    }
}

/// Is a process of `fake` with this environment until its input ends or it crashes.
pub async fn run(
    fake: &Arc<Fake>,
    environment: BTreeMap<String, String>,
    credential: &str,
    input: impl AsyncRead + Send + Unpin,
    output: impl AsyncWrite + Send + Unpin,
) -> End {
    converse(Process::begin(fake, environment, credential), lines_of(input), output).await
}

type Lines<I> = FramedRead<I, LinesCodec>;

fn lines_of<I: AsyncRead>(input: I) -> Lines<I> {
    FramedRead::new(input, LinesCodec::new_with_max_length(LARGEST_LINE))
}

async fn converse<I>(mut process: Process, mut lines: Lines<I>, output: impl AsyncWrite + Send + Unpin) -> End
where
    I: AsyncRead + Send + Unpin,
{
    let (write, written) = unbounded_channel();
    let mut writing = pin!(write_down(output, written));
    let mut answering: JoinSet<End> = JoinSet::new();
    let mut cancels: BTreeMap<String, AbortHandle> = BTreeMap::new();
    let mut is_read = true;
    let end = loop {
        let line = tokio::select! {
            biased;
            Some(answered) = answering.join_next(), if !answering.is_empty() => match answered {
                Ok(End::Crashed) => break End::Crashed,
                _ => continue,
            },
            _ = &mut writing => {
                is_read = false;
                break End::Left;
            }
            line = lines.next() => line,
        };
        let Some(Ok(line)) = line else { break End::Left };
        let Some(message) = read(&line) else {
            // Nobody may be there to read it.
            let _ = write.send(rpc::error(&Value::Null, -32700, "the line is not JSON").to_string());
            continue;
        };
        if message["method"] == "initialize" {
            if let Said::Lines(lines) = process.greeted(line).await {
                lines.into_iter().for_each(|line| drop(write.send(line)));
            }
            if let Some(told) = process.tells().await {
                answering.spawn(tell(told, write.clone()));
            }
            continue;
        }
        if message["method"] == "notifications/cancelled" && process.obeys_cancels() {
            let canceled = cancels.remove(&message["params"]["requestId"].to_string());
            canceled.iter().for_each(AbortHandle::abort);
        }
        cancels.retain(|_, running| !running.is_finished());
        let running = answering.spawn(answer(process.clone(), line, write.clone()));
        if let Some(id) = message.get("id").filter(|_| message.get("method").is_some()) {
            cancels.insert(id.to_string(), running);
        }
    };
    answering.shutdown().await;
    drop(write);
    if end == End::Left && is_read {
        let _ = writing.await; // What it has said before its input was closed.
    }
    process.end();
    end
}

/// One JSON object.
fn read(line: &str) -> Option<Value> {
    serde_json::from_str::<Value>(line).ok().filter(Value::is_object)
}

async fn answer(process: Process, line: String, write: UnboundedSender<String>) -> End {
    match process.answer(line).await {
        Said::Lines(lines) => lines.into_iter().for_each(|line| drop(write.send(line))),
        Said::Stream(streaming) => return tell(streaming, write).await,
        Said::Crash => return End::Crashed,
    }
    End::Left
}

async fn tell(mut streaming: Streaming, write: UnboundedSender<String>) -> End {
    while let Some((event, rest)) = streaming.next().await {
        sse::events(&event).into_iter().for_each(|event| drop(write.send(event.data)));
        streaming = rest;
    }
    End::Left
}

/// The one writer.
async fn write_down(mut output: impl AsyncWrite + Unpin, mut written: UnboundedReceiver<String>) -> io::Result<()> {
    while let Some(mut line) = written.recv().await {
        line.push('\n');
        output.write_all(line.as_bytes()).await?;
        output.flush().await?;
    }
    Ok(())
}
