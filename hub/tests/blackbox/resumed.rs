//! Calls whose stream their upstream ends before the answer has come: gone on with, by the event that was seen last.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    desk::{Asked, Desk, Modern, answer_of},
    running::{ALICE, BOB, Client, hub_of_eras},
    talks::Events,
};

async fn played(limits: Value) -> (String, Desk) {
    let desk = Desk::open().await;
    let hub = hub_of_eras(&[("u", &desk.url, "stateful")], limits).await;
    (hub, desk)
}

/// A client with a session at the upstream that a test plays, in this revision.
async fn open(desk: &mut Desk, hub: &str, key: &'static str, session: &str, revision: &str) -> Client {
    let result =
        json!({ "protocolVersion": revision, "capabilities": {}, "serverInfo": { "name": "u", "version": "1" } });
    let welcome = async { desk.next().await.opens(session, &result) };
    tokio::join!(Client::open_in(hub, "u", key, revision), welcome).0
}

fn call() -> Value {
    json!({ "jsonrpc": "2.0", "id": "mine", "method": "tools/call", "params": { "name": "t" } })
}

/// Lets a client call; what the upstream got.
async fn calling(desk: &mut Desk, client: &Client) -> (tokio::task::JoinHandle<reqwest::Response>, Asked) {
    let sending = client.request(Method::POST).json(&call()).send();
    let answered = tokio::spawn(async move { sending.await.unwrap() });
    let asked = desk.next().await;
    assert_eq!(asked.message()["method"], "tools/call");
    (answered, asked)
}

/// The next request, which asks for the rest of a stream: in this session, with this token, after this event.
async fn resumed(desk: &mut Desk, session: &str, token: &str, event: &str) -> Asked {
    let asked = desk.next().await;
    assert_eq!((&asked.method, asked.text.as_str()), (&Method::GET, ""), "nothing is sent twice");
    let said = ["mcp-session-id", "authorization", "last-event-id"].map(|name| asked.header(name));
    assert_eq!(said, [Some(session), Some(format!("Bearer {token}").as_str()), Some(event)]);
    asked
}

fn answer(id: &Value, text: &str) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "result": { "text": text } }).to_string()
}

/// Answers with a stream that primes its reader, and ends it.
fn send_away(asked: Asked, event: &str, retry: u64) {
    asked.stream().0.write(format!("id: {event}\nretry: {retry}\ndata: \n\n"));
}

#[tokio::test]
async fn each_call_is_gone_on_with_in_its_own_session_by_its_own_event() {
    let (hub, mut desk) = played(json!({})).await;
    let alice = open(&mut desk, &hub, ALICE, "a", "2025-11-25").await;
    let bob = open(&mut desk, &hub, BOB, "b", "2025-11-25").await;
    let (of_alice, asked_a) = calling(&mut desk, &alice).await;
    let (of_bob, asked_b) = calling(&mut desk, &bob).await;
    let (id_a, id_b) = (asked_a.message()["id"].clone(), asked_b.message()["id"].clone());
    assert_eq!(id_a, id_b, "only the session tells the two calls apart");
    let begun = Instant::now();
    // Both upstream streams give the same event id.
    send_away(asked_a, "event-1", 250);
    let rest_a = resumed(&mut desk, "a", "alice-token", "event-1").await;
    assert!(begun.elapsed() >= Duration::from_millis(250), "{:?}", begun.elapsed());
    send_away(asked_b, "event-1", 250);
    let rest_b = resumed(&mut desk, "b", "bob-token", "event-1").await;
    for (response, name) in [(of_alice, "alice"), (of_bob, "bob")] {
        let text = response.await.unwrap().text().await.unwrap();
        assert_eq!(text, "id: 1-0\nretry: 250\ndata: \n\n", "{name} is sent away as the hub was");
    }
    rest_b.stream().0.say(answer(&id_b, "bob's"));
    rest_a.stream().0.say(answer(&id_a, "alice's"));
    for (client, own) in [(&alice, "alice's"), (&bob, "bob's")] {
        let mut rest = Events::of(client.request(Method::GET).header("last-event-id", "1-0").send().await.unwrap());
        let (id, came) = rest.next().await.unwrap();
        assert_eq!((id.as_str(), &came["id"], &came["result"]["text"]), ("1-1", &json!("mine"), &json!(own)));
        assert_eq!(rest.next().await, None);
    }
}

#[tokio::test]
async fn a_stream_is_gone_on_with_as_often_as_it_ends_with_something_new() {
    let (hub, mut desk) = played(json!({})).await;
    let alice = open(&mut desk, &hub, ALICE, "a", "2025-11-25").await;
    let (response, asked) = calling(&mut desk, &alice).await;
    let id = asked.message()["id"].clone();
    let (speak, _) = asked.stream();
    let told = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"one"}}"#;
    speak.write(format!("id: e-0\nretry: 100\ndata: {told}\n\n"));
    drop(speak);
    let text = response.await.unwrap().text().await.unwrap();
    assert_eq!(text, format!("id: 1-1\nevent: message\ndata: {told}\n\nretry: 100\n\n"));
    for event in 0..8 {
        let asked = resumed(&mut desk, "a", "alice-token", &format!("e-{event}")).await;
        send_away(asked, &format!("e-{}", event + 1), 0);
    }
    let asked = resumed(&mut desk, "a", "alice-token", "e-8").await;
    asked.stream().0.say(answer(&id, "late"));
    let mut rest = Events::of(alice.request(Method::GET).header("last-event-id", "1-1").send().await.unwrap());
    assert_eq!(rest.next().await.unwrap().1["result"]["text"], "late");
}

#[tokio::test]
async fn a_connection_that_breaks_is_gone_on_with_and_the_client_waits_where_it_is() {
    let (hub, mut desk) = played(json!({})).await;
    let alice = open(&mut desk, &hub, ALICE, "a", "2025-11-25").await;
    let (response, asked) = calling(&mut desk, &alice).await;
    let id = asked.message()["id"].clone();
    let (speak, _) = asked.stream();
    speak.write("id: 7\nretry: 100\ndata: \n\n");
    speak.cut();
    resumed(&mut desk, "a", "alice-token", "7").await.stream().0.say(answer(&id, "whole"));
    assert_eq!(answer_of(response.await.unwrap()).await["result"]["text"], "whole");
}

/// Clients that nobody may send away: of an older revision, and of the era without sessions.
#[tokio::test]
async fn a_client_that_does_not_know_how_to_come_back_is_kept() {
    let (hub, mut desk) = played(json!({})).await;
    let alice = open(&mut desk, &hub, ALICE, "a", "2025-06-18").await;
    let (response, asked) = calling(&mut desk, &alice).await;
    let id = asked.message()["id"].clone();
    send_away(asked, "1", 100);
    resumed(&mut desk, "a", "alice-token", "1").await.stream().0.say(answer(&id, "kept"));
    assert_eq!(answer_of(response.await.unwrap()).await["result"]["text"], "kept");
    let bob = Modern::new(&hub, "u", BOB);
    let response = bob.begin(&Modern::body(1, "tools/call", json!({ "name": "t" })));
    let result =
        json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": { "name": "u", "version": "1" } });
    desk.next().await.opens("b", &result);
    desk.next().await.accept();
    let asked = desk.next().await;
    let id = asked.message()["id"].clone();
    send_away(asked, "1", 100);
    resumed(&mut desk, "b", "bob-token", "1").await.stream().0.say(answer(&id, "kept too"));
    assert_eq!(answer_of(response.await.unwrap()).await["result"]["text"], "kept too");
}

#[tokio::test]
async fn what_cannot_be_gone_on_with_is_said_to_have_no_answer() {
    let (hub, mut desk) = played(json!({})).await;
    let alice = open(&mut desk, &hub, ALICE, "a", "2025-06-18").await;
    // Without an id there is nothing to ask with.
    let (response, asked) = calling(&mut desk, &alice).await;
    asked.stream().0.write("retry: 100\ndata: \n\n");
    assert_eq!(answer_of(response.await.unwrap()).await["error"]["data"]["reason"], "no-answer");
    // And a server that gives ids need not take them back.
    let (response, asked) = calling(&mut desk, &alice).await;
    send_away(asked, "1", 100);
    resumed(&mut desk, "a", "alice-token", "1").await.answer(405, "");
    assert_eq!(answer_of(response.await.unwrap()).await["error"]["data"]["reason"], "no-answer");
    // One that has nothing new is asked five times.
    let (response, asked) = calling(&mut desk, &alice).await;
    send_away(asked, "2", 0);
    for _ in 0..5 {
        send_away(resumed(&mut desk, "a", "alice-token", "2").await, "2", 0);
    }
    assert_eq!(answer_of(response.await.unwrap()).await["error"]["data"]["reason"], "no-answer");
    assert!(desk.is_idle());
}

#[tokio::test]
async fn a_call_that_is_over_is_not_gone_on_with() {
    let (hub, mut desk) = played(json!({ "call-timeout": "1s" })).await;
    let alice = open(&mut desk, &hub, ALICE, "a", "2025-06-18").await;
    let (response, asked) = calling(&mut desk, &alice).await;
    send_away(asked, "1", 1100);
    assert_eq!(answer_of(response.await.unwrap()).await["error"]["data"]["reason"], "timed-out");
    let canceled = desk.next().await;
    assert_eq!(canceled.message()["method"], "notifications/cancelled");
    canceled.accept();
    // The pause of the first is over long before that of the second, which is the one that is asked for.
    let (response, asked) = calling(&mut desk, &alice).await;
    let id = asked.message()["id"].clone();
    send_away(asked, "2", 500);
    resumed(&mut desk, "a", "alice-token", "2").await.stream().0.say(answer(&id, "anew"));
    assert_eq!(answer_of(response.await.unwrap()).await["result"]["text"], "anew");
}
