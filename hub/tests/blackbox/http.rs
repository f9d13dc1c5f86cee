//! The hub by plain HTTP: what goes upstream, what comes back, what is refused, what is logged.

use crate::running::{ALICE, BOB, Client, fake, hub_for};
use fake_upstreams::Kind;
use reqwest::Method;
use serde_json::{Value, json};
use tracing_test::traced_test;
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{body_partial_json, method},
};

/// An upstream that answers `initialize` and, for everything else, this.
async fn upstream(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    let welcome = |request: &Request| {
        let asked: Value = request.body_json().unwrap();
        let result = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": { "name": "odd", "version": "0" } });
        ResponseTemplate::new(200)
            .insert_header("mcp-session-id", "upstream-session-id")
            .set_body_json(json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result }))
    };
    Mock::given(method("POST"))
        .and(body_partial_json(json!({ "method": "initialize" })))
        .respond_with(welcome)
        .mount(&server)
        .await;
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    server
}

#[tokio::test]
async fn unknown_fields_and_spellings_survive_and_only_the_id_changes() {
    let body = r#"{ "jsonrpc":"2.0","id":2,"result":{"content":[],"x-new":{"n":1.50e3,"z":null}} }"#;
    let server = upstream(ResponseTemplate::new(200).set_body_raw(body, "application/json")).await;
    let hub = hub_for(&[("odd", &server.uri())], json!({})).await;
    let alice = Client::open(&hub, "odd", ALICE).await;
    let sent =
        r#"{"jsonrpc":"2.0","id":"mine","method":"tools/call","params":{"name":"t","x-unknown":[1e2,{"a":"\u00e9"}]}}"#;
    let got = alice.request(Method::POST).header("content-type", "application/json").body(sent).send().await.unwrap();
    assert_eq!(got.text().await.unwrap(), body.replace("\"id\":2", "\"id\":\"mine\""));
    let requests = server.received_requests().await.unwrap();
    let forwarded = String::from_utf8(requests.last().unwrap().body.clone()).unwrap();
    assert_eq!(forwarded, sent.replace("\"mine\"", "2"));
}

#[tokio::test]
async fn upstreams_get_the_users_own_credential_and_identity_and_nothing_of_the_hubs() {
    let server = upstream(ResponseTemplate::new(202)).await;
    let hub = hub_for(&[("odd", &server.uri())], json!({})).await;
    let alice = Client::open(&hub, "odd", ALICE).await;
    alice.post(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    for request in server.received_requests().await.unwrap() {
        let header = |name: &str| request.headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("authorization"), Some("Bearer alice-token"));
        assert_eq!(header("user-id"), Some("alice"));
        assert!(header("user-session-id").unwrap().starts_with("alice-"));
        let all = format!("{:?} {}", request.headers, String::from_utf8_lossy(&request.body));
        assert!(!all.contains(ALICE), "{all}");
    }
}

#[tokio::test]
async fn on_a_route_of_several_servers_no_upstream_may_ask_a_client() {
    let server =
        upstream(ResponseTemplate::new(200).set_body_json(json!({ "jsonrpc": "2.0", "id": 2, "result": {} }))).await;
    let hub = hub_for(&[("odd", &server.uri())], json!({})).await;
    for (route, asks) in [("", false), ("odd", true)] {
        let alice = Client::open(&hub, route, ALICE).await; // It offers sampling.
        alice.post(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" })).await;
        let requests = server.received_requests().await.unwrap();
        let told = requests.iter().any(|request| String::from_utf8_lossy(&request.body).contains("sampling"));
        assert_eq!(told, asks, "on the route {route:?}");
    }
}

#[tokio::test]
async fn broken_upstreams_give_clear_errors_and_the_session_lives_on() {
    let answers = [
        (ResponseTemplate::new(503), "answered HTTP 503"),
        (ResponseTemplate::new(401), "refused your credential"),
        (ResponseTemplate::new(403), "forbidden"),
        (ResponseTemplate::new(200).set_body_raw("<html>", "application/json"), "not MCP"),
        (ResponseTemplate::new(200).set_body_raw("", "application/json"), "did not hold a response"),
        (
            ResponseTemplate::new(200).set_body_json(json!({ "jsonrpc": "2.0", "id": 99, "result": {} })),
            "did not hold a response",
        ),
    ];
    for (answer, said) in answers {
        let server = upstream(answer).await;
        let hub = hub_for(&[("odd", &server.uri())], json!({})).await;
        let alice = Client::open(&hub, "odd", ALICE).await;
        let response = alice.call("t", json!({})).await;
        assert_eq!(response["id"], "c");
        let message = response["error"]["message"].as_str().unwrap();
        assert!(message.contains("`odd`") && message.contains(said), "{message}");
        assert!(!message.contains("alice-token") && !message.contains("127.0.0.1"), "{message}");
        let ping = alice.post(&json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" })).await;
        assert_eq!(ping.status(), 200);
    }
}

#[tokio::test]
async fn a_slow_upstream_times_out_alone() {
    let (url, fake) = fake(Kind::Db).await;
    let hub = hub_for(&[("db", &url)], json!({ "call-timeout": "300ms" })).await;
    let (alice, bob) = (Client::open(&hub, "db", ALICE).await, Client::open(&hub, "db", BOB).await);
    fake.arm("xtslow", fake_upstreams::Fault::Hold);
    let params = json!({ "name": "echo", "arguments": { "text": "x" }, "_meta": { "crosstalk/mark": "xtslow" } });
    let slow = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    let (slow, quick) = tokio::join!(alice.post(&slow), bob.call("echo", json!({ "text": "quick" })));
    assert!(quick.to_string().contains("quick"));
    assert!(slow.text().await.unwrap().contains("no answer in time"));
}

#[tokio::test]
async fn refusals_are_told_apart_only_where_they_may_be() {
    let (url, _fake) = fake(Kind::Db).await;
    let hub = hub_for(&[("db", &url)], json!({})).await;
    let alice = Client::open(&hub, "db", ALICE).await;
    let session = alice.request(Method::GET).build().unwrap().headers()["mcp-session-id"].clone();
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    let with = |key: &'static str, session: &str| {
        Client::new(&hub, "db", key).request(Method::POST).header("mcp-session-id", session).json(&ping).send()
    };
    let foreign = with(BOB, session.to_str().unwrap()).await.unwrap();
    let unknown = with(BOB, "never-given-to-anybody").await.unwrap();
    assert_eq!((foreign.status(), unknown.status()), (reqwest::StatusCode::NOT_FOUND, reqwest::StatusCode::NOT_FOUND));
    assert_eq!(foreign.headers(), unknown.headers());
    assert_eq!(foreign.text().await.unwrap(), unknown.text().await.unwrap());
    assert_eq!(Client::new(&hub, "db", BOB).post(&ping).await.status(), 400);
    let stranger = Client::new(&hub, "db", "a-key-that-nobody-has").post(&ping).await;
    assert_eq!(stranger.status(), 401);
    assert!(stranger.headers().contains_key("www-authenticate"));
    assert_eq!(Client::new(&hub, "nothing", BOB).post(&ping).await.status(), 404);
    assert_eq!(alice.request(Method::PUT).send().await.unwrap().status(), 405);
    let rebound = alice.request(Method::POST).header("origin", "http://evil.example").json(&ping).send().await.unwrap();
    assert_eq!(rebound.status(), 403);
}

#[tokio::test]
async fn a_client_of_a_later_era_hears_at_once_what_is_spoken_here() {
    let (url, _fake) = fake(Kind::Db).await;
    let hub = hub_for(&[("db", &url)], json!({})).await;
    let client = Client::new(&hub, "db", ALICE);
    let probe = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} });
    let answer =
        client.request(Method::POST).header("mcp-protocol-version", "2031-01-01").json(&probe).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["error"]["code"], -32022);
    assert_eq!(
        body["error"]["data"],
        json!({ "supported": ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"], "requested": "2031-01-01" })
    );
}

#[tokio::test]
async fn malformed_and_oversized_bodies_are_refused() {
    let (url, _fake) = fake(Kind::Db).await;
    let hub = hub_for(&[("db", &url)], json!({ "body": 2000 })).await;
    let alice = Client::open(&hub, "db", ALICE).await;
    let post = |body: String| alice.request(Method::POST).header("content-type", "application/json").body(body).send();
    for body in [
        "",
        "{",
        "[]",
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
    ] {
        assert_eq!(post(body.to_owned()).await.unwrap().status(), 400, "{body}");
    }
    assert_eq!(post("x".repeat(5000)).await.unwrap().status(), 413);
}

#[tokio::test]
#[traced_test]
async fn no_secret_is_logged() {
    let server = upstream(ResponseTemplate::new(200).set_body_raw("<html>", "application/json")).await;
    let hub = hub_for(&[("odd", &server.uri())], json!({})).await;
    let alice = Client::open(&hub, "odd", ALICE).await;
    let session = alice.request(Method::GET).build().unwrap().headers()["mcp-session-id"].to_str().unwrap().to_owned();
    alice.call("t", json!({})).await;
    alice.request(Method::DELETE).send().await.unwrap();
    assert!(logs_contain("session ended"));
    for secret in [ALICE, "alice-token", "upstream-session-id", &session] {
        assert!(!logs_contain(secret), "{secret}");
    }
}
