//! Clients of the stateless era before an upstream of the stateful era, by the byte.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    desk::{Asked, Desk, Modern, answer_of},
    running::{ALICE, BOB, hub_of_eras},
    talks::Events,
};

const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// A hub in front of an upstream that is played by hand.
async fn played() -> (String, Desk) {
    let desk = Desk::open().await;
    let hub = hub_of_eras(&[("u", &desk.url, "stateful")], json!({})).await;
    (hub, desk)
}

fn call(id: impl Into<Value>) -> Value {
    Modern::body(id, "tools/call", json!({ "name": "t", "arguments": { "a": 1 } }))
}

fn calling(id: i64, capabilities: Value) -> Value {
    Modern::body(id, "tools/call", json!({ "name": "t", "_meta": Modern::meta(capabilities) }))
}

/// Plays the handshake that is next; what the hub said in it.
async fn welcome(desk: &mut Desk, session: &str, capabilities: Value) -> Value {
    let hello = desk.next().await;
    let said = hello.message();
    assert_eq!(said["method"], "initialize");
    assert_eq!((hello.header("mcp-method"), hello.header("mcp-protocol-version")), (None, None));
    let result = json!({ "protocolVersion": "2025-11-25", "capabilities": capabilities, "serverInfo": { "name": "u", "version": "1" }, "instructions": "Be kind." });
    hello.opens(session, &result);
    let initialized = desk.next().await;
    assert_eq!(initialized.message()["method"], "notifications/initialized");
    assert_eq!(initialized.header("mcp-session-id"), Some(session));
    initialized.accept();
    said
}

/// The next request, which must be of this method and in this session.
async fn next(desk: &mut Desk, method: &str, session: &str) -> Asked {
    let asked = desk.next().await;
    assert_eq!(asked.message()["method"], method, "{}", asked.text);
    assert_eq!(asked.header("mcp-session-id"), Some(session));
    asked
}

#[tokio::test]
async fn a_key_has_one_session_there_for_each_set_of_capabilities() {
    let (hub, mut desk) = played().await;
    let (alice, bob) = (Modern::new(&hub, "u", ALICE), Modern::new(&hub, "u", BOB));
    let all = json!({ "roots": {}, "sampling": {} });
    let first = alice.begin(&calling(1, all.clone()));
    assert_eq!(welcome(&mut desk, "alice-all", json!({})).await["params"]["capabilities"], all);
    let asked = next(&mut desk, "tools/call", "alice-all").await;
    assert_eq!(asked.header("authorization"), Some("Bearer alice-token"));
    assert_eq!((asked.header("mcp-method"), asked.header("mcp-protocol-version")), (None, Some("2025-11-25")));
    assert_eq!(asked.message()["params"], json!({ "name": "t", "_meta": {} }), "nothing of the other era is left");
    asked.result(&json!({ "content": [] }));
    let got = answer_of(first.await.unwrap()).await;
    assert_eq!(got, json!({ "jsonrpc": "2.0", "id": 1, "result": { "resultType": "complete", "content": [] } }));
    for (client, capabilities, session) in [
        (&alice, json!({ "sampling": {}, "roots": {} }), None),
        (&alice, json!({ "roots": {} }), Some("alice-roots")),
        (&bob, all.clone(), Some("bob-all")),
        (&alice, all, None),
    ] {
        let got = client.begin(&calling(1, capabilities.clone()));
        if let Some(session) = session {
            assert_eq!(welcome(&mut desk, session, json!({})).await["params"]["capabilities"], capabilities);
        }
        next(&mut desk, "tools/call", session.unwrap_or("alice-all")).await.result(&json!({ "content": [] }));
        assert_eq!(got.await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn lists_and_errors_are_said_in_the_clients_era() {
    let (hub, mut desk) = played().await;
    let alice = Modern::new(&hub, "u", ALICE);
    let discovering = alice.begin(&Modern::body("d", "server/discover", json!({})));
    welcome(&mut desk, "s", json!({ "tools": {}, "tasks": {} })).await;
    let got = answer_of(discovering.await.unwrap()).await;
    let info = json!({ "io.modelcontextprotocol/serverInfo": { "name": "u", "version": "1" } });
    let expected = json!({ "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} },
        "ttlMs": 0, "cacheScope": "private", "instructions": "Be kind.", "_meta": info });
    assert_eq!(got, json!({ "jsonrpc": "2.0", "id": "d", "result": expected }));
    let list = alice.begin(&Modern::body(2, "tools/list", json!({})));
    next(&mut desk, "tools/list", "s").await.result(&json!({ "tools": [] }));
    let got = answer_of(list.await.unwrap()).await;
    assert_eq!(got["result"], json!({ "resultType": "complete", "ttlMs": 0, "cacheScope": "private", "tools": [] }));
    for (method, params, code, status) in
        [("resources/read", json!({ "uri": "note://x" }), -32602, 200), ("tools/unknown", json!({}), -32601, 404)]
    {
        let got = alice.begin(&Modern::body(3, method, params));
        let asked = next(&mut desk, method, "s").await;
        let error = json!({ "code": if code == -32602 { -32002 } else { code }, "message": "m" });
        let body = json!({ "jsonrpc": "2.0", "id": asked.message()["id"], "error": error });
        asked.answer(200, body.to_string());
        let got = got.await.unwrap();
        assert_eq!(got.status(), status);
        assert_eq!(answer_of(got).await["error"]["code"], code);
    }
}

/// Begins a call that its upstream answers with a question: the way on its stream, its id there, and what the client got.
async fn questioned(
    client: &Modern,
    desk: &mut Desk,
    session: Option<&str>,
    body: &Value,
) -> (crate::desk::Speak, Value, Value) {
    let got = client.begin(body);
    if let Some(session) = session {
        welcome(desk, session, json!({})).await;
    }
    let asked = desk.next().await;
    assert_eq!(asked.message()["method"], "tools/call");
    let (id, (speak, _)) = (asked.message()["id"].clone(), asked.stream());
    speak.say(r#"{"jsonrpc":"2.0","id":"up-1","method":"elicitation/create","params":{"message":"Who?","n":1.50}}"#);
    (speak, id, answer_of(got.await.unwrap()).await)
}

fn retry(body: &Value, id: i64, wish: &Value, content: &str) -> Value {
    let mut body = body.clone();
    body["id"] = json!(id);
    body["params"]["requestState"] = wish["result"]["requestState"].clone();
    let keys = wish["result"]["inputRequests"].as_object().unwrap().keys();
    let given = keys.map(|key| (key.clone(), json!({ "action": "accept", "content": { "name": content } })));
    body["params"]["inputResponses"] = Value::Object(given.collect());
    body
}

#[tokio::test]
async fn a_question_is_a_wish_for_input_and_the_call_goes_on_with_it() {
    let (hub, mut desk) = played().await;
    let (alice, bob) = (Modern::new(&hub, "u", ALICE), Modern::new(&hub, "u", BOB));
    let (speak, id, wish) = questioned(&alice, &mut desk, Some("a"), &call(1)).await;
    assert_eq!((&wish["id"], &wish["result"]["resultType"]), (&json!(1), &json!("input_required")));
    let asked = wish["result"]["inputRequests"].as_object().unwrap();
    assert_eq!(
        asked.values().next().unwrap(),
        &json!({ "method": "elicitation/create", "params": { "message": "Who?", "n": 1.50 } })
    );
    let (bobs_speak, bobs_id, bobs_wish) = questioned(&bob, &mut desk, Some("b"), &call(1)).await;
    // Whoever else shows the state is refused, and the call waits for its own client.
    let mut other = retry(&call(1), 2, &wish, "eve");
    other["params"]["arguments"] = json!({ "a": 2 });
    for (client, body) in
        [(&bob, retry(&call(1), 2, &wish, "eve")), (&alice, other), (&alice, retry(&call(1), 2, &bobs_wish, "eve"))]
    {
        assert_eq!(answer_of(client.post(&body).await).await["error"]["code"], -32602);
    }
    assert!(desk.is_idle());
    // What is missing is asked again, under a new state.
    let mut empty = retry(&call(1), 2, &wish, "");
    empty["params"]["inputResponses"] = json!({ "of-nothing": {} });
    let again = answer_of(alice.post(&empty).await).await;
    assert_eq!((&again["id"], &again["result"]["inputRequests"]), (&json!(2), &wish["result"]["inputRequests"]));
    assert_ne!(again["result"]["requestState"], wish["result"]["requestState"]);
    for (client, wish, session, name, speak, id) in
        [(&bob, &bobs_wish, "b", "Bob", bobs_speak, bobs_id), (&alice, &again, "a", "Alice", speak, id)]
    {
        let last = client.begin(&retry(&call(1), 3, wish, name));
        let answer = desk.next().await;
        assert_eq!(answer.header("mcp-session-id"), Some(session));
        let said = json!({ "action": "accept", "content": { "name": name } });
        assert_eq!(answer.message(), json!({ "jsonrpc": "2.0", "id": "up-1", "result": said }));
        answer.accept();
        speak.say(json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [name] } }));
        let got = answer_of(last.await.unwrap()).await;
        assert_eq!(
            got,
            json!({ "jsonrpc": "2.0", "id": 3, "result": { "resultType": "complete", "content": [name] } })
        );
        let used = answer_of(client.post(&retry(&call(1), 4, wish, name)).await).await;
        assert_eq!(used["error"]["code"], -32602, "a state is good once");
    }
}

#[tokio::test]
async fn who_cannot_be_asked_is_told_what_is_missing() {
    let (hub, mut desk) = played().await;
    let alice = Modern::new(&hub, "u", ALICE);
    let got = alice.begin(&calling(1, json!({ "roots": {} })));
    welcome(&mut desk, "s", json!({})).await;
    let asked = next(&mut desk, "tools/call", "s").await;
    let (id, (speak, _)) = (asked.message()["id"].clone(), asked.stream());
    speak.say(json!({ "jsonrpc": "2.0", "id": 9, "method": "sampling/createMessage", "params": {} }));
    let got = got.await.unwrap();
    assert_eq!(got.status(), 400);
    let got = answer_of(got).await;
    assert_eq!(got["error"]["code"], -32021);
    assert_eq!(got["error"]["data"]["requiredCapabilities"], json!({ "sampling": {} }));
    let mut said = Vec::new();
    for _ in 0..2 {
        let asked = desk.next().await;
        said.push(asked.message());
        asked.accept();
    }
    said.sort_by_key(|message| message.get("method").is_some());
    assert_eq!((&said[0]["id"], &said[0]["error"]["code"]), (&json!(9), &json!(-32601)));
    assert_eq!((&said[1]["method"], &said[1]["params"]["requestId"]), (&json!("notifications/cancelled"), &id));
    // A list is no request in which anything can be asked.
    let got = alice.begin(&Modern::body(2, "tools/list", json!({ "_meta": Modern::meta(json!({ "roots": {} })) })));
    let asked = next(&mut desk, "tools/list", "s").await;
    let (id, (speak, _)) = (asked.message()["id"].clone(), asked.stream());
    speak.say(json!({ "jsonrpc": "2.0", "id": 10, "method": "roots/list" }));
    assert_eq!(desk.next().await.message()["error"]["code"], -32601);
    speak.say(json!({ "jsonrpc": "2.0", "id": id, "result": { "tools": [] } }));
    assert_eq!(answer_of(got.await.unwrap()).await["result"]["tools"], json!([]));
}

#[tokio::test]
async fn a_client_that_goes_away_has_canceled_the_call_that_it_made() {
    let (hub, mut desk) = played().await;
    let alice = Modern::new(&hub, "u", ALICE);
    let leaving = alice.begin(&call(1));
    welcome(&mut desk, "s", json!({})).await;
    let asked = next(&mut desk, "tools/call", "s").await;
    let staying = alice.begin(&call(1));
    let other = next(&mut desk, "tools/call", "s").await;
    leaving.abort();
    let cancel = next(&mut desk, "notifications/cancelled", "s").await;
    assert_eq!(cancel.message()["params"]["requestId"], asked.message()["id"]);
    cancel.accept();
    other.result(&json!({ "content": ["late"] }));
    assert!(staying.await.unwrap().text().await.unwrap().contains("late"));
}

#[tokio::test]
async fn logs_come_with_the_request_that_asked_for_them() {
    let (hub, mut desk) = played().await;
    let alice = Modern::new(&hub, "u", ALICE);
    let with_level = |level: Option<&str>| {
        let mut meta = Modern::meta(json!({}));
        if let Some(level) = level {
            meta["io.modelcontextprotocol/logLevel"] = json!(level);
        }
        Modern::body(1, "tools/call", json!({ "name": "t", "_meta": meta }))
    };
    let mut opened = false;
    for (level, set, expected) in [
        (None, None, vec![]),
        (Some("error"), Some("error"), vec!["error"]),
        (Some("info"), Some("info"), vec!["info", "error"]),
        (Some("warning"), None, vec!["error"]),
    ] {
        let got = alice.begin(&with_level(level));
        if !std::mem::replace(&mut opened, true) {
            welcome(&mut desk, "s", json!({ "logging": {} })).await;
        }
        if let Some(set) = set {
            let asked = next(&mut desk, "logging/setLevel", "s").await;
            assert_eq!(asked.message()["params"]["level"], set);
            asked.result(&json!({}));
        }
        let asked = next(&mut desk, "tools/call", "s").await;
        let (id, (speak, _)) = (asked.message()["id"].clone(), asked.stream());
        for level in ["info", "error"] {
            speak.say(json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": level, "data": level } }));
        }
        speak.say(json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [] } }));
        let text = got.await.unwrap().text().await.unwrap();
        let heard: Vec<&str> =
            ["info", "error"].into_iter().filter(|level| text.contains(&format!(r#""data":"{level}""#))).collect();
        assert_eq!(heard, expected, "{level:?}");
    }
}

#[tokio::test]
async fn listeners_share_a_stream_there_and_each_is_told_its_own() {
    let (hub, mut desk) = played().await;
    let alice = Modern::new(&hub, "u", ALICE);
    let listen = |id: &str, filter: Value| Modern::body(id, "subscriptions/listen", json!({ "notifications": filter }));
    let first = alice.begin(&listen(
        "one",
        json!({ "toolsListChanged": true, "promptsListChanged": true, "resourceSubscriptions": ["note://a"] }),
    ));
    let offers = json!({ "tools": { "listChanged": true }, "resources": { "subscribe": true } });
    welcome(&mut desk, "s", offers).await;
    let stream = desk.next().await;
    assert_eq!((&stream.method, stream.header("mcp-session-id")), (&Method::GET, Some("s")));
    let (speak, _) = stream.stream();
    let subscribe = next(&mut desk, "resources/subscribe", "s").await;
    assert_eq!(subscribe.message()["params"]["uri"], "note://a");
    subscribe.result(&json!({}));
    let mut first = Events::of(first.await.unwrap());
    let agreed = json!({ "toolsListChanged": true, "resourceSubscriptions": ["note://a"] });
    let begun = first.next().await.unwrap().1;
    assert_eq!(begun["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(begun["params"], json!({ "_meta": { SUBSCRIPTION: "one" }, "notifications": agreed }));
    let second = alice.begin(&listen("two", json!({ "resourceSubscriptions": ["note://a"] })));
    next(&mut desk, "resources/subscribe", "s").await.result(&json!({}));
    let mut second = Events::of(second.await.unwrap());
    assert_eq!(second.next().await.unwrap().1["params"]["_meta"], json!({ SUBSCRIPTION: "two" }));
    speak.say(json!({ "jsonrpc": "2.0", "id": 4, "method": "roots/list" }));
    assert_eq!(desk.next().await.message()["error"]["code"], -32601, "nobody is asked there");
    speak.say(
        json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "error", "data": "x" } }),
    );
    speak.say(json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed" }));
    speak
        .say(json!({ "jsonrpc": "2.0", "method": "notifications/resources/updated", "params": { "uri": "note://a" } }));
    let updated = |id: &str| json!({ "_meta": { SUBSCRIPTION: id }, "uri": "note://a" });
    let changed = first.next().await.unwrap().1;
    assert_eq!(
        (&changed["method"], &changed["params"]),
        (&json!("notifications/tools/list_changed"), &json!({ "_meta": { SUBSCRIPTION: "one" } }))
    );
    assert_eq!(first.next().await.unwrap().1["params"], updated("one"));
    assert_eq!(second.next().await.unwrap().1["params"], updated("two"));
    // The subscription ends with the last who has it.
    drop(first);
    speak
        .say(json!({ "jsonrpc": "2.0", "method": "notifications/resources/updated", "params": { "uri": "note://a" } }));
    assert_eq!(second.next().await.unwrap().1["params"], updated("two"));
    drop(second);
    let ended = next(&mut desk, "resources/unsubscribe", "s").await;
    assert_eq!(ended.message()["params"]["uri"], "note://a");
}

#[tokio::test]
async fn what_the_hub_opened_ends_when_it_is_idle() {
    let desk = &mut Desk::open().await;
    let hub = hub_of_eras(&[("u", &desk.url, "stateful")], json!({ "session-idle": "200ms" })).await;
    let got = Modern::new(&hub, "u", ALICE).begin(&call(1));
    welcome(desk, "s", json!({})).await;
    next(desk, "tools/call", "s").await.result(&json!({ "content": [] }));
    got.await.unwrap();
    let closed = desk.next().await;
    assert_eq!((&closed.method, closed.header("mcp-session-id")), (&Method::DELETE, Some("s")));
}

#[tokio::test]
async fn a_server_says_once_for_each_credential_in_which_era_it_is_spoken_to() {
    let mut desk = Desk::open().await;
    let hub = hub_of_eras(&[("u", &desk.url, "auto")], json!({})).await;
    let (alice, bob) = (Modern::new(&hub, "u", ALICE), Modern::new(&hub, "u", BOB));
    // An odd answer is kept for nobody: the hub asks again.
    let got = alice.begin(&call(1));
    let asked = desk.next().await;
    assert_eq!(
        (asked.message()["method"].as_str(), asked.header("mcp-method")),
        (Some("server/discover"), Some("server/discover"))
    );
    assert!(!asked.text.contains("\"t\""), "nothing of the request is in it");
    asked.answer(400, "<html>");
    welcome(&mut desk, "s", json!({})).await;
    next(&mut desk, "tools/call", "s").await.result(&json!({ "content": [] }));
    got.await.unwrap();
    let got = alice.begin(&call(1));
    desk.next().await.answer(503, "{}");
    assert!(answer_of(got.await.unwrap()).await["error"]["message"].as_str().unwrap().contains("503"));
    let got = alice.begin(&call(1));
    desk.next().await.result(&json!({ "supportedVersions": ["2026-07-28"], "capabilities": {} }));
    let asked = desk.next().await;
    assert_eq!(asked.header("mcp-method"), Some("tools/call"), "from here on it is spoken to in its own era");
    asked.result(&json!({ "resultType": "complete", "content": [] }));
    got.await.unwrap();
    // What it says to one is not what it says to another.
    let got = bob.begin(&call(1));
    let asked = desk.next().await;
    assert_eq!(
        (asked.header("authorization"), asked.header("mcp-method")),
        (Some("Bearer bob-token"), Some("server/discover"))
    );
    let body = json!({ "jsonrpc": "2.0", "id": asked.message()["id"], "error": { "code": -32601, "message": "m" } });
    asked.answer(404, body.to_string());
    welcome(&mut desk, "b", json!({})).await;
    next(&mut desk, "tools/call", "b").await.result(&json!({ "content": [] }));
    got.await.unwrap();
    for (client, method) in [(&alice, Some("tools/call")), (&bob, None)] {
        let got = client.begin(&call(1));
        let asked = desk.next().await;
        assert_eq!((asked.message()["method"].as_str(), asked.header("mcp-method")), (Some("tools/call"), method));
        asked.result(&json!({ "resultType": "complete", "content": [] }));
        got.await.unwrap();
    }
}
