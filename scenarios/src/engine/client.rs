//! The actors' HTTP client: one connection for each request, nothing added, nothing retried.
//!
//! It writes what it is told, down to forged headers, and returns every byte of the answer. Dropping
//! the future closes the connection, which is how an actor walks away from a call.

use std::{io, sync::Arc};

use bytes::Bytes;
use fake_upstreams::inprocess::Network;
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use crate::scenario::model::Reading;

/// No answer of a correct target comes near this; a runaway one must not eat the machine.
const LARGEST_ANSWER: usize = 8 << 20;

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
}

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

impl Endpoint {
    /// A place where keys are bearer tokens.
    pub fn at(wire: &Wire, authority: &str, path: &str) -> Self {
        Self { wire: wire.clone(), authority: authority.to_owned(), path: path.to_owned(), header: None }
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
    exchange(endpoint, outgoing, Reading::Everything, None).await
}

/// Sends one request, and shows the answer as far as it has come: after its head and after every piece.
///
/// # Errors
/// As [`send`].
pub async fn follow(
    endpoint: &Endpoint,
    outgoing: Outgoing,
    reading: Reading,
    mut show: impl FnMut(&Reply) + Send,
) -> Result<Reply, String> {
    exchange(endpoint, outgoing, reading, Some(&mut show)).await
}

async fn exchange(
    endpoint: &Endpoint,
    outgoing: Outgoing,
    reading: Reading,
    mut show: Option<&mut (dyn FnMut(&Reply) + Send)>,
) -> Result<Reply, String> {
    let stream = endpoint.connect().await.map_err(|error| format!("connecting: {error}"))?;
    let handshake = http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| format!("connecting: {error}"))?;
    let request = outgoing.request(endpoint)?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(|error| chain(&error))?;
        let (parts, mut body) = response.into_parts();
        let headers = parts.headers.iter();
        let mut reply = Reply {
            status: parts.status.as_u16(),
            headers: headers
                .map(|(n, v)| (n.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned()))
                .collect(),
            body: String::new(),
        };
        if let Some(show) = &mut show {
            show(&reply);
        }
        if reading == Reading::Nothing {
            std::future::pending::<()>().await; // The connection stays, and so does what comes on it.
        }
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(piece) = frame.map_err(|error| chain(&error))?.into_data() else { continue };
            bytes.extend_from_slice(&piece);
            if bytes.len() > LARGEST_ANSWER {
                return Err("length limit exceeded".to_owned());
            }
            if let Some(show) = &mut show {
                reply.body = String::from_utf8_lossy(&bytes).into_owned();
                show(&reply);
            }
        }
        reply.body = String::from_utf8_lossy(&bytes).into_owned();
        Ok(reply)
    };
    let mut answer = Box::pin(answer);
    tokio::pin!(connection);
    let mut open = true;
    loop {
        tokio::select! {
            biased;
            answer = &mut answer => return answer,
            _ = &mut connection, if open => open = false,
        }
    }
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
