//! A route of several servers: what is merged, what is missing, where things go.

use fake_upstreams::Kind;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::running::{ALICE, Client, fake, hub_for};

async fn ask(client: &Client, method: &str, params: Value) -> Value {
    let response = client.post(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })).await;
    let body = response.text().await.unwrap();
    let data = body.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or(&body);
    serde_json::from_str(data).unwrap_or_else(|_| panic!("{body}"))
}

#[tokio::test]
async fn a_server_that_is_down_is_named_and_the_others_are_listed() {
    let (url, _fake) = fake(Kind::Db).await;
    let hub = hub_for(&[("db", &url), ("gone", "http://127.0.0.1:9/mcp")], json!({})).await;
    let alice = Client::open(&hub, "", ALICE).await;
    let listed = ask(&alice, "tools/list", json!({})).await;
    let names: Vec<&str> =
        listed["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"db__echo") && names.iter().all(|name| name.starts_with("db__")), "{names:?}");
    assert_eq!(listed["result"]["_meta"]["hub/unavailable"], json!({ "gone": "the server cannot be reached" }));
    let called = ask(&alice, "tools/call", json!({ "name": "db__echo", "arguments": { "text": "hello" } })).await;
    assert!(called["result"]["content"][0]["text"].as_str().unwrap().starts_with("hello"));
    let down = ask(&alice, "tools/call", json!({ "name": "gone__echo", "arguments": {} })).await;
    assert_eq!(down["error"]["data"]["server"], "gone");
}

#[tokio::test]
async fn what_is_nowhere_is_refused_by_the_hub_itself() {
    let (url, _fake) = fake(Kind::Db).await;
    let hub = hub_for(&[("db", &url)], json!({})).await;
    let alice = Client::open(&hub, "", ALICE).await;
    for (method, params, code) in [
        ("tools/call", json!({ "name": "echo" }), -32602),
        ("tools/call", json!({ "name": "elsewhere__echo" }), -32602),
        ("tools/call", json!({}), -32602),
        ("resources/read", json!({ "uri": "file:///etc/passwd" }), -32002),
        ("completion/complete", json!({ "ref": { "type": "ref/prompt", "name": "report" } }), -32602),
        ("tools/list", json!({ "cursor": "made-up" }), -32602),
        ("resources/subscribe", json!({ "uri": "db://context" }), -32601),
    ] {
        assert_eq!(ask(&alice, method, params.clone()).await["error"]["code"], code, "{method} {params}");
    }
}

#[tokio::test]
async fn two_resources_of_one_uri_are_told_apart() {
    let ((first, _one), (second, _two)) = (fake(Kind::Db).await, fake(Kind::Github).await);
    let hub = hub_for(&[("db", &first), ("github", &second)], json!({})).await;
    let alice = Client::open(&hub, "", ALICE).await;
    let listed = ask(&alice, "resources/list", json!({})).await;
    let uris: Vec<&str> =
        listed["result"]["resources"].as_array().unwrap().iter().map(|item| item["uri"].as_str().unwrap()).collect();
    assert!(uris.contains(&"about://server") && uris.contains(&"mcp+github+about://server"), "{uris:?}");
    for (uri, content) in [("about://server", "a database"), ("mcp+github+about://server", "a code host")] {
        let read = ask(&alice, "resources/read", json!({ "uri": uri })).await;
        assert!(read["result"]["contents"][0]["text"].as_str().unwrap().starts_with(content), "{uri}: {read}");
    }
}

/// Often enough for the hub to notice that a client has gone.
const TRIES: usize = 1000;

#[tokio::test]
async fn a_client_that_leaves_during_a_list_may_use_its_id_again() {
    let (url, _fake) = fake(Kind::Db).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let never = format!("http://{}/mcp", silent.local_addr().unwrap());
    let hub = hub_for(&[("db", &url), ("silent", &never)], json!({})).await;
    let alice = Client::open(&hub, "", ALICE).await;
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let _asked = tokio::select! {
        _ = alice.post(&list) => panic!("a server that says nothing was listed"),
        asked = silent.accept() => asked.unwrap(),
    };
    for _ in 0..TRIES {
        let called = ask(&alice, "tools/call", json!({ "name": "db__echo", "arguments": { "text": "hello" } })).await;
        if called.get("result").is_some() {
            return;
        }
        assert!(called["error"]["message"].as_str().unwrap().contains("in flight"), "{called}");
    }
    panic!("the id of a list that nobody waits for is never free again");
}
