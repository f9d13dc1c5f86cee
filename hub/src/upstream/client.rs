//! HTTP to upstreams: connections are reused, and nothing of anybody's stays on them.
//!
//! No redirects (a redirect would carry a credential to a stranger), no cookies (a jar is shared
//! state), no proxy from the environment, no retries.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    thread::{self, ThreadId},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, Uri, uri::Authority};
use http_body_util::Full;
use hyper::body::{Body as _, Frame, Incoming};
use tokio::time::timeout;

use super::{Fault, line::Line};
use crate::{environment::Connect, isolation::Idle};

/// Idle connections kept to one server. Each call in flight has one of its own, so this is how many calls may be in flight
/// at once before connections are thrown away after every call and made anew for the next.
const IDLE_CONNECTIONS: usize = 512;
/// How long one is kept: shorter than common servers do, which would otherwise close it just when a call goes out on it.
const IDLE_TIME: Duration = Duration::from_secs(20);

/// The client that all upstream requests go through.
#[derive(Clone)]
pub(crate) struct Client {
    connect: Arc<dyn Connect>,
    timeout: Duration,
    idle: Arc<Idle<Peer, Box<Line>>>,
}

impl Client {
    pub(crate) fn new(connect: Arc<dyn Connect>, timeout: Duration) -> Self {
        Self { connect, timeout, idle: Arc::new(Idle::new(IDLE_CONNECTIONS, IDLE_TIME)) }
    }

    /// Sends a request to the server that has this URL, and waits for the head of the answer. The request says what it
    /// wants there by a path alone.
    pub(crate) async fn send(&self, server: &Uri, request: Request<Full<Bytes>>) -> Result<Response<Body>, Fault> {
        let peer = Peer::of(server)?;
        let mut line = match self.idle.take(&peer, |line| line.is_still_free()) {
            Some(line) => line,
            None => Box::pin(self.open(server)).await?,
        };
        let response = line.send(request).await.map_err(|error| Fault::Cut { detail: chain(&error) })?;
        Ok(response.map(|incoming| Body { coming: Some((incoming, line, peer)), idle: self.idle.clone() }))
    }

    async fn open(&self, server: &Uri) -> Result<Box<Line>, Fault> {
        let unreachable = |detail| Fault::Unreachable { detail };
        let stream = timeout(self.timeout, self.connect.connect(server.clone())).await;
        let stream = stream.map_err(|_| unreachable(format!("no connection within {:?}", self.timeout)))?;
        let stream = stream.map_err(|error| unreachable(chain(&error)))?;
        Line::over(stream).await.map_err(|error| unreachable(chain(&error)))
    }

    /// Closes connections that nobody has used for too long.
    pub(crate) fn sweep(&self) {
        self.idle.sweep(|line| line.is_still_free());
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
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

/// Whom a connection leads to, and from which thread: another would have to be told by that one what comes on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Peer {
    thread: ThreadId,
    encrypted: bool,
    authority: Authority,
}

impl Peer {
    fn of(uri: &Uri) -> Result<Self, Fault> {
        let authority = uri.authority().cloned();
        let authority = authority.ok_or_else(|| Fault::Internal { detail: "a URL without a host".into() })?;
        Ok(Self { thread: thread::current().id(), encrypted: uri.scheme_str() == Some("https"), authority })
    }
}

/// The body of an answer, with the connection that it comes on. Read to its end it gives that back; dropped before, it
/// closes it, unless all of the rest is there already.
pub(crate) struct Body {
    /// `None` when the connection has been let go.
    coming: Option<(Incoming, Box<Line>, Peer)>,
    idle: Arc<Idle<Peer, Box<Line>>>,
}

impl Body {
    /// The next piece. Whoever stops waiting loses nothing.
    pub(crate) async fn frame(&mut self) -> Option<hyper::Result<Frame<Bytes>>> {
        let (incoming, line, _) = self.coming.as_mut()?;
        let frame = poll_fn(|cx| line.carry_on(cx, |cx| Pin::new(&mut *incoming).poll_frame(cx))).await;
        if incoming.is_end_stream() || frame.is_none() {
            self.let_go();
        }
        frame
    }

    /// Of what has not been read there is no use any more.
    fn let_go(&mut self) {
        let Some((incoming, mut line, peer)) = self.coming.take() else { return };
        drop(incoming);
        if line.is_free() {
            self.idle.put(peer, line);
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body")
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        sync::mpsc,
    };

    use super::*;
    use crate::{
        environment::{Connecting, stream},
        isolation::Serial,
    };

    /// The other end of every connection, and how many were opened.
    struct Wire {
        opened: Serial,
        ends: mpsc::UnboundedSender<DuplexStream>,
    }

    impl Wire {
        /// How many connections were opened; asked once, for it counts itself from then on.
        fn opened(&self) -> u64 {
            self.opened.next() - 1
        }
    }

    impl Connect for Wire {
        fn connect(&self, _: Uri) -> Connecting {
            let (near, far) = duplex(4096);
            self.opened.next();
            let sent = self.ends.send(far);
            Box::pin(async move {
                sent.map_err(|_| std::io::Error::other("the test is over"))?;
                Ok(stream(near))
            })
        }
    }

    /// A client, its wire, and a server that writes this in answer to each request, and closes afterwards if told so.
    fn server(answers: &'static [&'static str], closes: bool) -> (Client, Arc<Wire>) {
        let (ends, mut opened) = mpsc::unbounded_channel::<DuplexStream>();
        let wire = Arc::new(Wire { opened: Serial::default(), ends });
        tokio::spawn(async move {
            let mut answers = answers.iter();
            while let Some(mut end) = opened.recv().await {
                let mut request = [0; 4096];
                while matches!(end.read(&mut request).await, Ok(1..)) {
                    let Some(answer) = answers.next() else { return std::future::pending().await };
                    end.write_all(answer.as_bytes()).await.unwrap();
                    if closes {
                        break;
                    }
                }
            }
        });
        (Client::new(wire.clone(), Duration::from_secs(5)), wire)
    }

    async fn ask(client: &Client) -> Result<Body, Fault> {
        let server = Uri::from_static("http://upstream/mcp");
        let request = Request::post("/mcp").header("host", "upstream").body(Full::from("question")).unwrap();
        client.send(&server, request).await.map(Response::into_body)
    }

    async fn read(mut body: Body) -> String {
        let mut text = String::new();
        while let Some(frame) = body.frame().await {
            text.push_str(std::str::from_utf8(frame.unwrap().data_ref().unwrap()).unwrap());
        }
        text
    }

    const A: &str = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na";
    const B: &str = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nb";

    const TWICE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\naHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx";
    const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf";

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_used_again_while_it_is_fresh() {
        let (client, wire) = server(&[A, B, A], false);
        assert_eq!(read(ask(&client).await.unwrap()).await, "a");
        assert_eq!(read(ask(&client).await.unwrap()).await, "b");
        assert_eq!(wire.opened(), 1);
        tokio::time::advance(IDLE_TIME).await;
        client.sweep();
        assert!(client.idle.is_empty(), "nothing is kept for ever");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_its_peer_has_closed_is_not_used_again() {
        let (client, wire) = server(&[A, B], true);
        assert_eq!(read(ask(&client).await.unwrap()).await, "a");
        tokio::task::yield_now().await;
        assert_eq!(read(ask(&client).await.unwrap()).await, "b");
        assert_eq!(wire.opened(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_given_what_came_behind_the_answer_of_somebody_else() {
        let (client, wire) = server(&[TWICE, B], false);
        assert_eq!(read(ask(&client).await.unwrap()).await, "a");
        assert_eq!(read(ask(&client).await.unwrap()).await, "b");
        assert_eq!(wire.opened(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_read_to_its_end_takes_its_connection_along() {
        let (client, wire) = server(&[HALF, B], false);
        drop(ask(&client).await.unwrap());
        assert!(client.idle.is_empty());
        assert_eq!(read(ask(&client).await.unwrap()).await, "b");
        assert_eq!(wire.opened(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_all_there_need_not_be_read_for_its_connection_to_be_used_again() {
        let (client, wire) = server(&[A, B], false);
        drop(ask(&client).await.unwrap());
        assert_eq!(read(ask(&client).await.unwrap()).await, "b");
        assert_eq!(wire.opened(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_given_up_takes_its_connection_along() {
        let (client, _) = server(&[], false);
        let given_up = timeout(Duration::from_secs(1), ask(&client)).await;
        assert!(given_up.is_err() && client.idle.is_empty());
    }
}
