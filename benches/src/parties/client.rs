//! One client: a connection, a session, and calls whose answers are checked.

use anyhow::{Context, ensure};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Uri,
    body::Bytes,
    client::conn::http1,
    header::{ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderName, HeaderValue},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::stage::Era;

/// The session id header of streamable HTTP.
pub const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// The headers of a request that stands alone.
const ALONE: [(&str, &str); 3] =
    [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "whoami")];
/// What such a request says of itself.
const SAYS: &str = r#","io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"0"}"#;

/// What a client says first.
const HELLO: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"roots":{"listChanged":true},"sampling":{}},"clientInfo":{"name":"bench","title":"Measures","version":"0"}}}"#;

/// A client on a connection of its own, with a session where its era has them.
#[derive(Debug)]
pub struct Client {
    sender: http1::SendRequest<Full<Bytes>>,
    base: Request<()>,
    expected: String,
    /// What each call says of itself, besides its progress token.
    says: &'static str,
    calls: u64,
}

impl Client {
    /// Connects and opens a session, where the era has them. `bearer` is what it shows; `expected` is the token that has
    /// to reach the upstream.
    ///
    /// # Errors
    /// Where that is not possible.
    pub async fn open(url: &Uri, era: Era, bearer: &str, expected: String) -> anyhow::Result<Self> {
        let sender = connect(url).await?;
        let mut client = Self { sender, base: base(url, bearer)?, expected, says: "", calls: 0 };
        match era {
            Era::Stateful => {
                let session = client.hello(false).await?;
                client.base.headers_mut().insert(SESSION, session);
            }
            Era::Stateless => {
                client.says = SAYS;
                let alone = ALONE.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
                client.base.headers_mut().extend(alone);
            }
        }
        Ok(client)
    }

    /// Opens a session and leaves: when this returns, the connection is closed at both ends.
    ///
    /// # Errors
    /// Where that is not possible.
    pub async fn visit(url: &Uri, bearer: &str) -> anyhow::Result<()> {
        let sender = connect(url).await?;
        let mut client = Self { sender, base: base(url, bearer)?, expected: String::new(), says: "", calls: 0 };
        client.hello(true).await?;
        // With `connection: close` the server ends the connection, and the sender learns of it.
        let gone = client.sender.ready().await;
        ensure!(gone.is_err(), "the server kept a connection that was to be closed");
        Ok(())
    }

    async fn hello(&mut self, leave: bool) -> anyhow::Result<HeaderValue> {
        let mut request = self.request(HELLO.to_owned());
        if leave {
            request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let response = self.sender.send_request(request).await?;
        let (status, session) = (response.status(), response.headers().get(SESSION).cloned());
        let body = response.into_body().collect().await?.to_bytes();
        session.with_context(|| format!("initialize: {status} {}", String::from_utf8_lossy(&body)))
    }

    /// Calls the tool once; the answer must be to this call, and by this client's own token.
    ///
    /// # Errors
    /// Where it is not, or none comes.
    pub async fn call(&mut self) -> anyhow::Result<()> {
        self.calls += 1;
        let (id, says) = (self.calls, self.says);
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"whoami","arguments":{{"text":"a sentence of some length"}},"_meta":{{"progressToken":{id}{says}}}}}}}"#
        );
        let request = self.request(body);
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        let text = String::from_utf8_lossy(&body);
        let fits = text.contains(&format!("\"id\":{id},")) && text.contains(&self.expected);
        ensure!(status == 200 && fits, "call {id} of {}: {status} {text}", self.expected);
        Ok(())
    }

    fn request(&self, body: String) -> Request<Full<Bytes>> {
        self.base.clone().map(|()| Full::new(Bytes::from(body)))
    }
}

async fn connect(url: &Uri) -> anyhow::Result<http1::SendRequest<Full<Bytes>>> {
    let authority = url.authority().context("a URL with host and port")?;
    let stream = TcpStream::connect(authority.as_str()).await.with_context(|| format!("connecting to {url}"))?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

fn base(url: &Uri, bearer: &str) -> anyhow::Result<Request<()>> {
    let mut request = Request::post(url.path()).body(())?;
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::try_from(url.authority().context("a URL with a host")?.as_str())?);
    headers.insert(AUTHORIZATION, HeaderValue::try_from(format!("Bearer {bearer}"))?);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    Ok(request)
}
