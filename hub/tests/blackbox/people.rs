//! Who may come, changed while the hub runs: who stays as they were notices nothing, and nobody keeps more than they have.

use std::sync::Arc;

use fake_upstreams::Kind;
use hub::{Config, Hub};
use serde_json::{Value, json};

use crate::running::{ALICE, BOB, Client, configuration, fake, hashed, prepared};

/// A hub in front of a fake `db`, with what it was told of it.
struct Stage {
    hub: Arc<Hub>,
    url: String,
    told: Value,
}

impl Stage {
    async fn new() -> Self {
        let (db, _) = fake(Kind::Db).await;
        let servers = [("db", db.as_str(), "stateful")];
        let (hub, listener, url) = prepared(&servers, json!({})).await;
        hub::serve(listener, hub.clone(), std::future::pending());
        Self { hub, url, told: configuration(&servers, json!({})) }
    }

    /// The hub is told what it was told first, with these changes, and says what has changed.
    async fn change(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut told = self.told.clone();
        change(&mut told);
        let config = Config::from_yaml(&told.to_string(), "test").unwrap();
        self.hub.change_people(config).await.to_string()
    }
}

async fn works(client: &Client) -> bool {
    client.call("echo", json!({ "text": "hello" })).await.get("result").is_some()
}

/// The status of a call.
async fn status(client: &Client) -> u16 {
    let params = json!({ "name": "echo", "arguments": { "text": "hello" } });
    client.post(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params })).await.status().as_u16()
}

#[tokio::test]
async fn nothing_changes_for_who_stays_as_they_were() {
    let stage = Stage::new().await;
    let (alice, bob) = (Client::open(&stage.url, "db", ALICE).await, Client::open(&stage.url, "db", BOB).await);
    let said = stage.change(|told| {
        told["users"]["alice"]["keys"].as_array_mut().unwrap().push(hashed("new", "alice-key-on-the-phone"));
    });
    assert_eq!(said.await, "users: 2; keys begun: 1, ended: 0");
    assert!(works(&alice).await && works(&bob).await);
    assert!(works(&Client::open(&stage.url, "db", "alice-key-on-the-phone").await).await);
    assert_eq!(stage.change(|_| {}).await, "users: 2; keys begun: 0, ended: 1");
    assert!(works(&alice).await && works(&bob).await);
}

#[tokio::test]
async fn whoever_may_do_something_else_now_begins_anew_with_that() {
    let stage = Stage::new().await;
    let (alice, bob) = (Client::open(&stage.url, "db", ALICE).await, Client::open(&stage.url, "db", BOB).await);
    assert!(works(&alice).await);
    let said = stage.change(|told| told["users"]["alice"]["tools"] = json!({ "db": ["get_data"] })).await;
    assert_eq!(said, "users: 2; keys begun: 1, ended: 1");
    assert_eq!(status(&alice).await, 404, "her session has ended with what she was allowed in it");
    let again = Client::open(&stage.url, "db", ALICE).await;
    assert!(!works(&again).await);
    assert!(works(&bob).await);
}

#[tokio::test]
async fn a_new_credential_is_used_at_once_and_the_old_one_no_longer() {
    let stage = Stage::new().await;
    let alice = Client::open(&stage.url, "db", ALICE).await;
    let who =
        async |client: &Client| client.call("whoami", json!({})).await["result"]["content"][0]["text"].to_string();
    assert!(who(&alice).await.contains("alice"));
    stage.change(|told| told["users"]["alice"]["credentials"]["db"] = json!({ "bearer": "bob-token" })).await;
    let again = Client::open(&stage.url, "db", ALICE).await;
    assert!(who(&again).await.contains("bob"), "the account of the new credential");
}

#[tokio::test]
async fn a_key_that_is_somebody_elses_now_is_nobody_elses_any_more() {
    let stage = Stage::new().await;
    let alice = Client::open(&stage.url, "db", ALICE).await;
    let changed = stage.change(|told| {
        told["users"]["bob"]["keys"].as_array_mut().unwrap().push(hashed("lent", ALICE));
        told["users"].as_object_mut().unwrap().remove("alice");
    });
    assert_eq!(changed.await, "users: 1; keys begun: 1, ended: 1");
    assert_eq!(status(&alice).await, 404, "the key is good, and the session is not its");
    let lent = Client::open(&stage.url, "db", ALICE).await;
    let who = lent.call("whoami", json!({})).await["result"]["content"][0]["text"].to_string();
    assert!(who.contains("bob"), "{who}");
}

#[tokio::test]
async fn what_needs_a_restart_is_named_and_does_not_happen() {
    let stage = Stage::new().await;
    let alice = Client::open(&stage.url, "db", ALICE).await;
    let said = stage.change(|told| {
        told["servers"]["db"]["url"] = json!("http://127.0.0.1:9/mcp");
        told["limits"] = json!({ "body": 1 });
    });
    let expected = "users: 2; keys begun: 0, ended: 0; restart the hub for what has changed in `servers`, `limits`";
    assert_eq!(said.await, expected);
    assert!(works(&alice).await);
}

#[cfg(unix)]
#[test]
fn a_signal_has_the_file_read_again_and_a_bad_file_changes_nothing() {
    use std::{
        io::{BufRead, BufReader},
        process::{Command, Stdio},
    };

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.yaml");
    let write = |users: &str| {
        let listen = "listen: 127.0.0.1:0\nservers: { db: { url: \"http://127.0.0.1:9/mcp\" } }\n";
        std::fs::write(&path, format!("{listen}users: {users}\n")).unwrap();
    };
    write("{}");
    let serve = ["serve", "--config", path.to_str().unwrap()];
    let mut command = Command::new(env!("CARGO_BIN_EXE_hub"));
    let mut hub = command.args(serve).env("HUB_LOG", "off").stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(hub.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(said.next().unwrap().starts_with("hub: listening on"));
    let pid = rustix::process::Pid::from_raw(hub.id().try_into().unwrap()).unwrap();
    let ask = || rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    write("{ alice: { keys: [] } }");
    ask();
    assert!(said.next().unwrap().ends_with("users.alice: there is no key; make one with `hub hash-key`"));
    assert_eq!(said.next().unwrap(), "hub: nothing was changed");
    write(&json!({ "alice": { "keys": [hashed("k", ALICE)] } }).to_string());
    ask();
    assert_eq!(said.next().unwrap(), "hub: users: 1; keys begun: 1, ended: 0");
    hub.kill().unwrap();
    hub.wait().unwrap();
}
