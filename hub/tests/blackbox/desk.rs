//! An upstream that a test plays by hand: it sees every request whole, answers each as it likes, and notices when
//! nobody reads an answer any more. And a client that writes its requests by hand.

use std::{io, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, Method},
    response::Response,
    routing::any,
};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long a request is waited for that has to come.
const LONGEST: Duration = Duration::from_secs(60);

/// The other end of an upstream.
pub(crate) struct Desk {
    pub(crate) url: String,
    arrivals: mpsc::UnboundedReceiver<Asked>,
}

/// A request that waits for its answer.
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    /// The body as it came.
    pub(crate) text: String,
    /// Canceled when nobody reads the answer any more.
    pub(crate) gone: CancellationToken,
    answer: oneshot::Sender<Response>,
}

/// The way to write on a stream; dropped, it ends the stream.
pub(crate) struct Speak(mpsc::UnboundedSender<io::Result<String>>);

impl Desk {
    /// An upstream on a free port.
    pub(crate) async fn open() -> Self {
        let (arrive, arrivals) = mpsc::unbounded_channel();
        let router = Router::new().route("/mcp", any(receive)).with_state(arrive);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, arrivals }
    }

    /// The next request. One that never comes is a failure, and not a test that never ends.
    pub(crate) async fn next(&mut self) -> Asked {
        timeout(LONGEST, self.arrivals.recv()).await.expect("no request has come").unwrap()
    }

    /// Whether nothing has come.
    pub(crate) fn is_idle(&mut self) -> bool {
        self.arrivals.try_recv().is_err()
    }
}

async fn receive(
    State(arrive): State<mpsc::UnboundedSender<Asked>>,
    method: Method,
    headers: HeaderMap,
    text: String,
) -> Response {
    let (answer, answered) = oneshot::channel();
    let gone = CancellationToken::new();
    let guard = gone.clone().drop_guard();
    arrive.send(Asked { method, headers, text, gone, answer }).unwrap();
    let (parts, body) = answered.await.unwrap().into_parts();
    let watched = stream::unfold((body.into_data_stream(), guard), async |(mut body, guard): (_, DropGuard)| {
        Some((body.next().await?, (body, guard)))
    });
    Response::from_parts(parts, Body::from_stream(watched))
}

impl Asked {
    /// The body, read.
    pub(crate) fn message(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// A header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Answers with this.
    pub(crate) fn answer(self, status: u16, body: impl Into<String>) {
        let response = Response::builder().status(status).header("content-type", "application/json");
        self.answer.send(response.body(Body::from(body.into())).unwrap()).unwrap();
    }

    /// Answers with a result.
    pub(crate) fn result(self, result: &Value) {
        let body = json!({ "jsonrpc": "2.0", "id": self.message()["id"], "result": result });
        self.answer(200, body.to_string());
    }

    /// Answers `initialize` with this, and opens a session.
    pub(crate) fn opens(self, session: &str, result: &Value) {
        let body = json!({ "jsonrpc": "2.0", "id": self.message()["id"], "result": result });
        let response = Response::builder().header("content-type", "application/json").header("mcp-session-id", session);
        self.answer.send(response.body(Body::from(body.to_string())).unwrap()).unwrap();
    }

    /// Answers a message that only needs to be accepted.
    pub(crate) fn accept(self) {
        self.answer(202, "");
    }

    /// Answers with a stream.
    pub(crate) fn stream(self) -> (Speak, CancellationToken) {
        let (speak, said) = mpsc::unbounded_channel();
        let events =
            stream::unfold(said, async |mut said: mpsc::UnboundedReceiver<_>| Some((said.recv().await?, said)));
        let response = Response::builder().header("content-type", "text/event-stream");
        self.answer.send(response.body(Body::from_stream(events)).unwrap()).unwrap();
        (Speak(speak), self.gone)
    }
}

impl Speak {
    /// Writes a message.
    pub(crate) fn say(&self, message: impl ToString) {
        self.write(format!("data: {}\n\n", message.to_string()));
    }

    /// Writes bytes of a stream as they are.
    pub(crate) fn write(&self, bytes: impl Into<String>) {
        self.0.send(Ok(bytes.into())).unwrap();
    }

    /// Breaks the connection.
    pub(crate) fn cut(self) {
        self.0.send(Err(io::Error::other("cut"))).unwrap();
    }
}

/// A client of the stateless era, which writes its headers by hand.
#[derive(Clone)]
pub(crate) struct Modern {
    http: reqwest::Client,
    url: String,
    key: &'static str,
}

impl Modern {
    pub(crate) fn new(hub: &str, route: &str, key: &'static str) -> Self {
        let url = format!("{hub}/mcp/{route}").trim_end_matches('/').to_owned();
        Self { http: reqwest::Client::new(), url, key }
    }

    /// What a request of the stateless era says of itself, with these capabilities.
    pub(crate) fn meta(capabilities: Value) -> Value {
        json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": capabilities,
            "io.modelcontextprotocol/clientInfo": { "name": "t", "version": "0" },
        })
    }

    /// A body, with capabilities to be asked everything.
    pub(crate) fn body(id: impl Into<Value>, method: &str, mut params: Value) -> Value {
        if params.get("_meta").is_none() {
            params["_meta"] = Self::meta(json!({ "elicitation": {}, "sampling": {}, "roots": {} }));
        }
        json!({ "jsonrpc": "2.0", "id": id.into(), "method": method, "params": params })
    }

    /// A request with the headers that go with this body.
    pub(crate) fn request(&self, body: &Value) -> reqwest::RequestBuilder {
        let request = self.bare(Method::POST).header("mcp-protocol-version", "2026-07-28");
        let request = request.header("mcp-method", body["method"].as_str().unwrap());
        let name = body["params"]["name"].as_str().or(body["params"]["uri"].as_str());
        let name = name.or(body["params"]["taskId"].as_str());
        let request = match name {
            Some(name) => request.header("mcp-name", name),
            None => request,
        };
        request.header("content-type", "application/json").body(body.to_string())
    }

    /// A request without any header of the protocol's.
    pub(crate) fn bare(&self, method: Method) -> reqwest::RequestBuilder {
        let request = self.http.request(method, &self.url).bearer_auth(self.key);
        request.header("accept", "application/json, text/event-stream")
    }

    /// Posts a message.
    pub(crate) async fn post(&self, body: &Value) -> reqwest::Response {
        self.request(body).send().await.unwrap()
    }

    /// Posts a message in a task.
    pub(crate) fn begin(&self, body: &Value) -> tokio::task::JoinHandle<reqwest::Response> {
        let sending = self.request(body).send();
        tokio::spawn(async move { sending.await.unwrap() })
    }
}

/// The JSON-RPC response in an HTTP one, whatever its form.
pub(crate) async fn answer_of(response: reqwest::Response) -> Value {
    let body = response.text().await.unwrap();
    let data = body.lines().filter_map(|line| line.strip_prefix("data: ")).next_back().unwrap_or(&body);
    serde_json::from_str(data).unwrap_or_else(|_| panic!("{body}"))
}
