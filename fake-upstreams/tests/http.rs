//! The fakes as a stranger meets them: over sockets, by an unmodified rmcp client and by plain HTTP.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::{Arc, Mutex};

use fake_upstreams::{
    Account, Answers, Basis, Cut, Entry, Eras, Fake, Fault, Kind, Ledger, Malformation, Script, SessionChange,
    Settings, wire::sse,
};
use rmcp::{
    ClientLifecycleMode, ClientServiceExt, ServiceExt,
    model::{CallToolRequestParams, ProtocolVersion},
    transport::{StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

type Book = Arc<Mutex<Vec<Entry>>>;

struct Running {
    fake: Arc<Fake>,
    url: String,
    book: Book,
}

async fn running(kind: Kind, answers: Answers) -> Running {
    let account = |login: &str, scopes: &[&str]| Account {
        login: login.into(),
        token: format!("token-{login}"),
        scopes: scopes.iter().map(ToString::to_string).collect(),
        eras: None,
    };
    let settings = Settings {
        name: kind.to_string(),
        kind,
        accounts: vec![account("alice", &["read", "write"]), account("bob", &["read"])],
        seed: 7,
        script: Script::default(),
        answers,
        page: None,
        service: None,
        eras: Eras::default(),
    };
    let book = Book::default();
    let fake = Fake::new(
        settings,
        Ledger::new({
            let book = book.clone();
            move |entry| book.lock().unwrap().push(entry)
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    fake_upstreams::serve(listener, fake.clone(), std::future::pending());
    Running { fake, url, book }
}

struct Client<'r> {
    running: &'r Running,
    http: reqwest::Client,
    token: Option<&'static str>,
    session: Option<String>,
}

impl<'r> Client<'r> {
    async fn open(running: &'r Running, token: Option<&'static str>) -> Self {
        let mut client = Self { running, http: reqwest::Client::new(), token, session: None };
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "0" } });
        let response =
            client.post(&json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params })).await;
        assert_eq!(response.status(), 200);
        client.session = Some(response.headers()["mcp-session-id"].to_str().unwrap().to_owned());
        client
    }

    fn request(&self, method: reqwest::Method) -> reqwest::RequestBuilder {
        let mut request =
            self.http.request(method, &self.running.url).header("accept", "application/json, text/event-stream");
        if let Some(token) = self.token {
            request = request.bearer_auth(token);
        }
        if let Some(session) = &self.session {
            request = request.header("mcp-session-id", session);
        }
        request
    }

    async fn post(&self, body: &Value) -> reqwest::Response {
        self.request(reqwest::Method::POST).json(body).send().await.unwrap()
    }

    fn tool_call(id: u64, tool: &str, arguments: Value, mark: &str) -> Value {
        let params = json!({ "name": tool, "arguments": arguments, "_meta": { "crosstalk/mark": mark } });
        json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
    }

    async fn text(&self, tool: &str, arguments: Value) -> String {
        let response = self.post(&Self::tool_call(9, tool, arguments, "xtcall")).await;
        let body = response.text().await.unwrap();
        let body = sse::events(&body).first().map_or(body, |event| event.data.clone());
        let value: Value = serde_json::from_str(&body).unwrap();
        value["result"]["content"][0]["text"].as_str().unwrap_or_default().to_owned()
    }
}

#[tokio::test]
async fn an_rmcp_client_initializes_lists_and_calls() {
    for answers in [Answers::Json, Answers::Sse, Answers::Seeded] {
        let running = running(Kind::Github, answers).await;
        let config = StreamableHttpClientTransportConfig::with_uri(running.url.clone()).auth_header("token-alice");
        let client = ().serve(StreamableHttpClientTransport::from_config(config)).await.unwrap();
        let tools = client.list_all_tools().await.unwrap();
        assert!(tools.iter().any(|tool| tool.name == "create_issue"));
        let result = client.call_tool(CallToolRequestParams::new("whoami")).await.unwrap();
        let text = serde_json::to_string(&result.content).unwrap();
        assert!(text.contains("you are alice"), "{text}");
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn an_rmcp_client_discovers_lists_calls_and_reads() {
    for answers in [Answers::Json, Answers::Sse, Answers::Seeded] {
        let running = running(Kind::Github, answers).await;
        let config = StreamableHttpClientTransportConfig::with_uri(running.url.clone()).auth_header("token-alice");
        let discover = ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] };
        let transport = StreamableHttpClientTransport::from_config(config);
        let client = ().serve_with_lifecycle(transport, discover).await.unwrap();
        let tools = client.list_all_tools().await.unwrap();
        assert!(tools.iter().any(|tool| tool.name == "create_issue"));
        let result = client.call_tool(CallToolRequestParams::new("whoami")).await.unwrap();
        let text = serde_json::to_string(&result.content).unwrap();
        assert!(text.contains("you are alice"), "{text}");
        let resources = client.list_all_resources().await.unwrap();
        assert!(resources.iter().any(|resource| resource.uri.as_str() == "repo://alice/dotfiles"));
        client.cancel().await.unwrap();
        let sessions = running.book.lock().unwrap().iter().filter(|e| matches!(e, Entry::Session { .. })).count();
        assert_eq!(sessions, 0);
    }
}

#[tokio::test]
async fn github_knows_whose_token_it_is_and_what_it_may_do() {
    let running = running(Kind::Github, Answers::Json).await;
    let stranger = Client { running: &running, http: reqwest::Client::new(), token: None, session: None };
    let refused = stranger.post(&json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" })).await;
    assert_eq!(refused.status(), 401);
    assert!(refused.headers().contains_key("www-authenticate"));

    let bob = Client::open(&running, Some("token-bob")).await;
    assert!(bob.text("whoami", json!({})).await.starts_with("you are bob"));
    let list = bob.post(&json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" })).await.text().await.unwrap();
    assert!(!list.contains("create_issue"), "{list}");
    let forbidden = bob.post(&Client::tool_call(3, "create_issue", json!({ "title": "x" }), "xtm")).await;
    assert_eq!(forbidden.status(), 403);
    assert!(forbidden.headers()["www-authenticate"].to_str().unwrap().contains("insufficient_scope"));
}

#[tokio::test]
async fn sessions_keep_their_context_and_end_with_delete() {
    let running = running(Kind::Db, Answers::Seeded).await;
    let (a, b) = (Client::open(&running, None).await, Client::open(&running, None).await);
    a.text("set_context", json!({ "project": "apollo" })).await;
    assert!(a.text("get_data", json!({})).await.contains("project apollo"));
    assert!(b.text("get_data", json!({})).await.contains("project none"));
    assert_eq!(a.request(reqwest::Method::DELETE).send().await.unwrap().status(), 204);
    assert_eq!(a.post(&json!({ "jsonrpc": "2.0", "id": 2, "method": "ping" })).await.status(), 404);
    let book = running.book.lock().unwrap();
    let changes: Vec<SessionChange> = book
        .iter()
        .filter_map(|entry| match entry {
            Entry::Session { change, .. } => Some(*change),
            _ => None,
        })
        .collect();
    assert_eq!(changes, [SessionChange::Opened, SessionChange::Opened, SessionChange::Closed]);
    assert!(book.iter().any(|entry| matches!(entry, Entry::Mark { basis: Basis::Session { .. }, .. })));
}

#[tokio::test]
async fn a_held_call_waits_at_the_gate_and_has_run() {
    let running = running(Kind::Db, Answers::Json).await;
    let client = Client::open(&running, None).await;
    running.fake.arm("xtheld", Fault::Hold);
    let body = Client::tool_call(5, "echo", json!({ "text": "late" }), "xtheld");
    let (answer, ()) = tokio::join!(client.post(&body), async {
        running.fake.gate().parked("xtheld").await;
        assert_eq!(running.fake.gate().parked_now(), ["xtheld"]);
        assert!(running.book.lock().unwrap().iter().any(|entry| matches!(entry, Entry::Executed { .. })));
        running.fake.gate().release("xtheld");
    });
    assert!(answer.text().await.unwrap().contains("late"));
}

#[tokio::test]
async fn a_canceled_call_is_answered_all_the_same() {
    let running = running(Kind::Db, Answers::Json).await;
    let client = Client::open(&running, None).await;
    running.fake.arm("xtheld", Fault::Hold);
    let body = Client::tool_call(5, "echo", json!({ "text": "late" }), "xtheld");
    let (answer, ()) = tokio::join!(client.post(&body), async {
        running.fake.gate().parked("xtheld").await;
        let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 5 } });
        assert_eq!(client.post(&cancel).await.status(), 202);
        assert_eq!(running.fake.gate().parked_now(), ["xtheld"]);
        running.fake.gate().release("xtheld");
    });
    assert!(answer.text().await.unwrap().contains("late"));
}

#[tokio::test]
async fn faults_happen_to_the_call_they_were_armed_for() {
    let running = running(Kind::Db, Answers::Json).await;
    let client = Client::open(&running, None).await;
    let faulty = |mark: &str| Client::tool_call(6, "echo", json!({ "text": "x" }), mark);
    running.fake.arm("xtrefuse", Fault::Refuse { status: 503 });
    assert_eq!(client.post(&faulty("xtrefuse")).await.status(), 503);
    for (mark, cut) in [("xtbefore", Cut::BeforeExecuting), ("xtafter", Cut::AfterExecuting)] {
        running.fake.arm(mark, Fault::Disconnect(cut));
        let before = executions(&running);
        assert!(client.request(reqwest::Method::POST).json(&faulty(mark)).send().await.is_err());
        assert_eq!(executions(&running) - before, usize::from(cut == Cut::AfterExecuting));
    }
    for (name, how) in Malformation::NAMES {
        running.fake.arm(name, Fault::Malform(how));
        let body = client.post(&faulty(name)).await.text().await.unwrap();
        let value = serde_json::from_str::<Value>(&body);
        let broken = match how {
            Malformation::WrongId => value.unwrap()["id"] != 6,
            Malformation::ResultAndError => value.unwrap().get("error").is_some(),
            Malformation::NotJson | Malformation::TruncatedJson | Malformation::NoBody => value.is_err(),
        };
        assert!(broken, "{name}: {body}");
    }
    assert!(client.text("echo", json!({ "text": "fine" })).await.starts_with("fine"));
}

fn executions(running: &Running) -> usize {
    running.book.lock().unwrap().iter().filter(|entry| matches!(entry, Entry::Executed { .. })).count()
}
