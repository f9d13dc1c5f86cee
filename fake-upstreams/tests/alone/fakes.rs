//! `db`, `github` and `jira` in the stateless era.

use fake_upstreams::{Basis, Entry, Eras, Fault, Kind, Script};
use serde_json::{Value, json};

use crate::client::{REVISION, Request, Running, SUBSCRIPTION, call, listen, request, running};

#[tokio::test]
async fn what_a_request_does_not_say_of_itself_is_refused_by_its_own_code() {
    let running = running(Kind::Db, |_| ()).await;
    let version = "/_meta/io.modelcontextprotocol~1protocolVersion";
    let list = || request("tools/list", json!({}));
    let echo = || call("echo", json!({ "text": "x" }));
    let route = || call("route", json!({ "region": "eu", "text": "x" }));
    let cases = [
        ("version header", list().without("mcp-protocol-version"), 400, -32020),
        ("no meta", list().with("/_meta", json!({})), 400, -32602),
        ("no version", list().with(version, Value::Null), 400, -32602),
        ("no capabilities", list().with("/_meta/io.modelcontextprotocol~1clientCapabilities", json!(1)), 400, -32602),
        ("two versions", list().with(version, json!("2027-01-01")), 400, -32020),
        ("two eras", list().header("mcp-protocol-version", "2025-11-25"), 400, -32020),
        ("unknown", list().with(version, json!("v9")).header("mcp-protocol-version", "v9"), 400, -32022),
        ("method header", list().without("mcp-method"), 400, -32020),
        ("method case", list().header("mcp-method", "TOOLS/LIST"), 400, -32020),
        ("name header", echo().without("mcp-name"), 400, -32020),
        ("another name", echo().header("mcp-name", "query"), 400, -32020),
        ("no parameter", route(), 400, -32020),
        ("another parameter", route().header("mcp-param-region", "us"), 400, -32020),
        ("broken base64", route().header("mcp-param-region", "=?base64?ZX?="), 400, -32020),
        ("surplus parameter", call("route", json!({ "text": "x" })).header("mcp-param-region", "eu"), 400, -32020),
        ("no tool", call("ecko", json!({})), 200, -32602),
        ("unknown method", request("tools/lost", json!({})), 404, -32601),
        ("initialize", request("initialize", json!({})), 404, -32601),
        ("ping", request("ping", json!({})), 404, -32601),
        ("level", request("logging/setLevel", json!({ "level": "info" })), 404, -32601),
        ("subscribe", request("resources/subscribe", json!({ "uri": "a://b" })), 404, -32601),
    ];
    for (case, request, status, code) in cases {
        let id = json!(case);
        let (told, response) = Request { id: id.clone(), ..request }.response(&running).await;
        assert_eq!((told, response["error"]["code"].as_i64()), (status, Some(code)), "{case}: {response}");
        assert_eq!(response["id"], id, "{case}");
    }
    assert!(!running.book.lock().unwrap().iter().any(|entry| matches!(entry, Entry::Executed { .. })));
    let unsupported = list().with(version, json!("v9")).header("mcp-protocol-version", "v9").response(&running).await.1;
    assert_eq!(unsupported["error"]["data"], json!({ "supported": [REVISION], "requested": "v9" }));
    let encoded = route().header("mcp-param-region", "=?base64?ZXU=?=");
    assert!(encoded.text(&running).await.starts_with("x"));
}

#[tokio::test]
async fn sessions_mean_nothing_to_a_request_on_its_own() {
    let running = running(Kind::Db, |_| ()).await;
    let http = reqwest::Client::new();
    for method in [reqwest::Method::GET, reqwest::Method::DELETE] {
        let refused = http.request(method, &running.url).header("mcp-protocol-version", REVISION).send().await.unwrap();
        assert_eq!(refused.status(), 405);
        assert_eq!(refused.headers()["allow"], "POST");
    }
    let answered = call("echo", json!({ "text": "x" })).header("mcp-session-id", "nobody's").send(&running).await;
    assert_eq!(answered.status(), 200);
    assert!(!answered.headers().contains_key("mcp-session-id"));
}

#[tokio::test]
async fn results_say_what_they_are_and_who_may_keep_them() {
    let db = running(Kind::Db, |_| ()).await;
    let github = running(Kind::Github, |_| ()).await;
    let discovered = request("server/discover", json!({})).response(&db).await.1["result"].clone();
    assert_eq!(discovered["supportedVersions"], json!([REVISION]));
    assert_eq!(discovered["capabilities"]["resources"], json!({ "listChanged": true, "subscribe": true }));
    for method in ["server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list"] {
        for (running, scope) in [(&db, "public"), (&github, "private")] {
            let result = request(method, json!({})).by("alice").response(running).await.1["result"].clone();
            assert_eq!(result["resultType"], "complete", "{method}");
            assert_eq!(result["cacheScope"], scope, "{method}");
            assert!(result["ttlMs"].as_u64().is_some(), "{method}");
            assert!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"].is_string(), "{method}");
        }
    }
    let called = call("echo", json!({ "text": "x" })).response(&db).await.1["result"].clone();
    assert_eq!((&called["resultType"], called.get("ttlMs")), (&json!("complete"), None));
    let read = request("resources/read", json!({ "uri": "about://server" })).response(&db).await.1["result"].clone();
    assert_eq!(read["cacheScope"], "public");
    let book = db.book.lock().unwrap();
    let public = book.iter().filter(|entry| matches!(entry, Entry::Mark { basis: Basis::Public, .. })).count();
    assert_eq!(public, 7, "one for each answer that anyone may keep");
}

#[tokio::test]
async fn github_shows_each_account_its_own_and_takes_back_its_own_cursors() {
    let running = running(Kind::Github, |settings| settings.page = Some(2)).await;
    let list = |login: &str| request("tools/list", json!({})).by(login);
    let page = list("alice").response(&running).await.1["result"].clone();
    let cursor = page["nextCursor"].clone();
    let next = |login: &str| request("tools/list", json!({ "cursor": cursor })).by(login);
    assert_eq!(next("bob").response(&running).await.1["error"]["code"], -32602);
    assert!(next("alice").response(&running).await.1["result"]["tools"].is_array());
    let missing = request("resources/read", json!({ "uri": "repo://nobody/nothing" })).by("alice");
    let error = missing.response(&running).await.1["error"].clone();
    assert_eq!((&error["code"], &error["data"]["uri"]), (&json!(-32602), &json!("repo://nobody/nothing")));
    assert_eq!(request("subscriptions/listen", json!({})).by("alice").response(&running).await.0, 404);
}

#[tokio::test]
async fn a_context_answers_to_the_credential_that_opened_it() {
    let running = running(Kind::Db, |_| ()).await;
    let opened = call("open_context", json!({ "project": "apollo" })).by("alice").text(&running).await;
    let handle = opened.split(' ').nth(1).unwrap().to_owned();
    let data = |login: &str, handle: &str| call("get_data", json!({ "context": handle })).by(login);
    call("insert", json!({ "context": handle, "key": "a", "value": "1" })).by("alice").text(&running).await;
    let seen = data("alice", &handle).text(&running).await;
    assert!(seen.contains("project apollo") && seen.contains("note a = 1"), "{seen}");
    let refused = |text: String| text.split("\n[").next().unwrap().to_owned();
    let foreign = refused(data("bob", &handle).text(&running).await);
    assert_eq!(foreign, refused(data("alice", "xt-never-given").text(&running).await));
    assert_eq!(foreign, refused(call("get_data", json!({ "context": handle })).text(&running).await));
    let note = request("resources/read", json!({ "uri": format!("note://{handle}/a") }));
    assert!(note.by("alice").response(&running).await.1["result"]["contents"][0]["text"].is_string());
    let book = running.book.lock().unwrap();
    let given = |entry: &Entry| matches!(entry, Entry::Handle { handle: given, .. } if *given == handle);
    assert!(book.iter().any(given));
    let told =
        |entry: &Entry| matches!(entry, Entry::Mark { basis: Basis::Handle { handle: of }, .. } if *of == handle);
    assert!(book.iter().any(told));
}

#[tokio::test]
async fn without_a_credential_a_handle_is_anybodys() {
    let running = running(Kind::Db, |_| ()).await;
    let opened = call("open_context", json!({ "project": "apollo" })).text(&running).await;
    let handle = opened.split(' ').nth(1).unwrap();
    assert!(call("get_data", json!({ "context": handle })).text(&running).await.contains("project apollo"));
}

fn ask(login: &str, text: &str) -> Request {
    call("ask", json!({ "method": "elicitation/create", "text": text })).by(login)
}

fn retry(login: &str, text: &str, state: &Value) -> Request {
    let answer = json!({ "question": { "action": "accept", "content": { "text": "yes" } } });
    ask(login, text).with("/inputResponses", answer).with("/requestState", state.clone())
}

#[tokio::test]
async fn a_request_state_belongs_to_its_caller_its_call_and_one_retry() {
    let running = running(Kind::Db, |_| ()).await;
    let first = ask("alice", "sure?").response(&running).await.1["result"].clone();
    assert_eq!(first["resultType"], "input_required");
    assert!(first["inputRequests"]["question"]["params"]["message"].as_str().unwrap().starts_with("sure?"));
    let state = &first["requestState"];
    let tampered = json!(format!("{}x", state.as_str().unwrap()));
    let wrong = [retry("bob", "sure?", state), retry("alice", "really?", state), retry("alice", "sure?", &tampered)];
    for request in wrong {
        let (status, response) = request.response(&running).await;
        assert_eq!((status, &response["error"]["code"]), (400, &json!(-32602)), "{response}");
    }
    let again = ask("alice", "sure?").with("/requestState", state.clone()).response(&running).await.1["result"].clone();
    assert_eq!(again["resultType"], "input_required");
    assert_ne!(again["requestState"], *state);
    let state = &again["requestState"];
    assert!(retry("alice", "sure?", state).text(&running).await.contains("\"text\":\"yes\""));
    assert_eq!(retry("alice", "sure?", state).response(&running).await.0, 400);
    let executed = running.book.lock().unwrap().iter().filter(|e| matches!(e, Entry::Executed { .. })).count();
    assert_eq!(executed, 1);
    let alone = retry("alice", "sure?", state);
    let mut alone = Request { params: alone.params.clone(), ..alone };
    alone.params.as_object_mut().unwrap().remove("requestState");
    assert_eq!(alone.response(&running).await.1["result"]["resultType"], "input_required");
}

#[tokio::test]
async fn a_careless_server_takes_any_state_from_anybody() {
    let script = Script::from_yaml("request-states: careless\n", Kind::Db).unwrap();
    assert_eq!(script, Script::careless_with_states());
    let running = running(Kind::Db, |settings| settings.script = script).await;
    let state = ask("alice", "sure?").response(&running).await.1["result"]["requestState"].clone();
    for login in ["bob", "alice", "alice"] {
        assert!(retry(login, "sure?", &state).text(&running).await.starts_with("answered"), "{login}");
    }
}

#[tokio::test]
async fn what_the_client_does_not_offer_is_not_asked() {
    let running = running(Kind::Db, |_| ()).await;
    let sampling = call("ask", json!({ "method": "sampling/createMessage", "text": "x" }));
    let (status, response) = sampling.response(&running).await;
    assert_eq!((status, &response["error"]["code"]), (400, &json!(-32021)));
    assert_eq!(response["error"]["data"]["requiredCapabilities"], json!({ "sampling": {} }));
}

#[tokio::test]
async fn progress_and_wanted_log_lines_come_before_the_answer() {
    let running = running(Kind::Jira, |_| ()).await;
    let echo = || call("echo", json!({ "text": "x" }));
    let methods = |messages: &[Value]| {
        messages.iter().map(|m| m["method"].as_str().unwrap_or("answer").to_owned()).collect::<Vec<_>>()
    };
    let level = |level: &str| echo().with("/_meta/io.modelcontextprotocol~1logLevel", json!(level));
    let told = methods(&level("debug").with("/_meta/progressToken", json!(3)).messages(&running).await.1);
    let progress = "notifications/progress";
    assert_eq!(told, ["notifications/message", progress, progress, "answer"]);
    assert_eq!(methods(&level("error").messages(&running).await.1), ["answer"]);
    assert_eq!(methods(&echo().messages(&running).await.1), ["answer"]);
}

async fn announce(running: &Running, login: &str, method: &str, text: &str) {
    call("announce", json!({ "method": method, "text": text })).by(login).text(running).await;
}

#[tokio::test]
async fn streams_tell_their_credential_what_it_asked_for() {
    let running = running(Kind::Db, |_| ()).await;
    let both = json!({ "toolsListChanged": true, "resourceSubscriptions": ["note://plan"] });
    let mut alice = listen(&running, "alice", json!(1), both).await;
    let mut bob =
        listen(&running, "bob", json!("1"), json!({ "promptsListChanged": true, "toolsListChanged": true })).await;
    announce(&running, "alice", "notifications/prompts/list_changed", "x").await;
    announce(&running, "alice", "notifications/tools/list_changed", "x").await;
    announce(&running, "bob", "notifications/resources/updated", "other").await;
    announce(&running, "bob", "notifications/resources/updated", "plan").await;
    announce(&running, "bob", "notifications/prompts/list_changed", "x").await;
    let told = alice.next().await.unwrap();
    assert_eq!(
        (&told["method"], told.pointer(SUBSCRIPTION)),
        (&json!("notifications/tools/list_changed"), Some(&json!(1)))
    );
    assert_eq!(alice.next().await.unwrap()["params"]["uri"], "note://plan");
    let told = bob.next().await.unwrap();
    assert_eq!(
        (&told["method"], told.pointer(SUBSCRIPTION)),
        (&json!("notifications/prompts/list_changed"), Some(&json!("1")))
    );
    announce(&running, "alice", "hang-up", "").await;
    let ended = alice.next().await.unwrap();
    assert_eq!((&ended["id"], &ended["result"]["resultType"]), (&json!(1), &json!("complete")));
    assert!(alice.next().await.is_none());
}

/// Waits until the ledger holds such an entry.
async fn written(running: &Running, wanted: impl Fn(&Entry) -> bool) {
    while !running.book.lock().unwrap().iter().any(&wanted) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn closing_the_response_is_the_cancel() {
    let running = running(Kind::Db, |_| ()).await;
    running.fake.arm("xtheld", Fault::Hold);
    let held = call("echo", json!({ "text": "late" })).with("/_meta/crosstalk~1mark", json!("xtheld"));
    tokio::select! {
        response = held.send(&running) => panic!("{response:?}"),
        () = running.fake.gate().parked("xtheld") => {}
    }
    written(&running, |entry| matches!(entry, Entry::Canceled { exchange: 1, .. })).await;
    assert!(running.fake.gate().parked_now().is_empty());
    let stream = listen(&running, "alice", json!(1), json!({ "toolsListChanged": true })).await;
    drop(stream);
    written(&running, |entry| matches!(entry, Entry::Canceled { exchange: 2, .. })).await;
    call("echo", json!({ "text": "x" })).text(&running).await;
    let canceled = running.book.lock().unwrap().iter().filter(|e| matches!(e, Entry::Canceled { .. })).count();
    assert_eq!(canceled, 2, "a response that was read to its end was not canceled");
}

#[tokio::test]
async fn a_fake_speaks_the_eras_that_it_was_told() {
    let hello =
        json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "0" } });
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello });
    for (eras, stateful, stateless) in [(Eras::Both, 200, 200), (Eras::Stateful, 200, 400), (Eras::Stateless, 400, 200)]
    {
        let running = running(Kind::Db, |settings| settings.eras = eras).await;
        let response = reqwest::Client::new().post(&running.url).json(&initialize).send().await.unwrap();
        assert_eq!(response.status().as_u16(), stateful, "{eras:?}");
        if eras == Eras::Stateless {
            let body: Value = response.json().await.unwrap();
            assert_eq!(body["error"]["code"], -32022);
            assert_eq!(body["error"]["data"]["requested"], "2025-11-25");
        }
        let discover = request("server/discover", json!({})).send(&running).await;
        assert_eq!(discover.status().as_u16(), stateless, "{eras:?}");
    }
}
