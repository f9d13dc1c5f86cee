//! A connection to an upstream, carried on by whoever uses it instead of by a task of its own: so it belongs to one
//! exchange at a time, and is closed when that ends early. It also spares two changes of task for every call.

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::http1::{self, Connection, SendRequest},
    rt::{Read, ReadBufCursor, Write},
};

use crate::environment::Stream;

/// How often a connection that says it can go on is carried on before others have their turn.
const TURNS: usize = 8;

/// A connection on which one request can be under way.
pub(super) struct Line {
    sender: SendRequest<Full<Bytes>>,
    /// `None` when it has been closed.
    connection: Option<Connection<Pipe, Full<Bytes>>>,
    bell: Arc<Bell>,
    /// The same, as a connection knows it.
    waker: Waker,
}

impl Line {
    /// Of a stream on which nothing has been said; boxed, since it is large and goes from hand to hand.
    pub(super) async fn over(stream: Box<dyn Stream>) -> hyper::Result<Box<Self>> {
        let (sender, connection) = http1::handshake(Pipe(stream)).await?;
        let bell = Arc::new(Bell::default());
        Ok(Box::new(Self { sender, connection: Some(connection), waker: bell.clone().into(), bell }))
    }

    /// Sends a request and waits for the head of the answer.
    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
        let mut response = pin!(self.sender.send_request(request));
        poll_fn(|cx| self.carry_on(cx, |cx| response.as_mut().poll(cx))).await
    }

    /// Carries it on until there is what is wanted of it.
    pub(super) fn carry_on<T>(&mut self, cx: &Context<'_>, wanted: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        self.bell.whom.register(cx.waker());
        self.turns(wanted)
    }

    /// Whether another request can be sent on it: the one before is over, nothing came that nobody asked for, and it has
    /// not been closed, as far as that is known without waiting.
    pub(super) fn is_free(&mut self) -> bool {
        drop(self.bell.whom.take());
        let _ = self.turns(|_| Poll::<()>::Pending);
        self.connection.is_some() && self.sender.is_ready()
    }

    /// The same for one that was free when it was last seen, and has not been rung for since.
    pub(super) fn is_still_free(&mut self) -> bool {
        self.bell.state.load(Ordering::Acquire) == QUIET || self.is_free()
    }

    /// Carries it on for as long as it says at once that it can go on.
    fn turns<T>(&mut self, mut wanted: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        let mut cx = Context::from_waker(&self.waker);
        for _ in 0..TURNS {
            self.bell.state.store(LISTENING, Ordering::Release);
            if let Some(connection) = &mut self.connection
                && Pin::new(connection).poll(&mut cx).is_ready()
            {
                self.connection = None; // Whoever waits for an answer is told what was wrong with it.
            }
            if let Poll::Ready(found) = wanted(&mut cx) {
                return Poll::Ready(found);
            }
            if self.bell.goes_quiet() {
                return Poll::Pending;
            }
        }
        self.bell.whom.wake();
        Poll::Pending
    }
}

/// Rung when a connection can go on. While somebody carries it on he will see for himself, and need not be woken.
#[derive(Debug, Default)]
struct Bell {
    state: AtomicU8,
    whom: AtomicWaker,
}

/// Nobody carries the connection on.
const QUIET: u8 = 0;
/// Somebody does.
const LISTENING: u8 = 1;
/// Somebody does, and it has been rung since.
const RUNG: u8 = 2;

impl Bell {
    /// From now on it wakes, unless it has been rung.
    fn goes_quiet(&self) -> bool {
        self.state.compare_exchange(LISTENING, QUIET, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(RUNG, Ordering::AcqRel) == QUIET {
            self.whom.wake();
        }
    }
}

/// A stream as hyper wants it.
struct Pipe(Box<dyn Stream>);

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
