//! A hub whose connections are served by several threads: what belongs to a session is there, whatever thread asks.

use std::{num::NonZero, time::Duration};

use fake_upstreams::Kind;
use hub::Lanes;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinSet};

use crate::running::{ALICE, BOB, Client, fake, prepared};

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_default()
}

/// A client of the same session that has a connection of its own.
fn beside(client: &Client, hub: &str, key: &'static str) -> Client {
    let mut beside = Client::new(hub, "db", key);
    beside.session.clone_from(&client.session);
    beside
}

#[tokio::test]
async fn a_session_is_the_same_by_every_connection_and_stays_its_users() {
    let (url, _) = fake(Kind::Db).await;
    let (hub, listener, at) = prepared(&[("db", &url, "stateful")], json!({})).await;
    let lanes = Lanes::start(NonZero::new(3).unwrap()).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let handle = hub::serve_in(&lanes, listener, hub, async move { drop(stopped.await) });
    let (alice, bob) = (Client::open(&at, "db", ALICE).await, Client::open(&at, "db", BOB).await);
    alice.call("set_context", json!({ "project": "apollo" })).await;
    bob.call("set_context", json!({ "project": "borealis" })).await;
    let mut calls = JoinSet::new();
    for (client, key, project) in [(&alice, ALICE, "apollo"), (&bob, BOB, "borealis")] {
        let connections: Vec<_> = (0..4).map(|_| beside(client, &at, key)).collect();
        calls.spawn(async move {
            for connection in connections.iter().cycle().take(40) {
                let got = connection.call("get_data", json!({})).await;
                assert!(text(&got).contains(project), "{project}: {got}");
            }
        });
    }
    while let Some(called) = calls.join_next().await {
        called.unwrap();
    }
    let stolen = beside(&alice, &at, BOB).call("get_data", json!({})).await;
    assert!(stolen["result"].is_null(), "{stolen}");
    alice.request(Method::DELETE).send().await.unwrap();
    let gone = beside(&alice, &at, ALICE).call("get_data", json!({})).await;
    assert!(gone["result"].is_null(), "{gone}");
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(20), handle.stopped()).await.expect("it stops when it is told to");
    drop(lanes);
    assert!(reqwest::get(at).await.is_err(), "nobody listens any more");
}
