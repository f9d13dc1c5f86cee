//! Other people's code at both ends: rmcp's client through the hub to rmcp's server.

use crate::running::{ALICE, BOB, fake, fake_writing, hub_for, hub_of_eras, rmcp_server};
use fake_upstreams::{Entry, Kind, Ledger};
use rmcp::{
    ClientHandler, ClientLifecycleMode, ClientServiceExt, RoleClient, ServerHandler, ServiceExt,
    handler::server::wrapper::Parameters,
    model::{CallToolRequestParams, ProgressNotificationParam, ProtocolVersion, ServerCapabilities, ServerConfig},
    schemars,
    service::{NotificationContext, RunningService},
    tool, tool_handler, tool_router,
    transport::{StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

async fn client(hub: &str, server: &str, key: &str) -> rmcp::service::RunningService<rmcp::RoleClient, ()> {
    let config = StreamableHttpClientTransportConfig::with_uri(format!("{hub}/mcp/{server}")).auth_header(key);
    ().serve(StreamableHttpClientTransport::from_config(config)).await.unwrap()
}

fn call(tool: &'static str, arguments: Value) -> CallToolRequestParams {
    CallToolRequestParams::new(tool).with_arguments(arguments.as_object().unwrap().clone())
}

#[tokio::test]
async fn two_rmcp_clients_share_a_server_and_nothing_else() {
    let (url, _fake) = fake(Kind::Db).await;
    let hub = hub_for(&[("db", &url)], json!({})).await;
    let (alice, bob) = (client(&hub, "db", ALICE).await, client(&hub, "db", BOB).await);
    assert!(alice.list_all_tools().await.unwrap().iter().any(|tool| tool.name == "set_context"));
    bob.call_tool(call("set_context", json!({ "project": "project-b" }))).await.unwrap();
    alice.call_tool(call("set_context", json!({ "project": "project-a" }))).await.unwrap();
    for (user, own) in [(&alice, "project-a"), (&bob, "project-b")] {
        let result = user.call_tool(call("get_data", json!({}))).await.unwrap();
        let text = serde_json::to_string(&result.content).unwrap();
        assert!(text.contains(own), "{text}");
    }
    alice.cancel().await.unwrap();
    bob.cancel().await.unwrap();
}

#[derive(Debug, Clone)]
struct Adder;

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Sum {
    a: i64,
    b: i64,
}

#[tool_router]
impl Adder {
    #[tool(description = "Adds two numbers")]
    fn add(&self, Parameters(Sum { a, b }): Parameters<Sum>) -> String {
        (a + b).to_string()
    }
}

#[tool_handler]
impl ServerHandler for Adder {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }
}

#[tokio::test]
async fn an_rmcp_server_behind_the_hub_serves_an_rmcp_client() {
    let url = rmcp_server(|| Adder).await;
    let hub = hub_for(&[("adder", &url)], json!({})).await;
    let alice = client(&hub, "adder", ALICE).await;
    let result = alice.call_tool(call("add", json!({ "a": 2, "b": 40 }))).await.unwrap();
    assert!(serde_json::to_string(&result.content).unwrap().contains("42"));
    alice.cancel().await.unwrap();
}

/// A client that keeps what it hears of progress.
#[derive(Debug, Clone)]
struct Hearer(mpsc::UnboundedSender<ProgressNotificationParam>);

impl ClientHandler for Hearer {
    async fn on_progress(&self, params: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        self.0.send(params).unwrap();
    }
}

type Heard = mpsc::UnboundedReceiver<ProgressNotificationParam>;

async fn hearer(hub: &str, key: &str, mode: ClientLifecycleMode) -> (RunningService<RoleClient, Hearer>, Heard) {
    let (hear, heard) = mpsc::unbounded_channel();
    let config = StreamableHttpClientTransportConfig::with_uri(format!("{hub}/mcp/lab")).auth_header(key);
    let transport = StreamableHttpClientTransport::from_config(config);
    (Hearer(hear).serve_with_lifecycle(transport, mode).await.unwrap(), heard)
}

/// What the upstream wrote down of calls of `test_cancellation`.
struct Calls {
    written: mpsc::UnboundedReceiver<Entry>,
    /// Exchange, id, and with which credential it came.
    came: Vec<(u64, Value, String)>,
}

impl Calls {
    /// Waits until the next of them is canceled; with which credential it came.
    async fn canceled(&mut self) -> String {
        loop {
            let found = match self.written.recv().await.unwrap() {
                Entry::Request { exchange, headers, body, .. } => {
                    let by = headers.into_iter().find(|(name, _)| name == "authorization").unwrap().1;
                    let message: Value = serde_json::from_str(&body).unwrap_or_default();
                    if message["params"]["name"] == "test_cancellation" {
                        self.came.push((exchange, message["id"].clone(), by));
                        continue;
                    }
                    let canceled = message["method"] == "notifications/cancelled";
                    // Ids are counted in each session: they alone do not tell whose call it is.
                    let named =
                        |id: &Value, caller: &str| canceled && *id == message["params"]["requestId"] && caller == by;
                    self.came.iter().position(|(_, id, caller)| named(id, caller))
                }
                Entry::Canceled { exchange, .. } => self.came.iter().position(|(came, ..)| *came == exchange),
                _ => None,
            };
            if let Some(found) = found {
                return self.came.remove(found).2;
            }
        }
    }
}

#[tokio::test]
async fn rmcp_hears_of_progress_and_cancels_in_every_pair_of_eras() {
    let (write, written) = mpsc::unbounded_channel();
    let mut calls = Calls { written, came: Vec::new() };
    let (url, _fake) = fake_writing(Kind::Lab, Ledger::new(move |entry| write.send(entry).unwrap())).await;
    let stateless = ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] };
    for era in ["stateful", "stateless"] {
        let hub = hub_of_eras(&[("lab", &url, era)], json!({})).await;
        for mode in [ClientLifecycleMode::Initialize, stateless.clone()] {
            let ((alice, mut heard), (bob, mut bob_heard)) =
                tokio::join!(hearer(&hub, ALICE, mode.clone()), hearer(&hub, BOB, mode.clone()));
            alice.call_tool(call("test_tool_with_progress", json!({}))).await.unwrap();
            let mut steps = [0, 1, 2].map(|_| 0.0);
            for step in &mut steps {
                *step = heard.recv().await.unwrap().progress;
            }
            steps.sort_by(f64::total_cmp); // rmcp's client hands notifications to tasks of their own.
            assert_eq!(steps, [0.0, 50.0, 100.0], "{era} {mode:?}");
            // Both wait for a call that has no end; only one gives up.
            let waiting = [&alice, &bob].map(|client| {
                let peer = client.peer().clone();
                tokio::spawn(async move { peer.call_tool(call("test_cancellation", json!({}))).await })
            });
            assert_eq!((heard.recv().await.unwrap().progress, bob_heard.recv().await.unwrap().progress), (1.0, 1.0));
            waiting[1].abort();
            assert_eq!(calls.canceled().await, "Bearer bob-token", "{era} {mode:?}");
            assert!(!waiting[0].is_finished(), "{era} {mode:?}");
            alice.call_tool(call("test_simple_text", json!({}))).await.unwrap();
            assert!(heard.try_recv().is_err() && bob_heard.try_recv().is_err());
            waiting[0].abort();
            assert_eq!(calls.canceled().await, "Bearer alice-token", "{era} {mode:?}");
            alice.cancel().await.unwrap();
            bob.cancel().await.unwrap();
        }
    }
}
