//! Requests of the stateless era that take several rounds: their states, and what a client may be asked.

use serde_json::{Value, json};

use crate::{
    desk::{Desk, Modern, answer_of},
    running::{ALICE, BOB},
    stateless::{call, played},
};

/// The first round of a request: the state that its client is given.
async fn first_round(client: &Modern, desk: &mut Desk, body: &Value, state: &str) -> String {
    let got = client.begin(body);
    desk.next().await.result(&wish(state));
    let got = answer_of(got.await.unwrap()).await;
    assert_eq!(got["result"]["resultType"], "input_required", "{got}");
    assert_eq!(got["result"]["inputRequests"], wish(state)["inputRequests"]);
    got["result"]["requestState"].as_str().unwrap().to_owned()
}

fn wish(state: &str) -> Value {
    let asked = json!({ "method": "elicitation/create", "params": { "message": "Who?", "requestedSchema": { "type": "object", "properties": {} } } });
    json!({ "resultType": "input_required", "inputRequests": { "q": asked }, "requestState": state })
}

fn retry(body: &Value, id: i64, state: &str) -> Value {
    let mut body = body.clone();
    body["id"] = json!(id);
    body["params"]["requestState"] = json!(state);
    body["params"]["inputResponses"] = json!({ "q": { "action": "accept", "content": {} } });
    body
}

#[tokio::test]
async fn a_state_goes_upstream_as_it_came_and_to_the_client_sealed() {
    let (hub, mut desk) = played().await;
    let alice = Modern::new(&hub, "u", ALICE);
    let secret = "state of alice \u{e9}\n\"\\ with spaces";
    let state = first_round(&alice, &mut desk, &call(1), secret).await;
    assert!(!state.contains("alice"), "{state}");
    let second = alice.begin(&retry(&call(1), 2, &state));
    let asked = desk.next().await;
    assert_eq!(asked.message()["params"]["requestState"], secret);
    asked.result(&wish("another"));
    let next = answer_of(second.await.unwrap()).await["result"]["requestState"].as_str().unwrap().to_owned();
    assert_ne!(next, state, "each round has a state of its own");
    let third = alice.begin(&retry(&call(1), 3, &next));
    let asked = desk.next().await;
    assert_eq!(asked.message()["params"]["requestState"], "another");
    asked.result(&json!({ "resultType": "complete", "content": [] }));
    assert_eq!(answer_of(third.await.unwrap()).await["id"], 3);
}

#[tokio::test]
async fn every_state_that_is_not_good_is_refused_in_the_same_words() {
    let (hub, mut desk) = played().await;
    let (alice, bob) = (Modern::new(&hub, "u", ALICE), Modern::new(&hub, "u", BOB));
    let elsewhere = Modern::new(&hub, "v", ALICE);
    let state = first_round(&alice, &mut desk, &call(1), "s").await;
    let bobs = first_round(&bob, &mut desk, &call(1), "s").await;
    let moved = |key: &str, value: Value| {
        let mut body = retry(&call(1), 2, &state);
        body["params"][key] = value;
        body
    };
    let mut prompt = moved("name", json!("t"));
    prompt["method"] = json!("prompts/get");
    let mut tampered: Vec<String> = (0..state.len()).step_by(7).map(|place| changed(&state, place)).collect();
    tampered.extend([format!("{state}A"), state[1..].to_owned(), String::new(), "s".into(), "x".repeat(70_000)]);
    let crossed = format!("{}{}", &state[..state.len() / 2], &bobs[bobs.len() / 2..]);
    let mut said = std::collections::BTreeSet::new();
    let mut refused = async |client: &Modern, body: Value| {
        let response = client.post(&body).await;
        assert_eq!(response.status(), 200);
        said.insert(response.text().await.unwrap());
    };
    for tampered in tampered.iter().chain([&crossed, &bobs]) {
        refused(&alice, retry(&call(1), 2, tampered)).await;
    }
    refused(&bob, retry(&call(1), 2, &state)).await;
    refused(&elsewhere, retry(&call(1), 2, &state)).await;
    refused(&alice, moved("name", json!("other"))).await;
    refused(&alice, moved("arguments", json!({ "a": 2 }))).await;
    refused(&alice, prompt).await;
    refused(&alice, moved("requestState", json!(7))).await;
    assert!(desk.is_idle(), "nothing of it went upstream");
    // Whose it is goes on, once.
    let good = alice.begin(&retry(&call(1), 2, &state));
    desk.next().await.result(&json!({ "resultType": "complete", "content": [] }));
    assert!(good.await.unwrap().text().await.unwrap().contains("complete"));
    refused(&alice, retry(&call(1), 2, &state)).await;
    assert!(desk.is_idle());
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said.first().unwrap().contains("-32602"));
    // A retry without a state is a first contact, of whoever makes it.
    let mut stateless = retry(&call(1), 2, "");
    stateless["params"].as_object_mut().unwrap().remove("requestState");
    let first = bob.begin(&stateless);
    let asked = desk.next().await;
    assert_eq!(
        (asked.header("authorization"), asked.message()["params"].get("requestState")),
        (Some("Bearer bob-token"), None)
    );
    asked.result(&json!({ "resultType": "complete", "content": [] }));
    first.await.unwrap();
}

/// A text with another letter at this place.
fn changed(text: &str, place: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_client_is_not_asked_what_this_request_does_not_declare() {
    let (hub, mut desk) = played().await;
    let alice = Modern::new(&hub, "u", ALICE);
    let body = Modern::body(1, "tools/call", json!({ "name": "t", "_meta": Modern::meta(json!({ "roots": {} })) }));
    let got = alice.begin(&body);
    desk.next().await.result(&wish("s"));
    let got = got.await.unwrap();
    assert_eq!(got.status(), 400);
    let got = answer_of(got).await;
    assert_eq!(got["error"]["code"], -32021);
    assert_eq!(got["error"]["data"]["requiredCapabilities"], json!({ "elicitation": {} }));
    let list = alice.begin(&Modern::body(1, "tools/list", json!({})));
    desk.next().await.result(&wish("s"));
    assert!(answer_of(list.await.unwrap()).await["error"]["message"].as_str().unwrap().contains("not MCP"));
}
