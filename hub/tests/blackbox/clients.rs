//! Other people's code at both ends: rmcp's client through the hub to rmcp's server.

use crate::running::{ALICE, BOB, fake, hub_for, rmcp_server};
use fake_upstreams::Kind;
use rmcp::{
    ServerHandler, ServiceExt,
    handler::server::wrapper::Parameters,
    model::{CallToolRequestParams, ServerCapabilities, ServerConfig},
    schemars, tool, tool_handler, tool_router,
    transport::{StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig},
};
use serde_json::{Value, json};

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
