//! HTTP to upstreams: connections are reused, and nothing of anybody's stays on them.
//!
//! No redirects (a redirect would carry a credential to a stranger), no cookies (a jar is shared
//! state), no proxy from the environment, no retries.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    rt::{Read, ReadBufCursor, Write},
};
use hyper_util::{
    client::legacy::{
        self,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioTimer},
};
use tower::Service;

use super::Fault;
use crate::environment::{Connect, Stream};

/// Idle connections kept to one server. Each call in flight has one of its own, so this is how many calls may be in flight
/// at once before connections are thrown away after every call and made anew for the next.
const IDLE_CONNECTIONS: usize = 512;
/// How long one is kept: shorter than common servers do, which would otherwise close it just when a call goes out on it.
const IDLE_TIME: Duration = Duration::from_secs(20);

/// The client that all upstream requests go through.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: legacy::Client<Connector, Full<Bytes>>,
}

impl Client {
    pub(crate) fn new(connect: Arc<dyn Connect>, timeout: Duration) -> Self {
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder.pool_max_idle_per_host(IDLE_CONNECTIONS).pool_idle_timeout(IDLE_TIME).pool_timer(TokioTimer::new());
        builder.retry_canceled_requests(false);
        Self { http: builder.build(Connector { connect, timeout }) }
    }

    /// Sends a request and waits for the head of the answer.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Fault> {
        self.http.request(request).await.map_err(|error| {
            let detail = chain(&error);
            if error.is_connect() { Fault::Unreachable { detail } } else { Fault::Cut { detail } }
        })
    }
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[derive(Clone)]
struct Connector {
    connect: Arc<dyn Connect>,
    timeout: Duration,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}

impl Service<Uri> for Connector {
    type Response = Pipe;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Pipe>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, timeout) = (self.connect.connect(uri), self.timeout);
        Box::pin(async move {
            let stream = tokio::time::timeout(timeout, connecting).await;
            Ok(Pipe(stream.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??))
        })
    }
}

/// A stream as hyper-util's client wants it.
struct Pipe(Box<dyn Stream>);

impl Connection for Pipe {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Pipe {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(cx, buf)
    }
}

impl Write for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(cx)
    }
}
