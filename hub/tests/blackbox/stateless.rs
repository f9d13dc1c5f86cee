//! Requests of the stateless era to an upstream of the same era, by the byte.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    desk::{Desk, Modern, answer_of},
    running::{ALICE, BOB, hub_of_eras},
    talks::Events,
};

/// A hub in front of an upstream that is played by hand.
pub(crate) async fn played() -> (String, Desk) {
    let desk = Desk::open().await;
    let hub = hub_of_eras(&[("u", &desk.url, "stateless"), ("v", &desk.url, "stateless")], json!({})).await;
    (hub, desk)
}

pub(crate) fn call(id: impl Into<Value>) -> Value {
    Modern::body(id, "tools/call", json!({ "name": "t", "arguments": { "a": 1 } }))
}

#[tokio::test]
async fn a_request_goes_through_with_its_own_bytes_and_new_headers() {
    let (hub, mut desk) = played().await;
    let alice = Modern::new(&hub, "u", ALICE);
    let meta = Modern::meta(json!({}));
    let sent = format!(
        r#"{{ "jsonrpc":"2.0","id":"mine","method":"tools/call","params":{{"name":"t\u0021","x":[1e2,{{"a":"\u00e9"}}],"_meta":{meta}}} }}"#
    );
    let request = alice.bare(Method::POST).header("mcp-protocol-version", "2026-07-28");
    let request = request.header("mcp-method", "tools/call").header("mcp-name", "=?base64?dCE=?=");
    let request = request.header("mcp-session-id", "of-somebody").header("x-forwarded-user", "bob");
    let got = tokio::spawn(request.header("content-type", "application/json").body(sent.clone()).send());
    let asked = desk.next().await;
    let id = asked.message()["id"].to_string();
    assert_eq!(asked.text, sent.replace("\"mine\"", &id));
    for (name, value) in [
        ("mcp-protocol-version", Some("2026-07-28")),
        ("mcp-method", Some("tools/call")),
        ("mcp-name", Some("t!")),
        ("mcp-session-id", None),
        ("x-forwarded-user", None),
        ("authorization", Some("Bearer alice-token")),
        ("user-id", Some("alice")),
    ] {
        assert_eq!(asked.header(name), value, "{name}");
    }
    let answer =
        format!(r#"{{ "jsonrpc":"2.0","id":{id},"result":{{"resultType":"complete","content":[],"x-new":1.50e3}} }}"#);
    asked.answer(200, answer.clone());
    let got = got.await.unwrap().unwrap();
    assert!(!got.headers().contains_key("mcp-session-id"));
    assert_eq!(got.text().await.unwrap(), answer.replace(&format!("\"id\":{id}"), "\"id\":\"mine\""));
}

#[tokio::test]
async fn what_a_request_says_of_itself_is_checked_before_anything_goes_upstream() {
    let (hub, mut desk) = played().await;
    let alice = Modern::new(&hub, "u", ALICE);
    let good = call(7);
    let with = |name: &str, value: Option<&str>| {
        let mut request = alice.request(&good).build().unwrap();
        request.headers_mut().remove(name);
        if let Some(value) = value {
            request.headers_mut().insert(reqwest::header::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        }
        request
    };
    let with_meta = |meta: Value| {
        alice.request(&Modern::body(7, "tools/call", json!({ "name": "t", "_meta": meta }))).build().unwrap()
    };
    let lacking = |key: &str| {
        let mut meta = Modern::meta(json!({}));
        meta.as_object_mut().unwrap().remove(&format!("io.modelcontextprotocol/{key}"));
        with_meta(meta)
    };
    let mut twice = with("mcp-name", Some("t"));
    twice.headers_mut().append("mcp-name", "t".parse().unwrap());
    let mut other = Modern::meta(json!({}));
    other["io.modelcontextprotocol/protocolVersion"] = json!("2031-01-01");
    let mut unknown = with_meta(other.clone());
    unknown.headers_mut().insert("mcp-protocol-version", "2031-01-01".parse().unwrap());
    let removed = |method: &str| alice.request(&Modern::body(7, method, json!({}))).build().unwrap();
    for (request, status, code) in [
        (with("mcp-method", None), 400, -32020),
        (with("mcp-method", Some("tools/list")), 400, -32020),
        (with("mcp-method", Some("TOOLS/CALL")), 400, -32020),
        (with("mcp-name", None), 400, -32020),
        (with("mcp-name", Some("other")), 400, -32020),
        (with("mcp-name", Some("=?base64?*?=")), 400, -32020),
        (twice, 400, -32020),
        (with("mcp-protocol-version", None), 400, -32020),
        (with("mcp-protocol-version", Some("2025-11-25")), 400, -32020),
        (with_meta(other), 400, -32020),
        (with_meta(json!({})), 400, -32602),
        (lacking("protocolVersion"), 400, -32602),
        (lacking("clientCapabilities"), 400, -32602),
        (unknown, 400, -32022),
        (removed("initialize"), 404, -32601),
        (removed("ping"), 404, -32601),
        (removed("logging/setLevel"), 404, -32601),
        (removed("resources/subscribe"), 404, -32601),
        (removed("resources/unsubscribe"), 404, -32601),
    ] {
        let shown = format!(
            "{:?} {:?}",
            request.headers(),
            request.body().and_then(|body| body.as_bytes()).map(String::from_utf8_lossy)
        );
        let response = reqwest::Client::new().execute(request).await.unwrap();
        assert_eq!(response.status(), status, "{shown}");
        let body: Value = response.json().await.unwrap();
        assert_eq!((&body["error"]["code"], &body["id"]), (&json!(code), &json!(7)), "{shown}");
        if code == -32022 {
            assert_eq!(body["error"]["data"], json!({ "supported": ["2026-07-28"], "requested": "2031-01-01" }));
        }
    }
    for method in [Method::GET, Method::DELETE] {
        let response = alice.bare(method).header("mcp-protocol-version", "2026-07-28").send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.headers()["allow"].to_str().unwrap()), (405, "POST"));
    }
    assert!(desk.is_idle(), "nothing of it went upstream");
}

#[tokio::test]
async fn an_upstreams_refusal_keeps_its_code_and_its_status() {
    let (hub, mut desk) = played().await;
    let alice = Modern::new(&hub, "u", ALICE);
    for (status, code) in [(400, -32021), (400, -32020), (404, -32601), (200, -32602)] {
        let got = alice.begin(&call(1));
        let asked = desk.next().await;
        let error = json!({ "code": code, "message": "m", "data": { "requiredCapabilities": { "sampling": {} } } });
        let body = json!({ "jsonrpc": "2.0", "id": asked.message()["id"], "error": error });
        asked.answer(status, body.to_string());
        let got = got.await.unwrap();
        assert_eq!(got.status(), status);
        assert_eq!(answer_of(got).await, json!({ "jsonrpc": "2.0", "id": 1, "error": error }));
    }
    let got = alice.begin(&call(1));
    desk.next().await.answer(404, "<html>");
    assert!(got.await.unwrap().text().await.unwrap().contains("not MCP"));
}

#[tokio::test]
async fn discover_names_what_the_hub_speaks() {
    let (hub, mut desk) = played().await;
    let got = Modern::new(&hub, "u", ALICE).begin(&Modern::body(1, "server/discover", json!({})));
    let result = json!({ "supportedVersions": ["2031-01-01", "2026-07-28"], "capabilities": {}, "resultType": "complete", "ttlMs": 9, "cacheScope": "public" });
    desk.next().await.result(&result);
    let got = answer_of(got.await.unwrap()).await;
    assert_eq!(got["result"]["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!((&got["result"]["ttlMs"], &got["result"]["cacheScope"]), (&json!(9), &json!("public")));
}

#[tokio::test]
async fn progress_and_wanted_logs_come_on_the_calls_own_stream() {
    let (hub, mut desk) = played().await;
    let alice = Modern::new(&hub, "u", ALICE);
    let mut meta = Modern::meta(json!({}));
    meta["progressToken"] = json!("p");
    let quiet = Modern::body(1, "tools/call", json!({ "name": "t", "_meta": meta }));
    meta["io.modelcontextprotocol/logLevel"] = json!("warning");
    let curious = Modern::body(1, "tools/call", json!({ "name": "t", "_meta": meta }));
    let log = |level: &str| json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": level, "data": level } });
    for (body, expected) in [(quiet, vec!["progress"]), (curious, vec!["progress", "warning", "error"])] {
        let got = alice.begin(&body);
        let asked = desk.next().await;
        let message = asked.message();
        let token = &message["params"]["_meta"]["progressToken"];
        let (speak, _) = asked.stream();
        speak.say(json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": token, "progress": 1 } }));
        for level in ["info", "warning", "error"] {
            speak.say(log(level));
        }
        speak.say(
            json!({ "jsonrpc": "2.0", "id": message["id"], "result": { "resultType": "complete", "content": [] } }),
        );
        let text = got.await.unwrap().text().await.unwrap();
        let mut heard: Vec<Value> =
            text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect();
        assert_eq!(heard.pop().unwrap()["id"], 1);
        let heard: Vec<&str> = heard
            .iter()
            .map(|said| match said["params"]["progressToken"].as_str() {
                Some("p") => "progress",
                _ => said["params"]["data"].as_str().unwrap(),
            })
            .collect();
        assert_eq!(heard, expected);
    }
}

#[tokio::test]
async fn a_client_that_goes_away_has_canceled_its_own_call_alone() {
    let (hub, mut desk) = played().await;
    let (alice, bob) = (Modern::new(&hub, "u", ALICE), Modern::new(&hub, "u", BOB));
    // Before the answer has begun.
    let leaving = alice.begin(&call(1));
    let asked = desk.next().await;
    let staying = bob.begin(&call(1));
    let others = desk.next().await;
    leaving.abort();
    asked.gone.cancelled().await;
    others.result(&json!({ "resultType": "complete", "content": ["bob's"] }));
    assert!(staying.await.unwrap().text().await.unwrap().contains("bob's"));
    // When the answer is a stream.
    let mut meta = Modern::meta(json!({}));
    meta["progressToken"] = json!(1);
    let leaving = alice.begin(&Modern::body(1, "tools/call", json!({ "name": "t", "_meta": meta })));
    let asked = desk.next().await;
    let token = asked.message()["params"]["_meta"]["progressToken"].clone();
    let (speak, gone) = asked.stream();
    speak.say(json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": token, "progress": 1 } }));
    let mut events = Events::of(leaving.await.unwrap());
    assert_eq!(events.next().await.unwrap().1["method"], "notifications/progress");
    drop(events);
    gone.cancelled().await;
}

fn listen(id: impl Into<Value>, filter: Value) -> Value {
    Modern::body(id, "subscriptions/listen", json!({ "notifications": filter }))
}

const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

fn told(method: &str, id: &Value, mut params: Value) -> Value {
    params["_meta"] = json!({ SUBSCRIPTION: id });
    json!({ "jsonrpc": "2.0", "method": format!("notifications/{method}"), "params": params })
}

#[tokio::test]
async fn each_listener_is_told_what_it_asked_for_under_its_own_id() {
    let (hub, mut desk) = played().await;
    let (alice, bob) = (Modern::new(&hub, "u", ALICE), Modern::new(&hub, "u", BOB));
    let alices =
        alice.begin(&listen("one", json!({ "toolsListChanged": true, "resourceSubscriptions": ["note://a"] })));
    let asked = desk.next().await;
    assert_eq!(asked.header("authorization"), Some("Bearer alice-token"));
    let (alices_id, (speak, alice_gone)) = (asked.message()["id"].clone(), asked.stream());
    let bobs = bob.begin(&listen("one", json!({ "promptsListChanged": true })));
    let asked = desk.next().await;
    let (bobs_id, (speak_to_bob, bob_gone)) = (asked.message()["id"].clone(), asked.stream());
    assert_ne!(alices_id, bobs_id);
    let agreed = json!({ "notifications": { "toolsListChanged": true } });
    speak.say(told("tools/list_changed", &alices_id, json!({ "too": "early" })));
    speak.say(told("subscriptions/acknowledged", &alices_id, agreed.clone()));
    speak.say(told("prompts/list_changed", &alices_id, json!({})));
    speak.say(told("tools/list_changed", &bobs_id, json!({ "of": "another" })));
    speak.say(told("resources/updated", &alices_id, json!({ "uri": "note://b" })));
    speak.say(json!({ "jsonrpc": "2.0", "id": 1, "method": "roots/list" }));
    speak.say(told("resources/updated", &alices_id, json!({ "uri": "note://a" })));
    speak.say(json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed" }));
    let mut events = Events::of(alices.await.unwrap());
    for expected in [
        told("subscriptions/acknowledged", &json!("one"), agreed),
        told("resources/updated", &json!("one"), json!({ "uri": "note://a" })),
        told("tools/list_changed", &json!("one"), json!({})),
    ] {
        assert_eq!(events.next().await.unwrap().1, expected);
    }
    let mut bobs_events = Events::of(bobs.await.unwrap());
    speak_to_bob.say(told("subscriptions/acknowledged", &bobs_id, json!({ "notifications": {} })));
    assert_eq!(bobs_events.next().await.unwrap().1["params"]["_meta"], json!({ SUBSCRIPTION: "one" }));
    drop(bobs_events);
    bob_gone.cancelled().await;
    assert!(!alice_gone.is_cancelled());
    let end = json!({ "resultType": "complete", "_meta": { SUBSCRIPTION: alices_id } });
    speak.say(json!({ "jsonrpc": "2.0", "id": alices_id, "result": end }));
    let last = events.next().await.unwrap().1;
    assert_eq!((&last["id"], &last["result"]["_meta"]), (&json!("one"), &json!({ SUBSCRIPTION: "one" })));
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_listen_that_an_upstream_refuses_is_refused() {
    let (hub, mut desk) = played().await;
    let got = Modern::new(&hub, "u", ALICE).begin(&listen(1, json!({})));
    let asked = desk.next().await;
    let error = json!({ "code": -32601, "message": "no" });
    let body = json!({ "jsonrpc": "2.0", "id": asked.message()["id"], "error": error });
    asked.answer(404, body.to_string());
    let got = got.await.unwrap();
    assert_eq!(got.status(), 404);
    assert_eq!(answer_of(got).await, json!({ "jsonrpc": "2.0", "id": 1, "error": error }));
}

/// A list with a tool that wants an argument and a number repeated in headers.
fn tools() -> Value {
    let region = json!({ "type": "string", "x-mcp-header": "Region" });
    let count = json!({ "type": "integer", "x-mcp-header": "Count" });
    let schema =
        json!({ "type": "object", "properties": { "region": region, "count": count, "other": { "type": "string" } } });
    json!({ "resultType": "complete", "tools": [{ "name": "t", "inputSchema": schema }] })
}

#[tokio::test]
async fn arguments_in_headers_are_compared_and_made_anew() {
    let (hub, mut desk) = played().await;
    let alice = Modern::new(&hub, "u", ALICE);
    let body = Modern::body(
        1,
        "tools/call",
        json!({ "name": "t", "arguments": { "region": "Z\u{fc}rich", "count": 1500, "other": "x" } }),
    );
    let claiming = |region: Option<&str>, count: Option<&str>| {
        let request = alice.request(&body).header("mcp-param-unknown", "x");
        let request = region.into_iter().fold(request, |request, region| request.header("mcp-param-region", region));
        count.into_iter().fold(request, |request, count| request.header("mcp-param-count", count)).send()
    };
    let good = Some("=?base64?WsO8cmljaA==?=");
    // What the tool wants is not known yet: the hub asks, for this user.
    let got = tokio::spawn(claiming(good, Some("1500.0")));
    let asked = desk.next().await;
    assert_eq!(
        (asked.message()["method"].as_str(), asked.header("authorization")),
        (Some("tools/list"), Some("Bearer alice-token"))
    );
    asked.result(&tools());
    let asked = desk.next().await;
    assert_eq!((asked.header("mcp-param-region"), asked.header("mcp-param-count")), (good, Some("1500")));
    assert_eq!(asked.header("mcp-param-unknown"), None);
    asked.result(&json!({ "resultType": "complete", "content": [] }));
    got.await.unwrap().unwrap();
    for (region, count) in [
        (None, Some("1500")),
        (good, None),
        (Some("Bern"), Some("1500")),
        (good, Some("1501")),
        (Some("=?base64?*?="), Some("1500")),
    ] {
        let refused = claiming(region, count).await.unwrap();
        assert_eq!(refused.status(), 400, "{region:?} {count:?}");
        assert_eq!(answer_of(refused).await["error"]["code"], -32020);
    }
    assert!(desk.is_idle(), "nothing of it went upstream");
    // A tool that wants nothing repeated any more is not held to what it wanted before.
    let list = alice.begin(&Modern::body(2, "tools/list", json!({})));
    desk.next().await.result(&json!({ "resultType": "complete", "tools": [{ "name": "t", "inputSchema": {} }] }));
    list.await.unwrap();
    let got = tokio::spawn(claiming(None, None));
    let asked = desk.next().await;
    assert_eq!((asked.message()["method"].as_str(), asked.header("mcp-param-region")), (Some("tools/list"), None));
    asked.result(&json!({ "resultType": "complete", "tools": [{ "name": "t", "inputSchema": {} }] }));
    let asked = desk.next().await;
    assert_eq!((asked.message()["method"].as_str(), asked.header("mcp-param-region")), (Some("tools/call"), None));
    asked.result(&json!({ "resultType": "complete", "content": [] }));
    got.await.unwrap().unwrap();
}

#[tokio::test]
async fn who_has_too_much_in_flight_is_refused_alone() {
    let mut desk = Desk::open().await;
    let hub = hub_of_eras(&[("u", &desk.url, "stateless")], json!({ "requests-per-user": 1 })).await;
    let (alice, bob) = (Modern::new(&hub, "u", ALICE), Modern::new(&hub, "u", BOB));
    let listening = alice.begin(&listen(1, json!({})));
    let (_speak, gone) = desk.next().await.stream();
    let listening = listening.await.unwrap();
    assert_eq!(alice.post(&call(2)).await.status(), 429);
    let others = bob.begin(&call(2));
    desk.next().await.result(&json!({ "resultType": "complete", "content": [] }));
    assert_eq!(others.await.unwrap().status(), 200);
    drop(listening);
    gone.cancelled().await;
}
