//! One tool call through the hub, and the same call straight at the upstream: what the hub costs is the
//! ratio of the two, measured in one run over duplex pipes.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use fake_upstreams::{Answers, Fake, Kind, Ledger, Script, Settings, inprocess::Network};
use http_body_util::{BodyExt, Full};
use hub::{
    Config, Environment, Hub,
    environment::{Connect, Connecting, stream},
};
use hyper::{Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::runtime::{Builder, Runtime};

const KEY: &str = "alice-key-0123456789";

struct Pipes(Arc<Network>);

impl Connect for Pipes {
    fn connect(&self, uri: hyper::Uri) -> Connecting {
        let opened = self.0.connect(uri.authority().map_or("", |authority| authority.as_str()));
        Box::pin(async move { opened.map(stream) })
    }
}

/// A client on one connection, in one session.
struct Client {
    sender: http1::SendRequest<Full<Bytes>>,
    path: &'static str,
    session: Option<String>,
}

impl Client {
    async fn open(network: &Network, host: &str, path: &'static str) -> Self {
        let (sender, connection) = http1::handshake(TokioIo::new(network.connect(host).unwrap())).await.unwrap();
        tokio::spawn(connection);
        let mut client = Self { sender, path, session: None };
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "b", "version": "0" } });
        let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        client.session = client.post(hello.to_string()).await;
        client
    }

    /// Posts a message, reads the whole answer, and gives back the session id in it.
    async fn post(&mut self, body: String) -> Option<String> {
        let mut request =
            Request::post(self.path).header("host", "localhost").header("authorization", format!("Bearer {KEY}"));
        if let Some(session) = &self.session {
            request = request.header("mcp-session-id", session);
        }
        let response = self.sender.send_request(request.body(Full::from(body)).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        let session = response.headers().get("mcp-session-id").map(|id| id.to_str().unwrap().to_owned());
        response.into_body().collect().await.unwrap();
        session
    }

    async fn call(&mut self) {
        let params = json!({ "name": "echo", "arguments": { "text": "hello" } });
        self.post(json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string()).await;
    }
}

fn stage(runtime: &Runtime) -> Arc<Network> {
    let network = Arc::new(Network::new());
    let settings = Settings {
        name: "db".into(),
        kind: Kind::Db,
        accounts: Vec::new(),
        seed: 1,
        script: Script::default(),
        answers: Answers::Json,
        page: None,
        service: None,
    };
    let sha256: String = Sha256::digest(KEY).iter().map(|byte| format!("{byte:02x}")).collect();
    let config = json!({
        "servers": { "db": { "url": "http://db/mcp", "credentials": "none" } },
        "users": { "alice": { "keys": [{ "id": "k", "sha256": sha256 }] } },
    });
    let config = Config::from_yaml(&config.to_string(), "bench").unwrap();
    let environment = Environment { connector: Arc::new(Pipes(network.clone())), ..Environment::system() };
    runtime.block_on(async {
        fake_upstreams::serve(
            network.listen("db").unwrap(),
            Fake::new(settings, Ledger::new(|_| {})),
            std::future::pending(),
        );
        hub::serve(network.listen("hub").unwrap(), Hub::new(config, environment).unwrap(), std::future::pending());
    });
    network
}

fn relay(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let network = stage(&runtime);
    let mut group = criterion.benchmark_group("one call");
    for (name, host, path) in [("straight at the upstream", "db", "/mcp"), ("through the hub", "hub", "/mcp/db")] {
        let mut client = runtime.block_on(Client::open(&network, host, path));
        group.bench_function(name, |bencher| bencher.iter(|| runtime.block_on(client.call())));
    }
    group.finish();
}

criterion_group!(benches, relay);
criterion_main!(benches);
