//! Serving a fake over HTTP/1.1, with full control of the connection: it can be cut at any moment.

use std::{convert::Infallible, future::Future, io, pin::pin, sync::Arc};

use axum::serve::Listener;
use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body_util::{BodyExt, Limited, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::task::{JoinHandle, JoinSet};

use crate::{
    Fake,
    fake::request::{Arrived, Outcome},
};

/// Largest request body that is read, in bytes.
const LARGEST_BODY: usize = 4 << 20;
/// Connections served at once.
const MOST_CONNECTIONS: usize = 4096;

/// A fake that is being served.
#[derive(Debug)]
pub struct FakeHandle {
    task: JoinHandle<()>,
}

impl FakeHandle {
    /// Waits until the shutdown future has resolved and every connection is closed.
    pub async fn stopped(self) {
        // The accept loop has nothing that could panic, and nobody aborts it.
        let _ = self.task.await;
    }
}

/// Serves `fake` on `listener` until `shutdown` resolves; then every connection is dropped.
pub fn serve<L>(listener: L, fake: Arc<Fake>, shutdown: impl Future<Output = ()> + Send + 'static) -> FakeHandle
where
    L: Listener,
{
    FakeHandle { task: tokio::spawn(accept(listener, fake, shutdown)) }
}

async fn accept<L: Listener>(mut listener: L, fake: Arc<Fake>, shutdown: impl Future<Output = ()>) {
    let mut shutdown = pin!(shutdown);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => return,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            (stream, _) = listener.accept(), if connections.len() < MOST_CONNECTIONS => {
                let fake = fake.clone();
                let number = fake.next_connection();
                connections.spawn(async move {
                    let service = service_fn(move |request| exchange(fake.clone(), number, request));
                    let connection = http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(stream), service);
                    // An error here is a connection that broke, or one that a fault cut: both are in the ledger.
                    let _ = connection.await;
                });
            }
        }
    }
}

/// The body of an answer.
type Body = UnsyncBoxBody<Bytes, Infallible>;

/// One exchange. An error makes hyper close the connection without another byte.
async fn exchange(fake: Arc<Fake>, connection: u64, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, LARGEST_BODY).collect().await.map_err(io::Error::other)?.to_bytes();
    let headers = parts.headers.iter();
    let arrived = Arrived {
        connection,
        process: None,
        method: parts.method.to_string(),
        path: parts.uri.path_and_query().map_or_else(|| parts.uri.path().to_owned(), ToString::to_string),
        headers: headers.map(|(n, v)| (n.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned())).collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    match fake.answer(arrived).await {
        Outcome::Answered(answer) => {
            let frames = answer.chunks.into_iter().map(|chunk| Ok(Frame::data(Bytes::from(chunk))));
            written(answer.status, &answer.headers, StreamBody::new(stream::iter(frames)).boxed_unsync())
        }
        Outcome::Streaming(streaming) => {
            let headers = streaming.headers.clone();
            let frames = stream::unfold(streaming, |streaming| async move {
                let (event, rest) = streaming.next().await?;
                Some((Ok(Frame::data(Bytes::from(event))), rest))
            });
            written(200, &headers, StreamBody::new(frames).boxed_unsync())
        }
        Outcome::Cut => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut by a fault")),
    }
}

fn written(status: u16, headers: &[(String, String)], body: Body) -> io::Result<Response<Body>> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(body).map_err(io::Error::other)
}
