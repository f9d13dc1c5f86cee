//! The actors' HTTP client: one connection for each request unless one is kept, nothing added, nothing retried.
//!
//! It writes what it is told, down to forged headers, and returns every byte of the answer. Dropping
//! the future closes the connection, which is how an actor walks away from a call.

use std::{io, sync::Arc};

use bytes::Bytes;
use fake_upstreams::inprocess::Network;
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::Mutex,
};

use crate::{scenario::model::Reading, trace::recorder::Disguise};

/// No answer of a correct target comes near this; a runaway one must not eat the machine.
const LARGEST_ANSWER: usize = 8 << 20;
/// To show what has come of an answer is to write it down whole: of one as long as this, pieces that come in a row are
/// shown together, or a stream of a few megabytes would become a trace of hundreds.
const LONG_TO_SHOW: usize = 64 << 10;
/// How often everybody else is let go first before nothing more comes at once: the target writes, its connection sends,
/// ours receives.
const TURNS: usize = 4;

/// Where a route of the target, or an upstream, is to be reached.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Over which kind of wire.
    pub wire: Wire,
    /// `host:port` over sockets, the name of a listener in-process.
    pub authority: String,
    /// The path, from the slash.
    pub path: String,
    /// The header in which a key is shown here, and its value with `{key}`; `None` is `authorization: Bearer {key}`.
    pub header: Option<(String, String)>,
    /// Secrets for which something else is written down: they are put in on the way out.
    pub disguises: Vec<Disguise>,
    /// The connection that is used and left open; one of the request's own where there is none.
    pub kept: Option<Kept>,
}

/// A connection that stays, and is used by one request after another, whoever sends them.
#[derive(Debug, Clone, Default)]
pub struct Kept(Arc<Mutex<Option<SendRequest<Full<Bytes>>>>>);

/// What connects the actors with the target.
#[derive(Debug, Clone)]
pub enum Wire {
    /// Duplex pipes inside this process.
    InProcess(Arc<Network>),
    /// TCP on the loopback interface.
    Tcp,
}

/// One request, as it will be written.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// HTTP method.
    pub method: Method,
    /// Headers besides `host` and `content-length`, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case, values as lossy UTF-8.
    pub headers: Vec<(String, String)>,
    /// The body, lossy UTF-8.
    pub body: String,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}
type Connection = http1::Connection<TokioIo<Box<dyn Stream>>, Full<Bytes>>;

impl Endpoint {
    /// A place where keys are bearer tokens.
    pub fn at(wire: &Wire, authority: &str, path: &str) -> Self {
        let (wire, authority, path) = (wire.clone(), authority.to_owned(), path.to_owned());
        Self { wire, authority, path, header: None, disguises: Vec::new(), kept: None }
    }

    /// The request with its bearer token in the header that is used here.
    pub fn address(&self, mut outgoing: Outgoing) -> Outgoing {
        if let Some((name, value)) = &self.header {
            for header in &mut outgoing.headers {
                if let Some(key) = header.1.strip_prefix("Bearer ").filter(|_| header.0 == "authorization") {
                    *header = (name.clone(), value.replace("{key}", key));
                }
            }
        }
        outgoing
    }

    /// A header as it goes out: with the secrets for which something else is written down.
    fn undisguised(&self, value: &str) -> String {
        self.disguises.iter().fold(value.to_owned(), |value, disguise| disguise.taken_off(&value))
    }

    async fn shake_hands(&self) -> Result<(SendRequest<Full<Bytes>>, Connection), String> {
        let stream = self.connect().await.map_err(|error| format!("connecting: {error}"))?;
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| format!("connecting: {error}"))
    }

    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match &self.wire {
            Wire::InProcess(network) => Box::new(network.connect(&self.authority)?),
            Wire::Tcp => Box::new(TcpStream::connect(&self.authority).await?),
        })
    }
}

/// Sends one request and reads the whole answer.
///
/// # Errors
/// What the socket said, in words, when the connection could not be made or broke before the end.
pub async fn send(endpoint: &Endpoint, outgoing: Outgoing) -> Result<Reply, String> {
    begin(endpoint, outgoing, || ()).await
}

/// The same; `went` is called as soon as the request was written.
///
/// # Errors
/// As [`send`].
pub async fn begin(endpoint: &Endpoint, outgoing: Outgoing, went: impl FnOnce()) -> Result<Reply, String> {
    exchange(endpoint, outgoing, Reading::Everything, None, went).await
}

/// Sends one request, and shows the answer as far as it has come: after its head and after every piece.
///
/// # Errors
/// As [`send`].
pub async fn follow(
    endpoint: &Endpoint,
    outgoing: Outgoing,
    reading: Reading,
    mut show: impl FnMut(Reply) + Send,
) -> Result<Reply, String> {
    exchange(endpoint, outgoing, reading, Some(&mut show), || ()).await
}

async fn exchange(
    endpoint: &Endpoint,
    outgoing: Outgoing,
    reading: Reading,
    show: Option<&mut (dyn FnMut(Reply) + Send)>,
    went: impl FnOnce(),
) -> Result<Reply, String> {
    let request = outgoing.request(endpoint)?;
    if let Some(kept) = &endpoint.kept {
        return kept.exchange(endpoint, request, reading, show).await;
    }
    let (mut sender, connection) = endpoint.shake_hands().await?;
    let mut answer = Box::pin(async {
        let response = sender.send_request(request).await.map_err(|error| chain(&error))?;
        read(response, reading, show).await
    });
    tokio::pin!(connection);
    let (mut open, mut went) = (true, Some(went));
    loop {
        tokio::select! {
            biased;
            answer = &mut answer => return answer,
            _ = &mut connection, if open => open = false,
            // Both have been polled once, so the request is in the socket.
            () = std::future::ready(()), if went.is_some() => {
                if let Some(went) = went.take() {
                    went();
                }
            }
        }
    }
}

impl Kept {
    /// One request after another; a connection that broke is made anew for the next one.
    async fn exchange(
        &self,
        endpoint: &Endpoint,
        request: Request<Full<Bytes>>,
        reading: Reading,
        show: Option<&mut (dyn FnMut(Reply) + Send)>,
    ) -> Result<Reply, String> {
        let mut place = self.0.lock().await;
        let mut sender = match place.take().filter(|sender| !sender.is_closed()) {
            Some(sender) => sender,
            None => {
                let (sender, connection) = endpoint.shake_hands().await?;
                // It ends with the sender, or with the cell's runtime; what it says then, the request says too.
                tokio::spawn(connection);
                sender
            }
        };
        sender.ready().await.map_err(|error| chain(&error))?;
        let response = sender.send_request(request).await.map_err(|error| chain(&error))?;
        let reply = read(response, reading, show).await?;
        *place = Some(sender);
        Ok(reply)
    }
}

/// Reads an answer to its end, and shows it as far as it has come.
async fn read(
    response: Response<Incoming>,
    reading: Reading,
    mut show: Option<&mut (dyn FnMut(Reply) + Send)>,
) -> Result<Reply, String> {
    let (parts, mut body) = response.into_parts();
    let headers = parts.headers.iter();
    let mut reply = Reply {
        status: parts.status.as_u16(),
        headers: headers.map(|(n, v)| (n.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned())).collect(),
        body: String::new(),
    };
    if let Some(show) = &mut show {
        show(reply.clone());
    }
    if reading == Reading::Nothing {
        std::future::pending::<()>().await; // The connection stays, and so does what comes on it.
    }
    let mut bytes = Vec::new();
    while more(&mut body, &mut bytes).await? {
        let Some(show) = &mut show else { continue };
        while bytes.len() > LONG_TO_SHOW && more_at_once(&mut body, &mut bytes).await? {}
        show(Reply { body: String::from_utf8_lossy(&bytes).into_owned(), ..reply.clone() });
    }
    reply.body =
        String::from_utf8(bytes).unwrap_or_else(|other| String::from_utf8_lossy(other.as_bytes()).into_owned());
    Ok(reply)
}

/// Reads on; `false` at the end.
async fn more(body: &mut Incoming, bytes: &mut Vec<u8>) -> Result<bool, String> {
    let Some(frame) = body.frame().await else { return Ok(false) };
    if let Ok(piece) = frame.map_err(|error| chain(&error))?.into_data() {
        bytes.extend_from_slice(&piece);
    }
    if bytes.len() > LARGEST_ANSWER {
        return Err("length limit exceeded".to_owned());
    }
    Ok(true)
}

/// The same, where there is more as soon as those had a turn who carry it; `false` where there is not.
async fn more_at_once(body: &mut Incoming, bytes: &mut Vec<u8>) -> Result<bool, String> {
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
        if let Some(read) = more(body, bytes).now_or_never() {
            return read;
        }
    }
    Ok(false)
}

impl Outgoing {
    fn request(self, endpoint: &Endpoint) -> Result<Request<Full<Bytes>>, String> {
        let host = match endpoint.wire {
            Wire::InProcess(_) => "localhost",
            Wire::Tcp => &endpoint.authority,
        };
        let mut request = Request::builder().method(self.method).uri(&endpoint.path).header("host", host);
        for (name, value) in &self.headers {
            let name = HeaderName::try_from(name).map_err(|error| format!("header {name:?}: {error}"))?;
            let value = endpoint.undisguised(value);
            let value = HeaderValue::try_from(value).map_err(|error| format!("header {name}: {error}"))?;
            request = request.header(name, value);
        }
        request.body(Full::new(Bytes::from(self.body))).map_err(|error| error.to_string())
    }
}

/// An error with its causes: hyper's own message alone hides what the socket said.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
