//! What is running, and how to ask it.

use std::{future::Future, sync::Arc};

use fake_upstreams::{Account, Answers, Eras, Fake, Kind, Ledger, Script, Settings};
use hub::{Config, Environment, Hub};
use rmcp::{
    ServerHandler,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{net::TcpListener, sync::oneshot};

/// Alice's key.
pub(crate) const ALICE: &str = "alice-key-0123456789";
/// Bob's key.
pub(crate) const BOB: &str = "bob-key-0123456789";

/// A fake on a free port; its MCP endpoint, and itself.
pub(crate) async fn fake(kind: Kind) -> (String, Arc<Fake>) {
    fake_writing(kind, Ledger::new(|_| {})).await
}

/// What a fake is, with Alice and Bob as its users.
pub(crate) fn settings(kind: Kind) -> Settings {
    let account = |login: &str| Account {
        login: login.into(),
        token: format!("{login}-token"),
        scopes: vec!["read".into(), "write".into()],
        eras: None,
    };
    Settings {
        name: kind.to_string(),
        kind,
        accounts: vec![account("alice"), account("bob")],
        seed: 1,
        script: Script::default(),
        answers: Answers::Seeded,
        page: None,
        service: None,
        eras: Eras::default(),
    }
}

/// The same with its ledger.
pub(crate) async fn fake_writing(kind: Kind, ledger: Ledger) -> (String, Arc<Fake>) {
    let fake = Fake::new(settings(kind), ledger);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    fake_upstreams::serve(listener, fake.clone(), std::future::pending());
    (url, fake)
}

/// rmcp's server with these handlers, one for each session; its MCP endpoint.
pub(crate) async fn rmcp_server<S: ServerHandler>(handler: impl Fn() -> S + Send + Sync + 'static) -> String {
    let service = StreamableHttpService::new(
        move || Ok(handler()),
        LocalSessionManager::default().into(),
        StreamableHttpServerConfig::default(),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let server = axum::serve(listener, axum::Router::new().nest_service("/mcp", service));
    tokio::spawn(async move { server.await });
    url
}

/// A hub in front of these servers (name and URL) with the users alice and bob; its address.
pub(crate) async fn hub_for(servers: &[(&str, &str)], limits: Value) -> String {
    hub_until(servers, limits, std::future::pending()).await
}

/// The same for servers of any era, which is given with each.
/// What is called `cache-hints` among the limits is said of each server.
pub(crate) async fn hub_of_eras(servers: &[(&str, &str, &str)], limits: Value) -> String {
    started(servers, limits, std::future::pending()).await
}

/// The same with a way to stop it.
pub(crate) async fn stoppable_hub_for(servers: &[(&str, &str)]) -> (String, oneshot::Sender<()>) {
    let (stop, stopped) = oneshot::channel();
    let url = hub_until(servers, json!({}), async move { drop(stopped.await) }).await;
    (url, stop)
}

async fn hub_until(servers: &[(&str, &str)], limits: Value, stop: impl Future<Output = ()> + Send + 'static) -> String {
    let servers: Vec<_> = servers.iter().map(|(name, url)| (*name, *url, "stateful")).collect();
    started(&servers, limits, stop).await
}

async fn started(
    servers: &[(&str, &str, &str)],
    limits: Value,
    stop: impl Future<Output = ()> + Send + 'static,
) -> String {
    let (hub, listener, url) = prepared(servers, limits).await;
    hub::serve(listener, hub, stop);
    url
}

/// The same that is not served yet, with where it is to be served.
pub(crate) async fn prepared(servers: &[(&str, &str, &str)], limits: Value) -> (Arc<Hub>, TcpListener, String) {
    let config = Config::from_yaml(&configuration(servers, limits).to_string(), "test").unwrap();
    let hub = Hub::new(config, Environment::system()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (hub, listener, url)
}

/// The configuration of a hub in front of these servers (name, URL, era) with the users alice and bob.
pub(crate) fn configuration(servers: &[(&str, &str, &str)], mut limits: Value) -> Value {
    let hints = limits.as_object_mut().and_then(|limits| limits.remove("cache-hints"));
    let server = |url: &str, era: &str| {
        let mut server = json!({ "url": url, "era": era });
        server.as_object_mut().unwrap().extend(hints.clone().map(|time| ("cache-hints".to_owned(), time)));
        server
    };
    let credentials = |user: &str| {
        let all = servers.iter().map(|(name, ..)| ((*name).to_owned(), json!({ "bearer": format!("{user}-token") })));
        all.collect::<serde_json::Map<_, _>>()
    };
    let user = |name: &str, key: &str| json!({ "keys": [hashed("k", key)], "credentials": credentials(name) });
    json!({
        "servers": servers.iter().map(|(name, url, era)| ((*name).to_owned(), server(url, era))).collect::<serde_json::Map<_, _>>(),
        "users": { "alice": user("alice", ALICE), "bob": user("bob", BOB) },
        "limits": limits,
    })
}

/// A key as it stands in a configuration.
pub(crate) fn hashed(id: &str, key: &str) -> Value {
    let sha256: String = Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect();
    json!({ "id": id, "sha256": sha256 })
}

/// A client of plain HTTP in one session.
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    key: &'static str,
    pub(crate) session: Option<String>,
}

impl Client {
    /// A client without a session; no server is the route of everything.
    pub(crate) fn new(hub: &str, server: &str, key: &'static str) -> Self {
        let url = format!("{hub}/mcp/{server}");
        Self { http: reqwest::Client::new(), url: url.trim_end_matches('/').to_owned(), key, session: None }
    }

    /// A client with a session.
    pub(crate) async fn open(hub: &str, server: &str, key: &'static str) -> Self {
        Self::open_in(hub, server, key, "2025-11-25").await
    }

    /// The same in another revision.
    pub(crate) async fn open_in(hub: &str, server: &str, key: &'static str, revision: &str) -> Self {
        let mut client = Self::new(hub, server, key);
        let params = json!({ "protocolVersion": revision, "capabilities": { "sampling": {}, "experimental": { "x": 1 } },
            "clientInfo": { "name": "t", "version": "0" } });
        let response =
            client.post(&json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params })).await;
        client.session = response.headers().get("mcp-session-id").map(|id| id.to_str().unwrap().to_owned());
        client
    }

    /// A request with this client's key and session.
    pub(crate) fn request(&self, method: reqwest::Method) -> reqwest::RequestBuilder {
        let request = self.http.request(method, &self.url).bearer_auth(self.key);
        let request = request.header("accept", "application/json, text/event-stream");
        match &self.session {
            Some(session) => request.header("mcp-session-id", session),
            None => request,
        }
    }

    /// Posts a message.
    pub(crate) async fn post(&self, body: &Value) -> reqwest::Response {
        self.request(reqwest::Method::POST).json(body).send().await.unwrap()
    }

    /// Calls a tool; the JSON-RPC response, whatever its form.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        let response =
            self.post(&json!({ "jsonrpc": "2.0", "id": "c", "method": "tools/call", "params": params })).await;
        let body = response.text().await.unwrap();
        let data = body.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or(&body);
        serde_json::from_str(data).unwrap_or_else(|_| panic!("{body}"))
    }
}
