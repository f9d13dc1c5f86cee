//! A client of the stateless era without any memory, and a fake to meet.

use std::sync::{Arc, Mutex};

use fake_upstreams::{
    Account, Answers, Entry, Eras, Fake, Kind, Ledger, Script, Settings,
    wire::{header::encoded, sse},
};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(crate) const REVISION: &str = "2026-07-28";
pub(crate) const SUBSCRIPTION: &str = "/params/_meta/io.modelcontextprotocol~1subscriptionId";

pub(crate) struct Running {
    pub(crate) fake: Arc<Fake>,
    pub(crate) url: String,
    pub(crate) book: Arc<Mutex<Vec<Entry>>>,
}

pub(crate) async fn running(kind: Kind, change: impl FnOnce(&mut Settings)) -> Running {
    let account = |login: &str, scopes: &[&str]| Account {
        login: login.into(),
        token: format!("token-{login}"),
        scopes: scopes.iter().map(ToString::to_string).collect(),
        eras: None,
    };
    let mut settings = Settings {
        name: kind.to_string(),
        kind,
        accounts: vec![account("alice", &["read", "write"]), account("bob", &["read"])],
        seed: 7,
        script: Script::default(),
        answers: Answers::Seeded,
        page: None,
        service: None,
        eras: Eras::Both,
    };
    change(&mut settings);
    let book = Arc::<Mutex<Vec<Entry>>>::default();
    let sink = book.clone();
    let fake = Fake::new(settings, Ledger::new(move |entry| sink.lock().unwrap().push(entry)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    fake_upstreams::serve(listener, fake.clone(), std::future::pending());
    Running { fake, url, book }
}

/// A request as a correct client sends it; each test spoils what it is about.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) params: Value,
    pub(crate) headers: HeaderMap,
    pub(crate) id: Value,
}

pub(crate) fn request(method: &str, params: Value) -> Request {
    let mut params = params;
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = REVISION.into();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({ "elicitation": {} });
    let mut headers = HeaderMap::new();
    headers.insert("mcp-protocol-version", REVISION.parse().unwrap());
    headers.insert("mcp-method", method.parse().unwrap());
    if let Some(name) = params.get("name").or_else(|| params.get("uri")).and_then(Value::as_str) {
        headers.insert("mcp-name", encoded(name).parse().unwrap());
    }
    Request { method: method.to_owned(), params, headers, id: json!(1) }
}

pub(crate) fn call(tool: &str, arguments: Value) -> Request {
    request("tools/call", json!({ "name": tool, "arguments": arguments }))
}

impl Request {
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().unwrap());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    pub(crate) fn with(mut self, pointer: &str, value: Value) -> Self {
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        self.params.pointer_mut(parent).unwrap()[member.replace("~1", "/")] = value;
        self
    }

    pub(crate) fn by(self, login: &str) -> Self {
        self.header("authorization", &format!("Bearer token-{login}"))
    }

    pub(crate) async fn send(self, running: &Running) -> reqwest::Response {
        let body = json!({ "jsonrpc": "2.0", "id": self.id, "method": self.method, "params": self.params });
        let http = reqwest::Client::new();
        http.post(&running.url).headers(self.headers).json(&body).send().await.unwrap()
    }

    /// Status and every message of the answer; the response is the last.
    pub(crate) async fn messages(self, running: &Running) -> (u16, Vec<Value>) {
        let response = self.send(running).await;
        let (status, body) = (response.status().as_u16(), response.text().await.unwrap());
        let events: Vec<Value> =
            sse::events(&body).iter().map(|event| serde_json::from_str(&event.data).unwrap()).collect();
        let messages = if events.is_empty() { vec![serde_json::from_str(&body).unwrap()] } else { events };
        (status, messages)
    }

    pub(crate) async fn response(self, running: &Running) -> (u16, Value) {
        let (status, mut messages) = self.messages(running).await;
        (status, messages.pop().unwrap())
    }

    pub(crate) async fn text(self, running: &Running) -> String {
        let (_, response) = self.response(running).await;
        response["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{response}")).to_owned()
    }
}

/// A stream of events, read one by one.
pub(crate) struct Stream(pub(crate) reqwest::Response, pub(crate) String);

impl Stream {
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.1.find("\n\n") {
                let event = self.1.drain(..end + 2).collect::<String>();
                return Some(serde_json::from_str(&sse::events(&event)[0].data).unwrap());
            }
            let chunk = self.0.chunk().await.unwrap()?;
            self.1.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

pub(crate) async fn listen(running: &Running, login: &str, id: Value, filter: Value) -> Stream {
    let request = request("subscriptions/listen", json!({ "notifications": filter })).by(login);
    let mut stream = Stream(Request { id: id.clone(), ..request }.send(running).await, String::new());
    let first = stream.next().await.unwrap();
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(first["params"]["notifications"], filter);
    assert_eq!(first.pointer(SUBSCRIPTION), Some(&id));
    stream
}
