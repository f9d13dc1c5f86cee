//! What is written in a question and its answer, byte by byte: an upstream that a test plays by hand.

use std::convert::Infallible;

use axum::{
    Router,
    body::Body,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use futures_util::stream;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc};

use crate::{
    running::{ALICE, BOB, Client, hub_for},
    talks::Events,
};

/// What the upstream's side sees, and how it speaks.
#[derive(Clone)]
struct Desk {
    /// Every message that is no handshake, as it came.
    came: mpsc::UnboundedSender<String>,
    /// The way to write on the stream of each call, or of each listener.
    streams: mpsc::UnboundedSender<mpsc::UnboundedSender<String>>,
}

/// The other end of a [`Desk`].
struct Upstream {
    came: mpsc::UnboundedReceiver<String>,
    streams: mpsc::UnboundedReceiver<mpsc::UnboundedSender<String>>,
}

fn spoken(desk: &Desk) -> Response {
    let (speak, said) = mpsc::unbounded_channel::<String>();
    desk.streams.send(speak).unwrap();
    let events = stream::unfold(said, |mut said| async move {
        let event = format!("data: {}\n\n", said.recv().await?);
        Some((Ok::<_, Infallible>(event), said))
    });
    ([("content-type", "text/event-stream")], Body::from_stream(events)).into_response()
}

async fn receive(State(desk): State<Desk>, body: String) -> Response {
    let message: Value = serde_json::from_str(&body).unwrap();
    let result =
        json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": { "name": "u", "version": "1" } });
    match message["method"].as_str() {
        Some("initialize") => {
            let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "result": result });
            ([("mcp-session-id", "one"), ("content-type", "application/json")], answer.to_string()).into_response()
        }
        Some("tools/call") => spoken(&desk),
        _ => {
            desk.came.send(body).unwrap();
            StatusCode::ACCEPTED.into_response()
        }
    }
}

/// A hub in front of an upstream that the test plays.
async fn played() -> (String, Upstream) {
    let (came, arrivals) = mpsc::unbounded_channel();
    let (streams, opened) = mpsc::unbounded_channel();
    let listen = async |State(desk): State<Desk>| spoken(&desk);
    let router = Router::new().route("/mcp", post(receive).get(listen)).with_state(Desk { came, streams });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (hub_for(&[("u", &url)], json!({})).await, Upstream { came: arrivals, streams: opened })
}

fn call() -> Value {
    json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": { "name": "t", "arguments": {} } })
}

const QUESTION: &str = r#"{"id" : "\u0075p-7","jsonrpc":"2.0","method":"sampling/createMessage","params":{"maxTokens":1.0,"_meta":{"progressToken":"tok"},"x":null}}"#;

#[tokio::test]
async fn ids_and_tokens_of_a_question_are_the_hubs_downstream_and_the_upstreams_own_upstream() {
    let (hub, mut upstream) = played().await;
    let alice = Client::open(&hub, "u", ALICE).await;
    let asking = tokio::spawn({
        let request = alice.request(Method::POST).json(&call());
        async move { Events::of(request.send().await.unwrap()) }
    });
    let speak = upstream.streams.recv().await.unwrap();
    speak.send(QUESTION.to_owned()).unwrap();
    let mut call = asking.await.unwrap();
    let (_, shown) = call.next_text().await.unwrap();
    assert_eq!(shown, QUESTION.replace(r#""\u0075p-7""#, "1").replace("\"tok\"", "1"));
    let progress =
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":0.50}}"#;
    let answer = r#"{"result":{"n":1.50,"z":null}, "jsonrpc":"2.0", "id": 1}"#;
    for sent in [progress, answer, answer, progress] {
        let posted = alice.request(Method::POST).header("content-type", "application/json").body(sent);
        assert_eq!(posted.send().await.unwrap().status(), 202);
    }
    assert_eq!(
        upstream.came.recv().await.unwrap(),
        progress.replace("\"progressToken\":1", "\"progressToken\":\"tok\"")
    );
    assert_eq!(upstream.came.recv().await.unwrap(), answer.replace("\"id\": 1", r#""id": "\u0075p-7""#));
    assert!(upstream.came.try_recv().is_err(), "a second answer, and progress after it, are dropped");
}

#[tokio::test]
async fn a_question_that_is_taken_back_is_taken_back_by_the_id_that_was_shown() {
    let (hub, mut upstream) = played().await;
    let (alice, bob) = (Client::open(&hub, "u", ALICE).await, Client::open(&hub, "u", BOB).await);
    let mut listening = Events::of(alice.request(Method::GET).send().await.unwrap());
    let speak = upstream.streams.recv().await.unwrap();
    let cancel =
        |id: &str| format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#);
    speak.send(QUESTION.to_owned()).unwrap();
    speak.send(cancel("\"of-nothing\"")).unwrap();
    speak.send(cancel("1")).unwrap();
    speak.send(cancel("\"up-7\"")).unwrap();
    assert_eq!(listening.next().await.unwrap().1["id"], 1);
    assert_eq!(listening.next_text().await.unwrap().1, cancel("1"));
    let answer = json!({ "jsonrpc": "2.0", "id": 1, "result": {} });
    for client in [&bob, &alice] {
        assert_eq!(client.post(&answer).await.status(), 202);
    }
    alice.post(&json!({ "jsonrpc": "2.0", "method": "notifications/roots/list_changed" })).await;
    assert!(upstream.came.recv().await.unwrap().contains("roots/list_changed"), "nothing else came");
}

#[tokio::test]
async fn what_is_no_message_of_a_listening_stream_is_not_passed_on() {
    let (hub, mut upstream) = played().await;
    let alice = Client::open(&hub, "u", ALICE).await;
    let mut listening = Events::of(alice.request(Method::GET).send().await.unwrap());
    let speak = upstream.streams.recv().await.unwrap();
    for said in [
        r#"{"jsonrpc":"2.0","id":2,"result":{"answer":"to nobody"}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":2,"progress":1}}"#,
        r#"{"jsonrpc":"2.0","id":9,"method":"roots/list"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/last"}"#,
    ] {
        speak.send(said.to_owned()).unwrap();
    }
    assert_eq!(listening.next().await.unwrap().1["method"], "notifications/last");
    let refused: Value = serde_json::from_str(&upstream.came.recv().await.unwrap()).unwrap();
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(9), &json!(-32601)), "roots were not offered");
}
