//! What upstreams ask and tell, with rmcp's server and rmcp's clients at both ends; and streams over plain HTTP.
#![expect(deprecated, reason = "a later revision does without sampling, roots and logging; those here have them")]

use fake_upstreams::Kind;
use futures_util::StreamExt;
use reqwest::Method;
use rmcp::{
    ClientHandler, ErrorData, Peer, RoleClient, RoleServer, ServerHandler, ServiceExt,
    model::{
        CallToolRequestParams, ClientConfig, CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams,
        ElicitResult, ListRootsResult, LoggingMessageNotificationParam, ResourceUpdatedNotificationParam, ServerConfig,
        SetLevelRequestParams, SubscribeRequestParams, UnsubscribeRequestParams,
    },
    service::{NotificationContext, RequestContext, RunningService},
    tool, tool_handler, tool_router,
    transport::{StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::running::{ALICE, BOB, Client, fake, hub_for, rmcp_server};

fn made<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// A server that asks its client everything that can be asked, and tells it everything that can be told.
#[derive(Debug, Clone)]
struct Curious {
    /// What clients set and subscribed to, as it came.
    set: mpsc::UnboundedSender<String>,
}

#[tool_router]
impl Curious {
    #[tool(description = "Asks for a name, a thought and the roots")]
    async fn ask(&self, peer: Peer<RoleServer>) -> String {
        let schema = json!({ "type": "object", "properties": { "name": { "type": "string" } } });
        let form = json!({ "mode": "form", "message": "Who are you?", "requestedSchema": schema });
        let elicited = peer.create_elicitation(made::<ElicitRequestParams>(form)).await.map(|answer| json!(answer));
        let thought = json!({ "messages": [{ "role": "user", "content": { "type": "text", "text": "Think." } }], "maxTokens": 9 });
        let sampled =
            peer.create_message(made::<CreateMessageRequestParams>(thought)).await.map(|answer| json!(answer));
        let roots = peer.list_roots().await.map(|answer| json!(answer));
        json!([elicited.unwrap(), sampled.unwrap(), roots.unwrap()]).to_string()
    }

    #[tool(description = "Tells that things changed")]
    async fn tell(&self, peer: Peer<RoleServer>) -> String {
        let line = json!({ "level": "info", "data": "a line" });
        peer.notify_logging_message(made::<LoggingMessageNotificationParam>(line)).await.unwrap();
        peer.notify_resource_updated(made::<ResourceUpdatedNotificationParam>(json!({ "uri": "note://x" })))
            .await
            .unwrap();
        peer.notify_tool_list_changed().await.unwrap();
        "told".to_owned()
    }
}

#[tool_handler]
impl ServerHandler for Curious {
    fn get_info(&self) -> ServerConfig {
        let all = json!({ "tools": { "listChanged": true }, "logging": {}, "resources": { "subscribe": true } });
        ServerConfig::new(made(all))
    }

    async fn set_level(&self, request: SetLevelRequestParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        self.set.send(json!(request.level).to_string()).unwrap();
        Ok(())
    }

    async fn subscribe(&self, request: SubscribeRequestParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        self.set.send(format!("+{}", request.uri)).unwrap();
        Ok(())
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.set.send(format!("-{}", request.uri)).unwrap();
        Ok(())
    }
}

/// A client with a name, who says it whenever it is asked.
#[derive(Debug, Clone)]
struct Person {
    name: &'static str,
    heard: mpsc::UnboundedSender<String>,
}

impl ClientHandler for Person {
    fn get_info(&self) -> ClientConfig {
        let offers = json!({ "elicitation": {}, "sampling": {}, "roots": {} });
        let info = json!({ "name": self.name, "version": "1" });
        made(json!({ "protocolVersion": "2025-11-25", "capabilities": offers, "clientInfo": info }))
    }

    async fn create_elicitation(
        &self,
        _: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        Ok(made(json!({ "action": "accept", "content": { "name": self.name } })))
    }

    async fn create_message(
        &self,
        _: CreateMessageRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        let content = json!({ "type": "text", "text": format!("{} thinks", self.name) });
        Ok(made(json!({ "role": "assistant", "content": content, "model": "none" })))
    }

    async fn list_roots(&self, _: RequestContext<RoleClient>) -> Result<ListRootsResult, ErrorData> {
        Ok(made(json!({ "roots": [{ "uri": format!("file:///roots-of/{}", self.name) }] })))
    }

    async fn on_logging_message(&self, params: LoggingMessageNotificationParam, _: NotificationContext<RoleClient>) {
        self.heard.send(format!("log {}", params.data)).unwrap();
    }

    async fn on_resource_updated(&self, params: ResourceUpdatedNotificationParam, _: NotificationContext<RoleClient>) {
        self.heard.send(format!("updated {}", params.uri)).unwrap();
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.heard.send("tools changed".to_owned()).unwrap();
    }
}

/// rmcp's server with [`Curious`] behind the hub: the hub's address, and what is set there.
async fn curious() -> (String, mpsc::UnboundedReceiver<String>) {
    let (set, was_set) = mpsc::unbounded_channel();
    let url = rmcp_server(move || Curious { set: set.clone() }).await;
    (hub_for(&[("curious", &url)], json!({})).await, was_set)
}

async fn person(
    hub: &str,
    name: &'static str,
    key: &str,
) -> (RunningService<RoleClient, Person>, mpsc::UnboundedReceiver<String>) {
    let (heard, hears) = mpsc::unbounded_channel();
    let config = StreamableHttpClientTransportConfig::with_uri(format!("{hub}/mcp/curious")).auth_header(key);
    let client = Person { name, heard }.serve(StreamableHttpClientTransport::from_config(config)).await.unwrap();
    (client, hears)
}

#[tokio::test]
async fn an_rmcp_server_asks_each_rmcp_client_and_hears_that_one() {
    let (hub, _set) = curious().await;
    let ((alice, _a), (bob, _b)) = (person(&hub, "alice", ALICE).await, person(&hub, "bob", BOB).await);
    let ask = |who: &RunningService<RoleClient, Person>| {
        let peer = who.peer().clone();
        async move { peer.call_tool(CallToolRequestParams::new("ask")).await.unwrap() }
    };
    let (to_alice, to_bob, again) = tokio::join!(ask(&alice), ask(&bob), ask(&alice));
    for (answer, name, other) in [(to_alice, "alice", "bob"), (to_bob, "bob", "alice"), (again, "alice", "bob")] {
        let text = serde_json::to_string(&answer.content).unwrap();
        assert!(
            text.contains(&format!("{name} thinks")) && text.contains(&format!("file:///roots-of/{name}")),
            "{text}"
        );
        assert!(!text.contains(other), "{text}");
    }
    alice.cancel().await.unwrap();
    bob.cancel().await.unwrap();
}

#[tokio::test]
async fn what_an_rmcp_server_tells_one_client_is_told_to_that_one() {
    let (hub, mut set) = curious().await;
    let ((alice, mut hears), (bob, mut bob_hears)) =
        (person(&hub, "alice", ALICE).await, person(&hub, "bob", BOB).await);
    alice.set_level(made(json!({ "level": "debug" }))).await.unwrap();
    alice.subscribe(made(json!({ "uri": "note://x" }))).await.unwrap();
    alice.unsubscribe(made(json!({ "uri": "note://x" }))).await.unwrap();
    for expected in ["\"debug\"", "+note://x", "-note://x"] {
        assert_eq!(set.recv().await.unwrap(), expected);
    }
    alice.call_tool(CallToolRequestParams::new("tell")).await.unwrap();
    let mut heard = [hears.recv().await.unwrap(), hears.recv().await.unwrap(), hears.recv().await.unwrap()];
    heard.sort(); // rmcp's client hands notifications to tasks of their own.
    assert_eq!(heard, ["log \"a line\"", "tools changed", "updated note://x"]);
    bob.call_tool(CallToolRequestParams::new("tell")).await.unwrap();
    for _ in 0..3 {
        bob_hears.recv().await.unwrap();
    }
    assert!(bob_hears.try_recv().is_err() && hears.try_recv().is_err());
    alice.cancel().await.unwrap();
    bob.cancel().await.unwrap();
}

/// A POST or GET whose answer is read event by event.
pub(crate) struct Events {
    body: futures_util::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    read: String,
}

impl Events {
    /// Begins to read.
    pub(crate) fn of(response: reqwest::Response) -> Self {
        assert_eq!(response.status(), 200);
        Self { body: response.bytes_stream().boxed(), read: String::new() }
    }

    /// The next event with data: its id, and the message.
    pub(crate) async fn next(&mut self) -> Option<(String, Value)> {
        let (id, text) = self.next_text().await?;
        Some((id, serde_json::from_str(&text).unwrap()))
    }

    /// The same with the message as it was written.
    pub(crate) async fn next_text(&mut self) -> Option<(String, String)> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let line = |field: &str| event.lines().find_map(|line| line.strip_prefix(field)).map(str::to_owned);
                let found = line("data: ").map(|data| (line("id: ").unwrap_or_default(), data));
                self.read = rest.to_owned();
                match found {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            let piece = self.body.next().await?.ok()?;
            self.read.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }
}

fn ask() -> Value {
    let arguments = json!({ "method": "sampling/createMessage", "text": "think" });
    json!({ "jsonrpc": "2.0", "id": "mine", "method": "tools/call", "params": { "name": "ask", "arguments": arguments } })
}

#[tokio::test]
async fn a_call_goes_on_after_its_connection_broke() {
    let (url, _fake) = fake(Kind::Db).await;
    let hub = hub_for(&[("db", &url)], json!({})).await;
    let (alice, bob) = (Client::open(&hub, "db", ALICE).await, Client::open(&hub, "db", BOB).await);
    let mut call = Events::of(alice.post(&ask()).await);
    let (id, question) = call.next().await.unwrap();
    assert_eq!(question["method"], "sampling/createMessage");
    drop(call);
    let answer = json!({ "jsonrpc": "2.0", "id": question["id"], "result": { "model": "a", "n": 1.50 } });
    assert_eq!(bob.post(&answer).await.status(), 202);
    assert_eq!(alice.post(&answer).await.status(), 202);
    let rest = alice.request(Method::GET).header("last-event-id", &id).send().await.unwrap();
    let mut rest = Events::of(rest);
    let (_, response) = rest.next().await.unwrap();
    assert_eq!(response["id"], "mine");
    let text = response["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("answered") && text.contains("\"model\":\"a\""), "{text}");
    assert_eq!(rest.next().await, None, "the stream of a call ends with its answer");
}

#[tokio::test]
async fn a_client_that_offers_no_elicitation_is_not_asked_for_it() {
    let (url, _fake) = fake(Kind::Db).await;
    let hub = hub_for(&[("db", &url)], json!({})).await;
    let alice = Client::open(&hub, "db", ALICE).await; // It offers sampling.
    let answer = alice.call("ask", json!({ "method": "elicitation/create", "text": "who" })).await;
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("-32601"), "{text}");
}

#[tokio::test]
async fn a_second_listener_is_told_so_and_an_upstream_without_streams_is_believed() {
    let ((db, _one), (jira, _two)) = (fake(Kind::Db).await, fake(Kind::Jira).await);
    let hub = hub_for(&[("db", &db), ("jira", &jira)], json!({})).await;
    let alice = Client::open(&hub, "db", ALICE).await;
    let get = || alice.request(Method::GET).send();
    let mut first = Events::of(get().await.unwrap());
    assert_eq!(get().await.unwrap().status(), 409);
    alice.call("announce", json!({ "method": "notifications/message", "text": "one" })).await;
    let (id, told) = first.next().await.unwrap();
    assert_eq!((id.as_str(), &told["method"]), ("0-1", &json!("notifications/message")));
    alice.call("announce", json!({ "method": "notifications/message", "text": "two" })).await;
    let (_, told) = first.next().await.unwrap();
    assert!(told["params"]["data"].as_str().unwrap().starts_with("two"));
    let again = alice.request(Method::GET).header("last-event-id", id).send().await.unwrap();
    assert!(Events::of(again).next().await.unwrap().1["params"]["data"].as_str().unwrap().starts_with("two"));
    assert_eq!(first.next().await, None, "whoever came back has taken over");
    for route in ["jira", ""] {
        let elsewhere = Client::open(&hub, route, ALICE).await;
        assert_eq!(elsewhere.request(Method::GET).send().await.unwrap().status(), 405, "{route}");
    }
}

#[tokio::test]
async fn a_hub_that_stops_ends_the_streams_of_those_who_listen() {
    let (url, _fake) = fake(Kind::Db).await;
    let (hub, stop) = crate::running::stoppable_hub_for(&[("db", &url)]).await;
    let alice = Client::open(&hub, "db", ALICE).await;
    let mut listening = Events::of(alice.request(Method::GET).send().await.unwrap());
    stop.send(()).unwrap();
    assert_eq!(listening.next().await, None);
}
