//! Listening, and ending: a stop lets what is in flight finish, for a while.

use std::{convert::Infallible, future::Future, pin::pin, sync::Arc, time::Duration};

use axum::serve::Listener;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use super::{Lanes, gate};
use crate::{downstream, hub::Hub, relay, upstream::stdio::GRACE};

/// How long requests in flight may take after the stop.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How long children may take to end after that: as long as it takes to make them.
const LAST_CHILDREN: Duration = GRACE.saturating_mul(3);

/// A hub that is being served.
#[derive(Debug)]
pub struct HubHandle {
    task: JoinHandle<()>,
}

impl HubHandle {
    /// Waits until the stop has been carried out: connections closed, sessions ended upstream.
    pub async fn stopped(self) {
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the accept loop died");
        }
    }
}

/// Serves `hub` on `listener` until `shutdown` resolves, in the runtime of whoever calls.
pub fn serve<L>(listener: L, hub: Arc<Hub>, shutdown: impl Future<Output = ()> + Send + 'static) -> HubHandle
where
    L: Listener,
{
    let served = hub.clone();
    let begin = move |connections: &mut JoinSet<()>, stream, stop| {
        connections.spawn(connection(served.clone(), TokioIo::new(stream), stop));
    };
    HubHandle { task: tokio::spawn(accept(listener, hub, shutdown, begin)) }
}

/// The same with the connections in these lanes, in turns; they have to be there until the hub has stopped.
pub fn serve_in(
    lanes: &Lanes,
    listener: TcpListener,
    hub: Arc<Hub>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> HubHandle {
    let (served, mut turns) = (hub.clone(), lanes.runtimes().into_iter().cycle());
    let begin = move |connections: &mut JoinSet<()>, stream: TcpStream, stop| {
        if let Some(lane) = turns.next() {
            connections.spawn_on(elsewhere(served.clone(), stream, stop), &lane);
        }
    };
    HubHandle { task: tokio::spawn(accept(listener, hub, shutdown, begin)) }
}

/// A connection that was accepted in another runtime.
async fn elsewhere(hub: Arc<Hub>, stream: TcpStream, stop: CancellationToken) {
    match stream.into_std().and_then(TcpStream::from_std) {
        Ok(stream) => connection(hub, TokioIo::new(stream), stop).await,
        Err(error) => tracing::warn!(%error, "a connection could not be served"),
    }
}

/// `begin` begins to serve a connection.
async fn accept<L: Listener>(
    mut listener: L,
    hub: Arc<Hub>,
    shutdown: impl Future<Output = ()>,
    mut begin: impl FnMut(&mut JoinSet<()>, L::Io, CancellationToken),
) {
    let mut shutdown = pin!(shutdown);
    let stop = CancellationToken::new();
    let mut connections = JoinSet::new();
    let sweeper = tokio::spawn(downstream::sweep(hub.clone()));
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            (stream, _) = listener.accept(), if connections.len() < hub.config.limits.connections => {
                // A token of its own: each request looks at it, and all would wait for the lock of one that they shared.
                begin(&mut connections, stream, stop.child_token());
            }
        }
    }
    drop(listener);
    sweeper.abort();
    stop.cancel();
    hub.stopping.cancel();
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(LAST_WORDS, finished).await.is_err() {
        connections.shutdown().await;
    }
    for session in hub.sessions.everything().into_iter().chain(hub.bridged_sessions.everything()) {
        downstream::end(&hub, &session).await;
    }
    relay::end_children(&hub);
    hub.children.close();
    if tokio::time::timeout(LAST_CHILDREN, hub.children.wait()).await.is_err() {
        tracing::warn!("a child process was left to be killed with the hub");
    }
}

async fn connection<I>(hub: Arc<Hub>, stream: TokioIo<I>, stop: CancellationToken)
where
    TokioIo<I>: hyper::rt::Read + hyper::rt::Write + Unpin,
{
    let service_hub = hub.clone();
    let service = service_fn(move |request| {
        let hub = service_hub.clone();
        async move { Ok::<_, Infallible>(gate::answer(hub, request).await) }
    });
    let mut builder = http1::Builder::new();
    // The date would come from the system's clock behind the back of the injected one.
    builder.timer(TokioTimer::new()).header_read_timeout(hub.config.limits.header_timeout).auto_date_header(false);
    let mut connection = pin!(builder.serve_connection(stream, service));
    let mut stopping = false;
    let ended = loop {
        tokio::select! {
            biased;
            ended = &mut connection => break ended,
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a client connection broke");
    }
}
