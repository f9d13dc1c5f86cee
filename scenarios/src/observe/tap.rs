//! The proxy: every byte passes as it comes and is written down on its way.
//!
//! Each exchange has a connection of its own towards the server, so that a client which goes away
//! closes exactly that one. Nothing is collected before it is passed on: an event stream streams.

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    client, server,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

use super::seen::{Book, End, Part, Place, Seen, Side};

/// Connections served at once; further ones wait.
const MOST_CONNECTIONS: usize = 1024;

/// One tap: where it stands and to whom it passes on.
#[derive(Debug, Clone)]
pub struct Tap {
    /// Where it stands.
    pub side: Side,
    /// The server behind it.
    pub to: SocketAddr,
    /// Where it writes.
    pub book: Book,
}

impl Tap {
    /// Serves `listener` until `stop` resolves; then every connection is dropped.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = &mut stop => return connections.shutdown().await,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = listener.accept(), if connections.len() < MOST_CONNECTIONS => {
                    // A connection that broke before it was accepted is nobody's exchange.
                    let Ok((stream, _)) = accepted else { continue };
                    connections.spawn(self.clone().connection(stream));
                }
            }
        }
    }

    async fn connection(self, stream: TcpStream) {
        let service = service_fn(move |request| {
            let tap = self.clone();
            async move { Ok::<_, Infallible>(tap.exchange(request).await) }
        });
        let mut builder = server::conn::http1::Builder::new();
        let serving = builder.preserve_header_case(true).auto_date_header(false);
        // An error here is a connection that broke; its exchange says so in the book.
        let _ = serving.serve_connection(TokioIo::new(stream), service).await;
    }

    async fn exchange(&self, request: Request<Incoming>) -> Response<Either<Passing, Full<Bytes>>> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let seen = Seen {
            headers: headers(request.headers()),
            ..Seen::asked(self.side.clone(), request.method().as_str(), path)
        };
        let place = self.book.open(seen);
        let note = |part, open| Note { book: self.book.clone(), place, part, open };
        // From here on, a future that is dropped has been left by whoever asked.
        let mut left = note(Part::Answer, true);
        let asked = note(Part::Request, false);
        match self.forward(request.map(|body| Passing { body, note: asked, server: None })).await {
            Ok((answer, server)) => {
                if let Some(place) = place {
                    self.book.answered(place, answer.status().as_u16(), headers(answer.headers()));
                }
                let mut body = Passing { body: answer, note: left, server: Some(server) }.into_response();
                if body.body().is_end_stream() {
                    body.body_mut().note.end(End::Whole);
                }
                body.map(Either::Left)
            }
            Err(error) => {
                left.end(End::Broken);
                let said = format!("crosstalk: the tap cannot pass this on to {}: {error}\n", self.to);
                let mut answer = Response::new(Either::Right(Full::from(said)));
                *answer.status_mut() = StatusCode::BAD_GATEWAY;
                answer
            }
        }
    }

    async fn forward(&self, request: Request<Passing>) -> io::Result<(Response<Incoming>, Server)> {
        let stream = TokioIo::new(TcpStream::connect(self.to).await?);
        let mut builder = client::conn::http1::Builder::new();
        let shaking = builder.preserve_header_case(true).handshake(stream);
        let (mut sender, connection) = shaking.await.map_err(io::Error::other)?;
        let server = Server(tokio::spawn(async move { drop(connection.await) }).abort_handle());
        Ok((sender.send_request(request).await.map_err(io::Error::other)?, server))
    }
}

/// The connection towards the server, closed when this is dropped.
struct Server(AbortHandle);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A body on its way.
struct Passing<B = Incoming> {
    body: B,
    note: Note,
    server: Option<Server>,
}

impl Passing<Response<Incoming>> {
    fn into_response(self) -> Response<Passing> {
        self.body.map(|body| Passing { body, note: self.note, server: self.server })
    }
}

impl Body for Passing {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(bytes) = frame.data_ref() {
                    self.note.passed(bytes);
                }
                // A body of known length is not polled again after its last byte.
                if self.body.is_end_stream() {
                    self.note.end(End::Whole);
                }
            }
            Poll::Ready(Some(Err(_))) => self.note.end(End::Broken),
            Poll::Ready(None) => self.note.end(End::Whole),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Where the bytes of a body are written; an answer that is dropped before its end was left.
struct Note {
    book: Book,
    place: Option<Place>,
    part: Part,
    open: bool,
}

impl Note {
    fn passed(&self, bytes: &[u8]) {
        if let Some(place) = self.place {
            self.book.passed(place, self.part, bytes);
        }
    }

    fn end(&mut self, end: End) {
        if let Some(place) = self.place.filter(|_| std::mem::take(&mut self.open)) {
            self.book.ended(place, end);
        }
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        self.end(End::Left);
    }
}

fn headers(map: &HeaderMap) -> Vec<(String, String)> {
    map.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const ASK: &str = "POST /mcp HTTP/1.1\r\nHost: x\r\nX-CaSe: kept\r\nContent-Length: 2\r\n\r\nhi";
    const EVENT: &str = "data: 1\n\n";

    /// A tap, a client behind it whose request has arrived, and the server's end with what it read.
    async fn raise() -> (Book, TcpStream, TcpStream, String) {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (to, address) = (server.local_addr().unwrap(), listener.local_addr().unwrap());
        let book = Book::default();
        let tap = Tap { side: Side::Client, to, book: book.clone() };
        tokio::spawn(tap.serve(listener, std::future::pending()));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(ASK.as_bytes()).await.unwrap();
        let (mut upstream, _) = server.accept().await.unwrap();
        let read = until(&mut upstream, "\r\n\r\nhi").await;
        (book, client, upstream, read)
    }

    async fn until(stream: &mut TcpStream, end: &str) -> String {
        let mut read = String::new();
        while !read.ends_with(end) {
            read.push(char::from(stream.read_u8().await.unwrap()));
        }
        read
    }

    async fn first_event(upstream: &mut TcpStream) {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        upstream.write_all(format!("{head}9\r\n{EVENT}\r\n").as_bytes()).await.unwrap();
    }

    #[tokio::test]
    async fn an_event_passes_before_the_stream_ends() {
        let (book, mut client, mut upstream, asked) = raise().await;
        assert!(asked.contains("X-CaSe: kept\r\n") && asked.contains("Host: x\r\n"), "{asked}");
        first_event(&mut upstream).await;
        until(&mut client, EVENT).await;
        assert_eq!(book.read().0[0].ended, None);
        upstream.write_all(b"0\r\n\r\n").await.unwrap();
        until(&mut client, "0\r\n\r\n").await;
        let seen = book.read().0.remove(0);
        assert_eq!((seen.body.text(), seen.answer.text(), seen.status), (Some("hi"), Some(EVENT), Some(200)));
        assert!(matches!(seen.ended, Some((_, End::Whole))));
    }

    #[tokio::test]
    async fn a_client_that_leaves_while_it_waits_is_told_to_the_server() {
        let (book, client, mut upstream, _) = raise().await;
        drop(client);
        assert!(!matches!(upstream.read(&mut [0]).await, Ok(1..)));
        assert!(matches!(book.read().0[0].ended, Some((_, End::Left))));
    }

    #[tokio::test]
    async fn a_client_that_leaves_a_stream_is_told_to_the_server() {
        let (book, mut client, mut upstream, _) = raise().await;
        first_event(&mut upstream).await;
        until(&mut client, EVENT).await;
        drop(client);
        assert!(!matches!(upstream.read(&mut [0]).await, Ok(1..)));
        assert!(matches!(book.read().0[0].ended, Some((_, End::Left))));
    }

    #[tokio::test]
    async fn a_server_that_breaks_off_is_no_whole_answer() {
        let (book, mut client, mut upstream, _) = raise().await;
        first_event(&mut upstream).await;
        until(&mut client, EVENT).await;
        drop(upstream);
        let mut rest = Vec::new();
        // Whether the client sees an end or a reset is the system's business.
        let _ = client.read_to_end(&mut rest).await;
        assert!(matches!(book.read().0[0].ended, Some((_, End::Broken))));
    }
}
