//! Upstreams that are child processes, played where their ledger is.
//!
//! In-process such a child is a pipe to its fake. Over sockets it is a real process, a [`puppet`]: it has the environment,
//! the pipes and the death of any other, and passes on what it is told and what it is to say. So faults and gates work for
//! a child as they do for every upstream.

use std::{
    collections::BTreeMap,
    env, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use fake_upstreams::{inprocess::Network, stdio::Hello};
use futures_util::FutureExt;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, ReadHalf, WriteHalf},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;

use super::Provision;
use crate::engine::client::Wire;

/// The command by which this program is a child of its own runs.
pub const PUPPET: &str = "puppet";

/// A child that is played in this process.
#[derive(Debug)]
pub struct Played {
    /// Its standard input.
    pub input: Input,
    /// Its standard output.
    pub output: Output,
    /// Canceled when it has ended, as far as whoever reads its output knows.
    pub ended: CancellationToken,
}

/// The standard input of a child. Dropped, it is closed, though its output is still read.
#[derive(Debug)]
pub struct Input(WriteHalf<DuplexStream>);

/// The standard output of a child; its end is the child's.
#[derive(Debug)]
pub struct Output {
    output: ReadHalf<DuplexStream>,
    ended: CancellationToken,
}

/// Starts a child of the upstream that plays processes as `host`.
///
/// # Errors
/// Where nobody does.
pub fn play(network: &Arc<Network>, host: &str, environment: BTreeMap<String, String>) -> io::Result<Played> {
    let mut stream = network.connect(host)?;
    let hello = serde_json::to_string(&Hello { environment })? + "\n";
    // A fresh pipe has room for it.
    stream.write_all(hello.as_bytes()).now_or_never().unwrap_or(Err(io::ErrorKind::WouldBlock.into()))?;
    let (output, input) = tokio::io::split(stream);
    let ended = CancellationToken::new();
    Ok(Played { input: Input(input), output: Output { output, ended: ended.clone() }, ended })
}

impl AsyncWrite for Input {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        // A pipe inside of a process is closed at once.
        let _ = self.0.shutdown().now_or_never();
    }
}

impl AsyncRead for Output {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.output).poll_read(cx, buf);
        if matches!(read, Poll::Ready(Err(_))) || (read.is_ready() && buf.filled().len() == before) {
            self.ended.cancel();
        }
        read
    }
}

/// The command that starts a child of this upstream; `None` where it is none.
///
/// # Errors
/// That this program cannot be found, which would be the child.
pub fn command(provision: &Provision<'_>, upstream: &str) -> Result<Option<Value>, String> {
    let Some(address) = provision.processes.get(upstream) else { return Ok(None) };
    Ok(Some(match provision.wire {
        Wire::InProcess(_) => json!([address]),
        Wire::Tcp => {
            let program = env::current_exe().map_err(|error| format!("this program cannot be found: {error}"))?;
            json!([program, PUPPET, address])
        }
    }))
}

/// Is a child whose strings are pulled at `address`, until its input ends there or here.
///
/// # Errors
/// Where nobody is there.
pub async fn puppet(address: &str) -> io::Result<()> {
    let environment =
        env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
    let hello = serde_json::to_string(&Hello { environment: environment.collect() })? + "\n";
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    stream.write_all(hello.as_bytes()).await?;
    let (mut told, mut said) = stream.into_split();
    let listening = async {
        tokio::io::copy(&mut tokio::io::stdin(), &mut said).await?;
        said.shutdown().await?;
        std::future::pending::<io::Result<()>>().await
    };
    let speaking = async {
        let mut output = tokio::io::stdout();
        tokio::io::copy(&mut told, &mut output).await?;
        output.flush().await
    };
    tokio::select! {
        ended = listening => ended,
        ended = speaking => ended,
    }
}
