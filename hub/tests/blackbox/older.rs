//! Clients of the stateful era before an upstream of the stateless era, by the byte.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    desk::{Asked, Desk, answer_of},
    running::{ALICE, BOB, Client, hub_of_eras},
    talks::Events,
};

const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// A hub in front of an upstream that is played by hand.
async fn played() -> (String, Desk) {
    let desk = Desk::open().await;
    let hub = hub_of_eras(&[("u", &desk.url, "stateless")], json!({})).await;
    (hub, desk)
}

/// A client with a session, and what the upstream was asked for that.
async fn opened(hub: &str, desk: &mut Desk, key: &'static str, offers: Value) -> Client {
    let url = hub.to_owned();
    let opening = tokio::spawn(async move { Client::open(&url, "u", key).await });
    let asked = next(desk, "server/discover").await;
    assert_eq!(asked.message()["params"]["_meta"], meta());
    let info = json!({ "io.modelcontextprotocol/serverInfo": { "name": "u", "version": "1" } });
    asked.result(&json!({ "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": offers,
        "instructions": "Be kind.", "ttlMs": 0, "cacheScope": "private", "_meta": info }));
    opening.await.unwrap()
}

/// What requests say of themselves on behalf of [`Client::open`].
fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": { "sampling": {}, "experimental": { "x": 1 } },
        "io.modelcontextprotocol/clientInfo": { "name": "t", "version": "0" },
    })
}

/// The next request, which must stand alone and be of this method.
async fn next(desk: &mut Desk, method: &str) -> Asked {
    let asked = desk.next().await;
    assert_eq!(asked.message()["method"], method, "{}", asked.text);
    assert_eq!((asked.header("mcp-session-id"), asked.header("mcp-protocol-version")), (None, Some("2026-07-28")));
    assert_eq!(asked.header("mcp-method"), Some(method));
    asked
}

fn request(id: i64, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// Posts a message in a task.
fn begin(client: &Client, body: &Value) -> tokio::task::JoinHandle<reqwest::Response> {
    let sending = client.request(Method::POST).json(body).send();
    tokio::spawn(async move { sending.await.unwrap() })
}

#[tokio::test]
async fn a_session_is_the_hubs_own_and_each_request_says_what_it_agreed() {
    let (hub, mut desk) = played().await;
    let url = hub.clone();
    let opening = tokio::spawn(async move {
        let params = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "0" } });
        Client::new(&url, "u", BOB).post(&request(5, "initialize", params)).await
    });
    let asked = next(&mut desk, "server/discover").await;
    assert_eq!(asked.header("authorization"), Some("Bearer bob-token"));
    asked.result(
        &json!({ "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} } }),
    );
    let welcome = opening.await.unwrap();
    assert!(welcome.headers().contains_key("mcp-session-id"));
    let info = json!({ "name": "unnamed", "version": "0" });
    let expected = json!({ "protocolVersion": "2025-06-18", "capabilities": { "tools": {} }, "serverInfo": info });
    assert_eq!(answer_of(welcome).await, json!({ "jsonrpc": "2.0", "id": 5, "result": expected }));

    let alice = opened(&hub, &mut desk, ALICE, json!({})).await;
    alice.post(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    assert_eq!(answer_of(alice.post(&request(1, "ping", json!({}))).await).await["result"], json!({}));
    let sent = r#"{"jsonrpc":"2.0","id":"mine","method":"tools/call","params":{"name":"t","x":[1e2,{"a":"\u00e9"}],"_meta":{"k":1.0,"io.modelcontextprotocol/clientCapabilities":{"forged":{}}}}}"#;
    let got = alice.request(Method::POST).header("content-type", "application/json").body(sent).send();
    let got = tokio::spawn(got);
    let asked = next(&mut desk, "tools/call").await;
    let mut expected = meta();
    expected["k"] = json!(1.0);
    assert_eq!((&asked.message()["params"]["_meta"], asked.header("mcp-name")), (&expected, Some("t")));
    assert!(asked.text.contains(r#""x":[1e2,{"a":"\u00e9"}]"#) && asked.text.contains(r#""k":1.0"#), "{}", asked.text);
    let answer = format!(
        r#"{{ "jsonrpc":"2.0","id":{},"result":{{"resultType":"complete","x":1.50e3}} }}"#,
        asked.message()["id"]
    );
    asked.answer(200, answer);
    assert_eq!(
        got.await.unwrap().unwrap().text().await.unwrap(),
        r#"{ "jsonrpc":"2.0","id":"mine","result":{"resultType":"complete","x":1.50e3} }"#
    );
}

#[tokio::test]
async fn codes_that_the_client_cannot_know_are_said_in_others() {
    let (hub, mut desk) = played().await;
    let alice = opened(&hub, &mut desk, ALICE, json!({})).await;
    for (method, status, code, expected) in [
        ("resources/read", 200, -32602, -32002),
        ("tools/call", 400, -32021, -32600),
        ("tools/call", 404, -32601, -32601),
    ] {
        let got = begin(&alice, &request(1, method, json!({ "name": "t", "uri": "note://x" })));
        let asked = next(&mut desk, method).await;
        let body = json!({ "jsonrpc": "2.0", "id": asked.message()["id"], "error": { "code": code, "message": "m" } });
        asked.answer(status, body.to_string());
        let got = got.await.unwrap();
        assert_eq!(got.status(), 200);
        assert_eq!(answer_of(got).await["error"]["code"], expected);
    }
}

fn wish(state: &str, method: &str) -> Value {
    let asked = json!({ "method": method, "params": { "messages": [], "maxTokens": 1 } });
    json!({ "resultType": "input_required", "inputRequests": { "a": asked, "b": asked }, "requestState": state })
}

#[tokio::test]
async fn a_wish_is_asked_on_the_calls_own_stream_and_goes_up_with_its_state() {
    let (hub, mut desk) = played().await;
    let alice = opened(&hub, &mut desk, ALICE, json!({})).await;
    let bob = opened(&hub, &mut desk, BOB, json!({})).await;
    let call = request(1, "tools/call", json!({ "name": "t", "_meta": { "progressToken": "p" } }));
    let got = begin(&alice, &call);
    let asked = next(&mut desk, "tools/call").await;
    let first = asked.message();
    asked.result(&wish("s1 \u{e9}", "sampling/createMessage"));
    let mut events = Events::of(got.await.unwrap());
    let mut known = vec![first["id"].clone()];
    for round in ["s1 \u{e9}", "s2"] {
        let questions = [events.next().await.unwrap().1, events.next().await.unwrap().1];
        for question in &questions {
            assert_eq!(
                (&question["method"], &question["params"]["maxTokens"]),
                (&json!("sampling/createMessage"), &json!(1))
            );
            let answer =
                |who: &str| json!({ "jsonrpc": "2.0", "id": question["id"], "result": { "model": who, "n": 1 } });
            assert_eq!(bob.post(&answer("bob")).await.status(), 202);
            assert!(desk.is_idle(), "it is nobody else's to answer");
            assert_eq!(alice.post(&answer("alice")).await.status(), 202);
            assert_eq!(alice.post(&answer("again")).await.status(), 202);
        }
        let asked = next(&mut desk, "tools/call").await;
        let message = asked.message();
        let given = json!({ "a": { "model": "alice", "n": 1 }, "b": { "model": "alice", "n": 1 } });
        assert_eq!((&message["params"]["inputResponses"], &message["params"]["requestState"]), (&given, &json!(round)));
        assert_eq!(message["params"]["_meta"]["progressToken"], message["id"]);
        assert!(!known.contains(&message["id"]), "each round has an id of its own");
        known.push(message["id"].clone());
        if round == "s2" {
            let (speak, _) = asked.stream();
            speak.say(json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": message["id"], "progress": 1 } }));
            speak.say(json!({ "jsonrpc": "2.0", "id": message["id"], "result": { "content": ["done"] } }));
        } else {
            asked.result(&wish("s2", "sampling/createMessage"));
        }
    }
    assert_eq!(events.next().await.unwrap().1["params"]["progressToken"], "p");
    let last = events.next().await.unwrap().1;
    assert_eq!((&last["id"], &last["result"]["content"]), (&json!(1), &json!(["done"])));
}

#[tokio::test]
async fn a_client_is_not_asked_what_it_did_not_offer() {
    let (hub, mut desk) = played().await;
    let alice = opened(&hub, &mut desk, ALICE, json!({})).await;
    let got = begin(&alice, &request(1, "tools/call", json!({ "name": "t" })));
    next(&mut desk, "tools/call").await.result(&wish("s", "elicitation/create"));
    let got = answer_of(got.await.unwrap()).await;
    assert_eq!((&got["id"], &got["error"]["code"]), (&json!(1), &json!(-32600)));
    assert!(got["error"]["message"].as_str().unwrap().contains("elicitation"), "{got}");
    // One that gives an error instead of a thought ends its call.
    let got = begin(&alice, &request(2, "tools/call", json!({ "name": "t" })));
    next(&mut desk, "tools/call").await.result(&wish("s", "sampling/createMessage"));
    let mut events = Events::of(got.await.unwrap());
    let question = events.next().await.unwrap().1;
    events.next().await.unwrap();
    alice.post(&json!({ "jsonrpc": "2.0", "id": question["id"], "error": { "code": -1, "message": "no" } })).await;
    let last = events.next().await.unwrap().1;
    assert!(last["error"]["message"].as_str().unwrap().contains("did not give"), "{last}");
}

#[tokio::test]
async fn going_away_is_no_cancel_and_a_cancel_closes_the_upstreams_stream() {
    let (hub, mut desk) = played().await;
    let alice = opened(&hub, &mut desk, ALICE, json!({})).await;
    let body = request(1, "tools/call", json!({ "name": "t" }));
    let leaving = begin(&alice, &body);
    let left = next(&mut desk, "tools/call").await;
    leaving.abort();
    let staying = begin(&alice, &request(2, "tools/call", json!({ "name": "t" })));
    let asked = next(&mut desk, "tools/call").await;
    let gone = asked.gone.clone();
    let params = json!({ "requestId": 2 });
    alice.post(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params })).await;
    gone.cancelled().await;
    assert_eq!(staying.await.unwrap().text().await.unwrap(), "", "what was canceled is not answered");
    assert!(!left.gone.is_cancelled());
    left.result(&json!({ "content": [] }));
    alice.request(Method::DELETE).send().await.unwrap();
    assert!(desk.is_idle(), "there is nothing to close and nobody to tell");
}

#[tokio::test]
async fn a_listening_stream_is_fed_by_a_listen_that_follows_the_subscriptions() {
    let (hub, mut desk) = played().await;
    let offers = json!({ "tools": { "listChanged": true }, "resources": { "subscribe": true } });
    let alice = opened(&hub, &mut desk, ALICE, offers).await;
    let subscribed = alice.post(&request(1, "resources/subscribe", json!({ "uri": "note://a" }))).await;
    assert_eq!(answer_of(subscribed).await, json!({ "jsonrpc": "2.0", "id": 1, "result": {} }));
    let get = alice.request(Method::GET).send();
    let listening = tokio::spawn(get);
    let asked = next(&mut desk, "subscriptions/listen").await;
    let filter = |uris: &[&str]| json!({ "toolsListChanged": true, "resourceSubscriptions": uris });
    assert_eq!(asked.message()["params"]["notifications"], filter(&["note://a"]));
    let (id, (speak, first_gone)) = (asked.message()["id"].clone(), asked.stream());
    let told = |id: &Value, method: &str, mut params: Value| {
        params["_meta"] = json!({ SUBSCRIPTION: id });
        json!({ "jsonrpc": "2.0", "method": format!("notifications/{method}"), "params": params })
    };
    speak.say(told(&id, "subscriptions/acknowledged", json!({ "notifications": {} })));
    let mut events = Events::of(listening.await.unwrap().unwrap());
    speak.say(told(&id, "resources/updated", json!({ "uri": "note://a" })));
    let updated = events.next().await.unwrap().1;
    assert_eq!(updated["params"], json!({ "uri": "note://a", "_meta": {} }), "what marks it is the other era's");
    // A change of the subscriptions begins another listen, and is answered when that holds.
    let subscribing = begin(&alice, &request(2, "resources/subscribe", json!({ "uri": "note://b" })));
    let asked = next(&mut desk, "subscriptions/listen").await;
    assert_eq!(asked.message()["params"]["notifications"], filter(&["note://a", "note://b"]));
    assert!(!first_gone.is_cancelled() && !subscribing.is_finished());
    let (id, (speak, _)) = (asked.message()["id"].clone(), asked.stream());
    speak.say(told(&id, "subscriptions/acknowledged", json!({ "notifications": {} })));
    assert_eq!(answer_of(subscribing.await.unwrap()).await["result"], json!({}));
    first_gone.cancelled().await;
    speak.say(told(&id, "tools/list_changed", json!({})));
    assert_eq!(events.next().await.unwrap().1["method"], "notifications/tools/list_changed");
    let ending = begin(&alice, &request(3, "resources/unsubscribe", json!({ "uri": "note://a" })));
    let asked = next(&mut desk, "subscriptions/listen").await;
    assert_eq!(asked.message()["params"]["notifications"], filter(&["note://b"]));
    let (id, (speak, last_gone)) = (asked.message()["id"].clone(), asked.stream());
    speak.say(told(&id, "subscriptions/acknowledged", json!({ "notifications": {} })));
    ending.await.unwrap();
    alice.request(Method::DELETE).send().await.unwrap();
    last_gone.cancelled().await;
}

#[tokio::test]
async fn a_log_level_is_remembered_for_its_session() {
    let (hub, mut desk) = played().await;
    let alice = opened(&hub, &mut desk, ALICE, json!({ "logging": {} })).await;
    let bob = opened(&hub, &mut desk, BOB, json!({ "logging": {} })).await;
    let set = alice.post(&request(1, "logging/setLevel", json!({ "level": "warning" }))).await;
    assert_eq!(answer_of(set).await["result"], json!({}));
    let wrong = alice.post(&request(1, "logging/setLevel", json!({ "level": "loud" }))).await;
    assert_eq!(answer_of(wrong).await["error"]["code"], -32602);
    for (client, level) in [(&alice, json!("warning")), (&bob, Value::Null)] {
        let got = begin(client, &request(2, "tools/call", json!({ "name": "t" })));
        let asked = next(&mut desk, "tools/call").await;
        assert_eq!(asked.message()["params"]["_meta"]["io.modelcontextprotocol/logLevel"], level);
        asked.result(&json!({ "content": [] }));
        got.await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_tells_nothing_has_no_listening_stream() {
    let (hub, mut desk) = played().await;
    let alice = opened(&hub, &mut desk, ALICE, json!({ "tools": {} })).await;
    assert_eq!(alice.request(Method::GET).send().await.unwrap().status(), 405);
    assert!(desk.is_idle());
}

#[tokio::test]
async fn arguments_that_a_tool_wants_in_headers_are_there_once_that_is_known() {
    let (hub, mut desk) = played().await;
    let alice = opened(&hub, &mut desk, ALICE, json!({ "tools": {} })).await;
    let got = begin(&alice, &request(1, "tools/call", json!({ "name": "t", "arguments": { "region": "z" } })));
    let refused = next(&mut desk, "tools/call").await;
    assert_eq!(refused.header("mcp-param-region"), None);
    let error = json!({ "code": -32020, "message": "m" });
    let body = json!({ "jsonrpc": "2.0", "id": refused.message()["id"], "error": error });
    refused.answer(400, body.to_string());
    let region = json!({ "type": "string", "x-mcp-header": "Region" });
    let schema = json!({ "type": "object", "properties": { "region": region } });
    next(&mut desk, "tools/list").await.result(&json!({ "tools": [{ "name": "t", "inputSchema": schema }] }));
    let again = next(&mut desk, "tools/call").await;
    assert_eq!(again.header("mcp-param-region"), Some("z"));
    again.result(&json!({ "content": [] }));
    assert_eq!(answer_of(got.await.unwrap()).await["result"]["content"], json!([]));
    let got = begin(&alice, &request(2, "tools/call", json!({ "name": "t", "arguments": { "region": "y" } })));
    let asked = next(&mut desk, "tools/call").await;
    assert_eq!(asked.header("mcp-param-region"), Some("y"), "from here on it is known");
    asked.result(&json!({ "content": [] }));
    got.await.unwrap();
}

#[tokio::test]
async fn a_server_that_knows_no_sessions_is_found_out_when_it_refuses_one() {
    let mut desk = Desk::open().await;
    let hub = hub_of_eras(&[("u", &desk.url, "auto")], json!({})).await;
    let opening = tokio::spawn(async move { Client::open(&hub, "u", ALICE).await });
    let asked = desk.next().await;
    assert_eq!(asked.message()["method"], "initialize", "a client is first spoken for in its own era");
    let error = json!({ "code": -32601, "message": "m" });
    let body = json!({ "jsonrpc": "2.0", "id": asked.message()["id"], "error": error });
    asked.answer(404, body.to_string());
    let said = json!({ "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {} });
    let own = next(&mut desk, "server/discover").await;
    assert_eq!(own.message()["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"], json!({}));
    own.result(&said);
    let of_alice = next(&mut desk, "server/discover").await;
    assert_eq!(of_alice.message()["params"]["_meta"], meta());
    of_alice.result(&said);
    let alice = opening.await.unwrap();
    let got = begin(&alice, &request(1, "tools/call", json!({ "name": "t" })));
    next(&mut desk, "tools/call").await.result(&json!({ "content": [] }));
    assert_eq!(got.await.unwrap().status(), 200);
}

#[tokio::test]
async fn what_somebody_has_added_to_on_the_way_is_not_kept() {
    let mut desk = Desk::open().await;
    let hub = hub_of_eras(&[("u", &desk.url, "stateless")], json!({ "cache-hints": "60s" })).await;
    let alice = opened(&hub, &mut desk, ALICE, json!({})).await;
    let contents = json!({ "resultType": "complete", "contents": [], "ttlMs": 60_000, "cacheScope": "private" });
    let read = |id: i64, uri: &str| request(id, "resources/read", json!({ "uri": uri }));
    // One whose answer came at once is given again.
    let got = begin(&alice, &read(1, "note://plain"));
    next(&mut desk, "resources/read").await.result(&contents);
    assert_eq!(answer_of(got.await.unwrap()).await["result"]["ttlMs"], 60_000);
    let again = answer_of(alice.post(&read(2, "note://plain")).await).await;
    assert!(again["result"]["ttlMs"].as_u64().is_some_and(|left| left <= 60_000), "{again}");
    assert!(desk.is_idle());
    // One for which its client was asked something is asked for each time.
    for id in [3, 4] {
        let got = begin(&alice, &read(id, "note://asks"));
        next(&mut desk, "resources/read").await.result(&wish("s", "sampling/createMessage"));
        let mut events = Events::of(got.await.unwrap());
        for _ in 0..2 {
            let question = events.next().await.unwrap().1;
            let thought = json!({ "jsonrpc": "2.0", "id": question["id"], "result": { "model": "m" } });
            assert_eq!(alice.post(&thought).await.status(), 202);
        }
        next(&mut desk, "resources/read").await.result(&contents);
        assert_eq!(events.next().await.unwrap().1["id"], json!(id));
    }
}
