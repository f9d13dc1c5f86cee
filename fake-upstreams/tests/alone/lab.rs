//! What keeps the callers of `lab` apart, which no official scenario looks at: they have one caller.

use fake_upstreams::{Entry, Kind};
use serde_json::{Value, json};

use crate::client::{Request, Running, Stream, call, listen, request, running};

const CAPABILITIES: &str = "/_meta/io.modelcontextprotocol~1clientCapabilities";

/// With a client that follows tasks.
fn following(request: Request) -> Request {
    request.with(CAPABILITIES, json!({ "elicitation": {}, "extensions": { "io.modelcontextprotocol/tasks": {} } }))
}

fn task(method: &str, id: &Value, login: &str) -> Request {
    let request = following(request(method, json!({ "taskId": id }))).by(login);
    request.header("mcp-name", id.as_str().unwrap())
}

async fn result(request: Request, running: &Running) -> Value {
    request.response(running).await.1["result"].clone()
}

#[tokio::test]
async fn a_task_answers_to_the_credential_that_began_it() {
    let running = running(Kind::Lab, |_| ()).await;
    let begun = result(following(call("slow_compute", json!({ "seconds": 60 }))).by("alice"), &running).await;
    let id = &begun["taskId"];
    assert_eq!((&begun["resultType"], &begun["status"]), (&json!("task"), &json!("working")));
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let foreign = task(method, id, "bob").response(&running).await.1["error"].clone();
        let unknown = task(method, &json!("never"), "bob").response(&running).await.1["error"].clone();
        assert_eq!((&foreign, &foreign["code"]), (&unknown, &json!(-32602)), "{method}");
    }
    assert_eq!(result(task("tasks/get", id, "alice"), &running).await["status"], "working");
    result(task("tasks/cancel", id, "alice"), &running).await;
    assert_eq!(result(task("tasks/get", id, "alice"), &running).await["status"], "cancelled");
}

#[tokio::test]
async fn a_task_goes_on_with_the_answers_that_it_asked_for() {
    let running = running(Kind::Lab, |_| ()).await;
    let begun = result(following(call("multi_input", json!({}))).by("alice"), &running).await;
    let id = &begun["taskId"];
    let answer = |key: &str| json!({ key: { "action": "accept", "content": { "name": key } }, "unknown": {} });
    result(task("tasks/update", id, "alice").with("/inputResponses", answer("first")), &running).await;
    let waiting = result(task("tasks/get", id, "alice"), &running).await;
    assert_eq!(waiting["inputRequests"].as_object().unwrap().keys().collect::<Vec<_>>(), ["second"]);
    result(task("tasks/update", id, "alice").with("/inputResponses", answer("second")), &running).await;
    let over = result(task("tasks/get", id, "alice"), &running).await;
    assert_eq!(over["status"], "completed");
    let text = over["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("first") && text.contains("second") && !text.contains("unknown"), "{text}");
}

/// Listens for tasks; what the stream is promised, and the stream.
async fn listen_for(ids: &[&Value], login: &str, running: &Running) -> (Value, Stream) {
    let listen = request("subscriptions/listen", json!({ "notifications": { "taskIds": ids } }));
    let mut stream = Stream(following(listen).by(login).send(running).await, String::new());
    let first = stream.next().await.unwrap();
    (first["params"]["notifications"]["taskIds"].clone(), stream)
}

#[tokio::test]
async fn a_listener_is_told_when_the_time_of_a_task_has_come() {
    let running = running(Kind::Lab, |_| ()).await;
    let computing = call("slow_compute", json!({ "seconds": 60, "label": "sum" }));
    let computing = result(following(computing).by("alice"), &running).await;
    let asking = result(following(call("confirm_delete", json!({}))).by("alice"), &running).await;
    let (short, long) = (&computing["taskId"], &asking["taskId"]);
    let (promised, mut alice) = listen_for(&[short, long], "alice", &running).await;
    assert_eq!(promised.as_array().unwrap().len(), 2);
    assert_eq!(listen_for(&[short, long], "bob", &running).await.0, Value::Null);
    // From here on time passes where nothing else happens.
    tokio::time::pause();
    let done = alice.next().await.unwrap()["params"].clone();
    assert_eq!((&done["taskId"], &done["status"]), (short, &json!("completed")));
    assert_eq!(done["result"]["content"][0]["text"], "Computed for 60 seconds. sum");
    let forgotten = alice.next().await.unwrap()["params"].clone();
    assert_eq!((&forgotten["taskId"], &forgotten["status"]), (long, &json!("failed")));
    tokio::time::resume();
    assert_eq!(task("tasks/get", short, "alice").response(&running).await.1["error"]["code"], -32602);
    let book = running.book.lock().unwrap();
    let told = book.iter().filter(|entry| matches!(entry, Entry::Said { .. })).count();
    assert_eq!(told, 4, "an acknowledgement each, and alice's two");
}

#[tokio::test]
async fn lists_change_for_whoever_changed_them() {
    let running = running(Kind::Lab, |_| ()).await;
    let mut alice = listen(&running, "alice", json!(1), json!({ "toolsListChanged": true })).await;
    let mut bob = listen(&running, "bob", json!(1), json!({ "toolsListChanged": true })).await;
    let listed = async |login: &str| {
        let tools = result(request("tools/list", json!({})).by(login), &running).await;
        assert_eq!(tools["cacheScope"], "private");
        tools["tools"].as_array().unwrap().iter().any(|tool| tool["name"] == "test_added_tool")
    };
    call("test_trigger_tool_change", json!({})).by("alice").text(&running).await;
    assert_eq!(alice.next().await.unwrap()["method"], "notifications/tools/list_changed");
    assert_eq!((listed("alice").await, listed("bob").await), (true, false));
    call("test_trigger_tool_change", json!({})).by("bob").text(&running).await;
    assert_eq!(bob.next().await.unwrap()["method"], "notifications/tools/list_changed");
    call("test_trigger_tool_change", json!({})).by("alice").text(&running).await;
    assert_eq!((listed("alice").await, listed("bob").await), (false, true));
    let book = running.book.lock().unwrap();
    let told = |exchange: u64| {
        book.iter().filter(|entry| matches!(entry, Entry::Said { exchange: of, .. } if *of == exchange)).count()
    };
    assert_eq!((told(1), told(2)), (3, 2), "an acknowledgement each, and the own changes alone");
}

#[tokio::test]
async fn a_round_remembers_what_was_answered_and_ends_with_its_state() {
    let running = running(Kind::Lab, |_| ()).await;
    let ask = |login: &str| call("test_input_required_result_multi_round", json!({})).by(login);
    let answered = |login: &str, key: &str, content: Value, state: &Value| {
        let answer = json!({ key: { "action": "accept", "content": content } });
        ask(login).with("/inputResponses", answer).with("/requestState", state.clone())
    };
    let first = result(ask("alice"), &running).await["requestState"].clone();
    let name = json!({ "name": "Ada" });
    let (status, _) = answered("bob", "step1", name.clone(), &first).response(&running).await;
    assert_eq!(status, 400, "the state is another caller's");
    let second = result(answered("alice", "step1", name.clone(), &first), &running).await["requestState"].clone();
    assert_ne!(first, second);
    let (status, _) = answered("alice", "step1", name, &first).response(&running).await;
    assert_eq!(status, 400, "the state was used");
    let text = answered("alice", "step2", json!({ "color": "blue" }), &second).text(&running).await;
    assert_eq!(text, "\"Ada\" likes \"blue\"");
}

#[tokio::test]
async fn a_page_of_elsewhere_is_not_answered() {
    let running = running(Kind::Lab, |_| ()).await;
    for (name, value, status) in [
        ("host", "evil.example", 403),
        ("origin", "http://evil.example", 403),
        ("host", "localhost:80", 200),
        ("origin", "http://127.0.0.1:3000", 200),
    ] {
        let response = request("tools/list", json!({})).header(name, value).send(&running).await;
        assert_eq!(response.status().as_u16(), status, "{name}: {value}");
    }
}
