//! A route of several servers: what is merged, what is missing, where things go.

use fake_upstreams::Kind;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    desk::{Desk, Modern, answer_of},
    running::{ALICE, BOB, Client, fake, hub_for, hub_of_eras},
    talks::Events,
};

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

/// Two upstreams that are played by hand, one of each era, on the route of everything.
async fn of_both_eras() -> (String, Desk, Desk) {
    let (old, new) = (Desk::open().await, Desk::open().await);
    let hub = hub_of_eras(&[("old", &old.url, "stateful"), ("new", &new.url, "stateless")], json!({})).await;
    (hub, old, new)
}

async fn welcome(desk: &mut Desk, capabilities: Value) {
    let result = json!({ "protocolVersion": "2025-11-25", "capabilities": capabilities, "serverInfo": { "name": "o", "version": "1" } });
    desk.next().await.opens("s", &result);
    desk.next().await.accept();
}

#[tokio::test]
async fn a_request_that_stands_alone_sees_servers_of_both_eras_as_one() {
    let (hub, mut old, mut new) = of_both_eras().await;
    let alice = Modern::new(&hub, "", ALICE);
    let said = answer_of(alice.post(&Modern::body(1, "server/discover", json!({}))).await).await;
    assert_eq!(said["result"]["supportedVersions"], json!(["2026-07-28"]));
    let list = alice.begin(&Modern::body(2, "tools/list", json!({})));
    welcome(&mut old, json!({ "tools": {}, "resources": {} })).await;
    old.next().await.result(&json!({ "tools": [{ "name": "t", "x": 1 }] }));
    new.next().await.result(&json!({ "resultType": "complete", "tools": [{ "name": "t" }], "nextCursor": "more", "ttlMs": 5, "cacheScope": "public" }));
    let listed = answer_of(list.await.unwrap()).await["result"].clone();
    assert_eq!(listed["tools"], json!([{ "name": "new__t" }, { "name": "old__t", "x": 1 }]));
    assert_eq!(
        (&listed["resultType"], &listed["ttlMs"], &listed["cacheScope"]),
        (&json!("complete"), &json!(0), &json!("private"))
    );
    // The cursor is the hub's, and goes to whom it belongs.
    let cursor = listed["nextCursor"].clone();
    let next = alice.begin(&Modern::body(3, "tools/list", json!({ "cursor": cursor })));
    let asked = new.next().await;
    assert_eq!(asked.message()["params"]["cursor"], "more");
    asked.result(&json!({ "tools": [] }));
    next.await.unwrap();
    let foreign = Modern::new(&hub, "", BOB).post(&Modern::body(3, "tools/list", json!({ "cursor": cursor }))).await;
    assert_eq!(answer_of(foreign).await["error"]["code"], -32602);
    // Names say where, and headers say the names that are known there.
    for (name, desk, header) in [("old__t", &mut old, None), ("new__t", &mut new, Some("t"))] {
        let call = alice.begin(&Modern::body(4, "tools/call", json!({ "name": name })));
        let asked = desk.next().await;
        assert_eq!((&asked.message()["params"]["name"], asked.header("mcp-name")), (&json!("t"), header));
        asked.result(&json!({ "content": [] }));
        assert_eq!(answer_of(call.await.unwrap()).await["id"], 4);
    }
    // So do URIs: nothing has to be remembered.
    let list = alice.begin(&Modern::body(5, "resources/list", json!({})));
    old.next().await.result(&json!({ "resources": [{ "uri": "note://a" }] }));
    let asked = new.next().await;
    let body = json!({ "jsonrpc": "2.0", "id": asked.message()["id"], "error": { "code": -32601, "message": "m" } });
    asked.answer(404, body.to_string());
    let listed = answer_of(list.await.unwrap()).await;
    assert_eq!(listed["result"]["resources"], json!([{ "uri": "mcp+old+note://a" }]));
    let read = alice.begin(&Modern::body(6, "resources/read", json!({ "uri": "mcp+old+note://a" })));
    let asked = old.next().await;
    assert_eq!(asked.message()["params"]["uri"], "note://a");
    asked.result(&json!({ "contents": [] }));
    assert_eq!(answer_of(read.await.unwrap()).await["result"]["cacheScope"], "private");
    let unknown = alice.post(&Modern::body(7, "tools/call", json!({ "name": "none__t" }))).await;
    assert_eq!(answer_of(unknown).await["error"]["code"], -32602);
    assert_eq!(alice.post(&Modern::body(8, "tasks/list", json!({}))).await.status(), 404);
}

#[tokio::test]
async fn a_state_of_a_route_of_several_servers_is_good_for_its_server() {
    let (hub, _old, mut new) = of_both_eras().await;
    let alice = Modern::new(&hub, "", ALICE);
    let body = |id: i64, name: &str| Modern::body(id, "tools/call", json!({ "name": name }));
    let first = alice.begin(&body(1, "new__t"));
    let asked = json!({ "method": "roots/list" });
    new.next()
        .await
        .result(&json!({ "resultType": "input_required", "inputRequests": { "q": asked }, "requestState": "s" }));
    let state = answer_of(first.await.unwrap()).await["result"]["requestState"].clone();
    let with_state = |mut body: Value| {
        body["params"]["requestState"] = state.clone();
        body
    };
    let straight = Modern::new(&hub, "new", ALICE).post(&with_state(body(2, "t"))).await;
    assert_eq!(answer_of(straight).await["error"]["code"], -32602, "another route");
    let again = alice.begin(&with_state(body(3, "new__t")));
    let asked = new.next().await;
    assert_eq!(asked.message()["params"]["requestState"], "s");
    asked.result(&json!({ "resultType": "complete", "content": [] }));
    assert_eq!(answer_of(again.await.unwrap()).await["id"], 3);
}

#[tokio::test]
async fn a_listener_hears_servers_of_both_eras_on_one_stream() {
    let (hub, mut old, mut new) = of_both_eras().await;
    let alice = Modern::new(&hub, "", ALICE);
    let filter = json!({ "toolsListChanged": true, "resourceSubscriptions": ["mcp+old+note://a"] });
    let listening = alice.begin(&Modern::body("l", "subscriptions/listen", json!({ "notifications": filter })));
    welcome(&mut old, json!({ "tools": { "listChanged": true }, "resources": { "subscribe": true } })).await;
    let (speak_old, _) = old.next().await.stream();
    let subscribe = old.next().await;
    assert_eq!(subscribe.message()["params"]["uri"], "note://a");
    subscribe.result(&json!({}));
    let asked = new.next().await;
    assert_eq!(asked.message()["params"]["notifications"], json!({ "toolsListChanged": true }));
    let (id, (speak_new, gone)) = (asked.message()["id"].clone(), asked.stream());
    let tag = |id: &Value| json!({ "io.modelcontextprotocol/subscriptionId": id });
    speak_new.say(json!({ "jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": { "_meta": tag(&id), "notifications": { "toolsListChanged": true } } }));
    let mut events = Events::of(listening.await.unwrap());
    let begun = events.next().await.unwrap().1;
    assert_eq!(begun["params"], json!({ "_meta": tag(&json!("l")), "notifications": filter }));
    speak_new.say(
        json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": { "_meta": tag(&id) } }),
    );
    assert_eq!(events.next().await.unwrap().1["params"]["_meta"], tag(&json!("l")));
    speak_old
        .say(json!({ "jsonrpc": "2.0", "method": "notifications/resources/updated", "params": { "uri": "note://a" } }));
    assert_eq!(
        events.next().await.unwrap().1["params"],
        json!({ "_meta": tag(&json!("l")), "uri": "mcp+old+note://a" })
    );
    drop(events);
    gone.cancelled().await;
    assert_eq!(old.next().await.message()["method"], "resources/unsubscribe");
}
