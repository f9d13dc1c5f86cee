//! Answers that are kept and given again, and what is thrown away for which.

use serde_json::{Value, json};

use crate::{
    desk::{Desk, Modern, answer_of},
    running::{ALICE, BOB, hub_of_eras},
};

/// A hub that keeps answers as long as they say, within these limits, in front of an upstream that is played by hand.
async fn keeping(mut limits: Value) -> (String, Desk) {
    let desk = Desk::open().await;
    limits["cache-hints"] = "60s".into();
    (hub_of_eras(&[("u", &desk.url, "stateless")], limits).await, desk)
}

/// Reads a resource as long as this; whether the upstream was asked for it.
async fn reached(client: &Modern, desk: &mut Desk, uri: &str, length: usize) -> bool {
    let mut got = client.begin(&Modern::body(1, "resources/read", json!({ "uri": uri })));
    let (asked, response) = tokio::select! {
        response = &mut got => (false, response),
        asked = desk.next() => {
            let contents = json!([{ "uri": uri, "text": "x".repeat(length) }]);
            let hints = json!({ "resultType": "complete", "ttlMs": 60_000, "cacheScope": "private", "contents": contents });
            asked.result(&hints);
            (true, got.await)
        }
    };
    let answer = answer_of(response.unwrap()).await;
    assert_eq!(answer["result"]["contents"][0]["text"].as_str().map(str::len), Some(length), "{answer}");
    asked
}

#[tokio::test]
async fn who_reads_much_loses_their_own_oldest_and_nobody_elses() {
    let (hub, mut desk) = keeping(json!({ "bytes-kept-per-key": 10_000 })).await;
    let (alice, bob) = (Modern::new(&hub, "u", ALICE), Modern::new(&hub, "u", BOB));
    assert!(reached(&bob, &mut desk, "note://a", 4000).await);
    assert!(reached(&alice, &mut desk, "note://a", 4000).await);
    assert!(reached(&alice, &mut desk, "note://b", 4000).await);
    for uri in ["note://a", "note://b"] {
        assert!(!reached(&alice, &mut desk, uri, 4000).await, "both fit: {uri}");
    }
    assert!(reached(&alice, &mut desk, "note://c", 4000).await);
    for uri in ["note://b", "note://c"] {
        assert!(!reached(&alice, &mut desk, uri, 4000).await, "there is room for the newest two: {uri}");
    }
    assert!(!reached(&bob, &mut desk, "note://a", 4000).await, "bob has lost nothing");
    assert!(reached(&alice, &mut desk, "note://a", 4000).await, "alice has lost her oldest");
    assert!(!reached(&bob, &mut desk, "note://a", 4000).await);
}
