//! Other people's code in every pair of eras: rmcp's client and rmcp's server, each in either era, with the hub between.
//! And whatever JSON a client and a server may think of, which has to get through.

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
    routing::post,
};
use proptest::prelude::*;
use rmcp::{
    ClientHandler, ClientLifecycleMode, ClientServiceExt, ErrorData, Peer, RoleClient, RoleServer, ServerHandler,
    handler::server::tool::{InputResponses, RequestState},
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ClientConfig, ContentBlock, ElicitRequestParams,
        ElicitResult, InputRequiredResult, ProtocolVersion, ServerConfig, ServerNotification, SubscriptionFilter,
    },
    service::{RequestContext, RunningService, SubscriptionContext},
    tool, tool_handler, tool_router,
    transport::{StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json, value::RawValue};
use tokio::net::TcpListener;

use crate::{
    desk::Modern,
    running::{ALICE, BOB, hub_of_eras, rmcp_server},
};

fn made<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn form() -> Value {
    let schema = json!({ "type": "object", "properties": { "name": { "type": "string" } } });
    json!({ "mode": "form", "message": "Who are you?", "requestedSchema": schema })
}

/// A server that asks in the way of its era, and tells that its tools changed.
#[derive(Debug, Clone)]
struct Host;

#[tool_router]
impl Host {
    #[tool(description = "Asks for a name as the stateful era does")]
    async fn ask(&self, peer: Peer<RoleServer>) -> String {
        let given = peer.create_elicitation(made::<ElicitRequestParams>(form())).await.unwrap();
        json!(given).to_string()
    }

    #[tool(description = "Asks for a name as the stateless era does")]
    async fn wish(
        &self,
        RequestState(state): RequestState,
        InputResponses(given): InputResponses,
    ) -> Result<CallToolResponse, ErrorData> {
        match state.as_deref() {
            None => {
                let asked = json!({ "q": { "method": "elicitation/create", "params": form() } });
                Ok(InputRequiredResult::new(Some(made(asked)), Some("st.ate \"quoted\"".into())).into())
            }
            Some("st.ate \"quoted\"") => {
                Ok(CallToolResult::success(vec![ContentBlock::text(json!(given).to_string())]).into())
            }
            Some(other) => Err(ErrorData::invalid_params(format!("not my state: {other}"), None)),
        }
    }

    #[tool(description = "Tells that its tools changed")]
    async fn change(&self, peer: Peer<RoleServer>) -> String {
        peer.notify_tool_list_changed().await.unwrap();
        "changed".to_owned()
    }
}

#[tool_handler]
impl ServerHandler for Host {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(made(json!({ "tools": { "listChanged": true } })))
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        context.sink().notify_tool_list_changed().await.unwrap();
        context.cancelled().await;
        Ok(())
    }
}

/// A client with a name, who says it whenever it is asked.
#[derive(Debug, Clone)]
struct Guest(&'static str);

impl ClientHandler for Guest {
    fn get_info(&self) -> ClientConfig {
        let info = json!({ "name": self.0, "version": "1" });
        made(json!({ "protocolVersion": "2025-11-25", "capabilities": { "elicitation": {} }, "clientInfo": info }))
    }

    async fn create_elicitation(
        &self,
        _: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        Ok(made(json!({ "action": "accept", "content": { "name": self.0 } })))
    }
}

fn stateless() -> ClientLifecycleMode {
    ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
}

async fn guest(
    hub: &str,
    name: &'static str,
    key: &str,
    mode: ClientLifecycleMode,
) -> RunningService<RoleClient, Guest> {
    let config = StreamableHttpClientTransportConfig::with_uri(format!("{hub}/mcp/host")).auth_header(key);
    Guest(name).serve_with_lifecycle(StreamableHttpClientTransport::from_config(config), mode).await.unwrap()
}

#[tokio::test]
async fn rmcp_asks_and_answers_in_every_pair_of_eras() {
    let url = rmcp_server(|| Host).await;
    for (era, of_older, of_newer) in
        [("stateful", "ask", "ask"), ("stateless", "wish", "wish"), ("auto", "ask", "wish")]
    {
        let hub = hub_of_eras(&[("host", &url, era)], json!({})).await;
        for (mode, tool) in [(ClientLifecycleMode::Initialize, of_older), (stateless(), of_newer)] {
            let (alice, bob) =
                tokio::join!(guest(&hub, "alice", ALICE, mode.clone()), guest(&hub, "bob", BOB, mode.clone()));
            assert!(alice.list_all_tools().await.unwrap().iter().any(|found| found.name == tool));
            // Of the whole client, which answers wishes; its bare peer does not.
            let call = || CallToolRequestParams::new(tool);
            let (of_alice, of_bob) = tokio::join!(alice.call_tool(call()), bob.call_tool(call()));
            for (said, own, foreign) in [(&of_alice, "alice", "bob"), (&of_bob, "bob", "alice")] {
                let said = said.as_ref().unwrap_or_else(|error| panic!("{era} {mode:?}: {error}"));
                let text = serde_json::to_string(said).unwrap();
                assert!(text.contains(own) && !text.contains(foreign), "{era} {mode:?}: {text}");
            }
            alice.cancel().await.unwrap();
            bob.cancel().await.unwrap();
        }
    }
}

#[tokio::test]
async fn rmcp_listens_in_either_era_of_its_server() {
    let url = rmcp_server(|| Host).await;
    for era in ["stateful", "stateless"] {
        let hub = hub_of_eras(&[("host", &url, era)], json!({})).await;
        let alice = guest(&hub, "alice", ALICE, stateless()).await;
        let mut told = alice.listen(SubscriptionFilter::builder().tools_list_changed().build()).await.unwrap();
        if era == "stateful" {
            alice.call_tool(CallToolRequestParams::new("change")).await.unwrap();
        }
        let told_first = told.next().await.unwrap().unwrap();
        assert!(matches!(told_first, ServerNotification::ToolListChangedNotification(_)), "{era}");
        told.cancel().await.unwrap();
        alice.cancel().await.unwrap();
    }
}

/// A server that gives back the params of a call as its result, byte by byte, in either era.
async fn echo() -> String {
    async fn receive(State(()): State<()>, headers: HeaderMap, body: String) -> axum::response::Response {
        #[derive(serde::Deserialize)]
        struct Read<'a> {
            method: String,
            #[serde(borrow, default)]
            id: Option<&'a RawValue>,
            #[serde(borrow, default)]
            params: Option<&'a RawValue>,
        }
        let read: Read<'_> = serde_json::from_str(&body).unwrap();
        let id = read.id.map_or("null", RawValue::get);
        let modern = headers.get("mcp-protocol-version").is_some_and(|version| version == "2026-07-28");
        let result = match read.method.as_str() {
            "initialize" => {
                r#"{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"e","version":"1"}}"#
            }
            "server/discover" => r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{}}"#,
            "tools/call" => read.params.unwrap().get(),
            _ => return StatusCode::ACCEPTED.into_response(),
        };
        assert_eq!(modern, body.contains("io.modelcontextprotocol/protocolVersion"), "{body}");
        let answer = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
        ([("content-type", "application/json"), ("mcp-session-id", "one")], answer).into_response()
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let router = Router::new().route("/mcp", post(receive)).with_state(());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// JSON as somebody may write it: odd numbers, escapes, white space, keys in any order.
fn written() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,2})?",
        "\"([a-z ]|\\\\u00e9|\\\\n|\\\\\\\\|é|✓){0,8}\"",
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let space = "[ \n\t]{0,2}";
        let items = proptest::collection::vec((space, inner.clone()), 0..4);
        let members = proptest::collection::btree_map("[a-z]{1,4}(\\\\u0041)?", (space, inner), 0..4);
        prop_oneof![
            items.prop_map(|items| {
                let items: Vec<String> =
                    items.into_iter().map(|(space, item)| format!("{space}{item}{space}")).collect();
                format!("[{}]", items.join(","))
            }),
            members.prop_map(|members| {
                let members: Vec<String> = members
                    .into_iter()
                    .rev()
                    .map(|(key, (space, value))| format!("{space}\"{key}\"{space}:{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

#[test]
fn any_json_gets_through_in_every_pair_of_eras() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (hub, session) = runtime.block_on(async {
        let url = echo().await;
        let hub = hub_of_eras(&[("older", &url, "stateful"), ("newer", &url, "stateless")], json!({})).await;
        let mut sessions = Vec::new();
        for route in ["older", "newer"] {
            sessions.push(crate::running::Client::open(&hub, route, ALICE).await);
        }
        (hub, sessions)
    });
    let said = [
        r#""io.modelcontextprotocol/protocolVersion":"2026-07-28""#,
        r#""io.modelcontextprotocol/clientCapabilities":{"sampling":{},"experimental":{"x":1}}"#,
    ]
    .join(",");
    // As the hub says it of what `Client::open` declares.
    let says = format!(
        r#"{},"io.modelcontextprotocol/clientInfo":{{"name":"t","version":"0"}}"#,
        said.replace(r#"{"sampling":{},"experimental":{"x":1}}"#, r#"CAPABILITIES"#)
    );
    let ids = prop_oneof![
        Just("1".to_owned()),
        Just("1.0".to_owned()),
        Just(r#""\u0061""#.to_owned()),
        Just("9007199254740993".to_owned())
    ];
    let strategy = (ids, written(), written(), written(), "[ \n]{0,2}");
    let config = ProptestConfig { cases: 48, ..ProptestConfig::default() };
    proptest!(config, |((id, arguments, other, kept, space) in strategy)| {
        let params = |meta: &str| format!(r#"{{"name":"t",{space}"arguments":{arguments},"x-new":{other},"_meta":{meta}}}"#);
        let answer = |result: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
        let whole = |params: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{params}}}"#);
        let with = |others: &str| if others.is_empty() { format!(r#"{{"k":{kept}}}"#) } else { format!(r#"{{{others},"k":{kept}}}"#) };
        runtime.block_on(async {
            for route in ["older", "newer"] {
                let sent = params(&with(&said));
                let request = Modern::new(&hub, route, ALICE).bare(reqwest::Method::POST);
                let request = request.header("mcp-protocol-version", "2026-07-28").header("mcp-method", "tools/call");
                let got = request.header("mcp-name", "t").body(whole(&sent)).send().await.unwrap().text().await.unwrap();
                let expected = match route {
                    "newer" => answer(&sent),
                    _ => answer(&params(&with("")).replacen('{', r#"{"resultType":"complete","#, 1)),
                };
                prop_assert_eq!(got, expected, "a client without a session, {}", route);
            }
            for (route, client) in ["older", "newer"].into_iter().zip(&session) {
                let sent = params(&with(""));
                let got = client.request(reqwest::Method::POST).body(whole(&sent)).send().await.unwrap().text().await.unwrap();
                let expected = match route {
                    "older" => answer(&sent),
                    _ => answer(&params(&with(&says.replace("CAPABILITIES", r#"{"sampling":{},"experimental":{"x":1}}"#)))),
                };
                prop_assert_eq!(got, expected, "a client with a session, {}", route);
            }
            Ok(())
        })?;
    });
}
