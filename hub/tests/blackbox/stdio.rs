//! Servers that are children: whose each is, what it is given, and when it ends.

use reqwest::Method;
use serde_json::{Value, json};
use tracing_test::traced_test;

use crate::{
    children::{COMPLAINT, Nursery},
    desk::{Modern, answer_of},
    running::{ALICE, BOB, Client},
};

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

async fn works_on(client: &Client, project: &str) -> bool {
    text(&client.call("get_data", json!({})).await).contains(project)
}

/// A call of a tool that the child holds back.
fn held(id: u64) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": "query", "arguments": { "sql": "SELECT 1" } } })
}

#[tokio::test]
async fn every_session_has_a_child_of_its_own_with_the_credential_of_its_owner() {
    let nursery = Nursery::open("stateful", "").await;
    let (alice, bob) = (Client::open(&nursery.hub, "db", ALICE).await, Client::open(&nursery.hub, "db", BOB).await);
    let second = Client::open(&nursery.hub, "db", ALICE).await;
    let born = [nursery.born().await, nursery.born().await, nursery.born().await];
    let mut tokens: Vec<_> = born.iter().map(|born| born.environment["MCP_TOKEN"].as_str()).collect();
    tokens.sort_unstable();
    assert_eq!(tokens, ["alice-token", "alice-token", "bob-token"]);
    for (client, user, project) in [(&alice, "alice", "a"), (&bob, "bob", "b"), (&second, "alice", "c")] {
        assert!(text(&client.call("whoami", json!({})).await).contains(user));
        client.call("set_context", json!({ "project": format!("project-{project}") })).await;
    }
    for (client, project) in [(&alice, "project-a"), (&bob, "project-b"), (&second, "project-c")] {
        assert!(works_on(client, project).await, "{project}");
    }
    nursery.close().await;
}

#[tokio::test]
async fn a_child_finds_what_it_is_granted_and_nothing_else() {
    let nursery = Nursery::open("stateful", "").await;
    let _alice = Client::open(&nursery.hub, "db", ALICE).await;
    let born = nursery.born().await;
    let names: Vec<_> = born.environment.keys().map(String::as_str).collect();
    assert_eq!(names, ["CONDUCT", "ERA", "LIFELINE", "MCP_TOKEN"], "PATH and HOME are the hub's own");
    nursery.close().await;
}

#[tokio::test]
async fn the_death_of_a_child_is_told_to_its_calls_and_harms_nobody_else() {
    let nursery = Nursery::open("stateful", "").await;
    let alice = Client::open(&nursery.hub, "db", ALICE).await;
    let mut of_alice = nursery.born().await;
    let bob = Client::open(&nursery.hub, "db", BOB).await;
    let mut of_bob = nursery.born().await;
    alice.call("set_context", json!({ "project": "project-a" })).await;
    bob.call("set_context", json!({ "project": "project-b" })).await;
    let parked = |told: &Value| (told["entry"] == "parked").then_some(());
    let in_flight = alice.request(Method::POST).json(&held(7)).send();
    let in_flight = tokio::spawn(async move { answer_of(in_flight.await.unwrap()).await });
    of_alice.tells(parked).await;
    let bobs = bob.request(Method::POST).json(&held(7)).send();
    let bobs = tokio::spawn(async move { answer_of(bobs.await.unwrap()).await });
    of_bob.tells(parked).await;
    of_alice.kill();
    let answer = in_flight.await.unwrap();
    assert_eq!((&answer["id"], &answer["error"]["data"]["reason"]), (&json!(7), &json!("process-ended")), "{answer}");
    assert!(!works_on(&alice, "project-a").await, "it remembers nothing");
    let again = nursery.born().await;
    assert_eq!(again.environment["MCP_TOKEN"], "alice-token");
    assert!(works_on(&bob, "project-b").await, "nothing has happened to bob's");
    assert!(!bobs.is_finished());
    nursery.close().await;
    for born in [of_alice, of_bob, again] {
        assert!(!born.is_left(), "{}", born.pid);
    }
}

#[tokio::test]
async fn who_comes_after_a_death_without_witness_is_told_of_it_once() {
    let nursery = Nursery::open("stateful", "").await;
    let alice = Client::open(&nursery.hub, "db", ALICE).await;
    let mut born = nursery.born().await;
    alice.call("set_context", json!({ "project": "project-a" })).await;
    born.kill();
    born.ended().await;
    let answer = alice.call("get_data", json!({})).await;
    assert_eq!(answer["error"]["data"]["reason"], "process-ended", "{answer}");
    assert!(alice.call("get_data", json!({})).await.get("result").is_some());
    nursery.close().await;
}

#[tokio::test]
async fn a_child_ends_with_its_session() {
    let nursery = Nursery::open("stateful", "").await;
    let alice = Client::open(&nursery.hub, "db", ALICE).await;
    let mut of_alice = nursery.born().await;
    let bob = Client::open(&nursery.hub, "db", BOB).await;
    let of_bob = nursery.born().await;
    alice.request(Method::DELETE).send().await.unwrap();
    of_alice.ended().await;
    assert!(of_bob.is_left());
    bob.call("whoami", json!({})).await;
    nursery.close().await;
    assert!(!of_bob.is_left());
}

#[tokio::test]
async fn a_child_that_does_not_want_to_end_is_ended_with_the_hub() {
    for era in ["stateful", "stateless"] {
        let nursery = Nursery::open(era, "stubborn").await;
        let born = match era {
            "stateful" => {
                let _alice = Client::open(&nursery.hub, "db", ALICE).await;
                nursery.born().await
            }
            _ => {
                Modern::new(&nursery.hub, "db", ALICE).post(&Modern::body(1, "tools/list", json!({}))).await;
                nursery.born().await
            }
        };
        assert!(born.is_left());
        nursery.close().await;
        assert!(!born.is_left(), "{era}");
    }
}

#[traced_test]
#[tokio::test]
async fn what_a_child_complains_of_is_told_to_nobody() {
    let nursery = Nursery::open("stateful", "complains").await;
    let alice = Client::open(&nursery.hub, "db", ALICE).await;
    let answer = alice.call("whoami", json!({})).await;
    assert!(!answer.to_string().contains(COMPLAINT));
    nursery.close().await;
    assert!(logs_contain("a child has written to its standard error"));
    assert!(!logs_contain(COMPLAINT) && !logs_contain("alice-token"));
}

#[tokio::test]
async fn a_message_is_one_line_however_it_was_laid_out() {
    let nursery = Nursery::open("stateful", "").await;
    let alice = Client::open(&nursery.hub, "db", ALICE).await;
    let mut born = nursery.born().await;
    let smuggled = r#"{"jsonrpc":"2.0","id":99,"method":"tools/call","params":{"name":"whoami","arguments":{}}}"#;
    let body = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\r\n\"method\":\"tools/call\",\"params\":{{\"name\":\"echo\",\"arguments\":{{\"text\":\"a\\n{}\"}},\"more\":\n{smuggled}\n}}}}",
        smuggled.replace('"', "\\\"")
    );
    let sent = alice.request(Method::POST).header("content-type", "application/json").body(body).send().await;
    let answer = answer_of(sent.unwrap()).await;
    assert!(text(&answer).contains(r#""method":"tools/call""#), "{answer}");
    let executed = |told: &Value| (told["entry"] == "executed").then(|| told["tool"].clone());
    assert_eq!(born.tells(executed).await, "echo");
    alice.call("get_data", json!({})).await;
    assert_eq!(born.tells(executed).await, "get_data", "and nothing in between");
    nursery.close().await;
}

#[tokio::test]
async fn requests_without_a_session_are_served_by_a_child_of_their_key() {
    let nursery = Nursery::open("stateless", "").await;
    let (alice, bob) = (Modern::new(&nursery.hub, "db", ALICE), Modern::new(&nursery.hub, "db", BOB));
    let whoami = |id: u64| Modern::body(id, "tools/call", json!({ "name": "whoami", "arguments": {} }));
    assert!(text(&answer_of(alice.post(&whoami(1)).await).await).contains("alice"));
    let mut of_alice = nursery.born().await;
    assert!(text(&answer_of(bob.post(&whoami(1)).await).await).contains("bob"));
    let _of_bob = nursery.born().await;
    assert!(text(&answer_of(alice.post(&whoami(2)).await).await).contains("alice"));
    let held = Modern::body(3, "tools/call", json!({ "name": "query", "arguments": { "sql": "SELECT 1" } }));
    let opened = Modern::body(4, "tools/call", json!({ "name": "open_context", "arguments": { "project": "p" } }));
    let opened = answer_of(alice.post(&opened).await).await;
    let handle = text(&opened).split(' ').nth(1).unwrap().to_owned();
    let mut held = held;
    held["params"]["arguments"]["context"] = handle.into();
    let leaving = alice.begin(&held);
    of_alice.tells(|told| (told["entry"] == "parked").then_some(())).await;
    leaving.abort();
    of_alice.tells(|told| (told["entry"] == "canceled").then_some(())).await;
    of_alice.kill();
    of_alice.ended().await;
    let mut answer = answer_of(alice.post(&whoami(5)).await).await;
    if answer["error"]["data"]["reason"] == "process-ended" {
        // It came before the hub had heard of the death; so it was told, and once is enough.
        answer = answer_of(alice.post(&whoami(6)).await).await;
    }
    assert!(text(&answer).contains("alice"));
    assert_eq!(nursery.born().await.environment["MCP_TOKEN"], "alice-token");
    nursery.close().await;
}

#[tokio::test]
async fn clients_and_children_of_any_era_find_together() {
    for era in ["stateful", "stateless", "auto"] {
        let nursery = Nursery::open(era, "").await;
        let modern = Modern::new(&nursery.hub, "db", ALICE);
        let whoami = Modern::body(1, "tools/call", json!({ "name": "whoami", "arguments": {} }));
        assert!(text(&answer_of(modern.post(&whoami).await).await).contains("alice"), "{era}");
        let older = Client::open(&nursery.hub, "db", BOB).await;
        assert!(text(&older.call("whoami", json!({})).await).contains("bob"), "{era}");
        nursery.close().await;
    }
}
