//! Tasks of the stateless era, at an upstream that counts them from one for everybody and looks at nobody; and that there
//! are none in the era of sessions.

use serde_json::{Value, json};

use crate::{
    desk::{Desk, Modern, answer_of},
    running::{ALICE, BOB, Client, hub_of_eras},
    stateless::played,
};

/// A body whose client follows tasks.
fn body(id: i64, method: &str, mut params: Value) -> Value {
    params["_meta"] = Modern::meta(json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } }));
    Modern::body(id, method, params)
}

/// Begins a task that its upstream calls `1`; the id that its client is given.
async fn begun(client: &Modern, desk: &mut Desk) -> String {
    let got = client.begin(&body(1, "tools/call", json!({ "name": "t" })));
    desk.next().await.result(&json!({ "resultType": "task", "taskId": "1", "status": "working", "ttlMs": 60_000 }));
    answer_of(got.await.unwrap()).await["result"]["taskId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_task_has_one_id_here_and_its_own_upstream() {
    let (hub, mut desk) = played().await;
    let (alice, bob) = (Modern::new(&hub, "u", ALICE), Modern::new(&hub, "u", BOB));
    let (alices, bobs) = (begun(&alice, &mut desk).await, begun(&bob, &mut desk).await);
    assert_ne!(alices, bobs, "equal ids upstream are two tasks here");
    assert!(alices.len() >= 22 && bobs.len() >= 22, "128 random bits: {alices} {bobs}");
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let got = alice.begin(&body(2, method, json!({ "taskId": alices, "inputResponses": { "n": 1.50 } })));
        let asked = desk.next().await;
        assert_eq!((asked.header("mcp-name"), &asked.message()["params"]["taskId"]), (Some("1"), &json!("1")));
        asked.result(&json!({ "resultType": "complete", "taskId": "1", "result": { "taskId": "1" } }));
        let result = answer_of(got.await.unwrap()).await["result"].clone();
        assert_eq!(result, json!({ "resultType": "complete", "taskId": alices, "result": { "taskId": "1" } }));
    }
}

#[tokio::test]
async fn what_is_none_of_ones_own_is_refused_in_the_same_words_and_goes_nowhere() {
    let (hub, mut desk) = played().await;
    let (alice, bob) = (Modern::new(&hub, "u", ALICE), Modern::new(&hub, "u", BOB));
    let task = begun(&alice, &mut desk).await;
    let mut said = std::collections::BTreeSet::new();
    for id in [task.as_str(), "1", "x"] {
        let refused = bob.post(&body(2, "tasks/get", json!({ "taskId": id }))).await;
        said.insert(refused.text().await.unwrap());
    }
    let refused = Modern::new(&hub, "v", ALICE).post(&body(2, "tasks/get", json!({ "taskId": task }))).await;
    said.insert(refused.text().await.unwrap());
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said.first().unwrap().contains("-32602"), "{said:?}");
    let undeclared = alice.post(&Modern::body(3, "tasks/get", json!({ "taskId": task }))).await;
    assert_eq!(undeclared.status(), 400);
    let undeclared = answer_of(undeclared).await;
    assert_eq!(undeclared["error"]["code"], -32021);
    let needed = json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
    assert_eq!(undeclared["error"]["data"]["requiredCapabilities"], needed);
    for method in ["tasks/list", "tasks/result"] {
        assert_eq!(alice.post(&body(4, method, json!({}))).await.status(), 404);
    }
    assert!(desk.is_idle(), "nothing of it went upstream");
}

/// Lets a client begin a task that its upstream calls this; what it is answered.
async fn begun_as(client: &Modern, desk: &mut Desk, own: &str) -> Value {
    let got = client.begin(&body(1, "tools/call", json!({ "name": "t" })));
    desk.next().await.result(&json!({ "resultType": "task", "taskId": own, "status": "working", "ttlMs": 600_000 }));
    answer_of(got.await.unwrap()).await
}

#[tokio::test]
async fn who_has_too_many_tasks_is_refused_another_and_nobody_loses_one() {
    let (hub, mut desk) = played().await;
    let (alice, bob) = (Modern::new(&hub, "u", ALICE), Modern::new(&hub, "u", BOB));
    let shown = |answer: Value| answer["result"]["taskId"].as_str().map(str::to_owned);
    let bobs = shown(begun_as(&bob, &mut desk, "1").await).unwrap();
    let first = shown(begun_as(&alice, &mut desk, "1").await).unwrap();
    for number in 2..=1024 {
        assert!(shown(begun_as(&alice, &mut desk, &number.to_string()).await).is_some(), "{number}");
    }
    let refused = begun_as(&alice, &mut desk, "1025").await;
    assert_eq!(refused["error"]["data"]["reason"], "too-many-calls", "{refused}");
    assert_eq!(shown(begun_as(&alice, &mut desk, "1").await).as_ref(), Some(&first), "one that she has is no other");
    for (client, id) in [(&alice, &first), (&bob, &bobs)] {
        let got = client.begin(&body(2, "tasks/get", json!({ "taskId": id })));
        desk.next().await.result(&json!({ "resultType": "complete", "taskId": "1" }));
        assert_eq!(answer_of(got.await.unwrap()).await["result"]["taskId"], **id);
    }
    assert!(shown(begun_as(&bob, &mut desk, "2").await).is_some(), "there is room for bob's");
}

#[tokio::test]
async fn with_a_session_there_are_no_tasks() {
    let mut desk = Desk::open().await;
    let hub = hub_of_eras(&[("u", &desk.url, "stateful")], json!({})).await;
    let opening = tokio::spawn(async move {
        let mut alice = Client::new(&hub, "u", ALICE);
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "0" } });
        let welcome = alice.post(&json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params })).await;
        alice.session = welcome.headers().get("mcp-session-id").map(|id| id.to_str().unwrap().to_owned());
        (alice, answer_of(welcome).await)
    });
    let capabilities = json!({ "tools": {}, "tasks": { "list": {}, "requests": { "tools": { "call": {} } } } });
    let info = json!({ "name": "u", "version": "1" });
    let result = json!({ "protocolVersion": "2025-11-25", "capabilities": capabilities, "serverInfo": info });
    desk.next().await.opens("s", &result);
    let (alice, welcome) = opening.await.unwrap();
    assert_eq!(welcome["result"]["capabilities"], json!({ "tools": {} }));
    for method in ["tasks/get", "tasks/result", "tasks/cancel", "tasks/list"] {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": { "taskId": "1" } });
        assert_eq!(answer_of(alice.post(&body).await).await["error"]["code"], -32601, "{method}");
    }
    assert!(desk.is_idle(), "nothing of it went upstream");
    let call =
        json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": { "name": "t", "task": { "ttl": 1 } } });
    let got = tokio::spawn(alice.request(reqwest::Method::POST).json(&call).send());
    let asked = desk.next().await;
    assert_eq!(asked.message()["params"], json!({ "name": "t" }));
    asked.result(&json!({ "content": [] }));
    assert_eq!(answer_of(got.await.unwrap().unwrap()).await["result"], json!({ "content": [] }));
}
